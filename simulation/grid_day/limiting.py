"""Demand response to congestion: when cars and heat pumps are asked to draw less, and for how long.

The operator's plan stands on the chain: while the state of a zone calls for it anybody may publish
an event that limits what each enrolled device draws, from the next slot on, for some hours. Shortly
before it ends the operator publishes the next one, if all would come back at once. Nothing is paid
for it; in return such devices pay less for the network, as by section 14a of the German energy act.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from energy_grid.slots import slot_of
from simulation.grid_day.chain_zones import ChainZone
from simulation.grid_day.control import DeviceClass, GridLayout, Measurement

IMPORT_LIMIT_W: Final = 2_300
"""10 A on one phase: a car still charges (IEC 61851 asks for 6 A), a heat pump still runs."""
EVENT_SLOTS: Final = 16
LIMITED_CLASSES: Final = frozenset({DeviceClass.EV, DeviceClass.HEAT_PUMP})


@dataclass(frozen=True, slots=True)
class LimitPlan:
    """An event that should be published now.

    Attributes:
        zone: where.
        from_slot: first slot.
        by_state: whether the state of the zone calls for it; else the operator publishes it.
    """

    zone: int
    from_slot: int
    by_state: bool


@dataclass(frozen=True, slots=True)
class LimitEvent:
    """An event of a zone.

    Attributes:
        event_id: its number on the chain.
        zone: where.
        from_slot: first slot.
        to_slot: slot after the last.
        device_ids: devices that take part.
    """

    event_id: int
    zone: int
    from_slot: int
    to_slot: int
    device_ids: frozenset[int]


def plans_of(
    layout: GridLayout,
    zones: Sequence[ChainZone],
    seen: Measurement,
    troubled: frozenset[int],
    events: Sequence[LimitEvent],
) -> list[LimitPlan]:
    """Events that should be published now.

    Args:
        layout: the grid.
        zones: its zones.
        seen: what the instruments show.
        troubled: zones whose state calls for it.
        events: those published so far.
    """
    next_slot = slot_of(seen.unix) + 1
    until: dict[int, int] = defaultdict(int)
    for event in events:
        until[event.zone] = max(until[event.zone], event.to_slot)
    held_w = _held_w(seen, events, next_slot - 1)
    found = []
    for zone in zones:
        number = zone.zone
        if until[number] <= next_slot:
            if number in troubled and zone.draws_too_much(layout, seen):
                found.append(LimitPlan(number, next_slot, by_state=True))
        elif until[number] == next_slot + 1 and zone.draws_too_much(
            layout, seen, held_w[number], sum(held_w.values())
        ):
            # Owners keep a whole slot in which they may leave.
            found.append(LimitPlan(number, next_slot + 1, by_state=False))
    return found


def _held_w(seen: Measurement, events: Sequence[LimitEvent], slot: int) -> dict[int, int]:
    """Draw that devices in events are kept from, by zone."""
    found: dict[int, int] = defaultdict(int)
    for event in events:
        if event.from_slot <= slot < event.to_slot:
            found[event.zone] += sum(
                max(seen.devices[number - 1].power_w - seen.devices[number - 1].usual_w, 0)
                for number in event.device_ids
            )
    return found


def lowest_w(events: Sequence[LimitEvent], slot: int) -> dict[int, int]:
    """Most draw, as the lowest power, of each device that takes part in an event of a slot."""
    return {
        device_id: -IMPORT_LIMIT_W
        for event in events
        if event.from_slot <= slot < event.to_slot
        for device_id in event.device_ids
    }

"""How much flexibility each zone needs, from what instruments show: pure, without a chain.

Three causes are looked at: a line or the transformer near its rating, a voltage near its limit, a
frequency outside its normal band. The answer is power in a direction; who gives it is for the
merit order to say.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from energy_grid.units import BPS
from simulation.grid_day.chain_zones import BUSBAR_FEEDER, ChainZone, furthest
from simulation.grid_day.control import (
    NOMINAL_MILLIHZ,
    NOMINAL_MILLIVOLTS,
    GridLayout,
    Measurement,
)

ASK_LOADING_BPS: Final = 9_200
"""From this loading on flexibility is called: before the rating is reached, after ALERT begins."""
RELIEF_LOADING_BPS: Final = 8_700
"""What a call brings the loading back to."""
ASK_VOLTAGE_BPS: Final = 850
RELIEF_VOLTAGE_BPS: Final = 750
ASK_FREQUENCY_MILLIHZ: Final = 50
FULL_FREQUENCY_MILLIHZ: Final = 200
_IDLE_BPS: Final = 200
"""A feeder whose first lines carry less is supplied from elsewhere."""


class Direction(IntEnum):
    """`FlexDirection` on the chain: UP is more feed-in or less draw."""

    UP = 0
    DOWN = 1

    @property
    def sign(self) -> int:
        """+1 for UP, -1 for DOWN."""
        return 1 if self is Direction.UP else -1


@dataclass(frozen=True, slots=True)
class Need:
    """Flexibility that a zone needs.

    Attributes:
        zone: where.
        direction: which way.
        power_w: how much, rounded up.
        cause: for people.
    """

    zone: int
    direction: Direction
    power_w: int
    cause: str


def needs_of(
    layout: GridLayout,
    zones: Sequence[ChainZone],
    seen: Measurement,
    available_w: Mapping[tuple[int, Direction], int],
    held_w: Mapping[int, int] | None = None,
) -> list[Need]:
    """What the zones need, at most one need a zone, the gravest cause first.

    Args:
        layout: the grid.
        zones: its zones.
        seen: what the instruments show.
        available_w: flexibility offered by zone and direction; the transformer and the frequency
            are helped by all zones, each with its share.
        held_w: flexibility at work by zone, positive UP. Given, the answer is all that is needed
            once it ends; else what is needed in addition.
    """
    held = held_w or {}
    found: dict[int, Need] = {}

    def add(need: Need | None) -> None:
        if need is None or need.power_w <= 0:
            return
        before = found.get(need.zone)
        if before is None or (need.direction is before.direction and need.power_w > before.power_w):
            found[need.zone] = need

    for zone in zones:
        for need in _line_needs(layout, zones, zone, seen, available_w, held):
            add(need)
    for need in _transformer_needs(layout, zones, seen, available_w, held):
        add(need)
    for zone in zones:
        add(_voltage_need(zone, seen))
    for need in _frequency_needs(zones, seen, available_w):
        add(need)
    return list(found.values())


def _line_needs(
    layout: GridLayout,
    zones: Sequence[ChainZone],
    zone: ChainZone,
    seen: Measurement,
    available_w: Mapping[tuple[int, Direction], int],
    held_w: Mapping[int, int],
) -> list[Need]:
    held = held_w.get(zone.zone, 0)
    worst = 0
    for place in zone.line_places:
        flow_w = seen.line_flow_w[place]
        excess_w = _excess_w(
            flow_w, seen.line_loading_bps[place], layout.lines[place].rated_w, held
        )
        worst = max(worst, excess_w, key=abs)
    if not worst:
        return []
    direction = Direction.UP if worst > 0 else Direction.DOWN
    needs = [Need(zone.zone, direction, abs(worst), "line")]
    missing_w = abs(worst) - available_w.get((zone.zone, direction), 0)
    if missing_w > 0:
        # A feeder that has lost its own way is supplied through this one: it can help as well.
        needs += [
            Need(other.zone, direction, missing_w, "line of a neighbour")
            for other in zones
            if other is not zone and _is_supplied_elsewhere(other, seen)
        ]
    return needs


def _transformer_needs(
    layout: GridLayout,
    zones: Sequence[ChainZone],
    seen: Measurement,
    available_w: Mapping[tuple[int, Direction], int],
    held_w: Mapping[int, int],
) -> list[Need]:
    excess_w = _excess_w(
        seen.transformer_flow_w,
        seen.transformer_loading_bps,
        layout.transformer_w,
        sum(held_w.values()),
    )
    if not excess_w:
        return []
    direction = Direction.UP if excess_w > 0 else Direction.DOWN
    return _shared(zones, direction, abs(excess_w), available_w, "transformer")


def _voltage_need(zone: ChainZone, seen: Measurement) -> Need | None:
    voltage = furthest([seen.bus_millivolts[place] for place in zone.bus_places])
    if not voltage:
        return None
    deviation_bps = (voltage - NOMINAL_MILLIVOLTS) * BPS // NOMINAL_MILLIVOLTS
    if abs(deviation_bps) <= ASK_VOLTAGE_BPS:
        return None
    net_w = sum(seen.connection_w[place] for place in zone.connection_places)
    if net_w * deviation_bps <= 0:
        return None  # not this zone's doing
    direction = Direction.DOWN if deviation_bps > 0 else Direction.UP
    beyond = abs(deviation_bps) - RELIEF_VOLTAGE_BPS
    return Need(zone.zone, direction, _ceil(abs(net_w) * beyond, abs(deviation_bps)), "voltage")


def _frequency_needs(
    zones: Sequence[ChainZone],
    seen: Measurement,
    available_w: Mapping[tuple[int, Direction], int],
) -> list[Need]:
    """The further the frequency is off, the larger the part of what is offered that is called."""
    if not seen.frequency_millihz:
        return []
    deviation = seen.frequency_millihz - NOMINAL_MILLIHZ
    beyond = min(abs(deviation), FULL_FREQUENCY_MILLIHZ) - ASK_FREQUENCY_MILLIHZ
    if beyond <= 0:
        return []
    direction = Direction.DOWN if deviation > 0 else Direction.UP
    offered = sum(available_w.get((zone.zone, direction), 0) for zone in zones)
    wanted = _ceil(offered * beyond, FULL_FREQUENCY_MILLIHZ - ASK_FREQUENCY_MILLIHZ)
    return _shared(zones, direction, wanted, available_w, "frequency")


def _shared(
    zones: Sequence[ChainZone],
    direction: Direction,
    power_w: int,
    available_w: Mapping[tuple[int, Direction], int],
    cause: str,
) -> list[Need]:
    """A need of the whole grid, divided by what each zone has to offer."""
    offered = {zone.zone: available_w.get((zone.zone, direction), 0) for zone in zones}
    total = sum(offered.values())
    if not total:
        return []
    return [
        Need(zone, direction, _ceil(min(power_w, total) * part, total), cause)
        for zone, part in offered.items()
        if part
    ]


def _is_supplied_elsewhere(zone: ChainZone, seen: Measurement) -> bool:
    """Whether connections draw while none of the zone's lines at the busbar carries anything."""
    if zone.feeder == BUSBAR_FEEDER or not zone.head_places:
        return False
    draws = any(seen.connection_w[place] for place in zone.connection_places)
    return draws and all(seen.line_loading_bps[place] <= _IDLE_BPS for place in zone.head_places)


def _excess_w(flow_w: int, loading_bps: int, rated_w: int, held_w: int) -> int:
    """Power above the relief of an element that would be loaded too much; positive asks for UP.

    Args:
        flow_w: gives the direction; positive into the feeder.
        loading_bps: as measured.
        rated_w: rating.
        held_w: flexibility at work that would be missing; positive UP.
    """
    seen_w = _ceil(loading_bps * rated_w, BPS) * (1 if flow_w >= 0 else -1)
    coming_w = seen_w + held_w
    if abs(coming_w) * BPS <= ASK_LOADING_BPS * rated_w:
        return 0
    excess_w = _ceil(abs(coming_w) * BPS - RELIEF_LOADING_BPS * rated_w, BPS)
    return excess_w if coming_w > 0 else -excess_w


def _ceil(numerator: int, denominator: int) -> int:
    return -(-numerator // denominator)

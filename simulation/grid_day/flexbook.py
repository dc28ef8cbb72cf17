"""What owners offer and what is called when: pure, the same whether a chain keeps the book or not.

Owners offer a day ahead, for parts of the day, what their panels and batteries can give on a usual
day. A zone has one event a slot: shortly before a slot ends all that the next one will need is
called; within a slot a zone calls at once if it has not called yet.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np

from energy_grid.slots import slot_of, slot_start
from energy_grid.units import SLOTS_PER_HOUR
from simulation.grid_day.balancing import Direction, Need
from simulation.grid_day.control import DeviceClass, DeviceSpec, DeviceState, Measurement
from simulation.grid_day.devices import CHARGE_EFFICIENCY

RENEW_BEFORE_SECONDS: Final = 120
"""What the next slot needs is called this long before it."""
LOOK_BEFORE_SECONDS: Final = 60
"""Owners look at their offers this long before that."""
PARTS: Final = 4
"""Offers a meter and direction: both together are the 8 that a meter may make a day."""
LEAST_OFFER_W: Final = 500
_STEP_W: Final = 100
_UNITS_PER_CENT: Final = 10_000
"""Of a settlement token of six decimals."""
_PRICE_STRIDE: Final = 3_787
_PRICE_STEP: Final = 100
_CERTAIN_SHARE: Final = 0.2
"""An owner offers what it can give in four fifths of the window on a usual day."""
_LET_GO: Final = ("voltage", "frequency")
_LET_GO_PERCENT: Final = 75
"""What is kept of a call from slot to slot when nothing asks for it any more."""
_KEPT_PERCENT: Final = 80
"""An owner takes an offer back when less of it than this can be given."""
OFFERED_CLASSES: Final = frozenset({DeviceClass.PV, DeviceClass.BATTERY})
"""Cars and heat pumps only shift their draw, which no baseline of a single slot pays for: they take
part in demand response instead."""


@dataclass(frozen=True, slots=True)
class Offer:
    """What one device can give over some slots.

    Attributes:
        device_id: the device.
        connection_id: whose meter will show it.
        zone: where.
        direction: which way.
        power_w: how much, in whole steps of 100 W.
        price_per_kwh: least price, units per kWh.
        from_slot: first slot.
        to_slot: slot after the last.
    """

    device_id: int
    connection_id: int
    zone: int
    direction: Direction
    power_w: int
    price_per_kwh: int
    from_slot: int
    to_slot: int


@dataclass(frozen=True, slots=True)
class Ask:
    """Flexibility to be called.

    Attributes:
        zone: where.
        direction: which way.
        power_w: how much.
        slot: for which quarter hour.
        cause: for people.
    """

    zone: int
    direction: Direction
    power_w: int
    slot: int
    cause: str


class Potential:
    """What devices could have given on a usual day, step by step."""

    def __init__(self) -> None:
        self._unix: list[int] = []
        self._up: list[list[int]] = []
        self._down: list[list[int]] = []

    def add(self, seen: Measurement) -> None:
        """Keep one step."""
        self._unix.append(seen.unix)
        self._up.append([state.offered_up_w for state in seen.devices])
        self._down.append([state.offered_down_w for state in seen.devices])

    def certain_w(self, from_slot: int, to_slot: int) -> dict[Direction, list[int]]:
        """What each device gives over some slots nearly all the time, by direction."""
        start, end = slot_start(from_slot), slot_start(to_slot)
        rows = [row for row, unix in enumerate(self._unix) if start < unix <= end]
        return {
            direction: np.quantile(np.asarray(kept)[rows], _CERTAIN_SHARE, axis=0)
            .astype(np.int64)
            .tolist()
            for direction, kept in ((Direction.UP, self._up), (Direction.DOWN, self._down))
        }


def price_of(device: DeviceSpec) -> int:
    """What an owner asks, in units per kWh: the class's price, and a little of its own."""
    own = device.device_id * _PRICE_STRIDE % _UNITS_PER_CENT // _PRICE_STEP * _PRICE_STEP
    return device.ask_cents_per_kwh * _UNITS_PER_CENT + own


def parts_of(first_slot: int, end_slot: int) -> list[tuple[int, int]]:
    """The window in parts of whole slots, as even as can be."""
    count = end_slot - first_slot
    edges = [first_slot + count * part // PARTS for part in range(PARTS + 1)]
    return [(start, end) for start, end in pairwise(edges) if start < end]


def offers_of(
    devices: Sequence[DeviceSpec],
    zone_of_device: Mapping[int, int],
    potential: Potential,
    first_slot: int,
    end_slot: int,
) -> list[Offer]:
    """Offers for the whole window.

    One device a meter, direction and part, the one that gives most for its price: a meter takes
    part in one event at a time.
    """
    found: list[Offer] = []
    for from_slot, to_slot in parts_of(first_slot, end_slot):
        certain = potential.certain_w(from_slot, to_slot)
        best: dict[tuple[int, Direction], Offer] = {}
        for device in devices:
            if device.device_class not in OFFERED_CLASSES:
                continue
            for direction in Direction:
                power_w = certain[direction][device.device_id - 1] // _STEP_W * _STEP_W
                if power_w < LEAST_OFFER_W:
                    continue
                offer = Offer(
                    device.device_id,
                    device.connection_id,
                    zone_of_device[device.device_id],
                    direction,
                    power_w,
                    price_of(device),
                    from_slot,
                    to_slot,
                )
                key = device.connection_id, direction
                if key not in best or _value(offer) > _value(best[key]):
                    best[key] = offer
        found += best.values()
    return found


def _value(offer: Offer) -> int:
    """Power for its price."""
    return offer.power_w * 1_000_000 // offer.price_per_kwh


def can_give_w(device: DeviceSpec, state: DeviceState, direction: Direction) -> int:
    """What a device can give over a whole slot from now on; a battery only what it holds."""
    if device.device_class is not DeviceClass.BATTERY:
        return state.offered_up_w if direction is Direction.UP else state.offered_down_w
    if direction is Direction.UP:
        lasting_w = int(state.stored_wh * CHARGE_EFFICIENCY) * SLOTS_PER_HOUR
        return min(state.highest_w, lasting_w) - state.usual_w
    room_w = int((device.energy_wh - state.stored_wh) / CHARGE_EFFICIENCY) * SLOTS_PER_HOUR
    return state.usual_w + min(-state.lowest_w, room_w)


class FlexBook:
    """Offers, and what was accepted of them, slot by slot."""

    def __init__(self) -> None:
        self._offers: list[Offer] = []
        self._called: dict[tuple[int, int], Ask] = {}
        self._accepted_w: dict[tuple[int, int], int] = {}
        self._dispatched: dict[int, dict[int, int]] = defaultdict(dict)
        self._renewed_for = 0

    def add(self, offers: Sequence[Offer]) -> None:
        """Offers were placed."""
        self._offers += offers

    def spent(self, devices: Mapping[int, DeviceSpec], seen: Measurement, slot: int) -> list[Offer]:
        """Offers that cover a slot and can no longer be kept: they leave the book."""
        gone = [
            offer
            for offer in self._offers
            if offer.from_slot <= slot < offer.to_slot
            and can_give_w(
                devices[offer.device_id], seen.devices[offer.device_id - 1], offer.direction
            )
            < offer.power_w * _KEPT_PERCENT // 100
        ]
        self._offers = [offer for offer in self._offers if offer not in gone]
        return gone

    def offers_for(self, zone: int, direction: Direction, slot: int) -> list[Offer]:
        """Offers of a zone that cover a slot; none where the zone has called already."""
        if (zone, slot) in self._called:
            return []
        return [
            offer
            for offer in self._offers
            if offer.zone == zone
            and offer.direction is direction
            and offer.from_slot <= slot < offer.to_slot
        ]

    def available_w(self, slot: int) -> dict[tuple[int, Direction], int]:
        """Power that can still be called for a slot by zone and direction."""
        found: dict[tuple[int, Direction], int] = defaultdict(int)
        for offer in self._offers:
            if offer.from_slot <= slot < offer.to_slot and (offer.zone, slot) not in self._called:
                found[offer.zone, offer.direction] += offer.power_w
        return dict(found)

    def renews_soon(self, now: int) -> bool:
        """Whether owners should look at their offers: shortly before the next slot is called for.

        Not in the step that calls: what leaves the book takes a block.
        """
        left = slot_start(slot_of(now) + 1) - now
        return RENEW_BEFORE_SECONDS < left <= RENEW_BEFORE_SECONDS + LOOK_BEFORE_SECONDS

    def renews(self, now: int) -> bool:
        """Whether it is time to call for the next slot: once, shortly before it."""
        slot = slot_of(now)
        if slot_start(slot + 1) - now > RENEW_BEFORE_SECONDS or self._renewed_for > slot:
            return False
        self._renewed_for = slot + 1
        return True

    def asks(self, needs: Sequence[Need], now: int) -> list[Ask]:
        """What is to be called now in addition, for the slot that runs."""
        slot = slot_of(now)
        if slot_start(slot + 1) - now <= RENEW_BEFORE_SECONDS:
            return []
        return [
            Ask(need.zone, need.direction, need.power_w, slot, need.cause)
            for need in needs
            if need.power_w >= LEAST_OFFER_W and (need.zone, slot) not in self._called
        ]

    def renewals(self, needs: Sequence[Need], now: int) -> list[Ask]:
        """What is to be called for the next slot.

        Args:
            needs: all that will be needed once what is at work has ended.
            now: unix time.
        """
        slot = slot_of(now)
        wanted = {need.zone: need for need in needs if need.power_w >= LEAST_OFFER_W}
        for (zone, called_slot), ask in self._called.items():
            if called_slot == slot and zone not in wanted and ask.cause in _LET_GO:
                # Nobody knows what voltage or frequency would be without: it is let go in steps.
                power_w = self._accepted_w[zone, slot] * _LET_GO_PERCENT // 100
                wanted[zone] = Need(zone, ask.direction, power_w, ask.cause)
        return [
            Ask(need.zone, need.direction, need.power_w, slot + 1, need.cause)
            for need in wanted.values()
            if need.power_w >= LEAST_OFFER_W and (need.zone, slot + 1) not in self._called
        ]

    def take(self, ask: Ask, accepted: Mapping[int, int]) -> None:
        """An ask was allocated; accepted power by device id, positive whatever the direction."""
        self._called[ask.zone, ask.slot] = ask
        self._accepted_w[ask.zone, ask.slot] = sum(accepted.values())
        for device_id, power_w in accepted.items():
            self._dispatched[ask.slot][device_id] = ask.direction.sign * power_w

    def held_w(self, slot: int) -> dict[int, int]:
        """Flexibility called in a slot by zone, positive UP."""
        return {
            zone: ask.direction.sign * self._accepted_w[zone, slot]
            for (zone, called_slot), ask in self._called.items()
            if called_slot == slot
        }

    def dispatched_w(self, slot: int) -> dict[int, int]:
        """What devices were called for in a slot, positive: more feed-in or less draw."""
        return dict(self._dispatched[slot])


def merit_order(offers: Sequence[Offer], power_w: int) -> tuple[int, dict[int, int]]:
    """The cheapest offers that give a power: marginal price, and accepted power by device.

    Offers at the marginal price share what is still needed by their size, rounded down. Offers
    that do not reach together are all accepted.
    """
    if not offers:
        return 0, {}
    accepted: dict[int, int] = {}
    missing_w = power_w
    for price in sorted({offer.price_per_kwh for offer in offers}):
        level = [offer for offer in offers if offer.price_per_kwh == price]
        offered_w = sum(offer.power_w for offer in level)
        for offer in level:
            is_enough = offered_w > missing_w
            share = offer.power_w * missing_w // offered_w if is_enough else offer.power_w
            if share:
                accepted[offer.device_id] = share
        missing_w -= offered_w
        if missing_w <= 0:
            return price, accepted
    return max(offer.price_per_kwh for offer in offers), accepted

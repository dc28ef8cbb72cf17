"""What owners offer and what is called when: pure, the same whether a chain keeps the book or not.

Shortly before a quarter hour ends every owner says what its devices can give in the next one.
A need is called for the quarter hour that runs; shortly before its end what is called, and what is
still lacking, is called again for the next one, so that nothing falls back in between.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from energy_grid.slots import slot_of, slot_start
from simulation.grid_day.balancing import Direction, Need
from simulation.grid_day.control import DeviceClass, DeviceSpec, Measurement

OFFER_BEFORE_SECONDS: Final = 240
"""Offers for the next quarter hour are placed this long before it."""
RENEW_BEFORE_SECONDS: Final = 120
"""What is called is renewed this long before the next quarter hour."""
SETTLING_SECONDS: Final = 120
"""After a call devices are given this long to act before a zone calls again."""
LEAST_OFFER_W: Final = 500
_STEP_W: Final = 100
_UNITS_PER_CENT: Final = 10_000
"""Of a settlement token of six decimals."""
_PRICE_STRIDE: Final = 3_787
_PRICE_STEP: Final = 100
_NOT_OFFERED: Final = frozenset({DeviceClass.LOAD, DeviceClass.GENERATOR})


@dataclass(frozen=True, slots=True)
class Offer:
    """What one device can give in one quarter hour.

    Attributes:
        device_id: the device.
        connection_id: whose meter will show it.
        zone: where.
        direction: which way.
        power_w: how much, in whole steps of 100 W.
        price_per_kwh: least price, units per kWh.
        slot: when.
    """

    device_id: int
    connection_id: int
    zone: int
    direction: Direction
    power_w: int
    price_per_kwh: int
    slot: int


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


def price_of(device: DeviceSpec) -> int:
    """What an owner asks, in units per kWh: the class's price, and a little of its own.

    Prices of their own keep the margin narrow: offers at one price share what is needed, and a
    meter that has a small share takes part in no other event of the slot.
    """
    own = device.device_id * _PRICE_STRIDE % _UNITS_PER_CENT // _PRICE_STEP * _PRICE_STEP
    return device.ask_cents_per_kwh * _UNITS_PER_CENT + own


def offers_of(
    devices: Sequence[DeviceSpec], zone_of_device: Mapping[int, int], seen: Measurement, slot: int
) -> list[Offer]:
    """Offers for a slot by what devices could give just now.

    One device a meter and direction, the one that gives most for its price: a meter takes part in
    one event at a time.
    """
    by_connection: dict[int, dict[Direction, list[Offer]]] = defaultdict(lambda: defaultdict(list))
    states = {state.device_id: state for state in seen.devices}
    for device in devices:
        if device.device_class in _NOT_OFFERED:
            continue
        state = states[device.device_id]
        for direction, offered_w in (
            (Direction.UP, state.offered_up_w),
            (Direction.DOWN, state.offered_down_w),
        ):
            power_w = offered_w // _STEP_W * _STEP_W
            if power_w >= LEAST_OFFER_W:
                by_connection[device.connection_id][direction].append(
                    Offer(
                        device.device_id,
                        device.connection_id,
                        zone_of_device[device.device_id],
                        direction,
                        power_w,
                        price_of(device),
                        slot,
                    )
                )
    return [
        max(offers, key=lambda offer: offer.power_w * 1_000_000 // offer.price_per_kwh)
        for directions in by_connection.values()
        for offers in directions.values()
    ]


class FlexBook:
    """Offers, and what was accepted of them, slot by slot."""

    def __init__(self) -> None:
        self._offers: dict[int, list[Offer]] = defaultdict(list)
        self._taken: set[tuple[int, int]] = set()
        self._dispatched: dict[int, dict[int, int]] = defaultdict(dict)
        self._by_zone: dict[tuple[int, int, Direction], int] = defaultdict(int)
        self._called_at: dict[int, int] = {}
        self._causes: dict[int, str] = defaultdict(str)
        self._offered_for = 0
        self._renewed_for = 0

    def wants_offers(self, now: int) -> int | None:
        """The slot for which owners should say now what they can give; None if not now."""
        slot = slot_of(now) + 1
        is_time = slot_start(slot) - now <= OFFER_BEFORE_SECONDS
        if not is_time or self._offered_for >= slot:
            return None
        self._offered_for = slot
        return slot

    def add(self, offers: Sequence[Offer]) -> None:
        """Offers were placed."""
        for offer in offers:
            self._offers[offer.slot].append(offer)

    def open_offers(self, slot: int) -> list[Offer]:
        """Offers for a slot of meters that take part in no event of it."""
        return [
            offer for offer in self._offers[slot] if (offer.connection_id, slot) not in self._taken
        ]

    def available_w(self, slot: int) -> dict[tuple[int, Direction], int]:
        """Power of the open offers by zone and direction."""
        found: dict[tuple[int, Direction], int] = defaultdict(int)
        for offer in self.open_offers(slot):
            found[offer.zone, offer.direction] += offer.power_w
        return dict(found)

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
            if now - self._called_at.get(need.zone, 0) > SETTLING_SECONDS
        ]

    def renewals(self, needs: Sequence[Need], now: int) -> list[Ask]:
        """What is to be called for the next slot.

        Args:
            needs: all that will be needed once what is at work has ended.
            now: unix time.
        """
        slot = slot_of(now)
        wanted: dict[int, Need] = {
            need.zone: need for need in needs if need.power_w >= LEAST_OFFER_W
        }
        for (zone, called_slot, direction), power_w in self._by_zone.items():
            if called_slot == slot and zone not in wanted and self._causes[zone] == "voltage":
                # Nobody knows what the voltage would be: it is let go step by step.
                wanted[zone] = Need(zone, direction, power_w * 3 // 4, "voltage")
        return [
            Ask(need.zone, need.direction, need.power_w, slot + 1, need.cause)
            for need in wanted.values()
            if need.power_w >= LEAST_OFFER_W
        ]

    def take(self, ask: Ask, accepted: Mapping[int, int], now: int) -> None:
        """An ask was allocated.

        Args:
            ask: what was called.
            accepted: power accepted by device id, positive whatever the direction.
            now: unix time.
        """
        self._called_at[ask.zone] = now
        self._causes[ask.zone] = ask.cause
        connections = {offer.device_id: offer.connection_id for offer in self._offers[ask.slot]}
        for device_id, power_w in accepted.items():
            self._taken.add((connections[device_id], ask.slot))
            self._dispatched[ask.slot][device_id] = ask.direction.sign * power_w
            self._by_zone[ask.zone, ask.slot, ask.direction] += power_w

    def held_w(self, slot: int) -> dict[int, int]:
        """Flexibility called in a slot by zone, positive UP."""
        found: dict[int, int] = defaultdict(int)
        for (zone, called_slot, direction), power_w in self._by_zone.items():
            if called_slot == slot:
                found[zone] += direction.sign * power_w
        return dict(found)

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
            share = (
                offer.power_w if offered_w <= missing_w else offer.power_w * missing_w // offered_w
            )
            if share:
                accepted[offer.device_id] = share
        missing_w -= offered_w
        if missing_w <= 0:
            return price, accepted
    return max(offer.price_per_kwh for offer in offers), accepted

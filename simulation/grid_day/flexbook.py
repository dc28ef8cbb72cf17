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


def offers_of(
    devices: Sequence[DeviceSpec], zone_of_device: Mapping[int, int], seen: Measurement, slot: int
) -> list[Offer]:
    """Offers for a slot by what devices could give just now.

    One direction a meter, the one in which it has more to give: a meter takes part in one event at
    a time.
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
                        device.ask_cents_per_kwh * _UNITS_PER_CENT,
                        slot,
                    )
                )
    return [
        max(offers, key=lambda offer: offer.power_w)
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

    def asks(self, needs: Sequence[Need], now: int) -> list[Ask]:
        """What is to be called now."""
        slot = slot_of(now)
        left = slot_start(slot + 1) - now
        if left <= RENEW_BEFORE_SECONDS:
            if self._renewed_for > slot:
                return []
            self._renewed_for = slot + 1
            return self._renewals(needs, slot)
        return [
            Ask(need.zone, need.direction, need.power_w, slot, need.cause)
            for need in needs
            if now - self._called_at.get(need.zone, 0) > SETTLING_SECONDS
        ]

    def _renewals(self, needs: Sequence[Need], slot: int) -> list[Ask]:
        """What is called in this slot and what is lacking, for the next one."""
        wanted: dict[tuple[int, Direction], int] = defaultdict(int)
        cause: dict[int, str] = {}
        for (zone, called_slot, direction), power_w in self._by_zone.items():
            if called_slot == slot:
                wanted[zone, direction] += power_w
                cause.setdefault(zone, "renewed")
        for need in needs:
            wanted[need.zone, need.direction] += need.power_w
            cause[need.zone] = need.cause
        return [
            Ask(zone, direction, power_w, slot + 1, cause[zone])
            for (zone, direction), power_w in wanted.items()
            if power_w >= LEAST_OFFER_W
        ]

    def take(self, ask: Ask, accepted: Mapping[int, int], now: int) -> None:
        """An ask was allocated.

        Args:
            ask: what was called.
            accepted: power accepted by device id, positive whatever the direction.
            now: unix time.
        """
        self._called_at[ask.zone] = now
        connections = {offer.device_id: offer.connection_id for offer in self._offers[ask.slot]}
        for device_id, power_w in accepted.items():
            self._taken.add((connections[device_id], ask.slot))
            self._dispatched[ask.slot][device_id] = ask.direction.sign * power_w
            self._by_zone[ask.zone, ask.slot, ask.direction] += power_w

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

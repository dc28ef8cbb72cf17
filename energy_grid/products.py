"""Products: what is traded, when each opens and when its gate closes (specification, section 3)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import IntEnum

from energy_grid.errors import InvalidValueError
from energy_grid.slots import FIRST_WEEK_SLOT, slot_start
from energy_grid.units import (
    SLOT_SECONDS,
    SLOTS_PER_DAY,
    SLOTS_PER_HOUR,
    SLOTS_PER_WEEK,
    Slot,
    UnixSeconds,
    Zone,
)

_MINUTE = 60
_HOUR = 3_600
_DAY = 86_400
EXTENSION_SECONDS = 300
"""How long a gate moves when the price would jump, and how long after the gate that can happen."""
COUPLED_WINDOW_SECONDS = 600
"""How long after the gate (extended or not) a region's zones can only be cleared together."""
MAX_ZONE = 2**16 - 1
MAX_SLOT = 2**32 - 1
MAX_PRODUCT_ID = 2**56 - 1


class Period(IntEnum):
    """Length of delivery, as numbered on chain."""

    QUARTER_HOUR = 0
    HOUR = 1
    DAY = 2
    WEEK = 3

    @property
    def slots(self) -> int:
        """Number of settlement slots."""
        return _SLOTS[self]

    @property
    def opens_before_seconds(self) -> int:
        """How long before the start of delivery trading opens."""
        return _OPENS_BEFORE[self]

    def gate_before_seconds(self, session: Session) -> int:
        """How long before the start of delivery the gate of a session closes."""
        return _GATE_BEFORE[session][self]


class Session(IntEnum):
    """Trading sessions of a product, each with its own book, as numbered on chain."""

    AUCTION = 0
    CONTINUOUS = 1


_SLOTS = {
    Period.QUARTER_HOUR: 1,
    Period.HOUR: SLOTS_PER_HOUR,
    Period.DAY: SLOTS_PER_DAY,
    Period.WEEK: SLOTS_PER_WEEK,
}
_OPENS_BEFORE = {
    Period.QUARTER_HOUR: 2 * _DAY,
    Period.HOUR: 7 * _DAY,
    Period.DAY: 30 * _DAY,
    Period.WEEK: 60 * _DAY,
}
_GATE_BEFORE = {
    Session.AUCTION: {
        Period.QUARTER_HOUR: 30 * _MINUTE,
        Period.HOUR: 60 * _MINUTE,
        Period.DAY: 12 * _HOUR,
        Period.WEEK: 36 * _HOUR,
    },
    Session.CONTINUOUS: {
        Period.QUARTER_HOUR: 5 * _MINUTE,
        Period.HOUR: 5 * _MINUTE,
        Period.DAY: 1 * _HOUR,
        Period.WEEK: 12 * _HOUR,
    },
}


@dataclass(frozen=True, slots=True, order=True)
class Product:
    """One tradable product: zone, delivery period, session and first slot."""

    zone: Zone
    period: Period
    session: Session
    start_slot: Slot

    def __post_init__(self) -> None:
        if not 1 <= self.zone <= MAX_ZONE:
            raise InvalidValueError(
                "zone out of range", expected=f"1 to {MAX_ZONE}", found=self.zone
            )
        if not 0 <= self.start_slot <= MAX_SLOT:
            raise InvalidValueError(
                "start slot out of range", expected=f"0 to {MAX_SLOT}", found=self.start_slot
            )
        first = FIRST_WEEK_SLOT if self.period is Period.WEEK else 0
        if (self.start_slot - first) % self.period.slots:
            raise InvalidValueError(
                f"start slot of a {self.period.name} product is misaligned",
                expected=f"{first} plus a multiple of {self.period.slots}",
                found=self.start_slot,
            )

    @classmethod
    def continuous(cls, zone: int, period: Period, start_slot: int) -> Product:
        """A product of the continuous session."""
        return cls(Zone(zone), period, Session.CONTINUOUS, Slot(start_slot))

    @classmethod
    def auction(cls, zone: int, period: Period, start_slot: int) -> Product:
        """A product of the auction session."""
        return cls(Zone(zone), period, Session.AUCTION, Slot(start_slot))

    @classmethod
    def from_id(cls, product_id: int) -> Product:
        """Unpack `zone 16 | period 4 | session 4 | startSlot 32`.

        Raises:
            InvalidValueError: the number is no product id.
        """
        if not 0 <= product_id <= MAX_PRODUCT_ID:
            raise InvalidValueError(
                "product id out of range", expected="56 bits", found=hex(product_id)
            )
        try:
            period = Period(product_id >> 36 & 0xF)
            session = Session(product_id >> 32 & 0xF)
        except ValueError as error:
            raise InvalidValueError(
                "product id names an unknown period or session",
                expected="period 0 to 3, session 0 or 1",
                found=hex(product_id),
            ) from error
        return cls(Zone(product_id >> 40), period, session, Slot(product_id & MAX_SLOT))

    @property
    def id(self) -> int:
        """The packed id used on chain."""
        return self.zone << 40 | self.period << 36 | self.session << 32 | self.start_slot

    @property
    def slot_count(self) -> int:
        """Number of slots of delivery."""
        return self.period.slots

    @property
    def slots(self) -> range:
        """Slots of delivery."""
        return range(self.start_slot, self.start_slot + self.period.slots)

    @property
    def starts_at(self) -> UnixSeconds:
        """First second of delivery."""
        return slot_start(self.start_slot)

    @property
    def ends_at(self) -> UnixSeconds:
        """First second after delivery."""
        return UnixSeconds(self.starts_at + self.period.slots * SLOT_SECONDS)

    @property
    def opens_at(self) -> UnixSeconds:
        """First second at which orders are taken."""
        return UnixSeconds(self.starts_at - self.period.opens_before_seconds)

    @property
    def gate_at(self) -> UnixSeconds:
        """First second at which nothing of the product's book can change any more.

        An auction's gate may be extended once: this is the nominal one.
        """
        return UnixSeconds(self.starts_at - self.period.gate_before_seconds(self.session))

    @property
    def extended_gate_at(self) -> UnixSeconds:
        """The gate of an auction that was extended; until then it can be."""
        return UnixSeconds(self.gate_at + EXTENSION_SECONDS)

    def in_zone(self, zone: int) -> Product:
        """The same product of another zone."""
        return replace(self, zone=Zone(zone))

    def in_session(self, session: Session) -> Product:
        """The same delivery in another session."""
        return replace(self, session=session)

    def is_open(self, now: int) -> bool:
        """Whether orders are taken at an instant (halts apart)."""
        return self.opens_at <= now < self.gate_at


def hour_product_for_expiry(zone: int, expiry: int) -> Product:
    """The product of `createOrder`: the HOUR that starts at `expiry` rounded up to the hour."""
    start = -(-expiry // _HOUR) * _HOUR
    return Product.continuous(zone, Period.HOUR, start // SLOT_SECONDS)

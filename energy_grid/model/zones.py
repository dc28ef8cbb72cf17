"""What a zone's market allows: terms by delivery slot, and halts. Section 4."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntFlag

from energy_grid.model.book import MAX_TICK, TICK_SIZE
from energy_grid.model.refused import Refused
from energy_grid.model.terms import MarketTerms, Schedule
from energy_grid.slots import slot_of, slot_start, week_start
from energy_grid.units import SECONDS_PER_DAY

TERMS_NOTICE_SECONDS = 67 * SECONDS_PER_DAY
MAX_HALT_SECONDS = 72 * 3_600
MAX_TRADING_FEE_BPS = 100
NETWORK_FEE_UNIT = 1_000
MAX_NETWORK_FEE = 65_535_000


class HaltScope(IntFlag):
    """What a halt stops."""

    NONE = 0
    PLACE = 1
    MATCH = 2
    PLACE_AND_MATCH = 3


@dataclass(frozen=True)
class Halt:
    """A stop of trading for deliveries in `[from_slot, to_slot)`, void from `expires_at` on."""

    scope: HaltScope
    from_slot: int
    to_slot: int
    expires_at: int

    def joined(self, other: Halt) -> Halt:
        """The halt that stops whatever either stops."""
        return Halt(
            self.scope | other.scope,
            min(self.from_slot, other.from_slot),
            max(self.to_slot, other.to_slot),
            max(self.expires_at, other.expires_at),
        )


@dataclass
class ZoneMarket:
    """One zone as the market sees it.

    Attributes:
        reference_per_kwh: the price that collars are drawn around; 0 if none is known.
        quotes_per_kwh: price that was quoted for a slot before it began, for ever.
        region: the region it has joined; 0 while it is one of its own.
    """

    zone: int
    terms: Schedule[MarketTerms] = field(default_factory=Schedule)
    halt: Halt | None = None
    orders_accepted: int = 0
    reference_per_kwh: int = 0
    quotes_per_kwh: dict[int, int] = field(default_factory=dict)
    region: int = 0

    def terms_at(self, slot: int) -> MarketTerms:
        """Terms of the products that start at `slot`."""
        terms = self.terms.at(slot)
        if terms is None:
            raise Refused("ZoneNotOpen", zone=self.zone)
        return terms

    def set_terms(self, from_slot: int, terms: MarketTerms, now: int) -> None:
        """Set the first terms, or announce the next ones far enough ahead."""
        if terms.short_price_cap % TICK_SIZE or not (
            TICK_SIZE <= terms.short_price_cap <= MAX_TICK * TICK_SIZE
        ):
            raise Refused("CapNotInTicks", given=terms.short_price_cap, tickSize=TICK_SIZE)
        if terms.network_fee_per_kwh % NETWORK_FEE_UNIT or (
            terms.network_fee_per_kwh > MAX_NETWORK_FEE
        ):
            raise Refused("NetworkFeeInvalid", given=terms.network_fee_per_kwh)
        if terms.trading_fee_bps > MAX_TRADING_FEE_BPS:
            raise Refused("TradingFeeTooHigh", given=terms.trading_fee_bps)
        if not self.terms.entries:
            if from_slot:
                raise Refused("FirstTermsStartAtOnce", given=from_slot, allowed=0)
            self.terms.set_from(0, terms)
            return
        pending_from = self.terms.entries[-1][0]
        if pending_from > slot_of(now):
            raise Refused("TermsPending", pendingFrom=pending_from)
        if slot_start(from_slot) < now + TERMS_NOTICE_SECONDS:
            raise Refused("TermsTooSoon", given=from_slot)
        if week_start(from_slot) != from_slot:
            raise Refused("TermsNotOnWeekStart", given=from_slot)
        self.terms.set_from(from_slot, terms)

    def halt_in_force(self, now: int) -> Halt | None:
        """The halt, unless it has expired."""
        if self.halt is None or now >= self.halt.expires_at:
            return None
        return self.halt

    def add_halt(self, asked: Halt, now: int) -> Halt:
        """Widen the halt in force by another; nothing it stops already is set free."""
        if asked.scope is HaltScope.NONE or asked.from_slot >= asked.to_slot:
            raise Refused("HaltEmpty", scope=asked.scope)
        if not now < asked.expires_at <= now + MAX_HALT_SECONDS:
            raise Refused("HaltExpiryInvalid", given=asked.expires_at)
        in_force = self.halt_in_force(now)
        self.halt = asked if in_force is None else in_force.joined(asked)
        return self.halt

    def lift_halt(self, now: int) -> None:
        """End the halt before its time."""
        if self.halt_in_force(now) is None:
            raise Refused("NotHalted", zone=self.zone)
        self.halt = None

    def stops(self, scope: HaltScope, slots: range, now: int) -> bool:
        """Whether a product delivering in `slots` is halted for this kind of action."""
        halt = self.halt_in_force(now)
        return (
            halt is not None
            and bool(halt.scope & scope)
            and halt.from_slot < slots.stop
            and slots.start < halt.to_slot
        )

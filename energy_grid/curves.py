"""Auction orders: price curves of up to four steps, packed as on chain (specification, section 4).

A curve is an account's whole order in one auction product. Placing one replaces what stood there;
the empty curve withdraws it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from energy_grid.errors import InvalidValueError
from energy_grid.ids import Side
from energy_grid.products import Product, Session
from energy_grid.units import TICK_MULTIPLE, WH_PER_KWH, PricePerKwh, Wh

MAX_STEPS: Final = 4
STEP_BITS: Final = 39
STEPS_BITS: Final = MAX_STEPS * STEP_BITS
CURVE_BITS: Final = 216
FIRST_TICK: Final = 1
LAST_TICK: Final = 2**10 - 1
MIN_STEP_LOTS: Final = 10
MAX_STEP_LOTS: Final = 2**28 - 1

_TICK_SHIFT: Final = 28
_SIDE_SHIFT: Final = 38
_STEP_MASK: Final = (1 << STEP_BITS) - 1


@dataclass(frozen=True, slots=True)
class MarketUnits:
    """What a lot and a tick stand for; both are fixed when a market is deployed.

    Attributes:
        lot_wh: energy of one lot in each slot.
        tick_size: units per kWh of one tick.
    """

    lot_wh: int = 1
    tick_size: int = TICK_MULTIPLE

    def __post_init__(self) -> None:
        if self.lot_wh < 1 or self.tick_size < 1 or self.tick_size % TICK_MULTIPLE:
            raise InvalidValueError(
                "units of a market",
                expected=f"a lot of at least 1 Wh, ticks of a multiple of {TICK_MULTIPLE}",
                found=(self.lot_wh, self.tick_size),
            )

    def lots(self, energy_wh: int, product: Product) -> int:
        """Lots of an energy over a whole product.

        Raises:
            InvalidValueError: no whole number of lots.
        """
        lots, rest = divmod(energy_wh, self.lot_wh * product.slot_count)
        if rest:
            raise InvalidValueError(
                "energy is no whole number of lots",
                expected=f"a multiple of {self.lot_wh * product.slot_count} Wh",
                found=energy_wh,
            )
        return lots

    def tick(self, price_per_kwh: int) -> int:
        """Tick of a price.

        Raises:
            InvalidValueError: the price lies between two ticks.
        """
        tick, rest = divmod(price_per_kwh, self.tick_size)
        if rest:
            raise InvalidValueError(
                "price lies between two ticks",
                expected=f"a multiple of {self.tick_size}",
                found=price_per_kwh,
            )
        return tick

    def energy_wh(self, lots: int, product: Product) -> Wh:
        """Energy of lots over a whole product."""
        return Wh(lots * self.lot_wh * product.slot_count)

    def price_per_kwh(self, tick: int) -> PricePerKwh:
        """Price of a tick."""
        return PricePerKwh(tick * self.tick_size)

    def value(self, lots: int, tick: int, slot_count: int) -> int:
        """Money for lots at a tick over a number of slots, exact."""
        return lots * self.lot_wh * slot_count * tick * self.tick_size // WH_PER_KWH


@dataclass(frozen=True, slots=True)
class Step:
    """One step: this many lots a slot, at this limit or better."""

    side: Side
    limit_tick: int
    lots: int

    def __post_init__(self) -> None:
        for name, value, lowest, highest in (
            ("limit tick", self.limit_tick, FIRST_TICK, LAST_TICK),
            ("lots", self.lots, MIN_STEP_LOTS, MAX_STEP_LOTS),
        ):
            if not lowest <= value <= highest:
                raise InvalidValueError(
                    f"{name} of a step out of range",
                    expected=f"{lowest} to {highest}",
                    found=value,
                )

    @classmethod
    def buy(cls, limit_tick: int, lots: int) -> Step:
        """Buy at a tick or below."""
        return cls(Side.BUY, limit_tick, lots)

    @classmethod
    def sell(cls, limit_tick: int, lots: int) -> Step:
        """Sell at a tick or above."""
        return cls(Side.SELL, limit_tick, lots)

    @classmethod
    def unpack(cls, word: int) -> Step:
        """Unpack `side 1 | limitTick 10 | lots 28`.

        Raises:
            InvalidValueError: the number is no step.
        """
        if not 0 <= word <= _STEP_MASK:
            raise InvalidValueError(
                "step out of range", expected=f"{STEP_BITS} bits", found=hex(word)
            )
        return cls(Side(word >> _SIDE_SHIFT), word >> _TICK_SHIFT & LAST_TICK, word & MAX_STEP_LOTS)

    def pack(self) -> int:
        """The number used on chain."""
        return self.side << _SIDE_SHIFT | self.limit_tick << _TICK_SHIFT | self.lots


@dataclass(frozen=True, slots=True)
class Curve:
    """An account's whole order in one auction product; without steps it is none.

    Canonical: limits strictly ascending and all buys before all sells. So a curve cannot trade with
    itself, has at most one step a side and tick, and has one packed form.
    """

    product: Product
    steps: tuple[Step, ...] = ()

    def __post_init__(self) -> None:
        if self.product.session is not Session.AUCTION:
            raise InvalidValueError(
                "curve for a product without an auction",
                expected="an AUCTION product",
                found=self.product.session.name,
            )
        if len(self.steps) > MAX_STEPS:
            raise InvalidValueError(
                "too many steps", expected=f"at most {MAX_STEPS}", found=len(self.steps)
            )
        for step, following in zip(self.steps, self.steps[1:], strict=False):
            if following.limit_tick <= step.limit_tick or following.side < step.side:
                raise InvalidValueError(
                    "curve is not canonical",
                    expected="limits strictly ascending, all buys before all sells",
                    found=self.steps,
                    remedy="Sort the steps by limit; a sell must stand above every buy",
                )

    @classmethod
    def of(cls, product: Product, steps: Iterable[Step]) -> Curve:
        """A curve of steps in any order.

        Raises:
            InvalidValueError: it would trade with itself, or has two steps at one limit.
        """
        return cls(product, tuple(sorted(steps, key=lambda step: (step.limit_tick, step.side))))

    @classmethod
    def unpack(cls, word: int) -> Curve:
        """Unpack `productId 56 | four steps of 39`, step i at bit `39 i`.

        Raises:
            InvalidValueError: the number is no canonical curve.
        """
        if not 0 <= word < 1 << CURVE_BITS:
            raise InvalidValueError(
                "curve out of range", expected=f"{CURVE_BITS} bits", found=hex(word)
            )
        words = [word >> STEP_BITS * i & _STEP_MASK for i in range(MAX_STEPS)]
        while words and not words[-1]:
            words.pop()
        return cls(Product.from_id(word >> STEPS_BITS), tuple(Step.unpack(one) for one in words))

    def pack(self) -> int:
        """The number used on chain."""
        return self.product.id << STEPS_BITS | self.packed_steps

    @property
    def packed_steps(self) -> int:
        """The steps' part of the number."""
        return sum(step.pack() << STEP_BITS * i for i, step in enumerate(self.steps))

    @property
    def is_empty(self) -> bool:
        """Whether this withdraws the account's order."""
        return not self.steps

    def lots(self, side: Side) -> int:
        """Lots a slot on one side, over all steps."""
        return sum(step.lots for step in self.steps if step.side is side)

    def only_adds_to(self, earlier: Curve) -> bool:
        """Whether every step of an earlier curve stays, with at least as many lots."""
        lots = {(step.side, step.limit_tick): step.lots for step in self.steps}
        return all(lots.get((step.side, step.limit_tick), 0) >= step.lots for step in earlier.steps)

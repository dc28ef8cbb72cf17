"""The clearing interval of one auction, from the levels of its book. Market rules, section 5.

For a price, *buys above* and *buys from* are the lots of buys with a limit above it, and at it or
above; *sells below* and *sells up to* mirror them. A price clears if the sells up to it cover the
buys above it and the buys from it cover the sells below it. With the price the first difference
never falls and the second never rises, so both ends of the interval are found by bisection.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate

from energy_grid.errors import InvalidValueError


@dataclass(frozen=True, slots=True)
class Level:
    """All lots of one side at one limit."""

    tick: int
    lots: int


@dataclass(frozen=True, slots=True)
class Clearing:
    """What one auction comes to.

    Attributes:
        low: lowest clearing price.
        high: highest clearing price.
        price: the middle, rounded down; None if nothing trades.
        lots: bought, and sold.
    """

    low: int
    high: int
    price: int | None
    lots: int


class _Side:
    """Running totals of one side, for sums up to any price."""

    def __init__(self, levels: Iterable[Level]) -> None:
        ordered = sorted((level.tick, level.lots) for level in levels if level.lots)
        self.ticks = [tick for tick, _ in ordered]
        self._totals = list(accumulate((lots for _, lots in ordered), initial=0))

    def below(self, tick: int) -> int:
        return self._totals[bisect_left(self.ticks, tick)]

    def up_to(self, tick: int) -> int:
        return self._totals[bisect_right(self.ticks, tick)]

    @property
    def total(self) -> int:
        return self._totals[-1]


def solve(
    buys: Sequence[Level], sells: Sequence[Level], first_tick: int, last_tick: int
) -> Clearing:
    """The one interval that `clear` accepts, and its middle.

    Args:
        buys: demand, in any order.
        sells: supply, in any order.
        first_tick: lowest price of the book.
        last_tick: highest price of the book.

    Raises:
        InvalidValueError: a level outside the price range.
    """
    demand, supply = _Side(buys), _Side(sells)
    prices = sorted({first_tick, *demand.ticks, *supply.ticks, last_tick})
    if (prices[0], prices[-1]) != (first_tick, last_tick):
        raise InvalidValueError(
            "a level lies outside the price range",
            expected=f"ticks {first_tick} to {last_tick}",
            found=f"{prices[0]} to {prices[-1]}",
        )

    def buys_above(tick: int) -> int:
        return demand.total - demand.up_to(tick)

    def buys_from(tick: int) -> int:
        return demand.total - demand.below(tick)

    def covers_buys(tick: int) -> bool:
        return supply.up_to(tick) >= buys_above(tick)

    def covers_sells(tick: int) -> bool:
        return buys_from(tick) >= supply.below(tick)

    # Both can change only at an order: the first begins to hold at one, the second ends with one.
    low = prices[bisect_left(prices, True, key=covers_buys)]
    high = prices[bisect_left(prices, True, key=lambda tick: not covers_sells(tick)) - 1]
    price = (low + high) // 2
    lots = min(buys_from(price), supply.up_to(price))
    return Clearing(low, high, price if lots else None, lots)

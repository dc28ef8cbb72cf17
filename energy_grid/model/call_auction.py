"""The call auction of one product: one uniform price, the same for everybody.

Every rule is written the way it is explained, by looking at every tick and every order. Quantities
count lots, prices count ticks. Market rules, section 5.

Words: for a candidate price, *buyers at least* is the energy of the buy orders whose limit is that
price or higher, *buyers above* of those whose limit is strictly higher; *sellers at most* and
*sellers below* are the mirror image.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from energy_grid.ids import Side
from energy_grid.model.auction_record import AuctionResult
from energy_grid.model.cursor import Sharing


@dataclass(frozen=True)
class Curves:
    """Demand and supply of one auction: lots by limit tick."""

    buy_lots: Mapping[int, int]
    sell_lots: Mapping[int, int]
    first_tick: int
    last_tick: int

    def buyers_at_least(self, tick: int) -> int:
        """Lots wanted at `tick` or more."""
        return sum(lots for limit, lots in self.buy_lots.items() if limit >= tick)

    def buyers_above(self, tick: int) -> int:
        """Lots wanted at strictly more than `tick`."""
        return sum(lots for limit, lots in self.buy_lots.items() if limit > tick)

    def sellers_at_most(self, tick: int) -> int:
        """Lots offered at `tick` or less."""
        return sum(lots for limit, lots in self.sell_lots.items() if limit <= tick)

    def sellers_below(self, tick: int) -> int:
        """Lots offered at strictly less than `tick`."""
        return sum(lots for limit, lots in self.sell_lots.items() if limit < tick)

    def traded(self, tick: int) -> int:
        """Lots that change hands if `tick` is the price."""
        return min(self.buyers_at_least(tick), self.sellers_at_most(tick))

    def crosses(self) -> bool:
        """Whether any buyer would pay what any seller asks."""
        return bool(self.buy_lots and self.sell_lots) and (
            max(self.buy_lots) >= min(self.sell_lots)
        )


@dataclass(frozen=True)
class Interval:
    """All prices that clear: every tick from `low` to `high`."""

    low: int
    high: int

    @property
    def midpoint(self) -> int:
        """The clearing price: the middle, rounded down to a tick."""
        return (self.low + self.high) // 2


def clears(curves: Curves, tick: int) -> bool:
    """Whether every order strictly better than `tick` can be filled in full."""
    return curves.sellers_at_most(tick) >= curves.buyers_above(tick) and curves.buyers_at_least(
        tick
    ) >= curves.sellers_below(tick)


def clearing_interval(curves: Curves) -> Interval:
    """The clearing prices, found by asking at every tick. There is always at least one."""
    prices = [
        tick for tick in range(curves.first_tick, curves.last_tick + 1) if clears(curves, tick)
    ]
    return Interval(low=prices[0], high=prices[-1])


def is_clearing_interval(curves: Curves, low: int, high: int) -> bool:
    """Check a proposal without searching, as the contract does: four sums decide it."""
    if not curves.first_tick <= low <= high <= curves.last_tick:
        return False
    if not (clears(curves, low) and clears(curves, high)):
        return False
    nothing_lower = low == curves.first_tick or (
        curves.buyers_at_least(low) > curves.sellers_below(low)
    )
    nothing_higher = high == curves.last_tick or (
        curves.sellers_at_most(high) > curves.buyers_above(high)
    )
    return nothing_lower and nothing_higher


def outcome(curves: Curves, interval: Interval) -> AuctionResult:
    """What the auction comes to at the middle of its clearing interval."""
    price = interval.midpoint
    volume = curves.traded(price) if curves.crosses() else 0
    return result_at(curves, price, bought=volume, sold=volume)


def result_at(curves: Curves, price: int, *, bought: int, sold: int) -> AuctionResult:
    """The result if so much is bought and sold at a price.

    Everybody strictly better than the price is filled; what is left of the volume goes to those
    exactly at the price. On the shorter side that is all they asked for.
    """
    sharing = {}
    if bought or sold:
        sharing = {
            Side.BUY: Sharing(
                total=bought - curves.buyers_above(price), whole=curves.buy_lots.get(price, 0)
            ),
            Side.SELL: Sharing(
                total=sold - curves.sellers_below(price), whole=curves.sell_lots.get(price, 0)
            ),
        }
    return AuctionResult(price, bought, sold, sharing)

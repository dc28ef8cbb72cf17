"""The call auction of one product: one uniform price, the same for everybody.

Every rule is written the way it is explained, by looking at every tick and every order. Quantities
count lots, prices count ticks. Market rules, section 5.

Words: for a candidate price, *buyers at least* is the energy of the buy orders whose limit is that
price or higher, *buyers above* of those whose limit is strictly higher; *sellers at most* and
*sellers below* are the mirror image.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from energy_grid.ids import Side
from energy_grid.model.cursor import Sharing
from energy_grid.model.refused import Refused


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


@dataclass(frozen=True)
class Clearing:
    """The outcome. `price_tick` is None if nothing traded: such an auction publishes no price."""

    interval: Interval
    price_tick: int | None
    volume_lots: int


@dataclass
class CallAuction:
    """One auction from its first order to the last claim.

    A participant has one position per side and tick. After the gate, anyone may close the auction
    with the clearing interval; then each position is claimed once and learns what it traded.
    """

    first_tick: int = 1
    last_tick: int = 1023
    positions: dict[tuple[int, Side, int], int] = field(default_factory=dict)
    clearing: Clearing | None = None
    claimed: set[tuple[int, Side, int]] = field(default_factory=set)
    _rationed: dict[Side, Sharing] = field(default_factory=dict)

    def place(self, account: int, side: Side, tick: int, lots: int) -> None:
        """Add `lots` to the account's position on this side and tick."""
        self._require_open()
        if not self.first_tick <= tick <= self.last_tick:
            raise Refused("TickOutOfRange", given=tick, first=self.first_tick, last=self.last_tick)
        if lots <= 0:
            raise Refused("NothingToTrade", lots=lots)
        key = (account, side, tick)
        self.positions[key] = self.positions.get(key, 0) + lots

    def withdraw(self, account: int, side: Side, tick: int) -> int:
        """Take a position back before the gate. Returns its lots."""
        self._require_open()
        key = (account, side, tick)
        if key not in self.positions:
            raise Refused("NoSuchPosition", account=account, side=side.name, tick=tick)
        return self.positions.pop(key)

    def curves(self) -> Curves:
        """Demand and supply as they stand."""
        lots_by_tick: dict[Side, dict[int, int]] = {
            Side.BUY: {},
            Side.SELL: {},
        }
        for (_, side, tick), lots in self.positions.items():
            of_side = lots_by_tick[side]
            of_side[tick] = of_side.get(tick, 0) + lots
        return Curves(
            lots_by_tick[Side.BUY],
            lots_by_tick[Side.SELL],
            self.first_tick,
            self.last_tick,
        )

    def clear(self, low: int, high: int) -> Clearing:
        """Close the auction with a proposed clearing interval; only the right one is accepted."""
        self._require_open()
        curves = self.curves()
        if not is_clearing_interval(curves, low, high):
            raise Refused("NotTheClearingInterval", low=low, high=high)
        interval = Interval(low, high)
        if not curves.crosses():
            self.clearing = Clearing(interval, None, 0)
            return self.clearing
        price = interval.midpoint
        volume = curves.traded(price)
        # Everybody strictly better than the price is filled; what is left of the volume goes to
        # those exactly at the price. On the shorter side that is all they asked for.
        self._rationed = {
            Side.BUY: Sharing(
                total=volume - curves.buyers_above(price),
                whole=curves.buy_lots.get(price, 0),
            ),
            Side.SELL: Sharing(
                total=volume - curves.sellers_below(price),
                whole=curves.sell_lots.get(price, 0),
            ),
        }
        self.clearing = Clearing(interval, price, volume)
        return self.clearing

    def claim(self, account: int, side: Side, tick: int) -> int:
        """Lots that this position traded, at the clearing price. Each position claims once."""
        if self.clearing is None:
            raise Refused("NotCleared")
        key = (account, side, tick)
        if key not in self.positions:
            raise Refused("NoSuchPosition", account=account, side=side.name, tick=tick)
        if key in self.claimed:
            raise Refused("AlreadyClaimed", account=account, side=side.name, tick=tick)
        self.claimed.add(key)
        lots = self.positions[key]
        price = self.clearing.price_tick
        if price is None:
            return 0
        if tick == price:
            return self._rationed[side].take(lots)
        strictly_better = tick > price if side is Side.BUY else tick < price
        return lots if strictly_better else 0

    def _require_open(self) -> None:
        if self.clearing is not None:
            raise Refused("AlreadyCleared")

"""Auction orders and results, and what an order locks before and after. Section 4."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum

from energy_grid.curves import Curve, Step
from energy_grid.ids import Side
from energy_grid.model.book import LOT_WH, TICK_SIZE
from energy_grid.model.cursor import Sharing, cursor_share
from energy_grid.model.terms import MarketTerms
from energy_grid.products import Product
from energy_grid.units import BPS, money


class RecordState(IntEnum):
    """How far an auction order has been worked off."""

    OPEN = 0
    """Its fill follows from the result, but is fixed nowhere yet."""
    SHARED = 1
    """Settlement has reached it: its fill is fixed, its lock is still that of all steps."""
    CLAIMED = 2
    """Its fill is fixed and its lock is that of the fill."""


@dataclass(frozen=True)
class AuctionFill:
    """What an order traded: all of it on one side, at the one price."""

    side: Side = Side.BUY
    lots: int = 0
    price_per_kwh: int = 0


NOTHING = AuctionFill()


@dataclass
class AuctionResult:
    """Outcome of a cleared auction.

    Attributes:
        price_tick: the price; of no meaning where nothing traded and nothing passed through.
        sharing: for each side, how orders exactly at the price are filled.
    """

    price_tick: int
    bought_lots: int
    sold_lots: int
    sharing: dict[Side, Sharing] = field(default_factory=dict)

    @property
    def publishes_price(self) -> bool:
        """An auction in which nobody traded publishes no price."""
        return bool(self.bought_lots or self.sold_lots)

    @property
    def price_per_kwh(self) -> int:
        """The price, units per kWh."""
        return self.price_tick * TICK_SIZE

    @property
    def rationed_side(self) -> Side | None:
        """The side whose orders at the price are filled in part, if there is one."""
        for side, sharing in self.sharing.items():
            if sharing.total < sharing.whole:
                return side
        return None

    def full_lots(self, steps: tuple[Step, ...]) -> dict[Side, int]:
        """Lots of the steps strictly better than the price."""
        lots = {Side.BUY: 0, Side.SELL: 0}
        if self.publishes_price:
            for step in steps:
                if is_better(step, self.price_tick):
                    lots[step.side] += step.lots
        return lots

    def step_at_price(self, steps: tuple[Step, ...]) -> Step | None:
        """The step exactly at the price; a curve has at most one."""
        if not self.publishes_price:
            return None
        return next((step for step in steps if step.limit_tick == self.price_tick), None)

    def is_shared(self, steps: tuple[Step, ...]) -> bool:
        """Whether what these steps get depends on who else claims, and when."""
        at_price = self.step_at_price(steps)
        return at_price is not None and at_price.side is self.rationed_side

    def fill(self, steps: tuple[Step, ...], *, for_good: bool) -> AuctionFill:
        """What an order of these steps trades, if it is the next to claim.

        Args:
            steps: the order.
            for_good: whether the claim happens; otherwise it is only looked at.
        """
        lots = self.full_lots(steps)
        at_price = self.step_at_price(steps)
        if at_price is not None:
            sharing = self.sharing[at_price.side]
            if for_good:
                lots[at_price.side] += sharing.take(at_price.lots)
            else:
                lots[at_price.side] += cursor_share(
                    sharing.total, sharing.whole, sharing.claimed, at_price.lots
                )
        for side, filled in lots.items():
            if filled:
                return AuctionFill(side, filled, self.price_per_kwh)
        return NOTHING


def is_better(step: Step, price_tick: int) -> bool:
    """Whether a step would trade at a better price for the other side too."""
    if step.side is Side.BUY:
        return step.limit_tick > price_tick
    return step.limit_tick < price_tick


@dataclass
class AuctionRecord:
    """One account's order in one auction. Without steps it is withdrawn, but remembered."""

    product: Product
    account_id: int
    steps: tuple[Step, ...]
    signed_at: int
    state: RecordState = RecordState.OPEN
    fixed: AuctionFill = NOTHING

    @property
    def curve(self) -> Curve:
        """The order."""
        return Curve(self.product, self.steps)

    @property
    def net_sold_lots(self) -> int:
        """Lots that count as sold: all on offer, until it is known what was sold or bought."""
        if self.state is RecordState.OPEN:
            return self.curve.lots(Side.SELL)
        return self.fixed.lots if self.fixed.side is Side.SELL else -self.fixed.lots

    def fill(self, result: AuctionResult | None) -> AuctionFill:
        """What the order traded, as if it claimed now unless that is fixed already."""
        if self.state is not RecordState.OPEN:
            return self.fixed
        return NOTHING if result is None else result.fill(self.steps, for_good=False)

    def fix(self, result: AuctionResult | None, state: RecordState) -> None:
        """Settle for good what the order traded."""
        if self.state is RecordState.OPEN and result is not None:
            self.fixed = result.fill(self.steps, for_good=True)
        self.state = state

    def lock_per_slot(self, terms: MarketTerms) -> int:
        """Money held for each slot of delivery: the most that this order can come to cost."""
        if self.state is not RecordState.CLAIMED:
            return lock_of_steps(self.steps, terms)
        fill = self.fixed
        if fill.side is Side.BUY:
            return buy_lock(fill.lots, money(fill.lots * LOT_WH, fill.price_per_kwh), terms)
        return money(fill.lots * LOT_WH, terms.short_price_cap - fill.price_per_kwh)


def buy_lock(lots: int, cost: int, terms: MarketTerms) -> int:
    """Cost of one slot with its fees, the trading fee rounded up once."""
    network_fee = money(lots * LOT_WH, terms.network_fee_per_kwh)
    return cost + network_fee - (-cost * terms.trading_fee_bps // BPS)


def lock_of_steps(steps: tuple[Step, ...], terms: MarketTerms) -> int:
    """What all steps together can come to cost in one slot, at worst."""
    lots, cost, sell_lock = 0, 0, 0
    for step in steps:
        limit = step.limit_tick * TICK_SIZE
        energy_wh = step.lots * LOT_WH
        if step.side is Side.BUY:
            lots += step.lots
            cost += money(energy_wh, limit)
        else:
            sell_lock += money(energy_wh, terms.short_price_cap - limit)
    return buy_lock(lots, cost, terms) + sell_lock

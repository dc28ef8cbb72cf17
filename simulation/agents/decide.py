"""What a trader does now: which curves and orders to place, to replace, to cancel. Pure functions.

The evening before a trader places a curve for every hour of the day, for a part of what it
expects. Into the auction of a quarter hour it gives what is then left between outlook and position.
What is open after that auction it quotes in the continuous book: two slots ahead, then again one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from energy_grid.curves import Curve
from energy_grid.ids import Side
from energy_grid.products import Period, Product
from energy_grid.quotes import LEAST_LOTS, Quote
from energy_grid.slots import slot_of
from energy_grid.units import slot_energy_wh
from simulation.agents.curves import outlook_of_block, scaled, wanted_curve
from simulation.agents.forecast import MEDIAN
from simulation.agents.locks import curve_lock, quote_lock
from simulation.agents.terms import MarketView
from simulation.agents.traders import MANNERS, Trader, limit_tick
from simulation.physics.calendar import IntArray

QUARTERS_AHEAD: Final = 2
"""A quarter hour is first quoted while the slot two before it is running: after its auction."""

AUCTION_AHEAD: Final = 3
"""Into its auction it goes a slot earlier: the last time before the gate."""

_PERCENT: Final = 100


@dataclass(frozen=True, slots=True)
class OwnOrder:
    """An open order of the trader.

    Attributes:
        order_id: its id on chain.
        quote: what is open of it.
    """

    order_id: int
    quote: Quote


@dataclass(frozen=True)
class Situation:
    """All that a trader knows when it decides.

    Attributes:
        now: unix second.
        levels_wh: outlook of the slots from the current one on, see `forecast_levels`.
        sold_wh: net energy sold (bought is negative) by slot, as the chain has it.
        sold_in_quarter_wh: the part of it that was traded for the quarter hour alone.
        open_orders: its own orders in the book.
        free_units: free balance.
    """

    now: int
    levels_wh: IntArray
    sold_wh: Mapping[int, int]
    sold_in_quarter_wh: Mapping[int, int]
    open_orders: tuple[OwnOrder, ...]
    free_units: int

    @property
    def slot(self) -> int:
        """The slot that is running."""
        return slot_of(self.now)

    def outlook_at(self, slot: int) -> tuple[int, ...]:
        """Feed-in or demand of a slot, from a bad to a good day."""
        return tuple(int(level) for level in self.levels_wh[:, slot - self.slot])

    def forecast_at(self, slot: int) -> int:
        """Expected feed-in or demand of a slot."""
        return self.outlook_at(slot)[MEDIAN]


@dataclass(frozen=True, slots=True)
class Decision:
    """What to send.

    Attributes:
        curves: for auctions, each the whole order in its product.
        place: new orders.
        replace: open orders and what to put in their place.
        cancel: orders to withdraw.
    """

    curves: tuple[Curve, ...] = ()
    place: tuple[Quote, ...] = ()
    replace: tuple[tuple[int, Quote], ...] = ()
    cancel: tuple[int, ...] = ()


def decide_day_ahead(
    trader: Trader, market: MarketView, situation: Situation, hours: Iterable[int]
) -> Decision:
    """Curves for the hours of a day, each for a part of what is expected of it.

    Args:
        trader: who decides.
        market: rules of the zone.
        situation: what it knows.
        hours: first slots of the hours.
    """
    percent = MANNERS[trader.temper].ahead_percent
    curves = []
    for start in hours:
        product = Product.auction(market.zone, Period.HOUR, start)
        if not product.is_open(situation.now):
            continue
        outlook = outlook_of_block([situation.outlook_at(slot) for slot in product.slots])
        curve = wanted_curve(
            trader,
            market,
            product,
            scaled(outlook, percent),
            sold_wh=0,
            room_lots=_capacity_lots(trader, market),
        )
        if not curve.is_empty:
            curves.append(curve)
    return Decision(curves=_affordable_curves(curves, market, situation.free_units))


def decide_quarter(
    trader: Trader, market: MarketView, situation: Situation, slots: range
) -> Decision:
    """A curve for the next auction of a quarter hour, and quotes for what auctions have left open.

    Args:
        trader: who decides.
        market: rules of the zone.
        situation: what it knows.
        slots: slots that are traded at all.
    """
    curves = _affordable_curves(
        _quarter_curves(trader, market, situation, slots), market, situation.free_units
    )
    budget = situation.free_units - sum(curve_lock(curve, market) for curve in curves)
    place: list[Quote] = []
    replace: list[tuple[int, Quote]] = []
    cancel: list[int] = []
    by_product = {order.quote.product: order for order in situation.open_orders}
    for ahead in range(1, QUARTERS_AHEAD + 1):
        slot = situation.slot + ahead
        product = Product.continuous(market.zone, Period.QUARTER_HOUR, slot)
        if slot not in slots or not product.is_open(situation.now):
            continue
        open_order = by_product.get(product)
        urgency = _PERCENT * (QUARTERS_AHEAD - ahead) // (QUARTERS_AHEAD - 1)
        quote = _quote(trader, market, situation, product, urgency_percent=urgency)
        if open_order is None:
            if quote is not None:
                place.append(quote)
        elif quote is None or quote.side is not open_order.quote.side:
            cancel.append(open_order.order_id)
        elif _differs(quote, open_order.quote):
            replace.append((open_order.order_id, quote))

    affordable = _affordable(place, market, budget)
    budget -= sum(quote_lock(quote, market) for quote in affordable)
    kept = []
    for order_id, quote in replace:
        old = next(o.quote for o in situation.open_orders if o.order_id == order_id)
        extra = quote_lock(quote, market) - quote_lock(old, market)
        if extra <= budget:
            kept.append((order_id, quote))
            budget -= max(extra, 0)
    return Decision(curves, affordable, tuple(kept), tuple(cancel))


def _quarter_curves(
    trader: Trader, market: MarketView, situation: Situation, slots: range
) -> list[Curve]:
    slot = situation.slot + AUCTION_AHEAD
    product = Product.auction(market.zone, Period.QUARTER_HOUR, slot)
    if slot not in slots or not product.is_open(situation.now):
        return []
    curve = wanted_curve(
        trader,
        market,
        product,
        situation.outlook_at(slot),
        sold_wh=situation.sold_wh.get(slot, 0),
        room_lots=_capacity_lots(trader, market),
    )
    return [] if curve.is_empty else [curve]


def _quote(
    trader: Trader,
    market: MarketView,
    situation: Situation,
    product: Product,
    *,
    urgency_percent: int,
) -> Quote | None:
    """A quote for what is open between forecast and position; None when that is too little."""
    slot = product.start_slot
    open_wh = situation.forecast_at(slot) - situation.sold_wh.get(slot, 0)
    is_sell = open_wh > 0
    lots = abs(open_wh) // market.lot_wh
    if is_sell:
        in_quarter = situation.sold_in_quarter_wh.get(slot, 0) // market.lot_wh
        lots = min(lots, _capacity_lots(trader, market) - in_quarter)
    if lots < LEAST_LOTS:
        return None
    return Quote(
        product,
        Side.SELL if is_sell else Side.BUY,
        lots,
        limit_tick(trader, is_sell=is_sell, urgency_percent=urgency_percent, market=market),
    )


def _capacity_lots(trader: Trader, market: MarketView) -> int:
    """Most that a trader may sell in one product, in lots a slot."""
    return slot_energy_wh(trader.capacity_w) // market.lot_wh


def _differs(quote: Quote, old: Quote) -> bool:
    """Worth a transaction: another price, or a quantity more than a tenth off."""
    return quote.limit_tick != old.limit_tick or abs(quote.lots - old.lots) * 10 > old.lots


def _affordable(quotes: Iterable[Quote], market: MarketView, free_units: int) -> tuple[Quote, ...]:
    """The first quotes whose locks the free balance bears."""
    kept = []
    for quote in quotes:
        lock = quote_lock(quote, market)
        if lock <= free_units:
            kept.append(quote)
            free_units -= lock
    return tuple(kept)


def _affordable_curves(
    curves: Iterable[Curve], market: MarketView, free_units: int
) -> tuple[Curve, ...]:
    """The first curves whose locks the free balance bears."""
    kept = []
    for curve in curves:
        lock = curve_lock(curve, market)
        if lock <= free_units:
            kept.append(curve)
            free_units -= lock
    return tuple(kept)

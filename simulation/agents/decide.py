"""What a trader does now: which orders to place, to replace, to cancel. Pure functions.

Ahead of the day a trader quotes hour blocks for a share of its forecast; before every quarter hour
it quotes what is left between forecast and position, first two slots ahead, then again one slot
ahead.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from energy_grid.ids import Side
from energy_grid.products import Period, Product
from energy_grid.quotes import LEAST_LOTS, Quote
from energy_grid.slots import slot_of
from energy_grid.units import SLOT_SECONDS, SLOTS_PER_HOUR, slot_energy_wh
from simulation.agents.quotes import lock_units
from simulation.agents.terms import MarketView
from simulation.agents.traders import MANNERS, Temper, Trader, limit_tick
from simulation.physics.calendar import IntArray

QUARTERS_AHEAD: Final = 2
"""A quarter hour is first quoted while the slot two before it is running."""

_PERCENT: Final = 100
_HOUR_URGENCY_STEPS: Final = 8
"""Slots before its gate over which an hour block becomes urgent."""


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
        forecast_wh: expected feed-in (+) or demand (-) of the slots from the current one on.
        sold_wh: net energy sold (bought is negative) by slot, as the chain has it.
        open_orders: its own orders in the book.
        free_units: free balance.
    """

    now: int
    forecast_wh: IntArray
    sold_wh: Mapping[int, int]
    open_orders: tuple[OwnOrder, ...]
    free_units: int

    @property
    def slot(self) -> int:
        """The slot that is running."""
        return slot_of(self.now)

    def forecast_at(self, slot: int) -> int:
        """Expected feed-in or demand of a slot."""
        return int(self.forecast_wh[slot - self.slot])


@dataclass(frozen=True, slots=True)
class Decision:
    """What to send.

    Attributes:
        place: new orders.
        replace: open orders and what to put in their place.
        cancel: orders to withdraw.
    """

    place: tuple[Quote, ...] = ()
    replace: tuple[tuple[int, Quote], ...] = ()
    cancel: tuple[int, ...] = ()


def decide_day_ahead(
    trader: Trader, market: MarketView, situation: Situation, hours: Iterable[int]
) -> Decision:
    """Quote hour blocks for a day, each for a share of what is expected of it.

    Args:
        trader: who decides.
        market: rules of the zone.
        situation: what it knows.
        hours: first slots of the hours to quote.
    """
    share = MANNERS[trader.temper].ahead_percent
    quotes = []
    for start in hours:
        product = Product.continuous(market.zone, Period.HOUR, start)
        if not product.is_open(situation.now):
            continue
        expected = [situation.forecast_at(slot) for slot in product.slots]
        # A block is flat: only what every one of its slots is expected to bear is quoted.
        if min(expected) > 0:
            energy = min(expected) * share // _PERCENT
        elif max(expected) < 0:
            energy = max(expected) * share // _PERCENT
        else:
            continue
        quote = _quote(trader, market, product, energy, urgency_percent=0, now=situation.now)
        if quote is not None:
            quotes.append(quote)
    return Decision(place=_affordable(quotes, market, situation.free_units))


def decide_quarter(
    trader: Trader, market: MarketView, situation: Situation, slots: range
) -> Decision:
    """Quote the quarter hours ahead, and quote again what is still open as its gate approaches.

    Args:
        trader: who decides.
        market: rules of the zone.
        situation: what it knows.
        slots: slots that are traded at all.
    """
    place: list[Quote] = []
    replace: list[tuple[int, Quote]] = []
    cancel: list[int] = []
    budget = situation.free_units
    by_product: dict[Product, OwnOrder] = {
        order.quote.product: order for order in situation.open_orders
    }
    for ahead in range(1, QUARTERS_AHEAD + 1):
        slot = situation.slot + ahead
        product = Product.continuous(market.zone, Period.QUARTER_HOUR, slot)
        if slot not in slots or not product.is_open(situation.now):
            continue
        open_order = by_product.pop(product, None)
        wanted = _wanted_energy(situation, slot)
        urgency = _PERCENT * (QUARTERS_AHEAD - ahead) // (QUARTERS_AHEAD - 1)
        quote = _quote(trader, market, product, wanted, urgency_percent=urgency, now=situation.now)
        if open_order is None:
            if quote is not None:
                place.append(quote)
        elif quote is None or quote.side is not open_order.quote.side:
            cancel.append(open_order.order_id)
        elif _differs(quote, open_order.quote):
            replace.append((open_order.order_id, quote))

    for product, order in by_product.items():
        again = _hour_block_again(trader, market, situation, product, order)
        if again is not None:
            replace.append((order.order_id, again))

    affordable = _affordable(place, market, budget)
    budget -= sum(lock_units(quote, market) for quote in affordable)
    kept = []
    for order_id, quote in replace:
        old = next(o.quote for o in situation.open_orders if o.order_id == order_id)
        extra = lock_units(quote, market) - lock_units(old, market)
        if extra <= budget:
            kept.append((order_id, quote))
            budget -= max(extra, 0)
    return Decision(affordable, tuple(kept), tuple(cancel))


def _wanted_energy(situation: Situation, slot: int) -> int:
    """Forecast less what is sold already and what an hour block in the book may still sell."""
    in_blocks = 0
    for order in situation.open_orders:
        quote = order.quote
        if quote.product.period is Period.HOUR and slot in quote.product.slots:
            in_blocks += quote.lots if quote.side is Side.SELL else -quote.lots
    wanted = situation.forecast_at(slot) - situation.sold_wh.get(slot, 0)
    remaining = wanted - in_blocks
    # What the blocks over-promise is not unwound here: they may never trade.
    return remaining if remaining * wanted > 0 else 0


def _hour_block_again(
    trader: Trader, market: MarketView, situation: Situation, product: Product, order: OwnOrder
) -> Quote | None:
    """An open hour block, dearer or cheaper as its gate comes near; None if nothing changes."""
    if product.period is not Period.HOUR or not product.is_open(situation.now):
        return None
    if order.quote.lots < LEAST_LOTS:
        return None  # what a fill left is too small to be placed anew, and stays as it is
    slots_left = (product.gate_at - situation.now) // SLOT_SECONDS
    if slots_left >= _HOUR_URGENCY_STEPS:
        return None
    urgency = _PERCENT * (_HOUR_URGENCY_STEPS - slots_left) // _HOUR_URGENCY_STEPS
    tick = limit_tick(
        trader, is_sell=order.quote.side is Side.SELL, urgency_percent=urgency, market=market
    )
    if tick == order.quote.limit_tick:
        return None
    return Quote(product, order.quote.side, order.quote.lots, tick)


def _quote(
    trader: Trader,
    market: MarketView,
    product: Product,
    energy_wh: int,
    *,
    urgency_percent: int,
    now: int,
) -> Quote | None:
    """A quote for an energy per slot (positive sells); None when it is too small to be an order."""
    is_sell = energy_wh > 0
    lots = abs(energy_wh) // market.lot_wh
    if is_sell:
        lots = min(lots, slot_energy_wh(trader.capacity_w) // market.lot_wh)
    if lots < LEAST_LOTS:
        return None
    expires_at = 0
    if trader.temper is Temper.EAGER and product.period is Period.HOUR:
        # An eager trader gives an hour block an hour less than the gate would, if that is left.
        early = product.gate_at - SLOTS_PER_HOUR * SLOT_SECONDS
        expires_at = early if early > now else 0
    return Quote(
        product,
        Side.SELL if is_sell else Side.BUY,
        lots,
        limit_tick(trader, is_sell=is_sell, urgency_percent=urgency_percent, market=market),
        expires_at,
    )


def _differs(quote: Quote, old: Quote) -> bool:
    """Worth a transaction: another price, or a quantity more than a tenth off."""
    return quote.limit_tick != old.limit_tick or abs(quote.lots - old.lots) * 10 > old.lots


def _affordable(quotes: Iterable[Quote], market: MarketView, free_units: int) -> tuple[Quote, ...]:
    """The first quotes whose locks the free balance bears."""
    kept = []
    for quote in quotes:
        lock = lock_units(quote, market)
        if lock <= free_units:
            kept.append(quote)
            free_units -= lock
    return tuple(kept)

"""Money that orders take from an agent's budget (specification, section 4)."""

from __future__ import annotations

from energy_grid.curves import Curve
from energy_grid.ids import Side
from energy_grid.quotes import Quote
from simulation.agents.terms import MarketView


def quote_lock(quote: Quote, market: MarketView) -> int:
    """What placing a quote locks."""
    if quote.side is Side.SELL:
        per_slot = market.value(quote.lots, market.cap_tick - quote.limit_tick)
    else:
        cost = market.value(quote.lots, quote.limit_tick)
        per_slot = cost + market.network_fee(quote.lots) + market.trading_fee_up(cost)
    return per_slot * quote.product.slot_count


def curve_lock(curve: Curve, market: MarketView) -> int:
    """What placing a curve locks, both sides together."""
    buys = [step for step in curve.steps if step.side is Side.BUY]
    sells = [step for step in curve.steps if step.side is Side.SELL]
    cost = sum(market.value(step.lots, step.limit_tick) for step in buys)
    fee = market.network_fee(sum(step.lots for step in buys)) + market.trading_fee_up(cost)
    owed = sum(market.value(step.lots, market.cap_tick - step.limit_tick) for step in sells)
    return (cost + fee + owed) * curve.product.slot_count

"""Money that a quote takes from an agent's budget."""

from __future__ import annotations

from energy_grid.ids import Side
from energy_grid.quotes import Quote
from simulation.agents.terms import MarketView


def lock_units(quote: Quote, market: MarketView) -> int:
    """Money that placing a quote locks (specification, section 4)."""
    if quote.side is Side.SELL:
        per_slot = market.value(quote.lots, market.cap_tick - quote.limit_tick)
    else:
        cost = market.value(quote.lots, quote.limit_tick)
        per_slot = cost + market.network_fee(quote.lots) + market.trading_fee_up(cost)
    return per_slot * quote.product.slot_count

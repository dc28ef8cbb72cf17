"""I-21: what clearing costs is bounded by the number of price levels, not of orders."""

from __future__ import annotations

from collections import Counter

from energy_grid.curves import FIRST_TICK, LAST_TICK, Step
from energy_grid.ids import Side
from energy_grid.model.call_auction import Curves, clearing_interval
from energy_grid.products import Product
from tests.utils.auction_market import MONDAY, AuctionMarket

GAS_BOUND = 415_000
"""A transaction may use 16,777,216 (EIP-7825)."""
COLD_WORDS = 140
COLD_SURCHARGE = 2_000
"""The chain in this process keeps words warm from call to call. A transaction finds them cold: the
129 level words of both sides that the price divides, heads, terms, region, opening, result."""
MIDDLE = (FIRST_TICK + LAST_TICK) // 2
STEPS = 4
LOTS = 10


def test_clear__every_tick_in_use__costs_no_more_than_the_bound() -> None:
    """The dearest shape: buys on every tick above the price, sells on every tick below."""
    market = AuctionMarket()
    gas = []
    for orders_a_tick in (1, 2, 3):
        product = market.product(MONDAY + 4 * orders_a_tick)
        market.chain.at(product.gate_at - 3_600)
        book: Counter[tuple[Side, int]] = Counter()
        for _ in range(orders_a_tick):
            book += fill_every_tick(market, product)
        sides = [{tick: lots for (of, tick), lots in book.items() if of is side} for side in Side]
        interval = clearing_interval(Curves(sides[0], sides[1], FIRST_TICK, LAST_TICK))
        market.at_gate(product)

        market.clear(product, interval.low, interval.high)

        gas.append(market.chain.gas_used)
        assert market.result(product).boughtLots > 0

    assert max(gas) + COLD_WORDS * COLD_SURCHARGE <= GAS_BOUND, gas
    assert gas[0] >= gas[1] >= gas[2], f"more orders cost more: {gas}"


def fill_every_tick(market: AuctionMarket, product: Product) -> Counter[tuple[Side, int]]:
    """One order on every tick, four ticks an account."""
    book: Counter[tuple[Side, int]] = Counter()
    for first in range(FIRST_TICK, LAST_TICK + 1, STEPS):
        ticks = range(first, min(first + STEPS, LAST_TICK + 1))
        side = Side.BUY if first > MIDDLE else Side.SELL
        market.place(market.enrol(), product, *(Step(side, tick, LOTS) for tick in ticks))
        book.update({(side, tick): LOTS for tick in ticks})
    return book

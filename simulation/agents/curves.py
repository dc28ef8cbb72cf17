"""The curve an agent places into an auction: what it wants to trade at which price.

What a further Wh is worth to somebody who sells depends on whether it will be there. If it surely
is, it is worth the seller's valuation of surplus; if it surely is not, it must be bought back, and
that is worth the valuation of demand. Between the two it rises with the chance of a shortfall. So
the outlook's levels make a curve by themselves: the sure part is offered cheaply, the doubtful part
dearly, and a buyer pays most for what it surely needs. One price for all makes it best to say just
that, so nobody haggles here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Final

from energy_grid.curves import MAX_STEPS, MIN_STEP_LOTS, Curve, Step
from energy_grid.products import Product
from simulation.agents.forecast import LEVEL_PERCENTS
from simulation.agents.terms import MarketView
from simulation.agents.traders import Trader

_PERCENT: Final = 100
_SHORTFALL_PERCENTS: Final = (10, 35, 65, 90)
"""Chance of a shortfall within each part of the outlook: below 25 %, to 50 %, to 75 %, above."""


def outlook_of_block(levels_wh: Sequence[Sequence[int]]) -> tuple[int, ...]:
    """Outlook of a block from those of its slots, in Wh a slot.

    A flat block meets every slot as it comes, so all levels of all slots are one population.

    Args:
        levels_wh: outlook of each slot, by `LEVEL_PERCENTS`.
    """
    population = sorted(level for slot in levels_wh for level in slot)
    size = len(levels_wh)
    # Each level stands for as many values as there are slots: the middle one of them.
    return tuple(population[size * index + size // 2] for index in range(len(LEVEL_PERCENTS)))


def scaled(outlook_wh: Sequence[int], percent: int) -> tuple[int, ...]:
    """An outlook of which only a part is committed."""
    return tuple(int(level * percent / _PERCENT) for level in outlook_wh)


def wanted_curve(
    trader: Trader,
    market: MarketView,
    product: Product,
    outlook_wh: Sequence[int],
    *,
    sold_wh: int,
    room_lots: int,
) -> Curve:
    """What a trader wants to buy and sell in a product at which price; empty if nothing.

    Args:
        trader: who decides.
        market: rules of the zone.
        product: of the auction session.
        outlook_wh: feed-in (positive) or demand (negative) a slot, by `LEVEL_PERCENTS`.
        sold_wh: sold a slot already (bought is negative).
        room_lots: lots a slot that it may still sell in the product.
    """
    left = [level - sold_wh for level in outlook_wh]
    points = [min(left[0], 0), *left[1:-1], max(left[-1], 0)]
    parts = [
        (below, above, _worth_tick(trader, percent))
        for (below, above), percent in zip(pairwise(points), _SHORTFALL_PERCENTS, strict=True)
    ]
    buys = [
        (tick, (min(above, 0) - below) // market.lot_wh)
        for below, above, tick in parts
        if below < 0
    ]
    sells = [
        # A seller's tick lies above a buyer's where one part of the outlook has both.
        (tick + 1, (above - max(below, 0)) // market.lot_wh)
        for below, above, tick in parts
        if above > 0
    ]
    # What is too little for a step waits for the next worse price of its side.
    buy_steps = [Step.buy(tick, lots) for tick, lots in _steps(reversed(buys))]
    sell_steps = [
        Step.sell(tick, lots)
        for tick, lots in _steps(_within(sells, room_lots))
        if tick < market.cap_tick  # a sell stays below the cap
    ]
    steps = [*buy_steps, *sell_steps]
    while len(steps) > MAX_STEPS:
        steps.remove(min(steps, key=lambda step: step.lots))
    return Curve.of(product, steps)


def _worth_tick(trader: Trader, shortfall_percent: int) -> int:
    """Worth of a Wh that is missing with some chance, between both valuations of the trader."""
    low, high = sorted((trader.ask_tick, trader.bid_tick))
    return low + (high - low) * shortfall_percent // _PERCENT


def _within(sells: Iterable[tuple[int, int]], room_lots: int) -> list[tuple[int, int]]:
    """The cheapest sells that fit into the room."""
    kept = []
    for tick, lots in sells:
        fits = min(lots, max(room_lots, 0))
        kept.append((tick, fits))
        room_lots -= fits
    return kept


def _steps(parts: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Parts as steps, from the best price of the side on; what stays too little is left out."""
    steps: list[tuple[int, int]] = []
    waiting = 0
    for tick, lots in parts:
        if steps and steps[-1][0] == tick:  # valuations so close that two prices are one
            waiting += steps.pop()[1]
        waiting += lots
        if waiting >= MIN_STEP_LOTS:
            steps.append((tick, waiting))
            waiting = 0
    return steps

"""Auction books as the gas measurements fill, read and clear them."""

from __future__ import annotations

from collections.abc import Iterable
from random import Random
from typing import Any, Final, Protocol

from bench.gas.world import Call, World
from energy_grid.clearing.single import Clearing, Level, solve
from energy_grid.curves import FIRST_TICK, LAST_TICK, MAX_STEPS, Curve, Step
from energy_grid.ids import Side
from energy_grid.products import Product

_LEVEL_LOTS_BITS: Final = 32


class Shape(Protocol):
    """How the orders of one side of a book lie."""

    def __call__(
        self, side: Side, orders: int, first_tick: int, last_tick: int, *, seed: int
    ) -> list[tuple[Step, ...]]:
        """Steps of curves that hold so many orders between two prices."""


def placing(sender: str, world: World, curves: Iterable[Curve]) -> Call:
    """The transaction that places curves."""
    packed = [curve.pack() for curve in curves]
    return Call(sender, world.contracts.energy_trading, "placeCurves", (packed,))


def levels_of(world: World, product: Product, side: Side) -> list[Level]:
    """One side of a book, by price."""
    found = world.contracts.energy_trading.call("bookLevels", product.id, int(side))
    return [
        Level(int(level) >> _LEVEL_LOTS_BITS, int(level) % (1 << _LEVEL_LOTS_BITS))
        for level in found
    ]


def clearing_of(world: World, product: Product) -> Clearing:
    """The interval that the contract will accept."""
    buys, sells = (levels_of(world, product, side) for side in (Side.BUY, Side.SELL))
    return solve(buys, sells, FIRST_TICK, LAST_TICK)


def clear(world: World, product: Product) -> int:
    """Clear a product at its gate; return the gas."""
    interval = clearing_of(world, product)
    if world.now() < product.gate_at:
        world.next_block_at(product.gate_at)
    market = world.contracts.energy_trading
    gas = world.send(world.operator, market, "clear", product.id, interval.low, interval.high)
    result = auction_result(world, product)
    expected = (True, interval.price or 0, interval.lots)
    if (result.cleared, result.priceTick, result.boughtLots) != expected:
        raise RuntimeError(f"{product} did not clear at {expected}: {result}")
    return gas


def auction_result(world: World, product: Product) -> Any:
    """What a product's auction agreed."""
    return world.contracts.energy_trading.call("auctionResult", product.id)


def spread(
    side: Side, orders: int, first_tick: int, last_tick: int, *, lots: int = 0
) -> list[tuple[Step, ...]]:
    """Orders spread evenly over prices, as the steps of as few curves as can hold them.

    Args:
        side: of all orders.
        orders: how many.
        first_tick: lowest price.
        last_tick: highest price.
        lots: of each order; 0 for different numbers.
    """
    prices = last_tick - first_tick + 1
    ticks = [first_tick + number * prices // orders for number in range(orders)]
    return _curves([Step(side, tick, lots or _lots(n)) for n, tick in enumerate(ticks)])


def scatter(
    side: Side, orders: int, first_tick: int, last_tick: int, *, seed: int
) -> list[tuple[Step, ...]]:
    """Orders at random prices, every price as likely, as the steps of curves."""
    random = Random(seed)  # noqa: S311, no secret
    ticks = sorted(random.randint(first_tick, last_tick) for _ in range(orders))
    return _curves([Step(side, tick, _lots(n)) for n, tick in enumerate(ticks)])


def ladders(
    side: Side, orders: int, first_tick: int, last_tick: int, *, seed: int
) -> list[tuple[Step, ...]]:
    """Curves of four steps, each two prices from the next, at random places."""
    random = Random(seed)  # noqa: S311, no secret
    curves = []
    for first in range(0, orders, MAX_STEPS):
        tick = random.randint(first_tick, last_tick - 2 * MAX_STEPS)
        steps = range(min(MAX_STEPS, orders - first))
        curves.append(tuple(Step(side, tick + 2 * n, _lots(first + n)) for n in steps))
    return curves


def _lots(number: int) -> int:
    return 10 + number * 7 % 40


def _curves(steps: list[Step]) -> list[tuple[Step, ...]]:
    """Every so many steps apart, so that no curve has two at one price."""
    count = -(-len(steps) // MAX_STEPS)
    return [tuple(steps[first::count]) for first in range(count)]

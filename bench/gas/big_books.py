"""Gas of clearing one auction: up to 3,000 orders, up to all prices.

Clearing reads price levels only, so who placed the orders does not matter; all of them really stand
in the book. Results are kept for ever: a place in the ring that was used before costs the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from bench.gas.books import clear, placing, spread
from bench.gas.people import join_traders, settle_in, trader_addresses
from bench.gas.world import World
from bench.gas.zones import open_zone
from energy_grid.curves import FIRST_TICK, LAST_TICK, Curve, Step
from energy_grid.ids import Side
from energy_grid.products import Period, Product
from energy_grid.slots import slot_of

ZONE: Final = 2
"""Its cap is the last price of all."""

_MEMBERS, _TRADERS = 150, 600
_MEMBER_KEYS: Final = 40_000
_LOW, _HIGH = 381, 636
"""256 adjacent prices, in 33 level words."""

Steps = list[tuple[Step, ...]]


@dataclass(frozen=True)
class Book:
    """A book to clear.

    Attributes:
        name: for the record.
        sells: steps of each seller's curve.
        buys: likewise of each buyer.
    """

    name: str
    sells: Steps
    buys: Steps


def _even(orders: int) -> Book:
    half = orders // 2
    return Book(
        f"clear_{orders}_orders",
        spread(Side.SELL, half, _LOW, _HIGH),
        spread(Side.BUY, half, _LOW, _HIGH),
    )


BOOKS: Final = (
    _even(10),
    _even(100),
    _even(500),
    # Wherever they meet, every word up to the price has sells and every one from it on has buys.
    Book(
        "clear_3000_orders_1023_ticks",
        spread(Side.SELL, 4 * _MEMBERS, FIRST_TICK, 4 * _MEMBERS),
        spread(Side.BUY, 4 * _TRADERS, LAST_TICK - _TRADERS + 1, LAST_TICK),
    ),
    Book("clear_no_cross", spread(Side.SELL, 50, 520, _HIGH), spread(Side.BUY, 50, _LOW, 500)),
    Book(
        "clear_interval",
        spread(Side.SELL, 50, _LOW, 440, lots=10),
        spread(Side.BUY, 50, 560, _HIGH, lots=10),
    ),
)


def clear_books(world: World) -> dict[str, int]:
    """Open the zone, then fill and clear every book."""
    open_zone(world, ZONE, cap_ticks=LAST_TICK)
    members = settle_in(world, _MEMBER_KEYS, _MEMBERS, slot_of(world.now()), ZONE)
    buyers = trader_addresses("crowd", _TRADERS)
    join_traders(world, buyers, ZONE)
    first = (slot_of(world.now()) // 4 + 3) * 4
    products = [
        Product.auction(ZONE, Period.HOUR, first + 4 * number) for number in range(len(BOOKS))
    ]
    everybody: list[tuple[str, list[Curve]]] = []
    for senders, sides in (
        ([member.address for member in members], [book.sells for book in BOOKS]),
        (buyers, [book.buys for book in BOOKS]),
    ):
        for number, sender in enumerate(senders):
            curves = [
                Curve(product, steps[number])
                for product, steps in zip(products, sides, strict=True)
                if number < len(steps)
            ]
            everybody.append((sender, curves))
    world.send_all([placing(sender, world, curves) for sender, curves in everybody])
    return {book.name: clear(world, product) for book, product in zip(BOOKS, products, strict=True)}

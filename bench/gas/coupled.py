"""Gas of clearing zones together from their books on chain: 2, 4 and 6 zones, 200 orders each.

One region grows: zones join it before their first market terms. Results are kept for ever, so a
place in the ring that was used before costs the same: all are cleared in untouched places.
Clearing reads the level words that hold something on the better side of the price, so the books
differ by how many those are.
"""

from __future__ import annotations

from typing import Final

from bench.gas.books import Shape, ladders, levels_of, placing, scatter
from bench.gas.people import join_traders, settle_in, trader_addresses
from bench.gas.world import World
from bench.gas.zones import open_zone
from energy_grid.clearing.coupled import solve
from energy_grid.clearing.market import CoupledMarket, Link, Zone
from energy_grid.curves import FIRST_TICK, LAST_TICK, Curve
from energy_grid.ids import Side
from energy_grid.products import Period, Product
from energy_grid.slots import slot_of

HEAD: Final = 11
SIZES: Final = (2, 4, 6)
ORDERS_A_SIDE: Final = 100
_SLOTS_PER_HOUR: Final = 4
_MEMBER_KEYS: Final = 50_000
_CURVES: Final = ORDERS_A_SIDE // 4
_LOW, _HIGH = 256, 767
"""512 adjacent prices."""
_SHIFT: Final = 100

_NARROW_LOTS, _WIDE_LOTS = 50, 5_000
"""Every other interconnector is full."""

SHAPES: Final[dict[str, Shape]] = {
    "steps_together": ladders,
    "steps_anywhere": scatter,
}
"""The steps of a curve within a few prices, or every order at a random price."""


class _Region:
    """The region as far as it has grown."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.market = world.contracts.energy_trading
        self.zones: list[int] = []
        self.sellers: list[list[str]] = []
        self.buyers: list[list[str]] = []
        self.links: list[Link] = []
        (self.owner,) = trader_addresses("owner of the interconnectors", 1)

    def grow(self, size: int) -> None:
        """Let zones join until there are `size`, in a tree, each with its crowd."""
        world = self.world
        while (number := len(self.zones)) < size:
            zone = HEAD + number
            if number:
                world.send(world.governor, self.market, "joinRegion", zone, HEAD)
            open_zone(world, zone, cap_ticks=LAST_TICK)
            keys = _MEMBER_KEYS + 100 * number
            sellers = settle_in(world, keys, _CURVES, slot_of(world.now()), zone)
            buyers = trader_addresses(f"zone {zone}", _CURVES)
            join_traders(world, buyers, zone)
            self.zones.append(zone)
            self.sellers.append([seller.address for seller in sellers])
            self.buyers.append(buyers)
            if number:
                self._join_to(number, (number - 1) // 2)

    def _join_to(self, number: int, parent: int) -> None:
        lots = _NARROW_LOTS if number % 2 else _WIDE_LOTS
        capacity_w = lots * _SLOTS_PER_HOUR
        world, zones = self.world, (self.zones[parent], self.zones[number])
        arguments = (*zones, capacity_w, capacity_w, self.owner)
        world.send(world.governor, self.market, "addInterconnector", *arguments)
        self.links.append(Link(parent, number, lots, lots))

    def products(self, start: int) -> list[Product]:
        """One hour in all zones."""
        return [Product.auction(zone, Period.HOUR, start) for zone in self.zones]

    def place(self, start: int, shape: Shape) -> None:
        """100 sells and 100 buys in each zone; what is offered is cheaper in every other one."""
        calls = []
        for number, product in enumerate(self.products(start)):
            cheap = number % 2 == 0
            offered = (_LOW, _HIGH - _SHIFT) if cheap else (_LOW + _SHIFT, _HIGH)
            for side, senders, prices in (
                (Side.SELL, self.sellers, offered),
                (Side.BUY, self.buyers, (_LOW, _HIGH)),
            ):
                curves = shape(side, ORDERS_A_SIDE, *prices, seed=2 * number + side)
                for sender, steps in zip(senders[number], curves, strict=True):
                    calls.append(placing(sender, self.world, [Curve(product, steps)]))
        self.world.send_all(calls)

    def clear(self, start: int) -> int:
        """Clear the hour at its gate; return the gas."""
        products = self.products(start)
        books = [
            [
                [(level.tick, level.lots) for level in levels_of(self.world, product, side)]
                for side in (Side.SELL, Side.BUY)
            ]
            for product in products
        ]
        market = CoupledMarket(
            zones=tuple(
                Zone.of_orders(str(zone), sells, buys)
                for zone, (sells, buys) in zip(self.zones, books, strict=True)
            ),
            links=tuple(self.links),
            lowest_price=FIRST_TICK,
            highest_price=LAST_TICK,
        )
        proposal = solve(market).encode(self.links)
        if self.world.now() < products[0].gate_at:
            self.world.next_block_at(products[0].gate_at)
        gas = self.world.send(
            self.world.operator, self.market, "clearCoupled", products[0].id, proposal
        )
        names = [event.name for event in self.market.decode_logs(self.world.last_receipt)]
        if names != ["RegionCleared"]:
            raise RuntimeError(f"the region did not clear: {names}")
        return gas

    def collect_rent(self, start: int) -> int:
        """Collect the rent of the first interconnector; return the gas."""
        head = self.products(start)[0]
        if self.world.now() < head.ends_at:
            self.world.next_block_at(head.ends_at)
        return self.world.send(self.world.operator, self.market, "collectRent", head.id, 0)


def clear_regions(world: World) -> dict[str, int]:
    """Clear markets of 2, 4 and 6 zones, and collect a rent twice."""
    gas: dict[str, int] = {}
    region = _Region(world)
    for size in SIZES:
        region.grow(size)
        first = _next_hour(world)
        hours = range(first, first + _SLOTS_PER_HOUR * len(SHAPES), _SLOTS_PER_HOUR)
        for start, shape in zip(hours, SHAPES.values(), strict=True):
            region.place(start, shape)
        for start, name in zip(hours, SHAPES, strict=True):
            gas[f"clear_coupled_{size}_zones_{name}"] = region.clear(start)
        if size == SIZES[0]:
            gas["collect_rent_first"] = region.collect_rent(hours[0])
            gas["collect_rent_later"] = region.collect_rent(hours[1])
    return gas


def _next_hour(world: World) -> int:
    """An hour whose auction is open for an hour or two yet."""
    return (slot_of(world.now()) // _SLOTS_PER_HOUR + 3) * _SLOTS_PER_HOUR

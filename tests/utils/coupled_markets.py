"""Coupled markets for tests: a builder with few words, random ones, and the slowest possible
solver."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from random import Random

from energy_grid.clearing.market import Border, CoupledMarket, Link, Zone
from energy_grid.clearing.packing import PackedSession, PriceGrid, pack_session
from energy_grid.clearing.verify import sums

GRID = PriceGrid(lowest=-50, highest=200, order_tick=5)
"""Grid of the tests: verifier ticks five times as fine as order ticks, prices below zero."""

Orders = Sequence[tuple[int, int]]


def market(
    zones: Sequence[tuple[Orders, Orders]],
    links: Sequence[tuple[int, int, int, int]] = (),
    *,
    borders: Sequence[int] = (),
    grid: PriceGrid = GRID,
) -> CoupledMarket:
    """A market of `(sells, buys)` of each zone, `(start, end, back, forward)` of each link and the
    prices of borders."""
    return CoupledMarket(
        zones=tuple(
            Zone.of_orders(f"zone {number}", sells, buys)
            for number, (sells, buys) in enumerate(zones)
        ),
        links=tuple(Link(*link) for link in links),
        lowest_price=grid.lowest,
        highest_price=grid.highest,
        borders=tuple(Border(f"border {n}", price) for n, price in enumerate(borders)),
    )


def packed(given: CoupledMarket, grid: PriceGrid = GRID) -> PackedSession:
    """Bytes of a market's session."""
    return pack_session(given, grid)


def random_market(
    random: Random,
    *,
    most_zones: int = 6,
    most_steps: int = 8,
    most_energy: int = 60,
    grid: PriceGrid = GRID,
) -> CoupledMarket:
    """A market with loops, full and empty links, and orders of many zones at one price.

    Few different prices make ties and price intervals frequent, both inside a zone and across.
    """
    count = random.randint(2, most_zones)
    prices = [
        grid.lowest
        + grid.order_tick * random.randint(0, (grid.highest - grid.lowest) // grid.order_tick)
        for _ in range(random.randint(1, 5))
    ]
    prices += random.sample([grid.lowest, grid.highest], random.randint(0, 2))

    def orders() -> Orders:
        return [
            (random.choice(prices), random.randint(1, most_energy))
            for _ in range(random.randint(0, most_steps))
        ]

    borders = [
        random.choice([*prices, random.randint(grid.lowest, grid.highest)])
        for _ in range(random.choice([0, 0, 0, 1, 2]))
    ]
    links = []
    for _ in range(random.randint(0, 2 * count)):
        start, end = random.sample(range(count), 2)
        links.append((start, end, _capacity(random, most_energy), _capacity(random, most_energy)))
    for number in range(len(borders)):
        ends = [random.randrange(count), count + number]
        random.shuffle(ends)
        links.append((*ends, _capacity(random, most_energy), _capacity(random, most_energy)))
    return market([(orders(), orders()) for _ in range(count)], links, borders=borders, grid=grid)


def _capacity(random: Random, most_energy: int) -> int:
    return random.choice([0, random.randint(0, most_energy), 10 * most_energy])


# --- Brute force ----------------------------------------------------------------------------------


def all_flows(given: CoupledMarket) -> Iterator[tuple[int, ...]]:
    """Every way to use the links."""
    return itertools.product(*(range(-link.back, link.forward + 1) for link in given.links))


def exports_of(given: CoupledMarket, flows: Sequence[int]) -> list[int]:
    """Net exports of the zones."""
    exports = [0] * given.node_count
    for link, flow in zip(given.links, flows, strict=True):
        exports[link.start] += flow
        exports[link.end] -= flow
    return exports[: len(given.zones)]


def is_valid(given: CoupledMarket, prices: Sequence[int], flows: Sequence[int]) -> bool:
    """Rules 1 and 2 on prices alone."""
    for zone, price, export in zip(given.zones, prices, exports_of(given, flows), strict=True):
        lowest, highest = sums(zone, price).band
        if not lowest <= export <= highest:
            return False
    at = [*prices, *(border.price for border in given.borders)]
    return all(
        (at[link.start] >= at[link.end] or flow == link.forward)
        and (at[link.start] <= at[link.end] or flow == -link.back)
        for link, flow in zip(given.links, flows, strict=True)
    )


def best_welfare(given: CoupledMarket, flows: Sequence[int]) -> int | None:
    """Greatest welfare with these flows, None if the orders cannot have these net exports."""
    total = 0
    for zone, export in zip(given.zones, exports_of(given, flows), strict=True):
        offers = [step.price for step in zone.sells for _ in range(step.energy)]
        wants = [step.price for step in zone.buys for _ in range(step.energy)]
        volumes = range(max(0, export), min(len(offers), len(wants) + export) + 1)
        values = [sum(wants[: sold - export]) - sum(offers[:sold]) for sold in volumes]
        if not values:
            return None
        total += max(values)
    for link, flow in zip(given.links, flows, strict=True):
        for node, sign in ((link.end, 1), (link.start, -1)):
            if not given.is_zone(node):
                total += sign * flow * given.borders[node - len(given.zones)].price
    return total


def most_volume(given: CoupledMarket, prices: Sequence[int], flows: Sequence[int]) -> int:
    """Energy sold and bought at valid prices and flows, at most."""
    volume = 0
    for zone, price, export in zip(given.zones, prices, exports_of(given, flows), strict=True):
        around = sums(zone, price)
        bought = min(around.buys_from, around.sells_up_to - export)
        volume += 2 * bought + export
    return volume

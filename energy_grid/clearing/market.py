"""A coupled market as solver, verifier and packing see it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

from energy_grid.clearing.errors import MarketInvalidError


@dataclass(frozen=True, slots=True)
class Step:
    """Energy offered or wanted at one limit price.

    Attributes:
        price: limit in ticks.
        energy: units of energy, more than 0.
    """

    price: int
    energy: int


@dataclass(frozen=True, slots=True)
class Zone:
    """A zone and all its orders, added up by limit price.

    Attributes:
        name: for people.
        sells: from the lowest price up, one step a price.
        buys: from the highest price down, one step a price.
    """

    name: str
    sells: tuple[Step, ...]
    buys: tuple[Step, ...]

    @classmethod
    def of_orders(
        cls, name: str, sells: Iterable[tuple[int, int]], buys: Iterable[tuple[int, int]]
    ) -> Zone:
        """Add up orders `(price, energy)` in any order; orders without energy are dropped."""
        return cls(name, _steps(sells, best_first=1), _steps(buys, best_first=-1))


@dataclass(frozen=True, slots=True)
class Border:
    """A place outside the market that takes and gives any energy at a given price."""

    name: str
    price: int


@dataclass(frozen=True, slots=True)
class Link:
    """An interconnector between two nodes.

    Attributes:
        start: number of the node that a positive flow leaves; zones come first, borders after them.
        end: number of the node that it reaches.
        back: capacity towards `start`; the flow is at least `-back`.
        forward: capacity towards `end`.
    """

    start: int
    end: int
    back: int
    forward: int


@dataclass(frozen=True)
class CoupledMarket:
    """Everything that decides the outcome of a coupled auction.

    Attributes:
        zones: nodes 0, 1, ...
        links: between zones, or between a zone and a border.
        lowest_price: first tick.
        highest_price: last tick.
        borders: the nodes after the zones.
    """

    zones: tuple[Zone, ...]
    links: tuple[Link, ...]
    lowest_price: int
    highest_price: int
    borders: tuple[Border, ...] = ()

    def __post_init__(self) -> None:
        if not self.zones:
            raise MarketInvalidError("a coupled market has zones", expected="at least 1", found=0)
        if self.lowest_price > self.highest_price:
            raise MarketInvalidError(
                "the price range is empty",
                expected="lowest <= highest",
                found=f"{self.lowest_price} to {self.highest_price}",
            )
        for zone in self.zones:
            self._check_side(zone, zone.sells, "sells", 1)
            self._check_side(zone, zone.buys, "buys", -1)
        for number, link in enumerate(self.links):
            self._check_link(number, link)

    @property
    def node_count(self) -> int:
        """Zones and borders."""
        return len(self.zones) + len(self.borders)

    def is_zone(self, node: int) -> bool:
        """Whether a node has curves."""
        return node < len(self.zones)

    def _check_side(self, zone: Zone, steps: tuple[Step, ...], side: str, direction: int) -> None:
        for step in steps:
            if step.energy <= 0 or not self.lowest_price <= step.price <= self.highest_price:
                raise MarketInvalidError(
                    f"a step of the {side} of {zone.name} cannot be",
                    expected=f"energy > 0, price {self.lowest_price} to {self.highest_price}",
                    found=step,
                )
        keys = [direction * step.price for step in steps]
        if any(later <= earlier for earlier, later in pairwise(keys)):
            raise MarketInvalidError(
                f"the {side} of {zone.name} are not in order",
                expected="best price first, one step a price (use Zone.of_orders)",
            )

    def _check_link(self, number: int, link: Link) -> None:
        nodes = range(self.node_count)
        if link.start not in nodes or link.end not in nodes or link.start == link.end:
            raise MarketInvalidError(
                f"link {number} does not join two nodes",
                expected=f"two of 0 to {self.node_count - 1}",
                found=f"{link.start} and {link.end}",
            )
        if not self.is_zone(link.start) and not self.is_zone(link.end):
            raise MarketInvalidError(
                f"link {number} joins two borders",
                remedy="Leave it out: it moves no energy of any zone",
            )
        if link.back < 0 or link.forward < 0:
            raise MarketInvalidError(
                f"link {number} has a negative capacity",
                expected="bounds around 0",
                found=f"{link.back} back, {link.forward} forward",
            )


def _steps(orders: Iterable[tuple[int, int]], *, best_first: int) -> tuple[Step, ...]:
    energies: dict[int, int] = {}
    for price, energy in orders:
        if energy:
            energies[price] = energies.get(price, 0) + energy
    prices = sorted(energies, key=lambda price: best_first * price)
    return tuple(Step(price, energies[price]) for price in prices)

"""Curves and networks of a sealed session as bytes, and its seal. Layouts: `PackedCurves.sol`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from eth_utils.crypto import keccak

from energy_grid.clearing.errors import PackingError
from energy_grid.clearing.market import Border, CoupledMarket, Link, Step, Zone

MAX_ZONES: Final = 7
MAX_NODES: Final = 32
COARSE: Final = 100
"""What distance and energy of a coarse step count in."""

_STEPS_PER_WORD: Final = 8
_MAX_WORDS: Final = 255
_WORD_BYTES: Final = 32
_HEADER_BYTES: Final = 2
_ENERGY_BITS: Final = 19
_MAX_ENERGY: Final = (1 << _ENERGY_BITS) - 1
_MAX_DISTANCE: Final = (1 << 12) - 1
_COARSE_FLAG: Final = 1 << 31
_CAPACITY_BITS: Final = 40
_PRICE_BYTES: Final = 4
_LINK_BYTES: Final = 12


@dataclass(frozen=True)
class PriceGrid:
    """Prices of a sealed auction: fixed in the contract.

    Attributes:
        lowest: first price in verifier ticks.
        highest: last one.
        order_tick: distance of order prices in verifier ticks.
    """

    lowest: int
    highest: int
    order_tick: int


@dataclass(frozen=True)
class PackedSession:
    """What a committer seals and publishes after the gate.

    Attributes:
        network: zones, borders and links.
        curves: the packed curve of every zone.
    """

    network: bytes
    curves: tuple[bytes, ...]

    @property
    def network_hash(self) -> bytes:
        """Argument of `commit`."""
        return keccak(self.network)

    @property
    def curve_hashes(self) -> list[bytes]:
        """Argument of `commit`."""
        return [keccak(curve) for curve in self.curves]

    @property
    def seal(self) -> bytes:
        """`commitmentOf` of the sealed session: 224 bits."""
        return keccak(b"".join([self.network_hash, *self.curve_hashes]))[:28]


def pack_session(market: CoupledMarket, grid: PriceGrid) -> PackedSession:
    """All bytes of a session.

    Raises:
        PackingError: the market does not fit the packed form.
    """
    if (market.lowest_price, market.highest_price) != (grid.lowest, grid.highest):
        raise PackingError(
            "the market's price range is not the contract's",
            expected=f"{grid.lowest} to {grid.highest}",
            found=f"{market.lowest_price} to {market.highest_price}",
        )
    return PackedSession(
        pack_network(len(market.zones), market.borders, market.links),
        tuple(pack_curve(zone, grid) for zone in market.zones),
    )


def pack_network(zones: int, borders: Sequence[Border], links: Sequence[Link]) -> bytes:
    """Bytes of a network.

    `zones 8 | borders 8 | price int32 of each border | from 8, to 8, back 40, forward 40 of each
    link`

    Raises:
        PackingError: too many nodes, or a capacity or price too large.
    """
    if not 1 <= zones <= MAX_ZONES or zones + len(borders) > MAX_NODES:
        raise PackingError(
            "the network has too many nodes",
            expected=f"1 to {MAX_ZONES} zones, {MAX_NODES} nodes in all",
            found=f"{zones} zones and {len(borders)} borders",
        )
    parts = [bytes([zones, len(borders)])]
    for border in borders:
        if not -(1 << 31) <= border.price < 1 << 31:
            raise PackingError(
                f"the price of {border.name} does not fit", expected="int32", found=border.price
            )
        parts.append(border.price.to_bytes(_PRICE_BYTES, signed=True))
    for link in links:
        if link.back + link.forward >= 1 << _CAPACITY_BITS:
            raise PackingError(
                "the capacities of a link do not fit",
                expected=f"less than 2^{_CAPACITY_BITS} together",
                found=link,
            )
        parts.append(bytes([link.start, link.end]))
        parts.append(link.back.to_bytes(_CAPACITY_BITS // 8))
        parts.append(link.forward.to_bytes(_CAPACITY_BITS // 8))
    return b"".join(parts)


def unpack_network(data: bytes) -> tuple[int, tuple[int, ...], tuple[Link, ...]]:
    """Number of zones, prices of the borders, links.

    Raises:
        PackingError: the length does not fit.
    """
    if len(data) < _HEADER_BYTES:
        raise PackingError("the network is too short", expected=">= 2 bytes", found=len(data))
    links_at = _HEADER_BYTES + _PRICE_BYTES * data[1]
    if len(data) < links_at or (len(data) - links_at) % _LINK_BYTES:
        raise PackingError(
            "the network is no whole number of links",
            expected=f"{links_at} bytes and a multiple of {_LINK_BYTES}",
            found=len(data),
        )
    prices = tuple(
        int.from_bytes(data[at : at + _PRICE_BYTES], signed=True)
        for at in range(_HEADER_BYTES, links_at, _PRICE_BYTES)
    )
    links = tuple(
        Link(
            start=data[at],
            end=data[at + 1],
            back=int.from_bytes(data[at + 2 : at + 7]),
            forward=int.from_bytes(data[at + 7 : at + 12]),
        )
        for at in range(links_at, len(data), _LINK_BYTES)
    )
    return data[0], prices, links


def pack_curve(zone: Zone, grid: PriceGrid) -> bytes:
    """`sellWords 8 | buyWords 8 | sell words | buy words`.

    Raises:
        PackingError: a price is off the grid, or the curve has too many steps.
    """
    sells = _pack_side(zone.name, _distances(zone.name, zone.sells, grid.lowest, 1, grid))
    buys = _pack_side(zone.name, _distances(zone.name, zone.buys, grid.highest, -1, grid))
    header = bytes([len(sells) // _WORD_BYTES, len(buys) // _WORD_BYTES])
    return header + sells + buys


def unpack_curve(name: str, data: bytes, grid: PriceGrid) -> Zone:
    """The zone that `pack_curve` packed.

    Raises:
        PackingError: the length does not fit the header.
    """
    if len(data) < _HEADER_BYTES:
        raise PackingError("the curve is too short", expected=">= 2 bytes", found=len(data))
    expected = _HEADER_BYTES + _WORD_BYTES * (data[0] + data[1])
    if len(data) != expected:
        raise PackingError("the curve has the wrong length", expected=expected, found=len(data))
    middle = _HEADER_BYTES + _WORD_BYTES * data[0]
    sells = _unpack_side(data[_HEADER_BYTES:middle])
    buys = _unpack_side(data[middle:])
    return Zone.of_orders(
        name,
        ((grid.lowest + distance * grid.order_tick, energy) for distance, energy in sells),
        ((grid.highest - distance * grid.order_tick, energy) for distance, energy in buys),
    )


def _distances(
    name: str, steps: Sequence[Step], origin: int, direction: int, grid: PriceGrid
) -> Iterator[tuple[int, int]]:
    """Pairs of distance from the step before, in order ticks, and energy."""
    at = 0
    for step in steps:
        distance, off_grid = divmod(direction * (step.price - origin), grid.order_tick)
        if off_grid:
            raise PackingError(
                f"a price of {name} is off the grid of orders",
                expected=f"{origin} and multiples of {grid.order_tick} away",
                found=step.price,
            )
        yield distance - at, step.energy
        at = distance


def _pack_side(name: str, steps: Iterator[tuple[int, int]]) -> bytes:
    lanes = [lane for distance, energy in steps for lane in _lanes(distance, energy)]
    words = -(-len(lanes) // _STEPS_PER_WORD)
    if words > _MAX_WORDS:
        raise PackingError(
            f"the curve of {name} is too long",
            expected=f"at most {_MAX_WORDS * _STEPS_PER_WORD} packed steps a side",
            found=len(lanes),
        )
    lanes += [0] * (words * _STEPS_PER_WORD - len(lanes))
    packed = []
    for first in range(0, len(lanes), _STEPS_PER_WORD):
        word = 0
        for place, lane in enumerate(lanes[first : first + _STEPS_PER_WORD]):
            word |= lane << (32 * place)
        packed.append(word.to_bytes(_WORD_BYTES))
    return b"".join(packed)


def _lanes(distance: int, energy: int) -> Iterator[int]:
    """One step of the curve in as few packed steps as it takes: mostly one."""
    if distance > _MAX_DISTANCE and not (_is_coarse(distance) and _is_coarse(energy)):
        # Move first, in coarse steps without energy. What is left takes a fine step.
        left = distance // COARSE
        while left:
            moved = min(left, _MAX_DISTANCE)
            yield _lane(moved, 0, coarse=True)
            left -= moved
        distance %= COARSE
    while distance > _MAX_DISTANCE * COARSE:
        yield _lane(_MAX_DISTANCE, 0, coarse=True)
        distance -= _MAX_DISTANCE * COARSE
    if distance > _MAX_DISTANCE:
        # Coarse in distance and energy; more energy than a step holds follows at distance 0.
        part = min(energy // COARSE, _MAX_ENERGY)
        yield _lane(distance // COARSE, part, coarse=True)
        distance, energy = 0, energy - part * COARSE
        if not energy:
            return
    if energy <= _MAX_ENERGY:
        yield _lane(distance, energy, coarse=False)
        return
    yield _lane(distance, energy % COARSE, coarse=False)
    left = energy // COARSE
    while left:
        part = min(left, _MAX_ENERGY)
        yield _lane(0, part, coarse=True)
        left -= part


def _is_coarse(value: int) -> bool:
    return value % COARSE == 0


def _lane(distance: int, energy: int, *, coarse: bool) -> int:
    return (_COARSE_FLAG if coarse else 0) | distance << _ENERGY_BITS | energy


def _unpack_side(data: bytes) -> Iterator[tuple[int, int]]:
    """Pairs of distance from the end of the price range and energy."""
    at = 0
    for first in range(0, len(data), _WORD_BYTES):
        word = int.from_bytes(data[first : first + _WORD_BYTES])
        for place in range(_STEPS_PER_WORD):
            lane = (word >> (32 * place)) & 0xFFFFFFFF
            unit = COARSE if lane & _COARSE_FLAG else 1
            at += unit * ((lane >> _ENERGY_BITS) & _MAX_DISTANCE)
            yield at, unit * (lane & _MAX_ENERGY)

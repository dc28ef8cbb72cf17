"""Curves, networks, seals and proposals as bytes: there and back, and what does not fit."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest
from eth_utils.crypto import keccak

from energy_grid.clearing.coupled import solve
from energy_grid.clearing.errors import MarketInvalidError, PackingError
from energy_grid.clearing.market import Border, CoupledMarket, Link, Step, Zone
from energy_grid.clearing.packing import (
    PriceGrid,
    pack_curve,
    pack_network,
    pack_session,
    unpack_curve,
    unpack_network,
)
from energy_grid.clearing.proposal import Proposal
from tests.utils.coupled_markets import GRID, market, random_market

WIDE = PriceGrid(lowest=-50_000_000, highest=400_000_000, order_tick=1_000)


@pytest.mark.parametrize("grid", [GRID, WIDE], ids=["narrow", "wide"])
@pytest.mark.parametrize("energy", [1, 600_000, 300_000_000])
def test_pack_curve__random__there_and_back(grid: PriceGrid, energy: int) -> None:
    for seed in range(40):
        given = random_market(Random(seed), most_steps=40, most_energy=energy, grid=grid)
        for zone in given.zones:
            assert unpack_curve(zone.name, pack_curve(zone, grid), grid) == zone


@pytest.mark.parametrize(
    ("distance", "energy", "lanes"),
    [
        (0, 1, 1),
        (4_095, 524_287, 1),
        (4_100, 200, 1),  # coarse in both
        (4_096, 1, 2),  # moved by coarse steps first
        (4_100, 7, 2),
        (3, 524_288, 2),
        (409_500, 52_428_700, 1),
        (450_000, 52_428_700, 2),
        (449_999, 1, 3),
    ],
)
def test_pack_curve__one_step__takes_so_many_lanes(distance: int, energy: int, lanes: int) -> None:
    zone = Zone("a", (Step(WIDE.lowest + distance * WIDE.order_tick, energy),), ())

    data = pack_curve(zone, WIDE)

    word = int.from_bytes(data[2:])
    assert data[:2] == b"\x01\x00"
    assert len(data) == 34
    assert word.bit_length() > 32 * (lanes - 1)
    assert word >> (32 * lanes) == 0
    assert unpack_curve("a", data, WIDE) == zone


def test_pack_curve__layout__as_drawn_in_the_contract() -> None:
    zone = Zone.of_orders("a", [(-50, 3), (-35, 9)], [(190, 4)])

    data = pack_curve(zone, GRID)

    assert data.hex() == (
        "0101"
        + f"{(3 << 19 | 9) << 32 | 3:064x}"  # 3 ticks of 5 on from -50
        + f"{2 << 19 | 4:064x}"  # 2 ticks down from 200
    )


def test_pack_curve__price_off_the_grid__is_refused() -> None:
    with pytest.raises(PackingError, match="off the grid"):
        pack_curve(Zone.of_orders("a", [(-49, 3)], []), GRID)


def test_pack_curve__too_many_steps__is_refused() -> None:
    grid = PriceGrid(0, 3_000, 1)
    orders = [(price, 1) for price in range(2_041)]
    assert len(pack_curve(Zone.of_orders("a", orders[:2_040], []), grid)) == 2 + 255 * 32

    with pytest.raises(PackingError, match="too long"):
        pack_curve(Zone.of_orders("a", orders, []), grid)


@pytest.mark.parametrize("data", [b"", b"\x01", b"\x01\x00" + bytes(31), b"\x00\x00\x00"])
def test_unpack_curve__wrong_length__is_refused(data: bytes) -> None:
    with pytest.raises(PackingError):
        unpack_curve("a", data, GRID)


def test_pack_network__there_and_back() -> None:
    borders = (Border("b", -(1 << 31)), Border("c", (1 << 31) - 1))
    links = (Link(0, 1, 5, 7), Link(2, 0, 0, (1 << 40) - 1))

    data = pack_network(2, borders, links)

    assert len(data) == 2 + 2 * 4 + 2 * 12
    assert unpack_network(data) == (2, tuple(border.price for border in borders), links)


@pytest.mark.parametrize(
    ("zones", "borders", "links"),
    [
        (0, 0, ()),
        (8, 0, ()),
        (7, 26, ()),
        (2, 0, (Link(0, 1, 1, (1 << 40) - 1),)),
    ],
)
def test_pack_network__does_not_fit__is_refused(
    zones: int, borders: int, links: tuple[Link, ...]
) -> None:
    with pytest.raises(PackingError):
        pack_network(zones, [Border(str(n), 0) for n in range(borders)], links)


def test_pack_network__border_price_too_large__is_refused() -> None:
    with pytest.raises(PackingError, match="does not fit"):
        pack_network(1, [Border("b", 1 << 31)], [])


@pytest.mark.parametrize("data", [b"", b"\x01", b"\x01\x01", b"\x01\x00" + bytes(11)])
def test_unpack_network__wrong_length__is_refused(data: bytes) -> None:
    with pytest.raises(PackingError):
        unpack_network(data)


def test_pack_session__seal__is_the_hash_of_the_hashes() -> None:
    given = market([([(20, 1)], []), ([], [(50, 1)])], [(0, 1, 3, 4)])

    session = pack_session(given, GRID)

    hashes = [keccak(session.network), *(keccak(curve) for curve in session.curves)]
    assert session.seal == keccak(b"".join(hashes))[:28]
    with pytest.raises(PackingError, match="price range"):
        pack_session(given, PriceGrid(-50, 205, 5))


def test_proposal__encode__there_and_back() -> None:
    seen = set()
    for seed in range(60):
        given = random_market(Random(seed))
        proposal = solve(given)
        seen.add(proposal.interval is None)

        data = proposal.encode(given.links)

        assert Proposal.decode(data, len(given.zones), given.links) == proposal
    assert seen == {True, False}


def test_proposal__what_does_not_fit__is_refused() -> None:
    given = market([([(20, 1)], [(50, 1)])] * 2, [(0, 1, 3, 4)])
    proposal = solve(given)

    for false in (
        replace(proposal, flows=(-4,)),
        replace(proposal, prices=(1 << 31, 0)),
        replace(proposal, shares=(1 << 40, 0)),
    ):
        with pytest.raises(PackingError):
            false.encode(given.links)
    with pytest.raises(PackingError, match="wrong length"):
        Proposal.decode(proposal.encode(given.links)[:-1], 2, given.links)


@pytest.mark.parametrize(
    ("zones", "links", "borders"),
    [
        ((), (), ()),
        ((Zone("a", (Step(5, 0),), ()),), (), ()),
        ((Zone("a", (Step(201, 1),), ()),), (), ()),
        ((Zone("a", (Step(5, 1), Step(5, 1)), ()),), (), ()),
        ((Zone("a", (), (Step(5, 1), Step(10, 1))),), (), ()),
        ((Zone("a", (), ()),), (Link(0, 1, 1, 1),), ()),
        ((Zone("a", (), ()),), (Link(0, 0, 1, 1),), ()),
        ((Zone("a", (), ()),), (Link(0, 1, -1, 1),), (Border("b", 5),)),
        ((Zone("a", (), ()),), (Link(1, 2, 1, 1),), (Border("b", 5), Border("c", 5))),
    ],
)
def test_market__cannot_be__is_refused(
    zones: tuple[Zone, ...], links: tuple[Link, ...], borders: tuple[Border, ...]
) -> None:
    with pytest.raises(MarketInvalidError):
        CoupledMarket(zones, links, -50, 200, borders)


def test_market__empty_price_range__is_refused() -> None:
    with pytest.raises(MarketInvalidError, match="price range"):
        CoupledMarket((Zone("a", (), ()),), (), 1, 0)

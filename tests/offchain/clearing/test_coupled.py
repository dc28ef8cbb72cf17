"""The solver against the definition, by trying everything on tiny markets, and by hand."""

from __future__ import annotations

import itertools
from random import Random

import pytest

from energy_grid.clearing.coupled import solve
from energy_grid.clearing.packing import PriceGrid
from energy_grid.clearing.proposal import SHARE_ONE
from energy_grid.clearing.verify import verify
from tests.utils.coupled_markets import (
    all_flows,
    best_welfare,
    exports_of,
    is_valid,
    market,
    most_volume,
    random_market,
)

TINY = PriceGrid(lowest=0, highest=5, order_tick=1)


def tiny_market(seed: int):
    """A random market so small that every price and every flow can be tried."""
    random = Random(seed)
    while True:
        found = random_market(random, most_zones=3, most_steps=3, most_energy=2, grid=TINY)
        ways = 1
        for link in found.links:
            ways *= link.back + link.forward + 1
        if ways <= 3_000:
            return found


@pytest.mark.parametrize("seed", range(60))
def test_solve__tiny_market__as_brute_force(seed: int) -> None:
    given = tiny_market(seed)
    ticks = range(given.lowest_price, given.highest_price + 1)
    vectors = list(itertools.product(ticks, repeat=len(given.zones)))

    proposal = solve(given)

    welfare = {flows: best_welfare(given, flows) for flows in all_flows(given)}
    feasible = [value for value in welfare.values() if value is not None]
    assert welfare[proposal.flows] == max(feasible)
    valid = [prices for prices in vectors if is_valid(given, prices, proposal.flows)]
    low = tuple(min(prices[zone] for prices in valid) for zone in range(len(given.zones)))
    high = tuple(max(prices[zone] for prices in valid) for zone in range(len(given.zones)))
    assert (proposal.low, proposal.high) == (low, high)
    assert proposal.prices == tuple((a + b) // 2 for a, b in zip(low, high, strict=True))
    assert proposal.prices in valid
    assert (proposal.interval is None) == (len(valid) == 1)
    volumes = [
        most_volume(given, proposal.prices, flows)
        for flows in welfare
        if is_valid(given, proposal.prices, flows)
    ]
    if not given.borders:  # a border takes anything, so there volume is no measure
        assert most_volume(given, proposal.prices, proposal.flows) == max(volumes)


def test_solve__valid_prices__do_not_depend_on_the_flows() -> None:
    """Why one set of flows can prove the whole interval (rules, section 6)."""
    seen = 0
    for seed in range(25):
        given = tiny_market(seed)
        ticks = range(given.lowest_price, given.highest_price + 1)
        sets = set()
        for flows in all_flows(given):
            valid = frozenset(
                prices
                for prices in itertools.product(ticks, repeat=len(given.zones))
                if is_valid(given, prices, flows)
            )
            if valid:
                sets.add(valid)
                seen += 1
        assert len(sets) == 1
    assert seen > 50


def test_solve__full_link__prices_differ_and_rent_is_earned() -> None:
    given = market(
        [([(20, 100)], [(40, 10)]), ([(60, 100)], [(90, 50)])],
        [(0, 1, 5, 30)],
    )

    proposal = solve(given)
    outcome = verify(given, proposal)

    assert proposal.prices == (20, 60)
    assert proposal.flows == (30,)
    assert [zone.net_export for zone in outcome.zones] == [30, -30]
    assert [(zone.sold, zone.bought) for zone in outcome.zones] == [(40, 10), (20, 50)]
    assert outcome.rent == 30 * 40


def test_solve__sells_of_two_zones_at_one_price__filled_alike() -> None:
    given = market(
        [([(20, 300)], []), ([(20, 100)], []), ([], [(50, 200)])],
        [(0, 2, 0, 1_000), (1, 2, 0, 1_000)],
    )

    proposal = solve(given)

    assert proposal.flows == (150, 50)
    assert proposal.shares[:2] == (SHARE_ONE // 2, SHARE_ONE // 2)


def test_solve__full_link_at_one_price__the_zone_behind_it_gets_less() -> None:
    given = market(
        [([(20, 300)], []), ([(20, 100)], []), ([], [(20, 200)])],
        [(0, 2, 0, 30), (1, 2, 0, 1_000)],
    )

    proposal = solve(given)
    outcome = verify(given, proposal)

    # 30 of 300 sells and 100 of 100 sells against 130 of 200 buys: all at 20.
    assert proposal.prices == (20, 20, 20)
    assert proposal.flows == (30, 100)
    assert proposal.shares[0] == round(SHARE_ONE / 10)
    assert (
        SHARE_ONE
        < proposal.shares[1]
        == proposal.shares[2]
        == 2 * SHARE_ONE - round(0.65 * SHARE_ONE)
    )
    assert outcome.zones[2].rations_buys
    assert (outcome.zones[2].rationed_fill, outcome.zones[2].rationed_total) == (130, 200)


def test_solve__no_orders__middle_of_the_range_and_no_trade() -> None:
    given = market([([], []), ([], [])], [(0, 1, 10, 10)])

    proposal = solve(given)
    outcome = verify(given, proposal)

    assert proposal.interval == ((-50, -50), (200, 200))
    assert proposal.prices == (75, 75)
    assert not any(zone.traded for zone in outcome.zones)


def test_solve__border_with_room__its_price_holds() -> None:
    given = market(
        [([(20, 100)], [(90, 300)])],
        [(1, 0, 0, 1_000)],
        borders=[44],
    )

    proposal = solve(given)

    assert proposal.prices == (44,)
    assert proposal.interval is None
    assert exports_of(given, proposal.flows) == [-200]


@pytest.mark.parametrize("seed", range(150))
def test_solve__larger_random_market__passes_the_independent_check(seed: int) -> None:
    given = random_market(Random(10_000 + seed), most_zones=7, most_steps=20, most_energy=100_000)

    outcome = verify(given, solve(given))

    assert sum(zone.sold - zone.bought - zone.net_export for zone in outcome.zones) == 0
    assert outcome.rent >= 0

"""Coupled clearing from the books on chain against solver and verifier in Python.

Random books in four zones, every pair of which may have a line of any capacity, so trees, loops and
zones on their own all come up. The solver's proposal is accepted and comes to what the independent
verifier says; changed proposals are refused by both; fills in any order add up in every zone; what
buyers pay beyond what sellers receive is the congestion rent, to the last unit.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from itertools import combinations
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, event, given, settings
from hypothesis import strategies as st

from energy_grid.clearing.coupled import solve
from energy_grid.clearing.errors import ProposalRefusedError
from energy_grid.clearing.market import Link
from energy_grid.clearing.proposal import Proposal
from energy_grid.clearing.verify import verify
from energy_grid.curves import Step
from energy_grid.ids import Side
from energy_grid.products import Product
from tests.utils.auction_market import ANYBODY, GOVERNOR, MONDAY, OWNER, AuctionMarket
from tests.utils.auction_region import Region
from tests.utils.revm import Refused

ZONES = (21, 22, 23, 24)
PAIRS = tuple(combinations(range(len(ZONES)), 2))
MEMBERS = 3
SLOTS = 4
W_PER_LOT = 4


@dataclass(frozen=True)
class Case:
    """Books, lines and what happens afterwards.

    Attributes:
        curves: one of each member of each zone; none: no order.
        capacities: lots forward and back of each line.
        order: in which the members claim.
        mutation: which number of the proposal is changed, and by how much.
    """

    curves: tuple[tuple[Step, ...], ...]
    capacities: tuple[tuple[int, int], ...]
    order: tuple[int, ...]
    mutation: tuple[int, int]


@st.composite
def curves(draw: st.DrawFn, middle: int) -> tuple[Step, ...]:
    """A canonical curve around a zone's price level; few ticks and lots, for many ties."""
    ticks = st.integers(middle - 3, middle + 3)
    chosen = sorted(draw(st.sets(ticks, max_size=4)))
    buys = draw(st.sampled_from([0, len(chosen) // 2, len(chosen)]))
    lots = st.sampled_from([10, 10, 20, 40]) | st.integers(10, 60)
    return tuple(
        Step(Side.BUY if index < buys else Side.SELL, tick, draw(lots))
        for index, tick in enumerate(chosen)
    )


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """A case."""
    middles = [draw(st.sampled_from([100, 100, 103, 110])) for _ in ZONES]
    members = len(ZONES) * MEMBERS
    capacity = st.sampled_from([0, 0, 10, 50, 1_000])
    return Case(
        tuple(draw(curves(middle)) for middle in middles for _ in range(MEMBERS)),
        tuple((draw(capacity), draw(capacity)) for _ in PAIRS),
        tuple(draw(st.permutations(range(members)))),
        (draw(st.integers(0, 10**6)), draw(st.sampled_from([-7, -1, 1, 7]))),
    )


@cache
def stage() -> AuctionMarket:
    """One region for all cases; each goes back to where it found it."""
    market = AuctionMarket(zones=())
    for zone in ZONES[1:]:
        market.govern("joinRegion", zone, ZONES[0])
    market.set_terms(*ZONES)
    for start, end in PAIRS:
        market.govern("addInterconnector", ZONES[start], ZONES[end], 0, 0, OWNER)
    for zone in ZONES:
        for _ in range(MEMBERS):
            market.enrol(zone)
    return market


def play(case: Case) -> None:
    """Set up, propose, compare, claim, settle."""
    market = stage()
    before = market.chain.snapshot()
    try:
        product = market.product(MONDAY, zone=ZONES[0])
        market.at_gate(product, -60)
        for index, (forward, back) in enumerate(case.capacities):
            market.govern("setCapacity", ZONES[0], index, forward * W_PER_LOT, back * W_PER_LOT)
        region = Region(market, ZONES, ())
        region.links = tuple(
            Link(start, end, back, forward)
            for (start, end), (forward, back) in zip(PAIRS, case.capacities, strict=True)
        )
        for number, steps in enumerate(case.curves):
            if steps:
                zone, member = divmod(number, MEMBERS)
                region.place(product, ZONES[zone], *steps, number=member)
        market.at_gate(product, 300)
        check_mutant(case, region, product)
        check_outcome(region, product)
        check_fills_and_money(case, region, product)
    finally:
        market.chain.revert(before)


def check_outcome(region: Region, product: Product) -> None:
    """The solver's proposal is right, and means the same on chain as in Python."""
    coupled = region.coupled_market()
    solution = solve(coupled)
    outcome = verify(coupled, solution)
    region.clear(product, solution)
    assert region.flows(product) == list(solution.flows)
    for zone, expected, price in zip(region.zones, outcome.zones, solution.prices, strict=True):
        result = region.market.result(region.in_zone(product, zone))
        assert (result.boughtLots, result.soldLots) == (expected.bought, expected.sold)
        assert result.priceTick == (price if expected.traded else 0)
    event("prices unique" if solution.interval is None else "price interval")
    event(f"{len(set(solution.prices))} different prices")
    event("rent" if outcome.rent else "no rent")


def mutated(solution: Proposal, which: int, by: int) -> Proposal:
    """The proposal with one of its numbers changed."""
    fields = ["prices", "shares", "flows"]
    if solution.interval is not None:
        fields += ["low", "high"]
    name = fields[which % len(fields)]
    numbers = list(getattr(solution, name))
    place = which // len(fields) % len(numbers)
    numbers[place] += by << 24 if name == "shares" else by
    if name in ("low", "high"):
        low, high = solution.low, solution.high
        ends = (tuple(numbers), high) if name == "low" else (low, tuple(numbers))
        return replace(solution, interval=ends)
    return replace(solution, **{name: tuple(numbers)})


def check_mutant(case: Case, region: Region, product: Product) -> None:
    """Chain and verifier agree on a changed proposal, and mostly refuse it."""
    coupled = region.coupled_market()
    mutant = mutated(solve(coupled), *case.mutation)
    assume(
        all(flow + link.back >= 0 for flow, link in zip(mutant.flows, region.links, strict=True))
    )
    assume(all(share >= 0 for share in mutant.shares))
    try:
        verify(coupled, mutant)
        right = True
    except ProposalRefusedError:
        right = False
    before = region.market.chain.snapshot()
    try:
        region.clear(product, mutant)
        accepted = True
    except Refused:
        accepted = False
    finally:
        region.market.chain.revert(before)
    assert accepted == right
    event("mutant as good" if right else "mutant refused")


def check_fills_and_money(case: Case, region: Region, product: Product) -> None:
    """In every zone the fills add up, and after settling nothing is left over but the rent."""
    market = region.market
    fills: dict[tuple[int, Side], int] = {}
    for number in case.order:
        account = market.accounts[number]
        for fill in market.claim(region.in_zone(product, account.zone), [account]):
            key = (account.zone, fill.side)
            fills[key] = fills.get(key, 0) + fill.lots
    for zone in region.zones:
        result = market.result(region.in_zone(product, zone))
        assert fills.get((zone, Side.BUY), 0) == result.boughtLots
        assert fills.get((zone, Side.SELL), 0) == result.soldLots
    end = product.start_slot + SLOTS
    market.chain.at(product.ends_at)
    market.ledger.send(GOVERNOR, "setFinalUntil", end)
    for account in market.accounts:
        market.ledger.send(ANYBODY, "settleUpTo", account.address, end)
        assert market.balances(account)[1] == 0
    for index in range(len(PAIRS)):
        try:
            market.market.send(ANYBODY, "collectRent", product.id, index)
        except Refused as refusal:
            assert refusal.name == "NoRent"
    assert market.ledger.ask("clearing") == 0


def differential(examples: int) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Hypothesis with a number of cases of its own."""
    return settings(
        max_examples=examples,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )


@differential(60)
@given(cases())
def test_clear_coupled__random_books__as_solver_and_verifier_say(case: Case) -> None:
    play(case)


@pytest.mark.deep
@pytest.mark.timeout(0)
@differential(2_000)
@given(cases())
def test_clear_coupled__two_thousand_regions__as_solver_and_verifier_say(case: Case) -> None:
    play(case)

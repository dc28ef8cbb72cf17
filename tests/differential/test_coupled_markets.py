"""Random coupled markets through the contract's verifier: only the solver's outcome is accepted.

What goes on record is that outcome to the unit. Solver and verifier share nothing: HiGHS and
`energy_grid.clearing` here, the compiled contract there. `deep` runs 2,000 markets.
"""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest

from energy_grid.clearing.coupled import solve
from energy_grid.clearing.market import CoupledMarket
from energy_grid.clearing.packing import PriceGrid
from energy_grid.clearing.verify import sums, verify
from simulation.day_ahead.mutants import mutants
from tests.utils.coupled_markets import GRID, packed, random_market
from tests.utils.revm import Refused
from tests.utils.sealed_chain import STRANGER, SealedChain, as_recorded

QUICK = 40
DEEP = 2_000

REFUSALS = {
    "CommitmentMismatch",
    "FlowNotAtBound",
    "FlowOutOfBounds",
    "IntervalNotHighest",
    "IntervalNotLowest",
    "IntervalNotNeeded",
    "NetExportOutsideBand",
    "NotTheMidpoint",
    "PriceOutOfRange",
    "PricesNotUnique",
    "ShareNotProportional",
    "ShareOutOfRange",
}


@pytest.fixture(scope="module")
def chain() -> SealedChain:
    return SealedChain()


def prove(chain: SealedChain, number: int, given: CoupledMarket) -> Counter[tuple[str, str]]:
    """Try all mutants, clear, compare; the refusals by kind and error."""
    proposal = solve(given)
    outcome = verify(given, proposal)
    session = packed(given)
    chain.seal(number, session)
    refusals: Counter[tuple[str, str]] = Counter()

    for mutant in mutants(given, proposal, outcome, session, GRID):
        with pytest.raises(Refused) as refused:
            chain.auction.send(
                STRANGER,
                "clear",
                chain.session(number),
                session.network,
                mutant.proposal,
                mutant.curves,
            )
        assert refused.value.name in REFUSALS, (mutant.kind, refused.value)
        refusals[mutant.kind, refused.value.name] += 1
    rent = chain.clear(number, session, proposal.encode(given.links))

    assert rent == outcome.rent
    assert chain.results(number) == as_recorded(outcome)
    return refusals


def prove_many(chain: SealedChain, first: int, count: int) -> None:
    kinds: Counter[str] = Counter()
    shapes: Counter[str] = Counter()
    for number in range(first, first + count):
        given = random_market(Random(number))
        for (kind, _), times in prove(chain, number, given).items():
            kinds[kind] += times
        shapes[f"zones {len(given.zones)}"] += 1
        shapes["loops"] += len(given.links) >= len(given.zones)
        shapes["borders"] += bool(given.borders)
    # What the random markets are meant to hold, they hold.
    assert min(kinds.values()) > 0
    assert {
        "price one tick off",
        "flow beyond capacity",
        "flow off its bound",
        "tie share changed",
        "ties not curtailed alike",
        "volume not maximal",
        "interval narrowed",
        "interval widened",
        "interval shifted",
        "interval left out",
        "order left out",
    } <= set(kinds)
    assert set(shapes) >= {"zones 2", "zones 6", "loops", "borders"}


def test_clear__random_markets__only_the_true_outcome_is_accepted(chain: SealedChain) -> None:
    prove_many(chain, 0, QUICK)


@pytest.mark.deep
@pytest.mark.timeout(0)
def test_clear__2000_random_markets__only_the_true_outcome_is_accepted(chain: SealedChain) -> None:
    prove_many(chain, QUICK, DEEP)


WIDE = PriceGrid(lowest=-50_000_000, highest=400_000_000, order_tick=1_000)
"""Grid of the replay: distances of many ticks, so that steps are coarse."""


@pytest.mark.parametrize("grid", [GRID, WIDE], ids=["narrow", "wide"])
def test_sums__random_curves__as_counted_one_by_one(grid: PriceGrid) -> None:
    chain = SealedChain(grid)
    for seed in range(60):
        random = Random(seed)
        energy = random.choice([30, 900_000, 200_000_000])
        given = random_market(random, most_steps=60, most_energy=energy, grid=grid)
        for zone, curve in zip(given.zones, packed(given, grid).curves, strict=True):
            orders = [step.price for step in (*zone.sells, *zone.buys)]
            # Order prices, their neighbours, and anything.
            near = [
                order + random.randint(-1, 1)
                for order in random.sample(orders, min(2, len(orders)))
            ]
            prices = [*near, *(random.randint(grid.lowest, grid.highest) for _ in range(3))]
            ends = sorted(max(grid.lowest, min(grid.highest, price)) for price in prices)[:3]
            triple = chain.auction.ask("sumsOfThree", curve, *ends)
            for price, found in zip(ends, triple, strict=True):
                around = sums(zone, price)
                expected = (
                    around.sells_below,
                    around.sells_up_to,
                    around.buys_above,
                    around.buys_from,
                )
                assert tuple(found) == expected
                assert tuple(chain.auction.ask("sums", curve, price)) == expected

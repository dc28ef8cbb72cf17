"""The independent verifier refuses what the contract refuses, and by the same name."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from random import Random

import pytest

from energy_grid.clearing.coupled import solve
from energy_grid.clearing.errors import ProposalRefusedError
from energy_grid.clearing.packing import pack_session
from energy_grid.clearing.proposal import SHARE_ONE, Proposal
from energy_grid.clearing.verify import verify
from simulation.day_ahead.mutants import mutants
from tests.utils.coupled_markets import GRID, market, random_market

TIED = market(
    [([(20, 300)], []), ([(20, 100)], []), ([], [(50, 200)])],
    [(0, 2, 0, 1_000), (1, 2, 0, 1_000)],
)


def test_verify__mutants_of_random_markets__all_refused() -> None:
    refused: Counter[str] = Counter()
    for seed in range(120):
        given = random_market(Random(seed))
        proposal = solve(given)
        outcome = verify(given, proposal)
        session = pack_session(given, GRID)
        true_curves = b"".join(session.curves)
        for mutant in mutants(given, proposal, outcome, session, GRID):
            if mutant.curves != true_curves:
                continue  # the seal's affair
            false = Proposal.decode(mutant.proposal, len(given.zones), given.links)
            with pytest.raises(ProposalRefusedError):
                verify(given, false)
            refused[mutant.kind] += 1
    assert len(refused) == 10
    assert min(refused.values()) > 5


def test_verify__fill_within_a_unit_of_its_share__is_accepted() -> None:
    true = solve(TIED)
    assert true.flows == (150, 50)

    verify(TIED, replace(true, flows=(151, 49)))


def test_verify__fill_two_units_off__is_refused() -> None:
    with pytest.raises(ProposalRefusedError) as refused:
        verify(TIED, replace(solve(TIED), flows=(152, 48)))

    assert refused.value.rule == "ShareNotProportional"


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"prices": (20, 20)}, "ProposalLength"),
        ({"prices": (20, 20, 201)}, "PriceOutOfRange"),
        ({"shares": (2 * SHARE_ONE + 1, 0, 0)}, "ShareOutOfRange"),
        ({"flows": (1_001, 50)}, "FlowOutOfBounds"),
        ({"flows": (-1, 50)}, "FlowOutOfBounds"),
        ({"flows": (150, 40)}, "NetExportOutsideBand"),
        ({"interval": ((20, 20, 20), (20, 20, 20))}, "IntervalNotNeeded"),
    ],
)
def test_verify__false__names_the_rule(change: dict, rule: str) -> None:
    with pytest.raises(ProposalRefusedError) as refused:
        verify(TIED, replace(solve(TIED), **change))

    assert refused.value.rule == rule

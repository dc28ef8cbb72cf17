"""Clearing a session and reading its results.

clear
├── before the gate: GateStillOpen; after the clearing time: ClearingTimeOver
├── without a seal: NotCommitted; with one of another turn: NotCommitted
├── network, curve, order of curves not what was sealed: CommitmentMismatch
├── network of no whole links: NetworkLength; of no or too many zones: ZoneCount; nodes: NodeCount
├── bytes behind the curves: CurvesLength
├── proposal of another length or form: ProposalLength, PricesNotUnique, IntervalNotNeeded
├── link to a node that is not there: UnknownNode
├── price, share or flow out of bounds: PriceOutOfRange, ShareOutOfRange, FlowOutOfBounds
├── flow, net export, share, interval wrong: FlowNotAtBound, NetExportOutsideBand,
│   ShareNotProportional, NotTheMidpoint, IntervalNotLowest, IntervalNotHighest
├── net export beyond 36 bits: NetExportTooLarge
├── again: AlreadyCleared
└── else: SessionCleared, results, rent
filledEnergy, resultOf, resultsOf
├── not cleared: NotCleared; no such zone: UnknownZone
└── cursor rule, to the last unit
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from energy_grid.clearing.coupled import solve
from energy_grid.clearing.packing import PackedSession, PriceGrid
from energy_grid.clearing.proposal import SHARE_ONE, Proposal
from energy_grid.clearing.verify import verify
from tests.utils.coupled_markets import market, packed
from tests.utils.revm import Refused
from tests.utils.sealed_chain import (
    CLEARING_TIME,
    RING,
    STRANGER,
    SealedChain,
    as_recorded,
)

CLEARED = 3

# A full link from cheap to dear, and a zone that shares the dear price and its curtailment.
TWO_PRICES = market(
    [
        ([(20, 100)], [(40, 10)]),
        ([(60, 100)], [(90, 50)]),
        ([(60, 300)], [(90, 50)]),
    ],
    [(0, 1, 5, 30), (1, 2, 200, 200)],
)
# No order between 30 and 80: the price is the middle.
LOOSE = market([([(30, 50)], [(80, 50)]), ([(30, 20)], [(80, 20)])], [(0, 1, 40, 40)])


def refusal(
    chain: SealedChain,
    number: int,
    session: PackedSession,
    proposal: bytes,
    *,
    network: bytes | None = None,
    curves: bytes | None = None,
) -> Refused:
    with pytest.raises(Refused) as refused:
        chain.auction.send(
            STRANGER,
            "clear",
            chain.session(number),
            session.network if network is None else network,
            proposal,
            b"".join(session.curves) if curves is None else curves,
        )
    return refused.value


def refused_proposal(chain: SealedChain, given, false: Proposal) -> Refused:
    session = packed(given)
    chain.seal(0, session)
    return refusal(chain, 0, session, false.encode(given.links))


# --- Accepted -------------------------------------------------------------------------------------


@pytest.mark.parametrize("given", [TWO_PRICES, LOOSE], ids=["one price", "interval"])
def test_clear__true_outcome__is_put_on_record(chain: SealedChain, given) -> None:
    proposal = solve(given)
    outcome = verify(given, proposal)

    rent = chain.prove(0, given, proposal)

    (event,) = chain.auction.events("SessionCleared")
    assert (event.session, event.rent) == (chain.session(0), outcome.rent)
    assert rent == outcome.rent == chain.auction.ask("rentOf", chain.market)
    assert chain.auction.ask("stateOf", chain.session(0)) == CLEARED
    assert chain.results(0) == as_recorded(outcome)
    for zone, result in enumerate(as_recorded(outcome)):
        assert tuple(chain.auction.ask("resultOf", chain.session(0), zone)) == result


def test_clear__many_sessions__rents_add_up_and_storage_is_reused(chain: SealedChain) -> None:
    proposal = solve(TWO_PRICES)
    rent = verify(TWO_PRICES, proposal).rent

    chain.prove(0, TWO_PRICES, proposal)
    chain.prove(1, LOOSE, solve(LOOSE))
    chain.prove(RING, LOOSE, solve(LOOSE))

    assert rent == 30 * 40
    assert chain.auction.ask("rentOf", chain.market) == rent
    # The first session's partly filled zones do not shine through those of the next turn.
    assert chain.results(RING) == as_recorded(verify(LOOSE, solve(LOOSE)))
    with pytest.raises(Refused) as refused:
        chain.auction.ask("resultsOf", chain.session(0))
    assert refused.value.name == "NotCleared"


def test_clear__last_second__is_accepted(chain: SealedChain) -> None:
    session = packed(LOOSE)
    chain.seal(0, session)
    chain.revm.at(chain.gate(0) + CLEARING_TIME)

    chain.clear(0, session, solve(LOOSE).encode(LOOSE.links))

    assert chain.auction.ask("stateOf", chain.session(0)) == CLEARED


def test_clear__negative_prices__midpoint_rounds_down(chain: SealedChain) -> None:
    given = market([([(-50, 50)], [(-25, 50)])])
    proposal = solve(given)
    assert proposal.prices == (-38,)

    chain.prove(0, given, proposal)

    assert chain.results(0) == [(True, -38, 0, False, 0, 0)]


def test_clear__zone_without_trade__publishes_no_price(chain: SealedChain) -> None:
    given = market([([(80, 50)], [(30, 50)])])

    chain.prove(0, given, solve(given))

    assert chain.results(0) == [(False, 55, 0, False, 0, 0)]
    assert chain.auction.ask("filledEnergy", chain.session(0), 0, True, -50, 0, 10) == 0


# --- Time and seal --------------------------------------------------------------------------------


def test_clear__before_the_gate__reverts(chain: SealedChain) -> None:
    session = packed(LOOSE)
    chain.seal(0, session)
    chain.revm.at(chain.gate(0) - 1)

    refused = refusal(chain, 0, session, solve(LOOSE).encode(LOOSE.links))

    assert refused.name == "GateStillOpen"
    assert refused.arguments == {"given": chain.gate(0) - 1, "gate": chain.gate(0)}


def test_clear__after_the_clearing_time__reverts(chain: SealedChain) -> None:
    session = packed(LOOSE)
    chain.seal(0, session)
    end = chain.gate(0) + CLEARING_TIME
    chain.revm.at(end + 1)

    refused = refusal(chain, 0, session, solve(LOOSE).encode(LOOSE.links))

    assert refused.name == "ClearingTimeOver"
    assert refused.arguments == {"given": end + 1, "end": end}


def test_clear__twice__reverts(chain: SealedChain) -> None:
    session = packed(LOOSE)
    chain.prove(0, LOOSE, solve(LOOSE))

    refused = refusal(chain, 0, session, solve(LOOSE).encode(LOOSE.links))

    assert refused.name == "AlreadyCleared"
    assert refused.arguments == {"session": chain.session(0)}


def test_clear__no_seal__reverts(chain: SealedChain) -> None:
    chain.seal(0, packed(LOOSE))
    for number in (1, RING):
        chain.revm.at(chain.gate(number))

        refused = refusal(chain, number, packed(LOOSE), solve(LOOSE).encode(LOOSE.links))

        assert refused.name == "NotCommitted"
        assert refused.arguments == {"session": chain.session(number)}


def test_clear__other_network_or_curves__reverts(chain: SealedChain) -> None:
    session, proposal = packed(LOOSE), solve(LOOSE).encode(LOOSE.links)
    chain.seal(0, session)
    more_capacity = session.network[:-1] + b"\xff"
    first, second = session.curves
    more_energy = first[:-1] + bytes([first[-1] + 1])
    other_split = bytes([first[0] - 1, first[1] + 1]) + first[2:]

    for network, curves in (
        (more_capacity, None),
        (None, second + first),
        (None, more_energy + second),
        (None, other_split + second),
    ):
        refused = refusal(chain, 0, session, proposal, network=network, curves=curves)
        assert refused.name == "CommitmentMismatch"
        assert refused.arguments["committed"] == session.seal
        assert refused.arguments["given"] != session.seal


def test_clear__bytes_behind_the_curves__reverts(chain: SealedChain) -> None:
    session, proposal = packed(LOOSE), solve(LOOSE).encode(LOOSE.links)
    chain.seal(0, session)
    curves = b"".join(session.curves)

    refused = refusal(chain, 0, session, proposal, curves=curves + b"\x00")

    assert refused.name == "CurvesLength"
    assert refused.arguments == {"given": len(curves) + 1, "allowed": len(curves)}


def test_clear__network_cannot_be__reverts(chain: SealedChain) -> None:
    curve = packed(LOOSE).curves[0]
    for number, (network, name) in enumerate(
        (
            (b"\x01\x00" + bytes(11), "NetworkLength"),
            (b"\x01\x02" + bytes(7), "NetworkLength"),
            (b"\x01", "NetworkLength"),
            (b"\x00\x00", "ZoneCount"),
            (b"\x08\x00", "ZoneCount"),
            (b"\x07\x1a" + bytes(4 * 26), "NodeCount"),
        )
    ):
        session = PackedSession(network, (curve,))
        chain.seal(number, session)
        assert refusal(chain, number, session, bytes(9)).name == name


def test_clear__link_to_nowhere__reverts(chain: SealedChain) -> None:
    for number, ends in enumerate((b"\x00\x02", b"\x02\x00")):
        network = b"\x02\x00" + ends + bytes(10)
        session = replace(packed(LOOSE), network=network)
        chain.seal(number, session)

        refused = refusal(chain, number, session, bytes(9 * 2 + 5))

        assert refused.name == "UnknownNode"
        assert refused.arguments == {"link": 0, "given": 2, "allowed": 1}


# --- False proposals ------------------------------------------------------------------------------


def test_clear__proposal_of_other_length__reverts(chain: SealedChain) -> None:
    session, proposal = packed(LOOSE), solve(LOOSE).encode(LOOSE.links)
    chain.seal(0, session)
    short = 2 * 9 + 5
    for false in (b"", proposal[:-1], proposal + b"\x00", proposal[: short + 8]):
        refused = refusal(chain, 0, session, false)
        assert refused.name == "ProposalLength"
        assert refused.arguments == {"given": len(false), "allowed": short}


def test_clear__interval_missing__reverts(chain: SealedChain) -> None:
    refused = refused_proposal(chain, LOOSE, replace(solve(LOOSE), interval=None))

    assert refused.name == "PricesNotUnique"
    assert refused.arguments == {"zone": 0}


def test_clear__interval_too_much__reverts(chain: SealedChain) -> None:
    true = solve(TWO_PRICES)

    refused = refused_proposal(
        chain, TWO_PRICES, replace(true, interval=(true.prices, true.prices))
    )

    assert refused.name == "IntervalNotNeeded"


@pytest.mark.parametrize("price", [-51, 201])
def test_clear__price_beyond_the_range__reverts(chain: SealedChain, price: int) -> None:
    true = solve(TWO_PRICES)

    refused = refused_proposal(chain, TWO_PRICES, replace(true, prices=(20, 60, price)))

    assert refused.name == "PriceOutOfRange"
    assert refused.arguments == {"zone": 2, "given": price, "lowest": -50, "highest": 200}


@pytest.mark.parametrize("interval", [((-51, 30), (161, 80)), ((-91, 30), (201, 80))])
def test_clear__interval_beyond_the_range__reverts(
    chain: SealedChain, interval: tuple[tuple[int, int], tuple[int, int]]
) -> None:
    refused = refused_proposal(chain, LOOSE, replace(solve(LOOSE), interval=interval))

    assert refused.name == "PriceOutOfRange"


def test_clear__share_above_two__reverts(chain: SealedChain) -> None:
    true = solve(TWO_PRICES)
    share = 2 * SHARE_ONE + 1

    refused = refused_proposal(chain, TWO_PRICES, replace(true, shares=(share, *true.shares[1:])))

    assert refused.name == "ShareOutOfRange"
    assert refused.arguments == {"zone": 0, "given": share, "allowed": 2 * SHARE_ONE}


def test_clear__flow_beyond_capacity__reverts(chain: SealedChain) -> None:
    true = solve(TWO_PRICES)

    refused = refused_proposal(chain, TWO_PRICES, replace(true, flows=(31, true.flows[1])))

    assert refused.name == "FlowOutOfBounds"
    assert refused.arguments == {"link": 0, "given": 31, "allowed": 30}


def test_clear__link_not_full_between_prices__reverts(chain: SealedChain) -> None:
    true = solve(TWO_PRICES)

    refused = refused_proposal(chain, TWO_PRICES, replace(true, flows=(29, true.flows[1])))

    assert refused.name == "FlowNotAtBound"
    assert refused.arguments == {"link": 0, "given": 29, "allowed": 30}


def test_clear__link_used_from_dear_to_cheap__reverts(chain: SealedChain) -> None:
    given = market(
        [([(60, 100)], [(90, 50)]), ([(20, 100)], [(40, 10)])],
        [(0, 1, 30, 5)],
    )
    true = solve(given)
    assert true.flows == (-30,)

    refused = refused_proposal(chain, given, replace(true, flows=(-29,)))

    assert refused.name == "FlowNotAtBound"
    assert refused.arguments == {"link": 0, "given": -29, "allowed": -30}


def test_clear__shares_differ_across_a_link_with_room__reverts(chain: SealedChain) -> None:
    true = solve(TWO_PRICES)
    # 5 units more from zone 1 than its part of 100 sells at 60, with the shares that say so.
    flows = (30, true.flows[1] + 5)
    outcome = verify(TWO_PRICES, true)
    filled = [outcome.zones[1].sold + 5, outcome.zones[2].sold - 5]
    shares = (true.shares[0], filled[0] * SHARE_ONE // 100, filled[1] * SHARE_ONE // 300)

    refused = refused_proposal(chain, TWO_PRICES, replace(true, flows=flows, shares=shares))

    assert refused.name == "FlowNotAtBound"
    assert refused.arguments["link"] == 1


def test_clear__fill_is_not_the_share__reverts(chain: SealedChain) -> None:
    true = solve(TWO_PRICES)

    refused = refused_proposal(chain, TWO_PRICES, replace(true, flows=(30, true.flows[1] + 5)))

    assert refused.name == "ShareNotProportional"


def test_clear__net_export_no_order_has__reverts(chain: SealedChain) -> None:
    given = market([([(20, 10)], []), ([], [(50, 100)])], [(0, 1, 100, 100)])
    true = solve(given)
    assert true.flows == (10,)

    refused = refused_proposal(chain, given, replace(true, flows=(11,)))

    assert refused.name == "NetExportOutsideBand"
    assert refused.arguments == {"zone": 0, "given": 11, "lowest": 10, "highest": 10}


def test_clear__price_is_not_the_middle__reverts(chain: SealedChain) -> None:
    true = solve(LOOSE)
    assert (true.prices, true.interval) == ((55, 55), ((30, 30), (80, 80)))

    refused = refused_proposal(chain, LOOSE, replace(true, prices=(56, 56)))

    assert refused.name == "NotTheMidpoint"
    assert refused.arguments == {"zone": 0, "given": 56, "allowed": 55}


@pytest.mark.parametrize(
    ("interval", "name"),
    [
        (((31, 31), (79, 79)), "IntervalNotLowest"),
        (((30, 30), (79, 79)), "IntervalNotHighest"),
        (((29, 29), (81, 81)), "NetExportOutsideBand"),
        (((30, 30), (81, 80)), "NetExportOutsideBand"),
        (((31, 30), (80, 80)), "FlowNotAtBound"),
        (((80, 80), (30, 30)), "PriceOutOfRange"),
    ],
)
def test_clear__interval_false__reverts(
    chain: SealedChain, interval: tuple[tuple[int, int], tuple[int, int]], name: str
) -> None:
    prices = tuple((low + high) // 2 for low, high in zip(*interval, strict=True))

    refused = refused_proposal(
        chain, LOOSE, replace(solve(LOOSE), prices=prices, interval=interval)
    )

    assert refused.name == name


def test_clear__net_export_beyond_its_field__reverts() -> None:
    # The largest curve holds more than 2^35 units: 255 words of coarse steps.
    grid = PriceGrid(0, 10, 1)
    chain = SealedChain(grid)
    energy = 1 << 35
    given = market([([(0, energy)], []), ([], [(10, energy)])], [(0, 1, 0, energy)], grid=grid)
    session = packed(given, grid)
    chain.seal(0, session)

    refused = refusal(chain, 0, session, solve(given).encode(given.links))

    assert refused.name == "NetExportTooLarge"
    assert refused.arguments == {"zone": 0, "given": energy, "allowed": energy - 1}


# --- Results --------------------------------------------------------------------------------------


def test_results__not_cleared_or_no_such_zone__revert(chain: SealedChain) -> None:
    session = chain.session(0)
    for arguments in (("resultsOf", session), ("resultOf", session, 0)):
        with pytest.raises(Refused) as refused:
            chain.auction.ask(*arguments)
        assert refused.value.name == "NotCleared"
        assert refused.value.arguments == {"session": session}
    chain.prove(0, LOOSE, solve(LOOSE))

    with pytest.raises(Refused) as refused:
        chain.auction.ask("resultOf", session, 2)

    assert refused.value.name == "UnknownZone"
    assert refused.value.arguments == {"given": 2, "allowed": 1}


def test_filled_energy__orders_at_the_price__share_to_the_last_unit(chain: SealedChain) -> None:
    given = market([([(60, 7), (50, 3)], [(90, 8)])])
    chain.prove(0, given, solve(given))
    session = chain.session(0)
    assert chain.results(0) == [(True, 60, 0, False, 5, 7)]

    def filled(limit: int, before: int, energy: int, *, is_sell: bool = True) -> int:
        return int(chain.auction.ask("filledEnergy", session, 0, is_sell, limit, before, energy))

    assert [filled(60, before, 1) for before in range(7)] == [0, 1, 1, 0, 1, 1, 1]
    assert filled(60, 0, 7) == 5
    assert filled(50, 0, 3) == 3
    assert filled(65, 0, 3) == 0
    assert filled(90, 0, 8, is_sell=False) == 8
    assert filled(60, 0, 8, is_sell=False) == 8  # a buy at the price: only sells are rationed
    assert filled(55, 0, 8, is_sell=False) == 0


def test_filled_energy__beyond_the_orders_at_the_price__reverts(chain: SealedChain) -> None:
    given = market([([(60, 7), (50, 3)], [(90, 8)])])
    chain.prove(0, given, solve(given))

    for before, energy in ((0, 8), (7, 1), (3, 5)):
        with pytest.raises(Refused) as refused:
            chain.auction.ask("filledEnergy", chain.session(0), 0, True, 60, before, energy)
        assert refused.value.name == "OutsideRationedOrders"
        assert refused.value.arguments == {"given": before + energy, "allowed": 7}

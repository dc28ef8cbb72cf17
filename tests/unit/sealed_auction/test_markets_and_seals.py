"""Opening markets and sealing sessions.

constructor
├── range not rising, off int32, no whole number of ticks, no tick, too many ticks: PriceGridInvalid
└── else: grid readable
openMarket
├── not the governor: AccessManagedUnauthorized
├── gate in the past, no interval, no sessions, no time, too much of any: ClockInvalid
└── else: MarketOpened, clock readable, gates by arithmetic
commit
├── not a committer: AccessManagedUnauthorized
├── unknown market: UnknownMarket
├── at or after the gate: GateClosed
├── the session 4,096 before can still be cleared: CommitTooEarly
├── no curve, more than seven: ZoneCount
└── else: SessionCommitted, seal readable; the last seal before the gate counts
"""

from __future__ import annotations

import pytest

from energy_grid.clearing.packing import PackedSession
from tests.utils.revm import Refused
from tests.utils.sealed_chain import (
    CLEARING_TIME,
    COMMITTER,
    FIRST_GATE,
    GATE_INTERVAL,
    GOVERNOR,
    OPENED_AT,
    RING,
    STRANGER,
    SealedChain,
)

SEALED = PackedSession(b"\x01\x00", (b"\x00\x00",))
OPEN, UNCOMMITTED, CLEARABLE, CLEARED, EXPIRED = range(5)


def commit(chain: SealedChain, number: int, *, sender: str = COMMITTER, curves: int = 1) -> None:
    chain.auction.send(
        sender, "commit", chain.session(number), SEALED.network_hash, SEALED.curve_hashes * curves
    )


@pytest.mark.parametrize(
    "grid",
    [
        (100, 100, 1),
        (200, 100, 1),
        (-(1 << 31) - 1, 0, 1),
        (0, 1 << 31, 1),
        (0, 100, 0),
        (0, 100, 3),
        (-(1 << 31), (1 << 31) - 1, 1),
    ],
)
def test_constructor__grid_cannot_be__reverts(
    chain: SealedChain, grid: tuple[int, int, int]
) -> None:
    with pytest.raises(RuntimeError):
        chain.revm.deploy("SealedAuction", chain.authority.address, *grid)


def test_constructor__grid__is_readable(chain: SealedChain) -> None:
    auction = chain.revm.deploy("SealedAuction", chain.authority.address, -7, 13, 4)

    assert auction.ask("LOWEST_PRICE") == -7
    assert auction.ask("HIGHEST_PRICE") == 13
    assert auction.ask("ORDER_TICK") == 4
    assert auction.ask("marketCount") == 0


def test_open_market__not_the_governor__reverts(chain: SealedChain) -> None:
    for caller in (COMMITTER, STRANGER):
        with pytest.raises(Refused) as refused:
            chain.auction.send(caller, "openMarket", (FIRST_GATE, 1, 1, 1))
        assert refused.value.name == "AccessManagedUnauthorized"


@pytest.mark.parametrize(
    "clock",
    [
        (OPENED_AT, 3_600, 1, 600),
        (FIRST_GATE, 0, 1, 600),
        (FIRST_GATE, 3_600, 0, 600),
        (FIRST_GATE, 3_600, 1, 0),
        (OPENED_AT + 365 * 86_400 + 1, 3_600, 1, 600),
        (FIRST_GATE, 7 * 86_400 + 1, 1, 600),
        (FIRST_GATE, 3_600, 1, 86_401),
    ],
)
def test_open_market__clock_cannot_be__reverts(
    chain: SealedChain, clock: tuple[int, int, int, int]
) -> None:
    with pytest.raises(Refused) as refused:
        chain.auction.send(GOVERNOR, "openMarket", clock)

    assert refused.value.name == "ClockInvalid"
    assert refused.value.arguments == {"given": clock, "earliestGate": OPENED_AT + 1}


def test_open_market__day_of_24_sessions__they_share_a_gate(chain: SealedChain) -> None:
    clock = (FIRST_GATE, 86_400, 24, 3_600)

    market = chain.auction.send(GOVERNOR, "openMarket", clock)

    (event,) = chain.auction.events("MarketOpened")
    assert (event.market, tuple(event.clock)) == (2, clock)
    assert market == chain.auction.ask("marketCount") == 2
    assert tuple(chain.auction.ask("clockOf", 2)) == clock
    assert chain.auction.ask("rentOf", 2) == 0
    for number, day in ((0, 0), (23, 0), (24, 1), (24 * 365, 365)):
        session = chain.auction.ask("sessionId", 2, number)
        assert session == 2 << 32 | number
        assert chain.auction.ask("gateOf", session) == FIRST_GATE + day * 86_400
        assert chain.auction.ask("clearingEndOf", session) == FIRST_GATE + day * 86_400 + 3_600


def test_views__unknown_market__revert(chain: SealedChain) -> None:
    for function, argument in (
        ("clockOf", 7),
        ("rentOf", 7),
        ("gateOf", 7 << 32),
        ("clearingEndOf", 7 << 32),
        ("stateOf", 7 << 32),
    ):
        with pytest.raises(Refused) as refused:
            chain.auction.ask(function, argument)
        assert refused.value.name == "UnknownMarket"
        assert refused.value.arguments == {"given": 7, "allowed": 1}


def test_commit__not_a_committer__reverts(chain: SealedChain) -> None:
    for caller in (GOVERNOR, STRANGER):
        with pytest.raises(Refused) as refused:
            commit(chain, 0, sender=caller)
        assert refused.value.name == "AccessManagedUnauthorized"


def test_commit__unknown_market__reverts(chain: SealedChain) -> None:
    with pytest.raises(Refused) as refused:
        chain.auction.send(COMMITTER, "commit", 9 << 32, b"\x01" * 32, [b"\x02" * 32])

    assert refused.value.name == "UnknownMarket"


def test_commit__before_the_gate__seals(chain: SealedChain) -> None:
    chain.revm.at(chain.gate(3) - 1)

    commit(chain, 3)

    (event,) = chain.auction.events("SessionCommitted")
    assert event.session == chain.session(3)
    assert event.networkHash == SEALED.network_hash
    assert list(event.curveHashes) == SEALED.curve_hashes
    assert chain.auction.ask("commitmentOf", chain.session(3)) == SEALED.seal
    assert chain.auction.ask("commitmentOf", chain.session(4)) == bytes(28)


def test_commit__again_before_the_gate__the_last_seal_counts(chain: SealedChain) -> None:
    commit(chain, 0, curves=2)

    commit(chain, 0)

    assert chain.auction.ask("commitmentOf", chain.session(0)) == SEALED.seal


def test_commit__at_the_gate__reverts(chain: SealedChain) -> None:
    chain.revm.at(chain.gate(3))

    with pytest.raises(Refused) as refused:
        commit(chain, 3)

    assert refused.value.name == "GateClosed"
    assert refused.value.arguments == {"given": chain.gate(3), "gate": chain.gate(3)}


@pytest.mark.parametrize("curves", [0, 8])
def test_commit__number_of_curves__reverts(chain: SealedChain, curves: int) -> None:
    with pytest.raises(Refused) as refused:
        commit(chain, 0, curves=curves)

    assert refused.value.name == "ZoneCount"
    assert refused.value.arguments == {"given": curves, "allowed": 7}


def test_commit__session_of_the_next_turn__not_while_the_former_can_be_cleared(
    chain: SealedChain,
) -> None:
    commit(chain, 5)
    former_end = chain.gate(5) + CLEARING_TIME
    chain.revm.at(former_end)

    with pytest.raises(Refused) as refused:
        commit(chain, 5 + RING)

    assert refused.value.name == "CommitTooEarly"
    assert refused.value.arguments == {"given": former_end, "earliest": former_end + 1}
    chain.revm.at(former_end + 1)
    commit(chain, 5 + RING)
    assert chain.auction.ask("commitmentOf", chain.session(5 + RING)) == SEALED.seal
    assert chain.auction.ask("commitmentOf", chain.session(5)) == bytes(28)


def test_state__without_a_seal__void_from_the_gate_on(chain: SealedChain) -> None:
    session = chain.session(0)
    assert chain.auction.ask("stateOf", session) == OPEN

    chain.revm.at(FIRST_GATE)

    assert chain.auction.ask("stateOf", session) == UNCOMMITTED


def test_state__with_a_seal__clearable_then_expired(chain: SealedChain) -> None:
    commit(chain, 0)
    session = chain.session(0)
    for unix, state in (
        (FIRST_GATE - 1, OPEN),
        (FIRST_GATE, CLEARABLE),
        (FIRST_GATE + CLEARING_TIME, CLEARABLE),
        (FIRST_GATE + CLEARING_TIME + 1, EXPIRED),
        (FIRST_GATE + GATE_INTERVAL, EXPIRED),
    ):
        chain.revm.at(unix)
        assert chain.auction.ask("stateOf", session) == state

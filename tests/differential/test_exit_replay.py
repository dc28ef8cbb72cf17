"""I-46 to the end: money by the logs alone, from the first deposit to the last exit."""

from __future__ import annotations

import random
from typing import Any

import pytest

from energy_grid.replay import ExitReplay, TradingReplay
from tests.differential.test_shutdown import random_market
from tests.utils.revm import Revm, raw_log
from tests.utils.shutdown_market import TREASURY, ZONES, ShutdownMarket

SEEDS = 2

Heard = list[tuple[Any, int]]


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> Heard:
    """Every log of the chains of a test, with its time."""
    logs: Heard = []
    call = Revm.call

    def listening(chain: Revm, sender: str, to: str, data: bytes, **how: Any) -> bytes:
        answer = call(chain, sender, to, data, **how)
        if not how["static"]:
            logs.extend((log, chain.now) for log in chain.logs)
        return answer

    monkeypatch.setattr(Revm, "call", listening)
    return logs


def compare(market: ShutdownMarket, heard: Heard) -> None:
    """All ledgers of the settlement, and from when zones are closed."""
    replay, trading = ExitReplay(TREASURY), TradingReplay(1)
    for contract, reducer in ((market.settlement, replay), (market.market, trading)):
        for log, now in heard:
            if log.address.lower() == contract.address.lower():
                event = contract.abi.decode_log(raw_log(log))
                assert event is not None
                reducer.apply(event, now)
    ask = market.settlement.ask
    assert (replay.tracked, replay.clearing) == (ask("trackedTotal"), ask("clearing"))
    for address, known in replay.accounts.items():
        state = market.account(address)
        assert (state.free, state.locked, state.security, state.arrears, state.settledUntil) == (
            known.free, known.locked, known.security, known.arrears, known.settled_until,
        ), address  # fmt: skip
    for zone in ZONES:
        state = ask("zoneState", zone)
        assert (state.bond, state.claims) == (replay.zone(zone).bond, replay.zone(zone).owed)
        assert market.market.ask("closedFrom", zone) == trading.closed_from.get(zone, 0)


@pytest.mark.parametrize("seed", range(SEEDS))
def test_replay__random_market_wound_down__ledgers_as_the_views_say(
    seed: int, heard: Heard
) -> None:
    market, _ = random_market(seed)
    compare(market, heard)

    market._rush(random.Random(seed), 12)
    compare(market, heard)

    market.end(random.Random(seed))
    compare(market, heard)
    assert {"WindDownStarted", "AccountClosed", "ZoneFinalized"} <= {
        event.name
        for log, _ in heard
        if (event := market.settlement.abi.decode_log(raw_log(log))) is not None
    }

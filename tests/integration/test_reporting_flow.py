"""Five reporters and a collector publish rounds on Anvil; killed and restarted they double nothing.

flow          all feeds by heartbeat; by deviation; an outlier left out; two down; too few
restart       a reporter: the same value again; a collector: planned rounds stay planned
two collectors  one round, the second transaction without effect
reporter set  changed: old signatures void, signed anew
equivocation  evidence, left out, told to the guardian
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from energy_grid.feeds import FeedKind, FeedStatus, Observation, SignedObservation
from energy_grid.outbox import State
from energy_grid.units import UnixSeconds
from oracles.collector.service import CollectorOptions
from oracles.guardian.evidence import equivocations_of
from oracles.reporters.posting import Collector
from oracles.reporting.wire import Delivery
from tests.utils.anvil import Anvil
from tests.utils.reporting import (
    DEMAND,
    FEEDS,
    FREQUENCY,
    START,
    TEMPERATURE,
    Collecting,
    Reported,
    ReportingChain,
    open_collector,
    open_reporter,
)


@pytest.fixture(scope="module")
def deployed(anvil: Callable[..., Anvil]) -> ReportingChain:
    return ReportingChain(anvil())


@pytest.fixture
def chain(deployed: ReportingChain) -> Iterator[ReportingChain]:
    snapshot = deployed.anvil.snapshot()
    yield deployed
    deployed.anvil.revert(snapshot)


@pytest.fixture
def collector(chain: ReportingChain, tmp_path: Path) -> Iterator[Collecting]:
    found = open_collector(chain, tmp_path / "collector")
    found.keeper.cycle()
    yield found
    found.close()


@pytest.fixture
def reporters(
    chain: ReportingChain, collector: Collecting, tmp_path: Path
) -> Iterator[list[Reported]]:
    found = [open_reporter(chain, i, tmp_path, [collector.server.url]) for i in range(5)]
    yield found
    for one in found:
        one.reporter.close()


def publish(reporters: list[Reported], *collectors: Collecting) -> list[Any]:
    """One cycle of everybody, and one more of the collectors to see it mined."""
    reports = [one.reporter.cycle() for one in reporters]
    for collector in collectors:
        collector.keeper.cycle()
        collector.keeper.cycle()
    return reports


def test_cycle__heartbeat_due__all_feeds_published(
    chain: ReportingChain, reporters: list[Reported], collector: Collecting
) -> None:
    for number, one in enumerate(reporters):
        one.say(FeedKind.DEMAND, 50_000 + number)

    reports = publish(reporters, collector)

    assert reports[0].planned == {"demand": 1, "frequency": 1, "temperature": 1}
    assert not reports[0].problems
    assert chain.read(DEMAND)[::2] == (50_002, FeedStatus.OK)
    assert chain.read(FREQUENCY)[::2] == (50_000, FeedStatus.OK)
    assert chain.read(TEMPERATURE)[::2] == (2_000, FeedStatus.OK)
    assert [event.answers for event in chain.published(DEMAND)] == [3], "no more than needed"
    assert [row.business_key[:18] for row in collector.outbox.rows()] == [
        "report:GridOracle:",
        "report:WeatherOrac",
    ], "one transaction an oracle"
    again = publish(reporters, collector)
    assert all(report.is_idle for report in again)
    assert collector.outbox.count() == 2


def test_cycle__small_and_large_change__only_the_large_one_published(
    chain: ReportingChain, reporters: list[Reported], collector: Collecting
) -> None:
    publish(reporters, collector)
    chain.advance(120)
    for one in reporters:
        one.say(FeedKind.FREQUENCY, 50_020)
    publish(reporters, collector)
    assert chain.read(FREQUENCY)[0] == 50_000, "0.02 Hz is not more than 0.02 Hz"

    for one in reporters:
        one.say(FeedKind.FREQUENCY, 49_979)
    publish(reporters, collector)

    assert chain.read(FREQUENCY)[::2] == (49_979, FeedStatus.OK)
    assert len(chain.published(FREQUENCY)) == 2
    assert len(chain.published(DEMAND)) == 1


def test_cycle__next_heartbeat__published_again(
    chain: ReportingChain, reporters: list[Reported], collector: Collecting
) -> None:
    publish(reporters, collector)
    chain.advance(900)

    publish(reporters, collector)

    rounds = [event.round for event in chain.published(DEMAND)]
    assert rounds == [START // 60, (START + 900) // 60]


def test_cycle__two_of_five_down__published(
    chain: ReportingChain, reporters: list[Reported], collector: Collecting
) -> None:
    publish(reporters[:3], collector)

    assert chain.read(DEMAND)[::2] == (50_000, FeedStatus.OK)


def test_cycle__outlier_within_plausibility__left_out(
    chain: ReportingChain, reporters: list[Reported], collector: Collecting
) -> None:
    for number, one in enumerate(reporters):
        one.say(FeedKind.FREQUENCY, 50_000 + number)
    reporters[1].say(FeedKind.FREQUENCY, 52_000)

    publish(reporters, collector)

    assert chain.read(FREQUENCY)[::2] == (50_002, FeedStatus.OK)
    assert chain.published(FREQUENCY)[0].spread <= 4


def test_cycle__too_few_then_silence__stale_after_one_and_a_half_heartbeats(
    chain: ReportingChain, reporters: list[Reported], collector: Collecting
) -> None:
    publish(reporters, collector)
    published_at = chain.now
    chain.advance(900)

    publish(reporters[:2], collector)

    assert len(chain.published(DEMAND)) == 1, "two of five are too few"
    assert chain.read(DEMAND)[2] is FeedStatus.OK
    chain.anvil.advance_to(START + 1_349)
    assert chain.read(DEMAND)[2] is FeedStatus.OK
    chain.anvil.advance_to(START + 1_351)
    assert chain.read(DEMAND)[2] is FeedStatus.STALE
    assert chain.read(DEMAND)[:2] == (50_000, chain.published(DEMAND) and chain.read(DEMAND)[1])
    assert published_at < START + 60


def test_reporter__killed_after_signing__the_same_value_after_restart(
    chain: ReportingChain, reporters: list[Reported], collector: Collecting, tmp_path: Path
) -> None:
    first = reporters[0]
    first.reporter.plan()  # signed, not handed over
    signed = first.record.to_hand_over("x", chain.oracles["GridOracle"].address, 1, DEMAND)
    first.reporter.close()

    again = open_reporter(chain, 0, tmp_path, [collector.server.url])
    again.say(FeedKind.DEMAND, 90_000)
    publish([again, *reporters[1:]], collector)

    kept = collector.shelf.observations(chain.oracles["GridOracle"].address, DEMAND, START // 60, 1)
    mine = next(one for one in kept if one.reporter == again.key.address)
    assert mine.signed == signed[0].signed
    assert chain.read(DEMAND)[::2] == (50_000, FeedStatus.OK)
    assert collector.shelf.evidence_count() == 0
    again.reporter.close()


def test_collector__killed_after_planning__round_published_once(
    chain: ReportingChain, reporters: list[Reported], collector: Collecting
) -> None:
    for one in reporters:
        one.reporter.cycle()
    collector.keeper.plan()  # on disk, not sent
    folder = collector.folder
    collector.close()

    restarted = open_collector(chain, folder)
    restarted.keeper.cycle()
    restarted.keeper.cycle()

    assert [len(chain.published(feed)) for feed in FEEDS] == [1, 1, 1]
    assert restarted.outbox.count(State.MINED, State.FINAL) == 2
    restarted.close()


@pytest.mark.faults_long
def test_collectors__two_of_them__each_round_once(
    chain: ReportingChain, collector: Collecting, tmp_path: Path
) -> None:
    other = open_collector(chain, tmp_path / "other", number=2)
    other.keeper.cycle()
    urls = [collector.server.url, other.server.url]
    reporters = [open_reporter(chain, i, tmp_path, urls) for i in range(5)]

    publish(reporters, collector, other)

    assert [len(chain.published(feed)) for feed in FEEDS] == [1, 1, 1]
    assert chain.read(DEMAND)[2] is FeedStatus.OK
    for one in reporters:
        one.reporter.close()
    other.close()


@pytest.mark.faults_long
def test_collector__away__handed_over_when_it_is_back(
    chain: ReportingChain, collector: Collecting, tmp_path: Path
) -> None:
    port, folder = collector.server.port, collector.folder
    collector.close()
    reporters = [open_reporter(chain, i, tmp_path, [f"http://127.0.0.1:{port}"]) for i in range(5)]
    for one in reporters:
        one.reporter.cycle()
        assert not one.ops.health.is_ready
    for one in reporters:
        one.reporter._collectors[0]._rests_until = 0.0  # not to wait

    restarted = open_collector(chain, folder, port=port)
    restarted.keeper.cycle()
    publish(reporters, restarted)

    assert chain.read(DEMAND)[2] is FeedStatus.OK
    assert all(one.ops.health.is_ready for one in reporters)
    for one in reporters:
        one.reporter.close()
    restarted.close()


def test_reporter_set__changed__old_signatures_void_and_signed_anew(
    chain: ReportingChain, reporters: list[Reported], collector: Collecting
) -> None:
    for one in reporters:
        one.reporter.cycle()
    chain.set_reporters("GridOracle", [0, 1, 2, 3])
    collector.keeper.cycle()
    assert not chain.published(DEMAND)

    reports = publish(reporters, collector)

    assert chain.read(DEMAND)[::2] == (50_000, FeedStatus.OK)
    assert "is no reporter of GridOracle" in " ".join(reports[4].problems)


def test_equivocation__two_values_signed__evidence_and_left_out(
    chain: ReportingChain, reporters: list[Reported], collector: Collecting
) -> None:
    oracle = chain.oracles["GridOracle"]
    address, private_key = chain.keys[0]
    client = Collector(collector.server.url)
    for value in (50_400, 50_900):
        observation = Observation(DEMAND, START // 60, UnixSeconds(START), 900, 1, value)
        signed = SignedObservation.sign(observation, oracle.domain, private_key)
        outcome = client.post([Delivery(oracle.address, signed)])[0]
        assert outcome.accepted is (value == 50_400)
    client.close()

    publish(reporters[1:], collector)

    assert chain.read(DEMAND)[::2] == (50_000, FeedStatus.OK)
    lines = (collector.folder / "evidence.jsonl").read_text().splitlines()
    evidence = json.loads(lines[0])
    assert (evidence["reporter"], evidence["first"], evidence["second"]) == (
        address,
        "50400",
        "50900",
    )
    domains = {name: one.domain for name, one in chain.oracles.items()}
    told = list(equivocations_of([collector.folder / "evidence.jsonl"], domains))
    assert [(one.oracle, one.reporter, one.first, one.second) for one in told] == [
        ("GridOracle", address, 50_400, 50_900)
    ]
    assert collector.ops.metrics.value("eg_equivocations_total", reporter=address) == 1


@pytest.mark.faults_long
def test_options__many_feeds__at_most_so_many_reports_in_one_transaction(
    chain: ReportingChain, tmp_path: Path
) -> None:
    collector = open_collector(
        chain,
        tmp_path / "few",
        number=3,
        options=CollectorOptions(wait_seconds=0, most_reports=1, most_answers=5),
    )
    collector.keeper.cycle()
    reporters = [open_reporter(chain, i, tmp_path, [collector.server.url]) for i in range(5)]

    publish(reporters, collector)

    assert sorted(row.business_key for row in collector.outbox.rows())[0] == (
        f"report:GridOracle:{DEMAND.id}:{START // 60}"
    )
    assert chain.published(DEMAND)[0].answers == 5
    for one in reporters:
        one.reporter.close()
    collector.close()


@pytest.mark.faults_long
@pytest.mark.parametrize("depth", [1, 2])
def test_reorganisation__block_of_a_report_gone__published_again_once_with_the_same_values(
    chain: ReportingChain, reporters: list[Reported], collector: Collecting, depth: int
) -> None:
    publish(reporters, collector)
    for one in reporters:
        one.say(FeedKind.DEMAND, 50_900)

    chain.rpc.call("anvil_reorg", depth, [])
    assert sum(len(chain.published(feed)) for feed in FEEDS) < 3
    for _ in range(6):
        publish(reporters, collector)
        chain.anvil.mine()

    assert [len(chain.published(feed)) for feed in FEEDS] == [1, 1, 1]
    assert chain.read(DEMAND)[::2] == (50_000, FeedStatus.OK)
    assert collector.shelf.evidence_count() == 0
    assert collector.outbox.count(State.FAILED) == 0

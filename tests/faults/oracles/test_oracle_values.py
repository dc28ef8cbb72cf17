"""X-14: false values and absent sources, from the source to the chain.

one source of three   far off, wrong decimals, zero, negative, NaN, stale: refused, median unmoved
sources away          2 of 5 of each reporter: goes on; all but too few: nothing signed, alarm
reporters away        2 of 5: goes on; 3 of 5: nothing published, STALE after 1.5 heartbeats
false reporter        signs what it likes: refused by the collector, or left out, or median unmoved
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from energy_grid.feeds import FeedKind, FeedStatus, Observation, SignedObservation
from energy_grid.units import UnixSeconds, Zone
from oracles.reporters.posting import Collector
from oracles.reporting.wire import Delivery
from oracles.sources.combining import CombiningRules
from oracles.sources.errors import (
    ImplausibleValueError,
    SourceError,
    SourceUnreachableError,
)
from tests.utils.anvil import Anvil
from tests.utils.reporting import (
    DEMAND,
    FEEDS,
    FREQUENCY,
    START,
    TEMPERATURE,
    Collecting,
    Instrument,
    Reported,
    ReportingChain,
    open_collector,
    open_reporter,
)

NAN = ImplausibleValueError("not finite", found="NaN")
AWAY = SourceUnreachableError("away")
FALSE_VALUES: dict[str, dict[FeedKind, int | SourceError]] = {
    "outlier": {FeedKind.DEMAND: 90_000, FeedKind.FREQUENCY: 51_500, FeedKind.TEMPERATURE: 4_000},
    "x 1000": {
        FeedKind.DEMAND: 50_000_000,
        FeedKind.FREQUENCY: 50_000_000,
        FeedKind.TEMPERATURE: 2_000_000,
    },
    "x 10^8": {
        FeedKind.DEMAND: 50_000 * 10**8,
        FeedKind.FREQUENCY: 50_000 * 10**8,
        FeedKind.TEMPERATURE: 2_000 * 10**8,
    },
    "/ 1000": {FeedKind.DEMAND: 50, FeedKind.FREQUENCY: 50, FeedKind.TEMPERATURE: 2},
    "zero": {FeedKind.DEMAND: 0, FeedKind.FREQUENCY: 0, FeedKind.TEMPERATURE: 0},
    "negative": {
        FeedKind.DEMAND: -50_000,
        FeedKind.FREQUENCY: -50_000,
        FeedKind.TEMPERATURE: -9_999,
    },
    "nan": {FeedKind.DEMAND: NAN, FeedKind.FREQUENCY: NAN, FeedKind.TEMPERATURE: NAN},
}


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


def reporters_with(
    chain: ReportingChain, collector: Collecting, folder: Path, sources: int, minimum: int
) -> list[Reported]:
    return [
        open_reporter(
            chain,
            number,
            folder,
            [collector.server.url],
            [Instrument(f"source-{i}") for i in range(sources)],
            CombiningRules(minimum=minimum),
        )
        for number in range(5)
    ]


def publish(reporters: list[Reported], collector: Collecting) -> None:
    for one in reporters:
        one.reporter.cycle()
    collector.keeper.cycle()
    collector.keeper.cycle()


def close(reporters: list[Reported]) -> None:
    for one in reporters:
        one.reporter.close()


@pytest.mark.parametrize("fault", FALSE_VALUES)
def test_x14__one_source_of_three_false__median_unmoved(
    chain: ReportingChain, collector: Collecting, tmp_path: Path, fault: str
) -> None:
    reporters = reporters_with(chain, collector, tmp_path, 3, 2)
    for one in reporters:
        one.instruments[1].values.update(FALSE_VALUES[fault])

    publish(reporters, collector)

    assert chain.read(DEMAND)[::2] == (50_000, FeedStatus.OK)
    assert chain.read(FREQUENCY)[::2] == (50_000, FeedStatus.OK)
    assert chain.read(TEMPERATURE)[::2] == (2_000, FeedStatus.OK)
    refused = reporters[0].ops.metrics.text().decode()
    assert 'eg_source_refusals_total{reason="' in refused and 'source="source-1"' in refused
    close(reporters)


def test_x14__one_source_stale__not_used(
    chain: ReportingChain, collector: Collecting, tmp_path: Path
) -> None:
    reporters = reporters_with(chain, collector, tmp_path, 3, 2)
    for one in reporters:
        one.instruments[0].late_seconds = 7_200
        one.instruments[0].values[FeedKind.DEMAND] = 50_900

    publish(reporters, collector)

    assert chain.read(DEMAND)[::2] == (50_000, FeedStatus.OK)
    close(reporters)


def test_x14__two_of_five_sources_away__goes_on(
    chain: ReportingChain, collector: Collecting, tmp_path: Path
) -> None:
    reporters = reporters_with(chain, collector, tmp_path, 5, 3)
    for one in reporters:
        for instrument in one.instruments[:2]:
            instrument.values = dict.fromkeys(instrument.values, AWAY)

    publish(reporters, collector)

    assert [chain.read(feed)[2] for feed in FEEDS] == [FeedStatus.OK] * 3
    close(reporters)


def test_x14__too_few_sources__nothing_signed_and_told(
    chain: ReportingChain, collector: Collecting, tmp_path: Path
) -> None:
    reporters = reporters_with(chain, collector, tmp_path, 3, 2)
    for one in reporters:
        for instrument in one.instruments[:2]:
            instrument.values = dict.fromkeys(instrument.values, AWAY)

    report = reporters[0].reporter.cycle()

    assert report.planned == {}
    assert len(report.problems) == 3
    assert "too few sources" in report.problems[0]
    assert reporters[0].record.count() == 0
    close(reporters)


def test_x14__two_sources_contradict__nothing_signed(
    chain: ReportingChain, collector: Collecting, tmp_path: Path
) -> None:
    (one, *others) = reporters_with(chain, collector, tmp_path, 2, 1)
    one.instruments[1].values[FeedKind.DEMAND] = 500_000

    report = one.reporter.cycle()

    assert "contradict each other" in " ".join(report.problems)
    assert report.planned == {"frequency": 1, "temperature": 1}
    close([one, *others])


def test_x14__two_of_five_reporters_down__goes_on_three__stale(
    chain: ReportingChain, collector: Collecting, tmp_path: Path
) -> None:
    reporters = reporters_with(chain, collector, tmp_path, 1, 1)
    publish(reporters[2:], collector)
    assert chain.read(FREQUENCY)[2] is FeedStatus.OK

    chain.advance(900)
    publish(reporters[3:], collector)

    assert len(chain.published(FREQUENCY)) == 1
    chain.anvil.advance_to(START + 1_349)
    assert chain.read(FREQUENCY)[2] is FeedStatus.OK
    chain.anvil.advance_to(START + 1_350)
    assert chain.read(FREQUENCY)[2] is FeedStatus.STALE
    collector.keeper.cycle()
    stale = collector.ops.metrics.value("eg_feeds_stale_count", oracle="GridOracle")
    assert stale == 2
    publish(reporters[2:], collector)
    assert chain.read(FREQUENCY)[2] is FeedStatus.OK, "back without a human hand"
    close(reporters)


def test_x14__reporter_jumps__refused_until_it_is_old_news(
    chain: ReportingChain, collector: Collecting, tmp_path: Path
) -> None:
    reporters = reporters_with(chain, collector, tmp_path, 1, 1)
    publish(reporters, collector)
    for one in reporters:
        one.say(FeedKind.FREQUENCY, 53_000)
    chain.advance(900)

    report = reporters[0].reporter.cycle()

    assert "jumps" in " ".join(report.problems)
    chain.advance(1_800)
    collector.keeper.cycle()
    publish(reporters, collector)
    assert chain.read(FREQUENCY)[::2] == (53_000, FeedStatus.OK)
    close(reporters)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"value": 50_000_000_000}, "implausible value"),
        ({"value": -1}, "implausible value"),
        ({"zone": Zone(2)}, "has no feed"),
        ({"interval_start": START - 900}, "interval of round"),
        ({"interval_seconds": 60}, "interval of round"),
        ({"round": START // 60 - 100}, "too old"),
        ({"round": START // 60 + 1_000}, "future"),
        ({"reporter_set": 7}, "reporter set"),
        ({"domain": "WeatherOracle"}, "no reporter"),
        ({"stranger": True}, "no reporter"),
    ],
)
def test_x14__false_observation__refused_by_the_collector_with_its_reason(
    chain: ReportingChain,
    collector: Collecting,
    change: dict[str, object],
    reason: str,
) -> None:
    grid = chain.oracles["GridOracle"]
    fields: dict[str, object] = {
        "round": START // 60,
        "interval_start": START,
        "interval_seconds": 900,
        "reporter_set": 1,
        "value": 50_000,
    }
    zone = change.get("zone", Zone(1))
    fields |= {name: value for name, value in change.items() if name in fields}
    observation = Observation(
        feed=type(DEMAND)(FeedKind.DEMAND, zone),  # type: ignore[arg-type]
        round=int(str(fields["round"])),
        interval_start=UnixSeconds(int(str(fields["interval_start"]))),
        interval_seconds=int(str(fields["interval_seconds"])),
        reporter_set=int(str(fields["reporter_set"])),
        value=int(str(fields["value"])),
    )
    domain = chain.oracles[str(change.get("domain", "GridOracle"))].domain
    key = (99).to_bytes(32, "big") if "stranger" in change else chain.keys[0][1]
    client = Collector(collector.server.url)

    (outcome,) = client.post(
        [Delivery(grid.address, SignedObservation.sign(observation, domain, key))]
    )

    assert not outcome.accepted
    assert reason in outcome.reason
    client.close()

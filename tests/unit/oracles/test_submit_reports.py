"""`submitReports`: several feeds in one transaction; a bad report costs the others nothing.

branches:
├── every report good → all published
├── some refused → skipped with their error's selector, the others published
└── gas runs out in one → the whole batch reverts, nothing is skipped for that
"""

from __future__ import annotations

import pytest

from energy_grid.feeds import FeedStatus
from tests.utils.oracles import ANYBODY, DEMAND, FREQUENCY, OracleStage
from tests.utils.revm import Refused


def test_submit_reports__two_feeds__both_published(stage: OracleStage) -> None:
    reports = [stage.report(DEMAND, [1, 2, 3]), stage.report(FREQUENCY, [50_000] * 5)]

    published = stage.oracle.send(ANYBODY, "submitReports", reports)

    assert published == 2
    assert len(stage.oracle.events("RoundPublished")) == 2
    assert stage.read(DEMAND)[::2] == (2, FeedStatus.OK)
    assert stage.read(FREQUENCY)[::2] == (50_000, FeedStatus.OK)


def test_submit_reports__bad_ones_between__skipped_with_their_reason(stage: OracleStage) -> None:
    round_ = stage.round_now(DEMAND)
    reports = [
        stage.report(FREQUENCY, [50]),
        stage.report(DEMAND, [1, 2, 3]),
        stage.report(DEMAND, [4, 5, 6]),
        stage.report(FREQUENCY, [50, 50, 50]),
    ]

    published = stage.oracle.send(ANYBODY, "submitReports", reports)
    skipped = [event.arguments for event in stage.oracle.events("ReportSkipped")]

    assert published == 1
    assert [(one["feedId"], one["round"]) for one in skipped] == [
        (FREQUENCY.id, round_),
        (DEMAND.id, round_),
        (FREQUENCY.id, round_),
    ]
    errors = [stage.oracle.abi.decode_error(one["errorSelector"] + bytes(128)) for one in skipped]
    assert [error.name for error in errors if error] == [
        "TooFewAnswers",
        "RoundNotNewer",
        "ObservationImplausible",
    ]
    assert stage.read(DEMAND)[0] == 2
    assert stage.read(FREQUENCY)[2] == FeedStatus.STALE


def test_submit_reports__none__nothing(stage: OracleStage) -> None:
    assert stage.oracle.send(ANYBODY, "submitReports", []) == 0


def test_submit_reports__starved__whole_or_not_at_all(stage: OracleStage) -> None:
    """T10: no amount of gas makes a good report a skipped one."""
    reports = [stage.report(DEMAND, [1, 2, 3]), stage.report(FREQUENCY, [50_000] * 3)]
    before = stage.chain.snapshot()
    stage.oracle.send(ANYBODY, "submitReports", reports)
    enough = stage.chain.gas_used + stage.chain.gas_used // 4
    outcomes = set()
    for gas in range(22_000, enough, 797):
        stage.chain.revert(before)
        before = stage.chain.snapshot()
        try:
            published = stage.oracle.send(ANYBODY, "submitReports", reports, gas=gas)
        except Refused as refused:
            outcomes.add(refused.name or "out of gas")
            continue
        outcomes.add("published")
        assert published == 2
        assert not stage.oracle.events("ReportSkipped")

    assert outcomes == {"published", "out of gas", "ReportStarved"}


@pytest.mark.parametrize("function", ["read", "readWithFallback", "gridMetrics"])
def test_read__starved__right_or_not_at_all(stage: OracleStage, function: str) -> None:
    """T10: a read with little gas fails as a whole; it never answers something else."""
    stage.submit(DEMAND, [1, 2, 3])
    subject = 1 if function == "gridMetrics" else DEMAND.id
    right = stage.oracle.ask(function, subject)
    answers = []
    for gas in range(21_000, 60_000, 211):
        try:
            answers.append(stage.oracle.ask(function, subject, gas=gas))
        except Refused:
            assert not answers, "enough gas stays enough"

    assert answers
    assert all(answer == right for answer in answers)

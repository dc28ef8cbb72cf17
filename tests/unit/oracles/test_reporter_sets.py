"""`setReporters`, and who may call what.

branches:
├── fewer than 4 or more than 31 → ReporterCountInvalid
├── not ascending, twice, zero → ReportersNotAscending
├── taken → number counts up, members in order, old members out
└── every restricted function → AccessManagedUnauthorized for anybody, and for the other role
"""

from __future__ import annotations

from typing import Any

import pytest

from energy_grid.feeds import standard_config
from tests.utils.oracles import (
    ANYBODY,
    DEMAND,
    GOVERNOR,
    GUARDIAN,
    GUARDIAN_FUNCTIONS,
    NO_SHADOW,
    START,
    ZERO,
    OracleStage,
    reporter_keys,
)
from tests.utils.revm import Refused


def addresses(count: int) -> list[str]:
    return [address for address, _ in reporter_keys(count)]


@pytest.mark.parametrize("count", [4, 5, 7, 10, 31])
def test_set_reporters__ascending__counted_and_in_force(stage: OracleStage, count: int) -> None:
    old, new = addresses(5), addresses(count)

    number = stage.oracle.send(GOVERNOR, "setReporters", new)
    (event,) = stage.oracle.events("ReportersChanged")

    assert number == stage.oracle.ask("reporterSet") == 2
    assert list(stage.oracle.ask("reporters")) == new
    assert event.arguments["oldSet"] == 1
    assert event.arguments["newSet"] == 2
    assert list(event.arguments["oldReporters"]) == old
    assert list(event.arguments["newReporters"]) == new
    for address in {*old, *new}:
        assert stage.oracle.ask("isReporter", address) == (address in new)
    assert stage.oracle.ask("minAnswers") == 2 * ((count - 1) // 3) + 1


@pytest.mark.parametrize("count", [0, 1, 3, 32])
def test_set_reporters__too_few_or_many__refused(stage: OracleStage, count: int) -> None:
    with pytest.raises(Refused) as refused:
        stage.oracle.send(GOVERNOR, "setReporters", addresses(count))

    assert refused.value.name == "ReporterCountInvalid"
    assert refused.value.arguments == {"given": count, "lowest": 4, "highest": 31}


@pytest.mark.parametrize("fault", ["swapped", "twice", "zero"])
def test_set_reporters__not_ascending__refused(stage: OracleStage, fault: str) -> None:
    new = addresses(5)
    index = 1
    match fault:
        case "swapped":
            new[0], new[1] = new[1], new[0]
        case "twice":
            new[1] = new[0]
        case "zero":
            new[0], index = ZERO, 0

    with pytest.raises(Refused) as refused:
        stage.oracle.send(GOVERNOR, "setReporters", new)

    assert refused.value.name == "ReportersNotAscending"
    assert refused.value.arguments == {"index": index, "given": new[index]}


def test_before_the_first_set__nobody_reports(stage: OracleStage) -> None:
    oracle = stage.deploy_oracle()

    assert oracle.ask("reporterSet") == 0
    assert oracle.ask("minAnswers") == 0
    assert list(oracle.ask("reporters")) == []
    assert not oracle.ask("isReporter", ANYBODY)
    assert not oracle.ask("isReporter", addresses(1)[0])


CONFIG = standard_config(DEMAND).as_tuple()
RESTRICTED: dict[str, list[Any]] = {
    "setReporters": [addresses(4)],
    "addFeed": [DEMAND.id, CONFIG, NO_SHADOW],
    "configureFeed": [DEMAND.id, CONFIG],
    "shadowFeed": [DEMAND.id, NO_SHADOW],
    "activateFeed": [DEMAND.id],
    "unfreezeFeed": [DEMAND.id],
    "endFallback": [DEMAND.id],
    "freezeFeed": [DEMAND.id, START + 1],
    "switchToFallback": [DEMAND.id, START + 1],
}


@pytest.mark.parametrize("function", RESTRICTED)
def test_restricted__anybody__refused(stage: OracleStage, function: str) -> None:
    strangers = [ANYBODY, stage.reporters[0][0]]
    if function not in GUARDIAN_FUNCTIONS:
        strangers.append(GUARDIAN)
    for stranger in strangers:
        with pytest.raises(Refused) as refused:
            stage.oracle.send(stranger, function, *RESTRICTED[function])
        assert refused.value.name == "AccessManagedUnauthorized"
        assert refused.value.arguments["caller"].lower() == stranger.lower()


def test_restricted__the_list_is_complete(stage: OracleStage) -> None:
    """Whatever changes state is in the list, or open to anybody on purpose."""
    entries = stage.chain.artifacts.get("GridOracle").abi
    changing = {
        entry["name"]
        for entry in entries
        if entry["type"] == "function" and entry["stateMutability"] not in ("view", "pure")
    }

    assert changing == {*RESTRICTED, "submitReport", "submitReports", "setAuthority"}

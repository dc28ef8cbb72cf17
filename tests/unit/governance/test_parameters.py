"""What can be set about deciding, and within which bounds.

constructor, setters through a decision
├── on a bound                 accepted
├── one beyond                 refused with (given, lowest, highest)
├── vote extension             at most the voting period, and the other way round
└── by anybody but governance  refused
token                          fixed supply, no empty or uneven list of holders
timelock                       delay within bounds, the governor's timelock is fixed
"""

from __future__ import annotations

from typing import Any, Final

import pytest

from tests.unit.governance.stage import (
    ALICE,
    BOB,
    DAY,
    DEPLOYER,
    HOLDINGS,
    HOUR,
    MIN_DELAY,
    PARAMETERS,
    STRANGER,
    SUPPLY,
    TREASURY,
    ZERO,
    Call,
    GovernanceStage,
    Status,
    deployment_refused,
    refusal,
)

FIELDS: Final = (
    "votingDelay",
    "votingPeriod",
    "voteExtension",
    "proposalThreshold",
    "quorumBps",
)
BOUNDS: Final = {
    "votingDelay": (HOUR, 7 * DAY, "VotingDelayOutOfBounds"),
    "votingPeriod": (12 * HOUR, 14 * DAY, "VotingPeriodOutOfBounds"),
    "voteExtension": (HOUR, 2 * DAY, "VoteExtensionOutOfBounds"),
    "proposalThreshold": (SUPPLY // 1_000, SUPPLY // 20, "ProposalThresholdOutOfBounds"),
    "quorumBps": (400, 5_000, "QuorumOutOfBounds"),
}
SETTERS: Final = {
    "votingDelay": "setVotingDelay",
    "votingPeriod": "setVotingPeriod",
    "voteExtension": "setLateQuorumVoteExtension",
    "proposalThreshold": "setProposalThreshold",
    "quorumBps": "updateQuorumNumerator",
}


def with_field(name: str, value: int) -> tuple[int, ...]:
    """Parameters with one of them changed; the voting period leaves room for the extension."""
    values = dict(zip(FIELDS, PARAMETERS, strict=True))
    if name == "voteExtension":
        values["votingPeriod"] = 14 * DAY
    values[name] = value
    return tuple(values.values())


def deploy(stage: GovernanceStage, parameters: tuple[int, ...]) -> Any:
    return stage.chain.deploy(
        "GridGovernor", stage.token.address, stage.timelock.address, parameters
    )


@pytest.mark.parametrize("name", FIELDS)
def test_constructor__on_either_bound__accepted(stage: GovernanceStage, name: str) -> None:
    lowest, highest, _ = BOUNDS[name]

    for value in (lowest, highest):
        governor = deploy(stage, with_field(name, value))
        assert tuple(governor.ask("parameters")) == with_field(name, value)


@pytest.mark.parametrize("name", FIELDS)
@pytest.mark.parametrize("is_above", [False, True], ids=["below", "above"])
def test_constructor__one_beyond_a_bound__refused(
    stage: GovernanceStage, name: str, is_above: bool
) -> None:
    lowest, highest, error = BOUNDS[name]
    given = highest + 1 if is_above else lowest - 1

    with deployment_refused(stage, "GridGovernor", error, (given, lowest, highest)):
        deploy(stage, with_field(name, given))


@pytest.mark.parametrize("name", FIELDS)
def test_setter__decided_on_a_bound_and_beyond__set_or_refused(
    stage: GovernanceStage, name: str
) -> None:
    lowest, highest, error = BOUNDS[name]
    if name == "voteExtension":
        highest = PARAMETERS[1]  # the voting period in force is shorter
    on_bound = stage.decide([Call(stage.governor, SETTERS[name], (highest,))])
    assert stage.status(on_bound) == Status.EXECUTED
    assert getattr(stage.governor.ask("parameters"), name) == highest
    stage.wait(20 * DAY)

    for beyond in (lowest - 1, highest + 1):
        proposal = stage.propose([Call(stage.governor, SETTERS[name], (beyond,))])
        now = stage.governor.ask("parameters")
        stage.wait(now.votingDelay + 1)
        stage.vote(proposal, ALICE)
        stage.vote(proposal, BOB)
        stage.wait(now.votingPeriod + 1)
        stage.queue(proposal)
        stage.wait(MIN_DELAY)

        limits = {"lowest": lowest, "highest": highest}
        if name == "votingPeriod":
            assert lowest > PARAMETERS[2]
        with refusal(error, given=beyond, **limits):
            stage.execute(proposal)
        assert stage.status(proposal) == Status.QUEUED


def test_set_voting_period__below_the_vote_extension__refused(stage: GovernanceStage) -> None:
    stage.decide(
        [
            Call(stage.governor, "setVotingPeriod", (3 * DAY,)),
            Call(stage.governor, "setLateQuorumVoteExtension", (2 * DAY,)),
        ]
    )

    proposal = stage.propose([Call(stage.governor, "setVotingPeriod", (2 * DAY - 1,))])
    stage.wait(PARAMETERS[0] + 1)
    stage.vote(proposal, ALICE)
    stage.wait(3 * DAY)
    stage.queue(proposal)
    stage.wait(MIN_DELAY)

    with refusal("VotingPeriodOutOfBounds", given=2 * DAY - 1, lowest=2 * DAY, highest=14 * DAY):
        stage.execute(proposal)


@pytest.mark.parametrize("name", FIELDS)
@pytest.mark.parametrize("caller", [ALICE, DEPLOYER, STRANGER])
def test_setter__called_directly__refused(stage: GovernanceStage, name: str, caller: str) -> None:
    with refusal("GovernorOnlyExecutor", account=caller):
        stage.governor.send(caller, SETTERS[name], BOUNDS[name][0])


def test_update_timelock__by_decision__refused(stage: GovernanceStage) -> None:
    proposal = stage.enqueue([Call(stage.governor, "updateTimelock", (STRANGER,))])
    stage.wait(MIN_DELAY)

    with refusal("TimelockFixed"):
        stage.execute(proposal)


def test_update_delay__by_decision_on_bounds_and_beyond__set_or_refused(
    stage: GovernanceStage,
) -> None:
    for given in (12 * HOUR, 14 * DAY):
        delay = stage.timelock.ask("getMinDelay")
        proposal = stage.enqueue([Call(stage.timelock, "updateDelay", (given,))])
        stage.wait(delay)
        stage.execute(proposal)
        assert stage.timelock.ask("getMinDelay") == given

    for given in (12 * HOUR - 1, 14 * DAY + 1):
        proposal = stage.enqueue([Call(stage.timelock, "updateDelay", (given,))])
        stage.wait(14 * DAY)
        with refusal("DelayOutOfBounds", given=given, lowest=12 * HOUR, highest=14 * DAY):
            stage.execute_directly(proposal)


@pytest.mark.parametrize("given", [12 * HOUR - 1, 14 * DAY + 1])
def test_timelock__deployed_with_a_delay_beyond_bounds__refused(
    stage: GovernanceStage, given: int
) -> None:
    limits = (given, 12 * HOUR, 14 * DAY)

    with deployment_refused(stage, "GridTimelock", "DelayOutOfBounds", limits):
        stage.chain.deploy("GridTimelock", given, [], [ZERO], DEPLOYER)


@pytest.mark.parametrize("caller", [ALICE, DEPLOYER, STRANGER])
def test_update_delay__called_directly__refused(stage: GovernanceStage, caller: str) -> None:
    with refusal("TimelockUnauthorizedCaller", caller=caller):
        stage.timelock.send(caller, "updateDelay", MIN_DELAY)


# --- token ----------------------------------------------------------------------------------------


def test_token__deployed__holders_have_their_amounts_and_votes_after_delegating(
    stage: GovernanceStage,
) -> None:
    assert stage.token.ask("totalSupply") == SUPPLY
    assert stage.token.ask("balanceOf", ALICE) == HOLDINGS[ALICE]
    assert stage.token.ask("getVotes", ALICE) == HOLDINGS[ALICE]
    assert stage.token.ask("getVotes", TREASURY) == 0
    assert stage.token.ask("clock") == stage.chain.now
    assert stage.token.ask("CLOCK_MODE") == stage.governor.ask("CLOCK_MODE") == "mode=timestamp"
    entries = stage.chain.artifacts.get("GovernanceToken").abi
    functions = {entry["name"] for entry in entries if entry["type"] == "function"}
    assert not {name for name in functions if "mint" in name.lower() or "burn" in name.lower()}


@pytest.mark.parametrize(
    ("holders", "amounts", "error", "arguments"),
    [
        ([], [], "HoldersMismatched", (0, 0)),
        ([ALICE], [1, 2], "HoldersMismatched", (1, 2)),
        ([ALICE, BOB], [1, 0], "AmountZero", (1,)),
        ([ZERO], [1], "ERC20InvalidReceiver", (ZERO,)),
        ([ALICE], [2**208], "ERC20ExceededSafeSupply", (2**208, 2**208 - 1)),
    ],
)
def test_token__deployed_with_wrong_holders__refused(
    stage: GovernanceStage,
    holders: list[str],
    amounts: list[int],
    error: str,
    arguments: tuple[Any, ...],
) -> None:
    with deployment_refused(stage, "GovernanceToken", error, arguments):
        stage.chain.deploy("GovernanceToken", holders, amounts)


def test_governor__token_that_counts_blocks__refused(stage: GovernanceStage) -> None:
    blocks = stage.chain.deploy("MockBlockVotes", SUPPLY)

    with deployment_refused(stage, "GridGovernor", "ClockNotTimestamp", ()):
        stage.chain.deploy("GridGovernor", blocks.address, stage.timelock.address, PARAMETERS)

"""Attacks on votes, proposals and the timelock; each is refused.

votes      borrowed for a block, moved after the snapshot, cast twice, never delegated
proposals  without votes, proposed first by somebody else, too many, quorum at the last second
timelock   direct calls, strangers, too early, twice, cancelled, from inside an execution
guardian   cannot rule by vetoes
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.governance.stage import (
    ALICE,
    BOB,
    CAROL,
    DAVE,
    DEPLOYER,
    HOLDINGS,
    HOUR,
    MIN_DELAY,
    STRANGER,
    SUPPLY,
    THRESHOLD,
    TREASURY,
    VOTE_EXTENSION,
    VOTING_DELAY,
    VOTING_PERIOD,
    Call,
    GovernanceStage,
    Status,
    Support,
    refusal,
)
from tests.utils.revm import Refused

GRANTED = (77, DAVE)
NOTHING = bytes(32)


def has_role(stage: GovernanceStage, role: int = 77, account: str = DAVE) -> bool:
    return bool(stage.manager.ask("hasRole", role, account)[0])


# --- the way it should go -------------------------------------------------------------------------


def test_decision__voted_and_waited_for__done_by_anybody_once(stage: GovernanceStage) -> None:
    proposal = stage.propose([stage.grant()])
    assert stage.status(proposal) == Status.PENDING
    stage.wait(VOTING_DELAY + 1)
    assert stage.status(proposal) == Status.ACTIVE
    assert stage.vote(proposal, BOB) == HOLDINGS[BOB]
    assert stage.vote(proposal, CAROL, Support.AGAINST) == HOLDINGS[CAROL]
    stage.wait(VOTING_PERIOD)
    assert stage.status(proposal) == Status.SUCCEEDED

    stage.queue(proposal, by=STRANGER)
    assert stage.status(proposal) == Status.QUEUED
    stage.wait(MIN_DELAY - 1)
    with pytest.raises(Refused):
        stage.execute(proposal)
    stage.wait(1)
    stage.execute(proposal, by=STRANGER)

    assert stage.status(proposal) == Status.EXECUTED
    assert has_role(stage)
    with refusal("GovernorUnexpectedProposalState", current=Status.EXECUTED):
        stage.execute(proposal)


def test_decision__longest_way__takes_less_than_a_freeze_lasts() -> None:
    assert VOTING_DELAY + VOTING_PERIOD + VOTE_EXTENSION + MIN_DELAY < 72 * HOUR


# --- votes ----------------------------------------------------------------------------------------


def borrow(stage: GovernanceStage, to: str = STRANGER, lender: str = TREASURY) -> int:
    """All that a lender has, delegated at once."""
    amount: int = stage.token.ask("balanceOf", lender)
    stage.token.send(lender, "transfer", to, amount)
    stage.token.send(to, "delegate", to)
    return amount


def test_flash_loan__borrow_delegate_propose_in_a_block__no_votes(stage: GovernanceStage) -> None:
    borrow(stage)
    assert stage.token.ask("getVotes", STRANGER) > THRESHOLD

    with refusal(
        "GovernorInsufficientProposerVotes", proposer=STRANGER, votes=0, threshold=THRESHOLD
    ):
        stage.propose([stage.grant()], by=STRANGER)


def test_flash_loan__borrow_and_vote_in_a_block__weighs_nothing(stage: GovernanceStage) -> None:
    proposal = stage.propose([stage.grant()])
    stage.wait(VOTING_DELAY + 1)

    borrow(stage)

    assert stage.vote(proposal, STRANGER) == 0
    assert stage.governor.ask("proposalVotes", proposal.id).forVotes == 0


def test_flash_loan__taken_and_given_back_in_the_second_of_the_snapshot__weighs_nothing(
    stage: GovernanceStage,
) -> None:
    proposal = stage.propose([stage.grant()])
    stage.wait(VOTING_DELAY)

    amount = borrow(stage)
    stage.token.send(STRANGER, "transfer", TREASURY, amount)
    stage.wait(1)

    assert stage.vote(proposal, STRANGER) == 0


def test_vote__in_the_second_of_the_snapshot__not_yet(stage: GovernanceStage) -> None:
    """Voting power of the snapshot's second is known once that second is over."""
    proposal = stage.propose([stage.grant()])
    stage.wait(VOTING_DELAY)

    with refusal("GovernorUnexpectedProposalState", current=Status.PENDING):
        stage.vote(proposal, ALICE)


def test_vote__tokens_moved_after_the_snapshot__counted_once(stage: GovernanceStage) -> None:
    proposal = stage.propose([stage.grant()])
    stage.wait(VOTING_DELAY + 1)
    assert stage.vote(proposal, ALICE) == HOLDINGS[ALICE]

    stage.token.send(ALICE, "transfer", DAVE, HOLDINGS[ALICE])
    stage.token.send(DAVE, "delegate", DAVE)
    stage.wait(10)

    assert stage.vote(proposal, DAVE) == 0
    assert stage.governor.ask("proposalVotes", proposal.id).forVotes == HOLDINGS[ALICE]


def test_vote__delegated_on_after_the_snapshot__counted_once(stage: GovernanceStage) -> None:
    proposal = stage.propose([stage.grant()])
    stage.wait(VOTING_DELAY + 1)

    stage.token.send(ALICE, "delegate", BOB)
    stage.wait(10)

    assert stage.vote(proposal, ALICE) == HOLDINGS[ALICE]
    assert stage.vote(proposal, BOB) == HOLDINGS[BOB]


def test_vote__twice__refused(stage: GovernanceStage) -> None:
    proposal = stage.propose([stage.grant()])
    stage.wait(VOTING_DELAY + 1)
    stage.vote(proposal, ALICE)

    with refusal("GovernorAlreadyCastVote", voter=ALICE):
        stage.vote(proposal, ALICE, Support.AGAINST)


def test_vote__never_delegated__weighs_nothing(stage: GovernanceStage) -> None:
    proposal = stage.propose([stage.grant()])
    stage.wait(VOTING_DELAY + 1)

    assert stage.vote(proposal, TREASURY) == 0


def test_votes__below_the_quorum__defeated(stage: GovernanceStage) -> None:
    """A tenth of all tokens, undelegated ones included."""
    holding = SUPPLY // 10 - 1
    stage.token.send(ALICE, "transfer", DAVE, holding)
    stage.token.send(DAVE, "delegate", DAVE)
    stage.wait(1)
    proposal = stage.propose([stage.grant()], by=BOB)
    stage.wait(VOTING_DELAY + 1)
    stage.vote(proposal, DAVE)
    stage.wait(VOTING_PERIOD)

    assert stage.status(proposal) == Status.DEFEATED
    with refusal("GovernorUnexpectedProposalState", current=Status.DEFEATED):
        stage.queue(proposal)


def test_quorum__reached_in_the_last_second__others_have_time_to_answer(
    stage: GovernanceStage,
) -> None:
    proposal = stage.propose([stage.grant()])
    stage.wait(VOTING_DELAY + VOTING_PERIOD)

    stage.vote(proposal, BOB)

    assert stage.governor.ask("proposalDeadline", proposal.id) == stage.chain.now + VOTE_EXTENSION
    stage.wait(VOTE_EXTENSION)
    stage.vote(proposal, ALICE, Support.AGAINST)
    stage.wait(1)
    assert stage.status(proposal) == Status.DEFEATED


# --- proposals ------------------------------------------------------------------------------------


def test_propose__seen_and_proposed_first_by_another__kept_by_its_suffix(
    stage: GovernanceStage,
) -> None:
    text = f"Lower the fee #proposer={ALICE.lower()}"

    with refusal("GovernorRestrictedProposer", proposer=BOB):
        stage.propose([stage.grant()], by=BOB, text=text)

    assert stage.status(stage.propose([stage.grant()], by=ALICE, text=text)) == Status.PENDING


def test_cancel__by_anybody_but_the_proposer_or_too_late__refused(stage: GovernanceStage) -> None:
    proposal = stage.propose([stage.grant()])
    for other in (BOB, STRANGER, DEPLOYER):
        with refusal("GovernorUnableToCancel", proposalId=proposal.id, account=other):
            stage.governor.send(other, "cancel", *proposal.hashed)
    stage.wait(VOTING_DELAY + 1)

    with refusal("GovernorUnableToCancel", proposalId=proposal.id, account=ALICE):
        stage.governor.send(ALICE, "cancel", *proposal.hashed)


def test_propose__fourth_open_proposal__refused_until_one_closes(stage: GovernanceStage) -> None:
    proposals = [stage.propose([stage.grant()]) for _ in range(3)]
    assert stage.governor.ask("openProposals", ALICE) == [one.id for one in proposals]
    with refusal("TooManyOpenProposals", proposer=ALICE, allowed=3):
        stage.propose([stage.grant()])
    stage.propose([stage.grant()], by=BOB)

    stage.governor.send(ALICE, "cancel", *proposals[1].hashed)
    fourth = stage.propose([stage.grant()])

    assert sorted(stage.governor.ask("openProposals", ALICE)) == sorted(
        [proposals[0].id, proposals[2].id, fourth.id]
    )
    stage.wait(VOTING_DELAY + VOTING_PERIOD + 1)  # defeated: nobody voted
    assert stage.governor.ask("openProposals", ALICE) == []
    stage.propose([stage.grant()])


# --- timelock -------------------------------------------------------------------------------------


@pytest.mark.parametrize("caller", [DEPLOYER, ALICE, STRANGER])
def test_access_manager__called_by_anybody_but_the_timelock__refused(
    stage: GovernanceStage, caller: str
) -> None:
    with refusal("AccessManagerUnauthorizedAccount", msgsender=caller):
        stage.manager.send(caller, "grantRole", *GRANTED, 0)


def test_governor__made_to_call_by_a_stranger__refused(stage: GovernanceStage) -> None:
    call = stage.grant()

    with refusal("GovernorOnlyExecutor", account=STRANGER):
        stage.governor.send(STRANGER, "relay", call.target.address, 0, call.data)


@pytest.mark.parametrize("caller", [DEPLOYER, ALICE, STRANGER])
def test_timelock__scheduled_cancelled_or_administered_by_others__refused(
    stage: GovernanceStage, caller: str
) -> None:
    call = stage.grant()
    schedule = (call.target.address, 0, call.data, NOTHING, NOTHING)
    admin, proposer = NOTHING, stage.timelock.ask("PROPOSER_ROLE")
    canceller = stage.timelock.ask("CANCELLER_ROLE")
    queued = stage.enqueue([call])

    for role, function, arguments in (
        (proposer, "schedule", (*schedule, MIN_DELAY)),
        (proposer, "scheduleBatch", (*queued.parts, NOTHING, NOTHING, MIN_DELAY)),
        (canceller, "cancel", (stage.operation(queued),)),
        (admin, "grantRole", (proposer, caller)),
        (admin, "revokeRole", (proposer, stage.governor.address)),
    ):
        with refusal("AccessControlUnauthorizedAccount", account=caller, neededRole=role):
            stage.timelock.send(caller, function, *arguments)


def test_timelock__executed_what_was_never_scheduled__refused(stage: GovernanceStage) -> None:
    call = stage.grant()

    with refusal("TimelockUnexpectedOperationState"):
        stage.timelock.send(
            STRANGER, "execute", call.target.address, 0, call.data, NOTHING, NOTHING
        )

    assert not has_role(stage)


def test_timelock__executed_early_or_again_or_directly__once_and_in_time(
    stage: GovernanceStage,
) -> None:
    proposal = stage.enqueue([stage.grant()])
    stage.wait(MIN_DELAY - 1)
    with refusal("TimelockUnexpectedOperationState"):
        stage.execute_directly(proposal)
    stage.wait(1)

    stage.execute_directly(proposal)

    assert has_role(stage)
    assert stage.status(proposal) == Status.EXECUTED
    with refusal("TimelockUnexpectedOperationState"):
        stage.execute_directly(proposal)


def test_delay__raised_and_lowered__what_waits_keeps_its_time(stage: GovernanceStage) -> None:
    waiting = stage.succeed([stage.grant()])
    lowered = stage.succeed([Call(stage.timelock, "updateDelay", (12 * HOUR,))], by=BOB)
    stage.queue(lowered)
    stage.wait(MIN_DELAY - 1)
    stage.queue(waiting)
    stage.wait(1)
    stage.execute(lowered)
    assert stage.timelock.ask("getMinDelay") == 12 * HOUR

    stage.wait(12 * HOUR)
    with refusal("TimelockUnexpectedOperationState"):
        stage.execute_directly(waiting)
    stage.wait(12 * HOUR - 1)
    stage.execute_directly(waiting)

    assert has_role(stage)


def reentrant(stage: GovernanceStage, function: str, must_succeed: bool) -> Any:
    """A proposal that pokes a target which executes the same proposal once more."""
    target = stage.chain.deploy("MockReentrantTarget")
    proposal = stage.enqueue([Call(target, "poke", ()), stage.grant()])
    stage.wait(MIN_DELAY)
    if function == "execute":
        to, data = stage.governor, stage.governor.abi.encode("execute", *proposal.hashed)
    else:
        arguments = (*proposal.parts, NOTHING, stage.salt(proposal))
        to, data = stage.timelock, stage.timelock.abi.encode("executeBatch", *arguments)
    target.send(STRANGER, "arm", to.address, data, must_succeed)
    return target, proposal


def test_execute__entered_again_through_the_governor__the_second_is_refused(
    stage: GovernanceStage,
) -> None:
    target, proposal = reentrant(stage, "execute", must_succeed=False)

    stage.execute(proposal)

    assert target.ask("calls") == 1
    assert stage.status(proposal) == Status.EXECUTED


@pytest.mark.parametrize("is_direct", [False, True], ids=["governor", "directly"])
def test_execute__entered_again_through_the_timelock__all_of_it_is_undone(
    stage: GovernanceStage, is_direct: bool
) -> None:
    target, proposal = reentrant(stage, "executeBatch", must_succeed=True)

    with pytest.raises(Refused) as refused:
        (stage.execute_directly if is_direct else stage.execute)(proposal)

    assert stage.timelock.abi.decode_error(refused.value.data).name == (
        "TimelockUnexpectedOperationState"
    )
    assert target.ask("calls") == 0
    assert not has_role(stage)
    assert stage.status(proposal) == Status.QUEUED


def test_execute__one_call_fails__none_is_made(stage: GovernanceStage) -> None:
    broken = Call(stage.token, "transfer", (DAVE, 1))  # the timelock has no tokens
    proposal = stage.enqueue([stage.grant(), broken])
    stage.wait(MIN_DELAY)

    with pytest.raises(Refused):
        stage.execute(proposal)

    assert not has_role(stage)


def test_governor__its_own_functions_through_a_stranger_in_a_batch__refused(
    stage: GovernanceStage,
) -> None:
    """While a decision about the governor is executed, nobody else's call slips in."""
    target = stage.chain.deploy("MockReentrantTarget")
    change = Call(stage.governor, "setVotingDelay", (2 * HOUR,))
    proposal = stage.enqueue([Call(target, "poke", ()), change])
    stage.wait(MIN_DELAY)
    target.send(STRANGER, "arm", stage.governor.address, change.data, True)

    with pytest.raises(Refused) as refused:
        stage.execute(proposal)

    assert stage.governor.abi.decode_error(refused.value.data).name == "GovernorOnlyExecutor"
    assert stage.governor.ask("votingDelay") == VOTING_DELAY


# --- guardian -------------------------------------------------------------------------------------


def test_veto__every_proposal_to_replace_the_guardian__governance_wins(
    stage: GovernanceStage,
) -> None:
    """Three vetoes in thirty days: of four proposals one gets through."""
    safe, veto = DAVE, 11
    anything = stage.token.address
    guardian = stage.chain.deploy(
        "Guardian", stage.manager.address, (*[anything] * 6, stage.timelock.address)
    )
    cancel = [guardian.abi.selector("cancelOperation")]
    canceller = stage.timelock.ask("CANCELLER_ROLE")
    stage.decide(
        [
            Call(stage.timelock, "grantRole", (canceller, guardian.address)),
            Call(stage.manager, "setTargetFunctionRole", (guardian.address, cancel, veto)),
            Call(stage.manager, "grantRole", (veto, safe, 0)),
        ]
    )
    dismiss = Call(stage.timelock, "revokeRole", (canceller, guardian.address))
    proposals = [
        *(stage.propose([dismiss], by=ALICE) for _ in range(3)),
        stage.propose([dismiss], by=BOB),
    ]
    stage.wait(VOTING_DELAY + 1)
    for proposal in proposals:
        for holder in HOLDINGS:
            stage.vote(proposal, holder)
    stage.wait(VOTING_PERIOD)
    for proposal in proposals:
        stage.queue(proposal)

    refused = 0
    for proposal in proposals:
        try:
            guardian.send(safe, "cancelOperation", stage.operation(proposal))
        except Refused as error:
            assert (error.name, error.arguments["allowed"]) == ("RateLimited", 0)
            refused += 1
    stage.wait(MIN_DELAY)

    assert refused == 1
    assert [stage.status(one) for one in proposals] == [Status.CANCELED] * 3 + [Status.QUEUED]
    with refusal("GovernorUnexpectedProposalState", current=Status.CANCELED):
        stage.execute(proposals[0])
    stage.execute(proposals[3])
    assert not stage.timelock.ask("hasRole", canceller, guardian.address)

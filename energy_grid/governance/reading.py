"""Proposals as a chain has them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from energy_grid.abi import Event
from energy_grid.contracts import Contracts
from energy_grid.governance.errors import GovernanceError
from energy_grid.governance.proposal import Proposal, ProposalState, proposal_of
from energy_grid.rpc import to_hex


@dataclass(frozen=True, slots=True)
class Standing:
    """A proposal at one moment; times are unix seconds.

    Attributes:
        proposal: what it does.
        proposer: who made it.
        state: where it is.
        votes_from: when voting power counts and voting begins.
        votes_until: end of voting, prolonged if the quorum came late.
        executable_from: end of the timelock; None until it is queued.
        against: votes, base units of the token; likewise the next ones.
        in_favour: votes for it.
        abstain: votes that only count for the quorum.
        quorum: votes for and abstaining that it needs; None until voting begins.
    """

    proposal: Proposal
    proposer: str
    state: ProposalState
    votes_from: int
    votes_until: int
    executable_from: int | None
    against: int
    in_favour: int
    abstain: int
    quorum: int | None


def proposals(contracts: Contracts) -> Iterator[tuple[Proposal, str]]:
    """All proposals ever made with their proposers, the oldest first."""
    for event in _events(contracts, "ProposalCreated"):
        yield _proposal(event), str(event.arguments["proposer"])


def find(contracts: Contracts, proposal_id: int) -> tuple[Proposal, str]:
    """One proposal by its id.

    Raises:
        GovernanceError: the governor knows none with this id.
    """
    for proposal, proposer in proposals(contracts):
        if proposal.id == proposal_id:
            return proposal, proposer
    raise GovernanceError(
        f"the governor has no proposal {proposal_id}",
        found=f"{sum(1 for _ in proposals(contracts))} proposals",
        remedy="`ape run governance status` lists them",
    )


def standing(contracts: Contracts, proposal: Proposal, proposer: str) -> Standing:
    """Where a proposal is."""
    governor, now = contracts.governor, contracts.rpc.timestamp()
    votes = governor.call("proposalVotes", proposal.id)
    begins = governor.call("proposalSnapshot", proposal.id)
    eta = governor.call("proposalEta", proposal.id)
    return Standing(
        proposal=proposal,
        proposer=proposer,
        state=ProposalState(governor.call("state", proposal.id)),
        votes_from=begins,
        votes_until=governor.call("proposalDeadline", proposal.id),
        executable_from=eta or None,
        against=votes.againstVotes,
        in_favour=votes.forVotes,
        abstain=votes.abstainVotes,
        quorum=governor.call("quorum", begins) if begins < now else None,
    )


def pending_operations(contracts: Contracts) -> set[str]:
    """Operations that wait in the timelock, whoever has put them there."""
    timelock = contracts.timelock
    events = timelock.events("CallScheduled", from_block=contracts.deployment.first_block)
    scheduled = {bytes(event.arguments["id"]) for event in events}
    return {to_hex(one) for one in scheduled if timelock.call("isOperationPending", one)}


def queued_operations(contracts: Contracts) -> set[str]:
    """Operations that wait because the governor's voters have decided them."""
    governor = contracts.governor
    queued = {event.arguments["proposalId"] for event in _events(contracts, "ProposalQueued")}
    return {
        to_hex(proposal.operation(governor.address))
        for proposal, _ in proposals(contracts)
        if proposal.id in queued
    }


def _events(contracts: Contracts, name: str) -> list[Event]:
    return contracts.governor.events(name, from_block=contracts.deployment.first_block)


def _proposal(event: Event) -> Proposal:
    given = event.arguments
    return proposal_of(given["targets"], given["values"], given["calldatas"], given["description"])

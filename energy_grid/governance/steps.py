"""What may be done with a proposal now, and whether its calls would work."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from energy_grid.contracts import Contracts
from energy_grid.governance.errors import GovernanceError
from energy_grid.governance.proposal import Proposal, ProposalState
from energy_grid.governance.reading import Standing
from energy_grid.rpc import ExecutionRevertedError

STEPS: Final[Mapping[str, ProposalState]] = {
    "vote": ProposalState.ACTIVE,
    "queue": ProposalState.SUCCEEDED,
    "execute": ProposalState.QUEUED,
    "cancel": ProposalState.PENDING,
}
"""State in which each step may be taken."""


def clock(unix: int) -> str:
    """A time as people read it, UTC."""
    return datetime.fromtimestamp(unix, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def next_step(standing: Standing) -> str:
    """What comes next, as a sentence."""
    eta = standing.executable_from
    return {
        ProposalState.PENDING: f"vote from {clock(standing.votes_from)}",
        ProposalState.ACTIVE: f"vote until {clock(standing.votes_until)}",
        ProposalState.CANCELED: "nothing: cancelled; propose it anew with another description",
        ProposalState.DEFEATED: "nothing: too few votes for it; propose it anew",
        ProposalState.SUCCEEDED: "queue it: anybody may",
        ProposalState.QUEUED: f"execute it from {clock(eta or 0)}: anybody may",
        ProposalState.EXPIRED: "nothing: expired; propose it anew",
        ProposalState.EXECUTED: "nothing: done",
    }[standing.state]


def require(step: str, standing: Standing, now: int) -> None:
    """Refuse a step that the governor would refuse, and say what to do instead.

    Raises:
        GovernanceError: it is not the time for it.
    """
    expected = STEPS[step]
    if standing.state != expected:
        raise GovernanceError(
            f"nobody can {step} this proposal now",
            expected=f"the state {expected.name}",
            found=standing.state.name,
            remedy=f"Next: {next_step(standing)}",
        )
    eta = standing.executable_from
    if step == "execute" and eta is not None and now < eta:
        raise GovernanceError(
            "the timelock still holds this proposal",
            expected=f"{clock(eta)} or later",
            found=clock(now),
            remedy=f"Wait {eta - now} s",
        )


def refusals(contracts: Contracts, proposal: Proposal) -> list[str | None]:
    """Why each call would be refused if the timelock made it now; None where it would work.

    Each is tried alone, on the chain as it is: what a call before it changes is not seen.
    """
    found: list[str | None] = []
    for call in proposal.calls:
        sender = contracts.timelock.address
        try:
            contracts.rpc.eth_call(call.target, call.data, sender=sender)
        except ExecutionRevertedError as error:
            found.append(str(contracts.decode_error(error.data)))
        else:
            found.append(None)
    return found


def require_power(contracts: Contracts, proposer: str, now: int) -> None:
    """Refuse a proposer without enough votes.

    Raises:
        GovernanceError: fewer than the threshold.
    """
    votes = contracts.governor.call("getVotes", proposer, now - 1)
    threshold = contracts.governor.call("proposalThreshold")
    if votes < threshold:
        raise GovernanceError(
            f"{proposer} has too few votes to propose",
            expected=f"{threshold} base units of the governance token",
            found=votes,
            remedy="Delegate votes to it first (`ape run governance delegate`), a block earlier",
        )

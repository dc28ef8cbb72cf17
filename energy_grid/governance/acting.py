"""Steps of a proposal as transactions, each simulated before it is sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from energy_grid.contracts import Contract, Contracts
from energy_grid.governance.errors import GovernanceError
from energy_grid.governance.proposal import Proposal, Support
from energy_grid.governance.reading import Standing, find, standing
from energy_grid.governance.steps import refusals, require, require_power
from energy_grid.rpc import ExecutionRevertedError
from energy_grid.single_sending import send_single

if TYPE_CHECKING:
    from energy_grid.deployment.journal import Signer

GAS_MARGIN_PERCENT: Final = 30


class Acting:
    """Takes steps with one key.

    Args:
        contracts: the deployment.
        signer: proposes, votes, or pays the gas.
        timeout_seconds: longest wait for a transaction.
    """

    def __init__(
        self, contracts: Contracts, signer: Signer, *, timeout_seconds: float = 120.0
    ) -> None:
        self._contracts = contracts
        self._signer = signer
        self._timeout_seconds = timeout_seconds

    def delegate(self, to: str) -> str:
        """Give the signer's votes to somebody, or to itself; tokens without it do not vote."""
        return self._send(self._contracts.governance_token, "delegate", to)

    def propose(self, proposal: Proposal, *, although_refused: bool = False) -> Standing:
        """Put a proposal to the vote.

        Args:
            proposal: what is proposed.
            although_refused: also if a call would fail today.

        Raises:
            GovernanceError: too few votes, or a call that would fail.
        """
        contracts = self._contracts
        require_power(contracts, self._signer.address, contracts.rpc.timestamp())
        refused = [
            f"call {number}: {reason}"
            for number, reason in enumerate(refusals(contracts, proposal), start=1)
            if reason is not None
        ]
        if refused and not although_refused:
            raise GovernanceError(
                "the contracts would refuse what is proposed",
                found="; ".join(refused),
                remedy="Nothing was sent. Correct it, or insist if it depends on what comes before",
            )
        self._send(contracts.governor, "propose", *proposal.propose_arguments())
        return standing(contracts, proposal, self._signer.address)

    def vote(self, proposal_id: int, support: Support, reason: str = "") -> Standing:
        """Vote with all votes that counted when voting began."""
        return self._step("vote", proposal_id, "castVoteWithReason", int(support), reason)

    def queue(self, proposal_id: int) -> Standing:
        """Hand a decision to the timelock."""
        return self._step("queue", proposal_id, "queue")

    def execute(self, proposal_id: int) -> Standing:
        """Carry a decision out."""
        return self._step("execute", proposal_id, "execute")

    def cancel(self, proposal_id: int) -> Standing:
        """Take a proposal back before voting begins; its proposer alone may."""
        return self._step("cancel", proposal_id, "cancel")

    def _step(self, step: str, proposal_id: int, function: str, *vote: Any) -> Standing:
        contracts = self._contracts
        proposal, proposer = find(contracts, proposal_id)
        now = contracts.rpc.timestamp()
        require(step, standing(contracts, proposal, proposer), now)
        arguments = (proposal_id, *vote) if step == "vote" else proposal.step_arguments()
        self._send(contracts.governor, function, *arguments)
        return standing(contracts, proposal, proposer)

    def _send(self, contract: Contract, function: str, *arguments: Any) -> str:
        try:
            receipt = send_single(
                self._contracts.rpc,
                self._signer,
                contract.address,
                contract.encode(function, *arguments),
                gas_margin_percent=GAS_MARGIN_PERCENT,
                timeout_seconds=self._timeout_seconds,
            )
        except ExecutionRevertedError as error:
            raise GovernanceError(
                f"{contract.name}.{function} would fail",
                found=str(self._contracts.decode_error(error.data)),
                remedy="Nothing was sent",
            ) from error
        if not int(receipt["status"], 16):
            raise GovernanceError(
                f"{contract.name}.{function} failed",
                found=f"transaction {receipt['transactionHash']} reverted",
                remedy="The chain changed in between: look at the status and run again",
            )
        return str(receipt["transactionHash"])

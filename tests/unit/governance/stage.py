"""Token, timelock, governor and the access manager under them, on a chain in this process."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Final

import pytest
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from energy_grid.abi import Abi
from energy_grid.artifacts import Artifacts
from tests.utils.revm import Contract, Refused, Revm

HOUR: Final = 3_600
DAY: Final = 24 * HOUR
START: Final = 1_900_000_000
ZERO: Final = "0x" + "00" * 20
TOKEN: Final = 10**18


def address(number: int) -> str:
    """A made-up account."""
    return to_checksum_address(number.to_bytes(20, "big"))


DEPLOYER = address(0xD1)
ALICE, BOB, CAROL, DAVE = (address(0xA1 + i) for i in range(4))
STRANGER = address(0x57)
HOLDINGS: Final = {ALICE: 4_000_000 * TOKEN, BOB: 3_000_000 * TOKEN, CAROL: 2_000_000 * TOKEN}
TREASURY = address(0x77)
"""Holds the last million and never delegates."""
SUPPLY: Final = 10_000_000 * TOKEN

VOTING_DELAY, VOTING_PERIOD, VOTE_EXTENSION = 6 * HOUR, 36 * HOUR, 4 * HOUR
MIN_DELAY: Final = 24 * HOUR
THRESHOLD: Final = 100_000 * TOKEN
QUORUM_BPS: Final = 1_000
PARAMETERS: Final = (VOTING_DELAY, VOTING_PERIOD, VOTE_EXTENSION, THRESHOLD, QUORUM_BPS)


class Support(IntEnum):
    """Kinds of votes."""

    AGAINST = 0
    FOR = 1
    ABSTAIN = 2


class Status(IntEnum):
    """States of a proposal."""

    PENDING = 0
    ACTIVE = 1
    CANCELED = 2
    DEFEATED = 3
    SUCCEEDED = 4
    QUEUED = 5
    EXPIRED = 6
    EXECUTED = 7


@dataclass(frozen=True)
class Call:
    """One call of a proposal."""

    target: Contract
    function: str
    arguments: tuple[Any, ...]

    @property
    def data(self) -> bytes:
        """What is sent to the target."""
        return self.target.abi.encode(self.function, *self.arguments)


@dataclass(frozen=True)
class Proposal:
    """What is proposed, and its number."""

    calls: tuple[Call, ...]
    description: str
    id: int = 0

    @property
    def parts(self) -> tuple[list[str], list[int], list[bytes]]:
        """Targets, values, data."""
        return (
            [call.target.address for call in self.calls],
            [0] * len(self.calls),
            [call.data for call in self.calls],
        )

    @property
    def hashed(self) -> tuple[Any, ...]:
        """Arguments of queue, execute and cancel."""
        return (*self.parts, keccak(text=self.description))


def refusal(name: str, **arguments: Any) -> Any:
    """The next call is refused by this error with these arguments."""

    def fits(error: Refused) -> bool:
        assert (error.name, error.arguments) == (name, error.arguments | arguments)
        return True

    return pytest.raises(Refused, check=fits)


@contextmanager
def deployment_refused(
    stage: Any, contract: str, error: str, arguments: tuple[Any, ...]
) -> Iterator[None]:
    """The next deployment is refused by this error of the contract with these arguments."""
    with pytest.raises(RuntimeError) as refused:
        yield
    output = re.search(r"0x([0-9a-f]*)", str(refused.value))
    assert output is not None
    abi = Abi(contract, stage.chain.artifacts.get(contract).abi)
    found = abi.decode_error(bytes.fromhex(output.group(1)))
    assert found is not None
    assert (found.name, tuple(found.arguments.values())) == (error, arguments)


class GovernanceStage:
    """Everything deployed, the deployer without any power, everybody but the treasury delegated."""

    def __init__(self) -> None:
        self.chain = Revm(Artifacts.load(), DEPLOYER)
        self.chain.at(START)
        self.token = self.chain.deploy(
            "GovernanceToken", [*HOLDINGS, TREASURY], [*HOLDINGS.values(), 1_000_000 * TOKEN]
        )
        self.timelock = self.chain.deploy("GridTimelock", MIN_DELAY, [], [ZERO], DEPLOYER)
        self.governor = self.chain.deploy(
            "GridGovernor", self.token.address, self.timelock.address, PARAMETERS
        )
        self.manager = self.chain.deploy("GridAccessManager", DEPLOYER)
        self.hand_over()
        for holder in HOLDINGS:
            self.token.send(holder, "delegate", holder)
        self.chain.at(START + DAY)
        self.proposals = 0

    def hand_over(self) -> None:
        """Wire the roles; the deployer gives up all of his."""
        for role in ("PROPOSER_ROLE", "CANCELLER_ROLE"):
            self.timelock.send(
                DEPLOYER, "grantRole", self.timelock.ask(role), self.governor.address
            )
        self.timelock.send(
            DEPLOYER, "renounceRole", self.timelock.ask("DEFAULT_ADMIN_ROLE"), DEPLOYER
        )
        self.manager.send(DEPLOYER, "grantRole", 0, self.timelock.address, 0)
        self.manager.send(DEPLOYER, "renounceRole", 0, DEPLOYER)

    def remember(self) -> Any:
        """The state to come back to."""
        return self.chain.snapshot(), self.proposals, self.chain.now

    def restore(self, origin: Any) -> None:
        """Go back to a state."""
        snapshot, self.proposals, now = origin
        self.chain.revert(snapshot)
        self.chain.at(now)

    def wait(self, seconds: int) -> None:
        """Let time pass."""
        self.chain.at(self.chain.now + seconds)

    # --- a decision -------------------------------------------------------------------------------

    def grant(self, role: int = 77, to: str = DAVE) -> Call:
        """A change of the access manager, which only the timelock can make."""
        return Call(self.manager, "grantRole", (role, to, 0))

    def propose(self, calls: Sequence[Call], by: str = ALICE, text: str = "") -> Proposal:
        """Propose calls."""
        self.proposals += 1
        proposal = Proposal(tuple(calls), text or f"proposal {self.proposals}")
        number: int = self.governor.send(by, "propose", *proposal.parts, proposal.description)
        return Proposal(proposal.calls, proposal.description, number)

    def vote(self, proposal: Proposal, by: str, support: Support = Support.FOR) -> int:
        """Cast a vote; gives its weight."""
        weight: int = self.governor.send(by, "castVote", proposal.id, support)
        return weight

    def status(self, proposal: Proposal) -> Status:
        """State of a proposal."""
        return Status(self.governor.ask("state", proposal.id))

    def queue(self, proposal: Proposal, by: str = STRANGER) -> None:
        """Let a proposal that succeeded wait in the timelock."""
        self.governor.send(by, "queue", *proposal.hashed)

    def execute(self, proposal: Proposal, by: str = STRANGER) -> None:
        """Do what was decided."""
        self.governor.send(by, "execute", *proposal.hashed)

    def execute_directly(self, proposal: Proposal, by: str = STRANGER) -> None:
        """Do what was decided without the governor."""
        self.timelock.send(by, "executeBatch", *proposal.parts, bytes(32), self.salt(proposal))

    def operation(self, proposal: Proposal) -> bytes:
        """Id of a proposal's operation in the timelock."""
        return bytes(
            self.timelock.ask("hashOperationBatch", *proposal.parts, bytes(32), self.salt(proposal))
        )

    def salt(self, proposal: Proposal) -> bytes:
        """Salt of a proposal's operation."""
        governor = bytes.fromhex(self.governor.address[2:]) + bytes(12)
        hashed = keccak(text=proposal.description)
        return bytes(a ^ b for a, b in zip(governor, hashed, strict=True))

    def succeed(self, calls: Sequence[Call], by: str = ALICE) -> Proposal:
        """A proposal that all vote for, at the end of its voting."""
        proposal = self.propose(calls, by)
        self.wait(VOTING_DELAY + 1)
        for holder in HOLDINGS:
            self.vote(proposal, holder)
        self.wait(VOTING_PERIOD)
        return proposal

    def enqueue(self, calls: Sequence[Call], by: str = ALICE) -> Proposal:
        """A proposal that waits in the timelock."""
        proposal = self.succeed(calls, by)
        self.queue(proposal)
        return proposal

    def decide(self, calls: Sequence[Call], by: str = ALICE) -> Proposal:
        """A proposal from beginning to end."""
        proposal = self.enqueue(calls, by)
        self.wait(MIN_DELAY)
        self.execute(proposal)
        return proposal

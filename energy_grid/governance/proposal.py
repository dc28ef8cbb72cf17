"""A proposal and the two ids that follow from it: the governor's and the timelock's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Final

from eth_abi.abi import encode
from eth_utils.address import to_canonical_address
from eth_utils.crypto import keccak

from energy_grid.governance.errors import GovernanceError

NO_PREDECESSOR: Final = bytes(32)
"""The governor lets no operation wait for another."""


class ProposalState(IntEnum):
    """`IGovernor.ProposalState`, in its order."""

    PENDING = 0
    ACTIVE = 1
    CANCELED = 2
    DEFEATED = 3
    SUCCEEDED = 4
    QUEUED = 5
    EXPIRED = 6
    EXECUTED = 7


class Support(IntEnum):
    """How a vote counts."""

    AGAINST = 0
    FOR = 1
    ABSTAIN = 2


@dataclass(frozen=True, slots=True)
class Call:
    """One call that the timelock is to make.

    Attributes:
        target: checksum address.
        data: function and arguments.
        value_wei: native money that goes with it.
    """

    target: str
    data: bytes
    value_wei: int = 0


@dataclass(frozen=True, slots=True)
class Proposal:
    """Calls that are decided together, and why.

    Attributes:
        calls: in the order in which they are made; all or none.
        description: what voters read; part of the id.
    """

    calls: tuple[Call, ...]
    description: str

    def __post_init__(self) -> None:
        if not self.calls:
            raise GovernanceError("a proposal without calls", expected="at least one")
        if not self.description.strip():
            raise GovernanceError("a proposal without a description", expected="what it is for")

    @property
    def description_hash(self) -> bytes:
        """What stands for the description on chain."""
        return bytes(keccak(text=self.description))

    @property
    def batch(self) -> tuple[list[str], list[int], list[bytes]]:
        """Targets, values and data of the calls."""
        calls = self.calls
        return [c.target for c in calls], [c.value_wei for c in calls], [c.data for c in calls]

    @property
    def id(self) -> int:
        """The governor's id: `keccak(abi.encode(targets, values, calldatas, descriptionHash))`."""
        types = ["address[]", "uint256[]", "bytes[]", "bytes32"]
        return int.from_bytes(keccak(encode(types, [*self.batch, self.description_hash])), "big")

    def propose_arguments(self) -> tuple[Any, ...]:
        """Arguments of `propose`."""
        return *self.batch, self.description

    def step_arguments(self) -> tuple[Any, ...]:
        """Arguments of `queue`, `execute` and `cancel`."""
        return *self.batch, self.description_hash

    def salt(self, governor: str) -> bytes:
        """What the governor gives to its timelock: its own address and the description's hash."""
        own = to_canonical_address(governor).ljust(32, b"\0")
        return bytes(a ^ b for a, b in zip(own, self.description_hash, strict=True))

    def operation(self, governor: str) -> bytes:
        """The timelock's id of the operation that a governor queues for this proposal."""
        types = ["address[]", "uint256[]", "bytes[]", "bytes32", "bytes32"]
        values = [*self.batch, NO_PREDECESSOR, self.salt(governor)]
        return bytes(keccak(encode(types, values)))


def proposal_of(
    targets: Sequence[str], values: Sequence[int], calldatas: Sequence[bytes], description: str
) -> Proposal:
    """The proposal of an event of the governor."""
    calls = zip(targets, calldatas, values, strict=True)
    return Proposal(tuple(Call(target, data, value) for target, data, value in calls), description)

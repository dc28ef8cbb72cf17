"""Sending what a Safe needs: its creation and its transactions. Simulated first."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from energy_grid.rpc import ExecutionRevertedError, Rpc, to_hex
from energy_grid.safe.abi import SAFE_ABI
from energy_grid.safe.account import SafeAccount, SafeState
from energy_grid.safe.collecting import require_executable
from energy_grid.safe.creation import SafeSetup, predicted_address
from energy_grid.safe.errors import SafeError, sentence
from energy_grid.safe.signatures import OwnerSignature
from energy_grid.safe.suite import SafeSuite, require_genuine
from energy_grid.safe.transaction import SafeTransaction
from energy_grid.single_sending import send_single

if TYPE_CHECKING:
    from energy_grid.deployment.journal import Signer

GAS_MARGIN_PERCENT: Final = 20


@dataclass(frozen=True, slots=True)
class Executed:
    """A transaction of a Safe on chain.

    Attributes:
        safe_hash: what the owners signed.
        transaction: hash of the transaction that carried it.
        block: its block.
        gas_used: by all of it.
    """

    safe_hash: str
    transaction: str
    block: int
    gas_used: int


class SafeSender:
    """Sends with one key, which need not be an owner's.

    Args:
        rpc: the node.
        signer: pays the gas.
        describe_error: turns revert data of the contracts called into text.
        timeout_seconds: longest wait for a transaction.
    """

    def __init__(
        self,
        rpc: Rpc,
        signer: Signer,
        *,
        describe_error: Callable[[bytes], str] = to_hex,
        timeout_seconds: float = 120.0,
    ) -> None:
        self._rpc = rpc
        self._signer = signer
        self._describe_error = describe_error
        self._timeout_seconds = timeout_seconds

    def create(self, setup: SafeSetup, suite: SafeSuite) -> str:
        """Create a Safe unless it is there; return its address.

        Raises:
            SafeError: the chain's contracts are not those of Safe, or something else came of it.
        """
        require_genuine(suite, self._rpc)
        address = predicted_address(setup, suite, self._rpc)
        if not self._rpc.code(address):
            self._send("create the Safe", suite.factory, setup.creation_call(suite))
        SafeAccount(address, self._rpc).require_genuine()
        return address

    def approve(self, state: SafeState, transaction: SafeTransaction) -> str:
        """Approve a transaction on chain as an owner; return the hash of the transaction."""
        data = SAFE_ABI.encode("approveHash", state.hash_of(transaction))
        return str(self._send("approve", state.safe, data)["transactionHash"])

    def execute(
        self,
        safe: SafeAccount,
        transaction: SafeTransaction,
        signatures: Iterable[OwnerSignature],
    ) -> Executed:
        """Check, simulate and execute a transaction.

        Raises:
            SafeError: signatures are missing, it is not its turn, or the call would fail.
        """
        state = safe.state()
        digest = state.hash_of(transaction)
        state = safe.state(digest)
        packed = require_executable(transaction, state, signatures)
        data = SAFE_ABI.encode("execTransaction", *transaction.call_tuple(), packed)
        receipt = self._send(f"transaction {transaction.nonce}", safe.address, data)
        done = to_hex(digest) in [
            to_hex(event.arguments["txHash"])
            for event in map(SAFE_ABI.decode_log, receipt["logs"])
            if event is not None
            and event.name == "ExecutionSuccess"
            and event.address == safe.address
        ]
        if not done:
            raise SafeError(
                f"transaction {transaction.nonce} of {safe.address} was not executed",
                expected="the event ExecutionSuccess",
                found=f"none in {receipt['transactionHash']}",
                remedy="Another transaction may have come first: look at the Safe's state",
            )
        return Executed(
            safe_hash=to_hex(digest),
            transaction=str(receipt["transactionHash"]),
            block=int(receipt["blockNumber"], 16),
            gas_used=int(receipt["gasUsed"], 16),
        )

    def _send(self, what: str, to: str, data: bytes) -> dict[str, Any]:
        try:
            receipt = send_single(
                self._rpc,
                self._signer,
                to,
                data,
                gas_margin_percent=GAS_MARGIN_PERCENT,
                timeout_seconds=self._timeout_seconds,
            )
        except ExecutionRevertedError as error:
            raise SafeError(
                f"{what} would fail at {to}",
                found=sentence(error.data) or self._describe_error(error.data) or error.text,
                remedy="Nothing was sent",
            ) from error
        if not int(receipt["status"], 16):
            raise SafeError(
                f"{what} failed in block {int(receipt['blockNumber'], 16)}",
                found=f"transaction {receipt['transactionHash']} reverted",
                remedy="The chain changed in between: look at the Safe's state and run again",
            )
        return receipt

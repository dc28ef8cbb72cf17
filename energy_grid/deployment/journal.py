"""The deployment file while it is written, and transactions that survive an interruption.

Each transaction is recorded, signed, before it is broadcast, and its effect before the next one
starts. Wherever the process dies, the next run first settles the recorded transaction.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Protocol

from eth_account.signers.local import LocalAccount
from eth_utils.crypto import keccak

from energy_grid.deployments import ContractRecord, Deployment, PendingTransaction
from energy_grid.errors import ConfigurationError, FatalError, RetryableError
from energy_grid.outbox.fees import FeePolicy
from energy_grid.rpc import (
    ExecutionRevertedError,
    ReceiptTimeoutError,
    Rpc,
    RpcResponseError,
    to_bytes,
    to_hex,
)

GAS_MARGIN_PERCENT: Final = 20
POLL_SECONDS: Final = 0.25


class DeploymentError(FatalError):
    """A step of the deployment failed."""


class DeploymentInterruptedError(RetryableError):
    """A step was not mined in time; the next run goes on with it."""


class Signer(Protocol):
    """A key that signs transactions."""

    @property
    def address(self) -> str:
        """Checksum address."""

    def sign(self, transaction: dict[str, Any]) -> bytes:
        """The raw signed transaction; fields as in `eth_account`, `to` absent when it deploys."""


@dataclass(frozen=True)
class LocalSigner:
    """A key held in memory: local chains and tests."""

    account: LocalAccount

    @property
    def address(self) -> str:
        """Checksum address."""
        return str(self.account.address)

    def sign(self, transaction: dict[str, Any]) -> bytes:
        """The raw signed transaction."""
        return bytes(self.account.sign_transaction(transaction).raw_transaction)


class Journal:
    """A deployment in progress.

    Args:
        path: the deployment file.
        deployment: its content so far.
        rpc: the node.
        timeout_seconds: longest wait for one transaction.
        confirmations: blocks on top of a transaction before the next step.
        describe_error: turns revert data into text.
        announce: told of each step, for the user.
        on_edge: called at each moment at which an interruption differs from the others (tests).
    """

    def __init__(
        self,
        path: Path,
        deployment: Deployment,
        rpc: Rpc,
        *,
        timeout_seconds: float = 120.0,
        confirmations: int = 0,
        describe_error: Callable[[bytes], str] = to_hex,
        announce: Callable[[str], None] = lambda _step: None,
        on_edge: Callable[[str], None] = lambda _edge: None,
    ) -> None:
        self.path = path
        self.deployment = deployment
        self.rpc = rpc
        self.transactions_sent = 0
        self.describe_error = describe_error
        self._timeout_seconds = timeout_seconds
        self._confirmations = confirmations
        self._announce = announce
        self._on_edge = on_edge
        self._fees = FeePolicy()

    def save(self, deployment: Deployment) -> None:
        """Put a new content of the file on disk."""
        deployment.write(self.path)
        self.deployment = deployment

    # --- Sending ----------------------------------------------------------------------------------

    def send(self, signer: Signer, step: str, to: str, data: bytes) -> None:
        """Make one call and wait for it."""
        nonce = self._next_nonce(signer.address)
        self._perform(signer, step, nonce, {"to": to, "data": to_hex(data)})

    def deploy(
        self,
        signer: Signer,
        name: str,
        code: bytes,
        address: str,
        nonce: int,
        record: ContractRecord,
    ) -> ContractRecord:
        """Deploy one contract at the address that follows from `nonce`; return its record."""
        if self._next_nonce(signer.address) != nonce:
            raise DeploymentError(
                f"{signer.address} was used by another process while {name} was prepared",
                remedy="Stop the other process and run again",
            )
        planned = {"data": to_hex(code)}
        self._perform(
            signer, f"deploy {name}", nonce, planned, name, replace(record, address=address)
        )
        return self.deployment.contracts[name]

    def create(
        self, signer: Signer, name: str, factory: str, data: bytes, record: ContractRecord
    ) -> ContractRecord:
        """Let a factory create one contract at the address in `record`; return its record."""
        nonce = self._next_nonce(signer.address)
        planned = {"to": factory, "data": to_hex(data)}
        self._perform(signer, f"create {name}", nonce, planned, name, record)
        return self.deployment.contracts[name]

    def _perform(
        self,
        signer: Signer,
        step: str,
        nonce: int,
        call: dict[str, Any],
        name: str | None = None,
        record: ContractRecord | None = None,
    ) -> None:
        self._announce(step)
        self._on_edge(f"{step}: planned")
        fees = self._fees.first(self.rpc)
        transaction = {
            "type": 2,
            "chainId": self.deployment.chain_id,
            "nonce": nonce,
            "value": 0,
            "gas": self._estimate(step, {"from": signer.address, **call}),
            "maxFeePerGas": fees.max_fee_wei,
            "maxPriorityFeePerGas": fees.priority_fee_wei,
            **call,
        }
        raw = signer.sign(transaction)
        pending = PendingTransaction(
            step=step,
            sender=signer.address,
            nonce=nonce,
            transaction=to_hex(keccak(raw)),
            raw=to_hex(raw),
            name=name,
            record=record,
        )
        self.save(replace(self.deployment, pending=pending))
        self._on_edge(f"{step}: recorded")
        try:
            self.rpc.send_raw(raw)
        except RpcResponseError as error:
            if self.rpc.call("eth_getTransactionByHash", pending.transaction) is None:
                self.save(replace(self.deployment, pending=None))
                raise DeploymentError(
                    f"{step}: the node does not take the transaction",
                    found=error.text,
                    remedy=f"Check the funds of {signer.address}, then run again",
                ) from error
        self.transactions_sent += 1
        self._on_edge(f"{step}: sent")
        self._finish(pending, self._await(pending))

    def _estimate(self, step: str, call: dict[str, Any]) -> int:
        try:
            estimate = int(self.rpc.call("eth_estimateGas", call), 16)
        except ExecutionRevertedError as error:
            raise DeploymentError(
                f"{step}: the contract refuses", found=self.describe_error(error.data) or error.text
            ) from error
        except RpcResponseError as error:
            raise DeploymentError(
                f"{step}: gas cannot be estimated",
                found=error.text,
                remedy=f"Check the funds of {call['from']}",
            ) from error
        block_limit = int(self.rpc.block("latest")["gasLimit"], 16)
        return min(estimate * (100 + GAS_MARGIN_PERCENT) // 100, block_limit)

    def _next_nonce(self, address: str) -> int:
        latest, pending = self.rpc.nonce(address), self.rpc.nonce(address, "pending")
        if pending > latest:
            raise DeploymentInterruptedError(
                f"{address} has transactions under way that are not of this deployment",
                expected=f"{latest} transactions",
                found=f"{pending} with the pending ones",
                remedy="Wait until they are mined, then run again",
            )
        return latest

    # --- Settling ---------------------------------------------------------------------------------

    def settle_pending(self) -> None:
        """Bring the transaction of an interrupted run to its end."""
        pending = self.deployment.pending
        if pending is None:
            return
        self._announce(f"resume: {pending.step}")
        used = self.rpc.nonce(pending.sender)  # before the receipt, so that none slips through
        receipt = self.rpc.receipt(pending.transaction)
        if receipt is None and used > pending.nonce:
            # Its number went to another transaction: it can never be mined. Plan anew.
            self.save(replace(self.deployment, pending=None))
            return
        if receipt is None:
            try:
                self.rpc.send_raw(to_bytes(pending.raw))
            except RpcResponseError as error:
                if self.rpc.call("eth_getTransactionByHash", pending.transaction) is None:
                    self.save(replace(self.deployment, pending=None))
                    self._announce(f"{pending.step} is planned anew: {error.text}")
                    return
            self._on_edge(f"{pending.step}: sent")
            receipt = self._await(pending)
        self._finish(pending, receipt)

    def _await(self, pending: PendingTransaction) -> dict[str, Any]:
        try:
            receipt = self.rpc.wait_for_receipt(
                pending.transaction,
                timeout_seconds=self._timeout_seconds,
                poll_seconds=POLL_SECONDS,
            )
        except ReceiptTimeoutError as error:
            raise DeploymentInterruptedError(
                f"{pending.step} was not mined within {self._timeout_seconds:g} s",
                found=f"transaction {pending.transaction} under way",
                remedy="Run again: it goes on with this transaction",
            ) from error
        deadline = time.monotonic() + self._timeout_seconds
        while self.rpc.block_number() < int(receipt["blockNumber"], 16) + self._confirmations:
            if time.monotonic() > deadline:
                raise DeploymentInterruptedError(
                    f"{pending.step} was not confirmed within {self._timeout_seconds:g} s",
                    expected=f"{self._confirmations} blocks on top",
                    remedy="Run again: it goes on from here",
                )
            time.sleep(POLL_SECONDS)
        return self.rpc.receipt(pending.transaction) or receipt

    def _finish(self, pending: PendingTransaction, receipt: dict[str, Any]) -> None:
        self._on_edge(f"{pending.step}: mined")
        if not int(receipt["status"], 16):
            self.save(replace(self.deployment, pending=None))
            raise DeploymentError(
                f"{pending.step} failed in block {int(receipt['blockNumber'], 16)}",
                found=f"transaction {pending.transaction} reverted",
                remedy="Run again; if it fails again, run `ape run verify_deployment`",
            )
        deployment = replace(self.deployment, pending=None)
        if pending.name is not None and pending.record is not None:
            record = self._complete(pending.record, receipt)
            deployment = deployment.with_contract(pending.name, record)
        self.save(deployment)
        self._on_edge(f"{pending.step}: done")

    def _complete(self, record: ContractRecord, receipt: dict[str, Any]) -> ContractRecord:
        code = self.rpc.code(record.address)
        if not code:
            raise DeploymentError(
                f"no code at {record.address} after its deployment",
                found=f"transaction {receipt['transactionHash']}",
            )
        return replace(
            record,
            block=int(receipt["blockNumber"], 16),
            transaction=str(receipt["transactionHash"]),
            code_hash=to_hex(keccak(code)),
        )


def open_deployment(
    path: Path,
    rpc: Rpc,
    *,
    network: str,
    deployer: str,
    parameters: str,
    may_start_anew: bool,
    announce: Callable[[str], None] = lambda _step: None,
) -> Deployment:
    """Read the file of an earlier run, or begin a new one.

    Args:
        path: the deployment file.
        rpc: the node.
        network: name of the network.
        deployer: account that deploys if this is the first run.
        parameters: name of the parameter set.
        may_start_anew: the chain lives on one machine: a file of a chain that is gone is replaced.
        announce: told of it.

    Raises:
        ConfigurationError: the file is of another chain or another parameter set.
    """
    chain_id, genesis_hash = rpc.chain_id(), rpc.genesis_hash()
    new = Deployment(chain_id, genesis_hash, network, deployer, parameters)
    if not path.exists():
        return new
    deployment = Deployment.read(path, chain_id)
    if deployment.genesis_hash != genesis_hash:
        if not may_start_anew:
            raise ConfigurationError(
                f"deployment file {path} is of another chain with id {chain_id}",
                expected=f"genesis block {genesis_hash}",
                found=deployment.genesis_hash,
                remedy="Use this chain's own deployment file, or move the old one away",
            )
        announce(f"{path.name} is of a local chain that is gone: starting anew")
        return new
    if deployment.parameters != parameters:
        raise ConfigurationError(
            f"deployment file {path} was made with other parameters",
            expected=deployment.parameters,
            found=parameters,
            remedy=f"Run with --parameters {deployment.parameters}",
        )
    return deployment

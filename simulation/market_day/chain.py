"""Acting on the demo chain: signed transactions in blocks at simulated times, gas on record."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from eth_account.signers.local import LocalAccount

from energy_grid.abi import Event
from energy_grid.contracts import Contract, Contracts
from energy_grid.rpc import Rpc, to_hex
from simulation.market_day.errors import TransactionFailedError

_MAX_FEE_WEI: Final = 10**10
_MINE_TIMEOUT_SECONDS: Final = 60.0
_DEFAULT_GAS: Final = 500_000

Receipt = dict[str, Any]


@dataclass(frozen=True)
class Call:
    """A contract call to be sent as a transaction.

    Attributes:
        sender: who signs and pays.
        contract: the contract.
        function: its function.
        arguments: in the order of the ABI.
        gas: gas limit.
        what: for people, when it fails.
    """

    sender: LocalAccount
    contract: Contract
    function: str
    arguments: tuple[Any, ...]
    gas: int = _DEFAULT_GAS
    what: str = ""


@dataclass
class Chain:
    """The demo chain and its clock.

    Between calls of `send` Anvil mines every transaction at once (the bridge sends on its own);
    `send` puts all its transactions into as few blocks as they fit, in order of arrival.
    """

    rpc: Rpc
    contracts: Contracts
    chain_id: int
    _nonces: dict[str, int] = field(default_factory=dict)

    def now(self) -> int:
        """Time of the newest block."""
        return self.rpc.timestamp()

    def advance_to(self, unix: int) -> None:
        """Mine an empty block at a time, which must lie ahead."""
        self.rpc.call("evm_setNextBlockTimestamp", hex(unix))
        self.rpc.call("evm_mine")

    def send(self, calls: Sequence[Call]) -> list[Receipt]:
        """Sign, send and mine; receipts in the order of the calls.

        Raises:
            TransactionFailedError: one reverted, with its reason.
        """
        if not calls:
            return []
        raw = [self._sign(call) for call in calls]
        with self._blocks_by_hand():
            hashes = self.rpc.batch([("eth_sendRawTransaction", [to_hex(tx)]) for tx in raw])
            receipts = self._mine(hashes)
        for call, receipt in zip(calls, receipts, strict=True):
            if int(receipt["status"], 16) != 1:
                raise self._failure(call, receipt)
        return receipts

    def read(self, requests: Sequence[tuple[Contract, str, tuple[Any, ...]]]) -> list[Any]:
        """Many view calls in few requests."""
        answers = self.rpc.batch(
            [contract.request(function, *arguments) for contract, function, arguments in requests]
        )
        return [
            contract.decode_answer(function, answer)
            for (contract, function, _), answer in zip(requests, answers, strict=True)
        ]

    def events_of(self, contract: Contract, first: int, last: int) -> list[Event]:
        """All events of a contract in some blocks, in their order."""
        logs = self.rpc.call(
            "eth_getLogs",
            {"address": contract.address, "fromBlock": hex(first), "toBlock": hex(last)},
        )
        events = [contract.abi.decode_log(log) for log in logs]
        return [event for event in events if event is not None]

    def _sign(self, call: Call) -> bytes:
        address = call.sender.address
        nonce = self._nonces.get(address)
        if nonce is None:
            nonce = self.rpc.nonce(address)
        self._nonces[address] = nonce + 1
        transaction: dict[str, Any] = {
            "type": 2,
            "chainId": self.chain_id,
            "nonce": nonce,
            "to": call.contract.address,
            "value": 0,
            "gas": call.gas,
            "maxFeePerGas": _MAX_FEE_WEI,
            "maxPriorityFeePerGas": 0,
            "data": call.contract.encode(call.function, *call.arguments),
        }
        signed = call.sender.sign_transaction(transaction)
        return bytes(signed.raw_transaction)

    @contextmanager
    def _blocks_by_hand(self) -> Iterator[None]:
        self.rpc.call("evm_setAutomine", False)
        try:
            yield
        finally:
            self.rpc.call("evm_setAutomine", True)

    def _mine(self, hashes: Sequence[str]) -> list[Receipt]:
        """Mine blocks until every transaction is in one: a block holds what fits its gas limit."""
        deadline = time.monotonic() + _MINE_TIMEOUT_SECONDS
        found: dict[str, Receipt] = {}
        while len(found) < len(hashes):
            if time.monotonic() > deadline:
                raise TransactionFailedError(
                    "transactions were not mined",
                    expected=f"{len(hashes)} receipts",
                    found=len(found),
                )
            self.rpc.call("evm_mine")
            missing = [hash_ for hash_ in hashes if hash_ not in found]
            answers = self.rpc.batch([("eth_getTransactionReceipt", [hash_]) for hash_ in missing])
            found |= {
                hash_: answer for hash_, answer in zip(missing, answers, strict=True) if answer
            }
        return [found[hash_] for hash_ in hashes]

    def _failure(self, call: Call, receipt: Receipt) -> TransactionFailedError:
        """Ask again, in the block before, for the reason that a receipt does not hold."""
        data = call.contract.encode(call.function, *call.arguments)
        reason: object = "out of gas" if int(receipt["gasUsed"], 16) >= call.gas else "unknown"
        answer = self.rpc.batch(
            [
                (
                    "eth_call",
                    [
                        {
                            "from": call.sender.address,
                            "to": call.contract.address,
                            "data": to_hex(data),
                        },
                        "latest",
                    ],
                )
            ],
            return_errors=True,
        )[0]
        revert = getattr(answer, "data", b"")
        if revert:
            reason = self.contracts.decode_error(revert)
        return TransactionFailedError(
            f"{call.contract.name}.{call.function} reverted"
            + (f" ({call.what})" * bool(call.what)),
            expected="success",
            found=reason,
        )

"""The forked chain as the lock-step tests use it: act as anybody, move the clock, look around."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from energy_grid.abi import Event
from energy_grid.contracts import Contract
from energy_grid.rpc import RpcResponseError, to_bytes, to_hex
from energy_grid.settled_slots import spread
from tests.invariants.fork import Fork

GAS = hex(500_000_000)
"""Ample: here it counts what calls do, `bench/gas` says what they cost."""

Request = tuple[Contract, str, tuple[Any, ...]]


@dataclass(frozen=True)
class Receipt:
    """What became of a transaction; a run of settled slots is one event a slot.

    `reason` has the arguments of the error.
    """

    error: str | None
    detail: str
    events: list[Event]
    gas_used: int
    mined_at: int = 0
    reason: Mapping[str, Any] = field(default_factory=dict)

    def named(self, name: str) -> list[Event]:
        """Events of one kind."""
        return [event for event in self.events if event.name == name]


class Chain:
    """The fork. Each transaction is a block of its own, one second after the last."""

    def __init__(self, fork: Fork) -> None:
        self.fork = fork
        self.rpc = fork.rpc
        self.contracts = fork.contracts
        self.rpc.call("anvil_setBlockTimestampInterval", 1)
        self.now = self.rpc.timestamp()
        self.transactions = 0
        self._questions: dict[Request, tuple[str, list[Any]]] = {}
        self._answers: dict[tuple[str, str, str], Any] = {}

    # --- time ---

    @property
    def next_block_at(self) -> int:
        """Time of the block that the next transaction makes."""
        return self.now + 1

    def advance_to(self, unix: int) -> None:
        """Mine an empty block at an instant."""
        self.rpc.call("evm_setNextBlockTimestamp", hex(unix))
        self.rpc.call("evm_mine")
        self.now = unix

    def snapshot(self) -> tuple[str, int]:
        """Remember the state and the time."""
        return str(self.rpc.call("evm_snapshot")), self.now

    def revert(self, snapshot: tuple[str, int]) -> None:
        """Go back; a snapshot can be used once."""
        assert self.rpc.call("evm_revert", snapshot[0]), "the snapshot is gone"
        self.now = snapshot[1]

    # --- acting ---

    def send(self, sender: str, contract: Contract, function: str, *arguments: Any) -> Receipt:
        """Call a function as anybody. A refusal is an answer, not an exception."""
        return self.send_data(sender, contract, contract.encode(function, *arguments))

    def send_data(self, sender: str, contract: Contract, data: bytes) -> Receipt:
        """Send raw call data."""
        transaction = {
            "from": sender,
            "to": contract.address,
            "data": to_hex(data),
            "gas": GAS,
            "gasPrice": "0x0",
        }
        raw = self.rpc.call("eth_sendTransactionSync", transaction)
        self.transactions += 1
        self.now += 1
        gas_used = int(raw["gasUsed"], 16)
        if int(raw["status"], 16):
            events = spread(self.contracts.decode_logs(raw))
            return Receipt(None, "", events, gas_used, self.now)
        reason = self._why(str(raw["transactionHash"]))
        error = contract.decode_error(reason)
        return Receipt(error.name or "unknown", str(error), [], gas_used, self.now, error.arguments)

    def _why(self, transaction_hash: str) -> bytes:
        trace = self.rpc.call(
            "debug_traceTransaction",
            transaction_hash,
            {"tracer": "callTracer", "tracerConfig": {"onlyTopCall": True}},
        )
        return to_bytes(trace.get("output", "0x"))

    def force(self, sender: str, contract: Contract, function: str, *arguments: Any) -> Receipt:
        """Call a function that must succeed."""
        receipt = self.send(sender, contract, function, *arguments)
        assert receipt.error is None, f"{contract.name}.{function}: {receipt.detail}"
        return receipt

    # --- looking ---

    def ask(self, requests: Sequence[Request]) -> list[Any]:
        """Answers of many views, in one request."""
        answers = self.rpc.batch([self._encoded(request) for request in requests])
        return [self._decoded(*pair) for pair in zip(requests, answers, strict=True)]

    def ask_if_any(self, requests: Sequence[Request]) -> list[Any]:
        """As `ask`, with None where the contract refuses to answer."""
        answers = self.rpc.batch(
            [self._encoded(request) for request in requests], return_errors=True
        )
        return [
            None if isinstance(answer, RpcResponseError) else self._decoded(request, answer)
            for request, answer in zip(requests, answers, strict=True)
        ]

    def _encoded(self, request: Request) -> tuple[str, list[Any]]:
        """The same questions are asked after every step: encode each once."""
        if request not in self._questions:
            contract, name, arguments = request
            self._questions[request] = contract.request(name, *arguments)
        return self._questions[request]

    def _decoded(self, request: Request, answer: str) -> Any:
        """Most answers are the same as after the last step: decode each once."""
        contract, name, _ = request
        key = (contract.name, name, answer)
        if key not in self._answers:
            self._answers[key] = contract.decode_answer(name, answer)
        return self._answers[key]

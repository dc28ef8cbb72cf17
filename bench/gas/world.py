"""A chain with everything deployed, driven by plain JSON-RPC from unlocked accounts."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from eth_account import Account

from energy_grid.artifacts import Artifacts
from energy_grid.contracts import Contract, Contracts
from energy_grid.deployment import Journal, LocalSigner, Parameters, deploy
from energy_grid.deployment.plan import Plan
from energy_grid.deployments import Deployment
from energy_grid.rpc import Rpc, to_hex
from energy_grid.units import Zone

ZONE: Final = Zone(1)
GAS_LIMIT: Final = 16_777_216
"""EIP-7825: no transaction may ask for more."""

ANVIL_ARGUMENTS: Final = (
    *("--hardfork", "osaka"),
    *("--gas-limit", str(1_000 * GAS_LIMIT)),  # blocks of many transactions
    *("--order", "fifo", "--prune-history", "--silent"),
)

_COIN: Final = 1_000_000
DEPOSIT_UNITS: Final = 100_000 * _COIN
_BLOCK_TRANSACTIONS: Final = 200


@dataclass(frozen=True, slots=True)
class Call:
    """A transaction to come."""

    sender: str
    contract: Contract
    function: str
    arguments: tuple[Any, ...]


@dataclass
class World:
    """The deployed platform.

    Attributes:
        operator: grid operator of `ZONE`.
        last_receipt: of the last transaction that `send` sent.
    """

    rpc: Rpc
    contracts: Contracts
    operator: str
    last_receipt: dict[str, Any] = field(default_factory=dict)

    @property
    def governor(self) -> str:
        """Who deployed, and holds every role."""
        return self.contracts.deployment.deployer

    def now(self) -> int:
        """Time of the newest block."""
        return self.rpc.timestamp()

    def travel_to(self, unix: int) -> None:
        """Mine a block at `unix`, which must lie ahead."""
        self.rpc.call("evm_setNextBlockTimestamp", hex(unix))
        self.rpc.call("evm_mine")

    def next_block_at(self, unix: int) -> None:
        """Let the next transaction be mined at `unix`: a block less than `travel_to`."""
        self.rpc.call("evm_setNextBlockTimestamp", hex(unix))

    def send(self, sender: str, contract: Contract, function: str, *arguments: Any) -> int:
        """Send a transaction from an unlocked account; return its `gasUsed`.

        Raises:
            ContractCallError: the contract refused, with its reason.
        """
        call = Call(sender, contract, function, arguments)
        hash_ = self.rpc.call("eth_sendTransaction", _transaction(call))
        self.last_receipt = self.rpc.wait_for_receipt(hash_)
        self._require_success(call, self.last_receipt)
        return int(self.last_receipt["gasUsed"], 16)

    def send_all(self, calls: Sequence[Call]) -> list[int]:
        """Send many transactions in blocks of 200; return the `gasUsed` of each.

        Raises:
            ContractCallError: the contract refused one, with its reason.
        """
        gas: list[int] = []
        self.rpc.call("evm_setAutomine", False)
        try:
            for first in range(0, len(calls), _BLOCK_TRANSACTIONS):
                gas += self._send_block(calls[first : first + _BLOCK_TRANSACTIONS])
        finally:
            self.rpc.call("evm_setAutomine", True)
        return gas

    def _send_block(self, calls: Sequence[Call]) -> list[int]:
        nonces = self._first_nonces(calls)
        transactions = []
        for call in calls:
            transaction = _transaction(call)
            if call.sender in nonces:
                transaction["nonce"] = hex(nonces[call.sender])
                nonces[call.sender] += 1
            transactions.append(transaction)
        hashes = self.rpc.batch([("eth_sendTransaction", [one]) for one in transactions])
        self.rpc.call("evm_mine")
        receipts = self.rpc.wait_for_receipts(hashes)
        for call, receipt in zip(calls, receipts, strict=True):
            self._require_success(call, receipt)
        return [int(receipt["gasUsed"], 16) for receipt in receipts]

    def _first_nonces(self, calls: Sequence[Call]) -> dict[str, int]:
        """Of senders with several transactions: the node may take those of a batch in any order."""
        counts = Counter(call.sender for call in calls)
        several = [sender for sender, count in counts.items() if count > 1]
        answers = self.rpc.batch(
            [("eth_getTransactionCount", [sender, "latest"]) for sender in several]
        )
        return {sender: int(answer, 16) for sender, answer in zip(several, answers, strict=True)}

    def _require_success(self, call: Call, receipt: dict[str, Any]) -> None:
        if int(receipt["status"], 16) != 1:
            # Raises with the reason.
            call.contract.call(call.function, *call.arguments, sender=call.sender)
            raise RuntimeError(f"{call.function} reverted once and not again")


def _transaction(call: Call) -> dict[str, str]:
    return {
        "from": call.sender,
        "to": call.contract.address,
        "data": to_hex(call.contract.encode(call.function, *call.arguments)),
        "gas": hex(GAS_LIMIT),
        "gasPrice": "0x0",
    }


def build_world(rpc: Rpc) -> World:
    """Deploy with the very code of `ape run deploy`."""
    rpc.call("anvil_autoImpersonateAccount", True)
    governor, operator = (Account.from_key(n.to_bytes(32, "big")) for n in (1, 2))
    for account in (governor, operator):
        rpc.call("anvil_setBalance", account.address, hex(10**24))
    artifacts, parameters = Artifacts.load(), Parameters.load("single-key")
    chain_id = rpc.chain_id()
    signer = LocalSigner(governor)
    empty = Deployment(
        chain_id=chain_id,
        genesis_hash=rpc.genesis_hash(),
        network="gas",
        deployer=signer.address,
        parameters=parameters.name,
    )
    plan = Plan(parameters, artifacts, signer.address, chain_id, settlement_token=None)
    with tempfile.TemporaryDirectory() as folder:
        journal = Journal(Path(folder) / "gas.json", empty, rpc)
        report = deploy(plan, journal, signer, {ZONE: LocalSigner(operator)})
    if report.outstanding:
        raise RuntimeError(f"deployment incomplete: {report.outstanding}")
    world = World(rpc, Contracts.load(report.deployment, rpc, artifacts), operator.address)
    token, settlement = world.contracts.settlement_token, world.contracts.settlement
    everything = 10_000 * DEPOSIT_UNITS
    world.send(world.governor, token, "mint", world.governor, everything)
    world.send(world.governor, token, "approve", settlement.address, everything)
    world.send(world.governor, settlement, "depositFor", operator.address, 10 * DEPOSIT_UNITS)
    return world

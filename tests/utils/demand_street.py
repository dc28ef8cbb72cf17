"""Demand response on Anvil: one operator, one household with one PV system."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from energy_grid.abi import Abi
from energy_grid.artifacts import Artifacts
from energy_grid.contracts import Contract
from energy_grid.grid.event_feed import EventFeed
from energy_grid.rpc import Rpc
from tests.utils.anvil import Anvil

PV: Final = 1
CONFIRMATIONS: Final = 3


class Street:
    """Demand response on Anvil: one operator, one household with one PV system."""

    def __init__(self, chain: Anvil) -> None:
        self.chain = chain
        self.rpc = chain.rpc
        self.operator, self.owner = self.rpc.call("eth_accounts")[:2]
        self.first_block = self.rpc.block_number()
        self.world = self._deploy("MockDemandWorld")
        calendar = self._deploy("MockEventCalendar")
        world = self.world.address
        self.response = self._deploy(
            "DemandResponse", world, world, calendar.address, world, world, world
        )
        self.send(self.operator, self.world, "setOperator", 1, self.operator)
        self.send(self.operator, self.world, "addResource", self.owner, 1, 0, 1)

    def _deploy(self, name: str, *arguments: Any) -> Contract:
        artifact = Artifacts.load().get(name)
        abi = Abi(name, artifact.abi)
        code = artifact.creation_code + abi.encode_constructor(*arguments).hex()
        receipt = self._transact({"from": self.operator, "data": "0x" + code})
        return Contract(name, receipt["contractAddress"], abi, self.rpc)

    def send(self, sender: str, to: Contract, function: str, *arguments: Any) -> None:
        data = "0x" + to.encode(function, *arguments).hex()
        receipt = self._transact({"from": sender, "to": to.address, "data": data})
        assert int(receipt["status"], 16) == 1

    def _transact(self, transaction: dict[str, str]) -> dict[str, Any]:
        sent = self.rpc.call(
            "eth_sendTransaction", {**transaction, "gas": hex(8_000_000), "gasPrice": "0x0"}
        )
        return self.rpc.wait_for_receipt(sent)

    def publish(self, limit_w: int = 1_000) -> None:
        slot = self.rpc.timestamp() // 900
        terms = (1, 1, 2, 0, slot + 2, slot + 4, limit_w)
        self.send(self.operator, self.response, "publishEvent", terms, [])

    def choose(self, function: str) -> None:
        self.send(self.owner, self.response, function, 1, PV)

    def feed(self, folder: Path, rpc: Rpc | None = None) -> EventFeed:
        return EventFeed(
            rpc or self.rpc, [self.response], folder / "cursor", self.first_block, CONFIRMATIONS
        )

"""A chain in this process (pyrevm) for tests that need thousands of transactions.

It runs the same compiled contracts as any node. Gas is not measured here: places stay warm from
call to call.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak
from pyrevm import EVM, BlockEnv

from energy_grid.abi import Abi, DecodedError, Event, decode_solidity_error
from energy_grid.artifacts import Artifacts

GAS_LIMIT: Final = 10**12
_OUTPUT: Final = re.compile(r"0x([0-9a-f]*)")


class Refused(Exception):
    """A call reverted; `name` and `arguments` are those of the contract's error,
    `data` is what came back."""

    def __init__(self, error: DecodedError) -> None:
        super().__init__(str(error))
        self.name = error.name
        self.arguments = dict(error.arguments)
        self.data = error.data


class Revm:
    """One chain. Calls change its state; `snapshot` and `revert` go back."""

    def __init__(self, artifacts: Artifacts, deployer: str) -> None:
        self.artifacts = artifacts
        self.deployer = deployer
        self.now = 0
        self._evm = EVM()
        self._evm.set_balance(deployer, 10**24)
        self._deployments = 0

    def at(self, unix: int) -> None:
        """Let the calls from here on run at an instant."""
        self.now = unix
        self._evm.set_block_env(BlockEnv(timestamp=unix, gas_limit=GAS_LIMIT))

    def address_of_next(self, ahead: int = 0) -> str:
        """Address of a contract to be deployed, the next or one further ahead."""
        nonce = self._deployments + ahead
        assert nonce < 0x80, "one byte in RLP"
        pair = b"\x94" + bytes.fromhex(self.deployer[2:]) + bytes([nonce or 0x80])
        return to_checksum_address(keccak(bytes([0xC0 + len(pair)]) + pair)[12:])

    def deploy(self, name: str, *arguments: Any, interface: str | None = None) -> Contract:
        """Deploy a contract; `interface` names another ABI to call it by."""
        artifact = self.artifacts.get(name)
        code = bytes.fromhex(artifact.creation_code)
        abi = Abi(name, artifact.abi)
        contract = self.deploy_code(code + abi.encode_constructor(*arguments), abi)
        if interface is not None:
            contract.abi = Abi(interface, self.artifacts.get(interface).abi)
        return contract

    def deploy_code(self, code: bytes, abi: Abi) -> Contract:
        """Deploy code that is not of the build."""
        address = self._evm.deploy(self.deployer, code)
        self._deployments += 1
        return Contract(self, abi, to_checksum_address(address))

    def call(
        self, sender: str, to: str, data: bytes, *, static: bool, gas: int | None = None
    ) -> bytes:
        """Run a call and return its answer.

        Raises:
            RuntimeError: it reverted.
        """
        answer = self._evm.message_call(sender, to, calldata=data, is_static=static, gas=gas)
        return bytes(answer)

    @property
    def logs(self) -> list[Any]:
        """Logs of the last call."""
        result = self._evm.result
        return [] if result is None else list(result.logs)

    @property
    def gas_used(self) -> int:
        """Gas of the last call."""
        result = self._evm.result
        return 0 if result is None else int(result.gas_used)

    def snapshot(self) -> Any:
        """Remember the state (not the time).

        Go back to every snapshot: one that is forgotten counts as a level of calls, of which there
        are 1,024.
        """
        return self._evm.snapshot()

    def revert(self, snapshot: Any) -> None:
        """Go back to a state."""
        self._evm.revert(snapshot)


class Contract:
    """A contract on a `Revm`, called by its ABI."""

    def __init__(self, chain: Revm, abi: Abi, address: str) -> None:
        self.chain = chain
        self.abi = abi
        self.address = address

    def send(self, sender: str, function: str, *arguments: Any, gas: int | None = None) -> Any:
        """Call as anybody, with all gas there is or some.

        Raises:
            Refused: the call reverted.
        """
        return self._call(sender, function, arguments, static=False, gas=gas)

    def ask(self, function: str, *arguments: Any, gas: int | None = None) -> Any:
        """Ask a view.

        Raises:
            Refused: the call reverted.
        """
        return self._call(self.chain.deployer, function, arguments, static=True, gas=gas)

    def events(self, name: str) -> list[Event]:
        """Events of one kind that the last call left in this contract's name."""
        return [event for event in self.all_events() if event.name == name]

    def all_events(self) -> list[Event]:
        """Events that the last call left in this contract's name, in order."""
        found = []
        for log in self.chain.logs:
            if log.address.lower() != self.address.lower():
                continue
            event = self.abi.decode_log(raw_log(log))
            if event is not None:
                found.append(event)
        return found

    def _call(
        self, sender: str, function: str, arguments: Any, *, static: bool, gas: int | None
    ) -> Any:
        data = self.abi.encode(function, *arguments)
        try:
            answer = self.chain.call(sender, self.address, data, static=static, gas=gas)
        except RuntimeError as error:
            raise Refused(self._decoded(str(error))) from None
        return self.abi.decode_answer(function, answer, len(arguments))

    def _decoded(self, message: str) -> DecodedError:
        found = _OUTPUT.search(message)
        data = bytes.fromhex(found.group(1)) if found else b""
        error = self.abi.decode_error(data) or decode_solidity_error(data)
        return error or DecodedError("", {"message": message}, data)


def raw_log(log: Any) -> Mapping[str, Any]:
    """A log as nodes give it."""
    topics = [topic if isinstance(topic, str) else topic.hex() for topic in log.topics]
    data = log.data
    if isinstance(data, tuple):  # topics and data
        data = data[1]
    return {
        "topics": ["0x" + topic.removeprefix("0x") for topic in topics],
        "data": "0x" + bytes(data).hex(),
        "address": log.address,
        "blockNumber": "0x0",
        "transactionHash": "0x",
        "logIndex": "0x0",
    }

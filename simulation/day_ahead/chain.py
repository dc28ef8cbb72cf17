"""The contract of a replay: deployed on a local chain, sealed and cleared by transactions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from eth_account.signers.local import LocalAccount
from eth_utils.address import to_checksum_address

from energy_grid.abi import Abi
from energy_grid.artifacts import Artifacts
from energy_grid.clearing.packing import PackedSession, PriceGrid
from energy_grid.contracts import Contract
from energy_grid.deployment.roles import Role
from energy_grid.rpc import ExecutionRevertedError, Rpc, RpcResponseError
from simulation.day_ahead.errors import ReplayRefusedError
from simulation.market_day.anvil import CHAIN_ID
from simulation.market_day.keys import key_of

RING: Final = 4_096
"""Sessions on record at a time (`SealedSessionLib.RING`)."""

_AUCTION: Final = "SealedAuction"
_AUTHORITY: Final = "GridAccessManager"
_GATE_SECONDS: Final = 3_600
_CLEARING_SECONDS: Final = 600
_LEAD_SECONDS: Final = 1_800
_GAS_LIMIT: Final = 8_000_000
_MAX_FEE_WEI: Final = 10**10
_FUNDS_WEI: Final = 10**22
_TIMEOUT_SECONDS: Final = 30.0


class ReplayChain:
    """A sealed auction on a chain of its own, with one market of hourly gates.

    Args:
        rpc: the chain.
        artifacts: compiled contracts.
        grid: price grid of the auction.
    """

    def __init__(self, rpc: Rpc, artifacts: Artifacts, grid: PriceGrid) -> None:
        self._rpc = rpc
        self._nonces: dict[str, int] = {}
        self._governor = key_of(0, "governor")
        self._committer = key_of(0, "committer")
        self._solver = key_of(0, "solver")
        for account in (self._governor, self._committer, self._solver):
            rpc.call("anvil_setBalance", account.address, hex(_FUNDS_WEI))
        authority = self._deploy(artifacts, _AUTHORITY, self._governor.address)
        self.auction = self._deploy(
            artifacts, _AUCTION, authority.address, grid.lowest, grid.highest, grid.order_tick
        )
        self._open_market(authority)

    # --- Sessions ---------------------------------------------------------------------------------

    def session(self, number: int) -> int:
        """Id of a session of the market."""
        return self._market << 32 | number

    def commit(self, number: int, packed: PackedSession) -> int:
        """Seal a session half an hour before its gate. Returns the gas."""
        self._set_time(self._gate(number) - _LEAD_SECONDS)
        receipt = self._transact(
            self._committer,
            self.auction,
            "commit",
            self.session(number),
            packed.network_hash,
            packed.curve_hashes,
        )
        return int(receipt["gasUsed"], 16)

    def pass_gate(self, number: int) -> None:
        """Let the gate of a session pass."""
        self._set_time(self._gate(number))
        self._rpc.call("evm_mine")

    def clear(self, number: int, packed: PackedSession, proposal: bytes) -> int:
        """Clear a session. Returns the gas.

        Raises:
            ReplayRefusedError: the contract refused, with its reason.
        """
        receipt = self._transact(
            self._solver,
            self.auction,
            "clear",
            self.session(number),
            packed.network,
            proposal,
            b"".join(packed.curves),
        )
        return int(receipt["gasUsed"], 16)

    def refusals(
        self, number: int, network: bytes, calls: Sequence[tuple[bytes, bytes]]
    ) -> list[str | None]:
        """Try to clear with pairs of proposal and curves, without a transaction.

        Returns:
            Name of the contract's error for each, None where the contract accepted.
        """
        requests = [
            self.auction.request("clear", self.session(number), network, proposal, curves)
            for proposal, curves in calls
        ]
        answers = self._rpc.batch(requests, return_errors=True)
        return [self._refusal(answer) for answer in answers]

    def results(self, number: int) -> list[Any]:
        """`resultsOf` of a cleared session."""
        return list(self.auction.call("resultsOf", self.session(number)))

    def rent(self) -> int:
        """Congestion rent of all sessions."""
        return int(self.auction.call("rentOf", self._market))

    # --- Acting -----------------------------------------------------------------------------------

    def _deploy(self, artifacts: Artifacts, name: str, *arguments: Any) -> Contract:
        artifact = artifacts.get(name)
        abi = Abi(name, artifact.abi)
        data = bytes.fromhex(artifact.creation_code) + abi.encode_constructor(*arguments)
        receipt = self._send(self._governor, None, data, f"deployment of {name}")
        address = to_checksum_address(receipt["contractAddress"])
        return Contract(name, address, abi, self._rpc)

    def _open_market(self, authority: Contract) -> None:
        first_gate = self._rpc.timestamp() + 2 * _LEAD_SECONDS
        self._first_gate = first_gate
        commit = self.auction.abi.selector("commit")
        role = (self._governor, authority)
        self._transact(
            *role, "setTargetFunctionRole", self.auction.address, [commit], Role.COMMITTER
        )
        self._transact(*role, "grantRole", Role.COMMITTER, self._committer.address, 0)
        clock = (first_gate, _GATE_SECONDS, 1, _CLEARING_SECONDS)
        self._transact(self._governor, self.auction, "openMarket", clock)
        self._market = int(self.auction.call("marketCount"))

    def _gate(self, number: int) -> int:
        return self._first_gate + number * _GATE_SECONDS

    def _set_time(self, unix: int) -> None:
        self._rpc.call("evm_setNextBlockTimestamp", hex(unix))

    def _transact(
        self, sender: LocalAccount, contract: Contract, function: str, *arguments: Any
    ) -> dict[str, Any]:
        data = contract.encode(function, *arguments)
        return self._send(sender, contract, data, f"{contract.name}.{function}")

    def _send(
        self, sender: LocalAccount, contract: Contract | None, data: bytes, what: str
    ) -> dict[str, Any]:
        nonce = self._nonces.get(sender.address, 0)
        transaction: dict[str, Any] = {
            "type": 2,
            "chainId": CHAIN_ID,
            "nonce": nonce,
            "value": 0,
            "gas": _GAS_LIMIT,
            "maxFeePerGas": _MAX_FEE_WEI,
            "maxPriorityFeePerGas": 0,
            "data": data,
        }
        if contract is not None:
            transaction["to"] = contract.address
        raw = bytes(sender.sign_transaction(transaction).raw_transaction)
        self._nonces[sender.address] = nonce + 1
        hash_ = self._rpc.send_raw(raw)
        receipt = self._rpc.wait_for_receipt(hash_, timeout_seconds=_TIMEOUT_SECONDS)
        if int(receipt["status"], 16) != 1:
            raise ReplayRefusedError(f"{what} reverted", found=self._reason(sender, contract, data))
        return receipt

    def _reason(self, sender: LocalAccount, contract: Contract | None, data: bytes) -> str:
        if contract is None:
            return "a constructor's refusal"
        try:
            self._rpc.eth_call(contract.address, data, sender=sender.address)
        except ExecutionRevertedError as error:
            return str(contract.decode_error(error.data))
        return "nothing when called again"

    def _refusal(self, answer: Any) -> str | None:
        if not isinstance(answer, RpcResponseError):
            return None
        if not isinstance(answer, ExecutionRevertedError):
            raise answer
        return self.auction.decode_error(answer.data).name

"""A Safe on a chain: who owns it, and whether it is one."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any, Final

from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from energy_grid.rpc import Rpc, to_bytes, to_hex
from energy_grid.safe.abi import SAFE_ABI
from energy_grid.safe.creation import SENTINEL
from energy_grid.safe.errors import SafeError
from energy_grid.safe.suite import CODE_HASHES, FALLBACK_HANDLER, PROXY, SINGLETON
from energy_grid.safe.transaction import NOBODY, SafeTransaction, transaction_hash

_GUARD_SLOT: Final = int.from_bytes(keccak(text="guard_manager.guard.address"), "big")
_HANDLER_SLOT: Final = int.from_bytes(keccak(text="fallback_manager.handler.address"), "big")
_MODULES_ASKED: Final = 10


@dataclass(frozen=True, slots=True)
class SafeState:
    """A Safe at one moment.

    Attributes:
        chain_id: its chain.
        safe: its address.
        owners: in the Safe's own order, which removing and swapping needs.
        threshold: how many must sign.
        nonce: number of the next transaction.
        approved_by: owners who have approved the hash that was asked for on chain.
    """

    chain_id: int
    safe: str
    owners: tuple[str, ...]
    threshold: int
    nonce: int
    approved_by: frozenset[str] = field(default=frozenset())

    def hash_of(self, transaction: SafeTransaction) -> bytes:
        """What the owners sign."""
        return transaction_hash(transaction, self.chain_id, self.safe)


class SafeAccount:
    """Handle of a Safe.

    Args:
        address: checksum address.
        rpc: the node.
    """

    def __init__(self, address: str, rpc: Rpc) -> None:
        self.address = address
        self.rpc = rpc

    def state(self, asked_hash: bytes | None = None) -> SafeState:
        """Read the Safe; with a hash also who approved it on chain.

        Raises:
            SafeError: there is no Safe, or one that can be used without its owners.
        """
        self.require_genuine()
        calls = [self._request(name) for name in ("getOwners", "getThreshold", "nonce")]
        answers = self.rpc.batch(calls)
        owners = tuple(self._decoded("getOwners", answers[0]))
        approved: set[str] = set()
        if asked_hash is not None:
            approvals = self.rpc.batch(
                [self._request("approvedHashes", owner, asked_hash) for owner in owners]
            )
            approved = {
                owner
                for owner, answer in zip(owners, approvals, strict=True)
                if self._decoded("approvedHashes", answer)
            }
        return SafeState(
            chain_id=self.rpc.chain_id(),
            safe=self.address,
            owners=owners,
            threshold=self._decoded("getThreshold", answers[1]),
            nonce=self._decoded("nonce", answers[2]),
            approved_by=frozenset(approved),
        )

    def require_genuine(self, singletons: Collection[str] = (CODE_HASHES[SINGLETON],)) -> None:
        """Refuse an address that is no Safe with known code and nothing added to it.

        A module may act without the owners, a guard may stop them, and whatever the fallback
        handler is can be called by anybody in the Safe's name.

        Args:
            singletons: hashes of the account's code that are accepted.

        Raises:
            SafeError: something else.
        """
        code = self.rpc.code(self.address)
        found = to_hex(keccak(code)) if code else "no code"
        if found != CODE_HASHES[PROXY]:
            raise SafeError(
                f"no Safe at {self.address}",
                expected=f"code {CODE_HASHES[PROXY]}",
                found=found,
                remedy="Create it first (`ape run safe create`), or correct address and network",
            )
        singleton = str(self._ask("masterCopy"))
        code = self.rpc.code(singleton)
        found = to_hex(keccak(code)) if code else "no code"
        if found not in singletons:
            raise SafeError(
                f"the Safe {self.address} runs other code",
                expected=", ".join(singletons),
                found=f"{found} at {singleton}",
                remedy="Do not sign: its owners may have been deceived into replacing its code",
            )
        modules, _ = self._ask("getModulesPaginated", SENTINEL, _MODULES_ASKED)
        guard, handler = self._stored_address(_GUARD_SLOT), self._stored_address(_HANDLER_SLOT)
        code = self.rpc.code(handler)
        known_handler = handler == NOBODY or (to_hex(keccak(code)) == CODE_HASHES[FALLBACK_HANDLER])
        if modules or guard != NOBODY or not known_handler:
            raise SafeError(
                f"the Safe {self.address} has an extension",
                expected=f"no modules, no guard, {FALLBACK_HANDLER} as fallback handler",
                found=f"modules {', '.join(modules) or 'none'}, guard {guard}, handler {handler}",
                remedy="Move what it holds to a Safe without extensions",
            )

    def _request(self, function: str, *arguments: Any) -> tuple[str, list[Any]]:
        call = {"to": self.address, "data": to_hex(SAFE_ABI.encode(function, *arguments))}
        return "eth_call", [call, "latest"]

    def _ask(self, function: str, *arguments: Any) -> Any:
        answer = self.rpc.eth_call(self.address, SAFE_ABI.encode(function, *arguments))
        return SAFE_ABI.decode_answer(function, answer, len(arguments))

    def _stored_address(self, slot: int) -> str:
        word = self._ask("getStorageAt", slot, 1)
        return str(to_checksum_address(word[12:]))

    @staticmethod
    def _decoded(function: str, answer: str) -> Any:
        return SAFE_ABI.decode_answer(function, to_bytes(answer))

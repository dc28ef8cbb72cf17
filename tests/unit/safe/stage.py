"""The contracts of Safe as the package has them, on a chain in this process, and real keys."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Final

import pytest
from eth_keys.datatypes import PrivateKey
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from energy_grid.abi import Abi
from energy_grid.artifacts import Artifacts
from energy_grid.safe import signatures
from energy_grid.safe.abi import FACTORY_ABI, SAFE_ABI
from energy_grid.safe.account import SafeState
from energy_grid.safe.creation import SafeSetup
from energy_grid.safe.signatures import OwnerSignature
from energy_grid.safe.suite import FACTORY, FALLBACK_HANDLER, SINGLETON, SafeSuite, packaged
from energy_grid.safe.transaction import SafeTransaction
from tests.utils.revm import Contract, Refused, Revm

CHAIN_ID: Final = 1
NOW: Final = 1_780_000_000
DEPLOYER: Final = to_checksum_address("0x00000000000000000000000000000000000000a1")
ANYBODY: Final = to_checksum_address("0x00000000000000000000000000000000000000a3")
PAYEE: Final = to_checksum_address("0x00000000000000000000000000000000000000a4")
FUNDS: Final = 1_000_000


@dataclass(frozen=True)
class Person:
    """Somebody with a key."""

    name: str

    @property
    def key(self) -> bytes:
        return keccak(text=f"safe owner {self.name}")

    @property
    def address(self) -> str:
        return str(PrivateKey(self.key).public_key.to_checksum_address())


ANNA, BERT, CLEO, DORA, EMIL = (Person(name) for name in ("anna", "bert", "cleo", "dora", "emil"))
PEOPLE: Final = (ANNA, BERT, CLEO, DORA, EMIL)
STRANGER: Final = Person("stranger")


def refused_with(message: str) -> Any:
    """The next call is refused with this code."""

    def fits(error: Refused) -> bool:
        assert (error.name, error.arguments) == ("Error", {"message": message})
        return True

    return pytest.raises(Refused, check=fits)


class SafeStage:
    """A 2-of-3 Safe of Anna, Bert and Cleo that holds tokens."""

    def __init__(self) -> None:
        self.chain = Revm(Artifacts.load(), DEPLOYER)
        self.chain.at(NOW)
        deployed = {}
        for name in (SINGLETON, FACTORY, FALLBACK_HANDLER):
            part = packaged(name)
            deployed[name] = self.chain.deploy_code(part.creation_code, Abi(name, part.abi))
        self.singleton = deployed[SINGLETON]
        self.factory = deployed[FACTORY]
        self.suite = SafeSuite(*(contract.address for contract in deployed.values()))
        self.token = self.chain.deploy("MockSettlementToken")
        self.safe = self.create(SafeSetup(tuple(one.address for one in PEOPLE[:3]), 2))
        self.token.send(DEPLOYER, "mint", self.safe.address, FUNDS)

    def create(self, setup: SafeSetup) -> Contract:
        """Create a Safe; it must come to the address that was foretold."""
        foretold = setup.address(self.suite, self.factory.ask("proxyCreationCode"))
        answer = self.chain.call(
            ANYBODY, self.suite.factory, setup.creation_call(self.suite), static=False
        )
        assert FACTORY_ABI.decode_answer("createProxyWithNonce", answer) == foretold
        return Contract(self.chain, SAFE_ABI, foretold)

    def state(self, safe: Contract | None = None) -> SafeState:
        """A Safe's state."""
        safe = safe or self.safe
        return SafeState(
            CHAIN_ID,
            safe.address,
            tuple(safe.ask("getOwners")),
            safe.ask("getThreshold"),
            safe.ask("nonce"),
        )

    def payment(self, amount: int = 1, *, nonce: int | None = None, to: str = PAYEE) -> Any:
        """A transaction that pays tokens, the Safe's next one unless another number is given."""
        data = self.token.abi.encode("transfer", to, amount)
        number = self.safe.ask("nonce") if nonce is None else nonce
        return SafeTransaction(self.token.address, data, number)

    def to_itself(self, function: str, *arguments: Any) -> SafeTransaction:
        """A transaction of the Safe about itself."""
        data = SAFE_ABI.encode(function, *arguments)
        return SafeTransaction(self.safe.address, data, self.safe.ask("nonce"))

    def signed(
        self,
        transaction: SafeTransaction,
        *signers: Person,
        state: SafeState | None = None,
        **changes: Any,
    ) -> list[OwnerSignature]:
        """Signatures; for another chain, Safe or nonce if `changes` says so."""
        seen = replace(state or self.state(), **{k: v for k, v in changes.items() if k != "nonce"})
        if "nonce" in changes:
            transaction = replace(transaction, nonce=changes["nonce"])
        return [signatures.sign(seen.hash_of(transaction), one.key) for one in signers]

    def execute(
        self,
        transaction: SafeTransaction,
        given: Iterable[OwnerSignature] | bytes,
        *,
        sender: str = ANYBODY,
        safe: Contract | None = None,
    ) -> None:
        """Execute with signatures as given, in the right order unless they are bytes already."""
        packed = given if isinstance(given, bytes) else signatures.pack(given)
        safe = safe or self.safe
        assert safe.send(sender, "execTransaction", *transaction.call_tuple(), packed)

    def paid(self) -> int:
        """Tokens the payee has."""
        balance: int = self.token.ask("balanceOf", PAYEE)
        return balance

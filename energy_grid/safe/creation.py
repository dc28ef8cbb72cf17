"""A Safe before it exists: its owners, and the address that follows from them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from eth_utils.address import is_checksum_address, to_canonical_address, to_checksum_address
from eth_utils.crypto import keccak

from energy_grid.eip712 import word
from energy_grid.rpc import Rpc
from energy_grid.safe.abi import FACTORY_ABI, SAFE_ABI
from energy_grid.safe.errors import SafeError
from energy_grid.safe.suite import SafeSuite
from energy_grid.safe.transaction import NOBODY

SENTINEL: Final = "0x" + "0" * 39 + "1"
"""Start and end of a Safe's list of owners; never an owner."""


@dataclass(frozen=True, slots=True)
class SafeSetup:
    """What makes one Safe.

    Attributes:
        owners: in the order in which they are set up.
        threshold: how many must sign.
        salt: tells Safes of the same owners apart.
    """

    owners: tuple[str, ...]
    threshold: int
    salt: int = 0

    def __post_init__(self) -> None:
        wrong = [owner for owner in self.owners if not is_checksum_address(owner)]
        if wrong or {NOBODY, SENTINEL} & set(self.owners):
            raise SafeError(
                "owners of a Safe", expected="checksum addresses", found=", ".join(self.owners)
            )
        if len(set(self.owners)) != len(self.owners):
            raise SafeError("owners of a Safe", expected="different ones", found=self.owners)
        if not 1 <= self.threshold <= len(self.owners):
            raise SafeError(
                "threshold of a Safe",
                expected=f"1 to {len(self.owners)}, the number of owners",
                found=self.threshold,
            )

    def initializer(self, suite: SafeSuite) -> bytes:
        """The call that sets the account up: no module, no payment, no code of others."""
        return SAFE_ABI.encode(
            "setup",
            self.owners,
            self.threshold,
            NOBODY,
            b"",
            suite.fallback_handler,
            NOBODY,
            0,
            NOBODY,
        )

    def creation_call(self, suite: SafeSuite) -> bytes:
        """Data of the factory's call that creates the account; anybody may send it."""
        return FACTORY_ABI.encode(
            "createProxyWithNonce", suite.singleton, self.initializer(suite), self.salt
        )

    def address(self, suite: SafeSuite, proxy_creation_code: bytes) -> str:
        """Where the account will be: CREATE2 over factory, code, set-up and salt.

        Nobody can put another account there: owners and threshold are part of the salt.
        """
        code = proxy_creation_code + to_canonical_address(suite.singleton).rjust(32, b"\0")
        salt = keccak(keccak(self.initializer(suite)) + word("salt", self.salt, 256))
        return create2_address(suite.factory, salt, code)


def create2_address(creator: str, salt: bytes, creation_code: bytes) -> str:
    """Address of a contract created with CREATE2."""
    preimage = b"\xff" + to_canonical_address(creator) + salt + keccak(creation_code)
    return str(to_checksum_address(keccak(preimage)[12:]))


def proxy_creation_code(suite: SafeSuite, rpc: Rpc) -> bytes:
    """Ask the factory what it creates accounts from."""
    answer = rpc.eth_call(suite.factory, FACTORY_ABI.encode("proxyCreationCode"))
    return bytes(FACTORY_ABI.decode_answer("proxyCreationCode", answer))


def predicted_address(setup: SafeSetup, suite: SafeSuite, rpc: Rpc) -> str:
    """Address of a Safe on a chain that has the suite."""
    return setup.address(suite, proxy_creation_code(suite, rpc))

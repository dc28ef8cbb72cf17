"""Keys of everybody on the demo chain, all derived from the seed.

They are public by construction and must never hold anything on a real network.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eth_account import Account
from eth_account.signers.local import LocalAccount
from eth_utils.crypto import keccak

from simulation.physics.zones import ZONES

_SCRYPT_ROUNDS = 2
"""Least work factor: a keystore of a simulated meter guards nothing and 40 of them open at once."""


def key_of(seed: int, role: str, number: int = 0) -> LocalAccount:
    """The account of a role, fixed by seed, role and number."""
    material = f"energy-grid market day / seed {seed} / {role} / {number}"
    account: LocalAccount = Account.from_key(keccak(text=material))
    return account


@dataclass(frozen=True)
class DayKeys:
    """All accounts of one market day.

    Attributes:
        governor: deploys and governs.
        operators: grid operators by zone.
        engine: clears, matches and relays signed orders; the trading engine has its key.
        keeper: settles and claims certificates.
        relayer: pays for the readings that the bridge sends.
        treasurers: owners of the Safe that receives the trading fees; they sign, and send nothing.
        members: one for each home.
    """

    governor: LocalAccount
    operators: dict[int, LocalAccount]
    engine: LocalAccount
    keeper: LocalAccount
    relayer: LocalAccount
    treasurers: tuple[LocalAccount, ...]
    members: tuple[LocalAccount, ...]

    @classmethod
    def derive(cls, seed: int, homes: int) -> DayKeys:
        """Accounts of a day with so many homes."""
        return cls(
            governor=key_of(seed, "governor"),
            operators={zone: key_of(seed, "grid operator", zone) for zone in ZONES},
            engine=key_of(seed, "engine"),
            keeper=key_of(seed, "keeper"),
            relayer=key_of(seed, "relayer"),
            treasurers=tuple(key_of(seed, "treasurer", number) for number in range(1, 4)),
            members=tuple(key_of(seed, "member", number) for number in range(1, homes + 1)),
        )

    def everybody(self) -> tuple[LocalAccount, ...]:
        """All accounts that send transactions."""
        services = (self.governor, self.engine, self.keeper, self.relayer)
        return (*services, *self.operators.values(), *self.members)


def write_keystore(account: LocalAccount, password: str, path: Path) -> None:
    """Write an eth-account keystore, with the least work factor."""
    content: dict[str, Any] = Account.encrypt(
        account.key, password, kdf="scrypt", iterations=_SCRYPT_ROUNDS
    )
    path.write_text(json.dumps(content), encoding="utf-8")
    path.chmod(0o600)

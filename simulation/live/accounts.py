"""Keys of the processes of a live day, and their keystores."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from eth_account.signers.local import LocalAccount

from simulation.live.files import write_atomically
from simulation.live.plan import LivePlan
from simulation.market_day.keys import key_of, write_keystore

PASSWORD: Final = "simulated"  # noqa: S105 - guards keys that the seed reveals anyway


@dataclass(frozen=True)
class LiveKeys:
    """Keys of processes by their names; each process has its own.

    Attributes:
        keepers: keepers and collectors by name.
        relayers: pay for readings, one a bridge.
        reporters: sign observations, one an operator.
    """

    keepers: dict[str, LocalAccount]
    relayers: tuple[LocalAccount, ...]
    reporters: tuple[LocalAccount, ...]

    @classmethod
    def derive(cls, plan: LivePlan) -> LiveKeys:
        """All of them, from the seed."""
        names = [
            "clearing",
            "matching",
            "settlement",
            "quote",
            "guardian",
            "balancing",
            "collector",
        ]
        return cls(
            keepers={name: key_of(plan.seed, f"live {name}") for name in names},
            relayers=tuple(
                key_of(plan.seed, "live relayer", number) for number in range(plan.bridges)
            ),
            reporters=tuple(
                key_of(plan.seed, "live reporter", number) for number in range(plan.reporters)
            ),
        )

    def everybody(self) -> tuple[LocalAccount, ...]:
        """All accounts."""
        return (*self.keepers.values(), *self.relayers, *self.reporters)


def keystore_of(account: LocalAccount, name: str, folder: Path) -> tuple[Path, Path]:
    """Keystore and password file of an account; written once."""
    folder.mkdir(parents=True, exist_ok=True)
    keystore, password = folder / f"{name}.json", folder / "password"
    if not password.exists():
        write_atomically(password, PASSWORD)
    if not keystore.exists():
        write_keystore(account, PASSWORD, keystore)
    return keystore, password

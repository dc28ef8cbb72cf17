"""The reporter's key. Nothing outside this module sees it."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from energy_grid.feeds import Observation, SignedObservation
from energy_grid.keystores import open_keystore

REMEDY: Final = "Check EG_KEEPER_KEYSTORE and EG_KEEPER_PASSWORD_FILE"


class ReporterKey:
    """Signs observations.

    Args:
        address: of the key.
        private_key: the key.
    """

    __slots__ = ("__private_key", "address")

    def __init__(self, address: str, private_key: bytes) -> None:
        self.address = address
        self.__private_key = private_key

    @classmethod
    def open(cls, path: Path, password: str) -> ReporterKey:
        """The key of a keystore file.

        Raises:
            ConfigurationError: it cannot be opened.
        """
        account = open_keystore(path, password, REMEDY)
        return cls(str(account.address), bytes(account.key))

    def sign(self, observation: Observation, domain: bytes) -> SignedObservation:
        """Sign; the same for the same observation, always."""
        return SignedObservation.sign(observation, domain, self.__private_key)

    def __repr__(self) -> str:
        return f"ReporterKey({self.address})"

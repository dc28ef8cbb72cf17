"""Takes values out of a parameters file and collects every fault of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from eth_utils.address import is_checksum_address

DEPLOYER: Final = "deployer"
"""In `[roles]`: the account that deploys."""
TIMELOCK: Final = "timelock"
"""In `[roles]`: the timelock of the deployment."""
SAFE: Final = "safe"
"""In `[roles]`: an account of several owners, made from `[safe]`."""

DEVELOPMENT: Final = "development"
"""Accounts whose keys everybody knows, for chains that live on one machine."""
DEVELOPMENT_PEOPLE: Final = (
    "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC",
    "0x90F79bf6EB2c4f870365E785982E1f101E93b906",
    "0x15d34AAf54267DB7D7c367839AAf71A00a2C6A65",
)
"""Accounts 2 to 4 of the mnemonic that every local test chain knows."""
DEVELOPMENT_REPORTERS: Final = (
    "0x9965507D1a55bcC2695C58ba16FB37d819B0A4dc",
    "0x976EA74026E726554dB657fA54763abd0C3a0aa9",
    "0x14dC79964da2C08b23698B3D3cc7Ca32193d9955",
    "0x23618e81E3f5cdF7f54C3d65f7FBc0aBf5B21E8f",
    "0xa0Ee7A142d267C1f36714E4a8F75612F20a79720",
)
"""Accounts 5 to 9 of the mnemonic that every local test chain knows."""
MIN_REPORTERS: Final = 4
MAX_REPORTERS: Final = 31
MAX_TOKENS: Final = 10**15
"""Most whole governance tokens that a holder is given."""


class Reader:
    """Takes values out of the nested file.

    Attributes:
        faults: what is wrong with the file.
    """

    def __init__(self, content: Mapping[str, Any]) -> None:
        self._values = dict(_flatten("", content))
        self.faults: list[str] = []

    def number(self, name: str, highest: int, *, lowest: int = 0, multiple: int = 1) -> int:
        """A whole number within bounds."""
        value = self._take(name)
        if value is None:
            return lowest
        if not isinstance(value, int) or isinstance(value, bool):
            self.faults.append(f"{name}: expected a whole number, found {value!r}")
            return lowest
        if not lowest <= value <= highest or value % multiple:
            kind = f", a multiple of {multiple}" if multiple > 1 else ""
            self.faults.append(f"{name}: expected {lowest} to {highest}{kind}, found {value}")
        return value

    def holder(self, name: str, *words: str) -> str:
        """An address, or a word for one: "deployer" or one of `words`."""
        value = self._take(name)
        if value is None or value in (DEPLOYER, *words):
            return str(value or DEPLOYER)
        if value == DEVELOPMENT:
            return DEVELOPMENT_PEOPLE[-1]
        if not isinstance(value, str) or not is_checksum_address(value):
            known = ", ".join(f'"{word}"' for word in (DEPLOYER, DEVELOPMENT, *words))
            self.faults.append(f"{name}: expected {known} or a checksum address, found {value!r}")
        return str(value)

    def accounts(self, name: str, *, lowest: int = 0) -> tuple[str, ...]:
        """Different addresses, or the people of development chains."""
        value = self._take(name)
        if value is None or value == DEVELOPMENT:
            return DEVELOPMENT_PEOPLE
        found = value if isinstance(value, list) else []
        are_addresses = all(isinstance(one, str) and is_checksum_address(one) for one in found)
        if (
            not isinstance(value, list)
            or not are_addresses
            or len(set(found)) != len(found)
            or len(found) < lowest
        ):
            self.faults.append(
                f'{name}: expected "{DEVELOPMENT}" or at least {lowest} different checksum '
                f"addresses, found {value!r}"
            )
        return tuple(found)

    def tokens(self, name: str, development: Sequence[int]) -> tuple[tuple[str, int], ...]:
        """A table of accounts and whole tokens; the people of development chains have these."""
        if name in self._values:
            value = self._take(name)
            if value != DEVELOPMENT:
                self.faults.append(f'{name}: expected "{DEVELOPMENT}" or a table, found {value!r}')
            return tuple(zip(DEVELOPMENT_PEOPLE, development, strict=True))
        accounts = [key for key in self._values if key.startswith(f"{name}.")]
        if not accounts:
            self.faults.append(f"{name}: missing")
        found = []
        for key in accounts:
            account = key.removeprefix(f"{name}.")
            if not is_checksum_address(account):
                self.faults.append(f"{name}: expected checksum addresses, found {account!r}")
            found.append((account, self.number(key, MAX_TOKENS, lowest=1)))
        return tuple(found)

    def numbers(self, name: str, highest: int) -> tuple[int, ...]:
        """Different whole numbers."""
        value = self._take(name)
        found = value if isinstance(value, list) else []
        whole = all(isinstance(one, int) and not isinstance(one, bool) for one in found)
        if value is not None and not (
            found and whole and len(set(found)) == len(found) and 0 <= min(found) <= max(found)
        ):
            self.faults.append(f"{name}: expected different whole numbers, found {value!r}")
            return ()
        if found and max(found) > highest:
            self.faults.append(f"{name}: expected at most {highest}, found {max(found)}")
        return tuple(found)

    def reporters(self, name: str) -> tuple[str, ...]:
        """Who reports to the oracles."""
        value = self._take(name)
        if value is None or value == DEVELOPMENT:
            return DEVELOPMENT_REPORTERS
        found = value if isinstance(value, list) else []
        are_addresses = all(isinstance(one, str) and is_checksum_address(one) for one in found)
        if (
            not are_addresses
            or not MIN_REPORTERS <= len(found) <= MAX_REPORTERS
            or len(set(found)) != len(found)
        ):
            self.faults.append(
                f'{name}: expected "{DEVELOPMENT}" or {MIN_REPORTERS} to {MAX_REPORTERS} different '
                f"checksum addresses, found {value!r}"
            )
        return tuple(found)

    def choice(self, name: str, choices: Sequence[str]) -> str:
        """One of several words."""
        value = self._take(name)
        if value is not None and value not in choices:
            self.faults.append(f"{name}: expected one of {', '.join(choices)}, found {value!r}")
        return str(value) if value in choices else choices[0]

    def _take(self, name: str) -> Any:
        if name not in self._values:
            self.faults.append(f"{name}: missing")
            return None
        return self._values.pop(name)

    def finish(self) -> None:
        """What nobody has asked for is a fault."""
        self.faults += [f"{name}: unknown" for name in self._values]


def _flatten(prefix: str, content: Mapping[str, Any]) -> list[tuple[str, Any]]:
    values: list[tuple[str, Any]] = []
    for key, value in content.items():
        name = f"{prefix}{key}"
        values += _flatten(f"{name}.", value) if isinstance(value, Mapping) else [(name, value)]
    return values

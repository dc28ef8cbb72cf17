"""Encrypted keys on disk, in the form that Ethereum's programs share (Web3 Secret Storage)."""

from __future__ import annotations

import json
from pathlib import Path

from eth_account import Account
from eth_account.signers.local import LocalAccount

from energy_grid.errors import ConfigurationError


def open_keystore(path: Path, password: str, remedy: str) -> LocalAccount:
    """The account of a keystore file.

    Args:
        path: the file.
        password: its password.
        remedy: which settings to look at when it cannot be opened.

    Raises:
        ConfigurationError: the file cannot be read, or not with this password.
    """
    try:
        keystore = json.loads(path.read_text(encoding="utf-8"))
        account: LocalAccount = Account.from_key(Account.decrypt(keystore, password))
    except OSError as error:
        raise ConfigurationError(
            f"keystore {path} cannot be read",
            expected="a readable file",
            found=error.strerror,
        ) from None
    except (ValueError, KeyError, TypeError, AttributeError):
        # The library says "MAC mismatch" for a wrong password.
        raise ConfigurationError(
            f"keystore {path} cannot be opened",
            expected="a keystore file and its password",
            remedy=remedy,
        ) from None
    return account

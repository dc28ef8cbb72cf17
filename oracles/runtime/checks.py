"""What a keeper needs before it can run, looked at one by one."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from energy_grid.errors import ConfigurationError, EnergyGridError
from energy_grid.keystores import open_keystore
from energy_grid.outbox import Outbox, State
from energy_grid.preflight import Chain, open_chain
from energy_grid.rpc import Rpc
from oracles.runtime.config import KeeperSettings

CLOCK_TOLERANCE_SECONDS: Final = 30
"""A chain is never further ahead of an honest clock than this."""
KEY_REMEDY: Final = "Check EG_KEEPER_KEYSTORE and EG_KEEPER_PASSWORD_FILE"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at."""

    name: str
    is_good: bool
    detail: str


@dataclass(slots=True)
class Found:
    """What the first checks found, for those that build on it."""

    chain: Chain | None = None
    address: str | None = None
    extra: dict[str, Any] = field(default_factory=dict)


def look(name: str, what: Callable[[], str]) -> Check:
    """One check; an error of this project is a bad one."""
    try:
        return Check(name, True, what())
    except EnergyGridError as error:
        return Check(name, False, str(error))


def basic_checks(settings: KeeperSettings, name: str, found: Found) -> Iterator[Check]:
    """Node and chain, clock, key, funds and store: what every keeper needs."""

    def connect() -> str:
        found.chain = open_chain(settings)
        deployment = found.chain.deployment
        return f"chain {deployment.chain_id}, market {deployment.address_of('EnergyTrading')}"

    def key() -> str:
        if settings.keeper_keystore is None:
            return "none: a dry run, nothing is sent"
        found.address = str(account_of(settings).address)
        return found.address

    yield look("chain", connect)
    if found.chain is not None:
        rpc = found.chain.rpc
        yield look("clock", lambda: _clock(rpc))
    yield look("key", key)
    if found.chain is not None and found.address is not None:
        yield funds(found.chain.rpc, found.address)
    yield look("store", lambda: _store(store_path(settings, name)))


def role_check(found: Found, contract: str, function: str) -> Check:
    """Whether the key may call a restricted function at once."""

    def ask() -> str:
        if found.chain is None or found.address is None:
            return "not asked without chain and key"
        target = found.chain.contracts[contract]
        may, delay = found.chain.contracts.access_manager.call(
            "canCall", found.address, target.address, target.abi.selector(function)
        )
        if not may:
            raise ConfigurationError(
                f"{found.address} may not call {contract}.{function}",
                expected="its role",
                found=f"none (delay {delay} s)",
                remedy="Have governance grant the role, or use the key that has it",
            )
        return f"may call {contract}.{function}"

    return look("role", ask)


def funds(rpc: Rpc, address: str) -> Check:
    """Whether the account can pay for transactions."""
    try:
        wei = rpc.balance(address)
        price = int(rpc.block("latest").get("baseFeePerGas") or "0x0", 16)
    except EnergyGridError as error:
        return Check("funds", False, str(error))
    return Check("funds", wei > 0 or not price, f"{wei} wei, base fee {price} wei")


def account_of(settings: KeeperSettings) -> Any:
    """The account that sends.

    Raises:
        ConfigurationError: no keystore, or it cannot be opened.
    """
    if settings.keeper_keystore is None or settings.keeper_password is None:
        raise ConfigurationError(
            "key of the keeper",
            expected="EG_KEEPER_KEYSTORE and EG_KEEPER_PASSWORD_FILE",
            found="no password" if settings.keeper_keystore else "no keystore",
            remedy=KEY_REMEDY,
        )
    password = settings.keeper_password.get_secret_value()
    return open_keystore(settings.keeper_keystore, password, KEY_REMEDY)


def store_path(settings: KeeperSettings, name: str) -> Path:
    """The keeper's SQLite file."""
    return settings.keeper_folder / f"{name}.sqlite"


def _clock(rpc: Rpc) -> str:
    ahead = rpc.timestamp() - time.time()
    if ahead > CLOCK_TOLERANCE_SECONDS:
        # A local chain may be moved by hand; keepers take their time from the chain.
        return f"the chain is {ahead:.0f} s ahead of this computer"
    return f"newest block {-ahead:.0f} s ago"


def _store(path: Path) -> str:
    outbox = Outbox(path)
    try:
        open_rows = outbox.count(*(state for state in State if state.is_open))
    finally:
        outbox.close()
    return f"{path}, {open_rows} transactions open"

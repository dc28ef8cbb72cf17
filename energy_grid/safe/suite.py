"""The contracts that every Safe needs: the code of the account, the factory, the fallback handler.

Public networks have them at the same addresses everywhere (source: the package
`@safe-global/safe-deployments`, version 1.5.0 of the contracts). On development chains they are
deployed from the npm package `@safe-global/safe-smart-account`: the same code to the byte.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from eth_utils.address import is_checksum_address
from eth_utils.crypto import keccak

from energy_grid.deployments import PROJECT_ROOT
from energy_grid.errors import ConfigurationError
from energy_grid.rpc import Rpc, to_hex
from energy_grid.safe.errors import SafeError

VERSION: Final = "1.5.0"
PACKAGE_FOLDER: Final = PROJECT_ROOT / "node_modules" / "@safe-global" / "safe-smart-account"

SINGLETON: Final = "SafeL2"
"""The account's code that also tells each executed transaction as an event."""
FACTORY: Final = "SafeProxyFactory"
FALLBACK_HANDLER: Final = "CompatibilityFallbackHandler"
PROXY: Final = "SafeProxy"

SOURCES: Final[Mapping[str, str]] = {
    SINGLETON: "SafeL2.sol",
    FACTORY: "proxies/SafeProxyFactory.sol",
    FALLBACK_HANDLER: "handler/CompatibilityFallbackHandler.sol",
}
"""Contracts of a suite to their source in the package, in order of deployment."""

CODE_HASHES: Final[Mapping[str, str]] = {
    SINGLETON: "0x180193227186ccb85316c94db1f0d156ed932b14712cfaac78901899178572dc",
    FACTORY: "0x967dae4cda22b0c9ef7f31b010bdc1ceb0af9904b0c3dc060b5302e4c18a4529",
    FALLBACK_HANDLER: "0x3c6a85bcf7b563daa624b884b4e9a1b9fa5371edde7be945d998071a48f28bbc",
    PROXY: "0x4e381985ca68b3e5d27b4425fa581c19cf33146d3f887a3cfca96f55528ea46f",
}
"""Keccak of the code on chain."""


@dataclass(frozen=True, slots=True)
class SafeSuite:
    """Where a chain has the contracts.

    Attributes:
        singleton: code of the accounts.
        factory: creates accounts at addresses known beforehand.
        fallback_handler: answers ERC-1271 and receives tokens.
    """

    singleton: str
    factory: str
    fallback_handler: str

    def items(self) -> tuple[tuple[str, str], ...]:
        """Contract and address, in order of deployment."""
        return (
            (SINGLETON, self.singleton),
            (FACTORY, self.factory),
            (FALLBACK_HANDLER, self.fallback_handler),
        )


CANONICAL: Final = SafeSuite(
    singleton="0xEdd160fEBBD92E350D4D398fb636302fccd67C7e",
    factory="0x14F2982D601c9458F93bd70B218933A6f8165e7b",
    fallback_handler="0x3EfCBb83A4A7AfcB4F68D501E2c2203a38be77f4",
)
"""Addresses on public networks."""

ADDRESS_VARIABLES: Final = (
    "EG_SAFE_SINGLETON",
    "EG_SAFE_FACTORY",
    "EG_SAFE_FALLBACK_HANDLER",
)
"""Environment of a network that has them elsewhere."""


def configured_suite(environment: Mapping[str, str] | None = None) -> SafeSuite:
    """Where a public network has the contracts: as the environment says, else `CANONICAL`.

    Raises:
        ConfigurationError: no address.
    """
    values = os.environ if environment is None else environment
    addresses = []
    for variable, (_, canonical) in zip(ADDRESS_VARIABLES, CANONICAL.items(), strict=True):
        address = values.get(variable, "").strip() or canonical
        if not is_checksum_address(address):
            raise ConfigurationError(variable, expected="an address with checksum", found=address)
        addresses.append(address)
    return SafeSuite(*addresses)


def require_genuine(suite: SafeSuite, rpc: Rpc) -> None:
    """Refuse addresses that do not hold the contracts.

    Raises:
        SafeError: no code, or other code.
    """
    for name, address in suite.items():
        code = rpc.code(address)
        found = to_hex(keccak(code)) if code else "no code"
        if found != CODE_HASHES[name]:
            raise SafeError(
                f"{name} of Safe {VERSION} at {address}",
                expected=f"code {CODE_HASHES[name]}",
                found=found,
                remedy="Configure where this chain has the contracts of Safe",
            )


@dataclass(frozen=True, slots=True)
class PackagedContract:
    """A contract of the npm package.

    Attributes:
        name: its name.
        abi: the ABI's entries.
        creation_code: deploys it; none of them takes arguments.
    """

    name: str
    abi: tuple[Mapping[str, Any], ...]
    creation_code: bytes


def packaged(
    name: str, source: str | None = None, folder: Path = PACKAGE_FOLDER
) -> PackagedContract:
    """Read a contract of the package and check that its code is the one known.

    Raises:
        ConfigurationError: the package is missing or has other code.
    """
    path = folder / "build" / "artifacts" / "contracts" / (source or SOURCES[name]) / f"{name}.json"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        abi = tuple(content["abi"])
        creation_code = bytes.fromhex(str(content["bytecode"]).removeprefix("0x"))
        deployed = bytes.fromhex(str(content["deployedBytecode"]).removeprefix("0x"))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigurationError(
            f"the contract {name} of Safe {VERSION} cannot be read",
            expected=f"{path}",
            found=type(error).__name__,
            remedy="Run `make setup`",
        ) from error
    found = to_hex(keccak(deployed))
    if name in CODE_HASHES and found != CODE_HASHES[name]:
        raise ConfigurationError(
            f"the package's {name} is not that of Safe {VERSION}",
            expected=CODE_HASHES[name],
            found=found,
            remedy="Run `make setup`",
        )
    return PackagedContract(name, abi, creation_code)

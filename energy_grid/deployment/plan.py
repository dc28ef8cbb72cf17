"""Which contracts a deployment consists of, in which order, with which constructor arguments."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from eth_utils.address import to_canonical_address, to_checksum_address
from eth_utils.crypto import keccak

from energy_grid.abi import Abi
from energy_grid.artifacts import Artifact, Artifacts
from energy_grid.contracts import EXTERNAL_ERC20, abi_of
from energy_grid.deployment.parameters import Parameters
from energy_grid.deployments import PROJECT_ROOT, ContractRecord, Deployment
from energy_grid.errors import ConfigurationError
from energy_grid.rpc import Rpc, to_hex

DEVELOPMENT_CHAIN_IDS: Final = frozenset({1337, 7777, 31337, 31415})
"""Chains that live on one machine: the mock settlement token is allowed on these only."""

NO_ADDRESS: Final = "0x" + "0" * 40

CONTRACT_TYPES: Final[Mapping[str, str]] = {
    "AccessManager": "GridAccessManager",
    "SettlementToken": "MockSettlementToken",
    "EnergyToken": "EnergyToken",
    "SmartMeter": "SmartMeter",
    "SettlementDelivery": "SettlementDelivery",
    "SettlementExits": "SettlementExits",
    "Settlement": "Settlement",
    "MarketRegister": "MarketRegister",
    "AuctionRoom": "AuctionRoom",
    "EnergyTrading": "EnergyTrading",
    "GridOracle": "GridOracle",
    "WeatherOracle": "WeatherOracle",
    "EnergyAssetNFT": "EnergyAssetNFT",
    "GovernanceToken": "GovernanceToken",
    "GridTimelock": "GridTimelock",
    "GridGovernor": "GridGovernor",
    "PriceOracle": "PriceOracle",
    "GridManagement": "GridManagement",
    "Flexibility": "Flexibility",
    "DemandResponse": "DemandResponse",
    "Guardian": "Guardian",
    "AssetVaults": "AssetVaults",
    "EmergencyShutdown": "EmergencyShutdown",
}
"""Role in the deployment to type of the build."""

FLEXIBILITY_TRUSTS: Final = (
    "AccessManager",
    "SettlementToken",
    "SmartMeter",
    "Settlement",
    "GridOracle",
    "GridManagement",
)
"""Contracts in `FlexSetup`, in its order."""

GUARDIAN_TARGETS: Final = (
    "EnergyTrading",
    "PriceOracle",
    "GridOracle",
    "WeatherOracle",
    "GridManagement",
    "DemandResponse",
    "GridTimelock",
)
"""Contracts in `GuardianTargets`, in its order."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be deployed on one chain.

    Attributes:
        parameters: the configuration.
        artifacts: the build.
        deployer: account that deploys.
        chain_id: the chain.
        settlement_token: address of an existing token; None deploys the mock.
        predecessor: Settlement that is wound down and followed by the new one, on the same meters.
    """

    parameters: Parameters
    artifacts: Artifacts
    deployer: str
    chain_id: int
    settlement_token: str | None
    predecessor: str = NO_ADDRESS

    def __post_init__(self) -> None:
        if self.settlement_token is None and self.chain_id not in DEVELOPMENT_CHAIN_IDS:
            known = ", ".join(map(str, sorted(DEVELOPMENT_CHAIN_IDS)))
            raise ConfigurationError(
                f"no settlement token for chain {self.chain_id}",
                expected=f"EG_SETTLEMENT_TOKEN; the mock is for development chains only ({known})",
                found="nothing set",
                remedy="Set EG_SETTLEMENT_TOKEN to the address of the token that is the money here",
            )
        insecure = self.parameters.development_accounts()
        if insecure and self.chain_id not in DEVELOPMENT_CHAIN_IDS:
            raise ConfigurationError(
                f"reporters, owners, holders and registrar of chain {self.chain_id}",
                expected="accounts whose keys only they have",
                found=f"{len(insecure)} accounts of local test chains",
                remedy=f"List their addresses in the parameters {self.parameters.name}",
            )

    def contract_type(self, name: str) -> str:
        """Type of a contract."""
        if name == "SettlementToken" and self.settlement_token is not None:
            return EXTERNAL_ERC20
        return CONTRACT_TYPES[name]

    def abi(self, name: str) -> Abi:
        """ABI of a contract."""
        return abi_of(self.contract_type(name), self.artifacts)

    def arguments(self, name: str, addresses: Mapping[str, str]) -> dict[str, Any]:
        """Constructor arguments by name, from the addresses of the contracts before it.

        `addresses` must have `EnergyTrading` for `Settlement` and its rooms: where it will be.
        """
        values = self._values(addresses)
        arguments = {}
        for parameter in self.abi(name).constructor_names:
            key = parameter.strip("_")
            if key not in values:
                raise ConfigurationError(
                    f"constructor of {name} has a parameter the deployment does not know",
                    expected=", ".join(sorted(values)),
                    found=parameter,
                    remedy="Run `make build`; if the contract has changed, so must the deployment",
                )
            arguments[parameter] = values[key]
        return arguments

    def _values(self, addresses: Mapping[str, str]) -> dict[str, Any]:
        p = self.parameters
        values: dict[str, Any] = {
            "initialAdmin": self.deployer,
            "treasury": p.holders("treasury", self.deployer, addresses)[0],
            "parameters": p.constructor_tuple(),
            "tickSize": p.tick_size,
            "lotWh": p.lot_wh,
            "holders": p.governance.accounts,
            "amounts": p.governance.amounts,
            "minDelay": p.governance.timelock_delay,
            "proposers": (),
            "executors": (NO_ADDRESS,),  # anybody
            "admin": self.deployer,
            "initial": p.governance.as_tuple(),
            "predecessor": self.predecessor,
        }
        if addresses.keys() >= {*FLEXIBILITY_TRUSTS}:
            values["setup"] = (
                *(addresses[name] for name in FLEXIBILITY_TRUSTS),
                *p.flexibility_tuple(),
            )
        if addresses.keys() >= {*GUARDIAN_TARGETS}:
            values["targets"] = tuple(addresses[name] for name in GUARDIAN_TARGETS)
        for parameter, name in (
            ("authority", "AccessManager"),
            ("settlementToken", "SettlementToken"),
            ("energyToken", "EnergyToken"),
            ("meter", "SmartMeter"),
            ("smartMeter", "SmartMeter"),
            ("meters", "SmartMeter"),
            ("delivery", "SettlementDelivery"),
            ("exits", "SettlementExits"),
            ("settlement", "Settlement"),
            ("zones", "Settlement"),
            ("ledger", "Settlement"),
            ("register", "MarketRegister"),
            ("auctionRoom", "AuctionRoom"),
            ("market", "EnergyTrading"),
            ("gridOracle", "GridOracle"),
            ("weatherOracle", "WeatherOracle"),
            ("resources", "GridManagement"),
            ("states", "GridManagement"),
            ("calendar", "Flexibility"),
            ("assetRegister", "EnergyAssetNFT"),
            ("assets", "EnergyAssetNFT"),
            ("settlement", "Settlement"),
            ("token", "GovernanceToken"),
            ("timelock", "GridTimelock"),
        ):
            if name in addresses:
                values[parameter] = addresses[name]
        return values

    def creation_code(self, name: str, arguments: Mapping[str, Any]) -> bytes:
        """Code that deploys a contract with these arguments."""
        artifact = self.artifacts.get(self.contract_type(name))
        return _code(artifact) + self.abi(name).encode_constructor(*arguments.values())

    def record(self, name: str, address: str, arguments: Mapping[str, Any]) -> ContractRecord:
        """What to record of a contract that is about to be deployed."""
        artifact = self.artifacts.get(self.contract_type(name))
        return ContractRecord(
            contract=self.contract_type(name),
            address=address,
            arguments=as_json(arguments),
            compiler={**self.artifacts.compiler, "creation_code_hash": code_hash(artifact)},
            git_commit=git_commit(),
        )


def create_address(sender: str, nonce: int) -> str:
    """Address of the contract that an account's transaction `nonce` creates.

    `keccak(rlp([sender, nonce]))`, last 20 bytes.
    """
    number = nonce.to_bytes((nonce.bit_length() + 7) // 8, "big")
    if not 0 < nonce < 0x80:  # small numbers stand for themselves
        number = bytes([0x80 + len(number)]) + number
    items = bytes([0x80 + 20]) + to_canonical_address(sender) + number
    return str(to_checksum_address(keccak(bytes([0xC0 + len(items)]) + items)[12:]))


def code_hash(artifact: Artifact) -> str:
    """Fingerprint of a contract's creation code without its arguments."""
    return to_hex(keccak(text=artifact.creation_code))


def _code(artifact: Artifact) -> bytes:
    if not artifact.creation_code:
        raise ConfigurationError(
            f"{artifact.name} has no code to deploy", found="an abstract contract or an interface"
        )
    if artifact.links:
        raise ConfigurationError(
            f"{artifact.name} needs external libraries",
            expected="libraries with internal functions only",
            found=", ".join(artifact.links),
        )
    return bytes.fromhex(artifact.creation_code)


def as_json(value: Any) -> Any:
    """A value as the deployment file gives it back: tuples become lists."""
    return json.loads(json.dumps(value))


def is_on_chain(record: ContractRecord, rpc: Rpc) -> bool:
    """Whether the recorded code is at the recorded address."""
    code = rpc.code(record.address)
    if not code:
        return False
    return record.code_hash is None or to_hex(keccak(code)) == record.code_hash


def git_commit() -> str | None:
    """Commit of the working tree, with `-dirty` if contracts differ from it; None without git."""

    def git(*arguments: str) -> str:
        # Without its lock file: a deployment that is killed here would leave it behind.
        return subprocess.run(
            ["git", "--no-optional-locks", *arguments],
            cwd=PROJECT_ROOT,
            check=True,
            capture_output=True,
            text=True,
        ).stdout.strip()

    try:
        commit = git("rev-parse", "HEAD")
        dirty = git("status", "--porcelain", "--", "contracts", "package-lock.json")
    except (OSError, subprocess.CalledProcessError):
        return None
    return f"{commit}-dirty" if dirty else commit


def drop(deployment: Deployment, *names: str) -> Deployment:
    """The deployment without some contracts."""
    for name in names:
        deployment = deployment.without_contract(name)
    return deployment

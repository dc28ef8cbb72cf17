"""What is deployed where: `deployments/<chain id>.json`, written by `scripts/deploy.py`."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from eth_utils.address import is_checksum_address

from energy_grid.errors import ConfigurationError

SCHEMA: Final = 1
"""Version of the file's layout."""

PROJECT_ROOT: Final = Path(__file__).resolve().parent.parent
DEPLOYMENTS_FOLDER: Final = PROJECT_ROOT / "deployments"

CONTRACT_NAMES: Final = (
    "AccessManager",
    "SettlementToken",
    "EnergyToken",
    "SmartMeter",
    "GridOracle",
    "WeatherOracle",
    "EnergyAssetNFT",
    "GovernanceToken",
    "GridTimelock",
    "GridGovernor",
    "SettlementDelivery",
    "SettlementExits",
    "Settlement",
    "MarketRegister",
    "AuctionRoom",
    "EnergyTrading",
    "PriceOracle",
    "GridManagement",
    "Flexibility",
    "DemandResponse",
    "Guardian",
    "AssetVaults",
    "EmergencyShutdown",
)
"""Keys of the contracts of a complete deployment, in order of deployment."""


class DeploymentFileError(ConfigurationError):
    """A deployment file is missing, broken, or of another chain."""


@dataclass(frozen=True, slots=True)
class ContractRecord:
    """One deployed contract.

    Attributes:
        contract: name of the contract's type, the key of its ABI.
        address: checksum address.
        block: block of the deployment; None for a contract that was there before.
        transaction: hash of the deployment; None for a contract that was there before.
        arguments: constructor arguments by name.
        constants: what the contract's constant getters answered after deployment.
        code_hash: keccak-256 of the code on chain.
        compiler: compiler and the settings that shape the code.
        git_commit: commit the code was built from, with `-dirty` if files differed from it.
    """

    contract: str
    address: str
    block: int | None = None
    transaction: str | None = None
    arguments: Mapping[str, Any] = field(default_factory=dict)
    constants: Mapping[str, Any] = field(default_factory=dict)
    code_hash: str | None = None
    compiler: Mapping[str, Any] = field(default_factory=dict)
    git_commit: str | None = None


@dataclass(frozen=True, slots=True)
class PendingTransaction:
    """A transaction of the deployment that was signed and may be under way.

    It is on disk before it is broadcast, so that an interrupted deployment finds it again.

    Attributes:
        step: what it does.
        sender: account that signed.
        nonce: its number.
        transaction: its hash.
        raw: the signed transaction, to broadcast it again.
        name: role of the contract it deploys; None if it deploys none.
        record: what to record of that contract once it is mined.
    """

    step: str
    sender: str
    nonce: int
    transaction: str
    raw: str
    name: str | None = None
    record: ContractRecord | None = None


@dataclass(frozen=True, slots=True)
class Deployment:
    """All contracts of one chain.

    Attributes:
        chain_id: id of the chain.
        genesis_hash: hash of its first block; tells a restarted local chain from the one before.
        network: name of the network in `ape-config.yaml` the deployment was made through.
        deployer: account that deployed.
        parameters: name of the parameter set.
        operators: operator's address of each zone configured.
        contracts: records by role (`CONTRACT_NAMES`).
        pending: the transaction under way while the deployment runs; None when it is complete.
    """

    chain_id: int
    genesis_hash: str
    network: str
    deployer: str
    parameters: str
    operators: Mapping[int, str] = field(default_factory=dict)
    contracts: Mapping[str, ContractRecord] = field(default_factory=dict)
    pending: PendingTransaction | None = None

    @classmethod
    def read(cls, path: Path | str, expected_chain_id: int | None = None) -> Deployment:
        """Read a deployment file.

        Args:
            path: the file.
            expected_chain_id: chain the caller is connected to.

        Raises:
            DeploymentFileError: missing, broken, or of another chain.
        """
        path = Path(path)
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise DeploymentFileError(
                "deployment file missing",
                expected=str(path),
                remedy="Deploy first: `ape run deploy --network ...`",
            ) from None
        except OSError as error:
            raise DeploymentFileError(
                f"deployment file {path} cannot be read", found=error.strerror
            ) from error
        except ValueError as error:
            raise DeploymentFileError(
                f"deployment file {path} is broken", expected="JSON", found=str(error)
            ) from error
        deployment = cls._parse(path, content)
        if expected_chain_id is not None and deployment.chain_id != expected_chain_id:
            raise DeploymentFileError(
                f"deployment file {path} is of another chain",
                expected=f"chain id {expected_chain_id} (the node's)",
                found=f"chain id {deployment.chain_id}",
                remedy="Use the node of that chain, or this chain's deployment file",
            )
        return deployment

    @classmethod
    def _parse(cls, path: Path, content: Any) -> Deployment:
        if not isinstance(content, dict) or content.get("schema") != SCHEMA:
            found = content.get("schema") if isinstance(content, dict) else type(content).__name__
            raise DeploymentFileError(
                f"deployment file {path} has another layout",
                expected=f"schema {SCHEMA}",
                found=found,
                remedy="Deploy again with this version",
            )
        try:
            contracts = {
                name: ContractRecord(**record) for name, record in content["contracts"].items()
            }
            deployment = cls(
                chain_id=int(content["chain_id"]),
                genesis_hash=str(content["genesis_hash"]),
                network=str(content["network"]),
                deployer=str(content["deployer"]),
                parameters=str(content["parameters"]),
                operators={int(z): str(a) for z, a in content["operators"].items()},
                contracts=contracts,
                pending=_parse_pending(content.get("pending")),
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise DeploymentFileError(
                f"deployment file {path} is incomplete", found=repr(error)
            ) from error
        for name, record in contracts.items():
            if not is_checksum_address(record.address):
                raise DeploymentFileError(
                    f"address of {name} in {path}",
                    expected="a checksum address",
                    found=record.address,
                )
        return deployment

    def write(self, path: Path | str) -> None:
        """Write the file in one step: readers and a crash see the old or the new one, whole."""
        path = Path(path)
        content = {"schema": SCHEMA, **asdict(self)}
        partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with partial.open("w", encoding="utf-8") as file:
                json.dump(content, file, indent=2)
                file.write("\n")
                file.flush()
                os.fsync(file.fileno())
            partial.replace(path)
            folder = os.open(path.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        except OSError as error:
            with contextlib.suppress(OSError):
                partial.unlink()
            raise DeploymentFileError(
                f"deployment file {path} cannot be written",
                found=error.strerror,
                remedy="Nothing goes on without the record; make room or give access, then rerun",
            ) from error

    def with_contract(self, name: str, record: ContractRecord) -> Deployment:
        """The deployment with one more (or another) contract."""
        return replace(self, contracts={**self.contracts, name: record})

    def without_contract(self, name: str) -> Deployment:
        """The deployment without one contract."""
        rest = {key: record for key, record in self.contracts.items() if key != name}
        return replace(self, contracts=rest)

    @property
    def addresses(self) -> dict[str, str]:
        """Address of each contract there is, by its name."""
        return {name: record.address for name, record in self.contracts.items()}

    @property
    def zones(self) -> tuple[int, ...]:
        """Zones configured, in ascending order."""
        return tuple(sorted(self.operators))

    def address_of(self, name: str) -> str:
        """Address of a contract.

        Raises:
            DeploymentFileError: the deployment does not have it.
        """
        record = self.contracts.get(name)
        if record is None:
            raise DeploymentFileError(
                f"the deployment on chain {self.chain_id} has no {name}",
                found=", ".join(self.contracts) or "no contract",
                remedy="It was interrupted: run `ape run deploy` again",
            )
        return record.address

    @property
    def first_block(self) -> int:
        """Block of the earliest contract: where reading events starts."""
        return min((r.block for r in self.contracts.values() if r.block is not None), default=0)


def _parse_pending(content: Any) -> PendingTransaction | None:
    if content is None:
        return None
    record = content.get("record")
    return PendingTransaction(
        **{**content, "record": None if record is None else ContractRecord(**record)}
    )


def deployment_path(chain_id: int, folder: Path | str = DEPLOYMENTS_FOLDER) -> Path:
    """Where the deployment of a chain is recorded."""
    return Path(folder) / f"{chain_id}.json"

"""Handles of the deployed contracts: encode, call and decode without ape."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from energy_grid.abi import Abi, DecodedError, Event, decode_solidity_error
from energy_grid.artifacts import BUILD_FILE, Artifacts
from energy_grid.deployments import CONTRACT_NAMES, Deployment
from energy_grid.errors import FatalError
from energy_grid.rpc import ExecutionRevertedError, Rpc, RpcResponseError, to_hex
from energy_grid.safe.abi import SAFE_TYPES

EXTERNAL_ERC20: Final = "ERC20"
"""Type of a settlement token that this project did not deploy."""

MARKET_TYPE: Final = "EnergyTrading"
MARKET_INTERFACE: Final = "IMarket"
"""What the market answers at its one address, whichever of its rooms has the code."""

ROOM_INTERFACES: Final[Mapping[str, tuple[str, ...]]] = {
    "Settlement": ("ISettlementRecovery", "ISettlementJoining"),
    "SmartMeter": ("IMeterPages", "IMeterSuccession"),
    "Flexibility": ("IFlexibility",),
    "GridManagement": ("IGridResources",),
}
"""What a contract answers at its address besides its own functions, by its rooms."""

SMALLEST_LOG_RANGE: Final = 500
"""Blocks that every node answers for in one `eth_getLogs`."""


def _view(name: str, inputs: list[str], output: str) -> dict[str, Any]:
    return {
        "type": "function",
        "name": name,
        "stateMutability": "view",
        "inputs": [{"name": f"_{i}", "type": kind} for i, kind in enumerate(inputs)],
        "outputs": [{"name": "", "type": output}],
    }


def _action(name: str, inputs: list[str]) -> dict[str, Any]:
    return {**_view(name, inputs, "bool"), "stateMutability": "nonpayable"}


ERC20_ABI: Final = (
    _view("name", [], "string"),
    _view("symbol", [], "string"),
    _view("decimals", [], "uint8"),
    _view("totalSupply", [], "uint256"),
    _view("balanceOf", ["address"], "uint256"),
    _view("allowance", ["address", "address"], "uint256"),
    _action("approve", ["address", "uint256"]),
    _action("transfer", ["address", "uint256"]),
    _action("transferFrom", ["address", "address", "uint256"]),
    {
        "type": "event",
        "name": "Transfer",
        "inputs": [
            {"name": "from", "type": "address", "indexed": True},
            {"name": "to", "type": "address", "indexed": True},
            {"name": "value", "type": "uint256", "indexed": False},
        ],
    },
)
"""The ERC-20 standard, as far as the market needs it."""


class ContractCallError(FatalError):
    """A contract refused a call.

    Attributes:
        reason: the decoded error.
    """

    def __init__(self, call: str, reason: DecodedError) -> None:
        self.reason = reason
        super().__init__(f"{call} was refused", found=str(reason))


class Contract:
    """One deployed contract.

    Args:
        name: its role in the deployment.
        address: checksum address.
        abi: its ABI.
        rpc: the node.
    """

    def __init__(self, name: str, address: str, abi: Abi, rpc: Rpc) -> None:
        self.name = name
        self.address = address
        self.abi = abi
        self._rpc = rpc
        self._errors: tuple[Abi, ...] = (abi,)

    def know_errors_of(self, *abis: Abi) -> None:
        """Decode the errors of other contracts too: a call may fail deep inside."""
        self._errors = (self.abi, *abis)

    def encode(self, function: str, *arguments: Any) -> bytes:
        """Data of a call of `function` (name, or signature if overloaded)."""
        return self.abi.encode(function, *arguments)

    def call(
        self,
        function: str,
        *arguments: Any,
        sender: str | None = None,
        block: int | str = "latest",
    ) -> Any:
        """Run a function without a transaction and decode its answer.

        Returns:
            One value, or a named tuple of several; structs are named tuples.

        Raises:
            ContractCallError: the contract refused, with its reason.
        """
        data = self.abi.encode(function, *arguments)
        try:
            answer = self._rpc.eth_call(self.address, data, sender=sender, block=block)
        except ExecutionRevertedError as error:
            raise ContractCallError(
                f"{self.name}.{function}", self.decode_error(error.data)
            ) from error
        return self.abi.decode_answer(function, answer, len(arguments))

    def request(
        self, function: str, *arguments: Any, block: int | str = "latest"
    ) -> tuple[str, list[Any]]:
        """A call for `Rpc.batch`; decode its answer with `decode_answer`."""
        tag = hex(block) if isinstance(block, int) else block
        call = {"to": self.address, "data": to_hex(self.abi.encode(function, *arguments))}
        return "eth_call", [call, tag]

    def decode_answer(self, function: str, answer: str) -> Any:
        """Decode one answer of a batch of `request`s."""
        return self.abi.decode_answer(function, bytes.fromhex(answer.removeprefix("0x")))

    def decode_logs(self, receipt: Mapping[str, Any]) -> list[Event]:
        """This contract's events in a transaction, in order."""
        events = []
        for log in receipt["logs"]:
            if str(log["address"]).lower() == self.address.lower():
                event = self.abi.decode_log(log)
                if event is not None:
                    events.append(event)
        return events

    def events(
        self, name: str, *, from_block: int = 0, to_block: int | str = "latest"
    ) -> list[Event]:
        """All events of one kind in a range of blocks."""
        last = self._rpc.block_number() if isinstance(to_block, str) else to_block
        return self._decoded(self._logs([self.abi.event_topic(name)], from_block, last))

    def all_events(self, from_block: int, to_block: int) -> list[Event]:
        """Events of all kinds in a range of blocks, in order."""
        return self._decoded(self._logs([], from_block, to_block))

    def _decoded(self, logs: list[Any]) -> list[Event]:
        return [event for event in map(self.abi.decode_log, logs) if event is not None]

    def _logs(self, topics: list[str], first: int, last: int) -> list[Any]:
        query = {
            "address": self.address,
            "topics": topics,
            "fromBlock": hex(first),
            "toBlock": hex(last),
        }
        try:
            return list(self._rpc.call("eth_getLogs", query))
        except RpcResponseError:
            if last - first < SMALLEST_LOG_RANGE:
                raise
        # Hosted nodes limit the range of blocks, each to another number.
        middle = (first + last) // 2
        return self._logs(topics, first, middle) + self._logs(topics, middle + 1, last)

    def decode_error(self, data: bytes) -> DecodedError:
        """Revert data as an error of this contract, of those it calls, or of Solidity."""
        for abi in self._errors:
            known = abi.decode_error(data)
            if known is not None:
                return known
        return decode_solidity_error(data) or DecodedError("", {}, data)


class Contracts:
    """The contracts of one deployment.

    Attributes:
        deployment: where they are.
        rpc: the node.
    """

    def __init__(self, deployment: Deployment, rpc: Rpc, contracts: Mapping[str, Contract]) -> None:
        self.deployment = deployment
        self.rpc = rpc
        self._contracts = dict(contracts)
        abis = [contract.abi for contract in self._contracts.values()]
        for contract in self._contracts.values():
            contract.know_errors_of(*(abi for abi in abis if abi is not contract.abi))

    @classmethod
    def load(
        cls, deployment: Deployment, rpc: Rpc, artifacts: Path | str | Artifacts = BUILD_FILE
    ) -> Contracts:
        """Handles of all contracts of a deployment.

        Raises:
            ArtifactError: the contracts are not compiled.
            DeploymentFileError: the deployment is incomplete.
        """
        if not isinstance(artifacts, Artifacts):
            artifacts = Artifacts.load(artifacts)
        contracts = {}
        for name in CONTRACT_NAMES:
            address = deployment.address_of(name)
            contracts[name] = Contract(
                name, address, abi_of(deployment.contracts[name].contract, artifacts), rpc
            )
        return cls(deployment, rpc, contracts)

    def __getitem__(self, name: str) -> Contract:
        return self._contracts[name]

    @property
    def access_manager(self) -> Contract:
        """Who may call which restricted function."""
        return self._contracts["AccessManager"]

    @property
    def energy_trading(self) -> Contract:
        """The market."""
        return self._contracts["EnergyTrading"]

    @property
    def settlement(self) -> Contract:
        """Money, delivery settlement and certificates."""
        return self._contracts["Settlement"]

    @property
    def smart_meter(self) -> Contract:
        """Meters and their readings."""
        return self._contracts["SmartMeter"]

    @property
    def energy_token(self) -> Contract:
        """Certificates."""
        return self._contracts["EnergyToken"]

    @property
    def settlement_token(self) -> Contract:
        """Money."""
        return self._contracts["SettlementToken"]

    @property
    def grid_oracle(self) -> Contract:
        """Demand, supply, frequency, voltage and line loading of the zones."""
        return self._contracts["GridOracle"]

    @property
    def weather_oracle(self) -> Contract:
        """Weather of the zones, and what follows from it."""
        return self._contracts["WeatherOracle"]

    @property
    def price_oracle(self) -> Contract:
        """Market prices and reference prices of the zones."""
        return self._contracts["PriceOracle"]

    @property
    def grid_management(self) -> Contract:
        """State, limits, resources and set-points of the zones."""
        return self._contracts["GridManagement"]

    @property
    def flexibility(self) -> Contract:
        """Offers, requests and payment of flexibility."""
        return self._contracts["Flexibility"]

    @property
    def energy_assets(self) -> Contract:
        """Assets, their meters and what they verifiably produced."""
        return self._contracts["EnergyAssetNFT"]

    @property
    def asset_vaults(self) -> Contract:
        """Assets that many own in shares."""
        return self._contracts["AssetVaults"]

    @property
    def governance_token(self) -> Contract:
        """What votes."""
        return self._contracts["GovernanceToken"]

    @property
    def governor(self) -> Contract:
        """Proposals and votes."""
        return self._contracts["GridGovernor"]

    @property
    def timelock(self) -> Contract:
        """What was decided and waits; the holder of the governor's role."""
        return self._contracts["GridTimelock"]

    @property
    def guardian(self) -> Contract:
        """Freezes at once, within budgets."""
        return self._contracts["Guardian"]

    @property
    def demand_response(self) -> Contract:
        """Events of demand response."""
        return self._contracts["DemandResponse"]

    @property
    def emergency_shutdown(self) -> Contract:
        """The end of the market, if governance wants it."""
        return self._contracts["EmergencyShutdown"]

    def decode_logs(self, receipt: Mapping[str, Any]) -> list[Event]:
        """Events of all these contracts in a transaction, in order."""
        by_address = {c.address.lower(): c for c in self._contracts.values()}
        events = []
        for log in receipt["logs"]:
            contract = by_address.get(str(log["address"]).lower())
            event = contract.abi.decode_log(log) if contract else None
            if event is not None:
                events.append(event)
        return events

    def decode_error(self, data: bytes) -> DecodedError:
        """Revert data as an error of any of the contracts."""
        return self.energy_trading.decode_error(data)


def abi_of(contract_type: str, artifacts: Artifacts) -> Abi:
    """ABI of a contract type of the build, or of an ERC-20 or a Safe from elsewhere."""
    if contract_type == EXTERNAL_ERC20:
        return Abi(EXTERNAL_ERC20, ERC20_ABI)
    if contract_type in SAFE_TYPES:
        return SAFE_TYPES[contract_type]
    if contract_type == MARKET_TYPE:
        own = artifacts.get(MARKET_TYPE).abi
        constructor = [entry for entry in own if entry.get("type") == "constructor"]
        return Abi(MARKET_TYPE, [*artifacts.get(MARKET_INTERFACE).abi, *constructor])
    if contract_type in ROOM_INTERFACES:
        entries = [*artifacts.get(contract_type).abi]
        for room in ROOM_INTERFACES[contract_type]:
            entries += [entry for entry in artifacts.get(room).abi if entry not in entries]
        return Abi(contract_type, entries)
    return Abi(contract_type, artifacts.get(contract_type).abi)

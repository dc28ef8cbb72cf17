"""The chain of a grid day: its accounts and its contracts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from eth_account.signers.local import LocalAccount

from energy_grid.artifacts import Artifacts
from energy_grid.contracts import Contracts
from energy_grid.deployment import Journal, LocalSigner, Parameters, Plan, deploy
from energy_grid.deployment.journal import open_deployment
from energy_grid.rpc import Rpc
from simulation.grid_day.chain_gas import MeteredChain
from simulation.grid_day.chain_zones import ChainZone
from simulation.grid_day.errors import GridDayError
from simulation.market_day.anvil import CHAIN_ID
from simulation.market_day.chain import Call, Chain
from simulation.market_day.keys import key_of

PARAMETERS: Final = "single-key"
"""The experiment sets curves and ratings as it goes on; nobody votes on that."""
REPORTERS: Final = 4
"""Least number that bears one false reporter; three of them sign each round."""
GENESIS_BEFORE_SECONDS: Final = 8 * 3_600
"""The chain begins this long before the first day on record."""

REGION: Final = 1
"""All zones are one region; its head is the busbar, zone 1."""

_GAS_LINE: Final = 500_000
_GAS_MONEY_WEI: Final = 1_000 * 10**18
_NETWORK: Final = "grid day"


@dataclass(frozen=True)
class GridDayKeys:
    """All accounts of a grid day; public by construction, like those of the market day.

    Attributes:
        governor: deploys, governs and guards.
        keeper: publishes rounds and updates states; anybody could.
        operator: runs the grid: standing budgets, events.
        operators: operator of each zone on the market.
        relayer: pays for readings.
        reporters: sign what instruments show.
        members: owner of each connection, by connection id from 1.
    """

    governor: LocalAccount
    keeper: LocalAccount
    operators: dict[int, LocalAccount]
    relayer: LocalAccount
    reporters: tuple[LocalAccount, ...]
    members: dict[int, LocalAccount]

    @classmethod
    def derive(cls, seed: int, zones: Sequence[int], connections: Sequence[int]) -> GridDayKeys:
        """Accounts of a day, from the seed."""
        return cls(
            governor=key_of(seed, "grid day governor"),
            keeper=key_of(seed, "grid day keeper"),
            operators={zone: key_of(seed, "grid day operator", zone) for zone in zones},
            relayer=key_of(seed, "grid day relayer"),
            reporters=tuple(
                key_of(seed, "grid day reporter", number) for number in range(REPORTERS)
            ),
            members={number: key_of(seed, "grid day member", number) for number in connections},
        )

    def everybody(self) -> tuple[LocalAccount, ...]:
        """All accounts."""
        services = (self.governor, self.keeper, self.relayer)
        return (*services, *self.operators.values(), *self.members.values())


def open_chain(rpc: Rpc, keys: GridDayKeys, deployment_file: Path) -> MeteredChain:
    """Give everybody coins for gas and deploy, with the very code of `ape run deploy`.

    Raises:
        ArtifactError: the contracts are not compiled.
        GridDayError: something is not as its parameters say.
    """
    # A second a block, whatever the hour of this machine is.
    rpc.call("anvil_setBlockTimestampInterval", 1)
    rpc.batch(
        [
            ("anvil_setBalance", [account.address, hex(_GAS_MONEY_WEI)])
            for account in keys.everybody()
        ]
    )
    return MeteredChain(rpc, _deploy(rpc, keys, deployment_file), CHAIN_ID)


def _deploy(rpc: Rpc, keys: GridDayKeys, file: Path) -> Contracts:
    file.unlink(missing_ok=True)
    artifacts = Artifacts.load()
    reporters = tuple(str(account.address) for account in keys.reporters)
    parameters = replace(Parameters.load(PARAMETERS), reporters=reporters)
    governor = LocalSigner(keys.governor)
    recorded = open_deployment(
        file,
        rpc,
        network=_NETWORK,
        deployer=governor.address,
        parameters=parameters.name,
        may_start_anew=True,
    )
    plan = Plan(parameters, artifacts, governor.address, CHAIN_ID, settlement_token=None)
    journal = Journal(file, recorded, rpc)
    report = None
    for zone, account in keys.operators.items():
        if report is not None:
            # A zone joins a region before its first market terms, which opening it sets.
            market = Contracts.load(report.deployment, rpc, artifacts).energy_trading
            data = market.encode("joinRegion", zone, REGION)
            journal.send(governor, f"join zone {zone} to region {REGION}", market.address, data)
        report = deploy(plan, journal, governor, {zone: LocalSigner(account)})
        if report.outstanding:
            check = report.outstanding[0]
            raise GridDayError(
                f"{check.subject} is not as deployed", expected=check.expected, found=check.found
            )
    if report is None:
        raise GridDayError("a grid without zones")
    return Contracts.load(report.deployment, rpc, artifacts)


def connect_zones(chain: Chain, keys: GridDayKeys, zones: Sequence[ChainZone]) -> None:
    """Bring the way from the busbar to every feeder into the market, under grid management.

    What a feeder may draw and feed in is then a capacity of the market, which the state of the grid
    lowers before anything is halted.
    """
    market, grid = chain.contracts.energy_trading, chain.contracts["GridManagement"]
    head, *feeders = zones
    for index, zone in enumerate(feeders):
        owner = keys.operators[head.zone].address
        line = (head.zone, zone.zone, zone.head_w, zone.head_w, owner)
        rating = (REGION, index, zone.head_w, zone.head_w)
        chain.send([Call(keys.governor, market, "addInterconnector", line, _GAS_LINE, zone.name)])
        chain.send([Call(keys.governor, grid, "rateLine", rating, _GAS_LINE, zone.name)])

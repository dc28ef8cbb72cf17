"""The contracts of grid management, where the deployment does not bring them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from eth_account.signers.local import LocalAccount
from eth_utils.address import to_checksum_address

from energy_grid.artifacts import Artifacts
from energy_grid.contracts import Contract, Contracts, abi_of
from energy_grid.deployment.plan import create_address
from energy_grid.rpc import Rpc
from simulation.grid_day.errors import GridDayError
from simulation.market_day.chain import Call, Chain

GRID_CONTRACTS: Final = ("GridManagement", "Flexibility", "DemandResponse")

_NOBODY: Final = "0x" + "0" * 40
_PENALTY_UNITS_PER_KWH: Final = 1_000_000
"""1 coin for a kWh that was promised and not delivered; also the highest price of a call."""
_LEAST_STAKE_UNITS: Final = 1_000_000
_EN_50160_50HZ: Final = 0
_NOMINAL_MILLIVOLTS: Final = 230_000
_GAS_DEPLOY: Final = 16_000_000
_MAX_FEE_WEI: Final = 10**10
_CALENDAR, _BREAKER, _GRID = 101, 102, 103
"""Roles of this chain alone: who takes meters out of the calendar, halts, sets capacities."""


def with_grid(
    rpc: Rpc, contracts: Contracts, governor: LocalAccount, zones: Sequence[int], chain_id: int
) -> Contracts:
    """Deploy what is missing of grid management, give it its roles and its zones their limits.

    Raises:
        GridDayError: a deployment failed.
    """
    try:
        return contracts.including(*(contracts[name] for name in GRID_CONTRACTS))
    except KeyError:
        pass
    authority, meter = contracts.access_manager.address, contracts.smart_meter.address
    oracle, market = contracts.grid_oracle.address, contracts.energy_trading.address
    settlement = contracts.settlement.address

    def deploy(name: str, *arguments: Any) -> Contract:
        return _deploy(rpc, governor, chain_id, name, arguments)

    grid = deploy("GridManagement", authority, oracle, meter, market, _NOBODY)
    setup = (
        authority,
        contracts.settlement_token.address,
        meter,
        settlement,
        oracle,
        grid.address,
        _PENALTY_UNITS_PER_KWH,
        _LEAST_STAKE_UNITS,
    )
    flexibility = deploy("Flexibility", setup)
    demand = deploy(
        "DemandResponse",
        authority,
        grid.address,
        flexibility.address,
        grid.address,
        meter,
        settlement,
    )
    together = contracts.including(grid, flexibility, demand)
    chain = Chain(rpc, together, chain_id)
    _appoint(chain, governor, flexibility, ("reserve", "release"), _CALENDAR, demand)
    _appoint(chain, governor, contracts.energy_trading, ("haltZone",), _BREAKER, grid)
    _appoint(chain, governor, contracts.energy_trading, ("setCapacity",), _GRID, grid)
    limits = tuple(grid.call("presetLimits", _EN_50160_50HZ, _NOMINAL_MILLIVOLTS))
    chain.send([Call(governor, grid, "setGridLimits", (zone, limits)) for zone in zones])
    return together


def _appoint(
    chain: Chain,
    governor: LocalAccount,
    target: Contract,
    functions: Sequence[str],
    role: int,
    holder: Contract,
) -> None:
    """Let a contract call restricted functions of another."""
    manager = chain.contracts.access_manager
    selectors = [target.abi.selector(function) for function in functions]
    chain.send(
        [
            Call(governor, manager, "setTargetFunctionRole", (target.address, selectors, role)),
            Call(governor, manager, "grantRole", (role, holder.address, 0)),
        ]
    )


def _deploy(
    rpc: Rpc, governor: LocalAccount, chain_id: int, name: str, arguments: Sequence[Any]
) -> Contract:
    artifacts = Artifacts.load()
    abi = abi_of(name, artifacts)
    nonce = rpc.nonce(governor.address)
    code = bytes.fromhex(artifacts.get(name).creation_code) + abi.encode_constructor(*arguments)
    signed = governor.sign_transaction(
        {
            "type": 2,
            "chainId": chain_id,
            "nonce": nonce,
            "value": 0,
            "gas": _GAS_DEPLOY,
            "maxFeePerGas": _MAX_FEE_WEI,
            "maxPriorityFeePerGas": 0,
            "data": code,
        }
    )
    receipt = rpc.wait_for_receipt(rpc.send_raw(bytes(signed.raw_transaction)))
    if int(receipt["status"], 16) != 1:
        raise GridDayError(f"{name} was not deployed", found=f"{receipt['gasUsed']} gas used")
    return Contract(name, to_checksum_address(create_address(governor.address, nonce)), abi, rpc)

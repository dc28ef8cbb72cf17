"""The market with its rooms, for unit tests over a mock ledger."""

from __future__ import annotations

from typing import Any

from tests.unit.energy_trading.book import create_address

ROOMS = ("MarketRegister", "AuctionRoom")


def foretold_market(deployer: Any) -> str:
    """Address that the market gets if its ledger is what `deployer` deploys next."""
    return create_address(deployer.address, deployer.nonce + 1 + len(ROOMS))


def deploy_market(
    project: Any, deployer: Any, access_manager: Any, ledger: Any, tick_size: int, lot_wh: int
) -> Any:
    """Deploy rooms and market; answers the market as everybody calls it."""
    grid = (access_manager, ledger, tick_size, lot_wh)
    rooms = [deployer.deploy(getattr(project, room), *grid) for room in ROOMS]
    market = deployer.deploy(project.EnergyTrading, *grid, *rooms)
    project.provider.chain_manager.contracts[market.address] = project.IMarket.contract_type
    return project.IMarket.at(market.address)

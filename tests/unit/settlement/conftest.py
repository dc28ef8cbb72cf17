"""One Settlement in one zone: operator with bond and tariffs, time at a midnight."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from energy_grid.slots import SLOT_SECONDS
from tests.unit.settlement.world import (
    BOND,
    BOND_FLOOR,
    BOUNDS,
    FEED_IN,
    MINTER_ROLE,
    OPERATOR_FREE,
    RETAIL,
    SECURITY_DEPOSIT,
    ZONE,
    World,
    deploy_settlement,
)

DAY_SECONDS = 86_400


@pytest.fixture(scope="session")
def deployed(project: Any, chain: Any, accounts: Any) -> World:
    governor, operator, treasury = accounts[0], accounts[1], accounts[2]
    day_start = (int(chain.pending_timestamp) // DAY_SECONDS + 2) * DAY_SECONDS
    chain.mine(timestamp=day_start - 10 * SLOT_SECONDS)

    authority = governor.deploy(project.GridAccessManager, governor)
    token = governor.deploy(project.MockSettlementToken)
    energy = governor.deploy(project.EnergyToken, authority)
    meter = governor.deploy(project.MockMeterEnergy)
    market = governor.deploy(project.MockMarket)
    settlement = deploy_settlement(
        governor,
        project,
        authority,
        token,
        energy,
        meter,
        market,
        treasury,
        (SECURITY_DEPOSIT, BOND_FLOOR, BOUNDS),
    )
    market.connect(settlement, sender=governor)
    authority.grantRole(MINTER_ROLE, settlement, 0, sender=governor)
    mint = energy.contract_type.selector_identifiers["mint(address,uint256)"]
    authority.setTargetFunctionRole(energy, [mint], MINTER_ROLE, sender=governor)

    world = World(
        project,
        chain,
        accounts,
        authority=authority,
        token=token,
        energy=energy,
        meter=meter,
        market=market,
        settlement=settlement,
        day_start=day_start,
    )
    settlement.appointOperator(ZONE, operator, sender=governor)
    world.fund(operator, OPERATOR_FREE + BOND)
    settlement.postBond(BOND, sender=operator)
    settlement.setTariff(ZONE, world.current_slot + 1, RETAIL, FEED_IN, sender=operator)
    world.at(day_start)
    return world


@pytest.fixture
def world(deployed: World) -> Iterator[World]:
    """The deployed world; after each test every unit must still be in a ledger."""
    yield deployed
    deployed.check_conservation()

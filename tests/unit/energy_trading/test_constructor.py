"""constructor
├── tick size not a multiple of 1,000, zero or above 64 bits; lot zero or above: GridInvalid
├── ledger without code: LedgerInvalid
└── else: readable units, ledger and authority
"""

from __future__ import annotations

import ape
import pytest

from tests.unit.energy_trading.book import LOT, TICK_SIZE, ZERO_ADDRESS


def test_constructor__valid__shows_its_units(market, ledger, access_manager):
    assert (market.TICK_SIZE(), market.LOT()) == (TICK_SIZE, LOT)
    assert market.ledger() == ledger.address
    assert market.authority() == access_manager.address


@pytest.mark.parametrize(
    ("tick", "lot"),
    [(0, 1), (999, 1), (1_001, 1), (500, 2), (1_000, 0), (1_000, 2**64), (2**67 * 125, 1)],
)
def test_constructor__units_that_round__are_refused(
    project, market, governor, access_manager, ledger, tick, lot
):
    with ape.reverts(project.EnergyTrading.GridInvalid, tickSize=tick, lotWh=lot):
        governor.deploy(project.EnergyTrading, access_manager, ledger, tick, lot)


def test_constructor__ledger_without_code__is_refused(project, governor, access_manager, buyer):
    for address in (ZERO_ADDRESS, buyer.address):
        with ape.reverts(project.EnergyTrading.LedgerInvalid, given=address):
            governor.deploy(project.EnergyTrading, access_manager, address, TICK_SIZE, LOT)

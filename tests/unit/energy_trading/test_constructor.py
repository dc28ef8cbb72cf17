"""constructor
├── tick size not a multiple of 1,000, zero or above 64 bits; lot zero or above: GridInvalid
├── ledger without code: LedgerInvalid
├── room without code, or of another authority, ledger, tick size or lot: RoomDiffers
└── else: readable units, ledger and authority
"""

from __future__ import annotations

import ape
import pytest

from tests.unit.energy_trading.book import LOT, TICK_SIZE, ZERO_ADDRESS, ZONE, refusal
from tests.unit.market import ROOMS


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
    for room in ROOMS:
        with ape.reverts(project.EnergyTrading.GridInvalid, tickSize=tick, lotWh=lot):
            governor.deploy(getattr(project, room), access_manager, ledger, tick, lot)


def test_constructor__ledger_without_code__is_refused(project, governor, access_manager, buyer):
    for address in (ZERO_ADDRESS, buyer.address):
        for room in ROOMS:
            with ape.reverts(project.EnergyTrading.LedgerInvalid, given=address):
                governor.deploy(getattr(project, room), access_manager, address, TICK_SIZE, LOT)


def test_constructor__rooms__are_shown(project, market):
    for room, address in zip(ROOMS, (market.REGISTER(), market.AUCTION_ROOM()), strict=True):
        assert getattr(project, room).at(address).LOT() == LOT


@pytest.mark.parametrize("which", [0, 1])
@pytest.mark.parametrize("differs", ["authority", "ledger", "tick", "lot"])
def test_constructor__room_of_another_market__is_refused(
    project, governor, market, access_manager, ledger, stranger, which, differs
):
    rooms = [market.REGISTER(), market.AUCTION_ROOM()]
    grid = {"authority": access_manager, "ledger": ledger, "tick": TICK_SIZE, "lot": LOT}
    other = {"authority": stranger, "ledger": access_manager, "tick": 2 * TICK_SIZE, "lot": 2 * LOT}
    odd = governor.deploy(
        getattr(project, ROOMS[which]), *{**grid, differs: other[differs]}.values()
    )
    rooms[which] = odd.address
    with ape.reverts(project.EnergyTrading.RoomDiffers, room=odd.address):
        governor.deploy(project.EnergyTrading, *grid.values(), *rooms)


def test_constructor__room_without_code__is_refused(
    project, governor, market, access_manager, ledger, stranger
):
    with ape.reverts(project.EnergyTrading.RoomDiffers, room=stranger.address):
        governor.deploy(
            project.EnergyTrading,
            access_manager,
            ledger,
            TICK_SIZE,
            LOT,
            stranger,
            market.AUCTION_ROOM(),
        )


def test_fallback__function_that_no_room_has__is_refused(market, buyer):
    assert refusal(market, bytes.fromhex("12345678"), buyer) == b""


def test_rooms__called_directly__have_nothing(project, market, slot):
    register = project.MarketRegister.at(market.REGISTER())
    with ape.reverts(project.EnergyTrading.ZoneNotOpen, zone=ZONE):
        register.marketTerms(ZONE, slot)
    assert market.marketTerms(ZONE, slot)

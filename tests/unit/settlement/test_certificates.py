"""Certificates: minted at settlement, entered into pools, claimed, retired.

entering: seller, buyer, plain production; estimated and defaulted never mint; storage mints what
metering allows; late entries keep what they minted
claiming: not closed, nothing there, twice; shares by the cursor rule in any order; retired as far
as measured import covers; the rest handed out; unwanted returned; old entries claimed on reuse
"""

from __future__ import annotations

import itertools
from typing import Any

import ape
import pytest

from tests.unit.settlement.world import (
    ESTIMATED,
    ZONE,
    Position,
    World,
    events,
    only,
    settled,
    settled_slot,
)

PRICE = 100_000


@pytest.fixture
def slot(world: World) -> int:
    return world.first_slot + 1  # not the first of its group of four


def sold(energy_wh: int) -> Position:
    return Position(sold_wh=energy_wh, proceeds=energy_wh * 100, unlocked=energy_wh * 900)


def bought(energy_wh: int) -> Position:
    return Position(bought_wh=energy_wh, cost=energy_wh * 100, unlocked=energy_wh * 100)


def enter(
    world: World,
    slot: int,
    rows: list[tuple[Any, Position, int, int]],
    *,
    quality: int = 1,
    traded_wh: int | None = None,
) -> Any:
    """Settle accounts (account, position, import, export) in one slot; returns the receipt."""
    for account, position, import_wh, export_wh in rows:
        world.member(account, first_slot=slot)
        world.position(account, slot, position)
        world.read(account, slot, import_wh, export_wh, quality=quality)
    if traded_wh is None:
        traded_wh = max(sum(row[1].bought_wh for row in rows), sum(row[1].sold_wh for row in rows))
    world.market.setTraded(ZONE, slot, [traded_wh], sender=world.governor)
    world.to_slot(slot + 1)
    return world.settlement.settleMany([row[0] for row in rows], slot + 1, sender=world.stranger)


def claim(world: World, slot: int, *accounts: Any) -> Any:
    return world.settlement.claimCertificates(list(accounts), slot, sender=world.stranger)


def balance(world: World, account: Any) -> int:
    return int(world.energy.balanceOf(account))


def supply_is_minted_less_retired(world: World, *receipts: Any) -> None:
    minted = sum(e["energyWh"] for r in receipts for e in events(r, world.energy.Minted))
    retired = sum(e["energyWh"] for r in receipts for e in events(r, world.energy.Retired))
    assert world.energy.totalSupply() == minted - retired


# entering


def test_enter__production_without_trade__all_to_the_owner(world: World, slot: int) -> None:
    receipt = enter(world, slot, [(world.anna, Position(), 0, 700)])

    assert balance(world, world.anna) == 700
    figures = settled_slot(receipt, world)
    assert (figures["mintedWh"], figures["givenWh"]) == (700, 0)
    assert only(receipt, world.energy.Minted) == {"to": world.anna, "energyWh": 700}
    assert world.settlement.certificateEntry(world.anna, slot).amountWh == 0


def test_enter__seller_and_buyer__fill_the_pool(world: World, slot: int) -> None:
    receipt = enter(
        world, slot, [(world.anna, sold(600), 0, 700), (world.ben, bought(600), 400, 0)]
    )

    assert balance(world, world.anna) == 100
    assert balance(world, world.settlement) == 600
    assert tuple(world.settlement.certificatePool(ZONE, slot)) == (600, 600, 1200, 600, 0, True)
    assert tuple(world.settlement.certificateEntry(world.anna, slot)) == (600, 0, True)
    assert tuple(world.settlement.certificateEntry(world.ben, slot)) == (600, 400, False)
    assert [log["givenWh"] for log in settled(receipt, world)] == [600, 0]
    supply_is_minted_less_retired(world, receipt)


def test_enter__sold_more_than_minted__gives_what_was_minted(world: World, slot: int) -> None:
    enter(world, slot, [(world.anna, sold(600), 0, 250)])

    assert tuple(world.settlement.certificatePool(ZONE, slot)) == (250, 0, 600, 600, 0, False)
    assert balance(world, world.anna) == 0


@pytest.mark.parametrize("quality", [0, ESTIMATED])
def test_enter__estimated_or_defaulted__never_mints(world: World, slot: int, quality: int) -> None:
    for account, position in ((world.anna, sold(600)), (world.ben, bought(600))):
        world.member(account, first_slot=slot)
        world.position(account, slot, position)
        # Even if metering said otherwise, only MEASURED energy mints or covers.
        world.read(account, slot, 600, 600, mintable_wh=600, quality=quality)
    world.market.setTraded(ZONE, slot, [600], sender=world.governor)
    world.at(world.deadline(slot) + 1)

    world.settlement.settleMany([world.anna, world.ben], slot + 1, sender=world.ben)

    assert world.energy.totalSupply() == 0
    assert tuple(world.settlement.certificatePool(ZONE, slot)) == (0, 600, 1200, 600, 0, True)
    assert tuple(world.settlement.certificateEntry(world.ben, slot)) == (600, 0, False)


def test_enter__storage__mints_what_metering_allows(world: World, slot: int) -> None:
    world.member(world.anna, first_slot=slot)
    world.read(world.anna, slot, 0, 900, mintable_wh=250)
    world.to_slot(slot + 1)

    world.settle(world.anna, slot + 1)

    assert balance(world, world.anna) == world.energy.totalSupply() == 250


def test_enter__settled_again__mints_once(world: World, slot: int) -> None:
    enter(world, slot, [(world.anna, Position(), 0, 700)])

    world.settle(world.anna, slot + 1)

    assert world.energy.totalSupply() == 700


def test_enter__after_closing__keeps_what_it_minted(world: World, slot: int) -> None:
    world.member(world.anna, first_slot=slot)
    world.member(world.ben, first_slot=slot)
    world.trade(world.ben, world.anna, slot, 600, PRICE)
    world.read(world.anna, slot, 0, 600)
    world.read(world.ben, slot, 600)
    world.at(world.deadline(slot) + 86_400)
    assert world.settlement.certificatePool(ZONE, slot).closed

    world.settlement.settleMany([world.anna, world.ben], slot + 1, sender=world.cleo)

    assert balance(world, world.anna) == 600
    assert tuple(world.settlement.certificatePool(ZONE, slot))[:3] == (0, 0, 0)


# claiming


def test_claim__pool_open__reverts(world: World, slot: int) -> None:
    enter(world, slot, [(world.anna, sold(600), 0, 600)])

    with ape.reverts(
        world.settlement.PoolNotClosed, region=ZONE, slot=slot, enteredWh=600, requiredWh=1200
    ):
        claim(world, slot, world.anna)


def test_claim__too_many__reverts(world: World, slot: int) -> None:
    with ape.reverts(world.settlement.TooManyInBatch, given=101, allowed=100):
        claim(world, slot, *[world.anna] * 101)


def test_claim__nothing_entered__does_nothing(world: World, slot: int) -> None:
    receipt = claim(world, slot, world.anna, world.stranger)

    assert receipt.return_value == 0
    assert not receipt.events


def test_claim__covered_by_import__all_retired(world: World, slot: int) -> None:
    entered = enter(
        world, slot, [(world.anna, sold(600), 0, 600), (world.ben, bought(600), 900, 0)]
    )

    receipt = claim(world, slot, world.anna, world.ben)

    assert receipt.return_value == 600
    assert only(receipt, world.settlement.EnergyRetired) == {
        "account": world.ben,
        "slot": slot,
        "energyWh": 600,
    }
    assert only(receipt, world.energy.Retired) == {
        "holder": world.settlement,
        "energyWh": 600,
    }
    assert only(receipt, world.settlement.CertificatesClaimed) == {
        "account": world.anna,
        "slot": slot,
        "sharedWh": 0,
        "returnedWh": 0,
    }
    assert world.energy.totalSupply() == 0
    supply_is_minted_less_retired(world, entered, receipt)


def test_claim__import_smaller_than_share__rest_is_plain_token(world: World, slot: int) -> None:
    enter(world, slot, [(world.anna, sold(600), 0, 600), (world.ben, bought(600), 450, 0)])

    receipt = claim(world, slot, world.ben)

    assert receipt.return_value == 450
    assert balance(world, world.ben) == 150
    assert only(receipt, world.settlement.CertificatesClaimed) == {
        "account": world.ben,
        "slot": slot,
        "sharedWh": 600,
        "returnedWh": 0,
    }


def test_claim__twice__pays_once(world: World, slot: int) -> None:
    enter(world, slot, [(world.anna, sold(600), 0, 600), (world.ben, bought(600), 0, 0)])

    claim(world, slot, world.ben, world.ben)
    receipt = claim(world, slot, world.ben)

    assert not receipt.events
    assert balance(world, world.ben) == 600
    assert balance(world, world.settlement) == 0


def test_claim__more_given_than_wanted__givers_get_the_rest_back(world: World, slot: int) -> None:
    # Cleo buys 500 without wanting anything beyond; the sellers gave more than the buyers asked.
    enter(
        world,
        slot,
        [
            (world.anna, sold(700), 0, 700),
            (world.ben, sold(300), 0, 300),
            (world.cleo, bought(499), 0, 0),
        ],
    )
    world.at(world.deadline(slot) + 86_400)

    claim(world, slot, world.ben, world.cleo, world.anna)

    assert balance(world, world.cleo) == 499
    # 501 come back in proportion 700 to 300; the cursor gives Ben floor(300 * 501 / 1000).
    assert (balance(world, world.ben), balance(world, world.anna)) == (150, 351)
    assert balance(world, world.settlement) == 0


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_claim__scarce__cursor_rule_in_any_order(
    world: World, slot: int, order: tuple[int, ...]
) -> None:
    buyers = [world.ben, world.cleo, world.stranger]
    wanted = [100, 333, 569]
    enter(
        world,
        slot,
        [(world.anna, sold(1_002), 0, 701)]
        + [
            (buyer, bought(energy_wh), 0, 0)
            for buyer, energy_wh in zip(buyers, wanted, strict=True)
        ],
    )

    for index in order:
        claim(world, slot, buyers[index])

    cursor = 0
    for index in order:
        expected = (cursor + wanted[index]) * 701 // 1002 - cursor * 701 // 1002
        cursor += wanted[index]
        assert balance(world, buyers[index]) == expected
        assert abs(expected * 1002 - wanted[index] * 701) < 1002
    assert balance(world, world.settlement) == 0
    assert world.settlement.certificatePool(ZONE, slot).cursorWh == 1002


def test_claim__four_slots_of_a_group__do_not_mix(world: World) -> None:
    first = world.first_slot
    for account in (world.anna, world.ben):
        world.member(account)
    for index in range(4):
        energy_wh = 100 * (index + 1)
        world.trade(world.ben, world.anna, first + index, energy_wh, PRICE)
        world.read(world.anna, first + index, 0, energy_wh)
        world.read(world.ben, first + index, energy_wh // 2)
    world.to_slot(first + 4)
    world.settle(world.anna, first + 1)
    world.settle(world.anna, first + 4)
    world.settle(world.ben, first + 3)
    world.settle(world.ben, first + 4)

    for index in (2, 0, 3, 1):
        receipt = claim(world, first + index, world.ben, world.anna)
        assert receipt.return_value == 50 * (index + 1)

    assert balance(world, world.ben) == 500
    assert balance(world, world.settlement) == 0


def test_claim__left_for_42_days__claimed_by_itself_when_its_place_is_needed(
    world: World, slot: int
) -> None:
    entered = enter(
        world, slot, [(world.anna, sold(600), 0, 600), (world.ben, bought(600), 450, 0)]
    )
    # Ben's meter goes; he trades on without one and buys one ring later in the same place.
    world.connect(world.ben, meter_id=0, first_slot=0)
    world.settlement.syncMeter(world.ben, sender=world.ben)
    world.at(world.deadline(slot + 1) + 1)
    world.settle(world.ben, slot + 2)
    assert not world.state(world.ben).metered
    later = slot + 4096
    world.to_slot(later - 1)
    while world.state(world.ben).settledUntil < later - 1:  # a former member settles idle slots too
        world.settle(world.ben, later - 1)
    world.position(world.ben, later, bought(70))
    world.to_slot(later + 1)

    receipt = world.settle(world.ben, later + 1)

    assert only(receipt, world.settlement.EnergyRetired) == {
        "account": world.ben,
        "slot": slot,
        "energyWh": 450,
    }
    assert balance(world, world.ben) == 150
    assert tuple(world.settlement.certificateEntry(world.ben, later)) == (70, 0, False)
    assert world.settlement.certificateEntry(world.ben, slot).amountWh == 0
    supply_is_minted_less_retired(world, entered, receipt)

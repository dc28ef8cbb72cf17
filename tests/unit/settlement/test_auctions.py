"""What auctions change in settlement: positions are taken, prices of imbalance, pools of regions.

positions: taken for exactly the slots that are settled
prices: short at least the highest auction price, long at most the lowest, within cap and bond rule;
estimated and defaulted slots: the worst of their stretch, auctions included
pools: one for all zones of a region, closed when the whole region has entered
"""

from __future__ import annotations

from typing import Any

import ape
import pytest

from tests.unit.settlement.world import (
    BOND_FLOOR,
    CAP,
    ESTIMATED,
    FEED_IN,
    MEMBER_FREE,
    OTHER_ZONE,
    RETAIL,
    ZONE,
    Position,
    World,
    money,
    only,
    settled,
)


@pytest.fixture
def slot(world: World) -> int:
    return world.first_slot


def publish(world: World, slot: int, *ranges: tuple[int, int]) -> None:
    """Auction prices (highest, lowest) of consecutive slots."""
    packed = [(highest << 128) | lowest for highest, lowest in ranges]
    world.market.setAuctionPrices(ZONE, slot, packed, sender=world.governor)


def imbalances(receipt: Any, world: World) -> list[int]:
    return [log["imbalance"] for log in settled(receipt, world)]


# positions


def test_settle__takes_positions_of_the_settled_slots_only(world: World, slot: int) -> None:
    account_id = world.member(world.anna)
    world.read(world.anna, slot, 1_000, count=3)  # and none for the fourth
    world.to_slot(slot + 5)

    receipt = world.settle(world.anna, slot + 5)

    assert only(receipt, world.market.Taken) == {
        "accountId": account_id,
        "zone": ZONE,
        "firstSlot": slot,
        "count": 3,
    }


def test_settle__nothing_to_settle__takes_none(world: World, slot: int) -> None:
    world.trader(world.anna)
    world.to_slot(slot + 5)

    receipt = world.settle(world.anna, slot + 5)

    assert not receipt.decode_logs(world.market.Taken)


# prices of imbalance


@pytest.mark.parametrize(
    ("highest", "lowest", "short", "long"),
    [
        (200_000, 100_000, RETAIL, FEED_IN),  # between the tariffs: nothing changes
        (500_000, 100_000, 500_000, FEED_IN),
        (200_000, 30_000, RETAIL, 30_000),
        (500_000, 30_000, 500_000, 30_000),
        (CAP + 1_000, 90_000, CAP, FEED_IN),
        (1_000, 1_000, RETAIL, 1_000),
    ],
)
def test_imbalance_prices__with_auctions(
    world: World, slot: int, highest: int, lowest: int, short: int, long: int
) -> None:
    publish(world, slot + 3, (highest, lowest))

    assert world.settlement.imbalancePrices(ZONE, slot + 3) == (short, long)
    assert world.settlement.imbalancePrices(ZONE, slot + 2) == (RETAIL, FEED_IN)
    assert world.settlement.imbalancePrices(ZONE, slot + 4) == (RETAIL, FEED_IN)


def test_imbalance_prices__bond_below_floor__long_stays_zero(world: World, slot: int) -> None:
    world.settlement.appointOperator(OTHER_ZONE, world.other_operator, sender=world.governor)
    begin = world.current_slot + 1
    world.settlement.setTariff(OTHER_ZONE, begin, RETAIL, FEED_IN, sender=world.other_operator)
    packed = (500_000 << 128) | 100_000
    world.market.setAuctionPrices(OTHER_ZONE, begin, [packed], sender=world.governor)

    assert world.zone_state(OTHER_ZONE).bond < BOND_FLOOR
    assert world.settlement.imbalancePrices(OTHER_ZONE, begin) == (500_000, 0)


def test_settle__auction_prices__each_slot_its_own(world: World, slot: int) -> None:
    world.member(world.anna)
    publish(world, slot + 1, (500_000, 150_000), (0, 0), (400_000, 20_000))
    world.read(world.anna, slot, 1_000, count=3)
    world.read(world.anna, slot + 3, 0, 1_000)
    world.to_slot(slot + 4)

    receipt = world.settle(world.anna, slot + 4)

    assert imbalances(receipt, world) == [RETAIL, 500_000, RETAIL, -20_000]
    assert world.free(world.anna) == MEMBER_FREE - 2 * RETAIL - 500_000 + 20_000


def test_settle__tariff_and_auctions_change_within_the_run(world: World, slot: int) -> None:
    change = slot + 192
    world.member(world.anna, first_slot=change - 2)
    world.settlement.setTariff(ZONE, change, 450_000, 100_000, sender=world.operator)
    publish(world, change - 1, (400_000, 400_000), (400_000, 90_000), (460_000, 90_000))
    world.read(world.anna, change - 2, 1_000, count=3)
    world.read(world.anna, change + 1, 0, 1_000)
    world.to_slot(change + 2)

    receipt = world.settle(world.anna, change + 2)

    assert imbalances(receipt, world) == [320_000, 400_000, 450_000, -90_000]


def test_settle__sold_and_not_delivered__earns_nothing(world: World, slot: int) -> None:
    """Selling in an auction above the retail tariff and then delivering nothing pays back all."""
    world.member(world.anna)
    world.member(world.ben)
    publish(world, slot, (700_000, 700_000))
    world.trade(world.ben, world.anna, slot, 1_000, 700_000)
    for account in (world.anna, world.ben):
        world.read(account, slot, 0)
    world.to_slot(slot + 1)

    world.settlement.settleMany([world.anna, world.ben], slot + 1, sender=world.stranger)

    assert world.free(world.anna) == MEMBER_FREE
    assert world.free(world.ben) == MEMBER_FREE - 700_000 + money(1_000, FEED_IN)


def test_settle__estimated__worst_prices_of_the_stretch_with_auctions(
    world: World, slot: int
) -> None:
    """An auction before the run still belongs to the stretch."""
    world.member(world.anna)
    publish(world, slot, (600_000, 10_000))
    world.read(world.anna, slot, 0, 0, quality=ESTIMATED)
    world.read(world.anna, slot + 1, 1_000, quality=ESTIMATED)
    world.read(world.anna, slot + 2, 0, 1_000, quality=ESTIMATED)
    world.meter.addGap(world.anna, slot, slot + 3, 1_000, 1_000, sender=world.governor)
    world.to_slot(slot + 3)
    world.settle(world.anna, slot + 1)

    receipt = world.settle(world.anna, slot + 3)

    assert imbalances(receipt, world) == [600_000, -10_000]


@pytest.mark.parametrize(("import_wh", "export_wh"), [(1_000, 0), (0, 1_000)])
def test_settle__correction__worst_prices_of_the_defaulted_slots_with_auctions(
    world: World, slot: int, import_wh: int, export_wh: int
) -> None:
    world.member(world.anna)
    end = slot + 97
    publish(world, slot + 40, (600_000, 10_000))
    world.meter.addGap(world.anna, slot, end, import_wh, export_wh, sender=world.governor)
    world.to_slot(end)

    receipt = world.settle(world.anna, end)

    expected = money(import_wh, 600_000) - money(export_wh, 10_000)
    assert only(receipt, world.settlement.DefaultCorrected)["imbalance"] == expected


# pools of regions


def neighbours(world: World, slot: int) -> None:
    """Anna sells 600 Wh that Ben in another zone of the region buys."""
    world.settlement.appointOperator(OTHER_ZONE, world.other_operator, sender=world.governor)
    world.settlement.setTariff(
        OTHER_ZONE, world.current_slot + 1, RETAIL, FEED_IN, sender=world.other_operator
    )
    world.market.setRegion(OTHER_ZONE, ZONE, sender=world.governor)
    world.member(world.anna, first_slot=slot)
    world.connect(world.ben, meter_id=8, zone=OTHER_ZONE, first_slot=slot)
    world.settlement.enrol(world.ben, sender=world.stranger)
    world.fund(world.ben, MEMBER_FREE)
    world.settlement.postSecurity(20_000_000, sender=world.ben)
    world.position(world.anna, slot, Position(sold_wh=600, proceeds=60_000, unlocked=0))
    world.position(world.ben, slot, Position(bought_wh=600, cost=90_000, unlocked=90_000))
    world.read(world.anna, slot, 0, 600)
    world.read(world.ben, slot, 600, 0)
    world.market.setTraded(ZONE, slot, [600], sender=world.governor)
    world.to_slot(slot + 1)


def test_pool__region_of_two_zones__shared(world: World, slot: int) -> None:
    neighbours(world, slot)

    world.settle(world.anna, slot + 1)
    assert tuple(world.settlement.certificatePool(ZONE, slot)) == (600, 0, 600, 600, 0, False)
    with ape.reverts(
        world.settlement.PoolNotClosed, region=ZONE, slot=slot, enteredWh=600, requiredWh=1200
    ):
        world.settlement.claimCertificates([world.anna], slot, sender=world.stranger)
    world.settle(world.ben, slot + 1)

    assert tuple(world.settlement.certificatePool(ZONE, slot)) == (600, 600, 1200, 600, 0, True)
    assert tuple(world.settlement.certificatePool(OTHER_ZONE, slot))[:3] == (0, 0, 0)
    receipt = world.settlement.claimCertificates([world.ben], slot, sender=world.stranger)
    assert only(receipt, world.settlement.EnergyRetired) == {
        "account": world.ben,
        "slot": slot,
        "energyWh": 600,
    }


def test_clearing__flow_between_zones__difference_is_the_rent(world: World, slot: int) -> None:
    neighbours(world, slot)

    world.settlement.settleMany([world.anna, world.ben], slot + 1, sender=world.stranger)
    assert world.settlement.clearing() == 30_000
    world.credit_rent(world.cleo, 30_000)

    assert world.settlement.clearing() == 0
    world.check_conservation()

"""settle, settleMany, settleUpTo: what was agreed against what was metered.

settle
├── not enrolled, or an operator: revert
├── nothing has ended, or no reading yet: nothing happens
├── without meter and without locks: only the cursor moves
├── worked example of the rules
├── order of payment: slot money, free, security, arrears
├── operator: free, bond, claims
├── estimated: worst prices of the stretch
├── overdue: default, correction, lapse
└── random positions: zero sum
"""

from __future__ import annotations

import random
from dataclasses import astuple
from typing import Any

import ape
import pytest

from tests.unit.settlement.world import (
    BOND,
    CAP,
    DEFAULTED_BASIS,
    ESTIMATED,
    ESTIMATED_BASIS,
    FEED_IN,
    FLAG_ARREARS,
    FLAG_METERED,
    FLAG_SECURED,
    FLAG_WAS_METERED,
    MEASURED_BASIS,
    MEMBER_FREE,
    OPERATOR_FREE,
    RETAIL,
    SECURITY_DEPOSIT,
    UNMETERED_BASIS,
    ZONE,
    Position,
    World,
    events,
    flags,
    money,
    only,
    settled,
    settled_slot,
)

PRICE = 150_000


@pytest.fixture
def slot(world: World) -> int:
    return world.first_slot


# who and when


def test_settle__not_enrolled__reverts(world: World) -> None:
    with ape.reverts(world.settlement.NotEnrolled, account=world.anna):
        world.settle(world.anna, world.first_slot + 1)


def test_settle__operator__reverts(world: World) -> None:
    with ape.reverts(world.settlement.OperatorCannotTrade, account=world.operator):
        world.settle(world.operator, world.first_slot + 1)


def test_settle__slot_has_not_ended__does_nothing(world: World, slot: int) -> None:
    world.member(world.anna)
    world.read(world.anna, slot, 100)

    receipt = world.settle(world.anna, slot + 1)

    assert receipt.return_value == slot
    assert not receipt.events
    assert world.state(world.anna).settledUntil == slot


def test_settle__no_reading_before_the_deadline__waits(world: World, slot: int) -> None:
    world.member(world.anna)
    world.at(world.deadline(slot))

    assert world.settlement.settle.call(world.anna, slot + 1) == slot

    world.at(world.deadline(slot) + 1)
    assert world.settlement.settle.call(world.anna, slot + 1) == slot + 1


def test_settle__stops_at_the_first_slot_without_reading(world: World, slot: int) -> None:
    world.member(world.anna)
    world.read(world.anna, slot, 100, count=2)
    world.read(world.anna, slot + 3, 100)
    world.to_slot(slot + 5)

    receipt = world.settle(world.anna, slot + 5)

    assert receipt.return_value == slot + 2
    logs = settled(receipt, world)
    assert [log["slot"] for log in logs] == [slot, slot + 1]


def test_settle__again__does_nothing(world: World, slot: int) -> None:
    world.member(world.anna)
    world.read(world.anna, slot, 100)
    world.to_slot(slot + 1)
    world.settle(world.anna, slot + 1)
    before = balances_of(world)

    receipt = world.settle(world.anna, slot + 1)

    assert receipt.return_value == slot + 1
    assert not receipt.decode_logs(world.settlement.SlotsSettled)
    assert balances_of(world) == before


def balances_of(world: World) -> list[int]:
    return [world.free(account) for account in (world.anna, world.operator)]


def test_settle__more_than_a_week__settles_672_slots(world: World, slot: int) -> None:
    world.trader(world.anna)
    world.lock(world.anna, 1)
    world.to_slot(slot + 700)

    # A call, not a transaction: the local node of ape records every step of those.
    assert world.settlement.settle.call(world.anna, slot + 700) == slot + 672


def test_settle__trader_without_locks__moves_the_cursor_only(world: World, slot: int) -> None:
    world.trader(world.anna)
    world.to_slot(slot + 1000)

    receipt = world.settle(world.anna, slot + 900)

    assert receipt.return_value == slot + 900
    assert not receipt.decode_logs(world.settlement.SlotsSettled)
    assert only(receipt, world.settlement.AccountPassedOver) == {
        "account": world.anna,
        "fromSlot": slot,
        "settledUntil": slot + 900,
    }
    assert world.free(world.anna) == MEMBER_FREE


def test_settle_up_to__not_the_market__reverts(world: World, slot: int) -> None:
    with ape.reverts(world.settlement.NotTheMarket, caller=world.stranger):
        world.settlement.settleUpTo(world.anna, slot, sender=world.stranger)


def test_settle_up_to__market__settles(world: World, slot: int) -> None:
    world.member(world.anna)
    world.read(world.anna, slot, 1_000)
    world.to_slot(slot + 1)

    receipt = world.market.settleUpTo(world.anna, slot + 1, sender=world.stranger)

    assert receipt.return_value == slot + 1
    assert world.free(world.anna) == MEMBER_FREE - money(1_000, RETAIL)


# payments


def test_settle__worked_example__pays_to_the_unit(world: World, slot: int) -> None:
    world.member(world.anna)
    world.member(world.ben)
    world.trade(world.ben, world.anna, slot, 1_000, PRICE)
    world.read(world.anna, slot, 0, 900)
    world.read(world.ben, slot, 1_200, 0)
    world.to_slot(slot + 1)

    first = world.settle(world.anna, slot + 1)
    second = world.settle(world.ben, slot + 1)

    assert world.free(world.anna) - MEMBER_FREE == 118_000
    assert world.free(world.ben) - MEMBER_FREE == -214_000
    assert world.free(world.operator) - OPERATOR_FREE == 96_000
    assert world.state(world.anna).locked == world.state(world.ben).locked == 0
    assert world.settlement.clearing() == 0
    assert settled_slot(first, world) == {
        "account": world.anna,
        "slot": slot,
        "basis": MEASURED_BASIS,
        "boughtWh": 0,
        "soldWh": 1_000,
        "importWh": 0,
        "exportWh": 900,
        "cost": 0,
        "proceeds": 150_000,
        "networkFee": 0,
        "tradingFee": 0,
        "imbalance": 32_000,
        "unlocked": 850_000,
        "mintedWh": 900,
        "givenWh": 900,
    }
    assert settled_slot(second, world)["imbalance"] == 64_000


def test_settle__seller_first__clearing_is_negative_by_the_buyer_s_lock(
    world: World, slot: int
) -> None:
    world.member(world.anna)
    world.member(world.ben)
    world.trade(world.ben, world.anna, slot, 1_000, PRICE)
    world.read(world.anna, slot, 0, 1_000)
    world.to_slot(slot + 1)

    world.settle(world.anna, slot + 1)

    assert world.settlement.clearing() == -150_000
    assert world.state(world.ben).locked == 150_000


def test_settle__fees_and_improvement__reach_their_accounts(world: World, slot: int) -> None:
    world.member(world.anna)
    world.member(world.ben)
    world.trade(
        world.ben,
        world.anna,
        slot,
        1_000,
        PRICE,
        network_fee=50_000,
        trading_fee=1_501,
        improvement=7_000,
    )
    world.read(world.anna, slot, 0, 1_000)
    world.read(world.ben, slot, 1_000, 0)
    world.to_slot(slot + 1)

    world.settlement.settleMany([world.anna, world.ben], slot + 1, sender=world.stranger)

    assert world.free(world.anna) == MEMBER_FREE + 150_000
    assert world.free(world.ben) == MEMBER_FREE - 150_000 - 50_000 - 1_501
    assert world.free(world.operator) == OPERATOR_FREE + 50_000
    assert world.free(world.treasury) == 1_501


def test_settle__long__operator_pays_the_feed_in_tariff(world: World, slot: int) -> None:
    world.member(world.anna)
    world.read(world.anna, slot, 0, 500)
    world.to_slot(slot + 1)

    receipt = world.settle(world.anna, slot + 1)

    assert settled_slot(receipt, world)["imbalance"] == -money(500, FEED_IN)
    assert world.free(world.anna) == MEMBER_FREE + money(500, FEED_IN)
    assert world.free(world.operator) == OPERATOR_FREE - money(500, FEED_IN)


def test_settle__unmetered_trader__position_is_imbalance(world: World, slot: int) -> None:
    world.member(world.anna)
    world.trader(world.ben)
    world.trade(world.ben, world.anna, slot, 1_000, PRICE)
    world.to_slot(slot + 1)

    receipt = world.settle(world.ben, slot + 1)

    settled = settled_slot(receipt, world)
    assert settled["basis"] == UNMETERED_BASIS
    assert settled["imbalance"] == -money(1_000, FEED_IN)
    assert world.free(world.ben) == MEMBER_FREE - money(1_000, PRICE) + money(1_000, FEED_IN)


def test_settle__free_too_small__security_then_arrears(world: World, slot: int) -> None:
    world.member(world.anna, free=100_000)
    due = money(100_000, RETAIL)
    assert due == 32_000_000
    world.read(world.anna, slot, 100_000)
    world.to_slot(slot + 1)

    receipt = world.settle(world.anna, slot + 1)

    unpaid = due - 100_000 - SECURITY_DEPOSIT
    state = world.state(world.anna)
    assert (state.free, state.security, state.arrears) == (0, 0, unpaid)
    assert not state.secured
    assert (
        flags(world.settlement.accountWord(world.anna))
        == FLAG_METERED | FLAG_WAS_METERED | FLAG_ARREARS
    )
    assert world.settlement.arrearsOf(world.anna) == unpaid
    assert world.free(world.operator) == OPERATOR_FREE + due - unpaid
    assert only(receipt, world.settlement.SecurityUsed) == {
        "account": world.anna,
        "amount": SECURITY_DEPOSIT,
        "security": 0,
    }
    assert only(receipt, world.settlement.ArrearsRecorded) == {
        "account": world.anna,
        "zone": ZONE,
        "amount": unpaid,
        "arrears": unpaid,
    }


def test_settle__slot_of_another_lock__is_not_touched(world: World, slot: int) -> None:
    """One slot never eats another slot's lock, even when the account cannot pay."""
    world.member(world.anna, free=5_000_000, security=SECURITY_DEPOSIT)
    world.position(world.anna, slot + 1, Position(bought_wh=1_000, cost=900, unlocked=5_000_000))
    world.read(world.anna, slot, 1_000_000)
    world.to_slot(slot + 1)

    world.settle(world.anna, slot + 1)

    state = world.state(world.anna)
    assert state.locked == 5_000_000
    assert state.arrears == money(1_000_000, RETAIL) - SECURITY_DEPOSIT


def test_settle__later_proceeds__pay_arrears_first(world: World, slot: int) -> None:
    world.member(world.anna, free=0, security=0)
    world.member(world.ben)
    world.read(world.anna, slot, 1_000)
    world.to_slot(slot + 1)
    world.settle(world.anna, slot + 1)
    assert world.state(world.anna).arrears == 320_000
    world.position(world.anna, slot + 1, Position(sold_wh=1_000, proceeds=200_000))
    world.position(world.ben, slot + 1, Position(bought_wh=1_000, cost=200_000, unlocked=200_000))
    world.read(world.anna, slot + 1, 0, 2_000)
    world.to_slot(slot + 2)

    receipt = world.settle(world.anna, slot + 2)

    # 200,000 of proceeds and 80,000 of feed-in are set against 320,000 of arrears.
    assert world.state(world.anna).arrears == 40_000
    assert world.free(world.anna) == 0
    assert world.free(world.operator) == OPERATOR_FREE + 200_000
    assert only(receipt, world.settlement.ArrearsPaid) == {
        "account": world.anna,
        "zone": ZONE,
        "amount": 280_000,
        "arrears": 40_000,
    }


def test_settle__operator_short_of_money__bond_then_claim(world: World, slot: int) -> None:
    world.operator_with(free=1_000_000, bond=BOND)
    world.member(world.anna)
    world.read(world.anna, slot, 0, 1_000_000)
    world.to_slot(slot + 1)
    due = money(1_000_000, FEED_IN)
    assert due == 80_000_000

    receipt = world.settle(world.anna, slot + 1)

    unpaid = due - 1_000_000 - BOND
    zone = world.zone_state()
    assert (zone.bond, zone.claims, zone.claimCount) == (0, unpaid, 1)
    assert world.free(world.operator) == 0
    assert world.free(world.anna) == MEMBER_FREE + due - unpaid
    assert world.settlement.claimAt(ZONE, 0) == (world.anna, unpaid)
    assert only(receipt, world.settlement.BondUsed) == {"zone": ZONE, "amount": BOND, "bond": 0}
    assert only(receipt, world.settlement.ClaimQueued) == {
        "zone": ZONE,
        "account": world.anna,
        "position": 0,
        "amount": unpaid,
    }
    assert only(receipt, world.settlement.BondStandingChanged) == {
        "zone": ZONE,
        "fromSlot": slot + 2,
        "sufficient": False,
    }


def test_settle__bond_below_floor__later_slots_pay_no_feed_in(world: World, slot: int) -> None:
    world.operator_with(free=0, bond=BOND)
    world.member(world.anna)
    world.read(world.anna, slot, 0, 200_000)
    world.read(world.anna, slot + 1, 0, 1_000, count=2)
    world.to_slot(slot + 1)
    world.settle(world.anna, slot + 1)
    assert world.zone_state().bond == BOND - money(200_000, FEED_IN)

    assert world.settlement.imbalancePrices(ZONE, slot + 1) == (RETAIL, FEED_IN)
    assert world.settlement.imbalancePrices(ZONE, slot + 2) == (RETAIL, 0)
    world.to_slot(slot + 3)
    receipt = world.settle(world.anna, slot + 3)

    imbalances = [log["imbalance"] for log in settled(receipt, world)]
    assert imbalances == [-money(1_000, FEED_IN), 0]


def test_settle__bond_restored__feed_in_returns(world: World, slot: int) -> None:
    world.operator_with(free=0, bond=BOND)
    world.member(world.anna)
    world.read(world.anna, slot, 0, 200_000)
    world.to_slot(slot + 1)
    world.settle(world.anna, slot + 1)
    world.fund(world.operator, BOND)

    world.settlement.postBond(BOND, sender=world.operator)

    # The bond was insufficient for no slot's beginning: both changes fall on the same one.
    assert world.settlement.imbalancePrices(ZONE, slot + 2) == (RETAIL, FEED_IN)


def test_settle__tariff_changes_within_the_run__each_slot_its_price(
    world: World, slot: int
) -> None:
    change = slot + 192
    world.member(world.anna, first_slot=change - 2)
    world.settlement.setTariff(ZONE, change, 400_000, 100_000, sender=world.operator)
    world.read(world.anna, change - 2, 1_000, count=4)
    world.to_slot(change + 2)

    receipt = world.settle(world.anna, change + 2)

    imbalances = [log["imbalance"] for log in settled(receipt, world)]
    assert imbalances == [320_000, 320_000, 400_000, 400_000]


def test_settle__cap_below_tariff__short_price_is_the_cap(world: World, slot: int) -> None:
    world.member(world.anna)
    world.market.setCapFrom(slot + 1, 200_000, sender=world.governor)
    world.read(world.anna, slot, 1_000, count=2)
    world.to_slot(slot + 2)

    receipt = world.settle(world.anna, slot + 2)

    imbalances = [log["imbalance"] for log in settled(receipt, world)]
    assert imbalances == [320_000, 200_000]


# estimates


def test_settle__estimated__worst_prices_of_the_stretch(world: World, slot: int) -> None:
    change = slot + 192
    world.member(world.anna, first_slot=change - 2)
    world.settlement.setTariff(ZONE, change, 400_000, 50_000, sender=world.operator)
    world.read(world.anna, change - 2, 1_000, quality=ESTIMATED, count=2)
    world.read(world.anna, change, 0, 1_000, quality=ESTIMATED, count=2)
    world.meter.addGap(world.anna, change - 2, change + 2, 2_000, 2_000, sender=world.governor)
    world.to_slot(change + 2)

    receipt = world.settle(world.anna, change + 2)

    logs = settled(receipt, world)
    assert [log["basis"] for log in logs] == [ESTIMATED_BASIS] * 4
    assert [log["imbalance"] for log in logs] == [400_000, 400_000, -50_000, -50_000]
    assert world.energy.totalSupply() == 0


# default and correction


def defaulting(world: World, slot: int, *, bought_wh: int = 1_000) -> None:
    """Anna buys in `slot`, and no reading comes in time."""
    world.member(world.anna)
    cost = money(bought_wh, PRICE)
    world.position(world.anna, slot, Position(bought_wh=bought_wh, cost=cost, unlocked=cost))
    world.at(world.deadline(slot) + 1)


def test_settle__overdue__imported_what_was_bought_exported_nothing(
    world: World, slot: int
) -> None:
    world.member(world.anna)
    world.position(
        world.anna,
        slot,
        Position(bought_wh=1_000, sold_wh=400, cost=150_000, proceeds=60_000, unlocked=500_000),
    )
    world.at(world.deadline(slot) + 1)

    receipt = world.settle(world.anna, slot + 1)

    settled = settled_slot(receipt, world)
    assert settled["basis"] == DEFAULTED_BASIS
    assert (settled["importWh"], settled["exportWh"]) == (1_000, 0)
    assert settled["imbalance"] == money(400, RETAIL)
    stretch = world.settlement.defaultedStretch(world.anna)
    assert tuple(stretch) == (slot, slot + 1, 1_000, RETAIL, FEED_IN)


@pytest.mark.parametrize(
    ("import_wh", "export_wh", "delta_wh", "imbalance"),
    [
        (97_000, 0, 96_000, money(96_000, RETAIL)),
        (0, 95_000, -96_000, -money(96_000, FEED_IN)),
        (1_000, 0, 0, 0),
    ],
)
def test_settle__gap_closed_by_a_reading__one_correction(
    world: World, slot: int, import_wh: int, export_wh: int, delta_wh: int, imbalance: int
) -> None:
    defaulting(world, slot)
    world.settle(world.anna, slot + 96)
    assert world.state(world.anna).settledUntil == slot + 96
    paid = world.free(world.anna)
    world.meter.addGap(world.anna, slot, slot + 96, import_wh, export_wh, sender=world.governor)
    world.read(world.anna, slot + 96, 0)
    world.to_slot(slot + 97)

    receipt = world.settle(world.anna, slot + 97)

    assert only(receipt, world.settlement.DefaultCorrected) == {
        "account": world.anna,
        "fromSlot": slot,
        "untilSlot": slot + 96,
        "deltaWh": delta_wh,
        "imbalance": imbalance,
    }
    assert world.free(world.anna) == paid - imbalance
    assert world.settlement.defaultedStretch(world.anna).fromSlot == 0


def test_settle__short_gap_closed_after_partial_default__estimates_and_correction_add_up(
    world: World, slot: int
) -> None:
    """Defaulted and estimated slots of one gap together carry exactly the register difference."""
    last = slot + 95
    world.member(world.anna, first_slot=last - 5)
    world.at(world.deadline(slot) + 1)
    world.settle(world.anna, slot + 96)
    assert world.settlement.defaultedStretch(world.anna).untilSlot == slot + 96
    total, length = 100_003, 12
    world.meter.addGap(world.anna, last - 5, last + 7, total, 0, sender=world.governor)
    estimated = [
        (total * (i + 1) // length - total * i // length, 0, 0, ESTIMATED) for i in range(6, length)
    ]
    world.meter.setEnergies(world.anna, last + 1, estimated, sender=world.governor)

    receipt = world.settle(world.anna, last + 7)

    correction = only(receipt, world.settlement.DefaultCorrected)
    assert correction["untilSlot"] == slot + 96
    logs = settled(receipt, world)
    assert correction["deltaWh"] + sum(log["importWh"] for log in logs) == total
    assert world.free(world.anna) == MEMBER_FREE - money(total, RETAIL)


def test_settle__long_gap__defaults_at_once_and_corrects(world: World, slot: int) -> None:
    world.member(world.anna)
    world.read(world.anna, slot, 0)
    end = slot + 1 + 97
    world.meter.addGap(world.anna, slot + 1, end, 9_700, 0, sender=world.governor)
    world.to_slot(end)
    assert world.settlement.settlementStatus(world.anna, slot + 1) == 4

    receipt = world.settle(world.anna, end)

    assert receipt.return_value == end
    bases = [log["basis"] for log in settled(receipt, world)]
    assert bases == [MEASURED_BASIS] + [DEFAULTED_BASIS] * 97
    assert only(receipt, world.settlement.DefaultCorrected)["deltaWh"] == 9_700
    assert world.free(world.anna) == MEMBER_FREE - money(9_700, RETAIL)


def test_settle__two_gaps_in_a_row__one_correction_each(world: World, slot: int) -> None:
    world.member(world.anna)
    middle, end = slot + 100, slot + 200
    world.meter.addGap(world.anna, slot, middle, 1_000, 0, sender=world.governor)
    world.meter.addGap(world.anna, middle, end, 0, 2_000, sender=world.governor)
    world.to_slot(end)

    receipt = world.settle(world.anna, end)

    corrections = events(receipt, world.settlement.DefaultCorrected)
    assert [(c["fromSlot"], c["untilSlot"], c["deltaWh"]) for c in corrections] == [
        (slot, middle, 1_000),
        (middle, end, -2_000),
    ]


@pytest.mark.parametrize(("slots", "corrected"), [(2_880, True), (2_881, False)])
def test_settle__closing_reading__within_30_days_only(
    world: World, slot: int, slots: int, corrected: bool
) -> None:
    """The rule looks at the gap's end only, so one defaulted slot of a long gap is enough."""
    world.member(world.anna)
    world.meter.addGap(world.anna, slot, slot + slots, slots, 0, sender=world.governor)
    world.read(world.anna, slot + 1, 0)
    world.at(world.deadline(slot) + 1)

    receipt = world.settle(world.anna, slot + 2)

    assert bool(receipt.decode_logs(world.settlement.DefaultCorrected)) is corrected
    assert world.free(world.anna) == MEMBER_FREE - (money(1, RETAIL) if corrected else 0)
    if not corrected:
        assert only(receipt, world.settlement.CorrectionLapsed) == {
            "account": world.anna,
            "fromSlot": slot,
            "untilSlot": slot + 1,
        }


def test_settle__correction__uses_the_worst_prices_of_the_defaulted_slots(
    world: World, slot: int
) -> None:
    change, end = slot + 192, slot + 290
    world.member(world.anna, first_slot=change - 1)
    world.settlement.setTariff(ZONE, change, 500_000, 50_000, sender=world.operator)
    world.meter.addGap(world.anna, change - 1, end, 1_000, 0, sender=world.governor)
    world.to_slot(end)

    receipt = world.settle(world.anna, end)

    assert only(receipt, world.settlement.DefaultCorrected)["imbalance"] == 500_000


# many


def test_settle_many__passes_over_who_cannot_advance(world: World, slot: int) -> None:
    for account in (world.anna, world.ben):
        world.member(account)
    world.read(world.anna, slot, 1_000)
    world.to_slot(slot + 1)

    receipt = world.settlement.settleMany(
        [world.ben, world.anna, world.anna], slot + 1, sender=world.stranger
    )

    assert receipt.return_value == 1
    assert world.state(world.anna).settledUntil == slot + 1
    assert world.state(world.ben).settledUntil == slot


def test_settle_many__too_many__reverts(world: World, slot: int) -> None:
    with ape.reverts(world.settlement.TooManyInBatch, given=101, allowed=100):
        world.settlement.settleMany([world.anna] * 101, slot, sender=world.stranger)


def page_at(world: World, slot: int, entries: int) -> tuple[object, ...]:
    """A page for the mock of metering, which takes any."""
    return (world.stranger, slot * 900, 0, 0, b"\1" * 32, b"\2" * 32, b"\0" * 17 * entries)


def test_settle_page__new_page__is_revealed_and_accounts_settled(world: World, slot: int) -> None:
    world.member(world.anna)
    world.read(world.anna, slot, 500, 0)
    world.to_slot(slot + 1)
    page = page_at(world, slot + 1, 3)

    receipt = world.settlement.settlePage(page, [world.anna], slot + 1, sender=world.stranger)

    assert tuple(receipt.return_value) == (3, 1)
    assert world.meter.revealedBoundary() == (slot + 1) * 900
    assert world.state(world.anna).settledUntil == slot + 1


def test_settle_page__revealed_by_somebody_before__still_settles(world: World, slot: int) -> None:
    world.member(world.anna)
    world.read(world.anna, slot, 500, 0)
    world.to_slot(slot + 1)
    page = page_at(world, slot + 1, 3)
    world.meter.revealPage(page, sender=world.stranger)

    receipt = world.settlement.settlePage(page, [world.anna], slot + 1, sender=world.stranger)

    assert tuple(receipt.return_value) == (0, 1)


def test_settle_page__page_refused_or_too_many__reverts(world: World, slot: int) -> None:
    with ape.reverts(world.meter.PageRefused):
        world.settlement.settlePage(page_at(world, 0, 1), [], slot, sender=world.stranger)
    with ape.reverts(world.settlement.TooManyInBatch, given=101, allowed=100):
        world.settlement.settlePage(
            page_at(world, slot, 1), [world.anna] * 101, slot, sender=world.stranger
        )


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_settle__random_positions__sum_to_zero(world: World, slot: int, seed: int) -> None:
    """Over all accounts the slots sum to zero, for dues and for cash, to the unit."""
    rng = random.Random(seed)
    people = [world.anna, world.ben, world.cleo]
    for account in people:
        world.member(account, free=3_000_000)
    slots = 6
    rows: dict[Any, list[Position]] = {account: [Position()] * slots for account in people}
    fees = 0
    for index in range(slots):
        buyer, seller = rng.sample(people, 2)
        energy_wh, price = rng.randrange(1, 2_000), rng.randrange(1, 1_000) * 1_000
        cost, network, trading = (
            money(energy_wh, price),
            energy_wh * rng.choice([0, 20]),
            rng.randrange(50),
        )
        fees += network + trading
        rows[buyer] = list(rows[buyer])
        rows[seller] = list(rows[seller])
        rows[buyer][index] = Position(
            bought_wh=energy_wh,
            cost=cost,
            network_fee=network,
            trading_fee=trading,
            unlocked=cost + network + trading + rng.randrange(5),
        )
        rows[seller][index] = Position(
            sold_wh=energy_wh, proceeds=cost, unlocked=money(energy_wh, CAP - price)
        )
    for account, row in rows.items():
        world.market.setPositions(
            world.account_id(account),
            slot,
            [astuple(position) for position in row],
            sender=world.governor,
        )
        needed = sum(position.unlocked for position in row)
        short = needed - world.free(account)
        if short > 0:
            world.fund(account, short)
        if needed:
            world.lock(account, needed)
        energies = [
            (rng.randrange(20_000), rng.randrange(3_000), 0, rng.choice([1, 2]))
            for _ in range(slots)
        ]
        world.meter.setEnergies(account, slot, energies, sender=world.governor)
    tracked = world.settlement.trackedTotal()
    world.to_slot(slot + slots)

    receipt = world.settlement.settleMany(people, slot + slots, sender=world.stranger)

    assert receipt.return_value == 3 * slots
    logs = settled(receipt, world)
    assert sum(log["cost"] - log["proceeds"] for log in logs) == 0
    assert sum(log["networkFee"] + log["tradingFee"] for log in logs) == fees
    assert sum(log["boughtWh"] - log["soldWh"] for log in logs) == 0
    assert world.settlement.clearing() == 0
    assert world.settlement.trackedTotal() == tracked
    dues = sum(log["imbalance"] for log in logs)
    arrears = sum(world.state(account).arrears for account in people)
    zone = world.zone_state()
    received = world.free(world.operator) + zone.bond - OPERATOR_FREE - BOND
    network = sum(log["networkFee"] for log in logs)
    assert received == network + dues - arrears + zone.claims
    for account in people:
        assert world.state(account).locked == 0


def test_settle__security_used__must_be_posted_again_before_locking(
    world: World, slot: int
) -> None:
    world.member(world.anna, free=0)
    world.read(world.anna, slot, 1)
    world.to_slot(slot + 1)
    assert (
        flags(world.settlement.accountWord(world.anna))
        == FLAG_METERED | FLAG_WAS_METERED | FLAG_SECURED
    )
    world.settle(world.anna, slot + 1)
    world.fund(world.anna, 1_000_000)

    with ape.reverts(world.settlement.SecurityDepositMissing, account=world.anna):
        world.lock(world.anna, 1)

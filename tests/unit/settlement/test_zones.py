"""appointOperator, postBond, withdrawBond, payClaims, setTariff, setTariffBounds, views."""

from __future__ import annotations

from typing import Any

import ape
import pytest

from tests.unit.settlement.world import (
    BOND,
    BOND_FLOOR,
    BOUNDS,
    CAP,
    FEED_IN,
    FLAG_OPERATOR,
    MEMBER_FREE,
    OPERATOR_FREE,
    OTHER_ZONE,
    RETAIL,
    SECURITY_DEPOSIT,
    ZONE,
    World,
    events,
    flags,
    money,
    only,
)

ZERO_ADDRESS = "0x" + "00" * 20


# operators


def test_appoint_operator__not_the_governor__reverts(world: World) -> None:
    with ape.reverts(world.settlement.AccessManagedUnauthorized, caller=world.stranger):
        world.settlement.appointOperator(OTHER_ZONE, world.anna, sender=world.stranger)


def test_appoint_operator__zone_zero__reverts(world: World) -> None:
    with ape.reverts(world.settlement.InvalidZone, zone=0):
        world.settlement.appointOperator(0, world.anna, sender=world.governor)


def test_appoint_operator__zone_has_one__reverts(world: World) -> None:
    with ape.reverts(world.settlement.ZoneHasOperator, zone=ZONE, operator=world.operator):
        world.settlement.appointOperator(ZONE, world.anna, sender=world.governor)


def test_appoint_operator__nobody_or_treasury__reverts(world: World) -> None:
    for account in (ZERO_ADDRESS, world.treasury.address, world.settlement.address):
        with ape.reverts(world.settlement.ReservedAddress, account=account):
            world.settlement.appointOperator(OTHER_ZONE, account, sender=world.governor)


def test_appoint_operator__enrolled_account__reverts(world: World) -> None:
    with ape.reverts(world.settlement.AlreadyEnrolled, account=world.operator, zone=ZONE):
        world.settlement.appointOperator(OTHER_ZONE, world.operator, sender=world.governor)


def test_appoint_operator__gives_an_account_that_cannot_trade(world: World) -> None:
    receipt = world.settlement.appointOperator(
        OTHER_ZONE, world.other_operator, sender=world.governor
    )

    assert receipt.return_value == 2
    assert only(receipt, world.settlement.OperatorAppointed) == {
        "zone": OTHER_ZONE,
        "operator": world.other_operator,
        "accountId": 2,
    }
    assert flags(world.settlement.accountWord(world.other_operator)) == FLAG_OPERATOR
    assert tuple(world.zone_state(OTHER_ZONE)) == (world.other_operator, 0, 0, 0)
    assert world.settlement.zoneCount() == 2
    assert [world.settlement.zoneAt(index) for index in range(3)] == [ZONE, OTHER_ZONE, 0]
    assert world.settlement.imbalancePrices(OTHER_ZONE, world.first_slot) == (0, 0)


# bonds


@pytest.mark.parametrize("function", ["postBond", "withdrawBond"])
def test_bond__not_an_operator_or_nothing__reverts(world: World, function: str) -> None:
    call = getattr(world.settlement, function)
    with ape.reverts(world.settlement.NotTheOperator, caller=world.anna, zone=0):
        call(1, sender=world.anna)
    with ape.reverts(world.settlement.NothingToMove):
        call(0, sender=world.operator)


def test_post_bond__more_than_free__reverts(world: World) -> None:
    with ape.reverts(
        world.settlement.InsufficientFree, needed=OPERATOR_FREE + 1, available=OPERATOR_FREE
    ):
        world.settlement.postBond(OPERATOR_FREE + 1, sender=world.operator)


def test_post_bond__moves_free_money(world: World) -> None:
    receipt = world.settlement.postBond(7, sender=world.operator)

    assert only(receipt, world.settlement.BondPosted) == {
        "zone": ZONE,
        "amount": 7,
        "bond": BOND + 7,
    }
    assert world.zone_state().bond == BOND + 7
    assert world.free(world.operator) == OPERATOR_FREE - 7


def test_withdraw_bond__below_floor__reverts(world: World) -> None:
    allowed = BOND - BOND_FLOOR
    with ape.reverts(world.settlement.BondBelowFloor, given=allowed + 1, allowed=allowed):
        world.settlement.withdrawBond(allowed + 1, sender=world.operator)


def test_withdraw_bond__down_to_the_floor(world: World) -> None:
    receipt = world.settlement.withdrawBond(BOND - BOND_FLOOR, sender=world.operator)

    assert only(receipt, world.settlement.BondWithdrawn) == {
        "zone": ZONE,
        "amount": BOND - BOND_FLOOR,
        "bond": BOND_FLOOR,
    }
    assert world.free(world.operator) == OPERATOR_FREE + BOND - BOND_FLOOR
    assert world.settlement.imbalancePrices(ZONE, world.first_slot + 9) == (RETAIL, FEED_IN)
    assert world.settlement.bondFloor() == BOND_FLOOR


def test_post_bond__reaches_the_floor__feed_in_for_slots_that_start_later(world: World) -> None:
    world.settlement.appointOperator(OTHER_ZONE, world.other_operator, sender=world.governor)
    world.fund(world.other_operator, BOND_FLOOR)
    slot = world.current_slot
    world.settlement.setTariff(OTHER_ZONE, slot + 1, RETAIL, FEED_IN, sender=world.other_operator)
    world.settlement.postBond(BOND_FLOOR - 1, sender=world.other_operator)
    assert world.settlement.imbalancePrices(OTHER_ZONE, slot + 1) == (RETAIL, 0)

    receipt = world.settlement.postBond(1, sender=world.other_operator)

    assert only(receipt, world.settlement.BondStandingChanged) == {
        "zone": OTHER_ZONE,
        "fromSlot": slot + 1,
        "sufficient": True,
    }
    assert world.settlement.imbalancePrices(OTHER_ZONE, slot + 1) == (RETAIL, FEED_IN)


# claims


def insolvent(world: World, energies_wh: list[int]) -> list[int]:
    """Members deliver more than the operator can pay; returns the claims in queue order."""
    slot = world.first_slot
    people = [world.anna, world.ben, world.cleo][: len(energies_wh)]
    world.operator_with(free=0, bond=BOND_FLOOR)
    for account, energy_wh in zip(people, energies_wh, strict=True):
        world.member(account)
        world.read(account, slot, 0, energy_wh)
    world.to_slot(slot + 1)
    world.settlement.settleMany(people, slot + 1, sender=world.stranger)
    dues = [money(energy_wh, FEED_IN) for energy_wh in energies_wh]
    return [dues[0] - BOND_FLOOR, *dues[1:]]


def test_pay_claims__unknown_zone_or_too_many__reverts(world: World) -> None:
    with ape.reverts(world.settlement.ZoneWithoutOperator, zone=OTHER_ZONE):
        world.settlement.payClaims(OTHER_ZONE, 1, sender=world.stranger)
    with ape.reverts(world.settlement.TooManyInBatch, given=101, allowed=100):
        world.settlement.payClaims(ZONE, 101, sender=world.stranger)


def test_pay_claims__nothing_owed__pays_nothing(world: World) -> None:
    assert world.settlement.payClaims(ZONE, 1, sender=world.stranger).return_value == 0


def test_claims__paid_oldest_first_from_the_operator_s_next_money(world: World) -> None:
    first, second, third = insolvent(world, [1_000_000, 10_000, 20_000])
    assert world.zone_state().claims == first + second + third
    assert world.zone_state().claimCount == 3
    world.token.mint(world.operator, first + second + 1, sender=world.operator)
    world.token.approve(world.settlement, first + second + 1, sender=world.operator)

    receipt = world.settlement.deposit(first + second + 1, sender=world.operator)

    assert events(receipt, world.settlement.ClaimPaid) == [
        {
            "zone": ZONE,
            "account": account,
            "position": position,
            "amount": amount,
            "remaining": remaining,
        }
        for position, (account, amount, remaining) in enumerate(
            [(world.anna, first, 0), (world.ben, second, 0), (world.cleo, 1, third - 1)]
        )
    ]
    assert world.settlement.claimAt(ZONE, 0) == (ZERO_ADDRESS, 0)
    assert world.settlement.claimAt(ZONE, 2) == (world.cleo, third - 1)
    assert world.free(world.anna) == MEMBER_FREE + money(1_000_000, FEED_IN)
    assert world.free(world.ben) == MEMBER_FREE + second
    assert world.free(world.cleo) == MEMBER_FREE + 1
    assert world.free(world.operator) == 0


def test_claims__while_open__operator_moves_nothing(world: World) -> None:
    (owed,) = insolvent(world, [1_000_000])

    for call in (world.settlement.postBond, world.settlement.withdrawBond):
        with ape.reverts(world.settlement.ClaimsOutstanding, zone=ZONE, owed=owed):
            call(1, sender=world.operator)


def test_claims__newer_imbalance__does_not_jump_the_queue(world: World) -> None:
    """What a member owes pays the oldest claim, and a member's new due waits behind it."""
    slot = world.first_slot
    first, second = insolvent(world, [1_000_000, 10_000])
    world.read(world.ben, slot + 1, 0, 5_000)
    world.read(world.anna, slot + 1, 1_000)
    world.to_slot(slot + 2)

    world.settlement.settleMany([world.ben, world.anna], slot + 2, sender=world.stranger)

    third = money(5_000, FEED_IN)
    paid = money(1_000, RETAIL)
    assert world.settlement.claimAt(ZONE, 0) == (world.anna, first - paid)
    assert world.settlement.claimAt(ZONE, 2) == (world.ben, third)
    assert world.zone_state().claims == first + second + third - paid
    # Anna paid 320,000, which came straight back to her as the oldest creditor.
    assert world.free(world.anna) == MEMBER_FREE + BOND_FLOOR
    assert world.free(world.operator) == 0


def test_claims__what_the_account_pays_in_the_same_call__is_set_off(world: World) -> None:
    slot = world.first_slot
    insolvent(world, [1_000_000])
    world.member(world.ben)
    world.read(world.ben, slot, 0, 10_000)
    world.read(world.ben, slot + 1, 1_000)
    world.to_slot(slot + 2)

    world.settle(world.ben, slot + 2)

    due, paid = money(10_000, FEED_IN), money(1_000, RETAIL)
    assert world.settlement.claimAt(ZONE, 1) == (world.ben, due - paid)
    assert world.free(world.ben) == MEMBER_FREE


def test_claims__claimant_in_arrears__hands_its_part_back(world: World) -> None:
    slot = world.first_slot
    first, second = insolvent(world, [1_000_000, 10_000])
    world.settlement.withdrawAll(world.ben, sender=world.ben)
    world.read(world.ben, slot + 1, 100_000)
    world.to_slot(slot + 2)
    world.settle(world.ben, slot + 2)
    owed = money(100_000, RETAIL) - SECURITY_DEPOSIT
    assert world.state(world.ben).arrears == owed
    assert world.settlement.claimAt(ZONE, 0) == (world.anna, first - SECURITY_DEPOSIT)

    world.fund(world.operator, first - SECURITY_DEPOSIT + 500_000)

    # Ben is paid 500,000, hands them back, is paid the other 300,000 with it and hands those back.
    assert second == 800_000
    assert tuple(world.zone_state())[2:] == (0, 0)
    state = world.state(world.ben)
    assert (state.free, state.arrears) == (0, owed - second)
    assert world.free(world.operator) == 500_000


def test_pay_claims__longer_queue_than_one_action__anybody_continues(world: World) -> None:
    slot = world.first_slot
    world.operator_with(free=0, bond=BOND_FLOOR)
    world.member(world.anna)
    world.read(world.anna, slot, 0, 1_000_000)
    world.read(world.anna, slot + 1, 0, 100, count=11)
    world.to_slot(slot + 12)  # the bond was sufficient when all of these slots began
    for index in range(12):
        world.settle(world.anna, slot + index + 1)
    first, other = money(1_000_000, FEED_IN) - BOND_FLOOR, money(100, FEED_IN)
    assert tuple(world.zone_state())[2:] == (first + 11 * other, 12)

    world.fund(world.operator, first + 11 * other)
    assert tuple(world.zone_state())[2:] == (4 * other, 4)
    assert world.free(world.operator) == 4 * other
    with ape.reverts(world.settlement.ClaimsOutstanding, zone=ZONE, owed=4 * other):
        world.settlement.withdraw(1, sender=world.operator)

    receipt = world.settlement.payClaims(ZONE, 1, sender=world.stranger)
    assert receipt.return_value == other
    receipt = world.settlement.payClaims(ZONE, 100, sender=world.stranger)
    assert receipt.return_value == 3 * other
    assert tuple(world.zone_state())[2:] == (0, 0)
    assert world.free(world.operator) == 0
    assert world.free(world.anna) == MEMBER_FREE + money(1_000_000 + 1_100, FEED_IN)


# tariffs


def set_tariff(world: World, slot: int, retail: int = RETAIL, feed_in: int = FEED_IN) -> Any:
    return world.settlement.setTariff(ZONE, slot, retail, feed_in, sender=world.operator)


@pytest.mark.parametrize("zone", [0, ZONE, OTHER_ZONE])
def test_set_tariff__not_the_operator__reverts(world: World, zone: int) -> None:
    with ape.reverts(world.settlement.NotTheOperator, caller=world.stranger, zone=zone):
        world.settlement.setTariff(zone, 0, RETAIL, FEED_IN, sender=world.stranger)


def test_set_tariff__short_notice__reverts(world: World) -> None:
    earliest = world.current_slot + 192
    with ape.reverts(world.settlement.TariffNoticeTooShort, given=earliest - 1, allowed=earliest):
        set_tariff(world, earliest - 1)


def test_set_tariff__first_of_a_zone__from_the_next_slot(world: World) -> None:
    world.settlement.appointOperator(OTHER_ZONE, world.other_operator, sender=world.governor)
    slot = world.current_slot
    with ape.reverts(world.settlement.TariffNoticeTooShort, given=slot, allowed=slot + 1):
        world.settlement.setTariff(OTHER_ZONE, slot, RETAIL, FEED_IN, sender=world.other_operator)
    world.settlement.setTariff(OTHER_ZONE, slot + 1, RETAIL, FEED_IN, sender=world.other_operator)
    assert world.settlement.imbalancePrices(OTHER_ZONE, slot) == (0, 0)
    assert world.settlement.imbalancePrices(OTHER_ZONE, slot + 1) == (RETAIL, 0)


def test_set_tariff__too_far_ahead__reverts(world: World) -> None:
    furthest = world.current_slot + 6432
    with ape.reverts(world.settlement.TariffTooFarAhead, given=furthest + 1, allowed=furthest):
        set_tariff(world, furthest + 1)


def test_set_tariff__before_the_latest__reverts(world: World) -> None:
    slot = world.current_slot + 300
    set_tariff(world, slot)
    with ape.reverts(world.settlement.TariffOutOfOrder, given=slot - 1, latest=slot):
        set_tariff(world, slot - 1)


@pytest.mark.parametrize(
    ("retail", "feed_in", "given", "lowest", "highest"),
    [
        (99_000, 0, 99_000, BOUNDS[0], BOUNDS[1]),
        (901_000, 0, 901_000, BOUNDS[0], BOUNDS[1]),
        (800_000, 501_000, 501_000, BOUNDS[2], BOUNDS[3]),
    ],
)
def test_set_tariff__out_of_bounds__reverts(
    world: World, retail: int, feed_in: int, given: int, lowest: int, highest: int
) -> None:
    with ape.reverts(
        world.settlement.TariffOutOfBounds, given=given, lowest=lowest, highest=highest
    ):
        set_tariff(world, world.current_slot + 200, retail, feed_in)


@pytest.mark.parametrize(("retail", "feed_in", "given"), [(320_500, 0, 320_500), (320_000, 1, 1)])
def test_set_tariff__not_exact__reverts(
    world: World, retail: int, feed_in: int, given: int
) -> None:
    with ape.reverts(world.settlement.TariffNotExact, given=given, multiple=1000):
        set_tariff(world, world.current_slot + 200, retail, feed_in)


def test_set_tariff__feed_in_above_retail__reverts(world: World) -> None:
    with ape.reverts(world.settlement.FeedInAboveRetail, feedIn=301_000, retail=300_000):
        set_tariff(world, world.current_slot + 200, 300_000, 301_000)


def test_set_tariff__above_the_cap__reverts(world: World) -> None:
    world.market.setCap(600_000, sender=world.governor)
    with ape.reverts(world.settlement.TariffAboveCap, given=601_000, allowed=600_000):
        set_tariff(world, world.current_slot + 200, 601_000, 0)


def test_set_tariff__holds_from_its_slot_on(world: World) -> None:
    slot = world.current_slot + 192

    receipt = set_tariff(world, slot, 400_000, 100_000)

    assert only(receipt, world.settlement.TariffSet) == {
        "zone": ZONE,
        "fromSlot": slot,
        "retailPricePerKWh": 400_000,
        "feedInPricePerKWh": 100_000,
    }
    assert world.settlement.imbalancePrices(ZONE, slot - 1) == (RETAIL, FEED_IN)
    assert world.settlement.imbalancePrices(ZONE, slot) == (400_000, 100_000)
    assert world.settlement.imbalancePrices(ZONE, slot + 10_000) == (400_000, 100_000)


def test_set_tariff__same_slot_again__replaces(world: World) -> None:
    slot = world.current_slot + 250
    set_tariff(world, slot, 400_000, 100_000)

    set_tariff(world, slot, 410_000, 110_000)

    assert world.settlement.imbalancePrices(ZONE, slot) == (410_000, 110_000)


def test_imbalance_prices__cap_below_both__both_are_the_cap(world: World) -> None:
    world.market.setCap(50_000, sender=world.governor)

    assert world.settlement.imbalancePrices(ZONE, world.first_slot) == (50_000, 50_000)
    assert CAP > RETAIL


# bounds


def test_set_tariff_bounds__not_the_governor__reverts(world: World) -> None:
    with ape.reverts(world.settlement.AccessManagedUnauthorized, caller=world.operator):
        world.settlement.setTariffBounds(BOUNDS, sender=world.operator)


@pytest.mark.parametrize(
    ("bounds", "given", "allowed"),
    [
        ((0, 2**48, 0, 0), 2**48, 2**48 - 1),
        ((0, 1, 0, 2**48), 2**48, 2**48 - 1),
        ((3, 2, 0, 0), 3, 2),
        ((0, 9, 6, 5), 6, 5),
    ],
)
def test_set_tariff_bounds__contradictory__reverts(
    world: World, bounds: tuple[int, ...], given: int, allowed: int
) -> None:
    with ape.reverts(world.settlement.InvalidTariffBounds, given=given, allowed=allowed):
        world.settlement.setTariffBounds(bounds, sender=world.governor)


def test_set_tariff_bounds__hold_for_later_tariffs(world: World) -> None:
    bounds = (0, 300_000, 0, 300_000)

    receipt = world.settlement.setTariffBounds(bounds, sender=world.governor)

    event = only(receipt, world.settlement.TariffBoundsChanged)
    assert tuple(event["oldBounds"]) == BOUNDS
    assert tuple(event["newBounds"]) == bounds
    assert tuple(world.settlement.tariffBounds()) == bounds
    assert world.settlement.imbalancePrices(ZONE, world.first_slot) == (RETAIL, FEED_IN)
    with ape.reverts(world.settlement.TariffOutOfBounds, given=RETAIL, lowest=0, highest=300_000):
        set_tariff(world, world.current_slot + 200)

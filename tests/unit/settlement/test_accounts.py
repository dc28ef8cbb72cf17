"""enrol, joinAsTrader, syncMeter, adjustLock(s), creditRent and the account views.

enrol: no meter, zone without operator, twice, treasury; metered member
joinAsTrader: zone without operator, twice; trader
syncMeter: not enrolled, operator, no meter, other zone; new power; a meter comes; a meter goes
adjustLock: not the market, not enrolled, operator, unsecured, arrears, too little; lock, release
adjustLocks: not the market, lengths, one refused; many, the same twice, zeros, arrears
creditRent: not the market, whom nobody can pay; stranger, buyers unsettled, later enrolled, arrears
"""

from __future__ import annotations

from typing import Any

import ape

from tests.unit.settlement.world import (
    CAP,
    FLAG_METERED,
    FLAG_OPERATOR,
    FLAG_SECURED,
    FLAG_WAS_METERED,
    MEMBER_FREE,
    OPERATOR_FREE,
    OTHER_ZONE,
    SECURITY_DEPOSIT,
    ZONE,
    Position,
    World,
    flags,
    money,
    only,
    settled,
    settled_until,
)

# enrol


def test_enrol__without_meter__reverts(world: World) -> None:
    with ape.reverts(world.settlement.NoConnectionMeter, account=world.anna):
        world.settlement.enrol(world.anna, sender=world.anna)


def test_enrol__zone_without_operator__reverts(world: World) -> None:
    world.connect(world.anna, zone=OTHER_ZONE)

    with ape.reverts(world.settlement.ZoneWithoutOperator, zone=OTHER_ZONE):
        world.settlement.enrol(world.anna, sender=world.anna)


def test_enrol__twice__reverts(world: World) -> None:
    world.member(world.anna)

    with ape.reverts(world.settlement.AlreadyEnrolled, account=world.anna, zone=ZONE):
        world.settlement.enrol(world.anna, sender=world.anna)


def test_enrol__treasury__reverts(world: World) -> None:
    world.connect(world.treasury)

    with ape.reverts(world.settlement.ReservedAddress, account=world.treasury):
        world.settlement.enrol(world.treasury, sender=world.treasury)


def test_enrol__operator__reverts(world: World) -> None:
    world.connect(world.operator)

    with ape.reverts(world.settlement.AlreadyEnrolled, account=world.operator, zone=ZONE):
        world.settlement.enrol(world.operator, sender=world.operator)


def test_enrol__by_anybody__copies_the_connection(world: World) -> None:
    world.connect(world.anna, rated_export_w=7_777, first_slot=world.first_slot + 3)

    receipt = world.settlement.enrol(world.anna, sender=world.stranger)

    assert receipt.return_value == 2  # the operator has 1
    assert only(receipt, world.settlement.AccountEnrolled) == {
        "account": world.anna,
        "accountId": 2,
        "zone": ZONE,
        "settledUntil": world.first_slot + 3,
        "capacityW": 7_700,
        "metered": True,
    }
    state = world.state(world.anna)
    assert tuple(state) == (
        2,
        ZONE,
        world.first_slot + 3,
        world.first_slot + 3,
        0,
        7_700,
        0,
        0,
        0,
        0,
        True,
        False,
        False,
    )
    assert flags(world.settlement.accountWord(world.anna)) == FLAG_METERED | FLAG_WAS_METERED
    assert world.settlement.accountOf(2) == world.anna
    assert world.settlement.accountAt(1) == world.anna
    assert world.settlement.accountAt(2) == "0x" + "00" * 20
    assert world.settlement.accountCount() == 2


# joinAsTrader


def test_join_as_trader__zone_without_operator__reverts(world: World) -> None:
    with ape.reverts(world.settlement.ZoneWithoutOperator, zone=OTHER_ZONE):
        world.settlement.joinAsTrader(OTHER_ZONE, sender=world.anna)


def test_join_as_trader__twice__reverts(world: World) -> None:
    world.trader(world.anna)

    with ape.reverts(world.settlement.AlreadyEnrolled, account=world.anna, zone=ZONE):
        world.settlement.joinAsTrader(ZONE, sender=world.anna)


def test_join_as_trader__enrols_the_caller_without_meter(world: World) -> None:
    receipt = world.settlement.joinAsTrader(ZONE, sender=world.anna)

    assert receipt.return_value == 2
    assert only(receipt, world.settlement.AccountEnrolled) == {
        "account": world.anna,
        "accountId": 2,
        "zone": ZONE,
        "settledUntil": world.first_slot,
        "capacityW": 0,
        "metered": False,
    }
    assert flags(world.settlement.accountWord(world.anna)) == 0


# syncMeter


def test_sync_meter__not_enrolled__reverts(world: World) -> None:
    with ape.reverts(world.settlement.NotEnrolled, account=world.anna):
        world.settlement.syncMeter(world.anna, sender=world.anna)


def test_sync_meter__operator__reverts(world: World) -> None:
    with ape.reverts(world.settlement.OperatorCannotTrade, account=world.operator):
        world.settlement.syncMeter(world.operator, sender=world.operator)


def test_sync_meter__trader_without_meter__reverts(world: World) -> None:
    world.trader(world.anna)

    with ape.reverts(world.settlement.NoConnectionMeter, account=world.anna):
        world.settlement.syncMeter(world.anna, sender=world.anna)


def test_sync_meter__other_zone__reverts(world: World) -> None:
    world.member(world.anna)
    world.connect(world.anna, zone=OTHER_ZONE)

    with ape.reverts(world.settlement.ZoneMismatch, homeZone=ZONE, meterZone=OTHER_ZONE):
        world.settlement.syncMeter(world.anna, sender=world.anna)


def test_sync_meter__new_power__is_taken_over(world: World) -> None:
    world.member(world.anna)
    world.connect(world.anna, rated_export_w=22_000)

    receipt = world.settlement.syncMeter(world.anna, sender=world.stranger)

    assert only(receipt, world.settlement.MeterSynced) == {
        "account": world.anna,
        "capacityW": 22_000,
        "meteredFrom": world.first_slot,
        "meteredUntil": 0,
    }
    assert world.state(world.anna).capacityW == 22_000
    assert world.state(world.anna).secured


def test_sync_meter__trader_gets_a_meter__metered_from_its_first_slot(world: World) -> None:
    slot = world.first_slot
    world.trader(world.anna)
    world.position(world.anna, slot + 1, Position(bought_wh=10, cost=10, unlocked=10))
    world.connect(world.anna, first_slot=slot + 2)

    world.settlement.syncMeter(world.anna, sender=world.stranger)
    world.read(world.anna, slot + 1, 999, count=2)
    world.to_slot(slot + 3)
    receipt = world.settle(world.anna, slot + 3)

    state = world.state(world.anna)
    assert (state.metered, state.secured, state.meteredFrom) == (True, False, slot + 2)
    bases = [log["basis"] for log in settled(receipt, world)]
    assert bases == [0, 0, 1]


def test_sync_meter__meter_gone__settles_to_the_present_and_becomes_a_trader(
    world: World,
) -> None:
    slot = world.first_slot
    world.member(world.anna)
    world.read(world.anna, slot, 1_000)
    world.to_slot(slot + 2)
    world.connect(world.anna, meter_id=0, rated_export_w=0)
    synced = world.settlement.syncMeter(world.anna, sender=world.stranger)
    assert only(synced, world.settlement.MeterSynced)["meteredUntil"] == slot + 2
    world.at(world.deadline(slot + 1) + 1)

    receipt = world.settle(world.anna, slot + 3)

    assert only(receipt, world.settlement.MeteringEnded) == {
        "account": world.anna,
        "meteredUntil": slot + 2,
    }
    bases = [log["basis"] for log in settled(receipt, world)]
    assert bases == [1, 3, 0]
    assert receipt.decode_logs(world.settlement.CorrectionLapsed)
    assert not world.state(world.anna).metered
    world.settlement.withdrawSecurity(SECURITY_DEPOSIT, sender=world.anna)
    assert world.free(world.anna) == MEMBER_FREE + SECURITY_DEPOSIT - money(1_000, 320_000)


def test_sync_meter__meter_gone_with_a_sale_at_the_cap__the_sale_is_settled(world: World) -> None:
    # A sale at the cap locks nothing: "no meter, no locks" must not pass over it.
    slot = world.first_slot
    world.member(world.anna)
    world.member(world.ben)
    world.trade(world.ben, world.anna, slot + 5, 1_000, CAP)
    world.to_slot(slot + 2)
    world.connect(world.anna, meter_id=0, rated_export_w=0)
    world.settlement.syncMeter(world.anna, sender=world.stranger)
    world.at(world.deadline(slot + 5) + 1)
    world.settle(world.anna, slot + 2)
    assert not world.state(world.anna).metered

    world.lock(world.anna, 1)
    assert world.state(world.anna).settledUntil == slot + 2
    receipt = world.settle(world.anna, slot + 6)

    sale = settled(receipt, world)[3]
    assert (sale["slot"], sale["proceeds"], sale["soldWh"]) == (slot + 5, money(1_000, CAP), 1_000)
    assert sale["imbalance"] == money(1_000, 320_000)
    world.settle(world.ben, slot + 6)
    assert world.settlement.clearing() == 0
    world.check_conservation()


# adjustLock


def test_adjust_lock__not_the_market__reverts(world: World) -> None:
    world.trader(world.anna)

    with ape.reverts(world.settlement.NotTheMarket, caller=world.anna):
        world.settlement.adjustLock(world.anna, -1, sender=world.anna)


def test_adjust_lock__not_enrolled__reverts(world: World) -> None:
    with ape.reverts(world.settlement.NotEnrolled, account=world.anna):
        world.lock(world.anna, 1)


def test_adjust_lock__operator__reverts(world: World) -> None:
    with ape.reverts(world.settlement.OperatorCannotTrade, account=world.operator):
        world.lock(world.operator, 1)


def test_adjust_lock__member_without_security__reverts(world: World) -> None:
    world.member(world.anna, security=0)

    with ape.reverts(world.settlement.SecurityDepositMissing, account=world.anna):
        world.lock(world.anna, 1)


def test_adjust_lock__arrears__reverts(world: World) -> None:
    world.member(world.anna, free=0, security=0)
    world.read(world.anna, world.first_slot, 1_000)
    world.to_slot(world.first_slot + 1)
    world.settle(world.anna, world.first_slot + 1)

    with ape.reverts(world.settlement.ArrearsOutstanding, account=world.anna, owed=320_000):
        world.lock(world.anna, 1)


def test_adjust_lock__more_than_free__reverts(world: World) -> None:
    world.trader(world.anna)

    with ape.reverts(
        world.settlement.InsufficientFree, needed=MEMBER_FREE + 1, available=MEMBER_FREE
    ):
        world.lock(world.anna, MEMBER_FREE + 1)


def test_adjust_lock__locks_and_releases(world: World) -> None:
    world.member(world.anna)

    locked = world.lock(world.anna, 70)
    assert only(locked, world.settlement.LockAdjusted) == {
        "account": world.anna,
        "lockDelta": 70,
    }
    state = world.state(world.anna)
    assert (state.free, state.locked) == (MEMBER_FREE - 70, 70)
    assert locked.return_value == world.settlement.accountWord(world.anna)

    released = world.lock(world.anna, -30)
    assert only(released, world.settlement.LockAdjusted)["lockDelta"] == -30
    state = world.state(world.anna)
    assert (state.free, state.locked) == (MEMBER_FREE - 40, 40)
    assert released.return_value == world.settlement.accountWord(world.anna)


def test_adjust_lock__release_with_arrears__pays_them(world: World) -> None:
    slot = world.first_slot
    world.member(world.anna, free=500_000)
    world.position(world.anna, slot + 5, Position(bought_wh=1, cost=1, unlocked=500_000))
    world.read(world.anna, slot, 100_000)
    world.to_slot(slot + 1)
    world.settle(world.anna, slot + 1)
    owed = money(100_000, 320_000) - SECURITY_DEPOSIT
    assert world.state(world.anna).arrears == owed

    receipt = world.lock(world.anna, -400_000)

    state = world.state(world.anna)
    assert (state.free, state.locked, state.arrears) == (0, 100_000, owed - 400_000)
    assert receipt.return_value == world.settlement.accountWord(world.anna)
    assert world.free(world.operator) == OPERATOR_FREE + SECURITY_DEPOSIT + 400_000


def test_adjust_lock__zero__reads_and_writes_nothing(world: World) -> None:
    world.trader(world.anna)
    world.to_slot(world.first_slot + 9)

    receipt = world.lock(world.anna, 0)

    assert settled_until(receipt.return_value) == world.first_slot + 9
    assert world.state(world.anna).settledUntil == world.first_slot
    assert not receipt.decode_logs(world.settlement.LockAdjusted)


def test_adjust_lock__trader_without_locks__is_brought_to_the_present(world: World) -> None:
    world.trader(world.anna)
    world.to_slot(world.first_slot + 9)

    world.lock(world.anna, 1)
    assert world.state(world.anna).settledUntil == world.first_slot + 9

    world.to_slot(world.first_slot + 20)
    world.lock(world.anna, 1)
    assert world.state(world.anna).settledUntil == world.first_slot + 9


def test_adjust_lock__member__is_not_brought_forward(world: World) -> None:
    world.member(world.anna)
    world.to_slot(world.first_slot + 9)

    world.lock(world.anna, 1)

    assert world.state(world.anna).settledUntil == world.first_slot


# adjustLocks


def changes(receipt: Any, world: World) -> list[tuple[int, int]]:
    """Account ids and deltas of the one `LocksAdjusted`."""
    packed = bytes(only(receipt, world.settlement.LocksAdjusted)["changes"])
    items = [packed[at : at + 16] for at in range(0, len(packed), 16)]
    return [
        (int.from_bytes(item[:3], "big"), int.from_bytes(item[3:], "big", signed=True))
        for item in items
    ]


def adjust(world: World, *deltas: tuple[Any, int]) -> Any:
    owners, amounts = zip(*deltas, strict=True)
    return world.market.adjustLocks(list(owners), list(amounts), sender=world.stranger)


def test_adjust_locks__not_the_market__reverts(world: World) -> None:
    world.trader(world.anna)

    with ape.reverts(world.settlement.NotTheMarket, caller=world.anna):
        world.settlement.adjustLocks([world.anna], [-1], sender=world.anna)


def test_adjust_locks__other_number_of_deltas__reverts(world: World) -> None:
    world.trader(world.anna)

    with ape.reverts(world.settlement.LengthMismatch, given=1, expected=2):
        world.market.adjustLocks([world.anna, world.anna], [1], sender=world.stranger)


def test_adjust_locks__one_refused__none_happens(world: World) -> None:
    world.trader(world.anna)
    world.trader(world.ben)

    with ape.reverts(
        world.settlement.InsufficientFree, needed=MEMBER_FREE + 1, available=MEMBER_FREE
    ):
        adjust(world, (world.anna, 5), (world.ben, MEMBER_FREE + 1))

    assert world.state(world.anna).locked == 0


def test_adjust_locks__not_enrolled__reverts(world: World) -> None:
    with ape.reverts(world.settlement.NotEnrolled, account=world.cleo):
        adjust(world, (world.cleo, -1))


def test_adjust_locks__many__moves_each_and_says_so_once(world: World) -> None:
    anna, ben, cleo = world.member(world.anna), world.trader(world.ben), world.trader(world.cleo)
    world.lock(world.ben, 40)

    receipt = adjust(world, (world.anna, 70), (world.ben, -30), (world.cleo, 0), (world.anna, -20))

    assert changes(receipt, world) == [(anna, 70), (ben, -30), (anna, -20)]
    assert world.account_id(world.cleo) == cleo
    assert not receipt.decode_logs(world.settlement.LockAdjusted)
    balances = {
        who: (world.state(who).free, world.state(who).locked)
        for who in (world.anna, world.ben, world.cleo)
    }
    assert balances == {
        world.anna: (MEMBER_FREE - 50, 50),
        world.ben: (MEMBER_FREE - 10, 10),
        world.cleo: (MEMBER_FREE, 0),
    }


def test_adjust_locks__nothing_to_do__says_nothing(world: World) -> None:
    world.trader(world.anna)

    receipt = adjust(world, (world.anna, 0))

    assert not receipt.decode_logs(world.settlement.LocksAdjusted)


def test_adjust_locks__trader_without_locks__is_brought_to_the_present(world: World) -> None:
    world.trader(world.anna)
    world.to_slot(world.first_slot + 9)

    adjust(world, (world.anna, 1))

    assert world.state(world.anna).settledUntil == world.first_slot + 9


def test_adjust_locks__release_with_arrears__pays_them(world: World) -> None:
    slot = world.first_slot
    anna = world.member(world.anna, free=500_000)
    world.position(world.anna, slot + 5, Position(bought_wh=1, cost=1, unlocked=500_000))
    world.read(world.anna, slot, 100_000)
    world.to_slot(slot + 1)
    world.settle(world.anna, slot + 1)
    owed = money(100_000, 320_000) - SECURITY_DEPOSIT

    receipt = adjust(world, (world.anna, -400_000))

    assert changes(receipt, world) == [(anna, -400_000)]
    state = world.state(world.anna)
    assert (state.free, state.locked, state.arrears) == (0, 100_000, owed - 400_000)


# creditRent


def rent_in_clearing(world: World, amount: int) -> None:
    """Ben bought from another zone: what his energy cost lies in the clearing account."""
    slot = world.first_slot
    world.trader(world.ben)
    world.position(world.ben, slot, Position(bought_wh=1, cost=amount, unlocked=amount))
    world.to_slot(slot + 1)
    world.settle(world.ben, slot + 1)
    assert world.settlement.clearing() == amount


def test_credit_rent__not_the_market__reverts(world: World) -> None:
    with ape.reverts(world.settlement.NotTheMarket, caller=world.anna):
        world.settlement.creditRent(world.anna, 1, sender=world.anna)


def test_credit_rent__whom_nobody_could_pay_out__reverts(world: World) -> None:
    for owner in ("0x" + "00" * 20, world.settlement.address):
        with ape.reverts(world.settlement.InvalidRecipient, to=owner):
            world.market.creditRent(owner, 1, sender=world.stranger)


def test_credit_rent__stranger__can_withdraw_it(world: World) -> None:
    rent_in_clearing(world, 7_000)

    receipt = world.credit_rent(world.cleo, 7_000)

    assert only(receipt, world.settlement.RentCredited) == {"owner": world.cleo, "amount": 7_000}
    assert world.settlement.clearing() == 0
    assert world.free(world.cleo) == 7_000
    world.check_conservation()
    world.settlement.withdraw(7_000, sender=world.cleo)
    assert world.token.balanceOf(world.cleo) == 7_000


def test_credit_rent__before_the_buyers_settled__clearing_is_what_their_locks_cover(
    world: World,
) -> None:
    slot = world.first_slot
    world.trader(world.ben)
    world.position(world.ben, slot, Position(bought_wh=1, cost=900, unlocked=1_000))
    world.to_slot(slot + 1)

    world.credit_rent(world.cleo, 900)

    assert world.settlement.clearing() == -900
    assert world.state(world.ben).locked == 1_000
    world.check_conservation()
    world.settle(world.ben, slot + 1)
    assert world.settlement.clearing() == 0


def test_credit_rent__enrolling_later__keeps_it(world: World) -> None:
    rent_in_clearing(world, 7_000)
    world.credit_rent(world.cleo, 7_000)

    world.trader(world.cleo, free=0)

    assert world.free(world.cleo) == 7_000


def test_credit_rent__member_in_arrears__pays_them_first(world: World) -> None:
    rent_in_clearing(world, 400_000)
    world.member(world.anna, free=0, security=0, first_slot=world.first_slot + 1)
    world.read(world.anna, world.first_slot + 1, 1_000)
    world.to_slot(world.first_slot + 2)
    world.settle(world.anna, world.first_slot + 2)

    world.credit_rent(world.anna, 400_000)

    assert world.state(world.anna).arrears == 0
    assert world.free(world.anna) == 400_000 - money(1_000, 320_000)


def test_credit_rent__nothing__changes_nothing(world: World) -> None:
    receipt = world.market.creditRent(world.cleo, 0, sender=world.stranger)

    assert not receipt.decode_logs(world.settlement.RentCredited)


# views


def test_account_words__are_what_adjust_lock_answers(world: World) -> None:
    world.member(world.anna)
    world.trader(world.ben)
    world.to_slot(world.first_slot + 9)

    words = world.settlement.accountWords([world.anna, world.ben, world.cleo, world.operator])

    assert words[0] == world.lock(world.anna, 0).return_value
    assert words[1] == world.lock(world.ben, 0).return_value
    assert words[2] == 0
    assert flags(words[3]) == FLAG_OPERATOR
    assert settled_until(words[0]) == world.first_slot
    assert settled_until(words[1]) == world.first_slot + 9


def test_views__flags_and_addresses(world: World) -> None:
    world.member(world.anna)
    settlement = world.settlement
    assert (
        flags(settlement.accountWord(world.anna)) == FLAG_METERED | FLAG_WAS_METERED | FLAG_SECURED
    )
    assert flags(settlement.accountWord(world.operator)) == FLAG_OPERATOR
    assert settlement.market() == world.market
    assert settlement.meter() == world.meter
    assert settlement.treasury() == world.treasury
    assert settlement.settlementToken() == world.token
    assert settlement.energyToken() == world.energy
    assert settlement.securityDeposit() == SECURITY_DEPOSIT
    assert settlement.accountOf(99) == "0x" + "00" * 20


def test_settlement_status__every_state(world: World) -> None:
    slot, settlement = world.first_slot, world.settlement
    world.member(world.anna)
    world.trader(world.ben)
    world.read(world.anna, slot, 1)
    assert settlement.settlementStatus(world.cleo, slot) == 0
    assert settlement.settlementStatus(world.operator, slot) == 0
    assert settlement.settlementStatus(world.anna, slot) == 1
    world.to_slot(slot + 2)
    assert settlement.settlementStatus(world.anna, slot + 1) == 2
    assert settlement.settlementStatus(world.anna, slot) == 3
    assert settlement.settlementStatus(world.ben, slot + 1) == 3
    world.settle(world.anna, slot + 1)
    assert settlement.settlementStatus(world.anna, slot) == 5
    world.at(world.deadline(slot + 1) + 1)
    assert settlement.settlementStatus(world.anna, slot + 1) == 4

"""deposit, depositFor, depositWithPermit, withdraw, withdrawTo, withdrawAll, security deposits.

Each: bad amount, not enrolled, debts, too much; balances and events; fee-taking and hostile tokens;
donations; withdrawals in every state.
"""

from __future__ import annotations

from typing import Any

import ape
import pytest
from ape.exceptions import ContractLogicError

from tests.unit.permits import sign_permit
from tests.unit.settlement.world import (
    BOND_FLOOR,
    BOUNDS,
    FLAG_METERED,
    FLAG_WAS_METERED,
    MAX_TRACKED,
    MEMBER_FREE,
    OPERATOR_FREE,
    SECURITY_DEPOSIT,
    ZERO_ADDRESS,
    ZONE,
    World,
    deploy_settlement,
    flags,
    money,
    only,
)


def into_arrears(world: World, account: Any) -> int:
    """Let an enrolled account without money owe 320,000."""
    world.member(account, free=0, security=0)
    world.read(account, world.first_slot, 1_000)
    world.to_slot(world.first_slot + 1)
    world.settle(account, world.first_slot + 1)
    return 320_000


# deposits


def test_deposit__zero__reverts(world: World) -> None:
    world.trader(world.anna)

    with ape.reverts(world.settlement.NothingToMove):
        world.settlement.deposit(0, sender=world.anna)


def test_deposit__not_enrolled__reverts(world: World) -> None:
    with ape.reverts(world.settlement.NotEnrolled, account=world.anna):
        world.settlement.deposit(1, sender=world.anna)


def test_deposit__without_allowance__reverts(world: World) -> None:
    world.trader(world.anna, free=0)
    world.token.mint(world.anna, 5, sender=world.anna)

    with pytest.raises(ContractLogicError):
        world.settlement.deposit(5, sender=world.anna)


def test_deposit__credits_the_caller(world: World) -> None:
    world.trader(world.anna, free=0)
    world.token.mint(world.anna, 700, sender=world.anna)
    world.token.approve(world.settlement, 500, sender=world.anna)
    tracked = world.settlement.trackedTotal()

    receipt = world.settlement.deposit(500, sender=world.anna)

    assert receipt.return_value == 500
    assert only(receipt, world.settlement.Deposited) == {
        "payer": world.anna,
        "account": world.anna,
        "amount": 500,
    }
    assert world.free(world.anna) == 500
    assert world.token.balanceOf(world.anna) == 200
    assert world.settlement.trackedTotal() == tracked + 500


def test_deposit_for__credits_the_other(world: World) -> None:
    world.trader(world.anna, free=0)
    world.token.mint(world.ben, 500, sender=world.ben)
    world.token.approve(world.settlement, 500, sender=world.ben)

    receipt = world.settlement.depositFor(world.anna, 500, sender=world.ben)

    assert receipt.return_value == 500
    assert only(receipt, world.settlement.Deposited) == {
        "payer": world.ben,
        "account": world.anna,
        "amount": 500,
    }
    assert world.free(world.anna) == 500


def test_deposit_for__not_enrolled__reverts(world: World) -> None:
    with ape.reverts(world.settlement.NotEnrolled, account=world.cleo):
        world.settlement.depositFor(world.cleo, 1, sender=world.anna)


def test_deposit__beyond_80_bits__reverts(world: World) -> None:
    world.trader(world.anna, free=0)
    world.token.mint(world.anna, MAX_TRACKED, sender=world.anna)
    world.token.approve(world.settlement, MAX_TRACKED, sender=world.anna)
    tracked = world.settlement.trackedTotal()

    with ape.reverts(
        world.settlement.DepositTooLarge, given=tracked + MAX_TRACKED, allowed=MAX_TRACKED
    ):
        world.settlement.deposit(MAX_TRACKED, sender=world.anna)

    world.settlement.deposit(MAX_TRACKED - tracked, sender=world.anna)
    assert world.free(world.anna) == MAX_TRACKED - tracked


def test_deposit__with_arrears__pays_them_first(world: World) -> None:
    owed = into_arrears(world, world.anna)
    world.fund(world.anna, owed - 1)
    assert (world.free(world.anna), world.state(world.anna).arrears) == (0, 1)

    world.fund(world.anna, 10)

    assert (world.free(world.anna), world.state(world.anna).arrears) == (9, 0)
    assert flags(world.settlement.accountWord(world.anna)) == FLAG_METERED | FLAG_WAS_METERED
    assert world.free(world.operator) == OPERATOR_FREE + owed


def signed_permit(world: World, amount: int, deadline: int) -> tuple[int, bytes, bytes]:
    return sign_permit(
        world.token, world.anna, world.settlement, amount, deadline, world.chain.chain_id
    )


def test_deposit_with_permit__needs_no_approval(world: World) -> None:
    world.trader(world.anna, free=0)
    world.token.mint(world.anna, 500, sender=world.anna)
    deadline = world.day_start + 9_999
    permit = signed_permit(world, 500, deadline)

    receipt = world.settlement.depositWithPermit(500, deadline, *permit, sender=world.anna)

    assert receipt.return_value == 500
    assert world.free(world.anna) == 500


def test_deposit_with_permit__submitted_by_another_before__still_works(world: World) -> None:
    world.trader(world.anna, free=0)
    world.token.mint(world.anna, 500, sender=world.anna)
    deadline = world.day_start + 9_999
    permit = signed_permit(world, 500, deadline)
    world.token.permit(world.anna, world.settlement, 500, deadline, *permit, sender=world.stranger)

    world.settlement.depositWithPermit(500, deadline, *permit, sender=world.anna)

    assert world.free(world.anna) == 500


def test_deposit_with_permit__expired_and_no_allowance__reverts(world: World) -> None:
    world.trader(world.anna, free=0)
    world.token.mint(world.anna, 500, sender=world.anna)
    permit = signed_permit(world, 500, world.day_start - 1)

    with pytest.raises(ContractLogicError):
        world.settlement.depositWithPermit(500, world.day_start - 1, *permit, sender=world.anna)


# withdrawals


def test_withdraw__zero__reverts(world: World) -> None:
    with ape.reverts(world.settlement.NothingToMove):
        world.settlement.withdraw(0, sender=world.anna)


def test_withdraw__more_than_free__reverts(world: World) -> None:
    world.trader(world.anna)
    world.lock(world.anna, 1)

    with ape.reverts(
        world.settlement.InsufficientFree, needed=MEMBER_FREE, available=MEMBER_FREE - 1
    ):
        world.settlement.withdraw(MEMBER_FREE, sender=world.anna)


def test_withdraw__arrears__reverts(world: World) -> None:
    owed = into_arrears(world, world.anna)

    with ape.reverts(world.settlement.ArrearsOutstanding, account=world.anna, owed=owed):
        world.settlement.withdraw(1, sender=world.anna)


def test_withdraw__pays_the_caller(world: World) -> None:
    world.trader(world.anna)
    tracked = world.settlement.trackedTotal()

    receipt = world.settlement.withdraw(300, sender=world.anna)

    assert only(receipt, world.settlement.Withdrawn) == {
        "account": world.anna,
        "to": world.anna,
        "amount": 300,
    }
    assert world.free(world.anna) == MEMBER_FREE - 300
    assert world.token.balanceOf(world.anna) == 300
    assert world.settlement.trackedTotal() == tracked - 300


def test_withdraw_to__pays_the_other(world: World) -> None:
    world.trader(world.anna)

    receipt = world.settlement.withdrawTo(world.ben, 300, sender=world.anna)

    assert only(receipt, world.settlement.Withdrawn)["to"] == world.ben
    assert world.token.balanceOf(world.ben) == 300
    assert world.free(world.anna) == MEMBER_FREE - 300


@pytest.mark.parametrize("recipient", ["zero", "settlement"])
def test_withdraw_to__nobody__reverts(world: World, recipient: str) -> None:
    world.trader(world.anna)
    to = ZERO_ADDRESS if recipient == "zero" else world.settlement.address

    with ape.reverts(world.settlement.InvalidRecipient, to=to):
        world.settlement.withdrawTo(to, 1, sender=world.anna)
    with ape.reverts(world.settlement.InvalidRecipient, to=to):
        world.settlement.withdrawAll(to, sender=world.anna)


def test_withdraw_all__returns_exactly_the_deposit(world: World) -> None:
    world.trader(world.anna, free=123_456)

    receipt = world.settlement.withdrawAll(world.ben, sender=world.anna)

    assert receipt.return_value == 123_456
    assert world.token.balanceOf(world.ben) == 123_456
    assert world.free(world.anna) == 0


def test_withdraw_all__nothing_there__reverts(world: World) -> None:
    with ape.reverts(world.settlement.NothingToMove):
        world.settlement.withdrawAll(world.anna, sender=world.anna)


def test_withdraw_all__treasury__gets_its_fees(world: World) -> None:
    slot = world.first_slot
    world.member(world.anna)
    world.member(world.ben)
    world.trade(world.ben, world.anna, slot, 1_000, 150_000, trading_fee=77)
    world.read(world.anna, slot, 0, 1_000)
    world.read(world.ben, slot, 1_000)
    world.to_slot(slot + 1)
    world.settlement.settleMany([world.anna, world.ben], slot + 1, sender=world.ben)

    world.settlement.withdrawAll(world.treasury, sender=world.treasury)

    assert world.token.balanceOf(world.treasury) == 77


def test_withdraw__operator_owes_claims__reverts_until_paid(world: World) -> None:
    slot = world.first_slot
    world.operator_with(free=0, bond=BOND_FLOOR)
    world.member(world.anna)
    world.read(world.anna, slot, 0, 1_000_000)
    world.to_slot(slot + 1)
    world.settle(world.anna, slot + 1)
    owed = money(1_000_000, 80_000) - BOND_FLOOR

    with ape.reverts(world.settlement.ClaimsOutstanding, zone=ZONE, owed=owed):
        world.settlement.withdraw(1, sender=world.operator)

    world.fund(world.operator, owed + 5)
    world.settlement.withdraw(5, sender=world.operator)
    assert world.free(world.operator) == 0
    assert world.free(world.anna) == MEMBER_FREE + money(1_000_000, 80_000)


# security deposits


@pytest.mark.parametrize("function", ["postSecurity", "withdrawSecurity"])
def test_security__bad_calls__revert(world: World, function: str) -> None:
    call = getattr(world.settlement, function)
    with ape.reverts(world.settlement.NothingToMove):
        call(0, sender=world.anna)
    with ape.reverts(world.settlement.NotEnrolled, account=world.anna):
        call(1, sender=world.anna)
    owed = into_arrears(world, world.anna)
    with ape.reverts(world.settlement.ArrearsOutstanding, account=world.anna, owed=owed):
        call(1, sender=world.anna)


def test_post_security__more_than_free__reverts(world: World) -> None:
    world.member(world.anna, free=10, security=0)

    with ape.reverts(world.settlement.InsufficientFree, needed=11, available=10):
        world.settlement.postSecurity(11, sender=world.anna)


def test_post_security__in_parts__secures_when_complete(world: World) -> None:
    world.member(world.anna, free=SECURITY_DEPOSIT + 5, security=0)

    world.settlement.postSecurity(SECURITY_DEPOSIT - 1, sender=world.anna)
    assert not world.state(world.anna).secured
    receipt = world.settlement.postSecurity(1, sender=world.anna)

    assert world.state(world.anna).secured
    assert world.settlement.securityOf(world.anna) == SECURITY_DEPOSIT
    assert world.free(world.anna) == 5
    assert only(receipt, world.settlement.SecurityPosted) == {
        "account": world.anna,
        "amount": 1,
        "security": SECURITY_DEPOSIT,
    }


def test_withdraw_security__below_requirement__reverts(world: World) -> None:
    world.member(world.anna, security=SECURITY_DEPOSIT + 3)

    with ape.reverts(world.settlement.SecurityStillRequired, given=4, allowed=3):
        world.settlement.withdrawSecurity(4, sender=world.anna)


def test_withdraw_security__excess__returns_to_free(world: World) -> None:
    world.member(world.anna, security=SECURITY_DEPOSIT + 3)

    receipt = world.settlement.withdrawSecurity(3, sender=world.anna)

    assert world.free(world.anna) == MEMBER_FREE + 3
    assert world.state(world.anna).secured
    assert only(receipt, world.settlement.SecurityWithdrawn) == {
        "account": world.anna,
        "amount": 3,
        "security": SECURITY_DEPOSIT,
    }


def test_withdraw_security__trader__gets_all(world: World) -> None:
    world.trader(world.anna)
    world.settlement.postSecurity(9, sender=world.anna)

    world.settlement.withdrawSecurity(9, sender=world.anna)

    assert world.free(world.anna) == MEMBER_FREE


# tokens


def second_settlement(world: World, token: Any) -> Any:
    settlement = deploy_settlement(
        world.governor,
        world.project,
        world.authority,
        token,
        world.energy,
        world.meter,
        world.market,
        world.treasury,
        (SECURITY_DEPOSIT, BOND_FLOOR, BOUNDS),
    )
    settlement.appointOperator(ZONE, world.other_operator, sender=world.governor)
    return settlement


def test_donation__changes_no_ledger(world: World) -> None:
    tracked, ledgers = world.settlement.trackedTotal(), world.ledgers()
    world.token.mint(world.settlement, 1_000, sender=world.stranger)

    assert (world.settlement.trackedTotal(), world.ledgers()) == (tracked, ledgers)


def test_deposit__fee_on_transfer__credits_what_arrived(world: World) -> None:
    token = world.governor.deploy(world.project.MockFeeToken, 100)
    settlement = second_settlement(world, token)
    settlement.joinAsTrader(ZONE, sender=world.anna)
    token.mint(world.anna, 1_000, sender=world.anna)
    token.approve(settlement, 1_000, sender=world.anna)

    receipt = settlement.deposit(1_000, sender=world.anna)

    assert receipt.return_value == 990
    assert settlement.trackedTotal() == token.balanceOf(settlement) == 990
    assert settlement.accountState(world.anna).free == 990
    settlement.withdrawAll(world.anna, sender=world.anna)
    assert settlement.trackedTotal() == token.balanceOf(settlement) == 0


def test_deposit__everything_taken_as_fee__reverts(world: World) -> None:
    token = world.governor.deploy(world.project.MockFeeToken, 10_000)
    settlement = second_settlement(world, token)
    settlement.joinAsTrader(ZONE, sender=world.anna)
    token.mint(world.anna, 1_000, sender=world.anna)
    token.approve(settlement, 1_000, sender=world.anna)

    with ape.reverts(settlement.NothingToMove):
        settlement.deposit(1_000, sender=world.anna)


@pytest.mark.parametrize("inner", ["deposit", "withdraw", "settle", "claimCertificates"])
@pytest.mark.parametrize("outer", ["deposit", "withdraw"])
def test_reentrancy__hostile_token__inner_call_is_refused(
    world: World, outer: str, inner: str
) -> None:
    """The token itself has an account with money and calls back in the middle of a transfer."""
    token = world.governor.deploy(world.project.MockReentrantToken, 6)
    settlement = second_settlement(world, token)
    settlement.joinAsTrader(ZONE, sender=world.anna)
    for holder in (world.anna, token):
        token.mint(holder, 10_000, sender=world.anna)
    token.approve(settlement, 10_000, sender=world.anna)
    settlement.deposit(1_000, sender=world.anna)

    def act(target: Any, data: Any) -> None:
        token.act(target, data, sender=world.anna)

    act(settlement, settlement.joinAsTrader.encode_input(ZONE))
    act(token, token.approve.encode_input(settlement, 10_000))
    act(settlement, settlement.deposit.encode_input(1_000))
    data = {
        "deposit": lambda: settlement.deposit.encode_input(1_000),
        "withdraw": lambda: settlement.withdraw.encode_input(1_000),
        "settle": lambda: settlement.settle.encode_input(world.anna, 1),
        "claimCertificates": lambda: settlement.claimCertificates.encode_input([], 1),
    }[inner]()
    token.arm(settlement, data, sender=world.anna)

    receipt = getattr(settlement, outer)(100, sender=world.anna)

    reentered = only(receipt, token.Reentered)
    assert not reentered["success"]
    assert reentered["answer"] == bytes.fromhex("3ee5aeb5")  # ReentrancyGuardReentrantCall()
    assert settlement.trackedTotal() == token.balanceOf(settlement)


# deployment


def deploy(world: World, **changes: Any) -> Any:
    arguments = {
        "authority": world.authority,
        "token": world.token,
        "energy": world.energy,
        "meter": world.meter,
        "market": world.market,
        "treasury": world.treasury,
        "parameters": (SECURITY_DEPOSIT, BOND_FLOOR, BOUNDS),
        **changes,
    }
    return deploy_settlement(world.governor, world.project, *arguments.values())


def test_deploy__too_many_decimals__reverts(world: World) -> None:
    deploy(world, token=world.governor.deploy(world.project.MockReentrantToken, 12))
    token = world.governor.deploy(world.project.MockReentrantToken, 13)
    with ape.reverts(world.settlement.TooManyDecimals, given=13, allowed=12):
        deploy(world, token=token)


@pytest.mark.parametrize("name", ["energy", "meter", "market", "treasury"])
def test_deploy__missing_address__reverts(world: World, name: str) -> None:
    with ape.reverts(world.settlement.ReservedAddress, account=ZERO_ADDRESS):
        deploy(world, **{name: ZERO_ADDRESS})


@pytest.mark.parametrize("index", [0, 1])
def test_deploy__impossible_requirement__reverts(world: World, index: int) -> None:
    parameters = [SECURITY_DEPOSIT, BOND_FLOOR, BOUNDS]
    parameters[index] = MAX_TRACKED + 1
    with ape.reverts(world.settlement.DepositTooLarge, given=MAX_TRACKED + 1, allowed=MAX_TRACKED):
        deploy(world, parameters=tuple(parameters))


def test_delivery__called_directly__touches_nothing(world: World) -> None:
    """The second half has no storage of its own: there is nothing to reach through it."""
    world.member(world.anna)
    world.read(world.anna, world.first_slot, 1)
    world.to_slot(world.first_slot + 1)
    delivery = world.project.SettlementDelivery.at(world.settlement.delivery())

    with ape.reverts(delivery.NotEnrolled, account=world.anna):
        delivery.settle(world.anna, world.first_slot + 1, sender=world.stranger)
    with ape.reverts(delivery.NotTheOperator, caller=world.operator, zone=ZONE):
        delivery.setTariff(ZONE, world.first_slot + 500, 320_000, 80_000, sender=world.operator)

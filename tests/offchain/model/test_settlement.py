"""Delivery settlement of the reference model: the worked example, then the rules one by one."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from energy_grid.eip712 import MeterKind
from energy_grid.ids import Side, TransactionId
from energy_grid.model.refused import Refused
from energy_grid.model.settlement import Basis, ImbalancePrices, imbalance_due
from energy_grid.products import Period, Product
from energy_grid.units import AccountId
from tests.offchain.model.scenario import BOND, DAY, OPERATOR, SECURITY, SLOT, ZONE, Neighbourhood


def residual(hood: Neighbourhood) -> int:
    return hood.market.ledger.sum_of_entries() - hood.market.ledger.tracked_total


def test_settle__worked_example_of_rule_10__to_the_unit() -> None:
    """A sells 1,000 Wh to B at 0.150, delivers 900; B takes 1,200. Short 0.320, long 0.080."""
    hood = Neighbourhood()
    a, b = hood.member("A"), hood.member("B")
    hood.trade("A", "B", 1_000, 150_000)
    before = {name: hood.wealth(name) for name in ("A", "B", OPERATOR)}
    hood.read(a, 0, 900)
    hood.read(b, 1_200, 0)

    assert hood.market.settle_many(["A", "B"], SLOT + 1) == 2

    change = {name: hood.wealth(name) - before[name] for name in before}
    assert change == {"A": +118_000, "B": -214_000, OPERATOR: +96_000}
    assert hood.market.ledger.clearing == 0
    assert residual(hood) == 0
    assert hood.market.ledger.account("A").locked == hood.market.ledger.account("B").locked == 0


def test_settle__worked_example__certificates_follow_the_energy() -> None:
    hood = Neighbourhood()
    a, b = hood.member("A"), hood.member("B")
    hood.trade("A", "B", 1_000, 150_000)
    hood.read(a, 0, 900)
    hood.read(b, 1_200, 0)
    hood.market.settle_many(["A", "B"], SLOT + 1)

    retired = hood.market.delivery.claim_certificates(["A", "B"], SLOT, hood.market.now)

    certificates = hood.market.certificates
    assert retired == 900  # all that A made, covered by what B imported
    assert certificates.minted_wh == 900
    assert certificates.total_supply_wh == 0


def test_settle__twice__second_time_nothing_happens() -> None:
    hood = Neighbourhood()
    a = hood.member("A")
    hood.read(a, 100, 0)
    hood.market.settle("A", SLOT + 1)
    wealth = hood.wealth("A")

    assert hood.market.settle("A", SLOT + 1) == SLOT + 1
    assert hood.wealth("A") == wealth
    assert len(hood.market.delivery.settled) == 1


def test_settle__no_reading_before_the_deadline__waits() -> None:
    hood = Neighbourhood()
    hood.member("A")
    hood.market.advance(DAY + 86_400 + 86_400)

    assert hood.market.settle("A", SLOT + 96) == SLOT


def test_settle__deadline_passed__export_zero_import_what_was_bought() -> None:
    hood = Neighbourhood()
    hood.member("A")
    b = hood.member("B")
    hood.trade("B", "A", 500, 100_000)
    hood.read(b, 0, 500)
    before = hood.wealth("A")
    hood.market.advance(DAY + 2 * 86_400 + 1)

    hood.market.settle("A", SLOT + 1)

    settled = hood.market.delivery.settled[-1]
    assert settled.basis is Basis.DEFAULTED
    assert settled.imbalance == 0
    assert hood.wealth("A") - before == -50_000


def test_settle__true_reading_after_a_default__one_correction_at_the_worst_prices() -> None:
    hood = Neighbourhood()
    a = hood.member("A")
    hood.market.advance(DAY + 2 * 86_400 + 1)
    hood.market.settle("A", SLOT + 96)
    before = hood.wealth("A")

    hood.read(a, 19_600, 0, slots=2 * 96 - 5)  # closes a stretch of 187 slots, far too long
    hood.market.settle("A", SLOT + 2 * 96)

    # The whole stretch settles by default, then the registers say that 19.6 kWh were taken.
    assert [one.basis for one in hood.market.delivery.settled[:187]] == [Basis.DEFAULTED] * 187
    (correction,) = hood.market.delivery.corrections
    assert (correction.from_slot, correction.until_slot) == (SLOT, SLOT + 187)
    assert correction.delta_wh == 19_600
    assert before - hood.wealth("A") == 19_600 * 320_000 // 1_000
    assert residual(hood) == 0


def test_settle__estimated_slot__mints_nothing() -> None:
    hood = Neighbourhood()
    a = hood.member("A")
    hood.read(a, 0, 1_000, slots=2)

    hood.market.settle("A", SLOT + 2)

    assert {one.basis for one in hood.market.delivery.settled} == {Basis.ESTIMATED}
    assert hood.market.certificates.minted_wh == 0
    assert hood.market.ledger.account("A").free == 100_000_000 + 80_000


def test_settle__no_money_left__security_then_arrears_then_paid_by_next_deposit() -> None:
    hood = Neighbourhood()
    a = hood.member("A", money=100_000)
    hood.read(a, 2_700, 0)
    hood.read(a, 2_700, 0)

    hood.market.settle("A", SLOT + 2)  # owes 2 * 864,000

    account = hood.market.ledger.account("A")
    assert (account.free, account.security) == (0, 0)
    assert account.arrears == 2 * 864_000 - 100_000 - SECURITY
    with pytest.raises(Refused, match="ArrearsOutstanding"):
        hood.market.ledger.withdraw("A", 1)
    hood.market.ledger.deposit("A", 1_000_000)
    assert account.arrears == 0
    assert account.free == 1_000_000 - (2 * 864_000 - 100_000 - SECURITY)
    assert residual(hood) == 0


def test_settle__operator_without_money__bond_then_claim_then_paid_first() -> None:
    hood = Neighbourhood()
    a = hood.member("A")
    hood.market.ledger.withdraw_all(OPERATOR)
    operator = hood.market.ledger.operators[ZONE]
    operator.bond, missing = 100_000, BOND - 100_000
    hood.market.ledger.tracked_total -= missing
    hood.read(a, 0, 2_000)

    hood.market.settle("A", SLOT + 1)  # the operator owes 160,000

    assert operator.bond == 0
    assert operator.owed == 60_000
    with pytest.raises(Refused, match="ClaimsOutstanding"):
        hood.market.post_bond(OPERATOR, 1)
    before = hood.wealth("A")
    hood.market.ledger.deposit(OPERATOR, 100_000)
    assert hood.wealth("A") - before == 60_000
    assert operator.account.free == 40_000
    assert residual(hood) == 0


def test_prices__bond_below_floor__slots_that_begin_later_earn_nothing() -> None:
    hood = Neighbourhood()
    tariffs = hood.market.tariffs[ZONE]
    hood.market.ledger.operators[ZONE].bond -= 1
    hood.market._note_bond_standing(ZONE)
    now_slot = hood.market.now // 900

    assert tariffs.prices(now_slot + 1, 400_000) == ImbalancePrices(320_000, 0)


def test_settle__hour_block__fees_are_charged_once_and_spread_exactly() -> None:
    hood = Neighbourhood(network_fee=7_000, trading_fee_bps=33)
    a, b = hood.member("A"), hood.member("B")
    hood.trade("A", "B", 123, 151_000, period=Period.HOUR)
    cost = 4 * 123 * 151
    before = hood.wealth("B")
    for _ in range(4):
        hood.read(a, 0, 123)
        hood.read(b, 123, 0)

    hood.market.settle_many(["A", "B"], SLOT + 4)

    trading_fee = cost * 33 // 10_000
    assert hood.market.ledger.treasury.free == trading_fee
    assert before - hood.wealth("B") == cost + 4 * 123 * 7 + trading_fee
    assert hood.market.ledger.account("B").locked == 0
    assert residual(hood) == 0


def test_settle_transaction__both_parties__to_the_end_of_the_product() -> None:
    hood = Neighbourhood()
    a, b = hood.member("A"), hood.member("B")
    hood.trade("A", "B", 100, 150_000)
    hood.read(a, 0, 100)
    hood.read(b, 100, 0)
    product = Product.continuous(ZONE, Period.QUARTER_HOUR, SLOT)
    accounts = hood.market.ledger.accounts
    transaction = TransactionId(
        product.id, AccountId(accounts["B"].account_id), AccountId(accounts["A"].account_id)
    )

    hood.market.settle_transaction(transaction.pack())

    assert accounts["A"].settled_until == accounts["B"].settled_until == SLOT + 1
    with pytest.raises(Refused, match="TransactionUnknown"):
        reverse = TransactionId(product.id, transaction.seller_id, transaction.buyer_id)
        hood.market.settle_transaction(reverse.pack())


def test_mint__storage_without_production_meter__nothing() -> None:
    hood = Neighbourhood()
    a = hood.member("A", kind=MeterKind.CONNECTION_WITH_STORAGE)
    hood.read(a, 0, 500)

    hood.market.settle("A", SLOT + 1)

    assert hood.market.certificates.minted_wh == 0


def test_mint__storage_with_production_meter__the_smaller_of_both() -> None:
    hood = Neighbourhood()
    a = hood.member("A", kind=MeterKind.CONNECTION_WITH_STORAGE)
    roof = hood.meter("A", kind=MeterKind.PRODUCTION)
    hood.read(a, 0, 500)
    assert hood.market.settle("A", SLOT + 1) == SLOT, "waits for the proof of production"

    hood.read(roof, 0, 300)
    hood.market.settle("A", SLOT + 1)

    assert hood.market.certificates.balances == {"A": 300}


def test_claim__pool_not_complete__refused_until_time_is_up() -> None:
    hood = Neighbourhood()
    a = hood.member("A")
    hood.member("B")
    hood.trade("A", "B", 100, 150_000)
    hood.read(a, 0, 100)
    hood.market.settle("A", SLOT + 1)

    with pytest.raises(Refused, match="PoolNotClosed"):
        hood.market.delivery.claim_certificates(["A"], SLOT, hood.market.now)

    hood.market.advance(DAY + 3 * 86_400)
    hood.market.delivery.claim_certificates(["A"], SLOT, hood.market.now)
    assert hood.market.certificates.balances["A"] == 100, "nobody wanted it in time"


# --- properties ---

energies = st.integers(0, 2_700)


@settings(max_examples=60, deadline=None)
@given(
    trades=st.lists(
        st.tuples(
            st.sampled_from("ABC"),
            st.sampled_from("ABC"),
            st.integers(10, 900),
            st.integers(1, 400).map(lambda tick: tick * 1_000),
        ),
        max_size=6,
    ),
    metered=st.lists(st.tuples(energies, energies), min_size=3, max_size=3),
    fees=st.tuples(st.integers(0, 20), st.integers(0, 100)),
)
def test_settle__any_trades_and_readings__everything_sums_to_zero(
    trades: list[tuple[str, str, int, int]],
    metered: list[tuple[int, int]],
    fees: tuple[int, int],
) -> None:
    """Money and energy are conserved; nobody pays beyond a limit; certificates balance."""
    hood = Neighbourhood(network_fee=fees[0] * 1_000, trading_fee_bps=fees[1])
    meters = {name: hood.member(name) for name in "ABC"}
    for seller, buyer, lots, price in trades:
        try:
            sell = hood.place(seller, Side.SELL, lots, price)
            buy = hood.place(buyer, Side.BUY, lots, price)
            hood.market.trading.match(buy, sell, hood.market.now)
        except Refused:
            continue
    total = hood.market.ledger.tracked_total
    for meter, (import_wh, export_wh) in zip(meters.values(), metered, strict=True):
        hood.read(meter, import_wh, export_wh)

    hood.market.settle_many(list(meters), SLOT + 1)
    hood.market.delivery.claim_certificates(list(meters), SLOT, hood.market.now)

    assert residual(hood) == 0
    assert hood.market.ledger.tracked_total == total
    assert hood.market.ledger.clearing == 0
    settled = hood.market.delivery.settled
    assert sum(one.position.bought_wh - one.position.sold_wh for one in settled) == 0
    assert sum(one.position.cost - one.position.proceeds for one in settled) == 0
    for one in settled:
        fees_and_cost = one.position.cost + one.position.network_fee + one.position.trading_fee
        assert one.position.unlocked >= fees_and_cost
    certificates = hood.market.certificates
    assert certificates.minted_wh == sum(export_wh for _, export_wh in metered)
    assert certificates.total_supply_wh == certificates.minted_wh - certificates.retired_wh
    assert certificates.pooled_wh == 0


@given(st.integers(-(10**6), 10**6), st.integers(0, 1023), st.integers(0, 1023))
def test_imbalance_due__any_prices__never_earns(delta: int, one: int, other: int) -> None:
    """Long <= short: being out of balance both ways by the same energy can only cost."""
    prices = ImbalancePrices(max(one, other) * 1_000, min(one, other) * 1_000)

    assert imbalance_due(delta, prices) + imbalance_due(-delta, prices) >= 0

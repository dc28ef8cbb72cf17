"""The continuous book of the reference model."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from energy_grid.ids import Side
from energy_grid.model.book import LOT_WH
from energy_grid.model.refused import Refused
from energy_grid.model.trading import Quote
from energy_grid.model.zones import Halt, HaltScope
from energy_grid.products import Period, Product
from energy_grid.units import money
from tests.offchain.model.scenario import CAP, DAY, OPERATOR, SLOT, ZONE, Neighbourhood

QUARTER = Product.continuous(ZONE, Period.QUARTER_HOUR, SLOT)


@pytest.fixture
def hood() -> Neighbourhood:
    neighbourhood = Neighbourhood(network_fee=2_000, trading_fee_bps=50)
    neighbourhood.member("A")
    neighbourhood.member("B")
    return neighbourhood


def test_place__buy__locks_cost_and_fees(hood: Neighbourhood) -> None:
    hood.place("A", Side.BUY, 100, 151_000)

    # 15,100 for the energy, 200 network fee, 0.5 % of 15,100 = 75.5 rounded up.
    assert hood.market.ledger.account("A").locked == 15_100 + 200 + 76


def test_place__sell__locks_what_not_delivering_could_cost(hood: Neighbourhood) -> None:
    hood.place("A", Side.SELL, 100, 151_000)

    assert hood.market.ledger.account("A").locked == 100 * (CAP - 151_000) // 1_000


def test_match__first_order_sets_the_price_improvement_stays_locked(hood: Neighbourhood) -> None:
    sell = hood.place("A", Side.SELL, 100, 100_000)
    buy = hood.place("B", Side.BUY, 60, 200_000)
    locked = {name: hood.market.ledger.account(name).locked for name in "AB"}

    trade = hood.market.trading.match(buy, sell, hood.market.now)

    assert (trade.lots, trade.price_per_kwh) == (60, 100_000)
    assert {name: hood.market.ledger.account(name).locked for name in "AB"} == locked
    assert hood.market.trading.record_of_order(buy).improvement == 60 * 100
    assert hood.market.trading.record_of_order(sell).remaining_lots == 40


def test_cancel__partly_filled_with_improvement__rest_and_improvement_return(
    hood: Neighbourhood,
) -> None:
    sell = hood.place("A", Side.SELL, 100, 100_000)
    buy = hood.place("B", Side.BUY, 160, 200_000)
    hood.market.trading.match(buy, sell, hood.market.now)

    hood.market.trading.cancel("B", buy, hood.market.now)

    # 100 lots at 100 stay: 10,000, 200 network fee, 50 trading fee.
    assert hood.market.ledger.account("B").locked == 10_250


@pytest.mark.parametrize(
    ("quote", "error"),
    [
        (Quote(ZONE, 4, 1, SLOT, Side.BUY, 10, 1), "PeriodUnknown"),
        (Quote(ZONE, 1, 0, SLOT, Side.BUY, 10, 1), "SessionUnavailable"),
        (Quote(ZONE, 1, 1, SLOT + 1, Side.BUY, 10, 1), "StartMisaligned"),
        (Quote(ZONE + 1, 0, 1, SLOT, Side.BUY, 10, 1), "ZoneNotOpen"),
        (Quote(ZONE, 0, 1, SLOT + 96, Side.BUY, 10, 1), "NotOpenYet"),
        (Quote(ZONE, 0, 1, SLOT - 192, Side.BUY, 10, 1), "GateClosed"),
        (Quote(ZONE, 0, 1, SLOT, Side.BUY, 9, 1), "TooFewLots"),
        (Quote(ZONE, 0, 1, SLOT, Side.BUY, 2**28, 1), "TooManyLots"),
        (Quote(ZONE, 0, 1, SLOT, Side.BUY, 10, 0), "PriceTooLow"),
        (Quote(ZONE, 0, 1, SLOT, Side.BUY, 10, 401), "PriceAboveCap"),
        (Quote(ZONE, 0, 1, SLOT, Side.BUY, 10, 1, expires_at=1), "ExpiryPassed"),
        (Quote(ZONE, 0, 1, SLOT, Side.SELL, 2_501, 1), "CapacityExceeded"),
        (Quote(ZONE, 0, 1, SLOT, Side.BUY, 2**28 - 1, 400), "InsufficientFree"),
    ],
)
def test_place__against_a_rule__refused_and_nothing_changed(
    hood: Neighbourhood, quote: Quote, error: str
) -> None:
    before = hood.wealth("A"), hood.market.ledger.account("A").locked

    with pytest.raises(Refused, match=error):
        hood.market.trading.place("A", "A", [quote], hood.market.now)

    assert (hood.wealth("A"), hood.market.ledger.account("A").locked) == before
    assert hood.market.trading.records == {}
    assert hood.market.trading.zone(ZONE).orders_accepted == 0


def test_place__second_of_two_is_wrong__neither_is_placed(hood: Neighbourhood) -> None:
    good = Quote.of(QUARTER, Side.SELL, 100, 10)
    beyond = Quote.of(QUARTER, Side.SELL, 2_401, 10)

    with pytest.raises(Refused, match="CapacityExceeded"):
        hood.market.trading.place("A", "A", [good, beyond], hood.market.now)

    assert hood.market.trading.records == {}
    assert hood.market.ledger.account("A").locked == 0


def test_place__crossing_oneself__refused(hood: Neighbourhood) -> None:
    hood.place("A", Side.SELL, 100, 10_000)

    with pytest.raises(Refused, match="SelfCross"):
        hood.place("A", Side.BUY, 100, 10_000)
    hood.place("A", Side.BUY, 100, 9_000)


def test_place__seventeenth_record__refused(hood: Neighbourhood) -> None:
    for _ in range(16):
        hood.place("A", Side.BUY, 10, 1_000)

    with pytest.raises(Refused, match="RecordsExhausted"):
        hood.place("A", Side.BUY, 10, 1_000)


def test_place__operator_or_stranger_or_unsecured__refused(hood: Neighbourhood) -> None:
    with pytest.raises(Refused, match="OperatorCannotTrade"):
        hood.place(OPERATOR, Side.BUY, 10, 1_000)
    with pytest.raises(Refused, match="NotEnrolled"):
        hood.place("nobody", Side.BUY, 10, 1_000)
    hood.market.ledger.account("A").security -= 1
    with pytest.raises(Refused, match="SecurityDepositMissing"):
        hood.place("A", Side.BUY, 10, 1_000)


def test_delegate__named__may_trade_for_the_account_only(hood: Neighbourhood) -> None:
    quote = Quote.of(QUARTER, Side.BUY, 10, 10)
    with pytest.raises(Refused, match="NotDelegate"):
        hood.market.trading.place("key", "A", [quote], hood.market.now)

    hood.market.trading.name_delegate("A", "key")
    (order,) = hood.market.trading.place("key", "A", [quote], hood.market.now)

    assert hood.market.trading.cancel_many("key", "A", [order], hood.market.now) == 1
    with pytest.raises(Refused, match="NotDelegate"):
        hood.market.trading.place("key", "B", [quote], hood.market.now)


def test_replace__partly_filled__fills_stay_and_the_order_queues_again(hood: Neighbourhood) -> None:
    sell = hood.place("A", Side.SELL, 100, 100_000)
    buy = hood.place("B", Side.BUY, 160, 200_000)
    hood.market.trading.match(buy, sell, hood.market.now)

    new = hood.market.trading.replace(
        "B", buy, Quote.of(QUARTER, Side.BUY, 30, 150), hood.market.now
    )

    record = hood.market.trading.record_of_order(new)
    assert (record.filled_lots, record.remaining_lots, record.improvement) == (100, 30, 0)
    assert record.sequence == 3
    with pytest.raises(Refused, match="OrderUnknown"):
        hood.market.trading.record_of_order(buy)


def test_match__better_orders_stand_in_front__refused(hood: Neighbourhood) -> None:
    worse_sell = hood.place("A", Side.SELL, 100, 50_000)
    hood.place("A", Side.SELL, 100, 40_000)
    worse_buy = hood.place("B", Side.BUY, 100, 60_000)
    best_buy = hood.place("B", Side.BUY, 100, 70_000)

    with pytest.raises(Refused, match="NotBestBid"):
        hood.market.trading.match(worse_buy, worse_sell, hood.market.now)
    with pytest.raises(Refused, match="NotBestAsk"):
        hood.market.trading.match(best_buy, worse_sell, hood.market.now)


def test_match__expired_best_bid__must_be_removed_first(hood: Neighbourhood) -> None:
    sell = hood.place("A", Side.SELL, 100, 50_000)
    buy = hood.place("B", Side.BUY, 100, 60_000)
    expired = hood.place("B", Side.BUY, 100, 70_000, expires_at=hood.market.now + 60)
    hood.market.advance(hood.market.now + 60)

    with pytest.raises(Refused, match="OrderExpired"):
        hood.market.trading.match(expired, sell, hood.market.now)
    with pytest.raises(Refused, match="NotBestBid"):
        hood.market.trading.match(buy, sell, hood.market.now)
    assert hood.market.trading.remove_expired([expired, buy], hood.market.now) == 1
    hood.market.trading.match(buy, sell, hood.market.now)


def test_cancel__after_the_gate__refused_but_expired_remainder_can_be_removed(
    hood: Neighbourhood,
) -> None:
    buy = hood.place("B", Side.BUY, 100, 60_000)
    hood.market.advance(DAY - 300)

    with pytest.raises(Refused, match="GateClosed"):
        hood.market.trading.cancel("B", buy, hood.market.now)
    assert hood.market.trading.remove_expired([buy], hood.market.now) == 1
    assert hood.market.ledger.account("B").locked == 0


def test_halt__stops_what_it_names_until_it_expires(hood: Neighbourhood) -> None:
    sell = hood.place("A", Side.SELL, 100, 50_000)
    buy = hood.place("B", Side.BUY, 100, 50_000)
    zone = hood.market.trading.zone(ZONE)
    until = hood.market.now + 3_600
    zone.add_halt(Halt(HaltScope.MATCH, SLOT, SLOT + 1, until), hood.market.now)

    with pytest.raises(Refused, match="TradingHalted"):
        hood.market.trading.match(buy, sell, hood.market.now)
    hood.place("B", Side.BUY, 100, 1_000)
    hood.market.trading.cancel("A", sell, hood.market.now)
    hood.market.advance(until)
    assert zone.halt_in_force(hood.market.now) is None


def test_halt__second_one__can_only_widen(hood: Neighbourhood) -> None:
    zone, now = hood.market.trading.zone(ZONE), hood.market.now
    zone.add_halt(Halt(HaltScope.MATCH, SLOT, SLOT + 8, now + 100), now)

    joined = zone.add_halt(Halt(HaltScope.PLACE, SLOT + 2, SLOT + 10, now + 50), now)

    assert joined == Halt(HaltScope.PLACE_AND_MATCH, SLOT, SLOT + 10, now + 100)


orders = st.lists(
    st.tuples(
        st.sampled_from("AB"),
        st.sampled_from([Side.BUY, Side.SELL]),
        st.integers(10, 300),
        st.integers(1, 400),
    ),
    min_size=2,
    max_size=10,
)


@settings(max_examples=60, deadline=None)
@given(orders, st.sampled_from([Period.QUARTER_HOUR, Period.HOUR, Period.DAY]))
def test_match_many__any_book__limits_held_locks_exact_and_all_comes_back(
    asked: list[tuple[str, Side, int, int]], period: Period
) -> None:
    """I-13 to I-15 in the model: limits, quantities, and a cancelled book leaves nothing locked."""
    hood = Neighbourhood(network_fee=3_000, trading_fee_bps=77)
    for name in "AB":
        hood.member(name, money=10**10)
    ids: dict[Side, list[int]] = {Side.BUY: [], Side.SELL: []}
    quantity = {}
    for name, side, lots, tick in asked:
        try:
            order = hood.place(name, side, lots, tick * 1_000, period=period)
        except Refused:
            continue
        ids[side].append(order)
        quantity[order] = lots
    trading, now = hood.market.trading, hood.market.now
    pairs = [(buy, sell) for buy in ids[Side.BUY] for sell in ids[Side.SELL]]

    matched = trading.match_many(pairs, now)

    assert matched == len(trading.trades)
    for trade in trading.trades:
        buy, sell = (
            trading.record_of_order(one) for one in (trade.buy_order_id, trade.sell_order_id)
        )
        assert sell.limit_per_kwh <= trade.price_per_kwh <= buy.limit_per_kwh
    for order, lots in quantity.items():
        record = trading.record_of_order(order)
        assert record.filled_lots + record.remaining_lots == lots
    for name in "AB":
        account = hood.market.ledger.account(name)
        locks = [
            trading.lock_of(record)
            for record in trading.records.values()
            if record.account_id == account.account_id
        ]
        assert account.locked == sum(locks)
        own = [one for one in quantity if one >> 48 & 0xFFFFFF == account.account_id]
        trading.cancel_many(name, name, own or [0], now)
        spent = sum(
            trading.lock_of(record)
            for record in trading.records.values()
            if record.account_id == account.account_id
        )
        assert account.locked == spent
    bought = sum(
        money(record.filled_lots * LOT_WH, 1_000)
        for record in trading.records.values()
        if record.side is Side.BUY
    )
    sold = sum(
        money(record.filled_lots * LOT_WH, 1_000)
        for record in trading.records.values()
        if record.side is Side.SELL
    )
    assert bought == sold

"""Auctions inside the market of the reference model: locks, clearing, claims, settlement."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from energy_grid.curves import Curve, Step
from energy_grid.ids import Side
from energy_grid.model.auction_record import RecordState
from energy_grid.model.refused import Refused
from energy_grid.model.zones import Halt, HaltScope
from energy_grid.products import Period, Product
from tests.offchain.model.scenario import CAP, DAY, SLOT, ZONE, Neighbourhood

QUARTER = Product.auction(ZONE, Period.QUARTER_HOUR, SLOT)
HOUR = Product.auction(ZONE, Period.HOUR, SLOT)
SECOND_ZONE = 2


@pytest.fixture
def hood() -> Neighbourhood:
    neighbourhood = Neighbourhood(network_fee=2_000, trading_fee_bps=50)
    for name in "ABC":
        neighbourhood.member(name)
    return neighbourhood


def free(hood: Neighbourhood, name: str) -> int:
    return hood.market.ledger.account(name).free


# --- placing ---


def test_place_curve__buys__one_lock_with_the_fee_rounded_up_once(hood: Neighbourhood) -> None:
    hood.curve("A", QUARTER, Step.buy(100, 11), Step.buy(151, 100))

    cost = 11 * 100 + 100 * 151
    assert hood.locked("A") == cost + 111 * 2 + -(-cost * 50 // 10_000)


def test_place_curve__sells_of_an_hour__what_not_delivering_could_cost_in_four_slots(
    hood: Neighbourhood,
) -> None:
    hood.curve("A", HOUR, Step.sell(100, 20), Step.sell(300, 50))

    assert hood.locked("A") == 4 * (20 * (400 - 100) + 50 * (400 - 300))


def test_place_curve__again__replaces_all_of_it(hood: Neighbourhood) -> None:
    hood.curve("A", QUARTER, Step.buy(100, 11), Step.sell(200, 100))
    hood.curve("A", QUARTER, Step.sell(399, 10))

    assert hood.locked("A") == 10
    assert hood.market.trading.curves_in(QUARTER).buy_lots == {}
    hood.curve("A", QUARTER)
    assert hood.locked("A") == 0
    assert hood.market.trading.curves_in(QUARTER).sell_lots == {}


def test_place_curves__one_product_twice__the_later_counts_and_is_locked_for(
    hood: Neighbourhood,
) -> None:
    curves = [Curve(QUARTER, (Step.sell(100, 99),)), Curve(QUARTER, (Step.sell(399, 10),))]

    hood.market.trading.place_curves("A", "A", curves, hood.market.now)

    assert hood.locked("A") == 10
    assert hood.market.trading.curves_in(QUARTER).sell_lots == {399: 10}


@pytest.mark.parametrize(
    ("curve", "error"),
    [
        (Curve(QUARTER, (Step.buy(401, 10),)), "PriceAboveCap"),
        (Curve(QUARTER, (Step.sell(100, 2_501),)), "CapacityExceeded"),
        (Curve(QUARTER, (Step.buy(400, 2**28 - 1),)), "InsufficientFree"),
        (Curve(QUARTER.in_zone(SECOND_ZONE), (Step.buy(1, 10),)), "NotHomeZone"),
        (
            Curve(Product.auction(ZONE, Period.QUARTER_HOUR, SLOT + 96), (Step.buy(1, 10),)),
            "NotOpenYet",
        ),
    ],
)
def test_place_curve__against_a_rule__refused_and_nothing_changed(
    hood: Neighbourhood, curve: Curve, error: str
) -> None:
    before = free(hood, "A")

    with pytest.raises(Refused, match=error):
        hood.market.trading.place_curve("A", curve, hood.market.now)

    assert (free(hood, "A"), hood.locked("A")) == (before, 0)
    assert hood.market.trading.curves == {}
    assert hood.market.trading.openings == {}


@pytest.mark.parametrize(
    ("steps", "error"),
    [
        ([(0, 5, 10), (0, 0, 0), (0, 6, 10)], "StepAfterGap"),
        ([(0, 5, 9)], "TooFewLots"),
        ([(0, 0, 10)], "PriceTooLow"),
        ([(0, 401, 10)], "PriceAboveCap"),
        ([(1, 5, 10), (0, 6, 10)], "BuyAfterSell"),
        ([(0, 5, 10), (0, 5, 10)], "StepsOutOfOrder"),
        ([(0, 10, 10), (1, 5, 10)], "StepsOutOfOrder"),
        ([(0, 10, 10), (1, 10, 10)], "StepsOutOfOrder"),
    ],
)
def test_place_curve__not_canonical__refused(
    hood: Neighbourhood, steps: list[tuple[int, int, int]], error: str
) -> None:
    word = QUARTER.id << 156
    for i, (side, tick, lots) in enumerate(steps):
        word |= (side << 38 | tick << 28 | lots) << 39 * i

    with pytest.raises(Refused, match=error):
        hood.market.trading.place_curve("A", word, hood.market.now)
    assert hood.market.trading.curves == {}


def test_place_curve__bit_above_the_fields__refused(hood: Neighbourhood) -> None:
    with pytest.raises(Refused, match="CurveMalformed"):
        hood.market.trading.place_curve("A", QUARTER.id << 156 | 1 << 212, hood.market.now)


def test_place_curves__second_is_wrong__neither_is_placed(hood: Neighbourhood) -> None:
    curves = [Curve(QUARTER, (Step.buy(1, 10),)), Curve(HOUR, (Step.sell(5, 2_501),))]

    with pytest.raises(Refused, match="CapacityExceeded"):
        hood.market.trading.place_curves("A", "A", curves, hood.market.now)

    assert hood.market.trading.curves == {}
    assert hood.locked("A") == 0


def test_place_curves__by_the_delegate_and_by_a_stranger(hood: Neighbourhood) -> None:
    curves = [Curve(QUARTER, (Step.buy(1, 10),))]
    hood.market.trading.name_delegate("A", "bot")

    hood.market.trading.place_curves("bot", "A", curves, hood.market.now)

    with pytest.raises(Refused, match="NotDelegate"):
        hood.market.trading.place_curves("bot", "B", curves, hood.market.now)
    assert hood.market.trading.curves_in(QUARTER).buy_lots == {1: 10}


def test_place_curve__at_the_gate__refused(hood: Neighbourhood) -> None:
    hood.market.advance(QUARTER.gate_at - 1)
    hood.curve("A", QUARTER, Step.buy(1, 10))
    hood.market.advance(QUARTER.gate_at)

    for curve in (Curve(QUARTER, (Step.buy(1, 20),)), Curve(QUARTER)):
        with pytest.raises(Refused, match="GateClosed"):
            hood.market.trading.place_curve("A", curve, hood.market.now)
    assert hood.market.trading.curves_in(QUARTER).buy_lots == {1: 10}


def test_place_curve__before_the_member_s_first_metered_slot__refused(
    hood: Neighbourhood,
) -> None:
    earlier = Product.auction(ZONE, Period.QUARTER_HOUR, SLOT - 4)

    with pytest.raises(Refused, match="SettlementReached"):
        hood.curve("A", earlier, Step.buy(1, 10))


def test_place_curve__halted__refused_but_withdrawing_works(hood: Neighbourhood) -> None:
    hood.curve("A", QUARTER, Step.buy(1, 10))
    halt = Halt(HaltScope.PLACE, SLOT, SLOT + 1, hood.market.now + 3_600)
    hood.market.trading.zone(ZONE).add_halt(halt, hood.market.now)

    with pytest.raises(Refused, match="TradingHalted"):
        hood.curve("A", QUARTER, Step.buy(2, 10))
    hood.curve("A", QUARTER)

    assert hood.locked("A") == 0


def test_place_curve__level_full__refused(hood: Neighbourhood) -> None:
    for name in ("rich", "also rich"):
        hood.trader(name, money=10**9)
    hood.curve("rich", QUARTER, Step.buy(1, 2**28 - 1))

    with pytest.raises(Refused, match="LevelFull"):
        hood.curve("also rich", QUARTER, Step.buy(1, 10))
    hood.curve("also rich", QUARTER, Step.buy(2, 10))


def test_cancel_curves__what_stands_is_withdrawn_the_rest_skipped(hood: Neighbourhood) -> None:
    hood.curve("A", QUARTER, Step.buy(1, 10))
    hood.curve("A", HOUR, Step.buy(1, 10))
    other = Product.auction(ZONE, Period.QUARTER_HOUR, SLOT + 1)
    hood.market.advance(HOUR.gate_at)

    cancelled = hood.market.trading.cancel_curves(
        "A", "A", [QUARTER.id, HOUR.id, other.id, QUARTER.id], hood.market.now
    )

    assert cancelled == 1
    assert hood.market.trading.curves_in(QUARTER).buy_lots == {}
    assert hood.market.trading.curves_in(HOUR).buy_lots == {1: 10}


# --- capacity over both sessions ---


def test_capacity__both_sessions_together(hood: Neighbourhood) -> None:
    hood.curve("A", QUARTER, Step.sell(100, 1_500))

    with pytest.raises(Refused, match="CapacityExceeded"):
        hood.place("A", Side.SELL, 1_001, 100_000)
    hood.place("A", Side.SELL, 1_000, 100_000)
    with pytest.raises(Refused, match="CapacityExceeded"):
        hood.curve("A", QUARTER, Step.sell(100, 1_501))
    hood.curve("A", QUARTER, Step.sell(100, 1_490))


def test_capacity__purchase_in_the_continuous_session__may_be_sold_in_the_auction(
    hood: Neighbourhood,
) -> None:
    hood.trade("B", "A", 500, 100_000)

    hood.curve("A", QUARTER, Step.sell(100, 3_000))
    with pytest.raises(Refused, match="CapacityExceeded"):
        hood.curve("A", QUARTER, Step.sell(100, 3_001))


def test_capacity__purchase_in_the_auction__counts_once_it_is_claimed(
    hood: Neighbourhood,
) -> None:
    hood.curve("A", QUARTER, Step.buy(200, 100))
    hood.curve("B", QUARTER, Step.sell(100, 100))
    hood.market.advance(QUARTER.gate_at)
    hood.clear(QUARTER)

    with pytest.raises(Refused, match="CapacityExceeded"):
        hood.place("A", Side.SELL, 2_501, 300_000)
    assert hood.market.trading.claim(QUARTER.id, ["A"], hood.market.now) == 1
    hood.place("A", Side.SELL, 2_600, 300_000)


def test_capacity__sale_in_the_auction__counts_in_full_until_it_is_claimed(
    hood: Neighbourhood,
) -> None:
    hood.curve("A", QUARTER, Step.sell(100, 2_500))
    hood.curve("B", QUARTER, Step.buy(200, 100))
    hood.market.advance(QUARTER.gate_at)
    hood.clear(QUARTER)

    with pytest.raises(Refused, match="CapacityExceeded"):
        hood.place("A", Side.SELL, 10, 300_000)
    hood.market.trading.claim(QUARTER.id, ["A"], hood.market.now)
    hood.place("A", Side.SELL, 2_400, 300_000)
    with pytest.raises(Refused, match="CapacityExceeded"):
        hood.place("A", Side.SELL, 10, 300_000)


# --- collar and extension ---


@pytest.mark.parametrize(
    ("tick", "allowed"), [(15, False), (16, True), (100, True), (399, True), (400, False)]
)
def test_collar__20_to_500_percent_widened_to_eight_ticks__in_both_sessions(
    hood: Neighbourhood, tick: int, allowed: bool
) -> None:
    # 20 % of 79 is 15.8, in the word of 8 to 15; of 80 it is 16. 500 % of 79 is 395, up to 399.
    hood.market.trading.set_reference_price(ZONE, 80_000 if tick < 100 else 79_000)

    def both_sessions() -> None:
        hood.curve("A", QUARTER, Step.buy(tick, 10))
        hood.place("B", Side.BUY, 10, tick * 1_000)

    if allowed:
        both_sessions()
        return
    with pytest.raises(Refused, match="PriceOutsideCollar"):
        hood.curve("A", QUARTER, Step.buy(tick, 10))
    with pytest.raises(Refused, match="PriceOutsideCollar"):
        hood.place("B", Side.BUY, 10, tick * 1_000)
    assert hood.market.trading.openings == {}


def test_collar__frozen_by_the_first_order_of_either_session(hood: Neighbourhood) -> None:
    hood.market.trading.set_reference_price(ZONE, 20_000)
    hood.place("A", Side.BUY, 10, 20_000)
    hood.market.trading.set_reference_price(ZONE, 200_000)

    with pytest.raises(Refused, match="PriceOutsideCollar"):
        hood.curve("A", QUARTER, Step.buy(200, 10))
    hood.curve("A", HOUR, Step.buy(200, 10))


def test_collar__no_reference__any_price(hood: Neighbourhood) -> None:
    hood.curve("A", QUARTER, Step.buy(1, 10), Step.sell(400, 10))
    hood.market.trading.set_reference_price(ZONE, 20_000)
    hood.curve("A", QUARTER, Step.buy(1, 10), Step.sell(399, 10))


@pytest.mark.parametrize(
    ("price", "error"), [(500, "PriceOffTick"), (1_024_000, "ReferenceTooHigh")]
)
def test_reference_price__impossible__refused(hood: Neighbourhood, price: int, error: str) -> None:
    with pytest.raises(Refused, match=error):
        hood.market.trading.set_reference_price(ZONE, price)


def jump(hood: Neighbourhood) -> None:
    """An hour whose price, 151, lies more than half above the reference of 100."""
    hood.market.trading.set_reference_price(ZONE, 100_000)
    hood.curve("A", HOUR, Step.buy(151, 100))
    hood.curve("B", HOUR, Step.sell(151, 100))
    hood.market.advance(HOUR.gate_at)


def test_extension__price_jumps__gate_moves_once_for_additions_only(hood: Neighbourhood) -> None:
    jump(hood)

    assert hood.clear(HOUR) is None

    hood.market.advance(HOUR.gate_at + 299)
    with pytest.raises(Refused, match="GateStillOpen"):
        hood.clear(HOUR)
    with pytest.raises(Refused, match="OnlyAdditions"):
        hood.curve("A", HOUR, Step.buy(151, 99))
    with pytest.raises(Refused, match="OnlyAdditions"):
        hood.curve("A", HOUR)
    assert hood.market.trading.cancel_curves("A", "A", [HOUR.id], hood.market.now) == 0
    hood.curve("A", HOUR, Step.buy(151, 100), Step.buy(152, 10))
    hood.curve("C", HOUR, Step.sell(120, 200))
    hood.market.advance(HOUR.gate_at + 300)
    with pytest.raises(Refused, match="GateClosed"):
        hood.curve("C", HOUR, Step.sell(120, 300))
    result = hood.clear(HOUR)
    assert result is not None
    assert (result.price_tick, result.bought_lots) == (120, 110)


def test_extension__cleared_later_than_300_s__not_any_more(hood: Neighbourhood) -> None:
    jump(hood)
    hood.market.advance(HOUR.gate_at + 300)

    result = hood.clear(HOUR)

    assert result is not None and result.price_tick == 151


@pytest.mark.parametrize(("reference", "extends"), [(101_000, False), (100_000, True), (0, False)])
def test_extension__only_beyond_half(hood: Neighbourhood, reference: int, extends: bool) -> None:
    hood.market.trading.set_reference_price(ZONE, reference)
    hood.curve("A", HOUR, Step.buy(151, 100))
    hood.curve("B", HOUR, Step.sell(151, 100))
    hood.market.advance(HOUR.gate_at)

    assert (hood.clear(HOUR) is None) is extends


def test_extension__nothing_trades__no_price_that_could_jump(hood: Neighbourhood) -> None:
    hood.market.trading.set_reference_price(ZONE, 100_000)
    hood.curve("B", HOUR, Step.sell(400, 100))
    hood.market.advance(HOUR.gate_at)

    result = hood.clear(HOUR)

    assert result is not None and not result.publishes_price


# --- clearing ---


def test_clear__too_early_twice_too_late_or_wrong__refused(hood: Neighbourhood) -> None:
    hood.curve("A", QUARTER, Step.buy(200, 100))
    hood.curve("B", QUARTER, Step.sell(100, 100))
    clear = hood.market.trading.clear

    hood.market.advance(QUARTER.gate_at - 1)
    with pytest.raises(Refused, match="GateStillOpen"):
        clear(QUARTER.id, 100, 200, hood.market.now)
    hood.market.advance(QUARTER.gate_at)
    for low, high in [(100, 199), (101, 200), (99, 200), (150, 150)]:
        with pytest.raises(Refused, match="NotTheClearingInterval"):
            clear(QUARTER.id, low, high, hood.market.now)
    for product_id, error in [
        (QUARTER.in_session(1).id, "SessionUnavailable"),  # type: ignore[arg-type]
        (QUARTER.id | 4 << 36, "PeriodUnknown"),
        (HOUR.id + 1, "StartMisaligned"),
    ]:
        with pytest.raises(Refused, match=error):
            clear(product_id, 100, 200, hood.market.now)
    assert clear(QUARTER.id, 100, 200, hood.market.now) is not None
    with pytest.raises(Refused, match="AlreadyCleared"):
        clear(QUARTER.id, 100, 200, hood.market.now)
    with pytest.raises(Refused, match="DeliveryStarted"):
        clear(QUARTER.id, 100, 200, QUARTER.starts_at)


def test_clear__matching_halted__refused_until_the_halt_is_lifted(hood: Neighbourhood) -> None:
    hood.curve("A", QUARTER, Step.buy(200, 100))
    hood.market.advance(QUARTER.gate_at)
    zone = hood.market.trading.zone(ZONE)
    zone.add_halt(Halt(HaltScope.MATCH, SLOT, SLOT + 1, hood.market.now + 60), hood.market.now)

    with pytest.raises(Refused, match="TradingHalted"):
        hood.clear(QUARTER)
    zone.lift_halt(hood.market.now)
    assert hood.clear(QUARTER) is not None


# --- claiming ---


def test_claim__improvement_and_what_is_unfilled_return_exactly(hood: Neighbourhood) -> None:
    before = free(hood, "A")
    hood.curve("A", HOUR, Step.buy(50, 10), Step.buy(200, 100))
    hood.curve("B", HOUR, Step.sell(100, 100), Step.sell(390, 10))
    hood.market.advance(HOUR.gate_at)
    result = hood.clear(HOUR)

    assert result is not None and result.price_tick == 150
    assert hood.market.trading.claim(HOUR.id, ["A", "B"], hood.market.now) == 2
    cost = 100 * 150
    assert hood.locked("A") == 4 * (cost + 100 * 2 + cost * 50 // 10_000)
    assert hood.locked("B") == 4 * 100 * (400 - 150)
    assert free(hood, "A") == before - hood.locked("A")


def test_claim__rationed_side__shares_add_up_in_any_order(hood: Neighbourhood) -> None:
    for name in "ABC":
        hood.curve(name, QUARTER, Step.sell(100, 10))
    hood.trader("D")
    hood.curve("D", QUARTER, Step.buy(100, 20))
    hood.market.advance(QUARTER.gate_at)
    hood.clear(QUARTER)

    for name in "CAB":
        hood.market.trading.claim(QUARTER.id, [name], hood.market.now)

    fills = {name: sold(hood, name) for name in "CAB"}
    assert fills == {"C": 6, "A": 7, "B": 7}
    assert hood.market.trading.claim(QUARTER.id, ["A", "nobody"], hood.market.now) == 0


def sold(hood: Neighbourhood, name: str) -> int:
    account = hood.market.ledger.account(name)
    return hood.market.trading.slot_position(account, SLOT).sold_wh


def test_claim__not_cleared__refused_alone_and_skipped_among_others(hood: Neighbourhood) -> None:
    hood.curve("A", QUARTER, Step.sell(100, 10))
    hood.curve("A", HOUR, Step.sell(100, 10))
    hood.market.advance(HOUR.gate_at)
    hood.clear(HOUR)

    with pytest.raises(Refused, match="NotCleared"):
        hood.market.trading.claim(QUARTER.id, ["A"], hood.market.now)
    claimed = hood.market.trading.claim_products("A", [QUARTER.id, HOUR.id], hood.market.now)

    assert claimed == 1
    assert hood.locked("A") == 10 * 300


def test_claim__never_cleared__all_returns_once_delivery_has_started(hood: Neighbourhood) -> None:
    hood.curve("A", QUARTER, Step.buy(200, 100))
    hood.curve("B", QUARTER, Step.sell(100, 100))
    hood.market.advance(QUARTER.starts_at)

    assert hood.market.trading.claim(QUARTER.id, ["A", "B"], hood.market.now) == 2

    assert (hood.locked("A"), hood.locked("B")) == (0, 0)
    assert hood.market.trading.traded_wh(ZONE, SLOT) == 0


def test_claim__settlement_has_reached_the_product__skipped(hood: Neighbourhood) -> None:
    hood.trader("T")
    hood.curve("T", HOUR, Step.buy(200, 100))
    hood.curve("B", HOUR, Step.sell(200, 100))
    hood.market.advance(HOUR.gate_at)
    hood.clear(HOUR)
    hood.market.advance((SLOT + 1) * 900)
    hood.market.settle("T", SLOT + 1)

    assert hood.market.trading.claim(HOUR.id, ["T"], hood.market.now) == 0


# --- settlement ---


def test_settle__unclaimed_hour__positions_of_the_auction_and_locks_slot_by_slot(
    hood: Neighbourhood,
) -> None:
    hood.trader("T")
    hood.trader("U")
    before = hood.wealth("T")
    hood.curve("T", HOUR, Step.buy(200, 33))
    hood.curve("U", HOUR, Step.buy(200, 67))
    hood.curve("B", HOUR, Step.sell(200, 50))
    lock = hood.locked("T")
    hood.market.advance(HOUR.gate_at)
    hood.clear(HOUR)
    hood.market.advance((SLOT + 1) * 900)

    hood.market.settle("T", SLOT + 1)

    record = hood.market.trading.curves[(HOUR, hood.market.ledger.account("T").account_id)]
    assert record.state is RecordState.SHARED
    assert record.fixed.lots == 33 * 50 // 100
    assert hood.locked("T") == lock * 3 // 4
    hood.market.advance((SLOT + 4) * 900)
    hood.market.settle("T", SLOT + 4)
    assert hood.locked("T") == 0
    cost = 16 * 200 * 4
    fees = 16 * 2 * 4 + cost * 50 // 10_000
    # It used nothing of what it bought, so the operator took it at the feed-in tariff.
    assert hood.wealth("T") == before - cost - fees + 4 * 16 * 80


def test_settle__auction_prices__short_at_the_highest_long_at_the_lowest(
    hood: Neighbourhood,
) -> None:
    low = Product.auction(ZONE, Period.QUARTER_HOUR, SLOT)
    for product, tick in [(HOUR, 350), (low, 50)]:
        hood.curve("A", product, Step.buy(tick, 10))
        hood.curve("B", product, Step.sell(tick, 10))
        hood.market.advance(product.gate_at)
        hood.clear(product)

    trading, delivery = hood.market.trading, hood.market.delivery
    assert trading.auction_prices(ZONE, SLOT) == (350_000, 50_000)
    assert trading.auction_prices(ZONE, SLOT + 1) == (350_000, 350_000)
    assert trading.auction_prices(ZONE, SLOT + 4) is None
    prices = delivery.prices(ZONE, SLOT)
    assert (prices.short_price, prices.long_price) == (350_000, 50_000)
    prices = delivery.prices(ZONE, SLOT + 1)
    assert (prices.short_price, prices.long_price) == (350_000, 80_000)
    assert trading.traded_wh(ZONE, SLOT) == 20
    assert trading.traded_wh(ZONE, SLOT + 1) == 10


def test_settle__everybody__nothing_is_created(hood: Neighbourhood) -> None:
    for name in ("T", "U", "V"):
        hood.trader(name)
    hood.curve("T", HOUR, Step.buy(200, 33))
    hood.curve("U", HOUR, Step.buy(200, 68))
    hood.curve("A", QUARTER, Step.sell(100, 21))
    hood.curve("V", QUARTER, Step.buy(180, 77))
    hood.curve("B", HOUR, Step.sell(150, 50))
    for product in (HOUR, QUARTER):
        hood.market.advance(product.gate_at)
        hood.clear(product)
    hood.trade("B", "T", 40, 120_000)
    hood.market.trading.claim(HOUR.id, ["U"], hood.market.now)
    ledger = hood.market.ledger

    hood.market.advance(DAY + 3 * 86_400)
    hood.market.settle_many(["T", "U", "V", "A", "B"], SLOT + 96)

    assert ledger.sum_of_entries() == ledger.tracked_total
    assert ledger.clearing == 0
    assert [hood.locked(name) for name in ("T", "U", "V", "A", "B")] == [0] * 5


def test_place_curve__4096_slots_later__needs_the_older_settled() -> None:
    hood = Neighbourhood()
    hood.trader("T")
    hood.curve("T", QUARTER, Step.buy(100, 10))
    later = Product.auction(ZONE, Period.QUARTER_HOUR, SLOT + 4_096)
    hood.market.advance(later.opens_at)

    with pytest.raises(Refused, match="SettleFirst"):
        hood.curve("T", later, Step.buy(100, 10))
    while hood.market.ledger.account("T").settled_until <= SLOT:
        hood.market.settle("T", SLOT + 1)
    hood.curve("T", later, Step.buy(100, 10))


def test_cap__is_what_the_scenario_says() -> None:
    assert CAP == 400_000


# --- anything at all ---


@st.composite
def curves_of_everybody(draw: st.DrawFn) -> list[tuple[str, bool, tuple[Step, ...]]]:
    """For each of five accounts a curve of an hour and one of its first quarter hour."""
    found = []
    for name in ("A", "B", "T", "U", "V"):
        for is_hour in (True, False):
            ticks = sorted(draw(st.sets(st.integers(90, 110), max_size=4)))
            buys = draw(st.integers(0, len(ticks))) if name in "AB" else len(ticks)
            lots = st.integers(10, 60)
            steps = tuple(
                Step(Side.BUY if i < buys else Side.SELL, tick, draw(lots))
                for i, tick in enumerate(ticks)
            )
            found.append((name, is_hour, steps))
    return found


@settings(max_examples=40)
@given(curves_of_everybody(), st.randoms(use_true_random=False))
def test_auctions__any_curves_claims_and_order_of_settling__money_and_energy_add_up(
    curves: list[tuple[str, bool, tuple[Step, ...]]], random: Random
) -> None:
    hood = Neighbourhood(network_fee=1_000, trading_fee_bps=37)
    names = ["A", "B", "T", "U", "V"]
    for name in names:
        if name in "AB":
            hood.member(name)
        else:
            hood.trader(name)
    random.shuffle(curves)
    for name, is_hour, steps in curves:
        hood.curve(name, HOUR if is_hour else QUARTER, *steps)
    for product in (HOUR, QUARTER):
        hood.market.advance(product.gate_at)
        hood.clear(product)
        for name in random.sample(names, random.randint(0, 5)):
            hood.market.trading.claim(product.id, [name], hood.market.now)
    hood.market.advance(DAY + 3 * 86_400)
    random.shuffle(names)

    ledger, trading = hood.market.ledger, hood.market.trading
    for name in names:
        hood.market.settle(name, SLOT + 2)
    bought = sum(one.position.bought_wh for one in hood.market.delivery.settled)
    sold = sum(one.position.sold_wh for one in hood.market.delivery.settled)
    assert bought == sold == sum(trading.traded_wh(ZONE, slot) for slot in (SLOT, SLOT + 1))
    for name in names:
        hood.market.settle(name, SLOT + 96)
    assert ledger.clearing == 0
    assert ledger.sum_of_entries() == ledger.tracked_total
    assert [hood.locked(name) for name in names] == [0] * 5
    for one in hood.market.delivery.settled:
        position = one.position
        assert position.unlocked >= position.cost + position.network_fee + position.trading_fee

"""Signed orders in the reference model: the newest counts, and nobody can spoil a batch."""

from __future__ import annotations

import pytest

from energy_grid.curves import Curve, Step
from energy_grid.model.refused import Refused
from energy_grid.model.signed_entry import SignedCurve, SkipReason
from energy_grid.model.zones import Halt, HaltScope
from energy_grid.products import Period, Product
from tests.offchain.model.scenario import OPERATOR, SLOT, ZONE, Neighbourhood

QUARTER = Product.auction(ZONE, Period.QUARTER_HOUR, SLOT)
HOUR = Product.auction(ZONE, Period.HOUR, SLOT)


@pytest.fixture
def hood() -> Neighbourhood:
    neighbourhood = Neighbourhood()
    for name in "AB":
        neighbourhood.member(name)
    return neighbourhood


def relay(hood: Neighbourhood, *items: SignedCurve) -> list[tuple[int, SkipReason]]:
    skipped = hood.market.trading.place_signed(items, hood.market.now)
    return [(one.index, one.reason) for one in skipped]


def signed(
    hood: Neighbourhood, signer: str | None, *steps: Step, ago: int = 0, product: Product = QUARTER
) -> SignedCurve:
    return SignedCurve(Curve(product, steps), hood.market.now - ago, signer)


def test_place_signed__good_orders__as_if_placed(hood: Neighbourhood) -> None:
    a, b = signed(hood, "A", Step.buy(100, 10)), signed(hood, "B", Step.sell(100, 20))

    assert relay(hood, a, b) == []

    curves = hood.market.trading.curves_in(QUARTER)
    assert (curves.buy_lots, curves.sell_lots) == ({100: 10}, {100: 20})
    assert hood.locked("A") == 1_000


def test_place_signed__the_same_again_or_an_older_one__superseded(hood: Neighbourhood) -> None:
    older = signed(hood, "A", Step.buy(100, 10), ago=10)
    newer = signed(hood, "A", Step.buy(100, 30), ago=5)

    assert relay(hood, newer) == []
    assert relay(hood, newer) == [(0, SkipReason.SUPERSEDED)]
    assert relay(hood, older) == [(0, SkipReason.SUPERSEDED)]
    assert hood.market.trading.curves_in(QUARTER).buy_lots == {100: 30}


def test_place_signed__empty__withdraws_and_what_it_replaced_stays_withdrawn(
    hood: Neighbourhood,
) -> None:
    order = signed(hood, "A", Step.buy(100, 10), ago=10)
    relay(hood, order)

    assert relay(hood, signed(hood, "A", ago=5)) == []

    assert hood.locked("A") == 0
    assert relay(hood, order) == [(0, SkipReason.SUPERSEDED)]


def test_place_signed__placed_on_chain_since__superseded(hood: Neighbourhood) -> None:
    order = signed(hood, "A", Step.buy(100, 10))
    hood.curve("A", QUARTER, Step.buy(50, 10))

    assert relay(hood, order) == [(0, SkipReason.SUPERSEDED)]
    hood.market.trading.cancel_curves("A", "A", [QUARTER.id], hood.market.now)
    assert relay(hood, order) == [(0, SkipReason.SUPERSEDED)]
    hood.market.advance(hood.market.now + 1)
    assert relay(hood, signed(hood, "A", Step.buy(100, 10))) == []


def test_void_signed_orders__what_was_signed_until_now_is_void(hood: Neighbourhood) -> None:
    standing = signed(hood, "A", Step.buy(100, 10), product=HOUR)
    relay(hood, standing)
    order = signed(hood, "A", Step.buy(100, 10))

    hood.market.trading.void_signed_orders("A", hood.market.now)

    assert relay(hood, order) == [(0, SkipReason.VOIDED)]
    assert hood.market.trading.curves_in(HOUR).buy_lots == {100: 10}
    hood.market.advance(hood.market.now + 1)
    assert relay(hood, signed(hood, "A", Step.buy(100, 10))) == []


def test_place_signed__one_bad_among_good__only_it_is_left_out(hood: Neighbourhood) -> None:
    good_a = signed(hood, "A", Step.buy(100, 10))
    good_b = signed(hood, "B", Step.sell(100, 20))
    bad = signed(hood, None, Step.buy(100, 10))

    assert relay(hood, good_a, bad, good_b) == [(1, SkipReason.SIGNATURE)]
    curves = hood.market.trading.curves_in(QUARTER)
    assert (curves.buy_lots, curves.sell_lots) == ({100: 10}, {100: 20})


def test_place_signed__every_reason(hood: Neighbourhood) -> None:
    hood.trader("rich", money=10**9)
    hood.trader("poor", money=1)
    hood.market.trading.set_reference_price(ZONE, 100_000)
    unopened = Product.auction(ZONE, Period.QUARTER_HOUR, SLOT + 96)
    future = SignedCurve(Curve(QUARTER, (Step.buy(100, 10),)), hood.market.now + 1, "A")

    for order, reason in [
        (signed(hood, "nobody", Step.buy(100, 10)), SkipReason.UNKNOWN_SIGNER),
        (future, SkipReason.FROM_THE_FUTURE),
        (signed(hood, "A", Step.buy(100, 10), product=unopened), SkipReason.PRODUCT),
        (signed(hood, "A", Step.buy(100, 10), product=QUARTER.in_zone(2)), SkipReason.ZONE),
        (signed(hood, "A", Step.buy(401, 10)), SkipReason.STEPS),
        (signed(hood, "A", Step.buy(1, 10)), SkipReason.COLLAR),
        (signed(hood, "A", Step.sell(100, 2_501)), SkipReason.CAPACITY),
        (signed(hood, OPERATOR, Step.buy(100, 10)), SkipReason.ACCOUNT),
        (signed(hood, "poor", Step.buy(100, 10)), SkipReason.FUNDS),
    ]:
        assert relay(hood, order) == [(0, reason)]
    halt = Halt(HaltScope.PLACE, SLOT, SLOT + 1, hood.market.now + 60)
    hood.market.trading.zone(ZONE).add_halt(halt, hood.market.now)
    assert relay(hood, signed(hood, "A", Step.buy(100, 10))) == [(0, SkipReason.HALTED)]
    assert hood.market.trading.curves == {}
    assert hood.locked("A") == 0


def test_place_signed__during_the_extension__only_additions(hood: Neighbourhood) -> None:
    hood.market.trading.set_reference_price(ZONE, 100_000)
    hood.curve("A", HOUR, Step.buy(151, 100))
    hood.curve("B", HOUR, Step.sell(151, 100))
    hood.market.advance(HOUR.gate_at)
    assert hood.clear(HOUR) is None
    hood.market.advance(HOUR.gate_at + 1)

    less = signed(hood, "A", Step.buy(151, 99), product=HOUR)
    more = signed(hood, "A", Step.buy(151, 101), product=HOUR)

    assert relay(hood, less) == [(0, SkipReason.ADDITIONS)]
    assert relay(hood, more) == []


def test_place_signed__orders_of_one_account_apart__refused_if_it_cannot_pay_for_all(
    hood: Neighbourhood,
) -> None:
    hood.trader("T", money=7_000)
    batch = [
        signed(hood, "T", Step.buy(100, 20)),
        signed(hood, "B", Step.buy(100, 10)),
        signed(hood, "T", Step.buy(100, 10), product=HOUR),
    ]
    dearer = signed(hood, "T", Step.buy(100, 13), product=HOUR)

    with pytest.raises(Refused, match="SignerSplit"):
        relay(hood, batch[0], batch[1], dearer)
    assert hood.market.trading.curves == {}
    assert relay(hood, batch[0], dearer, batch[1]) == [(1, SkipReason.FUNDS)]
    assert relay(hood, batch[2]) == []
    assert hood.locked("T") == 2_000 + 4_000

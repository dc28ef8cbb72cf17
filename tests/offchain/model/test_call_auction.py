"""The call auction of the reference model: examples by hand, then against brute force."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from energy_grid.curves import Step
from energy_grid.ids import Side
from energy_grid.model.auction_record import AuctionResult
from energy_grid.model.call_auction import (
    Curves,
    Interval,
    clearing_interval,
    clears,
    is_clearing_interval,
    outcome,
)

BUY, SELL = Side.BUY, Side.SELL
FIRST, LAST = 1, 12

Order = tuple[int, Side, int, int]  # account, side, tick, lots


@dataclass
class CallAuction:
    """One auction by itself: orders of any size, and the result's rule for each of them."""

    positions: dict[tuple[int, Side, int], int] = field(default_factory=dict)
    clearing: AuctionResult | None = None

    def curves(self) -> Curves:
        lots: dict[Side, dict[int, int]] = {BUY: {}, SELL: {}}
        for (_, side, tick), more in self.positions.items():
            lots[side][tick] = lots[side].get(tick, 0) + more
        return Curves(lots[BUY], lots[SELL], FIRST, LAST)

    def clear(self, low: int, high: int) -> AuctionResult:
        assert is_clearing_interval(self.curves(), low, high)
        self.clearing = outcome(self.curves(), Interval(low, high))
        return self.clearing

    def claim(self, account: int, side: Side, tick: int) -> int:
        assert self.clearing is not None
        steps = (Step(side, tick, self.positions[(account, side, tick)]),)
        seen = self.clearing.fill(steps, for_good=False)
        fill = self.clearing.fill(steps, for_good=True)
        assert seen == fill, "what is looked at is what is claimed next"
        assert not fill.lots or (fill.side, fill.price_per_kwh // 1_000) == (
            side,
            self.clearing.price_tick,
        )
        return fill.lots


def auction_of(orders: Sequence[Order]) -> CallAuction:
    auction = CallAuction()
    for account, side, tick, lots in orders:
        key = (account, side, tick)
        auction.positions[key] = auction.positions.get(key, 0) + lots
    return auction


def clear_rightly(auction: CallAuction) -> None:
    interval = clearing_interval(auction.curves())
    auction.clear(interval.low, interval.high)


orders_strategy = st.lists(
    st.tuples(
        st.integers(1, 6),
        st.sampled_from([BUY, SELL]),
        st.integers(FIRST, LAST),
        st.integers(10, 60),
    ),
    max_size=14,
)


# --- by hand ---


def test_clear__one_buyer_one_seller__meet_in_the_middle() -> None:
    auction = auction_of([(1, BUY, 9, 100), (2, SELL, 4, 100)])

    clearing = auction.clear(4, 9)

    # Any price from 4 to 9 pleases both; the middle of 4 and 9 is 6.5, rounded down to tick 6.
    assert clearing.price_tick == 6
    assert clearing.bought_lots == 100
    assert auction.claim(1, BUY, 9) == 100
    assert auction.claim(2, SELL, 4) == 100


def test_clear__short_supply__price_rises_to_the_marginal_buyer_who_is_rationed() -> None:
    # 100 lots for sale; 60 wanted at 10, another 80 wanted at 7: the last 40 go to those at 7.
    auction = auction_of([(1, BUY, 10, 60), (2, BUY, 7, 50), (3, BUY, 7, 30), (4, SELL, 2, 100)])

    clearing = auction.clear(7, 7)

    assert clearing.price_tick == 7
    assert clearing.bought_lots == 100
    assert auction.claim(1, BUY, 10) == 60
    assert auction.claim(2, BUY, 7) == 25  # 40 * 50 / 80
    assert auction.claim(3, BUY, 7) == 15  # 40 * 30 / 80
    assert auction.claim(4, SELL, 2) == 100


def test_clear__thirds__cursor_gives_the_remainder_to_nobody_twice() -> None:
    auction = auction_of([(1, SELL, 5, 10), (2, SELL, 5, 10), (3, SELL, 5, 10), (4, BUY, 5, 20)])
    auction.clear(5, 5)

    fills = [auction.claim(account, SELL, 5) for account in (3, 1, 2)]

    assert fills == [6, 7, 7]


def test_clear__nothing_crosses__closes_without_a_price() -> None:
    auction = auction_of([(1, BUY, 3, 10), (2, SELL, 8, 10)])

    clearing = auction.clear(3, 8)

    assert not clearing.publishes_price
    assert clearing.bought_lots == 0
    assert auction.claim(1, BUY, 3) == 0
    assert auction.claim(2, SELL, 8) == 0


def test_clear__no_orders__whole_range_clears_nothing() -> None:
    assert not CallAuction().clear(FIRST, LAST).publishes_price


def test_is_clearing_interval__narrowed_widened_or_shifted__refused() -> None:
    auction = auction_of([(1, BUY, 9, 100), (2, SELL, 4, 100)])

    for low, high in [(4, 8), (5, 9), (3, 9), (4, 10), (9, 4), (0, 9), (4, LAST + 1)]:
        assert not is_clearing_interval(auction.curves(), low, high)
    assert is_clearing_interval(auction.curves(), 4, 9)


# --- against brute force ---


def volume_by_pairing(curves: Curves, price: int) -> int:
    """Traded volume counted lot by lot: pair willing buyers and sellers until one side is out."""
    buyers = [1 for tick, lots in curves.buy_lots.items() if tick >= price for _ in range(lots)]
    sellers = [1 for tick, lots in curves.sell_lots.items() if tick <= price for _ in range(lots)]
    return len(list(zip(buyers, sellers, strict=False)))


@given(orders_strategy)
def test_clearing_interval__any_book__volume_is_largest_exactly_there(
    orders: list[Order],
) -> None:
    curves = auction_of(orders).curves()
    every_tick = range(FIRST, LAST + 1)
    largest = max(volume_by_pairing(curves, tick) for tick in every_tick)

    interval = clearing_interval(curves)

    for tick in every_tick:
        inside = interval.low <= tick <= interval.high
        assert inside == clears(curves, tick), "the clearing prices form one interval"
        if inside:
            assert volume_by_pairing(curves, tick) == curves.traded(tick) == largest


@given(orders_strategy)
def test_is_clearing_interval__every_possible_proposal__only_the_right_one_passes(
    orders: list[Order],
) -> None:
    curves = auction_of(orders).curves()
    right = clearing_interval(curves)

    accepted = [
        Interval(low, high)
        for low in range(FIRST - 1, LAST + 2)
        for high in range(FIRST - 1, LAST + 2)
        if is_clearing_interval(curves, low, high)
    ]

    assert accepted == [right]


@given(orders_strategy, st.randoms(use_true_random=False))
def test_claim__any_order_of_claims__limits_held_nobody_envies_books_balance(
    orders: list[Order], random: object
) -> None:
    auction = auction_of(orders)
    clear_rightly(auction)
    assert auction.clearing is not None
    price = auction.clearing.price_tick if auction.clearing.publishes_price else None
    keys = list(auction.positions)
    random.shuffle(keys)  # type: ignore[attr-defined]

    fills = {key: auction.claim(*key) for key in keys}

    bought = sum(fill for (_, side, _), fill in fills.items() if side is BUY)
    sold = sum(fill for (_, side, _), fill in fills.items() if side is SELL)
    assert bought == sold == auction.clearing.bought_lots == auction.clearing.sold_lots
    rationed_sides = set()
    for (account, side, tick), fill in fills.items():
        wanted = auction.positions[(account, side, tick)]
        assert 0 <= fill <= wanted
        if price is None:
            assert fill == 0
            continue
        better = tick > price if side is BUY else tick < price
        worse = tick < price if side is BUY else tick > price
        if better:
            assert fill == wanted, "strictly better than the price is filled in full"
        elif worse:
            assert fill == 0, "a limit is never broken"
        elif fill < wanted:
            rationed_sides.add(side)
            curves = auction.curves()
            at_price = (curves.buy_lots if side is BUY else curves.sell_lots)[price]
            first = curves.buyers_above(price) if side is BUY else curves.sellers_below(price)
            exact_numerator = wanted * (auction.clearing.bought_lots - first)
            assert abs(fill * at_price - exact_numerator) < at_price, "within one lot"
    assert len(rationed_sides) <= 1, "only one side can be rationed"


@given(orders_strategy, st.randoms(use_true_random=False))
def test_clear__orders_placed_in_another_order__same_outcome(
    orders: list[Order], random: object
) -> None:
    one = auction_of(orders)
    shuffled = list(orders)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    other = auction_of(shuffled)

    clear_rightly(one)
    clear_rightly(other)

    assert one.clearing == other.clearing

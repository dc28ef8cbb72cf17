"""The call auction on chain against the slow reference (I-16, I-17, I-19).

Random books of curves on a window of 64 ticks, with replacements and cancellations. For each: of
all proposals that could be right the contract accepts exactly one, that of the reference; its price
trades the largest volume; limits and priorities hold; whoever claims first, the fills add up to the
volume exactly; money beyond the fill comes back exactly.

branches:
├── nobody crosses (one side empty, or both) → volume 0, no price
├── one clearing price → rationed buys / rationed sells / nobody
├── many clearing prices → middle, on an order's tick or between two
└── fills → by claim, or taken by settlement, in any order
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from energy_grid.curves import Step
from energy_grid.ids import Side
from energy_grid.model.call_auction import Curves, clearing_interval, outcome
from energy_grid.model.cursor import Sharing
from energy_grid.products import Product
from tests.utils.auction_market import (
    ANYBODY,
    FIRST_TICK,
    GOVERNOR,
    LAST_TICK,
    MONDAY,
    Account,
    AuctionMarket,
    fill_lock,
    steps_lock,
)
from tests.utils.revm import Refused

WINDOW = range(480, 544)
ACCOUNTS = 6


@dataclass(frozen=True)
class Book:
    """What happens before the gate, and in which order fills are asked for afterwards.

    Attributes:
        entries: account number and its new curve (none cancels), one after the other.
        claiming: numbers of all accounts in some order.
        settled: accounts whose fill settlement takes, without a claim.
    """

    entries: tuple[tuple[int, tuple[Step, ...]], ...]
    claiming: tuple[int, ...]
    settled: frozenset[int]

    def final(self) -> dict[int, tuple[Step, ...]]:
        """The curves that stand at the gate."""
        return {account: steps for account, steps in dict(self.entries).items() if steps}


@st.composite
def curves(draw: st.DrawFn) -> tuple[Step, ...]:
    """A canonical curve. Ticks and lots are few, so that they often meet; buyers, sellers and
    accounts that are both are equally likely."""
    spread = draw(st.sampled_from([3, 12, len(WINDOW)]))
    first = WINDOW.start + (len(WINDOW) - spread) // 2
    ticks = st.integers(first, first + spread - 1)
    chosen = sorted(draw(st.sets(ticks, min_size=1, max_size=min(4, spread))))
    buys = draw(st.sampled_from([0, len(chosen) // 2, len(chosen)]))
    lots = st.sampled_from([10, 10, 20, 30, 6_000_000]) | st.integers(10, 40)
    return tuple(
        Step(Side.BUY if index < buys else Side.SELL, tick, draw(lots))
        for index, tick in enumerate(chosen)
    )


@st.composite
def books(draw: st.DrawFn) -> Book:
    """A book of up to six accounts, with replacements and cancellations."""
    account = st.integers(0, ACCOUNTS - 1)
    numbers = draw(st.integers(0, ACCOUNTS))
    entries = [(number, draw(curves())) for number in range(numbers)]
    entries += draw(st.lists(st.tuples(account, curves() | curves() | st.just(())), max_size=4))
    return Book(
        tuple(entries),
        tuple(draw(st.permutations(range(ACCOUNTS)))),
        draw(st.frozensets(account)),
    )


@cache
def stage() -> tuple[AuctionMarket, tuple[Account, ...], Product]:
    """One market for all books; each goes back to where it found it."""
    market = AuctionMarket()
    accounts = tuple(market.enrol(free=10**20) for _ in range(ACCOUNTS))
    return market, accounts, market.product(MONDAY)


def levels_of(book: Book) -> Curves:
    """Demand and supply at the gate."""
    lots: dict[Side, dict[int, int]] = {Side.BUY: {}, Side.SELL: {}}
    for steps in book.final().values():
        for step in steps:
            of_side = lots[step.side]
            of_side[step.limit_tick] = of_side.get(step.limit_tick, 0) + step.lots
    return Curves(lots[Side.BUY], lots[Side.SELL], FIRST_TICK, LAST_TICK)


def rivals(levels: Curves, low: int, high: int) -> set[tuple[int, int]]:
    """All proposals between ticks at which something stands or changes, the right one among them.

    What the contract asks changes only at orders: a proposal with an end between two orders, next
    neither to one nor to the true ends, is answered like its neighbours.
    """
    ticks = {FIRST_TICK, LAST_TICK, *levels.buy_lots, *levels.sell_lots}
    for tick in (low, high, (low + high) // 2):
        ticks |= {tick - 1, tick, tick + 1}
    inside = sorted(tick for tick in ticks if FIRST_TICK <= tick <= LAST_TICK)
    return {(one, other) for one in inside for other in inside if one <= other}


def accepted(market: AuctionMarket, product: Product, low: int, high: int) -> bool:
    """Whether the contract takes a proposal; the state stays as it was."""
    before = market.chain.snapshot()
    try:
        market.clear(product, low, high)
    except Refused as refusal:
        assert (refusal.name, refusal.arguments) == (
            "NotTheClearingInterval",
            {"lowTick": low, "highTick": high},
        )
        return False
    else:
        return True
    finally:
        market.chain.revert(before)


def play(book: Book) -> None:
    """Place, clear, claim and compare."""
    market, accounts, product = stage()
    before = market.chain.snapshot()
    try:
        market.at_gate(product, -1_000)
        for number, steps in book.entries:
            market.place(accounts[number], product, *steps)
        market.at_gate(product, 400)
        check_clearing(book, market, product)
        check_fills(book, market, accounts, product)
    finally:
        market.chain.revert(before)


def check_clearing(book: Book, market: AuctionMarket, product: Product) -> None:
    """One proposal is right, and it trades the most that any price could."""
    levels = levels_of(book)
    interval = clearing_interval(levels)
    right = {
        pair
        for pair in rivals(levels, interval.low, interval.high)
        if accepted(market, product, *pair)
    }
    assert right == {(interval.low, interval.high)}

    market.clear(product, interval.low, interval.high)

    result = market.result(product)
    most = max(
        levels.traded(tick) for tick in {interval.midpoint, *levels.buy_lots, *levels.sell_lots}
    )
    assert result.cleared
    assert result.boughtLots == result.soldLots == most
    assert result.priceTick == (interval.midpoint if most else 0)
    event(
        f"rationed: {('sells' if result.rationedSell else 'buys') if result.tickLots else 'none'}"
    )
    event("no trade" if not most else "one price" if interval.low == interval.high else "interval")


def check_fills(
    book: Book, market: AuctionMarket, accounts: tuple[Account, ...], product: Product
) -> None:
    """Fills as the reference gives them in this order, and not a unit of money lost."""
    levels = levels_of(book)
    agreed = outcome(levels, clearing_interval(levels))
    price = agreed.price_tick if agreed.publishes_price else 0
    standing = book.final()
    length = product.period.slots
    traded = {Side.BUY: 0, Side.SELL: 0}
    for number in book.claiming:
        account, steps = accounts[number], standing.get(number, ())
        expected = {
            side: sum(fill_of(step, price, agreed.sharing) for step in steps if step.side is side)
            for side in Side
        }
        assert 0 in expected.values(), "a curve can fill on one side only"
        side = Side.SELL if expected[Side.SELL] else Side.BUY
        lots = expected[side]
        for step in steps:  # limits and priorities: no worse order trades, every better one in full
            if price and (step.limit_tick - price) * (1 if step.side is Side.BUY else -1) > 0:
                assert lots >= step.lots and side is step.side
        free, locked = market.balances(account)
        assert locked == steps_lock(steps) * length
        if number in book.settled:
            take(market, account, product)
        else:
            fills = market.claim(product, [account])
            assert [(f.account_id, f.side, f.lots) for f in fills] == (
                [(account.id, side, lots)] if steps else []
            )
            kept = fill_lock(side, lots, price) * length
            assert market.balances(account) == (free + locked - kept, kept)
        position = market.position(account, product.start_slot + length - 1)
        assert (position["boughtWh"], position["soldWh"]) == (
            expected[Side.BUY],
            expected[Side.SELL],
        )
        assert (position["cost"], position["proceeds"]) == (
            expected[Side.BUY] * price,
            expected[Side.SELL] * price,
        )
        assert market.claim(product, [account]) == [], "nobody claims twice"
        traded[side] += lots
    assert traded[Side.BUY] == traded[Side.SELL] == agreed.bought_lots == agreed.sold_lots


def fill_of(step: Step, price: int, sharing: Mapping[Side, Sharing]) -> int:
    """Lots of one step, the next to ask for its fill."""
    if not price or step.limit_tick == price:
        return sharing[step.side].take(step.lots) if price else 0
    better = step.limit_tick > price if step.side is Side.BUY else step.limit_tick < price
    return step.lots if better else 0


def take(market: AuctionMarket, account: Account, product: Product) -> None:
    """Let the ledger settle the account past the first slot of the product."""
    until = product.start_slot + 1
    market.ledger.send(GOVERNOR, "setFinalUntil", until)
    market.ledger.send(ANYBODY, "settleUpTo", account.address, until)


def differential(examples: int) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Hypothesis with a number of books of its own."""
    return settings(
        max_examples=examples,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )


@differential(250)
@given(books())
def test_clear__random_books__as_the_reference(book: Book) -> None:
    play(book)


@pytest.mark.deep
@pytest.mark.timeout(0)
@differential(20_000)
@given(books())
def test_clear__twenty_thousand_books__as_the_reference(book: Book) -> None:
    play(book)

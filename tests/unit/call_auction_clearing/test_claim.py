"""`claim(product, accounts)` and `claimProducts(account, products)`.

branches:
├── neither cleared nor void → NotCleared (claim), skipped (claimProducts)
├── no auction product → SessionUnavailable
├── account without curve, not enrolled, claimed before, named twice → skipped
├── settlement has reached the product → skipped
├── fill fixed by settlement, then claimed before it got further → that fill
├── claimed → lock trimmed to the fill, event, cursor moved
└── void (delivery started, not cleared) → everything released
"""

from __future__ import annotations

import pytest

from energy_grid.curves import Step
from energy_grid.ids import Side
from energy_grid.products import Product
from tests.utils.auction_market import (
    ANYBODY,
    FREE,
    GOVERNOR,
    MONDAY,
    Account,
    AuctionMarket,
    Fill,
    fill_lock,
    steps_lock,
)
from tests.utils.revm import Refused

buy, sell = Step.buy, Step.sell
HOUR_SLOTS = 4


@pytest.fixture
def cleared(
    market: AuctionMarket,
    product: Product,
    anna: Account,
    ben: Account,
    cleo: Account,
    dora: Account,
) -> Product:
    """Price 100, volume 70: anna buys 70 (of 90), ben sells 40, cleo and dora share 30 of 50."""
    market.place(anna, product, buy(50, 20), buy(120, 70), sell(200, 10))
    market.place(ben, product, sell(80, 40))
    market.place(cleo, product, sell(100, 20), sell(150, 10))
    market.place(dora, product, sell(100, 30))
    market.at_gate(product)
    market.clear(product, 100, 100)
    return product


def test_claim__everybody__fills_and_money_exact(
    market: AuctionMarket,
    cleared: Product,
    anna: Account,
    ben: Account,
    cleo: Account,
    dora: Account,
) -> None:
    everybody = [anna, ben, cleo, dora]
    fills = market.claim(cleared, everybody)

    assert fills == [
        Fill(anna.id, Side.BUY, 70),
        Fill(ben.id, Side.SELL, 40),
        Fill(cleo.id, Side.SELL, 12),
        Fill(dora.id, Side.SELL, 18),
    ]
    for account, fill in zip(everybody, fills, strict=True):
        locked = fill_lock(fill.side, fill.lots, 100) * HOUR_SLOTS
        assert market.balances(account) == (FREE - locked, locked)
        view = market.market.ask("curveOf", account.id, cleared.id)
        assert (view.filledLots, view.filledTick) == (fill.lots, 100)
        assert view.filledSell == (fill.side is Side.SELL)
        assert view.lockedPerSlot * HOUR_SLOTS == locked


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (3, 2, 1, 0), (2, 0, 3, 1)])
def test_claim__any_order__fills_add_up(
    market: AuctionMarket, cleared: Product, order: tuple[int, ...]
) -> None:
    fills = [market.claim(cleared, [market.accounts[number]])[0] for number in order]
    assert sum(fill.lots for fill in fills if fill.side is Side.SELL) == 70
    assert sum(fill.lots for fill in fills if fill.side is Side.BUY) == 70


def test_claim__again_or_twice_in_one_call__once(
    market: AuctionMarket, cleared: Product, cleo: Account, dora: Account
) -> None:
    assert [fill.account_id for fill in market.claim(cleared, [cleo, cleo, dora])] == [
        cleo.id,
        dora.id,
    ]
    before = market.balances(cleo)
    assert market.claim(cleared, [cleo]) == []
    assert market.balances(cleo) == before


def test_claim__nothing_to_claim__skipped_without_an_event(
    market: AuctionMarket, cleared: Product
) -> None:
    stranger = Account(ANYBODY, 0, 0)
    assert market.claim(cleared, [market.accounts[4], stranger]) == []
    assert market.claim(cleared, []) == []


def test_claim__cancelled_curve__skipped(
    market: AuctionMarket, product: Product, anna: Account
) -> None:
    market.place(anna, product, buy(100, 20))
    market.place(anna, product)
    market.at_gate(product)
    market.clear(product, 1, 1023)
    assert market.claim(product, [anna]) == []
    assert market.balances(anna) == (FREE, 0)


def test_claim__not_cleared__refused_until_delivery_starts(
    market: AuctionMarket, product: Product, anna: Account
) -> None:
    market.place(anna, product, buy(100, 20))
    market.chain.at(product.starts_at - 1)
    with pytest.raises(Refused) as caught:
        market.claim(product, [anna])
    assert (caught.value.name, caught.value.arguments) == ("NotCleared", {"product": product.id})
    assert market.balances(anna)[1] == steps_lock([buy(100, 20)]) * HOUR_SLOTS


def test_claim__void__everything_released(
    market: AuctionMarket, product: Product, anna: Account, ben: Account
) -> None:
    market.place(anna, product, buy(100, 20), sell(101, 30))
    market.place(ben, product, sell(90, 20))
    market.chain.at(product.starts_at)

    fills = market.claim(product, [anna, ben])

    assert [fill.lots for fill in fills] == [0, 0]
    assert market.balances(anna) == market.balances(ben) == (FREE, 0)
    assert market.claim(product, [anna, ben]) == []


def test_claim__no_auction_product__refused(market: AuctionMarket, cleared: Product) -> None:
    with pytest.raises(Refused, match="SessionUnavailable"):
        market.market.send(ANYBODY, "claim", cleared.id | 1 << 32, [])


def settle(market: AuctionMarket, account: Account, until: int) -> None:
    market.ledger.send(GOVERNOR, "setFinalUntil", until)
    market.ledger.send(ANYBODY, "settleUpTo", account.address, until)


def test_claim__settlement_has_begun_to_release__skipped(
    market: AuctionMarket, cleared: Product, cleo: Account, dora: Account
) -> None:
    settle(market, cleo, MONDAY + 1)
    before = market.balances(cleo)
    assert [fill.account_id for fill in market.claim(cleared, [cleo, dora])] == [dora.id]
    assert market.balances(cleo) == before


def test_claim__after_settlement_up_to_the_product__claimed(
    market: AuctionMarket, cleared: Product, cleo: Account
) -> None:
    settle(market, cleo, MONDAY)
    assert [fill.account_id for fill in market.claim(cleared, [cleo])] == [cleo.id]


def test_claim__never__settlement_alone_gives_the_same_money(
    market: AuctionMarket, cleared: Product
) -> None:
    claimers, others = market.accounts[:2], market.accounts[2:4]
    market.claim(cleared, claimers)
    for account in [*claimers, *others]:
        settle(market, account, MONDAY + HOUR_SLOTS)
    for account, side, lots in zip(
        market.accounts, (Side.BUY, Side.SELL, Side.SELL, Side.SELL), (70, 40, 12, 18), strict=False
    ):
        value = lots * 100 * HOUR_SLOTS
        free, locked = market.balances(account)
        assert locked == 0
        if side is Side.SELL:
            assert free == FREE + value
        else:
            fees = FREE - value - free
            assert fees == 70 * 20 * HOUR_SLOTS + value * 25 // 10_000
    assert market.ledger.ask("clearing") == 0


def test_claim_products__several__one_release(
    market: AuctionMarket, anna: Account, ben: Account
) -> None:
    hours = [market.product(MONDAY + 4 * number) for number in range(4)]
    market.at_gate(hours[0], -60)
    for number, hour in enumerate(hours):
        market.place(anna, hour, buy(100 + number, 50))
        market.place(ben, hour, sell(90, 30))
    for hour in hours[:2]:
        market.at_gate(hour, 300)
        number = hours.index(hour)
        market.clear(hour, 100 + number, 100 + number)
    # The third is not cleared and not void yet; the fourth is claimed twice; nothing in the last.
    empty = market.product(MONDAY + 100)

    claimed = market.market.send(
        ANYBODY,
        "claimProducts",
        anna.address,
        [hours[0].id, hours[2].id, hours[1].id, hours[1].id, empty.id],
    )

    assert claimed == 2
    (event,) = market.market.events("ProductsClaimed")
    assert event.accountId == anna.id
    words = [int.from_bytes(event.claims[at : at + 11]) for at in range(0, len(event.claims), 11)]
    assert words == [hour.id << 32 | Side.BUY << 31 | 30 for hour in hours[:2]]
    locked = sum(fill_lock(Side.BUY, 30, 100 + number) for number in range(2))
    locked += sum(steps_lock([buy(100 + number, 50)]) for number in (2, 3))
    assert market.balances(anna) == (FREE - locked * HOUR_SLOTS, locked * HOUR_SLOTS)


def test_claim_products__nothing__no_event(market: AuctionMarket, product: Product) -> None:
    assert market.market.send(ANYBODY, "claimProducts", ANYBODY, [product.id]) == 0
    assert market.market.events("ProductsClaimed") == []


def test_claim_products__void__released(
    market: AuctionMarket, product: Product, anna: Account
) -> None:
    market.place(anna, product, buy(100, 20))
    market.chain.at(product.starts_at)
    assert market.market.send(ANYBODY, "claimProducts", anna.address, [product.id]) == 1
    assert market.balances(anna) == (FREE, 0)


def test_claim_products__no_auction_product__refused(
    market: AuctionMarket, cleared: Product, anna: Account
) -> None:
    with pytest.raises(Refused, match="SessionUnavailable"):
        market.market.send(ANYBODY, "claimProducts", anna.address, [cleared.id | 1 << 32])

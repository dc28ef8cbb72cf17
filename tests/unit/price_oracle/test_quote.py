"""quote, noteAuctions, price
├── all inputs there: as the Python core computes it; market's reference and slot quote; on record
├── an input missing: factor 1 and a flag; without demand or supply no slot quote
├── stability source: none, good, odd answers, failing, all gas, starved by the caller
├── base: moved by each auction once, in order, from delivery on; whoever calls, however often
├── behind by more than 8 slots: flagged, no slot quote, caught up by noteAuctions
├── step limit and bounds
├── once a slot; not while frozen; not for a zone that is not open
└── reads: never revert, STALE and FROZEN
"""

from __future__ import annotations

import pytest

from energy_grid.feeds import FeedStatus
from energy_grid.pricing import (
    AuctionPrice,
    PriceFlag,
    base_of,
    move_accumulator,
)
from energy_grid.products import Period
from tests.unit.price_oracle.stage import (
    BASE,
    FORMULA,
    START,
    PricedMarket,
    expected_quote,
)
from tests.utils.auction_market import ANYBODY, GOVERNOR, GUARDIAN, TICK_SIZE, ZONE
from tests.utils.revm import Contract, Refused

NO_SCORE = PriceFlag.STABILITY_MISSING


def score_source(stage: PricedMarket) -> Contract:
    source = stage.chain.deploy("MockStabilityScore")
    stage.rule("setStabilitySource", source.address)
    return source


def words(*values: int) -> bytes:
    return b"".join(value.to_bytes(32) for value in values)


def test_quote__all_there__as_computed_and_told_to_the_market(stage: PricedMarket) -> None:
    stage.feed(130_000, 80_000, 100_000)

    price, flags = stage.quote()

    slot = START + 1
    expected = expected_quote(slot, 130_000, 80_000, 100_000)
    assert (price, flags) == (expected.price_per_kwh, NO_SCORE)
    (event,) = stage.oracle.events("ZoneQuoted")
    assert (event.zone, event.slot, event.status) == (ZONE, slot, FeedStatus.OK)
    assert tuple(event.quote) == (
        price,
        expected.demand_factor_bps,
        expected.supply_factor_bps,
        expected.time_factor_bps,
        expected.stability_factor_bps,
        NO_SCORE,
    )
    assert (event.inputs.demandW, event.inputs.base, event.inputs.previous) == (130_000, BASE, 0)
    assert stage.market.ask("referencePrice", ZONE) == (price, stage.chain.now)
    assert stage.market.ask("slotQuote", ZONE, slot) == price
    assert stage.price() == (price, stage.chain.now, FeedStatus.OK)
    kept = stage.oracle.ask("quoteOf", ZONE, slot)
    assert (kept.slot, kept.quotedAt, kept.pricePerKWh) == (slot, stage.chain.now, price)
    assert (kept.demandFactorBps, kept.flags) == (expected.demand_factor_bps, NO_SCORE)
    assert stage.oracle.ask("quoteOf", ZONE, slot + 672).slot == 0


@pytest.mark.parametrize(
    ("fed", "flags", "status"),
    [
        ((None, 80_000, 90_000), PriceFlag.DEMAND_MISSING, FeedStatus.UNCERTAIN),
        ((120_000, None, 90_000), PriceFlag.SUPPLY_MISSING, FeedStatus.UNCERTAIN),
        ((120_000, 80_000, None), PriceFlag.FORECAST_MISSING, FeedStatus.OK),
        (
            (None, None, None),
            PriceFlag.DEMAND_MISSING | PriceFlag.SUPPLY_MISSING | PriceFlag.FORECAST_MISSING,
            FeedStatus.UNCERTAIN,
        ),
    ],
)
def test_quote__input_missing__counts_as_one_and_is_flagged(
    stage: PricedMarket,
    fed: tuple[int | None, int | None, int | None],
    flags: PriceFlag,
    status: FeedStatus,
) -> None:
    stage.feed(*fed)

    price, told = stage.quote()

    assert told == flags | NO_SCORE
    assert price == expected_quote(START + 1, *fed).price_per_kwh
    assert stage.price()[2] == status
    assert stage.market.ask("referencePrice", ZONE)[0] == price
    slot_quote = price if status is FeedStatus.OK else 0
    assert stage.market.ask("slotQuote", ZONE, START + 1) == slot_quote


def test_quote__feeds_too_old__missing(stage: PricedMarket) -> None:
    stage.feed(120_000, 80_000, 90_000)
    stage.chain.at(stage.chain.now + 1_350)

    _, flags = stage.quote()

    assert flags >= PriceFlag.DEMAND_MISSING | PriceFlag.SUPPLY_MISSING
    assert flags & PriceFlag.FORECAST_MISSING


# --- stability ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "score"),
    [
        (words(10_000, 0, 0), 10_000),
        (words(4_000, 0, 0), 4_000),
        (words(0, 0, 5), 0),
        (words(4_000, 0, 0, 9, 9), 4_000),
        (words(4_000, 0, 1), None),
        (words(4_000, 0, 3), None),
        (words(10_001, 0, 0), None),
        (words(4_000, 0, 2**255), None),
        (words(4_000, 0), None),
        (b"", None),
    ],
)
def test_quote__stability_source__trusted_or_missing(
    stage: PricedMarket, answer: bytes, score: int | None
) -> None:
    stage.feed(100_000, 100_000, 100_000)
    score_source(stage).send(ANYBODY, "set", answer, False)

    price, flags = stage.quote()

    assert price == expected_quote(START + 1, 100_000, 100_000, 100_000, score=score).price_per_kwh
    assert bool(flags & NO_SCORE) == (score is None)


def test_quote__stability_source_burns_all_gas__missing(stage: PricedMarket) -> None:
    stage.feed(100_000, 100_000, 100_000)
    score_source(stage).send(ANYBODY, "set", b"", True)

    price, flags = stage.quote()

    assert (price, flags) == (BASE, NO_SCORE)


def test_quote__caller_starves_the_stability_source__refused(stage: PricedMarket) -> None:
    stage.feed(100_000, 100_000, 100_000)
    score_source(stage).send(ANYBODY, "set", words(4_000, 0, 0), False)
    outcomes: set[str | int] = set()
    for gas in range(60_000, 420_000, 7_000):
        snapshot = stage.chain.snapshot()
        try:
            answer = stage.oracle.send(ANYBODY, "quote", ZONE, gas=gas)
            outcomes.add(answer[1] & NO_SCORE)
        except Refused as refused:
            outcomes.add(refused.name)
        stage.chain.revert(snapshot)
    assert outcomes == {"TooLittleGas", 0}, "never quoted as if the source were broken"


# --- base -----------------------------------------------------------------------------------------


def test_quote__auctions__move_the_base_once_each_in_order(stage: PricedMarket) -> None:
    hour = START + 12 - START % 4
    products = [
        stage.product(hour, Period.QUARTER_HOUR),
        stage.product(hour, Period.HOUR),
        stage.product(hour + 1, Period.QUARTER_HOUR),
    ]
    trades = dict(zip(products, ((150, 40_000), (300, 10_000), (400, 200_000)), strict=True))
    for product in sorted(products, key=lambda product: product.gate_at):
        stage.trade(product, *trades[product])
    stage.chain.at((hour + 1) * 900 + 5)

    assert stage.oracle.send(ANYBODY, "noteAuctions", ZONE, 10_000) == hour + 2

    accumulator = BASE * 10_000
    events = stage.oracle.events("BaseMoved")
    assert [event.product for event in events] == [product.id for product in products]
    for product, event in zip(products, events, strict=True):
        tick, lots = trades[product]
        traded = AuctionPrice(tick * TICK_SIZE, lots * product.slot_count)
        accumulator = move_accumulator(accumulator, traded, FORMULA, tick=TICK_SIZE)
        assert (event.pricePerKWh, event.volumeWh, event.accumulator) == (
            tick * TICK_SIZE,
            traded.volume_wh,
            accumulator,
        )
    assert stage.oracle.ask("basePrice", ZONE) == base_of(accumulator, tick=TICK_SIZE)
    assert stage.oracle.send(ANYBODY, "noteAuctions", ZONE, 10_000) == hour + 2
    assert stage.oracle.events("BaseMoved") == []
    stage.feed(100_000, 100_000, 100_000)
    price, _ = stage.quote()
    assert price == base_of(accumulator, tick=TICK_SIZE)


def test_note_auctions__delivery_not_started__waits(stage: PricedMarket) -> None:
    product = stage.product(START + 4 - START % 4 + 4, Period.HOUR)
    stage.trade(product, 400, 200_000)
    stage.chain.at(product.start_slot * 900 - 1)

    stage.oracle.send(ANYBODY, "noteAuctions", ZONE, 10_000)
    assert stage.oracle.ask("basePrice", ZONE) == BASE

    stage.chain.at(product.start_slot * 900)
    stage.oracle.send(ANYBODY, "noteAuctions", ZONE, 10_000)
    assert stage.oracle.ask("basePrice", ZONE) == BASE + (400 * TICK_SIZE - BASE) // 10


def test_quote__far_behind__flagged_until_caught_up(stage: PricedMarket) -> None:
    stage.chain.at((START + 20) * 900)
    stage.feed(100_000, 100_000, 100_000)

    _, flags = stage.quote()

    assert flags == PriceFlag.BASE_BEHIND | NO_SCORE
    assert stage.price()[2] == FeedStatus.UNCERTAIN
    assert stage.market.ask("slotQuote", ZONE, START + 21) == 0
    assert stage.oracle.ask("pricingOf", ZONE).nextSlot == START + 9
    assert stage.oracle.send(ANYBODY, "noteAuctions", ZONE, 5) == START + 14
    assert stage.oracle.send(ANYBODY, "noteAuctions", ZONE, 2**256 - 1) == START + 21
    stage.chain.at((START + 21) * 900)
    stage.feed(100_000, 100_000, 100_000)
    assert stage.quote()[1] == NO_SCORE


# --- limits ---------------------------------------------------------------------------------------


def test_quote__jump__one_step_at_a_time(stage: PricedMarket) -> None:
    stage.feed(100_000, 100_000, 100_000)
    previous, _ = stage.quote()
    for ahead in (1, 2, 3):
        stage.chain.at((START + ahead) * 900 + 60)
        stage.feed(200_000, 20_000, 20_000)

        price, flags = stage.quote()

        assert price == previous + BASE // 10
        assert flags == PriceFlag.STEP_LIMITED | NO_SCORE
        assert stage.price()[2] == FeedStatus.OK
        previous = price


def test_quote__above_the_market__bounded_and_no_slot_quote(stage: PricedMarket) -> None:
    stage.rule("openZone", ZONE + 1, FORMULA.as_tuple(), 1_023 * TICK_SIZE)
    score_source(stage).send(ANYBODY, "set", words(0, 0, 0), False)

    price, flags = stage.quote(ZONE + 1)

    assert price == 1_023 * TICK_SIZE
    assert flags & PriceFlag.AT_BOUND
    assert stage.market.ask("slotQuote", ZONE + 1, START + 1) == 0


# --- refused --------------------------------------------------------------------------------------


def test_quote__second_time_in_a_slot__refused(stage: PricedMarket) -> None:
    stage.quote()
    with pytest.raises(Refused) as caught:
        stage.quote()
    assert caught.value.name == "AlreadyQuoted"
    assert caught.value.arguments == {"zone": ZONE, "slot": START + 1}
    stage.chain.at((START + 1) * 900)
    stage.quote()


def test_quote__zone_not_open__refused_and_reads_are_empty(stage: PricedMarket) -> None:
    for function, arguments in (("quote", ()), ("noteAuctions", (1,))):
        with pytest.raises(Refused) as caught:
            stage.oracle.send(ANYBODY, function, 99, *arguments)
        assert (caught.value.name, caught.value.arguments) == ("PricingNotOpen", {"zone": 99})
    assert stage.oracle.ask("price", 99) == (0, 0, FeedStatus.STALE)
    assert stage.oracle.ask("basePrice", 99) == 0
    assert stage.oracle.ask("normalsOf", 99, 0) == (0, 0, 0)
    assert stage.oracle.ask("quoteOf", 99, 0).pricePerKWh == 0


def test_quote__market_no_longer_listens__nothing_happens(stage: PricedMarket) -> None:
    stage.authority.send(GOVERNOR, "revokeRole", 4, stage.oracle.address)
    with pytest.raises(Refused):
        stage.quote()
    assert stage.price() == (0, 0, FeedStatus.STALE)


# --- reads and freezes ----------------------------------------------------------------------------


def test_price__one_and_a_half_slots_old__stale(stage: PricedMarket) -> None:
    stage.feed(100_000, 100_000, 100_000)
    price, _ = stage.quote()
    quoted_at = stage.chain.now
    stage.chain.at(quoted_at + 1_349)
    assert stage.price() == (price, quoted_at, FeedStatus.OK)
    stage.chain.at(quoted_at + 1_350)
    assert stage.price() == (price, quoted_at, FeedStatus.STALE)


def test_freeze__guardian__nothing_is_quoted_until_it_ends(stage: PricedMarket) -> None:
    stage.feed(100_000, 100_000, 100_000)
    price, _ = stage.quote()
    now = stage.chain.now
    stage.oracle.send(GUARDIAN, "freezeQuotes", ZONE, now + 1_000)
    assert stage.oracle.events("QuotesFrozen")[0].arguments == {
        "zone": ZONE,
        "oldUntil": 0,
        "newUntil": now + 1_000,
    }
    stage.oracle.send(GUARDIAN, "freezeQuotes", ZONE, now + 10)
    assert stage.price() == (price, now, FeedStatus.FROZEN)
    stage.chain.at(now + 999)
    with pytest.raises(Refused) as caught:
        stage.quote()
    assert caught.value.name == "QuotingFrozen"
    assert caught.value.arguments == {"zone": ZONE, "until": now + 1_000}
    stage.chain.at(now + 1_000)
    stage.quote()


def test_unfreeze__governance__at_once(stage: PricedMarket) -> None:
    stage.oracle.send(GUARDIAN, "freezeQuotes", ZONE, stage.chain.now + 72 * 3_600)
    stage.rule("unfreezeQuotes", ZONE)
    stage.quote()


@pytest.mark.parametrize("ahead", [0, 72 * 3_600 + 1])
def test_freeze__too_short_or_too_long__refused(stage: PricedMarket, ahead: int) -> None:
    now = stage.chain.now
    with pytest.raises(Refused) as caught:
        stage.oracle.send(GUARDIAN, "freezeQuotes", ZONE, now + ahead)
    assert caught.value.name == "FreezeInvalid"
    assert caught.value.arguments == {
        "given": now + ahead,
        "earliest": now + 1,
        "latest": now + 72 * 3_600,
    }

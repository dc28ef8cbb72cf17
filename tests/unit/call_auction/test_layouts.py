"""Words of the auctions: every field at both ends of its range, and neighbours untouched; books
after random curves against a plain dictionary."""

from __future__ import annotations

import random

import ape
import pytest

from tests.unit.call_auction.curves import (
    CLAIMED,
    OPEN,
    SHARED,
    auction_gate_of,
    auction_id,
    curve,
    curve_lock,
    levels,
    pack_steps,
    readable,
)
from tests.unit.energy_trading.book import (
    BUY,
    DAY,
    FREE,
    HOUR,
    MAX_LOTS,
    QUARTER_HOUR,
    SELL,
    WEEK,
    product_id,
)

FULL_STEPS = ((BUY, 1, MAX_LOTS), (BUY, 1_023, 1), (SELL, 1, MAX_LOTS), (SELL, 1_023, 10))


@pytest.fixture(scope="session")
def harness(project, governor):
    return governor.deploy(project.AuctionLayoutsHarness)


def test_curve__all_fields_full__come_back(harness, slot):
    for product in (auction_id(slot), 2**56 - 1, 0):
        packed = curve(product, *FULL_STEPS)
        seen, steps, is_well_formed = harness.readCurve(packed)
        assert (seen, is_well_formed) == (product, True)
        assert [tuple(step) for step in steps] == readable(*FULL_STEPS)
        assert harness.packCurve(product, pack_steps(FULL_STEPS)) == packed
    for bit in range(212, 216):
        assert not harness.readCurve(1 << bit)[2]


def test_step__fields__stand_where_the_picture_says(harness):
    assert harness.packStep(1, 0, 0) == 1 << 38
    assert harness.packStep(0, 1_023, 0) == 1_023 << 28
    assert harness.packStep(0, 0, MAX_LOTS) == MAX_LOTS


def test_sums__full_steps__do_not_overflow(harness):
    steps = [(BUY, 1_020 + i, MAX_LOTS) for i in range(4)]
    total = harness.sums(pack_steps(steps))
    assert (total.buyLots, total.sellLots, total.sellTicks) == (4 * MAX_LOTS, 0, 0)
    assert total.buyTicks == sum(tick for _, tick, _ in steps) * MAX_LOTS
    assert tuple(harness.requireCanonical(pack_steps(steps), 10, 1_023)) == tuple(total)


@pytest.mark.parametrize("state", [SHARED, CLAIMED])
@pytest.mark.parametrize("side", [BUY, SELL])
def test_record__fill__leaves_the_rest(harness, state, side):
    steps = pack_steps(FULL_STEPS)
    record = harness.createRecord(2**16 - 1, 2**40 - 1, steps)
    lots, tick = 2**30 - 1, 1_023

    filled = harness.readRecord(harness.fillRecord(record, state, side, lots, tick))

    assert (filled.tag, filled.signedAt, filled.steps) == (2**16 - 1, 2**40 - 1, steps)
    assert (filled.state, filled.fillSide, filled.filledLots) == (state, side, lots)
    assert filled.fillTick == tick
    assert (filled.boughtLots, filled.soldLots) == ((lots, 0) if side == BUY else (0, lots))


def test_record__open__counts_its_sells_and_no_buy(harness):
    seen = harness.readRecord(harness.createRecord(1, 0, pack_steps(FULL_STEPS)))

    assert (seen.state, seen.fillSide, seen.filledLots, seen.fillTick) == (OPEN, 0, 0, 0)
    assert (seen.soldLots, seen.boughtLots) == (MAX_LOTS + 10, 0)


def test_record__fill_twice__the_later_stands(harness):
    record = harness.createRecord(7, 9, pack_steps(FULL_STEPS))
    record = harness.fillRecord(record, SHARED, SELL, 2**30 - 1, 1_023)
    assert harness.fillRecord(record, CLAIMED, BUY, 1, 1) == harness.fillRecord(
        harness.createRecord(7, 9, pack_steps(FULL_STEPS)), CLAIMED, BUY, 1, 1
    )


def test_opening__fields__come_back_for_their_turn_only(harness):
    word = harness.createOpening(2**16 - 1, 1_023, True)
    seen = harness.readOpening(word, 2**16 - 1)
    assert tuple(seen) == (True, 1_023, 200, 1_023, True)
    assert tuple(harness.readOpening(word, 1)) == (False, 0, 0, 0, False)


@pytest.mark.parametrize(
    ("reference", "tick", "far"),
    [(80, 120, False), (80, 121, True), (80, 40, False), (80, 39, True), (0, 1_023, False)],
)
def test_opening__far_off__more_than_half_of_the_reference(harness, reference, tick, far):
    assert harness.isFarOff(harness.createOpening(1, reference, False), tick) == far


def test_head__collar__beside_map_and_lots(harness):
    head = harness.createHead(2**16 - 1, 127, 127)
    assert tuple(harness.readHead(head)) == (0, 0, 127, 127)
    assert tuple(harness.readHead(head | 2**192 - 1)) == (2**128 - 1, 2**64 - 1, 127, 127)
    assert tuple(harness.readHead(harness.createHead(1, 3, 90))) == (0, 0, 3, 90)


@pytest.mark.parametrize("period", [QUARTER_HOUR, HOUR, DAY, WEEK])
def test_product__sister__shares_the_opening_and_has_its_own_gate(harness, monday, period):
    auction, continuous = auction_id(monday, period), product_id(monday, period)
    opening, sister_opening, sister, gate = harness.keys(auction)
    assert (opening, sister) == (sister_opening, continuous)
    assert gate == auction_gate_of(auction)
    assert harness.keys(continuous)[0] == opening
    assert harness.keys(auction_id(monday, (period + 1) % 4))[0] != opening


def test_additions__per_side_and_tick(harness):
    old = pack_steps([(BUY, 100, 50), (SELL, 200, 50)])
    harness.requireAdditionsOnly(
        old, pack_steps([(BUY, 100, 50), (SELL, 150, 10), (SELL, 200, 60)])
    )
    with ape.reverts(harness.OnlyAdditions, side=SELL, limitTick=200, givenLots=0, oldLots=50):
        harness.requireAdditionsOnly(old, pack_steps([(BUY, 100, 50), (BUY, 200, 60)]))


def test_books__random_curves__as_a_dictionary_says(
    market, buyer, seller, other_seller, auction, balances
):
    """Same level words, words shared by accounts, steps that stay, move, grow and vanish."""
    chance = random.Random(3)
    traders = (buyer, seller, other_seller)
    book: dict[int, list[tuple[int, int, int]]] = {}
    for _ in range(60):
        who = chance.randrange(3)
        ticks = sorted(chance.sample(range(90, 115), chance.randint(0, 4)))
        buys = len(ticks) if who == 0 else chance.randint(0, len(ticks))
        steps = [
            (BUY if i < buys else SELL, tick, chance.randint(10, 400))
            for i, tick in enumerate(ticks)
        ]
        book[who] = steps

        market.placeCurve(curve(auction, *steps), sender=traders[who])

        for side in (BUY, SELL):
            sums: dict[int, int] = {}
            for placed in book.values():
                for _, tick, lots in (step for step in placed if step[0] == side):
                    sums[tick] = sums.get(tick, 0) + lots
            assert market.bookLevels(auction, side) == levels(*sums.items())
            best = market.bestBid(auction) if side == BUY else market.bestAsk(auction)
            price = (max if side == BUY else min)(sums, default=0)
            assert tuple(best) == (price * 1_000, sums.get(price, 0))
        lock = curve_lock(*steps)
        assert balances(traders[who]) == (FREE - lock, lock)

"""The audit of auctions: a day that was cleared right leaves nothing, every fault is found."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from energy_grid.clearing.coupled import solve
from energy_grid.clearing.market import CoupledMarket, Link, Zone
from energy_grid.clearing.verify import verify
from energy_grid.curves import Curve, Step
from energy_grid.ids import Side
from energy_grid.products import Period, Product
from simulation.market_day.auctions import Auction, AuctionFacts, Fill, Result, fills_of
from simulation.market_day.audit_auctions import audit_auctions
from simulation.market_day.market_report import bought_by_hour, report_auctions, report_line
from simulation.market_day.residuals import Kind, total
from simulation.physics.zones import ZoneSplit

START = 1_629_408
SLOTS = range(START, START + 96)
LINE_W = 1_200
LINE_LOTS = LINE_W // 4


def _curve(random, product):
    ticks = sorted(random.choice(np.arange(80, 320), size=4, replace=False))
    buys = int(random.integers(0, 5))
    return Curve(
        product,
        tuple(
            Step(Side.BUY if index < buys else Side.SELL, int(tick), int(random.integers(10, 200)))
            for index, tick in enumerate(ticks)
        ),
    )


def _orders(curves, side):
    return [(s.limit_tick, s.lots) for curve in curves for s in curve.steps if s.side is side]


def _fills(curves, price, zone):
    """What each account claims, one after the other, by the cursor rule."""
    fills, cursor = {}, 0
    rationed = Side.BUY if zone.rations_buys else Side.SELL
    for account, curve in curves.items():
        got = dict.fromkeys(Side, 0)
        for step in curve.steps:
            is_buy = step.side is Side.BUY
            if (step.limit_tick > price) if is_buy else (step.limit_tick < price):
                got[step.side] += step.lots
            elif step.limit_tick == price:
                lots = step.lots
                if zone.rationed_total and step.side is rationed:
                    before = cursor * zone.rationed_fill // zone.rationed_total
                    cursor += lots
                    lots = cursor * zone.rationed_fill // zone.rationed_total - before
                got[step.side] += lots
        side = Side.SELL if got[Side.SELL] else Side.BUY
        fills[account] = Fill(side, got[side])
    return fills


def _cleared(random, head, taken=0):
    """Both zones of one delivery, cleared as the chain would."""
    books = [
        {10 * zone + n: _curve(random, head.in_zone(zone)) for n in range(6)} for zone in (1, 2)
    ]
    market = CoupledMarket(
        tuple(
            Zone.of_orders(
                str(n), _orders(book.values(), Side.SELL), _orders(book.values(), Side.BUY)
            )
            for n, book in enumerate(books)
        ),
        (Link(0, 1, LINE_LOTS + taken, LINE_LOTS - taken),),
        1,
        1_023,
    )
    proposal = solve(market)
    outcome = verify(market, proposal)
    return [
        Auction(
            head.in_zone(number),
            True,
            Result(
                zone.price,
                zone.bought,
                zone.sold,
                Side.BUY if zone.rations_buys else Side.SELL,
                zone.rationed_fill,
                zone.rationed_total,
                (proposal.flows[0], 0) if number == 1 else (0, 0),
            ),
            book,
            _fills(book, zone.price, zone),
        )
        for number, book, zone in zip((1, 2), books, outcome.zones, strict=True)
    ]


def _facts(seed=5):
    """An hour, its four quarter hours, and the rent that is due."""
    random = np.random.default_rng(seed)
    auctions = _cleared(random, Product.auction(1, Period.HOUR, START))
    flow = auctions[0].result.flows[0]
    for slot in range(START, START + 4):
        auctions += _cleared(random, Product.auction(1, Period.QUARTER_HOUR, slot), flow)
    facts = AuctionFacts(tuple(auctions), (1, 2), (LINE_W, LINE_W), {}, 7, 1, 1, 1_000)
    rent = {together[0].product: facts.rent_due(together) for together in facts.regions()}
    return replace(facts, rent={product: amount for product, amount in rent.items() if amount})


def _left(facts):
    return {r.rule: r.amount for r in audit_auctions(facts) if r.amount}


def _with(facts, auction, **changes):
    changed = replace(auction, **changes)
    return replace(facts, auctions=tuple(changed if a is auction else a for a in facts.auctions))


@pytest.mark.parametrize("seed", range(12))
def test_audit__cleared_right__leaves_nothing(seed):
    facts = _facts(seed)
    assert _left(facts) == {}
    assert sum(auction.has_traded for auction in facts.auctions) == 10


def test_audit__random_days__have_full_lines_and_rationed_orders():
    """The test above says little if nothing special happens in it."""
    facts = [_facts(seed) for seed in range(12)]
    assert sum(bool(f.rent) for f in facts) > 6
    assert any(a.result.tick_lots for f in facts for a in f.auctions)
    assert any(f.line_lots(together) < 0 for f in facts for together in f.regions())


@pytest.mark.parametrize("zone", [0, 1])
@pytest.mark.parametrize(
    "change",
    [
        {"bought_lots": 1},
        {"sold_lots": 1},
        {"bought_lots": 1, "sold_lots": 1},
        {"clearing_tick": 1},
        {"clearing_tick": -1},
    ],
)
def test_audit__result_changed__is_found(zone, change):
    facts = _facts()
    auction = facts.auctions[zone]
    result = replace(
        auction.result,
        **{name: getattr(auction.result, name) + by for name, by in change.items()},
    )
    assert _left(_with(facts, auction, result=result))


@pytest.mark.parametrize("by", [1, -1])
def test_audit__flow_changed__is_found(by):
    facts = _facts()
    head = facts.auctions[0]
    flow = head.result.flows[0] + by
    assert _left(_with(facts, head, result=replace(head.result, flows=(flow, 0))))


def test_audit__line_smaller_than_what_flowed__is_found():
    facts = _facts()
    left = _left(replace(facts, line_w=(400, 400)))
    assert left["line: flow beyond its capacity, summed over slots"] > 0


def test_audit__curve_left_out_or_altered__is_found():
    facts = _facts()
    auction = facts.auctions[0]
    account = next(a for a, fill in auction.fills.items() if fill.side is Side.SELL and fill.lots)
    without = {a: c for a, c in auction.curves.items() if a != account}
    assert _left(_with(facts, auction, curves=without))
    steps = list(auction.curves[account].steps)
    cheapest = next(n for n, step in enumerate(steps) if step.side is Side.SELL)
    steps[cheapest] = replace(steps[cheapest], lots=steps[cheapest].lots + 500)
    altered = replace(auction.curves[account], steps=tuple(steps))
    assert _left(_with(facts, auction, curves={**auction.curves, account: altered}))


def test_audit__fill_moved_from_one_to_another__is_found():
    """The sums still agree: only the single claims are wrong."""
    facts = _facts()
    auction = facts.auctions[0]
    first, second = [a for a, fill in auction.fills.items() if fill.side is Side.BUY][:2]
    fills = {
        **auction.fills,
        first: replace(auction.fills[first], lots=auction.fills[first].lots - 20),
        second: replace(auction.fills[second], lots=auction.fills[second].lots + 20),
    }
    left = _left(_with(facts, auction, fills=fills))
    slots = auction.product.slot_count
    assert left == {"auctions: claims off what the curve and the price say, summed": 40 * slots}


def test_audit__claim_missing__is_found():
    facts = _facts()
    auction = facts.auctions[0]
    account = next(a for a, fill in auction.fills.items() if fill.lots)
    fills = {a: fill for a, fill in auction.fills.items() if a != account}
    assert len(_left(_with(facts, auction, fills=fills))) >= 1


def test_audit__rent_not_paid_out__is_found():
    facts = _facts()
    product, amount = next(iter(facts.rent.items()))
    rent = {**facts.rent, product: amount - 1}
    assert total(audit_auctions(replace(facts, rent=rent)), Kind.MONEY) == 1


def test_audit__zones_cleared_one_by_one__needs_no_line():
    facts = _facts()
    random = np.random.default_rng(3)
    alone = []
    for zone in (1, 2):
        product = Product.auction(zone, Period.HOUR, START + 4)
        book = {10 * zone + n: _curve(random, product) for n in range(6)}
        orders = [_orders(book.values(), side) for side in (Side.SELL, Side.BUY)]
        market = CoupledMarket((Zone.of_orders("", *orders),), (), 1, 1_023)
        (outcome,) = verify(market, solve(market)).zones
        result = Result(
            outcome.price,
            outcome.bought,
            outcome.sold,
            Side.BUY if outcome.rations_buys else Side.SELL,
            outcome.rationed_fill,
            outcome.rationed_total,
            (0, 0),
        )
        fills = _fills(book, outcome.price, outcome)
        alone.append(Auction(product, False, result, book, fills))
    assert _left(replace(facts, auctions=(*facts.auctions, *alone))) == {}


def test_result__word_of_the_chain__is_read_field_by_field():
    word = (
        1 << 171
        | 1 << 170
        | 187 << 160
        | 1_000 << 122
        | 900 << 84
        | 30 << 56
        | 70 << 28
        | 12
        | ((-100) & (1 << 39) - 1) << 172
        | (55 | 1 << 39) << 212
    )
    assert Result.unpack(word) == Result(187, 1_000, 900, Side.SELL, 30, 70, (-100, 55))


def test_fills_of__packed_claims__are_read_in_order():
    claims = b"".join(
        (account << 32 | side << 31 | lots).to_bytes(7, "big")
        for account, side, lots in ((3, 0, 250), (70_000, 1, 2**28))
    )
    assert fills_of(SimpleNamespace(claims=claims)) == {
        3: Fill(Side.BUY, 250),
        70_000: Fill(Side.SELL, 2**28),
    }


def test_reports__auctions_and_line__add_up():
    facts = _facts()
    report = report_auctions(facts, SLOTS)
    assert report.cleared == report.coupled == report.traded == 10
    assert report.energy_wh == sum(facts.bought_wh(auction) for auction in facts.auctions)
    by_hour = bought_by_hour(facts, SLOTS)
    assert by_hour[Period.HOUR][0] == report.hour_wh
    assert by_hour[Period.QUARTER_HOUR][0] == report.quarter_wh
    first = report.prices_of(1)[0]
    assert first.hour_price == facts.auctions[0].result.clearing_tick * 1_000
    assert None not in first.prices
    assert set(report.prices_of(2)[1].prices) == {None}
    line = report_line(facts, ZoneSplit({}, "a line", 9_000), SLOTS)
    flows = {together[0].product.period: 0 for together in facts.regions()}
    for together in facts.regions():
        product = together[0].product
        flows[product.period] += facts.line_lots(together) * product.slot_count
    assert line.flow_in_hour(0) == sum(flows.values())
    assert line.flow_wh[4:] == (0,) * 92
    assert line.full_slots == sum(abs(flow) == LINE_LOTS for flow in line.flow_wh)
    assert line.rent == sum(facts.rent.values())

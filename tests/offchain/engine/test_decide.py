"""What the engine does next, decided from a moment of the market and nothing else."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from energy_grid.clearing import verify
from energy_grid.clearing.errors import SolverError
from energy_grid.clearing.market import CoupledMarket, Zone
from energy_grid.clearing.proposal import Proposal
from energy_grid.clearing.single import Level
from energy_grid.curves import Curve, Step
from energy_grid.ids import OrderId, Side
from energy_grid.order_book import BookOrder
from energy_grid.products import Period, Product
from energy_grid.quotes import Quote
from energy_grid.signed_orders import SignedOrder, unpack_batch
from oracles.engine import decide as deciding
from oracles.engine.actions import Kind, topic_of
from oracles.engine.decide import Policy, decide
from oracles.engine.snapshot import Auction, Halt, Line, Region, Rent, Snapshot, WaitingOrder

SLOT = 1_920_000
EAST, WEST, ALONE = 1, 2, 7
HOUR = Product.auction(EAST, Period.HOUR, SLOT)
QUARTER = Product.auction(EAST, Period.QUARTER_HOUR, SLOT)
LONELY = Product.auction(ALONE, Period.HOUR, SLOT)
BOOK = Product.continuous(ALONE, Period.QUARTER_HOUR, SLOT)
COUPLED = Region((EAST, WEST), (Line(EAST, WEST, forward_lots=100, back_lots=100),))
SINGLE = Region((ALONE,), ())
POLICY = Policy()


def auction(product, buys=(), sells=(), *, gate_at=None, is_cleared=False):
    return Auction(
        product,
        product.gate_at if gate_at is None else gate_at,
        is_cleared,
        tuple(Level(*level) for level in buys),
        tuple(Level(*level) for level in sells),
    )


def moment(*auctions, now, regions=(COUPLED, SINGLE), **fields):
    return Snapshot(
        now=now, regions=regions, auctions={one.product: one for one in auctions}, **fields
    )


def calls(snapshot, policy=POLICY, under_way=()):
    decided = decide(snapshot, policy, under_way)
    assert decided.problems == ()
    return [(action.function, action.arguments) for action in decided.actions]


# --- clearing -------------------------------------------------------------------------------------


def test_clear__single_zone__from_its_gate_to_delivery():
    lonely = auction(LONELY, buys=[(9, 100)], sells=[(4, 100)])

    for now, expected in [
        (LONELY.gate_at - 1, []),
        (LONELY.gate_at, [("clear", (LONELY.id, 4, 9))]),
        (LONELY.starts_at - 1, [("clear", (LONELY.id, 4, 9))]),
        (LONELY.starts_at, []),
    ]:
        assert calls(moment(lonely, now=now)) == expected


def test_clear__one_side_only__cleared_too_but_an_empty_book_is_left_alone():
    now = LONELY.gate_at

    only_buys = moment(auction(LONELY, buys=[(9, 100)]), now=now)
    empty = moment(auction(LONELY), now=now)

    assert calls(only_buys) == [("clear", (LONELY.id, 9, 1_023))]
    assert calls(empty) == []


def test_clear__cleared_or_halted_or_extended__nothing():
    now = LONELY.gate_at
    lonely = auction(LONELY, buys=[(9, 100)])
    halt = Halt(scope=2, from_slot=SLOT, to_slot=SLOT + 1, expires_at=now + 1)

    assert calls(moment(replace(lonely, is_cleared=True), now=now)) == []
    assert calls(moment(lonely, now=now, halts={ALONE: halt})) == []
    assert calls(moment(lonely, now=now + 1, halts={ALONE: halt})) != []
    assert calls(moment(replace(lonely, gate_at=now + 300), now=now)) == []
    placing_only = replace(halt, scope=1)
    assert calls(moment(lonely, now=now, halts={ALONE: placing_only})) != []


def two_zones(product=HOUR, **options):
    return (
        auction(product, sells=[(100, 200)], **options),
        auction(product.in_zone(WEST), buys=[(300, 200)], **options),
    )


def test_clear_coupled__in_the_window__the_proposal_of_the_whole_region():
    east, west = two_zones()

    ((function, (product_id, proposal)),) = calls(moment(east, west, now=HOUR.gate_at))

    assert (function, product_id) == ("clearCoupled", HOUR.id)
    links = deciding.links_left(moment(now=0), HOUR, COUPLED)
    decoded = Proposal.decode(proposal, 2, links)
    assert (decoded.prices, decoded.flows) == ((100, 300), (100,))
    market = CoupledMarket(
        (Zone.of_orders("1", [(100, 200)], []), Zone.of_orders("2", [], [(300, 200)])),
        links,
        1,
        1_023,
    )
    verify.verify(market, decoded)


def test_clear_coupled__window_over__zone_by_zone():
    east, west = two_zones()

    found = calls(moment(east, west, now=HOUR.gate_at + 600))

    assert found == [
        ("clear", (HOUR.id, 1, 100)),
        ("clear", (HOUR.in_zone(WEST).id, 300, 1_023)),
    ]


def test_clear_coupled__gate_extended__window_moves_with_it():
    east, west = two_zones(gate_at=HOUR.gate_at + 300)

    assert calls(moment(east, west, now=HOUR.gate_at + 299)) == []
    assert calls(moment(east, west, now=HOUR.gate_at + 899))[0][0] == "clearCoupled"
    assert calls(moment(east, west, now=HOUR.gate_at + 900))[0][0] == "clear"


def test_clear_coupled__one_zone_without_orders__still_together():
    east, _ = two_zones()
    empty = auction(HOUR.in_zone(WEST))

    assert calls(moment(east, empty, now=HOUR.gate_at))[0][0] == "clearCoupled"


def test_clear_coupled__one_zone_halted__waits_and_then_clears_the_other():
    east, west = two_zones()
    halt = Halt(scope=3, from_slot=SLOT, to_slot=SLOT + 1, expires_at=HOUR.starts_at)

    assert calls(moment(east, west, now=HOUR.gate_at, halts={WEST: halt})) == []
    late = moment(east, west, now=HOUR.gate_at + 600, halts={WEST: halt})
    assert calls(late) == [("clear", (HOUR.id, 1, 100))]


def test_clear_coupled__longer_product_took_capacity__only_the_rest_is_offered():
    flows = {HOUR: (60,), HOUR.in_zone(EAST): (60,), LONELY: (5,)}
    later = Product.auction(EAST, Period.HOUR, SLOT + 4)
    snapshot = moment(now=QUARTER.gate_at, flows={**flows, later: (90,)})

    (link,) = deciding.links_left(snapshot, QUARTER, COUPLED)
    assert (link.forward, link.back) == (40, 160)
    (link,) = deciding.links_left(snapshot, HOUR, COUPLED)
    assert (link.forward, link.back) == (100, 100)

    lowered = Region(COUPLED.zones, (Line(EAST, WEST, 50, 50),))
    (link,) = deciding.links_left(snapshot, QUARTER, lowered)
    assert (link.forward, link.back) == (0, 110)


def test_clear__region_of_several_zones_without_lines__each_alone():
    east, west = two_zones()
    region = Region((EAST, WEST), ())

    found = calls(moment(east, west, now=HOUR.gate_at, regions=(region,)))

    assert [function for function, _ in found] == ["clear", "clear"]


def test_clear_coupled__solver_fails__told_and_the_rest_goes_on(monkeypatch):
    def fail(_market):
        raise SolverError("no optimum")

    monkeypatch.setattr(deciding.coupled, "solve", fail)
    lonely = auction(LONELY, buys=[(9, 100)], sells=[(4, 100)])

    decided = decide(moment(*two_zones(), lonely, now=HOUR.gate_at), POLICY)

    assert [action.function for action in decided.actions] == ["clear"]
    assert len(decided.problems) == 1 and "no optimum" in decided.problems[0]


# --- claims and rents -----------------------------------------------------------------------------


def test_claims__in_parts_that_fit_a_transaction():
    policy = Policy(transaction_gas=1_000_000, base_gas=100_000, claim_gas=300_000)
    snapshot = moment(now=0, claims={LONELY: tuple("abcdefg")})

    found = calls(snapshot, policy)

    assert found == [
        ("claim", (LONELY.id, ("a", "b", "c"))),
        ("claim", (LONELY.id, ("d", "e", "f"))),
        ("claim", (LONELY.id, ("g",))),
    ]
    assert calls(snapshot, replace(policy, claims=False)) == []


def test_rents__collected_one_by_one():
    assert calls(moment(now=0, rents=(Rent(HOUR, 0), Rent(HOUR, 2)))) == [
        ("collectRent", (HOUR.id, 0)),
        ("collectRent", (HOUR.id, 2)),
    ]


# --- the continuous book --------------------------------------------------------------------------


def order(sequence, side, lots, tick, expires_at=BOOK.gate_at, product=BOOK):
    order_id = OrderId(product.id, sequence, 0, side, sequence).pack()
    return BookOrder(order_id, sequence, Quote(product, side, lots, tick, expires_at))


def ids(*orders):
    return tuple(one.order_id for one in orders)


def test_matches__price_then_time__until_nothing_crosses():
    first, second = order(1, Side.BUY, 30, 200), order(3, Side.BUY, 30, 200)
    best, asks = order(4, Side.BUY, 10, 210), order(2, Side.SELL, 50, 150)
    snapshot = moment(now=0, books={BOOK: (first, asks, second, best)})

    assert calls(snapshot) == [("matchMany", (ids(best, first, second), ids(asks, asks, asks)))]


def test_matches__in_parts_that_fit_a_transaction():
    orders = [order(i, Side.BUY, 10, 200) for i in range(1, 6)]
    ask = order(9, Side.SELL, 50, 150)
    policy = Policy(transaction_gas=1_000_000, base_gas=100_000, match_gas=400_000)

    found = calls(moment(now=0, books={BOOK: (*orders, ask)}), policy)

    assert [len(arguments[0]) for _, arguments in found] == [2, 2, 1]
    assert sum((arguments[0] for _, arguments in found), ()) == ids(*orders)


def test_matches__after_the_gate_or_halted__none():
    orders = (order(1, Side.BUY, 10, 200), order(2, Side.SELL, 10, 150))
    halt = Halt(scope=2, from_slot=SLOT, to_slot=SLOT + 1, expires_at=10**10)

    assert calls(moment(now=BOOK.gate_at, books={BOOK: orders})) == []
    assert calls(moment(now=0, books={BOOK: orders}, halts={ALONE: halt})) == []


def test_removals__only_what_stands_before_orders_that_trade():
    now = 1_000
    alive_bid, alive_ask = order(1, Side.BUY, 10, 200), order(2, Side.SELL, 10, 150)
    better_bid = order(3, Side.BUY, 10, 201, expires_at=now)
    same_price = order(4, Side.BUY, 10, 200, expires_at=now)
    worse_ask = order(5, Side.SELL, 10, 151, expires_at=now)
    better_ask = order(6, Side.SELL, 10, 149, expires_at=now)
    book = (alive_bid, alive_ask, better_bid, same_price, worse_ask, better_ask)

    found = calls(moment(now=now, books={BOOK: book}))

    assert found == [
        ("removeExpired", (ids(better_bid, better_ask),)),
        ("matchMany", (ids(alive_bid), ids(alive_ask))),
    ]
    assert calls(moment(now=now, books={BOOK: (better_bid, alive_bid)})) == []


lots = st.integers(10, 40)
side_orders = st.lists(st.tuples(lots, st.integers(1, 5), st.booleans()), max_size=5)


@given(side_orders, side_orders)
def test_matches__any_book__replayed_against_the_market_s_rules(buys, sells):
    """Every pair is accepted in turn: best price on both sides, and at the end nothing crosses."""
    now = 1_000
    book = []
    for i, (quantity, tick, expired) in enumerate(buys + sells):
        side = Side.BUY if i < len(buys) else Side.SELL
        book.append(order(i + 1, side, quantity, tick, now if expired else now + 1))
    open_lots = {one.order_id: one.quote.lots for one in book}
    by_id = {one.order_id: one for one in book}

    def best(side):
        standing = [o for o in book if open_lots[o.order_id] and o.quote.side is side]
        sign = 1 if side is Side.BUY else -1
        return max((sign * o.quote.limit_tick for o in standing), default=None)

    for function, arguments in calls(moment(now=now, books={BOOK: tuple(book)})):
        if function == "removeExpired":
            for order_id in arguments[0]:
                assert by_id[order_id].quote.expires_at <= now
                open_lots[order_id] = 0
            continue
        for buy, sell in zip(*arguments, strict=True):
            bid, ask = by_id[buy].quote, by_id[sell].quote
            assert bid.expires_at > now < ask.expires_at
            assert bid.limit_tick == best(Side.BUY)
            assert ask.limit_tick == -best(Side.SELL)
            assert bid.limit_tick >= ask.limit_tick
            traded = min(open_lots[buy], open_lots[sell])
            assert traded > 0
            open_lots[buy] -= traded
            open_lots[sell] -= traded
    alive = [o for o in book if open_lots[o.order_id] and o.quote.expires_at > now]
    bids = [o.quote.limit_tick for o in alive if o.quote.side is Side.BUY]
    asks = [o.quote.limit_tick for o in alive if o.quote.side is Side.SELL]
    assert not bids or not asks or max(bids) < min(asks)


# --- signed orders --------------------------------------------------------------------------------


def waiting(signer, product=LONELY, *, received_at=0, signed_at=0):
    curve = Curve(product, (Step.buy(5, 10),))
    signed = SignedOrder(curve, signed_at, bytes(64))
    digest = f"{signer}{product.id}{signed_at}".encode()
    return WaitingOrder(digest, signer, signed, received_at)


def relayed(snapshot, policy=POLICY):
    found = [action for action in decide(snapshot, policy).actions if action.kind is Kind.RELAY]
    for action in found:
        assert action.function == "placeSigned"
        assert unpack_batch(action.arguments[0]) == [one.order for one in action.orders]
    return [[one.signer for one in action.orders] for action in found]


def test_relays__wait_for_company_but_not_too_long():
    policy = Policy(relay_wait_seconds=30)
    now = LONELY.gate_at - 3_600
    one = waiting("a", received_at=now)

    assert relayed(moment(now=now + 29, waiting=(one,)), policy) == []
    assert relayed(moment(now=now + 30, waiting=(one,)), policy) == [["a"]]


def test_relays__gate_is_near__at_once():
    policy = Policy(relay_wait_seconds=3_600, relay_lead_seconds=120)
    now = LONELY.gate_at - 120

    assert relayed(moment(now=now - 1, waiting=(waiting("a", received_at=now),)), policy) == []
    assert relayed(moment(now=now, waiting=(waiting("a", received_at=now),)), policy) == [["a"]]


def test_relays__batch_is_full__at_once_and_accounts_stay_together():
    policy = Policy(transaction_gas=500_000, base_gas=100_000, signed_gas=100_000)
    now = LONELY.gate_at - 3_600
    other = Product.auction(ALONE, Period.HOUR, SLOT + 4)
    orders = [waiting("c"), waiting("a"), waiting("b"), waiting("a", other), waiting("b", other)]

    found = relayed(moment(now=now, waiting=tuple(orders)), policy)

    assert found == [["a", "a", "b", "b"], ["c"]]


def test_relays__group_does_not_fit__starts_a_batch_of_its_own():
    policy = Policy(transaction_gas=400_000, base_gas=100_000, signed_gas=100_000)
    now = LONELY.gate_at - 3_600
    other = Product.auction(ALONE, Period.HOUR, SLOT + 4)
    orders = [waiting("a"), waiting("a", other), waiting("b"), waiting("b", other)]

    assert relayed(moment(now=now, waiting=tuple(orders)), policy) == [["a", "a"], ["b", "b"]]


def test_relays__gate_closed_or_not_open__left_out():
    policy = Policy(relay_wait_seconds=0)

    assert relayed(moment(now=LONELY.opens_at - 1, waiting=(waiting("a"),)), policy) == []
    # An extended gate takes additions for 300 s more; the reader knows whether it is extended.
    assert relayed(moment(now=LONELY.gate_at + 299, waiting=(waiting("a"),)), policy) == [["a"]]
    assert relayed(moment(now=LONELY.gate_at + 300, waiting=(waiting("a"),)), policy) == []


# --- nothing twice --------------------------------------------------------------------------------


def everything(now=HOUR.gate_at):
    return moment(
        *two_zones(),
        auction(LONELY, buys=[(9, 100)], sells=[(4, 100)]),
        now=now,
        claims={QUARTER: ("a",)},
        rents=(Rent(HOUR, 0),),
        books={BOOK: (order(1, Side.BUY, 10, 200), order(2, Side.SELL, 10, 150))},
        waiting=(waiting("a", Product.auction(ALONE, Period.HOUR, SLOT + 4)),),
    )


def test_decide__same_moment__same_business_keys_and_all_differ():
    once = [action.business_key for action in decide(everything(), POLICY).actions]
    again = [action.business_key for action in decide(everything(), POLICY).actions]

    assert once == again
    assert len(once) == len(set(once)) == 6


def test_decide__under_way__not_decided_again():
    decided = decide(everything(), POLICY).actions

    for action in decided:
        left = decide(everything(), POLICY, {action.topic}).actions
        assert [one.business_key for one in left] == [
            one.business_key for one in decided if one.topic != action.topic
        ]
        assert topic_of(action.business_key) == action.topic
        assert topic_of(f"{action.business_key}#2") == action.topic


def test_topic__row_of_somebody_else__none():
    assert topic_of("settle/42") is None


def test_decide__gate_extended_meanwhile__another_key():
    before = decide(moment(*two_zones(), now=HOUR.gate_at), POLICY).actions[0]
    after = decide(
        moment(*two_zones(gate_at=HOUR.gate_at + 300), now=HOUR.gate_at + 300), POLICY
    ).actions[0]

    assert before.arguments == after.arguments
    assert before.business_key != after.business_key


def test_decide__nothing_there__nothing_to_do():
    assert decide(Snapshot(now=0), POLICY).actions == ()


@pytest.mark.parametrize(("gas", "items"), [(1_000_000, 9), (150_000, 1), (250_000, 1)])
def test_items_per_transaction__at_least_one(gas, items):
    policy = Policy(transaction_gas=gas, base_gas=100_000)

    assert policy.items_per_transaction(100_000) == items

"""`clearCoupled(regionProduct, proposal)`, and `clear` of zones with interconnectors.

branches:
├── no head of a region with interconnectors → NotCoupled
├── any zone: before the gate, delivery started, cleared, halted → as `clear`
├── later than 600 s after the gate → CoupledTooLate; earlier `clear` → CoupledFirst
├── not the right proposal → error of `ICoupledVerification`
├── a price far from its zone's reference within 300 s → all gates extended
├── capacity: as set, less what flows in longer products, both ways; never negative
└── cleared: one price, congestion, transit through a zone without trade, nobody trades
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from energy_grid.clearing.coupled import solve
from energy_grid.clearing.proposal import SHARE_ONE, Proposal
from energy_grid.curves import Step
from energy_grid.ids import Side
from energy_grid.products import Period, Product
from tests.utils.auction_market import (
    ANYBODY,
    COUPLED_SECONDS,
    EXTENSION_SECONDS,
    LAST_TICK,
    MONDAY,
    OWNER,
    TICK_SIZE,
    AuctionMarket,
)
from tests.utils.auction_region import ZONES, Region, proposal
from tests.utils.revm import Refused

buy, sell = Step.buy, Step.sell
NORTH, CENTRE, SOUTH = ZONES
NOBODY = Proposal((512,) * 3, (SHARE_ONE,) * 3, (0,) * 3, ((1,) * 3, (LAST_TICK,) * 3))
"""Nobody has ordered anything."""


def refusal(region: Region, product: Product, given: Proposal) -> tuple[str, dict[str, Any]]:
    with pytest.raises(Refused) as caught:
        region.clear(product, given)
    return caught.value.name, caught.value.arguments


def single_refusal(market: AuctionMarket, product: Product) -> tuple[str, dict[str, Any]]:
    with pytest.raises(Refused) as caught:
        market.clear(product, 1, LAST_TICK)
    return caught.value.name, caught.value.arguments


def prices(region: Region, product: Product) -> list[int]:
    """Published prices of the zones in ticks."""
    return [region.market.result(region.in_zone(product, zone)).priceTick for zone in region.zones]


# --- when ---


def test_clear_coupled__not_a_head_with_lines__refused(
    market: AuctionMarket, region: Region, product: Product
) -> None:
    market.at_gate(product)
    for zone in (CENTRE, 99):
        assert refusal(region, region.in_zone(product, zone), NOBODY) == (
            "NotCoupled",
            {"zone": zone},
        )


def test_clear_coupled__outside_its_window__refused(
    market: AuctionMarket, region: Region, product: Product
) -> None:
    gate, until = product.gate_at, product.gate_at + COUPLED_SECONDS
    market.chain.at(gate - 1)
    assert refusal(region, product, NOBODY) == (
        "GateStillOpen",
        {"nowSeconds": gate - 1, "gateAt": gate},
    )
    market.chain.at(until)
    assert refusal(region, product, NOBODY) == (
        "CoupledTooLate",
        {"nowSeconds": until, "until": until},
    )
    market.chain.at(product.starts_at)
    assert refusal(region, product, NOBODY)[0] == "DeliveryStarted"
    market.chain.at(until - 1)
    region.clear(product, NOBODY)
    assert all(market.result(region.in_zone(product, zone)).cleared for zone in ZONES)


def test_clear_coupled__no_auction_product__refused(
    market: AuctionMarket, region: Region, product: Product
) -> None:
    market.at_gate(product)
    encoded = NOBODY.encode(region.links)
    for wrong, error in (
        (product.id | 1 << 32, "SessionUnavailable"),
        (product.id | 4 << 36, "PeriodUnknown"),
        (product.id + 1, "StartMisaligned"),
    ):
        with pytest.raises(Refused, match=error):
            market.market.send(ANYBODY, "clearCoupled", wrong, encoded)


def test_clear__zone_with_lines__together_first_then_alone(
    market: AuctionMarket, region: Region, product: Product
) -> None:
    region.place(product, CENTRE, buy(100, 20), sell(120, 10))
    until = product.gate_at + COUPLED_SECONDS
    for seconds in (0, COUPLED_SECONDS - 1):
        market.at_gate(product, seconds)
        for zone in ZONES:
            assert single_refusal(market, region.in_zone(product, zone)) == (
                "CoupledFirst",
                {"nowSeconds": market.chain.now, "until": until},
            )
    market.chain.at(until)
    market.clear(region.in_zone(product, CENTRE), 100, 120)
    assert market.result(region.in_zone(product, CENTRE)).cleared
    assert not market.result(product).cleared
    assert region.flows(product) == [0, 0, 0]


def test_clear__zone_of_a_region_without_lines__alone_at_once() -> None:
    market = AuctionMarket(zones=())
    market.govern("joinRegion", 5, 3)
    market.set_terms(3, 5)
    product = market.product(MONDAY, zone=5)
    market.at_gate(product)
    market.clear(product, 1, LAST_TICK)


def test_clear_coupled__again__refused(
    market: AuctionMarket, region: Region, product: Product
) -> None:
    market.at_gate(product)
    region.clear(product, NOBODY)
    assert refusal(region, product, NOBODY) == ("AlreadyCleared", {"product": product.id})
    market.at_gate(product, COUPLED_SECONDS)
    for zone in ZONES:
        assert single_refusal(market, region.in_zone(product, zone))[0] == "AlreadyCleared"


def test_clear_coupled__one_zone_cleared_before_it_had_lines__refused() -> None:
    market = AuctionMarket(zones=())
    market.govern("joinRegion", 5, 3)
    market.set_terms(3, 5)
    product = market.product(MONDAY, zone=3)
    market.at_gate(product)
    region = Region(market, (3, 5), ((3, 5, 400, 400),))
    market.clear(region.in_zone(product, 5), 1, LAST_TICK)
    market.govern("addInterconnector", 3, 5, 400, 400, OWNER)
    name, arguments = refusal(region, product, proposal((512, 512), (0,)))
    assert (name, arguments) == ("AlreadyCleared", {"product": region.in_zone(product, 5).id})


def test_clear_coupled__one_zone_halted__refused(
    market: AuctionMarket, region: Region, product: Product
) -> None:
    market.at_gate(product)
    slot, until = product.start_slot, product.gate_at + 3_000
    market.govern("haltZone", SOUTH, 2, slot, slot + 1, until)
    assert refusal(region, product, NOBODY) == (
        "TradingHalted",
        {"zone": SOUTH, "expiresAt": until},
    )
    # The others can be cleared once the time for clearing together is over.
    market.at_gate(product, COUPLED_SECONDS)
    market.clear(region.in_zone(product, NORTH), 1, LAST_TICK)


# --- what ---


def test_clear_coupled__lines_with_room__one_price_everywhere(
    market: AuctionMarket, region: Region, product: Product
) -> None:
    seller = region.place(product, NORTH, sell(80, 60))
    buyer = region.place(product, SOUTH, buy(120, 50))
    market.at_gate(product, EXTENSION_SECONDS)

    region.clear(product)

    assert prices(region, product) == [80, 0, 80]
    flows = region.flows(product)
    assert flows[0] == flows[1] and flows[0] + flows[2] == 50
    north = market.result(product)
    assert (north.boughtLots, north.soldLots) == (0, 50)
    assert (north.rationedSell, north.dueLots, north.tickLots) == (True, 50, 60)
    assert [fill.lots for fill in market.claim(product, [seller])] == [50]
    south = region.in_zone(product, SOUTH)
    assert [fill.lots for fill in market.claim(south, [buyer])] == [50]


def congested(region: Region, product: Product) -> Proposal:
    """All that the lines carry from north to south: 100 over the centre and 30 directly."""
    region.place(product, NORTH, sell(50, 1_000))
    region.place(product, SOUTH, buy(90, 1_000))
    return region.solution()


def test_clear_coupled__lines_full__prices_differ_and_everything_fits(
    market: AuctionMarket, region: Region, product: Product
) -> None:
    solution = congested(region, product)
    market.at_gate(product, EXTENSION_SECONDS)

    region.clear(product, solution)

    (event,) = market.market.events("RegionCleared")
    assert event.regionProduct == product.id and len(event.results) == 3
    assert region.flows(product) == [100, 100, 30]
    assert prices(region, product) == [50, 0, 90], "nobody trades in the centre"
    assert [event.results[number] >> 160 & 1023 for number in range(3)] == list(solution.prices)
    assert 50 < solution.prices[1] < 90
    traded = [market.result(region.in_zone(product, zone)) for zone in ZONES]
    assert [(result.boughtLots, result.soldLots) for result in traded] == [
        (0, 130),
        (0, 0),
        (130, 0),
    ]
    assert market.market.ask("tradedWh", NORTH, MONDAY) == 130


def test_clear_coupled__rationed_in_two_zones__fills_add_up(
    market: AuctionMarket, region: Region, product: Product
) -> None:
    sellers = [
        region.place(product, NORTH, sell(50, lots), number=n)
        for n, lots in enumerate((70, 77, 53))
    ]
    buyers = [
        region.place(product, SOUTH, buy(90, lots), number=n) for n, lots in enumerate((61, 59, 41))
    ]
    market.at_gate(product, EXTENSION_SECONDS)
    region.clear(product)
    sold = market.claim(product, reversed(sellers))
    bought = market.claim(region.in_zone(product, SOUTH), buyers)
    assert sum(fill.lots for fill in sold) == sum(fill.lots for fill in bought) == 130
    assert {fill.side for fill in sold} == {Side.SELL}


def test_clear_coupled__nobody_ordered__closed_without_prices(
    market: AuctionMarket, region: Region, product: Product
) -> None:
    market.at_gate(product)
    region.clear(product)
    assert prices(region, product) == [0, 0, 0]


@pytest.mark.parametrize(
    ("mutant", "error"),
    [
        ({"flows": (100, 100, 29)}, "FlowNotAtBound"),
        ({"flows": (99, 99, 30)}, "FlowNotAtBound"),
        ({"flows": (101, 100, 30)}, "FlowOutOfBounds"),
        ({"flows": (100, 101, 30)}, "FlowOutOfBounds"),
        ({"prices": (51, 70, 90), "interval": None}, "NetExportOutsideBand"),
        ({"prices": (50, 70, 91), "interval": None}, "NetExportOutsideBand"),
        ({"prices": (51, 70, 90)}, "NotTheMidpoint"),
        ({"prices": (50, 71, 90)}, "NotTheMidpoint"),
        ({"prices": (50, 70, 91)}, "NotTheMidpoint"),
        ({"prices": (0, 70, 90)}, "PriceOutOfRange"),
        ({"prices": (50, 70, LAST_TICK + 1)}, "PriceOutOfRange"),
        ({"shares": (SHARE_ONE, SHARE_ONE, SHARE_ONE)}, "ShareNotProportional"),
        ({"interval": None}, "PricesNotUnique"),
        ({"interval": ((50, 51, 90), (50, 89, 90))}, "IntervalNotLowest"),
        ({"interval": ((50, 50, 90), (50, 89, 90))}, "NotTheMidpoint"),
    ],
)
def test_clear_coupled__mutants_of_the_right_proposal__refused(
    market: AuctionMarket, region: Region, product: Product, mutant: dict[str, Any], error: str
) -> None:
    solution = congested(region, product)
    assert (solution.prices, solution.flows) == ((50, 70, 90), (100, 100, 30))
    market.at_gate(product)
    assert refusal(region, product, replace(solution, **mutant))[0] == error
    assert not market.result(product).cleared


def test_clear_coupled__wrong_length__refused(
    market: AuctionMarket, region: Region, product: Product
) -> None:
    encoded = congested(region, product).encode(region.links)
    market.at_gate(product)
    for wrong in (b"", encoded[:-1], encoded + b"\0"):
        with pytest.raises(Refused, match="ProposalLength"):
            region.clear_bytes(product, wrong)


# --- capacity ---


def test_clear_coupled__longer_products__leave_the_rest_of_the_lines(
    market: AuctionMarket, region: Region
) -> None:
    lots = {Period.WEEK: 40, Period.DAY: 30, Period.HOUR: 20, Period.QUARTER_HOUR: 90}
    flows: dict[Period, list[int]] = {}
    for period, wanted in lots.items():
        product = market.product(MONDAY, period, NORTH)
        market.at_gate(product, -60)
        region.steps.clear()
        # The direct line is dearer to fill last: all of the trade goes over the centre or directly.
        region.place(product, NORTH, sell(50, wanted))
        region.place(product, SOUTH, buy(90, wanted))
        taken = [sum(flows[longer][i] for longer in flows) for i in range(3)]
        left = [
            replace(link, forward=link.forward - used, back=link.back + used)
            for link, used in zip(region.links, taken, strict=True)
        ]
        solution = solve(region.coupled_market(left))
        market.at_gate(product, EXTENSION_SECONDS)
        region.clear_bytes(product, solution.encode(left))
        flows[period] = region.flows(product)
        assert flows[period] == list(solution.flows)
    total = [sum(flows[period][i] for period in flows) for i in range(3)]
    assert total == [100, 100, 30], "the lines are full, and no more"


def test_clear_coupled__longer_product_flows_the_other_way__more_room(
    market: AuctionMarket, region: Region
) -> None:
    day = market.product(MONDAY, Period.DAY, NORTH)
    market.at_gate(day, -60)
    region.place(day, CENTRE, sell(50, 50))
    region.place(day, NORTH, buy(90, 50))
    market.at_gate(day, EXTENSION_SECONDS)
    region.clear(day)
    assert region.flows(day) == [-50, 0, 0]

    hour = market.product(MONDAY + 8, Period.HOUR, NORTH)
    market.at_gate(hour, -60)
    region.steps.clear()
    region.place(hour, NORTH, sell(50, 500))
    region.place(hour, CENTRE, buy(90, 500))
    left = [replace(region.links[0], forward=150, back=0), *region.links[1:]]
    solution = solve(region.coupled_market(left))
    assert solution.flows[0] == 150
    market.at_gate(hour, EXTENSION_SECONDS)
    region.clear_bytes(hour, solution.encode(left))
    assert region.flows(hour)[0] == 150


def test_clear_coupled__capacity_lowered_below_what_flows__nothing_left_that_way(
    market: AuctionMarket, region: Region
) -> None:
    day = market.product(MONDAY, Period.DAY, NORTH)
    market.at_gate(day, -60)
    region.place(day, NORTH, sell(50, 200))
    region.place(day, CENTRE, buy(90, 200))
    market.at_gate(day, EXTENSION_SECONDS)
    region.clear(day)
    assert region.flows(day) == [100, -30, 30]

    market.govern("setCapacity", NORTH, 0, 200, 120)
    hour = market.product(MONDAY, Period.HOUR, NORTH)
    market.at_gate(hour, -60)
    region.steps.clear()
    region.place(hour, NORTH, sell(50, 500), buy(49, 300))
    region.place(hour, CENTRE, sell(30, 500))
    # Forward 50 - 100 lots is none, back 30 + 100; the other lines gain what came over them.
    left = [
        replace(region.links[0], forward=0, back=130),
        replace(region.links[1], forward=130, back=70),
        replace(region.links[2], forward=0, back=30),
    ]
    solution = solve(region.coupled_market(left))
    market.at_gate(hour, EXTENSION_SECONDS)
    region.clear_bytes(hour, solution.encode(left))
    assert region.flows(hour) == [-130, 30, -30]


def test_clear_coupled__capacity_not_a_whole_lot__rounded_down() -> None:
    market = AuctionMarket(zones=(), lot_wh=10)
    market.govern("joinRegion", 5, 3)
    market.set_terms(3, 5)
    market.govern("addInterconnector", 3, 5, 1_239, 79, OWNER)
    for zone in (3, 5):
        market.enrol(zone)
    region = Region(market, (3, 5), ((3, 5, 120, 4),))  # 30.9 and 1.9 lots of 10 Wh
    product = market.product(MONDAY, zone=3)
    market.at_gate(product, -60)
    region.place(product, 3, sell(50, 100))
    region.place(product, 5, buy(90, 100))
    market.at_gate(product, EXTENSION_SECONDS)
    region.clear(product)
    assert region.flows(product) == [30]


# --- extension ---


def test_clear_coupled__far_from_one_reference__all_gates_move(
    market: AuctionMarket, region: Region, product: Product
) -> None:
    market.govern("setReferencePrice", NORTH, 200 * TICK_SIZE)
    region.place(product, NORTH, sell(80, 60))
    buyer = region.place(product, SOUTH, buy(120, 50))
    market.at_gate(product)

    region.clear(product)

    moved = product.gate_at + EXTENSION_SECONDS
    events = market.market.events("GateExtended")
    in_zones = [region.in_zone(product, zone) for zone in ZONES]
    assert [dict(event.arguments) for event in events] == [
        {"product": one.id, "gateAt": moved} for one in in_zones
    ]
    for one in in_zones:
        assert not market.result(one).cleared
        assert market.market.ask("gateOf", one.id) == moved
    # Additions only, in every zone.
    south = in_zones[2]
    with pytest.raises(Refused, match="OnlyAdditions"):
        market.place(buyer, south, buy(120, 49))
    region.place(product, SOUTH, buy(120, 55))
    assert refusal(region, product, region.solution())[0] == "GateStillOpen"

    market.chain.at(moved)
    region.clear(product)
    assert market.result(product).soldLots == 55


def test_clear_coupled__extended__window_from_the_moved_gate(
    market: AuctionMarket, region: Region, product: Product
) -> None:
    market.govern("setReferencePrice", NORTH, 200 * TICK_SIZE)
    region.place(product, NORTH, sell(80, 60))
    region.place(product, SOUTH, buy(120, 50))
    market.at_gate(product, EXTENSION_SECONDS - 1)
    region.clear(product)
    until = product.gate_at + EXTENSION_SECONDS + COUPLED_SECONDS
    market.chain.at(until - 1)
    assert single_refusal(market, product) == (
        "CoupledFirst",
        {"nowSeconds": until - 1, "until": until},
    )
    before = market.chain.snapshot()
    region.clear(product)
    market.chain.revert(before)
    market.chain.at(until)
    assert refusal(region, product, region.solution())[0] == "CoupledTooLate"
    market.clear(product, 1, 80)


def test_clear_coupled__far_off_300_seconds_late__cleared(
    market: AuctionMarket, region: Region, product: Product
) -> None:
    market.govern("setReferencePrice", NORTH, 200 * TICK_SIZE)
    region.place(product, NORTH, sell(80, 60))
    region.place(product, SOUTH, buy(120, 50))
    market.at_gate(product, EXTENSION_SECONDS)
    region.clear(product)
    assert market.result(product).cleared

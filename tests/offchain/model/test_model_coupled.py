"""Regions in the reference model: two zones cleared together, rent, and what settles from it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from energy_grid.clearing.proposal import SHARE_ONE, Proposal
from energy_grid.curves import Step
from energy_grid.ids import Side
from energy_grid.model.refused import Refused
from energy_grid.model.zones import Halt, HaltScope
from energy_grid.products import Period, Product
from tests.offchain.model.scenario import DAY, SLOT, ZONE, Neighbourhood

SUNNY, CITY = ZONE, 2
HOUR = Product.auction(SUNNY, Period.HOUR, SLOT)
QUARTER = Product.auction(SUNNY, Period.QUARTER_HOUR, SLOT)
OWNER = "grid company"
WATT = 400
"""Capacity of the line both ways: 100 lots a slot."""

FULL_LINE = Proposal(prices=(100, 300), shares=(SHARE_ONE // 2, 3 * SHARE_ONE // 2), flows=(100,))
"""Seller S asks 100 for 200 lots, of which the line takes 100; buyer B wants 200 lots at 300."""


@pytest.fixture
def hood() -> Neighbourhood:
    """Two zones in one region, joined by a line; sellers in SUNNY, buyers in CITY."""
    neighbourhood = Neighbourhood()
    neighbourhood.market.trading.join_region(CITY, SUNNY)
    neighbourhood.open_zone(CITY, "city operator")
    neighbourhood.market.trading.add_interconnector(SUNNY, CITY, WATT, WATT, OWNER)
    neighbourhood.member("S")
    neighbourhood.member("S2")
    neighbourhood.trader("B", zone=CITY)
    neighbourhood.trader("B2", zone=CITY)
    return neighbourhood


def one_full_line(hood: Neighbourhood, product: Product = HOUR) -> None:
    hood.curve("S", product, Step.sell(100, 200))
    hood.curve("B", product.in_zone(CITY), Step.buy(300, 200))
    hood.market.advance(product.gate_at)


def clear(hood: Neighbourhood, proposal: Proposal, product: Product = HOUR) -> bool:
    cleared = hood.market.trading.clear_coupled(product.id, proposal, hood.market.now)
    return cleared is not None


# --- clearing ---


def test_clear_coupled__full_line__zones_have_prices_of_their_own(hood: Neighbourhood) -> None:
    one_full_line(hood)

    assert clear(hood, FULL_LINE)

    sunny, city = (hood.market.trading.results[HOUR.in_zone(zone)] for zone in (SUNNY, CITY))
    assert (sunny.price_tick, sunny.bought_lots, sunny.sold_lots) == (100, 0, 100)
    assert (city.price_tick, city.bought_lots, city.sold_lots) == (300, 100, 0)
    assert (sunny.rationed_side, city.rationed_side) == (Side.SELL, Side.BUY)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"prices": (101, 300)}, "NetExportOutsideBand"),
        ({"prices": (100, 299)}, "NetExportOutsideBand"),
        ({"prices": (100, 1_024)}, "PriceOutOfRange"),
        ({"flows": (101,)}, "FlowOutOfBounds"),
        ({"flows": (99,)}, "FlowNotAtBound"),
        ({"flows": (100, 0)}, "ProposalLength"),
        ({"shares": (SHARE_ONE // 4, 3 * SHARE_ONE // 2)}, "ShareNotProportional"),
        ({"shares": (2 * SHARE_ONE + 1, 3 * SHARE_ONE // 2)}, "ShareOutOfRange"),
        ({"interval": ((100, 300), (100, 300))}, "IntervalNotNeeded"),
    ],
)
def test_clear_coupled__anything_else__refused_and_nothing_changed(
    hood: Neighbourhood, changes: dict[str, object], error: str
) -> None:
    one_full_line(hood)

    with pytest.raises(Refused, match=error):
        clear(hood, replace(FULL_LINE, **changes))  # type: ignore[arg-type]

    assert hood.market.trading.results == {}
    assert clear(hood, FULL_LINE)


def test_clear_coupled__prices_not_unique__middle_of_the_proven_interval(
    hood: Neighbourhood,
) -> None:
    hood.curve("S", HOUR, Step.sell(100, 50))
    hood.curve("B", HOUR.in_zone(CITY), Step.buy(301, 50))
    hood.market.advance(HOUR.gate_at)
    proposal = Proposal((200, 200), (SHARE_ONE, SHARE_ONE), (50,))

    with pytest.raises(Refused, match="PricesNotUnique"):
        clear(hood, proposal)
    with pytest.raises(Refused, match="IntervalNotLowest"):
        clear(hood, replace(proposal, interval=((101, 101), (300, 300))))
    with pytest.raises(Refused, match="NotTheMidpoint"):
        clear(
            hood,
            replace(proposal, prices=(201, 201), interval=((100, 100), (301, 301))),
        )
    assert clear(hood, replace(proposal, interval=((100, 100), (301, 301))))


def test_clear_coupled__only_in_its_window_and_by_the_head_zone(hood: Neighbourhood) -> None:
    one_full_line(hood)
    trading = hood.market.trading

    with pytest.raises(Refused, match="NotCoupled"):
        trading.clear_coupled(HOUR.in_zone(CITY).id, FULL_LINE, hood.market.now)
    with pytest.raises(Refused, match="GateStillOpen"):
        trading.clear_coupled(HOUR.id, FULL_LINE, HOUR.gate_at - 1)
    with pytest.raises(Refused, match="CoupledTooLate"):
        trading.clear_coupled(HOUR.id, FULL_LINE, HOUR.gate_at + 600)
    assert clear(hood, FULL_LINE)
    with pytest.raises(Refused, match="AlreadyCleared"):
        clear(hood, FULL_LINE)


def test_clear__zone_of_a_region__only_after_the_coupled_window(hood: Neighbourhood) -> None:
    one_full_line(hood)
    city = HOUR.in_zone(CITY)

    with pytest.raises(Refused, match="CoupledFirst"):
        hood.clear(city)
    hood.market.advance(HOUR.gate_at + 599)
    with pytest.raises(Refused, match="CoupledFirst"):
        hood.clear(HOUR)
    hood.market.advance(HOUR.gate_at + 600)
    for product in (HOUR, city):
        result = hood.clear(product)
        assert result is not None and not result.publishes_price
    assert hood.market.trading.flow_of(HOUR, 0) == 0


def test_clear__region_without_lines__at_once(hood: Neighbourhood) -> None:
    hood.market.trading.join_region(4, 3)
    hood.open_zone(3, "operator of 3")
    product = HOUR.in_zone(3)
    hood.market.advance(product.gate_at)

    assert hood.clear(product) is not None


def test_clear_coupled__one_zone_halted__refused(hood: Neighbourhood) -> None:
    one_full_line(hood)
    halt = Halt(HaltScope.MATCH, SLOT, SLOT + 1, hood.market.now + 60)
    hood.market.trading.zone(CITY).add_halt(halt, hood.market.now)

    with pytest.raises(Refused, match="TradingHalted"):
        clear(hood, FULL_LINE)


def test_extension__price_jumps_in_one_zone__gates_of_all_move(hood: Neighbourhood) -> None:
    hood.market.trading.set_reference_price(CITY, 150_000)
    one_full_line(hood)
    trading = hood.market.trading

    assert not clear(hood, FULL_LINE)

    assert trading.results == {} and trading.flows == {}
    with pytest.raises(Refused, match="GateStillOpen"):
        clear(hood, FULL_LINE)
    hood.curve("S2", HOUR, Step.sell(100, 10))
    hood.market.advance(HOUR.gate_at + 300)
    # The same sellers' tick now holds 210 lots for the 100 that the line takes.
    proposal = replace(FULL_LINE, shares=(SHARE_ONE * 100 // 210, 3 * SHARE_ONE // 2))
    assert clear(hood, proposal)
    assert trading.coupled_until(HOUR) == HOUR.gate_at + 900


# --- capacity ---


def test_capacity__a_longer_product_has_taken__only_the_rest_is_left(hood: Neighbourhood) -> None:
    hood.curve("S", HOUR, Step.sell(100, 60))
    hood.curve("B", HOUR.in_zone(CITY), Step.buy(300, 60))
    hood.market.advance(HOUR.gate_at)
    assert clear(
        hood,
        Proposal((200, 200), (SHARE_ONE,) * 2, (60,), interval=((100, 100), (300, 300))),
    )

    link = hood.market.trading.links_left(QUARTER)[0]
    assert (link.forward, link.back) == (40, 160)
    beyond = Product.auction(SUNNY, Period.QUARTER_HOUR, SLOT + 4)
    assert hood.market.trading.links_left(beyond)[0].forward == 100

    hood.market.trading.set_capacity(SUNNY, 0, 200, 200)
    link = hood.market.trading.links_left(QUARTER)[0]
    assert (link.forward, link.back) == (0, 110)


# --- rent ---


def test_collect_rent__after_delivery_once__to_the_owner_and_everything_adds_up(
    hood: Neighbourhood,
) -> None:
    one_full_line(hood)
    clear(hood, FULL_LINE)
    trading, ledger = hood.market.trading, hood.market.ledger

    with pytest.raises(Refused, match="DeliveryNotOver"):
        trading.collect_rent(HOUR.id, 0, hood.market.now)
    hood.market.advance(DAY + 3 * 86_400)
    rent = trading.collect_rent(HOUR.id, 0, hood.market.now)

    assert rent == 4 * 100 * (300 - 100)
    assert ledger.outsider(OWNER).free == rent
    with pytest.raises(Refused, match="NoRent"):
        trading.collect_rent(HOUR.id, 0, hood.market.now)
    with pytest.raises(Refused, match="NoRent"):
        trading.collect_rent(HOUR.id, 1, hood.market.now)
    hood.market.settle_many(["S", "S2", "B", "B2"], SLOT + 96)
    assert ledger.clearing == 0
    assert ledger.sum_of_entries() == ledger.tracked_total
    ledger.withdraw(OWNER, rent)
    assert ledger.sum_of_entries() == ledger.tracked_total


def test_collect_rent__owner_is_enrolled__credited_to_its_account(hood: Neighbourhood) -> None:
    hood.market.trading.add_interconnector(CITY, SUNNY, 0, WATT, "B2")
    hood.curve("S", HOUR, Step.sell(100, 200))
    hood.curve("B", HOUR.in_zone(CITY), Step.buy(300, 400))
    hood.market.advance(HOUR.gate_at)
    proposal = Proposal((200, 300), (SHARE_ONE, 3 * SHARE_ONE // 2), (100, -100))
    # Sellers are sold out below 300: from 100 to 300 any price would do in SUNNY.
    clear(hood, replace(proposal, interval=((100, 300), (300, 300))))
    before = hood.market.ledger.account("B2").free
    hood.market.advance(HOUR.ends_at)

    rent = hood.market.trading.collect_rent(HOUR.id, 1, hood.market.now)

    assert rent == 4 * 100 * 100
    assert hood.market.ledger.account("B2").free == before + rent


def test_collect_rent__cleared_one_by_one__none(hood: Neighbourhood) -> None:
    one_full_line(hood)
    hood.market.advance(HOUR.ends_at)

    with pytest.raises(Refused, match="NoRent"):
        hood.market.trading.collect_rent(HOUR.id, 0, hood.market.now)


# --- settlement over the region ---


def test_traded_wh__counts_the_region_and_its_certificates_pass_between_zones(
    hood: Neighbourhood,
) -> None:
    meter = hood.member("C", zone=CITY)
    hood.curve("S", HOUR, Step.sell(100, 200))
    hood.curve("C", HOUR.in_zone(CITY), Step.buy(300, 200))
    hood.market.advance(HOUR.gate_at)
    clear(hood, FULL_LINE)
    producer = hood.market.metering.registry.connection_of("S")
    assert producer is not None
    hood.read(producer, 0, 100)
    hood.read(meter, 100, 0)
    hood.market.settle_many(["S", "C"], SLOT + 1)

    assert hood.market.trading.traded_wh(SUNNY, SLOT) == 100
    assert hood.market.delivery.pool_closed(SUNNY, SLOT, hood.market.now)
    assert hood.market.delivery.claim_certificates(["C"], SLOT, hood.market.now) == 100


# --- who is in a region ---


def test_join_region__against_a_rule__refused(hood: Neighbourhood) -> None:
    trading = hood.market.trading
    hood.open_zone(3, "operator of 3")

    for zone, region, error in [
        (0, SUNNY, "ZoneZero"),
        (3, SUNNY, "ZoneHasTerms"),
        (9, 9, "ZoneInRegion"),
        (9, CITY, "NotAHeadZone"),
    ]:
        with pytest.raises(Refused, match=error):
            trading.join_region(zone, region)
    trading.join_region(9, 8)
    with pytest.raises(Refused, match="ZoneInRegion"):
        trading.join_region(9, SUNNY)
    with pytest.raises(Refused, match="ZoneInRegion"):
        trading.join_region(8, SUNNY)
    for zone in range(20, 25):
        trading.join_region(zone, SUNNY)
    with pytest.raises(Refused, match="TooManyZones"):
        trading.join_region(25, SUNNY)
    assert trading.zones_of(SUNNY) == [SUNNY, CITY, 20, 21, 22, 23, 24]


def test_add_interconnector__against_a_rule__refused(hood: Neighbourhood) -> None:
    trading = hood.market.trading

    for from_zone, to_zone in [(SUNNY, SUNNY), (SUNNY, 3)]:
        with pytest.raises(Refused, match="NotOneRegion"):
            trading.add_interconnector(from_zone, to_zone, 1, 1, OWNER)
    for _ in range(3):
        trading.add_interconnector(CITY, SUNNY, 1, 1, OWNER)
    with pytest.raises(Refused, match="TooManyInterconnectors"):
        trading.add_interconnector(SUNNY, CITY, 1, 1, OWNER)
    with pytest.raises(Refused, match="InterconnectorUnknown"):
        trading.set_capacity(SUNNY, 4, 1, 1)
    with pytest.raises(Refused, match="NotAHeadZone"):
        trading.set_capacity(CITY, 0, 1, 1)
    with pytest.raises(Refused, match="CapacityTooLarge"):
        trading.set_capacity(SUNNY, 0, 1, 2**39)
    with pytest.raises(Refused, match="OwnerZero"):
        trading.add_interconnector(SUNNY, CITY, 1, 1, "")

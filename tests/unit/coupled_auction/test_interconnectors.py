"""Regions and interconnectors: `joinRegion`, `addInterconnector`, `setCapacity`, their views.

branches:
├── anybody but governance → AccessManagedUnauthorized
├── joinRegion: zone 0 → ZoneZero; zone with terms → ZoneHasTerms; in a region or head of one →
│   ZoneInRegion; region that is a member itself → NotAHeadZone; eighth zone → TooManyZones
├── addInterconnector: one zone, or zones of two regions → NotOneRegion; no owner → OwnerZero;
│   power beyond the field → CapacityTooLarge; more than two a zone, 12 a region →
│   TooManyInterconnectors
├── setCapacity: member zone → NotAHeadZone; no such line → InterconnectorUnknown; too large
└── views: regionOf, zonesOf, interconnectorsOf, flowOf
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.utils.auction_market import ANYBODY, MONDAY, OWNER, AuctionMarket
from tests.utils.auction_region import LINKS
from tests.utils.revm import Refused

MAX_POWER_W = 2**39 - 1


@pytest.fixture(scope="module")
def bare() -> AuctionMarket:
    return AuctionMarket(zones=())


@pytest.fixture
def empty(bare: AuctionMarket) -> Iterator[AuctionMarket]:
    """A market without zones."""
    before = bare.chain.snapshot()
    yield bare
    bare.chain.revert(before)


def refusal(market: AuctionMarket, function: str, *arguments: Any) -> tuple[str, dict[str, Any]]:
    with pytest.raises(Refused) as caught:
        market.govern(function, *arguments)
    return caught.value.name, caught.value.arguments


@pytest.mark.parametrize(
    ("function", "arguments"),
    [
        ("joinRegion", (2, 1)),
        ("addInterconnector", (11, 12, 100, 100, OWNER)),
        ("setCapacity", (11, 0, 100, 100)),
    ],
)
def test_restricted__anybody__refused(
    market: AuctionMarket, function: str, arguments: tuple[Any, ...]
) -> None:
    for caller in (ANYBODY, OWNER):
        with pytest.raises(Refused) as caught:
            market.market.send(caller, function, *arguments)
        assert caught.value.name == "AccessManagedUnauthorized"


def test_join_region__before_the_first_terms__one_region(empty: AuctionMarket) -> None:
    assert empty.market.ask("regionOf", 5) == 5
    assert empty.market.ask("zonesOf", 5) == [5]

    empty.govern("joinRegion", 5, 3)

    (event,) = empty.market.events("RegionJoined")
    assert dict(event.arguments) == {"zone": 5, "region": 3}
    empty.govern("joinRegion", 2, 3)
    assert empty.market.ask("zonesOf", 3) == [3, 5, 2]
    assert [empty.market.ask("regionOf", zone) for zone in (2, 3, 5, 7)] == [3, 3, 3, 7]


def test_join_region__head_has_terms_already__still_possible(empty: AuctionMarket) -> None:
    empty.set_terms(3)
    empty.govern("joinRegion", 5, 3)
    assert empty.market.ask("regionOf", 5) == 3


def test_join_region__refused(empty: AuctionMarket) -> None:
    assert refusal(empty, "joinRegion", 0, 3)[0] == "ZoneZero"
    assert refusal(empty, "joinRegion", 3, 0)[0] == "ZoneZero"
    assert refusal(empty, "joinRegion", 3, 3) == ("ZoneInRegion", {"zone": 3, "region": 3})
    empty.set_terms(4)
    assert refusal(empty, "joinRegion", 4, 3) == ("ZoneHasTerms", {"zone": 4})
    empty.govern("joinRegion", 5, 3)
    assert refusal(empty, "joinRegion", 5, 3) == ("ZoneInRegion", {"zone": 5, "region": 3})
    assert refusal(empty, "joinRegion", 5, 9) == ("ZoneInRegion", {"zone": 5, "region": 3})
    assert refusal(empty, "joinRegion", 3, 9) == ("ZoneInRegion", {"zone": 3, "region": 3})
    assert refusal(empty, "joinRegion", 6, 5) == ("NotAHeadZone", {"given": 5, "region": 3})


def test_join_region__eighth_zone__refused(empty: AuctionMarket) -> None:
    for zone in range(2, 8):
        empty.govern("joinRegion", zone, 1)
    assert refusal(empty, "joinRegion", 8, 1) == ("TooManyZones", {"given": 8, "allowed": 7})
    assert empty.market.ask("zonesOf", 1) == [1, 2, 3, 4, 5, 6, 7]


def test_add_interconnector__two_zones__as_given(market: AuctionMarket) -> None:
    index = market.govern("addInterconnector", 13, 11, MAX_POWER_W, 0, ANYBODY)
    assert index == len(LINKS)
    (event,) = market.market.events("InterconnectorAdded")
    assert {**event.arguments, "owner": event.owner.lower()} == {
        "region": 11,
        "index": index,
        "fromZone": 13,
        "toZone": 11,
        "forwardW": MAX_POWER_W,
        "backW": 0,
        "owner": ANYBODY,
    }
    lines = market.market.ask("interconnectorsOf", 11)
    assert [(line.owner.lower(), *line[1:]) for line in lines] == [
        *((OWNER, *link) for link in LINKS),
        (ANYBODY, 13, 11, MAX_POWER_W, 0),
    ]


def test_add_interconnector__refused(market: AuctionMarket) -> None:
    one_region = {"fromZone": 11, "toZone": 11}
    assert refusal(market, "addInterconnector", 11, 11, 1, 1, OWNER) == ("NotOneRegion", one_region)
    for pair in ((11, 99), (99, 12)):
        name, arguments = refusal(market, "addInterconnector", *pair, 1, 1, OWNER)
        assert (name, tuple(arguments.values())) == ("NotOneRegion", pair)
    zero = "0x" + "00" * 20
    assert refusal(market, "addInterconnector", 11, 12, 1, 1, zero)[0] == "OwnerZero"
    for powers in ((MAX_POWER_W + 1, 1), (1, MAX_POWER_W + 1)):
        assert refusal(market, "addInterconnector", 11, 12, *powers, OWNER) == (
            "CapacityTooLarge",
            {"givenW": MAX_POWER_W + 1, "allowedW": MAX_POWER_W},
        )


def test_add_interconnector__more_than_two_a_zone__refused(market: AuctionMarket) -> None:
    for _ in range(3):
        market.govern("addInterconnector", 11, 12, 1, 1, OWNER)
    assert refusal(market, "addInterconnector", 11, 12, 1, 1, OWNER) == (
        "TooManyInterconnectors",
        {"given": 7, "allowed": 6},
    )


def test_add_interconnector__thirteenth_of_a_region__refused(empty: AuctionMarket) -> None:
    for zone in range(2, 8):
        empty.govern("joinRegion", zone, 1)
    for _ in range(12):
        empty.govern("addInterconnector", 1, 7, 1, 1, OWNER)
    assert refusal(empty, "addInterconnector", 1, 7, 1, 1, OWNER) == (
        "TooManyInterconnectors",
        {"given": 13, "allowed": 12},
    )


def test_set_capacity__new_powers_for_one_line(market: AuctionMarket) -> None:
    market.govern("setCapacity", 11, 1, 7, MAX_POWER_W)
    (event,) = market.market.events("CapacitySet")
    assert dict(event.arguments) == {
        "region": 11,
        "index": 1,
        "oldForwardW": 400,
        "oldBackW": 400,
        "newForwardW": 7,
        "newBackW": MAX_POWER_W,
    }
    lines = market.market.ask("interconnectorsOf", 11)
    assert [tuple(line[1:]) for line in lines] == [LINKS[0], (12, 13, 7, MAX_POWER_W), LINKS[2]]
    assert lines[1].owner.lower() == OWNER


def test_set_capacity__refused(market: AuctionMarket) -> None:
    assert refusal(market, "setCapacity", 12, 0, 1, 1) == (
        "NotAHeadZone",
        {"given": 12, "region": 11},
    )
    assert refusal(market, "setCapacity", 11, 3, 1, 1) == (
        "InterconnectorUnknown",
        {"region": 11, "index": 3, "count": 3},
    )
    for powers in ((MAX_POWER_W + 1, 1), (1, MAX_POWER_W + 1)):
        assert refusal(market, "setCapacity", 11, 0, *powers)[0] == "CapacityTooLarge"


def test_views__member_zone_or_unknown_line__refused(market: AuctionMarket) -> None:
    product = market.product(MONDAY, zone=12)
    for function, arguments in (
        ("zonesOf", (12,)),
        ("interconnectorsOf", (12,)),
        ("flowOf", (product.id, 0)),
    ):
        with pytest.raises(Refused, match="NotAHeadZone"):
            market.market.ask(function, *arguments)
    with pytest.raises(Refused, match="InterconnectorUnknown"):
        market.market.ask("flowOf", market.product(MONDAY, zone=11).id, 3)

"""The market of the continuous book's tests, with an auction product."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.unit.call_auction.curves import Step, auction_id, curve
from tests.unit.energy_trading.conftest import (  # noqa: F401  (fixtures)
    access_manager,
    at,
    balances,
    buyer,
    delegate,
    foreigner,
    governor,
    guardian,
    ledger,
    market,
    monday,
    other_seller,
    place,
    product,
    seller,
    slot,
    stranger,
)

PRICE_FEED_ROLE = 4


@pytest.fixture(scope="session")
def auction(market: Any, slot: int) -> int:  # noqa: F811
    """The auction of the quarter hour of `slot`."""
    return auction_id(slot)


@pytest.fixture(scope="session")
def price_feed(accounts: Any) -> Any:
    return accounts[8]


@pytest.fixture(scope="session")
def set_reference(
    market: Any,  # noqa: F811
    access_manager: Any,  # noqa: F811
    governor: Any,  # noqa: F811
    price_feed: Any,
) -> Callable[[int, int], Any]:
    """Set the reference price of a zone, by the price feed."""
    selectors = market.contract_type.selector_identifiers
    selector = selectors["setReferencePrice(uint16,uint256)"]
    access_manager.setTargetFunctionRole(
        market, [bytes.fromhex(selector[2:])], PRICE_FEED_ROLE, sender=governor
    )
    access_manager.grantRole(PRICE_FEED_ROLE, price_feed, 0, sender=governor)

    def set_price(zone: int, price_per_kwh: int) -> Any:
        return market.setReferencePrice(zone, price_per_kwh, sender=price_feed)

    return set_price


@pytest.fixture
def place_curve(market: Any, auction: int) -> Callable[..., Any]:  # noqa: F811
    """Place a curve and return the receipt."""

    def place_steps(account: Any, *steps: Step, into: int | None = None) -> Any:
        return market.placeCurve(curve(auction if into is None else into, *steps), sender=account)

    return place_steps

"""One market over a mock ledger: a buyer, two sellers and a trader in one zone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.unit.energy_trading.book import (
    BUY,
    CAPACITY_W,
    FREE,
    LOT,
    METERED_AND_SECURED,
    MONDAY_SLOT,
    OTHER_ZONE,
    SLOT_SECONDS,
    TERMS,
    TICK_SIZE,
    WEEK_SLOTS,
    ZONE,
    product_id,
    quote,
)
from tests.unit.market import deploy_market, foretold_market

GUARDIAN_ROLE = 2


@pytest.fixture(scope="session")
def governor(accounts: Any) -> Any:
    return accounts[0]


@pytest.fixture(scope="session")
def guardian(accounts: Any) -> Any:
    return accounts[1]


@pytest.fixture(scope="session")
def buyer(accounts: Any) -> Any:
    """Account 1: a trader without a meter."""
    return accounts[2]


@pytest.fixture(scope="session")
def seller(accounts: Any) -> Any:
    """Account 2: a metered member that can feed in 2,000 Wh a slot."""
    return accounts[3]


@pytest.fixture(scope="session")
def other_seller(accounts: Any) -> Any:
    """Account 3: as the seller."""
    return accounts[4]


@pytest.fixture(scope="session")
def foreigner(accounts: Any) -> Any:
    """Account 4: a trader of another zone."""
    return accounts[5]


@pytest.fixture(scope="session")
def stranger(accounts: Any) -> Any:
    """Somebody who is not enrolled."""
    return accounts[6]


@pytest.fixture(scope="session")
def delegate(accounts: Any) -> Any:
    return accounts[7]


@pytest.fixture(scope="session")
def monday(chain: Any) -> int:
    """The first slot of the week in which the tests begin, on a Monday 00:00 UTC."""
    slot = int(chain.pending_timestamp) // SLOT_SECONDS + 1
    return slot + (MONDAY_SLOT - slot) % WEEK_SLOTS


@pytest.fixture(scope="session")
def access_manager(project: Any, governor: Any) -> Any:
    return governor.deploy(project.GridAccessManager, governor)


@pytest.fixture(scope="session")
def ledger(project: Any, governor: Any, access_manager: Any) -> Any:
    return governor.deploy(project.MockMarketLedger, foretold_market(governor))


@pytest.fixture(scope="session")
def market(
    project: Any,
    chain: Any,
    governor: Any,
    guardian: Any,
    access_manager: Any,
    ledger: Any,
    buyer: Any,
    seller: Any,
    other_seller: Any,
    foreigner: Any,
    monday: int,
) -> Any:
    contract = deploy_market(project, governor, access_manager, ledger, TICK_SIZE, LOT)
    assert ledger.MARKET() == contract.address
    selector = contract.contract_type.mutable_methods["haltZone"].selector
    identifiers = contract.contract_type.selector_identifiers
    access_manager.setTargetFunctionRole(
        contract, [bytes.fromhex(identifiers[selector][2:])], GUARDIAN_ROLE, sender=governor
    )
    access_manager.grantRole(GUARDIAN_ROLE, guardian, 0, sender=governor)
    contract.setMarketTerms(ZONE, 0, TERMS, sender=governor)
    chain.pending_timestamp = monday * SLOT_SECONDS
    ledger.enrol(buyer, ZONE, 0, 0, FREE, monday, sender=governor)
    for account in (seller, other_seller):
        ledger.enrol(account, ZONE, CAPACITY_W, METERED_AND_SECURED, FREE, monday, sender=governor)
    ledger.enrol(foreigner, OTHER_ZONE, 0, 0, FREE, monday, sender=governor)
    return contract


@pytest.fixture(scope="session")
def slot(monday: int) -> int:
    """A slot that starts two hours after the tests begin, on a full hour."""
    return monday + 8


@pytest.fixture(scope="session")
def product(market: Any, slot: int) -> int:
    """The quarter hour of `slot`."""
    return product_id(slot)


@pytest.fixture
def place(market: Any, product: int) -> Callable[..., int]:
    """Place an order and return its id."""

    def place_order(
        account: Any, side: int = BUY, tick: int = 100, lots: int = 50, **more: Any
    ) -> int:
        terms = quote(more.get("product", product), side, tick, lots, more.get("expires_at", 0))
        receipt = market.placeOrder(terms, sender=account)
        return int(receipt.return_value)

    return place_order


@pytest.fixture
def balances(ledger: Any) -> Callable[[Any], tuple[int, int]]:
    """Free and locked balance of an account."""

    def read(account: Any) -> tuple[int, int]:
        return int(ledger.freeOf(account)), int(ledger.lockedOf(account))

    return read


@pytest.fixture
def at(chain: Any) -> Callable[[int], None]:
    """Let the next block have this time."""

    def travel(unix_seconds: int) -> None:
        chain.pending_timestamp = unix_seconds

    return travel

"""A market with its rooms over a mock ledger; accounts that sign, and a relayer who is nobody."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from energy_grid.products import Period, Product
from tests.unit.energy_trading.book import (
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
)
from tests.unit.market import deploy_market, foretold_market
from tests.unit.signed_orders.relay import Desk


@pytest.fixture(scope="session")
def governor(accounts: Any) -> Any:
    return accounts[0]


@pytest.fixture(scope="session")
def relayer(accounts: Any) -> Any:
    """Somebody who is not enrolled and relays."""
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
def other(accounts: Any) -> Any:
    """Account 3: as the buyer."""
    return accounts[4]


@pytest.fixture(scope="session")
def foreigner(accounts: Any) -> Any:
    """Account 4: at home in a zone without terms."""
    return accounts[5]


@pytest.fixture(scope="session")
def stranger(accounts: Any) -> Any:
    """Somebody who is not enrolled."""
    return accounts[6]


@pytest.fixture(scope="session")
def monday(chain: Any) -> int:
    """The first slot of the week in which the tests begin, on a Monday 00:00 UTC."""
    slot = int(chain.pending_timestamp) // SLOT_SECONDS + 1
    return slot + (MONDAY_SLOT - slot) % WEEK_SLOTS


@pytest.fixture(scope="session")
def authority(project: Any, governor: Any) -> Any:
    return governor.deploy(project.GridAccessManager, governor)


@pytest.fixture(scope="session")
def ledger(project: Any, governor: Any, authority: Any) -> Any:
    return governor.deploy(project.MockMarketLedger, foretold_market(governor))


@pytest.fixture(scope="session")
def market(
    project: Any,
    chain: Any,
    governor: Any,
    buyer: Any,
    seller: Any,
    other: Any,
    foreigner: Any,
    authority: Any,
    ledger: Any,
    monday: int,
) -> Any:
    contract = deploy_market(project, governor, authority, ledger, TICK_SIZE, LOT)
    assert ledger.MARKET() == contract.address
    contract.setMarketTerms(ZONE, 0, TERMS, sender=governor)
    chain.pending_timestamp = monday * SLOT_SECONDS
    for trader in (buyer, seller, other, foreigner):
        zone = OTHER_ZONE if trader is foreigner else ZONE
        capacity, flags = (CAPACITY_W, METERED_AND_SECURED) if trader is seller else (0, 0)
        ledger.enrol(trader, zone, capacity, flags, FREE, monday, sender=governor)
    return contract


@pytest.fixture(scope="session")
def desk(market: Any, relayer: Any, chain: Any) -> Desk:
    return Desk(market, relayer, chain.chain_id)


@pytest.fixture(scope="session")
def product(market: Any, monday: int) -> Product:
    """The quarter hour that starts two hours after the tests begin, on a full hour."""
    return Product.auction(ZONE, Period.QUARTER_HOUR, monday + 8)


@pytest.fixture
def at(chain: Any) -> Callable[[int], None]:
    """Let the next block have this time."""

    def travel(unix_seconds: int) -> None:
        chain.pending_timestamp = unix_seconds

    return travel


@pytest.fixture
def now(chain: Any, market: Any) -> int:
    """Time of the newest block: nothing signed now comes from the future."""
    return int(chain.blocks.head.timestamp)

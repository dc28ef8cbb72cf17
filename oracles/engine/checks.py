"""What an engine needs before it can run, looked at one by one."""

from __future__ import annotations

from collections.abc import Iterator

from energy_grid.clearing import coupled
from energy_grid.clearing.market import CoupledMarket, Link, Zone
from energy_grid.contracts import Contracts
from energy_grid.outbox import Outbox, State
from energy_grid.preflight import Chain, open_chain
from oracles.engine.config import EngineSettings
from oracles.engine.service import account_of
from oracles.runtime.checks import Check, funds, look

NEEDED_FUNCTIONS = (
    "auctionResult", "bookLevels", "claim", "clear", "clearCoupled", "collectRent", "curveOf",
    "flowOf", "gateOf", "haltOf", "interconnectorsOf", "matchMany", "placeSigned", "regionOf",
    "removeExpired", "zonesOf",
)  # fmt: skip


def run_checks(settings: EngineSettings) -> Iterator[Check]:
    """Everything in turn; what depends on something bad is left out."""
    chain: list[Chain] = []

    def connect() -> str:
        chain.append(open_chain(settings))
        found = chain[0].deployment
        return f"chain {found.chain_id}, market {found.address_of('EnergyTrading')}"

    yield look("chain", connect)
    address = ""

    def key() -> str:
        nonlocal address
        address = str(account_of(settings).address)
        return address

    yield look("key", key)
    if chain and address:
        rpc = chain[0].rpc
        yield funds(rpc, address)
    if chain:
        yield market_check(chain[0].contracts)
    yield look("store", lambda: _store(settings))
    yield solver_check()


def market_check(contracts: Contracts) -> Check:
    """Whether the market has all that an engine calls."""
    return look("market", lambda: _market(contracts))


def solver_check() -> Check:
    """Whether the solver solves a market whose outcome is known."""
    return look("solver", _solver)


def _market(contracts: Contracts) -> str:
    market = contracts.energy_trading
    for function in NEEDED_FUNCTIONS:
        market.abi.selector(function)
    lot, tick = int(market.call("LOT")), int(market.call("TICK_SIZE"))
    return f"lot {lot} Wh, tick {tick} units per kWh"


def _store(settings: EngineSettings) -> str:
    outbox = Outbox(settings.engine_store)
    try:
        open_rows = outbox.count(*(state for state in State if state.is_open))
    finally:
        outbox.close()
    return f"{settings.engine_store}, {open_rows} transactions open"


def _solver() -> str:
    """Two zones whose outcome is known: the line is full and each has its own price."""
    market = CoupledMarket(
        zones=(
            Zone.of_orders("sellers", [(100, 20)], []),
            Zone.of_orders("buyers", [], [(300, 20)]),
        ),
        links=(Link(0, 1, 0, 10),),
        lowest_price=1,
        highest_price=1_023,
    )
    proposal = coupled.solve(market)
    return f"prices {proposal.prices}, flow {proposal.flows[0]}"

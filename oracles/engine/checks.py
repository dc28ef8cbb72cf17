"""What an engine needs before it can run, looked at one by one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from energy_grid.clearing import coupled
from energy_grid.clearing.market import CoupledMarket, Link, Zone
from energy_grid.contracts import Contracts
from energy_grid.errors import EnergyGridError
from energy_grid.outbox import Outbox, State
from energy_grid.preflight import Chain, open_chain
from energy_grid.rpc import Rpc
from oracles.engine.config import EngineSettings
from oracles.engine.service import account_of

NEEDED_FUNCTIONS = (
    "auctionResult", "bookLevels", "claim", "clear", "clearCoupled", "collectRent", "curveOf",
    "flowOf", "gateOf", "haltOf", "interconnectorsOf", "matchMany", "placeSigned", "regionOf",
    "removeExpired", "zonesOf",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at."""

    name: str
    is_good: bool
    detail: str


def run_checks(settings: EngineSettings) -> Iterator[Check]:
    """Everything in turn; what depends on something bad is left out."""
    chain: list[Chain] = []

    def connect() -> str:
        chain.append(open_chain(settings))
        found = chain[0].deployment
        return f"chain {found.chain_id}, market {found.address_of('EnergyTrading')}"

    yield _look("chain", connect)
    address = ""

    def key() -> str:
        nonlocal address
        address = str(account_of(settings).address)
        return address

    yield _look("key", key)
    if chain and address:
        rpc = chain[0].rpc
        yield _funds(rpc, address)
    if chain:
        yield _look("market", lambda: _market(chain[0].contracts))
    yield _look("store", lambda: _store(settings))
    yield _look("solver", _solver)


def _look(name: str, look: Callable[[], str]) -> Check:
    try:
        return Check(name, True, look())
    except EnergyGridError as error:
        return Check(name, False, str(error))


def _funds(rpc: Rpc, address: str) -> Check:
    wei = rpc.balance(address)
    price = int(rpc.block("latest").get("baseFeePerGas") or "0x0", 16)
    return Check("funds", wei > 0 or not price, f"{wei} wei, base fee {price} wei")


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

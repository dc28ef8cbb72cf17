"""Gas of real hours of a national day-ahead market, from the recorded hours of the tests.

Median and largest over seven days are what `ape run replay_day_ahead` measures.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from energy_grid.artifacts import Artifacts
from energy_grid.clearing.coupled import solve
from energy_grid.clearing.packing import PackedSession, PriceGrid, pack_session
from energy_grid.rpc import Rpc
from simulation.day_ahead.chain import RING, ReplayChain
from simulation.day_ahead.hours import Borders, build_hour
from simulation.day_ahead.records import HIGHEST_PRICE, LOWEST_PRICE, ORDER_TICK, read_records

RECORDS: Final = Path(__file__).resolve().parents[2] / "tests" / "data" / "day-ahead"


def clear_hours(rpc: Rpc) -> dict[str, int]:
    """Seal and clear the recorded hours, and again one turn of the ring later."""
    grid = PriceGrid(LOWEST_PRICE, HIGHEST_PRICE, ORDER_TICK)
    chain = ReplayChain(rpc, Artifacts.load(), grid)
    gas: dict[str, int] = {}
    hours: dict[str, tuple[PackedSession, bytes]] = {}
    for key, record in sorted(read_records(RECORDS).items()):
        market = build_hour(key, record, Borders.EXCHANGES).market
        found = solve(market)
        kind = "one_price" if found.interval is None else "price_interval"
        hours.setdefault(kind, (pack_session(market, grid), found.encode(market.links)))
    for turn, first in (("fresh", 0), ("recycled", RING)):
        for number, (kind, (packed, proposal)) in enumerate(hours.items(), first):
            gas[f"sealed_commit_{turn}"] = chain.commit(number, packed)
            chain.pass_gate(number)
            gas[f"sealed_hour_{kind}_{turn}"] = chain.clear(number, packed, proposal)
    return gas

"""Zones beyond the first, without a tariff: enough to trade in, not settled here."""

from __future__ import annotations

from typing import Final

from bench.gas.people import trader_addresses
from bench.gas.world import World

_TICK_SIZE_UNITS: Final = 1_000
_NETWORK_FEE_UNITS: Final = 40_000
_TRADING_FEE_BPS: Final = 10


def open_zone(world: World, zone: int, *, cap_ticks: int) -> None:
    """Give a zone an operator and market terms."""
    (operator,) = trader_addresses(f"operator of zone {zone}", 1)
    terms = (cap_ticks * _TICK_SIZE_UNITS, _NETWORK_FEE_UNITS, _TRADING_FEE_BPS)
    contracts = world.contracts
    world.send(world.governor, contracts.settlement, "appointOperator", zone, operator)
    world.send(world.governor, contracts.energy_trading, "setMarketTerms", zone, 0, terms)

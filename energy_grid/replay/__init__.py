"""The state of the contracts, rebuilt from their logs alone.

`Replay` takes decoded events in the order of the chain, each with the time of its block, and keeps
what an indexer needs: money, orders, curves, fills, meters, slot energies, certificates, assets,
roles. One module a contract; nothing asks a node. I-46 (`docs/invariants.md`) compares the result
with the contracts' views after random markets.

An event that no module knows is an error: a contract that learns to say something new must be
understood here before its state can be trusted.
"""

from energy_grid.replay.assets import AssetReplay
from energy_grid.replay.authority import AuthorityReplay
from energy_grid.replay.exits import ExitReplay
from energy_grid.replay.meters import MeterReplay
from energy_grid.replay.reducer import Reducer, ReplayError
from energy_grid.replay.replay import Constants, Replay
from energy_grid.replay.settlement import SettlementReplay
from energy_grid.replay.tokens import TokenReplay
from energy_grid.replay.trading import TradingReplay

__all__ = [
    "AssetReplay",
    "AuthorityReplay",
    "Constants",
    "ExitReplay",
    "MeterReplay",
    "Reducer",
    "Replay",
    "ReplayError",
    "SettlementReplay",
    "TokenReplay",
    "TradingReplay",
]

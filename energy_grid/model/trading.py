"""The market: both sessions, and the zones joined by interconnectors. Sections 4 to 6.

Its parts stand in modules of their own and share one state, as the contracts behind the market's
address do.
"""

from __future__ import annotations

from dataclasses import dataclass

from energy_grid.model.coupled_clearing import CoupledClearing
from energy_grid.model.matching import Matching
from energy_grid.model.quotes import Quote, Trade
from energy_grid.model.signed_entry import SignedEntry

__all__ = ["Quote", "Trade", "Trading"]


@dataclass
class Trading(Matching, SignedEntry, CoupledClearing):
    """Everything that the market's address answers to."""

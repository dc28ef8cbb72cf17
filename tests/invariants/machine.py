"""The lock-step machine, put together from its rules and properties."""

from __future__ import annotations

from tests.invariants.machine_auctions import AuctionRules
from tests.invariants.machine_hostile import HostileRules
from tests.invariants.machine_pages import PageRules
from tests.invariants.machine_properties import Properties


class LockStepMachine(AuctionRules, PageRules, HostileRules, Properties):
    """Chain and model do the same thing, step by step, and every property is checked after each."""

"""Follows the events of contracts block by block, and notices when the chain changed behind it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import structlog

from energy_grid.abi import Event
from energy_grid.contracts import Contract
from energy_grid.rpc import Rpc

MAX_BLOCKS_A_READ: Final = 5_000

_log = structlog.get_logger(__name__)


class Follower:
    """Events since the last time.

    Args:
        rpc: the node.
        contracts: whose events.
        first_block: where to begin.
    """

    def __init__(self, rpc: Rpc, contracts: Sequence[Contract], first_block: int) -> None:
        self._rpc = rpc
        self._contracts = contracts
        self._first_block = first_block
        self._next_block = first_block
        self._last_hash: str | None = None

    def read(self, block: int, block_hash: str) -> tuple[list[Event], bool]:
        """Events up to a block, and whether what was read before no longer counts.

        Events of each contract are in order; those of different contracts follow one another
        within stretches of blocks.
        """
        was_reset = self._last_hash is not None and not self._is_still_there(block)
        if was_reset:
            _log.warning("chain reorganised, reading the events again")
            self._next_block = self._first_block
        found: list[Event] = []
        for first in range(self._next_block, block + 1, MAX_BLOCKS_A_READ):
            last = min(first + MAX_BLOCKS_A_READ - 1, block)
            for contract in self._contracts:
                found += contract.all_events(first, last)
        self._next_block, self._last_hash = block + 1, block_hash
        return found, was_reset

    def _is_still_there(self, block: int) -> bool:
        last = self._next_block - 1
        return last <= block and str(self._rpc.block(last)["hash"]) == self._last_hash

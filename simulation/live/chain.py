"""The chain of a live day: Anvil with a memory, and the hand on its clock.

Before the day it mines every transaction at once, a second of its own time a block. Then the clock
is let go: a block a second, a minute of the day each. Anvil writes its state down every few
seconds. Ended properly it loses nothing; killed, it comes back as it was at the last writing,
which to everybody else is a reorganisation of a few blocks.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Final

from energy_grid.rpc import Rpc
from simulation.live.plan import CHAIN_SECONDS_A_BLOCK, HOST, LivePlan
from simulation.market_day.anvil import CHAIN_ID, HARDFORK, find_anvil

_BLOCK_GAS_LIMIT: Final = 60_000_000
_RPC_TIMEOUT_SECONDS: Final = 20.0


def chain_command(plan: LivePlan) -> tuple[str, ...]:
    """How to start Anvil; it mines nothing until it is told to."""
    return (
        find_anvil(),
        *("--host", HOST, "--port", str(plan.base_port)),
        *("--chain-id", str(CHAIN_ID), "--hardfork", HARDFORK),
        *("--timestamp", str(plan.genesis_at)),
        *("--gas-limit", str(_BLOCK_GAS_LIMIT)),
        *("--order", "fifo", "--accounts", "1", "--no-mining", "--silent"),
        *("--prune-history", "256"),
        *("--state", str(state_file(plan)), "--state-interval", str(plan.state_every_seconds)),
    )


def state_file(plan: LivePlan) -> Path:
    """Where Anvil writes its state."""
    return plan.folder / "chain" / "state.json"


def keep_good_state(plan: LivePlan) -> bool:
    """Copy the newest state aside if it is whole; whether there was a new one.

    Anvil writes over its file: one that is killed while writing leaves half of it.
    """
    file = state_file(plan)
    good = file.with_suffix(".good.json")
    try:
        changed = file.stat().st_mtime_ns
        if good.exists() and good.stat().st_mtime_ns >= changed:
            return False
        if not _is_whole(file):
            return False
        partial = good.with_suffix(".partial")
        shutil.copyfile(file, partial)
        if not _is_whole(partial) or file.stat().st_mtime_ns != changed:
            return False
        partial.replace(good)
    except OSError:
        return False
    return True


def mend_state(plan: LivePlan) -> None:
    """Put the copy in place of a state that is cut short."""
    file = state_file(plan)
    good = file.with_suffix(".good.json")
    if file.exists() and not _is_whole(file):
        if good.exists():
            shutil.copyfile(good, file)
        else:
            file.unlink()


def _is_whole(file: Path) -> bool:
    with file.open("rb") as opened:
        opened.seek(0, 2)
        size = opened.tell()
        opened.seek(max(size - 2, 0))
        return size > 2 and opened.read().rstrip().endswith(b"}")


def set_clock(plan: LivePlan, *, is_open: bool) -> None:
    """Let a chain that has just come up mine as the day's stage wants it."""
    with Rpc(plan.rpc_url, timeout_seconds=_RPC_TIMEOUT_SECONDS) as rpc:
        if is_open:
            _run_clock(rpc, plan, rpc.timestamp() + CHAIN_SECONDS_A_BLOCK)
            return
        if rpc.block_number():  # a chain that comes back would begin at its first second again
            rpc.call("evm_setNextBlockTimestamp", hex(rpc.timestamp() + 1))
        rpc.call("anvil_setBlockTimestampInterval", 1)
        rpc.call("evm_setAutomine", True)


def let_go(plan: LivePlan) -> None:
    """Begin the day: from now on time passes by itself."""
    with Rpc(plan.rpc_url, timeout_seconds=_RPC_TIMEOUT_SECONDS) as rpc:
        _run_clock(rpc, plan, max(plan.opens_at, rpc.timestamp() + CHAIN_SECONDS_A_BLOCK))


def _run_clock(rpc: Rpc, plan: LivePlan, next_time: int) -> None:
    # Whole minutes, so that every quarter hour has a block of its own.
    rounded = -(-next_time // CHAIN_SECONDS_A_BLOCK) * CHAIN_SECONDS_A_BLOCK
    rpc.call("evm_setAutomine", False)
    rpc.call("evm_setNextBlockTimestamp", hex(rounded))
    rpc.call("anvil_setBlockTimestampInterval", CHAIN_SECONDS_A_BLOCK)
    rpc.call("evm_setIntervalMining", plan.block_seconds)

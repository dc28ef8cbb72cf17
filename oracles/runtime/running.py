"""Runs one keeper as a process: pages, node watch and loop around it."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from types import ModuleType

import structlog

from energy_grid.ops import OpsServer
from oracles.runtime.config import KeeperSettings
from oracles.runtime.keeper import Keeper, Ops, Program, Report
from oracles.runtime.loop import Loop
from oracles.runtime.registry import ENTRIES
from oracles.runtime.watch import NodeWatch

_log = structlog.get_logger(__name__)


@contextmanager
def opened(program: Program, settings: KeeperSettings, ops: Ops) -> Iterator[Keeper]:
    """A keeper with its pages and its node watch, which come first and go last.

    Raises:
        ConfigurationError: chain, key, store or port do not fit.
    """
    entry = ENTRIES.get(program.name)
    port = settings.ops_port
    if port is None:
        port = 0 if entry is None else entry.port
    with ExitStack() as stack:
        ops.health.expect("keeper")
        stack.enter_context(OpsServer(ops.health, ops.metrics, host=settings.ops_host, port=port))
        keeper = stack.enter_context(program.open(settings, ops))
        ops.health.beat("keeper", "opened")
        stack.enter_context(
            NodeWatch(
                settings.rpc_url,
                ops,
                head_seconds=settings.keeper_head_seconds,
            )
        )
        yield keeper


def run_loop(program: Program, settings: KeeperSettings) -> None:
    """Run a keeper in the plain loop until SIGTERM.

    Raises:
        FatalError: what repeating cannot mend.
    """
    ops = Ops.of(program.name)
    with opened(program, settings, ops) as keeper:
        loop_of(keeper, settings, ops).run()


def silverback_app() -> ModuleType | None:
    """The silverback app; None where it is not installed, and then the loop has to do."""
    try:
        return importlib.import_module("oracles.runtime.bot")
    except ImportError as error:
        _log.warning("no silverback, the plain loop runs", missing=error.name)
        return None


def run_once(program: Program, settings: KeeperSettings) -> Report:
    """One cycle, without pages.

    Raises:
        EnergyGridError: it did not go through.
    """
    with program.open(settings, Ops.of(program.name)) as keeper:
        return keeper.cycle()


def loop_of(keeper: Keeper, settings: KeeperSettings, ops: Ops) -> Loop:
    """The loop that the settings ask for."""
    return Loop(
        keeper,
        ops,
        poll_seconds=settings.keeper_poll_seconds,
        cycle_seconds=settings.keeper_cycle_seconds,
    )

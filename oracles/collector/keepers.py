"""The collector as a program."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from pydantic import Field

from energy_grid.contracts import Contracts
from energy_grid.preflight import open_chain, require_free_port
from oracles.collector.intake import Intake
from oracles.collector.server import CollectorServer
from oracles.collector.service import NAME, CollectorKeeper, CollectorOptions
from oracles.collector.shelf import Shelf
from oracles.reporting.oracles import oracles_of, read_views
from oracles.runtime.checks import Check, Found, basic_checks, look
from oracles.runtime.config import KeeperSettings
from oracles.runtime.desk import Desk
from oracles.runtime.keeper import Keeper, Ops, Program

EVIDENCE_FILE: Final = "evidence.jsonl"


class CollectorSettings(KeeperSettings):
    """What can be chosen about a collector.

    `collector.sqlite` in `keeper_folder` holds observations and outbox; each equivocation of a
    reporter is a line of `evidence.jsonl` there.

    Attributes:
        collector_host: address to listen on for reporters.
        collector_port: port to listen on; 0 for any free one.
        collector_wait_seconds: how long answers may come in after the first of a round.
        collector_most_answers: answers of a report at most; absent: as many as it needs.
        collector_most_reports: reports of one transaction at most.
        collector_per_second: observations a second from one reporter, in the long run.
    """

    collector_host: str = "127.0.0.1"
    collector_port: int = Field(default=8_560, ge=0, le=65_535)
    collector_wait_seconds: float = Field(default=1.0, ge=0, le=600)
    collector_most_answers: int | None = Field(default=None, ge=3, le=31)
    collector_most_reports: int = Field(default=24, ge=1, le=100)
    collector_per_second: float = Field(default=50.0, gt=0, le=10_000)

    def options(self) -> CollectorOptions:
        """The part that the work depends on."""
        return CollectorOptions(
            self.collector_wait_seconds,
            self.collector_most_answers,
            self.collector_most_reports,
            self.keeper_retry_seconds,
        )


@contextmanager
def open_collector(settings: CollectorSettings, ops: Ops) -> Iterator[Keeper]:
    """The collector that the settings name.

    Raises:
        ConfigurationError: chain, key, store or port do not fit.
    """
    chain = open_chain(settings)
    oracles = oracles_of(chain.contracts)
    with Desk.open(settings, NAME, chain) as desk:
        names = {oracle.address: name for name, oracle in oracles.items()}
        shelf = Shelf(desk.outbox, settings.keeper_folder / EVIDENCE_FILE, names)
        rate = settings.collector_per_second
        intake = Intake(oracles, shelf, ops.metrics, rate, 10 * rate)
        keeper = CollectorKeeper(chain.rpc, oracles, desk, shelf, intake, ops, settings.options())
        server = CollectorServer(intake.take, settings.collector_host, settings.collector_port)
        server.start()
        try:
            yield keeper
        finally:
            server.stop()


def checks(settings: CollectorSettings) -> Iterator[Check]:
    """Everything a run needs."""
    found = Found()
    yield from basic_checks(settings, NAME, found)
    if found.chain is not None:
        contracts = found.chain.contracts
        yield look("oracles", lambda: _oracles(contracts))
    yield look("port", lambda: _port(settings))


def _oracles(contracts: Contracts) -> str:
    oracles = oracles_of(contracts)
    views = read_views(contracts.rpc, oracles.values())
    return ", ".join(f"{name}: {len(view.feeds)} feeds" for name, view in views.items())


def _port(settings: CollectorSettings) -> str:
    require_free_port(settings.collector_port, "the collector", settings.collector_host)
    return f"{settings.collector_host}:{settings.collector_port} is free"


COLLECTOR: Final = Program(
    NAME,
    "Takes signed observations, brings reports to the chain.",
    CollectorSettings,
    open_collector,
    checks,
)

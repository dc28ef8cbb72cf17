"""The trading engine as two keepers: one clears auctions, one runs the continuous book.

Each works alone, with its own key and its own store. Together they do what `oracles.engine` does.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from pydantic import Field

from energy_grid.outbox import Cycle
from energy_grid.preflight import open_chain
from oracles.engine.acting import ActorOptions
from oracles.engine.actions import Kind
from oracles.engine.checks import market_check, solver_check
from oracles.engine.decide import Policy
from oracles.engine.dropping import take_dropped
from oracles.engine.service import Engine
from oracles.runtime.checks import Check, Found, basic_checks
from oracles.runtime.config import KeeperSettings
from oracles.runtime.desk import Desk
from oracles.runtime.keeper import Keeper, Ops, Plan, Program

CLEARING_KINDS: Final = frozenset({Kind.CLEAR, Kind.CLAIM, Kind.RENT})
MATCHING_KINDS: Final = frozenset({Kind.MATCH, Kind.REMOVE, Kind.RELAY})


class EngineKeeperSettings(KeeperSettings):
    """What can be chosen about both; names as of `oracles.engine`.

    Attributes:
        engine_transaction_gas: most gas of one transaction.
        engine_claims: whether to claim auction fills for everybody.
        engine_relay_wait_seconds: longest that a signed order waits for company.
        engine_relay_lead_seconds: how long before the gate it is relayed at the latest.
        engine_drop_folder: where programs on this computer leave files of signed orders.
    """

    engine_transaction_gas: int = Field(default=12_000_000, ge=1_000_000, le=16_777_216)
    engine_claims: bool = True
    engine_relay_wait_seconds: int = Field(default=30, ge=0, le=3_600)
    engine_relay_lead_seconds: int = Field(default=120, ge=10, le=3_600)
    engine_drop_folder: Path | None = None

    def policy(self) -> Policy:
        """The part that decisions depend on."""
        return Policy(
            transaction_gas=self.engine_transaction_gas,
            claims=self.engine_claims,
            relay_wait_seconds=self.engine_relay_wait_seconds,
            relay_lead_seconds=self.engine_relay_lead_seconds,
        )


class EngineKeeper(Keeper):
    """An engine that decides some kinds of actions.

    Args:
        name: `clearing` or `matching`.
        engine: what does the work.
        desk: its outbox and key.
        drop_folder: where files of signed orders are left; None for nowhere.
    """

    def __init__(
        self, name: str, engine: Engine, desk: Desk, drop_folder: Path | None = None
    ) -> None:
        self.name = name
        self.outbox = desk.outbox
        self.sender = desk.sender
        self.address = desk.address
        self.engine = engine
        self._desk = desk
        self._drop_folder = drop_folder

    def plan(self) -> Plan:
        """See `Keeper.plan`."""
        if self._drop_folder is not None:
            take_dropped(self._drop_folder, self.engine.submit)
        done = self.engine.plan()
        return Plan(now=done.now, planned=done.planned, problems=done.problems)

    def send(self) -> Cycle:
        """See `Keeper.send`."""
        return self._desk.work()


def _program(name: str, summary: str, kinds: frozenset[Kind]) -> Program:
    @contextmanager
    def open_keeper(settings: EngineKeeperSettings, _ops: Ops) -> Iterator[Keeper]:
        chain = open_chain(settings)
        with Desk.open(settings, name, chain) as desk:
            options = ActorOptions(
                retry_after_seconds=settings.keeper_retry_seconds, is_dry=desk.is_dry
            )
            engine = Engine(
                chain.contracts,
                desk.outbox,
                desk.sender,
                settings.policy(),
                options,
                kinds=kinds,
            )
            relays = Kind.RELAY in kinds
            drop_folder = settings.engine_drop_folder if relays else None
            yield EngineKeeper(name, engine, desk, drop_folder)

    def checks(settings: EngineKeeperSettings) -> Iterator[Check]:
        found = Found()
        yield from basic_checks(settings, name, found)
        if found.chain is not None:
            yield market_check(found.chain.contracts)
        if Kind.CLEAR in kinds:
            yield solver_check()

    return Program(name, summary, EngineKeeperSettings, open_keeper, checks)


CLEARING: Final = _program(
    "clearing", "Clears auctions, claims fills for everybody, collects rent.", CLEARING_KINDS
)
MATCHING: Final = _program(
    "matching", "Matches the continuous book, relays signed orders.", MATCHING_KINDS
)

"""The form of a keeper: look and decide, then send; again and again, and killed anywhere.

A keeper never trusts its memory for what has been done. It looks at the chain, decides what is
missing, puts that into its outbox under a key that names the effect, and lets the outbox send. So
whatever triggers it (the loop, a block, a clock, a worker that takes over from a dead one) may do
so as often as it likes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

from energy_grid.ops import Health, Metrics
from energy_grid.outbox import Cycle, Outbox, Sender
from oracles.runtime.checks import Check
from oracles.runtime.config import KeeperSettings


@dataclass(frozen=True, slots=True)
class Ops:
    """Where a keeper shows itself."""

    health: Health
    metrics: Metrics

    @classmethod
    def of(cls, name: str) -> Ops:
        """Those of a keeper by its name."""
        return cls(Health(), Metrics(name))


@dataclass(frozen=True)
class Plan:
    """What one look led to.

    Attributes:
        now: time of the chain it looked at, unix seconds.
        planned: actions put into the outbox by kind.
        problems: what could not be decided, one sentence each.
    """

    now: int
    planned: dict[str, int] = field(default_factory=dict)
    problems: tuple[str, ...] = ()


@dataclass(frozen=True)
class Report:
    """What one cycle did.

    Attributes:
        now: time of the chain it looked at, unix seconds.
        planned: actions put into the outbox by kind.
        sent: messages or transactions sent.
        mined: of these, seen to have arrived.
        failed: of these, refused.
        problems: what could not be decided.
    """

    now: int
    planned: dict[str, int] = field(default_factory=dict)
    sent: int = 0
    mined: int = 0
    failed: int = 0
    problems: tuple[str, ...] = ()

    @property
    def is_idle(self) -> bool:
        """Whether nothing happened and nothing is wrong."""
        return not (self.planned or self.sent or self.mined or self.failed or self.problems)


class Keeper(ABC):
    """One keeper at work.

    Attributes:
        name: what it is called on the command line and in logs.
        outbox: its rows, None if it sends no transactions.
        sender: brings them to the chain, None if nothing does.
        address: account that sends them, None if there is none.
    """

    name: str
    outbox: Outbox | None = None
    sender: Sender | None = None
    address: str | None = None

    @abstractmethod
    def plan(self) -> Plan:
        """Look once, decide, and put what follows durably into the outbox; send nothing.

        Raises:
            RetryableError: node or disk are away; the next look goes on.
        """

    def send(self) -> Cycle:
        """Bring what is planned one step further; never wait for a block.

        Raises:
            RetryableError: node or disk are away; the next step goes on.
        """
        return Cycle()

    def cycle(self) -> Report:
        """Send, look and decide, send.

        Raises:
            RetryableError: node or disk are away; the next cycle goes on.
        """
        cycles = [self.send()]
        plan = self.plan()
        if plan.planned:
            cycles.append(self.send())
        return Report(
            now=plan.now,
            planned=plan.planned,
            sent=sum(cycle.sent for cycle in cycles),
            mined=sum(cycle.mined for cycle in cycles),
            failed=sum(cycle.failed for cycle in cycles),
            problems=plan.problems,
        )


@dataclass(frozen=True, slots=True)
class Program:
    """A keeper that `python -m oracles run NAME` can run.

    Attributes:
        name: the name.
        summary: one line for the help text.
        settings: class of its settings.
        open: opens chain, key, outbox and whatever else the settings name.
        checks: looks at everything a run needs, one by one.
    """

    name: str
    summary: str
    settings: type[KeeperSettings]
    open: Callable[[Any, Ops], AbstractContextManager[Keeper]]
    checks: Callable[[Any], Iterator[Check]]

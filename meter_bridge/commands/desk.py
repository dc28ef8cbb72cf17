"""Tells devices their orders, again where nobody answered, and knows how each stands."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, Protocol

import structlog

from energy_grid.grid.schedule import Schedule
from energy_grid.grid.setpoints import SetPoint
from meter_bridge.commands.orders import Answer, Order, Standing, next_order, order_of
from meter_bridge.errors import SourceError

_log = structlog.get_logger(__name__)

RESEND_SECONDS: Final = 30


class Executor(Protocol):
    """Brings orders to one or more devices."""

    @property
    def name(self) -> str:
        """Where they are."""
        ...

    async def send(self, order: Order, now: int) -> Answer | None:
        """Bring an order; its answer if there is one at once.

        Raises:
            SourceError: it could not be brought.
        """
        ...

    def close(self) -> None:
        """Leave."""
        ...


@dataclass(slots=True)
class DeskCounters:
    """What has happened."""

    orders_sent: int = 0
    orders_resent: int = 0
    orders_accepted: int = 0
    orders_refused: int = 0
    orders_unsent: int = 0
    answers_ignored: int = 0

    def by_outcome(self) -> dict[str, int]:
        """For metrics."""
        return {
            "sent": self.orders_sent,
            "resent": self.orders_resent,
            "accepted": self.orders_accepted,
            "refused": self.orders_refused,
            "unsent": self.orders_unsent,
            "answer_ignored": self.answers_ignored,
        }


@dataclass(slots=True)
class Desk:
    """All devices of a bridge.

    Args:
        executors: by resource.
        lease_seconds: how long an order holds without the chain.
        resend_seconds: how long an answer is waited for.
    """

    executors: Mapping[int, Executor]
    lease_seconds: int
    resend_seconds: int = RESEND_SECONDS
    counters: DeskCounters = field(default_factory=DeskCounters)
    standings: dict[int, Standing] = field(default_factory=dict)

    async def step(
        self,
        schedules: Mapping[int, Schedule],
        now: int,
        seen_at: int,
        set_points: Mapping[int, SetPoint] = MappingProxyType({}),
    ) -> None:
        """Bring every device what it has to be told now; one that is away holds up no other."""
        due = []
        for resource, schedule in schedules.items():
            if resource not in self.executors:
                continue
            wanted = order_of(schedule, now, seen_at, self.lease_seconds, set_points.get(resource))
            order = next_order(self.standing(resource), wanted, now, self.resend_seconds)
            if order is not None:
                due.append(order)
        await asyncio.gather(*(self._send(order, now) for order in due))

    def standing(self, resource: int) -> Standing:
        """How a device stands."""
        return self.standings.get(resource, Standing())

    def hear(self, answer: Answer) -> None:
        """Take an answer over; late, foreign and repeated ones change nothing."""
        before = self.standing(answer.resource)
        after = before.heard(answer)
        if after is before:
            self.counters.answers_ignored += 1
            return
        self.standings[answer.resource] = after
        if answer.accepted:
            self.counters.orders_accepted += 1
            return
        self.counters.orders_refused += 1
        _log.warning(
            "order refused", resource=answer.resource, order=answer.order_id, reason=answer.reason
        )

    def close(self) -> None:
        """Leave all devices; what they were told ends by itself."""
        for executor in dict.fromkeys(self.executors.values()):
            executor.close()

    async def _send(self, order: Order, now: int) -> None:
        executor = self.executors[order.resource]
        before = self.standing(order.resource)
        # On record before it leaves: the answer may be quicker than we are.
        self.standings[order.resource] = Standing(order, now)
        try:
            answer = await executor.send(order, now)
        except SourceError as error:
            self.standings[order.resource] = before
            self.counters.orders_unsent += 1
            _log.warning("order not brought", resource=order.resource, reason=str(error))
            return
        if before.order == order:
            self.counters.orders_resent += 1
        else:
            self.counters.orders_sent += 1
            _log.info(
                "order sent",
                resource=order.resource,
                order=order.order_id,
                until=order.expires_at,
                commands=list(order.commands),
            )
        if answer is not None:
            self.hear(answer)

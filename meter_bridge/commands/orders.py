"""What a device is told, and when it is told again: pure functions.

An order always says when it ends. A device that hears nothing more is free from then on, so neither
a bridge nor a chain that is away can hold it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from energy_grid.grid.schedule import Command, PayloadType, Schedule
from energy_grid.grid.setpoints import SetPoint

ORDER_VERSION: Final = 1
SET_POINT: Final = "set-point"
"""Stands among an order's commands when the curves of the grid speak in it."""
_ID_DIGITS: Final = 16
MAX_ANSWER_BYTES: Final = 1_024


@dataclass(frozen=True, slots=True)
class Order:
    """Everything that one resource must obey for a while; what is None is not asked.

    Args:
        resource: its id on chain.
        issued_at: unix seconds.
        expires_at: from this second on it counts no more.
        import_limit_w: most to draw.
        export_limit_w: most to feed in.
        level: 0 to 3, as the household agreed.
        price_per_kwh: base units of the settlement token; a signal.
        delta_w: to be added to what it would do, positive feeds in.
        reactive_var: reactive power to hold, positive feeds in.
        commands: ids of the commands behind it.
    """

    resource: int
    issued_at: int
    expires_at: int
    import_limit_w: int | None = None
    export_limit_w: int | None = None
    level: int | None = None
    price_per_kwh: int | None = None
    delta_w: int | None = None
    reactive_var: int | None = None
    commands: tuple[str, ...] = ()

    @property
    def is_free(self) -> bool:
        """Whether nothing is asked."""
        return not self.commands

    @property
    def asks(self) -> tuple[Any, ...]:
        """What is asked, without when."""
        return (
            self.import_limit_w,
            self.export_limit_w,
            self.level,
            self.price_per_kwh,
            self.delta_w,
            self.reactive_var,
            self.commands,
        )

    @property
    def order_id(self) -> str:
        """The same for the same order: a device that gets it twice knows."""
        return hashlib.sha256(self._fields().encode()).hexdigest()[:_ID_DIGITS]

    def to_json(self) -> bytes:
        """As devices get it."""
        return json.dumps({"order_id": self.order_id, **json.loads(self._fields())}).encode()

    def _fields(self) -> str:
        fields = {name: getattr(self, name) for name in Order.__slots__}
        return json.dumps({"version": ORDER_VERSION, **fields}, sort_keys=True)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a device said about an order."""

    resource: int
    order_id: str
    accepted: bool
    reason: str = ""

    @classmethod
    def from_json(cls, resource: int, payload: bytes) -> Answer:
        """Read `{"order_id": ..., "accepted": true, "reason": ...}`.

        Raises:
            ValueError: it is no answer.
        """
        if len(payload) > MAX_ANSWER_BYTES:
            raise ValueError(f"an answer of {len(payload)} bytes")
        found = json.loads(payload)
        if not isinstance(found, Mapping) or not isinstance(found.get("accepted"), bool):
            raise ValueError("expected order_id and accepted")
        return cls(
            resource,
            str(found.get("order_id", "")),
            bool(found["accepted"]),
            str(found.get("reason", ""))[:200],
        )


def order_of(
    schedule: Schedule,
    now: int,
    seen_at: int,
    lease_seconds: int,
    set_point: SetPoint | None = None,
) -> Order:
    """What a resource has to be told now.

    Several commands join: the tightest limits, the highest level, the newest price, the sum of
    deltas. It ends with the first of them, or when the chain was not seen for `lease_seconds`.

    Args:
        schedule: what it must do.
        now: unix seconds.
        seen_at: time of the newest block that was read.
        lease_seconds: how long an order holds without the chain.
        set_point: what the curves ask at the moment; not counted if it rests on no value.
    """
    latest = seen_at + lease_seconds
    commands = schedule.now if latest > now else ()
    if set_point is not None and (set_point.based_on == 0 or latest <= now):
        set_point = None
    imports = _values(commands, PayloadType.IMPORT_CAPACITY_LIMIT)
    exports = _values(commands, PayloadType.EXPORT_CAPACITY_LIMIT)
    deltas = _values(commands, PayloadType.DISPATCH_SETPOINT_RELATIVE)
    if set_point is not None:
        imports.append(-set_point.lowest_w)
        exports.append(set_point.highest_w)
        deltas.append(set_point.droop_w)
    ends = [command.ends_at for command in commands]
    return Order(
        resource=schedule.ven,
        issued_at=now,
        expires_at=min([*ends, max(latest, now)]),
        import_limit_w=min(imports, default=None),
        export_limit_w=min(exports, default=None),
        level=max(_values(commands, PayloadType.SIMPLE), default=None),
        price_per_kwh=next(iter(_values(commands, PayloadType.PRICE)[::-1]), None),
        delta_w=sum(deltas) if deltas else None,
        reactive_var=None if set_point is None else set_point.reactive_var,
        commands=tuple(
            sorted(
                [command.command_id for command in commands]
                + ([] if set_point is None else [SET_POINT])
            )
        ),
    )


def _values(commands: tuple[Command, ...], kind: PayloadType) -> list[int]:
    return [command.value for command in commands if command.payload_type is kind]


@dataclass(frozen=True, slots=True)
class Standing:
    """How a device stands.

    Args:
        order: what it was told last, None if nothing yet.
        sent_at: when that left, unix seconds.
        answer: what it said to it, None if nothing yet.
    """

    order: Order | None = None
    sent_at: int = 0
    answer: Answer | None = None

    def heard(self, answer: Answer) -> Standing:
        """With an answer; one to another order (a late one) is none, nor is a second one."""
        if self.order is None or answer.order_id != self.order.order_id or self.answer is not None:
            return self
        return Standing(self.order, self.sent_at, answer)


def next_order(standing: Standing, wanted: Order, now: int, resend_seconds: int) -> Order | None:
    """What to send now: something new, the same again because nobody answered, or nothing."""
    last = standing.order
    if last is None or last.asks != wanted.asks:
        return wanted
    if last.is_free:
        is_lost = standing.answer is None and now - standing.sent_at >= resend_seconds
        return last if is_lost and last.expires_at > now else None
    whole, left = last.expires_at - last.issued_at, last.expires_at - now
    if 2 * left <= whole and wanted.expires_at > last.expires_at:
        return wanted
    if standing.answer is None and now - standing.sent_at >= resend_seconds and left > 0:
        return last
    return None

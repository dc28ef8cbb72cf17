"""Orders to devices, without devices: what is told, when again, and what an answer changes.

order_of
├── several commands → one order, the tightest
└── chain not seen for the lease → free
next_order
├── something else is asked, or half of the time is over → the new one
├── nobody answered → the same again
└── else nothing
Desk
├── refused, lost, late, duplicated, answer of another order
└── one device that is away holds up no other
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from energy_grid.grid.schedule import Command, GridState, PayloadType, Program, Schedule
from energy_grid.grid.setpoints import SetPoint
from meter_bridge.commands.desk import Desk
from meter_bridge.commands.orders import Answer, Order, Standing, next_order, order_of
from meter_bridge.commands.sunspec import limit_steps
from meter_bridge.errors import SourceError

NOW, LEASE, RESEND = 1_900_000_800, 900, 30
PV = 7


def command(
    kind: PayloadType = PayloadType.EXPORT_CAPACITY_LIMIT,
    value: int = 1_000,
    event_id: int = 1,
    starts_at: int = NOW,
    ends_at: int = NOW + 1_800,
) -> Command:
    return Command(
        Program.DEMAND_RESPONSE, event_id, PV, starts_at, ends_at, kind, value, "the operator"
    )


def plan(*now: Command, ven: int = PV, coming: tuple[Command, ...] = ()) -> Schedule:
    return Schedule(ven, now, coming, GridState.NORMAL, 0)


def told(*now: Command, at: int = NOW, seen_at: int = NOW) -> Order:
    return order_of(plan(*now), at, seen_at, LEASE)


# --- order_of -------------------------------------------------------------------------------------


def test_order__nothing_asked__free() -> None:
    order = told()

    assert order.is_free
    assert order.asks == (None, None, None, None, None, None, ())


def test_order__several_commands__the_tightest_of_each() -> None:
    order = told(
        command(value=3_000),
        command(value=2_000, event_id=2, ends_at=NOW + 100),
        command(PayloadType.IMPORT_CAPACITY_LIMIT, 4_200, 3),
        command(PayloadType.SIMPLE, 1, 4),
        command(PayloadType.SIMPLE, 2, 5),
        command(PayloadType.PRICE, -5, 6),
        command(PayloadType.DISPATCH_SETPOINT_RELATIVE, 500, 7),
        command(PayloadType.DISPATCH_SETPOINT_RELATIVE, -200, 8),
    )

    assert (order.export_limit_w, order.import_limit_w, order.level) == (2_000, 4_200, 2)
    assert (order.price_per_kwh, order.delta_w, len(order.commands)) == (-5, 300, 8)
    assert order.expires_at == NOW + 100


def test_order__limit_of_nothing__is_not_no_limit() -> None:
    order = told(command(value=0), command(PayloadType.DISPATCH_SETPOINT_RELATIVE, 0, 2))

    assert (order.export_limit_w, order.delta_w) == (0, 0)


POINT = SetPoint(-4_000, 3_000, droop_w=-250, reactive_var=-800, based_on=NOW)


def test_order__set_point_alone__asked_until_the_lease_ends() -> None:
    order = order_of(plan(), NOW, NOW, LEASE, POINT)

    assert order.asks == (4_000, 3_000, None, None, -250, -800, ("set-point",))
    assert order.expires_at == NOW + LEASE


@pytest.mark.parametrize(("limit_w", "told_w"), [(1_000, 1_000), (3_500, 3_000)])
def test_order__set_point_and_event__the_tighter_limit_and_both_deltas(
    limit_w: int, told_w: int
) -> None:
    dispatch = command(PayloadType.DISPATCH_SETPOINT_RELATIVE, 400, 2)

    order = order_of(plan(command(value=limit_w), dispatch), NOW, NOW, LEASE, POINT)

    assert (order.export_limit_w, order.import_limit_w) == (told_w, 4_000)
    assert (order.delta_w, order.reactive_var, len(order.commands)) == (150, -800, 3)


def test_order__set_point_on_no_value_or_chain_away__not_counted() -> None:
    assert order_of(plan(), NOW, NOW, LEASE, replace(POINT, based_on=0)).is_free
    assert order_of(plan(), NOW, NOW - LEASE, LEASE, POINT).is_free


def test_next__set_point_of_a_new_round_with_the_same_values__nothing_to_tell() -> None:
    order = order_of(plan(), NOW, NOW, LEASE, POINT)
    standing = Standing(order, NOW, Answer(PV, order.order_id, True))
    again = order_of(plan(), NOW + 60, NOW + 60, LEASE, replace(POINT, based_on=NOW + 60))

    assert next_order(standing, again, NOW + 60, RESEND) is None


@pytest.mark.parametrize(
    ("seen_ago", "expires_in"), [(0, 900), (899, 1), (900, None), (901, None), (10_000, None)]
)
def test_order__chain_not_seen__ends_with_the_lease(seen_ago: int, expires_in: int | None) -> None:
    order = told(command(), seen_at=NOW - seen_ago)

    if expires_in is None:
        assert order.is_free
    else:
        assert order.expires_at == NOW + expires_in


def test_order_id__the_same_for_the_same_and_another_for_anything_else() -> None:
    order = told(command())

    assert order.order_id == told(command()).order_id
    assert json.loads(order.to_json())["order_id"] == order.order_id
    for field, value in (
        ("resource", 8),
        ("issued_at", 1),
        ("expires_at", 1),
        ("export_limit_w", 1),
        ("commands", ("x",)),
    ):
        assert replace(order, **{field: value}).order_id != order.order_id  # type: ignore[arg-type]


# --- next_order -----------------------------------------------------------------------------------


def test_next__first_time__even_free_is_told() -> None:
    # An order of a bridge that ran before may still stand at the broker.
    assert next_order(Standing(), told(), NOW, RESEND) == told()


def test_next__nothing_new_and_answered__nothing() -> None:
    order = told(command())
    standing = Standing(order, NOW, Answer(PV, order.order_id, True))

    for later in (1, RESEND, 449):
        wanted = told(command(), at=NOW + later, seen_at=NOW + later)
        assert next_order(standing, wanted, NOW + later, RESEND) is None


def test_next__half_of_its_time_over__renewed_as_long_as_the_chain_is_there() -> None:
    order = told(command())
    standing = Standing(order, NOW, Answer(PV, order.order_id, True))

    wanted = told(command(), at=NOW + 450, seen_at=NOW + 450)
    assert next_order(standing, wanted, NOW + 450, RESEND) == wanted
    assert wanted.expires_at == NOW + 1_350
    blind = told(command(), at=NOW + 450, seen_at=NOW)
    assert next_order(standing, blind, NOW + 450, RESEND) is None


def test_next__something_else_asked__at_once_also_after_a_refusal() -> None:
    order = told(command())
    for accepted in (True, False):
        standing = Standing(order, NOW, Answer(PV, order.order_id, accepted))
        wanted = told(command(value=999), at=NOW + 1)
        assert next_order(standing, wanted, NOW + 1, RESEND) == wanted
        assert next_order(standing, told(at=NOW + 1), NOW + 1, RESEND) == told(at=NOW + 1)


def test_next__nobody_answers__the_same_again_until_it_has_ended() -> None:
    order = told(command(ends_at=NOW + 40))
    standing = Standing(order, NOW)

    def at(later: int) -> Order | None:
        wanted = told(command(ends_at=NOW + 40), at=NOW + later)
        return next_order(standing, wanted, NOW + later, RESEND)

    assert at(RESEND - 1) is None
    assert at(RESEND) == order
    assert at(39) == order


def test_next__refused__not_repeated() -> None:
    order = told(command())
    standing = Standing(order, NOW, Answer(PV, order.order_id, False, "no"))

    assert next_order(standing, told(command(), at=NOW + 60), NOW + 60, RESEND) is None


# --- Answers and desk -----------------------------------------------------------------------------


class Device:
    """Answers as the test says."""

    name = "device"

    def __init__(self, accepts: bool | None = None, *, is_away: bool = False) -> None:
        self.accepts = accepts
        self.is_away = is_away
        self.orders: list[Order] = []
        self.closed = 0

    async def send(self, order: Order, now: int) -> Answer | None:
        if self.is_away:
            raise SourceError("away")
        self.orders.append(order)
        if self.accepts is None:
            return None
        return Answer(order.resource, order.order_id, self.accepts, "" if self.accepts else "hot")

    def close(self) -> None:
        self.closed += 1


def step(desk: Desk, *now: Command, at: int = NOW, ven: int = PV) -> None:
    asyncio.run(desk.step({ven: plan(*now, ven=ven)}, at, at))


def test_desk__accepted__told_once() -> None:
    device = Device(accepts=True)
    desk = Desk({PV: device}, LEASE)

    for later in range(5):
        step(desk, command(), at=NOW + later)

    assert len(device.orders) == 1
    assert (desk.counters.orders_sent, desk.counters.orders_accepted) == (1, 1)


def test_desk__refused__told_once_counted_and_told_again_when_something_changes() -> None:
    device = Device(accepts=False)
    desk = Desk({PV: device}, LEASE)

    for later in (0, 60, 120):
        step(desk, command(), at=NOW + later)
    step(desk, command(value=5), at=NOW + 121)

    assert [order.export_limit_w for order in device.orders] == [1_000, 5]
    assert desk.counters.orders_refused == 2
    assert desk.standing(PV).answer == Answer(PV, device.orders[1].order_id, False, "hot")


def test_desk__lost__the_same_order_again_and_one_answer_ends_it() -> None:
    device = Device()
    desk = Desk({PV: device}, LEASE)

    for later in (0, 29, 30, 59, 60):
        step(desk, command(), at=NOW + later)
    desk.hear(Answer(PV, device.orders[0].order_id, True))
    step(desk, command(), at=NOW + 100)

    assert len(device.orders) == 3
    assert len({order.order_id for order in device.orders}) == 1
    assert (desk.counters.orders_sent, desk.counters.orders_resent) == (1, 2)


def test_desk__late_duplicated_and_foreign_answers__change_nothing() -> None:
    device = Device()
    desk = Desk({PV: device}, LEASE)
    step(desk, command(value=1))
    step(desk, command(value=2), at=NOW + 1)
    old, new = device.orders

    desk.hear(Answer(PV, old.order_id, True))
    desk.hear(Answer(8, new.order_id, True))
    desk.hear(Answer(PV, "0" * 16, True))
    assert desk.standing(PV).answer is None
    desk.hear(Answer(PV, new.order_id, True))
    desk.hear(Answer(PV, new.order_id, False))

    assert desk.standing(PV).answer == Answer(PV, new.order_id, True)
    assert (desk.counters.orders_accepted, desk.counters.orders_refused) == (1, 0)
    assert desk.counters.answers_ignored == 4


def test_desk__away__tried_at_every_step_and_holds_up_no_other() -> None:
    away, there = Device(accepts=True, is_away=True), Device(accepts=True)
    desk = Desk({PV: away, 8: there}, LEASE)
    both = {PV: plan(command()), 8: plan(command(), ven=8)}

    asyncio.run(desk.step(both, NOW, NOW))
    assert (len(there.orders), desk.counters.orders_unsent) == (1, 1)
    away.is_away = False
    asyncio.run(desk.step(both, NOW + 1, NOW + 1))

    assert (len(away.orders), len(there.orders)) == (1, 1)


def test_desk__event_over_or_ended_early__device_is_set_free_once() -> None:
    device = Device(accepts=True)
    desk = Desk({PV: device}, LEASE)
    step(desk, command())

    step(desk, at=NOW + 10)
    step(desk, at=NOW + 11)

    assert [order.is_free for order in device.orders] == [False, True]


def test_desk__chain_away__device_is_free_when_the_lease_is_over() -> None:
    device = Device(accepts=True)
    desk = Desk({PV: device}, LEASE)
    for at in range(NOW, NOW + LEASE + 100, 50):
        asyncio.run(desk.step({PV: plan(command())}, at, NOW))

    assert [order.is_free for order in device.orders] == [False, True]
    assert device.orders[0].expires_at == NOW + LEASE
    assert device.orders[1].issued_at == NOW + LEASE


def test_desk__resource_without_device__passed_over() -> None:
    desk = Desk({}, LEASE)

    step(desk, command())

    assert desk.standings == {}


def test_desk__closed__every_executor_once() -> None:
    device = Device()

    Desk({1: device, 2: device}, LEASE).close()

    assert device.closed == 1


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"{",
        b"[]",
        b"1",
        b"{}",
        b'{"accepted": 1}',
        b'{"order_id": "1"}',
        b"\xff",
        b"1" * 2_000,
    ],
)
def test_answer__nonsense__refused(payload: bytes) -> None:
    with pytest.raises(ValueError):
        Answer.from_json(PV, payload)


def test_answer__as_devices_write_it__read() -> None:
    payload = json.dumps({"order_id": "ab", "accepted": False, "reason": "x" * 500}).encode()

    assert Answer.from_json(PV, payload) == Answer(PV, "ab", False, "x" * 200)


# --- Steps of an inverter -------------------------------------------------------------------------


@given(st.integers(0, 2**32 - 1), st.integers(1, 10**7), st.integers(-3, 0))
def test_limit_steps__never_above_the_limit_and_less_than_one_step_below(
    limit_w: int, rated_w: int, scale: int
) -> None:
    whole = 100 * 10**-scale
    steps = limit_steps(limit_w, rated_w, scale)

    assert 0 <= steps <= whole
    assert steps * rated_w <= limit_w * whole
    assert steps == whole or (steps + 1) * rated_w > limit_w * whole

"""A keeper behind triggers: one look at a time, sending beside it, standing by for a key.

look: planned | busy | standby | node away | fatal
step: opens | key is taken, then free | sends | nobody triggers
stop: finishes the look under way
"""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager

import pytest

from energy_grid.errors import FatalError, RetryableError
from energy_grid.outbox import Cycle, OutboxBusyError
from oracles.runtime.keeper import Keeper, Ops, Plan
from oracles.runtime.seat import Seat


class Slow(Keeper):
    name = "slow"

    def __init__(self):
        self.looks, self.sends = 0, 0
        self.go = threading.Event()
        self.go.set()
        self.looking = threading.Event()
        self.error = None

    def plan(self):
        self.looking.set()
        assert self.go.wait(5)
        if self.error is not None:
            raise self.error
        self.looks += 1
        return Plan(now=1, planned={"settle": 1})

    def send(self):
        self.sends += 1
        return Cycle(sent=1)


@pytest.fixture
def keeper():
    return Slow()


@pytest.fixture
def ops():
    return Ops.of("slow")


def seat_of(keeper, ops, errors=(), **options):
    left = list(errors)
    closed = []

    @contextmanager
    def open_keeper():
        if left:
            raise left.pop(0)
        yield keeper
        closed.append(True)

    seat = Seat("slow", open_keeper, ops, **{"poll_seconds": 0.01, **options})
    seat.closed = closed
    return seat


def count(ops, source, outcome):
    return ops.metrics.value("eg_triggers_total", source=source, outcome=outcome)


def test_look__seated__plans_and_does_not_send(keeper, ops):
    seat = seat_of(keeper, ops)
    seat.step()
    assert seat.look("block") == {"settle": 1}
    assert (keeper.looks, keeper.sends) == (1, 0)
    assert ops.health.is_ready
    assert count(ops, "block", "looked") == 1


def test_look__one_under_way__answers_both(keeper, ops):
    seat = seat_of(keeper, ops)
    seat.step()
    keeper.go.clear()
    thread = threading.Thread(target=seat.look, args=("block",))
    thread.start()
    assert keeper.looking.wait(5)
    assert seat.look("heartbeat") == {}
    keeper.go.set()
    thread.join()
    assert keeper.looks == 1
    assert count(ops, "heartbeat", "busy") == 1


def test_look__key_is_taken__stands_by_until_it_is_free(keeper, ops):
    seat = seat_of(keeper, ops, errors=[OutboxBusyError("another process sends for this key")])
    assert not seat.step()
    assert seat.look("block") == {}
    assert count(ops, "block", "standby") == 1
    assert not ops.health.is_ready

    assert seat.step()
    assert seat.look("block") == {"settle": 1}
    assert ops.health.is_ready


def test_look__node_away__noted_and_not_raised(keeper, ops):
    seat = seat_of(keeper, ops)
    seat.step()
    keeper.error = RetryableError("no node")
    assert seat.look("block") == {}
    assert count(ops, "block", "delayed") == 1
    assert not ops.health.is_ready


def test_step__nobody_triggers__looks_by_itself(keeper, ops):
    seat = seat_of(keeper, ops, quiet_seconds=1e-6)
    seat.step()
    seat.step()
    assert (keeper.looks, keeper.sends) == (1, 1)
    assert count(ops, "quiet", "looked") == 1
    assert ops.metrics.value("eg_transactions_total", outcome="sent") == 1


def test_run__cannot_be_mended__next_trigger_says_so(keeper, ops):
    seat = seat_of(keeper, ops, errors=[FatalError("wrong chain")])
    with seat:
        deadline = time.monotonic() + 5
        while seat.failure is None:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        with pytest.raises(FatalError, match="wrong chain"):
            seat.look("block")


def test_stop__look_under_way__finishes_it_and_frees_the_key(keeper, ops):
    seat = seat_of(keeper, ops)
    seat.step()
    keeper.go.clear()
    thread = threading.Thread(target=seat.look, args=("block",))
    thread.start()
    assert keeper.looking.wait(5)
    threading.Timer(0.05, keeper.go.set).start()
    seat.stop()
    assert keeper.looks == 1
    assert seat.closed == [True]
    assert seat.look("block") == {}

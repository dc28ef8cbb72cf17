"""The loop around a keeper: back-off, time-out, stopping, what it shows.

Cycle: done | idle | delayed | too slow | fatal | with problems
Run: SIGTERM in a cycle
Watch: node there | node away | node hangs | chain stands still
"""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from energy_grid.errors import FatalError, RetryableError
from energy_grid.outbox import Cycle, Outbox
from oracles.runtime.keeper import Keeper, Ops, Plan
from oracles.runtime.loop import LONGEST_PAUSE_SECONDS, Loop
from oracles.runtime.watch import NodeWatch

SOMEBODY = "0x00000000000000000000000000000000000000A1"


class Scripted(Keeper):
    """A keeper whose looks are given."""

    name = "scripted"

    def __init__(self, *looks, outbox=None):
        self.looks = list(looks)
        self.outbox = outbox
        self.sends = 0

    def plan(self):
        look = self.looks.pop(0) if self.looks else Plan(now=1)
        if callable(look):
            look = look()
        if isinstance(look, Exception):
            raise look
        return look

    def send(self):
        self.sends += 1
        return Cycle(sent=1)


def loop_of(keeper, ops, **changes):
    return Loop(keeper, ops, **{"poll_seconds": 0.01, "cycle_seconds": 5.0, **changes})


@pytest.fixture
def ops():
    return Ops.of("scripted")


def part(ops, name):
    return next(one for one in ops.health.components() if one.name == name)


def test_step__done__shown(ops, tmp_path):
    outbox = Outbox(tmp_path / "outbox.sqlite")
    outbox.enqueue("a/1", SOMEBODY, b"")
    keeper = Scripted(Plan(now=900, planned={"settle": 2}), outbox=outbox)

    report = loop_of(keeper, ops).step()

    assert (report.now, report.planned, report.sent) == (900, {"settle": 2}, 2)
    assert keeper.sends == 2
    assert part(ops, "cycle").good
    assert ops.metrics.value("eg_cycles_total", outcome="done") == 1
    assert ops.metrics.value("eg_actions_planned_total", kind="settle") == 2
    assert ops.metrics.value("eg_transactions_total", outcome="sent") == 2
    assert ops.metrics.value("eg_outbox_rows", state="planned") == 1
    assert ops.metrics.value("eg_last_success_timestamp_seconds", task="cycle") > 1e9


def test_step__nothing_planned__sends_once(ops):
    keeper = Scripted()
    assert loop_of(keeper, ops).step().sent == 1
    assert keeper.sends == 1


def test_step__node_away__bad_and_slower_until_it_is_back(ops):
    loop = loop_of(Scripted(*[RetryableError("no node")] * 3), ops)

    pauses = []
    for _ in range(3):
        assert loop.step() is None
        pauses.append(loop._pause)
    assert pauses == [0.02, 0.04, 0.08]
    assert not part(ops, "cycle").good
    assert "no node" in part(ops, "cycle").detail

    loop.step()
    assert loop._pause == 0.01
    assert part(ops, "cycle").good
    assert ops.metrics.value("eg_cycles_total", outcome="delayed") == 3


def test_step__node_away_for_long__pause_has_an_end(ops):
    loop = loop_of(Scripted(*[RetryableError("no node")] * 20), ops)
    for _ in range(20):
        loop.step()
    assert loop._pause == LONGEST_PAUSE_SECONDS


def test_step__too_slow__broken_off(ops):
    loop = loop_of(Scripted(lambda: time.sleep(5)), ops, cycle_seconds=0.05)

    started = time.monotonic()
    assert loop.step() is None
    assert time.monotonic() - started < 2
    assert ops.metrics.value("eg_cycles_total", outcome="timed_out") == 1
    assert "at most 0.05 s" in part(ops, "cycle").detail


def test_step__cannot_be_mended__ends(ops):
    with pytest.raises(FatalError):
        loop_of(Scripted(FatalError("wrong chain")), ops).step()


def test_step__something_cannot_be_decided__bad_until_it_can(ops):
    loop = loop_of(Scripted(Plan(now=1, problems=("no solution",))), ops)

    loop.step()
    assert part(ops, "decisions").detail == "no solution"
    assert ops.metrics.value("eg_problems_count") == 1
    loop.step()
    assert part(ops, "decisions").good


def test_run__sigterm_in_a_cycle__finishes_it(ops):
    finished = []

    def look():
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(0.05)
        finished.append(True)
        return Plan(now=1, planned={"settle": 1})

    keeper = Scripted(look)
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    try:
        loop_of(keeper, ops).run()
    finally:
        signal.signal(signal.SIGTERM, before[0])
        signal.signal(signal.SIGINT, before[1])
    assert finished == [True]
    assert keeper.sends == 2


# --- the watch ------------------------------------------------------------------------------------


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def node():
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = b'{"jsonrpc":"2.0","id":1,"result":{"number":"0x7","hash":"0xab"}}'
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def test_watch__chain_stands_still__head_is_bad(node, ops):
    clock = Clock()
    watch = NodeWatch(node, ops, head_seconds=60, clock=clock)

    watch.look()
    assert part(ops, "node").detail == "block 7"
    assert part(ops, "head").good
    clock.now = 61
    watch.look()

    assert part(ops, "node").good
    assert "stands still" in part(ops, "head").detail
    assert ops.metrics.value("eg_head_unchanged_seconds") == 61


def test_watch__no_limit__standing_still_is_fine(node, ops):
    clock = Clock()
    watch = NodeWatch(node, ops, head_seconds=0, clock=clock)
    watch.look()
    clock.now = 10**6
    watch.look()
    assert ops.health.is_ready


def test_watch__node_away__bad_at_once(ops):
    watch = NodeWatch("http://127.0.0.1:9", ops)
    watch.look()
    assert not part(ops, "node").good


def test_watch__node_hangs__shows_within_five_seconds(ops):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        started = time.monotonic()
        with NodeWatch(url, ops):
            while "does not answer" not in part(ops, "node").detail:
                assert time.monotonic() - started < 5
                time.sleep(0.05)

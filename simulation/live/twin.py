"""The twin: the simulated grid as a process, with meters to read and a state to ask for.

It knows no market. Each meter's customer port prints telegrams at the chain's time; who connects is
first repeated the telegrams of the last boundaries, as an adapter with a memory does, so that a
bridge that was away misses nothing.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

import structlog

from energy_grid.ops import Health, Metrics, OpsServer
from energy_grid.rpc import Rpc
from energy_grid.units import SLOT_SECONDS
from simulation.live.following import ChainTime, Stop
from simulation.live.plan import HOST, LivePlan
from simulation.live.state import Instruments
from simulation.live.world import fleet_of, load_world
from simulation.market_day.fleet import FleetMeter
from simulation.meters.adapters import MeterAdapters

PRINT_EVERY_SECONDS: Final = 300
"""Every five minutes of the day, boundaries among them: five seconds of this computer."""
REMEMBERED_SLOTS: Final = 12
_POLL_SECONDS: Final = 0.4
_SILENCE_SECONDS: Final = 30.0
_REQUEST_SECONDS: Final = 5.0

_log = structlog.get_logger(__name__)


class Wall:
    """The meters on the wall.

    Args:
        plan: the live day.
        fleet: its meters.
    """

    def __init__(self, plan: LivePlan, fleet: tuple[FleetMeter, ...]) -> None:
        self._slots = plan.slots
        self._meters = {meter.virtual.name: meter for meter in fleet}
        self._printed_until: int | None = None
        self._lock = threading.Lock()
        self.adapters = MeterAdapters(
            list(self._meters),
            {m.virtual.name: plan.meter_port(m.meter_id) for m in fleet},
            self._repeated,
        )

    def print_until(self, now: int) -> None:
        """Print every telegram that is due; the first is at the start of the first slot."""
        first, last = self._slots.start * SLOT_SECONDS, self._slots.stop * SLOT_SECONDS
        now = min(now - now % PRINT_EVERY_SECONDS, last)
        before = self._printed_until
        if now < first or (before is not None and now <= before):
            return
        # What was printed before a restart was not printed by this process: boundaries again.
        start = now if before is None else before + PRINT_EVERY_SECONDS
        times = [*self._boundaries(now - 1)] if before is None else []
        times += range(start, now + 1, PRINT_EVERY_SECONDS)
        with self._lock:
            self._printed_until = now
        for name, meter in self._meters.items():
            frames = b"".join(meter.virtual.frame(unix) for unix in times)
            self.adapters.send(name, frames)

    def _boundaries(self, until: int) -> range:
        """Boundaries of the last slots up to a time."""
        last = until - until % SLOT_SECONDS
        first = max(self._slots.start * SLOT_SECONDS, last - REMEMBERED_SLOTS * SLOT_SECONDS)
        return range(first, last + 1, SLOT_SECONDS)

    def _repeated(self, name: str) -> bytes:
        with self._lock:
            until = self._printed_until
        if until is None:
            return b""
        virtual = self._meters[name].virtual
        return b"".join(virtual.frame(unix) for unix in self._boundaries(until))


def run_twin(plan: LivePlan, ops_port: int) -> None:
    """Work until SIGTERM."""
    world = load_world(plan)
    stop, health = Stop(), Health()
    health.expect("clock", _SILENCE_SECONDS)
    wall, instruments = Wall(plan, fleet_of(plan, world)), Instruments(world)
    newest: dict[str, bytes] = {}

    def show(now: int) -> None:
        newest["state"] = json.dumps(instruments.document(now)).encode()

    show(plan.opens_at)
    server = _serve(plan, lambda: newest["state"])
    metrics = Metrics("twin")
    with (
        OpsServer(health, metrics, port=ops_port),
        Rpc(plan.rpc_url) as rpc,
        wall.adapters,
    ):
        clock = ChainTime(rpc, _POLL_SECONDS)
        _log.info("twin running", state=plan.twin_url)
        before = 0
        while not stop:
            now = clock.look(stop)
            if now is None:
                continue
            if now != before:
                wall.print_until(now)
                show(now)
                before = now
            unread = len(wall.adapters.without_listener())
            health.beat("clock", f"chain time {now}, {unread} meters unread")
    server.shutdown()
    _log.info("twin stopped")


def _serve(plan: LivePlan, state: Callable[[], bytes]) -> ThreadingHTTPServer:
    class Handler(BaseHTTPRequestHandler):
        timeout = _REQUEST_SECONDS

        def do_GET(self) -> None:
            is_state = self.path.partition("?")[0] == "/state"
            body = state() if is_state else b'{"pages": ["/state"]}'
            self.send_response(200 if is_state else 404)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Reporters ask every second: no news."""

    server = ThreadingHTTPServer((HOST, plan.base_port + 1), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, name="state", daemon=True).start()
    return server

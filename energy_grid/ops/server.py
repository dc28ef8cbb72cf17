"""`/healthz`, `/readyz` and `/metrics` of a daemon, answered by a thread of its own."""

from __future__ import annotations

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Final

import structlog
from prometheus_client import CONTENT_TYPE_LATEST

from energy_grid.ops.health import Health
from energy_grid.ops.metrics import Metrics
from energy_grid.preflight import require_free_port

LOOPBACK: Final = "127.0.0.1"
REQUEST_SECONDS: Final = 5.0
"""A client that sends or reads more slowly is cut off."""
_POLL_SECONDS: Final = 0.1

_log = structlog.get_logger(__name__)


class OpsServer:
    """The pages of one daemon.

    `/healthz` answers 200 as long as the process answers at all. `/readyz` answers 200 when every
    part of the daemon is well and 503 otherwise, with all parts as JSON. `/metrics` is for
    Prometheus. There is no login: keep it on loopback, or behind something that has one.

    Args:
        health: parts of the daemon.
        metrics: its metrics.
        host: address to listen on.
        port: port to listen on; 0 picks a free one.
    """

    def __init__(
        self, health: Health, metrics: Metrics, *, host: str = LOOPBACK, port: int = 0
    ) -> None:
        self.health = health
        self.metrics = metrics
        self.host = host
        self.port = port
        self._server: ThreadingHTTPServer | None = None
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """Where the pages are."""
        return f"http://{self.host}:{self.port}"

    def start(self) -> None:
        """Listen.

        Raises:
            PortTakenError: another program listens on the port.
        """
        if self._server is not None:
            return
        if self.port:
            require_free_port(self.port, "health and metrics", self.host)
        self._server = _Server((self.host, self.port), _handler_of(self.health, self.metrics))
        self.port = int(self._server.server_address[1])
        self._thread = threading.Thread(
            target=self._server.serve_forever,
            kwargs={"poll_interval": _POLL_SECONDS},
            name="ops",
            daemon=True,
        )
        self._thread.start()
        _log.info("health and metrics served", host=self.host, port=self.port)

    def stop(self) -> None:
        """Listen no longer."""
        server, thread = self._server, self._thread
        self._server = self._thread = None
        if server is not None:
            server.shutdown()
            server.server_close()
        if thread is not None:
            thread.join(REQUEST_SECONDS)

    def __enter__(self) -> OpsServer:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is not worth a trace."""
        _log.debug("request of the pages broke off", client=str(client_address))


def readiness(health: Health, daemon: str) -> dict[str, Any]:
    """What `/readyz` says."""
    parts = health.components()
    return {
        "daemon": daemon,
        "ready": all(part.good for part in parts),
        "components": [
            {
                "name": part.name,
                "good": part.good,
                "detail": part.detail,
                "age_seconds": None if part.age_seconds is None else round(part.age_seconds, 3),
                "limit_seconds": part.limit_seconds,
            }
            for part in parts
        ],
    }


def _handler_of(health: Health, metrics: Metrics) -> type[BaseHTTPRequestHandler]:
    started = time.monotonic()

    class Handler(BaseHTTPRequestHandler):
        timeout = REQUEST_SECONDS
        server_version = "energy-grid"
        sys_version = ""

        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            if path == "/metrics":
                self._answer(200, CONTENT_TYPE_LATEST, metrics.text())
            elif path == "/readyz":
                found = readiness(health, metrics.daemon)
                self._json(200 if found["ready"] else 503, found)
            elif path == "/healthz":
                uptime = round(time.monotonic() - started, 3)
                self._json(200, {"daemon": metrics.daemon, "uptime_seconds": uptime})
            else:
                self._json(404, {"pages": ["/healthz", "/readyz", "/metrics"]})

        def _json(self, status: int, value: Any) -> None:
            self._answer(status, "application/json", json.dumps(value, indent=2).encode() + b"\n")

        def _answer(self, status: int, kind: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Cache-Control", "no-store")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Requests of a monitor every few seconds are no news."""

    return Handler

"""Serial-over-TCP adapters: each meter's customer port as a TCP port that anybody may connect to.

As with a real adapter (ser2net and the like) bytes go to whoever listens at that moment and are
lost otherwise.
"""

from __future__ import annotations

import contextlib
import selectors
import socket
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import TracebackType

from simulation.errors import SimulationError

_HOST = "127.0.0.1"
_POLL_SECONDS = 0.02
_SEND_TIMEOUT_SECONDS = 30.0


@dataclass
class _Port:
    listener: socket.socket
    listeners: list[socket.socket] = field(default_factory=list)


class MeterAdapters:
    """One listening TCP port a meter, on loopback.

    Args:
        meter_names: the meters.
        ports: port by meter; the system chooses for those that have none.
        greeting: what somebody who has just connected is sent at once, by meter: an adapter with a
            memory repeats there what it may have missed.
    """

    def __init__(
        self,
        meter_names: list[str],
        ports: Mapping[str, int] | None = None,
        greeting: Callable[[str], bytes] | None = None,
    ) -> None:
        self._greeting = greeting
        self._lock = threading.Lock()
        self._ports: dict[str, _Port] = {}
        self._selector = selectors.DefaultSelector()
        for name in meter_names:
            listener = socket.create_server((_HOST, (ports or {}).get(name, 0)))
            listener.setblocking(False)
            self._ports[name] = _Port(listener)
            self._selector.register(listener, selectors.EVENT_READ, name)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._accept, name="meter-adapters", daemon=True)
        self._thread.start()

    def __enter__(self) -> MeterAdapters:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def address(self, meter_name: str) -> tuple[str, int]:
        """Host and port of a meter's adapter."""
        host, port = self._ports[meter_name].listener.getsockname()
        return str(host), int(port)

    def wait_until_connected(self, timeout_seconds: float) -> None:
        """Wait until somebody listens at every meter.

        Raises:
            SimulationError: nobody came to some meter in time.
        """
        deadline = time.monotonic() + timeout_seconds
        while missing := self.without_listener():
            if time.monotonic() > deadline:
                raise SimulationError(
                    f"nobody reads {len(missing)} of {len(self._ports)} meters",
                    found=", ".join(missing[:5]),
                    remedy="See the log of the meter bridge",
                )
            time.sleep(_POLL_SECONDS)

    def without_listener(self) -> list[str]:
        """Meters that nobody listens to."""
        with self._lock:
            return [name for name, port in self._ports.items() if not port.listeners]

    def send(self, meter_name: str, frame: bytes) -> int:
        """Send bytes to everybody who listens at a meter; returns to how many."""
        port = self._ports[meter_name]
        with self._lock:
            connections = list(port.listeners)
        reached = 0
        for connection in connections:
            try:
                connection.sendall(frame)
                reached += 1
            except OSError:
                with self._lock, contextlib.suppress(ValueError):
                    port.listeners.remove(connection)
                connection.close()
        return reached

    def close(self) -> None:
        """Hang up and stop listening."""
        self._stopped.set()
        self._thread.join()
        for port in self._ports.values():
            for connection in port.listeners:
                connection.close()
            port.listener.close()
        self._selector.close()

    def _accept(self) -> None:
        while not self._stopped.is_set():
            for key, _ in self._selector.select(_POLL_SECONDS):
                connection, _address = self._ports[key.data].listener.accept()
                connection.settimeout(_SEND_TIMEOUT_SECONDS)
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._greet(key.data, connection)
                with self._lock:
                    self._ports[key.data].listeners.append(connection)

    def _greet(self, name: str, connection: socket.socket) -> None:
        if self._greeting is not None and (missed := self._greeting(name)):
            with contextlib.suppress(OSError):  # gone again: found out with the next frame
                connection.sendall(missed)

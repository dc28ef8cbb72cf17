"""A TCP adapter that repeats a meter's telegrams, as the bridge finds one at the end of a cable."""

from __future__ import annotations

import contextlib
import socket
import threading
import time

from tests.offchain.bridge.telegrams import P1

REPLAYED_SLOTS = 40
"""How many slots the adapter remembers: more than a bridge is ever behind in these tests."""
REPEAT_SECONDS = 0.02


class Adapter:
    """Serves one meter: at each connection its last telegrams, then each new one as it is made."""

    def __init__(
        self, meter_id: int, import_wh: int, export_wh: int, start: int, port: int = 0
    ) -> None:
        self.meter_id = meter_id
        self.start = start
        self.registers: list[tuple[int, int]] = [(import_wh, export_wh)]
        """Import and export at each boundary since `start`."""
        self._telegrams: list[bytes] = [b""]
        self._server = socket.create_server(("127.0.0.1", port))
        self.port = int(self._server.getsockname()[1])
        self._is_open = True
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    @property
    def url(self) -> str:
        return f"tcp://127.0.0.1:{self.port}"

    def add_slot(self, import_wh: int, export_wh: int) -> None:
        """One more quarter hour has passed."""
        before = self.registers[-1]
        now = (before[0] + import_wh, before[1] + export_wh)
        boundary = self.start + 900 * len(self.registers)
        telegram = P1(
            unix=boundary + 1,
            import_wh=(now[0] - 7_000, 7_000),
            export_wh=(3_000, now[1] - 3_000),
            equipment=f"4530{self.meter_id:012d}",
        ).build()
        self.registers.append(now)
        self._telegrams.append(telegram)

    def close(self) -> None:
        self._is_open = False
        with contextlib.suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)  # wakes the thread that accepts
        self._server.close()

    def _accept(self) -> None:
        while self._is_open:
            with contextlib.suppress(OSError):
                connection, _ = self._server.accept()
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        position = max(1, len(self._telegrams) - REPLAYED_SLOTS)
        with contextlib.suppress(OSError), connection:
            while self._is_open:
                chunk = b"".join(self._telegrams[position:])
                position += len(self._telegrams) - position
                if chunk:
                    connection.sendall(chunk)
                time.sleep(REPEAT_SECONDS)

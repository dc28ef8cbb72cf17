"""A small HTTP server with a bound on everything: connections, head, body, time, rate.

`POST /v1/observations` takes a message (`oracles/reporting/wire.py`) and answers with a result for
each observation: `{"results": [{"accepted": true, "detail": "new"}, {"accepted": false, "reason":
"...", "again": false}]}`. A connection serves one request.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sqlite3
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import structlog

from energy_grid.errors import EnergyGridError, InvalidValueError
from energy_grid.preflight import require_free_port
from oracles.collector.intake import NotReadyError, TokenBucket
from oracles.reporters.posting import PATH
from oracles.sources.errors import SchemaError
from oracles.sources.http import parse_json

_STATUS: Final = {
    200: "OK", 400: "Bad Request", 404: "Not Found", 405: "Method Not Allowed",
    408: "Request Timeout", 411: "Length Required", 413: "Content Too Large",
    429: "Too Many Requests", 500: "Internal Server Error", 503: "Service Unavailable",
}  # fmt: skip
_MAX_PEERS: Final = 4_096
_LINGER_SECONDS: Final = 0.2

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ServerLimits:
    """Bounds of the server.

    Attributes:
        connections: open at once; more are answered with 503.
        head_bytes: largest request line and headers.
        body_bytes: largest body.
        request_seconds: longest time from connection to answer.
        per_second: requests a second from one address, in the long run.
        burst: requests at once from one address.
    """

    connections: int = 64
    head_bytes: int = 8_192
    body_bytes: int = 262_144
    request_seconds: float = 5.0
    per_second: float = 50.0
    burst: float = 200.0


class _HttpError(Exception):
    def __init__(self, status: int, reason: str) -> None:
        self.status = status
        self.reason = reason
        super().__init__(reason)


class CollectorServer:
    """Listens in a thread of its own.

    Args:
        take: answers a message; called in the server's thread.
        host: address to listen on.
        port: port; 0 picks a free one.
        limits: bounds.
    """

    def __init__(
        self,
        take: Callable[[Any], dict[str, Any]],
        host: str = "127.0.0.1",
        port: int = 0,
        limits: ServerLimits | None = None,
    ) -> None:
        self._take = take
        self.host = host
        self.port = port
        self._limits = limits or ServerLimits()
        self._open = 0
        self._peers: dict[str, TokenBucket] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._server: asyncio.Server | None = None

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://{self.host}:{self.port}"

    def start(self) -> None:
        """Listen.

        Raises:
            PortTakenError: another program listens there.
        """
        if self.port:
            require_free_port(self.port, "the collector", self.host)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=self._loop.run_forever, name="collector-http", daemon=True
        )
        self._thread.start()
        listening = asyncio.run_coroutine_threadsafe(self._listen(), self._loop)
        self._server = listening.result(10)
        self.port = int(self._server.sockets[0].getsockname()[1])
        _log.info("collector listens", host=self.host, port=self.port)

    async def _listen(self) -> asyncio.Server:
        return await asyncio.start_server(
            self._serve, self.host, self.port, limit=self._limits.head_bytes
        )

    def stop(self) -> None:
        """Listen no longer; requests under way are broken off."""
        loop, thread, server = self._loop, self._thread, self._server
        self._loop = self._thread = self._server = None
        if loop is None or thread is None:
            return

        def end() -> None:
            if server is not None:
                server.close()
            for task in asyncio.all_tasks(loop):
                task.cancel()
            loop.call_soon(loop.stop)

        loop.call_soon_threadsafe(end)
        thread.join(5)

    # --- One connection ---------------------------------------------------------------------------

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open += 1
        try:
            async with asyncio.timeout(self._limits.request_seconds):
                status, document = await self._answer(reader, writer)
                await _write(writer, status, document)
                if status != 200:
                    await self._linger(reader, writer)
        except TimeoutError:
            with contextlib.suppress(OSError, TimeoutError):
                async with asyncio.timeout(0.1):
                    await _write(writer, 408, {"error": "too slow"})
        except (OSError, asyncio.IncompleteReadError):
            _log.debug("request broke off")
        finally:
            self._open -= 1
            writer.close()

    async def _linger(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Read on for a moment: closing on unread data would take the answer away again."""
        with contextlib.suppress(OSError, TimeoutError):
            writer.write_eof()
            async with asyncio.timeout(_LINGER_SECONDS):
                left = self._limits.body_bytes
                while left > 0 and (piece := await reader.read(4_096)):
                    left -= len(piece)

    async def _answer(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> tuple[int, dict[str, Any]]:
        try:
            if self._open > self._limits.connections:
                raise _HttpError(503, "too many connections")
            if not self._is_allowed(str((writer.get_extra_info("peername") or ("?",))[0])):
                raise _HttpError(429, "too many requests")
            length = await self._head(reader)
            body = await reader.readexactly(length)
            return 200, self._take(parse_json(body, "a reporter"))
        except _HttpError as error:
            return error.status, {"error": error.reason}
        except (InvalidValueError, SchemaError) as error:
            return 400, {"error": str(error)[:500]}
        except NotReadyError:
            return 503, {"error": "the chain was not seen lately"}
        except (EnergyGridError, sqlite3.Error) as error:
            _log.error("message not taken", reason=str(error))
            return 503, {"error": "not now"}

    def _is_allowed(self, peer: str) -> bool:
        if peer not in self._peers and len(self._peers) >= _MAX_PEERS:
            self._peers.clear()
        bucket = self._peers.setdefault(
            peer, TokenBucket(self._limits.per_second, self._limits.burst)
        )
        return bucket.take()

    async def _head(self, reader: asyncio.StreamReader) -> int:
        """Read request line and headers; return the length of the body."""
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except asyncio.LimitOverrunError:
            raise _HttpError(413, "head too large") from None
        lines = head.decode("latin-1").split("\r\n")
        words = lines[0].split(" ")
        if len(words) != 3:
            raise _HttpError(400, "no request line")
        if words[1].partition("?")[0] != PATH:
            raise _HttpError(404, f"POST {PATH}")
        if words[0] != "POST":
            raise _HttpError(405, f"POST {PATH}")
        headers: dict[str, str] = {}
        for line in lines[1:]:
            name, _, value = line.partition(":")
            if name.lower() in headers and name.lower() == "content-length":
                raise _HttpError(400, "two lengths")
            headers[name.lower()] = value.strip()
        length = headers.get("content-length", "")
        if "transfer-encoding" in headers or not (length.isascii() and length.isdigit()):
            raise _HttpError(411, "Content-Length")
        if len(length) > 12 or int(length) > self._limits.body_bytes:
            raise _HttpError(413, f"at most {self._limits.body_bytes} bytes")
        return int(length)


async def _write(writer: asyncio.StreamWriter, status: int, document: dict[str, Any]) -> None:
    body = json.dumps(document).encode() + b"\n"
    head = (
        f"HTTP/1.1 {status} {_STATUS[status]}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    writer.write(head.encode() + body)
    await writer.drain()

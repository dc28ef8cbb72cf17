"""A web server for tests: each path is a function that writes to the socket what it likes."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any

Script = Callable[[socket.socket, "Request"], None]


class Request:
    """One request, as far as tests look at it."""

    def __init__(self, head: bytes) -> None:
        lines = head.decode("latin-1").split("\r\n")
        self.method, self.target, _ = lines[0].split(" ", 2)
        self.path, _, self.query = self.target.partition("?")
        self.headers = {
            name.strip().lower(): value.strip()
            for name, _, value in (line.partition(":") for line in lines[1:] if line)
        }


def answer(
    body: bytes | str,
    status: int = 200,
    content_type: str = "application/json",
    headers: Mapping[str, str] | None = None,
) -> Script:
    """A script that answers properly."""
    data = body.encode() if isinstance(body, str) else body

    def run(connection: socket.socket, _request: Request) -> None:
        head = f"HTTP/1.1 {status} X\r\nContent-Type: {content_type}\r\n"
        head += f"Content-Length: {len(data)}\r\n"
        head += "".join(f"{name}: {value}\r\n" for name, value in (headers or {}).items())
        connection.sendall(head.encode() + b"Connection: close\r\n\r\n" + data)

    return run


def answer_json(document: Any, **options: Any) -> Script:
    """A script that answers with a JSON document."""
    return answer(json.dumps(document), **options)


class ScriptedServer:
    """Listens on loopback; `scripts` may be changed while it runs.

    Attributes:
        requests: what was asked, in order.
    """

    def __init__(self, scripts: Mapping[str, Script] | None = None) -> None:
        self.scripts: dict[str, Script] = dict(scripts or {})
        self.requests: list[Request] = []
        self._closing = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self.host = f"127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def url(self, path: str = "/") -> str:
        return f"http://{self.host}{path}"

    def _accept(self) -> None:
        while not self._closing.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError, ValueError):
            connection.settimeout(10)
            head = b""
            while b"\r\n\r\n" not in head:
                piece = connection.recv(4096)
                if not piece:
                    return
                head += piece
            request = Request(head.split(b"\r\n\r\n", 1)[0])
            self.requests.append(request)
            script = self.scripts.get(request.path) or self.scripts.get("*")
            (script or answer("{}", 404))(connection, request)

    def close(self) -> None:
        self._closing.set()
        with contextlib.suppress(OSError):  # wakes the listener
            socket.create_connection(("127.0.0.1", self.port), 1).close()
        self._thread.join(2)
        self._listener.close()

    def __enter__(self) -> ScriptedServer:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

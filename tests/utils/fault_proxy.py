"""A proxy in front of a node that answers badly when told to."""

from __future__ import annotations

import contextlib
import http.server
import json
import socket
import threading
import time
from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import requests

Json = Any


class Mood(StrEnum):
    """How the proxy behaves."""

    GOOD = "good"
    DOWN = "down"
    """Cuts every connection."""
    HANGING = "hanging"
    """Takes requests and does not answer."""
    BUSY = "429"
    BROKEN = "503"
    GARBAGE = "garbage"
    """Answers with half a JSON document."""
    LIMITED = "limited"
    """Answers each call with the JSON-RPC error for too many calls."""


@dataclass
class Lies:
    """What the proxy tells wrongly while its mood is good.

    Attributes:
        blocks_behind: answers as if that many blocks had not come yet.
        nonces_less: counts that many transactions less.
        chain_id: another chain id.
        genesis: another genesis hash.
    """

    blocks_behind: int = 0
    nonces_less: int = 0
    chain_id: int | None = None
    genesis: str | None = None


class FaultProxy:
    """Listens on a free port of the loopback and passes calls on to a node.

    Attributes:
        mood: how it behaves; may be changed at any time.
        lies: what it tells wrongly.
        methods: how often each method was asked for.
        posts: HTTP requests so far, whatever became of them.
        swallows: takes transactions without passing them on.
    """

    def __init__(self, target: str) -> None:
        self.target = target
        self.mood = Mood.GOOD
        self.lies = Lies()
        self.methods: Counter[str] = Counter()
        self.posts = 0
        self.swallows = False
        self._released = threading.Event()
        proxy = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                with contextlib.suppress(OSError):
                    proxy._answer(self, body)

            def log_message(self, *_: object) -> None:
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_: object) -> None:
                pass

        self._server = Server(("127.0.0.1", 0), Handler)
        self._local = threading.local()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._released.set()
        self._server.shutdown()
        self._server.server_close()

    def __enter__(self) -> FaultProxy:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- Answering --------------------------------------------------------------------------------

    def _answer(self, handler: http.server.BaseHTTPRequestHandler, body: bytes) -> None:
        self.posts += 1
        mood = self.mood
        if mood is Mood.DOWN:
            handler.close_connection = True
            handler.connection.shutdown(socket.SHUT_RDWR)
        elif mood is Mood.HANGING:
            while self.mood is Mood.HANGING and not self._released.wait(0.05):
                pass
            handler.close_connection = True
        elif mood is Mood.BUSY:
            self._write(handler, 429, b"slow down", {"Retry-After": "1"})
        elif mood is Mood.BROKEN:
            self._write(handler, 503, b"<html>no upstream</html>", {})
        elif mood is Mood.GARBAGE:
            self._write(handler, 200, b'{"jsonrpc": "2.0", "resu', {})
        else:
            self._write(handler, 200, json.dumps(self._result(json.loads(body))).encode(), {})

    def _write(
        self,
        handler: http.server.BaseHTTPRequestHandler,
        status: int,
        body: bytes,
        headers: dict[str, str],
    ) -> None:
        handler.send_response(status)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(body)

    def _result(self, payload: Json) -> Json:
        if isinstance(payload, list):
            return [self._one(request) for request in payload]
        return self._one(payload)

    def _one(self, request: dict[str, Json]) -> dict[str, Json]:
        method, params = request["method"], list(request["params"])
        self.methods[method] += 1
        if self.mood is Mood.LIMITED:
            error = {"code": -32005, "message": "limit exceeded"}
            return {"jsonrpc": "2.0", "id": request["id"], "error": error}
        if method == "eth_sendRawTransaction" and self.swallows:
            return self._own(request, "0x" + "00" * 32)
        head = None
        if self.lies.blocks_behind:
            head = max(int(self._ask("eth_blockNumber", [])["result"], 16), 0)
            head = max(head - self.lies.blocks_behind, 0)
            params = [hex(head) if p in ("latest", "pending") else p for p in params]
        answer = self._ask(method, params)
        answer["id"] = request["id"]
        result = answer.get("result")
        if result is None:
            return answer
        if head is not None:
            if method == "eth_blockNumber":
                answer["result"] = hex(head)
            elif isinstance(result, dict) and _number(result) > head:
                answer["result"] = None
        if method == "eth_getTransactionCount":
            answer["result"] = hex(max(int(result, 16) - self.lies.nonces_less, 0))
        elif method == "eth_chainId" and self.lies.chain_id is not None:
            answer["result"] = hex(self.lies.chain_id)
        elif params[:1] == ["0x0"] and self.lies.genesis is not None:
            answer["result"]["hash"] = self.lies.genesis
        return answer

    def _own(self, request: dict[str, Json], result: Json) -> dict[str, Json]:
        return {"jsonrpc": "2.0", "id": request["id"], "result": result}

    def _ask(self, method: str, params: list[Json]) -> dict[str, Json]:
        session = getattr(self._local, "session", None)
        if session is None:
            session = self._local.session = requests.Session()
            session.trust_env = False
        request = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        answer: dict[str, Json] = session.post(self.target, json=request, timeout=60).json()
        return answer


def _number(result: dict[str, Json]) -> int:
    """Block of a receipt, a transaction or a block; -1 if it is in none."""
    found = result.get("blockNumber") or result.get("number")
    return int(found, 16) if isinstance(found, str) else -1


def until(condition: Any, *, seconds: float = 10.0, pause: float = 0.02) -> float:
    """Wait for a condition; seconds it took."""
    begun = time.monotonic()
    while not condition():
        assert time.monotonic() - begun < seconds, f"not so after {seconds} s"
        time.sleep(pause)
    return time.monotonic() - begun

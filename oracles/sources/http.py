"""The one HTTP client of all sources: every answer is hostile until it has been checked.

One total time-out over connection, headers, body and repeats; a cap on the body, before and after
decompression; addresses looked up once, checked and then used, so that a name cannot lead into the
private network; redirects only within the same origin; JSON of bounded depth without NaN. Whatever
is asked or sent may be repeated without harm.
"""

from __future__ import annotations

import asyncio
import ipaddress
import json
import random
import re
import socket
import ssl
import threading
import zlib
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final, NoReturn, TypeVar
from urllib.parse import urljoin, urlsplit

import httpx

from energy_grid.errors import ConfigurationError
from energy_grid.rpc import public_url
from oracles.sources.errors import (
    ForbiddenAddressError,
    SchemaError,
    SourceRefusedError,
    SourceUnreachableError,
)

MAX_DEPTH: Final = 32
MAX_REDIRECTS: Final = 3
USER_AGENT: Final = "energy-grid-oracle/1"
_CHUNK_BYTES: Final = 65_536
_GZIP_BITS: Final = 31
_TRANSLATED: Final = ipaddress.ip_network("64:ff9b::/96")
_REDIRECTS: Final = (301, 302, 303, 307, 308)
_ESCAPED: Final = re.compile(rb"\\.", re.DOTALL)
_NO_BRACKETS: Final = bytes(set(range(256)) - set(b"[]{}"))
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class HttpLimits:
    """Bounds of one request.

    Attributes:
        connect_seconds: longest wait for a connection.
        read_seconds: longest pause between two pieces of an answer.
        total_seconds: longest time of everything together, repeats included.
        max_bytes: largest body, after decompression.
        repeats: how often a request is repeated that got no answer, or 5xx or 429.
        first_pause_seconds: pause before the first repeat; doubles, with jitter.
    """

    connect_seconds: float = 5.0
    read_seconds: float = 10.0
    total_seconds: float = 20.0
    max_bytes: int = 4_000_000
    repeats: int = 1
    first_pause_seconds: float = 0.5


@dataclass(frozen=True, slots=True)
class Answer:
    """A successful answer, whole and within all limits."""

    url: str
    content_type: str
    body: bytes


@dataclass(frozen=True, slots=True)
class _Target:
    """A URL that was checked, and the address that its host has."""

    url: httpx.URL
    host: str
    address: str
    headers: Mapping[str, str] = field(default_factory=dict)


class HttpClient:
    """Gets documents.

    Args:
        limits: bounds of a request.
        allowed_hosts: `host:port` that may be private (loopback); nothing by default.
        ssl_context: trust for https; the system's by default.
    """

    def __init__(
        self,
        limits: HttpLimits | None = None,
        allowed_hosts: frozenset[str] = frozenset(),
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        self.limits = limits or HttpLimits()
        self._allowed_hosts = frozenset(host.lower() for host in allowed_hosts)
        self._ssl_context = ssl_context
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None

    def close(self) -> None:
        """End the client's thread."""
        with self._lock:
            loop, self._loop = self._loop, None
        if loop is not None:
            loop.call_soon_threadsafe(loop.stop)

    # --- Requests ---------------------------------------------------------------------------------

    def get(
        self,
        url: str,
        parameters: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Get a document.

        Raises:
            SourceUnreachableError: no answer in time, or 5xx or 429.
            SourceRefusedError: 4xx, or the answer breaks a limit.
            ForbiddenAddressError: the URL or a redirect leads where it must not.
        """
        return self._run(self._get(url, parameters or {}, headers or {}))

    def get_json(
        self,
        url: str,
        parameters: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        """Get a JSON document; numbers with a point are `Decimal`.

        Raises:
            SourceError: as `get`.
            SchemaError: no JSON, too deep, or with NaN.
        """
        answer = self.get(url, parameters, {"Accept": "application/json", **(headers or {})})
        return parse_json(answer.body, public_url(answer.url))

    def post_json(self, url: str, document: Any) -> Any:
        """Send a JSON document where sending it twice does no harm, and get one.

        Raises:
            SourceError: as `get_json`.
        """
        body = json.dumps(document, separators=(",", ":")).encode()
        headers = {"Accept": "application/json", "Content-Type": "application/json"}
        answer = self._run(self._get(url, {}, headers, body))
        return parse_json(answer.body, public_url(answer.url))

    def _run(self, work: Coroutine[Any, Any, _T]) -> _T:
        """Work on the client's own loop, so that callers may have one of theirs."""
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                threading.Thread(
                    target=self._loop.run_forever, name="source-http", daemon=True
                ).start()
            loop = self._loop
        return asyncio.run_coroutine_threadsafe(work, loop).result()

    async def _get(
        self,
        url: str,
        parameters: Mapping[str, str],
        headers: Mapping[str, str],
        body: bytes | None = None,
    ) -> Answer:
        where = public_url(url)
        try:
            async with asyncio.timeout(self.limits.total_seconds):
                return await self._with_repeats(url, parameters, headers, body)
        except TimeoutError:
            raise SourceUnreachableError(
                f"{where} does not answer in time",
                expected=f"everything within {self.limits.total_seconds:g} s",
            ) from None

    async def _with_repeats(
        self,
        url: str,
        parameters: Mapping[str, str],
        headers: Mapping[str, str],
        body: bytes | None,
    ) -> Answer:
        pause = self.limits.first_pause_seconds
        for left in range(self.limits.repeats, -1, -1):
            try:
                return await self._follow(url, parameters, headers, body)
            except SourceUnreachableError:
                if not left:
                    raise
            await asyncio.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311, no secret
            pause *= 2
        raise AssertionError("unreachable")

    async def _follow(
        self,
        url: str,
        parameters: Mapping[str, str],
        headers: Mapping[str, str],
        body: bytes | None,
    ) -> Answer:
        full = httpx.URL(url)
        if parameters:
            full = full.copy_merge_params(dict(parameters))
        origin = (full.scheme, full.host, full.port)
        for _ in range(MAX_REDIRECTS + 1):
            found = await self._once(await self._target(full), headers, body)
            if isinstance(found, Answer):
                return found
            full = httpx.URL(urljoin(str(full), found))
            if (full.scheme, full.host, full.port) != origin:
                raise ForbiddenAddressError(
                    f"{public_url(url)} redirects elsewhere",
                    expected="the same scheme, host and port",
                    found=public_url(str(full)) if full.host else f"{full.scheme}:",
                    remedy="Configure the new address if it is right",
                )
        raise SourceRefusedError(
            f"{public_url(url)} redirects without end", expected=f"at most {MAX_REDIRECTS} times"
        )

    async def _once(
        self, target: _Target, headers: Mapping[str, str], sent_body: bytes | None
    ) -> Answer | str:
        """One request: the answer, or where it redirects to."""
        where = public_url(str(target.url))
        limits = self.limits
        timeout = httpx.Timeout(limits.read_seconds, connect=limits.connect_seconds)
        pool = httpx.Limits(max_connections=1, max_keepalive_connections=0)
        sent = {
            "User-Agent": USER_AGENT,
            "Accept-Encoding": "gzip",
            **headers,
            "Host": target.url.netloc.decode("ascii"),
        }
        try:
            async with (
                httpx.AsyncClient(
                    timeout=timeout,
                    limits=pool,
                    trust_env=False,
                    follow_redirects=False,
                    verify=self._context() if target.url.scheme == "https" else False,
                ) as client,
                client.stream(
                    "GET" if sent_body is None else "POST",
                    target.url.copy_with(host=target.address),
                    headers=sent,
                    content=sent_body,
                    extensions={"sni_hostname": target.host},
                ) as response,
            ):
                if response.status_code in _REDIRECTS:
                    return str(response.headers.get("Location", ""))
                self._check_status(response, where)
                body = await self._body(response, where)
        except httpx.HTTPError as error:
            # The library's texts may hold the whole URL, and that a token.
            raise SourceUnreachableError(
                f"no answer from {where}", expected="an HTTP answer", found=type(error).__name__
            ) from None
        return Answer(str(target.url), response.headers.get("Content-Type", ""), body)

    def _context(self) -> ssl.SSLContext:
        if self._ssl_context is None:
            self._ssl_context = ssl.create_default_context()
        return self._ssl_context

    @staticmethod
    def _check_status(response: httpx.Response, where: str) -> None:
        status = response.status_code
        if status == 429 or status >= 500:
            raise SourceUnreachableError(
                f"{where} cannot answer now", expected="HTTP 200", found=f"HTTP {status}"
            )
        if status != 200:
            raise SourceRefusedError(
                f"{where} refuses the request", expected="HTTP 200", found=f"HTTP {status}"
            )

    async def _body(self, response: httpx.Response, where: str) -> bytes:
        limit = self.limits.max_bytes
        encoding = response.headers.get("Content-Encoding", "identity").strip().lower()
        if encoding not in ("identity", "gzip"):
            raise SourceRefusedError(
                f"body of {where}", expected="plain or gzip", found=encoding[:40]
            )
        declared = response.headers.get("Content-Length", "")
        if declared.isdigit() and int(declared) > limit:
            _refuse_size(where, limit)
        unpack = zlib.decompressobj(_GZIP_BITS) if encoding == "gzip" else None
        body = bytearray()
        try:
            async for piece in response.aiter_raw(_CHUNK_BYTES):
                if unpack is None:
                    body += piece
                else:
                    # Never more than one byte beyond the limit, whatever the piece expands to.
                    body += unpack.decompress(piece, limit - len(body) + 1)
                if len(body) > limit:
                    _refuse_size(where, limit)
        except zlib.error as error:
            raise SourceRefusedError(f"broken gzip from {where}", found=str(error)) from None
        if unpack is not None and not unpack.eof:
            raise SourceUnreachableError(f"cut off gzip from {where}", expected="all of it")
        return bytes(body)

    # --- Addresses --------------------------------------------------------------------------------

    async def _target(self, url: httpx.URL) -> _Target:
        if url.scheme not in ("http", "https") or not url.host:
            raise ForbiddenAddressError(
                "URL of a source", expected="http or https", found=f"{url.scheme}:"
            )
        if url.userinfo:
            raise ForbiddenAddressError("URL of a source", expected="no user or password in it")
        port = url.port or (443 if url.scheme == "https" else 80)
        host = url.host.lower()
        try:
            found = await asyncio.get_running_loop().getaddrinfo(
                host, port, type=socket.SOCK_STREAM
            )
        except (OSError, UnicodeError) as error:
            raise SourceUnreachableError(
                f"no address of {host}", expected="a name that resolves", found=str(error)
            ) from None
        addresses = [str(entry[4][0]) for entry in found]
        if not addresses:
            raise SourceUnreachableError(f"no address of {host}")
        if f"{host}:{port}" not in self._allowed_hosts:
            for address in addresses:
                if not is_public(address):
                    raise ForbiddenAddressError(
                        f"{host} is not public",
                        expected="a public address",
                        found=address,
                        remedy=f"Allow {host}:{port} explicitly if that is meant",
                    )
        return _Target(url, host, addresses[0])


def is_public(address: str) -> bool:
    """Whether an IP address is one of the open internet, also where it hides another."""
    ip = ipaddress.ip_address(address.split("%", 1)[0])
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped is not None:
            return is_public(str(ip.ipv4_mapped))
        if ip.sixtofour is not None or ip.teredo is not None or ip in _TRANSLATED:
            return False
    return ip.is_global and not (ip.is_multicast or ip.is_reserved or ip.is_unspecified)


def require_web_url(url: str, what: str) -> str:
    """A configured URL that the client can use.

    Raises:
        ConfigurationError: it cannot.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username:
        raise ConfigurationError(
            f"URL of {what}", expected="http(s)://host/...", found=public_url(url)
        )
    return url


def parse_json(body: bytes, where: str) -> Any:
    """A JSON document with exact numbers.

    Raises:
        SchemaError: empty, no JSON, deeper than 32, or with NaN or infinities.
    """
    if not body.strip():
        raise SchemaError(f"empty answer from {where}", expected="JSON", found="nothing")
    _require_shallow(body, where)
    try:
        document = json.loads(
            body.decode("utf-8"), parse_float=Decimal, parse_constant=_refuse_constant
        )
    except ValueError as error:
        raise SchemaError(
            f"answer of {where} is no JSON", expected="JSON", found=str(error)[:120]
        ) from None
    return document


def _require_shallow(body: bytes, where: str) -> None:
    """Refuse deep nesting before the parser, whose recursion ends in a crash of the process."""
    # Without escapes every second piece between quotes is outside of a string.
    outside = b"".join(_ESCAPED.sub(b"", body).split(b'"')[::2])
    depth = 0
    for bracket in outside.translate(None, _NO_BRACKETS):
        depth += 1 if bracket in b"[{" else -1
        if depth > MAX_DEPTH:
            raise SchemaError(
                f"answer of {where}", expected=f"at most {MAX_DEPTH} levels", found="more"
            )


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number of JSON")


def _refuse_size(where: str, limit: int) -> NoReturn:
    raise SourceRefusedError(f"answer of {where} is too large", expected=f"at most {limit} bytes")

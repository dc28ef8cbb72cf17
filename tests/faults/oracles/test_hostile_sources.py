"""X-15: hostile upstreams. Every source on HTTP, every way a server can be slow, huge or wrong.

Each fault must end in a typed error, within the time-out, within the memory of the cap, and must
leave the source usable once the server behaves again.

slow        no answer; head by drops; body by drops
huge        endless body; declared 1 GB; endless head; gzip bomb, whole and cut off
elsewhere   redirects to a private address, another host, a file, in a circle, without end
wrong       4xx, 5xx, 429; empty; no JSON, no XML; NaN; too deep; another layout; half an answer
addresses   private names and numbers in all notations, credentials, other schemes
"""

from __future__ import annotations

import contextlib
import gzip
import json
import resource
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from energy_grid.errors import FatalError, RetryableError
from energy_grid.feeds import Feed, FeedKind
from energy_grid.units import UnixSeconds, Zone
from oracles.sources import (
    Interval,
    SchemaError,
    Source,
    SourceError,
    SourceRefusedError,
    SourceUnreachableError,
)
from oracles.sources.elexon import ElexonFrequencySource
from oracles.sources.energy_charts import EnergyChartsSource
from oracles.sources.entsoe import EntsoeSource
from oracles.sources.errors import ForbiddenAddressError
from oracles.sources.http import HttpClient, HttpLimits, is_public
from oracles.sources.open_meteo import OpenMeteoSource, Place
from oracles.sources.resting import RestingSource
from oracles.sources.simulated import SimulationSource
from tests.offchain.oracles import answers
from tests.offchain.oracles.answers import DATA, NOON
from tests.utils.web import Request, Script, ScriptedServer, answer, answer_json

TOTAL_SECONDS = 0.4
MAX_BYTES = 200_000
MOST_MEMORY_BYTES = 60_000_000
ZONE = Zone(1)
QUARTER = Interval(UnixSeconds(NOON), 900)
LIMITS = HttpLimits(
    connect_seconds=0.3,
    read_seconds=0.3,
    total_seconds=TOTAL_SECONDS,
    max_bytes=MAX_BYTES,
    repeats=0,
)


# --- The server's tricks --------------------------------------------------------------------------


def silent(_connection: socket.socket, _request: Request) -> None:
    time.sleep(3 * TOTAL_SECONDS)


def dripping_head(connection: socket.socket, _request: Request) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\n")
    for _ in range(100):
        connection.sendall(b"X-A: b\r\n")
        time.sleep(0.05)


def dripping_body(connection: socket.socket, _request: Request) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    for _ in range(100):
        connection.sendall(b" ")
        time.sleep(0.05)


def endless_body(connection: socket.socket, _request: Request) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    chunk = b"10000\r\n" + b"[" * 0x10000 + b"\r\n"
    for _ in range(16_384):  # 1 GB
        connection.sendall(chunk)


def declared_gigabyte(connection: socket.socket, _request: Request) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
    for _ in range(16_384):
        connection.sendall(b" " * 0x10000)


def endless_head(connection: socket.socket, _request: Request) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\n")
    for _ in range(16_384):
        connection.sendall(b"X-A: " + b"b" * 0xFFF0 + b"\r\n")


@cache
def _bomb() -> bytes:
    return gzip.compress(b"[" * 100_000_000, 1)


def bomb(connection: socket.socket, request: Request) -> None:
    answer(_bomb(), headers={"Content-Encoding": "gzip"})(connection, request)


def cut_off_gzip(connection: socket.socket, request: Request) -> None:
    short = gzip.compress(json.dumps(answers.state()).encode())[:-9]
    answer(short, headers={"Content-Encoding": "gzip"})(connection, request)


def unasked_encoding(connection: socket.socket, request: Request) -> None:
    answer(b"{}", headers={"Content-Encoding": "br"})(connection, request)


def half_an_answer(connection: socket.socket, _request: Request) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{")


def no_http(connection: socket.socket, _request: Request) -> None:
    connection.sendall(b"\x00\x01SSH-2.0 nonsense\r\n\r\n")


def redirect(place: str) -> Script:
    return answer(b"", 302, headers={"Location": place})


DEEP = "[" * 50 + "]" * 50
VERY_DEEP = "[" * 90_000 + "]" * 90_000
SLOW = {"silent": silent, "dripping head": dripping_head, "dripping body": dripping_body}
REFUSING: dict[str, tuple[Script, type[SourceError]]] = {
    "endless body": (endless_body, SourceRefusedError),
    "declared gigabyte": (declared_gigabyte, SourceRefusedError),
    "endless head": (endless_head, SourceUnreachableError),
    "bomb": (bomb, SourceRefusedError),
    "cut off gzip": (cut_off_gzip, SourceUnreachableError),
    "unasked encoding": (unasked_encoding, SourceRefusedError),
    "half an answer": (half_an_answer, SourceUnreachableError),
    "no http": (no_http, SourceUnreachableError),
    "to a private address": (redirect("http://169.254.169.254/latest"), ForbiddenAddressError),
    "to another port": (redirect("http://127.0.0.1:1/"), ForbiddenAddressError),
    "to another host": (redirect("https://example.org/"), ForbiddenAddressError),
    "to a file": (redirect("file:///etc/passwd"), ForbiddenAddressError),
    "to itself": (redirect("?again"), SourceRefusedError),
    "to nowhere": (redirect(""), SourceRefusedError),
    "400": (answer("bad", 400), SourceRefusedError),
    "401": (answer("who", 401), SourceRefusedError),
    "404": (answer("gone", 404), SourceRefusedError),
    "429": (answer("later", 429), SourceUnreachableError),
    "500": (answer("oops", 500), SourceUnreachableError),
    "503": (answer("busy", 503), SourceUnreachableError),
    "204": (answer("", 204), SourceRefusedError),
    "empty": (answer(""), SchemaError),
    "spaces": (answer(" \r\n "), SchemaError),
    "html": (answer("<html><body>maintenance</body></html>"), SchemaError),
    "broken": (answer('{"a": [1, 2'), SchemaError),
    "not utf-8": (answer(b"\xff\xfe{}"), SchemaError),
    "nan": (answer('{"a": NaN}'), SchemaError),
    "infinity": (answer('{"a": -Infinity}'), SchemaError),
    "endless number": (answer("9" * 10_000), SchemaError),
    "deep": (answer(DEEP), SchemaError),
    "very deep": (answer(VERY_DEEP), SchemaError),
    "another layout": (answer('{"result": {"rows": [1, 2, 3]}}'), SchemaError),
    "a number": (answer("42"), SchemaError),
}


# --- The sources ----------------------------------------------------------------------------------

Make = Callable[[ScriptedServer, HttpClient, Path], tuple[Source, Feed, Interval, Script]]


def _open_meteo(
    server: ScriptedServer, client: HttpClient, _path: Path
) -> tuple[Source, Feed, Interval, Script]:
    places = {ZONE: Place(Decimal("48.14"), Decimal("11.58"))}
    source = OpenMeteoSource("weather", places, client, server.url("/data"))
    return source, Feed(FeedKind.TEMPERATURE, ZONE), QUARTER, answer_json(answers.open_meteo())


def _energy_charts(
    server: ScriptedServer, client: HttpClient, _path: Path
) -> tuple[Source, Feed, Interval, Script]:
    source = EnergyChartsSource("prices", {ZONE: "DE-LU"}, client, url=server.url("/data"))
    return source, Feed(FeedKind.MARKET_PRICE, ZONE), QUARTER, answer_json(answers.energy_charts())


def _entsoe(
    server: ScriptedServer, client: HttpClient, path: Path
) -> tuple[Source, Feed, Interval, Script]:
    token = path / "token"
    token.write_text("secret-token")
    source = EntsoeSource(
        "platform", {ZONE: "10Y1001A1001A82H"}, token, client, url=server.url("/data")
    )
    good = answer((DATA / "entsoe-a44.xml").read_text(), content_type="text/xml")
    evening = Interval(UnixSeconds(1_743_458_400), 900)
    return source, Feed(FeedKind.MARKET_PRICE, ZONE), evening, good


def _elexon(
    server: ScriptedServer, client: HttpClient, _path: Path
) -> tuple[Source, Feed, Interval, Script]:
    source = ElexonFrequencySource("mains", [ZONE], client, server.url("/data"))
    return source, Feed(FeedKind.FREQUENCY, ZONE), QUARTER, answer_json(answers.elexon())


def _simulation(
    server: ScriptedServer, client: HttpClient, _path: Path
) -> tuple[Source, Feed, Interval, Script]:
    source = SimulationSource("twin", server.url("/data"), client)
    return source, Feed(FeedKind.DEMAND, ZONE), QUARTER, answer_json(answers.state())


SOURCES: dict[str, Make] = {
    "open_meteo": _open_meteo,
    "energy_charts": _energy_charts,
    "entsoe": _entsoe,
    "elexon": _elexon,
    "simulation": _simulation,
}


@pytest.fixture(scope="module")
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer() as running:
        yield running


@pytest.fixture(scope="module")
def client(server: ScriptedServer) -> Iterator[HttpClient]:
    made = HttpClient(LIMITS, frozenset({server.host}))
    yield made
    made.close()


@pytest.fixture(scope="module")
def calm(server: ScriptedServer) -> Iterator[HttpClient]:
    """With time enough on a busy machine, for faults that have nothing to do with time."""
    made = HttpClient(
        replace(LIMITS, connect_seconds=5, read_seconds=5, total_seconds=5),
        frozenset({server.host}),
    )
    yield made
    made.close()


@contextlib.contextmanager
def within_bounds(seconds: float = TOTAL_SECONDS) -> Iterator[None]:
    """No more time than the time-out, no more memory than a few caps."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1_024
    began = time.monotonic()
    yield
    assert time.monotonic() - began < seconds + 2.0
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1_024
    assert after - before < MOST_MEMORY_BYTES


@pytest.mark.parametrize("name", SOURCES)
def test_sources__every_fault__typed_error_in_bounds_and_recovery(
    server: ScriptedServer, calm: HttpClient, tmp_path: Path, name: str
) -> None:
    source, feed, interval, good = SOURCES[name](server, calm, tmp_path)
    _bomb()
    for fault, (script, expected) in REFUSING.items():
        server.scripts["/data"] = script
        with within_bounds(5), pytest.raises(SourceError) as caught:
            source.observe(feed, interval)
        assert isinstance(caught.value, expected), (fault, caught.value)
        assert isinstance(caught.value, RetryableError | FatalError)
        assert "secret-token" not in str(caught.value), fault

    server.scripts["/data"] = good
    assert source.observe(feed, interval).source == source.name


@pytest.mark.parametrize("name", SOURCES)
@pytest.mark.parametrize("fault", SLOW)
def test_sources__slow_server__unreachable_in_time(
    server: ScriptedServer, client: HttpClient, tmp_path: Path, name: str, fault: str
) -> None:
    source, feed, interval, _ = SOURCES[name](server, client, tmp_path)
    server.scripts["/data"] = SLOW[fault]

    with within_bounds(), pytest.raises(SourceUnreachableError):
        source.observe(feed, interval)


def test_client__same_origin_redirect__followed(server: ScriptedServer, calm: HttpClient) -> None:
    server.scripts["/old"] = redirect("/new")
    server.scripts["/new"] = answer("[1.10]")

    assert calm.get_json(server.url("/old")) == [Decimal("1.10")]


def test_client__one_failure__repeated_once(server: ScriptedServer) -> None:
    calls = []

    def flaky(connection: socket.socket, request: Request) -> None:
        calls.append(request.path)
        answer("{}", 503 if len(calls) == 1 else 200)(connection, request)

    server.scripts["/flaky"] = flaky
    limits = HttpLimits(total_seconds=5, repeats=1, first_pause_seconds=0.01)
    patient = HttpClient(limits, frozenset({server.host}))

    assert patient.get_json(server.url("/flaky")) == {}
    assert len(calls) == 2
    patient.close()


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/",
        "http://localhost/",
        "http://127.1/",
        "http://2130706433/",
        "http://0x7f000001/",
        "http://0.0.0.0/",
        "http://[::1]/",
        "http://[::ffff:127.0.0.1]/",
        "http://[::ffff:10.0.0.1]/",
        "http://[64:ff9b::7f00:1]/",
        "http://[fe80::1]/",
        "http://10.0.0.1/",
        "http://172.16.0.1/",
        "http://192.168.1.1/",
        "http://100.64.0.1/",
        "http://169.254.169.254/",
        "http://224.0.0.1/",
        "ftp://example.org/",
        "file:///etc/passwd",
        "gopher://example.org/",
        "http://user:password@example.org/",
        "http:///",
    ],
)
def test_client__forbidden_address__refused(client: HttpClient, url: str) -> None:
    with pytest.raises((ForbiddenAddressError, SourceUnreachableError)) as caught:
        client.get(url)
    assert "password@" not in str(caught.value)


def test_client__loopback_not_allowed__refused_without_a_request(server: ScriptedServer) -> None:
    strict = HttpClient(LIMITS)
    before = len(server.requests)

    with pytest.raises(ForbiddenAddressError, match="not public"):
        strict.get(server.url("/data"))

    assert len(server.requests) == before
    strict.close()


@pytest.mark.parametrize(
    ("address", "expected"),
    [("8.8.8.8", True), ("2606:4700::1111", True), ("2002:7f00:1::", False), ("240.0.0.1", False)],
)
def test_is_public__address__judged(address: str, expected: bool) -> None:
    assert is_public(address) is expected


def test_resting__failing_source__left_alone_and_tried_again(
    server: ScriptedServer, calm: HttpClient, tmp_path: Path
) -> None:
    now = [0.0]
    inner, feed, interval, good = _simulation(server, calm, tmp_path)
    source = RestingSource(inner, clock=lambda: now[0])
    server.scripts["/data"] = answer("busy", 503)
    before = len(server.requests)

    for at in (0.0, 0.5, 1.1, 2.0, 3.2):
        now[0] = at
        with pytest.raises(SourceUnreachableError):
            source.observe(feed, interval)

    assert len(server.requests) - before == 3, "at 0, 1.1 and 3.2 s"
    server.scripts["/data"] = good
    now[0] = 8.0
    assert source.observe(feed, interval).value == 48_210


def test_answers__huge_exponent__refused(server: ScriptedServer, calm: HttpClient) -> None:
    document: Any = json.dumps(answers.elexon()).replace("49.987", "1e999999999")
    server.scripts["/data"] = answer(document)
    source = ElexonFrequencySource("mains", [ZONE], calm, server.url("/data"))

    with within_bounds(5), pytest.raises(SourceError, match="absurdly large"):
        source.observe(Feed(FeedKind.FREQUENCY, ZONE), QUARTER)

"""Readers: serial device (a pseudo terminal), TCP adapter, recorded file."""

from __future__ import annotations

import asyncio
import os
import pty
from collections.abc import Callable
from pathlib import Path

import pytest

from meter_bridge.readers import stream
from meter_bridge.readers.base import Arrival, Reader
from meter_bridge.readers.file import FileReader
from meter_bridge.readers.stream import SerialReader, TcpReader
from meter_bridge.telegrams.dialects import DIALECTS
from meter_bridge.telegrams.framing import PlainFramer
from tests.offchain.bridge.telegrams import P1

TELEGRAMS = [P1(unix=1_700_000_100 + n, import_wh=(n, n)).build() for n in range(6)]


class Sink:
    def __init__(self) -> None:
        self.raw: list[bytes] = []

    async def __call__(self, arrival: Arrival) -> None:
        self.raw.append(arrival.frame.raw)

    async def wait_for(self, count: int) -> None:
        for _ in range(500):
            if len(self.raw) >= count:
                return
            await asyncio.sleep(0.02)
        raise AssertionError(f"expected {count} telegrams, found {len(self.raw)}")


async def reading(reader: Reader, sink: Sink, scenario: Callable[[], object]) -> None:
    """Run a scenario while the reader reads."""
    task = asyncio.ensure_future(reader.run(sink))
    try:
        await scenario()  # type: ignore[misc]
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.mark.parametrize("dialect", ["dsmr5", "dsmr4"])
def test_serial__pseudo_terminal__telegrams_read(dialect: str) -> None:
    ours, theirs = pty.openpty()
    path = Path(os.ttyname(theirs))
    sink = Sink()
    reader = SerialReader(1, PlainFramer(), path, DIALECTS[dialect].line)

    async def scenario() -> None:
        for _ in range(100):
            if reader.is_connected:
                break
            await asyncio.sleep(0.02)
        for telegram in TELEGRAMS[:3]:
            await asyncio.to_thread(os.write, ours, telegram)
        await sink.wait_for(3)

    asyncio.run(reading(reader, sink, scenario))

    assert sink.raw == TELEGRAMS[:3]
    os.close(ours)
    os.close(theirs)


def test_serial__device_missing__tried_again_until_there(tmp_path: Path) -> None:
    path = tmp_path / "ttyP1"
    sink = Sink()
    reader = SerialReader(1, PlainFramer(), path, DIALECTS["dsmr5"].line)
    ours, theirs = pty.openpty()

    async def scenario() -> None:
        await asyncio.sleep(0.3)
        assert not reader.is_connected
        path.symlink_to(os.ttyname(theirs))
        while not reader.is_connected:
            await asyncio.sleep(0.02)
        os.write(ours, TELEGRAMS[0])
        await sink.wait_for(1)

    asyncio.run(reading(reader, sink, scenario))

    assert sink.raw == TELEGRAMS[:1]
    os.close(ours)
    os.close(theirs)


def test_tcp__adapter_closes_and_returns__read_on(unused_port: int) -> None:
    sink = Sink()
    reader = TcpReader(1, PlainFramer(), "127.0.0.1", unused_port)
    served = 0

    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal served
        served += 1
        writer.write(TELEGRAMS[served - 1] + TELEGRAMS[served][:100])
        await writer.drain()
        writer.close()

    async def scenario() -> None:
        await asyncio.sleep(0.1)  # not there yet
        server = await asyncio.start_server(serve, "127.0.0.1", unused_port)
        async with server:
            await sink.wait_for(3)

    asyncio.run(reading(reader, sink, scenario))

    assert sink.raw[:3] == TELEGRAMS[:3]
    assert reader.framers[1].counters.truncated >= 2


def test_tcp__silent_adapter__opened_anew(
    unused_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "SILENCE_SECONDS", 0.1)
    connections = 0

    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await asyncio.sleep(30)

    async def scenario() -> None:
        server = await asyncio.start_server(serve, "127.0.0.1", unused_port)
        for _ in range(200):
            if connections >= 2:
                break
            await asyncio.sleep(0.02)
        server.close()

    asyncio.run(reading(TcpReader(1, PlainFramer(), "127.0.0.1", unused_port), Sink(), scenario))

    assert connections >= 2


def test_file__read_once__all_telegrams_then_the_end(tmp_path: Path) -> None:
    path = tmp_path / "log.txt"
    path.write_bytes(b"garbage" + b"".join(TELEGRAMS))
    sink = Sink()

    asyncio.run(FileReader(1, PlainFramer(), path, follow=False).run(sink))

    assert sink.raw == TELEGRAMS


def test_file__followed__new_telegrams_and_a_new_file(tmp_path: Path) -> None:
    path = tmp_path / "log.txt"
    sink = Sink()

    async def scenario() -> None:
        await asyncio.sleep(0.1)  # not there yet
        path.write_bytes(TELEGRAMS[0])
        await sink.wait_for(1)
        with path.open("ab") as file:
            file.write(TELEGRAMS[1])
        await sink.wait_for(2)
        path.rename(tmp_path / "log.1")
        path.write_bytes(TELEGRAMS[2])
        await sink.wait_for(3)

    asyncio.run(reading(FileReader(1, PlainFramer(), path, follow=True), sink, scenario))

    assert sink.raw == TELEGRAMS[:3]


@pytest.fixture
def unused_port() -> int:
    from tests.utils.anvil import free_port

    return free_port()

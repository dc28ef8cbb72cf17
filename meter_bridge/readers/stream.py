"""Readers of byte streams: TCP adapters and serial ports."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Final

import structlog

from meter_bridge.readers.base import Arrival, Retry, Sink
from meter_bridge.telegrams.dialects import SerialLine
from meter_bridge.telegrams.framing import Framer

_log = structlog.get_logger(__name__)

CHUNK_BYTES: Final = 4_096
CONNECT_SECONDS: Final = 10.0
SILENCE_SECONDS: Final = 60.0
"""P1 ports speak at least every 10 s: a line silent this long is opened anew."""


class StreamReader(ABC):
    """Opens a stream again and again and cuts it into telegrams."""

    def __init__(self, meter_id: int, framer: Framer, name: str) -> None:
        self.meter_id = meter_id
        self.name = name
        self._framer = framer
        self._is_connected = False

    @property
    def framers(self) -> dict[int, Framer]:
        """The framer of the one meter."""
        return {self.meter_id: self._framer}

    @property
    def is_connected(self) -> bool:
        """Whether the stream is open."""
        return self._is_connected

    async def run(self, sink: Sink) -> None:
        """Read for ever; a source that is away is tried again."""
        retry = Retry()
        while True:
            try:
                await self._read(sink, retry)
                reason = "closed by the other side"
            except TimeoutError:
                reason = f"silent for {SILENCE_SECONDS:g} s"
            except OSError as error:
                reason = str(error)
            if self._is_connected:
                _log.warning("source lost", source=self.name, reason=reason)
            self._is_connected = False
            await retry.pause()

    async def _read(self, sink: Sink, retry: Retry) -> None:
        reader, close = await self._open()
        self._is_connected = True
        _log.info("source open", source=self.name, meter_id=self.meter_id)
        try:
            while chunk := await _next_chunk(reader):
                retry.succeeded()
                for frame in self._framer.feed(chunk):
                    await sink(Arrival(self.meter_id, frame))
        finally:
            close()

    @abstractmethod
    async def _open(self) -> tuple[asyncio.StreamReader, Callable[[], None]]:
        """Open the stream; the second value closes it, and keeps it open while it is held.

        Raises:
            OSError: it is away.
        """


async def _next_chunk(reader: asyncio.StreamReader) -> bytes:
    # Not `wait_for`, which in Python 3.11 can swallow a cancellation that comes with the answer.
    async with asyncio.timeout(SILENCE_SECONDS):
        return await reader.read(CHUNK_BYTES)


class TcpReader(StreamReader):
    """A serial port behind a TCP adapter (ser2net, P1 adapters)."""

    def __init__(self, meter_id: int, framer: Framer, host: str, port: int) -> None:
        super().__init__(meter_id, framer, f"tcp://{host}:{port}")
        self._host = host
        self._port = port

    async def _open(self) -> tuple[asyncio.StreamReader, Callable[[], None]]:
        async with asyncio.timeout(CONNECT_SECONDS):
            reader, writer = await asyncio.open_connection(self._host, self._port)
        return reader, writer.close


class SerialReader(StreamReader):
    """A serial device, or a pseudo terminal that stands for one."""

    def __init__(self, meter_id: int, framer: Framer, path: Path, line: SerialLine) -> None:
        super().__init__(meter_id, framer, f"serial://{path}")
        self._path = path
        self._line = line

    async def _open(self) -> tuple[asyncio.StreamReader, Callable[[], None]]:
        from serial import Serial, SerialException

        try:
            port = Serial(
                str(self._path),
                baudrate=self._line.baud_rate,
                bytesize=self._line.data_bits,
                parity=self._line.parity,
                timeout=0,
                exclusive=True,
            )
        except (SerialException, ValueError) as error:
            raise OSError(str(error)) from error
        reader = asyncio.StreamReader(limit=4 * CHUNK_BYTES)
        # pyserial has set speed and parity; from here asyncio reads the descriptor itself.
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), port
        )
        return reader, transport.close

"""Recorded telegrams: a file read once, or followed as it grows.

A restart reads it from the beginning: what is stored already is recognised and costs nothing.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import BinaryIO, Final

import structlog

from meter_bridge.readers.base import Arrival, Retry, Sink
from meter_bridge.telegrams.framing import Framer

_log = structlog.get_logger(__name__)

CHUNK_BYTES: Final = 65_536
POLL_SECONDS: Final = 0.5


class FileReader:
    """Reads one meter's log."""

    def __init__(self, meter_id: int, framer: Framer, path: Path, *, follow: bool) -> None:
        self.meter_id = meter_id
        self._framer = framer
        self._path = path
        self._follow = follow
        self._is_connected = False

    @property
    def name(self) -> str:
        """The file."""
        return f"file://{self._path}"

    @property
    def framers(self) -> dict[int, Framer]:
        """The framer of the one meter."""
        return {self.meter_id: self._framer}

    @property
    def is_connected(self) -> bool:
        """Whether the file is open."""
        return self._is_connected

    async def run(self, sink: Sink) -> None:
        """Read to the end; then stop, or wait for more."""
        retry = Retry()
        while True:
            try:
                with self._path.open("rb") as file:
                    self._is_connected = True
                    retry.succeeded()
                    await self._read(file, sink)
                self._is_connected = False
                if not self._follow:
                    return
            except OSError as error:
                self._is_connected = False
                _log.warning("source lost", source=str(self._path), reason=error.strerror)
                await retry.pause()

    async def _read(self, file: BinaryIO, sink: Sink) -> None:
        """Read to the end, and beyond while following the same file."""
        while True:
            while chunk := file.read(CHUNK_BYTES):
                for frame in self._framer.feed(chunk):
                    await sink(Arrival(self.meter_id, frame))
            if not self._follow:
                return
            await asyncio.sleep(POLL_SECONDS)
            if self._was_replaced(file):
                _log.info("log file replaced", source=str(self._path))
                return

    def _was_replaced(self, file: BinaryIO) -> bool:
        """Whether the path leads to another file now, or this one was cut."""
        import os

        here, there = os.fstat(file.fileno()), self._path.stat()
        return (here.st_dev, here.st_ino) != (there.st_dev, there.st_ino) or (
            there.st_size < file.tell()
        )

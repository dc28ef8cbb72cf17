"""A SunSpec device on loopback: a pymodbus server whose registers the test writes word by word."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from typing import Any

from pymodbus.constants import ExcCodes
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from tests.utils.anvil import free_port

MAP_WORDS = 400


def words(value: int, count: int) -> list[int]:
    """An integer as big-endian words, two's complement."""
    return [(value >> 16 * (count - 1 - n)) & 0xFFFF for n in range(count)]


def text(value: str, count: int) -> list[int]:
    raw = value.encode().ljust(2 * count, b"\0")
    return [int.from_bytes(raw[n : n + 2], "big") for n in range(0, 2 * count, 2)]


def common(serial: str = "SN-0001") -> list[int]:
    """Model 1, with offsets as the SunSpec information model prints them."""
    return [
        *(1, 66),
        *text("Maker", 16),
        *text("Sun 5000", 16),
        *text("", 8),
        *text("1.0", 8),
        *text(serial, 16),
        *(1, 0x8000),
    ]


def model_103(
    wh: int,
    *,
    scale: int = 0,
    volts: int = 2301,
    volts_scale: int = -1,
    hertz: int = 5001,
    hertz_scale: int = -2,
    number: int = 103,
) -> list[int]:
    """An inverter: WH at 24, its scale factor at 26, PhVphA at 10, V_SF at 13, Hz at 16."""
    body = [0xFFFF] * 52
    body[:2] = [number, 50]
    body[10], body[13] = words(volts, 1)[0], words(volts_scale, 1)[0]
    body[16], body[17] = words(hertz, 1)[0], words(hertz_scale, 1)[0]
    body[24:26], body[26] = words(wh, 2), words(scale, 1)[0]
    return body


def model_203(export: int, taken: int, *, scale: int = 0, number: int = 203) -> list[int]:
    """A meter: TotWhExp at 38, TotWhImp at 46, their scale at 54, PhVphA at 8, Hz at 16."""
    body = [0x8000] * 107
    body[:2] = [number, 105]
    body[8], body[15] = 2305, words(-1, 1)[0]
    body[16], body[17] = 4999, words(-2, 1)[0]
    body[38:40], body[46:48], body[54] = words(export, 2), words(taken, 2), words(scale, 1)[0]
    return body


def model_701(injected: int, absorbed: int, *, scale: int = 0) -> list[int]:
    """DER AC measurement: TotWhInj at 19, TotWhAbs at 23, scale at 120, LNV at 16, Hz at 17."""
    body = [0xFFFF] * 155
    body[:2] = [701, 153]
    body[16], body[114] = 2290, words(-1, 1)[0]
    body[17:19], body[115] = words(50_020, 2), words(-3, 1)[0]
    body[19:23], body[23:27], body[120] = words(injected, 4), words(absorbed, 4), scale
    return body


def model_123(scale: int = -1, length: int = 24) -> list[int]:
    """Immediate controls: WMaxLimPct at 5, revert time at 7, enabled at 9, scale factor at 23."""
    body = [0] * 26
    body[:2] = [123, length]
    body[5] = 1_000
    body[23] = words(scale, 1)[0]
    return body[: length + 2]


class Inverter:
    """Serves one map until closed."""

    def __init__(self, *models: Sequence[int], base: int = 40_000, unit: int = 1) -> None:
        self.port = free_port()
        self.base = base
        self.unit = unit
        self.requests = 0
        self.refuses = False
        self.refuses_writes = False
        self.ignores_writes = False
        self.written: list[tuple[int, list[int]]] = []
        self._map: list[int] = []
        self.write(*models)
        self._loop = asyncio.new_event_loop()
        self._server: ModbusTcpServer | None = None
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.start()

    @property
    def url(self) -> str:
        return f"sunspec://127.0.0.1:{self.port}/{self.unit}"

    def write(self, *models: Sequence[int]) -> None:
        """Replace the whole map at once."""
        flat = [word for model in models for word in model]
        self._map = [0x5375, 0x6E53, *flat, 0xFFFF, 0, *([0] * MAP_WORDS)][:MAP_WORDS]

    def words_at(self, place: int, count: int) -> list[int]:
        """Words of the map, counted from its beginning."""
        return self._map[place : place + count]

    def start(self) -> None:
        self._call(self._start())

    def stop(self) -> None:
        """The device goes away, its connections with it."""
        self._call(self._stop())

    def close(self) -> None:
        self.stop()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)

    async def _start(self) -> None:
        async def action(
            _function: int, first: int, address: int, _count: int, current: list[int], new: Any
        ) -> ExcCodes | None:
            self.requests += 1
            if new and (self.refuses or self.refuses_writes):
                return ExcCodes.ILLEGAL_ADDRESS
            if new and not self.ignores_writes:
                place = address - first
                self._map[place : place + len(new)] = list(new)
                self.written.append((place, list(new)))
            current[:MAP_WORDS] = self._map
            return ExcCodes.DEVICE_BUSY if self.refuses else None

        block = SimData(self.base, values=[0] * MAP_WORDS, datatype=DataType.REGISTERS)
        device = SimDevice(self.unit, simdata=[block], action=action)
        self._server = ModbusTcpServer(device, address=("127.0.0.1", self.port))
        await self._server.serve_forever(background=True)

    async def _stop(self) -> None:
        if self._server is not None:
            await self._server.shutdown()
            self._server = None

    def _call(self, work: Any) -> None:
        future: Future[None] = asyncio.run_coroutine_threadsafe(work, self._loop)
        future.result(10)

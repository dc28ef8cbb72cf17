"""SunSpec inverters and meters over Modbus TCP.

Modbus gives no time: a reading's time is ours when the answer comes, and an answer that took so
long, or during which the clock jumped so far, that it could belong to another second is not used.
Around each quarter-hour boundary the device is asked every second; between them now and then, to
know whether it is there.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import structlog

from energy_grid.errors import RetryableError
from energy_grid.units import SLOT_SECONDS
from meter_bridge.clock import Clock
from meter_bridge.errors import SourceError
from meter_bridge.readers.base import Arrival, Retry, Sink
from meter_bridge.snapshots import BOUNDARY_TOLERANCE_SECONDS
from meter_bridge.sunspec.decoding import frame_of
from meter_bridge.sunspec.models import (
    COMMON,
    HEADER_WORDS,
    LAYOUTS,
    MAX_READ_WORDS,
    WORD_BYTES,
    words_needed,
)
from meter_bridge.telegrams.framing import Framer

if TYPE_CHECKING:
    from pymodbus.client import AsyncModbusTcpClient

_log = structlog.get_logger(__name__)

BASES: Final = (40_000, 50_000, 0)
"""Where a device may keep its map, in the order SunSpec names."""
MARKER: Final = b"SunS"
END_MODEL: Final = 0xFFFF
MAX_MODELS: Final = 64
ANSWER_SECONDS: Final = 3.0
LONGEST_ANSWER_SECONDS: Final = 2
"""Between asking and answer, by the clock that dates the reading."""
TICK_SECONDS: Final = 1.0
CHAIN_TICK_SECONDS: Final = 0.2
IDLE_SECONDS: Final = 30.0


class SharedClock:
    """A clock for many readers in one loop: asked in a thread, and for all of them at once."""

    def __init__(self, clock: Clock, keep_seconds: float = 0.1) -> None:
        self._clock = clock
        self._keep_seconds = keep_seconds
        self._lock = asyncio.Lock()
        self._asked_at = float("-inf")
        self._now = 0

    async def now(self) -> int:
        """Current time.

        Raises:
            RetryableError: the source of time is away.
        """
        async with self._lock:
            if time.monotonic() - self._asked_at >= self._keep_seconds:
                self._now = await asyncio.to_thread(lambda: int(self._clock.now(fresh=True)))
                self._asked_at = time.monotonic()
            return self._now


@dataclass(frozen=True, slots=True)
class Device:
    """Where a device keeps what a reading needs.

    Args:
        common: words of its common model, as read when it was found.
        model: number of its measuring model.
        address: register of that model's id.
        length: its length as the device says it.
    """

    common: bytes
    model: int
    address: int
    length: int


class SunSpecReader:
    """Reads one device.

    Args:
        meter_id: meter it stands for.
        host: where it listens.
        port: its Modbus port.
        unit: its unit number.
        clock: dates the readings.
        model: measuring model to use; 0 takes the first that can be read.
        tick_seconds: how often the clock is looked at.
    """

    def __init__(
        self,
        meter_id: int,
        host: str,
        port: int,
        unit: int,
        clock: SharedClock,
        *,
        model: int = 0,
        tick_seconds: float = TICK_SECONDS,
    ) -> None:
        self.meter_id = meter_id
        self.name = f"sunspec://{host}:{port}/{unit}"
        self._host = host
        self._port = port
        self._unit = unit
        self._clock = clock
        self._model = model
        self._tick_seconds = tick_seconds
        self._is_connected = False

    @property
    def framers(self) -> dict[int, Framer]:
        """Modbus frames itself: there is nothing to cut."""
        return {}

    @property
    def is_connected(self) -> bool:
        """Whether the device was found and answers."""
        return self._is_connected

    async def run(self, sink: Sink) -> None:
        """Ask for ever; a device that is away is tried again."""
        retry = Retry()
        while True:
            try:
                await self._session(sink, retry)
            except (OSError, RetryableError) as error:
                _log.warning(
                    "source lost", source=self.name, meter_id=self.meter_id, reason=str(error)
                )
            self._is_connected = False
            await retry.pause()

    async def probe(self) -> tuple[Device, Arrival]:
        """Find the device and ask it once.

        Raises:
            SourceError: it is away, or has no model that can be read.
        """
        client = await self._connect()
        try:
            device = await self._find(client)
            now = await self._clock.now()
            return device, Arrival(
                self.meter_id, frame_of(now, device.common, await self._measured(client, device))
            )
        finally:
            client.close()

    async def _session(self, sink: Sink, retry: Retry) -> None:
        client = await self._connect()
        try:
            device = await self._find(client)
            self._is_connected = True
            _log.info("source open", source=self.name, meter_id=self.meter_id, model=device.model)
            asked_for = -1
            asked_at = float("-inf")
            while True:
                now = await self._clock.now()
                is_due = _is_near_boundary(now) and now != asked_for
                if is_due or time.monotonic() - asked_at >= IDLE_SECONDS:
                    measured = await self._measured(client, device)
                    after = await self._clock.now()
                    asked_at = time.monotonic()
                    retry.succeeded()
                    if 0 <= after - now <= LONGEST_ANSWER_SECONDS:
                        asked_for = after
                        await sink(Arrival(self.meter_id, frame_of(after, device.common, measured)))
                await asyncio.sleep(self._tick_seconds)
        finally:
            client.close()

    async def _connect(self) -> AsyncModbusTcpClient:
        from pymodbus.client import AsyncModbusTcpClient

        client = AsyncModbusTcpClient(
            self._host, port=self._port, timeout=ANSWER_SECONDS, retries=0, reconnect_delay=0
        )
        if not await client.connect():
            client.close()
            raise SourceError("device does not take a connection", found=self.name)
        return client

    async def _find(self, client: AsyncModbusTcpClient) -> Device:
        """Walk through the device's models to the one that measures.

        Raises:
            SourceError: no map, or no such model in it.
        """
        base = await self._base(client)
        address = base + HEADER_WORDS
        common = b""
        found: list[int] = []
        for _ in range(MAX_MODELS):
            header = await self._words(client, address, HEADER_WORDS)
            model, length = _integer(header, 0), _integer(header, 1)
            if model == END_MODEL:
                break
            found.append(model)
            if model == COMMON:
                common = await self._words(client, address, min(length + 2, MAX_READ_WORDS))
            elif self._is_wanted(model) and common:
                if length + HEADER_WORDS < words_needed(model):
                    raise SourceError(
                        f"model {model} is cut short",
                        expected=f"at least {words_needed(model) - HEADER_WORDS} words",
                        found=f"{length} words",
                    )
                return Device(common, model, address, length)
            address += length + HEADER_WORDS
        wanted = [self._model] if self._model else list(LAYOUTS)
        raise SourceError(
            f"{self.name} has no model that can be read",
            expected=f"model {COMMON} and then one of {', '.join(map(str, wanted))}",
            found=", ".join(map(str, found)) or "none",
            remedy="Choose the device's integer models, or another unit number",
        )

    def _is_wanted(self, model: int) -> bool:
        return model in LAYOUTS and self._model in (0, model)

    async def _base(self, client: AsyncModbusTcpClient) -> int:
        for base in BASES:
            answer = await self._ask(client, base, HEADER_WORDS)
            if answer == MARKER:
                return base
        raise SourceError(
            f"{self.name} is no SunSpec device",
            expected=f"SunS at register {', '.join(map(str, BASES))}",
            remedy="Switch SunSpec on in the device, and check the unit number",
        )

    async def _measured(self, client: AsyncModbusTcpClient, device: Device) -> bytes:
        """The measuring model in one answer, so that values and scale factors belong together."""
        words = min(device.length + HEADER_WORDS, MAX_READ_WORDS)
        measured = await self._words(client, device.address, words)
        if (_integer(measured, 0), _integer(measured, 1)) != (device.model, device.length):
            raise SourceError(
                f"{self.name} has changed its map",
                expected=f"model {device.model} with {device.length} words at {device.address}",
                found=f"model {_integer(measured, 0)} with {_integer(measured, 1)} words",
            )
        return measured

    async def _words(self, client: AsyncModbusTcpClient, address: int, count: int) -> bytes:
        answer = await self._ask(client, address, count)
        if answer is None:
            raise SourceError(f"{self.name} refuses registers", found=f"{count} words at {address}")
        return answer

    async def _ask(self, client: AsyncModbusTcpClient, address: int, count: int) -> bytes | None:
        """Registers as bytes, None if the device says that it has none there."""
        from pymodbus.exceptions import ModbusException

        try:
            answer = await client.read_holding_registers(address, count=count, device_id=self._unit)
        except ModbusException as error:
            raise SourceError("device does not answer", found=str(error)) from error
        if answer.isError():
            return None
        data = b"".join(word.to_bytes(WORD_BYTES, "big") for word in answer.registers)
        if len(data) != count * WORD_BYTES:
            raise SourceError(
                "device answers with another number of registers",
                expected=count,
                found=len(answer.registers),
            )
        return data


def _integer(data: bytes, word: int) -> int:
    return int.from_bytes(data[word * WORD_BYTES : (word + 1) * WORD_BYTES], "big")


def _is_near_boundary(now: int) -> bool:
    since = now % SLOT_SECONDS
    return min(since, SLOT_SECONDS - since) <= BOUNDARY_TOLERANCE_SECONDS

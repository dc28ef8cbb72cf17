"""Limits of feed-in written to SunSpec inverters: model 123, immediate controls.

The inverter gets the limit together with a time after which it returns to full power by itself
(`WMaxLimPct_RvrtTms`), so a bridge that is away cannot hold it. What was written is read back.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from meter_bridge.commands.orders import Answer, Order
from meter_bridge.errors import SourceError
from meter_bridge.readers.sunspec import ANSWER_SECONDS, BASES, END_MODEL, MARKER, MAX_MODELS
from meter_bridge.sunspec.models import HEADER_WORDS

if TYPE_CHECKING:
    from pymodbus.client import AsyncModbusTcpClient

CONTROLS: Final = 123
CONTROLS_WORDS: Final = 24
# Places counted from the model's id.
LIMIT: Final = 5
"""`WMaxLimPct`, then the random delay before it counts and the time until it ends, s."""
ENABLE: Final = 9
SCALE: Final = 23
MAX_REVERT_SECONDS: Final = 65_534
_HIGHEST_SCALE: Final = 0
_LOWEST_SCALE: Final = -3


def limit_steps(limit_w: int, rated_w: int, scale: int) -> int:
    """A limit in steps of `10^scale` percent of the rated power, rounded down: never above it."""
    whole: int = 100 * 10**-scale
    return min(max(limit_w, 0) * whole // rated_w, whole)


@dataclass(frozen=True, slots=True)
class _Controls:
    address: int
    scale: int


class SunSpecOrders:
    """One inverter.

    Args:
        host: where it listens.
        port: its Modbus port.
        unit: its unit number.
        rated_w: power that stands for 100 %.
    """

    def __init__(self, host: str, port: int, unit: int, rated_w: int) -> None:
        self.name = f"sunspec://{host}:{port}/{unit}"
        self._host = host
        self._port = port
        self._unit = unit
        self._rated_w = rated_w

    async def send(self, order: Order, now: int) -> Answer | None:
        """Write an order and say what became of it.

        Raises:
            SourceError: the inverter is away.
        """
        if not order.is_free and order.export_limit_w is None:
            return Answer(
                order.resource, order.order_id, False, "an inverter takes limits of feed-in only"
            )
        seconds = order.expires_at - now
        if seconds <= 0 and not order.is_free:
            return Answer(order.resource, order.order_id, False, "came too late")
        client = await self._connect()
        try:
            controls = await self._find(client)
            if order.is_free or order.export_limit_w is None:
                await self._write(client, controls.address + ENABLE, [0])
                expected = [0]
            else:
                steps = limit_steps(order.export_limit_w, self._rated_w, controls.scale)
                expected = [steps, 0, min(seconds, MAX_REVERT_SECONDS)]
                await self._write(client, controls.address + LIMIT, expected)
                await self._write(client, controls.address + ENABLE, [1])
            return await self._confirmed(client, controls, order, expected)
        except _RefusedError as error:
            return Answer(order.resource, order.order_id, False, str(error))
        finally:
            client.close()

    def close(self) -> None:
        """Nothing is kept open."""

    async def _confirmed(
        self, client: AsyncModbusTcpClient, controls: _Controls, order: Order, expected: list[int]
    ) -> Answer:
        block = await self._read(client, controls.address, CONTROLS_WORDS + HEADER_WORDS)
        limited = [block[LIMIT]] == expected[:1] and block[ENABLE] == 1
        is_done = block[ENABLE] == 0 if order.is_free else limited
        reason = "" if is_done else f"shows {block[LIMIT]} steps, enabled {block[ENABLE]}"
        return Answer(order.resource, order.order_id, is_done, reason)

    async def _connect(self) -> AsyncModbusTcpClient:
        from pymodbus.client import AsyncModbusTcpClient

        client = AsyncModbusTcpClient(
            self._host, port=self._port, timeout=ANSWER_SECONDS, retries=0, reconnect_delay=0
        )
        if not await client.connect():
            client.close()
            raise SourceError("device does not take a connection", found=self.name)
        return client

    async def _find(self, client: AsyncModbusTcpClient) -> _Controls:
        for base in BASES:
            try:
                header = await self._read(client, base, HEADER_WORDS)
            except _RefusedError:
                continue
            if b"".join(word.to_bytes(2, "big") for word in header) == MARKER:
                break
        else:
            raise _RefusedError("is no SunSpec device")
        address = base + HEADER_WORDS
        for _ in range(MAX_MODELS):
            model, length = await self._read(client, address, HEADER_WORDS)
            if model == END_MODEL:
                break
            if model == CONTROLS and length >= CONTROLS_WORDS:
                raw = (await self._read(client, address + SCALE, 1))[0]
                scale = raw - 0x1_0000 if raw >= 0x8000 else raw
                if not _LOWEST_SCALE <= scale <= _HIGHEST_SCALE:
                    raise _RefusedError(f"scale factor {scale} of its limit cannot be used")
                return _Controls(address, scale)
            address += length + HEADER_WORDS
        raise _RefusedError(f"has no model {CONTROLS} (immediate controls)")

    async def _read(self, client: AsyncModbusTcpClient, address: int, count: int) -> list[int]:
        from pymodbus.exceptions import ModbusException

        try:
            answer = await client.read_holding_registers(address, count=count, device_id=self._unit)
        except ModbusException as error:
            raise SourceError("device does not answer", found=str(error)) from error
        if answer.isError() or len(answer.registers) != count:
            raise _RefusedError(f"refuses to show {count} words at {address}")
        return list(answer.registers)

    async def _write(self, client: AsyncModbusTcpClient, address: int, words: list[int]) -> None:
        from pymodbus.exceptions import ModbusException

        try:
            answer = await client.write_registers(address, words, device_id=self._unit)
        except ModbusException as error:
            raise SourceError("device does not answer", found=str(error)) from error
        if answer.isError():
            raise _RefusedError(f"refuses to write {len(words)} words at {address}")


class _RefusedError(Exception):
    """The device is there and does not do it."""

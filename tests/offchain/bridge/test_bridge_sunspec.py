"""SunSpec devices over a real Modbus TCP server on loopback.

- decoding: models 101 to 103, 201 to 204, 701; scale factors; values not implemented; short models
- finding: bases, unit, chosen model, no SunSpec, no readable model, floats only
- reading: near boundaries only, dated by the clock; a jump of the clock; connection lost and back;
  map changed; device refuses
- engine: energy to readings, scale factor changed, register back, register rolls over, other serial
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from energy_grid.units import UnixSeconds, Wh
from meter_bridge.config import Source, SourceKind
from meter_bridge.errors import SourceError, TelegramRejected
from meter_bridge.readers.base import Arrival
from meter_bridge.readers.sunspec import SharedClock, SunSpecReader
from meter_bridge.registry import LatestReading
from meter_bridge.snapshots import Registers
from meter_bridge.sunspec.decoding import SunSpecDecoder, frame_of
from meter_bridge.sunspec.models import Block, width_of
from meter_bridge.telegrams.telegram import Telegram
from tests.offchain.bridge.engine_bench import DAY, EXPORT_WH, Bench, TestClock
from tests.offchain.bridge.inverter import Inverter, common, model_103, model_203, model_701


@pytest.fixture
def inverter() -> Iterator[Inverter]:
    found = Inverter(common(), model_103(123_456))
    yield found
    found.close()


def raw(values: list[int]) -> bytes:
    return b"".join(word.to_bytes(2, "big") for word in values)


def decoded(model: list[int], at: int = DAY, serial: str = "SN-0001") -> Telegram:
    return SunSpecDecoder().read(frame_of(at, raw(common(serial)), raw(model)))


def cause(model: list[int]) -> str:
    with pytest.raises(TelegramRejected) as caught:
        decoded(model)
    return caught.value.cause


def reader_of(inverter: Inverter, clock: TestClock, model: int = 0) -> SunSpecReader:
    return SunSpecReader(
        1,
        "127.0.0.1",
        inverter.port,
        inverter.unit,
        SharedClock(clock, keep_seconds=0),
        model=model,
        tick_seconds=0.01,
    )


def find(inverter: Inverter, model: int = 0) -> tuple[int, Telegram]:
    async def scenario() -> tuple[int, Telegram]:
        device, arrival = await reader_of(inverter, TestClock(DAY), model).probe()
        return device.model, SunSpecDecoder().read(arrival.frame)

    return asyncio.run(scenario())


def with_server(inverter: Inverter, work: Callable[[Inverter], None]) -> None:
    try:
        work(inverter)
    finally:
        inverter.close()


# --- Decoding -------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [101, 102, 103])
def test_decode__inverter__export_voltage_frequency_serial(number: int) -> None:
    found = decoded(model_103(123_456, number=number), at=DAY + 3)

    assert (found.export_wh, found.import_wh) == (123_456, 0)
    assert (found.voltage_millivolts, found.frequency_millihz) == (230_100, 50_010)
    assert found.equipment == "SN-0001"
    assert found.measured_at == DAY + 3


@pytest.mark.parametrize("number", [201, 202, 203, 204])
def test_decode__meter__both_registers(number: int) -> None:
    found = decoded(model_203(70_000, 90_001, scale=-1, number=number))

    assert (found.export_wh, found.import_wh) == (7_000, 9_000)
    assert (found.voltage_millivolts, found.frequency_millihz) == (230_500, 49_990)


def test_decode__der_measurement__64_bit_registers() -> None:
    found = decoded(model_701(2**40, 5))

    assert (found.export_wh, found.import_wh) == (2**40, 5)
    assert (found.voltage_millivolts, found.frequency_millihz) == (229_000, 50_020)


@pytest.mark.parametrize(("scale", "expected"), [(0, 12_345), (3, 12_345_000), (-2, 123)])
def test_decode__scale_factor__whole_watt_hours_cut(scale: int, expected: int) -> None:
    assert decoded(model_103(12_345, scale=scale)).export_wh == expected


def test_decode__quantities_not_implemented__0_means_not_measured() -> None:
    found = decoded(model_103(5, volts=0xFFFF, volts_scale=-0x8000, hertz=0xFFFF))

    assert (found.voltage_millivolts, found.frequency_millihz) == (0, 0)


def test_decode__never_taken_energy__0() -> None:
    assert decoded(model_203(7, 0)).import_wh == 0
    assert decoded(model_701(7, 2**64 - 1)).import_wh == 0


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        (model_103(0), "not_implemented"),
        (model_203(0, 0), "not_implemented"),
        (model_701(2**64 - 1, 2**64 - 1), "not_implemented"),
        (model_103(5, scale=-0x8000), "scale_factor"),
        (model_103(5, scale=11), "scale_factor"),
        (model_103(5, volts_scale=-0x8000), "scale_factor"),
        (model_701(2**64 - 2, 0, scale=1), "register_value"),
        (model_103(5, volts=60_000, volts_scale=9), "quantity_value"),
        (model_103(5)[:20], "model_length"),
        (model_103(5, number=113), "wrong_model"),
        ([], "wrong_model"),
    ],
)
def test_decode__cannot_be_believed__cause(model: list[int], expected: str) -> None:
    assert cause(model) == expected


def test_width__acc32_with_scale__where_it_rolls_over() -> None:
    assert width_of(Block(103, raw(model_103(5))), 103) == 2**32
    assert width_of(Block(103, raw(model_103(5, scale=1))), 103) == 2**32 * 10
    assert width_of(Block(701, raw(model_701(5, 5))), 701) is None


# --- Configuration --------------------------------------------------------------------------------


def test_source__url__parts_and_back() -> None:
    source = Source.parse("sunspec://inverter.example:1502/3?model=203")

    assert (source.kind, source.unit, source.model) == (SourceKind.SUNSPEC, 3, 203)
    assert str(source) == "sunspec://inverter.example:1502/3?model=203"
    assert str(Source.parse("sunspec://inverter.example")) == "sunspec://inverter.example:502/1"


@pytest.mark.parametrize("url", ["sunspec://h/x", "sunspec://h/248", "sunspec://h/1?a=2"])
def test_source__wrong_url__refused(url: str) -> None:
    with pytest.raises(ValueError, match="sunspec://host:port/unit"):
        Source.parse(url)


# --- Finding the device ---------------------------------------------------------------------------


@pytest.mark.parametrize("base", [40_000, 50_000, 0])
def test_find__any_base__found(base: int) -> None:
    def work(inverter: Inverter) -> None:
        assert find(inverter)[0] == 103

    with_server(Inverter(common(), model_103(9), base=base, unit=7), work)


def test_find__several_models__first_readable_or_the_one_chosen(inverter: Inverter) -> None:
    basic = [120, 26, *([0] * 26)]
    inverter.write(common(), basic, model_103(5), model_203(6, 7))

    assert find(inverter)[0] == 103
    assert find(inverter, 203)[1].import_wh == 7
    with pytest.raises(SourceError, match=r"found 1, 120, 103, 203"):
        find(inverter, 701)


def test_find__floats_only_or_no_sunspec_or_cut_short__says_what_was_found(
    inverter: Inverter,
) -> None:
    inverter.write(common(), [113, 60, *([0] * 60)])
    with pytest.raises(SourceError, match="found 1, 113"):
        find(inverter)
    inverter.write(common(), [103, 10, *([0] * 10)])
    with pytest.raises(SourceError, match="cut short"):
        find(inverter)
    inverter.refuses = True
    with pytest.raises(SourceError, match="no SunSpec device"):
        find(inverter)


def test_find__nobody_there__source_error(inverter: Inverter) -> None:
    inverter.stop()
    with pytest.raises(SourceError, match="does not take a connection"):
        find(inverter)


# --- Reading --------------------------------------------------------------------------------------


class Run:
    """A reader at work, with a clock that the test sets."""

    def __init__(self, inverter: Inverter, now: int) -> None:
        self.clock = TestClock(now)
        self.reader = reader_of(inverter, self.clock)
        self.found: list[Telegram] = []

    async def sink(self, arrival: Arrival) -> None:
        self.found.append(SunSpecDecoder().read(arrival.frame))

    async def until(self, condition: Callable[[], bool]) -> None:
        for _ in range(1_000):
            if condition():
                return
            await asyncio.sleep(0.01)
        raise AssertionError(f"condition not met, found {self.found}")

    def do(self, scenario: Callable[[Run], Awaitable[None]]) -> None:
        async def work() -> None:
            task = asyncio.ensure_future(self.reader.run(self.sink))
            try:
                await scenario(self)
            finally:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task

        asyncio.run(work())


def test_reader__seconds_around_a_boundary__each_read_once_dated_by_the_clock(
    inverter: Inverter,
) -> None:
    async def scenario(run: Run) -> None:
        await run.until(lambda: len(run.found) == 1)  # to know that it is there
        for count, offset in ((1, -10), (2, -9), (3, -1), (4, 0), (5, 1), (6, 9), (6, 10)):
            run.clock.time = DAY + offset
            await run.until(lambda count=count: len(run.found) == count)
            await asyncio.sleep(0.03)

    run = Run(inverter, DAY - 100)
    run.do(scenario)

    times = [found.measured_at for found in run.found]
    assert times == [DAY - 100, DAY - 9, DAY - 1, DAY, DAY + 1, DAY + 9]


def test_reader__device_goes_and_comes_back__goes_on(inverter: Inverter) -> None:
    async def scenario(run: Run) -> None:
        await run.until(lambda: len(run.found) == 1)
        await asyncio.to_thread(inverter.stop)
        run.clock.time = DAY + 1
        await run.until(lambda: not run.reader.is_connected)
        await asyncio.to_thread(inverter.start)
        run.clock.time = DAY + 2
        await run.until(lambda: len(run.found) == 2)

    run = Run(inverter, DAY)
    run.do(scenario)

    assert [found.measured_at for found in run.found] == [DAY, DAY + 2]


def test_reader__map_changes__found_again(inverter: Inverter) -> None:
    async def scenario(run: Run) -> None:
        await run.until(lambda: len(run.found) == 1)
        inverter.write(common(), model_203(3, 4))
        run.clock.time = DAY + 1
        await run.until(lambda: len(run.found) == 2)

    run = Run(inverter, DAY)
    run.do(scenario)

    assert [(found.export_wh, found.import_wh) for found in run.found] == [(123_456, 0), (3, 4)]


def test_reader__clock_jumps_during_an_answer__not_used(inverter: Inverter) -> None:
    class Jumping(TestClock):
        def now(self, *, fresh: bool = False) -> UnixSeconds:
            self.time += 5
            return UnixSeconds(self.time)

    async def scenario(run: Run) -> None:
        await run.until(lambda: inverter.requests >= 6)

    run = Run(inverter, DAY)
    run.reader = reader_of(inverter, Jumping(DAY - 50))
    run.do(scenario)

    assert run.found == []


# --- Through the engine ---------------------------------------------------------------------------


class InverterBench(Bench):
    """An engine whose meter is an inverter of 32-bit registers."""

    def restart(self) -> None:
        super().restart()
        self.meter.telegrams = SunSpecDecoder()

    def answer(self, slot: int, model: list[int], *, serial: str = "SN-0001") -> None:
        at = DAY + 900 * slot
        self.clock.time = at
        self.host_now += 1
        frame = frame_of(at, raw(common(serial)), raw(model))
        self.engine.take([Arrival(1, frame, self.host_now)])
        self.engine.advance(self.host_now)

    def exports(self) -> list[int]:
        return [reading[4] for reading in self.readings()]


@pytest.fixture
def bench(tmp_path: Path) -> InverterBench:
    baseline = Registers(UnixSeconds(DAY), Wh(0), Wh(EXPORT_WH))
    return InverterBench(
        tmp_path,
        source="sunspec://127.0.0.1:9",
        registration={"register_width_wh": Wh(2**32), "latest": LatestReading(0, baseline)},
    )


def test_engine__answers__signed_readings(bench: InverterBench) -> None:
    bench.answer(1, model_103(EXPORT_WH + 100))
    bench.answer(2, model_103(EXPORT_WH + 300))

    assert bench.exports() == [EXPORT_WH + 100, EXPORT_WH + 300]


def test_engine__waits_before_it_is_taken__keeps_its_time(bench: InverterBench) -> None:
    frame = frame_of(DAY + 900, raw(common()), raw(model_103(EXPORT_WH + 5)))
    bench.clock.time = DAY + 950
    bench.engine.take([Arrival(1, frame, bench.host_now)])
    bench.engine.advance(bench.host_now)

    assert [reading[2] for reading in bench.readings()] == [DAY + 900]


def test_engine__scale_factor_changes__same_energy_and_none_invented(
    bench: InverterBench,
) -> None:
    start = EXPORT_WH // 10 * 10 + 7
    bench.answer(1, model_103(start))
    bench.answer(2, model_103(start // 10, scale=1))  # the last digit is lost: it fell
    bench.answer(3, model_103(start // 10 + 3, scale=1))

    assert bench.rules(2) == ["V11"]
    assert bench.exports() == [start, start // 10 * 10 + 30]


def test_engine__register_goes_back__refused_and_the_next_one_taken(bench: InverterBench) -> None:
    bench.answer(1, model_103(EXPORT_WH + 500))
    bench.answer(2, model_103(EXPORT_WH + 400))
    bench.answer(3, model_103(EXPORT_WH + 600))

    assert bench.rules(2) == ["V11"]
    assert bench.exports() == [EXPORT_WH + 500, EXPORT_WH + 600]


def test_engine__acc32_rolls_over__taken(bench: InverterBench) -> None:
    meter = bench.engine.meters[1]
    assert meter.registered is not None and meter.previous is not None
    meter.previous = replace(meter.previous, export_wh=Wh(2**32 - 50))

    bench.answer(1, model_103(25))

    assert bench.exports() == [25]


def test_engine__register_not_implemented_or_other_serial__rejected(bench: InverterBench) -> None:
    bench.answer(1, model_103(EXPORT_WH + 1))
    bench.answer(2, model_103(0))
    bench.answer(3, model_103(EXPORT_WH + 2), serial="SN-0002")

    assert bench.engine.counters.rejected == {"not_implemented": 1, "equipment": 1}
    assert bench.exports() == [EXPORT_WH + 1]

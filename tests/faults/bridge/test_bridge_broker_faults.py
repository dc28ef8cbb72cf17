"""X-10: the broker goes down, comes back, repeats and overtakes; bursts of ten times the usual.

A real mosquitto, the real reader and the real engine. Every boundary ends up signed once, with the
telegram nearest to it; the bridge never holds more messages than the broker has in flight.
"""

from __future__ import annotations

import asyncio
import random
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from meter_bridge.config import MqttSection, SubmissionSection
from meter_bridge.readers.base import Arrival
from meter_bridge.readers.mqtt import MqttReader
from meter_bridge.telegrams.framing import PlainFramer
from tests.faults.bridge.test_bridge_mqtt import Broker, Publisher, connected, stop
from tests.offchain.bridge.engine_bench import DAY, EXPORT_WH, IMPORT_WH, Bench

pytestmark = pytest.mark.server("mosquitto")

METERS = 6
SLOTS = 8
IN_FLIGHT = 20
"""Mosquitto's own limit of unacknowledged messages."""


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    folder = tmp_path / "broker"
    folder.mkdir()
    found = Broker(folder)
    found.start()
    with (folder / "mosquitto.conf").open("a") as file:
        file.write("max_queued_messages 0\nautosave_interval 1\n")
    found.stop()
    found.start()
    yield found
    found.stop()


class MqttBench(Bench):
    """An engine that telegrams reach over MQTT."""

    def reader(self, broker: Broker) -> MqttReader:
        section = MqttSection(host="127.0.0.1", port=broker.port, client_id="bridge")
        return MqttReader(
            section, {f"meters/{m}": (m, PlainFramer()) for m in range(1, METERS + 1)}
        )

    async def consume(self, inbox: asyncio.Queue[Arrival]) -> None:
        """Like the service's loop: many telegrams a commit, then their senders are told."""
        while True:
            arrivals = [await inbox.get()]
            await asyncio.sleep(0.01)
            while not inbox.empty():
                arrivals.append(inbox.get_nowait())
            self.engine.take(arrivals)
            for arrival in arrivals:
                assert arrival.settle is not None
                arrival.settle(True)

    def settle(self) -> None:
        """Time enough passes for nothing to overtake any more."""
        self.engine.advance(1e12)


def payload(bench: Bench, meter: int, slot: int, offset: int) -> bytes:
    """A telegram some seconds after a boundary: the registers move a little each second."""
    return bench.telegram(
        DAY + 900 * slot + offset,
        IMPORT_WH + 100 * slot + offset,
        EXPORT_WH + 10 * slot + meter,
        equipment=f"4530{meter:012d}",
    )


def test_x10__burst_out_of_order_repeated_broker_restarting__each_boundary_once_and_nearest(
    broker: Broker, tmp_path: Path
) -> None:
    bench = MqttBench(
        tmp_path,
        meters=METERS,
        source="mqtt:meters/x:9",
        submission=SubmissionSection(batch_window_seconds=0),
        reorder_seconds=20,
    )
    bench.clock.time = DAY + 900 * SLOTS + 60
    rng = random.Random(10)
    usual = [(m, s, o) for s in range(1, SLOTS + 1) for m in range(1, METERS + 1) for o in (1, 3)]
    burst = usual * 5
    rng.shuffle(burst)
    parts = [burst[: len(burst) // 3], burst[len(burst) // 3 :]]

    async def scenario() -> None:
        inbox: asyncio.Queue[Arrival] = asyncio.Queue(1_000)
        reader = bench.reader(broker)
        reading = asyncio.ensure_future(reader.run(inbox.put))
        working = asyncio.ensure_future(bench.consume(inbox))
        await connected(reader)

        def publish(messages: list[tuple[int, int, int]]) -> None:
            with Publisher(broker) as publisher:
                sent = [
                    publisher._client.publish(f"meters/{m}", payload(bench, m, s, o), qos=1)
                    for m, s, o in messages
                ]
                for message in sent:
                    message.wait_for_publish(30)

        await asyncio.to_thread(publish, parts[0])
        await asyncio.to_thread(broker.stop)
        for _ in range(250):
            if not reader.is_connected:
                break
            await asyncio.sleep(0.02)
        assert not reader.is_connected
        await asyncio.to_thread(broker.start)
        await asyncio.to_thread(publish, parts[1])
        for _ in range(1_500):
            if len(bench.engine.meters) == METERS and all(
                len(meter.candidates) == SLOTS
                and all(snapshot.offset_seconds == 1 for snapshot, _ in meter.candidates.values())
                for meter in bench.engine.meters.values()
            ):
                break
            await asyncio.sleep(0.02)
        await stop(reading)
        await stop(working)

    asyncio.run(scenario())
    bench.settle()

    by_meter: dict[int, list[tuple[int, ...]]] = defaultdict(list)
    for reading in bench.readings():
        by_meter[reading[0]].append(reading)
    assert {meter: len(found) for meter, found in by_meter.items()} == dict.fromkeys(
        range(1, METERS + 1), SLOTS
    )
    for found in by_meter.values():
        assert [reading[1] for reading in found] == list(range(1, SLOTS + 1))
        assert [reading[3] for reading in found] == [
            IMPORT_WH + 100 * slot + 1 for slot in range(1, SLOTS + 1)
        ]
    assert bench.engine.counters.rejected == {}


def test_x10__bridge_killed_in_a_burst__what_was_not_stored_comes_again(
    broker: Broker, tmp_path: Path
) -> None:
    bench = MqttBench(tmp_path, meters=METERS, source="mqtt:meters/x:9", reorder_seconds=20)
    bench.clock.time = DAY + 900 * SLOTS + 60
    messages = [(m, s) for s in range(1, SLOTS + 1) for m in range(1, METERS + 1)]

    async def scenario() -> None:
        reader = bench.reader(broker)
        swallowed: list[Arrival] = []

        async def swallow(arrival: Arrival) -> None:
            swallowed.append(arrival)  # taken from the line, never stored, never acknowledged

        reading = asyncio.ensure_future(reader.run(swallow))
        await connected(reader)
        with Publisher(broker) as publisher:
            for m, s in messages:
                await asyncio.to_thread(publisher.publish, payload(bench, m, s, 1), f"meters/{m}")
        await asyncio.sleep(0.2)
        await stop(reading)
        assert 0 < len(swallowed) <= IN_FLIGHT

        inbox: asyncio.Queue[Arrival] = asyncio.Queue(1_000)
        reader = bench.reader(broker)
        reading = asyncio.ensure_future(reader.run(inbox.put))
        working = asyncio.ensure_future(bench.consume(inbox))
        for _ in range(500):
            if sum(len(meter.candidates) for meter in bench.engine.meters.values()) == len(
                messages
            ):
                break
            await asyncio.sleep(0.02)
        await stop(reading)
        await stop(working)

    asyncio.run(scenario())
    bench.settle()

    assert len(bench.readings()) == len(messages)

"""MQTT with a real broker: acknowledged when stored, redelivered when not (fault X-10)."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from meter_bridge.config import MqttSection
from meter_bridge.readers.base import Arrival
from meter_bridge.readers.mqtt import MqttReader
from meter_bridge.telegrams.framing import PlainFramer
from tests.offchain.bridge.telegrams import P1
from tests.utils.anvil import free_port

pytestmark = pytest.mark.server("mosquitto")

UNIX = 1_700_000_100
TELEGRAMS = [P1(unix=UNIX + 900 * n, import_wh=(n, n)).build() for n in range(40)]


@dataclass
class Broker:
    """A mosquitto on loopback that keeps its sessions on disk."""

    folder: Path
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        config = self.folder / "mosquitto.conf"
        config.write_text(
            f"listener {self.port} 127.0.0.1\nallow_anonymous true\npersistence true\n"
            f"persistence_location {self.folder}/\nuser root\n"
        )
        program = shutil.which("mosquitto", path="/usr/sbin:/usr/bin:/usr/local/sbin")
        assert program is not None
        self.process = subprocess.Popen(
            [program, "-c", str(config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        for _ in range(100):
            with Publisher(self) as publisher:
                if publisher.is_connected:
                    return
            time.sleep(0.05)
        raise AssertionError("mosquitto did not start")

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(10)
            self.process = None


class Publisher:
    """A P1 adapter that publishes with QoS 1."""

    def __init__(self, broker: Broker) -> None:
        self._client = Client(CallbackAPIVersion.VERSION2)
        self.is_connected = False
        try:
            self._client.connect("127.0.0.1", broker.port)
        except OSError:
            return
        self._client.loop_start()
        self.is_connected = True

    def publish(self, payload: bytes, topic: str = "meters/1") -> None:
        self._client.publish(topic, payload, qos=1).wait_for_publish(5)

    def __enter__(self) -> Publisher:
        return self

    def __exit__(self, *_: object) -> None:
        if self.is_connected:
            self._client.disconnect()
            self._client.loop_stop()


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    found = Broker(tmp_path)
    found.start()
    yield found
    found.stop()


class Sink:
    """Takes arrivals and settles them as told."""

    def __init__(self, *, stores: bool = True) -> None:
        self.stores = stores
        self.raw: list[bytes] = []

    async def __call__(self, arrival: Arrival) -> None:
        assert arrival.settle is not None
        if self.stores:
            self.raw.append(arrival.frame.raw)
        arrival.settle(self.stores)

    async def wait_for(self, count: int) -> None:
        for _ in range(600):
            if len(set(self.raw)) >= count:
                return
            await asyncio.sleep(0.02)
        raise AssertionError(f"expected {count} telegrams, found {len(set(self.raw))}")


def reader_for(broker: Broker) -> MqttReader:
    section = MqttSection(host="127.0.0.1", port=broker.port, client_id="bridge-under-test")
    return MqttReader(section, {"meters/1": (1, PlainFramer()), "meters/2": (2, PlainFramer())})


async def connected(reader: MqttReader) -> None:
    for _ in range(500):
        if reader.is_connected:
            return
        await asyncio.sleep(0.02)
    raise AssertionError("the reader did not connect")


async def stop(task: asyncio.Future[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def test_mqtt__published__arrive_once_and_are_acknowledged(broker: Broker) -> None:
    async def scenario() -> None:
        sink, reader = Sink(), reader_for(broker)
        task = asyncio.ensure_future(reader.run(sink))
        await connected(reader)
        with Publisher(broker) as publisher:
            for telegram in TELEGRAMS[:10]:
                await asyncio.to_thread(publisher.publish, telegram)
        await sink.wait_for(10)
        await stop(task)
        await asyncio.sleep(0.5)  # the broker reads the acknowledgements of the old connection
        again = Sink()
        task = asyncio.ensure_future(reader_for(broker).run(again))
        await asyncio.sleep(0.5)
        await stop(task)

        assert sink.raw == TELEGRAMS[:10]
        assert again.raw == []

    asyncio.run(scenario())


def test_mqtt__bridge_away__broker_keeps_everything(broker: Broker) -> None:
    async def scenario() -> None:
        reader = reader_for(broker)
        task = asyncio.ensure_future(reader.run(Sink()))
        await connected(reader)
        await stop(task)
        with Publisher(broker) as publisher:
            for telegram in TELEGRAMS:
                await asyncio.to_thread(publisher.publish, telegram)

        sink = Sink()
        task = asyncio.ensure_future(reader_for(broker).run(sink))
        await sink.wait_for(len(TELEGRAMS))
        await stop(task)

        assert sink.raw == TELEGRAMS

    asyncio.run(scenario())


def test_mqtt__store_refuses__redelivered_until_stored(broker: Broker) -> None:
    async def scenario() -> None:
        sink, reader = Sink(stores=False), reader_for(broker)
        task = asyncio.ensure_future(reader.run(sink))
        await connected(reader)
        with Publisher(broker) as publisher:
            for telegram in TELEGRAMS[:5]:
                await asyncio.to_thread(publisher.publish, telegram)
        await asyncio.sleep(0.5)
        assert sink.raw == []

        sink.stores = True
        await sink.wait_for(5)
        await stop(task)

        assert set(sink.raw) == set(TELEGRAMS[:5])

    asyncio.run(scenario())


def test_mqtt__broker_restarts__nothing_lost(broker: Broker) -> None:
    async def scenario() -> None:
        sink, reader = Sink(), reader_for(broker)
        task = asyncio.ensure_future(reader.run(sink))
        await connected(reader)
        with Publisher(broker) as publisher:
            for telegram in TELEGRAMS[:3]:
                await asyncio.to_thread(publisher.publish, telegram)
        await sink.wait_for(3)
        await asyncio.to_thread(broker.stop)
        await asyncio.sleep(0.3)
        await asyncio.to_thread(broker.start)
        with Publisher(broker) as publisher:
            for telegram in TELEGRAMS[3:6]:
                await asyncio.to_thread(publisher.publish, telegram)
        await sink.wait_for(6)
        await stop(task)

        assert set(sink.raw) == set(TELEGRAMS[:6])

    asyncio.run(scenario())


def test_mqtt__no_telegram_in_a_message__acknowledged_and_next_one_read(broker: Broker) -> None:
    async def scenario() -> None:
        sink, reader = Sink(), reader_for(broker)
        task = asyncio.ensure_future(reader.run(sink))
        await connected(reader)
        with Publisher(broker) as publisher:
            for payload in (b"", b"hello", b"x" * 100_000, TELEGRAMS[0][:100], TELEGRAMS[1]):
                await asyncio.to_thread(publisher.publish, payload)
            await asyncio.to_thread(publisher.publish, TELEGRAMS[2].rstrip(b"\r\n"))
            await asyncio.to_thread(publisher.publish, TELEGRAMS[3], "meters/2")
        await sink.wait_for(3)
        await stop(task)

        assert sink.raw == TELEGRAMS[1:4]

    asyncio.run(scenario())


def test_mqtt__broker_sends_beyond_its_limit__the_line_is_bounded_and_nothing_lost(
    broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Mosquitto 2.0.11 sends 20 messages more for each one acknowledged: without our bound, all of
    them wait in the bridge."""
    bound = 120
    monkeypatch.setattr("meter_bridge.readers.mqtt.MAX_WAITING", bound)
    telegrams = [P1(unix=UNIX + n, import_wh=(n, n)).build() for n in range(150)]
    longest = 0

    async def scenario() -> None:
        nonlocal longest
        sink, reader = Sink(), reader_for(broker)

        async def slow(arrival: Arrival) -> None:
            nonlocal longest
            longest = max(longest, reader._inbox.qsize())
            await asyncio.sleep(0.004)
            longest = max(longest, reader._inbox.qsize())
            await sink(arrival)

        task = asyncio.ensure_future(reader.run(slow))
        await connected(reader)
        await stop(task)  # its session stays: the broker keeps what follows
        with Publisher(broker) as publisher:
            for telegram in telegrams:
                await asyncio.to_thread(publisher.publish, telegram)
        task = asyncio.ensure_future(reader.run(slow))
        await sink.wait_for(len(telegrams))
        await stop(task)

        assert set(sink.raw) == set(telegrams)

    asyncio.run(scenario())
    assert longest <= bound

"""Orders over MQTT with TLS and the files that `mqtt-acl` writes, against a real mosquitto.

- a device hears its orders, also one that comes later (retained), until the order has ended
- it answers; answers of others, nonsense and repetitions change nothing
- access: only the bridge gives orders, a device sees and answers its own alone
- broker away: nothing is kept to be sent later; there again: told
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from paho.mqtt.client import Client

from energy_grid.grid.schedule import Command, GridState, PayloadType, Program, Schedule
from meter_bridge.broker_access import acl_of, users_of
from meter_bridge.commands.desk import Desk
from meter_bridge.commands.mqtt import MqttOrders
from meter_bridge.commands.orders import Answer, Order
from meter_bridge.commands.topics import answer_topic, order_topic
from meter_bridge.config import BridgeConfig
from meter_bridge.errors import BridgeConfigurationError, SourceError
from tests.offchain.bridge import test_bridge_broker_access as access

PV, HEAT_PUMP = 7, 8
METER_OF = {PV: 1, HEAT_PUMP: 2}
DEVICES = """
[commands]
cursor = "commands.json"
[[device]]
resource = 7
meter = 1
executor = "mqtt"
[[device]]
resource = 8
meter = 2
executor = "mqtt"
"""


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[access.Site]:
    monkeypatch.setattr(access, "CONFIG", access.CONFIG + DEVICES)
    found = access.Site(tmp_path)
    found.broker.start()
    yield found
    found.broker.stop()


@pytest.fixture
def heard() -> list[Answer]:
    return []


@pytest.fixture
def orders(site: access.Site, heard: list[Answer]) -> Iterator[MqttOrders]:
    found = MqttOrders(site.section(), METER_OF, heard.append)
    yield found
    found.close()


def order(resource: int = PV, seconds: int = 600, limit_w: int = 1_000) -> Order:
    now = int(time.time())
    return Order(resource, now, now + seconds, export_limit_w=limit_w, commands=("x",))


def send(orders: MqttOrders, what: Order) -> None:
    asyncio.run(orders.send(what, int(time.time())))


def until(is_so: Callable[[], bool]) -> None:
    for _ in range(500):
        if is_so():
            return
        time.sleep(0.02)
    raise AssertionError("did not happen within 10 s")


class DeviceClient:
    """A device with the password of its meter; it listens to what it is told to."""

    def __init__(self, site: access.Site, meter_id: int, *topics: str) -> None:
        self.heard: list[dict[str, Any]] = []
        self.client: Client = site.meter_client(meter_id)
        self.client.on_message = lambda _c, _d, message: self.heard.append(
            json.loads(message.payload)
        )
        done: list[int] = []
        self.client.on_subscribe = lambda *_: done.append(1)
        self.client.subscribe([(topic, 1) for topic in topics])
        until(lambda: bool(done))

    def answer(self, topic: str, payload: Any) -> None:
        content = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        self.client.publish(topic, content, qos=1).wait_for_publish(5)

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


@pytest.mark.server("mosquitto")
def test_order__heard_by_its_device_and_by_one_that_comes_later(
    site: access.Site, orders: MqttOrders
) -> None:
    early = DeviceClient(site, 1, order_topic(1, PV))
    what = order()

    send(orders, what)
    until(lambda: bool(early.heard))
    later = DeviceClient(site, 1, order_topic(1, PV))
    until(lambda: bool(later.heard))

    assert early.heard == later.heard == [json.loads(what.to_json())]
    assert early.heard[0]["expires_at"] == what.expires_at
    for device in (early, later):
        device.close()


@pytest.mark.server("mosquitto")
def test_order__ended__the_broker_has_none_for_who_comes_later(
    site: access.Site, orders: MqttOrders
) -> None:
    send(orders, order(seconds=1))
    time.sleep(2.5)  # the broker counts whole seconds

    late = DeviceClient(site, 1, order_topic(1, PV))
    send(orders, order(limit_w=5))
    until(lambda: bool(late.heard))

    assert [one["export_limit_w"] for one in late.heard] == [5]
    late.close()


@pytest.mark.server("mosquitto")
def test_answer__reaches_the_desk_and_nonsense_does_not(
    site: access.Site, orders: MqttOrders, heard: list[Answer]
) -> None:
    what = order()
    send(orders, what)
    device = DeviceClient(site, 1, order_topic(1, PV))

    for nonsense in (b"", b"{", b"[1]", {"order_id": "x"}, b"\xff" * 2_000):
        device.answer(answer_topic(1, PV), nonsense)
    yes = {"order_id": what.order_id, "accepted": True}
    device.answer(answer_topic(1, PV), yes)
    device.answer(answer_topic(1, PV), yes)
    until(lambda: len(heard) == 2)

    assert heard == [Answer(PV, what.order_id, True)] * 2
    device.close()


@pytest.mark.server("mosquitto")
def test_access__own_orders_and_answers_alone(
    site: access.Site, orders: MqttOrders, heard: list[Answer]
) -> None:
    spy = DeviceClient(site, 2, order_topic(1, PV), "energy-grid/#", order_topic(2, HEAT_PUMP))
    own = DeviceClient(site, 1, order_topic(1, PV))
    mine, theirs = order(), order(HEAT_PUMP)
    yes = json.dumps({"order_id": mine.order_id, "accepted": True}).encode()
    forged = {**json.loads(mine.to_json()), "export_limit_w": 0}

    # A broker may end the connection of one who may not: other clients of the same users try.
    site.publish(2, answer_topic(1, PV), yes)
    site.publish(2, order_topic(1, PV), json.dumps(forged).encode())
    site.publish(1, order_topic(1, PV), json.dumps(forged).encode())
    send(orders, mine)
    send(orders, theirs)
    own.answer(answer_topic(1, PV), {"order_id": mine.order_id, "accepted": False})
    until(lambda: bool(heard) and bool(own.heard) and bool(spy.heard))

    assert heard == [Answer(PV, mine.order_id, False)]
    assert own.heard == [json.loads(mine.to_json())]
    assert spy.heard == [json.loads(theirs.to_json())]
    for device in (spy, own):
        device.close()


@pytest.mark.server("mosquitto")
def test_access__that_forgets_the_orders__told(site: access.Site, heard: list[Answer]) -> None:
    orders = MqttOrders(site.section(), {99: 1}, heard.append)

    with pytest.raises(SourceError, match="does not take an order"):
        send(orders, order(99))

    orders.close()


@pytest.mark.server("mosquitto")
def test_broker__away__nothing_is_kept_to_be_sent_later(
    site: access.Site, orders: MqttOrders
) -> None:
    send(orders, order(limit_w=1))
    site.broker.stop()
    with pytest.raises(SourceError):
        send(orders, order(limit_w=2))

    site.broker.start()
    device = DeviceClient(site, 1, order_topic(1, PV))
    send(orders, order(limit_w=3))
    until(lambda: any(one["export_limit_w"] == 3 for one in device.heard))

    # What was retained before may be there, what could not be sent is not.
    assert 2 not in [one["export_limit_w"] for one in device.heard]
    device.close()


@pytest.mark.server("mosquitto")
def test_desk__over_mqtt__from_command_to_answer(site: access.Site, heard: list[Answer]) -> None:
    now = int(time.time())
    limit = Command(
        Program.DEMAND_RESPONSE,
        1,
        PV,
        now,
        now + 900,
        PayloadType.EXPORT_CAPACITY_LIMIT,
        700,
        "operator",
    )
    orders = MqttOrders(site.section(), METER_OF, heard.append)
    desk = Desk(dict.fromkeys(METER_OF, orders), 600)
    device = DeviceClient(site, 1, order_topic(1, PV))

    asyncio.run(desk.step({PV: Schedule(PV, (limit,), (), GridState.ALERT, 0)}, now, now))
    until(lambda: bool(device.heard))
    told = device.heard[0]
    device.answer(answer_topic(1, PV), {"order_id": told["order_id"], "accepted": True})
    until(lambda: bool(heard))
    desk.hear(heard[0])

    assert (told["export_limit_w"], told["expires_at"]) == (700, now + 600)
    assert desk.standing(PV).answer == Answer(PV, told["order_id"], True)
    desk.close()
    device.close()


# --- Configuration --------------------------------------------------------------------------------


def load(folder: Path, text: str) -> BridgeConfig:
    (folder / "bridge.toml").write_text(access.CONFIG.format(port=1) + text)
    return BridgeConfig.load(folder / "bridge.toml", {})


def test_config__off_by_default_and_nothing_in_the_acl(tmp_path: Path) -> None:
    config = load(tmp_path, "")

    assert (config.commands, config.device) == (None, ())
    assert "orders" not in acl_of(users_of(config))


def test_acl__with_devices__own_topics_alone(tmp_path: Path) -> None:
    text = acl_of(users_of(load(tmp_path, DEVICES)))

    users = {part.splitlines()[0]: part.splitlines()[1:] for part in text.split("user ")[1:]}
    assert [line for line in users["meter-1"] if line] == [
        "topic write meters/1",
        "topic write energy-grid/meter-1/answers/7",
        "topic read energy-grid/meter-1/orders/7",
    ]
    assert [line for line in users["bridge"] if "write" in line] == [
        "topic write energy-grid/meter-1/orders/7",
        "topic write energy-grid/meter-2/orders/8",
    ]


COMMANDS = '[commands]\ncursor = "c"\n'


def device(executor: str = "mqtt", resource: int = 7, meter: int = 1, more: str = "") -> str:
    return f'[[device]]\nresource = {resource}\nmeter = {meter}\nexecutor = "{executor}"\n{more}\n'


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (COMMANDS, "belong together"),
        (device(), "belong together"),
        (COMMANDS + device() + device(), "two devices with one resource"),
        (COMMANDS + device(meter=9), "not this bridge's: \\[9\\]"),
        (COMMANDS + device("tcp://127.0.0.1:1"), "expected mqtt or sunspec"),
        (COMMANDS + device("sunspec://127.0.0.1/1"), "set rated_w"),
        (COMMANDS + device("sunspec://127.0.0.1/1", more="rated_w = 0"), "greater than 0"),
        (COMMANDS + "lease_seconds = 59\n" + device(), "greater than or equal to 60"),
    ],
)
def test_config__that_cannot_work__refused(tmp_path: Path, text: str, fault: str) -> None:
    with pytest.raises(BridgeConfigurationError, match=fault):
        load(tmp_path, text)


def test_config__inverter_and_mqtt__read(tmp_path: Path) -> None:
    inverter = device("sunspec://10.0.0.5:1502/3", 9, 2, "rated_w = 5000")

    config = load(tmp_path, COMMANDS + device() + inverter)

    assert config.commands is not None
    assert config.commands.cursor == tmp_path / "c"
    assert [(one.resource, str(one.executor), one.rated_w) for one in config.device] == [
        (7, "mqtt", None),
        (9, "sunspec://10.0.0.5:1502/3", 5_000),
    ]

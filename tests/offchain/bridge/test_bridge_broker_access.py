"""MQTT with TLS and access per meter, against a real mosquitto with the files the bridge writes.

- configuration: plain text to another host refused; certificate without key refused
- access files: own topic only; passwords kept; modes
- TLS: own CA, wrong CA, another host's certificate, expired certificate, plain text, no certificate
- access: a publish to another meter's topic is dropped, a meter cannot read, no password is refused
- a broker that restarts: what was published meanwhile and before is read (QoS 1)
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from meter_bridge.broker_access import password_line, users_of
from meter_bridge.cli import cli
from meter_bridge.config import BridgeConfig, MqttSection
from meter_bridge.errors import BridgeConfigurationError
from meter_bridge.readers.base import Arrival
from meter_bridge.readers.mqtt import MqttReader
from meter_bridge.telegrams.framing import PlainFramer
from tests.offchain.bridge.certificates import Authority, Mosquitto
from tests.offchain.bridge.telegrams import P1
from tests.utils.anvil import free_port

TELEGRAMS = [P1(unix=1_700_000_100 + 900 * n, import_wh=(n, n)).build() for n in range(20)]

CONFIG = """
[chain]
rpc_url = "http://127.0.0.1:8545"
chain_id = 31337
deployment = "31337.json"
[relayer]
keystore = "relayer.json"
password_file = "password"
[store]
path = "bridge.sqlite"
[mqtt]
host = "127.0.0.1"
port = {port}
username = "bridge"
password_file = "bridge.password"
ca_file = "ca.pem"
[[meter]]
id = 1
keystore = "1.json"
password_file = "password"
source = "mqtt:meters/1"
[[meter]]
id = 2
keystore = "2.json"
password_file = "password"
source = "mqtt:meters/2"
"""


class Site:
    """A broker with the files that `mqtt-acl` wrote, its authority and its users."""

    def __init__(self, folder: Path, *, by_certificate: bool = False) -> None:
        self.folder = folder
        self.by_certificate = by_certificate
        self.authority = Authority(folder)
        self.broker = Mosquitto(folder / "bridge-listener.conf", free_port())
        (folder / "bridge.toml").write_text(CONFIG.format(port=self.broker.port))
        (folder / "bridge.password").write_text("a secret of the bridge\n")
        arguments = ["mqtt-acl", str(folder), "--config", str(folder / "bridge.toml")]
        result = CliRunner().invoke(cli, arguments + ["--by-certificate"] * by_certificate)
        assert result.exit_code == 0, result.output
        with (folder / "bridge-listener.conf").open("a") as file:
            file.write(f"persistence_location {folder}/\nuser root\n")
        self.certify()

    def certify(self, **options: Any) -> None:
        """Give the broker a certificate."""
        certificate, key = self.authority.issue("broker", **options)
        assert (certificate, key) == (self.folder / "broker.pem", self.folder / "broker.key")

    def section(self, **changes: Any) -> MqttSection:
        config = BridgeConfig.load(self.folder / "bridge.toml", {})
        assert config.mqtt is not None
        return config.mqtt.model_copy(update=changes)

    def meter_client(self, meter_id: int) -> Client:
        """An adapter, connected."""
        client = Client(CallbackAPIVersion.VERSION2)
        context = ssl.create_default_context(cafile=str(self.authority.path))
        name = f"meter-{meter_id}"
        if self.by_certificate:
            context.load_cert_chain(*self.authority.issue(name))
        else:
            password = (self.folder / f"{name}.password").read_text().strip()
            client.username_pw_set(name, password)
        client.tls_set_context(context)
        client.connect("127.0.0.1", self.broker.port)
        client.loop_start()
        for _ in range(250):
            if client.is_connected():
                return client
            time.sleep(0.02)
        raise AssertionError("the adapter did not connect")

    def publish(self, meter_id: int, topic: str, *payloads: bytes) -> None:
        """Publish as a meter; a broker may end the connection of one who may not."""
        client = self.meter_client(meter_id)
        try:
            for payload in payloads:
                with contextlib.suppress(RuntimeError):
                    client.publish(topic, payload, qos=1).wait_for_publish(5)
        finally:
            client.disconnect()
            client.loop_stop()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    found = Site(tmp_path)
    found.broker.start()
    yield found
    found.broker.stop()


class Collected:
    """Keeps and acknowledges what arrives."""

    def __init__(self) -> None:
        self.found: list[tuple[int, bytes]] = []

    async def __call__(self, arrival: Arrival) -> None:
        self.found.append((arrival.meter_id, arrival.frame.raw))
        assert arrival.settle is not None
        arrival.settle(True)


def reader_of(section: MqttSection) -> MqttReader:
    return MqttReader(section, {"meters/1": (1, PlainFramer()), "meters/2": (2, PlainFramer())})


async def until(condition: Callable[[], bool], seconds: float = 10.0) -> bool:
    for _ in range(int(seconds / 0.02)):
        if condition():
            return True
        await asyncio.sleep(0.02)
    return condition()


def collect(site: Site, work: Callable[[], None], count: int) -> list[tuple[int, bytes]]:
    """What the bridge's reader gets while `work` is done."""

    async def scenario() -> list[tuple[int, bytes]]:
        sink, reader = Collected(), reader_of(site.section())
        task = asyncio.ensure_future(reader.run(sink))
        assert await until(lambda: reader.is_connected)
        await asyncio.to_thread(work)
        assert await until(lambda: len(set(sink.found)) >= count)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return sink.found

    return asyncio.run(scenario())


def connects(section: MqttSection, seconds: float = 0.7) -> bool:
    """Whether a reader gets its subscriptions."""

    async def scenario() -> bool:
        reader = reader_of(section)
        task = asyncio.ensure_future(reader.run(Collected()))
        found = await until(lambda: reader.is_connected, seconds)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return found

    return asyncio.run(scenario())


# --- Configuration and files ----------------------------------------------------------------------


@pytest.mark.parametrize("host", ["broker.example", "192.0.2.7", "0.0.0.0"])
def test_mqtt_section__plain_text_to_another_host__refused_unless_meant(host: str) -> None:
    with pytest.raises(ValueError, match="without encryption"):
        MqttSection(host=host)

    assert MqttSection(host=host, allow_plain=True).allow_plain
    assert MqttSection(host=host, ca_file=Path("ca.pem")).is_encrypted


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "::1", "127.8.9.10"])
def test_mqtt_section__plain_text_on_loopback__taken(host: str) -> None:
    assert not MqttSection(host=host).is_encrypted


def test_mqtt_section__half_a_certificate__refused() -> None:
    with pytest.raises(ValueError, match="belong together"):
        MqttSection(host="localhost", ca_file=Path("ca"), certificate_file=Path("c"))
    with pytest.raises(ValueError, match="set ca_file"):
        MqttSection(host="localhost", certificate_file=Path("c"), key_file=Path("k"))


def test_reader__certificate_files_missing__says_so_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(BridgeConfigurationError, match="TLS files"):
        reader_of(MqttSection(host="localhost", ca_file=tmp_path / "none.pem"))


def test_mqtt_acl__files__own_topics_only_and_private(tmp_path: Path) -> None:
    site = Site(tmp_path)

    acl = (tmp_path / "acl").read_text()
    assert "user bridge\ntopic read meters/1\ntopic read meters/2\n" in acl
    assert "user meter-1\ntopic write meters/1\n\nuser meter-2\ntopic write meters/2\n" in acl
    assert acl.count("topic ") == 4
    for name in ("acl", "passwords", "meter-1.password", "meter-2.password"):
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600
    passwords = (tmp_path / "passwords").read_text()
    assert [line.split(":")[0] for line in passwords.splitlines()] == [
        *("bridge", "meter-1", "meter-2")
    ]
    assert "a secret of the bridge" not in passwords
    assert users_of(BridgeConfig.load(tmp_path / "bridge.toml", {}))[0].may == "read"
    before = (tmp_path / "meter-1.password").read_text()
    arguments = ["mqtt-acl", str(tmp_path), "--config", str(tmp_path / "bridge.toml")]
    assert CliRunner().invoke(cli, arguments).exit_code == 0
    assert (tmp_path / "meter-1.password").read_text() == before
    assert site.section().username == "bridge"


def test_password_line__known_salt__as_mosquitto_passwd_writes_it() -> None:
    line = password_line("meter-1", "pw", bytes(12))

    assert line.startswith("meter-1:$7$101$AAAAAAAAAAAAAAAA$")
    assert len(line.split("$")[4]) == 88


def test_mqtt_acl__no_meter_over_mqtt__says_so(tmp_path: Path) -> None:
    text = CONFIG.format(port=1).replace("mqtt:meters/", "tcp://127.0.0.1:200")
    (tmp_path / "bridge.toml").write_text(text)

    arguments = ["mqtt-acl", str(tmp_path), "--config", str(tmp_path / "bridge.toml")]
    result = CliRunner().invoke(cli, arguments)

    assert result.exit_code == 1
    assert "nobody to give access to" in result.output


# --- A real broker --------------------------------------------------------------------------------


@pytest.mark.server("mosquitto")
def test_broker__publish_to_another_meters_topic__dropped(site: Site) -> None:
    def work() -> None:
        site.publish(2, "meters/1", *TELEGRAMS[:5])
        site.publish(1, "meters/1", TELEGRAMS[5])
        site.publish(2, "meters/2", TELEGRAMS[6])

    found = collect(site, work, 2)

    assert sorted(found) == [(1, TELEGRAMS[5]), (2, TELEGRAMS[6])]


@pytest.mark.server("mosquitto")
def test_broker__meter_subscribes__reads_nothing(site: Site) -> None:
    heard: list[bytes] = []
    spy = site.meter_client(2)
    spy.on_message = lambda _client, _data, message: heard.append(message.payload)
    spy.subscribe([("meters/1", 1), ("#", 1)])

    collect(site, lambda: site.publish(1, "meters/1", *TELEGRAMS[:3]), 3)

    spy.disconnect()
    spy.loop_stop()
    assert heard == []


@pytest.mark.server("mosquitto")
def test_broker__by_certificate__the_name_in_it_is_the_user(tmp_path: Path) -> None:
    site = Site(tmp_path, by_certificate=True)
    site.broker.start()
    try:
        certificate, key = site.authority.issue("bridge")
        own = {"certificate_file": certificate, "key_file": key, "username": None}
        assert not connects(site.section())
        (tmp_path / "bridge.toml").write_text(
            (tmp_path / "bridge.toml")
            .read_text()
            .replace('username = "bridge"\npassword_file = "bridge.password"\n', "")
            .replace("ca_file", 'certificate_file = "bridge.pem"\nkey_file = "bridge.key"\nca_file')
        )
        assert connects(site.section(**own), 10)

        def work() -> None:
            site.publish(2, "meters/1", TELEGRAMS[0])
            site.publish(1, "meters/1", TELEGRAMS[1])

        assert collect(site, work, 1) == [(1, TELEGRAMS[1])]
    finally:
        site.broker.stop()


@pytest.mark.server("mosquitto")
def test_tls__wrong_authority_plain_text_wrong_password__refused(site: Site) -> None:
    other = Authority(site.folder, "other")
    (site.folder / "wrong.password").write_text("guess\n")

    assert connects(site.section(), 10)
    assert not connects(site.section(ca_file=other.path))
    assert not connects(site.section(ca_file=None, allow_plain=True))
    assert not connects(site.section(password_file=site.folder / "wrong.password"))
    assert not connects(site.section(username=None, password_file=None))


@pytest.mark.server("mosquitto")
@pytest.mark.parametrize("fault", [{"expired": True}, {"host": "192.0.2.1"}])
def test_tls__expired_or_for_another_host__refused(tmp_path: Path, fault: dict[str, Any]) -> None:
    site = Site(tmp_path)
    site.certify(**fault)
    site.broker.start()
    try:
        assert not connects(site.section())
    finally:
        site.broker.stop()


@pytest.mark.server("mosquitto")
def test_tls__broker_restarts__nothing_published_is_lost(site: Site) -> None:
    """X-10 over TLS: what was queued when the broker stopped is read after it is back."""

    def work() -> None:
        site.publish(1, "meters/1", *TELEGRAMS[:4])
        site.broker.stop()
        site.broker.start()
        site.publish(1, "meters/1", *TELEGRAMS[4:8])

    found = collect(site, work, 8)

    assert {raw for _, raw in found} == set(TELEGRAMS[:8])

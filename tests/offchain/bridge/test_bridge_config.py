"""Configuration: file, environment, every fault at once; keys and their files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from meter_bridge.cli import cli
from meter_bridge.config import BridgeConfig, Source, SourceKind, SubmitMode, aes_key
from meter_bridge.errors import BridgeConfigurationError, KeyFileError
from meter_bridge.keys import DeviceKey, read_secret_file
from tests.offchain.bridge.support import PASSWORD, write_keystore

TEXT = """
[chain]
rpc_url = "http://127.0.0.1:8545"
chain_id = 31337
deployment = "deployments/31337.json"
[relayer]
keystore = "keys/relayer.json"
password_file = "keys/password"
[store]
path = "bridge.sqlite"
[[meter]]
id = 7
keystore = "keys/7.json"
password_file = "keys/password"
source = "tcp://meter.example:2001"
"""


def load(folder: Path, text: str = TEXT, **environment: str) -> BridgeConfig:
    path = folder / "bridge.toml"
    path.write_text(text)
    return BridgeConfig.load(path, environment)


def fault(folder: Path, text: str, **environment: str) -> str:
    with pytest.raises(BridgeConfigurationError) as caught:
        load(folder, text, **environment)
    return str(caught.value)


def test_load__file__defaults_and_paths_from_its_folder(tmp_path: Path) -> None:
    config = load(tmp_path)

    (meter,) = config.meter
    assert config.store.path == tmp_path / "bridge.sqlite"
    assert meter.keystore == tmp_path / "keys" / "7.json"
    assert meter.mode is SubmitMode.SINGLE
    assert meter.dialect == "dsmr5"
    assert meter.allowed_delay_seconds("system") == 60
    assert config.clock.source == "system"
    assert config.clock.max_skew_seconds == 5


def test_load__environment__replaces_values(tmp_path: Path) -> None:
    config = load(
        tmp_path,
        EG_BRIDGE_CHAIN__RPC_URL="http://127.0.0.1:9999",
        EG_BRIDGE_CLOCK__SOURCE="chain",
        EG_BRIDGE_SUBMISSION__BATCH_SIZE="7",
        EG_BRIDGE_STORE__PATH="/elsewhere/b.sqlite",
        EG_BRIDGE_CONFIG="ignored here",
        OTHER="x",
    )

    assert config.chain.rpc_url == "http://127.0.0.1:9999"
    assert config.clock.source == "chain"
    assert config.submission.batch_size == 7
    assert config.store.path == Path("/elsewhere/b.sqlite")


def test_load__unknown_variable__refused(tmp_path: Path) -> None:
    assert "EG_BRIDGE_CHIAN__RPC_URL" in fault(tmp_path, TEXT, EG_BRIDGE_CHIAN__RPC_URL="x")


def test_load__several_faults__all_named(tmp_path: Path) -> None:
    text = TEXT.replace("chain_id = 31337", "").replace("id = 7", "id = 0\ntypo = 1")

    found = fault(tmp_path, text)

    for name in ("chain.chain_id", "meter.0.id", "meter.0.typo"):
        assert name in found


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (('source = "tcp://meter.example:2001"', 'source = "tcp://meter.example"'), "expected tcp"),
        (('source = "tcp://meter.example:2001"', 'source = "mqtt:meters/+"'), "wildcard"),
        (('source = "tcp://meter.example:2001"', 'source = "mqtt:meters/7"'), "[mqtt]"),
        (("id = 7", 'id = 7\ndialect = "dsmr6"'), "expected one of dsmr2"),
        (("id = 7", 'id = 7\ndialect = "austria"'), "encryption_key_file"),
        (("id = 7", 'id = 7\nencryption_key_file = "k"'), "not encrypted"),
        (("id = 7", 'id = 7\nzone = "Europe/Atlantis"'), "Atlantis"),
    ],
)
def test_load__meter_that_cannot_work__refused(
    tmp_path: Path, change: tuple[str, str], words: str
) -> None:
    assert words in fault(tmp_path, TEXT.replace(*change))


def test_load__two_meters_with_one_source__refused(tmp_path: Path) -> None:
    second = TEXT[TEXT.index("[[meter]]") :].replace("id = 7", "id = 8").replace("7.json", "8.json")

    assert "one source" in fault(tmp_path, TEXT + second)


def test_load__no_file_or_no_toml__refused(tmp_path: Path) -> None:
    with pytest.raises(BridgeConfigurationError, match="EG_BRIDGE_CONFIG"):
        BridgeConfig.load(tmp_path / "missing.toml", {})
    assert "no TOML" in fault(tmp_path, "chain = [")


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("tcp://[::1]:2001", SourceKind.TCP),
        ("serial:///dev/ttyUSB0", SourceKind.SERIAL),
        ("file:///var/log/p1.txt?follow=1", SourceKind.FILE),
        ("file:///var/log/p1.txt", SourceKind.FILE),
        ("mqtt:meters/7/p1", SourceKind.MQTT),
    ],
)
def test_source__url_form__read_and_written(text: str, kind: SourceKind) -> None:
    source = Source.parse(text)

    assert source.kind is kind
    assert str(source) == text.replace("[", "").replace("]", "")


@pytest.mark.parametrize(
    "text", ["", "udp://h:1", "tcp://h", "serial://ttyUSB0", "file:///x?follow=2", "file:///x?a=1"]
)
def test_source__anything_else__refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected tcp://"):
        Source.parse(text)


@pytest.mark.parametrize("text", ["", "00", "zz" * 16, "00" * 17])
def test_aes_key__not_32_hex_digits__refused_without_showing_it(text: str) -> None:
    with pytest.raises(BridgeConfigurationError) as caught:
        aes_key(text, "encryption key")
    assert not text or text not in str(caught.value)


# --- Keys -----------------------------------------------------------------------------------------


def test_device_key__created_and_opened__same_address_and_private_file(tmp_path: Path) -> None:
    from eth_account import Account

    path = tmp_path / "keys" / "meter.json"

    created = DeviceKey.create(path, PASSWORD)

    assert DeviceKey.open(path, PASSWORD).address == created.address
    foreign = Account.decrypt(json.loads(path.read_text()), PASSWORD)
    assert Account.from_key(foreign).address == created.address
    assert path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(KeyFileError, match="exists"):
        DeviceKey.create(path, PASSWORD)


def test_device_key__wrong_password_or_file__says_what_to_do(tmp_path: Path) -> None:
    path = write_keystore(tmp_path / "meter.json", bytes(range(1, 33)))

    with pytest.raises(KeyFileError, match="password"):
        DeviceKey.open(path, "wrong")
    path.write_text("{}")
    with pytest.raises(KeyFileError, match="version 3"):
        DeviceKey.open(path, PASSWORD)
    with pytest.raises(KeyFileError, match="keys new"):
        DeviceKey.open(tmp_path / "missing.json", PASSWORD)


def test_device_key__shown__never_with_its_secret(tmp_path: Path) -> None:
    key = DeviceKey(bytes(range(1, 33)))

    assert bytes(range(1, 33)).hex() not in repr(key)
    assert key.address in repr(key)


def test_read_secret_file__newline_cut_empty_refused(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text(" a b \n")
    assert read_secret_file(path, "secret") == " a b "
    path.write_text("\n")
    with pytest.raises(KeyFileError, match="empty"):
        read_secret_file(path, "secret")


# --- Command line ---------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["run", "check"])
def test_cli__bad_configuration__one_clear_line(tmp_path: Path, command: str) -> None:
    result = CliRunner().invoke(cli, [command, "--config", str(tmp_path / "none.toml")])

    assert result.exit_code == 1
    assert "configuration cannot be read" in result.output
    assert "Traceback" not in result.output

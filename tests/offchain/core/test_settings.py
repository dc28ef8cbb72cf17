"""Settings, logs and preflight: everything wrong is told at once, nothing secret is shown."""

from __future__ import annotations

import io
import json
import logging
import socket

import pytest
import structlog
from pydantic import Field, SecretStr

from energy_grid.errors import ConfigurationError
from energy_grid.logs import configure_logs
from energy_grid.preflight import PortTakenError, load_chain, open_chain, require_free_port
from energy_grid.rpc import NodeUnreachableError
from energy_grid.settings import WEAK, ChainSettings, Environment, Settings, SettingsError
from tests.utils.anvil import free_port


class BridgeSettings(Settings):
    broker: str
    port: int = Field(gt=0)
    password: SecretStr
    url: str = Field(default="http://localhost", json_schema_extra=WEAK)


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch):
    import os

    for name in os.environ:
        if name.startswith("EG_"):
            monkeypatch.delenv(name)


def give(monkeypatch, **values):
    for name, value in values.items():
        monkeypatch.setenv(f"EG_{name}", value)


# --- Settings -------------------------------------------------------------------------------------


def test_load__from_environment(monkeypatch):
    give(monkeypatch, BROKER="mq", PORT="1883", PASSWORD="long and winding")

    settings = BridgeSettings.load()

    assert (settings.broker, settings.port, settings.url) == ("mq", 1883, "http://localhost")
    assert settings.password.get_secret_value() == "long and winding"
    assert settings.environment is Environment.DEVELOPMENT
    assert "winding" not in repr(settings)


def test_load__several_missing_and_one_wrong__all_named_at_once(monkeypatch):
    give(monkeypatch, PORT="minus one")

    with pytest.raises(SettingsError) as caught:
        BridgeSettings.load()

    assert set(caught.value.names) == {"EG_BROKER", "EG_PORT", "EG_PASSWORD"}
    assert "EG_BROKER: missing" in str(caught.value)
    assert "minus one" not in str(caught.value), "a wrong value may be a misplaced secret"


def test_load__secret_from_file(monkeypatch, tmp_path):
    (tmp_path / "secret").write_text("from the file\n")
    give(monkeypatch, BROKER="mq", PORT="1", PASSWORD_FILE=str(tmp_path / "secret"))

    assert BridgeSettings.load().password.get_secret_value() == "from the file"


def test_load__secret_file_missing_or_doubled__refused(monkeypatch, tmp_path):
    give(monkeypatch, BROKER="mq", PORT="1", PASSWORD_FILE=str(tmp_path / "nowhere"))
    with pytest.raises(SettingsError, match=r"EG_PASSWORD_FILE: .* cannot be read"):
        BridgeSettings.load()

    give(monkeypatch, PASSWORD="also this")
    with pytest.raises(SettingsError, match="given together with EG_PASSWORD"):
        BridgeSettings.load()


def test_load__env_file__read_and_overruled_by_the_environment(monkeypatch, tmp_path):
    file = tmp_path / ".env"
    file.write_text("# comment\nEG_BROKER=mq\nEG_PORT=1\nEG_PASSWORD='a b c d e'\nOTHER=1\n")
    give(monkeypatch, PORT="2")

    settings = BridgeSettings.load(file)

    assert (settings.broker, settings.port) == ("mq", 2)
    assert BridgeSettings.load(file, port=3).port == 3
    with pytest.raises(TypeError, match="has no prot"):
        BridgeSettings.load(file, prot=3)


def test_load__env_file_missing__says_what_to_do(tmp_path):
    with pytest.raises(ConfigurationError, match=r"missing.*Copy \.env\.example"):
        BridgeSettings.load(tmp_path / ".env")


def test_load__env_file_with_a_misspelt_name_or_no_value__refused(tmp_path):
    file = tmp_path / ".env"
    file.write_text("EG_BROCKER=mq\nEG_PORT\n")

    with pytest.raises(SettingsError) as caught:
        BridgeSettings.load(file)

    assert "EG_BROCKER: unknown, is EG_BROKER meant?" in str(caught.value)
    assert "EG_PORT: no NAME=value line" in str(caught.value)


def test_load__production_with_weak_values__all_named(monkeypatch):
    give(monkeypatch, ENVIRONMENT="production", BROKER="mq", PORT="1", PASSWORD="changeme")

    with pytest.raises(SettingsError) as caught:
        BridgeSettings.load()

    assert set(caught.value.names) == {"EG_URL", "EG_PASSWORD"}
    give(monkeypatch, URL="https://node.example", PASSWORD="long and winding")
    assert BridgeSettings.load().environment is Environment.PRODUCTION


def test_load__production_with_the_local_chain__refused(monkeypatch):
    give(monkeypatch, ENVIRONMENT="production")

    with pytest.raises(SettingsError, match="EG_RPC_URL"):
        ChainSettings.load()


# --- Logs -----------------------------------------------------------------------------------------


@pytest.fixture
def logged():
    stream = io.StringIO()
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    configure_logs("info", stream=stream)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    root.handlers[:] = before
    root.setLevel(level)
    structlog.reset_defaults()


def test_log__one_json_object_a_line(logged):
    structlog.get_logger("bridge").info("reading stored", meter_id=7, energy_wh=12)
    structlog.get_logger("bridge").debug("not shown")
    logging.getLogger("library").warning("plain %s", "text")

    first, second = logged()

    assert first["event"] == "reading stored"
    assert (first["meter_id"], first["energy_wh"], first["level"]) == (7, 12, "info")
    assert first["timestamp"].endswith("Z")
    assert (second["event"], second["level"]) == ("plain text", "warning")


def test_log__secrets__never_shown(logged):
    structlog.get_logger().warning(
        "calling https://user:pw1@node.example/v2/key2?token=key3",
        private_key="key4",
        value=SecretStr("key5"),
        nested={"mqtt_password": "key6", "urls": ["http://node.example/key7"]},
        settlement_token="0x5FbDB2315678afecb367f032d93F642f64180aa3",
    )
    try:
        raise ValueError("bad https://node.example/v3/key8")
    except ValueError:
        structlog.get_logger().exception("failed")

    text = json.dumps(logged())

    assert not any(secret in text for secret in ("pw1", *(f"key{i}" for i in range(2, 9))))
    assert "https://node.example" in text
    assert "0x5FbDB2315678afecb367f032d93F642f64180aa3" in text


# --- Preflight ------------------------------------------------------------------------------------


def test_require_free_port__free_then_taken():
    port = free_port()
    require_free_port(port, "the chain")

    with socket.socket() as other:
        other.bind(("127.0.0.1", port))
        other.listen()
        with pytest.raises(PortTakenError, match=rf"port {port} for the chain: .* found in use"):
            require_free_port(port, "the chain")


def test_open_chain__no_node__says_where_and_what_to_do():
    port = free_port()

    with pytest.raises(NodeUnreachableError, match=f"127.0.0.1:{port}.*Start the node"):
        open_chain(ChainSettings.load(rpc_url=f"http://127.0.0.1:{port}"))


def test_open_chain__other_chain_or_nothing_deployed__refused(anvil, tmp_path):
    chain = anvil(chain_id=4243)

    with pytest.raises(ConfigurationError, match="expected chain id 31337, found chain id 4243"):
        open_chain(ChainSettings.load(rpc_url=chain.url))
    settings = ChainSettings.load(
        rpc_url=chain.url, chain_id=4243, deployments_folder=str(tmp_path)
    )
    with pytest.raises(ConfigurationError, match="Deploy first"):
        open_chain(settings)
    with pytest.raises(ConfigurationError, match="deployment file missing"):
        load_chain(chain.rpc, tmp_path / "4243.json")

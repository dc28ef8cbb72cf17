"""Settings, keystore, preflight and command line of the engine, without a chain."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner
from eth_account import Account
from eth_keyfile.keyfile import create_keyfile_json

from energy_grid.errors import ConfigurationError
from energy_grid.settings import SettingsError
from oracles.engine.checks import run_checks
from oracles.engine.cli import cli
from oracles.engine.config import EngineSettings
from oracles.engine.service import account_of

KEY = bytes([7]) * 32
NOBODY_LISTENS = "http://127.0.0.1:9"


@pytest.fixture
def environment(tmp_path, monkeypatch):
    keystore, password = tmp_path / "key.json", tmp_path / "password"
    keystore.write_text(json.dumps(create_keyfile_json(KEY, b"secret", iterations=2)))
    password.write_text("secret\n")
    values = {
        "EG_ENGINE_KEYSTORE": str(keystore),
        "EG_ENGINE_PASSWORD_FILE": str(password),
        "EG_ENGINE_STORE": str(tmp_path / "engine.sqlite"),
        "EG_RPC_URL": NOBODY_LISTENS,
    }
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    return tmp_path


def test_settings__from_the_environment__policy_follows(environment, monkeypatch):
    monkeypatch.setenv("EG_ENGINE_TRANSACTION_GAS", "2000000")
    monkeypatch.setenv("EG_ENGINE_CLAIMS", "false")
    monkeypatch.setenv("EG_ENGINE_RELAY_LEAD_SECONDS", "60")

    policy = EngineSettings.load().policy()

    assert (policy.transaction_gas, policy.claims) == (2_000_000, False)
    assert policy.relay_lead_seconds == 60


def test_settings__missing_or_wrong__all_named_at_once(monkeypatch):
    monkeypatch.setenv("EG_ENGINE_TRANSACTION_GAS", "16777217")

    with pytest.raises(SettingsError) as error:
        EngineSettings.load()

    assert set(error.value.names) == {
        "EG_ENGINE_KEYSTORE", "EG_ENGINE_PASSWORD", "EG_ENGINE_TRANSACTION_GAS",
    }  # fmt: skip


def test_account__keystore_and_password__the_key(environment):
    assert account_of(EngineSettings.load()).address == Account.from_key(KEY).address


@pytest.mark.parametrize(
    ("name", "content", "text"),
    [
        ("password", "wrong", "cannot be opened"),
        ("key.json", "{}", "cannot be opened"),
        ("key.json", "no json", "cannot be opened"),
    ],
)
def test_account__wrong__says_what_to_check(environment, name, content, text):
    (environment / name).write_text(content)

    with pytest.raises(ConfigurationError, match=text) as error:
        account_of(EngineSettings.load())

    assert "secret" not in str(error.value)


def test_account__no_file__says_so(environment):
    (environment / "key.json").unlink()

    with pytest.raises(ConfigurationError, match="cannot be read"):
        account_of(EngineSettings.load())


def test_check__no_node__that_is_bad_and_the_rest_is_looked_at(environment):
    found = {check.name: check for check in run_checks(EngineSettings.load())}

    assert [name for name, check in found.items() if not check.is_good] == ["chain"]
    assert "no node answers" in found["chain"].detail
    assert found["solver"].detail == "prices (100, 300), flow 10"
    assert "0 transactions open" in found["store"].detail


def test_check__json__good_only_if_all_is(environment):
    answer = CliRunner().invoke(cli, ["check", "--json"])

    document = json.loads(answer.output)
    assert answer.exit_code == 1
    assert document["good"] is False
    assert {check["name"] for check in document["checks"]} == {"chain", "key", "store", "solver"}


@pytest.mark.parametrize("arguments", [["run"], ["once"], ["submit", "0x00"]])
def test_commands__no_node__one_line_on_stderr(environment, arguments):
    answer = CliRunner(mix_stderr=False).invoke(cli, arguments)

    assert answer.exit_code == 1
    assert answer.stdout == ""
    assert answer.stderr.count("\n") == 1 and answer.stderr.startswith("engine: no node answers")


def test_submit__no_hexadecimal__usage_error(environment, monkeypatch):
    monkeypatch.setattr("oracles.engine.cli.Engine.open", lambda _settings: None)

    answer = CliRunner().invoke(cli, ["submit", "0xzz"])

    assert answer.exit_code == 2
    assert "expected bytes in hexadecimal" in answer.output

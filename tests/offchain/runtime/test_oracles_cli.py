"""The command line of the keepers, without a chain.

check: no node, of one | of all
run: unknown name | no node
status: nobody there | ready | not ready | something else answers | endpoint that is none
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from energy_grid.errors import ConfigurationError
from energy_grid.ops import Health, Metrics, OpsServer
from oracles.runtime import registry
from oracles.runtime.cli import cli
from oracles.runtime.keeper import Program
from oracles.runtime.status import endpoint_of


@pytest.fixture
def environment(tmp_path, monkeypatch):
    monkeypatch.setenv("EG_RPC_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("EG_KEEPER_FOLDER", str(tmp_path))
    monkeypatch.setenv("EG_OPS_PORT", "0")
    monkeypatch.setenv("EG_REPORTER_SOURCES", str(tmp_path / "sources.json"))
    monkeypatch.setenv("EG_REPORTER_COLLECTORS", "http://127.0.0.1:9")
    return tmp_path


def run(*arguments):
    return CliRunner().invoke(cli, list(arguments))


@pytest.mark.parametrize("name", registry.names())
def test_program_of__each_name__is_its_program(name):
    program = registry.program_of(name)
    assert isinstance(program, Program)
    assert program.name == name


def test_program_of__unknown__refused():
    with pytest.raises(ConfigurationError, match="no keeper 'x'"):
        registry.program_of("x")


def test_ports__of_all_keepers__differ():
    ports = [entry.port for entry in registry.ENTRIES.values()]
    assert len(ports) == len(set(ports))


@pytest.mark.parametrize("name", registry.names())
def test_check__no_node__said_and_the_rest_looked_at(environment, name):
    result = run("check", name, "--json")

    assert result.exit_code == 1
    found = {check["name"]: check for check in json.loads(result.output)["keepers"][name]}
    assert not found["chain"]["good"]
    assert "no node answers" in found["chain"]["detail"]


def test_check__all__names_each(environment):
    result = run("check")
    assert result.exit_code == 1
    assert [line for line in result.output.splitlines() if not line.startswith(" ")] == list(
        registry.names()
    )


def test_check__keystore_without_password__said(environment, monkeypatch):
    monkeypatch.setenv("EG_KEEPER_KEYSTORE", str(Path("key.json")))
    found = json.loads(run("check", "clearing", "--json").output)["keepers"]["clearing"]
    (key,) = [check for check in found if check["name"] == "key"]
    assert not key["good"]
    assert "found no password" in key["detail"]


def test_once__no_node__says_what_to_do(environment):
    result = run("once", "clearing")
    assert result.exit_code == 1
    assert "oracles: no node answers at http://127.0.0.1:9" in result.output


def test_run__unknown_name__lists_the_names(environment):
    result = run("run", "mining")
    assert result.exit_code == 2
    assert "clearing" in result.output


def test_status__ready_and_away__table_and_exit_code():
    health = Health()
    health.beat("node", "block 7")
    with OpsServer(health, Metrics("clearing")) as server:
        well = run("status", "--json", "--endpoint", f"clearing={server.url}")
        mixed = run(
            "status", "--endpoint", f"clearing={server.url}",
            "--endpoint", "matching=http://127.0.0.1:9",
        )  # fmt: skip
        health.report("node", False, "away")
        ill = run("status", "--json", "--endpoint", f"clearing={server.url}")

    assert well.exit_code == 0
    assert json.loads(well.output)["daemons"][0]["components"][0]["name"] == "node"
    assert mixed.exit_code == 1
    assert "ready" in mixed.output and "away" in mixed.output
    assert ill.exit_code == 1
    assert json.loads(ill.output)["daemons"][0]["detail"] == "node: away"


def test_endpoint_of__no_url__refused():
    with pytest.raises(ConfigurationError, match="NAME=http"):
        endpoint_of("clearing:9101")

"""The processes of a live day: what each is started with, and how to see that it is ready."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from eth_account.signers.local import LocalAccount

from energy_grid.feeds import FeedKind
from energy_grid.settings import PREFIX
from simulation.live.accounts import PASSWORD, LiveKeys, keystore_of
from simulation.live.chain import chain_command
from simulation.live.files import write_atomically
from simulation.live.plan import HOST, LivePlan
from simulation.live.state import HORIZONS
from simulation.live.world import World, fleet_of
from simulation.market_day.fleet import FleetMeter
from simulation.market_day.keys import write_keystore
from simulation.physics.zones import ZONES

CHAIN: Final = "chain"
TWIN: Final = "twin"
AGENTS: Final = "agents"
KEEPERS: Final = ("clearing", "matching", "settlement", "quote", "guardian", "balancing")
COLLECTOR: Final = "collector"

FORECASTS: Final = (FeedKind.EXPECTED_SUPPLY, FeedKind.EXPECTED_DEMAND)
_POLL_SECONDS: Final = 1.0
_RETRY_SECONDS: Final = 2.0


@dataclass(frozen=True)
class Service:
    """One process.

    Attributes:
        name: what it is called, in the pid file and the log too.
        command: how to start it.
        environment: settings on top of the common ones.
        ready_url: answers 200 when it is ready; None: ready when it runs.
    """

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    ready_url: str | None = None


def services_of(plan: LivePlan, world: World) -> tuple[Service, ...]:
    """All processes in the order of their start; writes their configurations and keystores."""
    keys = LiveKeys.derive(plan)
    bridges = [f"bridge-{number}" for number in range(1, plan.bridges + 1)]
    reporters = [f"reporter-{number}" for number in range(1, plan.reporters + 1)]
    names = [TWIN, AGENTS, *bridges, *KEEPERS, COLLECTOR, *reporters]
    ports = {name: plan.ops_port(index) for index, name in enumerate(names)}
    found = [Service(CHAIN, chain_command(plan))]
    for name in (TWIN, AGENTS):
        found.append(
            Service(
                name,
                (*_python("simulation.live"), name, "--folder", str(plan.folder),
                 "--ops-port", str(ports[name])),
                ready_url=_ready(ports[name]),
            )
        )  # fmt: skip
    fleet = fleet_of(plan, world)
    for number, name in enumerate(bridges):
        meters = fleet[number :: plan.bridges]
        config = _bridge_config(plan, keys, number, meters, ports[name])
        command = (*_python("meter_bridge"), "run", "--config", str(config))
        found.append(Service(name, command, ready_url=_ready(ports[name])))
    for name in (*KEEPERS, COLLECTOR):
        settings = _keeper_settings(plan, keys.keepers[name], name, ports[name])
        found.append(_oracles_program(name, name, settings, ports[name]))
    sources = _sources_file(plan)
    for name, account in zip(reporters, keys.reporters, strict=True):
        settings = _keeper_settings(plan, account, name, ports[name]) | _prefixed(
            {
                "LOG_LEVEL": "warning",  # each question to the twin would be a line
                "REPORTER_SOURCES": sources,
                "REPORTER_COLLECTORS": f"http://{HOST}:{plan.collector_port}",
            }
        )
        found.append(_oracles_program(name, "reporter", settings, ports[name]))
    return tuple(found)


def _oracles_program(name: str, program: str, settings: dict[str, str], port: int) -> Service:
    command = (*_python("oracles"), "run", program, "--loop")
    return Service(name, command, settings, _ready(port))


def environment_of(service: Service) -> dict[str, str]:
    """Environment of a process; what the user has set is for other chains."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    return kept | dict(service.environment)


def _python(module: str) -> tuple[str, ...]:
    return (sys.executable, "-m", module)


def _ready(port: int) -> str:
    return f"http://{HOST}:{port}/readyz"


def _prefixed(settings: Mapping[str, Any]) -> dict[str, str]:
    return {f"{PREFIX}{setting}": str(value) for setting, value in settings.items()}


def _keeper_settings(plan: LivePlan, account: LocalAccount, name: str, port: int) -> dict[str, str]:
    folder = plan.folder / "keepers"
    keystore, password = keystore_of(account, name, folder / "keys")
    return _prefixed(
        {
            "RPC_URL": plan.rpc_url,
            "CHAIN_ID": plan.chain_id,
            "DEPLOYMENTS_FOLDER": plan.deployments,
            "OPS_PORT": port,
            "KEEPER_KEYSTORE": keystore,
            "KEEPER_PASSWORD_FILE": password,
            "KEEPER_FOLDER": folder / name,
            "KEEPER_LOCK_FOLDER": plan.locks,
            "KEEPER_CONFIRMATIONS": plan.confirmations,
            "KEEPER_POLL_SECONDS": _POLL_SECONDS,
            "KEEPER_RETRY_SECONDS": _RETRY_SECONDS,
            # Before the day the chain stands still for as long as everybody needs to get ready.
            "KEEPER_HEAD_SECONDS": 0,
            "ENGINE_RELAY_WAIT_SECONDS": 0,
            "ENGINE_DROP_FOLDER": plan.orders,
            "SETTLEMENT_LEAST_SLOTS": 2,
            "SETTLEMENT_WAIT_SLOTS": 1,
            "COLLECTOR_PORT": plan.collector_port,
            "COLLECTOR_WAIT_SECONDS": _POLL_SECONDS,
            "GUARDIAN_INBOXES": json.dumps([str(folder / COLLECTOR / "evidence.jsonl")]),
        }
    )


def _sources_file(plan: LivePlan) -> Path:
    """Every reporter asks the twin, as each would its own instruments."""
    horizons = list(HORIZONS)
    feeds = [
        {
            "kind": kind.name.lower(),
            "zone": zone,
            "sources": ["twin"],
            "horizons": horizons if kind in FORECASTS else [0],
        }
        for zone in ZONES
        for kind in FeedKind
        if kind is not FeedKind.NONE
    ]
    content = {
        "http": {"allowed_hosts": [plan.twin_url.partition("//")[2]]},
        "sources": {"twin": {"type": "simulation", "url": f"{plan.twin_url}/state"}},
        "feeds": feeds,
    }
    file = plan.folder / "keepers" / "sources.json"
    write_atomically(file, json.dumps(content, indent=2) + "\n")
    return file


def _bridge_config(
    plan: LivePlan, keys: LiveKeys, number: int, fleet: tuple[FleetMeter, ...], port: int
) -> Path:
    """Configuration of a bridge with meters of its own."""
    folder = plan.folder / f"bridge-{number + 1}"
    key_folder = folder / "keys"
    keystore_of(keys.relayers[number], "relayer", key_folder)
    sections: list[tuple[str, dict[str, Any]]] = [
        (
            "[chain]",
            {
                "rpc_url": plan.rpc_url,
                "chain_id": plan.chain_id,
                "deployment": str(plan.deployment_file),
                "confirmations": plan.confirmations,
            },
        ),
        (
            "[relayer]",
            {
                "keystore": "keys/relayer.json",
                "password_file": "keys/password",
                "lock_folder": str(plan.locks),
            },
        ),
        ("[store]", {"path": "bridge.sqlite"}),
        ("[clock]", {"source": "chain", "check_skew": False}),
        ("[ops]", {"host": HOST, "port": port}),
        (
            "[submission]",
            {
                "batch_size": min(len(fleet), 60),
                "batch_window_seconds": 1.0,
                "cycle_seconds": _POLL_SECONDS,
            },
        ),
    ]
    sections += [("[[meter]]", _meter(plan, meter, key_folder)) for meter in fleet]
    # A JSON string, number or boolean is a TOML one too.
    text = "\n\n".join(
        "\n".join([head, *(f"{name} = {json.dumps(value)}" for name, value in values.items())])
        for head, values in sections
    )
    write_atomically(folder / "bridge.toml", text + "\n")
    return folder / "bridge.toml"


def _meter(plan: LivePlan, meter: FleetMeter, key_folder: Path) -> dict[str, Any]:
    keystore = key_folder / f"meter-{meter.meter_id}.json"
    if not keystore.exists():
        write_keystore(meter.device, PASSWORD, keystore)
    section: dict[str, Any] = {
        "id": meter.meter_id,
        "keystore": f"keys/{keystore.name}",
        "password_file": "keys/password",
        "source": f"tcp://{HOST}:{plan.meter_port(meter.meter_id)}",
        "dialect": meter.dialect,
        "mode": "single",
    }
    if meter.encryption_key is not None:
        key_file = key_folder / f"meter-{meter.meter_id}.port-key"
        if not key_file.exists():
            write_atomically(key_file, meter.encryption_key.hex())
            key_file.chmod(0o600)
        section["encryption_key_file"] = f"keys/{key_file.name}"
    return section

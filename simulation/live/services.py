"""The processes of a live day: what each is started with, and how to see that it is ready."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from energy_grid.settings import PREFIX
from simulation.live.accounts import PASSWORD, LiveKeys, keystore_of
from simulation.live.chain import CONFIRMATIONS, chain_command
from simulation.live.files import write_atomically
from simulation.live.plan import HOST, LivePlan
from simulation.live.world import World, fleet_of
from simulation.market_day.fleet import FleetMeter
from simulation.market_day.keys import write_keystore

CHAIN: Final = "chain"
TWIN: Final = "twin"
AGENTS: Final = "agents"
KEEPERS: Final = ("clearing", "matching", "settlement")

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
    names = [TWIN, AGENTS, *(f"bridge-{n}" for n in range(1, plan.bridges + 1)), *KEEPERS]
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
    for number in range(plan.bridges):
        config = _bridge_config(plan, keys, number, fleet[number :: plan.bridges])
        command = (*_python("meter_bridge"), "run", "--config", str(config))
        found.append(Service(f"bridge-{number + 1}", command))
    for name in KEEPERS:
        found.append(
            Service(
                name,
                (*_python("oracles"), "run", name, "--loop"),
                _keeper_settings(plan, keys, name, ports[name]),
                _ready(ports[name]),
            )
        )
    return tuple(found)


def environment_of(service: Service) -> dict[str, str]:
    """Environment of a process; what the user has set is for other chains."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    return kept | dict(service.environment)


def _python(module: str) -> tuple[str, ...]:
    return (sys.executable, "-m", module)


def _ready(port: int) -> str:
    return f"http://{HOST}:{port}/readyz"


def _keeper_settings(plan: LivePlan, keys: LiveKeys, name: str, port: int) -> dict[str, str]:
    folder = plan.folder / "keepers"
    keystore, password = keystore_of(keys.keepers[name], name, folder / "keys")
    settings: dict[str, Any] = {
        "RPC_URL": plan.rpc_url,
        "CHAIN_ID": plan.chain_id,
        "DEPLOYMENTS_FOLDER": plan.deployments,
        "OPS_PORT": port,
        "KEEPER_KEYSTORE": keystore,
        "KEEPER_PASSWORD_FILE": password,
        "KEEPER_FOLDER": folder,
        "KEEPER_LOCK_FOLDER": plan.locks,
        "KEEPER_CONFIRMATIONS": CONFIRMATIONS,
        "KEEPER_POLL_SECONDS": _POLL_SECONDS,
        "KEEPER_RETRY_SECONDS": _RETRY_SECONDS,
        # Before the day the chain stands still for as long as everybody needs to get ready.
        "KEEPER_HEAD_SECONDS": 0,
        "ENGINE_RELAY_WAIT_SECONDS": 0,
        "ENGINE_DROP_FOLDER": plan.orders,
        "SETTLEMENT_LEAST_SLOTS": 4,
        "SETTLEMENT_WAIT_SLOTS": 2,
    }
    return {f"{PREFIX}{setting}": str(value) for setting, value in settings.items()}


def _bridge_config(
    plan: LivePlan, keys: LiveKeys, number: int, fleet: tuple[FleetMeter, ...]
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
                "confirmations": CONFIRMATIONS,
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

"""`python -m meter_bridge check`: is everything a bridge needs there, and what to do if not."""

from __future__ import annotations

import socket
import sqlite3
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

from energy_grid.deployments import Deployment
from energy_grid.errors import EnergyGridError
from energy_grid.outbox import State
from energy_grid.rpc import Rpc, public_url
from energy_grid.rpc_pool import open_rpc
from meter_bridge.assembly import (
    clock_for,
    contract_for,
    framer_for,
    open_device_key,
    open_store,
    sunspec_reader_for,
)
from meter_bridge.chain import ChainRegistry, require_deployed, smart_meter_of
from meter_bridge.config import BridgeConfig, MeterSection, SourceKind
from meter_bridge.errors import RegistryError
from meter_bridge.keys import Relayer, read_secret_file
from meter_bridge.registry import RegisteredMeter

if TYPE_CHECKING:
    from meter_bridge.readers.base import Arrival
    from meter_bridge.readers.sunspec import Device

CONNECT_SECONDS: Final = 3.0
LOW_BALANCE_TRANSACTIONS: Final = 50
BATCH_GAS: Final = 3_000_000
"""What a full batch of readings uses, roughly: for the balance check only."""


@dataclass(frozen=True, slots=True)
class Check:
    """Outcome of one check."""

    name: str
    is_good: bool
    detail: str


def run_checks(config: BridgeConfig) -> Iterator[Check]:
    """All checks, in the order in which their causes should be mended."""
    rpc = open_rpc(config.chain.rpc_url, timeout_seconds=CONNECT_SECONDS)
    yield _checked("node", lambda: f"block {rpc.block_number()} at {public_url(rpc.url)}")
    yield _checked("chain id", lambda: _chain_id(config, rpc))
    yield _checked("deployment", lambda: _deployment(config, rpc))
    yield _checked("relayer", lambda: _relayer(config, rpc))
    yield _checked("store", lambda: _store(config))
    yield _checked("clock", lambda: _clock(config, rpc))
    for meter in config.meter:
        yield _checked(f"meter {meter.id}: key", partial(_meter, config, meter, rpc))
        yield _checked(f"meter {meter.id}: source", partial(_source, config, meter, rpc))


def _checked(name: str, check: Callable[[], str]) -> Check:
    try:
        return Check(name, True, check())
    except (EnergyGridError, OSError) as error:
        return Check(name, False, str(error))


def _chain_id(config: BridgeConfig, rpc: Rpc) -> str:
    rpc.require_chain_id(config.chain.chain_id)
    return str(config.chain.chain_id)


def _deployment(config: BridgeConfig, rpc: Rpc) -> str:
    deployment = Deployment.read(config.chain.deployment, config.chain.chain_id)
    contract = smart_meter_of(deployment, rpc)
    require_deployed(deployment, contract, rpc)
    return f"SmartMeter at {contract.address}"


def _relayer(config: BridgeConfig, rpc: Rpc) -> str:
    password = read_secret_file(config.relayer.password_file, "password of the relayer")
    relayer = Relayer.open(config.relayer.keystore, password)
    balance = rpc.balance(relayer.address)
    price = int(rpc.call("eth_gasPrice"), 16)
    enough = BATCH_GAS * price * LOW_BALANCE_TRANSACTIONS
    if balance < enough:
        raise RegistryError(
            f"relayer {relayer.address} has little money",
            expected=f"at least {enough} wei, about {LOW_BALANCE_TRANSACTIONS} transactions",
            found=f"{balance} wei",
            remedy="Send it some; it needs no other right",
        )
    return f"{relayer.address} with {balance / 10**18:.4f} of the chain's coin"


def _store(config: BridgeConfig) -> str:
    """The store's folder takes a synchronous write, and an existing store is whole."""
    store = open_store(config)
    outbox = store.outbox
    try:
        found = outbox.connection.execute("PRAGMA quick_check").fetchone()[0]
    except sqlite3.Error as error:
        found = str(error)
    if found != "ok":
        raise RegistryError(
            f"store {store.path} is damaged", expected="ok", found=found, remedy="Restore a copy"
        )
    waiting = outbox.count(*(state for state in State if state.is_open))
    kind = "plain" if store.vault is None else "encrypted"
    return f"{store.path}, {kind}, {waiting} transactions waiting"


def _clock(config: BridgeConfig, rpc: Rpc) -> str:
    if config.clock.source == "chain":
        return f"chain time {clock_for(config).now()}"
    behind = int(rpc.block("latest")["timestamp"], 16) - time.time()
    limit = config.clock.max_skew_seconds
    if config.clock.check_skew and behind > limit:
        raise RegistryError(
            "this host's clock is behind the chain's",
            expected=f"at most {limit} s",
            found=f"{behind:.1f} s",
            remedy="Set this host's clock (NTP)",
        )
    return "system clock not behind the newest block"


def _meter(config: BridgeConfig, meter: MeterSection, rpc: Rpc) -> str:
    key = open_device_key(meter)
    found = ChainRegistry(contract_for(config, rpc), rpc).meters([meter.id])[meter.id]
    if isinstance(found, RegistryError):
        raise found
    if found.device_key != key.address:
        raise RegistryError(
            f"meter {meter.id} has another device key on chain",
            expected=found.device_key,
            found=key.address,
            remedy="Use the keystore that was registered, or correct the meter's id",
        )
    if not found.is_active:
        raise RegistryError(f"meter {meter.id} on chain", expected="active", found=found.status)
    return f"{key.address}, {found.status}, last reading {found.latest.registers.boundary}"


def _source(config: BridgeConfig, meter: MeterSection, rpc: Rpc) -> str:
    source = meter.source
    if source.kind is SourceKind.SUNSPEC:
        return _sunspec(config, meter, rpc)
    framer_for(meter)
    if source.kind is SourceKind.FILE:
        size = source.path.stat().st_size
        return f"{source}, {size} bytes"
    if source.kind is SourceKind.SERIAL:
        with source.path.open("rb"):
            return str(source)
    host, port = source.host, source.port
    if source.kind is SourceKind.MQTT and config.mqtt is not None:
        host, port = config.mqtt.host, config.mqtt.port
    with socket.create_connection((host, port), CONNECT_SECONDS):
        return f"{source} by {host}:{port}"


def _sunspec(config: BridgeConfig, meter: MeterSection, rpc: Rpc) -> str:
    """The device answers, and is registered with the width of its registers (rule V12)."""
    import asyncio

    from meter_bridge.readers.sunspec import SharedClock
    from meter_bridge.sunspec.decoding import SunSpecDecoder
    from meter_bridge.sunspec.models import Block, width_of

    async def probe() -> tuple[Device, Arrival]:
        clock = SharedClock(clock_for(config))
        return await sunspec_reader_for(config, meter, clock).probe()

    device, arrival = asyncio.run(probe())
    telegram = SunSpecDecoder().read(arrival.frame)
    if meter.equipment_id and telegram.equipment != meter.equipment_id:
        raise RegistryError(
            "another device answers", expected=meter.equipment_id, found=telegram.equipment
        )
    width_wh = width_of(Block(device.model, arrival.frame.raw[len(device.common) :]), device.model)
    found = ChainRegistry(contract_for(config, rpc), rpc).meters([meter.id])[meter.id]
    if isinstance(found, RegisteredMeter) and width_wh not in (None, found.register_width_wh):
        raise RegistryError(
            "the meter is registered with another register width than its device has",
            expected=f"{width_wh} Wh",
            found=f"{found.register_width_wh} Wh",
            remedy="Its registers would not be believed when they roll over: register it anew",
        )
    return (
        f"{meter.source}, model {device.model}, serial {telegram.equipment or 'none'}, "
        f"export {telegram.export_wh} Wh, rolls over at {width_wh or 'no value'}"
    )

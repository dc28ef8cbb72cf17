"""Builds the parts of a bridge from its configuration."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from energy_grid.contracts import Contract
from energy_grid.deployments import Deployment
from energy_grid.outbox import KeyLock, Outbox, Sender
from energy_grid.rpc import Rpc
from energy_grid.rpc_pool import open_rpc
from meter_bridge.chain import CONTRACT, ChainPages, OutcomeWatch, require_deployed, smart_meter_of
from meter_bridge.clock import ChainClock, Clock, SystemClock
from meter_bridge.config import (
    BridgeConfig,
    MeterSection,
    Source,
    SourceKind,
    SubmitMode,
    aes_key,
)
from meter_bridge.engine import Engine
from meter_bridge.errors import BridgeConfigurationError
from meter_bridge.keys import DeviceKey, Relayer, read_secret_file
from meter_bridge.locks import MeterLocks
from meter_bridge.meters import Meter
from meter_bridge.readers.base import Reader
from meter_bridge.sending import SendingThread
from meter_bridge.store import Store
from meter_bridge.telegrams.framing import CipherFramer, Framer, PlainFramer
from meter_bridge.telegrams.telegram import FrameReader, TelegramReader

if TYPE_CHECKING:
    from meter_bridge.readers.sunspec import SharedClock, SunSpecReader

CHAIN_CLOCK_TIMEOUT_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True)
class Parts:
    """What a running bridge consists of.

    Args:
        lookup_rpc: the node for what runs beside the telegrams; the clock and the sending thread
            have connections of their own.
        pages: what the chain knows of pages, on a connection of its own; None without pages.
    """

    config: BridgeConfig
    lookup_rpc: Rpc
    contract: Contract
    outbox: Outbox
    engine: Engine
    pages: ChainPages | None = None


def framer_for(meter: MeterSection) -> Framer:
    """The framer of a meter's dialect, with its keys if telegrams come encrypted."""
    dialect = meter.dialect_of
    if not dialect.is_encrypted or meter.encryption_key_file is None:
        return PlainFramer()
    what = f"of meter {meter.id}"
    encryption_key = aes_key(
        read_secret_file(meter.encryption_key_file, f"encryption key {what}"),
        f"encryption key {what}",
    )
    authentication_key = dialect.authentication_key
    if meter.authentication_key_file is not None:
        name = f"authentication key {what}"
        authentication_key = aes_key(read_secret_file(meter.authentication_key_file, name), name)
    if authentication_key is None:
        raise BridgeConfigurationError(f"no authentication key {what}")
    return CipherFramer(encryption_key, authentication_key)


def telegram_reader_for(meter: MeterSection) -> FrameReader:
    """Reads the registers of what a meter sends."""
    if meter.source.kind is SourceKind.SUNSPEC:
        from meter_bridge.sunspec.decoding import SunSpecDecoder

        return SunSpecDecoder()
    return TelegramReader(
        meter.dialect_of,
        zone=meter.zone,
        seasons=meter.seasons,
        accept_unflagged_time=meter.accept_unflagged_time,
        import_only=meter.import_only,
    )


def open_device_key(meter: MeterSection) -> DeviceKey:
    """The key of a meter."""
    password = read_secret_file(meter.password_file, f"password of meter {meter.id}")
    return DeviceKey.open(meter.keystore, password)


def open_meters(
    config: BridgeConfig, opened: Callable[[MeterSection], None] = lambda _: None
) -> list[Meter]:
    """All meters with their keys; `opened` is told of each, since a keystore takes a while."""
    meters = []
    for section in config.meter:
        meters.append(Meter(section, telegram_reader_for(section), open_device_key(section)))
        opened(section)
    return meters


def readers_for(config: BridgeConfig) -> list[Reader]:
    """One reader per stream or file, one for all topics of the broker."""
    readers: list[Reader] = []
    topics: dict[str, tuple[int, Framer]] = {}
    devices = [meter for meter in config.meter if meter.source.kind is SourceKind.SUNSPEC]
    if devices:
        readers += _sunspec_readers(config, devices)
    for meter in config.meter:
        if meter.source.kind is SourceKind.SUNSPEC:
            continue
        framer = framer_for(meter)
        if meter.source.kind is SourceKind.MQTT:
            topics[meter.source.topic] = (meter.id, framer)
        else:
            readers.append(_stream_or_file(meter.source, meter, framer))
    if topics and config.mqtt is not None:
        from meter_bridge.readers.mqtt import MqttReader

        readers.append(MqttReader(config.mqtt, topics))
    return readers


def _sunspec_readers(config: BridgeConfig, meters: list[MeterSection]) -> list[Reader]:
    from meter_bridge.readers.sunspec import SharedClock

    # A clock of their own: the engine's belongs to the engine's thread.
    clock = SharedClock(clock_for(config))
    return [sunspec_reader_for(config, meter, clock) for meter in meters]


def sunspec_reader_for(
    config: BridgeConfig, meter: MeterSection, clock: SharedClock
) -> SunSpecReader:
    """The reader of one SunSpec device."""
    from meter_bridge.readers.sunspec import CHAIN_TICK_SECONDS, TICK_SECONDS, SunSpecReader

    return SunSpecReader(
        meter.id,
        meter.source.host,
        meter.source.port,
        meter.source.unit,
        clock,
        model=meter.source.model,
        tick_seconds=CHAIN_TICK_SECONDS if config.clock.source == "chain" else TICK_SECONDS,
    )


def _stream_or_file(source: Source, meter: MeterSection, framer: Framer) -> Reader:
    if source.kind is SourceKind.FILE:
        from meter_bridge.readers.file import FileReader

        return FileReader(meter.id, framer, source.path, follow=source.follow)
    from meter_bridge.readers.stream import SerialReader, TcpReader

    if source.kind is SourceKind.TCP:
        return TcpReader(meter.id, framer, source.host, source.port)
    return SerialReader(meter.id, framer, source.path, meter.dialect_of.line)


def clock_for(config: BridgeConfig) -> Clock:
    """The configured clock."""
    if config.clock.source == "system":
        return SystemClock()
    return ChainClock(open_rpc(config.chain.rpc_url, timeout_seconds=CHAIN_CLOCK_TIMEOUT_SECONDS))


def contract_for(config: BridgeConfig, rpc: Rpc) -> Contract:
    """The SmartMeter of the configured deployment.

    Raises:
        ConfigurationError: no such deployment, of another chain, or the contracts are not compiled.
    """
    deployment = Deployment.read(config.chain.deployment, config.chain.chain_id)
    return smart_meter_of(deployment, rpc)


def sending_thread_for(config: BridgeConfig, outbox: Outbox) -> SendingThread:
    """The sender with the relayer's key and a node connection of its own.

    Raises:
        KeyFileError: the relayer's keystore does not open.
    """
    rpc = open_rpc(config.chain.rpc_url)
    deployment = Deployment.read(config.chain.deployment, config.chain.chain_id)
    contract = smart_meter_of(deployment, rpc)
    password = read_secret_file(config.relayer.password_file, "password of the relayer")
    sender = Sender(
        outbox,
        rpc,
        Relayer.open(config.relayer.keystore, password),
        confirmations=config.chain.confirmations,
        max_in_flight=config.submission.max_in_flight,
        decode_error=lambda data: str(contract.decode_error(data)),
        lock_folder=config.relayer.lock_folder,
    )

    def verify() -> None:
        rpc.require_chain_id(config.chain.chain_id)
        require_deployed(deployment, contract, rpc)

    watch = OutcomeWatch(contract, rpc, outbox)
    return SendingThread(sender, watch, config.submission.cycle_seconds, verify)


def open_store(config: BridgeConfig) -> Store:
    """The configured store with its outbox, decrypted if it is encrypted.

    Raises:
        ConfigurationError: it is plain or encrypted against the configuration, or the key is not
            its own.
    """
    return Store(Outbox(config.store.path), key_file_of(config))


def key_file_of(config: BridgeConfig) -> Path | None:
    """Where the store's keys are, None for a plain store.

    Raises:
        BridgeConfigurationError: beside the data, where one copy would take both.
    """
    if config.privacy is None:
        return None
    key_file, folder = config.privacy.key_file, config.store.path.resolve().parent
    if key_file.resolve().parent == folder:
        raise BridgeConfigurationError(
            "the store's key lies beside the store",
            expected="another folder, best on another disk, that backups of the store leave out",
            found=folder,
            remedy="Move the key file and correct [privacy] key_file",
        )
    return key_file


def store_lock_for(config: BridgeConfig) -> KeyLock:
    """The lock that keeps a second bridge from the store; the caller takes it."""
    path = config.store.path
    return KeyLock(path.with_name(path.name + ".bridge.lock"), f"store {path}")


def meter_locks_for(config: BridgeConfig) -> MeterLocks:
    """The locks that keep a second bridge from the meters; the caller takes them.

    Raises:
        ConfigurationError: no such deployment, or of another chain.
    """
    deployment = Deployment.read(config.chain.deployment, config.chain.chain_id)
    address = deployment.address_of(CONTRACT)
    return MeterLocks(config.chain.chain_id, address, config.relayer.lock_folder)


def bridge_account_of(config: BridgeConfig) -> str:
    """Account that commits pages, the relayer's; empty if no meter is reported in pages.

    Raises:
        KeyFileError: the relayer's keystore does not open.
    """
    if all(meter.mode is not SubmitMode.PAGE for meter in config.meter):
        return ""
    password = read_secret_file(config.relayer.password_file, "password of the relayer")
    return Relayer.open(config.relayer.keystore, password).address


def assemble(config: BridgeConfig, meters: list[Meter]) -> Parts:
    """The bridge without its readers.

    Raises:
        ConfigurationError: deployment, store and configuration do not fit together.
        StoreUnavailableError: the store cannot be written.
    """
    rpc = open_rpc(config.chain.rpc_url)
    contract = contract_for(config, rpc)
    store = open_store(config)
    bridge = bridge_account_of(config)
    engine = Engine(
        store,
        meters,
        clock_for(config),
        config.submission,
        smart_meter=contract.address,
        chain_id=config.chain.chain_id,
        encode=contract.encode,
        reorder_seconds=0.0 if config.mqtt is None else config.mqtt.reorder_seconds,
        clock_source=config.clock.source,
        pages=config.pages,
        bridge=bridge,
    )
    pages = None
    if bridge:
        pages_rpc = open_rpc(config.chain.rpc_url)
        pages = ChainPages(contract_for(config, pages_rpc), pages_rpc, bridge)
    return Parts(config, rpc, contract, store.outbox, engine, pages)

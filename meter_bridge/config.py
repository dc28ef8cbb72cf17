"""The bridge's configuration: one TOML file, every value replaceable from the environment.

`EG_BRIDGE_CHAIN__RPC_URL` replaces `rpc_url` in `[chain]`. Secrets stand in files of their own,
named here, never in the configuration itself. All faults are reported at once.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from enum import StrEnum
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Final, Literal, Self
from urllib.parse import SplitResult, parse_qs, urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from energy_grid.units import MeterId
from meter_bridge.errors import BridgeConfigurationError
from meter_bridge.telegrams.dialects import DIALECTS, Dialect
from meter_bridge.telegrams.timestamps import Seasons

ENVIRONMENT_PREFIX: Final = "EG_BRIDGE_"
CONFIG_VARIABLE: Final = "EG_BRIDGE_CONFIG"
LIVE_DELAY_SECONDS: Final = 60
QUEUED_DELAY_SECONDS: Final = 2 * 86_400
MODBUS_PORT: Final = 502
MAX_MODBUS_UNIT: Final = 247

_AES_KEY_HEX_DIGITS: Final = 32


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)


class SourceKind(StrEnum):
    """Where telegrams come from."""

    SERIAL = "serial"
    TCP = "tcp"
    FILE = "file"
    MQTT = "mqtt"
    SUNSPEC = "sunspec"

    @property
    def keeps_order(self) -> bool:
        """Whether a telegram never overtakes an earlier one."""
        return self is not SourceKind.MQTT

    @property
    def may_delay(self) -> bool:
        """Whether a telegram may honestly arrive long after it was made."""
        return self in (SourceKind.FILE, SourceKind.MQTT)


class Source(_Section):
    """One place telegrams come from.

    Written as a URL: `tcp://host:port`, `serial:///dev/ttyUSB0`, `file:///path/log.txt` (with
    `?follow=1` to wait for more), `mqtt:topic/of/the/meter` or `sunspec://host:port/unit` (with
    `?model=203` to choose one of several models).
    """

    kind: SourceKind
    host: str = ""
    port: int = 0
    path: Path = Path()
    follow: bool = False
    topic: str = ""
    unit: int = 0
    model: int = 0

    @classmethod
    def parse(cls, text: str) -> Source:
        """Read the URL form.

        Raises:
            ValueError: no such kind, or something missing.
        """
        parts = urlsplit(text)
        if parts.scheme == "tcp" and parts.hostname and parts.port:
            return cls(kind=SourceKind.TCP, host=parts.hostname, port=parts.port)
        if parts.scheme in ("serial", "file") and parts.path.startswith("/"):
            options = parse_qs(parts.query)
            follow = options.pop("follow", ["0"])[-1]
            if not options and follow in ("0", "1") and not parts.netloc:
                kind = SourceKind(parts.scheme)
                return cls(kind=kind, path=Path(parts.path), follow=follow == "1")
        if parts.scheme == "mqtt" and parts.path and not parts.netloc and not parts.query:
            if any(wildcard in parts.path for wildcard in "#+"):
                raise ValueError("an MQTT topic of one meter has no wildcard")
            return cls(kind=SourceKind.MQTT, topic=parts.path)
        if parts.scheme == "sunspec" and parts.hostname:
            return cls._sunspec(parts)
        raise ValueError(
            "expected tcp://host:port, serial:///dev/..., file:///path[?follow=1], mqtt:topic or "
            f"sunspec://host:port/unit, found {text!r}"
        )

    @classmethod
    def _sunspec(cls, parts: SplitResult) -> Source:
        unit, options = parts.path.removeprefix("/") or "1", parse_qs(parts.query)
        model = options.pop("model", ["0"])[-1]
        if options or not (unit.isdecimal() and model.isdecimal() and int(unit) <= MAX_MODBUS_UNIT):
            raise ValueError(
                f"expected sunspec://host:port/unit with a unit of 0 to {MAX_MODBUS_UNIT} and at "
                f"most ?model=number, found {parts.geturl()!r}"
            )
        return cls(
            kind=SourceKind.SUNSPEC,
            host=parts.hostname or "",
            port=parts.port or MODBUS_PORT,
            unit=int(unit),
            model=int(model),
        )

    def __str__(self) -> str:
        if self.kind is SourceKind.TCP:
            return f"tcp://{self.host}:{self.port}"
        if self.kind is SourceKind.MQTT:
            return f"mqtt:{self.topic}"
        if self.kind is SourceKind.SUNSPEC:
            model = f"?model={self.model}" if self.model else ""
            return f"sunspec://{self.host}:{self.port}/{self.unit}{model}"
        return f"{self.kind}://{self.path}" + ("?follow=1" if self.follow else "")


class SubmitMode(StrEnum):
    """How a meter's readings go to the chain.

    Each under its own signature, a day under one, or many meters' in a page under one hash.
    """

    SINGLE = "single"
    DAY = "day"
    PAGE = "page"


def is_loopback(host: str) -> bool:
    """Whether a host name stands for this machine itself."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


class ChainSection(_Section):
    """The node and the deployment."""

    rpc_url: str
    chain_id: int = Field(gt=0)
    deployment: Path
    confirmations: int = Field(default=12, ge=0)


class RelayerSection(_Section):
    """The account that pays for the transactions; it has no other right."""

    keystore: Path
    password_file: Path
    lock_folder: Path | None = None


class StoreSection(_Section):
    """The SQLite file of readings and outbox."""

    path: Path


class PrivacySection(_Section):
    """Encryption of the store; without this section it is plain."""

    key_file: Path


class ClockSection(_Section):
    """What time it is."""

    source: Literal["system", "chain"] = "system"
    check_skew: bool = True
    max_skew_seconds: int = Field(default=5, ge=1, le=60)


class SubmissionSection(_Section):
    """How readings are gathered into transactions."""

    batch_size: int = Field(default=60, ge=1, le=200)
    batch_window_seconds: float = Field(default=5.0, ge=0, le=600)
    day_deadline_seconds: int = Field(default=6 * 3_600, ge=0, le=20 * 3_600)
    cycle_seconds: float = Field(default=1.0, ge=0.01, le=60)
    max_in_flight: int = Field(default=16, ge=1, le=64)


class PagesSection(_Section):
    """Pages of readings; the relayer's account is the bridge that commits them."""

    page_size: int = Field(default=400, ge=1, le=512)
    deadline_seconds: int = Field(default=120, ge=0, le=3_600)
    join: bool = True
    reveal: bool = True
    export_folder: Path | None = None
    operator_key_file: Path | None = None


class OpsSection(_Section):
    """Where health and metrics are served; nowhere without a port. There is no login."""

    host: str = "127.0.0.1"
    port: int | None = Field(default=None, ge=0, le=65_535)


class MqttSection(_Section):
    """The broker; its session keeps what was not acknowledged."""

    host: str
    port: int = Field(default=1883, ge=1, le=65_535)
    client_id: str = Field(default="energy-grid-bridge", min_length=1, max_length=64)
    username: str | None = None
    password_file: Path | None = None
    ca_file: Path | None = None
    certificate_file: Path | None = None
    key_file: Path | None = None
    allow_plain: bool = False
    reorder_seconds: float = Field(default=20.0, ge=0, le=3_600)

    @property
    def is_encrypted(self) -> bool:
        """Whether the connection is TLS."""
        return self.ca_file is not None

    @model_validator(mode="after")
    def _login_is_whole(self) -> Self:
        if (self.username is None) != (self.password_file is None):
            raise ValueError("username and password_file belong together")
        if (self.certificate_file is None) != (self.key_file is None):
            raise ValueError("certificate_file and key_file belong together")
        if self.certificate_file is not None and self.ca_file is None:
            raise ValueError("a client certificate needs TLS: set ca_file")
        return self

    @model_validator(mode="after")
    def _plain_is_meant(self) -> Self:
        if not (self.is_encrypted or self.allow_plain or is_loopback(self.host)):
            raise ValueError(
                f"{self.host} would be spoken to without encryption: set ca_file for TLS, "
                "or allow_plain = true on a network of its own"
            )
        return self


class CommandsSection(_Section):
    """Orders to devices; without this section the bridge gives none."""

    cursor: Path
    first_block: int = Field(default=0, ge=0)
    poll_seconds: float = Field(default=2.0, ge=0.1, le=60)
    lease_seconds: int = Field(default=900, ge=60, le=3_600)


class DeviceSection(_Section):
    """One device that takes orders: a resource on chain and how it is reached.

    `executor` is `mqtt` (topics of its meter at the broker of [mqtt]) or `sunspec://host:port/unit`
    (an inverter, whose 100 % are `rated_w`).
    """

    resource: int = Field(gt=0, lt=1 << 32)
    meter: int = Field(gt=0, lt=1 << 32)
    executor: Literal["mqtt"] | Source
    rated_w: int | None = Field(default=None, gt=0)

    @field_validator("executor", mode="before")
    @classmethod
    def _executor_from_url(cls, value: Any) -> Any:
        return Source.parse(value) if isinstance(value, str) and value != "mqtt" else value

    @model_validator(mode="after")
    def _inverter_is_rated(self) -> Self:
        if self.executor == "mqtt":
            return self
        if self.executor.kind is not SourceKind.SUNSPEC:
            raise ValueError(f"expected mqtt or sunspec://host:port/unit, found {self.executor}")
        if self.rated_w is None:
            raise ValueError(f"{self.executor} limits in percent: set rated_w")
        return self


class MeterSection(_Section):
    """One meter: its key, its dialect, its source."""

    id: int = Field(gt=0, lt=1 << 32)
    keystore: Path
    password_file: Path
    source: Source
    dialect: str = "dsmr5"
    mode: SubmitMode = SubmitMode.SINGLE
    zone: str | None = None
    seasons: Seasons | None = None
    accept_unflagged_time: bool = False
    import_only: bool = False
    equipment_id: str = ""
    encryption_key_file: Path | None = None
    authentication_key_file: Path | None = None
    max_delay_seconds: int | None = Field(default=None, ge=0, le=30 * 86_400)

    @field_validator("source", mode="before")
    @classmethod
    def _source_from_url(cls, value: Any) -> Any:
        return Source.parse(value) if isinstance(value, str) else value

    @field_validator("dialect")
    @classmethod
    def _dialect_exists(cls, value: str) -> str:
        if value not in DIALECTS:
            raise ValueError(f"expected one of {', '.join(DIALECTS)}, found {value}")
        return value

    @field_validator("zone")
    @classmethod
    def _zone_exists(cls, value: str | None) -> str | None:
        from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

        if value is not None:
            try:
                ZoneInfo(value)
            except (ZoneInfoNotFoundError, ValueError) as error:
                raise ValueError(f"no time zone {value!r}") from error
        return value

    @model_validator(mode="after")
    def _keys_fit_dialect(self) -> Self:
        dialect = DIALECTS[self.dialect]
        if dialect.is_encrypted and self.encryption_key_file is None:
            raise ValueError(f"{self.dialect} telegrams are encrypted: set encryption_key_file")
        if (
            dialect.is_encrypted
            and dialect.authentication_key is None
            and self.authentication_key_file is None
        ):
            raise ValueError(
                f"{self.dialect} has an authentication key per meter: set authentication_key_file"
            )
        if not dialect.is_encrypted and self.encryption_key_file is not None:
            raise ValueError(f"{self.dialect} telegrams are not encrypted")
        if self.source.kind is SourceKind.FILE and not dialect.has_timestamp:
            raise ValueError(f"recorded {self.dialect} telegrams do not say when they were made")
        return self

    @property
    def meter_id(self) -> MeterId:
        """Id on chain."""
        return MeterId(self.id)

    @property
    def dialect_of(self) -> Dialect:
        """Its dialect's description."""
        return DIALECTS[self.dialect]

    def allowed_delay_seconds(self, clock_source: str) -> int:
        """How long after the meter's time a telegram may arrive (rule V6)."""
        if self.max_delay_seconds is not None:
            return self.max_delay_seconds
        # The chain's clock jumps from block to block, so it only bounds the future.
        if self.source.kind.may_delay or clock_source == "chain":
            return QUEUED_DELAY_SECONDS
        return LIVE_DELAY_SECONDS


class BridgeConfig(_Section):
    """The whole configuration."""

    chain: ChainSection
    relayer: RelayerSection
    store: StoreSection
    clock: ClockSection = ClockSection()
    submission: SubmissionSection = SubmissionSection()
    pages: PagesSection = PagesSection()
    ops: OpsSection = OpsSection()
    privacy: PrivacySection | None = None
    mqtt: MqttSection | None = None
    meter: tuple[MeterSection, ...] = Field(min_length=1)
    commands: CommandsSection | None = None
    device: tuple[DeviceSection, ...] = ()

    @model_validator(mode="after")
    def _sources_are_apart(self) -> Self:
        for name, values in (
            ("id", [str(meter.id) for meter in self.meter]),
            ("source", [str(meter.source) for meter in self.meter]),
            ("keystore", [str(meter.keystore) for meter in self.meter]),
        ):
            twice = {value for value in values if values.count(value) > 1}
            if twice:
                raise ValueError(f"two meters with one {name}: {', '.join(sorted(twice))}")
        uses_mqtt = any(meter.source.kind is SourceKind.MQTT for meter in self.meter)
        if uses_mqtt and self.mqtt is None:
            raise ValueError("meters over MQTT need a section [mqtt] with the broker")
        return self

    @model_validator(mode="after")
    def _devices_can_be_reached(self) -> Self:
        if (self.commands is None) == bool(self.device):
            raise ValueError("[commands] and [[device]] belong together")
        resources = [device.resource for device in self.device]
        if len(set(resources)) != len(resources):
            raise ValueError("two devices with one resource")
        strangers = {device.meter for device in self.device} - {meter.id for meter in self.meter}
        if strangers:
            raise ValueError(f"devices of meters that are not this bridge's: {sorted(strangers)}")
        if self.mqtt is None and any(device.executor == "mqtt" for device in self.device):
            raise ValueError("devices over MQTT need a section [mqtt] with the broker")
        return self

    @classmethod
    def load(cls, path: Path, environment: Mapping[str, str] = os.environ) -> BridgeConfig:
        """Read the file and apply the environment.

        Relative paths count from the file's folder.

        Raises:
            BridgeConfigurationError: with every fault found.
        """
        try:
            content = tomllib.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise BridgeConfigurationError(
                "configuration cannot be read",
                expected=f"a readable TOML file {path}",
                found=error.strerror,
                remedy=f"Name it with --config or {CONFIG_VARIABLE}; see docs/meter-bridge.md",
            ) from None
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise BridgeConfigurationError(
                f"configuration {path} is no TOML", found=error
            ) from None
        _apply_environment(content, environment)
        try:
            config = cls.model_validate(_resolved(content, path.parent.resolve()))
        except ValidationError as error:
            faults = "; ".join(
                f"{'.'.join(str(part) for part in fault['loc']) or 'file'}: {fault['msg']}"
                for fault in error.errors()
            )
            raise BridgeConfigurationError(
                f"configuration {path} has {error.error_count()} faults", found=faults
            ) from None
        return config


def aes_key(text: str, what: str) -> bytes:
    """An AES-128 key from its 32 hex digits.

    Raises:
        BridgeConfigurationError: anything else.
    """
    try:
        key = bytes.fromhex(text)
    except ValueError:
        key = b""
    if len(key) * 2 != _AES_KEY_HEX_DIGITS:
        # The text itself is a secret: it is not repeated.
        raise BridgeConfigurationError(
            f"{what} cannot be used", expected=f"{_AES_KEY_HEX_DIGITS} hex digits"
        )
    return key


def _apply_environment(content: dict[str, Any], environment: Mapping[str, str]) -> None:
    """Put `EG_BRIDGE_SECTION__NAME` in place of the file's value."""
    sections = set(BridgeConfig.model_fields) - {"meter", "device"}
    for variable, value in sorted(environment.items()):
        if not variable.startswith(ENVIRONMENT_PREFIX) or variable == CONFIG_VARIABLE:
            continue
        section, separator, name = variable.removeprefix(ENVIRONMENT_PREFIX).lower().partition("__")
        if not separator or section not in sections:
            raise BridgeConfigurationError(
                f"environment variable {variable} names no setting",
                expected=f"{ENVIRONMENT_PREFIX}SECTION__NAME with a section of "
                + ", ".join(sorted(sections)),
            )
        content.setdefault(section, {})[name] = value


_PATH_NAMES: Final = frozenset(
    {
        "authentication_key_file",
        "ca_file",
        "certificate_file",
        "cursor",
        "deployment",
        "encryption_key_file",
        "export_folder",
        "key_file",
        "keystore",
        "lock_folder",
        "operator_key_file",
        "password_file",
        "path",
    }
)


def _resolved(value: Any, folder: Path) -> Any:
    """The content with relative paths made absolute."""
    if isinstance(value, list):
        return [_resolved(item, folder) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        name: str(folder / Path(item).expanduser())
        if name in _PATH_NAMES and isinstance(item, str)
        else _resolved(item, folder)
        for name, item in value.items()
    }

"""Who may do what at the broker: files for mosquitto, made from the bridge's configuration.

Each meter has a user of its own that may publish to its own topic and nothing else; the bridge may
subscribe to these topics and publish nowhere. Devices that take orders read them, and answer, as
the user of their meter: on its own topics again, where the bridge alone may publish orders. Whoever
breaks into one adapter can then speak for one meter alone, and what it says still has to fit that
meter's registers, cap and identity.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from meter_bridge.commands.topics import answer_topic, order_topic
from meter_bridge.config import BridgeConfig, SourceKind
from meter_bridge.errors import BridgeConfigurationError
from meter_bridge.keys import read_secret_file

ACL_FILE: Final = "acl"
PASSWORDS_FILE: Final = "passwords"
LISTENER_FILE: Final = "bridge-listener.conf"

_ITERATIONS: Final = 101
"""Mosquitto's own count; the passwords made here are random, so stretching adds nothing."""
_SALT_BYTES: Final = 12
_KEY_BYTES: Final = 64
_PASSWORD_BYTES: Final = 24
_SECRET_MODE: Final = 0o600
_NAME: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")


@dataclass(frozen=True, slots=True)
class BrokerUser:
    """One who connects to the broker.

    Args:
        name: user name, or the common name of the client certificate.
        may: `write` or `read`.
        topics: where.
        also: further rights, pairs of `write` or `read` and a topic.
    """

    name: str
    may: str
    topics: tuple[str, ...]
    also: tuple[tuple[str, str], ...] = ()


def users_of(config: BridgeConfig) -> list[BrokerUser]:
    """The bridge first, then one user for each meter over MQTT.

    Raises:
        BridgeConfigurationError: no meter over MQTT, or the bridge has no name there.
    """
    topics = {m.id: m.source.topic for m in config.meter if m.source.kind is SourceKind.MQTT}
    devices = [device for device in config.device if device.executor == "mqtt"]
    if config.mqtt is None or not (topics or devices):
        raise BridgeConfigurationError(
            "nobody to give access to", expected="[mqtt] and meters with a source mqtt:topic"
        )
    # With a certificate alone its common name is the user, and that is the client id by our rule.
    bridge = config.mqtt.username or config.mqtt.client_id
    orders: dict[int, list[str]] = {}
    answers: dict[int, list[str]] = {}
    for device in devices:
        orders.setdefault(device.meter, []).append(order_topic(device.meter, device.resource))
        answers.setdefault(device.meter, []).append(answer_topic(device.meter, device.resource))
    meters = [
        BrokerUser(
            f"meter-{meter}",
            "write",
            tuple(([topics[meter]] if meter in topics else []) + answers.get(meter, [])),
            tuple(("read", topic) for topic in orders.get(meter, [])),
        )
        for meter in dict.fromkeys([*topics, *orders])
    ]
    if not _NAME.fullmatch(bridge):
        raise BridgeConfigurationError(
            "name of the bridge at the broker",
            expected="letters, digits, '.', '-', '_'",
            found=bridge,
        )
    if any(user.name == bridge for user in meters):
        raise BridgeConfigurationError(
            "the bridge has the name of a meter", found=bridge, remedy="Change [mqtt] username"
        )
    reads = [*topics.values(), *(topic for some in answers.values() for topic in some)]
    writes = [("write", topic) for some in orders.values() for topic in some]
    return [BrokerUser(bridge, "read", tuple(reads), tuple(writes)), *meters]


def acl_of(users: list[BrokerUser]) -> str:
    """Mosquitto's `acl_file`: what is not named is denied, to anonymous clients everything."""
    lines = ["# Made by `python -m meter_bridge mqtt-acl`; what is not named here is denied."]
    for user in users:
        lines += ["", f"user {user.name}"]
        lines += [f"topic {user.may} {topic}" for topic in user.topics]
        lines += [f"topic {may} {topic}" for may, topic in user.also]
    return "\n".join(lines) + "\n"


def password_line(name: str, password: str, salt: bytes | None = None) -> str:
    """A line of mosquitto's `password_file` (PBKDF2 with SHA-512)."""
    salt = secrets.token_bytes(_SALT_BYTES) if salt is None else salt
    key = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, _ITERATIONS, _KEY_BYTES)
    encoded = "$".join(base64.b64encode(part).decode() for part in (salt, key))
    return f"{name}:$7${_ITERATIONS}${encoded}"


def listener_of(config: BridgeConfig, folder: Path, *, by_certificate: bool) -> str:
    """A listener for mosquitto: TLS 1.2 or later, nobody unnamed, and a queue that keeps all.

    Certificates of the broker itself are named as files beside it, to be put there.
    """
    port = 8883 if config.mqtt is None else config.mqtt.port
    identity = (
        ["require_certificate true", "use_identity_as_username true"]
        if by_certificate
        else [f"password_file {folder / PASSWORDS_FILE}"]
    )
    return "\n".join(
        [
            "# Made by `python -m meter_bridge mqtt-acl`; include it from mosquitto.conf.",
            f"listener {port}",
            f"cafile {folder / 'ca.pem'}",
            f"certfile {folder / 'broker.pem'}",
            f"keyfile {folder / 'broker.key'}",
            "tls_version tlsv1.2",
            "allow_anonymous false",
            *identity,
            f"acl_file {folder / ACL_FILE}",
            "# The session of a bridge that is away is the spool: on disk, and nothing is dropped.",
            "persistence true",
            "autosave_interval 30",
            "max_queued_messages 0",
            "max_queued_bytes 0",
            "max_packet_size 65536",
            "",
        ]
    )


def write_access(config: BridgeConfig, folder: Path, *, by_certificate: bool = False) -> list[Path]:
    """Write ACL, listener and, unless certificates are the identity, passwords.

    The password of a meter is made once and kept in `meter-N.password` for its adapter; the
    bridge's is the one its configuration names.

    Returns:
        The files written.

    Raises:
        BridgeConfigurationError: the folder cannot be written.
        KeyFileError: a password file cannot be read.
    """
    users = users_of(config)
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        written = [
            _write(folder / ACL_FILE, acl_of(users)),
            _write(
                folder / LISTENER_FILE,
                listener_of(config, folder.resolve(), by_certificate=by_certificate),
            ),
        ]
        if not by_certificate:
            lines = [password_line(user.name, _password(config, user, folder)) for user in users]
            written.append(_write(folder / PASSWORDS_FILE, "\n".join(lines) + "\n"))
    except OSError as error:
        raise BridgeConfigurationError(
            f"access files cannot be written to {folder}", found=error.strerror
        ) from None
    return written


def _password(config: BridgeConfig, user: BrokerUser, folder: Path) -> str:
    if user.may == "read":
        if config.mqtt is None or config.mqtt.password_file is None:
            raise BridgeConfigurationError(
                "the bridge has no password at the broker",
                expected="username and password_file in [mqtt]",
                remedy="Or give access by certificate: --by-certificate",
            )
        return read_secret_file(config.mqtt.password_file, "password of the broker")
    path = folder / f"{user.name}.password"
    if not path.exists():
        _write(path, secrets.token_urlsafe(_PASSWORD_BYTES) + "\n")
    return read_secret_file(path, f"password of {user.name}")


def _write(path: Path, text: str) -> Path:
    """Replace a file by one that its owner alone may read."""
    part = path.with_name(path.name + ".part")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, _SECRET_MODE)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
    return path

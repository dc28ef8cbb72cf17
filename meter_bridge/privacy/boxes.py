"""Sealed boxes: what only the zone's operator can open, HPKE (RFC 9180) in base mode.

Suite: X25519, HKDF-SHA256, AES-256-GCM. A box says to whom, never by whom: who it is from is said
by the device signatures of the readings inside, which stay as they were.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from meter_bridge.errors import KeyFileError, SealedDataError

FORMAT: Final = "energy-grid-box/1"
_SUITE: Final = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
_KEY_HEX_DIGITS: Final = 64


@dataclass(frozen=True, slots=True)
class Recipient:
    """The public key of who may open a box."""

    public_key: bytes

    @property
    def key_id(self) -> str:
        """Names the key in a box."""
        return hashlib.sha256(b"energy-grid/box/key-id/1\0" + self.public_key).hexdigest()[:16]

    @classmethod
    def load(cls, path: Path) -> Recipient:
        """Read a public key file: 64 hex digits.

        Raises:
            KeyFileError: missing, or something else.
        """
        return cls(_read_key(path, "public key of the operator"))


def create_recipient(private_key_file: Path) -> Recipient:
    """Make an operator's private key in a new file of mode 0600.

    Raises:
        KeyFileError: the file exists or cannot be written.
    """
    key = X25519PrivateKey.generate()
    try:
        private_key_file.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(private_key_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(key.private_bytes_raw().hex() + "\n")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise KeyFileError(
            f"key file {private_key_file} cannot be written",
            expected="a new file",
            found=error.strerror,
        ) from None
    return Recipient(key.public_key().public_bytes_raw())


def seal(content: dict[str, Any], about: dict[str, Any], to: Recipient) -> dict[str, Any]:
    """Close a box.

    Args:
        content: what is in it.
        about: what stands on it, for everybody to read; bound to the content.
        to: who may open it.
    """
    header = {"format": FORMAT, "to": to.key_id, "about": about}
    box = _SUITE.encrypt(
        _canonical(content), X25519PublicKey.from_public_bytes(to.public_key), _canonical(header)
    )
    return header | {"box": base64.b64encode(box).decode()}


def open_box(document: dict[str, Any], private_key_file: Path) -> dict[str, Any]:
    """Open a box with the operator's private key.

    Raises:
        KeyFileError: the key file is missing, or the box is for another key.
        SealedDataError: no box, or altered.
    """
    key = X25519PrivateKey.from_private_bytes(_read_key(private_key_file, "operator's key"))
    recipient = Recipient(key.public_key().public_bytes_raw())
    try:
        box = base64.b64decode(document["box"], validate=True)
        header = {name: document[name] for name in ("format", "to", "about")}
        is_known = header["format"] == FORMAT and set(document) == {*header, "box"}
    except (KeyError, TypeError, ValueError):
        is_known = False
    if not is_known:
        raise SealedDataError("this is no sealed box", expected=f"JSON of {FORMAT}")
    if header["to"] != recipient.key_id:
        raise KeyFileError(
            "the box is for another key",
            expected=header["to"],
            found=recipient.key_id,
            remedy="Take the private key the box was made for",
        )
    try:
        content: dict[str, Any] = json.loads(_SUITE.decrypt(box, key, _canonical(header)))
    except InvalidTag:
        raise SealedDataError(
            "the box does not open",
            expected="a box as it was sealed",
            found="altered content or heading",
            remedy="Have it sent again",
        ) from None
    return content


def _canonical(value: dict[str, Any]) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def _read_key(path: Path, what: str) -> bytes:
    try:
        text = path.read_text(encoding="utf-8").strip()
        key = bytes.fromhex(text)
    except OSError as error:
        raise KeyFileError(
            f"{what} cannot be read", expected=f"a readable file {path}", found=error.strerror
        ) from None
    except ValueError:
        key = b""
    if len(key) * 2 != _KEY_HEX_DIGITS:
        # The text may be a secret: it is not repeated.
        raise KeyFileError(f"{what} cannot be used", expected=f"{_KEY_HEX_DIGITS} hex digits")
    return key

"""The keys that wrap the store's data keys, in a file apart from the store.

The newest key wraps; older ones are there only while a rotation runs. A file serves one store, so
that retiring a key can take nothing from another.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import stat
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Self

from meter_bridge.errors import KeyFileError

KEY_BYTES: Final = 32
STORE_ID_BYTES: Final = 16
_VERSION: Final = 1
_FILE_MODE: Final = 0o600
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


@dataclass(frozen=True, slots=True, repr=False)
class WrappingKey:
    """A key-encryption key.

    Args:
        key_id: names it without telling anything of it.
        key: 32 random bytes.
        created_at: unix seconds.
    """

    key_id: str
    key: bytes
    created_at: int

    @classmethod
    def new(cls) -> Self:
        """A random key."""
        key = secrets.token_bytes(KEY_BYTES)
        return cls(_key_id(key), key, int(time.time()))

    def __repr__(self) -> str:
        return f"WrappingKey({self.key_id})"


@dataclass(frozen=True, slots=True)
class Keyring:
    """The wrapping keys of one store, oldest first.

    Args:
        path: the key file.
        keys: at least one; the last wraps.
        store_id: names the store they belong to, bound into all it seals.
        store_path: where the store was made; empty before the first use.
    """

    path: Path
    keys: tuple[WrappingKey, ...]
    store_id: bytes
    store_path: str = ""

    @property
    def active(self) -> WrappingKey:
        """The key that wraps."""
        return self.keys[-1]

    def get(self, key_id: str) -> WrappingKey | None:
        """A key by its id."""
        return next((key for key in self.keys if key.key_id == key_id), None)

    def with_new_key(self) -> Keyring:
        """The same with one more key, which wraps from now on."""
        return replace(self, keys=(*self.keys, WrappingKey.new()))

    def only_active(self) -> Keyring:
        """The same without the older keys."""
        return replace(self, keys=(self.active,))

    def bound_to(self, store: Path) -> Keyring:
        """The same as the keys of one store; again for the same path changes nothing.

        Raises:
            KeyFileError: it serves another store.
        """
        name = str(store.resolve())
        if self.store_path not in ("", name):
            raise KeyFileError(
                f"key file {self.path} belongs to another store",
                expected="a key file of its own for each store",
                found=f"that of {self.store_path}",
                remedy="Make one with `python -m meter_bridge privacy new-key`",
            )
        return replace(self, store_path=name)

    @classmethod
    def create(cls, path: Path) -> Keyring:
        """Make a key file that did not exist before.

        Raises:
            KeyFileError: it exists or cannot be written.
        """
        if path.exists():
            raise KeyFileError(
                f"key file {path} exists",
                expected="a new file",
                remedy="Choose another name: without its key a store cannot be read any more",
            )
        ring = cls(path, (WrappingKey.new(),), secrets.token_bytes(STORE_ID_BYTES))
        ring.save()
        return ring

    @classmethod
    def load(cls, path: Path) -> Keyring:
        """Read a key file.

        Raises:
            KeyFileError: missing, broken, or open to others.
        """
        try:
            mode = path.stat().st_mode
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise KeyFileError(
                "the store's key cannot be read",
                expected=f"a readable key file {path}",
                found=getattr(error, "strerror", None) or "no text",
                remedy="Give it back; `python -m meter_bridge privacy new-key` only makes a key "
                "for a store that has none",
            ) from None
        if mode & _OTHERS:
            raise KeyFileError(
                f"key file {path} is open to others",
                expected="mode 0600",
                found=f"{stat.S_IMODE(mode):04o}",
                remedy=f"chmod 600 {path}",
            )
        try:
            content = json.loads(text)
            if content["version"] != _VERSION:
                raise ValueError(f"version {content['version']}")
            ring = cls(
                path,
                tuple(_key(item) for item in content["keys"]),
                _bytes(content["store"], STORE_ID_BYTES),
                str(content["store_path"]),
            )
            if not ring.keys:
                raise ValueError("no key")
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            # Only what is wrong, never the text: it holds keys.
            raise KeyFileError(
                f"key file {path} is broken",
                expected=f"a key file of version {_VERSION}",
                found=type(error).__name__,
                remedy="Restore it from your copy",
            ) from None
        return ring

    def save(self) -> None:
        """Replace the file in one step: a crash leaves the old one or the new one.

        Raises:
            KeyFileError: it cannot be written.
        """
        content = {
            "version": _VERSION,
            "store": self.store_id.hex(),
            "store_path": self.store_path,
            "keys": [
                {"id": key.key_id, "key": key.key.hex(), "created_at": key.created_at}
                for key in self.keys
            ],
        }
        new = self.path.with_name(self.path.name + ".new")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            new.unlink(missing_ok=True)
            descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _FILE_MODE)
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                json.dump(content, file, indent=1)
                file.flush()
                os.fsync(file.fileno())
            new.replace(self.path)
            folder = os.open(self.path.parent, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        except OSError as error:
            raise KeyFileError(
                f"key file {self.path} cannot be written",
                expected="a file and a folder that the bridge's user may write",
                found=error.strerror,
            ) from None


def _key_id(key: bytes) -> str:
    return hashlib.sha256(b"energy-grid/meter_bridge/key-id/1\0" + key).hexdigest()[:16]


def _key(item: dict[str, Any]) -> WrappingKey:
    key = _bytes(item["key"], KEY_BYTES)
    if item["id"] != _key_id(key):
        raise ValueError("id of a key")
    return WrappingKey(item["id"], key, int(item["created_at"]))


def _bytes(text: str, length: int) -> bytes:
    value = bytes.fromhex(text)
    if len(value) != length:
        raise ValueError("length of a key")
    return value

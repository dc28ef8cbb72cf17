"""Device keys: one secp256k1 key per meter, in keystore files. Key material stays in this module.

A keystore costs about half a second to open (scrypt), so each is opened once, at the start.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, Final

from energy_grid import eip712
from meter_bridge.errors import KeyFileError

_KEY_FILE_MODE: Final = 0o600


def read_secret_file(path: Path, what: str) -> str:
    """A secret from a file of its own, without the newline an editor adds.

    Raises:
        KeyFileError: missing, unreadable or empty.
    """
    try:
        secret = path.read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise KeyFileError(
            f"{what} cannot be read", expected=f"a readable text file {path}", found=error
        ) from None
    if not secret:
        raise KeyFileError(f"{what} is empty", expected=f"the secret in {path}")
    return secret


class DeviceKey:
    """The key of one meter: signs readings and days, never shows itself."""

    __slots__ = ("_private_key", "_signer", "address")

    def __init__(self, private_key: bytes) -> None:
        from coincurve import PrivateKey as Signer
        from eth_keys.datatypes import PrivateKey

        self._private_key = private_key
        # Made once: it costs more than a signature.
        self._signer = Signer(private_key)
        self.address: str = PrivateKey(private_key).public_key.to_checksum_address()

    def __repr__(self) -> str:
        return f"DeviceKey({self.address})"

    def sign(self, message: eip712.Message, domain: bytes) -> bytes:
        """Sign a reading, a day or a consent for a contract's domain."""
        return self.sign_digest(eip712.digest(message, domain))

    def sign_digest(self, digest: bytes) -> bytes:
        """Sign a digest of `eip712.digest`: the same 65 bytes as `eip712.sign` gives."""
        signature = self._signer.sign_recoverable(digest, hasher=None)
        return bytes(signature[:64]) + bytes([27 + signature[64]])

    def sign_typed_data(self, message: dict[str, Any]) -> tuple[bytes, bytes]:
        """Digest and signature of any other EIP-712 message (registration)."""
        from eth_account import Account
        from eth_account.messages import encode_typed_data

        signed = Account.sign_message(encode_typed_data(full_message=message), self._private_key)
        return bytes(signed.message_hash), bytes(signed.signature)

    @classmethod
    def open(cls, path: Path, password: str) -> DeviceKey:
        """Open a keystore file.

        Raises:
            KeyFileError: missing, no keystore, or another password.
        """
        return cls(_decrypt(path, password))

    @classmethod
    def create(cls, path: Path, password: str) -> DeviceKey:
        """Make a new key and keep it in a keystore file that did not exist before.

        Raises:
            KeyFileError: the file exists or cannot be written.
        """
        import secrets

        from eth_keyfile.keyfile import create_keyfile_json

        private_key = secrets.token_bytes(32)
        encoded: Any = password.encode()
        keystore = create_keyfile_json(private_key, encoded, kdf="scrypt")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _KEY_FILE_MODE)
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                json.dump(keystore, file)
                file.flush()
                os.fsync(file.fileno())
        except FileExistsError:
            raise KeyFileError(
                f"keystore {path} exists",
                expected="a new file",
                remedy="Choose another name; a device key is never replaced in place",
            ) from None
        except OSError as error:
            raise KeyFileError(f"keystore {path} cannot be written", found=error.strerror) from None
        return cls(private_key)


class Relayer:
    """The account that pays for transactions; an `energy_grid.outbox` account."""

    __slots__ = ("_private_key", "address")

    def __init__(self, private_key: bytes) -> None:
        from eth_keys.datatypes import PrivateKey

        self._private_key = private_key
        self.address: str = PrivateKey(private_key).public_key.to_checksum_address()

    def __repr__(self) -> str:
        return f"Relayer({self.address})"

    def sign_transaction(self, transaction_dict: dict[str, Any]) -> Any:
        """Sign a transaction."""
        # Imported at the first transaction: a bridge that starts should read telegrams first.
        from eth_account import Account

        return Account.sign_transaction(transaction_dict, self._private_key)

    @classmethod
    def open(cls, path: Path, password: str) -> Relayer:
        """Open the relayer's keystore file.

        Raises:
            KeyFileError: missing, no keystore, or another password.
        """
        return cls(_decrypt(path, password))


def _decrypt(path: Path, password: str) -> bytes:
    from eth_keyfile.keyfile import decode_keyfile_json

    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        encoded: Any = password.encode()  # the library takes bytes, whatever its annotation says
        return bytes(decode_keyfile_json(content, encoded))
    except OSError as error:
        raise KeyFileError(
            "keystore cannot be read",
            expected=f"a readable file {path}",
            found=error.strerror,
            remedy="Create it with `python -m meter_bridge keys new`",
        ) from None
    except ValueError as error:
        # The library says "MAC mismatch" for a wrong password.
        raise KeyFileError(
            f"keystore {path} cannot be opened",
            expected="a version 3 keystore and its password",
            found=error,
            remedy="Check the password file",
        ) from None
    except (KeyError, TypeError, AttributeError, NotImplementedError) as error:
        raise KeyFileError(
            f"keystore {path} is broken", expected="a version 3 keystore", found=repr(error)
        ) from None

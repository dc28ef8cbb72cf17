"""Encrypted telegrams: a DLMS general-global-cipher frame around the text (AES-128-GCM)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from simulation.errors import TelegramError

_GENERAL_GLOBAL_CIPHER: Final = 0xDB
_LONG_LENGTH: Final = 0x82
_AUTHENTICATED_AND_ENCRYPTED: Final = 0x30
_FULL_TAG_BYTES: Final = 16
_TAG_BYTES: Final = 12
_SYSTEM_TITLE_BYTES: Final = 8
_KEY_BYTES: Final = 16

LUXEMBOURG_AUTHENTICATION_KEY: Final = bytes.fromhex("00112233445566778899AABBCCDDEEFF")
"""The same for every meter of the country, and public."""


@dataclass(frozen=True, slots=True)
class FrameKey:
    """Keys and title of one meter's encrypted port.

    Attributes:
        system_title: eight bytes that name the meter on the wire.
        encryption_key: the key that the grid operator hands to the customer.
        authentication_key: the key that is mixed into the tag.
    """

    system_title: bytes
    encryption_key: bytes
    authentication_key: bytes = LUXEMBOURG_AUTHENTICATION_KEY

    def __post_init__(self) -> None:
        lengths = (len(self.system_title), len(self.encryption_key), len(self.authentication_key))
        if lengths != (_SYSTEM_TITLE_BYTES, _KEY_BYTES, _KEY_BYTES):
            raise TelegramError(
                "title and keys of an encrypted meter",
                expected=f"{_SYSTEM_TITLE_BYTES}, {_KEY_BYTES} and {_KEY_BYTES} bytes",
                found=lengths,
            )


def encrypt_telegram(telegram: bytes, key: FrameKey, frame_counter: int) -> bytes:
    """The frame on the wire.

    Args:
        telegram: the printed telegram.
        key: keys of the meter.
        frame_counter: rises with every frame of a key; a repeat would reveal both texts.
    """
    counter = frame_counter.to_bytes(4, "big")
    header = bytes([_AUTHENTICATED_AND_ENCRYPTED])
    sealed = AESGCM(key.encryption_key).encrypt(
        key.system_title + counter, telegram, header + key.authentication_key
    )
    payload = header + counter + sealed[: -(_FULL_TAG_BYTES - _TAG_BYTES)]
    return (
        bytes([_GENERAL_GLOBAL_CIPHER, _SYSTEM_TITLE_BYTES])
        + key.system_title
        + bytes([_LONG_LENGTH])
        + len(payload).to_bytes(2, "big")
        + payload
    )

"""Cutting a byte stream into P1 telegrams, with bounded memory and whatever arrives on the line.

A framer keeps at most one unfinished frame of `max_frame_bytes`. What cannot become a telegram is
counted and dropped, and the next good start resynchronises.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

MAX_FRAME_BYTES: Final = 8_192
"""The longest P1 telegrams known have about 2,500 bytes; four times that is no telegram."""

_START: Final = ord("/")
_END: Final = ord("!")
_TERMINATOR: Final = re.compile(rb"![0-9A-F]{4}\r\n|!\r\n")
_UNFINISHED_TERMINATOR: Final = re.compile(rb"!(?:[0-9A-F]{0,4}|(?:[0-9A-F]{4})?\r)")


@dataclass(slots=True)
class FramingCounters:
    """What a framer threw away, and why."""

    frames: int = 0
    garbage_bytes: int = 0
    truncated: int = 0
    oversized: int = 0
    malformed_end: int = 0
    undecryptable: int = 0


@dataclass(frozen=True, slots=True)
class Frame:
    """One complete telegram.

    Args:
        raw: the bytes as they came (what the stored digest covers).
        plain: the telegram itself, the same bytes unless it came encrypted.
    """

    raw: bytes
    plain: bytes


class Framer(Protocol):
    """Turns chunks of a stream into frames."""

    counters: FramingCounters

    def feed(self, chunk: bytes) -> list[Frame]:
        """Take a chunk of any size and return the frames it completes."""
        ...


class PlainFramer:
    """Frames of the form `/ ... ! CRC CR LF` (or `! CR LF` where the dialect has no checksum)."""

    def __init__(self, max_frame_bytes: int = MAX_FRAME_BYTES) -> None:
        self.counters = FramingCounters()
        self._max_frame_bytes = max_frame_bytes
        self._buffer = bytearray()
        self._scanned = 0

    def feed(self, chunk: bytes) -> list[Frame]:
        """Take a chunk of any size and return the frames it completes."""
        frames: list[Frame] = []
        # Piece by piece: a huge chunk must not make the buffer huge.
        for begin in range(0, len(chunk), self._max_frame_bytes):
            self._buffer += chunk[begin : begin + self._max_frame_bytes]
            while (frame := self._next_frame()) is not None:
                frames.append(frame)
        return frames

    def _next_frame(self) -> Frame | None:
        while self._seek_start():
            end = self._buffer.find(_END, self._scanned)
            restart = self._buffer.find(
                _START, max(1, self._scanned), end if end >= 0 else len(self._buffer)
            )
            if restart > 0:
                # A telegram holds one slash, its first byte: the one before lost its end.
                self.counters.truncated += 1
                self._drop(restart)
                continue
            if end < 0:
                self._scanned = len(self._buffer)
                if len(self._buffer) <= self._max_frame_bytes:
                    return None
                self.counters.oversized += 1
                self._drop(len(self._buffer))
                continue
            terminator = _TERMINATOR.match(self._buffer, end)
            if terminator is None:
                if _UNFINISHED_TERMINATOR.fullmatch(self._buffer, end) is not None:
                    self._scanned = end
                    return None
                self.counters.malformed_end += 1
                self._drop(end + 1)
                continue
            raw = bytes(self._buffer[: terminator.end()])
            self._drop(len(raw))
            if len(raw) > self._max_frame_bytes:
                self.counters.oversized += 1
                continue
            self.counters.frames += 1
            return Frame(raw=raw, plain=raw)
        return None

    def _seek_start(self) -> bool:
        start = self._buffer.find(_START)
        garbage = len(self._buffer) if start < 0 else start
        if garbage:
            self.counters.garbage_bytes += garbage
            self._drop(garbage)
        return start >= 0

    def _drop(self, count: int) -> None:
        del self._buffer[:count]
        self._scanned = 0


_CIPHER_TAG: Final = 0xDB
_SYSTEM_TITLE_BYTES: Final = 8
_LONG_LENGTH: Final = 0x82
_AUTHENTICATED_AND_ENCRYPTED: Final = 0x30
_COUNTER_BYTES: Final = 4
_GCM_TAG_BYTES: Final = 12
_HEADER_BYTES: Final = 2 + _SYSTEM_TITLE_BYTES + 3
_SECURITY_HEADER_BYTES: Final = 1 + _COUNTER_BYTES


class CipherFramer:
    """DLMS general-global-cipher frames (suite 0: AES-128-GCM), authenticated and decrypted.

    A frame counts only if its authentication tag fits; otherwise scanning goes on with the byte
    after its first, so that a false start inside cipher text costs no true frame behind it.
    """

    def __init__(
        self,
        encryption_key: bytes,
        authentication_key: bytes,
        max_frame_bytes: int = MAX_FRAME_BYTES,
    ) -> None:
        self.counters = FramingCounters()
        self._cipher = algorithms.AES(encryption_key)
        self._associated = bytes([_AUTHENTICATED_AND_ENCRYPTED]) + authentication_key
        self._max_frame_bytes = max_frame_bytes
        self._buffer = bytearray()

    def feed(self, chunk: bytes) -> list[Frame]:
        """Take a chunk of any size and return the frames it completes."""
        frames: list[Frame] = []
        for begin in range(0, len(chunk), self._max_frame_bytes):
            self._buffer += chunk[begin : begin + self._max_frame_bytes]
            while (frame := self._next_frame()) is not None:
                frames.append(frame)
        return frames

    def _next_frame(self) -> Frame | None:
        while self._seek_start():
            if len(self._buffer) <= _HEADER_BYTES:
                return None
            length = int.from_bytes(self._buffer[_HEADER_BYTES - 2 : _HEADER_BYTES], "big")
            if not self._looks_like_header(length):
                self._skip_byte()
                continue
            if _HEADER_BYTES + length > self._max_frame_bytes:
                self.counters.oversized += 1
                self._skip_byte()
                continue
            if len(self._buffer) < _HEADER_BYTES + length:
                return None
            raw = bytes(self._buffer[: _HEADER_BYTES + length])
            plain = self._decrypt(raw)
            if plain is None:
                self.counters.undecryptable += 1
                self._skip_byte()
                continue
            del self._buffer[: len(raw)]
            self.counters.frames += 1
            return Frame(raw=raw, plain=plain)
        return None

    def _seek_start(self) -> bool:
        start = self._buffer.find(_CIPHER_TAG)
        garbage = len(self._buffer) if start < 0 else start
        self.counters.garbage_bytes += garbage
        del self._buffer[:garbage]
        return start >= 0

    def _looks_like_header(self, length: int) -> bool:
        return (
            self._buffer[1] == _SYSTEM_TITLE_BYTES
            and self._buffer[2 + _SYSTEM_TITLE_BYTES] == _LONG_LENGTH
            and self._buffer[_HEADER_BYTES] == _AUTHENTICATED_AND_ENCRYPTED
            and length > _SECURITY_HEADER_BYTES + _GCM_TAG_BYTES
        )

    def _skip_byte(self) -> None:
        self.counters.garbage_bytes += 1
        del self._buffer[:1]

    def _decrypt(self, raw: bytes) -> bytes | None:
        system_title = raw[2 : 2 + _SYSTEM_TITLE_BYTES]
        counter = raw[_HEADER_BYTES + 1 : _HEADER_BYTES + _SECURITY_HEADER_BYTES]
        text = raw[_HEADER_BYTES + _SECURITY_HEADER_BYTES : -_GCM_TAG_BYTES]
        mode = modes.GCM(system_title + counter, raw[-_GCM_TAG_BYTES:], _GCM_TAG_BYTES)
        decryptor = Cipher(self._cipher, mode).decryptor()
        decryptor.authenticate_additional_data(self._associated)
        try:
            return decryptor.update(text) + decryptor.finalize()
        except InvalidTag:
            return None

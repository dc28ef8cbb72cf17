"""CRC-16 of DSMR 4 and 5: polynomial x16 + x15 + x2 + 1, bits reflected, from 0."""

from __future__ import annotations

from typing import Final

_POLYNOMIAL: Final = 0xA001


def _remainder(byte: int) -> int:
    for _ in range(8):
        byte = byte >> 1 ^ (_POLYNOMIAL if byte & 1 else 0)
    return byte


_TABLE: Final = tuple(_remainder(byte) for byte in range(256))


def crc16(data: bytes) -> int:
    """Checksum of all bytes from a telegram's slash to its exclamation mark."""
    table = _TABLE
    crc = 0
    for byte in data:
        crc = crc >> 8 ^ table[(crc ^ byte) & 0xFF]
    return crc

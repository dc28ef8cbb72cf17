"""Pages: the registers of hundreds of meters at one boundary under one committed hash.

A bridge commits `MeterPage.hash`, keeps the page and the devices' signatures, and reveals the page
when it is settled. Layout and rules: `IMeterPages`.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from eth_utils.address import to_canonical_address
from eth_utils.crypto import keccak

from energy_grid.eip712 import MeterReading, word
from energy_grid.errors import InvalidValueError
from energy_grid.slots import is_aligned
from energy_grid.units import MeterId, UnixSeconds, Wh

MAX_ENTRIES: Final = 512
ENTRY_BYTES: Final = 17
HASH_START_BYTES: Final = 25
"""Bytes of a page's hash that the contract keeps."""

DISPUTE_SECONDS: Final = 3_600
"""From the commitment to the first second at which the page may be revealed."""

ANSWER_SECONDS: Final = 86_400
"""Time in which an accused bridge shows the device's signature."""

CONSENT_TYPE: Final = "EnergyMeterPageConsent(uint32 meterId,address bridge,uint40 fromBoundary)"
COMMITMENT_TYPE: Final = (
    "EnergyMeterPageCommitment(address bridge,uint40 boundary,uint16 index,bytes32 pageHash)"
)
NO_PAGE_BEFORE: Final = UnixSeconds(0)

_CONSENT_TYPE_HASH: Final = keccak(text=CONSENT_TYPE)
_COMMITMENT_TYPE_HASH: Final = keccak(text=COMMITMENT_TYPE)
_SIGNATURE_BYTES: Final = 65


@dataclass(frozen=True, slots=True)
class PageEntry:
    """The registers of one meter."""

    meter_id: MeterId
    sequence: int
    import_wh: Wh
    export_wh: Wh

    @classmethod
    def of(cls, reading: MeterReading) -> PageEntry:
        """What a page says of a reading: all but its time, frequency and voltage."""
        return cls(reading.meter_id, reading.sequence, reading.import_wh, reading.export_wh)

    def pack(self) -> bytes:
        """`meterId 24 | sequence 32 | importWh 40 | exportWh 40`, big-endian.

        Raises:
            InvalidValueError: a field has more bits.
        """
        return b"".join(
            word(name, value, bits)[32 - bits // 8 :]
            for name, value, bits in (
                ("meter_id", self.meter_id, 24),
                ("sequence", self.sequence, 32),
                ("import_wh", self.import_wh, 40),
                ("export_wh", self.export_wh, 40),
            )
        )

    @classmethod
    def unpack(cls, packed: bytes) -> PageEntry:
        """The entry of 17 bytes.

        Raises:
            InvalidValueError: another number of bytes.
        """
        if len(packed) != ENTRY_BYTES:
            raise InvalidValueError(
                "entry of a page", expected=f"{ENTRY_BYTES} bytes", found=len(packed)
            )
        number = int.from_bytes(packed, "big")
        return cls(
            MeterId(number >> 112),
            number >> 80 & (1 << 32) - 1,
            Wh(number >> 40 & (1 << 40) - 1),
            Wh(number & (1 << 40) - 1),
        )

    def matches(self, reading: MeterReading) -> bool:
        """Whether the entry says what the reading says."""
        return self == PageEntry.of(reading)


@dataclass(frozen=True, slots=True)
class MeterPage:
    """A page as it is revealed.

    Attributes:
        bridge: account that commits it.
        boundary: time of all its readings.
        index: number of the page among those of the bridge at this boundary.
        salt: 32 random bytes, see `new_salt`.
        signatures_hash: see `signatures_hash`.
        entries: 1 to 512.
        previous_boundary: boundary of the page of this index to be revealed before; 0 for none.
    """

    bridge: str
    boundary: UnixSeconds
    index: int
    salt: bytes
    signatures_hash: bytes
    entries: tuple[PageEntry, ...]
    previous_boundary: UnixSeconds = NO_PAGE_BEFORE

    def __post_init__(self) -> None:
        if not is_aligned(self.boundary):
            raise InvalidValueError(
                "boundary of a page", expected="a multiple of 900 s", found=self.boundary
            )
        if not 1 <= len(self.entries) <= MAX_ENTRIES:
            raise InvalidValueError(
                "entries of a page", expected=f"1 to {MAX_ENTRIES}", found=len(self.entries)
            )
        for name, value in (("salt", self.salt), ("signatures_hash", self.signatures_hash)):
            if len(value) != 32:
                raise InvalidValueError(f"{name} of a page", expected="32 bytes", found=len(value))

    def packed_entries(self) -> bytes:
        """All entries, 17 bytes each."""
        return pack_entries(self.entries)

    def as_tuple(self) -> tuple[str, int, int, int, bytes, bytes, bytes]:
        """Fields in the contract's order."""
        return (
            self.bridge,
            self.boundary,
            self.index,
            self.previous_boundary,
            self.salt,
            self.signatures_hash,
            self.packed_entries(),
        )

    def hash(self) -> bytes:
        """What is committed, equal to the contract's `pageHash`."""
        return keccak(
            to_canonical_address(self.bridge)
            + word("boundary", self.boundary, 40)[-5:]
            + word("index", self.index, 16)[-2:]
            + word("previous_boundary", self.previous_boundary, 40)[-5:]
            + self.salt
            + self.signatures_hash
            + self.packed_entries()
        )

    def place_of(self, meter_id: int) -> int | None:
        """Place of a meter's entry; None if it has none."""
        for place, entry in enumerate(self.entries):
            if entry.meter_id == meter_id:
                return place
        return None


def pack_entries(entries: Iterable[PageEntry]) -> bytes:
    """Entries as the contract takes them."""
    return b"".join(entry.pack() for entry in entries)


def unpack_entries(packed: bytes) -> tuple[PageEntry, ...]:
    """Entries of a page, for instance of the event `PageRevealed`.

    Raises:
        InvalidValueError: no whole number of entries.
    """
    if len(packed) % ENTRY_BYTES:
        raise InvalidValueError(
            "entries of a page", expected=f"a multiple of {ENTRY_BYTES} bytes", found=len(packed)
        )
    return tuple(
        PageEntry.unpack(packed[at : at + ENTRY_BYTES]) for at in range(0, len(packed), ENTRY_BYTES)
    )


def new_salt() -> bytes:
    """A salt that nobody can guess."""
    return secrets.token_bytes(32)


def signatures_hash(signatures: Iterable[bytes]) -> bytes:
    """Hash of the device signatures of a page, in the order of its entries.

    Raises:
        InvalidValueError: a signature without 65 bytes.
    """
    joined = []
    for signature in signatures:
        if len(signature) != _SIGNATURE_BYTES:
            raise InvalidValueError(
                "signature in a page", expected=f"{_SIGNATURE_BYTES} bytes", found=len(signature)
            )
        joined.append(bytes(signature))
    return keccak(b"".join(joined))


def page_of(
    bridge: str,
    index: int,
    signed: Sequence[tuple[MeterReading, bytes]],
    *,
    salt: bytes,
    previous_boundary: int = NO_PAGE_BEFORE,
) -> MeterPage:
    """The page of signed readings at one boundary, sorted by meter.

    Args:
        bridge: account that commits it.
        index: number of the page.
        signed: readings with their devices' signatures (65 bytes).
        salt: see `new_salt`.
        previous_boundary: see `MeterPage`.

    Raises:
        InvalidValueError: no reading, several boundaries, or two readings of one meter.
    """
    ordered = sorted(signed, key=lambda item: item[0].meter_id)
    boundaries = {reading.timestamp for reading, _ in ordered}
    if len(boundaries) != 1:
        raise InvalidValueError(
            "readings of a page", expected="one boundary", found=sorted(boundaries)
        )
    meters = [reading.meter_id for reading, _ in ordered]
    if len(set(meters)) != len(meters):
        raise InvalidValueError("readings of a page", expected="one a meter", found="two of one")
    return MeterPage(
        bridge=bridge,
        boundary=boundaries.pop(),
        index=index,
        salt=salt,
        signatures_hash=signatures_hash(signature for _, signature in ordered),
        entries=tuple(PageEntry.of(reading) for reading, _ in ordered),
        previous_boundary=UnixSeconds(previous_boundary),
    )


@dataclass(frozen=True, slots=True)
class PageConsent:
    """A device's consent that a bridge reports it from a boundary on."""

    meter_id: MeterId
    bridge: str
    from_boundary: UnixSeconds

    def as_tuple(self) -> tuple[int, str, int]:
        """Fields in the contract's order."""
        return (self.meter_id, self.bridge, self.from_boundary)

    def struct_hash(self) -> bytes:
        """EIP-712 hash of the struct."""
        return keccak(
            _CONSENT_TYPE_HASH
            + word("meter_id", self.meter_id, 32)
            + to_canonical_address(self.bridge).rjust(32, b"\0")
            + word("from_boundary", self.from_boundary, 40)
        )


@dataclass(frozen=True, slots=True)
class PageCommitment:
    """A bridge's commitment, for somebody else to relay."""

    bridge: str
    boundary: UnixSeconds
    index: int
    page_hash: bytes

    @classmethod
    def of(cls, page: MeterPage) -> PageCommitment:
        """The commitment of a page."""
        return cls(page.bridge, page.boundary, page.index, page.hash())

    def as_tuple(self) -> tuple[str, int, int, bytes]:
        """Fields in the contract's order."""
        return (self.bridge, self.boundary, self.index, self.page_hash)

    def struct_hash(self) -> bytes:
        """EIP-712 hash of the struct."""
        return keccak(
            _COMMITMENT_TYPE_HASH
            + to_canonical_address(self.bridge).rjust(32, b"\0")
            + word("boundary", self.boundary, 40)
            + word("index", self.index, 16)
            + self.page_hash
        )

"""A meter as the tests drive it: registers, numbers and a key that signs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from eth_keys.datatypes import PrivateKey
from eth_utils.crypto import keccak

from energy_grid.eip712 import (
    MeterDay,
    MeterReading,
    MeterRegistration,
    domain,
    sign,
)

SLOT_SECONDS = 900
DAY_SECONDS = 86_400
SLOTS_PER_DAY = 96
RING_SLOTS = 4_096

MISSING, MEASURED, ESTIMATED = 0, 1, 2
CONNECTION, CONNECTION_WITH_STORAGE, PRODUCTION = 0, 1, 2
UNKNOWN, ACTIVE, QUARANTINED, DEACTIVATED = 0, 1, 2, 3

NARROW_RATING_W = 17_250  # 3 x 25 A at 230 V: 4,743 Wh a slot
NARROW_CAP_WH = 4_743
WIDE_RATING_W = 2_000_000  # 550,000 Wh a slot
WIDE_CAP_WH = 550_000
REGISTER_WIDTH_WH = 10**9
ANY_KEY = 0xA11CE


def private_key(name: str) -> bytes:
    """A key that depends on the name alone."""
    return keccak(text=f"device {name}")


def key_address(key: bytes) -> str:
    return PrivateKey(key).public_key.to_checksum_address()


def compact(signature: bytes) -> bytes:
    """The 64-byte form (ERC-2098) of a 65-byte signature."""
    r, s, v = signature[:32], int.from_bytes(signature[32:64], "big"), signature[64]
    return r + (s | (v - 27) << 255).to_bytes(32, "big")


def high_s(signature: bytes) -> bytes:
    """The other signature of the same message and key that plain ECDSA would accept."""
    order = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
    s = order - int.from_bytes(signature[32:64], "big")
    return signature[:32] + s.to_bytes(32, "big") + bytes([55 - signature[64]])


def pack_words(energies: Iterable[tuple[int, int]], *, wide: bool) -> tuple[bytes, ...]:
    """Quarter-hour differences as the words of a signed day, straight from the specification."""
    bits, pitch, lanes = (28, 60, 4) if wide else (14, 30, 8)
    words = [0] * (SLOTS_PER_DAY // lanes)
    for slot, (import_wh, export_wh) in enumerate(energies):
        lane = import_wh | export_wh << bits | MEASURED << 2 * bits
        words[slot // lanes] |= lane << slot % lanes * pitch
    return tuple(word.to_bytes(32, "big") for word in words)


@dataclass
class Device:
    """A registered meter and the state of its registers."""

    contract: Any
    chain_id: int
    key: bytes
    registration: MeterRegistration
    meter_id: int = 0
    sequence: int = 0
    slot: int = field(default=0)
    import_wh: int = 0
    export_wh: int = 0

    def __post_init__(self) -> None:
        self.slot = self.registration.first_slot
        self.import_wh = self.registration.import_wh
        self.export_wh = self.registration.export_wh

    @property
    def address(self) -> str:
        return key_address(self.key)

    @property
    def wide(self) -> bool:
        return max(self.registration.rated_import_w, self.registration.rated_export_w) > 59_578

    @property
    def register_width_wh(self) -> int:
        return self.registration.register_width_wh

    def signature(self, message: Any, *, key: bytes | None = None) -> bytes:
        return sign(message, domain(self.chain_id, str(self.contract.address)), key or self.key)

    def advance(self, import_wh: int, export_wh: int, *, slots: int = 1) -> MeterReading:
        """Let energy pass and read the registers at the end of the last slot."""
        self.slot += slots
        self.sequence += 1
        self.import_wh = (self.import_wh + import_wh) % self.register_width_wh
        self.export_wh = (self.export_wh + export_wh) % self.register_width_wh
        return self.reading()

    def reading(self, **changes: Any) -> MeterReading:
        """The registers as they stand, with some fields changed."""
        fields: dict[str, Any] = {
            "meter_id": self.meter_id,
            "sequence": self.sequence,
            "timestamp": self.slot * SLOT_SECONDS,
            "import_wh": self.import_wh,
            "export_wh": self.export_wh,
        }
        return MeterReading(**{**fields, **changes})

    def day(self, energies: Sequence[tuple[int, int]], **changes: Any) -> MeterDay:
        """The next 96 slots as a signed day; the registers move to its end."""
        fields: dict[str, Any] = {
            "meter_id": self.meter_id,
            "first_sequence": self.sequence + 1,
            "day_start": self.slot * SLOT_SECONDS,
            "import_wh": self.import_wh,
            "export_wh": self.export_wh,
            "words": self.words(energies),
        }
        for import_wh, export_wh in energies:
            self.advance(import_wh, export_wh)
        return MeterDay(**{**fields, **changes})

    def words(self, energies: Iterable[tuple[int, int]]) -> tuple[bytes, ...]:
        return pack_words(energies, wide=self.wide)

    def submit(self, reading: MeterReading, sender: Any) -> Any:
        """Relay a reading with this meter's signature."""
        return self.contract.submitSignedReading(
            reading.as_tuple(), self.signature(reading), sender=sender
        )

    def submit_all(self, readings: Iterable[MeterReading], sender: Any) -> Any:
        """Relay new readings in one batch."""
        items = [(reading.as_tuple(), self.signature(reading)) for reading in readings]
        assert self.contract.submitSignedReadings.call(items, sender=sender) == len(items)
        return self.contract.submitSignedReadings(items, sender=sender)

    def submit_day(self, day: MeterDay, sender: Any) -> Any:
        """Relay a day with this meter's signature."""
        return self.contract.submitSignedDay(day.as_tuple(), self.signature(day), sender=sender)


def own_reading(reading: MeterReading) -> tuple[int, int, int, int, int]:
    """A reading as the printed `submitReading` takes it."""
    return (
        reading.timestamp,
        reading.import_wh,
        reading.export_wh,
        reading.frequency_millihz,
        reading.voltage_millivolts,
    )


def day_energies(seed: int, cap_wh: int) -> list[tuple[int, int]]:
    """96 slots that look like a day and touch zero and the cap."""
    energies = []
    for slot in range(SLOTS_PER_DAY):
        word = int.from_bytes(keccak(text=f"{seed}/{slot}")[:8], "big")
        energies.append((word % (cap_wh + 1), (word >> 32) % (cap_wh + 1)))
    energies[0] = (0, cap_wh)
    energies[-1] = (cap_wh, 0)
    return energies


def only_events(receipt: Any, *expected: tuple[Any, dict[str, Any]]) -> None:
    """The receipt holds exactly these events, in order, with exactly these fields."""
    found = [(log.event_name, dict(log.event_arguments)) for log in receipt.events]
    assert found == [(event.abi.name, fields) for event, fields in expected]


def accepted_event(reading: MeterReading) -> dict[str, Any]:
    """Fields of `ReadingAccepted`."""
    return {
        "meterId": reading.meter_id,
        "timestamp": reading.timestamp,
        "sequence": reading.sequence,
        "importWh": reading.import_wh,
        "exportWh": reading.export_wh,
        "frequencyMilliHz": reading.frequency_millihz,
        "voltageMilliV": reading.voltage_millivolts,
    }


def quarantined_event(reading: MeterReading, reporter: Any) -> dict[str, Any]:
    """Fields of `MeterQuarantined`."""
    return {
        "meterId": reading.meter_id,
        "reporter": str(reporter.address),
        "sequence": reading.sequence,
        "timestamp": reading.timestamp,
        "importWh": reading.import_wh,
        "exportWh": reading.export_wh,
    }

"""What is signed when one meter follows another. Rules: `IMeterSuccession`, docs/accounts.md."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from eth_utils.crypto import keccak

from energy_grid.eip712 import MeterRegistration, word
from energy_grid.units import MeterId, Slot, UnixSeconds, Wh

EPOCH_DELAY_SECONDS: Final = 86_400
"""From the announcement until it may be opened, if the owner stays or has consented."""
HANDOVER_DELAY_SECONDS: Final = 7 * 86_400
"""The same for another owner, without consent."""
OBJECTION_DELAY_SECONDS: Final = 30 * 86_400
"""From the old owner's objection on."""
OPEN_SECONDS: Final = 30 * 86_400
"""How long it may be opened."""

_CONSENT_TYPE_HASH: Final = keccak(
    text="EnergyMeterSuccessionConsent(uint32 meterId,bytes32 termsHash,uint40 announcedAt)"
)


@dataclass(frozen=True, slots=True)
class SuccessionConsent:
    """The old owner agrees to one announcement."""

    meter_id: MeterId
    terms_hash: bytes
    announced_at: UnixSeconds

    def as_tuple(self) -> tuple[int, bytes, int]:
        """Fields in the contract's order."""
        return (self.meter_id, self.terms_hash, self.announced_at)

    def struct_hash(self) -> bytes:
        """EIP-712 hash of the struct."""
        return keccak(
            _CONSENT_TYPE_HASH
            + word("meter_id", self.meter_id, 32)
            + self.terms_hash
            + word("announced_at", self.announced_at, 40)
        )


def terms_of(registration: MeterRegistration) -> MeterRegistration:
    """What the new device signs for the announcement: its registration without a baseline."""
    return replace(registration, first_slot=Slot(0), import_wh=Wh(0), export_wh=Wh(0))

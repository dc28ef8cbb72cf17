"""What a device signs to be registered: it holds its key, and where its registers stand."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import IntEnum
from typing import Any, Final

from energy_grid.eip712 import DOMAIN_NAME, DOMAIN_VERSION
from meter_bridge.keys import DeviceKey


class MeterKind(IntEnum):
    """What a meter measures, as numbered on chain."""

    CONNECTION = 0
    CONNECTION_WITH_STORAGE = 1
    PRODUCTION = 2


@dataclass(frozen=True, slots=True)
class Registration:
    """The message `EnergyMeterRegistration`, fields as the contract names them."""

    deviceKey: str
    owner: str
    zone: int
    kind: int
    ratedImportW: int
    ratedExportW: int
    registerWidthWh: int
    firstSlot: int
    importWh: int
    exportWh: int


_FIELD_TYPES: Final = {
    "deviceKey": "address",
    "owner": "address",
    "zone": "uint16",
    "kind": "uint8",
    "ratedImportW": "uint32",
    "ratedExportW": "uint32",
    "registerWidthWh": "uint64",
    "firstSlot": "uint32",
    "importWh": "uint64",
    "exportWh": "uint64",
}


@dataclass(frozen=True, slots=True)
class SignedRegistration:
    """A registration, its EIP-712 digest and the device's signature."""

    registration: Registration
    digest: bytes
    signature: bytes

    def as_json(self) -> dict[str, Any]:
        """What the registrar needs for `SmartMeter.registerMeter`."""
        return {
            "registration": asdict(self.registration),
            "digest": "0x" + self.digest.hex(),
            "signature": "0x" + self.signature.hex(),
        }


def sign_registration(
    key: DeviceKey, registration: Registration, chain_id: int, smart_meter: str
) -> SignedRegistration:
    """Sign a registration with the device's key."""
    message = {
        "types": {
            "EIP712Domain": [
                {"name": "name", "type": "string"},
                {"name": "version", "type": "string"},
                {"name": "chainId", "type": "uint256"},
                {"name": "verifyingContract", "type": "address"},
            ],
            "EnergyMeterRegistration": [
                {"name": name, "type": kind} for name, kind in _FIELD_TYPES.items()
            ],
        },
        "primaryType": "EnergyMeterRegistration",
        "domain": {
            "name": DOMAIN_NAME,
            "version": DOMAIN_VERSION,
            "chainId": chain_id,
            "verifyingContract": smart_meter,
        },
        "message": asdict(registration),
    }
    digest, signature = key.sign_typed_data(message)
    return SignedRegistration(registration, digest, signature)

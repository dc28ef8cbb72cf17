"""Assets with the real register of meters, on a chain in this process."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import pytest
from eth_keys.datatypes import PrivateKey
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from energy_grid.artifacts import Artifacts
from energy_grid.contracts import abi_of
from energy_grid.eip712 import MeterKind, MeterRegistration, domain, sign
from energy_grid.successions import terms_of
from energy_grid.units import Slot, Watt, Wh, Zone
from tests.utils.revm import Contract, Refused, Revm

GOVERNOR: Final = to_checksum_address("0x00000000000000000000000000000000000000a1")
REGISTRAR: Final = to_checksum_address("0x00000000000000000000000000000000000000a2")
ANYBODY: Final = to_checksum_address("0x00000000000000000000000000000000000000a3")
ZERO: Final = "0x0000000000000000000000000000000000000000"
REGISTRAR_ROLE: Final = 2
METER_FUNCTIONS: Final = (
    "registerMeter",
    "deactivateMeter",
    "releaseQuarantine",
    "announceSuccession",
)
ASSET_FUNCTIONS: Final = ("registerAsset", "bindMeter", "releaseMeter")
CHAIN_ID: Final = 1

DAY_SECONDS: Final = 86_400
SLOT_SECONDS: Final = 900
SLOTS_PER_DAY: Final = 96
FIRST_DAY: Final = 20_605
"""2026-06-01."""
START: Final = FIRST_DAY * DAY_SECONDS
SOLAR, WIND, HYDRO, HEAT_AND_POWER, BATTERY, CHARGER, HEAT_PUMP, OTHER = range(8)
OPERATOR, MAINTAINER, DATA_READER = range(3)
DEACTIVATED: Final = 3
RATED_W: Final = 9_850
NEVER: Final = 2**40 - 1
SPEC: Final = (SOLAR, RATED_W, b"u33d", START - 365 * DAY_SECONDS)


@dataclass(frozen=True)
class Person:
    """An account with its key."""

    name: str

    @property
    def key(self) -> bytes:
        return keccak(text=f"person {self.name}")

    @property
    def address(self) -> str:
        return str(PrivateKey(self.key).public_key.to_checksum_address())

    def sign(self, digest: bytes) -> bytes:
        """65 bytes as wallets give them."""
        signature = PrivateKey(self.key).sign_msg_hash(digest)
        return signature.to_bytes()[:64] + bytes([27 + signature.v])


ALICE, BOB, CAROL = Person("alice"), Person("bob"), Person("carol")


@dataclass
class Device:
    """A meter and its registers as read last."""

    meter_id: int
    address: str
    slot: int
    import_wh: int = 0
    export_wh: int = 0


def refusal(name: str, **arguments: Any) -> Any:
    """The next call is refused by this error with these arguments."""

    def fits(error: Refused) -> bool:
        assert (error.name, error.arguments) == (name, error.arguments | arguments)
        return True

    return pytest.raises(Refused, check=fits)


class AssetStage:
    """SmartMeter and EnergyAssetNFT with a registrar."""

    def __init__(self) -> None:
        self.chain = Revm(Artifacts.load(), GOVERNOR)
        self.chain.at(START - 2 * DAY_SECONDS)  # roles count from before what is announced
        self.manager = self.chain.deploy("GridAccessManager", GOVERNOR)
        deployed = self.chain.deploy("SmartMeter", self.manager.address)
        self.meters = Contract(
            self.chain, abi_of("SmartMeter", self.chain.artifacts), deployed.address
        )
        self.assets = self.chain.deploy("EnergyAssetNFT", self.manager.address, self.meters.address)
        for contract, names in ((self.meters, METER_FUNCTIONS), (self.assets, ASSET_FUNCTIONS)):
            selectors = [contract.abi.selector(name) for name in names]
            self.manager.send(
                GOVERNOR, "setTargetFunctionRole", contract.address, selectors, REGISTRAR_ROLE
            )
        self.manager.send(GOVERNOR, "grantRole", REGISTRAR_ROLE, REGISTRAR, 0)
        self.chain.at(START)
        self.devices = 0

    def remember(self) -> Any:
        """The state to come back to."""
        return self.chain.snapshot(), self.devices

    def restore(self, origin: Any) -> None:
        """Go back to a state, at the first instant."""
        snapshot, self.devices = origin
        self.chain.revert(snapshot)
        self.chain.at(START)

    # --- meters -----------------------------------------------------------------------------------

    def meter(
        self,
        owner: Person = ALICE,
        kind: MeterKind = MeterKind.CONNECTION,
        first_slot: int = FIRST_DAY * SLOTS_PER_DAY,
    ) -> Device:
        """Register a meter, or let it follow the one that was removed."""
        self.devices += 1
        key = keccak(text=f"device {self.devices}")
        address = str(PrivateKey(key).public_key.to_checksum_address())
        registration = MeterRegistration(
            address, owner.address, Zone(7), kind, Watt(17_250), Watt(17_250), Wh(10**9),
            Slot(first_slot), Wh(0), Wh(0),
        )  # fmt: skip
        separator = domain(CHAIN_ID, self.meters.address)
        signature = sign(registration, separator, key)
        connection_id, production_id = self.meters.ask("metersOf", owner.address)
        old_id = production_id if kind is MeterKind.PRODUCTION else connection_id
        if old_id and self.meters.ask("meterInfo", old_id).status == DEACTIVATED:
            # Time is ours to set: it was announced a day ago.
            now = max(self.chain.now, first_slot * SLOT_SECONDS)
            self.chain.at(now - DAY_SECONDS)
            terms = terms_of(registration)
            self.meters.send(
                REGISTRAR,
                "announceSuccession",
                old_id,
                terms.as_tuple(),
                sign(terms, separator, key),
            )
            self.chain.at(now)
            meter_id = self.meters.send(
                ANYBODY, "openSuccession", old_id, registration.as_tuple(), signature
            )
        else:
            meter_id = self.meters.send(
                REGISTRAR, "registerMeter", registration.as_tuple(), signature
            )
        return Device(meter_id, address, first_slot)

    def read(self, device: Device, exports_wh: Sequence[int], *, slots_each: int = 1) -> None:
        """Let a meter read its registers once for each amount exported since the last time."""
        for export_wh in exports_wh:
            device.slot += slots_each
            device.export_wh += export_wh
            at = device.slot * SLOT_SECONDS
            self.chain.at(max(at, self.chain.now))
            self.meters.send(
                device.address, "submitReading", (at, device.import_wh, device.export_wh, 0, 0)
            )

    def remove(self, device: Device) -> None:
        """The registrar removes a meter."""
        self.meters.send(REGISTRAR, "deactivateMeter", device.meter_id)

    def go_to_day(self, day: int, seconds: int = 0) -> None:
        """Let time pass."""
        self.chain.at(day * DAY_SECONDS + seconds)

    def day_is_final(self, day: int) -> None:
        """Go to the first second at which the day may be recorded."""
        self.go_to_day(day + 2)

    # --- assets -----------------------------------------------------------------------------------

    def consent(self, owner: Person, asset_id: int, spec: Any, meter_id: int) -> bytes:
        """What an owner of a meter signs."""
        return owner.sign(self.assets.ask("consentDigest", asset_id, spec, meter_id, NEVER))

    def register(self, device: Device, owner: Person = ALICE, spec: Any = SPEC) -> int:
        """Register an asset with its owner's consent."""
        consent = self.consent(owner, 0, spec, device.meter_id)
        asset_id: int = self.assets.send(
            REGISTRAR, "registerAsset", spec, device.meter_id, NEVER, consent
        )
        return asset_id

    def bind(self, asset_id: int, device: Device, owner: Person = ALICE, spec: Any = SPEC) -> None:
        """Bind another meter with its owner's consent."""
        consent = self.consent(owner, asset_id, spec, device.meter_id)
        self.assets.send(REGISTRAR, "bindMeter", asset_id, device.meter_id, NEVER, consent)

    def release(self, asset_id: int) -> None:
        """The registrar ends a binding."""
        self.assets.send(REGISTRAR, "releaseMeter", asset_id)

    def transfer(self, asset_id: int, sender: Person, to: Person) -> None:
        """Plain transfer by the owner."""
        self.assets.send(sender.address, "transferFrom", sender.address, to.address, asset_id)

    def record(self, asset_id: int, day: int = FIRST_DAY, sender: str = ANYBODY) -> int:
        """Put a day on record."""
        energy_wh: int = self.assets.send(sender, "recordProduction", asset_id, day)
        return energy_wh

    def day(self, asset_id: int, day: int = FIRST_DAY) -> tuple[int, int, int]:
        """Energy, measured slots and recorded quarter hours of a day."""
        energy_wh, measured, quarters = self.assets.ask("productionOfDay", asset_id, day)
        return energy_wh, measured, quarters

    def bindings(self, asset_id: int) -> list[tuple[int, int, int]]:
        """All bindings: meter, from, to."""
        return [tuple(one) for one in self.assets.ask("bindingsOf", asset_id)]

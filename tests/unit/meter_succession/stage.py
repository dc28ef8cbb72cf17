"""SmartMeter with a home whose meter is to be followed by another one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from energy_grid.deployment.roles import FUNCTION_ROLES, Role
from energy_grid.eip712 import MeterKind, MeterRegistration
from energy_grid.successions import SuccessionConsent, terms_of
from energy_grid.units import MeterId, Slot, UnixSeconds, Wh
from tests.unit.meter_pages.street import DAY, FIRST_SLOT, SLOT, Street, somebody
from tests.unit.smart_meter.devices import Device, key_address, private_key

DAY_SECONDS = 86_400
ANNOUNCED = DAY + 10
ZERO_HASH = b"\0" * 32


@dataclass
class SuccessionStage:
    """A street whose home `anna` has been read for some slots; `bert` will move in."""

    street: Street
    old: Device

    @classmethod
    def build(cls) -> SuccessionStage:
        """Register the old meter; the clock stands a little after its first slot began."""
        street = Street.build()
        for function, role in FUNCTION_ROLES["SmartMeter"].items():
            selector = street.meters.abi.selector(function)
            street.manager.send(
                somebody("governor"),
                "setTargetFunctionRole",
                street.meters.address,
                [selector],
                int(role),
            )
        assert FUNCTION_ROLES["SmartMeter"]["setMeterLimits"] is Role.GOVERNOR
        street.at(ANNOUNCED)
        return cls(street, street.register("anna"))

    def remember(self) -> Any:
        """The state to come back to."""
        return self.street.chain.snapshot(), replace(self.old), dict(self.street.devices)

    def restore(self, origin: Any) -> None:
        """Go back to a state."""
        snapshot, self.old, self.street.devices = origin
        self.street.chain.revert(snapshot)
        self.street.at(ANNOUNCED)

    # --- acting ---

    def at(self, unix: int) -> None:
        """Let time pass."""
        self.street.at(unix)

    def send(self, actor: str, function: str, *arguments: Any) -> Any:
        """Call as an actor."""
        return self.street.send(actor, function, *arguments)

    def refuses(self, actor: str, function: str, *arguments: Any) -> tuple[str, dict[str, Any]]:
        """Call what must fail."""
        return self.street.refuses(actor, function, *arguments)

    def ask(self, function: str, *arguments: Any) -> Any:
        """Look at the contract."""
        return self.street.meters.ask(function, *arguments)

    # --- meters ---

    def new(self, owner: str, name: str = "new", **changes: Any) -> Device:
        """A device that is to follow, its baseline not known yet."""
        key = private_key(name)
        registration = replace(
            self.old.registration, device_key=key_address(key), owner=somebody(owner), **changes
        )
        return Device(self.street.meters, self.street.chain_id, key, terms_of(registration))

    def announcement(self, device: Device) -> tuple[tuple[Any, ...], bytes]:
        """What the registrar sends of a device: terms and signature."""
        terms = terms_of(device.registration)
        return terms.as_tuple(), device.signature(terms)

    def announce(self, device: Device, old: Device | None = None) -> bytes:
        """The registrar announces; the hash of the terms."""
        meter_id = (old or self.old).meter_id
        terms: bytes = self.send(
            "registrar", "announceSuccession", meter_id, *self.announcement(device)
        )
        return terms

    def begin(self, device: Device, slot: int, import_wh: int = 0, export_wh: int = 0) -> None:
        """Give a device its baseline at the start of a slot."""
        device.registration = replace(
            device.registration,
            first_slot=Slot(slot),
            import_wh=Wh(import_wh),
            export_wh=Wh(export_wh),
        )
        device.slot, device.import_wh, device.export_wh = slot, import_wh, export_wh

    def opening(self, device: Device, old: Device | None = None) -> tuple[Any, ...]:
        """Arguments that open a succession."""
        registration: MeterRegistration = device.registration
        meter_id = (old or self.old).meter_id
        return meter_id, registration.as_tuple(), device.signature(registration)

    def open(self, device: Device, old: Device | None = None, actor: str = "anybody") -> int:
        """Open; the id of the new meter."""
        device.meter_id = self.send(actor, "openSuccession", *self.opening(device, old))
        return device.meter_id

    def read(self, device: Device, import_wh: int, export_wh: int, slots: int = 1) -> None:
        """A signed reading arrives five seconds after its boundary, or now if that was before."""
        reading = device.advance(import_wh, export_wh, slots=slots)
        self.at(max(reading.timestamp + 5, self.street.chain.now))
        assert self.street.submit(device, reading) is True

    def read_until(self, device: Device, slot: int) -> None:
        """One reading at the start of `slot`, however long ago the last one was."""
        self.read(device, 0, 0, slots=slot - device.slot)

    def consent(self, terms_hash: bytes, announced_at: int = ANNOUNCED) -> SuccessionConsent:
        """What the old owner signs."""
        return SuccessionConsent(MeterId(self.old.meter_id), terms_hash, UnixSeconds(announced_at))

    def energies(self, owner: str, first: int, count: int) -> list[tuple[int, ...]]:
        """Import, export, mintable and quality of an owner's slots, counted from the first slot."""
        return [
            tuple(one)
            for one in self.ask("slotEnergies", somebody(owner), FIRST_SLOT + first, count)
        ]


def slot_at(unix: int) -> int:
    """The slot that has begun at an instant."""
    return unix // SLOT


CONNECTION, STORAGE, PRODUCTION = (
    MeterKind.CONNECTION,
    MeterKind.CONNECTION_WITH_STORAGE,
    MeterKind.PRODUCTION,
)

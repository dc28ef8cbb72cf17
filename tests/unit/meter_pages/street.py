"""A street of meters on an in-process chain: registered, with owners, keys and bridges."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from eth_utils.crypto import keccak

from energy_grid.abi import Event
from energy_grid.artifacts import Artifacts
from energy_grid.contracts import abi_of
from energy_grid.deployment.roles import FUNCTION_ROLES, Role
from energy_grid.eip712 import MeterKind, MeterReading, MeterRegistration, domain, sign
from energy_grid.pages import MeterPage, page_of
from tests.unit.smart_meter.devices import (
    NARROW_RATING_W,
    REGISTER_WIDTH_WH,
    Device,
    key_address,
    private_key,
)
from tests.utils.revm import Contract, Refused, Revm

DAY = 20_834 * 86_400
SLOT = 900
DISPUTE = 3_600
FIRST_SLOT = DAY // SLOT
SALT = keccak(text="salt")


def somebody(name: str) -> str:
    """Address of an actor whose key is known."""
    return key_address(private_key(name))


def role_of(name: str) -> bytes:
    """Key of an actor."""
    return private_key(name)


@dataclass
class Street:
    """One SmartMeter under an access manager; the clock stands at `DAY`, where all meters begin."""

    chain: Revm
    manager: Contract
    meters: Contract
    chain_id: int
    devices: dict[str, Device] = field(default_factory=dict)

    @classmethod
    def build(cls) -> Street:
        """Deploy, with a registrar and two appointed bridges."""
        artifacts = Artifacts.load()
        governor = somebody("governor")
        chain = Revm(artifacts, governor)
        chain.at(DAY - 3_600)
        manager = chain.deploy("GridAccessManager", governor)
        deployed = chain.deploy("SmartMeter", manager.address)
        meters = Contract(chain, abi_of("SmartMeter", artifacts), deployed.address)
        selectors = [meters.abi.selector(function) for function in FUNCTION_ROLES["SmartMeter"]]
        manager.send(
            governor, "setTargetFunctionRole", meters.address, selectors, int(Role.REGISTRAR)
        )
        manager.send(governor, "grantRole", int(Role.REGISTRAR), somebody("registrar"), 0)
        street = cls(chain, manager, meters, int(meters.ask("eip712Domain").chainId))
        for bridge in ("bridge", "other bridge"):
            street.send("registrar", "appointBridge", somebody(bridge))
        return street

    # --- acting ---

    def at(self, unix: int) -> None:
        """Let time pass."""
        self.chain.at(unix)

    def after(self, slots: int, seconds: int = 5) -> None:
        """Stand some slots after the day's start."""
        self.at(DAY + SLOT * slots + seconds)

    def send(self, actor: str, function: str, *arguments: Any) -> Any:
        """Call as an actor."""
        return self.meters.send(somebody(actor), function, *arguments)

    def refuses(self, actor: str, function: str, *arguments: Any) -> tuple[str, dict[str, Any]]:
        """Call what must fail: error and arguments."""
        try:
            self.send(actor, function, *arguments)
        except Refused as error:
            return error.name, error.arguments
        raise AssertionError(f"{function} was not refused")

    def events(self, name: str) -> list[Event]:
        """Events of the last call."""
        return self.meters.events(name)

    # --- meters ---

    def register(self, name: str, **changes: Any) -> Device:
        """A registered meter of owner `name`."""
        key = private_key(f"meter of {name}")
        fields: dict[str, Any] = {
            "device_key": key_address(key),
            "owner": somebody(name),
            "zone": 1,
            "kind": MeterKind.CONNECTION,
            "rated_import_w": NARROW_RATING_W,
            "rated_export_w": NARROW_RATING_W,
            "register_width_wh": REGISTER_WIDTH_WH,
            "first_slot": FIRST_SLOT,
            "import_wh": 5_000_000,
            "export_wh": 1_000_000,
        }
        registration = MeterRegistration(**{**fields, **changes})
        device = Device(self.meters, self.chain_id, key, registration)
        self.send(
            "registrar", "registerMeter", registration.as_tuple(), device.signature(registration)
        )
        device.meter_id = self.meters.ask("meterOf", device.address)
        self.devices[name] = device
        return device

    def settle_in(self, *names: str, bridge: str = "bridge") -> list[Device]:
        """Register meters that joined a bridge from their first boundary on."""
        devices = [self.register(name) for name in names]
        for name, device in zip(names, devices, strict=True):
            self.send(name, "joinBridge", device.meter_id, somebody(bridge), DAY + SLOT)
        return devices

    def sign(self, message: Any, actor: str) -> bytes:
        """Signature of an actor in the meters' domain."""
        return sign(message, domain(self.chain_id, self.meters.address), private_key(actor))

    def submit(self, device: Device, reading: MeterReading) -> Any:
        """Anybody relays a reading signed by its device."""
        return self.send(
            "anybody", "submitSignedReading", reading.as_tuple(), device.signature(reading)
        )

    def info(self, device: Device) -> Any:
        """What the registry knows."""
        return self.meters.ask("meterInfo", device.meter_id)

    def energy(self, device: Device, slot: int) -> tuple[int, int, int]:
        """Import, export and quality of a slot of the day."""
        return tuple(self.meters.ask("slotEnergy", device.meter_id, FIRST_SLOT + slot))

    # --- pages ---

    def page(
        self,
        signed: Sequence[tuple[Device, MeterReading]],
        *,
        bridge: str = "bridge",
        index: int = 0,
        previous: int = 0,
    ) -> MeterPage:
        """A page of readings with their true signatures."""
        return page_of(
            somebody(bridge),
            index,
            [(reading, device.signature(reading)) for device, reading in signed],
            salt=SALT,
            previous_boundary=previous,
        )

    def commit(self, page: MeterPage, *, bridge: str = "bridge") -> Any:
        """Commit a page."""
        return self.send(bridge, "commitPage", page.boundary, page.index, page.hash())

    def reveal(self, page: MeterPage, actor: str = "anybody") -> int:
        """Reveal a page; the number of readings taken."""
        return int(self.send(actor, "revealPage", page.as_tuple()))

    def committed(self, page: MeterPage, seconds: int = DISPUTE) -> MeterPage:
        """Commit a page five seconds after its boundary and let the time for disputes pass."""
        self.at(page.boundary + 5)
        self.commit(page)
        self.at(page.boundary + 5 + seconds)
        return page

    def skipped(self) -> list[tuple[int, int, int]]:
        """Meter, place and reason of the entries that the last call skipped."""
        return [(e.meterId, e.place, e.reason) for e in self.events("PageEntrySkipped")]

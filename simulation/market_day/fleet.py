"""The meters of the day: which hang where, with which key, and what they would print."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Protocol

import numpy as np
from eth_account.signers.local import LocalAccount
from eth_utils.crypto import keccak

from energy_grid.eip712 import MeterKind, MeterRegistration
from energy_grid.slots import slot_start
from energy_grid.units import SLOTS_PER_DAY, Slot, Watt, Wh, Zone
from simulation.market_day.keys import key_of
from simulation.meters.encryption import FrameKey
from simulation.meters.registers import RegisterTrack, start_registers
from simulation.meters.telegram import TelegramForm
from simulation.meters.virtual_meter import VirtualMeter
from simulation.physics.behind_meter import HomeEnergies
from simulation.physics.day import PhysicalDay
from simulation.physics.homes import Home, HomeKind

REGISTER_WIDTH_WH: Final = Wh(1_000_000_000)
"""Six digits of kWh: where a P1 register starts again at 0."""

_ENCRYPTED_EVERY: Final = 8
_ENCRYPTED_FROM: Final = 3


@dataclass(frozen=True)
class FleetMeter:
    """One meter of the day.

    Attributes:
        meter_id: id it will have on chain; ids are given in order of registration.
        home: whose home it measures.
        kind: what it measures.
        device: key that signs its readings.
        registration: what the device signs to be registered.
        virtual: the meter itself.
        encryption_key: key of its customer port, None if that is plain.
    """

    meter_id: int
    home: Home
    kind: MeterKind
    device: LocalAccount
    registration: MeterRegistration
    virtual: VirtualMeter
    encryption_key: bytes | None

    @property
    def dialect(self) -> str:
        """The bridge's name for its telegrams."""
        return "dsmr5" if self.encryption_key is None else "luxembourg_encrypted"


class Owner(Protocol):
    """A key, or a contract."""

    @property
    def address(self) -> str:
        """Its account."""
        ...


def build_fleet(
    day: PhysicalDay, owners: Sequence[Owner], seed: int, first_slot: int | None = None
) -> tuple[FleetMeter, ...]:
    """A connection meter for every home, and a production meter where a battery stands.

    Args:
        day: what happens.
        owners: of the homes, in their order.
        seed: of the run.
        first_slot: slot that meters are registered from; the day's first by default.
    """
    fleet: list[FleetMeter] = []
    for energies, owner in zip(day.energies, owners, strict=True):
        home = energies.home
        zone = day.zones.zone_of(home)
        has_storage = home.kind is HomeKind.STORAGE
        kinds = [MeterKind.CONNECTION_WITH_STORAGE if has_storage else MeterKind.CONNECTION]
        if has_storage:
            kinds.append(MeterKind.PRODUCTION)
        for kind in kinds:
            meter = _meter(len(fleet) + 1, kind, day, energies, owner.address, zone, seed)
            fleet.append(meter if first_slot is None else _registered_at(meter, first_slot))
    return tuple(fleet)


def _registered_at(meter: FleetMeter, slot: int) -> FleetMeter:
    """The same meter, with the registers of a later slot as its first ones on chain."""
    registers = meter.virtual.registers.at(slot_start(slot))
    registration = replace(
        meter.registration,
        first_slot=Slot(slot),
        import_wh=Wh(registers.total_import_wh),
        export_wh=Wh(registers.total_export_wh),
    )
    return replace(meter, registration=registration)


def _meter(
    meter_id: int,
    kind: MeterKind,
    day: PhysicalDay,
    energies: HomeEnergies,
    owner: str,
    zone: int,
    seed: int,
) -> FleetMeter:
    home = energies.home
    produces = kind is MeterKind.PRODUCTION
    device = key_of(seed, "meter", meter_id)
    start_wh = start_registers(seed, meter_id, bool(home.pv_w))
    if produces:
        start_wh = (0, start_wh[1])
        registers = RegisterTrack(
            day.first_slot,
            np.zeros(SLOTS_PER_DAY, dtype=np.int64),
            energies.production_wh,
            start_wh,
        )
    else:
        registers = RegisterTrack(day.first_slot, energies.import_wh, energies.export_wh, start_wh)
    encrypts = not produces and home.number % _ENCRYPTED_EVERY == _ENCRYPTED_FROM
    key = _port_key(seed, meter_id) if encrypts else None
    virtual = VirtualMeter(
        name=f"{'production' if produces else 'connection'} of home {home.number}",
        equipment_id=_equipment_id(seed, meter_id, encrypts),
        form=TelegramForm.LUXEMBOURG if encrypts else TelegramForm.DUTCH,
        registers=registers,
        first_slot=day.first_slot,
        voltages_v=day.grid.voltage_at(home.bus),
        key=key,
    )
    registration = MeterRegistration(
        device_key=device.address,
        owner=owner,
        zone=Zone(zone),
        kind=kind,
        rated_import_w=Watt(home.rated_export_w if produces else home.rated_import_w),
        rated_export_w=home.rated_export_w,
        register_width_wh=REGISTER_WIDTH_WH,
        first_slot=Slot(day.first_slot),
        import_wh=Wh(start_wh[0]),
        export_wh=Wh(start_wh[1]),
    )
    return FleetMeter(
        meter_id,
        home,
        kind,
        device,
        registration,
        virtual,
        key.encryption_key if key else None,
    )


def _equipment_id(seed: int, meter_id: int, encrypts: bool) -> str:
    """A serial number of the usual length: 17 characters in the Netherlands, 16 in Luxembourg."""
    digits = (seed * 10_007 + meter_id * 31) % 10**9
    return f"SAG103{digits:010d}" if encrypts else f"E0047{digits:012d}"


def _port_key(seed: int, meter_id: int) -> FrameKey:
    material = keccak(text=f"energy-grid market day / seed {seed} / port of meter {meter_id}")
    return FrameKey(system_title=b"SAG" + meter_id.to_bytes(5, "big"), encryption_key=material[:16])

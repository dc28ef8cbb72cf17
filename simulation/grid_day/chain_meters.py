"""Meters of the day on the chain: registered by their devices, every day under one signature.

Baselines are made of readings, so the meters have hung there for weeks before the day begins.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from eth_account.signers.local import LocalAccount

from energy_grid import eip712
from energy_grid.day_words import LaneWidth, SlotRegisters, pack_day
from energy_grid.eip712 import MeterDay, MeterKind, MeterRegistration
from energy_grid.slots import slot_start
from energy_grid.units import SLOTS_PER_DAY, MeterId, Slot, UnixSeconds, Watt, Wh, Zone
from simulation.grid_day.errors import GridDayError
from simulation.market_day.chain import Call, Chain
from simulation.market_day.fleet import REGISTER_WIDTH_WH
from simulation.market_day.keys import key_of
from simulation.market_day.residuals import Kind, Residual
from simulation.meters.registers import start_registers

_NARROW_MAX_RATED_W: Final = 59_578
_GAS_REGISTER: Final = 600_000
_GAS_DAY: Final = 1_500_000
_AFTER_MIDNIGHT_SECONDS: Final = 60


@dataclass(frozen=True, slots=True)
class Connection:
    """A connection to the grid, as it is put on the chain.

    Attributes:
        name: for people.
        owner: account it is metered for.
        zone: zone it lies in.
        rated_import_w: what it may draw.
        rated_export_w: what it may feed in.
        has_storage: whether a battery stands behind it.
    """

    name: str
    owner: LocalAccount
    zone: int
    rated_import_w: int
    rated_export_w: int
    has_storage: bool


@dataclass(frozen=True, slots=True)
class DayEnergies:
    """What the registers of a connection move on one day, 96 slots each, in whole Wh."""

    import_wh: tuple[int, ...]
    export_wh: tuple[int, ...]


@dataclass
class _Meter:
    """A meter and where its registers stand."""

    meter_id: int
    connection: Connection
    device: LocalAccount
    width: LaneWidth
    registration: MeterRegistration
    import_wh: int
    export_wh: int
    next_sequence: int = 1


class MeterHall:
    """All connection meters of the day.

    Args:
        chain: where their readings go.
        connections: what they measure, in the order of the ids they get.
        first_slot: midnight slot from which they are on record.
        seed: of the day; fixes device keys and first registers.
    """

    def __init__(
        self, chain: Chain, connections: Sequence[Connection], first_slot: int, seed: int
    ) -> None:
        if first_slot % SLOTS_PER_DAY:
            raise GridDayError(
                "meters start in the middle of a day", expected="a midnight", found=first_slot
            )
        self._chain = chain
        self._contract = chain.contracts.smart_meter
        self._domain = eip712.domain(chain.chain_id, self._contract.address)
        self._meters = [
            _new_meter(number, connection, first_slot, seed)
            for number, connection in enumerate(connections, start=1)
        ]
        self.readings = 0

    def register(self, registrar: LocalAccount) -> tuple[int, ...]:
        """Register all meters with their devices' consent; ids in the order of the connections."""
        self._chain.send(
            [
                Call(
                    registrar,
                    self._contract,
                    "registerMeter",
                    (
                        meter.registration.as_tuple(),
                        eip712.sign(meter.registration, self._domain, bytes(meter.device.key)),
                    ),
                    _GAS_REGISTER,
                    meter.connection.name,
                )
                for meter in self._meters
            ]
        )
        return tuple(meter.meter_id for meter in self._meters)

    def send_day(
        self, relayer: LocalAccount, midnight_slot: int, energies: Mapping[int, DayEnergies]
    ) -> None:
        """Sign and send a past day of every meter; the chain's clock moves past its end.

        Args:
            relayer: who pays.
            midnight_slot: first slot of the day.
            energies: by meter id; every meter has a day.

        Raises:
            GridDayError: a meter has no energies, or its day was not taken.
        """
        missing = [meter.meter_id for meter in self._meters if meter.meter_id not in energies]
        if missing:
            raise GridDayError("meters without a day", found=missing[:5])
        after = slot_start(midnight_slot + SLOTS_PER_DAY) + _AFTER_MIDNIGHT_SECONDS
        if self._chain.now() < after:
            self._chain.advance_to(after)
        calls = []
        for meter in self._meters:
            day = self._signed_day(meter, midnight_slot, energies[meter.meter_id])
            calls.append(Call(relayer, self._contract, "submitSignedDay", day, _GAS_DAY))
        receipts = self._chain.send(calls)
        for receipt in receipts:
            taken = [
                event
                for event in self._contract.decode_logs(receipt)
                if event.name == "MeterDayAccepted"
            ]
            if len(taken) != 1:
                raise GridDayError(
                    f"the day from slot {midnight_slot} was not taken",
                    expected="MeterDayAccepted",
                    found=[event.name for event in self._contract.decode_logs(receipt)],
                )
        self.readings += SLOTS_PER_DAY * len(receipts)

    def residuals(self) -> list[Residual]:
        """Registers on chain against what the meters counted, over both registers of all meters."""
        latest = self._chain.read(
            [(self._contract, "latestReading", (meter.meter_id,)) for meter in self._meters]
        )
        off = sum(
            abs(int(reading.importWh) - meter.import_wh)
            + abs(int(reading.exportWh) - meter.export_wh)
            for meter, reading in zip(self._meters, latest, strict=True)
        )
        return [Residual(Kind.ENERGY, "registers on chain - registers of the meters", off)]

    def _signed_day(
        self, meter: _Meter, midnight_slot: int, energies: DayEnergies
    ) -> tuple[tuple[object, ...], bytes]:
        pairs = zip(energies.import_wh, energies.export_wh, strict=True)
        message = MeterDay(
            meter_id=MeterId(meter.meter_id),
            first_sequence=meter.next_sequence,
            day_start=UnixSeconds(slot_start(midnight_slot)),
            import_wh=Wh(meter.import_wh),
            export_wh=Wh(meter.export_wh),
            words=pack_day(
                [SlotRegisters(Wh(taken), Wh(fed)) for taken, fed in pairs], meter.width
            ),
        )
        meter.next_sequence += SLOTS_PER_DAY
        meter.import_wh = (meter.import_wh + sum(energies.import_wh)) % REGISTER_WIDTH_WH
        meter.export_wh = (meter.export_wh + sum(energies.export_wh)) % REGISTER_WIDTH_WH
        return message.as_tuple(), eip712.sign(message, self._domain, bytes(meter.device.key))


def _new_meter(number: int, connection: Connection, first_slot: int, seed: int) -> _Meter:
    device = key_of(seed, "grid day meter", number)
    import_wh, export_wh = start_registers(seed, number, connection.rated_export_w > 0)
    rated = max(connection.rated_import_w, connection.rated_export_w)
    kind = MeterKind.CONNECTION_WITH_STORAGE if connection.has_storage else MeterKind.CONNECTION
    return _Meter(
        meter_id=number,
        connection=connection,
        device=device,
        width=LaneWidth.NARROW if rated <= _NARROW_MAX_RATED_W else LaneWidth.WIDE,
        registration=MeterRegistration(
            device_key=device.address,
            owner=connection.owner.address,
            zone=Zone(connection.zone),
            kind=kind,
            rated_import_w=Watt(connection.rated_import_w),
            rated_export_w=Watt(connection.rated_export_w),
            register_width_wh=REGISTER_WIDTH_WH,
            first_slot=Slot(first_slot),
            import_wh=Wh(import_wh),
            export_wh=Wh(export_wh),
        ),
        import_wh=import_wh,
        export_wh=export_wh,
    )

"""From true readings to the energy of single slots. Specification, section 5.

A slot between two neighbouring true readings is MEASURED, a slot inside a stretch of 2 to 96 slots
between two of them is ESTIMATED by interpolation, every other slot is MISSING.
"""

from __future__ import annotations

from dataclasses import dataclass

from energy_grid.day_words import Quality
from energy_grid.eip712 import MeterKind
from energy_grid.model.meters import Meter, MeterRegistry, MeterStatus
from energy_grid.slots import reading_deadline, slot_of, slot_start

MAX_INTERPOLATED_SLOTS = 96


@dataclass(frozen=True)
class SlotEnergy:
    """Verified energy of one account in one slot, in Wh."""

    import_wh: int
    export_wh: int
    mintable_wh: int
    quality: Quality


MISSING = SlotEnergy(0, 0, 0, Quality.MISSING)


@dataclass(frozen=True)
class Stretch:
    """The slots between two neighbouring true readings, and what the registers did meanwhile."""

    from_slot: int
    to_slot: int
    import_wh: int
    export_wh: int

    @property
    def slots(self) -> int:
        """Length in slots."""
        return self.to_slot - self.from_slot


def stretch_around(meter: Meter, slot: int) -> Stretch | None:
    """The stretch that contains `slot`; None while a reading on either side is lacking."""
    opening = meter.at_or_before(slot_start(slot))
    closing = meter.at_or_after(slot_start(slot + 1))
    if opening is None or closing is None:
        return None
    return Stretch(
        slot_of(opening.reading.timestamp),
        slot_of(closing.reading.timestamp),
        closing.total_import_wh - opening.total_import_wh,
        closing.total_export_wh - opening.total_export_wh,
    )


def interpolated(stretch_wh: int, stretch: Stretch, slot: int) -> int:
    """Energy of one slot of a stretch: the difference of its two interpolated boundaries."""
    elapsed = slot - stretch.from_slot
    at_start = stretch_wh * elapsed // stretch.slots
    at_end = stretch_wh * (elapsed + 1) // stretch.slots
    return at_end - at_start


def register_energy(meter: Meter, slot: int) -> tuple[int, int, Quality]:
    """Import, export and quality of one slot of one meter."""
    stretch = stretch_around(meter, slot)
    if stretch is None or stretch.slots > MAX_INTERPOLATED_SLOTS:
        return 0, 0, Quality.MISSING
    quality = Quality.MEASURED if stretch.slots == 1 else Quality.ESTIMATED
    return (
        interpolated(stretch.import_wh, stretch, slot),
        interpolated(stretch.export_wh, stretch, slot),
        quality,
    )


def account_energy(registry: MeterRegistry, owner: str, slot: int, now: int) -> SlotEnergy:
    """Verified energy of an account in a slot, and how much of it may become certificates."""
    connection = meter_in_slot(registry.connection_of(owner), slot)
    if connection is None:
        return MISSING
    import_wh, export_wh, quality = register_energy(connection, slot)
    if quality is Quality.MISSING:
        return MISSING
    mintable_wh = 0
    if quality is Quality.MEASURED:
        if connection.registration.kind is MeterKind.CONNECTION:
            mintable_wh = export_wh
        elif export_wh:
            # Behind a battery, export proves no production: the meter at the generator must.
            production = meter_in_slot(registry.production_of(owner), slot)
            if production is not None:
                _, produced_wh, proof = register_energy(production, slot)
                if proof is Quality.MEASURED:
                    mintable_wh = min(export_wh, produced_wh)
                elif proof is Quality.MISSING and can_still_deliver(production, slot, now):
                    return MISSING  # what is reported once must never change
    return SlotEnergy(import_wh, export_wh, mintable_wh, quality)


def account_gap(registry: MeterRegistry, owner: str, slot: int) -> Stretch | None:
    """The stretch of more than one slot around `slot`, once a true reading has closed it."""
    connection = meter_in_slot(registry.connection_of(owner), slot)
    if connection is None:
        return None
    stretch = stretch_around(connection, slot)
    return stretch if stretch is not None and stretch.slots > 1 else None


def meter_in_slot(newest: Meter | None, slot: int) -> Meter | None:
    """Of a meter and those it replaced, the one that measured `slot`."""
    meter = newest
    while meter is not None and slot < meter.registration.first_slot:
        meter = meter.previous
    return meter


def can_still_deliver(meter: Meter, slot: int, now: int) -> bool:
    """Whether a reading for the slot may still come."""
    return (
        meter.status is not MeterStatus.DEACTIVATED
        and meter.last.reading.timestamp <= slot_start(slot)
        and now < reading_deadline(slot)
    )

"""IMeterEnergy: slotEnergies, gapAround, connectionOf (see test_register_meter), readingDeadline

slotEnergies, slotEnergyWords
├── no connection, before the first slot, after the record: MISSING
├── more than 672 slots: TooManySlots
├── CONNECTION: mintable is the export if MEASURED, 0 if ESTIMATED
├── CONNECTION_WITH_STORAGE
│   ├── without PRODUCTION meter: mintable 0
│   ├── both MEASURED: the smaller of both exports
│   ├── PRODUCTION meter still able to deliver: MISSING, unless nothing was exported
│   └── PRODUCTION slot ESTIMATED, past its deadline, overtaken, or meter removed: mintable 0
└── meters that follow one another: each slot by the one in charge

gapAround
├── no connection, no stretch, both boundaries true: not found
└── inside an estimated or long stretch, first and last slot included: found
"""

from __future__ import annotations

import ape
import pytest

from energy_grid.eip712 import MeterKind
from tests.unit.smart_meter.devices import (
    CONNECTION_WITH_STORAGE,
    DAY_SECONDS,
    ESTIMATED,
    MEASURED,
    MISSING,
    PRODUCTION,
    WIDE_RATING_W,
)

NOTHING = (0, 0, 0, MISSING)


def energies(smart_meter, account, first_slot, count):
    """What is reported, in full and packed."""
    said = [
        (x.importWh, x.exportWh, x.mintableWh, x.quality)
        for x in smart_meter.slotEnergies(account, first_slot, count)
    ]
    words = smart_meter.slotEnergyWords(account, first_slot, count)
    assert [tuple(word >> at & (1 << 64) - 1 for at in (0, 64, 128, 192)) for word in words] == said
    return said


@pytest.fixture
def home(register):
    """A home with a battery and solar panels: connection and production meter."""
    connection = register("home", kind=MeterKind(CONNECTION_WITH_STORAGE))
    roof = register("roof", kind=MeterKind(PRODUCTION), rated_export_w=WIDE_RATING_W)
    return connection, roof


def test_slot_energies__nobody__is_missing(smart_meter, relayer, first_slot):
    assert energies(smart_meter, relayer, first_slot, 3) == [NOTHING] * 3
    assert energies(smart_meter, relayer, first_slot, 0) == []


def test_slot_energies__connection__mints_measured_export(
    smart_meter, register, relayer, owner, at, day_start, first_slot
):
    device = register()
    at(day_start + 4_500)
    device.submit(device.advance(100, 50), relayer)
    device.submit(device.advance(30, 21, slots=2), relayer)
    device.submit(device.advance(0, 9), relayer)

    assert energies(smart_meter, owner, first_slot - 1, 6) == [
        NOTHING,
        (100, 50, 50, MEASURED),
        (15, 10, 0, ESTIMATED),
        (15, 11, 0, ESTIMATED),
        (0, 9, 9, MEASURED),
        NOTHING,
    ]


def test_slot_energies__limits(smart_meter, register, owner, first_slot):
    register()

    assert energies(smart_meter, owner, first_slot, 672) == [NOTHING] * 672
    with ape.reverts(smart_meter.TooManySlots, given=673, allowed=672):
        smart_meter.slotEnergies(owner, first_slot, 673)
    with ape.reverts(smart_meter.TooManySlots, given=673, allowed=672):
        smart_meter.slotEnergyWords(owner, first_slot, 673)
    assert energies(smart_meter, owner, 2**32 - 1, 3) == [NOTHING] * 3
    assert energies(smart_meter, owner, 0, 3) == [NOTHING] * 3


def test_slot_energies__storage_without_production__mints_nothing(
    smart_meter, register, relayer, owner, at, day_start, first_slot
):
    device = register(kind=MeterKind(CONNECTION_WITH_STORAGE))
    at(day_start + 900)
    device.submit(device.advance(1, 50), relayer)

    assert energies(smart_meter, owner, first_slot, 1) == [(1, 50, 0, MEASURED)]


@pytest.mark.parametrize(("produced", "mintable"), [(0, 0), (49, 49), (50, 50), (5_000, 50)])
def test_slot_energies__storage_with_production__mints_the_smaller(
    smart_meter, home, relayer, owner, at, day_start, first_slot, produced, mintable
):
    connection, roof = home
    at(day_start + 900)
    roof.submit(roof.advance(0, produced), relayer)
    connection.submit(connection.advance(1, 50), relayer)

    assert energies(smart_meter, owner, first_slot, 1) == [(1, 50, mintable, MEASURED)]


def test_slot_energies__production_still_to_come__waits_then_never_changes(
    smart_meter, home, relayer, owner, at, day_start, first_slot
):
    connection, roof = home
    at(day_start + 1_800)
    connection.submit(connection.advance(1, 50), relayer)
    connection.submit(connection.advance(2, 0), relayer)

    # Exporting nothing needs no certificate.
    assert energies(smart_meter, owner, first_slot, 2) == [NOTHING, (2, 0, 0, MEASURED)]

    roof.submit(roof.advance(0, 30), relayer)
    assert energies(smart_meter, owner, first_slot, 2) == [
        (1, 50, 30, MEASURED),
        (2, 0, 0, MEASURED),
    ]


def test_slot_energies__production_past_its_deadline__mints_nothing(
    smart_meter, home, relayer, owner, at, day_start, first_slot
):
    connection, _ = home
    at(day_start + 900)
    connection.submit(connection.advance(1, 50), relayer)

    at(day_start + 2 * DAY_SECONDS - 1)
    assert energies(smart_meter, owner, first_slot, 1) == [NOTHING]
    at(day_start + 2 * DAY_SECONDS)
    assert energies(smart_meter, owner, first_slot, 1) == [(1, 50, 0, MEASURED)]


def test_slot_energies__production_estimated__mints_nothing(
    smart_meter, home, relayer, owner, at, day_start, first_slot
):
    connection, roof = home
    at(day_start + 1_800)
    connection.submit(connection.advance(1, 50), relayer)
    roof.submit(roof.advance(0, 100, slots=2), relayer)

    assert energies(smart_meter, owner, first_slot, 1) == [(1, 50, 0, MEASURED)]


def test_slot_energies__production_overtaken__mints_nothing(
    smart_meter, home, relayer, owner, at, day_start, first_slot
):
    connection, roof = home
    at(day_start + 1_800)
    connection.submit(connection.advance(1, 50), relayer)
    at(day_start + DAY_SECONDS + 1_800)
    roof.submit(roof.advance(0, 100, slots=97), relayer)

    assert energies(smart_meter, owner, first_slot, 1) == [(1, 50, 0, MEASURED)]


def test_slot_energies__production_removed__mints_nothing_more(
    smart_meter, home, relayer, registrar, owner, at, day_start, first_slot
):
    connection, roof = home
    at(day_start + 1_800)
    roof.submit(roof.advance(0, 30), relayer)
    connection.submit(connection.advance(1, 50), relayer)
    connection.submit(connection.advance(1, 50), relayer)

    smart_meter.deactivateMeter(roof.meter_id, sender=registrar)

    assert energies(smart_meter, owner, first_slot, 2) == [
        (1, 50, 30, MEASURED),
        (1, 50, 0, MEASURED),
    ]


def test_slot_energies__production_linked_later__changes_nothing_before(
    smart_meter, register, relayer, owner, at, day_start, first_slot
):
    connection = register("home", kind=MeterKind(CONNECTION_WITH_STORAGE))
    at(day_start + 1_800)
    connection.submit(connection.advance(1, 50), relayer)
    before = energies(smart_meter, owner, first_slot, 1)
    register("roof", kind=MeterKind(PRODUCTION), first_slot=first_slot + 1)
    connection.submit(connection.advance(1, 50), relayer)

    assert energies(smart_meter, owner, first_slot, 2) == [*before, NOTHING]


def test_gap_around__estimated_and_long__are_found(
    smart_meter, register, relayer, owner, at, day_start, first_slot
):
    device = register()
    lengths = [1, 3, 2, 1, 100, 5]
    at(day_start + (sum(lengths) + 1) * 900)
    stretches, slot = [], first_slot
    for index, length in enumerate(lengths):
        device.submit(device.advance(10 * index, index, slots=length), relayer)
        if length > 1:
            stretches.append((slot, slot + length, 10 * index, index))
        slot += length

    edges = {edge + k for stretch in stretches for edge in stretch[:2] for k in (-1, 0, 1)}
    for position in sorted(edges | {first_slot - 1, slot, slot + 1}):
        inside = [s for s in stretches if s[0] <= position < s[1]]
        expected = (True, *inside[0]) if inside else (False, 0, 0, 0, 0)
        assert tuple(smart_meter.gapAround(owner, position)) == expected
    assert smart_meter.stretchCount(1) == len(stretches)
    assert [tuple(smart_meter.stretchAt(1, k)) for k in range(len(stretches))] == stretches
    with ape.reverts():
        smart_meter.stretchAt(1, len(stretches))


def test_gap_around__open_end_or_nobody__is_not_found(
    smart_meter, register, relayer, owner, first_slot
):
    register()

    assert tuple(smart_meter.gapAround(owner, first_slot)) == (False, 0, 0, 0, 0)
    assert tuple(smart_meter.gapAround(relayer, first_slot)) == (False, 0, 0, 0, 0)


def test_reading_deadline__is_a_day_after_the_slots_day(smart_meter, day_start, first_slot):
    for offset in (0, 1, 95):
        assert smart_meter.readingDeadline(first_slot + offset) == day_start + 2 * DAY_SECONDS
    assert smart_meter.readingDeadline(first_slot + 96) == day_start + 3 * DAY_SECONDS
    assert smart_meter.readingDeadline(0) == 2 * DAY_SECONDS
    assert smart_meter.readingDeadline(2**32 - 1) == ((2**32 - 1) // 96 + 2) * DAY_SECONDS

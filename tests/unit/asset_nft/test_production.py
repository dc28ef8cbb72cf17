"""Production history: what the meter's verified record says, and nothing else.

recordProduction
├── MEASURED slots of the day count, ESTIMATED and MISSING ones do not
├── before the reading deadline: DayNotFinal; beyond the meter's record: DayTooOld
├── again: NothingToRecord; before the first binding: NothingToRecord
├── a battery, an asset that does not exist: NotGenerating
├── a meter changed within the day: each slot by its meter, in one call or in two
└── days, months and total agree
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from energy_grid.eip712 import MeterKind
from tests.unit.asset_nft.stage import (
    ALICE,
    ANYBODY,
    BATTERY,
    DAY_SECONDS,
    FIRST_DAY,
    SLOTS_PER_DAY,
    START,
    AssetStage,
    refusal,
)

FIRST_SLOT = FIRST_DAY * SLOTS_PER_DAY


def test_record__measured_slots_count(stage: AssetStage) -> None:
    device = stage.meter()
    asset_id = stage.register(device)
    stage.read(device, [100, 200, 0])
    stage.read(device, [600], slots_each=3)  # interpolated: no proof of a quarter hour
    stage.read(device, [50])
    stage.day_is_final(FIRST_DAY)

    assert stage.record(asset_id) == 350
    (event,) = stage.assets.events("ProductionRecorded")
    assert stage.assets.events("MetadataUpdate")
    assert dict(event.arguments) == {
        "assetId": asset_id,
        "day": FIRST_DAY,
        "energyWh": 350,
        "measuredSlots": 4,
        "recordedQuarters": 96,
    }
    assert stage.day(asset_id) == (350, 4, 96)
    assert stage.assets.ask("productionOfMonth", asset_id, 2026, 6) == 350
    assert stage.assets.ask("totalProduction", asset_id) == 350
    assert stage.meters.ask("dailyProduction", device.meter_id, FIRST_DAY) == 950


def test_record__once(stage: AssetStage) -> None:
    device = stage.meter()
    asset_id = stage.register(device)
    stage.read(device, [100])
    stage.day_is_final(FIRST_DAY)
    stage.record(asset_id)

    with refusal("NothingToRecord", assetId=asset_id, day=FIRST_DAY):
        stage.record(asset_id)
    assert stage.day(asset_id) == (100, 1, 96)


def test_record__day_without_readings__is_on_record_as_such(stage: AssetStage) -> None:
    asset_id = stage.register(stage.meter())
    stage.day_is_final(FIRST_DAY)

    assert stage.record(asset_id) == 0
    assert stage.day(asset_id) == (0, 0, 96)


def test_record__before_the_reading_deadline__refused(stage: AssetStage) -> None:
    device = stage.meter()
    asset_id = stage.register(device)
    deadline = stage.meters.ask("readingDeadline", FIRST_SLOT)
    assert deadline == START + 2 * DAY_SECONDS
    stage.chain.at(deadline - 1)
    with refusal("DayNotFinal", given=deadline - 1, deadline=deadline):
        stage.record(asset_id)
    # A reading of this second still counts, so the refusal was right.
    stage.read(device, [7] * 96)
    stage.chain.at(deadline)

    assert stage.record(asset_id) == 7 * 96
    assert stage.day(asset_id) == (7 * 96, 96, 96)


def test_record__as_far_back_as_the_meters_record__then_refused(stage: AssetStage) -> None:
    device = stage.meter()
    asset_id = stage.register(device)
    stage.read(device, [1] * 96)
    # Slot FIRST_SLOT + 4,096 takes the place of the first one; devices may be 30 s ahead.
    last = (FIRST_SLOT + 4_096) * 900 - 31
    stage.chain.at(last + 1)
    with refusal("DayTooOld", given=FIRST_DAY, earliest=FIRST_DAY + 1):
        stage.record(asset_id)
    stage.chain.at(last)

    assert stage.record(asset_id) == 96


def test_record__before_the_binding__refused(stage: AssetStage) -> None:
    asset_id = stage.register(stage.meter())
    stage.go_to_day(FIRST_DAY + 3)
    with refusal("NothingToRecord", assetId=asset_id, day=FIRST_DAY - 1):
        stage.record(asset_id, FIRST_DAY - 1)


def test_record__what_does_not_generate__refused(stage: AssetStage) -> None:
    battery = stage.register(stage.meter(), spec=(BATTERY, 1, b"u33d", START))
    stage.day_is_final(FIRST_DAY)
    for asset_id in (battery, battery + 1):
        with refusal("NotGenerating", assetId=asset_id):
            stage.record(asset_id)


def test_record__production_meter__not_the_connection(stage: AssetStage) -> None:
    """Behind storage the export of the connection proves nothing; the roof's meter does."""
    connection = stage.meter(kind=MeterKind.CONNECTION_WITH_STORAGE)
    roof = stage.meter(kind=MeterKind.PRODUCTION)
    asset_id = stage.register(roof)
    stage.read(connection, [900])
    stage.read(roof, [300])
    stage.day_is_final(FIRST_DAY)

    assert stage.record(asset_id) == 300


# --- meters that follow one another ---------------------------------------------------------------


def test_swap_within_a_day__recorded_after__each_slot_by_its_meter(stage: AssetStage) -> None:
    old = stage.meter()
    asset_id = stage.register(old)
    stage.read(old, [10] * 40)
    stage.remove(old)
    stage.release(asset_id)
    new = stage.meter(first_slot=FIRST_SLOT + 42)
    stage.bind(asset_id, new)
    stage.read(new, [1] * 54)
    stage.day_is_final(FIRST_DAY)

    assert stage.record(asset_id) == 454
    assert stage.day(asset_id) == (454, 94, 96)
    assert stage.bindings(asset_id) == [
        (old.meter_id, FIRST_SLOT, FIRST_SLOT + 40),
        (new.meter_id, FIRST_SLOT + 42, 0),
    ]


def test_swap_within_a_day__recorded_between__the_rest_follows(stage: AssetStage) -> None:
    """Whoever records too early must not cost the asset the rest of its day."""
    old = stage.meter()
    asset_id = stage.register(old)
    stage.read(old, [10] * 40)
    stage.remove(old)
    new = stage.meter(first_slot=FIRST_SLOT + 42)
    stage.read(new, [1] * 54)
    stage.day_is_final(FIRST_DAY)
    assert stage.record(asset_id) == 400
    assert stage.day(asset_id) == (400, 40, 40)
    with refusal("NothingToRecord", assetId=asset_id, day=FIRST_DAY):
        stage.record(asset_id)

    stage.release(asset_id)
    stage.bind(asset_id, new)

    assert stage.record(asset_id) == 54
    assert stage.day(asset_id) == (454, 94, 96)
    assert stage.assets.ask("totalProduction", asset_id) == 454


def test_released_and_taken_by_another_asset__no_slot_counts_twice(stage: AssetStage) -> None:
    device = stage.meter()
    first = stage.register(device)
    stage.read(device, [5] * 30)
    stage.release(first)
    second = stage.register(device)
    stage.read(device, [5] * 66)
    stage.day_is_final(FIRST_DAY)

    # The slot that had begun at the release is the first asset's.
    assert stage.record(first) == 31 * 5
    assert stage.record(second) == 65 * 5


def test_production_meter_older_than_the_connections_asset__no_slot_counts_twice(
    stage: AssetStage,
) -> None:
    """Both meters measure the same energy: what the connection's asset has is taken."""
    connection = stage.meter()
    roof = stage.meter(kind=MeterKind.PRODUCTION)
    first = stage.register(connection)
    stage.read(connection, [8] * 20)
    stage.read(roof, [8] * 20)
    stage.release(first)
    second = stage.register(roof)
    stage.day_is_final(FIRST_DAY)

    assert stage.bindings(second) == [(roof.meter_id, FIRST_SLOT + 21, 0)]
    assert stage.record(first) == 160
    assert stage.record(second) == 0


def test_removed_meter_of_a_retired_asset__its_past_days_can_still_be_recorded(
    stage: AssetStage,
) -> None:
    device = stage.meter()
    asset_id = stage.register(device)
    stage.read(device, [5] * 96)
    stage.remove(device)
    stage.assets.send(ALICE.address, "retireAsset", asset_id)
    stage.day_is_final(FIRST_DAY)

    assert stage.record(asset_id) == 480
    assert stage.assets.ask("totalProduction", asset_id) == 480
    with refusal("ERC721NonexistentToken", tokenId=asset_id):
        stage.assets.ask("tokenURI", asset_id)


def test_quarantined_meter__what_was_measured_before_counts(stage: AssetStage) -> None:
    device = stage.meter()
    asset_id = stage.register(device)
    stage.read(device, [5, 5])
    at = device.slot * 900
    stage.meters.send(device.address, "submitReading", (at, 0, device.export_wh + 1, 0, 0))
    assert stage.meters.ask("meterInfo", device.meter_id).status == 2
    stage.day_is_final(FIRST_DAY)

    assert stage.record(asset_id) == 10


# --- months ---------------------------------------------------------------------------------------


def test_months__days_of_two_months(stage: AssetStage) -> None:
    device = stage.meter()
    asset_id = stage.register(device)
    last_of_june = FIRST_DAY + 29
    device.slot = last_of_june * SLOTS_PER_DAY - 1
    stage.read(device, [0])
    stage.read(device, [1] * 96 + [2] * 96)
    stage.day_is_final(last_of_june + 1)
    for day in (last_of_june + 1, last_of_june):
        stage.record(asset_id, day)

    months = [stage.assets.ask("productionOfMonth", asset_id, 2026, month) for month in range(14)]
    assert months == [0] * 6 + [96, 192] + [0] * 6
    assert stage.assets.ask("totalProduction", asset_id) == 288


def test_months__as_the_calendar_says(stage: AssetStage) -> None:
    """Every day from 1970 to 2400, so all kinds of leap years."""
    libraries = stage.chain.deploy("AssetLibrariesHarness")
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    days = (datetime(2401, 1, 1, tzinfo=UTC) - epoch).days
    dates = [epoch + timedelta(days=day) for day in range(days)]
    expected = [date.year * 12 + date.month - 1 for date in dates]
    found: list[int] = []
    for first in range(0, days, 10_000):
        found += libraries.ask("monthsOfDays", list(range(first, min(days, first + 10_000))))

    assert found == expected


def test_gas__a_day_on_record(stage: AssetStage) -> None:
    """Mostly 96 questions to the meter's register; far below a block."""
    device = stage.meter()
    asset_id = stage.register(device)
    stage.read(device, [5] * 96)
    stage.day_is_final(FIRST_DAY)
    stage.record(asset_id)

    assert stage.chain.gas_used < 500_000
    with pytest.raises(RuntimeError):
        stage.chain.call(ANYBODY, stage.assets.address, b"\0\0\0\1", static=False)

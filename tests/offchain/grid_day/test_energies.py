"""Energies of the meters: whole Wh, nothing lost, and enough days on record for a baseline."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from simulation.grid_day.chain_meters import DayEnergies
from simulation.grid_day.energies import EnergyRecorder, similar_days, varied
from tests.offchain.grid_day.days import START


def test_day__power_that_turns_within_a_slot__counts_on_both_registers():
    recorder = EnergyRecorder(1, START, 60)
    for minute in range(15):
        recorder.add(START + 60 * (minute + 1), [-6_000 if minute < 5 else 3_000])

    (day,) = recorder.day()

    assert (day.import_wh[0], day.export_wh[0]) == (500, 500)


def test_day__fractions_of_a_wh__are_carried_and_never_lost():
    recorder = EnergyRecorder(1, START, 60)
    for minute in range(1_440):
        recorder.add(START + 60 * (minute + 1), [-1])

    (day,) = recorder.day()

    assert sum(day.import_wh) == 24
    assert set(day.import_wh) == {0, 1}


def test_day__window_of_the_evening__repeats_its_ends():
    recorder = EnergyRecorder(2, START, 900)
    for slot, power in ((70, -400), (71, -800)):
        recorder.add(START + 900 * (slot + 1), [power, 0])

    day, other = recorder.day()

    assert day.import_wh[:71] == (100,) * 71
    assert day.import_wh[71:] == (200,) * 25
    assert set(other.import_wh + other.export_wh) == {0}


@pytest.mark.parametrize(
    ("date", "days"),
    [
        (datetime(2016, 7, 10, tzinfo=UTC), 36),  # Sunday: the day before and five weekends
        (datetime(2016, 1, 20, tzinfo=UTC), 15),  # Wednesday: eleven working days
        (datetime(2016, 1, 18, tzinfo=UTC), 17),  # Monday
    ],
)
def test_similar_days__class_of_the_day__reaches_back_far_enough(date, days):
    assert similar_days(int(date.timestamp())) == days


def test_varied__days_on_record__differ_a_little_and_repeat_for_the_same_seed():
    day = DayEnergies((1_000,) * 96, (0,) * 96)

    first, again, other = (varied(day, 1, 3, before) for before in (2, 2, 3))

    assert first == again != other
    assert all(940 <= energy <= 1_060 for energy in first.import_wh)
    assert set(first.export_wh) == {0}

"""Figures of hand-made series.

voltage: ten-minute means, not minutes; too high, too low, far too low; per bus; dark is no voltage
loading: strictly above the rating, step by step, lines and transformer together once
frequency: seconds outside, nadir, zenith, dark time
reduction: percent; nothing to reduce; made worse out of nothing
"""

from __future__ import annotations

import json

import numpy as np
import pytest

from simulation.grid_day.metrics import (
    DayMetrics,
    EnergyMetrics,
    FrequencyRecord,
    loading_metrics,
    reduction_percent,
    ten_minute_means,
    voltage_metrics,
)


def series(*parts: tuple[float, int]) -> np.ndarray:
    """One bus: values and for how many minutes."""
    return np.concatenate([np.full(minutes, value) for value, minutes in parts])[:, None]


def test_voltage__short_peak_within_a_good_mean__is_no_violation() -> None:
    found = voltage_metrics(series((1.0, 5), (1.15, 5), (1.0, 10)), 60)

    assert found.minutes_outside_usual == 0
    assert found.highest_pu == pytest.approx(1.075)


def test_voltage__mean_beyond_the_limit__counts_its_ten_minutes() -> None:
    found = voltage_metrics(series((1.0, 10), (1.12, 10), (1.10, 10), (0.89, 10), (0.84, 10)), 60)

    assert found.minutes_outside_usual == 30
    assert (found.minutes_above, found.minutes_below) == (10, 20)
    assert found.minutes_outside_always == 20  # 1.12 and 0.84, not 0.89
    assert (found.lowest_pu, found.highest_pu) == pytest.approx((0.84, 1.12))


def test_voltage__two_buses__any_bus_and_every_bus() -> None:
    first = series((1.12, 10), (1.0, 10), (1.12, 10))
    second = series((1.12, 10), (1.12, 10), (1.0, 10))

    found = voltage_metrics(np.concatenate([first, second], axis=1), 60)

    assert found.minutes_outside_usual == 30
    assert found.bus_minutes_outside_usual == 40
    assert found.worst_bus_minutes == 20


def test_voltage__dark_minutes__are_interruptions_and_stay_out_of_the_mean() -> None:
    found = voltage_metrics(series((1.0, 4), (0.0, 6), (0.0, 10), (0.95, 10)), 60)

    assert found.interrupted_bus_minutes == 16
    assert found.minutes_outside_usual == 0
    assert found.lowest_pu == pytest.approx(0.95)


@pytest.mark.parametrize("step_seconds", [30, 60, 300])
def test_voltage__other_steps_and_a_short_end__count_minutes(step_seconds: int) -> None:
    steps = 15 * 60 // step_seconds

    found = voltage_metrics(np.full((steps, 1), 1.2), step_seconds)

    assert found.minutes_outside_usual == 15
    assert ten_minute_means(np.full((steps, 1), 1.2), step_seconds) == pytest.approx(1.2)


def test_loading__above_the_rating__minutes_of_any_and_of_each() -> None:
    lines = np.asarray([[1.0, 0.5], [1.01, 1.2], [0.9, 1.1], [0.2, 0.2]])
    transformer = np.asarray([0.5, 0.5, 0.5, 1.3])

    found = loading_metrics(lines, transformer, 120)

    assert found.minutes_overloaded == 6
    assert found.line_minutes == 6
    assert found.transformer_minutes == 2
    assert found.highest_line_percent == pytest.approx(120)
    assert found.highest_transformer_percent == pytest.approx(130)


def test_frequency__dip_and_dark__counted_in_seconds() -> None:
    record = FrequencyRecord()
    record.add(np.asarray([0.0, -0.2, -0.21, -0.5, -0.1]), 0.5)
    record.add(np.asarray([0.25, 0.1]), 1.0)
    record.add_dark(30.0)

    found = record.metrics()

    assert (found.nadir_hz, found.zenith_hz) == pytest.approx((49.5, 50.25))
    assert found.seconds_outside == pytest.approx(2 * 0.5 + 1.0 + 30.0)
    assert found.dark_seconds == 30.0


@pytest.mark.parametrize(
    ("without", "managed", "expected"), [(200, 10, 95), (200, 200, 0), (0, 0, 100), (0, 5, 0)]
)
def test_reduction__cases__percent(without: float, managed: float, expected: float) -> None:
    assert reduction_percent(without, managed) == pytest.approx(expected)


def test_document__all_figures__is_json_with_units_in_names() -> None:
    energy = EnergyMetrics(*range(11))
    whole = DayMetrics(
        voltage_metrics(series((1.0, 10)), 60),
        loading_metrics(np.zeros((1, 1)), np.zeros(1), 60),
        FrequencyRecord().metrics(),
        energy,
    )

    document = json.loads(json.dumps(whole.document()))

    assert document["energy"]["curtailed_wh"] == 1
    units = ("_wh", "_hz", "_pu", "_percent", "minutes", "seconds")
    names = [name for part in document.values() for name in part]
    assert [name for name in names if not any(unit in name for unit in units)] == []

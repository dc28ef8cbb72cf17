"""Forecasts: gate, leakage, calibration, persistence.

fit
├── too short for anything: refused
├── too short to learn from: persistence, with the reason
├── model worse than persistence, or not a number: persistence
└── model better: model, the same again for the same seed
predict
├── persistence: exactly the power a day or a week before
├── later powers changed: the same forecast
├── bands hold the truth as often as asked for
└── whole watts, never below the limit
"""

from __future__ import annotations

import builtins
from functools import lru_cache

import numpy as np
import pytest

from energy_grid.forecast import (
    Band,
    Forecaster,
    ForecastError,
    ForecastSettings,
    ForecastUnavailableError,
    HorizonGroup,
    Method,
    PowerSeries,
)
from energy_grid.forecast.features import NEEDED_SLOTS, Features
from energy_grid.forecast.gate import choose
from energy_grid.forecast.model import GroupModel, Samples, learn

DAY, WEEK = 96, 672
GROUPS = (HorizonGroup(1, 8), HorizonGroup(9, 96))
QUICK = ForecastSettings(
    groups=GROUPS,
    validation_slots=WEEK,
    calibration_slots=WEEK,
    trees=30,
    leaves=15,
    origin_step=8,
)


@lru_cache
def load(slots: int = 8 * WEEK, level_w: int = 6_000) -> PowerSeries:
    """A daily wave with a level that wanders from day to day, and noise."""
    random = np.random.default_rng(3)
    slot = np.arange(slots)
    level = np.repeat(random.normal(0, level_w, slots // DAY + 1), DAY)[:slots]
    wave = 10_000 * np.sin(2 * np.pi * slot / DAY)
    power = 40_000 + wave + level + random.normal(0, 1_500, slots)
    return PowerSeries(0, tuple(np.rint(power).astype(int).tolist()))


class Constant:
    """Predicts one difference for every row."""

    def __init__(self, difference: float) -> None:
        self.difference = difference

    def predict(self, rows):
        return np.full(len(rows), self.difference)


def learner_of(difference: float):
    return lambda *_, **__: GroupModel(Constant(difference), Constant(-1.0), Constant(1.0))


def test_fit__series_too_short__is_refused():
    with pytest.raises(ForecastError, match="too short"):
        Forecaster.fit(load().until(NEEDED_SLOTS), QUICK)


def test_fit__too_short_to_learn__says_so_and_persists():
    forecaster = Forecaster.fit(load().until(2 * WEEK), QUICK)

    assert all(choice.model_mae_w is None for choice in forecaster.choices)
    assert all("too few to learn from" in choice.reason for choice in forecaster.choices)


@pytest.mark.parametrize("difference", [500_000.0, float("nan")])
def test_fit__bad_model__gate_refuses_it(difference):
    forecaster = Forecaster.fit(load(), QUICK, learner=learner_of(difference))

    for choice in forecaster.choices:
        assert choice.method in (Method.PREVIOUS_DAY, Method.PREVIOUS_WEEK)
        assert "does not beat" in choice.reason
    known = load()
    cycle = {Method.PREVIOUS_DAY: DAY, Method.PREVIOUS_WEEK: WEEK}
    for forecast in forecaster.predict(known):
        assert forecast.expected_w == known.powers_w[forecast.slot - cycle[forecast.method]]


def test_fit__model_beats_persistence__is_used_and_repeats_itself():
    first, second = Forecaster.fit(load(), QUICK), Forecaster.fit(load(), QUICK)

    assert [choice.method for choice in first.choices] == [Method.MODEL, Method.MODEL]
    assert first.choices == second.choices
    assert first.predict(load()) == second.predict(load())


def test_predict__persistence__is_the_power_of_the_cycle_before():
    weekly = tuple(int(x) for x in np.random.default_rng(1).integers(0, 9_000, WEEK))
    series = PowerSeries(5, weekly * 3)

    forecasts = Forecaster.fit(series, QUICK).predict(series)

    assert [f.method for f in forecasts] == [Method.PREVIOUS_WEEK] * DAY
    assert [f.expected_w for f in forecasts] == list(weekly[:DAY])
    assert [f.slot for f in forecasts] == list(range(5 + 3 * WEEK, 5 + 3 * WEEK + DAY))
    assert all(f.low_w == f.expected_w == f.high_w for f in forecasts)


def test_predict__later_powers_changed__same_forecast():
    series, cut = load(), 6 * WEEK + 37
    other = PowerSeries(0, (*series.powers_w[:cut], *(9 * p for p in series.powers_w[cut:])))

    fitted = [Forecaster.fit(one.until(cut), QUICK) for one in (series, other)]

    assert fitted[0].choices == fitted[1].choices
    assert fitted[0].predict(series.until(cut)) == fitted[1].predict(other.until(cut))


def test_table__later_powers_changed__same_rows():
    values = load().values
    origins = np.full(DAY, 5 * WEEK)
    changed = values.copy()
    changed[5 * WEEK :] = np.nan
    leads = np.arange(1, DAY + 1)

    rows = [Features(one, 0).table(origins, leads) for one in (values, changed)]

    assert np.array_equal(rows[0], rows[1])
    assert np.array_equal(
        Features(values, 0).anchor(origins, leads), Features(changed, 0).anchor(origins, leads)
    )


def test_draw__outcomes__lie_before_the_stop():
    samples = Samples.draw(NEEDED_SLOTS, 4 * WEEK, GROUPS[1], QUICK)

    assert samples.origins.min() == NEEDED_SLOTS
    assert (samples.origins + samples.leads - 1).max() < 4 * WEEK


def test_learn__later_powers_changed__same_model():
    values, stop = load().values, 5 * WEEK
    changed = values.copy()
    changed[stop:] = 0.0
    samples = Samples.every(stop - DAY, stop, GROUPS[0])

    points = [
        learn(one, 0, stop, GROUPS[0], QUICK, with_band=False).point(Features(values, 0), samples)
        for one in (values, changed)
    ]

    assert np.array_equal(points[0], points[1])


def test_predict__bands__hold_the_truth_as_often_as_asked():
    # Days alike, so that a week of calibration holds enough that is independent.
    series = load(14 * WEEK, level_w=300)
    forecaster = Forecaster.fit(series.until(10 * WEEK), QUICK)
    inside = []
    for moment in range(10 * WEEK, 14 * WEEK - DAY, 52):
        for forecast in forecaster.predict(series.until(moment), (1, 4, 12, 48, 96)):
            truth = series.powers_w[forecast.slot]
            inside.append(forecast.low_w <= truth <= forecast.high_w)

    assert 0.74 < np.mean(inside) < 0.86


def test_calibrate__edges_too_bold__are_moved_to_the_coverage():
    random = np.random.default_rng(7)
    seen, unseen = random.normal(0, 100, 2_000), random.normal(0, 100, 2_000)
    zero = np.zeros(2_000)

    band = Band.calibrate(zero - 10, zero + 10, seen, 8_000)
    low, high = band.apply(zero - 10, zero + 10)

    assert abs(np.mean((low <= unseen) & (unseen <= high)) - 0.8) < 0.03
    assert band.samples == 2_000


def test_calibrate__edges_too_wide__come_nearer_and_never_cross():
    truth = np.linspace(-1, 1, 100)
    band = Band.calibrate(np.full(100, -50.0), np.full(100, 50.0), truth, 8_000)
    low, high = band.apply(np.array([-3.0]), np.array([3.0]))

    assert band.margin_w < 0
    assert low <= high


@pytest.mark.parametrize(
    ("model", "gain", "method"),
    [
        (9.0, 0, Method.MODEL),
        (10.0, 0, Method.PREVIOUS_WEEK),
        (9.6, 500, Method.PREVIOUS_WEEK),
        (9.4, 500, Method.MODEL),
        (None, 0, Method.PREVIOUS_WEEK),
    ],
)
def test_choose__errors__decide(model, gain, method):
    choice = choose(
        GROUPS[0], model_mae_w=model, day_mae_w=12.0, week_mae_w=10.0, least_gain_bps=gain
    )

    assert choice.method is method


def test_predict__negative_outlook__stops_at_the_limit():
    series = PowerSeries(0, tuple([0, 0, 0, 500] * (3 * WEEK // 4)))
    forecasts = Forecaster.fit(series, QUICK).predict(series)

    assert all(type(f.expected_w) is int and f.low_w >= 0 for f in forecasts)
    assert all(f.low_w <= f.expected_w <= f.high_w for f in forecasts)


@pytest.mark.parametrize("horizon", [0, 97])
def test_predict__horizon_beyond__is_refused(horizon):
    forecaster = Forecaster.fit(load().until(2 * WEEK), QUICK)

    with pytest.raises(ForecastError, match="no forecast for that horizon"):
        forecaster.predict(load(), [horizon])


def test_power_series__fraction_of_a_watt__is_refused():
    with pytest.raises(ForecastError, match="no whole number"):
        PowerSeries(0, (1, 2.5))


def test_settings__groups_with_a_gap__are_refused():
    with pytest.raises(ForecastError, match="do not follow"):
        ForecastSettings(groups=(HorizonGroup(1, 4), HorizonGroup(6, 9)))


def test_fit__no_lightgbm__names_the_extra(monkeypatch):
    real = builtins.__import__

    def without(name, *arguments, **named):
        if name == "lightgbm":
            raise ImportError(name)
        return real(name, *arguments, **named)

    monkeypatch.setattr(builtins, "__import__", without)

    with pytest.raises(ForecastUnavailableError, match=r"energy-grid\[forecast\]"):
        Forecaster.fit(load(), QUICK)

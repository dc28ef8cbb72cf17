"""Forecasts of one target: learned, judged against persistence, calibrated, in whole watts."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np

from energy_grid.forecast.bands import Band
from energy_grid.forecast.errors import ForecastError
from energy_grid.forecast.features import NEEDED_SLOTS, Features
from energy_grid.forecast.gate import Choice, Method, choose
from energy_grid.forecast.model import GroupModel, Samples, learn
from energy_grid.forecast.series import (
    PREVIOUS_DAY,
    PREVIOUS_WEEK,
    FloatArray,
    PowerSeries,
    persistence,
)
from energy_grid.forecast.settings import ForecastSettings, HorizonGroup
from energy_grid.units import Slot, Watt

_CYCLES: Final = {Method.PREVIOUS_DAY: PREVIOUS_DAY, Method.PREVIOUS_WEEK: PREVIOUS_WEEK}
_JUDGING_STEP: Final = 4
"""Errors and margins are counted at every hour's moment."""

Learner = Callable[..., GroupModel]


@dataclass(frozen=True, slots=True)
class Forecast:
    """What is expected of one slot.

    Attributes:
        slot: the slot.
        horizon: slots ahead; 1 is the first one that is not measured.
        expected_w: as likely too high as too low.
        low_w: lower edge of the band.
        high_w: upper edge.
        method: where it comes from.
    """

    slot: Slot
    horizon: int
    expected_w: Watt
    low_w: Watt
    high_w: Watt
    method: Method


@dataclass(frozen=True)
class _Group:
    choice: Choice
    band: Band
    model: GroupModel | None


class Forecaster:
    """Forecasts one target (load or production of a zone) by horizon.

    Make one with `fit`; `choices` tells what is used for which horizons and why.
    """

    def __init__(self, settings: ForecastSettings, groups: tuple[_Group, ...]) -> None:
        self._settings = settings
        self._groups = groups

    @property
    def choices(self) -> tuple[Choice, ...]:
        """What the gate chose, group by group."""
        return tuple(group.choice for group in self._groups)

    @classmethod
    def fit(
        cls,
        series: PowerSeries,
        settings: ForecastSettings | None = None,
        *,
        learner: Learner = learn,
    ) -> Forecaster:
        """Learn from a series, judge on its newest weeks but some, calibrate on the newest.

        A series too short for that is answered by persistence.

        Args:
            series: what was measured.
            settings: how.
            learner: makes the models.

        Raises:
            ForecastError: not even a day of persistence can be judged.
            ForecastUnavailableError: no lightgbm.
        """
        settings = settings or ForecastSettings()
        least = NEEDED_SLOTS + settings.groups[-1].last
        if len(series) < least:
            raise ForecastError(
                "the series is too short for a forecast",
                expected=f"at least {least} slots",
                found=len(series),
            )
        return cls(
            settings,
            tuple(_fit_group(series, group, settings, learner) for group in settings.groups),
        )

    def predict(
        self, history: PowerSeries, horizons: Iterable[int] | None = None
    ) -> tuple[Forecast, ...]:
        """Forecasts from the first slot that is not in the history on.

        Args:
            history: what is known now; longer than what `fit` saw.
            horizons: which slots ahead; all if not given.

        Raises:
            ForecastError: too short a history, or a horizon without a forecast.
        """
        if len(history) < NEEDED_SLOTS:
            raise ForecastError(
                "the history is too short for a forecast",
                expected=f"at least {NEEDED_SLOTS} slots",
                found=len(history),
            )
        settings = self._settings
        wanted = list(range(1, settings.groups[-1].last + 1) if horizons is None else horizons)
        by_group: dict[int, list[int]] = {}
        for horizon in wanted:
            by_group.setdefault(settings.group_of(horizon), []).append(horizon)
        features = Features(history.values, history.first_slot)
        found: dict[int, Forecast] = {}
        for index, leads in by_group.items():
            group = self._groups[index]
            samples = Samples(
                np.full(len(leads), len(history), dtype=np.int64), np.array(leads, dtype=np.int64)
            )
            point, low, high = _levels(group.choice.method, group.model, features, history, samples)
            low, high = group.band.apply(low, high)
            for row, horizon in enumerate(leads):
                expected = self._whole(point[row])
                found[horizon] = Forecast(
                    slot=Slot(history.until_slot + horizon - 1),
                    horizon=horizon,
                    expected_w=expected,
                    low_w=min(self._whole(low[row]), expected),
                    high_w=max(self._whole(high[row]), expected),
                    method=group.choice.method,
                )
        return tuple(found[horizon] for horizon in wanted)

    def _whole(self, power: float) -> Watt:
        """The one place where watts become whole numbers."""
        whole = round(float(power))
        lowest = self._settings.lowest_w
        return Watt(whole if lowest is None else max(whole, lowest))


def _fit_group(
    series: PowerSeries, group: HorizonGroup, settings: ForecastSettings, learner: Learner
) -> _Group:
    values, count = series.values, len(series)
    calibration = max(count - settings.calibration_slots, NEEDED_SLOTS)
    is_long = count >= settings.least_slots
    validation = calibration - settings.validation_slots if is_long else NEEDED_SLOTS
    judged = Samples.every(validation, calibration if is_long else count, group, _JUDGING_STEP)
    truth = judged.truth(values)

    def error(forecast: FloatArray) -> float:
        return float(np.mean(np.abs(forecast - truth)))

    model_mae_w: float | None = None
    if is_long:
        trial = learner(values, series.first_slot, validation, group, settings, with_band=False)
        # The moments of the window see what happened before them, in the window too.
        model_mae_w = error(trial.point(Features(values, series.first_slot), judged))
    choice = choose(
        group,
        model_mae_w=model_mae_w,
        day_mae_w=error(persistence(values, judged.origins, judged.leads, PREVIOUS_DAY)),
        week_mae_w=error(persistence(values, judged.origins, judged.leads, PREVIOUS_WEEK)),
        least_gain_bps=settings.least_gain_bps,
        absent=f"{count} slots are too few to learn from ({settings.least_slots} needed)",
    )
    model: GroupModel | None = None
    if choice.method is Method.MODEL:
        model = learner(values, series.first_slot, calibration, group, settings, with_band=True)
    kept = Samples.every(calibration if is_long else NEEDED_SLOTS, count, group, _JUDGING_STEP)
    features = Features(values, series.first_slot)
    _, low, high = _levels(choice.method, model, features, series, kept)
    band = Band.calibrate(low, high, kept.truth(values), settings.coverage_bps)
    return _Group(choice, band, model)


def _levels(
    method: Method,
    model: GroupModel | None,
    features: Features,
    series: PowerSeries,
    samples: Samples,
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Point and edges that are not calibrated yet."""
    if model is not None:
        return (model.point(features, samples), *model.edges(features, samples))
    point = persistence(series.values, samples.origins, samples.leads, _CYCLES[method])
    return point, point, point

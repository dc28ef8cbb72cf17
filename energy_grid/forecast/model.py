"""Gradient-boosted trees for one group of horizons: a median and the edges of a band."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Protocol

import numpy as np

from energy_grid.forecast.errors import ForecastUnavailableError
from energy_grid.forecast.features import NEEDED_SLOTS, Features
from energy_grid.forecast.series import FloatArray, IntArray
from energy_grid.forecast.settings import ForecastSettings, HorizonGroup

_MEDIAN: Final = 0.5


class Regressor(Protocol):
    """What answers with a number a row."""

    def predict(self, rows: FloatArray) -> Any:
        """One number for each row."""
        ...


@dataclass(frozen=True)
class _Trees:
    """A booster that keeps to one thread: a hundred rows are not worth waking others up."""

    booster: Any

    def predict(self, rows: FloatArray) -> Any:
        return self.booster.predict(rows, num_threads=1)


@dataclass(frozen=True)
class Samples:
    """Pairs of a moment and a lead, with what then happened."""

    origins: IntArray
    leads: IntArray

    @classmethod
    def draw(
        cls, first: int, stop: int, group: HorizonGroup, settings: ForecastSettings
    ) -> Samples:
        """Examples whose outcome lies before `stop`; the same for the same seed.

        Args:
            first: index of the first moment.
            stop: index that no outcome reaches.
            group: the horizons.
            settings: how many to draw.
        """
        origins = np.arange(first, stop - group.last + 1, settings.origin_step, dtype=np.int64)
        width = group.last - group.first + 1
        count = min(settings.leads_an_origin, width)
        random = np.random.default_rng([settings.seed, group.first, group.last])
        order = random.random((len(origins), width)).argsort(axis=1)[:, :count]
        return cls(np.repeat(origins, count), (order + group.first).ravel().astype(np.int64))

    @classmethod
    def every(cls, first: int, stop: int, group: HorizonGroup, step: int = 1) -> Samples:
        """All horizons of a group at every `step`-th moment, outcomes before `stop`."""
        origins = np.arange(first, stop - group.last + 1, step, dtype=np.int64)
        leads = np.array(group.horizons, dtype=np.int64)
        return cls(np.repeat(origins, len(leads)), np.tile(leads, len(origins)))

    def truth(self, values: FloatArray) -> FloatArray:
        """What happened."""
        happened: FloatArray = values[self.origins + self.leads - 1]
        return happened


@dataclass(frozen=True)
class GroupModel:
    """A median and, if asked for, both edges.

    Attributes:
        median: half of the truth lies below it.
        low: lower edge of the band, not calibrated.
        high: upper edge.
    """

    median: Regressor
    low: Regressor | None = None
    high: Regressor | None = None

    def point(self, features: Features, samples: Samples) -> FloatArray:
        """The median in watts."""
        rows = features.table(samples.origins, samples.leads)
        point: FloatArray = features.anchor(samples.origins, samples.leads) + np.asarray(
            self.median.predict(rows)
        )
        return point

    def edges(self, features: Features, samples: Samples) -> tuple[FloatArray, FloatArray]:
        """Lower and upper edge in watts, not calibrated."""
        if self.low is None or self.high is None:
            point = self.point(features, samples)
            return point, point
        rows = features.table(samples.origins, samples.leads)
        anchor = features.anchor(samples.origins, samples.leads)
        return (
            anchor + np.asarray(self.low.predict(rows)),
            anchor + np.asarray(self.high.predict(rows)),
        )


def learn(
    values: FloatArray,
    first_slot: int,
    stop: int,
    group: HorizonGroup,
    settings: ForecastSettings,
    *,
    with_band: bool,
) -> GroupModel:
    """Learn from the slots before `stop`.

    Args:
        values: the series.
        first_slot: slot of the first value.
        stop: index that nothing learned from reaches.
        group: the horizons.
        settings: how.
        with_band: learn the edges too.

    Raises:
        ForecastUnavailableError: no lightgbm.
    """
    known = values[:stop]
    features = Features(known, first_slot)
    first = max(NEEDED_SLOTS, stop - settings.training_slots)
    samples = Samples.draw(first, stop, group, settings)
    rows = features.table(samples.origins, samples.leads)
    target = samples.truth(known) - features.anchor(samples.origins, samples.leads)
    median = _fit(rows, target, _MEDIAN, settings)
    if not with_band:
        return GroupModel(median)
    return GroupModel(
        median,
        _fit(rows, target, settings.tail, settings),
        _fit(rows, target, 1 - settings.tail, settings),
    )


def _fit(
    rows: FloatArray, target: FloatArray, quantile: float, settings: ForecastSettings
) -> Regressor:
    try:
        import lightgbm
    except ImportError as error:
        raise ForecastUnavailableError("lightgbm") from error
    parameters = {
        "objective": "quantile",
        "alpha": quantile,
        "num_leaves": settings.leaves,
        "learning_rate": settings.learning_rate,
        "min_data_in_leaf": 40,
        "lambda_l2": 1.0,
        "feature_fraction": 0.8,
        "bagging_fraction": 0.8,
        "bagging_freq": 1,
        "seed": settings.seed,
        # The same trees on every run: one thread, sums in one order.
        "deterministic": True,
        "force_row_wise": True,
        "num_threads": 1,
        "verbosity": -1,
    }
    data = lightgbm.Dataset(rows, label=target)
    return _Trees(lightgbm.train(parameters, data, num_boost_round=settings.trees))

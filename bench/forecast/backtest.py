"""Forecast the last weeks of a series as if they lay ahead: learn anew each week, never look on."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from energy_grid.forecast import Forecaster, ForecastSettings, Method, PowerSeries
from energy_grid.forecast.series import PREVIOUS_DAY, PREVIOUS_WEEK
from energy_grid.units import SLOTS_PER_DAY, SLOTS_PER_HOUR, SLOTS_PER_WEEK, Slot

MOMENTS_STEP: Final = 3 * SLOTS_PER_HOUR
_HISTORY_SLOTS: Final = 2 * SLOTS_PER_WEEK
"""Longer than any feature looks back."""


@dataclass
class Tally:
    """Sums of one group of horizons."""

    count: int = 0
    inside: int = 0
    forecast_w: int = 0
    day_w: int = 0
    week_w: int = 0
    width_w: int = 0
    fits: int = 0
    by_persistence: int = 0

    def add(self, other: Tally) -> None:
        """Add another's sums."""
        for name, value in vars(other).items():
            setattr(self, name, getattr(self, name) + value)

    def as_json(self) -> dict[str, Any]:
        """Means over all that was forecast."""
        return {
            "forecasts": self.count,
            "mae_w": round(self.forecast_w / self.count),
            "mae_previous_day_w": round(self.day_w / self.count),
            "mae_previous_week_w": round(self.week_w / self.count),
            "band_coverage_percent": round(100 * self.inside / self.count, 1),
            "band_width_w": round(self.width_w / self.count),
            "gate_chose_persistence_percent": round(100 * self.by_persistence / self.fits, 1),
        }


@dataclass
class BackTest:
    """One target over the last weeks of its series.

    Attributes:
        series: the whole year.
        settings: of the forecaster.
        weeks: how many weeks are forecast.
        tallies: by group of horizons.
        choices: what the gate said, week by week.
        seconds: time spent.
    """

    series: PowerSeries
    settings: ForecastSettings
    weeks: int
    tallies: list[Tally] = field(init=False)
    choices: list[list[str]] = field(default_factory=list)
    seconds: float = 0.0

    def __post_init__(self) -> None:
        self.tallies = [Tally() for _ in self.settings.groups]

    def run(self, advance: Callable[[], None]) -> None:
        """Go through the weeks; the window to learn from grows by one each time."""
        started = time.monotonic()
        end = self.series.until_slot
        for week in range(end - self.weeks * SLOTS_PER_WEEK, end, SLOTS_PER_WEEK):
            forecaster = Forecaster.fit(self.series.until(week), self.settings)
            self.choices.append([choice.reason for choice in forecaster.choices])
            for tally, choice in zip(self.tallies, forecaster.choices, strict=True):
                tally.fits += 1
                tally.by_persistence += choice.method is not Method.MODEL
            # The last day of the year has no day after it to compare with.
            for moment in range(
                week, min(week + SLOTS_PER_WEEK, end - SLOTS_PER_DAY), MOMENTS_STEP
            ):
                self._forecast(forecaster, moment)
            advance()
        self.seconds = time.monotonic() - started

    def _forecast(self, forecaster: Forecaster, moment: int) -> None:
        first = self.series.first_slot
        start = moment - first - _HISTORY_SLOTS
        known = PowerSeries(
            Slot(first + start), self.series.powers_w[start : start + _HISTORY_SLOTS]
        )
        for forecast in forecaster.predict(known):
            index = forecast.slot - first
            truth = self.series.powers_w[index]
            self.tallies[self.settings.group_of(forecast.horizon)].add(
                Tally(
                    count=1,
                    inside=forecast.low_w <= truth <= forecast.high_w,
                    forecast_w=abs(forecast.expected_w - truth),
                    day_w=abs(self.series.powers_w[index - PREVIOUS_DAY] - truth),
                    week_w=abs(self.series.powers_w[index - PREVIOUS_WEEK] - truth),
                    width_w=forecast.high_w - forecast.low_w,
                )
            )

    def as_json(self) -> dict[str, Any]:
        """The result."""
        together = Tally()
        for tally in self.tallies:
            together.add(tally)
        mean_w = sum(self.series.powers_w[-self.weeks * SLOTS_PER_WEEK :])
        return {
            "mean_w": round(mean_w / (self.weeks * SLOTS_PER_WEEK)),
            "all_horizons": together.as_json(),
            "by_horizon_slots": {
                str(group): tally.as_json()
                for group, tally in zip(self.settings.groups, self.tallies, strict=True)
            },
            "last_choices": self.choices[-1],
            "seconds": round(self.seconds, 1),
        }

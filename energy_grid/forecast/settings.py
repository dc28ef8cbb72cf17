"""What can be chosen about a forecaster."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from energy_grid.forecast.errors import ForecastError
from energy_grid.units import SLOTS_PER_DAY, SLOTS_PER_HOUR, SLOTS_PER_WEEK

_BPS: Final = 10_000


@dataclass(frozen=True, slots=True)
class HorizonGroup:
    """Horizons that share one model, one gate and one calibration.

    Attributes:
        first: first horizon in slots; 1 is the slot that is about to start.
        last: last horizon.
    """

    first: int
    last: int

    def __contains__(self, horizon: int) -> bool:
        return self.first <= horizon <= self.last

    def __str__(self) -> str:
        return f"{self.first}-{self.last}"

    @property
    def horizons(self) -> range:
        """All of them."""
        return range(self.first, self.last + 1)


DEFAULT_GROUPS: Final = (
    HorizonGroup(1, 4),
    HorizonGroup(5, 16),
    HorizonGroup(17, 48),
    HorizonGroup(49, 96),
)
"""The next hour, four hours, half a day, a day."""


@dataclass(frozen=True, slots=True)
class ForecastSettings:
    """How a forecaster learns and how it is judged.

    Attributes:
        groups: horizons by group, from 1 on without gaps, up to a day.
        training_slots: longest past that a model learns from.
        validation_slots: window on which a model must beat persistence.
        calibration_slots: newest window, on which the bands are calibrated.
        coverage_bps: how often the band shall hold the truth.
        origin_step: learn from every n-th slot as the moment of forecasting.
        leads_an_origin: horizons of a group that are drawn for each such moment.
        trees: of each model.
        leaves: of each tree.
        learning_rate: of each tree.
        least_gain_bps: by how much of its error a model must beat persistence.
        lowest_w: no forecast is lower (loads and panels are never negative), None for no limit.
        seed: fixes everything that is drawn.
    """

    groups: tuple[HorizonGroup, ...] = DEFAULT_GROUPS
    training_slots: int = 40 * SLOTS_PER_WEEK
    validation_slots: int = 2 * SLOTS_PER_WEEK
    calibration_slots: int = 2 * SLOTS_PER_WEEK
    coverage_bps: int = 8_000
    origin_step: int = 2 * SLOTS_PER_HOUR
    leads_an_origin: int = 4
    trees: int = 120
    leaves: int = 31
    learning_rate: float = 0.05
    least_gain_bps: int = 0
    lowest_w: int | None = 0
    seed: int = 1

    def __post_init__(self) -> None:
        covered = [horizon for group in self.groups for horizon in group.horizons]
        if not covered or covered != list(range(1, len(covered) + 1)):
            raise ForecastError(
                "the groups of horizons do not follow one another",
                expected="1-a, a+1-b, ...",
                found=", ".join(map(str, self.groups)),
            )
        if len(covered) > SLOTS_PER_DAY:
            raise ForecastError(
                "a horizon lies beyond a day", expected=f"1 to {SLOTS_PER_DAY}", found=covered[-1]
            )
        if not 0 < self.coverage_bps < _BPS:
            raise ForecastError(
                "no band can have that coverage", expected="1 to 9,999", found=self.coverage_bps
            )

    @property
    def least_slots(self) -> int:
        """Shortest series that a model is learned from: two weeks of examples and the windows."""
        return (
            SLOTS_PER_WEEK
            + 2 * SLOTS_PER_WEEK
            + self.validation_slots
            + self.calibration_slots
            + SLOTS_PER_DAY
        )

    @property
    def tail(self) -> float:
        """Chance that the truth lies below the band; above it likewise."""
        return (1 - self.coverage_bps / _BPS) / 2

    def group_of(self, horizon: int) -> int:
        """Index of a horizon's group.

        Raises:
            ForecastError: no group has it.
        """
        for index, group in enumerate(self.groups):
            if horizon in group:
                return index
        raise ForecastError(
            "no forecast for that horizon",
            expected=f"1 to {self.groups[-1].last} slots",
            found=horizon,
        )

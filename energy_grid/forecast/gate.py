"""Whether a model may be used: only where it beats persistence on a window it has not seen."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from energy_grid.forecast.settings import HorizonGroup
from energy_grid.units import BPS


class Method(StrEnum):
    """Where a forecast comes from."""

    MODEL = "model"
    PREVIOUS_DAY = "previous_day"
    PREVIOUS_WEEK = "previous_week"


@dataclass(frozen=True, slots=True)
class Choice:
    """What was chosen for a group of horizons, and why.

    Attributes:
        group: the horizons.
        method: what is used.
        model_mae_w: mean absolute error of the model in validation; None if there was none.
        day_mae_w: of the previous day.
        week_mae_w: of the previous week.
        reason: for people and logs.
    """

    group: HorizonGroup
    method: Method
    model_mae_w: float | None
    day_mae_w: float
    week_mae_w: float
    reason: str


def choose(
    group: HorizonGroup,
    *,
    model_mae_w: float | None,
    day_mae_w: float,
    week_mae_w: float,
    least_gain_bps: int = 0,
    absent: str = "there is no model",
) -> Choice:
    """The better persistence, or the model if it beats that.

    Args:
        group: the horizons.
        model_mae_w: error of the model; None if there is none.
        day_mae_w: error of the previous day.
        week_mae_w: error of the previous week.
        least_gain_bps: by how much of persistence's error the model must be better.
        absent: why there is no model.
    """
    is_day = day_mae_w <= week_mae_w
    best = Method.PREVIOUS_DAY if is_day else Method.PREVIOUS_WEEK
    best_mae_w = min(day_mae_w, week_mae_w)
    name = best.value.replace("_", " ")
    if model_mae_w is None:
        return Choice(group, best, None, day_mae_w, week_mae_w, f"{absent}: {name}")
    if not model_mae_w < best_mae_w * (1 - least_gain_bps / BPS):  # a NaN fails too
        reason = f"the model's error {model_mae_w:.0f} W does not beat {best_mae_w:.0f} W of {name}"
        return Choice(group, best, model_mae_w, day_mae_w, week_mae_w, reason)
    reason = f"the model's error {model_mae_w:.0f} W beats {best_mae_w:.0f} W of {name}"
    return Choice(group, Method.MODEL, model_mae_w, day_mae_w, week_mae_w, reason)

"""Set-points of resources, and what a device makes of them.

Integer for integer as `contracts/libraries/SetPointRules.sol`. The chain computes a set-point from
the values of its oracle, minutes old. Between two of them a device applies the same curves to the
voltage and frequency at its terminals: `local_setpoint`. This is control of market and dispatch; it
replaces no protection.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isqrt
from typing import Final

from energy_grid.feeds.kinds import FeedStatus
from energy_grid.grid.curves import CurveKind, PiecewiseCurve, divide
from energy_grid.grid.default_curves import default_curve
from energy_grid.grid.resources import ResourceClass, ResourceRatings
from energy_grid.units import BPS

LARGEST: Final = 1 << 47
"""No voltage and no frequency comes near; a value beyond is taken as this."""

USABLE: Final = (FeedStatus.OK, FeedStatus.FALLBACK)


@dataclass(frozen=True, slots=True)
class Reading:
    """A value with all that is needed to judge it; `Metric` on chain."""

    value: int
    updated_at: int = 0
    status: FeedStatus = FeedStatus.OK

    @property
    def is_usable(self) -> bool:
        """Whether it is acted upon."""
        return self.status in USABLE


@dataclass(frozen=True, slots=True)
class Nominals:
    """Nominal values of a zone; 0: it is not under grid management."""

    millivolts: int
    millihz: int


@dataclass(frozen=True, slots=True)
class CurveSet:
    """The three curves in force for a resource."""

    volt_var: PiecewiseCurve
    volt_watt: PiecewiseCurve
    droop: PiecewiseCurve

    @classmethod
    def default(cls, resource_class: ResourceClass, nominal_millihz: int = 50_000) -> CurveSet:
        """The defaults of a class."""
        return cls(*(default_curve(kind, resource_class, nominal_millihz) for kind in CurveKind))


@dataclass(frozen=True, slots=True)
class SetPoint:
    """What a resource is to keep to. Power is positive when it is fed in.

    Attributes:
        lowest_w: lowest active power allowed, not above 0.
        highest_w: highest active power allowed, not below 0.
        droop_w: to be added to the planned active power.
        reactive_var: reactive power to hold.
        based_on: oldest time of the values used, unix seconds; 0 if none was.
        status: OK or FALLBACK if voltage and frequency were both used, otherwise why not.
    """

    lowest_w: int
    highest_w: int
    droop_w: int = 0
    reactive_var: int = 0
    based_on: int = 0
    status: FeedStatus = FeedStatus.OK

    def power_w(self, planned_w: int) -> int:
        """Active power of a resource that had planned some."""
        return min(max(planned_w + self.droop_w, self.lowest_w), self.highest_w)


def compute_setpoint(
    ratings: ResourceRatings,
    curves: CurveSet,
    nominals: Nominals,
    voltage: Reading,
    frequency: Reading,
    *,
    is_active: bool = True,
) -> SetPoint:
    """The set-point of a resource."""
    lowest_w, highest_w = -ratings.rated_import_w, ratings.rated_export_w
    if not is_active or not nominals.millivolts or not nominals.millihz:
        return SetPoint(lowest_w, highest_w, status=FeedStatus.FROZEN)
    reactive_var = droop_w = 0
    if voltage.is_usable:
        voltage_bps = relative_bps(voltage.value, nominals.millivolts)
        reactive_var = share(ratings.rated_va, curves.volt_var.at(voltage_bps))
        lowest_w, highest_w = active_limits_w(ratings, curves, voltage_bps, reactive_var)
    if frequency.is_usable:
        droop_bps = curves.droop.at(_cut(frequency.value) - nominals.millihz)
        droop_w = share(ratings.larger_w, droop_bps)
    times = [reading.updated_at for reading in (voltage, frequency) if reading.is_usable]
    return SetPoint(
        lowest_w,
        highest_w,
        droop_w,
        reactive_var,
        based_on=min(times, default=0),
        status=_status(voltage, frequency),
    )


def local_setpoint(
    ratings: ResourceRatings,
    curves: CurveSet,
    nominals: Nominals,
    *,
    millivolts: int | None,
    millihz: int | None,
    measured_at: int = 0,
) -> SetPoint:
    """The same from what a device measures itself; `None` for what it does not measure."""
    voltage, frequency = (
        Reading(0, 0, FeedStatus.STALE) if value is None else Reading(value, measured_at)
        for value in (millivolts, millihz)
    )
    return compute_setpoint(ratings, curves, nominals, voltage, frequency)


def next_power_w(
    setpoint: SetPoint,
    ratings: ResourceRatings,
    *,
    planned_w: int,
    present_w: int,
    elapsed_ms: int,
) -> int:
    """Active power to command now, on the way there no faster than the device's ramp."""
    target_w = setpoint.power_w(planned_w)
    if not ratings.ramp_w_per_second:
        return target_w
    step_w = ratings.ramp_w_per_second * elapsed_ms // 1_000
    return min(max(target_w, present_w - step_w), present_w + step_w)


def active_limits_w(
    ratings: ResourceRatings, curves: CurveSet, voltage_bps: int, reactive_var: int
) -> tuple[int, int]:
    """Lowest and highest active power at a voltage, beside a reactive power.

    Reactive power comes first: active power gets what room the apparent rating leaves.
    """
    limit_bps = curves.volt_watt.at(voltage_bps)
    highest_w = ratings.rated_export_w * (limit_bps if voltage_bps > BPS else BPS) // BPS
    draw_w = ratings.rated_import_w * (limit_bps if voltage_bps < BPS else BPS) // BPS
    if ratings.rated_va:
        room_w = room_down(ratings.rated_va, reactive_var)
        highest_w, draw_w = min(highest_w, room_w), min(draw_w, room_w)
    return -draw_w, highest_w


def relative_bps(millivolts: int, nominal_millivolts: int) -> int:
    """A voltage in bp of nominal."""
    return divide(_cut(millivolts) * BPS, nominal_millivolts)


def share(rating: int, bps: int) -> int:
    """A share of a rating in bp, rounded towards zero."""
    return divide(rating * bps, BPS)


def room_down(apparent_va: int, reactive_var: int) -> int:
    """Active power that fits beside a reactive one in an apparent rating, rounded down."""
    return isqrt(apparent_va**2 - reactive_var**2)


def _status(voltage: Reading, frequency: Reading) -> FeedStatus:
    for reading in (voltage, frequency):
        if not reading.is_usable:
            return reading.status
    return frequency.status if voltage.status is FeedStatus.OK else voltage.status


def _cut(value: int) -> int:
    return min(max(value, -LARGEST), LARGEST)

"""Set-points of registered resources, and the curves behind them.

branches:
├── setpoint → nominal, high and low voltage and frequency, stale, inactive, zone without limits
├── reactive power first → active power gets the room that is left
├── setCurve → at once, back to the default, per zone and class; each refusal; governance alone
└── device → plan, limits, ramp
"""

from __future__ import annotations

from typing import Any

import pytest

from energy_grid.feeds.kinds import FeedStatus
from energy_grid.grid.curves import CurveKind, PiecewiseCurve
from energy_grid.grid.default_curves import default_curve
from energy_grid.grid.resources import ResourceClass, ResourceRatings
from energy_grid.grid.setpoints import (
    CurveSet,
    Nominals,
    Reading,
    SetPoint,
    compute_setpoint,
    local_setpoint,
    next_power_w,
)
from tests.unit.grid_resources.stage import (
    ALICE,
    ALICES_METER,
    BATTERY,
    DEACTIVATED,
    GOVERNOR,
    REGISTRAR,
    ROOF,
    START,
    ZONE,
    ResourceStage,
)
from tests.utils.revm import Refused

NOMINALS = Nominals(230_000, 50_000)
UNUSABLE = [FeedStatus.STALE, FeedStatus.UNCERTAIN, FeedStatus.BOUNDED, FeedStatus.FROZEN]


def volts(bps: int, status: FeedStatus = FeedStatus.OK) -> Reading:
    return Reading(23 * bps, START - 30, status)


def hertz(deviation: int, status: FeedStatus = FeedStatus.OK) -> Reading:
    return Reading(50_000 + deviation, START - 90, status)


# --- what is asked of a resource ------------------------------------------------------------------


def test_setpoint__nominal_values__the_ratings_and_nothing_else(stage: ResourceStage) -> None:
    stage.register()
    stage.set_grid(volts(10_000), hertz(0))

    assert stage.setpoint(1) == SetPoint(-5_000, 5_000, 0, 0, START - 90, FeedStatus.OK)


def test_setpoint__high_voltage__roof_feeds_in_less_and_draws_vars(stage: ResourceStage) -> None:
    stage.register(ResourceClass.PV, ROOF)
    stage.set_grid(volts(10_800), hertz(0))

    # 60 % of 8,000 W; 43.58 % of 8,800 VA.
    assert stage.setpoint(1) == SetPoint(0, 4_800, 0, -3_835, START - 90, FeedStatus.OK)


def test_setpoint__low_voltage__battery_draws_less_and_feeds_vars(stage: ResourceStage) -> None:
    stage.register()
    stage.set_grid(volts(9_200), hertz(0))

    # Half of 5,000 W; 43.58 % of 5,500 VA leaves room for 4,950 W of feed-in.
    assert stage.setpoint(1) == SetPoint(-2_500, 4_950, 0, 2_396, START - 90, FeedStatus.OK)


@pytest.mark.parametrize(
    ("deviation", "droop_w"),
    [
        (-500, 5_000),
        (-200, 5_000),
        (-110, 2_500),
        (-21, 27),
        (-20, 0),
        (20, 0),
        (21, -27),
        (200, -5_000),
    ],
)
def test_setpoint__frequency__battery_against_it_beyond_the_dead_band(
    stage: ResourceStage, deviation: int, droop_w: int
) -> None:
    stage.register()
    stage.set_grid(volts(10_000), hertz(deviation))

    assert stage.setpoint(1).droop_w == droop_w


def test_setpoint__over_frequency__roof_sheds_40_percent_a_hertz(stage: ResourceStage) -> None:
    stage.register(ResourceClass.PV, ROOF)
    for deviation, droop_w in ((200, 0), (450, -800), (1_200, -3_200), (1_500, -4_160)):
        stage.set_grid(volts(10_000), hertz(deviation))
        assert stage.setpoint(1).droop_w == droop_w


def test_setpoint__rated_up_to_its_apparent_power__vars_first(stage: ResourceStage) -> None:
    stage.register(ResourceClass.PV, ResourceRatings(0, 10_000, 10_000))
    stage.set_grid(volts(9_300), hertz(0))

    point = stage.setpoint(1)
    assert (point.highest_w, point.reactive_var) == (9_000, 4_358)


@pytest.mark.parametrize("status", UNUSABLE)
def test_setpoint__no_usable_voltage__no_limit_no_vars_but_droop(
    stage: ResourceStage, status: FeedStatus
) -> None:
    stage.register()
    stage.set_grid(volts(11_500, status), hertz(-200))

    assert stage.setpoint(1) == SetPoint(-5_000, 5_000, 5_000, 0, START - 90, status)


@pytest.mark.parametrize("status", UNUSABLE)
def test_setpoint__no_usable_frequency__no_droop_but_limits(
    stage: ResourceStage, status: FeedStatus
) -> None:
    stage.register()
    stage.set_grid(volts(9_000), hertz(-900, status))

    assert stage.setpoint(1) == SetPoint(0, 4_950, 0, 2_396, START - 30, status)


def test_setpoint__nothing_ever_reported__default_and_says_so(stage: ResourceStage) -> None:
    stage.register()
    stage.set_grid(Reading(0, 0, FeedStatus.STALE), Reading(0, 0, FeedStatus.STALE))

    assert stage.setpoint(1) == SetPoint(-5_000, 5_000, 0, 0, 0, FeedStatus.STALE)


def test_setpoint__fallback__used_and_told(stage: ResourceStage) -> None:
    stage.register()
    stage.set_grid(volts(10_000), hertz(-200, FeedStatus.FALLBACK))

    assert stage.setpoint(1) == SetPoint(-5_000, 5_000, 5_000, 0, START - 90, FeedStatus.FALLBACK)


def test_setpoint__resource_that_does_not_count__nothing_is_asked_of_it(
    stage: ResourceStage,
) -> None:
    stage.register()
    stage.set_grid(volts(11_500), hertz(-900))
    nothing = SetPoint(-5_000, 5_000, 0, 0, 0, FeedStatus.FROZEN)

    stage.set_meter(ALICES_METER, ALICE, status=DEACTIVATED)
    assert stage.setpoint(1) == nothing
    stage.set_meter(ALICES_METER, ALICE)
    stage.grid.send(REGISTRAR, "freezeResource", 1)
    assert stage.setpoint(1) == nothing
    with pytest.raises(Refused, match="UnknownResource"):
        stage.setpoint(2)


@pytest.mark.parametrize("nominals", [(0, 50_000), (230_000, 0), (0, 0)])
def test_setpoint__zone_without_nominal_values__nothing_is_asked(
    stage: ResourceStage, nominals: tuple[int, int]
) -> None:
    stage.register()
    stage.set_grid(volts(11_500), hertz(-900))

    stage.grid.send(GOVERNOR, "setNominals", ZONE, nominals)

    assert stage.setpoint(1) == SetPoint(-5_000, 5_000, 0, 0, 0, FeedStatus.FROZEN)


def test_setpoint__values_that_cannot_be__never_reverts(stage: ResourceStage) -> None:
    stage.register()
    for value in (-(2**255), -1, 0, 2**255 - 1):
        reading = Reading(value, START)
        stage.set_grid(reading, reading)

        assert stage.setpoint(1) == compute_setpoint(
            BATTERY, CurveSet.default(ResourceClass.BATTERY), NOMINALS, reading, reading
        )


@pytest.mark.parametrize("resource_class", ResourceClass)
@pytest.mark.parametrize("nominals", [NOMINALS, Nominals(120_000, 60_000)])
def test_setpoint__every_class_in_both_families__as_in_python(
    stage: ResourceStage, resource_class: ResourceClass, nominals: Nominals
) -> None:
    stage.register(resource_class)
    stage.grid.send(GOVERNOR, "setNominals", ZONE, (nominals.millivolts, nominals.millihz))
    curves = CurveSet.default(resource_class, nominals.millihz)
    for bps, deviation in ((8_900, -2_600), (9_250, -150), (10_550, 37), (10_950, 1_900)):
        voltage = Reading(nominals.millivolts * bps // 10_000, START)
        frequency = Reading(nominals.millihz + deviation, START)
        stage.set_grid(voltage, frequency)

        assert stage.setpoint(1) == compute_setpoint(BATTERY, curves, nominals, voltage, frequency)


# --- curves ---------------------------------------------------------------------------------------


def test_set_curve__in_one_zone_and_class__nowhere_else(stage: ResourceStage) -> None:
    points = [(-400, 10_000), (-100, 0), (100, 0), (400, -10_000)]

    stage.set_curve(CurveKind.DROOP, points)
    (event,) = stage.grid.events("CurveSet")

    assert event.arguments == {
        "zone": ZONE,
        "resourceClass": ResourceClass.BATTERY,
        "kind": CurveKind.DROOP,
        "oldCurve": 0,
        "newCurve": PiecewiseCurve(tuple(points)).pack(),
    }
    assert curve_of(stage, ResourceClass.BATTERY) == (points, False)
    assert stage.grid.ask("curveAt", ZONE, ResourceClass.BATTERY, CurveKind.DROOP, -250) == 5_000
    for zone, resource_class in ((ZONE, ResourceClass.EV), (ZONE + 1, ResourceClass.BATTERY)):
        default = default_curve(CurveKind.DROOP, resource_class, 50_000)
        assert curve_of(stage, resource_class, zone) == (list(default.points), True)


def test_set_curve__no_points__back_to_the_default(stage: ResourceStage) -> None:
    stage.register()
    stage.set_grid(volts(10_000), hertz(-200))
    stage.set_curve(CurveKind.DROOP, [(0, 0)])
    assert stage.setpoint(1).droop_w == 0

    stage.set_curve(CurveKind.DROOP, [])

    assert stage.setpoint(1).droop_w == 5_000
    assert curve_of(stage, ResourceClass.BATTERY)[1]


@pytest.mark.parametrize(
    ("kind", "points", "error"),
    [
        (CurveKind.DROOP, [(x, 0) for x in range(9)], "TooManyPoints"),
        (CurveKind.DROOP, [(10, 0), (10, -1)], "PointsNotRising"),
        (CurveKind.DROOP, [(-5_001, 0)], "PointOutOfRange"),
        (CurveKind.DROOP, [(5_001, 0)], "PointOutOfRange"),
        (CurveKind.VOLT_VAR, [(4_999, 0)], "PointOutOfRange"),
        (CurveKind.VOLT_VAR, [(15_001, 0)], "PointOutOfRange"),
        (CurveKind.VOLT_VAR, [(9_000, 10_001)], "ValueOutOfBounds"),
        (CurveKind.VOLT_VAR, [(9_000, -10_001)], "ValueOutOfBounds"),
        (CurveKind.VOLT_WATT, [(11_000, -1)], "ValueOutOfBounds"),
        (CurveKind.VOLT_VAR, [(9_000, 0), (9_100, 1)], "WrongDirection"),
        (CurveKind.VOLT_WATT, [(9_000, 10_000), (9_500, 9_999)], "WrongDirection"),
        (CurveKind.VOLT_WATT, [(10_500, 9_999), (11_000, 10_000)], "WrongDirection"),
        (CurveKind.VOLT_WATT, [(9_999, 10_000), (10_001, 9_999)], "WrongDirection"),
        (CurveKind.DROOP, [(-200, 0), (-100, 1)], "WrongDirection"),
        (CurveKind.DROOP, [(0, 0), (99, -9_901)], "CurveTooSteep"),
        (CurveKind.DROOP, [(-100, 5_000), (100, -4_000)], "ActsAtNominal"),
        (CurveKind.DROOP, [(1, 1)], "ActsAtNominal"),
        (CurveKind.VOLT_WATT, [(10_500, 9_999)], "ActsAtNominal"),
    ],
)
def test_set_curve__outside_its_bounds__refused_by_name(
    stage: ResourceStage, kind: CurveKind, points: list[tuple[int, int]], error: str
) -> None:
    with pytest.raises(Refused) as refused:
        stage.set_curve(kind, points)
    assert refused.value.name == error


def test_set_curve__at_its_bounds__taken(stage: ResourceStage) -> None:
    for kind, points in (
        (
            CurveKind.VOLT_VAR,
            [(5_000, 10_000), (9_900, 10_000), (10_100, -10_000), (15_000, -10_000)],
        ),
        (CurveKind.VOLT_WATT, [(5_000, 0), (9_900, 0), (10_000, 10_000), (10_100, 0), (15_000, 0)]),
        (CurveKind.DROOP, [(-5_000, 10_000), (-100, 10_000), (100, -10_000), (5_000, -10_000)]),
    ):
        stage.set_curve(kind, points)
        assert curve_of(stage, ResourceClass.BATTERY, kind=kind) == (points, False)


def test_setpoint__beside_nominal_voltage__feed_in_above_it_and_draw_below_it(
    stage: ResourceStage,
) -> None:
    stage.register()
    stage.set_curve(CurveKind.VOLT_VAR, [(10_000, 0)])
    stage.set_curve(CurveKind.VOLT_WATT, [(9_900, 0), (10_000, 10_000), (10_100, 0)])
    for bps, lowest_w, highest_w in (
        (9_999, -4_950, 5_000),
        (10_000, -5_000, 5_000),
        (10_001, -5_000, 4_950),
    ):
        stage.set_grid(volts(bps), hertz(0))
        point = stage.setpoint(1)
        assert (point.lowest_w, point.highest_w) == (lowest_w, highest_w)


def test_set_curve__zone_0_or_not_governance__refused(stage: ResourceStage) -> None:
    with pytest.raises(Refused, match="CurveWithoutZone"):
        stage.set_curve(CurveKind.DROOP, [(0, 0)], zone=0)
    for stranger in (ALICE, REGISTRAR):
        with pytest.raises(Refused, match="AccessManagedUnauthorized"):
            stage.set_curve(CurveKind.DROOP, [(0, 0)], sender=stranger)


def curve_of(
    stage: ResourceStage,
    resource_class: ResourceClass,
    zone: int = ZONE,
    kind: CurveKind = CurveKind.DROOP,
) -> tuple[list[Any], bool]:
    points, is_default = stage.grid.ask("curveOf", zone, resource_class, kind)
    return [tuple(point) for point in points], is_default


# --- the device -----------------------------------------------------------------------------------


def test_device__own_terminals__same_curves_without_a_chain() -> None:
    curves = CurveSet.default(ResourceClass.PV)

    point = local_setpoint(ROOF, curves, NOMINALS, millivolts=248_400, millihz=None)

    assert (point.highest_w, point.reactive_var, point.droop_w) == (4_800, -3_835, 0)
    assert point.status is FeedStatus.STALE
    assert local_setpoint(ROOF, curves, NOMINALS, millivolts=None, millihz=None) == SetPoint(
        0, 8_000, status=FeedStatus.STALE
    )


def test_device__plan_and_droop__within_the_limits() -> None:
    point = SetPoint(-2_000, 3_000, droop_w=-1_500)

    assert [point.power_w(plan) for plan in (-4_000, 0, 1_000, 4_000, 9_000)] == [
        -2_000, -1_500, -500, 2_500, 3_000,
    ]  # fmt: skip


def test_device__ramp__no_faster_than_it_can() -> None:
    point = SetPoint(-5_000, 5_000)

    def step(planned_w: int, present_w: int, elapsed_ms: int = 1_500) -> int:
        return next_power_w(
            point, BATTERY, planned_w=planned_w, present_w=present_w, elapsed_ms=elapsed_ms
        )

    assert step(5_000, 0) == 750
    assert step(-5_000, 0) == -750
    assert step(100, 0) == 100
    assert step(5_000, 0, elapsed_ms=0) == 0
    assert next_power_w(point, ROOF, planned_w=5_000, present_w=0, elapsed_ms=1) == 5_000

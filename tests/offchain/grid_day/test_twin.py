"""The twin as a whole.

step
├── power: what connections, source and losses are adds up, step by step; in an island too
├── energy: registers hold what was measured and lose nothing to rounding; batteries, cars, heat
├── the same seed gives the same day; another one another
├── commands and curves do what they say; a market plan is followed; ramps
└── a branch that is cut off is dark; an island without power sheds load and goes dark
scenarios: in a short window, violations fall by nine tenths or more (the whole ones: deep)
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from simulation.grid_day.control import (
    LEGAL_CURVES,
    Commands,
    Curve,
    DeviceClass,
    DeviceCommand,
    NoControl,
    ResponseCurves,
)
from simulation.grid_day.devices import CHARGE_EFFICIENCY, Battery, Car, HeatPump
from simulation.grid_day.local import MANAGED_CURVES, LocalControl, State, severity
from simulation.grid_day.metrics import DayMetrics, reduction_percent
from simulation.grid_day.scenario import Scenario, load_scenario, scenario_names
from simulation.grid_day.twin import Twin
from simulation.physics.grids import Grid, load_grid
from tests.offchain.grid_day.conftest import CACHE

USUAL = Commands(LEGAL_CURVES)


def window(
    name: str, start: str, end: str, *, filled: float | None = None, cars: float | None = None
) -> Scenario:
    """A part of a scenario, with batteries filled and cars charging as many as are by then."""
    document = load_scenario(name).between(start, end).model_dump()
    if filled is not None:
        document["fleet"]["batteries"]["start_filled"] = filled
    if cars is not None:
        document["fleet"]["cars"]["share"] = cars
    return Scenario.model_validate(document)


def rows_of(twin: Twin, kind: DeviceClass) -> list[int]:
    return [int(row) for row in twin.arrays.rows_of(kind)]


@pytest.fixture
def evening(strong_grid: Grid) -> Twin:
    return Twin(window("frequency-dip", "17:45", "18:45"), strong_grid)


# ---------------------------------------------------------------------- balance


@pytest.mark.parametrize("name", ["frequency-dip", "islanding"])
def test_step__any__power_balances(name: str, strong_grid: Grid) -> None:
    part = {"frequency-dip": ("18:00", "18:30"), "islanding": ("10:45", "11:30")}[name]
    twin = Twin(window(name, *part), strong_grid)
    islanded = 0

    while not twin.is_over:
        seen = twin.step(USUAL)

        given = 0.0 if seen.is_islanded else twin.flow.source_w  # else it is the set's own power
        assert sum(seen.connection_w) + given == pytest.approx(twin.flow.loss_w, abs=40)
        islanded += seen.is_islanded

    assert islanded == (30 if name == "islanding" else 0)


def test_step__island__set_gives_what_the_swing_equation_took(strong_grid: Grid) -> None:
    twin = Twin(window("islanding", "10:45", "11:30"), strong_grid)
    given_w, reserve_w = [], []

    while not twin.is_over:
        seen = twin.step(USUAL)
        if seen.is_islanded:
            given_w.append(sum(seen.devices[row].power_w for row in twin.arrays.generator))
            reserve_w.append(twin.system.generator_w)

    # By power flow and by governor: apart by what the flywheel took or gave within the minute.
    assert np.mean(given_w[2:]) == pytest.approx(np.mean(reserve_w[2:]), abs=400)


def test_registers__over_the_window__nothing_lost_by_rounding(evening: Twin) -> None:
    connections = len(evening.layout.connections)
    moved = np.zeros((2, connections))
    while not evening.is_over:
        power = np.asarray(evening.step(USUAL).connection_w, float)
        moved += np.stack([np.maximum(-power, 0), np.maximum(power, 0)]) / 60

    slots = [evening.registers.slot_wh(slot) for slot in range(evening.registers.slots)]
    totals = np.asarray([np.sum([slot[way] for slot in slots], axis=0) for way in (0, 1)])

    assert evening.registers.slots == 4
    assert (totals == np.asarray(evening.registers.totals_wh())).all()
    assert np.abs(totals - moved).max() <= 1 + 0.5  # floor, and watts rounded when measured
    assert all((slot[way] >= 0).all() for slot in slots for way in (0, 1))
    with pytest.raises(IndexError, match="slot 4 has not ended"):
        evening.registers.slot_wh(4)


def test_storage__after_an_hour__holds_what_went_in_and_came_out(strong_grid: Grid) -> None:
    twin = Twin(window("islanding", "10:30", "11:30"), strong_grid)
    batteries = [device for device in twin.devices if isinstance(device, Battery)]
    before = [battery.stored_wh for battery in batteries]

    while not twin.is_over:
        twin.step(Commands(MANAGED_CURVES))

    for battery, stored in zip(batteries, before, strict=True):
        kept = battery.charged_wh * CHARGE_EFFICIENCY - battery.discharged_wh / CHARGE_EFFICIENCY
        assert battery.stored_wh - stored == pytest.approx(kept, abs=1e-6)
        assert -1.0 <= battery.stored_wh <= battery.spec.energy_wh * 1.002
    assert sum(battery.charged_wh for battery in batteries) > 10_000


def test_cars__left_alone__charge_what_they_need_and_no_more(strong_grid: Grid) -> None:
    twin = Twin(window("frequency-dip", "17:45", "19:15"), strong_grid)
    cars = {row: d for row, d in enumerate(twin.devices) if isinstance(d, Car)}
    drawn = dict.fromkeys(cars, 0.0)
    while not twin.is_over:
        seen = twin.step(USUAL)
        for row in cars:
            drawn[row] -= seen.devices[row].power_w / 60

    for row, car in cars.items():
        assert car.need_wh - car.missing_wh == pytest.approx(drawn[row], abs=1)
    assert any(car.stored_wh == 0.0 for car in cars.values())  # full
    assert min(car.missing_wh for car in cars.values()) > -200  # and no more, but for the ramp
    assert twin.metrics().energy.car_short_wh == 0.0


def test_heat_pumps__blocked__the_store_lasts_then_the_house_lacks_heat(strong_grid: Grid) -> None:
    scenario = window("winter-evening", "17:00", "22:00").model_dump()
    scenario["grid"]["name"] = "semiurb4"
    twin = Twin(Scenario.model_validate(scenario), strong_grid)
    rows = rows_of(twin, DeviceClass.HEAT_PUMP)
    blocked = Commands(LEGAL_CURVES, {row + 1: DeviceCommand(lowest_w=0) for row in rows})
    pumps = [device for device in twin.devices if isinstance(device, HeatPump)]
    short = []

    while not twin.is_over:
        twin.step(blocked)
        short.append(sum(pump.short_wh for pump in pumps))

    assert short[40] == 0.0
    assert short[-1] > 1_000.0
    assert twin.metrics().energy.heat_short_wh == pytest.approx(short[-1])


# ------------------------------------------------------------------ determinism


def test_run__same_seed_same_day__another_seed_another(strong_grid: Grid) -> None:
    scenario = window("frequency-dip", "18:00", "18:15")

    def run(seed: int) -> list[object]:
        seen: list[object] = []
        Twin(scenario.model_copy(update={"seed": seed}), strong_grid).run(NoControl(), seen.append)
        return seen

    assert run(5) == run(5)
    assert run(5) != run(6)


def test_populate__another_share_of_cars__leaves_everything_else(strong_grid: Grid) -> None:
    scenario = window("frequency-dip", "18:00", "18:15")
    document = scenario.model_dump()
    document["fleet"]["cars"]["share"] = 0.0
    fewer = Twin(Scenario.model_validate(document), strong_grid)
    twin = Twin(scenario, strong_grid)

    def others(of: Twin) -> list[tuple[object, ...]]:
        return [
            (s.device_class, s.bus, s.rated_import_w, s.rated_export_w, s.energy_wh)
            for s in of.layout.devices
            if s.device_class is not DeviceClass.EV
        ]

    assert others(fewer) == others(twin)
    assert len(fewer.devices) == len(twin.devices) - round(0.4 * 32)


# --------------------------------------------------------------------- commands


def test_layout__ids__in_order_and_both_ways(evening: Twin) -> None:
    layout = evening.layout

    assert [spec.device_id for spec in layout.devices] == list(range(1, len(layout.devices) + 1))
    assert [c.connection_id for c in layout.connections] == list(
        range(1, len(layout.connections) + 1)
    )
    for connection in layout.connections:
        for device_id in connection.device_ids:
            spec = layout.devices[device_id - 1]
            assert (spec.connection_id, spec.bus) == (connection.connection_id, connection.bus)
            assert spec.feeder == connection.feeder
    assert layout.feeders == (1, 2, 3)


def test_step__planned_power__is_reached_within_the_ramp_and_what_is_possible(
    evening: Twin,
) -> None:
    row = rows_of(evening, DeviceClass.BATTERY)[0]
    spec = evening.layout.devices[row]
    wanted = Commands(LEGAL_CURVES, {spec.device_id: DeviceCommand(planned_w=-1_000)})
    too_much = Commands(LEGAL_CURVES, {spec.device_id: DeviceCommand(planned_w=99_000)})

    evening.step(wanted)
    powers = [
        evening.step(wanted).devices[row].power_w,
        evening.step(too_much).devices[row].power_w,
    ]

    assert powers[0] == -1_000
    ramp_wh = (spec.rated_export_w + 1_000) ** 2 / spec.ramp_w_per_second / 2 / 60
    assert powers[1] == pytest.approx(spec.rated_export_w - ramp_wh, abs=2)


def test_step__limits__bound_what_is_usual(strong_grid: Grid) -> None:
    twin = Twin(window("islanding", "10:30", "10:45"), strong_grid)
    panel = rows_of(twin, DeviceClass.PV)[0]
    usual = twin.step(USUAL).devices[panel]

    limit = usual.usual_w // 2
    limited = Commands(LEGAL_CURVES, {panel + 1: DeviceCommand(highest_w=limit)})
    twin.step(limited)
    bounded = twin.step(limited).devices[panel]

    assert usual.power_w == usual.usual_w == usual.offered_down_w
    assert bounded.power_w == limit
    assert bounded.usual_w == pytest.approx(usual.usual_w, rel=0.02)
    assert twin.metrics().energy.curtailed_wh > 0


def test_step__market_plan__is_followed_unless_commanded_otherwise(strong_grid: Grid) -> None:
    scenario = window("frequency-dip", "17:45", "18:15")
    row = rows_of(Twin(scenario, strong_grid), DeviceClass.BATTERY)[0]
    twin = Twin(scenario, strong_grid, plan={row + 1: [-700, None]})

    powers = [twin.step(USUAL).devices[row].power_w for _ in range(20)]

    assert set(powers[:15]) == {-700}
    assert powers[16] > 0  # by itself it covers the home
    held = twin.step(Commands(LEGAL_CURVES, {row + 1: DeviceCommand(planned_w=0)}))
    assert abs(held.devices[row].power_w) < 200


@pytest.mark.parametrize(
    ("curve_y", "sign"), [(4_000, 1), (-4_000, -1)], ids=["feeds in", "takes out"]
)
def test_step__volt_var__moves_the_voltage_its_way(
    strong_grid: Grid, curve_y: int, sign: int
) -> None:
    scenario = window("islanding", "10:30", "10:45")
    flat = Curve(((10_000, curve_y),))
    plain, curved = Twin(scenario, strong_grid), Twin(scenario, strong_grid)

    before = plain.step(USUAL)
    after = curved.step(Commands(ResponseCurves(volt_var={DeviceClass.PV: flat})))

    row = rows_of(plain, DeviceClass.PV)[0]
    assert after.devices[row].reactive_var == pytest.approx(
        curve_y / 10_000 * plain.layout.devices[row].rated_va, abs=1
    )
    change = np.asarray(after.bus_millivolts) - np.asarray(before.bus_millivolts)
    assert (sign * change > 0).all()


def test_step__volt_watt__settles_on_its_curve(weak_grid: Grid) -> None:
    twin = Twin(window("sunny-sunday", "11:00", "11:15", filled=1.0), weak_grid)
    curve = Curve(((10_400, 10_000), (10_800, 0)))
    commands = Commands(ResponseCurves(volt_watt={DeviceClass.PV: curve}))
    place = {bus: index for index, bus in enumerate(twin.layout.buses)}

    for _ in range(5):
        seen = twin.step(commands)

    bound = 0
    for row in rows_of(twin, DeviceClass.PV):
        spec, state = twin.layout.devices[row], seen.devices[row]
        volts = seen.bus_millivolts[place[spec.bus]] / 23.0
        share = curve.at(round(volts)) / 10_000
        assert state.power_w <= share * spec.rated_export_w + 0.02 * spec.rated_export_w
        if state.power_w < state.usual_w - 100:
            bound += 1
            assert state.power_w == pytest.approx(share * spec.rated_export_w, rel=0.1, abs=60)
    assert bound > 20


def test_step__frequency_falls__batteries_with_a_droop_carry_it(strong_grid: Grid) -> None:
    scenario = window("frequency-dip", "18:00", "18:15")
    droop = ResponseCurves(droop={DeviceClass.BATTERY: MANAGED_CURVES.droop[DeviceClass.BATTERY]})
    alone, helped = Twin(scenario, strong_grid), Twin(scenario, strong_grid)
    rows = rows_of(alone, DeviceClass.BATTERY)

    without = [alone.step(Commands(ResponseCurves())) for _ in range(12)]
    managed = [helped.step(Commands(droop)) for _ in range(12)]

    lowest = [min(seen.lowest_millihz for seen in run) for run in (without, managed)]
    assert lowest[0] < 49_400 < lowest[1] - 100
    power = [sum(run[11].devices[row].power_w for row in rows) for run in (without, managed)]
    assert power[1] > power[0] + 10_000


# ------------------------------------------------------------------------ faults


def test_step__feeder_cut__its_homes_are_dark_until_the_tie_closes(weak_grid: Grid) -> None:
    twin = Twin(window("feeder-loss", "16:45", "17:30"), weak_grid)
    homes = [c for c in twin.layout.connections if c.feeder == 2]
    buses = sum(feeder == 2 for feeder in twin.layout.feeder_of_bus)
    dark, drawn_w = [], []
    while not twin.is_over:
        seen = twin.step(USUAL)
        dark.append(sum(value == 0 for value in seen.bus_millivolts))
        drawn_w.append(sum(seen.connection_w[home.connection_id - 1] for home in homes))

    assert dark == [0] * 15 + [buses] * 20 + [0] * 10
    assert [power == 0 for power in drawn_w] == [count > 0 for count in dark]
    found = twin.metrics()
    assert found.voltage.interrupted_bus_minutes == 20 * buses
    assert found.energy.unserved_wh > 1_000


def test_step__island_without_enough_power__sheds_load_then_is_dark(strong_grid: Grid) -> None:
    document = window("islanding", "10:45", "11:30").model_dump()
    document["fleet"]["panels"]["share"] = 0.0
    document["fleet"]["batteries"]["share"] = 0.0
    shed, dark = (
        Twin(
            Scenario.model_validate(
                {**document, "fleet": {**document["fleet"], "generator": generator}}
            ),
            strong_grid,
        )
        for generator in (
            {**document["fleet"]["generator"], "rated_kw": 60},
            {**document["fleet"]["generator"], "rated_kw": 10},
        )
    )

    for twin in (shed, dark):
        twin.run(NoControl())

    assert 0 < shed.system.is_shed.sum() <= 0.51 * len(shed.layout.connections)
    assert 47.5 < shed.metrics().frequency.nadir_hz < 49.0
    assert shed.metrics().frequency.dark_seconds == 0.0
    assert dark.metrics().frequency.dark_seconds > 29 * 60
    assert dark.metrics().frequency.seconds_outside >= dark.metrics().frequency.dark_seconds
    assert dark.metrics().energy.unserved_wh > shed.metrics().energy.unserved_wh > 0.0


def test_severity__rounds__worst_quantity_decides(evening: Twin) -> None:

    seen = replace(evening.step(USUAL), frequency_millihz=50_000)
    calm = replace(
        seen,
        bus_millivolts=(230_000,),
        line_loading_bps=(7_900,),
        transformer_loading_bps=0,
    )

    assert severity(calm) is State.NORMAL
    assert severity(replace(calm, line_loading_bps=(8_000,))) is State.ALERT
    assert severity(replace(calm, transformer_loading_bps=10_000)) is State.EMERGENCY
    assert severity(replace(calm, bus_millivolts=(230_000, 218_000))) is State.ALERT
    assert severity(replace(calm, bus_millivolts=(253_100,))) is State.EMERGENCY
    assert severity(replace(calm, frequency_millihz=49_940)) is State.ALERT
    assert severity(replace(calm, frequency_millihz=50_201)) is State.EMERGENCY
    assert severity(replace(calm, frequency_millihz=0)) is State.BLACKOUT


# --------------------------------------------------------------------- scenarios

SHORT = {
    "sunny-sunday": ("11:00", "11:45", 0.97, 0.02),
    "winter-evening": ("17:15", "18:15", 0.4, None),
    "feeder-loss": ("16:45", "18:00", 0.5, None),
    "frequency-dip": ("18:00", "18:30", 0.6, None),
    "islanding": ("10:45", "12:00", 0.9, None),
}
VIOLATIONS = {
    "sunny-sunday": ("voltage", "overload"),
    "winter-evening": ("voltage", "overload"),
    "feeder-loss": ("voltage", "overload"),
    "frequency-dip": ("frequency",),
    "islanding": ("frequency",),
}


def violations(found: DayMetrics) -> dict[str, float]:
    return {
        "voltage": found.voltage.minutes_outside_usual,
        "overload": found.loading.minutes_overloaded,
        "frequency": found.frequency.seconds_outside,
    }


def compare(scenario: Scenario) -> None:
    grid = load_grid(scenario.grid.name, CACHE)
    without = Twin(scenario, grid).run(NoControl())
    twin = Twin(scenario, grid)
    managed = twin.run(LocalControl.of(twin))

    before, after = violations(without), violations(managed)
    for kind in VIOLATIONS[scenario.name]:
        assert before[kind] > 0, f"{kind}: nothing to show without management"
    for kind, value in before.items():
        assert reduction_percent(value, after[kind]) >= 90, (kind, value, after[kind])
    assert managed.energy.unserved_wh <= without.energy.unserved_wh + 1
    assert managed.energy.car_short_wh == 0.0
    assert managed.energy.heat_short_wh == 0.0


@pytest.mark.parametrize("name", scenario_names())
def test_scenario__short_window__violations_fall_by_nine_tenths(name: str) -> None:
    start, end, filled, cars = SHORT[name]
    compare(window(name, start, end, filled=filled, cars=cars))


@pytest.mark.deep
@pytest.mark.parametrize("name", scenario_names())
def test_scenario__whole_window__violations_fall_by_nine_tenths(name: str) -> None:
    compare(load_scenario(name))

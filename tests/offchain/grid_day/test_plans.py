"""Market positions act on the grid.

sun_plan: nothing without sun; batteries fill with the highest surpluses; cars under the sun
twin: what is usual is the position, offers count from there; the plan alone relieves the grid
"""

from __future__ import annotations

import numpy as np
import pytest

from simulation.grid_day.control import LEGAL_CURVES, Commands, DeviceClass, NoControl
from simulation.grid_day.devices import CHARGE_EFFICIENCY, Battery, Car
from simulation.grid_day.local import LocalControl
from simulation.grid_day.plans import sun_plan
from simulation.grid_day.scenario import load_scenario
from simulation.grid_day.twin import Twin
from simulation.physics.grids import Grid
from tests.offchain.grid_day.test_twin import rows_of, window

USUAL = Commands(LEGAL_CURVES)


@pytest.fixture(scope="module")
def noon(weak_grid: Grid) -> Twin:
    return Twin(window("sunny-sunday", "07:00", "16:00"), weak_grid)


def test_sun_plan__at_night__nobody_has_positions(strong_grid: Grid) -> None:
    assert sun_plan(Twin(window("frequency-dip", "18:45", "19:00"), strong_grid)) == {}


def test_sun_plan__batteries__fill_their_room_with_the_highest_surpluses(noon: Twin) -> None:
    plan = sun_plan(noon)
    full, all_w = 0, np.zeros(36)

    for row, device in enumerate(noon.devices):
        if not isinstance(device, Battery) or row + 1 not in plan:
            continue
        charge = np.asarray([-(watts or 0) for watts in plan[row + 1]])
        room_wh = (device.spec.energy_wh - device.stored_wh) / CHARGE_EFFICIENCY
        assert charge.min() >= 0 and charge.max() <= device.spec.rated_import_w
        assert charge.sum() / 4 <= room_wh + 1
        full += charge.sum() / 4 > 0.95 * room_wh
        all_w += charge
    assert full > 20
    assert all_w[:4].sum() < 0.2 * all_w[16:20].sum()  # little at 07:00, much at 11:00


def test_sun_plan__cars__get_what_they_need_while_they_stand(noon: Twin) -> None:
    plan = sun_plan(noon)

    for row, device in enumerate(noon.devices):
        if not isinstance(device, Car):
            continue
        drawn_wh = 0.0
        for slot, watts in enumerate(plan[row + 1]):
            start = noon.scenario.first_unix + 900 * slot
            if watts:
                assert device.arrives <= start and start + 900 <= device.leaves
                drawn_wh -= watts / 4
        assert drawn_wh == 0.0 or drawn_wh >= device.need_wh


def test_step__position__is_what_is_usual_and_offers_count_from_there(strong_grid: Grid) -> None:
    scenario = window("frequency-dip", "17:45", "18:00")
    battery = rows_of(Twin(scenario, strong_grid), DeviceClass.BATTERY)[0]
    plain = Twin(scenario, strong_grid).step(USUAL).devices[battery]
    state = Twin(scenario, strong_grid, plan={battery + 1: [-500]}).step(USUAL).devices[battery]

    assert (state.power_w, state.usual_w) == (-500, -500)
    assert state.usual_w + state.offered_up_w == pytest.approx(
        plain.usual_w + plain.offered_up_w, abs=2
    )
    assert state.usual_w - state.offered_down_w == pytest.approx(
        plain.usual_w - plain.offered_down_w, abs=2
    )


@pytest.mark.deep
def test_run__with_positions__less_sun_is_lost(weak_grid: Grid) -> None:
    scenario = load_scenario("sunny-sunday")
    plan = sun_plan(Twin(scenario, weak_grid))

    def curtailed(with_plan: bool) -> tuple[float, float]:
        twin = Twin(scenario, weak_grid, plan if with_plan else None)
        found = twin.run(LocalControl.of(twin))
        return found.energy.curtailed_wh, found.loading.minutes_overloaded

    (without, overload_without), (with_plan, overload) = curtailed(False), curtailed(True)

    assert with_plan < 0.5 * without
    assert overload == overload_without == 0.0


def test_run__positions_alone__relieve_the_voltage(weak_grid: Grid) -> None:
    scenario = window("sunny-sunday", "10:30", "12:15", filled=0.8)
    plan = sun_plan(Twin(scenario, weak_grid))

    without = Twin(scenario, weak_grid).run(NoControl())
    planned = Twin(scenario, weak_grid, plan).run(NoControl())

    assert planned.voltage.highest_pu < without.voltage.highest_pu
    assert planned.voltage.minutes_outside_usual <= 0.5 * without.voltage.minutes_outside_usual

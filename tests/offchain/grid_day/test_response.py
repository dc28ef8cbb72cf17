"""What devices of the twin do by themselves is what the contracts' set-points say, watt for watt.

The twin works without rounding and in arrays, `energy_grid.grid.setpoints` in integers as on chain.
"""

from __future__ import annotations

import numpy as np
import pytest

from energy_grid.grid.resources import ResourceRatings
from energy_grid.grid.setpoints import CurveSet, Nominals, local_setpoint
from simulation.grid_day.control import Commands, DeviceClass, DeviceCommand
from simulation.grid_day.devices import Outlook
from simulation.grid_day.frequency import GRID_HZ
from simulation.grid_day.local import MANAGED_CURVES
from simulation.grid_day.twin import Twin
from simulation.physics.grids import Grid
from tests.offchain.grid_day.test_twin import window

NOMINALS = Nominals(230_000, 50_000)


@pytest.fixture(scope="module")
def twin(strong_grid: Grid) -> Twin:
    return Twin(window("islanding", "10:30", "10:45"), strong_grid)


def ratings_of(twin: Twin, row: int) -> ResourceRatings:
    spec = twin.layout.devices[row]
    return ResourceRatings(
        rated_import_w=spec.rated_import_w,
        rated_export_w=spec.rated_export_w,
        rated_va=spec.rated_va,
        ramp_w_per_second=spec.ramp_w_per_second,
    )


@pytest.mark.parametrize("seed", range(20))
def test_curves__any_voltage_and_frequency__as_the_set_point_on_chain(
    twin: Twin, seed: int
) -> None:
    random = np.random.default_rng(seed)
    arrays, curves = twin.arrays, MANAGED_CURVES
    specs = twin.layout.devices
    millivolts = random.integers(195_000, 265_000, len(specs))
    millihz = 50_000 + 10 * int(random.integers(-140, 140))
    felt = millivolts / 230_000
    lowest = np.asarray([-float(spec.rated_import_w) for spec in specs])
    highest = np.asarray([float(spec.rated_export_w) for spec in specs])

    reactive = arrays.reactive(felt, np.zeros(len(specs)), curves, Commands(curves))
    low, high = arrays.by_volt_watt(felt, lowest, highest, curves)
    low, high = np.maximum(low, -arrays.room(reactive)), np.minimum(high, arrays.room(reactive))
    target = np.clip(random.uniform(-1, 1, len(specs)) * np.maximum(-lowest, highest), low, high)
    table = arrays.answers(target, low, high, curves).table_w
    added = table[int(np.argmin(np.abs(GRID_HZ - (millihz - 50_000) / 1_000)))]

    for row, spec in enumerate(specs):
        if spec.device_class in (DeviceClass.LOAD, DeviceClass.GENERATOR):
            continue
        point = local_setpoint(
            ratings_of(twin, row),
            CurveSet.default(spec.device_class),
            NOMINALS,
            millivolts=int(millivolts[row]),
            millihz=millihz,
        )
        rounding = 2 + 25 * 2 * max(spec.rated_va, spec.rated_import_w) / 10_000  # 1 bp of voltage
        assert reactive[row] == pytest.approx(point.reactive_var, abs=rounding)
        assert (low[row], high[row]) == pytest.approx(
            (point.lowest_w, point.highest_w), abs=rounding
        )
        planned = round(float(target[row]))
        assert target[row] + added[row] == pytest.approx(point.power_w(planned), abs=rounding)


def test_limits__command_against_what_is_possible__what_is_possible_wins(twin: Twin) -> None:
    outlooks = [Outlook(0.0, -500.0, 300.0)] * len(twin.layout.devices)

    commands = Commands(
        MANAGED_CURVES,
        {
            1: DeviceCommand(lowest_w=-200, highest_w=100),
            2: DeviceCommand(lowest_w=900),
            3: DeviceCommand(highest_w=-900),
        },
    )

    low, high = twin.arrays.limits(outlooks, commands)

    assert [(low[row], high[row]) for row in range(4)] == [
        (-200.0, 100.0),
        (300.0, 300.0),
        (-500.0, -500.0),
        (-500.0, 300.0),
    ]

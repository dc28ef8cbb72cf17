"""Small made-up days for the tests of view, picture and report."""

from __future__ import annotations

from simulation.grid_day.report import Costs, Dispatches, Figures, GridDayReport
from simulation.grid_day.trace import Trace
from simulation.grid_day.view import Shown
from simulation.market_day.gas import GasUse
from simulation.market_day.residuals import Kind, Residual

START = 1_468_108_800  # 10 July 2016, 00:00 UTC


def figures(**changes):
    values = {
        "voltage_minutes": 0,
        "overload_minutes": 0,
        "frequency_seconds": 0,
        "nadir_millihz": 49_950,
        "zenith_millihz": 50_040,
        "curtailed_wh": 0,
        "unserved_wh": 0,
        "cost_units": 0,
    }
    return Figures(**{**values, **changes})


def report(**changes):
    values = {
        "scenario": "sunny-sunday",
        "title": "Sunny Sunday",
        "first_unix": START,
        "step_seconds": 60,
        "steps": 1_440,
        "zones": {1: "busbar", 2: "feeder 1"},
        "homes": 12,
        "devices": 20,
        "without": figures(voltage_minutes=300, overload_minutes=40),
        "managed": figures(voltage_minutes=3, curtailed_wh=5_200),
        "costs_without": Costs(0, 0, 0, 0),
        "costs": Costs(1_200_000, 50_000, 416_000, 0),
        "minutes_by_state": {"NORMAL": 1_400, "ALERT": 40},
        "dispatches": Dispatches(30, 2, 2, 9_000, 8_000, 9_000, (1, 2)),
        "halts": 0,
        "limited_lines": 4,
        "setpoint_blocks": 0,
        "setpoints_read": 28_800,
        "rounds": 1_440,
        "readings": 1_152,
        "residuals": (
            Residual(Kind.MONEY, "paid in - paid out - held", 0),
            Residual(Kind.ENERGY, "registers - slots", 0),
        ),
        "gas": {"submitReports": GasUse(1_440, 300_000, 310_000)},
        "gas_per_step": 420_000,
        "unit_digits": 6,
    }
    return GridDayReport(**{**values, **changes})


def trace(minutes, *, high=231_000, states=((1, 0), (2, 0))):
    found = Trace()
    for minute in range(minutes):
        found.unix.append(START + 60 * (minute + 1))
        found.lowest_millivolts.append(229_000)
        found.highest_millivolts.append(high + 40 * minute)
        found.loading_bps.append(4_000 + 30 * minute)
        found.lowest_millihz.append(49_990)
        found.highest_millihz.append(50_010)
        found.states.append(dict(states))
    return found


def shown(minute=0, **changes):
    values = {
        "at": START + 60 * (minute + 1),
        "states": {1: "NORMAL", 2: "EMERGENCY"},
        "frequency_millihz": 49_981,
        "voltage_millivolts": (228_400, 254_900),
        "line_loading_bps": 9_250,
        "curtailed_w": 4_200,
        "dispatched_w": -3_000,
        "events": (),
    }
    return Shown(**{**values, **changes})

"""What each home consumes, produces, takes and feeds in, in whole Wh a slot.

Here kilowatts of the profiles become Wh, once: an energy is the difference of its running total
rounded down, so nothing is lost over time, as in a real register.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from energy_grid.units import SLOTS_PER_HOUR
from simulation.physics.battery import Battery, step
from simulation.physics.calendar import FloatArray, IntArray, rows_of
from simulation.physics.grids import Grid
from simulation.physics.homes import Home

_KW_PER_MW = 1_000
_WH_PER_KWH = 1_000


@dataclass(frozen=True)
class HomeEnergies:
    """Energies of one home over a run of slots, in Wh; every array has one entry a slot.

    `consumption + charge + export == production + discharge + import`, slot by slot.

    Attributes:
        home: whose energies these are.
        first_slot: slot of entry 0.
        consumption_wh: what the home used.
        production_wh: what its panels gave.
        charge_wh: what its battery took.
        discharge_wh: what its battery gave.
        stored_wh: content of the battery at the end of the slot.
        import_wh: what the connection meter's import register moved.
        export_wh: what the connection meter's export register moved.
    """

    home: Home
    first_slot: int
    consumption_wh: IntArray
    production_wh: IntArray
    charge_wh: IntArray
    discharge_wh: IntArray
    stored_wh: IntArray
    import_wh: IntArray
    export_wh: IntArray

    def window(self, first_slot: int, count: int) -> HomeEnergies:
        """The same over fewer slots."""
        start = first_slot - self.first_slot
        if start < 0 or start + count > len(self.import_wh):
            raise IndexError(f"slots {first_slot} to {first_slot + count} are not simulated")
        part = slice(start, start + count)
        return HomeEnergies(
            self.home,
            first_slot,
            self.consumption_wh[part],
            self.production_wh[part],
            self.charge_wh[part],
            self.discharge_wh[part],
            self.stored_wh[part],
            self.import_wh[part],
            self.export_wh[part],
        )


def whole_wh(power_kw: FloatArray) -> IntArray:
    """Energies of a run of slots from mean powers, as differences of the total rounded down."""
    totals = np.floor(np.cumsum(power_kw) * (_WH_PER_KWH / SLOTS_PER_HOUR) + 1e-6)
    return np.diff(totals, prepend=0.0).astype(np.int64)


def simulate_home(grid: Grid, home: Home, first_slot: int, count: int) -> HomeEnergies:
    """Run one home over some days, its battery half full at first."""
    net = grid.net
    consumption_kw = np.zeros(count)
    for load in home.loads:
        rows = rows_of(first_slot, count, load.shift_weeks)
        rated_kw = float(net.load.p_mw[load.row]) * _KW_PER_MW
        consumption_kw += rated_kw * grid.profile(f"{load.profile}_pload")[rows]
    consumption_wh = whole_wh(np.maximum(consumption_kw, 0.0))
    production_wh = np.zeros(count, dtype=np.int64)
    if home.pv_w:
        sun = grid.profile(home.pv_profile)[rows_of(first_slot, count)]
        production_wh = whole_wh(home.pv_w / _WH_PER_KWH * np.maximum(sun, 0.0))
    surplus_wh = production_wh - consumption_wh

    charge_wh = np.zeros(count, dtype=np.int64)
    discharge_wh = np.zeros(count, dtype=np.int64)
    stored_wh = np.zeros(count, dtype=np.int64)
    if home.battery_wh:
        battery = Battery(home.battery_wh, home.battery_w)
        stored = home.battery_wh // 2
        for index in range(count):
            done = step(battery, stored, int(surplus_wh[index]))
            stored = done.stored_wh
            charge_wh[index] = done.charge_wh
            discharge_wh[index] = done.discharge_wh
            stored_wh[index] = stored
    net_wh = surplus_wh - charge_wh + discharge_wh
    return HomeEnergies(
        home=home,
        first_slot=first_slot,
        consumption_wh=consumption_wh,
        production_wh=production_wh,
        charge_wh=charge_wh,
        discharge_wh=discharge_wh,
        stored_wh=stored_wh,
        import_wh=np.maximum(-net_wh, 0),
        export_wh=np.maximum(net_wh, 0),
    )

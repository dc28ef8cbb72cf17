"""One AC power flow a quarter hour: voltages, loadings and losses of the whole grid."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np

from energy_grid.units import SLOTS_PER_HOUR
from simulation.errors import PowerFlowError
from simulation.physics.behind_meter import HomeEnergies
from simulation.physics.calendar import FloatArray, IntArray, rows_of
from simulation.physics.grids import Grid

_NOMINAL_PHASE_VOLTAGE = 400 / 3**0.5
_MW_PER_WH_A_SLOT = SLOTS_PER_HOUR / 1e6
_WH_A_SLOT_PER_MW = 1e6 / SLOTS_PER_HOUR


@dataclass(frozen=True)
class GridDay:
    """What the power flow says of a run of slots; the first axis of every array is the slot.

    Attributes:
        first_slot: slot of entry 0.
        bus_voltage_v: phase voltage by low-voltage bus, in the order of `buses`.
        buses: bus numbers of the columns of `bus_voltage_v`.
        line_loading_percent: highest loading of any line.
        transformer_loading_percent: loading of the transformer.
        loss_wh: energy lost in lines and transformer.
        from_upstream_wh: energy taken from the medium-voltage grid, negative when fed back.
        members_wh: net energy taken by the homes that are members.
        others_wh: net energy taken by everybody else on the grid.
    """

    first_slot: int
    bus_voltage_v: FloatArray
    buses: tuple[int, ...]
    line_loading_percent: FloatArray
    transformer_loading_percent: FloatArray
    loss_wh: FloatArray
    from_upstream_wh: FloatArray
    members_wh: IntArray
    others_wh: FloatArray

    def voltage_at(self, bus: int) -> FloatArray:
        """Phase voltage at a bus, slot by slot."""
        return self.bus_voltage_v[:, self.buses.index(bus)]


@dataclass(frozen=True)
class _Injections:
    """Powers of all elements in MW and Mvar, slot by row."""

    load_p: FloatArray
    load_q: FloatArray
    generator_p: FloatArray
    storage_p: FloatArray


def run_power_flow(grid: Grid, homes: list[HomeEnergies]) -> GridDay:
    """Solve every slot that the homes were simulated for, each from the solution before it.

    Raises:
        PowerFlowError: a slot has no solution.
    """
    import pandapower

    first_slot, count = homes[0].first_slot, len(homes[0].import_wh)
    injections = _injections(grid, homes, first_slot, count)
    net = grid.net
    is_low_voltage = net.bus.vn_kv < 1.0
    columns = np.flatnonzero(is_low_voltage.to_numpy())
    voltage_v = np.zeros((count, len(columns)))
    line_percent = np.zeros(count)
    transformer_percent = np.zeros(count)
    loss_mw = np.zeros(count)
    upstream_mw = np.zeros(count)
    for index in range(count):
        _set_powers(net, injections, index)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                pandapower.runpp(
                    net,
                    numba=False,
                    init="results" if index else "dc",
                    calculate_voltage_angles=True,
                    tolerance_mva=1e-9,
                )
        except pandapower.LoadflowNotConverged as error:
            raise PowerFlowError(
                f"the power flow of grid {grid.name} did not converge",
                found=f"slot {first_slot + index}",
            ) from error
        voltage_v[index] = net.res_bus.vm_pu.to_numpy()[columns] * _NOMINAL_PHASE_VOLTAGE
        line_percent[index] = net.res_line.loading_percent.max()
        transformer_percent[index] = net.res_trafo.loading_percent.max()
        loss_mw[index] = net.res_line.pl_mw.sum() + net.res_trafo.pl_mw.sum()
        upstream_mw[index] = net.res_ext_grid.p_mw.sum()

    total_mw = (
        injections.load_p.sum(axis=1)
        + injections.storage_p.sum(axis=1)
        - injections.generator_p.sum(axis=1)
    )
    members_wh = sum((home.import_wh - home.export_wh for home in homes), np.zeros(count, np.int64))
    return GridDay(
        first_slot=first_slot,
        bus_voltage_v=voltage_v,
        buses=tuple(int(bus) for bus in net.bus.index[is_low_voltage]),
        line_loading_percent=line_percent,
        transformer_loading_percent=transformer_percent,
        loss_wh=loss_mw * _WH_A_SLOT_PER_MW,
        from_upstream_wh=upstream_mw * _WH_A_SLOT_PER_MW,
        members_wh=members_wh,
        others_wh=total_mw * _WH_A_SLOT_PER_MW - members_wh,
    )


def _set_powers(net: Any, injections: _Injections, index: int) -> None:
    net.load["p_mw"] = injections.load_p[index]
    net.load["q_mvar"] = injections.load_q[index]
    net.sgen["p_mw"] = injections.generator_p[index]
    net.storage["p_mw"] = injections.storage_p[index]


def _injections(grid: Grid, homes: list[HomeEnergies], first_slot: int, count: int) -> _Injections:
    """Members by the energies of their meters, everybody else by the benchmark's profiles."""
    net = grid.net
    rated_q = net.load.q_mvar.to_numpy(copy=True)
    load_p = np.zeros((count, len(net.load)))
    load_q = np.zeros((count, len(net.load)))
    generator_p = np.zeros((count, len(net.sgen)))
    storage_p = np.zeros((count, len(net.storage)))
    rows = rows_of(first_slot, count)
    for row in range(len(net.load)):
        profile = str(net.load.profile.iloc[row])
        load_p[:, row] = net.load.p_mw.iloc[row] * grid.profile(f"{profile}_pload")[rows]
        load_q[:, row] = rated_q[row] * grid.profile(f"{profile}_qload")[rows]
    for row in range(len(net.sgen)):
        profile = str(net.sgen.profile.iloc[row])
        generator_p[:, row] = net.sgen.p_mw.iloc[row] * grid.profile(profile)[rows]
    for row in range(len(net.storage)):
        profile = str(net.storage.profile.iloc[row])
        storage_p[:, row] = net.storage.p_mw.iloc[row] * grid.profile(profile)[rows]

    for energies in homes:
        home = energies.home
        # All that a home takes and gives stands in its main load; its other elements are zero.
        positions = [net.load.index.get_loc(load.row) for load in home.loads]
        load_p[:, positions] = 0.0
        load_p[:, positions[0]] = (energies.import_wh - energies.export_wh) * _MW_PER_WH_A_SLOT
        for load, position in zip(home.loads, positions, strict=True):
            shifted = rows_of(first_slot, count, load.shift_weeks)
            load_q[:, position] = rated_q[position] * grid.profile(f"{load.profile}_qload")[shifted]
        generator_p[:, [net.sgen.index.get_loc(row) for row in home.generator_rows]] = 0.0
        storage_p[:, [net.storage.index.get_loc(row) for row in home.storage_rows]] = 0.0
    return _Injections(load_p, load_q, generator_p, storage_p)

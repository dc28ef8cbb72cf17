"""Who is connected where, and with which devices: drawn from a scenario's shares and its seed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from energy_grid.units import SLOT_SECONDS
from simulation.grid_day.control import Connection, DeviceClass, DeviceSpec
from simulation.grid_day.devices import (
    Battery,
    Car,
    Device,
    GeneratingSet,
    HeatPump,
    Load,
    Panel,
)
from simulation.grid_day.network import Network
from simulation.grid_day.scenario import Range, Scenario, seconds_of
from simulation.grid_day.weather import Roof
from simulation.physics.calendar import IntArray, rows_of
from simulation.physics.grids import Grid
from simulation.physics.homes import Home, homes_of

_KW: Final = 1_000.0
_FUSES_63_A_W: Final = 43_470
_NOISE: Final = 0.15
_POWER_STEP_W: Final = 100
ROOFS: Final = (Roof(180, 35), Roof(180, 30), Roof(200, 35), Roof(150, 30), Roof(90, 30))
"""Most roofs look south, some east; a sunny noon comes to all of them at nearly the same time."""
RAMP_W_PER_SECOND: Final = {
    # Inverters follow within a second; VDE-AR-N 4105 allows slower, a compressor needs minutes.
    DeviceClass.PV: 2_000,
    DeviceClass.BATTERY: 5_000,
    DeviceClass.EV: 3_000,
    DeviceClass.HEAT_PUMP: 500,
    DeviceClass.LOAD: 100_000,
    DeviceClass.GENERATOR: 10_000,
}
OVERSIZE: Final = 1.1
"""Apparent power of an inverter by its active power (VDE-AR-N 4105: a power factor of 0.9)."""
ASK_CENTS: Final = {
    # What an owner asks for a kWh of deviation: cells age, heat waits, sun is lost for good.
    DeviceClass.EV: 4,
    DeviceClass.BATTERY: 6,
    DeviceClass.HEAT_PUMP: 9,
    DeviceClass.PV: 14,
}


@dataclass(frozen=True)
class Population:
    """Connections and the devices behind them, both numbered from 1 in their order."""

    connections: tuple[Connection, ...]
    devices: tuple[Device, ...]


def populate(grid: Grid, network: Network, scenario: Scenario) -> Population:
    """Everybody on the grid; the same seed gives the same people, whatever the management."""
    return _Builder(grid, network, scenario).build()


class _Builder:
    def __init__(self, grid: Grid, network: Network, scenario: Scenario) -> None:
        self._grid, self._scenario = grid, scenario
        self._feeders = network.feeder_of_bus()
        self._busbar = network.busbar
        self._devices: list[Device] = []
        self._connections: list[Connection] = []
        self._step = scenario.window.step_seconds
        self._count = scenario.step_count

    def build(self) -> Population:
        fleet, homes = self._scenario.fleet, homes_of(self._grid)
        order = self._random("who").permutation(len(homes))
        panels = _first(order, fleet.panels.share)
        batteries = _first(order, fleet.batteries.share)  # those with panels first
        cars = _first(self._random("cars").permutation(len(homes)), fleet.cars.share)
        pumps = _first(self._random("pumps").permutation(len(homes)), fleet.heat_pumps.share)
        for index, home in enumerate(homes):
            self._home(
                home,
                has_panels=index in panels,
                has_battery=index in batteries,
                has_car=index in cars,
                has_pump=index in pumps,
            )
        self._businesses(homes)
        self._generator()
        return Population(tuple(self._connections), tuple(self._devices))

    def _random(self, purpose: str, number: int = 0) -> np.random.Generator:
        return np.random.default_rng([self._scenario.seed, number, *purpose.encode()])

    # ------------------------------------------------------------------ homes

    def _home(
        self, home: Home, *, has_panels: bool, has_battery: bool, has_car: bool, has_pump: bool
    ) -> None:
        fleet = self._scenario.fleet
        random = self._random("home", home.number)
        # All numbers are drawn for every home, so that a share changes no other home.
        peak_w = _draw(random, fleet.panels.peak_kw) * _KW
        battery_wh = _draw(random, fleet.batteries.capacity_kwh) * _KW
        pump_w = _draw(random, fleet.heat_pumps.rated_kw) * _KW
        loss = _draw(random, fleet.heat_pumps.heat_loss_kw_per_kelvin) * _KW
        need_wh = _draw(random, fleet.cars.need_kwh) * _KW
        stay_hours = _draw(random, fleet.cars.stay_hours)
        lateness = float(random.normal(0.0, max(fleet.cars.arrival_spread_minutes, 1e-9)))
        roof = ROOFS[int(random.integers(len(ROOFS)))]

        first = len(self._devices) + 1
        number = len(self._connections) + 1
        load = home.loads[0]
        self._load(number, home.bus, load.row, load.profile, load.shift_weeks)
        if has_panels:
            rated = _stepped(peak_w)
            spec = self._spec(
                number, home.bus, DeviceClass.PV, rated_export_w=rated, va=round(rated * OVERSIZE)
            )
            self._devices.append(Panel(spec, peak_w, roof))
        if has_car:
            spec = self._spec(
                number,
                home.bus,
                DeviceClass.EV,
                rated_import_w=_stepped(fleet.cars.charger_kw * _KW),
            )
            self._devices.append(self._car(spec, need_wh, stay_hours, lateness))
        if has_pump:
            rated = _stepped(pump_w)
            spec = self._spec(
                number,
                home.bus,
                DeviceClass.HEAT_PUMP,
                rated_import_w=rated,
                energy_wh=round(rated * fleet.heat_pumps.store_hours),
            )
            self._devices.append(HeatPump(spec, loss))
        if has_battery:  # last: it follows what the others leave
            rated = _stepped(battery_wh * fleet.batteries.power_kw_per_kwh)
            spec = self._spec(
                number,
                home.bus,
                DeviceClass.BATTERY,
                rated_import_w=rated,
                rated_export_w=rated,
                va=round(rated * OVERSIZE),
                energy_wh=round(battery_wh),
            )
            self._devices.append(Battery(spec, spec.energy_wh * fleet.batteries.start_filled))
        self._connect(number, home.name, home.bus, first, home.rated_import_w)

    def _car(self, spec: DeviceSpec, need_wh: float, stay_hours: float, late: float) -> Car:
        cars, scenario = self._scenario.fleet.cars, self._scenario
        arrives = scenario.midnight_unix + seconds_of(cars.arrival) + round(late * 60)
        arrives -= arrives % self._step
        stay = max(stay_hours, need_wh / spec.rated_import_w * 1.25)
        return Car(spec, arrives, arrives + round(stay * 3_600), need_wh)

    # ----------------------------------------------------------------- others

    def _businesses(self, homes: Sequence[Home]) -> None:
        """Everybody else who only consumes; cars and pumps of the benchmark are left out."""
        net = self._grid.net
        at_home = {load.row for home in homes for load in home.loads}
        for row in net.load.index:
            profile = str(net.load.profile[row])
            if int(row) in at_home or not profile.startswith("G"):
                continue
            first, number, bus = (
                len(self._devices) + 1,
                len(self._connections) + 1,
                int(net.load.bus[row]),
            )
            self._load(number, bus, int(row), profile, 0)
            self._connect(number, str(net.load.name[row]), bus, first, _FUSES_63_A_W)

    def _generator(self) -> None:
        plant = self._scenario.fleet.generator
        if plant is None:
            return
        first, number = len(self._devices) + 1, len(self._connections) + 1
        spec = self._spec(
            number,
            self._busbar,
            DeviceClass.GENERATOR,
            rated_export_w=round(plant.rated_kw * _KW),
            va=round(plant.rated_kva * _KW),
        )
        self._devices.append(GeneratingSet(spec))
        self._connect(number, "generating set", self._busbar, first, _FUSES_63_A_W)

    def _load(self, connection: int, bus: int, row: int, profile: str, shift_weeks: int) -> None:
        net = self._grid.net
        rated_w = float(net.load.p_mw[row]) * 1e6
        reactive = float(net.load.q_mvar[row]) / float(net.load.p_mw[row])
        slots = -(-self._count * self._step // SLOT_SECONDS)
        rows = rows_of(self._scenario.first_unix // SLOT_SECONDS, slots, shift_weeks)
        means = np.maximum(self._grid.profile(f"{profile}_pload")[rows], 0.0) * rated_w
        per_slot = SLOT_SECONDS // self._step
        noise = 1.0 + _NOISE * self._random("load", connection).standard_normal((slots, per_slot))
        noise = np.maximum(noise, 0.0)
        noise /= noise.mean(axis=1, keepdims=True)  # the slot's energy is the benchmark's
        powers = (means[:, None] * noise).reshape(-1)[: self._count]
        spec = self._spec(connection, bus, DeviceClass.LOAD, rated_import_w=round(rated_w))
        self._devices.append(Load(spec, powers.tolist(), reactive))

    # ------------------------------------------------------------------ shape

    def _spec(
        self,
        connection: int,
        bus: int,
        kind: DeviceClass,
        *,
        rated_import_w: int = 0,
        rated_export_w: int = 0,
        va: int = 0,
        energy_wh: int = 0,
    ) -> DeviceSpec:
        return DeviceSpec(
            device_id=len(self._devices) + 1,
            device_class=kind,
            connection_id=connection,
            bus=bus,
            feeder=self._feeders[bus],
            rated_import_w=rated_import_w,
            rated_export_w=rated_export_w,
            rated_va=va,
            energy_wh=energy_wh,
            ramp_w_per_second=RAMP_W_PER_SECOND[kind],
            ask_cents_per_kwh=ASK_CENTS.get(kind, 0),
        )

    def _connect(self, number: int, name: str, bus: int, first: int, fuses_w: int) -> None:
        specs = [device.spec for device in self._devices[first - 1 :]]
        draw_w = sum(spec.rated_import_w for spec in specs)
        is_member = any(spec.device_class is not DeviceClass.LOAD for spec in specs)
        connection = Connection(
            connection_id=number,
            name=name,
            bus=bus,
            feeder=self._feeders[bus],
            rated_import_w=max(int(fuses_w), min(_FUSES_63_A_W, draw_w)),
            rated_export_w=sum(spec.rated_export_w for spec in specs),
            is_member=is_member,
            device_ids=tuple(spec.device_id for spec in specs),
        )
        self._connections.append(connection)


def _first(order: IntArray, share: float) -> set[int]:
    return {int(index) for index in order[: round(share * len(order))]}


def _draw(random: np.random.Generator, limits: Range) -> float:
    return float(random.uniform(limits.low, limits.high))


def _stepped(power_w: float) -> int:
    return max(_POWER_STEP_W, round(power_w / _POWER_STEP_W) * _POWER_STEP_W)

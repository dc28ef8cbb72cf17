"""The physical twin of a grid day: step by step from commands to measurements.

Within a step, in this order: disturbances happen; every device says what it would and could do;
commands and the curves on local voltage set a target, which is reached within the device's ramp;
the frequency is integrated finely, devices answering it by their droop; the power flow of the
step's mean powers gives voltages, loadings and losses; devices and registers count.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np

from energy_grid.units import BPS, SLOT_SECONDS
from simulation.errors import PowerFlowError
from simulation.grid_day.control import (
    LEGAL_CURVES,
    NOMINAL_MILLIHZ,
    NOMINAL_MILLIVOLTS,
    Commands,
    DeviceCommand,
    DeviceState,
    GridControl,
    GridLayout,
    Measurement,
)
from simulation.grid_day.devices import (
    NOTHING,
    Battery,
    Car,
    GeneratingSet,
    HeatPump,
    Load,
    Moment,
    Outlook,
    Panel,
)
from simulation.grid_day.fleet import populate
from simulation.grid_day.frequency import Swing
from simulation.grid_day.metrics import (
    DayMetrics,
    EnergyMetrics,
    FrequencyRecord,
    loading_metrics,
    voltage_metrics,
)
from simulation.grid_day.network import Flow, Network
from simulation.grid_day.registers import MeterRegisters
from simulation.grid_day.response import DeviceArrays
from simulation.grid_day.scenario import Disturbance, DisturbanceKind, Scenario, seconds_of
from simulation.grid_day.system import PowerSystem
from simulation.grid_day.weather import Weather
from simulation.physics.calendar import BoolArray, FloatArray, IntArray
from simulation.physics.grids import Grid, load_grid

Plan = Mapping[int, Sequence[int | None]]
"""Market positions in W by device, slot by slot of the window; None leaves it to the device."""

_HOUR: Final = 3_600.0
_SECONDS_OF_MEAN: Final = 10
_CHECK_EVERY_SECONDS: Final = 3_600
_CHECK_TOLERANCE_PU: Final = 1e-6
_ISLAND_VOLTAGE_PU: Final = 1.0
_CURVE_ROUNDS: Final = 20
_CURVE_TOLERANCE_PU: Final = 3e-4
_CURVE_STEP: Final = 0.4


class Twin:
    """A zone of the grid with all its devices.

    Args:
        scenario: what the day is made of.
        grid: the benchmark grid that the scenario names.
        plan: market positions that devices follow unless a command says otherwise.
    """

    def __init__(self, scenario: Scenario, grid: Grid, plan: Plan | None = None) -> None:
        self.scenario = scenario
        self.network = Network(grid, scenario.ties)
        people = populate(grid, self.network, scenario)
        self.devices = people.devices
        self._plan = plan or {}
        self._seconds = float(scenario.window.step_seconds)
        by_bus: dict[int, list[int]] = {}
        for connection in people.connections:
            by_bus.setdefault(connection.bus, []).append(connection.connection_id)
        feeders = self.network.feeder_of_bus()
        self.layout = GridLayout(
            buses=self.network.buses,
            feeder_of_bus=tuple(feeders[bus] for bus in self.network.buses),
            lines=self.network.describe(by_bus),
            transformer_w=self.network.transformer_w,
            connections=people.connections,
            devices=tuple(device.spec for device in self.devices),
            step_seconds=scenario.window.step_seconds,
            first_unix=scenario.first_unix,
            step_count=scenario.step_count,
        )
        self.arrays = DeviceArrays(self.layout, self.devices)
        self._weather = Weather(scenario)
        self.system = PowerSystem(scenario, self.layout)
        self.registers = MeterRegisters(len(people.connections))
        self.step_index = 0
        self.flow = self._solve(np.zeros(len(self.devices)), np.zeros(len(self.devices)))
        self._felt_pu = self.flow.voltage_pu.copy()
        self._ramped_w = np.zeros(len(self.devices))
        self._disturbances = list(scenario.disturbances)
        self._voltage: list[FloatArray] = []
        self._line: list[FloatArray] = []
        self._transformer: list[float] = []
        self._record = FrequencyRecord()
        self._loss_wh = self._upstream_in_wh = self._upstream_out_wh = 0.0

    @classmethod
    def load(cls, scenario: Scenario, cache_folder: Path, plan: Plan | None = None) -> Twin:
        """A twin whose grid is read from the cache."""
        return cls(scenario, load_grid(scenario.grid.name, cache_folder), plan)

    @property
    def unix(self) -> int:
        """Start of the next step."""
        return self.scenario.first_unix + self.step_index * self.scenario.window.step_seconds

    @property
    def is_over(self) -> bool:
        """Whether the window has ended."""
        return self.step_index >= self.scenario.step_count

    def run(
        self, control: GridControl, progress: Callable[[Measurement], None] | None = None
    ) -> DayMetrics:
        """Run to the end of the window."""
        commands = Commands(LEGAL_CURVES)
        while not self.is_over:
            measurement = self.step(commands)
            commands = control.measure(measurement)
            if progress is not None:
                progress(measurement)
        return self.metrics()

    # ------------------------------------------------------------------- a step

    def step(self, commands: Commands) -> Measurement:
        """One step under the given commands.

        Raises:
            PowerFlowError: the voltage collapses, which no scenario of the project does.
        """
        arrays, seconds = self.arrays, self._seconds
        moment = Moment(
            self.step_index, self.unix, seconds, self._weather.at(self.unix + seconds / 2)
        )
        for disturbance in self._due():
            self._happen(disturbance)
        self.system.begin_step(self.network.is_islanded)
        dark = self._dark_devices()
        outlooks, planned = self._intentions(moment, commands, dark)
        lowest, highest = arrays.limits(outlooks, commands)
        planned = np.clip(planned, lowest, highest)
        target, reactive, lowest, highest = self._by_voltage(
            planned, lowest, highest, commands, dark
        )
        usual = np.asarray([outlook.usual for outlook in outlooks])

        self._ramped_w[dark] = 0.0
        if self.step_index == 0:
            self._ramped_w = target.copy()
        start = self._ramped_w
        mean, end = arrays.ramp(start, target, seconds)
        answers = arrays.answers(target, lowest, highest, commands.curves)
        swing = self.system.advance(
            start, target, usual, self.flow.loss_w, seconds, answers, arrays
        )
        self._ramped_w = end
        power = mean + swing.swing.mean_answer_w
        power *= swing.served  # what was shed within the step
        power[dark] = 0.0
        self.flow = self._solve(power, reactive)
        if self.network.is_islanded and not self.system.is_dark:
            power[arrays.generator] += self.flow.source_w
        self._check(power, reactive)
        for device, watts in zip(self.devices, power, strict=True):
            device.run(moment, float(watts))
        return self._finish(moment, power, reactive, outlooks, swing.swing, swing.dark_seconds)

    def _due(self) -> list[Disturbance]:
        now = self.unix - self.scenario.midnight_unix
        due = [entry for entry in self._disturbances if seconds_of(entry.at) <= now]
        self._disturbances = [entry for entry in self._disturbances if entry not in due]
        return due

    def _happen(self, disturbance: Disturbance) -> None:
        kind = disturbance.kind
        if kind is DisturbanceKind.LINE_TRIP:
            self.network.open_line(disturbance.line or "")
        elif kind is DisturbanceKind.LINE_CLOSE:
            self.network.close_line(disturbance.line or "")
        elif kind is DisturbanceKind.ISLAND:
            self.network.set_islanded(True)
        elif kind is DisturbanceKind.RECONNECT:
            self.network.set_islanded(False)
        else:
            self.system.lose(disturbance.lost_mw or 0.0)
        if kind is not DisturbanceKind.GENERATION_LOSS:
            self._felt_pu = np.where(self.network.is_live(), np.maximum(self._felt_pu, 0.5), 0.0)

    def _dark_devices(self) -> BoolArray:
        if self.system.is_dark:
            return np.ones(len(self.devices), dtype=np.bool_)
        live = self.network.is_live()[self.arrays.bus]
        return ~live | self.system.is_shed[self.arrays.connection]

    def _intentions(
        self, moment: Moment, commands: Commands, dark: BoolArray
    ) -> tuple[list[Outlook], FloatArray]:
        """What each device could do, and what it is to do; a battery sees what its home leaves."""
        surplus = np.zeros(len(self.layout.connections))
        outlooks: list[Outlook] = []
        planned = np.zeros(len(self.devices))
        slot = self.step_index * self.scenario.window.step_seconds // SLOT_SECONDS
        nothing = DeviceCommand()
        for row, device in enumerate(self.devices):
            if dark[row]:
                outlooks.append(NOTHING)
                continue
            place = self.arrays.connection[row]
            outlook = device.outlook(moment, float(surplus[place]))
            if (positions := self._plan.get(row + 1)) is not None:
                outlook = _as_planned(outlook, positions[slot])
            command = commands.devices.get(row + 1, nothing)
            power = outlook.usual if command.planned_w is None else float(command.planned_w)
            if command.lowest_w is not None:
                power = max(power, float(command.lowest_w))
            if command.highest_w is not None:
                power = min(power, float(command.highest_w))
            power = max(outlook.lowest, min(outlook.highest, power))
            planned[row] = power
            surplus[place] += power
            outlooks.append(outlook)
        return outlooks, planned

    def _by_voltage(
        self,
        planned: FloatArray,
        lowest: FloatArray,
        highest: FloatArray,
        commands: Commands,
        dark: BoolArray,
    ) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
        """Volt-Watt and Volt-VAR in their steady state with the voltages that result."""
        arrays, curves = self.arrays, commands.curves
        has_curves = bool(curves.volt_var or curves.volt_watt)
        for _ in range(_CURVE_ROUNDS):
            felt = self._felt_pu[arrays.bus]
            low, high = arrays.by_volt_watt(felt, lowest, highest, curves)
            target = np.clip(planned, low, high)
            reactive = arrays.reactive(felt, target, curves, commands)
            reactive[dark] = 0.0
            room = arrays.room(reactive)
            low, high = np.maximum(low, -room), np.minimum(high, room)
            target = np.clip(target, low, high)
            if not has_curves:
                break
            voltage = self._solve(target, reactive).voltage_pu
            change = voltage - self._felt_pu
            self._felt_pu = self._felt_pu + _CURVE_STEP * change
            if float(np.abs(change).max()) < _CURVE_TOLERANCE_PU:
                break
        return target, reactive, low, high

    def _solve(self, power_w: FloatArray, reactive_var: FloatArray) -> Flow:
        buses = len(self.layout.buses)
        if self.system.is_dark:
            lines = np.zeros(len(self.layout.lines))
            return Flow(np.zeros(buses), lines, lines.copy(), 0.0, 0.0, 0.0, 0.0)
        return self.network.solve(
            _sum_by(self.arrays.bus, power_w, buses),
            _sum_by(self.arrays.bus, reactive_var, buses),
            self._source_pu,
        )

    @property
    def _source_pu(self) -> float:
        upstream = self.scenario.grid.upstream_voltage_pu
        return _ISLAND_VOLTAGE_PU if self.network.is_islanded else upstream

    def _check(self, power_w: FloatArray, reactive_var: FloatArray) -> None:
        """Once an hour pandapower has to find the same voltages."""
        elapsed = self.step_index * self.scenario.window.step_seconds
        if elapsed % _CHECK_EVERY_SECONDS or self.system.is_dark:
            return
        buses = len(self.layout.buses)
        power = power_w.copy()
        power[self.arrays.generator] = 0.0
        slow = self.network.against_pandapower(
            _sum_by(self.arrays.bus, power, buses),
            _sum_by(self.arrays.bus, reactive_var, buses),
            self._source_pu,
        )
        apart = float(np.abs(slow.voltage_pu - self.flow.voltage_pu).max())
        if apart > _CHECK_TOLERANCE_PU:
            raise PowerFlowError(
                f"power flow and pandapower disagree in step {self.step_index}",
                expected=f"voltages within {_CHECK_TOLERANCE_PU} pu",
                found=f"{apart:.2e} pu apart",
            )

    # ------------------------------------------------------------------ after it

    def _finish(
        self,
        moment: Moment,
        power: FloatArray,
        reactive: FloatArray,
        outlooks: list[Outlook],
        swing: Swing,
        dark_seconds: float,
    ) -> Measurement:
        flow, seconds = self.flow, self._seconds
        connection_w = _sum_by(self.arrays.connection, power, len(self.layout.connections))
        self.registers.add(connection_w, seconds)
        self.step_index += 1
        if (self.unix - self.scenario.first_unix) % SLOT_SECONDS == 0:
            self.registers.close_slot()
        self._voltage.append(flow.voltage_pu)
        self._line.append(flow.line_loading)
        self._transformer.append(flow.transformer_loading)
        upstream_w = 0.0 if self.network.is_islanded else flow.source_w
        self._loss_wh += flow.loss_w * seconds / _HOUR
        self._upstream_in_wh += max(0.0, upstream_w) * seconds / _HOUR
        self._upstream_out_wh += max(0.0, -upstream_w) * seconds / _HOUR
        trace = swing.deviation_hz
        if len(trace):
            self._record.add(trace, swing.inner_seconds)
        self._record.add_dark(dark_seconds)
        return self._measurement(power, reactive, outlooks, connection_w, swing, upstream_w)

    def _measurement(
        self,
        power: FloatArray,
        reactive: FloatArray,
        outlooks: list[Outlook],
        connection_w: FloatArray,
        swing: Swing,
        upstream_w: float,
    ) -> Measurement:
        flow, trace = self.flow, swing.deviation_hz
        frequency = lowest = highest = 0
        if not self.system.is_dark:
            tail = trace[-max(1, round(_SECONDS_OF_MEAN / swing.inner_seconds)) :]
            frequency, lowest, highest = (
                NOMINAL_MILLIHZ + round(float(value) * 1_000)
                for value in (tail.mean(), trace.min(), trace.max())
            )
        states = tuple(
            DeviceState(
                device_id=row + 1,
                power_w=round(float(power[row])),
                reactive_var=round(float(reactive[row])),
                usual_w=round(outlook.usual),
                lowest_w=round(outlook.lowest),
                highest_w=round(outlook.highest),
                offered_up_w=int(outlook.up),
                offered_down_w=int(outlook.down),
                stored_wh=round(device.stored_wh),
            )
            for row, (device, outlook) in enumerate(zip(self.devices, outlooks, strict=True))
        )
        return Measurement(
            step=self.step_index - 1,
            unix=self.unix,
            frequency_millihz=frequency,
            lowest_millihz=lowest,
            highest_millihz=highest,
            bus_millivolts=_whole(flow.voltage_pu * NOMINAL_MILLIVOLTS),
            line_loading_bps=_whole(flow.line_loading * BPS),
            line_flow_w=_whole(flow.line_flow_w),
            transformer_loading_bps=round(flow.transformer_loading * BPS),
            transformer_flow_w=round(upstream_w),
            connection_w=_whole(connection_w),
            devices=states,
            is_islanded=self.network.is_islanded,
        )

    # ------------------------------------------------------------------ figures

    @property
    def voltages_pu(self) -> FloatArray:
        """Voltages so far, step by bus, 0 while dark."""
        return np.asarray(self._voltage)

    @property
    def line_loadings(self) -> FloatArray:
        """Loadings of lines so far, step by line, 1 being the rating."""
        return np.asarray(self._line)

    def metrics(self) -> DayMetrics:
        """Figures of the steps so far."""
        step, unix = self.scenario.window.step_seconds, self.unix
        panels = [device for device in self.devices if isinstance(device, Panel)]
        cars = [device for device in self.devices if isinstance(device, Car)]
        short_wh = sum(car.short_wh(unix) for car in cars)
        open_wh = sum(-car.stored_wh for car in cars if car.arrives < unix) - short_wh
        return DayMetrics(
            voltage=voltage_metrics(self.voltages_pu, step),
            loading=loading_metrics(self.line_loadings, np.asarray(self._transformer), step),
            frequency=self._record.metrics(),
            energy=EnergyMetrics(
                available_pv_wh=sum(panel.available_wh for panel in panels),
                curtailed_wh=sum(panel.curtailed_wh for panel in panels),
                unserved_wh=sum(d.unserved_wh for d in self.devices if isinstance(d, Load)),
                car_short_wh=short_wh,
                car_open_wh=open_wh,
                heat_short_wh=sum(d.short_wh for d in self.devices if isinstance(d, HeatPump)),
                loss_wh=self._loss_wh,
                from_upstream_wh=self._upstream_in_wh,
                to_upstream_wh=self._upstream_out_wh,
                generator_wh=sum(d.given_wh for d in self.devices if isinstance(d, GeneratingSet)),
                battery_stored_wh=sum(d.stored_wh for d in self.devices if isinstance(d, Battery)),
            ),
        )


def _as_planned(outlook: Outlook, position_w: int | None) -> Outlook:
    """What is usual is the market position, and offers are counted from there."""
    if position_w is None:
        return outlook
    usual = max(outlook.lowest, min(outlook.highest, float(position_w)))
    return replace(
        outlook,
        usual=usual,
        up=max(0.0, outlook.usual + outlook.up - usual),
        down=max(0.0, usual - outlook.usual + outlook.down),
    )


def _sum_by(place: IntArray, values: FloatArray, count: int) -> FloatArray:
    return np.bincount(place, weights=values, minlength=count).astype(np.float64)


def _whole(values: FloatArray) -> tuple[int, ...]:
    return tuple(np.rint(values).astype(np.int64).tolist())

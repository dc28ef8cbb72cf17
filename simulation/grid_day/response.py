"""What devices do by themselves, all at once: curves on voltage and frequency, ramps, limits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from energy_grid.units import BPS
from simulation.grid_day.control import Commands, Curve, DeviceClass, GridLayout, ResponseCurves
from simulation.grid_day.devices import Device, Load, Outlook
from simulation.grid_day.frequency import GRID_HZ, Answers
from simulation.physics.calendar import BoolArray, FloatArray, IntArray

DELAY_SECONDS: Final = {
    # From a change of frequency to 63 % of the answer: measuring, control, and for a heat pump the
    # compressor's motor. FCR by batteries in the field settles within a second.
    DeviceClass.PV: 0.5,
    DeviceClass.WIND: 1.0,
    DeviceClass.BATTERY: 0.3,
    DeviceClass.EV: 0.5,
    DeviceClass.HEAT_PUMP: 2.0,
    DeviceClass.LOAD: 1.0,
    DeviceClass.GENERATOR: 1.0,
}
_PROTECTION_HZ: Final = 1.5
"""Above 51.5 Hz panels disconnect (VDE-AR-N 4105, 6.5.2)."""
_FEEDS_IN: Final = (DeviceClass.PV, DeviceClass.WIND)


class DeviceArrays:
    """Ratings and places of all devices as arrays; rows are device ids less one.

    Attributes:
        bus: place of each device's bus in `GridLayout.buses`.
        connection: place of its connection in `GridLayout.connections`.
        generator: rows of generating sets.
        loads: rows of loads.
    """

    def __init__(self, layout: GridLayout, devices: Sequence[Device]) -> None:
        specs = layout.devices
        place = {bus: index for index, bus in enumerate(layout.buses)}
        self.bus: IntArray = np.asarray([place[spec.bus] for spec in specs], np.int64)
        self.connection: IntArray = np.asarray([spec.connection_id - 1 for spec in specs], np.int64)
        self._class = np.asarray([int(spec.device_class) for spec in specs])
        self._import = np.asarray([spec.rated_import_w for spec in specs], np.float64)
        self._export = np.asarray([spec.rated_export_w for spec in specs], np.float64)
        self._rated = np.maximum(self._import, self._export)
        self._va = np.asarray([spec.rated_va for spec in specs], np.float64)
        self._ramp = np.asarray([spec.ramp_w_per_second for spec in specs], np.float64)
        self._delay = np.asarray([DELAY_SECONDS[spec.device_class] for spec in specs])
        self._load_share = np.asarray(
            [device.reactive_share if isinstance(device, Load) else 0.0 for device in devices]
        )
        self.generator = self.rows_of(DeviceClass.GENERATOR)
        self.loads = self.rows_of(DeviceClass.LOAD)
        self._feeds_in = np.isin(self._class, [int(kind) for kind in _FEEDS_IN])

    def rows_of(self, kind: DeviceClass) -> IntArray:
        """Rows of a class."""
        return np.flatnonzero(self._class == int(kind))

    def limits(
        self, outlooks: Sequence[Outlook], commands: Commands
    ) -> tuple[FloatArray, FloatArray]:
        """What is possible and allowed; where these exclude each other, what is possible."""
        lowest = np.asarray([outlook.lowest for outlook in outlooks])
        highest = np.asarray([outlook.highest for outlook in outlooks])
        low, high = lowest.copy(), highest.copy()
        for device_id, command in commands.devices.items():
            row = device_id - 1
            if command.lowest_w is not None:
                low[row] = max(low[row], command.lowest_w)
            if command.highest_w is not None:
                high[row] = min(high[row], command.highest_w)
        low = np.minimum(low, highest)
        high = np.maximum(high, lowest)
        return low, np.maximum(low, high)

    def by_volt_watt(
        self, felt_pu: FloatArray, lowest: FloatArray, highest: FloatArray, curves: ResponseCurves
    ) -> tuple[FloatArray, FloatArray]:
        """Limits by voltage: of feed-in where it is high, of draw where it is low."""
        if not curves.volt_watt:
            return lowest, highest
        low, high = lowest.copy(), highest.copy()
        for rows, share in self._evaluate(curves.volt_watt, felt_pu * BPS):
            is_high = felt_pu[rows] > 1.0
            feed = np.where(is_high, share * self._export[rows], np.inf)
            draw = np.where(is_high, np.inf, share * self._import[rows])
            high[rows] = np.minimum(high[rows], feed)
            low[rows] = np.maximum(low[rows], -draw)
        return low, np.maximum(low, high)

    def reactive(
        self, felt_pu: FloatArray, power: FloatArray, curves: ResponseCurves, commands: Commands
    ) -> FloatArray:
        """Reactive power: loads by their power factor, inverters by curve or command.

        An inverter gives reactive power first, active power gets what room is left (`room`).
        """
        result = self._load_share * power
        for rows, share in self._evaluate(curves.volt_var, felt_pu * BPS):
            result[rows] = share * self._va[rows]
        for device_id, command in commands.devices.items():
            if command.reactive_var is not None:
                result[device_id - 1] = command.reactive_var
        return np.where(self._va > 0.0, np.clip(result, -self._va, self._va), result)

    def room(self, reactive: FloatArray) -> FloatArray:
        """Active power that fits beside reactive power; no limit without an inverter."""
        left = np.sqrt(np.maximum(self._va**2 - reactive**2, 0.0))
        return np.where(self._va > 0.0, left, np.inf)

    def answers(
        self, target: FloatArray, lowest: FloatArray, highest: FloatArray, curves: ResponseCurves
    ) -> Answers:
        """What devices add to their target by frequency, within their limits."""
        table = np.zeros((len(GRID_HZ), len(target)))
        for kind, curve in curves.droop.items():
            rows = self.rows_of(kind)
            if len(rows) and curve.points:
                added = np.outer(_interpolate(curve, GRID_HZ * 1_000) / BPS, self._rated[rows])
                wanted = np.clip(target[rows] + added, lowest[rows], highest[rows])
                table[:, rows] = np.where(added != 0.0, wanted - target[rows], 0.0)
        rows = np.flatnonzero(self._feeds_in)
        table[np.ix_(GRID_HZ >= _PROTECTION_HZ, rows)] = -np.maximum(target[rows], 0.0)
        return Answers(table, self._delay)

    def ramp(
        self, start: FloatArray, target: FloatArray, seconds: float
    ) -> tuple[FloatArray, FloatArray]:
        """Mean power over a step and power at its end."""
        change = target - start
        duration = np.abs(change) / self._ramp
        reached = duration <= seconds
        mean = np.where(
            reached,
            target - change * duration / (2.0 * seconds),
            start + np.sign(change) * self._ramp * seconds / 2.0,
        )
        end = np.where(reached, target, start + np.sign(change) * self._ramp * seconds)
        return mean, end

    def ramp_trace(
        self, start: FloatArray, target: FloatArray, times: FloatArray, kept: BoolArray
    ) -> FloatArray:
        """Sum of powers at some times of a step, of the devices that are kept."""
        change, slope = (target - start)[kept], self._ramp[kept]
        moved = np.clip(change[None, :], -np.outer(times, slope), np.outer(times, slope))
        return np.asarray(start[kept].sum() + moved.sum(axis=1))

    def _evaluate(
        self, curves: Mapping[DeviceClass, Curve], x: FloatArray
    ) -> list[tuple[IntArray, FloatArray]]:
        found = []
        for kind, curve in curves.items():
            rows = self.rows_of(kind)
            if len(rows) and curve.points:
                found.append((rows, _interpolate(curve, x[rows]) / BPS))
        return found


def _interpolate(curve: Curve, x: FloatArray) -> FloatArray:
    """The curve without rounding: `Curve.at` differs by less than one basis point."""
    xs, ys = zip(*curve.points, strict=True)
    return np.asarray(np.interp(x, xs, ys))

"""Market positions of storage and cars: what they would have bought and sold a day ahead.

The twin takes any plan; these come from a forecast that knows sun and own consumption. A battery
fills with the home's highest surpluses instead of its first ones: all that lies above a level that
just fills its room, as a price that falls with the common surplus would make it. A car that stands
at home under the sun charges in the sunniest quarter hours of its stay.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from energy_grid.units import SLOT_SECONDS
from simulation.grid_day.devices import CHARGE_EFFICIENCY, Battery, Car, Load, Moment, Panel
from simulation.grid_day.twin import Plan, Twin
from simulation.grid_day.weather import Weather
from simulation.physics.calendar import FloatArray

_HOUR: Final = 3_600.0
_HALVINGS: Final = 40


def sun_plan(twin: Twin) -> Plan:
    """Positions of batteries behind panels and of cars, slot by slot; nothing without sun."""
    surplus = _surpluses(twin)
    shape = np.maximum(sum(surplus.values(), np.zeros(_slots(twin))), 0.0)
    plan: dict[int, list[int | None]] = {}
    if not shape.any():
        return plan
    for device in twin.devices:
        spec = device.spec
        if isinstance(device, Battery):
            own = surplus[spec.connection_id]
            if own.max() > 0.0:
                plan[spec.device_id] = _shaved(device, own)
        elif isinstance(device, Car):
            plan[spec.device_id] = _sunniest(device, shape, twin.scenario.first_unix)
    return plan


def _slots(twin: Twin) -> int:
    return -(-twin.scenario.step_count * twin.scenario.window.step_seconds // SLOT_SECONDS)


def _surpluses(twin: Twin) -> dict[int, FloatArray]:
    """Generation less uncontrolled consumption, by connection and slot."""
    weather, step = Weather(twin.scenario), twin.scenario.window.step_seconds
    surplus = {c.connection_id: np.zeros(_slots(twin)) for c in twin.layout.connections}
    for slot in range(_slots(twin)):
        middle = twin.scenario.first_unix + slot * SLOT_SECONDS + SLOT_SECONDS // 2
        index = min(twin.scenario.step_count - 1, (slot * SLOT_SECONDS + SLOT_SECONDS // 2) // step)
        moment = Moment(index, middle, float(step), weather.at(middle))
        for device in twin.devices:
            if isinstance(device, Panel | Load):
                surplus[device.spec.connection_id][slot] += device.outlook(moment, 0.0).usual
    return surplus


def _shaved(battery: Battery, surplus: FloatArray) -> list[int | None]:
    """Charge what lies above a level; after the last of it the battery is left to itself."""
    hours = SLOT_SECONDS / _HOUR
    room_wh = (battery.spec.energy_wh - battery.stored_wh) / CHARGE_EFFICIENCY
    power = float(battery.spec.rated_import_w)
    low, high = 0.0, float(surplus.max())
    for _ in range(_HALVINGS):
        level = (low + high) / 2
        filled_wh = float(np.clip(surplus - level, 0.0, power).sum()) * hours
        low, high = (level, high) if filled_wh > room_wh else (low, level)
    charge = np.clip(surplus - high, 0.0, power)
    last = int(np.flatnonzero(charge > 0.0)[-1]) if charge.any() else -1
    return [-int(watts) if slot <= last else None for slot, watts in enumerate(charge)]


def _sunniest(car: Car, shape: FloatArray, first_unix: int) -> list[int | None]:
    """Charge in the slots with the highest common surplus, at full power, until there is enough."""
    starts = first_unix + np.arange(len(shape)) * SLOT_SECONDS
    inside = np.flatnonzero((starts >= car.arrives) & (starts + SLOT_SECONDS <= car.leaves))
    order = inside[np.argsort(-shape[inside], kind="stable")]
    plan: list[int | None] = [None] * len(shape)
    left_wh = car.need_wh
    for slot in inside:
        plan[int(slot)] = 0
    for slot in order:
        if left_wh <= 0.0:
            break
        plan[int(slot)] = -car.spec.rated_import_w
        left_wh -= car.spec.rated_import_w * SLOT_SECONDS / _HOUR
    if left_wh > 0.0:  # not enough time inside the window: charge as usual
        return [None] * len(shape)
    return plan

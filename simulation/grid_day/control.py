"""What passes between the twin and whoever steers it: measurements out, commands in.

Power is positive when it is fed into the grid and negative when it is drawn from it, everywhere.
The twin knows no market and no chain: a `GridControl` sees what meters and sensors of one step
show, and answers with commands that hold from the next step on. Between two commands devices act by
themselves, on the voltage and the frequency at their own terminals, by the curves they were given.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, Protocol

from energy_grid.grid.curves import PiecewiseCurve
from energy_grid.grid.resources import ResourceClass

NOMINAL_MILLIVOLTS: Final = 230_000
NOMINAL_MILLIHZ: Final = 50_000


DeviceClass = ResourceClass
"""Kinds of devices: those of the resource register on chain."""

Curve = PiecewiseCurve
"""A piecewise linear curve: the chain's own, so that devices follow the same points."""


@dataclass(frozen=True, slots=True)
class DeviceSpec:
    """A device as its owner would register it.

    Attributes:
        device_id: from 1 without gaps, in the order of every tuple of devices.
        device_class: its kind.
        connection_id: whose meter it stands behind.
        bus: bus of the network.
        feeder: from 1, in the order of the busbar's outgoing lines; 0 at the busbar itself.
        rated_import_w: most it draws.
        rated_export_w: most it feeds in.
        rated_va: apparent power of its inverter, 0 without one.
        energy_wh: usable storage, 0 without.
        ramp_w_per_second: fastest change on command.
        ask_cents_per_kwh: what its owner asks for deviating by one kWh.
    """

    device_id: int
    device_class: DeviceClass
    connection_id: int
    bus: int
    feeder: int
    rated_import_w: int
    rated_export_w: int
    rated_va: int
    energy_wh: int
    ramp_w_per_second: int
    ask_cents_per_kwh: int


@dataclass(frozen=True, slots=True)
class Connection:
    """One meter: a home, a business or a plant.

    Attributes:
        connection_id: from 1 without gaps, in the order of every tuple of connections.
        name: for people.
        bus: bus of the network.
        feeder: as in `DeviceSpec`.
        rated_import_w: what its fuses carry.
        rated_export_w: registered feed-in power.
        is_member: whether it takes part in market and management.
        device_ids: the devices behind it.
    """

    connection_id: int
    name: str
    bus: int
    feeder: int
    rated_import_w: int
    rated_export_w: int
    is_member: bool
    device_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the network.

    Attributes:
        name: for people.
        feeder: as in `DeviceSpec`.
        rated_w: what it carries at nominal voltage.
        connection_ids: who is supplied through it while the network is switched as usual.
    """

    name: str
    feeder: int
    rated_w: int
    connection_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class GridLayout:
    """What does not change while the day runs.

    Attributes:
        buses: low-voltage buses, in the order of every tuple of voltages.
        feeder_of_bus: as in `DeviceSpec`, by bus in that order.
        lines: lines, in the order of every tuple of loadings and flows.
        transformer_w: rating of the transformer.
        connections: the meters.
        devices: the devices.
        step_seconds: length of a step.
        first_unix: start of step 0.
        step_count: steps of the window.
    """

    buses: tuple[int, ...]
    feeder_of_bus: tuple[int, ...]
    lines: tuple[Line, ...]
    transformer_w: int
    connections: tuple[Connection, ...]
    devices: tuple[DeviceSpec, ...]
    step_seconds: int
    first_unix: int
    step_count: int

    @property
    def feeders(self) -> tuple[int, ...]:
        """The feeders: parts of the zone that can be congested on their own."""
        return tuple(sorted({feeder for feeder in self.feeder_of_bus if feeder}))


@dataclass(frozen=True, slots=True)
class DeviceState:
    """A device at the end of a step.

    Attributes:
        device_id: which device.
        power_w: mean active power over the step.
        reactive_var: reactive power, positive when it is fed in and lifts the voltage.
        usual_w: what it does if nobody asks for anything else: its market position, if it has one.
        lowest_w: lowest power that it is able to now.
        highest_w: highest power that it is able to now.
        offered_up_w: how far above `usual_w` its owner lets it be pushed (less draw, more feed-in).
        offered_down_w: how far below `usual_w` its owner lets it be pushed.
        stored_wh: content of its storage; what is still to be charged, negative, for a car.
    """

    device_id: int
    power_w: int
    reactive_var: int
    usual_w: int
    lowest_w: int
    highest_w: int
    offered_up_w: int
    offered_down_w: int
    stored_wh: int


@dataclass(frozen=True, slots=True)
class Measurement:
    """What can be seen of one step when it has ended.

    Attributes:
        step: index of the step, from 0.
        unix: its end.
        frequency_millihz: mean over the last ten seconds; 0 when the zone is dark.
        lowest_millihz: lowest value inside the step.
        highest_millihz: highest value inside the step.
        bus_millivolts: phase voltage by low-voltage bus, as `GridLayout.buses`; 0 where dark.
        line_loading_bps: by line, as `GridLayout.lines`; 10,000 is the rating.
        line_flow_w: what flows through each line away from the busbar, by line.
        transformer_loading_bps: the same of the transformer.
        transformer_flow_w: what flows from the upstream grid into the zone.
        connection_w: mean power of each connection.
        devices: the devices.
        is_islanded: whether the zone is cut off from the upstream grid.
    """

    step: int
    unix: int
    frequency_millihz: int
    lowest_millihz: int
    highest_millihz: int
    bus_millivolts: tuple[int, ...]
    line_loading_bps: tuple[int, ...]
    line_flow_w: tuple[int, ...]
    transformer_loading_bps: int
    transformer_flow_w: int
    connection_w: tuple[int, ...]
    devices: tuple[DeviceState, ...]
    is_islanded: bool

    @property
    def lowest_millivolts(self) -> int:
        """Lowest voltage of any bus that is supplied, 0 when none is."""
        return min((value for value in self.bus_millivolts if value), default=0)

    @property
    def highest_millivolts(self) -> int:
        """Highest voltage of any bus, 0 when none is supplied."""
        return max(self.bus_millivolts, default=0)

    @property
    def demand_w(self) -> int:
        """What the connections draw that draw."""
        return -sum(power for power in self.connection_w if power < 0)

    @property
    def supply_w(self) -> int:
        """What the connections feed in that feed in."""
        return sum(power for power in self.connection_w if power > 0)

    @property
    def worst_millivolts(self) -> int:
        """The voltage that is farthest from nominal."""
        low, high = self.lowest_millivolts, self.highest_millivolts
        return low if NOMINAL_MILLIVOLTS - low > high - NOMINAL_MILLIVOLTS else high


def _none() -> Mapping[DeviceClass, Curve]:
    return MappingProxyType({})


@dataclass(frozen=True, slots=True)
class ResponseCurves:
    """What devices do by themselves, by class; a class without a curve does nothing.

    Attributes:
        volt_var: x voltage in bp of nominal, y reactive power in bp of the apparent rating,
            positive feeds in and lifts the voltage.
        volt_watt: x voltage in bp of nominal, y largest magnitude of active power in bp of the
            rating: limits feed-in of what feeds in above nominal, and draw of what draws below it.
        droop: x frequency minus nominal in mHz, y power to add in bp of the rating.
    """

    volt_var: Mapping[DeviceClass, Curve] = field(default_factory=_none)
    volt_watt: Mapping[DeviceClass, Curve] = field(default_factory=_none)
    droop: Mapping[DeviceClass, Curve] = field(default_factory=_none)


@dataclass(frozen=True, slots=True)
class DeviceCommand:
    """What one device is told; anything left `None` is the device's own business.

    Attributes:
        planned_w: power to hold: a market position or a dispatch.
        lowest_w: active power not to go below.
        highest_w: active power not to go above.
        reactive_var: reactive power to hold instead of the Volt-VAR curve.
    """

    planned_w: int | None = None
    lowest_w: int | None = None
    highest_w: int | None = None
    reactive_var: int | None = None


@dataclass(frozen=True, slots=True)
class Commands:
    """What holds from the next step until the next commands.

    Attributes:
        curves: what devices of members do by themselves.
        devices: commands by device id; a device that is not named does what is usual.
    """

    curves: ResponseCurves
    devices: Mapping[int, DeviceCommand] = field(default_factory=dict)


_LFSM_O: Final = Curve(((200, 0), (1_500, -5_200)))
"""From 50.2 Hz a generator sheds 40 % of its power a hertz (droop 5 %), up to 51.5 Hz."""

_LFSM_BOTH: Final = Curve(((-2_500, 9_200), (-200, 0), (200, 0), (1_500, -5_200)))
"""Storage also has to help at under-frequency."""

LEGAL_CURVES: Final = ResponseCurves(
    droop={
        DeviceClass.PV: _LFSM_O,
        DeviceClass.WIND: _LFSM_O,
        DeviceClass.BATTERY: _LFSM_BOTH,
    },
)
"""What the connection rules demand of every device with or without management.

Source: VDE-AR-N 4105:2018-11, 5.7.4.3 (P(f) of generation and storage, droop 5 %). It also demands
that an inverter is able to follow a Q(U) curve, but leaves it to the operator to ask for one:
unasked, it feeds in at a power factor of one.
"""


class GridControl(Protocol):
    """Whoever steers the zone."""

    def measure(self, measurement: Measurement) -> Commands:
        """Take in the step that has ended; the commands hold from the next step on."""
        ...


class NoControl:
    """The zone without management: devices as usual, and what the connection rules demand."""

    def measure(self, measurement: Measurement) -> Commands:
        """Nobody looks."""
        return Commands(LEGAL_CURVES)

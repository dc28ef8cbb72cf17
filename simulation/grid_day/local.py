"""Management without a chain: the same states, curves and merit order in plain Python.

It sees what meters and sensors show, one step late, and knows the network's model as an operator
does. Curves act at once at the devices; what they leave over is asked of flexible devices in the
order of their price, no more than is needed, element by element from the ends of the feeders to the
transformer. It is what the chain does, without its clock, its money and its proofs: for tests, and
to tell what physics allows from what the chain makes of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

import numpy as np

from energy_grid.grid.curves import CurveKind
from energy_grid.grid.default_curves import default_curve
from energy_grid.units import BPS
from simulation.grid_day.control import (
    NOMINAL_MILLIHZ,
    NOMINAL_MILLIVOLTS,
    Commands,
    Curve,
    DeviceClass,
    DeviceCommand,
    GridLayout,
    Measurement,
    ResponseCurves,
)
from simulation.grid_day.network import Network
from simulation.grid_day.twin import Twin
from simulation.physics.calendar import FloatArray

_KINDS: Final = tuple(kind for kind in DeviceClass if kind is not DeviceClass.LOAD)


def _defaults(kind: CurveKind) -> Mapping[DeviceClass, Curve]:
    return {of: default_curve(kind, of, NOMINAL_MILLIHZ) for of in _KINDS}


MANAGED_CURVES: Final = ResponseCurves(
    volt_var=_defaults(CurveKind.VOLT_VAR),
    volt_watt=_defaults(CurveKind.VOLT_WATT),
    droop=_defaults(CurveKind.DROOP),
)
"""What devices of a managed zone do by themselves: the chain's defaults for 50 Hz."""

TARGET_LOADING: Final = 0.88
"""Lines and transformer are kept below this: a margin for what one step brings."""
LOWEST_PU: Final = 0.925
HIGHEST_PU: Final = 1.085
GENERATOR_BAND: Final = (0.20, 0.80)
"""Of its rating: the rest is for what happens between two rounds."""
_QUIET_HZ: Final = 0.05
_FADING: Final = 0.9
_SECONDARY_PER_HZ: Final = 2.0
"""Of the largest flexible power, asked by one Hz of deviation in an island, step by step."""
_SLACK_W: Final = 50.0
_WAITING: Final = (DeviceClass.EV, DeviceClass.HEAT_PUMP)


class State(IntEnum):
    """State of the zone, numbered as on chain; this control never declares a blackout over."""

    NORMAL = 0
    ALERT = 1
    EMERGENCY = 2
    BLACKOUT = 3


_LOADING: Final = (0.80, 1.00)
_VOLTAGE: Final = (0.05, 0.10)
_FREQUENCY_MILLIHZ: Final = (50, 200, 500)
_DWELL_ROUNDS: Final = 3


def severity(measurement: Measurement) -> State:
    """State that one round of measurements calls for, the worst of its quantities."""
    if not measurement.frequency_millihz:
        return State.BLACKOUT
    loading = max((*measurement.line_loading_bps, measurement.transformer_loading_bps)) / BPS
    voltage = abs(measurement.worst_millivolts - NOMINAL_MILLIVOLTS) / NOMINAL_MILLIVOLTS
    frequency = abs(measurement.frequency_millihz - NOMINAL_MILLIHZ)
    return State(
        max(
            sum(loading >= limit for limit in _LOADING),
            sum(voltage > limit for limit in _VOLTAGE),
            sum(frequency > limit for limit in _FREQUENCY_MILLIHZ),
        )
    )


@dataclass
class _Offer:
    """What one device is asked for: `asked` W above (or, negative, below) its usual power."""

    row: int
    ask: int
    urgency: float
    up_w: float
    down_w: float
    asked_w: float = 0.0


class LocalControl:
    """Keeps a zone within its limits.

    Args:
        layout: the zone.
        network: the operator's model of the network, which knows how it is switched.
        curves: what devices do by themselves.
    """

    def __init__(
        self,
        layout: GridLayout,
        network: Network,
        curves: ResponseCurves = MANAGED_CURVES,
    ) -> None:
        self._layout, self._curves = layout, curves
        place = {bus: index for index, bus in enumerate(layout.buses)}
        self._bus = np.asarray([place[spec.bus] for spec in layout.devices], np.int64)
        self._network = network
        self._connections_of_bus: dict[int, list[int]] = {}
        for connection in layout.connections:
            self._connections_of_bus.setdefault(connection.bus, []).append(connection.connection_id)
        self._everyone = range(len(layout.devices))
        self._generators = [
            spec.device_id - 1
            for spec in layout.devices
            if spec.device_class is DeviceClass.GENERATOR
        ]
        self._switchings = 0
        self._survey()
        self._secondary_w = 0.0
        self._calm_rounds = 0
        self.state = State.NORMAL

    @classmethod
    def of(cls, twin: Twin) -> LocalControl:
        """The control of a twin's zone."""
        return cls(twin.layout, twin.network)

    def measure(self, measurement: Measurement) -> Commands:
        """Ask for what is needed in the next step."""
        self._follow(severity(measurement))
        self._survey()
        if not measurement.frequency_millihz:
            return Commands(self._curves)
        offers = self._offers(measurement)
        power = np.asarray([state.power_w for state in measurement.devices], np.float64)
        usual = np.asarray([state.usual_w for state in measurement.devices], np.float64)
        held = power - usual
        if measurement.is_islanded:
            self._for_generator(power, held, offers)
        else:
            self._for_frequency(measurement, offers)
        for index, rows in self._elements:
            flow = measurement.line_flow_w[index]
            loading = measurement.line_loading_bps[index] / BPS
            self._for_element(flow, loading, self._layout.lines[index].rated_w, rows, held, offers)
        if not measurement.is_islanded:
            self._for_element(
                measurement.transformer_flow_w,
                measurement.transformer_loading_bps / BPS,
                self._layout.transformer_w,
                self._everyone,
                held,
                offers,
            )
        self._for_voltage(measurement, held, offers)
        return Commands(self._curves, self._commands(measurement, offers))

    def _survey(self) -> None:
        """Who is behind which line, and what moves which voltage, as the network is switched."""
        if self._switchings == self._network.switchings:
            return
        self._switchings = self._network.switchings
        self._rise = self._network.sensitivity_pu_per_mw() / 1e6
        behind = [
            [
                device_id - 1
                for connection_id in line.connection_ids
                for device_id in self._layout.connections[connection_id - 1].device_ids
            ]
            for line in self._network.describe(self._connections_of_bus)
        ]
        # From the ends inwards: what helps a small part helps the whole too.
        order = sorted(range(len(behind)), key=lambda index: len(behind[index]))
        self._elements = [(index, behind[index]) for index in order if behind[index]]

    def _follow(self, called_for: State) -> None:
        """Worse at once, better by one level after three calm rounds."""
        if called_for >= self.state:
            self.state, self._calm_rounds = called_for, 0
            return
        self._calm_rounds += 1
        if self._calm_rounds >= _DWELL_ROUNDS:
            self.state, self._calm_rounds = State(self.state - 1), 0

    # ------------------------------------------------------------------ requests

    def _offers(self, measurement: Measurement) -> dict[int, _Offer]:
        """Offers by row, in merit order; among cars those with the most time left come first."""
        offers = [
            _Offer(
                row=state.device_id - 1,
                ask=spec.ask_cents_per_kwh,
                # A car that needs less waits first, a fuller battery or store gives first.
                urgency=-float(state.stored_wh),
                up_w=float(state.offered_up_w),
                down_w=float(state.offered_down_w),
            )
            for spec, state in zip(self._layout.devices, measurement.devices, strict=True)
            if state.offered_up_w or state.offered_down_w
        ]
        offers.sort(key=lambda offer: (offer.ask, offer.urgency, offer.row))
        return {offer.row: offer for offer in offers}

    def _for_element(
        self,
        flow_w: float,
        loading: float,
        rated_w: float,
        rows: Sequence[int],
        held: FloatArray,
        offers: dict[int, _Offer],
    ) -> None:
        """Keep a line or the transformer below its target."""
        seen = loading * rated_w if flow_w >= 0.0 else -loading * rated_w
        asked = sum(offers[row].asked_w for row in rows if row in offers)
        # What would flow if everybody did what is usual, and what was asked for so far.
        coming = seen + float(held[list(rows)].sum()) - asked
        limit = TARGET_LOADING * rated_w
        if coming > limit:
            _accept(offers, rows, coming - limit)
        elif coming < -limit:
            _accept(offers, rows, coming + limit)

    def _for_voltage(
        self, measurement: Measurement, held: FloatArray, offers: dict[int, _Offer]
    ) -> None:
        """Keep the worst bus of each feeder within the band."""
        voltage = np.asarray(measurement.bus_millivolts) / NOMINAL_MILLIVOLTS
        asked = np.zeros(len(held))
        for row, offer in offers.items():
            asked[row] = offer.asked_w
        change = np.bincount(self._bus, weights=asked - held, minlength=len(voltage))
        coming = np.where(voltage > 0.0, voltage + self._rise @ change, 1.0)
        feeder_of_bus = np.asarray(self._layout.feeder_of_bus)
        for feeder in self._layout.feeders:
            buses = np.flatnonzero(feeder_of_bus == feeder)
            rows = [r for r in offers if self._layout.devices[r].feeder == feeder]
            low, high = buses[coming[buses].argmin()], buses[coming[buses].argmax()]
            if coming[low] < LOWEST_PU:
                self._lift(int(low), LOWEST_PU - float(coming[low]), rows, offers)
            elif coming[high] > HIGHEST_PU:
                self._lift(int(high), HIGHEST_PU - float(coming[high]), rows, offers)

    def _lift(
        self, bus: int, needed_pu: float, rows: Iterable[int], offers: dict[int, _Offer]
    ) -> None:
        for row in rows:
            rise = float(self._rise[bus, self._bus[row]])
            if rise <= 0.0:
                continue
            given = _take(offers[row], needed_pu / rise)
            needed_pu -= given * rise
            if abs(needed_pu) < 1e-6:
                return

    def _for_frequency(self, measurement: Measurement, offers: dict[int, _Offer]) -> None:
        """Relieve what answers the frequency by itself, so that it can answer again."""
        deviation = (measurement.frequency_millihz - NOMINAL_MILLIHZ) / 1_000
        reach = sum(max(offer.up_w, offer.down_w) for offer in offers.values())
        if abs(deviation) > _QUIET_HZ:
            self._secondary_w -= _SECONDARY_PER_HZ * deviation * reach
        else:
            self._secondary_w *= _FADING
        self._secondary_w = max(-reach, min(reach, self._secondary_w))
        if abs(self._secondary_w) > _SLACK_W:
            _accept(offers, self._everyone, self._secondary_w)

    def _for_generator(
        self, power: FloatArray, held: FloatArray, offers: dict[int, _Offer]
    ) -> None:
        """Keep the set that forms the island's grid where it can still give and take."""
        self._secondary_w = 0.0
        rated = sum(self._layout.devices[row].rated_export_w for row in self._generators)
        given = float(power[self._generators].sum())
        rest = np.ones(len(held), dtype=np.bool_)
        rest[self._generators] = False
        coming = given + float(held[rest].sum())
        low, high = GENERATOR_BAND[0] * rated, GENERATOR_BAND[1] * rated
        if coming > high:
            _accept(offers, self._everyone, coming - high)
        elif coming < low:
            _accept(offers, self._everyone, coming - low)

    # ------------------------------------------------------------------- answers

    def _held_back(self, measurement: Measurement) -> dict[int, DeviceCommand]:
        """What is dark now does not come back all at once: cars and pumps wait to be let in."""
        return {
            spec.device_id: DeviceCommand(lowest_w=0)
            for spec, place in zip(self._layout.devices, self._bus, strict=True)
            if spec.device_class in _WAITING and not measurement.bus_millivolts[place]
        }

    def _commands(
        self, measurement: Measurement, offers: dict[int, _Offer]
    ) -> dict[int, DeviceCommand]:
        commands = self._held_back(measurement)
        for row, offer in offers.items():
            if not offer.asked_w:
                continue
            state = measurement.devices[row]
            wanted = round(state.usual_w + offer.asked_w)
            kind = self._layout.devices[row].device_class
            commands[row + 1] = (
                DeviceCommand(highest_w=wanted)
                if kind is DeviceClass.PV
                else DeviceCommand(planned_w=wanted)
            )
        return commands


def _accept(offers: dict[int, _Offer], rows: Iterable[int], needed_w: float) -> None:
    """Take offers in merit order until the need is met; positive is up."""
    among = set(rows)
    for row, offer in offers.items():
        if row not in among:
            continue
        needed_w -= _take(offer, needed_w)
        if abs(needed_w) < 1.0:
            return


def _take(offer: _Offer, needed_w: float) -> float:
    """Take as much of one offer as helps; what was asked the other way before is taken back."""
    before = offer.asked_w
    offer.asked_w = max(-offer.down_w, min(offer.up_w, before + needed_w))
    return offer.asked_w - before

"""Devices behind the meters: what each would do, could do and, once told, has done.

A device is asked for its `outlook` of a step and is then run with the mean power that the step
really had. Power is positive when fed in. Between two asks it keeps its state: charge, a car's
session, the water store of a heat pump.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Protocol

from simulation.grid_day.control import DeviceSpec
from simulation.grid_day.weather import Roof, Sky, heat_pump_efficiency

_HOUR: Final = 3_600.0
SELF_REGULATION: Final = 0.05
"""Most that a load draws less by itself before low frequency makes the set trip."""
CHARGE_EFFICIENCY: Final = 0.95
"""One way, inverter included; the other way is as good."""
MUST_RUN_MARGIN: Final = 1.10
"""A car is lent out only while it has this much more time than it needs to charge."""
LENT_STORE: Final = 0.15
"""A heat pump is lent out only while its store is fuller than this."""
LENT_HOURS: Final = 0.25
"""Storage is lent out with the power that it can keep up for a quarter hour."""
ROOM_TEMPERATURE_CELSIUS: Final = 20.0


@dataclass(frozen=True, slots=True)
class Moment:
    """A step as devices see it.

    Attributes:
        index: number of the step.
        unix: its start.
        seconds: its length.
        sky: the weather in its middle.
    """

    index: int
    unix: int
    seconds: float
    sky: Sky


@dataclass(frozen=True, slots=True)
class Outlook:
    """What a device would do and could do in a step, in W.

    Attributes:
        usual: without any command.
        lowest: most it can draw (or least it can feed in).
        highest: most it can feed in (or least it can draw).
        up: how far above `usual` its owner lets it be pushed.
        down: how far below.
    """

    usual: float
    lowest: float
    highest: float
    up: float = 0.0
    down: float = 0.0


NOTHING: Final = Outlook(0.0, 0.0, 0.0)


class Device(Protocol):
    """Anything behind a meter."""

    spec: DeviceSpec

    def outlook(self, moment: Moment, surplus_w: float) -> Outlook:
        """What it would and could do; `surplus_w` is what the home's other devices feed in."""
        ...

    def run(self, moment: Moment, power_w: float) -> None:
        """It had this mean power over the step."""
        ...

    @property
    def stored_wh(self) -> float:
        """Content of its storage, as `DeviceState.stored_wh`."""
        ...


class Load:
    """Household or business consumption: nobody commands it."""

    def __init__(self, spec: DeviceSpec, powers_w: list[float], reactive_share: float) -> None:
        self.spec = spec
        self._powers_w = powers_w
        self.reactive_share = reactive_share
        self.unserved_wh = 0.0

    def outlook(self, moment: Moment, surplus_w: float) -> Outlook:
        """Its consumption."""
        power = -self._powers_w[moment.index]
        return Outlook(power, power, power)

    def run(self, moment: Moment, power_w: float) -> None:
        """Count what was not served; a little less at low frequency is served."""
        wanted = self._powers_w[moment.index]
        missing = wanted + power_w
        if missing > SELF_REGULATION * wanted:
            self.unserved_wh += missing * moment.seconds / _HOUR

    @property
    def stored_wh(self) -> float:
        """None."""
        return 0.0


class Panel:
    """Solar panels with their inverter."""

    def __init__(self, spec: DeviceSpec, peak_w: float, roof: Roof) -> None:
        self.spec = spec
        self._peak_w = peak_w
        self._roof = roof
        self.available_wh = 0.0
        self.curtailed_wh = 0.0

    def _available_w(self, moment: Moment) -> float:
        return min(
            self._peak_w * moment.sky.share_of_peak(self._roof), float(self.spec.rated_export_w)
        )

    def outlook(self, moment: Moment, surplus_w: float) -> Outlook:
        """All that the sun gives; an owner lets all of it be curtailed, for its price."""
        available = self._available_w(moment)
        return Outlook(available, 0.0, available, down=available)

    def run(self, moment: Moment, power_w: float) -> None:
        """Count what was not fed in."""
        available = self._available_w(moment)
        self.available_wh += available * moment.seconds / _HOUR
        self.curtailed_wh += max(0.0, available - power_w) * moment.seconds / _HOUR

    @property
    def stored_wh(self) -> float:
        """None."""
        return 0.0


class Battery:
    """A home battery; unasked it takes the home's surplus and covers its need."""

    def __init__(self, spec: DeviceSpec, stored_wh: float) -> None:
        self.spec = spec
        self._stored_wh = stored_wh
        self.charged_wh = 0.0
        self.discharged_wh = 0.0

    def outlook(self, moment: Moment, surplus_w: float) -> Outlook:
        """Self-consumption, within what it holds."""
        hours = moment.seconds / _HOUR
        room_wh = max(0.0, self.spec.energy_wh - self._stored_wh)
        lowest = -min(self.spec.rated_import_w, room_wh / CHARGE_EFFICIENCY / hours)
        highest = min(
            self.spec.rated_export_w, max(0.0, self._stored_wh) * CHARGE_EFFICIENCY / hours
        )
        usual = max(lowest, min(highest, -surplus_w))
        # Lent out is only what it can keep up for a quarter hour.
        lasting_low = max(lowest, -room_wh / CHARGE_EFFICIENCY / LENT_HOURS)
        lasting_high = min(highest, max(0.0, self._stored_wh) * CHARGE_EFFICIENCY / LENT_HOURS)
        return Outlook(
            usual,
            lowest,
            highest,
            up=max(0.0, lasting_high - usual),
            down=max(0.0, usual - lasting_low),
        )

    def run(self, moment: Moment, power_w: float) -> None:
        """Charge or discharge."""
        energy_wh = power_w * moment.seconds / _HOUR
        if energy_wh < 0.0:
            self.charged_wh -= energy_wh
            self._stored_wh -= energy_wh * CHARGE_EFFICIENCY
        else:
            self.discharged_wh += energy_wh
            self._stored_wh -= energy_wh / CHARGE_EFFICIENCY

    @property
    def stored_wh(self) -> float:
        """Energy in its cells."""
        return self._stored_wh


class Car:
    """A car at its charger: unasked it charges at full power from the moment it is plugged in.

    Args:
        spec: the charger.
        arrives: when it is plugged in.
        leaves: when it must be full.
        need_wh: what it takes from the grid until it is full.
    """

    def __init__(self, spec: DeviceSpec, arrives: int, leaves: int, need_wh: float) -> None:
        self.spec = spec
        self.arrives, self.leaves = arrives, leaves
        self.need_wh = need_wh
        self.missing_wh = need_wh

    def is_plugged(self, unix: float) -> bool:
        """Whether it stands at its charger."""
        return self.arrives <= unix < self.leaves

    def outlook(self, moment: Moment, surplus_w: float) -> Outlook:
        """Full power until full; lent out while time is left."""
        if not self.is_plugged(moment.unix) or self.missing_wh <= 0.0:
            return NOTHING
        rated = float(self.spec.rated_import_w)
        draw = min(rated, self.missing_wh * _HOUR / moment.seconds)
        hours_left = (self.leaves - moment.unix - moment.seconds) / _HOUR
        can_wait = self.missing_wh * MUST_RUN_MARGIN < rated * hours_left
        return Outlook(-draw, -draw, 0.0, up=draw if can_wait else 0.0)

    def run(self, moment: Moment, power_w: float) -> None:
        """Charge."""
        self.missing_wh += power_w * moment.seconds / _HOUR

    @property
    def stored_wh(self) -> float:
        """What is still to be charged, negative."""
        return -max(0.0, self.missing_wh)

    def short_wh(self, unix: int) -> float:
        """What can no longer be charged until it leaves, even at full power from now on."""
        if self.arrives >= unix:
            return 0.0
        hours_left = max(0, self.leaves - unix) / _HOUR
        return max(0.0, self.missing_wh - self.spec.rated_import_w * hours_left)


class HeatPump:
    """A heat pump with a water store; the store is counted in Wh of electricity.

    Args:
        spec: the pump; `energy_wh` is what its store holds.
        loss_w_per_kelvin: heat the house loses.
    """

    def __init__(self, spec: DeviceSpec, loss_w_per_kelvin: float) -> None:
        self.spec = spec
        self._loss_w_per_kelvin = loss_w_per_kelvin
        self._stored_wh = spec.energy_wh * 0.8
        self.short_wh = 0.0

    def demand_w(self, sky: Sky) -> float:
        """Electricity for the heat that the house needs now."""
        heat = self._loss_w_per_kelvin * max(
            0.0, ROOM_TEMPERATURE_CELSIUS - sky.temperature_celsius
        )
        return heat / heat_pump_efficiency(sky.temperature_celsius)

    def outlook(self, moment: Moment, surplus_w: float) -> Outlook:
        """Follow demand and keep the store at four fifths within an hour or so."""
        hours = moment.seconds / _HOUR
        demand, rated = self.demand_w(moment.sky), float(self.spec.rated_import_w)
        wish = demand + (0.8 * self.spec.energy_wh - self._stored_wh)
        fits = max(0.0, (self.spec.energy_wh - self._stored_wh) / hours + demand)
        draw = max(0.0, min(rated, wish, fits))
        needed = max(0.0, min(rated, demand - self._stored_wh / hours))
        is_lent = self._stored_wh > LENT_STORE * self.spec.energy_wh
        most = max(draw, min(rated, fits))
        room_wh = max(0.0, self.spec.energy_wh - self._stored_wh)
        lasting = min(most, room_wh / LENT_HOURS + demand)
        return Outlook(
            usual=-draw,
            lowest=-most,
            highest=0.0,
            up=(draw - needed) if is_lent else 0.0,
            down=max(0.0, lasting - draw),
        )

    def run(self, moment: Moment, power_w: float) -> None:
        """Heat; what neither pump nor store can give, the house lacks."""
        hours = moment.seconds / _HOUR
        self._stored_wh += (-power_w - self.demand_w(moment.sky)) * hours
        if self._stored_wh < 0.0:
            self.short_wh -= self._stored_wh
            self._stored_wh = 0.0

    @property
    def stored_wh(self) -> float:
        """Heat in the store, as electricity."""
        return self._stored_wh


class GeneratingSet:
    """The generating set at the busbar: it stands still unless it forms the island's grid."""

    def __init__(self, spec: DeviceSpec) -> None:
        self.spec = spec
        self.given_wh = 0.0

    def outlook(self, moment: Moment, surplus_w: float) -> Outlook:
        """Nothing: what it gives in an island follows from the power flow."""
        return NOTHING

    def run(self, moment: Moment, power_w: float) -> None:
        """Count what it gave."""
        self.given_wh += power_w * moment.seconds / _HOUR

    @property
    def stored_wh(self) -> float:
        """None."""
        return 0.0

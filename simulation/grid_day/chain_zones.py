"""Zones of the day on the chain: every feeder is one, the busbar with the transformer another.

A feeder can be congested on its own, so it has its own state, set-points and flexibility. What a
zone's instruments show is taken from the measurement of the whole grid here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from energy_grid.units import BPS
from simulation.grid_day.chain_oracle import ZoneValues
from simulation.grid_day.control import NOMINAL_MILLIVOLTS, GridLayout, Measurement

BUSBAR_FEEDER: Final = 0
LOADED_BPS: Final = 8_000
"""Loading at which ALERT begins."""
LOW_VOLTAGE_BPS: Final = 9_500
"""Voltage at which ALERT begins, in 1/10,000 of nominal."""


@dataclass(frozen=True)
class ChainZone:
    """One zone.

    Attributes:
        zone: its number on the chain.
        feeder: the twin's number of its feeder, 0 at the busbar.
        bus_places: places of its buses in a measurement.
        line_places: places of its lines in a measurement.
        connection_places: places of its connections in a measurement.
        device_places: places of its devices in a measurement.
        head_places: of these lines the ones that supply the most connections: where the feeder
            leaves the busbar.
        head_w: what the way to the rest of the grid carries: its first line, or the transformer.
    """

    zone: int
    feeder: int
    bus_places: tuple[int, ...]
    line_places: tuple[int, ...]
    connection_places: tuple[int, ...]
    device_places: tuple[int, ...]
    head_places: tuple[int, ...]
    head_w: int

    @property
    def name(self) -> str:
        """For people."""
        return "busbar" if self.feeder == BUSBAR_FEEDER else f"feeder {self.feeder}"

    def values(self, seen: Measurement) -> ZoneValues:
        """What the zone's instruments show."""
        powers = [seen.connection_w[place] for place in self.connection_places]
        # The transformer is the way to the rest of the grid of every zone.
        loadings = [seen.line_loading_bps[place] for place in self.line_places]
        loadings.append(seen.transformer_loading_bps)
        return ZoneValues(
            demand_w=-sum(power for power in powers if power < 0),
            supply_w=sum(power for power in powers if power > 0),
            frequency_millihz=seen.frequency_millihz,
            voltage_millivolts=furthest([seen.bus_millivolts[place] for place in self.bus_places]),
            line_loading_bps=max(loadings, default=0),
        )

    def draws_too_much(
        self, layout: GridLayout, seen: Measurement, held_w: int = 0, all_held_w: int = 0
    ) -> bool:
        """Whether a line of the zone or the transformer is loaded by draw, or the voltage low.

        Args:
            layout: the grid.
            seen: what the instruments show.
            held_w: draw that the zone's devices are kept from, and would have.
            all_held_w: the same of all zones.
        """
        coming_w = seen.transformer_flow_w + all_held_w
        if coming_w * BPS >= layout.transformer_w * LOADED_BPS:
            return True
        voltage = furthest([seen.bus_millivolts[place] for place in self.bus_places])
        if voltage and voltage * BPS <= NOMINAL_MILLIVOLTS * LOW_VOLTAGE_BPS:
            return True
        return any(
            (seen.line_flow_w[place] + held_w) * BPS >= layout.lines[place].rated_w * LOADED_BPS
            for place in self.line_places
        )


def furthest(millivolts: list[int]) -> int:
    """The voltage that is furthest from nominal; dark buses (0) count only if all are dark."""
    lit = [value for value in millivolts if value]
    return max(lit, key=lambda value: abs(value - NOMINAL_MILLIVOLTS), default=0)


def zones_of(layout: GridLayout) -> tuple[ChainZone, ...]:
    """Zones of a grid: the busbar is the first one, then feeder by feeder."""
    return tuple(
        _zone(layout, number, feeder)
        for number, feeder in enumerate((BUSBAR_FEEDER, *layout.feeders), start=1)
    )


def zone_of_feeder(feeder: int, zones: tuple[ChainZone, ...]) -> ChainZone:
    """The zone that a feeder is."""
    return next(zone for zone in zones if zone.feeder == feeder)


def _zone(layout: GridLayout, number: int, feeder: int) -> ChainZone:
    lines = [index for index, line in enumerate(layout.lines) if line.feeder == feeder]
    most = max((len(layout.lines[index].connection_ids) for index in lines), default=0)
    heads = [index for index in lines if len(layout.lines[index].connection_ids) == most > 0]
    head_w = max((layout.lines[index].rated_w for index in heads), default=0)
    return ChainZone(
        zone=number,
        feeder=feeder,
        bus_places=_places(layout.feeder_of_bus, feeder),
        line_places=tuple(lines),
        connection_places=_places([c.feeder for c in layout.connections], feeder),
        device_places=_places([device.feeder for device in layout.devices], feeder),
        head_places=tuple(heads),
        head_w=layout.transformer_w if feeder == BUSBAR_FEEDER else head_w,
    )


def _places(feeders: list[int] | tuple[int, ...], feeder: int) -> tuple[int, ...]:
    return tuple(index for index, found in enumerate(feeders) if found == feeder)

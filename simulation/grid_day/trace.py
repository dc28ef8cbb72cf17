"""What is kept of a day, minute by minute, for view, picture and report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from simulation.grid_day.control import Measurement

STATES: Final = ("NORMAL", "ALERT", "EMERGENCY", "BLACKOUT", "RESTORATION")
"""Names of the states, numbered as on the chain."""


@dataclass
class Trace:
    """Extremes of every step; all lists have one entry a step.

    Attributes:
        unix: end of the step.
        lowest_millivolts: lowest voltage of a bus that is supplied, 0 where none is.
        highest_millivolts: highest voltage of a bus.
        loading_bps: highest loading of a line or the transformer.
        lowest_millihz: lowest frequency within the step.
        highest_millihz: highest frequency within the step.
        states: number of the state by zone; empty where nobody manages the grid.
    """

    unix: list[int] = field(default_factory=list)
    lowest_millivolts: list[int] = field(default_factory=list)
    highest_millivolts: list[int] = field(default_factory=list)
    loading_bps: list[int] = field(default_factory=list)
    lowest_millihz: list[int] = field(default_factory=list)
    highest_millihz: list[int] = field(default_factory=list)
    states: list[dict[int, int]] = field(default_factory=list)

    def add(self, seen: Measurement, states: Mapping[int, int]) -> None:
        """Keep one step."""
        self.unix.append(seen.unix)
        self.lowest_millivolts.append(seen.lowest_millivolts)
        self.highest_millivolts.append(seen.highest_millivolts)
        self.loading_bps.append(loading_bps(seen))
        self.lowest_millihz.append(seen.lowest_millihz)
        self.highest_millihz.append(seen.highest_millihz)
        self.states.append(dict(states))

    def worst_states(self) -> list[int]:
        """The gravest state of any zone, step by step; -1 where nobody manages the grid."""
        return [max(states.values(), default=-1, key=gravity) for states in self.states]

    def minutes_in(self, state: int, step_seconds: int) -> int:
        """Minutes that the gravest state was this one."""
        return sum(found == state for found in self.worst_states()) * step_seconds // 60


def gravity(state: int) -> int:
    """How grave a state is: restoration lies between alert and emergency."""
    return (0, 1, 3, 4, 2)[state]


def loading_bps(seen: Measurement) -> int:
    """Highest loading of a line or the transformer."""
    return max((*seen.line_loading_bps, seen.transformer_loading_bps))

"""How a zone's state follows from values: `contracts/libraries/GridTransitions.sol`, pure.

Also what a state asks of the market: `contracts/libraries/BreakerRules.sol`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from energy_grid.grid.limits import Band, GridLimits, GridState
from energy_grid.units import BPS, SLOT_SECONDS

BLACKOUT_LEVEL: Final = 3
EMERGENCY_AHEAD_SECONDS: Final = 3_600
LAST_SLOT: Final = (1 << 28) - 1
PLACE_AND_MATCH: Final = 3
RESTORATION_CUT_BPS: Final = 5_000
SHARE_STEP_BPS: Final = 500


@dataclass(frozen=True, slots=True)
class Levels:
    """Levels that a value enters and holds: 0 NORMAL to 3 BLACKOUT."""

    enters: int = 0
    holds: int = 0

    def joined(self, other: Levels) -> Levels:
        """The worse of both."""
        return Levels(max(self.enters, other.enters), max(self.holds, other.holds))


@dataclass(frozen=True, slots=True)
class Step:
    """What one look makes of a state.

    Attributes:
        state: after it.
        calm_rounds: count after it.
        is_used: whether the new values are used up.
    """

    state: GridState
    calm_rounds: int
    is_used: bool


def frequency_levels(limits: GridLimits, frequency_millihz: int) -> Levels:
    """Levels of a frequency."""
    return levels(limits.frequency, abs(frequency_millihz - limits.nominal_frequency_millihz))


def voltage_levels(limits: GridLimits, voltage_millivolts: int) -> Levels:
    """Levels of a voltage."""
    deviation_bps, band = voltage_deviation(limits, voltage_millivolts)
    return levels(band, deviation_bps)


def loading_levels(limits: GridLimits, loading_bps: int) -> Levels:
    """Levels of a line loading."""
    return levels(limits.loading, abs(loading_bps))


def voltage_deviation(limits: GridLimits, voltage_millivolts: int) -> tuple[int, Band]:
    """Deviation in basis points of nominal, rounded down, and the band of its side."""
    nominal = limits.nominal_voltage_millivolts
    band = limits.voltage_low if voltage_millivolts < nominal else limits.voltage_high
    return abs(voltage_millivolts - nominal) * BPS // nominal, band


def levels(band: Band, deviation: int) -> Levels:
    """Levels of a deviation."""
    return Levels(_level(band, deviation), _level(band, deviation + band.hysteresis))


def step(
    state: GridState, calm_rounds: int, found: Levels, *, is_complete: bool, required: int
) -> Step:
    """What new values make of a state; the table stands in `GridTransitions`."""
    is_restoring = state is GridState.RESTORATION
    level = BLACKOUT_LEVEL if is_restoring else int(state)
    if found.enters > level or (is_restoring and found.enters == BLACKOUT_LEVEL):
        return Step(GridState(found.enters), 0, True)
    if found.holds >= level:
        return Step(state, 0, True)
    if not is_complete:
        return Step(state, calm_rounds, False)
    if calm_rounds + 1 < required:
        return Step(state, calm_rounds + 1, True)
    if is_restoring:
        return Step(GridState(found.holds), 0, True)
    if state is GridState.BLACKOUT:
        return Step(GridState.RESTORATION, 0, True)
    return Step(GridState(level - 1), 0, True)


def higher(state: GridState, escalation: GridState) -> GridState:
    """State in force under an escalation; RESTORATION is between EMERGENCY and BLACKOUT."""
    if state is GridState.RESTORATION:
        return escalation if escalation is GridState.BLACKOUT else state
    return max(state, escalation)


def wanted_halt(state: GridState, unix: int, halt_seconds: int) -> tuple[int, int, int, int] | None:
    """The halt a state asks for: scope, first slot, end, expiry; None if none."""
    if state in (GridState.NORMAL, GridState.ALERT):
        return None
    end = -(-(unix + EMERGENCY_AHEAD_SECONDS) // SLOT_SECONDS)
    if state is GridState.BLACKOUT:
        end = LAST_SLOT
    return PLACE_AND_MATCH, unix // SLOT_SECONDS + 1, end, unix + halt_seconds


def line_cut(
    state: GridState,
    alert_bps: int,
    loading_bps: int | None,
    old_cut_bps: int,
    *,
    has_changed: bool,
) -> int:
    """What a zone takes off the ratings of its lines, in basis points; loading None: unknown."""
    if state is GridState.NORMAL:
        return 0
    if state is GridState.BLACKOUT:
        return BPS
    cut = RESTORATION_CUT_BPS if state is GridState.RESTORATION else 0
    if loading_bps is not None and loading_bps > alert_bps:
        share = alert_bps * BPS // loading_bps // SHARE_STEP_BPS * SHARE_STEP_BPS
        cut = max(cut, BPS - share)
    if not has_changed or loading_bps is None:
        cut = max(cut, old_cut_bps)
    return cut


def _level(band: Band, deviation: int) -> int:
    if band.blackout and deviation >= band.blackout:
        return BLACKOUT_LEVEL
    if deviation >= band.emergency:
        return 2
    return 1 if deviation >= band.alert else 0

"""The report of a scenario: the same day without and with management, and what it cost.

`out/grid-day/<scenario>.json` is this document; docs/grid-day.md describes its fields.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Final

from simulation.market_day.gas import GasUse
from simulation.market_day.residuals import Kind, Residual, total

SCHEMA: Final = 1
REQUIRED_REDUCTION_PERCENT: Final = 90
_TENTHS: Final = 10
_PERCENT: Final = 100


@dataclass(frozen=True, slots=True)
class Figures:
    """What one run of the day came to.

    Attributes:
        voltage_minutes: minutes in which the mean voltage of a bus over ten minutes was outside
            EN 50160 (230 V and 10 % either way), or the bus was dark.
        overload_minutes: minutes in which a line or the transformer carried more than its rating.
        frequency_seconds: seconds outside 49.8 to 50.2 Hz, dark ones included.
        nadir_millihz: lowest frequency.
        zenith_millihz: highest frequency.
        curtailed_wh: feed-in that was held back or lost.
        unserved_wh: demand that was not served.
        cost_units: what all this cost, in settlement-token units.
    """

    voltage_minutes: int
    overload_minutes: int
    frequency_seconds: int
    nadir_millihz: int
    zenith_millihz: int
    curtailed_wh: int
    unserved_wh: int
    cost_units: int


@dataclass(frozen=True, slots=True)
class Costs:
    """What management cost, in settlement-token units; penalties come back to the budget.

    Attributes:
        flexibility: paid to providers.
        penalties: taken from the stakes of those who did not deliver.
        curtailed: value of the feed-in held back, at the feed-in tariff.
        unserved: value of the demand not served, at the price cap.
    """

    flexibility: int
    penalties: int
    curtailed: int
    unserved: int

    @property
    def total(self) -> int:
        """Sum; a penalty is a gain for the grid."""
        return self.flexibility - self.penalties + self.curtailed + self.unserved


@dataclass(frozen=True, slots=True)
class Dispatches:
    """Flexibility of the day.

    Attributes:
        offers: offers placed.
        requests: requests made.
        allocated: of these, how many found offers.
        accepted_w: power accepted, over all allocations.
        delivered_wh: change delivered, by readings against baselines.
        promised_wh: change accepted.
        blocks: blocks from the oracle value to the dispatched set-point, one entry a dispatch.
    """

    offers: int
    requests: int
    allocated: int
    accepted_w: int
    delivered_wh: int
    promised_wh: int
    blocks: tuple[int, ...]


@dataclass(frozen=True)
class GridDayReport:
    """Everything that is said about a scenario."""

    scenario: str
    title: str
    first_unix: int
    step_seconds: int
    steps: int
    zones: Mapping[int, str]
    homes: int
    devices: int
    without: Figures
    managed: Figures
    costs_without: Costs
    costs: Costs
    minutes_by_state: Mapping[str, int]
    dispatches: Dispatches
    halts: int
    limited_lines: int
    setpoint_blocks: int
    setpoints_read: int
    rounds: int
    readings: int
    residuals: tuple[Residual, ...]
    gas: Mapping[str, GasUse]
    gas_per_step: int
    unit_digits: int

    @property
    def violations(self) -> tuple[tuple[str, int, int], ...]:
        """What must vanish or fall by 90 %: name, without, with."""
        return (
            ("voltage_minutes", self.without.voltage_minutes, self.managed.voltage_minutes),
            ("overload_minutes", self.without.overload_minutes, self.managed.overload_minutes),
            ("frequency_seconds", self.without.frequency_seconds, self.managed.frequency_seconds),
        )

    @property
    def failures(self) -> tuple[str, ...]:
        """Violations that did not fall far enough, and dispatches that came too late."""
        failed = [
            f"{name}: {without} without, {managed} with management"
            for name, without, managed in self.violations
            if not is_enough(without, managed)
        ]
        late = [blocks for blocks in self.dispatches.blocks if blocks > MAX_BLOCKS]
        if late:
            failed.append(f"{len(late)} dispatches took more than {MAX_BLOCKS} blocks")
        if self.setpoint_blocks > MAX_BLOCKS:
            failed.append(f"set-points took {self.setpoint_blocks} blocks")
        return tuple(failed)

    @property
    def adds_up(self) -> bool:
        """Whether every residual is zero."""
        return all(residual.amount == 0 for residual in self.residuals)

    @property
    def is_success(self) -> bool:
        """Whether money balances and the improvement is reached."""
        return self.adds_up and not self.failures

    def as_json(self) -> dict[str, Any]:
        """The document."""
        return {
            "schema": SCHEMA,
            "scenario": self.scenario,
            "title": self.title,
            "first_unix": self.first_unix,
            "step_seconds": self.step_seconds,
            "steps": self.steps,
            "zones": {str(zone): name for zone, name in self.zones.items()},
            "homes": self.homes,
            "devices": self.devices,
            "without": _as_dict(self.without),
            "with": _as_dict(self.managed),
            "reduction_percent": {
                name: reduction_percent(without, managed)
                for name, without, managed in self.violations
            },
            "required_reduction_percent": REQUIRED_REDUCTION_PERCENT,
            "costs_without": {**_as_dict(self.costs_without), "total": self.costs_without.total},
            "costs_with": {**_as_dict(self.costs), "total": self.costs.total},
            "minutes_by_state": dict(self.minutes_by_state),
            "flexibility": {**_as_dict(self.dispatches), "blocks": list(self.dispatches.blocks)},
            "blocks_from_value_to_setpoint": self.setpoint_blocks,
            "setpoints_read": self.setpoints_read,
            "halts_pushed": self.halts,
            "line_capacities_set": self.limited_lines,
            "oracle_rounds": self.rounds,
            "meter_readings": self.readings,
            "money_residual_units": total(self.residuals, Kind.MONEY),
            "energy_residual_wh": total(self.residuals, Kind.ENERGY),
            "residuals": [
                {"kind": r.kind.value, "rule": r.rule, "amount": r.amount, "unit": r.unit}
                for r in self.residuals
            ],
            "gas_per_step": self.gas_per_step,
            "gas": {
                name: {"n": use.n, "median": use.median, "max": use.maximum}
                for name, use in self.gas.items()
            },
            "failures": list(self.failures),
            "success": self.is_success,
        }


MAX_BLOCKS: Final = 2
"""From an oracle value to the set-point or dispatch that follows from it."""


def is_enough(without: int, managed: int) -> bool:
    """Whether a violation has vanished or fallen by 90 %."""
    return managed * _PERCENT <= without * (_PERCENT - REQUIRED_REDUCTION_PERCENT)


def reduction_percent(without: int, managed: int) -> float | None:
    """By how much something fell, in tenths of a percent; None where there was nothing to fall."""
    if not without:
        return None
    return (without - managed) * _PERCENT * _TENTHS // without / _TENTHS


def _as_dict(part: Figures | Costs | Dispatches) -> dict[str, Any]:
    return {field.name: getattr(part, field.name) for field in fields(part)}


def lowest_and_highest(values: Sequence[int]) -> tuple[int, int]:
    """Lowest and highest of values that are not 0; 0 where all are."""
    lit = [value for value in values if value]
    return min(lit, default=0), max(lit, default=0)

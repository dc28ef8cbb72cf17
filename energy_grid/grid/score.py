"""The stability score with its parts: `contracts/libraries/StabilityFormula.sol`, pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from energy_grid.feeds.kinds import FeedStatus
from energy_grid.grid.limits import Band, GridLimits, Watch
from energy_grid.grid.setpoints import USABLE, Reading
from energy_grid.grid.transitions import voltage_deviation
from energy_grid.units import BPS

SECURITY_WEIGHT_BPS: Final = 9_000
BALANCE_WEIGHT_BPS: Final = 1_000
NEVER: Final = (1 << 40) - 1


@dataclass(frozen=True, slots=True)
class Metrics:
    """All that the oracle says of a zone, as `GridMetrics`."""

    demand_w: Reading
    supply_w: Reading
    frequency_millihz: Reading
    voltage_millivolts: Reading
    line_loading_bps: Reading


@dataclass(frozen=True, slots=True)
class StabilityParts:
    """A score and what it is made of, in basis points, as the contract's struct."""

    score_bps: int
    frequency_bps: int
    voltage_bps: int
    loading_bps: int
    balance_bps: int
    is_balance_known: bool
    updated_at: int
    status: FeedStatus

    @classmethod
    def of_answer(cls, answer: Sequence[Any]) -> StabilityParts:
        """The contract's answer to `stabilityParts`."""
        score, frequency, voltage, loading, balance, known, updated_at, status = answer
        return cls(
            int(score),
            int(frequency),
            int(voltage),
            int(loading),
            int(balance),
            bool(known),
            int(updated_at),
            FeedStatus(status),
        )


def stability_parts(limits: GridLimits, metrics: Metrics, *, is_blackout: bool) -> StabilityParts:
    """Score and parts of a zone."""
    deviation_bps, voltage_band = voltage_deviation(limits, metrics.voltage_millivolts.value)
    frequency = abs(metrics.frequency_millihz.value - limits.nominal_frequency_millihz)
    quantities = (
        (Watch.FREQUENCY, metrics.frequency_millihz, limits.frequency, frequency),
        (Watch.VOLTAGE, metrics.voltage_millivolts, voltage_band, deviation_bps),
        (
            Watch.LOADING,
            metrics.line_loading_bps,
            limits.loading,
            abs(metrics.line_loading_bps.value),
        ),
    )
    watched = [value for bit, value, _, _ in quantities if bit in limits.watched]
    parts = [
        BPS if bit not in limits.watched else part(band, deviation) if value.status in USABLE else 0
        for bit, value, band, deviation in quantities
    ]
    statuses = [value.status for value in watched]
    wrong = [status for status in statuses if status not in USABLE]
    status = (
        wrong[0]
        if wrong
        else FeedStatus.FALLBACK
        if FeedStatus.FALLBACK in statuses
        else FeedStatus.OK
    )
    balance, is_known = _balance(metrics.demand_w, metrics.supply_w)
    score = min(parts)
    if is_known:
        score = (SECURITY_WEIGHT_BPS * score + BALANCE_WEIGHT_BPS * balance) // BPS
    frequency_bps, voltage_bps, loading_bps = parts
    return StabilityParts(
        score_bps=0 if is_blackout else score,
        frequency_bps=frequency_bps,
        voltage_bps=voltage_bps,
        loading_bps=loading_bps,
        balance_bps=balance,
        is_balance_known=is_known,
        updated_at=min([NEVER, *(value.updated_at for value in watched)]),
        status=status,
    )


def part(band: Band, deviation: int) -> int:
    """Part of one quantity, rounded down."""
    full = band.alert - band.hysteresis
    if deviation <= full:
        return BPS
    if deviation >= band.emergency:
        return 0
    return BPS * (band.emergency - deviation) // (band.emergency - full)


def _balance(demand: Reading, supply: Reading) -> tuple[int, bool]:
    if demand.status not in USABLE or supply.status not in USABLE:
        return 0, False
    smaller, larger = sorted((max(demand.value, 0), max(supply.value, 0)))
    return (BPS * smaller // larger if larger else BPS), True

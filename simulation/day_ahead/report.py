"""What a replay has shown, hour by hour and in all."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from statistics import median
from typing import Any

from energy_grid.clearing.proposal import Proposal
from energy_grid.clearing.verify import Outcome
from simulation.day_ahead.hours import Borders, Hour

MATCH_KWH = 1
"""How far a net export may lie from the published flows: both are rounded to whole kWh."""


@dataclass(frozen=True)
class HourReport:
    """One hour that the contract cleared.

    Attributes:
        hour: the market and what was published.
        proposal: what was accepted.
        outcome: what the contract has on record; prices in ticks.
        gas: of the clearing, on storage used before.
        gas_fresh: of the same clearing on storage never used, None if it was not measured.
        refusals: false calls by kind and by the contract's error.
        accepted: kinds of false calls that the contract accepted.
    """

    hour: Hour
    proposal: Proposal
    outcome: Outcome
    gas: int
    gas_fresh: int | None
    refusals: Counter[tuple[str, str]]
    accepted: tuple[str, ...]

    @property
    def is_inside(self) -> list[bool]:
        """By zone: the published price lies in the proven interval."""
        return [
            low <= published <= high
            for low, high, published in zip(
                self.proposal.low, self.proposal.high, self.hour.published_prices, strict=True
            )
        ]

    @property
    def is_unique(self) -> list[bool]:
        """By zone: only one price is valid."""
        return [
            low == high for low, high in zip(self.proposal.low, self.proposal.high, strict=True)
        ]

    @property
    def is_exact(self) -> list[bool]:
        """By zone: the published price is the proven one."""
        return [
            zone.price == published
            for zone, published in zip(self.outcome.zones, self.hour.published_prices, strict=True)
        ]

    @property
    def matches_flows(self) -> bool | None:
        """All net exports are those of the published flows; None if those are not known."""
        published = self.hour.published_exports
        if published is None:
            return None
        return all(
            abs(zone.net_export - export) <= MATCH_KWH
            for zone, export in zip(self.outcome.zones, published, strict=True)
        )


@dataclass(frozen=True)
class ReplayReport:
    """A whole replay.

    Attributes:
        variant: what was known of the borders.
        hours: in order.
        seconds: how long it took.
    """

    variant: Borders
    hours: tuple[HourReport, ...]
    seconds: float

    @property
    def mutants(self) -> int:
        """False calls tried."""
        return self.mutants_rejected + sum(len(hour.accepted) for hour in self.hours)

    @property
    def mutants_rejected(self) -> int:
        """False calls refused with one of the contract's errors."""
        return sum(hour.refusals.total() for hour in self.hours)

    @property
    def is_sound(self) -> bool:
        """No false call was accepted."""
        return self.mutants == self.mutants_rejected

    def as_json(self) -> dict[str, Any]:
        """The figures."""
        exact_unique = sum(
            sum(
                exact and unique
                for exact, unique in zip(hour.is_exact, hour.is_unique, strict=True)
            )
            for hour in self.hours
        )
        matching = [hour.matches_flows for hour in self.hours]
        fresh = [hour.gas_fresh for hour in self.hours if hour.gas_fresh is not None]
        return {
            "variant": self.variant.value,
            "zone_hours": sum(len(hour.outcome.zones) for hour in self.hours),
            "inside": sum(sum(hour.is_inside) for hour in self.hours),
            "unique": sum(sum(hour.is_unique) for hour in self.hours),
            "exact_unique": exact_unique,
            "exact": sum(sum(hour.is_exact) for hour in self.hours),
            "mutants": self.mutants,
            "mutants_rejected": self.mutants_rejected,
            "gas_max": max(hour.gas for hour in self.hours),
            "gas_median": round(median(hour.gas for hour in self.hours)),
            "seconds": round(self.seconds, 1),
            "hours": len(self.hours),
            "hours_matching_flows": None if None in matching else sum(map(bool, matching)),
            "gas_max_one_price": max(
                (hour.gas for hour in self.hours if hour.proposal.interval is None), default=None
            ),
            "gas_max_fresh": max(fresh, default=None),
        }

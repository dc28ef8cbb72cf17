"""Distributed energy resources as the register on chain knows them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Final

from energy_grid.errors import InvalidValueError
from energy_grid.units import SLOTS_PER_DAY

MAX_RATED_W: Final = (1 << 26) - 1
MAX_RATED_VA: Final = (1 << 27) - 1
MAX_ENERGY_WH: Final = (1 << 32) - 1
RESOURCES_PER_METER: Final = 8


class ResourceClass(IntEnum):
    """What a resource is, numbered as on chain."""

    PV = 0
    WIND = 1
    BATTERY = 2
    EV = 3
    HEAT_PUMP = 4
    LOAD = 5
    GENERATOR = 6


class ResourceState(IntEnum):
    """What the register itself says about a resource."""

    UNKNOWN = 0
    ACTIVE = 1
    FROZEN = 2
    WITHDRAWN = 3


@dataclass(frozen=True, slots=True)
class ResourceRatings:
    """What a resource can do.

    Attributes:
        rated_import_w: most it draws.
        rated_export_w: most it feeds in.
        rated_va: apparent power of its inverter; 0 without control of reactive power.
        energy_wh: usable storage; 0 without.
        ramp_w_per_second: fastest change on command; 0: no limit worth naming.
        available_from: first quarter hour of the UTC day in which it may be asked for flexibility.
        available_to: end of that, exclusive; equal to the beginning: always.
    """

    rated_import_w: int
    rated_export_w: int
    rated_va: int = 0
    energy_wh: int = 0
    ramp_w_per_second: int = 0
    available_from: int = 0
    available_to: int = 0

    def __post_init__(self) -> None:
        for name, value, highest in (
            ("rated_import_w", self.rated_import_w, MAX_RATED_W),
            ("rated_export_w", self.rated_export_w, MAX_RATED_W),
            ("rated_va", self.rated_va, MAX_RATED_VA),
            ("energy_wh", self.energy_wh, MAX_ENERGY_WH),
            ("ramp_w_per_second", self.ramp_w_per_second, MAX_RATED_W),
            ("available_from", self.available_from, SLOTS_PER_DAY - 1),
            ("available_to", self.available_to, SLOTS_PER_DAY - 1),
        ):
            if not 0 <= value <= highest:
                raise InvalidValueError(
                    f"{name} of a resource out of range", expected=f"0 to {highest}", found=value
                )
        if not self.larger_w:
            raise InvalidValueError(
                "resource without power", expected="it draws or feeds in", found=self
            )
        if self.rated_va and self.rated_va < self.larger_w:
            raise InvalidValueError(
                "apparent power of a resource below its active power",
                expected=f"0 or at least {self.larger_w} VA",
                found=self.rated_va,
            )

    @property
    def larger_w(self) -> int:
        """The larger of the two active ratings, which droop is a share of."""
        return max(self.rated_import_w, self.rated_export_w)

    def is_available(self, slot: int) -> bool:
        """Whether the owner lets it be asked in a slot."""
        quarter = slot % SLOTS_PER_DAY
        start, end = self.available_from, self.available_to
        if start == end:
            return True
        if start < end:
            return start <= quarter < end
        return quarter >= start or quarter < end

    def as_tuple(self) -> tuple[int, int, int, int, int, int, int]:
        """The struct `ResourceRatings` of the contracts."""
        return (
            self.rated_import_w,
            self.rated_export_w,
            self.rated_va,
            self.energy_wh,
            self.ramp_w_per_second,
            self.available_from,
            self.available_to,
        )


@dataclass(frozen=True, slots=True)
class Resource:
    """A registered resource.

    Attributes:
        owner: account that registered it.
        zone: grid zone.
        resource_class: what it is.
        meter_id: meter it stands behind.
        asset_id: NFT it is bound to; 0 if none.
        ratings: what it can do.
        is_active: whether it counts now.
        state: what the register itself says.
        changed_at: unix second since which the ratings hold.
    """

    owner: str
    zone: int
    resource_class: ResourceClass
    meter_id: int
    asset_id: int
    ratings: ResourceRatings
    is_active: bool
    state: ResourceState
    changed_at: int

    @classmethod
    def of_answer(cls, answer: Any) -> Resource:
        """From what `resourceOf` answers, by names or in order."""
        fields = answer if isinstance(answer, Mapping) else dict(zip(_FIELDS, answer, strict=True))
        return cls(
            owner=fields["owner"],
            zone=fields["zone"],
            resource_class=ResourceClass(fields["kind"]),
            meter_id=fields["meterId"],
            asset_id=fields["assetId"],
            ratings=ResourceRatings(
                rated_import_w=fields["ratedImportW"],
                rated_export_w=fields["ratedExportW"],
                rated_va=fields["ratedVa"],
                energy_wh=fields["energyWh"],
                ramp_w_per_second=fields["rampWPerSecond"],
                available_from=fields["availableFrom"],
                available_to=fields["availableTo"],
            ),
            is_active=fields["isActive"],
            state=ResourceState(fields["state"]),
            changed_at=fields["changedAt"],
        )


_FIELDS: Final = (
    "owner",
    "zone",
    "kind",
    "meterId",
    "assetId",
    "ratedImportW",
    "ratedExportW",
    "ratedVa",
    "energyWh",
    "rampWPerSecond",
    "availableFrom",
    "availableTo",
    "isActive",
    "state",
    "changedAt",
)

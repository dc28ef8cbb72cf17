"""What the reference price of a zone is computed from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntFlag
from typing import Final

from energy_grid.errors import InvalidValueError
from energy_grid.units import BPS, BasisPoints, PricePerKwh, Slot, Watt, Wh

MARKET_TICK: Final = 1_000
"""Price step of the standard deployment, units per kWh."""
MARKET_TICKS: Final = 1_023
"""Highest price of a book, in ticks."""
MAX_UTC_OFFSET_SLOTS: Final = 56
"""14 hours."""


class PriceFlag(IntFlag):
    """Bits beside a price; the same as `PriceFlags` in `contracts/types/Pricing.sol`."""

    NONE = 0
    DEMAND_MISSING = 1
    SUPPLY_MISSING = 2
    FORECAST_MISSING = 4
    STABILITY_MISSING = 8
    BASE_BEHIND = 16
    STEP_LIMITED = 32
    AT_BOUND = 64


@dataclass(frozen=True, slots=True)
class Formula:
    """Weights and limits of the price; the same as `Formula` in `contracts/types/Pricing.sol`.

    Attributes:
        demand_weight_bps: weight of demand; the four weights add up to 10,000.
        supply_weight_bps: weight of supply.
        time_weight_bps: weight of the time of the week.
        stability_weight_bps: weight of the grid's stability.
        lowest_factor_bps: least that any factor counts.
        highest_factor_bps: most that any factor counts.
        step_bps: largest change from one quote to the next, relative to the base.
        floor_bps: lowest price relative to the base.
        cap_bps: highest price relative to the base.
        alpha_bps: weight of an auction of full volume when the base moves.
        full_volume_wh: energy of a product from which on an auction counts fully.
        table_id: table of normals of the week on chain; 0: the two normals hold throughout.
        normal_demand_w: normal demand without a table; 0: demand does not count.
        normal_supply_w: normal supply without a table; 0: supply does not count.
        utc_offset_slots: quarter hours that the zone's clock is ahead of UTC.
    """

    demand_weight_bps: int = 3_000
    supply_weight_bps: int = 3_000
    time_weight_bps: int = 2_000
    stability_weight_bps: int = 2_000
    lowest_factor_bps: int = 5_000
    highest_factor_bps: int = 20_000
    step_bps: int = 1_000
    floor_bps: int = 2_000
    cap_bps: int = 50_000
    alpha_bps: int = 1_000
    full_volume_wh: int = 100_000
    table_id: int = 0
    normal_demand_w: int = 0
    normal_supply_w: int = 0
    utc_offset_slots: int = 0

    def __post_init__(self) -> None:
        weights = (
            self.demand_weight_bps
            + self.supply_weight_bps
            + self.time_weight_bps
            + self.stability_weight_bps
        )
        if weights != BPS:
            raise InvalidValueError("weights of the price", expected=f"sum {BPS}", found=weights)
        if abs(self.utc_offset_slots) > MAX_UTC_OFFSET_SLOTS:
            raise InvalidValueError(
                "UTC offset of a zone",
                expected=f"at most {MAX_UTC_OFFSET_SLOTS} slots either way",
                found=self.utc_offset_slots,
            )

    def as_tuple(self) -> tuple[int, ...]:
        """The contract's struct."""
        return (
            self.demand_weight_bps,
            self.supply_weight_bps,
            self.time_weight_bps,
            self.stability_weight_bps,
            self.lowest_factor_bps,
            self.highest_factor_bps,
            self.step_bps,
            self.floor_bps,
            self.cap_bps,
            self.alpha_bps,
            self.full_volume_wh,
            self.table_id,
            self.normal_demand_w,
            self.normal_supply_w,
            self.utc_offset_slots,
        )


STANDARD_FORMULA: Final = Formula()
"""The weights and limits of the specification."""


@dataclass(frozen=True, slots=True)
class Demand:
    """What the zone takes now.

    Attributes:
        observed_w: what the grid oracle says; None: nothing that can be trusted.
        normal_w: what is normal at this time of the week; 0: demand does not count.
    """

    observed_w: Watt | int | None
    normal_w: Watt | int


@dataclass(frozen=True, slots=True)
class Supply:
    """What the zone feeds in now and soon.

    Attributes:
        observed_w: what the grid oracle says; None: nothing that can be trusted.
        expected_w: what the weather oracle expects; None: nothing that can be trusted.
        normal_w: what is normal at this time of the week; 0: supply does not count.
    """

    observed_w: Watt | int | None
    expected_w: Watt | int | None
    normal_w: Watt | int


@dataclass(frozen=True, slots=True)
class TimeOfWeek:
    """When the price holds.

    Attributes:
        slot: the slot it is for.
        factors_bps: one factor for each of the 672 quarter hours of the local week, from Monday
            00:00; empty: none, 0: none for that quarter hour.
        utc_offset_slots: quarter hours that the zone's clock is ahead of UTC.
    """

    slot: Slot | int
    factors_bps: Sequence[BasisPoints | int] = ()
    utc_offset_slots: int = 0


@dataclass(frozen=True, slots=True)
class GridMetrics:
    """How the grid does.

    Attributes:
        stability_score: 0 to 10,000, which is perfectly stable; None: nothing that can be trusted.
    """

    stability_score: int | None


@dataclass(frozen=True, slots=True)
class PriceHistory:
    """What prices have been.

    Attributes:
        base_per_kwh: the base price, which auctions move.
        previous_per_kwh: the quote before; 0 if there is none.
    """

    base_per_kwh: PricePerKwh | int
    previous_per_kwh: PricePerKwh | int = 0


@dataclass(frozen=True, slots=True)
class PriceParams:
    """Everything that the price follows from.

    Attributes:
        demand: what the zone takes.
        supply: what it feeds in.
        time: when.
        grid_metrics: how stable the grid is.
        history: base and last quote.
        formula: weights and limits.
        tick: price step of the market.
        highest_per_kwh: highest price that the market takes, on ticks.
    """

    demand: Demand
    supply: Supply
    time: TimeOfWeek
    grid_metrics: GridMetrics
    history: PriceHistory
    formula: Formula = field(default=STANDARD_FORMULA)
    tick: int = MARKET_TICK
    highest_per_kwh: PricePerKwh | int = MARKET_TICK * MARKET_TICKS


@dataclass(frozen=True, slots=True)
class AuctionPrice:
    """What one cleared auction published.

    Attributes:
        price_per_kwh: its price.
        volume_wh: energy that it traded over the whole product.
    """

    price_per_kwh: PricePerKwh | int
    volume_wh: Wh | int


@dataclass(frozen=True, slots=True)
class EnergyQuote:
    """A price and how it came about.

    Attributes:
        price_per_kwh: on ticks, at least one.
        demand_factor_bps: what demand counted; likewise the next three.
        supply_factor_bps: of supply.
        time_factor_bps: of the time of the week.
        stability_factor_bps: of the grid's stability.
        flags: what is missing or was limited.
    """

    price_per_kwh: PricePerKwh
    demand_factor_bps: int
    supply_factor_bps: int
    time_factor_bps: int
    stability_factor_bps: int
    flags: PriceFlag

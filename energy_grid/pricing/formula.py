"""The reference price in integers: bit for bit `contracts/libraries/PriceFormula.sol`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from energy_grid.errors import InvalidValueError
from energy_grid.pricing.params import (
    STANDARD_FORMULA,
    AuctionPrice,
    Demand,
    EnergyQuote,
    Formula,
    GridMetrics,
    PriceFlag,
    PriceHistory,
    PriceParams,
    Supply,
    TimeOfWeek,
)
from energy_grid.pricing.table import index_of
from energy_grid.units import BPS, PricePerKwh

SCALE: Final = 10_000
"""An accumulator holds 1/10,000 of a price unit."""


def calculate_energy_price(params: PriceParams) -> PricePerKwh:
    """Reference price of a zone for a slot, in settlement-token units per kWh.

    The base price times the weighted average of four factors, within a step from the last quote,
    within bounds around the base, on a tick.
    """
    return quote_energy(params).price_per_kwh


def quote_energy(params: PriceParams) -> EnergyQuote:
    """The same with its factors and what is to be said of it."""
    formula = params.formula
    base_price = get_base_price(params.history)
    demand_factor = calculate_demand_impact(params.demand, formula)
    supply_factor = calculate_supply_impact(params.supply, formula)
    time_factor = calculate_time_impact(params.time, formula)
    stability_factor = calculate_stability_impact(params.grid_metrics, formula)

    weighted = weighted_average(
        [
            (demand_factor, formula.demand_weight_bps),
            (supply_factor, formula.supply_weight_bps),
            (time_factor, formula.time_weight_bps),
            (stability_factor, formula.stability_weight_bps),
        ]
    )
    price, limits = limit_price(base_price * weighted // BPS, params)
    return EnergyQuote(
        price_per_kwh=price,
        demand_factor_bps=demand_factor,
        supply_factor_bps=supply_factor,
        time_factor_bps=time_factor,
        stability_factor_bps=stability_factor,
        flags=missing_inputs(params) | limits,
    )


def get_base_price(history: PriceHistory) -> PricePerKwh:
    """The base price: what the auctions of the zone have come to."""
    return PricePerKwh(history.base_per_kwh)


def calculate_demand_impact(demand: Demand, formula: Formula = STANDARD_FORMULA) -> int:
    """More demand than normal makes dearer. In basis points."""
    if demand.observed_w is None or not demand.normal_w:
        return BPS
    return _factor(max(demand.observed_w, 0) * BPS // demand.normal_w, formula)


def calculate_supply_impact(supply: Supply, formula: Formula = STANDARD_FORMULA) -> int:
    """More supply than normal makes cheaper; a forecast counts as much as what is observed."""
    if supply.observed_w is None or not supply.normal_w:
        return BPS
    watts = max(supply.observed_w, 0)
    if supply.expected_w is not None:
        watts = (watts + max(supply.expected_w, 0)) // 2
    if not watts:
        return formula.highest_factor_bps
    return _factor(supply.normal_w * BPS // watts, formula)


def calculate_time_impact(time: TimeOfWeek, formula: Formula = STANDARD_FORMULA) -> int:
    """As the table of the week says; no table: nothing."""
    if not time.factors_bps:
        return BPS
    given = time.factors_bps[index_of(time.slot, time.utc_offset_slots)]
    return _factor(given, formula) if given else BPS


def calculate_stability_impact(metrics: GridMetrics, formula: Formula = STANDARD_FORMULA) -> int:
    """A less stable grid makes dearer."""
    if metrics.stability_score is None:
        return BPS
    return _factor(max(2 * BPS - metrics.stability_score, 0), formula)


def weighted_average(factors: Iterable[tuple[int, int]]) -> int:
    """Average of (factor, weight), weights in basis points that add up to 10,000."""
    return sum(factor * weight for factor, weight in factors) // BPS


def limit_price(free: int, params: PriceParams) -> tuple[PricePerKwh, PriceFlag]:
    """A price within the step from the last quote and the bounds around the base, on a tick."""
    formula, history = params.formula, params.history
    base = history.base_per_kwh
    price, flags = free, PriceFlag.NONE
    if history.previous_per_kwh:
        step = base * formula.step_bps // BPS
        previous = history.previous_per_kwh
        price = _clamp(price, max(previous - step, 0), previous + step)
        if price != free:
            flags |= PriceFlag.STEP_LIMITED
    lowest, highest = base * formula.floor_bps // BPS, base * formula.cap_bps // BPS
    bounded = min(_clamp(price, lowest, highest), params.highest_per_kwh)
    if bounded != price:
        flags |= PriceFlag.AT_BOUND
    return PricePerKwh(max(bounded // params.tick * params.tick, params.tick)), flags


def missing_inputs(params: PriceParams) -> PriceFlag:
    """What the price had to do without."""
    flags = PriceFlag.NONE
    for value, flag in (
        (params.demand.observed_w, PriceFlag.DEMAND_MISSING),
        (params.supply.observed_w, PriceFlag.SUPPLY_MISSING),
        (params.supply.expected_w, PriceFlag.FORECAST_MISSING),
        (params.grid_metrics.stability_score, PriceFlag.STABILITY_MISSING),
    ):
        if value is None:
            flags |= flag
    return flags


def move_accumulator(
    accumulator: int, auction: AuctionPrice, formula: Formula = STANDARD_FORMULA, *, tick: int
) -> int:
    """The accumulator (base price times 10,000) after an auction that published a price.

    An auction of `full_volume_wh` or more counts with `alpha_bps`, a smaller one in proportion.
    """
    full = formula.full_volume_wh
    weight = formula.alpha_bps * min(auction.volume_wh, full) // full
    price = max(auction.price_per_kwh, tick)
    return (accumulator * (BPS - weight) + price * SCALE * weight) // BPS


def base_of(accumulator: int, *, tick: int) -> PricePerKwh:
    """Base price of an accumulator, on a tick, at least one."""
    if tick <= 0:
        raise InvalidValueError("price step", expected="above 0", found=tick)
    return PricePerKwh(max(accumulator // SCALE // tick * tick, tick))


def _factor(ratio_bps: int, formula: Formula) -> int:
    return _clamp(ratio_bps, formula.lowest_factor_bps, formula.highest_factor_bps)


def _clamp(value: int, lowest: int, highest: int) -> int:
    return lowest if value < lowest else min(value, highest)

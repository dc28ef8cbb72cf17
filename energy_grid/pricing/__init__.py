"""The reference price of a zone: the arithmetic of `PriceOracle`, without a chain.

- `params`: what it is computed from
- `formula`: how
- `table`: what is normal at which time of the week
"""

from energy_grid.pricing.formula import (
    base_of,
    calculate_demand_impact,
    calculate_energy_price,
    calculate_stability_impact,
    calculate_supply_impact,
    calculate_time_impact,
    get_base_price,
    move_accumulator,
    quote_energy,
    weighted_average,
)
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
from energy_grid.pricing.table import Normals, index_of, pack_table, read_table

__all__ = [
    "STANDARD_FORMULA",
    "AuctionPrice",
    "Demand",
    "EnergyQuote",
    "Formula",
    "GridMetrics",
    "Normals",
    "PriceFlag",
    "PriceHistory",
    "PriceParams",
    "Supply",
    "TimeOfWeek",
    "base_of",
    "calculate_demand_impact",
    "calculate_energy_price",
    "calculate_stability_impact",
    "calculate_supply_impact",
    "calculate_time_impact",
    "get_base_price",
    "index_of",
    "move_accumulator",
    "pack_table",
    "quote_energy",
    "read_table",
    "weighted_average",
]

"""The Python core of energy-grid: everything off chain builds on it, it imports nothing of theirs.

Integers everywhere for energy and money; names carry their unit. The rules stand in
`docs/specification.md`.
"""

from energy_grid.pricing import PriceParams, calculate_energy_price

__all__ = ["PriceParams", "calculate_energy_price"]

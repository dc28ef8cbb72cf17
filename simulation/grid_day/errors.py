"""What can stop a grid day on the chain."""

from __future__ import annotations

from simulation.errors import SimulationError


class GridDayError(SimulationError):
    """Chain and twin of a grid day do not fit, or a step of the day failed."""

"""What can stop a replay."""

from __future__ import annotations

from simulation.errors import SimulationError


class ReplayError(SimulationError):
    """Base of the errors of a replay."""


class DataError(ReplayError):
    """A file, a column or a value of the recorded market is not what it should be."""


class ReplayRefusedError(ReplayError):
    """The contract refused what it should accept, or accepted what it should refuse."""

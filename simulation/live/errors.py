"""What the live day raises."""

from __future__ import annotations

from energy_grid.errors import EnergyGridError


class LiveError(EnergyGridError):
    """The live day cannot go on."""

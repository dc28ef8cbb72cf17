"""What can be wrong with a decision."""

from __future__ import annotations

from energy_grid.errors import FatalError


class GovernanceError(FatalError):
    """A proposal cannot be made, is not what was meant, or may not go on now."""

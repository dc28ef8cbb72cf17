"""Interconnectors between the zones of a region. Section 6."""

from __future__ import annotations

from dataclasses import dataclass

from energy_grid.model.book import LOT_WH
from energy_grid.units import slot_energy_wh

MAX_REGION_ZONES = 7
MAX_INTERCONNECTORS = 12
MAX_POWER_W = 2**39 - 1
LINES_PER_ZONE = 2
"""The flows of a region have room in the results of its zones."""


@dataclass
class Interconnector:
    """A line from one zone to another. Its capacity may change for clearings to come."""

    from_zone: int
    to_zone: int
    forward_w: int
    back_w: int
    owner: str

    @property
    def forward_lots(self) -> int:
        """Most that can flow from `from_zone` to `to_zone` in a slot."""
        return slot_energy_wh(self.forward_w) // LOT_WH

    @property
    def back_lots(self) -> int:
        """Most that can flow the other way."""
        return slot_energy_wh(self.back_w) // LOT_WH

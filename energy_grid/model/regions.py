"""Regions: zones whose auctions are cleared together, and the lines between them. Section 6."""

from __future__ import annotations

from energy_grid.model.auction_clearing import AuctionClearing
from energy_grid.model.interconnectors import (
    LINES_PER_ZONE,
    MAX_INTERCONNECTORS,
    MAX_POWER_W,
    MAX_REGION_ZONES,
    Interconnector,
)
from energy_grid.model.refused import Refused


class Regions(AuctionClearing):
    """What governance says about zones and lines."""

    def zones_of(self, region: int) -> list[int]:
        """Zones of a region, its head first."""
        return [region, *self.members.get(region, [])]

    def join_region(self, zone: int, region: int) -> None:
        """Put a zone into a region before anything was traded in it."""
        if not zone or not region:
            raise Refused("ZoneZero")
        if zone == region or self.region_of(zone) != zone or self.members.get(zone):
            raise Refused("ZoneInRegion", zone=zone, region=self.region_of(zone))
        if self.zone(zone).terms.entries:
            raise Refused("ZoneHasTerms", zone=zone)
        if self.region_of(region) != region:
            raise Refused("NotAHeadZone", given=region, region=self.region_of(region))
        if len(self.zones_of(region)) == MAX_REGION_ZONES:
            raise Refused("TooManyZones", given=MAX_REGION_ZONES + 1, allowed=MAX_REGION_ZONES)
        self.members.setdefault(region, []).append(zone)
        self.zone(zone).region = region

    def add_interconnector(
        self, from_zone: int, to_zone: int, forward_w: int, back_w: int, owner: str
    ) -> int:
        """Join two zones of a region; returns the line's number there."""
        region = self.region_of(from_zone)
        if from_zone == to_zone or self.region_of(to_zone) != region:
            raise Refused("NotOneRegion", fromZone=from_zone, toZone=to_zone)
        if not owner:
            raise Refused("OwnerZero")
        _check_capacity(forward_w, back_w)
        lines = self.interconnectors.setdefault(region, [])
        allowed = min(MAX_INTERCONNECTORS, LINES_PER_ZONE * len(self.zones_of(region)))
        if len(lines) == allowed:
            raise Refused("TooManyInterconnectors", given=len(lines) + 1, allowed=allowed)
        lines.append(Interconnector(from_zone, to_zone, forward_w, back_w, owner))
        return len(lines) - 1

    def set_capacity(self, region: int, index: int, forward_w: int, back_w: int) -> None:
        """Change what a line can carry, for clearings to come."""
        _check_capacity(forward_w, back_w)
        line = self.interconnector(region, index)
        line.forward_w, line.back_w = forward_w, back_w

    def interconnector(self, region: int, index: int) -> Interconnector:
        """One line of a region."""
        if self.region_of(region) != region:
            raise Refused("NotAHeadZone", given=region, region=self.region_of(region))
        lines = self.interconnectors.get(region, [])
        if index >= len(lines):
            raise Refused("InterconnectorUnknown", region=region, index=index)
        return lines[index]


def _check_capacity(*powers_w: int) -> None:
    for power_w in powers_w:
        if power_w > MAX_POWER_W:
            raise Refused("CapacityTooLarge", given=power_w, allowed=MAX_POWER_W)

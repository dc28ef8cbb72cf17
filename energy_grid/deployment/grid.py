"""What a deployment gives to grid management: limits of the zones, and who reads its score."""

from __future__ import annotations

from collections.abc import Iterator

from energy_grid.contracts import Contracts
from energy_grid.deployment.oracles import OracleFact
from energy_grid.deployment.parameters import Parameters


def grid_facts(contracts: Contracts) -> Iterator[OracleFact]:
    """The reference price reads the stability of the zones."""
    prices, grid = contracts.price_oracle, contracts.grid_management
    call = prices.address, prices.encode("setStabilitySource", grid.address)
    found = prices.call("stabilitySource")
    yield OracleFact("PriceOracle", "stability source", grid.address, found, call)


def zone_grid_facts(
    contracts: Contracts, parameters: Parameters, zone: int
) -> Iterator[OracleFact]:
    """Limits of a zone's grid: those of the standard that the parameters name."""
    grid = contracts.grid_management
    voltage = parameters.ratings.voltage_millivolts
    expected = grid.call("presetLimits", int(parameters.grid_preset), voltage)
    call = grid.address, grid.encode("setGridLimits", zone, expected)
    found = grid.call("gridLimits", zone)
    yield OracleFact(f"zone {zone}", "grid limits", expected, found, call)

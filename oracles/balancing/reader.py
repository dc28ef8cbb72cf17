"""Reads one moment of the grid: states, demand response and flexibility as of one block."""

from __future__ import annotations

from energy_grid.contracts import Contracts
from energy_grid.units import SLOT_SECONDS
from oracles.balancing.demand import DemandReader
from oracles.balancing.flexible import FlexibilityReader
from oracles.balancing.scene import Scene
from oracles.balancing.zones import ZoneReader
from oracles.runtime.following import Follower


class SceneReader:
    """Follows the contracts of grid management.

    Args:
        contracts: the deployment.
    """

    def __init__(self, contracts: Contracts) -> None:
        self._rpc = contracts.rpc
        # The register of resources comes before who refers to it.
        followed = (
            contracts.grid_management,
            contracts.flexibility,
            contracts.demand_response,
        )
        records = contracts.deployment.contracts
        first_block = min(records[contract.name].block or 0 for contract in followed)
        self._follower = Follower(self._rpc, followed, first_block)
        self._zones = ZoneReader(contracts)
        self._demand = DemandReader(contracts)
        self._flexibility = FlexibilityReader(contracts)

    def read(self) -> Scene:
        """The moment of the newest block.

        Raises:
            RpcError: the node is away or behind.
        """
        head = self._rpc.block("latest")
        block = int(head["number"], 16)
        # When a transaction sent now would run: the slot may change with the block.
        now = max(self._rpc.timestamp("pending"), int(head["timestamp"], 16))
        events, was_reset = self._follower.read(block, str(head["hash"]))
        for part in (self._zones, self._demand, self._flexibility):
            if was_reset:
                part.start_anew()
            part.note(events)
        zones = self._zones.read(block)
        proposals, refused = self._flexibility.proposals(zones, block)
        return Scene(
            now=now,
            slot=now // SLOT_SECONDS,
            zones=zones,
            plans=self._demand.plans(now),
            events=self._demand.events(now, block),
            proposals=proposals,
            refused=refused,
            requests=self._flexibility.requests(now, block),
        )

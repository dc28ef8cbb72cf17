"""Gas of the grid's states: an update with nothing new, with a new round, with a halt, with a line.

`GridManagement` of its own over the world's market and an oracle that has reported all five feeds.
`stability_score_view` is what the price oracle asks for, with every place cold and the
21,000 of a transaction left in.
"""

from __future__ import annotations

from typing import Any, Final

from bench.gas.oracles import FEEDS, OracleBench
from bench.gas.world import World
from energy_grid.artifacts import Artifacts
from energy_grid.contracts import Contract, abi_of
from energy_grid.deployment.roles import Role
from energy_grid.feeds import standard_config
from energy_grid.grid.limits import GridPreset, GridState, preset_limits
from energy_grid.rpc import to_hex

_ZONE: Final = 1
_NO_ASSETS: Final = "0x" + "00" * 20


class BreakerBench:
    """Grid management of one zone, and the rounds it looks at."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.oracle = OracleBench(world)
        self.grid = _deploy(world, self.oracle.oracle)
        manager = world.contracts.access_manager
        for role in (Role.BREAKER, Role.GRID):
            world.send(world.governor, manager, "grantRole", role, self.grid.address, 0)
        limits = preset_limits(GridPreset.EN_50160_50HZ, 230_000)
        world.send(world.governor, self.grid, "setGridLimits", _ZONE, limits.as_tuple())

    def round(self, **values: int) -> None:
        """The next round of every feed."""
        step = standard_config(FEEDS[0]).round_seconds
        round_ = self.world.now() // step + 1
        self.world.travel_to(round_ * step)
        self.oracle.all_feeds(round_, **values)

    def update(self, expected: GridState) -> int:
        """Gas of an update that must lead to a state."""
        gas = self.world.send(self.world.operator, self.grid, "updateGridState", _ZONE)
        state = GridState(self.grid.call("gridState", _ZONE)[0])
        if state is not expected:
            raise RuntimeError(f"state {expected.name} was to be measured, not {state.name}")
        return gas


def change_states(world: World) -> dict[str, int]:
    """A zone goes through its states."""
    bench = BreakerBench(world)
    sound = {"VOLTAGE": 230_000}
    gas: dict[str, int] = {}
    bench.round(**sound)
    gas["grid_update_first"] = bench.update(GridState.NORMAL)
    gas["grid_update_nothing_new"] = bench.update(GridState.NORMAL)
    bench.round(**sound)
    gas["grid_update_new_round"] = bench.update(GridState.NORMAL)
    gas["stability_score_view"] = _estimate(world, bench.grid, "stabilityScore", _ZONE)
    bench.round(FREQUENCY=49_750, **sound)
    gas["grid_update_to_emergency_with_halt"] = bench.update(GridState.EMERGENCY)
    bench.round(FREQUENCY=49_750, **sound)
    gas["grid_update_in_emergency"] = bench.update(GridState.EMERGENCY)
    for calm in range(1, 6):
        bench.round(**sound)
        bench.update(GridState.EMERGENCY if calm < 3 else GridState.ALERT)
    bench.round(**sound)
    gas["grid_update_to_normal"] = bench.update(GridState.NORMAL)
    return gas


def _estimate(world: World, grid: Contract, function: str, *arguments: Any) -> int:
    data = to_hex(grid.abi.encode(function, *arguments))
    call = {"from": world.governor, "to": grid.address, "data": data}
    answer: Any = world.rpc.call("eth_estimateGas", call)
    return int(answer, 16)


def _deploy(world: World, oracle: Contract) -> Contract:
    artifacts, contracts = Artifacts.load(), world.contracts
    abi = abi_of("GridManagement", artifacts)
    code = bytes.fromhex(artifacts.get("GridManagement").creation_code) + abi.encode_constructor(
        contracts.access_manager.address,
        oracle.address,
        contracts.smart_meter.address,
        contracts.energy_trading.address,
        _NO_ASSETS,
    )
    transaction = {"from": world.governor, "data": to_hex(code), "gasPrice": "0x0"}
    receipt = world.rpc.wait_for_receipt(world.rpc.call("eth_sendTransaction", transaction))
    return Contract("GridManagement", receipt["contractAddress"], abi, world.rpc)

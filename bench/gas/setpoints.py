"""Gas of resources and set-points, with the world's meters and an oracle that has reported.

Reading a set-point costs nothing to who asks from outside; the figure is what a contract pays, with
every place cold and the 21,000 of a transaction left in.
"""

from __future__ import annotations

from typing import Any, Final

from bench.gas.oracles import FEEDS, REPORTERS, OracleBench
from bench.gas.people import Household
from bench.gas.world import World
from energy_grid.abi import Abi
from energy_grid.artifacts import Artifacts
from energy_grid.contracts import Contract
from energy_grid.feeds import min_answers, standard_config
from energy_grid.grid.curves import CurveKind
from energy_grid.grid.resources import ResourceClass, ResourceRatings
from energy_grid.rpc import to_hex

_NO_ASSETS: Final = "0x" + "00" * 20
_ROOF: Final = ResourceRatings(0, 5_000, 5_500)
_POINTS: Final = [
    *((-5_000, 10_000), (-2_500, 9_200), (-1_000, 3_000), (-200, 0)),
    *((200, 0), (1_000, -3_000), (1_500, -5_200), (5_000, -10_000)),
]


def ask_and_set(world: World, household: Household) -> dict[str, int]:
    """Register resources, set a curve, change it, ask for set-points."""
    oracle = _reporting_oracle(world)
    grid = _deploy(world, oracle)
    governor, owner = world.governor, household.address
    world.send(governor, grid, "setNominals", 1, (230_000, 50_000))
    resource = (ResourceClass.PV, household.meter_id, 0, _ROOF.as_tuple())
    gas = {
        "resource_register_first": world.send(owner, grid, "registerResource", resource),
        "resource_register_second": world.send(owner, grid, "registerResource", resource),
        "resource_change": world.send(owner, grid, "changeResource", 1, _ROOF.as_tuple()),
        "setpoint_view_default_curves": _estimate(world, grid),
    }
    curve = (1, ResourceClass.PV, CurveKind.DROOP, _POINTS)
    gas["curve_set_8_points"] = world.send(governor, grid, "setCurve", *curve)
    gas["curve_set_8_points_again"] = world.send(
        governor, grid, "setCurve", *curve[:3], [*_POINTS[:-1], (5_000, -9_000)]
    )
    gas["setpoint_view_own_curve"] = _estimate(world, grid)
    gas["resource_withdraw"] = world.send(owner, grid, "withdrawResource", 1)
    return gas


def _estimate(world: World, grid: Contract) -> int:
    status = grid.call("setpoint", 1)[-1]
    if status != 0:
        raise RuntimeError(f"a set-point of status OK was to be measured, not of {status}")
    data = to_hex(grid.abi.encode("setpoint", 1))
    call = {"from": world.governor, "to": grid.address, "data": data}
    answer: Any = world.rpc.call("eth_estimateGas", call)
    return int(answer, 16)


def _reporting_oracle(world: World) -> Contract:
    bench = OracleBench(world)
    step = standard_config(FEEDS[0]).round_seconds
    round_ = world.now() // step + 1
    world.travel_to(round_ * step)
    for feed in FEEDS:
        bench.one(feed, round_, min_answers(REPORTERS))
    return bench.oracle


def _deploy(world: World, oracle: Contract) -> Contract:
    artifact = Artifacts.load().get("GridResourcesHarness")
    abi = Abi("GridResourcesHarness", artifact.abi)
    contracts = world.contracts
    addresses = (contracts.access_manager.address, contracts.smart_meter.address, oracle.address)
    code = bytes.fromhex(artifact.creation_code) + abi.encode_constructor(*addresses, _NO_ASSETS)
    transaction = {"from": world.governor, "data": to_hex(code), "gasPrice": "0x0"}
    receipt = world.rpc.wait_for_receipt(world.rpc.call("eth_sendTransaction", transaction))
    return Contract("GridResourcesHarness", receipt["contractAddress"], abi, world.rpc)

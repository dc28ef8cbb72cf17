"""From an event on chain to the order at a device, through the parts that the bridge runs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from energy_grid.deployments import Deployment
from energy_grid.errors import FatalError
from energy_grid.grid.setpoints import SetPoint
from meter_bridge.clock import ChainClock
from meter_bridge.commands.orders import Answer, Order
from meter_bridge.commands.running import Commands, commands_for
from meter_bridge.config import BridgeConfig
from meter_bridge.errors import BridgeConfigurationError
from tests.utils.anvil import Anvil
from tests.utils.demand_street import PV, Street

CONFIG = """
[chain]
rpc_url = "{url}"
chain_id = 31337
deployment = "31337.json"
confirmations = 3
[relayer]
keystore = "relayer.json"
password_file = "password"
[store]
path = "bridge.sqlite"
[commands]
cursor = "commands.json"
poll_seconds = 0.1
[[meter]]
id = 1
keystore = "1.json"
password_file = "password"
source = "tcp://127.0.0.1:1"
[[device]]
resource = 1
meter = 1
executor = "sunspec://127.0.0.1:1/1"
rated_w = 5000
"""


class Device:
    """Accepts everything."""

    name = "device"

    def __init__(self) -> None:
        self.orders: list[Order] = []

    async def send(self, order: Order, now: int) -> Answer | None:
        self.orders.append(order)
        return Answer(order.resource, order.order_id, True)

    def close(self) -> None:
        pass


@pytest.fixture
def street() -> Iterator[Street]:
    with Anvil() as chain:
        found = Street(chain)
        found.send(found.operator, found.world, "addMeter", found.owner, 1, 0, 1)
        yield found


def config_of(street: Street, folder: Path) -> BridgeConfig:
    (folder / "bridge.toml").write_text(CONFIG.format(url=street.chain.url))
    return BridgeConfig.load(folder / "bridge.toml", {})


@pytest.fixture
def deployed(street: Street, monkeypatch: pytest.MonkeyPatch) -> dict[str, tuple[str, str]]:
    """A deployment's contracts, type and address by name."""
    contracts = {
        "SmartMeter": ("MockDemandWorld", street.world.address),
        "DemandResponse": ("DemandResponse", street.response.address),
    }

    def read(_path: Path, _chain_id: int) -> SimpleNamespace:
        return SimpleNamespace(
            contracts={
                name: SimpleNamespace(contract=kind) for name, (kind, _) in contracts.items()
            },
            address_of=lambda name: contracts[name][1],
        )

    monkeypatch.setattr(Deployment, "read", read)
    return contracts


def run(commands: Commands, device: Device, *steps: tuple[Callable[[], None], int]) -> None:
    """Let it run; after each step wait for so many orders in all."""

    async def scenario() -> None:
        task = asyncio.ensure_future(commands.run())
        for act, count in steps:
            await asyncio.to_thread(act)
            for _ in range(200):
                if len(device.orders) >= count or task.done():
                    break
                await asyncio.sleep(0.05)
            assert len(device.orders) == count
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(scenario())


def test_commands__from_publication_to_order_and_back_to_free(
    street: Street, tmp_path: Path, deployed: dict[str, tuple[str, str]]
) -> None:
    commands = commands_for(config_of(street, tmp_path), street.rpc, ChainClock(street.rpc))
    assert commands is not None
    device = Device()
    commands.desk.executors = {PV: device}
    street.publish(limit_w=1_500)
    street.choose("join")
    starts_at = (street.rpc.timestamp() // 900 + 2) * 900

    def end() -> None:
        street.send(street.operator, street.response, "endEvent", 1)

    run(
        commands,
        device,
        (lambda: None, 1),
        (lambda: street.chain.advance_to(starts_at), 2),
        (end, 3),
    )

    before, limit, after = device.orders
    assert before.is_free
    assert after.is_free
    assert (limit.resource, limit.export_limit_w) == (PV, 1_500)
    assert limit.expires_at == starts_at + 900
    assert (tmp_path / "commands.json").exists()


def test_commands__with_grid_management__the_set_point_is_part_of_the_order(
    street: Street, tmp_path: Path, deployed: dict[str, tuple[str, str]]
) -> None:
    deployed["GridManagement"] = ("MockDemandWorld", street.world.address)
    street.send(street.operator, street.world, "setSetPoint", -2_000, 4_500, -100, 300, 77)
    commands = commands_for(config_of(street, tmp_path), street.rpc, ChainClock(street.rpc))
    assert commands is not None
    device = Device()
    commands.desk.executors = {PV: device}

    run(commands, device, (lambda: None, 1))

    assert device.orders[0].asks == (2_000, 4_500, None, None, -100, 300, ("set-point",))


def test_commands__node_away__goes_on_when_it_is_back(
    street: Street, tmp_path: Path, deployed: dict[str, tuple[str, str]]
) -> None:
    commands = commands_for(config_of(street, tmp_path), street.rpc, ChainClock(street.rpc))
    assert commands is not None
    device = Device()
    commands.desk.executors = {PV: device}
    url, street.rpc.url = street.rpc.url, "http://127.0.0.1:9"

    def back() -> None:
        street.rpc.url = url

    run(commands, device, (lambda: None, 0), (back, 1))

    assert device.orders[0].is_free


def test_commands__resource_that_does_not_exist__told_nothing_and_goes_on(
    street: Street, tmp_path: Path, deployed: dict[str, tuple[str, str]]
) -> None:
    commands = commands_for(config_of(street, tmp_path), street.rpc, ChainClock(street.rpc))
    assert commands is not None
    device, asked = Device(), 0
    commands.desk.executors = {PV: device}

    def set_point(_resource: int, _block: int) -> SetPoint:
        nonlocal asked
        asked += 1
        if asked < 3:
            raise FatalError("UnknownResource")
        return SetPoint(-1, 1)

    commands.set_point = set_point

    run(commands, device, (lambda: None, 1))

    assert asked >= 3


def test_commands__nothing_deployed_to_follow__refused(
    street: Street, tmp_path: Path, deployed: dict[str, tuple[str, str]]
) -> None:
    del deployed["DemandResponse"]

    with pytest.raises(BridgeConfigurationError, match="nothing to take commands from"):
        commands_for(config_of(street, tmp_path), street.rpc, ChainClock(street.rpc))

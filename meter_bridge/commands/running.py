"""The bridge's commands while it runs: look at the chain, tell the devices."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import structlog

from energy_grid.artifacts import BUILD_FILE, Artifacts
from energy_grid.contracts import Contract, abi_of
from energy_grid.deployments import Deployment
from energy_grid.errors import EnergyGridError
from energy_grid.feeds import FeedStatus
from energy_grid.grid.event_feed import EventFeed, Look, schedules
from energy_grid.grid.setpoints import SetPoint
from energy_grid.rpc import Rpc
from meter_bridge.clock import Clock
from meter_bridge.commands.desk import Desk, Executor
from meter_bridge.commands.mqtt import MqttOrders
from meter_bridge.commands.orders import Answer
from meter_bridge.commands.sunspec import SunSpecOrders
from meter_bridge.config import BridgeConfig, CommandsSection
from meter_bridge.errors import BridgeConfigurationError

_log = structlog.get_logger(__name__)

DEMAND: Final = "DemandResponse"
FLEXIBILITY: Final = "Flexibility"
GRID: Final = "GridManagement"


@dataclass(slots=True)
class Commands:
    """Follows the chain and keeps the desk busy.

    Args:
        section: the configuration.
        feed: makes the event feed; called once a node answers.
        zones: zone of each resource, likewise.
        lookup: `dispatchOf`, None without flexibility.
        set_point: what the curves ask of a resource at a block, None without grid management.
        desk: the devices.
        clock: what time it is.
    """

    section: CommandsSection
    feed: Callable[[], EventFeed]
    zones: Callable[[], dict[int, int]]
    lookup: Callable[[int, int, int], tuple[int, int]] | None
    set_point: Callable[[int, int], SetPoint] | None
    desk: Desk
    clock: Clock

    async def run(self) -> None:
        """Work until cancelled. Without the chain nothing is told any more, so orders end."""
        feed: EventFeed | None = None
        zones: dict[int, int] = {}
        look: Look | None = None
        try:
            while True:
                try:
                    if feed is None:
                        feed = await asyncio.to_thread(self.feed)
                    zones = zones or await asyncio.to_thread(self.zones)
                    look = await asyncio.to_thread(feed.look)
                except EnergyGridError as error:
                    # Whatever is wrong here, meters are read and signed all the same.
                    _log.warning("grid not read", reason=str(error))
                if look is not None and zones:
                    await self._tell(look, zones)
                await asyncio.sleep(self.section.poll_seconds)
        finally:
            self.desk.close()

    async def _tell(self, look: Look, zones: dict[int, int]) -> None:
        try:
            now = await asyncio.to_thread(lambda: int(self.clock.now(fresh=True)))
            told = await asyncio.to_thread(schedules, look, zones, self.lookup, now)
            points = await asyncio.to_thread(self._set_points, look)
            await self.desk.step(told, now, look.time, points)
        except EnergyGridError as error:
            _log.warning("devices not told", reason=str(error))

    def _set_points(self, look: Look) -> dict[int, SetPoint]:
        if self.set_point is None:
            return {}
        return {one: self.set_point(one, look.block) for one in self.desk.executors}


def commands_for(config: BridgeConfig, rpc: Rpc, clock: Clock) -> Commands | None:
    """What the configuration asks for; None if it asks for no commands.

    Raises:
        BridgeConfigurationError: the deployment has nothing to follow.
    """
    section = config.commands
    if section is None:
        return None
    deployment = Deployment.read(config.chain.deployment, config.chain.chain_id)
    artifacts = Artifacts.load(BUILD_FILE)

    def contract(name: str) -> Contract:
        abi = abi_of(deployment.contracts[name].contract, artifacts)
        return Contract(name, deployment.address_of(name), abi, rpc)

    followed = [contract(n) for n in (DEMAND, FLEXIBILITY, GRID) if n in deployment.contracts]
    if not followed:
        raise BridgeConfigurationError(
            "nothing to take commands from",
            expected=f"{DEMAND}, {FLEXIBILITY} or {GRID} in the deployment",
            remedy="Name a newer deployment, or leave [commands] out",
        )
    meters = contract("SmartMeter")
    flexibility = next((one for one in followed if one.name == FLEXIBILITY), None)

    def power_of(resource: int, slot: int, block: int) -> tuple[int, int]:
        assert flexibility is not None
        power_w, request = flexibility.call("dispatchOf", resource, slot, block=block)
        return int(power_w), int(request)

    grid = next((one for one in followed if one.name == GRID), None)

    def set_point_of(resource: int, block: int) -> SetPoint:
        assert grid is not None
        return set_point_from(grid.call("setpoint", resource, block=block))

    return Commands(
        section=section,
        feed=lambda: EventFeed(
            rpc, followed, section.cursor, section.first_block, config.chain.confirmations
        ),
        zones=lambda: {
            device.resource: int(meters.call("meterInfo", device.meter).zone)
            for device in config.device
        },
        lookup=None if flexibility is None else power_of,
        set_point=None if grid is None else set_point_of,
        desk=desk_for(config, section),
        clock=clock,
    )


def set_point_from(found: Any) -> SetPoint:
    """The answer of `setpoint`."""
    return SetPoint(
        lowest_w=int(found.lowestW),
        highest_w=int(found.highestW),
        droop_w=int(found.droopW),
        reactive_var=int(found.reactiveVar),
        based_on=int(found.basedOn),
        status=FeedStatus(int(found.status)),
    )


def desk_for(config: BridgeConfig, section: CommandsSection) -> Desk:
    """The devices of a configuration. To be called where the bridge's loop runs."""
    executors: dict[int, Executor] = {}
    desk = Desk(executors, section.lease_seconds)
    over_mqtt = {one.resource: one.meter for one in config.device if one.executor == "mqtt"}
    if over_mqtt and config.mqtt is not None:
        loop = asyncio.get_running_loop()

        def on_answer(answer: Answer) -> None:
            loop.call_soon_threadsafe(desk.hear, answer)

        executors |= dict.fromkeys(over_mqtt, MqttOrders(config.mqtt, over_mqtt, on_answer))
    for device in config.device:
        if device.executor != "mqtt" and device.rated_w is not None:
            where = device.executor
            executors[device.resource] = SunSpecOrders(
                where.host, where.port, where.unit, device.rated_w
            )
    return desk

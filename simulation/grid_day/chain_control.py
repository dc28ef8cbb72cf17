"""The chain steers the twin: measurements become oracle rounds, what follows from them commands.

Every step: reporters' values of all zones and the states of the zones in one block; set-points of
all devices read back from it; flexibility called, allocated and dispatched where it is needed. The
twin executes all of it in its next step.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from energy_grid.feeds import FeedStatus
from energy_grid.slots import slot_of
from simulation.grid_day.balancing import needs_of
from simulation.grid_day.chain_demand import DemandDesk
from simulation.grid_day.chain_flexibility import FlexibilityDesk
from simulation.grid_day.chain_oracle import GridReporters
from simulation.grid_day.chain_resources import ResourceBook, SetPoint
from simulation.grid_day.chain_world import GridDayKeys
from simulation.grid_day.chain_zones import ChainZone
from simulation.grid_day.control import (
    Commands,
    DeviceClass,
    DeviceCommand,
    DeviceState,
    GridLayout,
    Measurement,
    ResponseCurves,
)
from simulation.grid_day.flexbook import Ask, FlexBook, Offer
from simulation.grid_day.limiting import lowest_w, plans_of
from simulation.grid_day.trace import STATES
from simulation.market_day.chain import Call, Chain

_GAS_UPDATE: Final = 1_500_000
_TRUSTED: Final = (FeedStatus.OK, FeedStatus.FALLBACK)


@dataclass
class Record:
    """What the chain did over the day.

    Attributes:
        rounds: oracle rounds published, over all feeds.
        setpoints: set-points read.
        setpoint_blocks: most blocks between a value and the set-points that follow from it.
        gas: gas of each step.
        halts: halts pushed into the market.
        limited_lines: capacities of lines given to the market.
    """

    rounds: int = 0
    setpoints: int = 0
    setpoint_blocks: int = 0
    gas: list[int] = field(default_factory=list)
    halts: int = 0
    limited_lines: int = 0


@dataclass(frozen=True)
class Minute:
    """A step with what came of it, for the view.

    Attributes:
        seen: what was measured.
        states: state by zone.
        dispatched_w: flexibility called, positive: more feed-in or less draw.
        events: for people.
    """

    seen: Measurement
    states: Mapping[int, int]
    dispatched_w: int
    events: Sequence[str]


class ChainControl:
    """Steers the twin by what the contracts say.

    Args:
        chain: the chain; its clock follows the twin's.
        keys: who signs and pays.
        layout: the grid.
        zones: its zones on the chain.
        reporters: sign the rounds.
        book: registered devices.
        calls: offers and what was called.
        flexibility: sends requests and allocations.
        demand: publishes events.
        tell: told every step.
    """

    def __init__(
        self,
        chain: Chain,
        keys: GridDayKeys,
        layout: GridLayout,
        zones: Sequence[ChainZone],
        reporters: GridReporters,
        book: ResourceBook,
        calls: FlexBook,
        flexibility: FlexibilityDesk,
        demand: DemandDesk,
        tell: Callable[[Minute], None],
    ) -> None:
        self._chain = chain
        self._keys = keys
        self._layout = layout
        self._zones = tuple(zones)
        self._reporters = reporters
        self._book = book
        self._book_of_calls = calls
        self._flexibility = flexibility
        self._demand = demand
        self._tell = tell
        self._grid = chain.contracts["GridManagement"]
        self._curves: ResponseCurves = book.curves(self._zones[-1])
        self._states: dict[int, int] = {zone.zone: 0 for zone in self._zones}
        self._specs = {device.device_id: device for device in layout.devices}
        self.record = Record()

    def measure(self, measurement: Measurement) -> Commands:
        """Publish a step, read what follows, call what is needed."""
        events: list[str] = []
        value_block, receipts = self._publish(measurement)
        events += self._note(receipts)
        set_points = self._book.set_points()
        self.record.setpoints += len(set_points)
        blocks = self._chain.rpc.block_number() - value_block
        self.record.setpoint_blocks = max(self.record.setpoint_blocks, blocks)
        events += self._balance(measurement, value_block)
        slot = slot_of(measurement.unix)
        dispatched = self._book_of_calls.dispatched_w(slot)
        limited = lowest_w(self._demand.events, slot)
        self._tell(Minute(measurement, dict(self._states), sum(dispatched.values()), events))
        commands = self._commands(measurement, set_points, dispatched, limited)
        return Commands(self._curves, commands)

    def _publish(self, seen: Measurement) -> tuple[int, list[dict[str, Any]]]:
        """One block: the values of all zones, then the state that follows in each."""
        values = {zone.zone: zone.values(seen) for zone in self._zones}
        keeper = self._keys.keeper
        calls = [self._reporters.round_call(keeper, seen.unix, values)]
        calls += [
            Call(keeper, self._grid, "updateGridState", (zone.zone,), _GAS_UPDATE, zone.name)
            for zone in self._zones
        ]
        self._chain.rpc.call("evm_setNextBlockTimestamp", hex(seen.unix + 1))
        receipts = self._chain.send(calls)
        self.record.gas.append(sum(int(receipt["gasUsed"], 16) for receipt in receipts))
        self.record.rounds += sum(
            event.name == "RoundPublished"
            for event in self._chain.contracts.grid_oracle.decode_logs(receipts[0])
        )
        return int(receipts[0]["blockNumber"], 16), receipts

    def _note(self, receipts: Sequence[Mapping[str, Any]]) -> list[str]:
        """States that changed and halts that were pushed."""
        events = []
        for receipt in receipts[1:]:
            for event in self._grid.decode_logs(receipt):
                if event.name == "GridStateChanged":
                    self._states[int(event.zone)] = int(event.to)
                    before, after = STATES[int(event.arguments["from"])], STATES[int(event.to)]
                    events.append(f"{self._name(int(event.zone))}: {before} → {after}")
                elif event.name == "HaltPushed":
                    self.record.halts += 1
                elif event.name == "LineLimited":
                    self.record.limited_lines += 1
        return events

    def _balance(self, seen: Measurement, value_block: int) -> list[str]:
        """Publish, call and dispatch what is needed now, in the two blocks after the value's."""
        slot = slot_of(seen.unix)
        troubled = frozenset(zone for zone, state in self._states.items() if state)
        plans = plans_of(self._layout, self._zones, seen, troubled, self._demand.events)
        asks, offers = self._asks(seen, slot)
        requests = self._flexibility.request_calls(asks)
        receipts = self._chain.send([*requests, *self._demand.publish_calls(plans)])
        of_requests, of_events = receipts[: len(asks)], receipts[len(asks) :]
        allocations = self._flexibility.allocate_calls(asks, offers, of_requests)
        receipts = self._chain.send([*allocations, *self._demand.enrol_calls(plans, of_events)])
        enrolled = self._demand.take(receipts[len(asks) :])
        told = []
        for called in self._flexibility.take(asks, offers, receipts[: len(asks)], value_block):
            self._book_of_calls.take(called.ask, called.accepted_w)
            power_w = sum(called.accepted_w.values())
            told.append(
                f"{self._name(called.ask.zone)}: {called.ask.direction.name} "
                f"{power_w / 1_000:.1f} of {called.ask.power_w / 1_000:.1f} kW ({called.ask.cause})"
            )
        told += [f"{self._name(plan.zone)}: cars and heat pumps are limited" for plan in plans]
        if enrolled:
            told.append(f"{enrolled} devices take part")
        # What is called comes first: it is due within two blocks.
        if self._book_of_calls.renews_soon(seen.unix):
            spent = self._book_of_calls.spent(self._specs, seen, slot + 1)
            self._chain.send(self._flexibility.remove_calls(spent))
        return told

    def _asks(self, seen: Measurement, slot: int) -> tuple[list[Ask], list[list[Offer]]]:
        """What to call, with the offers that cover it; nothing where nobody offers."""
        book = self._book_of_calls
        needs = needs_of(self._layout, self._zones, seen, book.available_w(slot))
        asks = book.asks(needs, seen.unix)
        if book.renews(seen.unix):
            needs = needs_of(
                self._layout, self._zones, seen, book.available_w(slot + 1), book.held_w(slot)
            )
            asks += book.renewals(needs, seen.unix)
        offers = [book.offers_for(ask.zone, ask.direction, ask.slot) for ask in asks]
        pairs = [(ask, found) for ask, found in zip(asks, offers, strict=True) if found]
        return [ask for ask, _ in pairs], [found for _, found in pairs]

    def _commands(
        self,
        seen: Measurement,
        set_points: Mapping[int, SetPoint],
        dispatched: Mapping[int, int],
        limited: Mapping[int, int],
    ) -> dict[int, DeviceCommand]:
        states = {state.device_id: state for state in seen.devices}
        return {
            number: command_of(
                self._layout.devices[number - 1].device_class,
                states[number],
                set_point,
                dispatched.get(number, 0),
                limited.get(number),
            )
            for number, set_point in set_points.items()
        }

    def _name(self, zone: int) -> str:
        return self._zones[zone - 1].name


def command_of(
    device_class: DeviceClass,
    state: DeviceState,
    set_point: SetPoint,
    dispatched_w: int,
    limited_w: int | None,
) -> DeviceCommand:
    """What a device is told: its dispatch, within what the set-point and an event allow.

    Reactive power and droop are left to the device, which applies the same curves to its own
    terminals at once: reactive power that all gave for the worst voltage of the zone would load
    the transformer for nothing. Where the set-point rests on no trusted value the device keeps to
    its own terminals altogether.
    """
    lowest_w = highest_w = planned_w = None
    if set_point.status in _TRUSTED:
        lowest_w, highest_w = set_point.lowest_w, set_point.highest_w
    if dispatched_w:
        planned_w = state.usual_w + dispatched_w
        if device_class is DeviceClass.PV:
            # A limit, not a plan: the sun may give less.
            highest_w = min(planned_w, planned_w if highest_w is None else highest_w)
            planned_w = None
    if limited_w is not None:
        lowest_w = limited_w if lowest_w is None else max(limited_w, lowest_w)
    return DeviceCommand(planned_w=planned_w, lowest_w=lowest_w, highest_w=highest_w)

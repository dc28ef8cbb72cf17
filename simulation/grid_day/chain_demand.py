"""Demand response on the chain: the operators' plans, events, and who takes part in them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from simulation.grid_day.chain_resources import ResourceBook
from simulation.grid_day.chain_world import GridDayKeys
from simulation.grid_day.chain_zones import ChainZone
from simulation.grid_day.control import GridLayout
from simulation.grid_day.limiting import (
    EVENT_SLOTS,
    IMPORT_LIMIT_W,
    LIMITED_CLASSES,
    LimitEvent,
    LimitPlan,
)
from simulation.market_day.chain import Call, Chain

_ALERT: Final = 1
_IMPORT_LIMIT: Final = 1
_OPT_OUT: Final = 1
_GAS_PLAN: Final = 200_000
_GAS_PUBLISH: Final = 600_000
_GAS_ENROL: Final = 15_000_000
_RESOURCES_A_CALL: Final = 64


class DemandDesk:
    """Publishes events where they are planned and enrols the devices they are for.

    Args:
        chain: where they are published.
        keys: everybody.
        layout: all devices.
        zones: zones with a plan.
        book: registered devices.
    """

    def __init__(
        self,
        chain: Chain,
        keys: GridDayKeys,
        layout: GridLayout,
        zones: Sequence[ChainZone],
        book: ResourceBook,
    ) -> None:
        self._chain, self._keys, self._book = chain, keys, book
        self._demand = chain.contracts["DemandResponse"]
        self._zones = {zone.zone: zone for zone in zones}
        self._device_of: dict[int, int] = {}
        self._limited = {
            zone.zone: [
                layout.devices[place].device_id
                for place in zone.device_places
                if layout.devices[place].device_class in LIMITED_CLASSES
            ]
            for zone in zones
        }
        self.events: list[LimitEvent] = []
        self._classes = sum(1 << int(device_class) for device_class in LIMITED_CLASSES)

    def set_plans(self) -> None:
        """Every operator says what the state of its zone may publish."""
        self._device_of = {resource: device for device, resource in self._book.resource_ids.items()}
        plan = (_ALERT, self._classes, _IMPORT_LIMIT, EVENT_SLOTS, IMPORT_LIMIT_W)
        self._chain.send(
            [
                Call(
                    self._keys.operators[zone],
                    self._demand,
                    "setStatePlan",
                    (zone, plan),
                    _GAS_PLAN,
                )
                for zone in self._zones
            ]
        )

    def publish_calls(self, plans: Sequence[LimitPlan]) -> list[Call]:
        """Transactions that publish events."""
        return [self._publish_call(plan) for plan in plans]

    def _publish_call(self, plan: LimitPlan) -> Call:
        what = f"zone {plan.zone}"
        if plan.by_state:
            arguments: tuple[Any, ...] = (plan.zone,)
            return Call(
                self._keys.keeper, self._demand, "publishByState", arguments, _GAS_PUBLISH, what
            )
        terms = (
            plan.zone,
            self._classes,
            _IMPORT_LIMIT,
            _OPT_OUT,
            plan.from_slot,
            plan.from_slot + EVENT_SLOTS,
            IMPORT_LIMIT_W,
        )
        operator = self._keys.operators[plan.zone]
        return Call(operator, self._demand, "publishEvent", (terms, []), _GAS_PUBLISH, what)

    def enrol_calls(self, plans: Sequence[LimitPlan], receipts: Sequence[Any]) -> list[Call]:
        """Transactions that enrol the devices of published events; anybody can send them."""
        calls = []
        for plan, receipt in zip(plans, receipts, strict=True):
            (event_id,) = [
                int(event.eventId)
                for event in self._demand.decode_logs(receipt)
                if event.name == "EventPublished"
            ]
            ids = [
                self._book.resource_ids[device]
                for device in self._limited[plan.zone]
                if device in self._book.resource_ids
            ]
            calls += [
                Call(
                    self._keys.keeper,
                    self._demand,
                    "enrol",
                    (event_id, ids[first : first + _RESOURCES_A_CALL]),
                    _GAS_ENROL,
                    f"event {event_id}",
                )
                for first in range(0, len(ids), _RESOURCES_A_CALL)
            ]
            self.events.append(
                LimitEvent(
                    event_id,
                    plan.zone,
                    plan.from_slot,
                    plan.from_slot + EVENT_SLOTS,
                    frozenset(),
                )
            )
        return calls

    def take(self, receipts: Sequence[Any]) -> int:
        """Note who takes part, by the events of the enrolments; how many."""
        joined: dict[int, set[int]] = {}
        for receipt in receipts:
            for event in self._demand.decode_logs(receipt):
                if event.name == "ResourceJoined":
                    device = self._device_of[int(event.resourceId)]
                    joined.setdefault(int(event.eventId), set()).add(device)
        self.events = [
            LimitEvent(
                event.event_id,
                event.zone,
                event.from_slot,
                event.to_slot,
                event.device_ids | joined.get(event.event_id, set()),
            )
            for event in self.events
        ]
        return sum(map(len, joined.values()))

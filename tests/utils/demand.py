"""Demand response on a chain of its own, with neighbours that say what the test tells them."""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from typing import Any, Final

from energy_grid.abi import Event
from energy_grid.artifacts import Artifacts
from tests.utils.revm import Contract, Revm

GOVERNOR: Final = "0x00000000000000000000000000000000000000A1"
GUARDIAN: Final = "0x00000000000000000000000000000000000000A2"
OPERATOR: Final = "0x00000000000000000000000000000000000000B1"
OTHER_OPERATOR: Final = "0x00000000000000000000000000000000000000b2"
DISPATCHER: Final = "0x00000000000000000000000000000000000000b3"
ANYBODY: Final = "0x00000000000000000000000000000000000000C1"
ALICE: Final = "0x00000000000000000000000000000000000000D1"
BOB: Final = "0x00000000000000000000000000000000000000D2"
CAROL: Final = "0x00000000000000000000000000000000000000D3"
GUARDIAN_ROLE: Final = 1
SLOT: Final = 900
START: Final = 1_900_000_800
"""A quarter hour begins here."""
NOW_SLOT: Final = START // SLOT
ZONE: Final = 1
OTHER_ZONE: Final = 2


class Kind(IntEnum):
    """`ResourceClass`."""

    PV = 0
    BATTERY = 2
    EV = 3
    HEAT_PUMP = 4


class Signal(IntEnum):
    """`SignalKind`."""

    LEVEL = 0
    IMPORT_LIMIT = 1
    EXPORT_LIMIT = 2
    PRICE = 3


class Mode(IntEnum):
    """`EventMode`."""

    OPT_IN = 0
    OPT_OUT = 1


class Choice(IntEnum):
    """`Choice`."""

    NONE = 0
    JOINED = 1
    LEFT = 2


class Status(IntEnum):
    """`EventStatus`."""

    UNKNOWN = 0
    UPCOMING = 1
    ACTIVE = 2
    COMPLETED = 3
    CANCELLED = 4


class State(IntEnum):
    """`GridState`."""

    NORMAL = 0
    ALERT = 1
    EMERGENCY = 2
    BLACKOUT = 3
    RESTORATION = 4


RESOURCES: Final = (
    (ALICE, ZONE, Kind.PV, 1),
    (ALICE, ZONE, Kind.BATTERY, 1),
    (BOB, ZONE, Kind.PV, 2),
    (BOB, ZONE, Kind.HEAT_PUMP, 2),
    (CAROL, OTHER_ZONE, Kind.PV, 3),
)
"""Owner, zone, kind and meter; ids from 1."""
ALL_KINDS: Final = 0b1111111
PV_ONLY: Final = 1 << Kind.PV


class DemandStage:
    """Two zones with their operators, three households with five resources."""

    def __init__(self) -> None:
        self.chain = Revm(Artifacts.load(), GOVERNOR)
        self.chain.at(START)
        self.authority = self.chain.deploy("GridAccessManager", GOVERNOR)
        self.world = self.chain.deploy("MockDemandWorld")
        self.calendar = self.chain.deploy("MockEventCalendar")
        world = self.world.address
        self.response: Contract = self.chain.deploy(
            "DemandResponse",
            self.authority.address,
            world,
            self.calendar.address,
            world,
            world,
            world,
        )
        selector = self.response.abi.encode("stopEvent", 0)[:4]
        self.authority.send(
            GOVERNOR, "setTargetFunctionRole", self.response.address, [selector], GUARDIAN_ROLE
        )
        self.authority.send(GOVERNOR, "grantRole", GUARDIAN_ROLE, GUARDIAN, 0)
        self.world.send(GOVERNOR, "setOperator", ZONE, OPERATOR)
        self.world.send(GOVERNOR, "setOperator", OTHER_ZONE, OTHER_OPERATOR)
        for meter, (owner, zone) in enumerate(
            ((ALICE, ZONE), (BOB, ZONE), (CAROL, OTHER_ZONE)), start=1
        ):
            self.world.send(GOVERNOR, "addMeter", owner, meter, 0, zone)
        for resource in RESOURCES:
            self.world.send(GOVERNOR, "addResource", *resource)

    def terms(self, **changes: Any) -> tuple[Any, ...]:
        """A `NewDemandEvent`: PV of the zone limited to 1 kW, in slots 2 and 3 from now."""
        fields: dict[str, Any] = {
            "zone": ZONE,
            "classes": PV_ONLY,
            "kind": Signal.EXPORT_LIMIT,
            "mode": Mode.OPT_IN,
            "from_slot": self.slot + 2,
            "to_slot": self.slot + 4,
            "value": 1_000,
        }
        assert changes.keys() <= fields.keys()
        return tuple((fields | changes).values())

    @property
    def slot(self) -> int:
        """The slot that runs."""
        return self.chain.now // SLOT

    def at_slot(self, slot: int, seconds: int = 0) -> None:
        """Go to a slot's beginning, or some seconds from it."""
        self.chain.at(slot * SLOT + seconds)

    def publish(
        self, sender: str = OPERATOR, participants: Sequence[int] = (), **changes: Any
    ) -> int:
        """Publish an event and return its id."""
        return int(
            self.response.send(sender, "publishEvent", self.terms(**changes), list(participants))
        )

    def status(self, event_id: int) -> Status:
        """Standing of an event."""
        return Status(self.response.ask("statusOf", event_id))

    def choice(self, event_id: int, resource_id: int) -> Choice:
        """What is decided about a resource."""
        return Choice(self.response.ask("choiceOf", event_id, resource_id))

    def is_free(self, meter_id: int, from_slot: int, to_slot: int) -> bool:
        """Whether the calendar has these slots free."""
        return bool(self.calendar.ask("isFree", meter_id, from_slot, to_slot))

    def all_events(self) -> list[Event]:
        """What the last call left, of every kind, in order."""
        return self.response.all_events()

    def logged(self, name: str) -> Event:
        """The one event of a kind that the last call left."""
        (event,) = self.response.events(name)
        return event

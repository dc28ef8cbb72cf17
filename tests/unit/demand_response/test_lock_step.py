"""Demand response beside a slow model, step by step; and all of it rebuilt from its events.

The model keeps what was done in plain lists and answers every question by going through them.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from energy_grid.grid.schedule import PAYLOAD_BY_SIGNAL, FeedState, fold, schedule
from tests.utils.demand import (
    ALL_KINDS,
    ANYBODY,
    GOVERNOR,
    OPERATOR,
    OTHER_OPERATOR,
    RESOURCES,
    SLOT,
    Choice,
    DemandStage,
    Mode,
    Signal,
    State,
    Status,
)
from tests.utils.revm import Refused

RESOURCE_IDS = range(1, len(RESOURCES) + 1)
OPERATORS = {1: OPERATOR, 2: OTHER_OPERATOR}
PLAN = (State.ALERT, ALL_KINDS, Signal.LEVEL, 3, 2)


@dataclass
class ModelEvent:
    zone: int
    classes: int
    mode: int
    from_slot: int
    to_slot: int
    participants: tuple[int, ...]
    by_state: bool = False
    stopped_at: int = 0
    choices: dict[int, Choice] = field(default_factory=dict)
    released: set[int] = field(default_factory=set)

    def status(self, now: int) -> Status:
        if self.stopped_at:
            early = self.stopped_at < self.from_slot * SLOT
            return Status.CANCELLED if early else Status.COMPLETED
        if now < self.from_slot * SLOT:
            return Status.UPCOMING
        return Status.ACTIVE if now < self.to_slot * SLOT else Status.COMPLETED

    def is_for(self, resource: int) -> bool:
        _, zone, kind, _ = RESOURCES[resource - 1]
        named = not self.participants or resource in self.participants
        return zone == self.zone and bool(self.classes >> kind & 1) and named

    def slots_of(self, meter: int) -> set[int]:
        """What it has taken of a meter."""
        if not any(
            choice is Choice.JOINED and RESOURCES[resource - 1][3] == meter
            for resource, choice in self.choices.items()
        ):
            return set()
        end = self.to_slot
        if meter in self.released:
            end = max(self.from_slot, self.stopped_at // SLOT + 1)
        return set(range(self.from_slot, min(end, self.to_slot)))


class DemandMachine(RuleBasedStateMachine):
    @initialize()
    def begin(self) -> None:
        self.stage = DemandStage()
        self.model: list[ModelEvent] = []
        self.seen = FeedState()
        for zone, operator in OPERATORS.items():
            self.stage.response.send(operator, "setStatePlan", zone, PLAN)

    @property
    def now(self) -> int:
        return self.stage.chain.now

    def attempt(self, sender: str, function: str, *arguments: object) -> tuple[bool, object]:
        """Send, and take the events over as a reader of the chain would."""
        try:
            answer = self.stage.response.send(sender, function, *arguments)
        except Refused:
            return False, None
        self.seen = fold(self.seen, self.stage.all_events())
        return True, answer

    def taken(self, meter: int, but: ModelEvent | None = None) -> set[int]:
        found: set[int] = set()
        for event in self.model:
            if event is not but:
                found |= event.slots_of(meter)
        return found

    def can_take(self, event: ModelEvent, resource: int) -> bool:
        wanted = set(range(event.from_slot, event.to_slot))
        return not wanted & self.taken(RESOURCES[resource - 1][3], event)

    def chosen(self, number: int) -> tuple[int, ModelEvent] | None:
        if not self.model:
            return None
        place = number % len(self.model)
        return place + 1, self.model[place]

    @rule(seconds=st.sampled_from([1, 450, 899, 900, 2_000]))
    def wait(self, seconds: int) -> None:
        self.stage.chain.at(self.now + seconds)

    @rule(
        zone=st.sampled_from([1, 2]),
        classes=st.sampled_from([0, 1, 5, ALL_KINDS]),
        mode=st.sampled_from(list(Mode)),
        lead=st.integers(0, 3),
        length=st.integers(0, 4),
        participants=st.sets(st.sampled_from(list(RESOURCE_IDS)), max_size=3),
        by_wrong=st.booleans(),
    )
    def publish(
        self,
        zone: int,
        classes: int,
        mode: Mode,
        lead: int,
        length: int,
        participants: set[int],
        by_wrong: bool,
    ) -> None:
        slot = self.now // SLOT
        event = ModelEvent(
            zone, classes, mode, slot + lead, slot + lead + length, tuple(sorted(participants))
        )
        terms = (zone, classes, Signal.LEVEL, mode, event.from_slot, event.to_slot, 1)
        sender = OPERATORS[3 - zone] if by_wrong else OPERATORS[zone]

        done, event_id = self.attempt(sender, "publishEvent", terms, list(event.participants))

        published = sum(
            one.zone == zone and not one.by_state and self.now < one.to_slot * SLOT
            for one in self.model
        )
        soon = lead < (2 if mode is Mode.OPT_OUT else 1)
        assert done == (not by_wrong and bool(classes and length) and not soon and published < 16)
        if done:
            self.model.append(event)
            assert event_id == len(self.model)

    @rule(zone=st.sampled_from([1, 2]), state=st.sampled_from(list(State)), age=st.integers(0, 2))
    def publish_by_state(self, zone: int, state: State, age: int) -> None:
        self.stage.world.send(GOVERNOR, "setState", zone, state, self.now - 1_000 * age)

        done, event_id = self.attempt(ANYBODY, "publishByState", zone)

        open_one = any(
            one.zone == zone and one.by_state and self.now < one.to_slot * SLOT
            for one in self.model
        )
        assert done == (state is not State.NORMAL and age < 2 and not open_one)
        if done:
            slot = self.now // SLOT + 1
            self.model.append(
                ModelEvent(zone, ALL_KINDS, Mode.OPT_OUT, slot, slot + 3, (), by_state=True)
            )
            assert event_id == len(self.model)

    @rule(number=st.integers(0, 99), resource=st.sampled_from(list(RESOURCE_IDS)))
    def join(self, number: int, resource: int) -> None:
        if (found := self.chosen(number)) is None:
            return
        event_id, event = found

        done, _ = self.attempt(RESOURCES[resource - 1][0], "join", event_id, resource)

        assert done == (
            event.status(self.now) is Status.UPCOMING
            and event.is_for(resource)
            and event.choices.get(resource) is not Choice.JOINED
            and self.can_take(event, resource)
        )
        if done:
            event.choices[resource] = Choice.JOINED

    @rule(number=st.integers(0, 99), resource=st.sampled_from(list(RESOURCE_IDS)))
    def leave(self, number: int, resource: int) -> None:
        if (found := self.chosen(number)) is None:
            return
        event_id, event = found

        done, _ = self.attempt(RESOURCES[resource - 1][0], "leave", event_id, resource)

        assert done == (
            event.status(self.now) is Status.UPCOMING
            and event.is_for(resource)
            and event.choices.get(resource) is not Choice.LEFT
        )
        if done:
            event.choices[resource] = Choice.LEFT

    @rule(number=st.integers(0, 99))
    def enrol(self, number: int) -> None:
        if (found := self.chosen(number)) is None:
            return
        event_id, event = found

        done, count = self.attempt(ANYBODY, "enrol", event_id, list(RESOURCE_IDS))

        assert done == (event.mode is Mode.OPT_OUT and event.status(self.now) is Status.UPCOMING)
        if done:
            new = [
                resource
                for resource in RESOURCE_IDS
                if event.is_for(resource)
                and resource not in event.choices
                and self.can_take(event, resource)
            ]
            event.choices |= dict.fromkeys(new, Choice.JOINED)
            assert count == len(new)

    @rule(number=st.integers(0, 99), function=st.sampled_from(["cancelEvent", "endEvent"]))
    def stop(self, number: int, function: str) -> None:
        if (found := self.chosen(number)) is None:
            return
        event_id, event = found

        done, _ = self.attempt(OPERATORS[event.zone], function, event_id)

        needed = Status.UPCOMING if function == "cancelEvent" else Status.ACTIVE
        assert done == (event.status(self.now) is needed)
        if done:
            event.stopped_at = self.now

    @rule(number=st.integers(0, 99), meter=st.integers(1, 3))
    def release(self, number: int, meter: int) -> None:
        if (found := self.chosen(number)) is None:
            return
        event_id, event = found

        done, _ = self.attempt(ANYBODY, "release", event_id, [meter])

        has_joined = any(
            choice is Choice.JOINED and RESOURCES[resource - 1][3] == meter
            for resource, choice in event.choices.items()
        )
        assert done == (event.stopped_at != 0 and has_joined and meter not in event.released)
        if done:
            event.released.add(meter)

    @invariant()
    def same_as_the_model(self) -> None:
        ask = self.stage.response.ask
        for event_id, event in enumerate(self.model, start=1):
            assert self.stage.status(event_id) is event.status(self.now)
            for resource in RESOURCE_IDS:
                expected = event.choices.get(resource, Choice.NONE)
                assert self.stage.choice(event_id, resource) is expected
                assert ask("isVisibleTo", event_id, resource) == event.is_for(resource)
        for zone in OPERATORS:
            assert set(ask("openEvents", zone)) == {
                event_id
                for event_id, event in enumerate(self.model, start=1)
                if event.zone == zone and self.now < event.to_slot * SLOT
            }

    @invariant()
    def one_event_a_meter_and_slot(self) -> None:
        last = self.now // SLOT + 8
        for meter in (1, 2, 3):
            taken = [slot for event in self.model for slot in event.slots_of(meter)]
            assert len(taken) == len(set(taken))
            for slot in range(self.now // SLOT, last):
                assert self.stage.is_free(meter, slot, slot + 1) == (slot not in taken)

    @invariant()
    def rebuilt_from_events(self) -> None:
        assert len(self.seen.events) == len(self.model)
        for event_id, seen in self.seen.events.items():
            record = self.stage.response.ask("eventOf", event_id)
            assert tuple(record) == (
                seen.zone,
                seen.classes,
                PAYLOAD_BY_SIGNAL.index(seen.payload_type),
                int(seen.is_opt_out),
                seen.from_slot,
                seen.to_slot,
                seen.value,
                seen.by_state,
                len(seen.participants),
                seen.stopped_at,
            )
            assert seen.participants == tuple(self.stage.response.ask("participantsOf", event_id))
            assert seen.choices == self.model[event_id - 1].choices

    @invariant()
    def devices_hear_of_events_that_run(self) -> None:
        for resource in RESOURCE_IDS:
            now = schedule(self.seen, resource, RESOURCES[resource - 1][1], self.now).now
            assert {command.event_id for command in now} == {
                event_id
                for event_id, event in enumerate(self.model, start=1)
                if event.status(self.now) is Status.ACTIVE
                and event.choices.get(resource) is Choice.JOINED
            }


DemandMachine.TestCase.settings = settings(max_examples=12, stateful_step_count=30)
TestDemandMachine = DemandMachine.TestCase

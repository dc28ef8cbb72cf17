"""A zone's state under any values and actions, against a model (I-28).

A random walk publishes values of any status, calls updates from anybody, escalates and lifts, takes
the market's roles away and gives them back, and lets time pass. After each action:

- the state on record is what the model says, which knows only OK values, each once;
- without the model: a state rises only by a new OK value that enters the level or by the guardian,
  and falls only by one level (or out of RESTORATION) with every watched value new and OK;
- after an update with a willing market, new orders are halted as the state asks;
- an order can always be cancelled.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import pytest

from energy_grid.feeds.kinds import FeedStatus
from energy_grid.grid import transitions
from energy_grid.grid.limits import GridState
from energy_grid.grid.setpoints import Reading
from energy_grid.grid.transitions import Levels, Step
from energy_grid.ids import Side
from energy_grid.products import Period, Product, Session
from energy_grid.units import Slot, Zone
from tests.unit.grid_management.stage import GOVERNOR, GUARDIAN, LIMITS, START, ZONE, GridStage

N, A, E, B, R = GridState
QUANTITIES: Final = ("frequency_millihz", "voltage_millivolts", "line_loading_bps")
NAMES: Final = ("frequencyAt", "voltageAt", "loadingAt")
SOUND: Final = {"frequency_millihz": 50_000, "voltage_millivolts": 230_000, "line_loading_bps": 100}
VALUES: Final = {
    "frequency_millihz": [
        *(49_400, 49_500, 49_501, 49_520, 49_521, 49_700, 49_800, 49_900, 49_950),
        *(50_000, 50_030, 50_049, 50_050, 50_180, 50_200, 50_499, 50_500),
    ],
    "voltage_millivolts": [
        0,
        11_500,
        207_000,
        209_300,
        218_500,
        230_000,
        239_200,
        241_500,
        253_000,
    ],
    "line_loading_bps": [0, 7_499, 7_500, 8_000, 11_500, 12_000, 30_000],
}


@dataclass
class Model:
    """What the zone's record must be."""

    state: GridState = N
    calm_rounds: int = 0
    used_at: tuple[int, ...] = (0, 0, 0)
    escalation: GridState = N
    escalated_until: int = 0

    def take(self, values: tuple[Reading, ...]) -> None:
        """An update."""
        new = [
            value.status is FeedStatus.OK and value.updated_at > used
            for value, used in zip(values, self.used_at, strict=True)
        ]
        if not any(new):
            return
        found = Levels()
        judges = (
            transitions.frequency_levels,
            transitions.voltage_levels,
            transitions.loading_levels,
        )
        for is_new, judge, value in zip(new, judges, values, strict=True):
            if is_new:
                found = found.joined(judge(LIMITS, value.value))
        after = transitions.step(
            self.state, self.calm_rounds, found, is_complete=all(new), required=LIMITS.calm_rounds
        )
        if after.is_used:
            self.state, self.calm_rounds = after.state, after.calm_rounds
            self.used_at = tuple(
                value.updated_at if is_new else used
                for is_new, value, used in zip(new, values, self.used_at, strict=True)
            )

    def in_force(self, now: int) -> GridState:
        """State in force."""
        if now >= self.escalated_until:
            return self.state
        return transitions.higher(self.state, self.escalation)


class Walk:
    """One zone, its model, and random actions on both."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.stage = GridStage()
        self.model = Model()
        self.trader = self.stage.market.enrol()
        self.refuses = False
        self.seen: Counter[str] = Counter()
        self.mood = 0.0

    def run(self, actions: int) -> None:
        """Act and look, again and again."""
        for _ in range(actions):
            before = (self.model.state, self._status().state)
            assert before[0] == before[1]
            action = self.rng.choices(
                [self.publish, self.update, self.escalate, self.lift, self.market_turns],
                [8, 12, 1, 0.5, 0.5],
            )[0]
            action()
            self.look()

    # --- actions ---

    def publish(self) -> None:
        stage, rng = self.stage, self.rng
        stage.chain.at(stage.chain.now + rng.choice([1, 60, 60, 60, 300, 900]))
        if rng.random() < 0.1:
            self.mood = rng.choice([0.0, 0.0, 0.03, 0.3])
        named = {}
        for name in QUANTITIES:
            if rng.random() < 0.9:
                value = rng.choice(VALUES[name]) if rng.random() < self.mood else SOUND[name]
                status = FeedStatus.OK
                if rng.random() < 0.08:
                    status = rng.choice(list(FeedStatus))
                named[name] = Reading(value, stage.chain.now, status)
        stage.say(**named)

    def update(self) -> None:
        stage, model = self.stage, self.model
        before, used = model.state, model.used_at
        values = self._values()
        model.take(values)
        answer = stage.update()
        assert answer is model.in_force(stage.chain.now)
        self._require_reason(before, used, values)
        if not self.refuses:
            self._require_halt(answer)

    def escalate(self) -> None:
        stage, model, now = self.stage, self.model, self.stage.chain.now
        level, until = self.rng.choice([A, E, B]), now + self.rng.choice([60, 600, 4_000])
        if now < model.escalated_until:
            level, until = max(level, model.escalation), max(until, model.escalated_until)
        stage.grid.send(GUARDIAN, "escalateZone", ZONE, level, until)
        model.escalation, model.escalated_until = level, until
        self.seen["escalated"] += 1

    def lift(self) -> None:
        if self.stage.chain.now < self.model.escalated_until:
            self.stage.grid.send(GOVERNOR, "liftEscalation", ZONE)
            self.model.escalated_until = 0

    def market_turns(self) -> None:
        self.refuses = not self.refuses
        self.stage.let_market_refuse(self.refuses)

    # --- what must be true ---

    def look(self) -> None:
        status, model = self._status(), self.model
        now = self.stage.chain.now
        assert (status.state, status.calmRounds) == (model.state, model.calm_rounds)
        assert tuple(getattr(status, name) for name in NAMES) == model.used_at
        assert self.stage.state() is model.in_force(now)
        self.seen[model.in_force(now).name] += 1

    def _require_reason(
        self, before: GridState, used: tuple[int, ...], values: tuple[Reading, ...]
    ) -> None:
        """I-28 without the model: what the chain did has its reason in OK values."""
        after = GridState(self._status().state)
        if after is before:
            return
        self.seen[f"{before.name} to {after.name}"] += 1
        new = [
            value
            for value, at in zip(values, used, strict=True)
            if value.status is FeedStatus.OK and value.updated_at > at
        ]
        falls = {(A, N), (E, A), (B, R), (R, N), (R, A), (R, E)}
        if (before, after) in falls:
            assert len(new) == len(QUANTITIES), "lowered by less than a whole OK round"
        else:
            assert after in (A, E, B)
            deviations = {
                "frequency": abs(values[0].value - 50_000) if values[0] in new else 0,
                "voltage": abs(values[1].value - 230_000) * 10_000 // 230_000
                if values[1] in new
                else 0,
                "loading": values[2].value if values[2] in new else 0,
            }
            floor = {A: (50, 500, 8_000), E: (200, 1_000, 12_000), B: (500, 9_500, 10**9)}[after]
            reached = (one >= at for one, at in zip(deviations.values(), floor, strict=True))
            assert any(reached), "raised without an OK value at the threshold"

    def _require_halt(self, state: GridState) -> None:
        halt = self.stage.halt()
        slot = self.stage.slot
        if state in (E, R, B):
            end = 2**28 - 1 if state is B else -(-(self.stage.chain.now + 3_600) // 900)
            assert halt[0] == 3 and halt[1] <= slot + 1 and halt[2] >= end
            assert halt[3] > self.stage.chain.now
            self.seen["halted"] += 1

    def _status(self) -> Any:
        return self.stage.grid.ask("zoneStatus", ZONE)

    def _values(self) -> tuple[Reading, ...]:
        return tuple(getattr(self.stage.values, name) for name in QUANTITIES)


@pytest.mark.parametrize("seed", range(3))
def test_i28__any_values_and_actions__state_follows_ok_values_only(seed: int) -> None:
    walk = Walk(seed)
    place_order(walk)

    walk.run(1_500)

    for state in GridState:
        assert walk.seen[state.name], f"never in {state.name}"
    for change in ("ALERT to NORMAL", "EMERGENCY to ALERT", "BLACKOUT to RESTORATION"):
        assert walk.seen[change], f"never {change}"
    assert walk.seen["halted"] and walk.seen["escalated"]
    assert all(walk.seen[f"cancelled in {state.name}"] for state in GridState)


def place_order(walk: Walk) -> None:
    """An order before anything happens, cancelled in each state in force."""
    stage = walk.stage
    right = walk.look

    def look() -> None:
        right()
        state = stage.state()
        if walk.seen[f"cancelled in {state.name}"] < 3:
            snapshot = stage.chain.snapshot()
            stage.market.market.send(walk.trader.address, "cancelOrder", order_id)
            assert stage.market.balances(walk.trader)[1] == 0
            stage.chain.revert(snapshot)
            walk.seen[f"cancelled in {state.name}"] += 1

    product = Product(Zone(ZONE), Period.WEEK, Session.CONTINUOUS, Slot(START // 900 + 40 + 672))
    quote = stage.market.market.ask(
        "packQuote", product.id, Side.BUY, 100 * product.slot_count, 50_000, START + 10**6
    )
    order_id = stage.market.market.send(walk.trader.address, "placeOrder", quote)
    walk.look = look  # type: ignore[method-assign]


def jumps_a_level(right: Callable[..., Step]) -> Callable[..., Step]:
    def step(state: GridState, *rest: Any, **named: Any) -> Step:
        after = right(state, *rest, **named)
        return Step(N, 0, True) if (state, after.state) == (E, A) else after

    return step


def skips_restoration(right: Callable[..., Step]) -> Callable[..., Step]:
    def step(*arguments: Any, **named: Any) -> Step:
        after = right(*arguments, **named)
        return Step(N, 0, True) if after.state is R else after

    return step


def never_starts_again(right: Callable[..., Step]) -> Callable[..., Step]:
    def step(state: GridState, calm: int, *rest: Any, **named: Any) -> Step:
        after = right(state, calm, *rest, **named)
        if after.state is state and after.is_used and after.calm_rounds == 0:
            return Step(state, calm, True)
        return after

    return step


def incomplete_rounds_count(right: Callable[..., Step]) -> Callable[..., Step]:
    def step(*arguments: Any, **named: Any) -> Step:
        return right(*arguments, **{**named, "is_complete": True})

    return step


def one_round_suffices(right: Callable[..., Step]) -> Callable[..., Step]:
    def step(*arguments: Any, **named: Any) -> Step:
        return right(*arguments, **{**named, "required": 1})

    return step


CANARIES: Final = (
    ("step", jumps_a_level),
    ("step", skips_restoration),
    ("step", never_starts_again),
    ("step", incomplete_rounds_count),
    ("step", one_round_suffices),
    ("higher", lambda _right: lambda state, _escalation: state),
)


@pytest.mark.parametrize(("name", "fault"), CANARIES, ids=lambda one: getattr(one, "__name__", one))
def test_canary__rule_bent__walk_notices(
    name: str, fault: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A model with one planted fault is the mirror image of a contract with it."""
    monkeypatch.setattr(transitions, name, fault(getattr(transitions, name)))

    with pytest.raises(AssertionError):
        Walk(0).run(1_500)

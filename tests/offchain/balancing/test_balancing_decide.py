"""What the balancing keeper does next.

zones
├── calm: nothing | heartbeat, if the round is complete
├── an update would change the state → at once, complete or not
├── an escalation ran out → an update announces it
├── troubled: every complete round counts; part of a round waits
└── market not in line: pushed, not again within a minute, not beside an update
flexibility
├── proposal of the contract → called, an effect of its slot and price
├── open request: too early | no offer → waits | offers → allocated | lapsed → closed
└── allocated: settled in parts | readings wait | late → closed | closed: the rest is settled
demand response
├── plan: state below | reached | published already | state too old | no plan
└── events: enrolled in parts until they start | given back once stopped
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from oracles.balancing.decide import Kind, Policy, decide
from oracles.balancing.scene import (
    DemandEventView,
    DemandPlan,
    GridState,
    Proposal,
    RequestView,
    Scene,
    ZoneView,
)

NOW = 1_900_000_800
SLOT = NOW // 900
POLICY = Policy()
CALM = ZoneView(
    zone=1,
    state=GridState.NORMAL,
    announced=GridState.NORMAL,
    preview=GridState.NORMAL,
    used_at=NOW - 60,
    newest_at=NOW - 5,
    is_complete=True,
)
ALERT = replace(CALM, state=GridState.ALERT, announced=GridState.ALERT, preview=GridState.ALERT)


def calls(*zones, now=NOW, **parts):
    scene = Scene(now=now, slot=now // 900, zones=zones, **parts)
    return [(one.function, *one.arguments) for one in decide(scene, POLICY)]


# --- Zones ----------------------------------------------------------------------------------------


def test_zones__calm__only_a_heartbeat():
    assert calls(CALM) == []
    old = replace(CALM, used_at=NOW - POLICY.heartbeat_seconds)
    assert calls(old) == [("updateGridState", 1)]
    assert calls(replace(old, used_at=old.used_at + 1)) == []
    assert calls(replace(old, is_complete=False, newest_at=0)) == []
    never = replace(CALM, used_at=0)
    assert calls(never) == [("updateGridState", 1)]


@pytest.mark.parametrize("is_complete", [True, False])
def test_zones__state_would_change__updated_at_once(is_complete):
    for preview in set(GridState) - {GridState.NORMAL}:
        zone = replace(CALM, preview=preview, is_complete=is_complete)
        assert calls(zone) == [("updateGridState", 1)]


def test_zones__escalation_ran_out__announced_without_any_new_value():
    zone = replace(CALM, announced=GridState.EMERGENCY, is_complete=False, newest_at=0)
    assert calls(zone) == [("updateGridState", 1)]


def test_zones__troubled__every_complete_round_is_counted():
    assert calls(ALERT) == [("updateGridState", 1)]
    assert calls(replace(ALERT, is_complete=False)) == []
    counting = replace(CALM, calm_rounds=1)  # under a guardian's escalation the count goes on
    assert calls(counting) == [("updateGridState", 1)]


def test_zones__each_round_is_an_effect_of_its_own_and_the_same_round_is_the_same():
    def keys(zone):
        return [one.key for one in decide(Scene(NOW, SLOT, (zone,)), POLICY)]

    later = replace(ALERT, newest_at=NOW)
    assert keys(ALERT) == keys(replace(ALERT, calm_rounds=2))
    assert keys(ALERT) != keys(later)


@pytest.mark.parametrize("lack", ["is_halt_due", "is_line_refused"])
def test_zones__market_not_in_line__pushed_once_a_minute(lack):
    zone = replace(CALM, **{lack: True})
    assert calls(zone) == [("pushBreakers", 1)]
    (first,) = decide(Scene(NOW, SLOT, (zone,)), POLICY)
    (soon,) = decide(Scene(NOW + 59 - NOW % 60, SLOT, (zone,)), POLICY)
    (later,) = decide(Scene(NOW + 60, SLOT, (zone,)), POLICY)
    assert first.key == soon.key != later.key
    # An update pushes by itself.
    assert calls(replace(ALERT, **{lack: True})) == [("updateGridState", 1)]


# --- Flexibility ----------------------------------------------------------------------------------

OPEN = RequestView(5, 1, is_allocated=False, closes_at=NOW + 900, allocate_from=NOW, price=210)
ALLOCATED = RequestView(5, 1, is_allocated=True, closes_at=NOW + 9_000)


def test_flexibility__proposal__called_once_a_slot_and_price():
    scene = Scene(NOW, SLOT, proposals=(Proposal(zone=1, from_slot=SLOT, price=210),))
    (action,) = decide(scene, POLICY)
    assert (action.function, action.arguments) == ("requestByState", (1, 210))
    assert action.key == f"call:1:{SLOT}:210"


def test_flexibility__open_request__allocated_from_its_time_or_closed_when_it_lapsed():
    assert calls(requests=(OPEN,)) == [("allocate", 5, 210)]
    assert calls(requests=(replace(OPEN, allocate_from=NOW + 1),)) == []
    assert calls(requests=(replace(OPEN, price=None),)) == []
    assert calls(requests=(OPEN,), now=OPEN.closes_at) == [("closeRequest", 5)]


def test_flexibility__allocated__settled_in_parts():
    many = replace(ALLOCATED, ready=tuple(range(1, 121)))
    found = calls(requests=(many,))
    assert [name for name, *_ in found] == ["settle"] * 3
    assert [offer for _, _, part in found for offer in part] == list(range(1, 121))
    assert max(len(part) for _, _, part in found) == POLICY.settle_offers


def test_flexibility__readings_wait__nothing_until_it_may_be_closed():
    assert calls(requests=(ALLOCATED,)) == []
    late = ALLOCATED.closes_at
    assert calls(requests=(ALLOCATED,), now=late) == [("closeRequest", 5)]
    # What can be settled is, first: closing takes from nobody what was delivered.
    assert calls(requests=(replace(ALLOCATED, ready=(3,)),), now=late) == [("settle", 5, [3])]
    closed = replace(ALLOCATED, is_closed=True)
    assert calls(requests=(closed,), now=late) == []
    assert calls(requests=(replace(closed, ready=(3,)),), now=late) == [("settle", 5, [3])]


# --- Demand response ------------------------------------------------------------------------------

PLAN = DemandPlan(zone=1, lowest=GridState.ALERT, slots=4)
RESTING = replace(ALERT, is_complete=False)


def test_plan__state_reached__published_once_a_slot():
    assert calls(RESTING, plans=(PLAN,)) == [("publishByState", 1)]
    scene = Scene(NOW, SLOT, (RESTING,), (PLAN,))
    (action,) = decide(scene, POLICY)
    assert (action.kind, action.key) == (Kind.PUBLISH, f"publish:1:{SLOT}")


@pytest.mark.parametrize(
    ("zone", "plan"),
    [
        (RESTING, replace(PLAN, lowest=GridState.EMERGENCY)),
        (RESTING, replace(PLAN, published=7)),
        (RESTING, replace(PLAN, slots=0)),
        (RESTING, replace(PLAN, zone=2)),
        (replace(RESTING, used_at=NOW - 1_801), PLAN),
    ],
)
def test_plan__not_called_for__nothing(zone, plan):
    assert calls(zone, plans=(plan,)) == []


def test_events__enrolled_in_parts_until_they_start():
    event = DemandEventView(3, 1, NOW + 900, candidates=tuple(range(1, 131)))
    found = calls(events=(event,))
    assert [name for name, *_ in found] == ["enrol"] * 3
    assert [number for _, _, part in found for number in part] == list(range(1, 131))
    assert max(len(part) for _, _, part in found) <= 64
    assert calls(events=(event,), now=event.starts_at) == []


def test_events__stopped__meters_given_back():
    event = DemandEventView(3, 1, NOW + 900, is_stopped=True, candidates=(9,), reserved=(4, 5))
    assert calls(events=(event,)) == [("release", 3, [4, 5])]
    assert calls(events=(replace(event, reserved=()),)) == []

"""Events of demand response: published where draw loads the grid, carried on before they end."""

from __future__ import annotations

import pytest

from simulation.grid_day.control import DeviceState
from simulation.grid_day.limiting import IMPORT_LIMIT_W, LimitEvent, LimitPlan, lowest_w, plans_of
from tests.offchain.grid_day.test_balancing import LAYOUT, ZONES, seen

SLOT = 1_000
NOW = SLOT * 900 + 60
ALL = frozenset({1, 2, 3})


def plans(troubled=ALL, events=(), **changes):
    return plans_of(LAYOUT, ZONES, seen(unix=NOW, **changes), troubled, events)


def car(usual, power):
    return DeviceState(1, power, 0, usual, -11_000, 0, 0, 0, 0)


def test_plans__line_loaded_by_draw__its_zone_from_the_next_slot():
    found = plans(line_loading_bps=(8_100, 0), line_flow_w=(81_000, 0))

    assert found == [LimitPlan(2, SLOT + 1, by_state=True)]


def test_plans__transformer_loaded_by_draw__every_zone_in_trouble():
    found = plans(frozenset({2, 3}), transformer_flow_w=200_000)

    assert [plan.zone for plan in found] == [2, 3]


@pytest.mark.parametrize(
    "changes",
    [
        {"line_flow_w": (-95_000, 0)},  # feed-in: less draw would make it worse
        {"transformer_flow_w": -240_000},
        {"line_flow_w": (79_999, 0)},
    ],
)
def test_plans__no_draw_to_limit__none(changes):
    assert plans(**changes) == []


def test_plans__state_is_normal__nothing_may_be_published():
    assert plans(frozenset(), transformer_flow_w=249_000) == []


def test_plans__low_voltage__limits_its_zone():
    assert plans(bus_millivolts=(230_000, 218_000, 230_000)) == [
        LimitPlan(2, SLOT + 1, by_state=True)
    ]


def test_plans__event_runs__nothing_more_until_its_last_slot_but_one():
    event = LimitEvent(1, 2, SLOT - 8, SLOT + 3, frozenset({1}))

    assert plans(events=[event], devices=(car(0, 0),), line_flow_w=(95_000, 0)) == []


def test_plans__last_slot_but_one_and_all_would_come_back__the_operator_goes_on():
    event = LimitEvent(1, 2, SLOT - 8, SLOT + 2, frozenset({1}))
    held = {"devices": (car(-11_000, -2_300),), "events": [event]}

    assert plans(line_flow_w=(72_000, 0), **held) == [LimitPlan(2, SLOT + 2, by_state=False)]
    assert plans(line_flow_w=(71_000, 0), **held) == []


def test_lowest_w__event_of_the_slot__limits_who_takes_part():
    events = [
        LimitEvent(1, 2, SLOT, SLOT + 2, frozenset({4, 5})),
        LimitEvent(2, 3, SLOT + 1, SLOT + 2, frozenset({6})),
    ]

    assert lowest_w(events, SLOT) == {4: -IMPORT_LIMIT_W, 5: -IMPORT_LIMIT_W}
    assert set(lowest_w(events, SLOT + 1)) == {4, 5, 6}
    assert lowest_w(events, SLOT + 2) == {}

"""Plan of a live day: times, ports, file.

LivePlan
├── slots outside the day, or not from a whole hour: refused
├── saved and loaded: the same
└── another folder without a plan: refused
services_of / keep_good_state
├── every port once, every bridge with meters of its own
└── a state cut short: the copy takes its place
"""

from __future__ import annotations

import socket

import pytest

from simulation.live.chain import keep_good_state, mend_state, state_file
from simulation.live.errors import LiveError
from simulation.live.plan import LEAD_SLOTS, LivePlan, free_base_port


@pytest.mark.parametrize(("first", "count"), [(2, 4), (92, 8), (0, 0), (96, 1), (-4, 8)])
def test_live_plan__slots_not_of_the_day__are_refused(tmp_path, first, count):
    with pytest.raises(LiveError, match="cannot be traded"):
        LivePlan(tmp_path, first=first, count=count)


def test_load__saved__is_the_same(tmp_path):
    plan = LivePlan(tmp_path.resolve(), homes=5, first=40, count=8, base_port=22_000)
    plan.save()

    assert LivePlan.load(tmp_path) == plan
    assert plan.slots.start % 96 == 40
    assert plan.opens_at == (plan.slots.start - LEAD_SLOTS) * 900
    assert plan.genesis_at < plan.opens_at < plan.ends_at


@pytest.mark.parametrize("content", [None, "{", '{"unknown": 1}'])
def test_load__no_plan__is_refused(tmp_path, content):
    if content is not None:
        (tmp_path / "plan.json").write_text(content)

    with pytest.raises(LiveError):
        LivePlan.load(tmp_path)


def test_live_plan__longer_day__state_is_written_less_often_and_finality_waits_for_it(tmp_path):
    hour, day = (LivePlan(tmp_path, first=40, count=count) for count in (4, 56))

    assert (hour.state_every_seconds, hour.confirmations) == (4, 8)
    assert (day.state_every_seconds, day.confirmations) == (8, 16)
    assert LivePlan(tmp_path).confirmations == 24


def test_mend_state__cut_short__copy_takes_its_place(tmp_path):
    plan = LivePlan(tmp_path)
    file = state_file(plan)
    file.parent.mkdir()
    file.write_text('{"block": {"number": 7}}')
    assert keep_good_state(plan)
    assert not keep_good_state(plan)

    file.write_text('{"block": {"num')
    assert not keep_good_state(plan)
    mend_state(plan)

    assert file.read_text() == '{"block": {"number": 7}}'


def test_mend_state__cut_short_without_a_copy__begins_anew(tmp_path):
    plan = LivePlan(tmp_path)
    state_file(plan).parent.mkdir()
    state_file(plan).write_text("{")

    mend_state(plan)

    assert not state_file(plan).exists()


def test_free_base_port__taken__another_run(tmp_path):
    base = free_base_port(tmp_path)
    with socket.create_server(("127.0.0.1", base + 1)):
        other = free_base_port(tmp_path)

    assert other != base
    assert free_base_port(tmp_path) == base

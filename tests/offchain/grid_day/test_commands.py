"""What a device is told: dispatch, set-point and limit together, the tightest of them."""

from __future__ import annotations

import pytest

from energy_grid.feeds import FeedStatus
from simulation.grid_day.chain_control import command_of
from simulation.grid_day.chain_resources import SetPoint
from simulation.grid_day.control import DeviceClass, DeviceCommand, DeviceState

NOBODY = None


def set_point(lowest=-5_000, highest=5_000, status=FeedStatus.OK):
    return SetPoint(lowest, highest, 300, -700, status)


def state(usual):
    return DeviceState(1, usual, 0, usual, -11_000, 9_000, 5_000, 5_000, 4_000)


def told(device_class=DeviceClass.BATTERY, usual=1_000, dispatched=0, limited=NOBODY, **point):
    return command_of(device_class, state(usual), set_point(**point), dispatched, limited)


def test_command__nothing_called__set_point_alone_and_reactive_power_left_to_the_device():
    assert told() == DeviceCommand(lowest_w=-5_000, highest_w=5_000)


@pytest.mark.parametrize("status", [FeedStatus.STALE, FeedStatus.UNCERTAIN, FeedStatus.FROZEN])
def test_command__untrusted_set_point__device_keeps_to_its_own_terminals(status):
    assert told(status=status) == DeviceCommand()
    assert told(status=status, dispatched=2_000) == DeviceCommand(planned_w=3_000)


def test_command__fallback__is_trusted():
    assert told(status=FeedStatus.FALLBACK).lowest_w == -5_000


@pytest.mark.parametrize(("dispatched", "planned"), [(2_000, 3_000), (-4_000, -3_000)])
def test_command__dispatch__is_relative_to_what_is_usual(dispatched, planned):
    assert told(dispatched=dispatched).planned_w == planned


@pytest.mark.parametrize(("highest", "expected"), [(9_000, 6_000), (4_000, 4_000)])
def test_command__panels__dispatch_is_a_limit_below_the_set_point(highest, expected):
    command = told(DeviceClass.PV, 8_000, dispatched=-2_000, lowest=0, highest=highest)

    assert command == DeviceCommand(lowest_w=0, highest_w=expected)


@pytest.mark.parametrize(("lowest", "expected"), [(-11_000, -2_300), (-1_000, -1_000)])
def test_command__limit__the_tighter_of_limit_and_set_point(lowest, expected):
    assert told(DeviceClass.EV, -11_000, limited=-2_300, lowest=lowest).lowest_w == expected


def test_command__limit_without_trusted_set_point__holds():
    assert told(DeviceClass.EV, -11_000, limited=-2_300, status=FeedStatus.STALE) == DeviceCommand(
        lowest_w=-2_300
    )

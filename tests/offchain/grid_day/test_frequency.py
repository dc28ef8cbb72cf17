"""The swing equation against what can be written down.

advance
├── first moment: df/dt = P f0 / (2 H S)
├── without reserve: df(t) = P / D (1 - exp(-t D / M))
├── steady state: P / (K + D) beyond the dead-band; limited reserve: the rest on the damping
├── secondary reserve brings it back to nominal
└── devices: their answers' means are what moved the frequency, whatever the steps
"""

from __future__ import annotations

from dataclasses import replace
from math import exp

import numpy as np
import pytest

from simulation.grid_day.frequency import GRID_HZ, Answers, Machine, Summed, SynchronousArea

BARE = Machine(
    momentum_w_per_hz_s=2 * 4.0 * 1e9 / 50,  # H 4 s, 1,000 MVA
    damping_w_per_hz=16e6,
    gain_w_per_hz=0.0,
    dead_band_hz=0.0,
    primary_w=0.0,
    response_seconds=5.0,
    secondary_w=0.0,
    secondary_seconds=100.0,
    lowest_w=-1e9,
    highest_w=1e9,
)
NOBODY = Answers(np.zeros((len(GRID_HZ), 0)), np.zeros(0))


def run(machine: Machine, lost_w: float, seconds: float, inner: float = 0.01) -> np.ndarray:
    area = SynchronousArea(machine, 0)
    count = round(seconds / inner)
    return area.advance([-lost_w] * count, inner, Summed.of(NOBODY, inner, 1.0)).deviation_hz


def test_advance__first_moment__falls_as_the_inertia_says() -> None:
    trace = run(BARE, 50e6, 0.1, inner=0.001)

    slope = trace[-1] / 0.1
    assert slope == pytest.approx(-50e6 * 50 / (2 * 4.0 * 1e9), rel=0.01)


def test_advance__without_reserve__follows_the_exponential() -> None:
    trace = run(BARE, 20e6, 30.0)

    time_constant = BARE.momentum_w_per_hz_s / BARE.damping_w_per_hz
    for second in (5, 10, 30):
        expected = -20e6 / 16e6 * (1 - exp(-second / time_constant))
        assert trace[round(second / 0.01) - 1] == pytest.approx(expected, rel=0.002)


def test_advance__with_droop__settles_where_reserve_and_damping_balance() -> None:
    machine = replace(BARE, gain_w_per_hz=300e6, dead_band_hz=0.02, primary_w=1e9)

    trace = run(machine, 50e6, 120.0)

    # 50 MW = 300 MW/Hz (x - 0.02) + 16 MW/Hz x
    expected = -(50 + 300 * 0.02) / (300 + 16)
    assert trace[-1] == pytest.approx(expected, abs=1e-4)
    assert trace.min() < trace[-1] - 0.01  # the reserve's delay lets it swing deeper first


def test_advance__reserve_used_up__damping_carries_the_rest() -> None:
    machine = replace(BARE, gain_w_per_hz=300e6, primary_w=45e6)

    trace = run(machine, 53e6, 300.0)

    assert trace[-1] == pytest.approx(-(53 - 45) / 16, abs=1e-3)


def test_advance__secondary_reserve__brings_it_back() -> None:
    machine = replace(
        BARE, gain_w_per_hz=300e6, primary_w=1e9, secondary_w=1e9, secondary_seconds=30.0
    )

    trace = run(machine, 50e6, 600.0)

    assert abs(trace[-1]) < 1e-3
    assert trace.min() < -0.1


@pytest.mark.parametrize("inner", [0.02, 0.1])
def test_advance__devices_answer__means_are_what_moved_the_frequency(inner: float) -> None:
    wanted = np.interp(GRID_HZ, [-0.2, -0.02, 0.02, 0.2], [5e6, 0.0, 0.0, -5e6])
    slow = np.interp(GRID_HZ, [-0.2, -0.05, 0.0], [8e6, 0.0, 0.0])
    answers = Answers(np.stack([wanted, slow], axis=1), np.asarray([0.3, 2.0]))
    area = SynchronousArea(BARE, 2)
    momentum, moved = BARE.momentum_w_per_hz_s, 0.0

    for _ in range(4):
        before = area.deviation_hz
        swing = area.advance([-20e6] * round(10 / inner), inner, Summed.of(answers, inner, 2.0))
        damping_w = BARE.damping_w_per_hz * float(swing.deviation_hz.mean())
        pushed_w = -20e6 - damping_w + 2.0 * float(swing.mean_answer_w.sum())
        moved += area.deviation_hz - before
        assert momentum * (area.deviation_hz - before) == pytest.approx(pushed_w * 10, abs=1.0)

    carried_w = 2.0 * float(area.answer_w.sum()) - BARE.damping_w_per_hz * area.deviation_hz
    assert moved < 0.0
    assert carried_w == pytest.approx(20e6, rel=1e-4)


def test_advance__two_steps__the_same_as_one() -> None:
    table = np.interp(GRID_HZ, [-0.2, 0.2], [9e6, -9e6])[:, None]
    answers = Answers(table, np.asarray([0.5]))
    whole, halves = SynchronousArea(BARE, 1), SynchronousArea(BARE, 1)

    summed = Summed.of(answers, 0.1, 3.0)
    one = whole.advance([-9e6] * 200, 0.1, summed)
    two = [halves.advance([-9e6] * 100, 0.1, summed) for _ in range(2)]

    assert np.concatenate([part.deviation_hz for part in two]) == pytest.approx(one.deviation_hz)
    assert np.mean([part.mean_answer_w for part in two]) == pytest.approx(one.mean_answer_w[0])
    assert halves.answer_w == pytest.approx(whole.answer_w)

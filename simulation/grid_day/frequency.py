"""Frequency of a synchronous area by the swing equation of one equivalent machine.

    2 H S / f0 * d(df)/dt = imbalance - D df + primary(df) + secondary(t) + devices(df)

with df the deviation from nominal, D the self-regulation of the load, a primary reserve (or
governor) that follows a droop with a delay of first order within its limits, and a secondary
reserve (or an isochronous governor) that integrates the deviation away. Devices that answer the
frequency enter through the sum of their curves, each class with its own delay, and so feed back
within the inner step.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp
from typing import Final

import numpy as np

from simulation.physics.calendar import FloatArray, IntArray

NOMINAL_HZ: Final = 50.0
GRID_HZ: Final = np.arange(-300, 301) / 100.0
"""Deviations at which device answers are tabulated, 10 mHz apart; between them they are linear."""
_LOW, _SPACING, _LAST = float(GRID_HZ[0]), 0.01, len(GRID_HZ) - 1


@dataclass(frozen=True)
class Machine:
    """The area as one machine; powers in W, frequencies in Hz.

    Attributes:
        momentum_w_per_hz_s: `2 H S / f0`: power that changes the frequency by 1 Hz a second.
        damping_w_per_hz: self-regulation of the load.
        gain_w_per_hz: slope of the primary reserve outside its dead-band.
        dead_band_hz: of the primary reserve.
        primary_w: most it gives either way.
        response_seconds: its delay.
        secondary_w: most the secondary reserve gives either way.
        secondary_seconds: time in which it would replace the primary reserve.
        lowest_w: least that primary and secondary together can be: 0 minus what is running.
        highest_w: most that they can be together.
    """

    momentum_w_per_hz_s: float
    damping_w_per_hz: float
    gain_w_per_hz: float
    dead_band_hz: float
    primary_w: float
    response_seconds: float
    secondary_w: float
    secondary_seconds: float
    lowest_w: float
    highest_w: float


@dataclass(frozen=True)
class Answers:
    """What devices add to their planned power, by deviation; one column a device.

    Attributes:
        table_w: rows as `GRID_HZ`.
        delay_seconds: delay of each device.
    """

    table_w: FloatArray
    delay_seconds: FloatArray


@dataclass(frozen=True)
class Summed:
    """Answers made ready for the inner loop: devices of one delay act as one.

    Attributes:
        answers: of every device.
        scale: how many such zones the area has.
        groups: rows of devices, what is kept of their answer after an inner step, and the sum of
            their tables.
    """

    answers: Answers
    scale: float
    groups: tuple[tuple[IntArray, float, list[float]], ...]

    @classmethod
    def of(cls, answers: Answers, inner_seconds: float, scale: float) -> Summed:
        """Sum up by delay; devices that never answer are left out."""
        is_asked = (answers.table_w != 0.0).any(axis=0)
        groups = []
        for delay in np.unique(answers.delay_seconds):
            members = np.flatnonzero(answers.delay_seconds == delay)
            keep = exp(-inner_seconds / float(delay))
            asked = members[is_asked[members]]
            table = answers.table_w[:, asked].sum(axis=1) * scale
            groups.append((members, keep, table.tolist()))
        return cls(answers, scale, tuple(groups))


@dataclass(frozen=True)
class Swing:
    """What happened within one step.

    Attributes:
        deviation_hz: deviation at the end of each inner step.
        inner_seconds: length of an inner step.
        mean_answer_w: mean over the step, by device.
        mean_reserve_w: mean of primary and secondary reserve.
    """

    deviation_hz: FloatArray
    inner_seconds: float
    mean_answer_w: FloatArray
    mean_reserve_w: float


class SynchronousArea:
    """State of the frequency between steps.

    Args:
        machine: the area.
        devices: how many devices may answer.
    """

    def __init__(self, machine: Machine, devices: int) -> None:
        self.machine = machine
        self.deviation_hz = 0.0
        self.primary_w = 0.0
        self.secondary_w = 0.0
        self.answer_w = np.zeros(devices)
        self._seen: list[float] = []
        self._trace: list[float] = []
        self._groups_w: list[float] = []
        self._reserve_w = 0.0

    def advance(self, imbalance_w: Sequence[float], inner_seconds: float, summed: Summed) -> Swing:
        """Integrate over one step.

        Args:
            imbalance_w: feed-in minus draw, without reserves and answers, one an inner step.
            inner_seconds: length of an inner step.
            summed: what devices add.
        """
        self.integrate(imbalance_w, inner_seconds, summed)
        return self.settle(inner_seconds, summed)

    def integrate(
        self, imbalance_w: Sequence[float], inner_seconds: float, summed: Summed
    ) -> list[float]:
        """A piece of a step: deviations; devices count as one by delay until `settle`."""
        machine = self.machine
        tables = [table for _, _, table in summed.groups]
        keep = [kept for _, kept, _ in summed.groups]
        states = self._groups_w or [
            float(self.answer_w[m].sum()) * summed.scale for m, _, _ in summed.groups
        ]
        classes = range(len(keep))
        follow = 1.0 - exp(-inner_seconds / machine.response_seconds)
        restore = machine.gain_w_per_hz / machine.secondary_seconds * inner_seconds
        speed = inner_seconds / machine.momentum_w_per_hz_s
        # The damping is taken at the end of the inner step: stable however small the machine is.
        damped = 1.0 / (1.0 + speed * machine.damping_w_per_hz)
        deviation, primary, secondary = self.deviation_hz, self.primary_w, self.secondary_w
        trace: list[float] = []
        reserve_sum = 0.0
        for imbalance in imbalance_w:
            beyond = max(0.0, abs(deviation) - machine.dead_band_hz)
            target = machine.gain_w_per_hz * (beyond if deviation < 0.0 else -beyond)
            target = max(-machine.primary_w, min(machine.primary_w, target))
            secondary -= restore * deviation
            secondary = max(-machine.secondary_w, min(machine.secondary_w, secondary))
            secondary = max(machine.lowest_w, min(machine.highest_w, secondary))
            target = max(machine.lowest_w - secondary, min(machine.highest_w - secondary, target))
            primary += follow * (target - primary)
            place = max(0.0, min(_LAST - 1e-9, (deviation - _LOW) / _SPACING))
            row = int(place)
            part = place - row
            total = imbalance + primary + secondary
            for k in classes:
                table = tables[k]
                wanted = table[row] + part * (table[row + 1] - table[row])
                states[k] = wanted + keep[k] * (states[k] - wanted)
                total += states[k]
            deviation = (deviation + speed * total) * damped
            reserve_sum += primary + secondary
            trace.append(deviation)
        self._seen += [self.deviation_hz, *trace[:-1]]
        self._trace += trace
        self._reserve_w += reserve_sum
        self._groups_w = states
        self.deviation_hz, self.primary_w, self.secondary_w = deviation, primary, secondary
        return trace

    def settle(self, inner_seconds: float, summed: Summed) -> Swing:
        """What each device answered in the pieces since the last time."""
        mean = self._answered(np.asarray(self._seen), summed)
        reserve_w = self._reserve_w / len(self._trace)
        swing = Swing(np.asarray(self._trace), inner_seconds, mean, reserve_w)
        self._seen, self._trace, self._groups_w, self._reserve_w = [], [], [], 0.0
        return swing

    def _answered(self, deviation_hz: FloatArray, summed: Summed) -> FloatArray:
        """Mean answer of every device; its last one is kept.

        The delay is linear, so that the mean over the step is a weighted sum of rows of the table.
        """
        count = len(deviation_hz)
        place = np.clip((deviation_hz - _LOW) / _SPACING, 0.0, _LAST - 1e-9)
        row = place.astype(np.int64)
        part = np.asarray(np.mod(place, 1.0))
        left = np.arange(count, 0, -1, dtype=np.float64)  # inner steps from this one to the end
        first, last = int(row.min()), int(row.max()) + 2  # rows of the table that were visited
        row = row - first
        seen_w = summed.answers.table_w[first:last]
        mean = np.zeros(seen_w.shape[1])
        for members, keep, _ in summed.groups:
            faded: FloatArray = np.power(keep, left)
            to_mean = (1.0 - faded) / count
            to_end = faded * ((1.0 - keep) / keep)
            table = seen_w[:, members]
            before = self.answer_w[members]
            remaining = keep * (1.0 - keep**count) / (1.0 - keep) / count
            mean[members] = before * remaining + _weights(row, part, to_mean, last - first) @ table
            self.answer_w[members] = (
                before * keep**count + _weights(row, part, to_end, last - first) @ table
            )
        return mean


def _weights(row: IntArray, part: FloatArray, share: FloatArray, count: int) -> FloatArray:
    below = np.bincount(row, weights=share * (1.0 - part), minlength=count)
    above = np.bincount(row + 1, weights=share * part, minlength=count)
    return np.asarray(below + above, np.float64)

"""What holds the frequency: the synchronous area outside, or the zone's own set in an island."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from simulation.grid_day.control import DeviceClass, GridLayout
from simulation.grid_day.frequency import (
    NOMINAL_HZ,
    Answers,
    Machine,
    Summed,
    Swing,
    SynchronousArea,
)
from simulation.grid_day.response import DeviceArrays
from simulation.grid_day.scenario import Area, Generator, Scenario
from simulation.physics.calendar import FloatArray

_MW: Final = 1e6
_KW: Final = 1e3
_SETTLING_SECONDS: Final = 10.0
_NOISE_MEMORY_SECONDS: Final = 120.0
SHED_FIRST_HZ: Final = -1.0
SHED_STEP_HZ: Final = 0.2
SHED_STAGES: Final = 6
"""Load shedding from 49.0 to 48.0 Hz in six steps of together half the homes (NC ER, annex)."""
SHED_SHARE: Final = 0.5
COLLAPSE_HZ: Final = -2.5
"""Below 47.5 Hz generating sets protect themselves and the zone is dark."""
_RESTORE_AFTER_SECONDS: Final = 300.0
_RESTORE_WITHIN_HZ: Final = 0.1
_RESTORE_HEADROOM: Final = 0.25
_CHUNK_SECONDS: Final = 0.5


@dataclass(frozen=True)
class SystemStep:
    """One step of the frequency.

    Attributes:
        swing: deviations while there was supply, and the devices' mean answers.
        served: share of the step in which each device was supplied.
        dark_seconds: time without any supply.
    """

    swing: Swing
    served: FloatArray
    dark_seconds: float


def machine_of_area(area: Area) -> Machine:
    """The synchronous area as one machine."""
    band = (area.primary_full_at_millihz - area.primary_dead_band_millihz) / 1_000
    reserve = area.primary_mw * _MW
    secondary = area.secondary_mw * _MW
    return Machine(
        momentum_w_per_hz_s=2 * area.inertia_seconds * area.base_mva * _MW / NOMINAL_HZ,
        damping_w_per_hz=area.load_mw * _MW * area.damping_percent_per_hz / 100,
        gain_w_per_hz=reserve / band,
        dead_band_hz=area.primary_dead_band_millihz / 1_000,
        primary_w=reserve,
        response_seconds=area.primary_response_seconds,
        secondary_w=secondary,
        secondary_seconds=area.secondary_seconds,
        lowest_w=-reserve - secondary,
        highest_w=reserve + secondary,
    )


def machine_of_generator(plant: Generator) -> Machine:
    """A generating set that forms the grid: governor with droop, restored to nominal slowly."""
    rated_w = plant.rated_kw * _KW
    return Machine(
        momentum_w_per_hz_s=2 * plant.inertia_seconds * plant.rated_kva * _KW / NOMINAL_HZ,
        damping_w_per_hz=0.0,  # of the load of the step, see `advance`
        gain_w_per_hz=rated_w / (plant.droop_percent / 100 * NOMINAL_HZ),
        dead_band_hz=0.0,
        primary_w=rated_w,
        response_seconds=plant.response_seconds,
        secondary_w=rated_w,
        secondary_seconds=plant.restoring_seconds,
        lowest_w=0.0,
        highest_w=rated_w,
    )


class PowerSystem:
    """Frequency of the zone, connected or not, with load shedding and blackout in an island.

    Attributes:
        is_dark: whether the island has collapsed.
        is_shed: by connection.
    """

    def __init__(self, scenario: Scenario, layout: GridLayout) -> None:
        self._scenario, self._layout = scenario, layout
        area = scenario.area
        self._outside = SynchronousArea(machine_of_area(area), len(layout.devices))
        self._island: SynchronousArea | None = None
        self.is_dark = False
        self.is_shed = np.zeros(len(layout.connections), dtype=np.bool_)
        self._lost_w = 0.0
        self._random = np.random.default_rng([scenario.seed, 0x46524551])
        self._noise_w = 0.0
        self._departure_w = 0.0
        self._stage = 0
        self._since_shed = 0.0
        order = np.random.default_rng([scenario.seed, 0x53484544]).permutation(
            [c.connection_id - 1 for c in layout.connections if self._may_be_shed(c.device_ids)]
        )
        size = round(len(order) * SHED_SHARE / SHED_STAGES)
        self._groups = [order[size * n : size * (n + 1)] for n in range(SHED_STAGES)]

    @property
    def deviation_hz(self) -> float:
        """Deviation from nominal now."""
        return (self._island or self._outside).deviation_hz

    @property
    def generator_w(self) -> float:
        """What the generating set gives now, 0 while connected."""
        return 0.0 if self._island is None else self._island.primary_w + self._island.secondary_w

    def lose(self, lost_mw: float) -> None:
        """A power station outside trips."""
        self._lost_w += lost_mw * _MW

    def begin_step(self, is_islanded: bool) -> None:
        """Follow the breaker, and reconnect what was shed if there is room for it."""
        if is_islanded and self._island is None:
            plant = self._scenario.fleet.generator
            if plant is None:
                raise AssertionError("a scenario is checked for this")
            self._island = SynchronousArea(machine_of_generator(plant), len(self._layout.devices))
            self._island.deviation_hz = self._outside.deviation_hz
        elif not is_islanded and self._island is not None:
            self._island, self.is_dark, self._stage = None, False, 0
            self._outside.answer_w[:] = 0.0
            self.is_shed[:] = False
        if self._island is not None and self._stage and not self.is_dark:
            self._restore(self._island)

    def advance(
        self,
        start: FloatArray,
        target: FloatArray,
        usual: FloatArray,
        loss_w: float,
        seconds: float,
        answers: Answers,
        arrays: DeviceArrays,
    ) -> SystemStep:
        """Integrate one step."""
        inner = self._scenario.area.inner_step_seconds
        if self.is_dark:
            nobody = np.zeros(len(start))
            return SystemStep(Swing(np.zeros(0), inner, nobody, 0.0), nobody, seconds)
        count = round(seconds / inner)
        times = np.arange(1, count + 1) * inner
        if self._island is None:
            scale = self._scenario.area.zones_alike
            imbalance = self._outside_imbalance(float((target - usual).sum()) * scale, times)
            summed = Summed.of(answers, inner, scale)
            swing = self._outside.advance(imbalance.tolist(), inner, summed)
            return SystemStep(swing, np.ones(len(start)), 0.0)
        return self._advance_island(self._island, start, target, loss_w, times, answers, arrays)

    def _outside_imbalance(self, departure_w: float, times: FloatArray) -> FloatArray:
        """Lost power, noise, and what managed zones do otherwise than usual."""
        seconds = float(times[-1])
        keep = np.exp(-seconds / _NOISE_MEMORY_SECONDS)
        sigma = self._scenario.area.noise_mw * _MW * np.sqrt(1.0 - keep**2)
        noise = self._noise_w * keep + sigma * float(self._random.standard_normal())
        drift = self._noise_w + (noise - self._noise_w) * times / seconds
        settled = np.minimum(1.0, times / _SETTLING_SECONDS)
        departure = self._departure_w + (departure_w - self._departure_w) * settled
        self._noise_w, self._departure_w = noise, departure_w
        return np.asarray(drift + departure - self._lost_w)

    def _advance_island(
        self,
        area: SynchronousArea,
        start: FloatArray,
        target: FloatArray,
        loss_w: float,
        times: FloatArray,
        answers: Answers,
        arrays: DeviceArrays,
    ) -> SystemStep:
        """Piece by piece, since shedding and collapse change the balance at once."""
        inner = self._scenario.area.inner_step_seconds
        chunk = max(1, round(_CHUNK_SECONDS / inner))
        count = len(times)
        load_w = -float(target[arrays.loads].sum())
        share_per_hz = self._scenario.area.damping_percent_per_hz / 100
        area.machine = replace(area.machine, damping_w_per_hz=load_w * share_per_hz)
        served = np.zeros(len(start))
        mean = np.zeros(len(start))
        traces, reserve, done = [], 0.0, 0
        while done < count:  # once more after everybody who is shed
            stage = self._stage
            kept = ~self.is_shed[arrays.connection]
            table = np.where(kept[None, :], answers.table_w, 0.0)
            summed = Summed.of(Answers(table, answers.delay_seconds), inner, 1.0)
            total = arrays.ramp_trace(start, target, times, kept) - loss_w
            first = done
            while done < count and not self.is_dark and stage == self._stage:
                part = total[done : done + chunk].tolist()
                lowest_hz = min(area.integrate(part, inner, summed))
                done += len(part)
                self._since_shed += len(part) * inner
                self._protect(lowest_hz)
            piece = area.settle(inner, summed)
            area.answer_w[self.is_shed[arrays.connection]] = 0.0
            share = (done - first) / count
            traces.append(piece.deviation_hz)
            mean += piece.mean_answer_w * share
            reserve += piece.mean_reserve_w * share
            served += kept * share
            if self.is_dark:
                area.answer_w[:] = 0.0
                break
        dark_seconds = (count - done) * inner
        # An answer is counted where it was given; only planned power is cut by `served`.
        mean = np.divide(mean, served, out=np.zeros_like(mean), where=served > 0.0)
        trace = np.concatenate(traces)
        mean[arrays.loads] += target[arrays.loads] * share_per_hz * float(trace.mean())
        return SystemStep(Swing(trace, inner, mean, reserve), served, dark_seconds)

    def _protect(self, lowest_hz: float) -> None:
        if lowest_hz <= COLLAPSE_HZ:
            self.is_dark = True
            return
        while self._stage < SHED_STAGES and lowest_hz <= SHED_FIRST_HZ - SHED_STEP_HZ * self._stage:
            self.is_shed[self._groups[self._stage]] = True
            self._stage += 1
            self._since_shed = 0.0

    def _restore(self, area: SynchronousArea) -> None:
        rated = area.machine.highest_w
        calm = abs(area.deviation_hz) < _RESTORE_WITHIN_HZ
        has_room = self.generator_w < (1.0 - _RESTORE_HEADROOM) * rated
        if calm and has_room and self._since_shed >= _RESTORE_AFTER_SECONDS:
            self._stage -= 1
            self.is_shed[self._groups[self._stage]] = False
            self._since_shed = 0.0

    def _may_be_shed(self, device_ids: tuple[int, ...]) -> bool:
        kinds = {self._layout.devices[device_id - 1].device_class for device_id in device_ids}
        return DeviceClass.GENERATOR not in kinds

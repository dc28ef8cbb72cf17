"""A scenario from its file to its report: the day without management, then with it on a chain."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from rich.console import Console

from energy_grid.artifacts import Artifacts
from energy_grid.rpc import Rpc
from energy_grid.slots import slot_of
from energy_grid.units import SLOTS_PER_DAY
from simulation.grid_day.chain_audit import audit_day, costs_of, unserved_wh
from simulation.grid_day.chain_control import ChainControl, Minute
from simulation.grid_day.chain_demand import DemandDesk
from simulation.grid_day.chain_flexibility import FlexibilityDesk
from simulation.grid_day.chain_gas import MeteredChain
from simulation.grid_day.chain_meters import Connection as MeteredConnection
from simulation.grid_day.chain_meters import DayEnergies, MeterHall
from simulation.grid_day.chain_oracle import GridReporters
from simulation.grid_day.chain_resources import ResourceBook, rated_export_w, rated_import_w
from simulation.grid_day.chain_world import (
    GENESIS_BEFORE_SECONDS,
    GridDayKeys,
    connect_zones,
    open_chain,
)
from simulation.grid_day.chain_zones import ChainZone, zones_of
from simulation.grid_day.control import DeviceClass, GridLayout, Measurement, NoControl
from simulation.grid_day.energies import EnergyRecorder, similar_days, varied
from simulation.grid_day.errors import GridDayError
from simulation.grid_day.flexbook import FlexBook, Potential, offers_of
from simulation.grid_day.metrics import DayMetrics
from simulation.grid_day.options import CACHE_FOLDER, Options
from simulation.grid_day.picture import draw_before_and_after
from simulation.grid_day.report import Figures, GridDayReport
from simulation.grid_day.reserve import RESERVE
from simulation.grid_day.scenario import Scenario, load_scenario
from simulation.grid_day.trace import STATES, Trace, loading_bps
from simulation.grid_day.twin import Twin
from simulation.grid_day.view import DayView, Shown
from simulation.market_day.anvil import Anvil, find_anvil
from simulation.market_day.residuals import Residual
from simulation.physics.grids import Grid, load_grid

_RPC_TIMEOUT_SECONDS: Final = 120.0
_DAY_SECONDS: Final = 86_400
_MILLI: Final = 1_000


@dataclass
class _Run:
    """One run of the day and what was kept of it."""

    layout: GridLayout
    trace: Trace
    metrics: DayMetrics
    energies: tuple[DayEnergies, ...]
    potential: Potential


def run_grid_day(options: Options, console: Console) -> GridDayReport:
    """Run a scenario; writes `<scenario>.json` and `<scenario>.png` into the folder of the options.

    Raises:
        SimulationError: what was asked for cannot be simulated, or a step on the chain failed.
        ArtifactError: the contracts are not compiled.
        AnvilError: no local chain.
    """
    find_anvil()
    Artifacts.load()
    scenario = _scenario(options)
    folder = options.out / "chain" / scenario.name
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    with console.status("the usual day, and the day without management"):
        grid = load_grid(scenario.grid.name, CACHE_FOLDER)
        usual = _unmanaged(scenario.model_copy(update={"disturbances": ()}), grid)
        without = _unmanaged(scenario, grid)
    first_day = scenario.midnight_unix - similar_days(scenario.midnight_unix) * _DAY_SECONDS
    with (
        Anvil(first_day - GENESIS_BEFORE_SECONDS, folder / "anvil.log", options.port) as anvil,
        Rpc(anvil.url, timeout_seconds=_RPC_TIMEOUT_SECONDS) as rpc,
    ):
        report, managed = _ManagedDay(options, scenario, grid, usual, rpc, folder, console).run(
            without
        )
    _write(options.out / f"{scenario.name}.json", report.as_json())
    draw_before_and_after(
        scenario.title,
        _subtitle(report),
        without.trace,
        managed.trace,
        options.out / f"{scenario.name}.png",
    )
    return report


class _ManagedDay:
    """The day on the chain."""

    def __init__(
        self,
        options: Options,
        scenario: Scenario,
        grid: Grid,
        usual: _Run,
        rpc: Rpc,
        folder: Path,
        console: Console,
    ) -> None:
        self._options, self._scenario, self._console = options, scenario, console
        self._usual = usual
        self._twin = Twin(scenario, grid)
        self._layout = self._twin.layout
        self._zones = zones_of(self._layout)
        self._members = [one for one in self._layout.connections if one.is_member]
        self._keys = GridDayKeys.derive(
            options.seed,
            [zone.zone for zone in self._zones],
            [member.connection_id for member in self._members],
        )
        self._rpc, self._folder = rpc, folder

    def run(self, without: _Run) -> tuple[GridDayReport, _Run]:
        """Everything from the first contract to the audit."""
        console, keys = self._console, self._keys
        with console.status("deploying the contracts"):
            chain = open_chain(self._rpc, keys, self._folder / "deployment.json")
            connect_zones(chain, keys, self._zones)
        with console.status("weeks of meter readings"):
            hall, meter_ids = self._hang_meters(chain)
            self._send_history(hall, meter_ids)
        with console.status("registering devices"):
            book = ResourceBook(chain, self._layout, meter_ids)
            book.register(keys.members)
            book.set_curves(keys.governor, self._zones, RESERVE)
        with console.status("offers, stakes, budgets, plans"):
            calls, desk, demand = self._open_markets(chain, book)
        chain.advance_to(self._scenario.first_unix)
        managed, control = self._steer(chain, book, calls, desk, demand)
        with console.status("reading meters and settling"):
            self._send_day(hall, meter_ids, managed.energies, 0)
            desk.settle(self._scenario.midnight_unix)
            desk.pay_out()
        residuals = audit_day(chain, desk, hall)
        report = self._report(
            chain, without, managed, control, desk, hall, residuals, len(book.devices)
        )
        return report, managed

    def _hang_meters(self, chain: MeteredChain) -> tuple[MeterHall, dict[int, int]]:
        days = similar_days(self._scenario.midnight_unix)
        first_slot = slot_of(self._scenario.midnight_unix) - days * SLOTS_PER_DAY
        devices = self._layout.devices
        connections = [
            MeteredConnection(
                name=member.name,
                owner=self._keys.members[member.connection_id],
                zone=self._zone_of(member.feeder).zone,
                rated_import_w=rated_import_w(member, devices),
                rated_export_w=rated_export_w(member, devices),
                has_storage=any(
                    devices[number - 1].device_class is DeviceClass.BATTERY
                    for number in member.device_ids
                ),
            )
            for member in self._members
        ]
        hall = MeterHall(chain, connections, first_slot, self._options.seed)
        ids = hall.register(self._keys.governor)
        return hall, {
            member.connection_id: meter_id
            for member, meter_id in zip(self._members, ids, strict=True)
        }

    def _send_history(self, hall: MeterHall, meter_ids: Mapping[int, int]) -> None:
        for days_before in range(similar_days(self._scenario.midnight_unix), 0, -1):
            self._send_day(hall, meter_ids, self._usual.energies, days_before)

    def _send_day(
        self,
        hall: MeterHall,
        meter_ids: Mapping[int, int],
        energies: tuple[DayEnergies, ...],
        days_before: int,
    ) -> None:
        """Days on record are the usual day with small differences; the day itself is as it was."""
        midnight_slot = slot_of(self._scenario.midnight_unix) - days_before * SLOTS_PER_DAY
        by_meter = {}
        for connection_id, meter_id in meter_ids.items():
            day = energies[connection_id - 1]
            if days_before:
                day = varied(day, self._options.seed, meter_id, days_before)
            by_meter[meter_id] = day
        hall.send_day(self._keys.relayer, midnight_slot, by_meter)

    def _open_markets(
        self, chain: MeteredChain, book: ResourceBook
    ) -> tuple[FlexBook, FlexibilityDesk, DemandDesk]:
        """Offers of a usual day, and what operators put aside and plan."""
        scenario, numbers = self._scenario, [zone.zone for zone in self._zones]
        zone_of = {zone.feeder: zone.zone for zone in self._zones}
        offers = offers_of(
            book.devices,
            {device.device_id: zone_of[device.feeder] for device in book.devices},
            self._usual.potential,
            slot_of(scenario.first_unix),
            slot_of(scenario.first_unix + scenario.step_count * scenario.window.step_seconds),
        )
        desk = FlexibilityDesk(chain, self._keys, numbers, book)
        desk.fund_budgets()
        desk.place(offers)
        demand = DemandDesk(chain, self._keys, self._layout, self._zones, book)
        demand.set_plans()
        calls = FlexBook()
        calls.add(offers)
        return calls, desk, demand

    def _steer(
        self,
        chain: MeteredChain,
        book: ResourceBook,
        calls: FlexBook,
        desk: FlexibilityDesk,
        demand: DemandDesk,
    ) -> tuple[_Run, ChainControl]:
        trace = Trace()
        scenario = self._scenario
        recorder = _recorder(scenario, self._layout)
        with DayView(self._console, scenario.title, scenario.step_count) as view:

            def tell(minute: Minute) -> None:
                trace.add(minute.seen, minute.states)
                recorder.add(minute.seen.unix, minute.seen.connection_w)
                view.show(_shown(minute, self._layout))

            control = ChainControl(
                chain,
                self._keys,
                self._layout,
                self._zones,
                GridReporters(chain, self._keys.reporters, [zone.zone for zone in self._zones]),
                book,
                calls,
                desk,
                demand,
                tell,
            )
            metrics = self._twin.run(control)
        return _Run(self._layout, trace, metrics, recorder.day(), Potential()), control

    def _report(
        self,
        chain: MeteredChain,
        without: _Run,
        managed: _Run,
        control: ChainControl,
        desk: FlexibilityDesk,
        hall: MeterHall,
        residuals: Sequence[Residual],
        devices: int,
    ) -> GridDayReport:
        scenario, record = self._scenario, control.record
        flexibility = desk.dispatches()
        costs_without = costs_of(without.metrics, 0, 0)
        costs = costs_of(managed.metrics, *desk.paid_and_penalties())
        minutes = {
            name: managed.trace.minutes_in(number, scenario.window.step_seconds)
            for number, name in enumerate(STATES)
        }
        return GridDayReport(
            scenario=scenario.name,
            title=scenario.title,
            first_unix=scenario.first_unix,
            step_seconds=scenario.window.step_seconds,
            steps=scenario.step_count,
            zones={zone.zone: zone.name for zone in self._zones},
            homes=len(self._members),
            devices=devices,
            without=_figures(without.metrics, costs_without.total),
            managed=_figures(managed.metrics, costs.total),
            costs_without=costs_without,
            costs=costs,
            minutes_by_state={name: count for name, count in minutes.items() if count},
            dispatches=flexibility,
            halts=record.halts,
            limited_lines=record.limited_lines,
            setpoint_blocks=record.setpoint_blocks,
            setpoints_read=record.setpoints,
            rounds=record.rounds,
            readings=hall.readings,
            residuals=tuple(residuals),
            gas=chain.gas(),
            gas_per_step=sum(record.gas) // max(len(record.gas), 1),
            unit_digits=int(chain.contracts.settlement_token.call("decimals")),
        )

    def _zone_of(self, feeder: int) -> ChainZone:
        return next(zone for zone in self._zones if zone.feeder == feeder)


def _scenario(options: Options) -> Scenario:
    scenario = load_scenario(options.scenario)
    if options.window is None:
        return scenario
    start, dash, end = options.window.partition("-")
    if not dash:
        raise GridDayError(
            "the window is not readable",
            expected="HH:MM-HH:MM, quarter hours, UTC",
            found=options.window,
        )
    try:
        return scenario.between(start, end)
    except ValueError as error:
        raise GridDayError(
            "the scenario cannot run in this window",
            expected="HH:MM-HH:MM, quarter hours, UTC",
            found=f"{options.window}: {error}",
        ) from error


def _unmanaged(scenario: Scenario, grid: Grid) -> _Run:
    """The day without management."""
    twin = Twin(scenario, grid)
    trace, recorder, potential = Trace(), _recorder(scenario, twin.layout), Potential()

    def keep(seen: Measurement) -> None:
        trace.add(seen, {})
        recorder.add(seen.unix, seen.connection_w)
        potential.add(seen)

    metrics = twin.run(NoControl(), keep)
    return _Run(twin.layout, trace, metrics, recorder.day(), potential)


def _recorder(scenario: Scenario, layout: GridLayout) -> EnergyRecorder:
    return EnergyRecorder(
        len(layout.connections), scenario.midnight_unix, scenario.window.step_seconds
    )


def _shown(minute: Minute, layout: GridLayout) -> Shown:
    seen = minute.seen
    held_back = sum(
        max(state.usual_w - state.power_w, 0)
        for spec, state in zip(layout.devices, seen.devices, strict=True)
        if spec.device_class is DeviceClass.PV
    )
    return Shown(
        at=seen.unix,
        states={zone: STATES[state] for zone, state in minute.states.items()},
        frequency_millihz=seen.lowest_millihz,
        voltage_millivolts=(seen.lowest_millivolts, seen.highest_millivolts),
        line_loading_bps=loading_bps(seen),
        curtailed_w=held_back,
        dispatched_w=minute.dispatched_w,
        events=minute.events,
    )


def _figures(metrics: DayMetrics, cost_units: int) -> Figures:
    return Figures(
        voltage_minutes=metrics.voltage.minutes_outside_usual,
        overload_minutes=round(metrics.loading.minutes_overloaded),
        frequency_seconds=round(metrics.frequency.seconds_outside),
        nadir_millihz=round(metrics.frequency.nadir_hz * _MILLI),
        zenith_millihz=round(metrics.frequency.zenith_hz * _MILLI),
        curtailed_wh=round(metrics.energy.curtailed_wh),
        unserved_wh=unserved_wh(metrics),
        cost_units=cost_units,
    )


def _subtitle(report: GridDayReport) -> str:
    """What came of it, in two lines."""
    before, after = report.without, report.managed
    return (
        f"Outside EN 50160 voltage {before.voltage_minutes} → {after.voltage_minutes} minutes, "
        f"a line above its rating {before.overload_minutes} → {after.overload_minutes} minutes, "
        f"outside 49.8 to 50.2 Hz {before.frequency_seconds} → {after.frequency_seconds} s.\n"
        f"{report.dispatches.allocated} calls of flexibility; money balances to the last unit."
        if report.adds_up
        else "MONEY DOES NOT BALANCE: see the residuals."
    )


def _write(file: Path, content: dict[str, Any]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")

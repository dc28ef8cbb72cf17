"""One market day from an empty chain to settled accounts."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from energy_grid.artifacts import Artifacts
from energy_grid.deployments import deployment_path
from energy_grid.rpc import Rpc
from energy_grid.units import SLOT_SECONDS, SLOTS_PER_DAY
from simulation.agents.traders import trader_of
from simulation.market_day.anvil import CHAIN_ID, Anvil, find_anvil
from simulation.market_day.audit import audit
from simulation.market_day.bridge import BridgeProcess
from simulation.market_day.chain import Chain
from simulation.market_day.deploying import deploy_market
from simulation.market_day.engine import EngineProcess
from simulation.market_day.facts import ChainFacts, read_facts
from simulation.market_day.fleet import FleetMeter, build_fleet
from simulation.market_day.gas import measure_gas
from simulation.market_day.keys import DayKeys
from simulation.market_day.onboarding import enrol_members, market_view, register_meters
from simulation.market_day.options import CACHE_FOLDER, Options
from simulation.market_day.picture import draw_day
from simulation.market_day.plant import SALE_SLOT, SharedPlant, found_plant, owners_of
from simulation.market_day.report import DayReport, Tariff, build_report
from simulation.market_day.settling import claim_all, settle_all
from simulation.market_day.share_report import SharesReport, report_shares
from simulation.market_day.trading import Member, TradingFloor
from simulation.market_day.treasury import with_treasurers, withdraw_fees
from simulation.meters.adapters import MeterAdapters
from simulation.physics.day import PhysicalDay, simulate_day
from simulation.physics.zones import ZONES

_HOUR: Final = 3_600
_GAS_MONEY_WEI: Final = 1_000 * 10**18
RPC_TIMEOUT_SECONDS: Final = 120.0
GENESIS_BEFORE: Final = 8 * _HOUR
"""The chain begins at 16:00 UTC of the day before; contracts and members take less than an hour."""
DAY_AHEAD_BEFORE: Final = 6 * _HOUR
"""Curves for the hours of the day are placed at 18:00 UTC of the day before."""
AUCTIONS_BEFORE_SLOTS: Final = 4
"""The auction of the day's first hour closes an hour before it."""
CLEARING_AFTER_SECONDS: Final = 30
"""The engine clears half a minute after a boundary: that is when the gates of auctions close."""
TRADING_AFTER_SECONDS: Final = 60
"""Traders act another half minute later, then the engine relays and matches."""
_SETTLE_AFTER_SECONDS: Final = 10 * 60


@dataclass
class Stopwatch:
    """Wall-clock seconds by stage; kept out of the report, which must not depend on them."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Add the time of a block to a stage."""
        started = time.monotonic()
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.monotonic() - started


def run_market_day(
    options: Options, console: Console, show: Callable[[DayReport], None]
) -> DayReport:
    """Run a day; writes `report.json`, `day.png` and `run.json` into the folder of the options.

    Args:
        options: what day.
        console: where progress goes.
        show: told the report once it is written, while the chain is still up.

    Raises:
        SimulationError: what was asked for cannot be simulated.
        ArtifactError: the contracts are not compiled.
        AnvilError: no local chain.
        MarketDayError: a transaction or the bridge failed.
    """
    find_anvil()
    Artifacts.load()
    watch = Stopwatch()
    folder = _fresh_folder(options.out)
    with watch.stage("simulate the grid"), console.status("simulating the grid"):
        day = simulate_day(options.grid, options.day, options.homes, CACHE_FOLDER)
    console.print(
        f"[bold]{len(day.homes)}[/] homes on [bold]{options.grid}[/], {options.day}: "
        f"{sum(bool(home.pv_w) for home in day.homes)} with panels, "
        f"{sum(bool(home.battery_wh) for home in day.homes)} of them with a battery"
    )
    start = day.first_slot * SLOT_SECONDS
    with (
        Anvil(start - GENESIS_BEFORE, folder / "anvil.log", options.port) as anvil,
        Rpc(anvil.url, timeout_seconds=RPC_TIMEOUT_SECONDS) as rpc,
    ):
        console.print(f"chain {CHAIN_ID} at {anvil.url}, its clock set to the simulated day")
        report = _run_day(options, day, rpc, folder, watch, console)
        _write_json(options.out / "report.json", report.as_json())
        with watch.stage("draw the picture"):
            draw_day(report, options.out / "day.png")
        timings = {name: round(seconds, 2) for name, seconds in watch.seconds.items()}
        _write_json(options.out / "run.json", {"seconds": timings})
        show(report)
        if options.keep_running:
            _keep_running(anvil, folder, console)
    return report


def _run_day(
    options: Options,
    day: PhysicalDay,
    rpc: Rpc,
    folder: Path,
    watch: Stopwatch,
    console: Console,
) -> DayReport:
    keys = DayKeys.derive(options.seed, len(day.homes))
    slots = range(day.first_slot, day.first_slot + SLOTS_PER_DAY)
    deployment_file = deployment_path(CHAIN_ID, folder)
    with watch.stage("deploy and enrol"), console.status("deploying the contracts"):
        chain = _open_market(rpc, keys, day.line_w, deployment_file)
        plant = found_plant(chain, day, keys.members, keys.keeper)
        fleet = build_fleet(day, owners_of(keys.members, plant), options.seed)
        register_meters(chain, keys.governor, fleet)
        if plant is not None:
            plant.lock(keys.governor, _connection_of(fleet, plant))
        account_ids = enrol_members(chain, keys.members, plant)
        before = rpc.block_number()
    markets = {zone: market_view(chain, zone, day.first_slot) for zone in ZONES}
    members = tuple(
        Member(
            account,
            account_id,
            market := markets[day.zones.zone_of(history.home)],
            trader_of(history.home, market, options.seed),
            history,
            plant.address if plant is not None and account == plant.founder else None,
        )
        for account, account_id, history in zip(keys.members, account_ids, day.history, strict=True)
    )
    with (
        EngineProcess(chain, keys.engine, folder, folder / "engine") as engine,
        MeterAdapters([meter.virtual.name for meter in fleet]) as adapters,
        BridgeProcess(
            chain, fleet, adapters, keys.relayer, deployment_file, folder / "bridge"
        ) as bridge,
    ):
        floor = TradingFloor(chain, members, engine, slots, options.seed)
        _trade_and_meter(floor, bridge, plant, watch, console)
    with watch.stage("settle"), console.status("settling every account, slot by slot"):
        chain.advance_to(slots.stop * SLOT_SECONDS + _SETTLE_AFTER_SECONDS)
        settle_all(chain, keys.keeper, [member.address for member in members], slots.stop)
        claim_all(chain, keys.keeper)
        withdrawal = withdraw_fees(chain, keys)
        if plant is not None:
            plant.pay_out()
            plant.record_production(slots.start // SLOTS_PER_DAY)
    with watch.stage("audit"), console.status("checking that everything adds up"):
        facts = read_facts(chain, ZONES, [one.address for one in plant.holders] if plant else ())
        return build_report(
            options,
            day,
            members,
            facts,
            audit(facts, slots),
            measure_gas(chain),
            withdrawal,
            {
                zone: Tariff(
                    market.retail_tick * market.tick_size, market.feed_in_tick * market.tick_size
                )
                for zone, market in markets.items()
            },
            int(chain.contracts.settlement_token.call("decimals")),
            _shares(plant, members, facts, slots, before),
        )


def _connection_of(fleet: Sequence[FleetMeter], plant: SharedPlant) -> int:
    """Meter of the plant: its home has no battery, so there is only one."""
    return next(meter.meter_id for meter in fleet if meter.registration.owner == plant.address)


def _shares(
    plant: SharedPlant | None,
    members: Sequence[Member],
    facts: ChainFacts,
    slots: range,
    before: int,
) -> SharesReport | None:
    if plant is None:
        return None
    homes = {str(member.account.address): member.trader.home_number for member in members}
    return report_shares(plant, homes, facts.slots, slots.start // SLOTS_PER_DAY, before)


def _open_market(rpc: Rpc, keys: DayKeys, line_w: int, deployment_file: Path) -> Chain:
    """Anvil's clock under our hand, everybody with coins for gas, contracts deployed."""
    # A second a block, whatever the hour of this machine is.
    rpc.call("anvil_setBlockTimestampInterval", 1)
    rpc.batch(
        [
            ("anvil_setBalance", [account.address, hex(_GAS_MONEY_WEI)])
            for account in keys.everybody()
        ]
    )
    changes = with_treasurers(keys)
    contracts = deploy_market(rpc, keys, line_w, deployment_file, changes=changes)
    return Chain(rpc, contracts, CHAIN_ID)


def _trade_and_meter(
    floor: TradingFloor,
    bridge: BridgeProcess,
    plant: SharedPlant | None,
    watch: Stopwatch,
    console: Console,
) -> None:
    """From the evening before to the last reading of the day."""
    chain, slots = floor.chain, floor.slots
    start = slots.start * SLOT_SECONDS
    with _progress(console) as progress:
        task = progress.add_task("evening before: curves of hours", total=len(slots))
        with watch.stage("trade"):
            chain.advance_to(start - DAY_AHEAD_BEFORE)
            floor.place_day_ahead(start - DAY_AHEAD_BEFORE)
        with watch.stage("engine"):
            floor.let_engine_work()
        for slot in range(slots.start - AUCTIONS_BEFORE_SLOTS, slots.stop):
            boundary = slot * SLOT_SECONDS
            if slot > slots.start:
                with watch.stage("meter"):
                    chain.advance_to(boundary)
                    bridge.read_boundary(boundary)
            if plant is not None and slot == slots.start + SALE_SLOT:
                plant.sell_late(slot)
            with watch.stage("engine"):
                chain.advance_to(boundary + CLEARING_AFTER_SECONDS)
                floor.let_engine_work()
            with watch.stage("trade"):
                chain.advance_to(boundary + TRADING_AFTER_SECONDS)
                floor.place_quarters(boundary + TRADING_AFTER_SECONDS)
            with watch.stage("engine"):
                floor.let_engine_work()
            if slot >= slots.start:
                clock = datetime.fromtimestamp(boundary, UTC)
                progress.update(
                    task,
                    advance=1,
                    description=(
                        f"{clock:%H:%M} UTC, {floor.cleared} auctions, {floor.matched:,} matches"
                    ),
                )
        with watch.stage("meter"):
            end = slots.stop * SLOT_SECONDS
            chain.advance_to(end)
            bridge.read_boundary(end)
        with watch.stage("engine"):
            chain.advance_to(end + CLEARING_AFTER_SECONDS)
            floor.let_engine_work()


def _progress(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description:<41}"),
        BarColumn(bar_width=20),
        MofNCompleteColumn(),
        TextColumn("slots"),
        TimeElapsedColumn(),
        console=console,
    )


def _keep_running(anvil: Anvil, folder: Path, console: Console) -> None:
    console.print(
        f"The chain stays at [bold]{anvil.url}[/] (chain id {CHAIN_ID}), addresses in "
        f"{deployment_path(CHAIN_ID, folder)}. Ctrl-C ends it."
    )
    try:
        anvil.wait()
    except KeyboardInterrupt:
        console.print("stopped")


def _fresh_folder(out: Path) -> Path:
    """A folder for logs, keys and the bridge's store; what an earlier day left there goes."""
    folder = out / "chain"
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    for name in ("report.json", "run.json", "day.png"):
        (out / name).unlink(missing_ok=True)
    return folder


def _write_json(file: Path, content: dict[str, Any]) -> None:
    file.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")

"""A market morning, then the end: frozen, wound down, settled, closed, left by everybody."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final

from eth_account.signers.local import LocalAccount
from rich.console import Console

from energy_grid.artifacts import Artifacts
from energy_grid.contracts import Contract, ContractCallError
from energy_grid.deployments import deployment_path
from energy_grid.products import Product
from energy_grid.rpc import Rpc, to_hex
from energy_grid.units import SLOT_SECONDS, SLOTS_PER_DAY
from simulation.agents.traders import trader_of
from simulation.market_day.anvil import CHAIN_ID, Anvil, find_anvil
from simulation.market_day.bridge import BridgeProcess
from simulation.market_day.chain import Call, Chain
from simulation.market_day.deploying import REGION, deploy_market
from simulation.market_day.engine import EngineProcess
from simulation.market_day.errors import MarketDayError
from simulation.market_day.fleet import build_fleet
from simulation.market_day.keys import DayKeys
from simulation.market_day.onboarding import enrol_members, market_view, register_meters
from simulation.market_day.options import CACHE_FOLDER, DEFAULT_DAY, DEFAULT_SEED
from simulation.market_day.run import (
    AUCTIONS_BEFORE_SLOTS,
    CLEARING_AFTER_SECONDS,
    DAY_AHEAD_BEFORE,
    GENESIS_BEFORE,
    RPC_TIMEOUT_SECONDS,
    TRADING_AFTER_SECONDS,
)
from simulation.market_day.settling import settle_all
from simulation.market_day.trading import Member, TradingFloor
from simulation.meters.adapters import MeterAdapters
from simulation.physics.day import PhysicalDay, simulate_day
from simulation.physics.grids import DEFAULT_GRID
from simulation.physics.zones import ZONES
from simulation.shutdown_drill.report import DrillReport, Exit

DEFAULT_HOMES: Final = 3
DEFAULT_SLOTS: Final = 36
_FREEZE_SECONDS: Final = 72 * 3_600
_ALL_PLACING_AND_MATCHING: Final = 3
_LAST_SLOT: Final = 2**28 - 1
_SETTLE_AFTER_SECONDS: Final = 600
_GAS_CLOSING: Final = 8_000_000
_GAS_MONEY_WEI: Final = 1_000 * 10**18


@dataclass(frozen=True, slots=True)
class DrillOptions:
    """What the user chose.

    Attributes:
        homes: number of homes.
        slots: quarter hours of the day before the end begins.
        seed: fixes the day and the orders in which accounts are closed and leave.
        day: the day of 2016 that is simulated.
    """

    homes: int = DEFAULT_HOMES
    slots: int = DEFAULT_SLOTS
    seed: int = DEFAULT_SEED
    day: date = DEFAULT_DAY


def run_drill(options: DrillOptions, console: Console) -> DrillReport:
    """Run the drill on a chain of its own.

    Raises:
        SimulationError: the day cannot be simulated.
        MarketDayError: a transaction, the bridge or the engine failed.
    """
    find_anvil()
    Artifacts.load()
    day = simulate_day(DEFAULT_GRID, options.day, options.homes, CACHE_FOLDER)
    start = day.first_slot * SLOT_SECONDS
    with (
        tempfile.TemporaryDirectory(prefix="energy-grid-drill-") as folder,
        Anvil(start - GENESIS_BEFORE, Path(folder) / "anvil.log", 0) as anvil,
        Rpc(anvil.url, timeout_seconds=RPC_TIMEOUT_SECONDS) as rpc,
    ):
        return _drill(options, day, rpc, Path(folder), console)


def _drill(
    options: DrillOptions, day: PhysicalDay, rpc: Rpc, folder: Path, console: Console
) -> DrillReport:
    keys = DayKeys.derive(options.seed, len(day.homes))
    deployment_file = deployment_path(CHAIN_ID, folder)
    chain = _open_market(rpc, keys, day.line_w, deployment_file)
    fleet = build_fleet(day, keys.members, options.seed)
    register_meters(chain, keys.governor, fleet)
    members = _members(chain, keys, day, options.seed)
    with (
        EngineProcess(chain, keys.engine, folder, folder / "engine") as engine,
        MeterAdapters([meter.virtual.name for meter in fleet]) as adapters,
        BridgeProcess(
            chain, fleet, adapters, keys.relayer, deployment_file, folder / "bridge"
        ) as bridge,
    ):
        slots = range(day.first_slot, day.first_slot + SLOTS_PER_DAY)
        floor = TradingFloor(chain, members, engine, slots, options.seed)
        _trade(floor, bridge, day.first_slot + options.slots)
        console.print(f"{floor.cleared} auctions cleared, {floor.matched} matches")
        _freeze_and_trigger(chain, console)
        from_slot = int(chain.contracts.settlement.call("windDownSlot"))
        end = _state(chain, keys)
        # Meters are read on, up to the last slot that counts.
        chain.advance_to(from_slot * SLOT_SECONDS)
        bridge.read_boundary(from_slot * SLOT_SECONDS)
    chain.advance_to(from_slot * SLOT_SECONDS + _SETTLE_AFTER_SECONDS)
    dice = random.Random(options.seed)
    _close(chain, keys, from_slot, dice)
    exits = _leave(chain, keys, dice)
    settlement, token = chain.contracts.settlement, chain.contracts.settlement_token
    left, clearing, decimals = chain.read(
        [
            (token, "balanceOf", (settlement.address,)),
            (settlement, "clearing", ()),
            (token, "decimals", ()),
        ]
    )
    return DrillReport(
        from_slot=from_slot,
        trades=floor.matched + floor.cleared,
        locked=end.locked,
        assets=end.assets,
        exits=exits,
        left=left,
        clearing=clearing,
        decimals=decimals,
    )


# --- Before the end ---


def _open_market(rpc: Rpc, keys: DayKeys, line_w: int, deployment_file: Path) -> Chain:
    """A clock under our hand, coins for gas, contracts; the deployer's key is the treasury's."""
    rpc.call("anvil_setBlockTimestampInterval", 1)
    rpc.batch(
        [
            ("anvil_setBalance", [account.address, hex(_GAS_MONEY_WEI)])
            for account in keys.everybody()
        ]
    )
    changes = {"treasury": keys.governor.address}
    return Chain(rpc, deploy_market(rpc, keys, line_w, deployment_file, changes=changes), CHAIN_ID)


def _members(chain: Chain, keys: DayKeys, day: PhysicalDay, seed: int) -> tuple[Member, ...]:
    account_ids = enrol_members(chain, keys.members)
    markets = {zone: market_view(chain, zone, day.first_slot) for zone in ZONES}
    return tuple(
        Member(
            account,
            account_id,
            market := markets[day.zones.zone_of(history.home)],
            trader_of(history.home, market, seed),
            history,
        )
        for account, account_id, history in zip(keys.members, account_ids, day.history, strict=True)
    )


def _trade(floor: TradingFloor, bridge: BridgeProcess, stop_slot: int) -> None:
    """From the evening before into the slot before `stop_slot`."""
    chain, first = floor.chain, floor.slots.start
    evening = first * SLOT_SECONDS - DAY_AHEAD_BEFORE
    chain.advance_to(evening)
    floor.place_day_ahead(evening)
    floor.let_engine_work()
    for slot in range(first - AUCTIONS_BEFORE_SLOTS, stop_slot):
        boundary = slot * SLOT_SECONDS
        if slot > first:
            chain.advance_to(boundary)
            bridge.read_boundary(boundary)
        chain.advance_to(boundary + CLEARING_AFTER_SECONDS)
        floor.let_engine_work()
        chain.advance_to(boundary + TRADING_AFTER_SECONDS)
        floor.place_quarters(boundary + TRADING_AFTER_SECONDS)
        floor.let_engine_work()


# --- The end ---


@dataclass(frozen=True, slots=True)
class _Assets:
    assets: int
    locked: int


def _freeze_and_trigger(chain: Chain, console: Console) -> None:
    """The guardian halts trading while governance decides; then governance decides.

    Both act under their own addresses, by leave of this chain: their votes and signatures are
    shown elsewhere (docs/governance.md), and 66 hours of them would outlast the day.
    """
    contracts = chain.contracts
    until = chain.now() + _FREEZE_SECONDS
    guardian = contracts.deployment.address_of("Guardian")
    for zone in ZONES:
        halt = (zone, _ALL_PLACING_AND_MATCHING, 0, _LAST_SLOT, until)
        _act_as(chain, guardian, contracts.energy_trading, "haltZone", *halt)
    console.print("guardian: both zones frozen for 72 h")
    timelock = contracts.deployment.address_of("GridTimelock")
    _act_as(chain, timelock, contracts.emergency_shutdown, "trigger")
    console.print("timelock: shutdown triggered; nobody with a role acts from here on")


def _act_as(chain: Chain, sender: str, contract: Contract, function: str, *arguments: Any) -> None:
    """Send from an account without a key, which a local chain allows."""
    rpc = chain.rpc
    rpc.call("anvil_impersonateAccount", sender)
    rpc.call("anvil_setBalance", sender, hex(_GAS_MONEY_WEI))
    transaction = {
        "from": sender,
        "to": contract.address,
        "data": to_hex(contract.encode(function, *arguments)),
        "gas": hex(_GAS_CLOSING),
    }
    receipt = rpc.wait_for_receipt(rpc.call("eth_sendTransaction", transaction))
    if receipt["status"] != "0x1":
        raise MarketDayError(f"{contract.name}.{function} reverted", found=f"sent by {sender}")


def _state(chain: Chain, keys: DayKeys) -> _Assets:
    settlement = chain.contracts.settlement
    assets = int(settlement.call("trackedTotal"))
    states = chain.read([(settlement, "accountState", (one.address,)) for one in keys.members])
    return _Assets(assets, sum(state.locked for state in states))


def _close(chain: Chain, keys: DayKeys, from_slot: int, dice: random.Random) -> None:
    """Settle, pay rent, close in a random order, count up: all by somebody without a role."""
    keeper, settlement = keys.keeper, chain.contracts.settlement
    accounts = [member.address for member in keys.members]
    dice.shuffle(accounts)
    settle_all(chain, keeper, accounts, from_slot)
    _collect_rents(chain, keeper)

    def call(function: str, *arguments: Any) -> Call:
        return Call(keeper, settlement, function, arguments, _GAS_CLOSING)

    chain.send([call("closeAccounts", [account]) for account in accounts])
    chain.send([call("closeNext", 500)])
    chain.send([call("finalizeZone", zone) for zone in dice.sample([*ZONES], len(ZONES))])
    chain.send([call("payExits", accounts)])


def _collect_rents(chain: Chain, keeper: LocalAccount) -> None:
    market = chain.contracts.energy_trading
    for event in market.events("RegionCleared"):
        product = Product.from_id(int(event.arguments["regionProduct"]))
        assert product.zone == REGION
        try:
            market.call("collectRent", product.id, 0)
        except ContractCallError as refused:
            if refused.reason.name not in ("NoRent", "DeliveryNotOver"):
                raise
            continue
        chain.send([Call(keeper, market, "collectRent", (product.id, 0))])


def _leave(chain: Chain, keys: DayKeys, dice: random.Random) -> tuple[Exit, ...]:
    """Everybody takes its money, in a random order."""
    settlement, token = chain.contracts.settlement, chain.contracts.settlement_token
    people = [
        *((f"home {number}", member) for number, member in enumerate(keys.members, 1)),
        *((f"operator {zone}", operator) for zone, operator in keys.operators.items()),
        ("treasury", keys.governor),
    ]
    dice.shuffle(people)
    states = chain.read([(settlement, "accountState", (who.address,)) for _, who in people])
    leaving = [pair for pair, state in zip(people, states, strict=True) if state.free]
    before = _balances(chain, [who for _, who in people])
    chain.send([Call(who, settlement, "withdrawAll", (who.address,)) for _, who in leaving])
    after = chain.read([(token, "balanceOf", (who.address,)) for _, who in people])
    closed = {
        event.arguments["account"]: event.arguments for event in settlement.events("AccountClosed")
    }
    paid = {
        event.arguments["account"]: event.arguments["paid"]
        for event in settlement.events("ExitPaid")
    }
    exits = []
    for (name, who), state, held, holds in zip(people, states, before, after, strict=True):
        figures = closed.get(who.address)
        if figures is not None and holds - held != figures["free"] + paid.get(who.address, 0):
            raise MarketDayError(
                f"{name} took out another amount than its closing says",
                expected=figures["free"] + paid.get(who.address, 0),
                found=holds - held,
            )
        exits.append(
            Exit(
                name=name,
                zone=state.zone,
                free=figures["free"] if figures else 0,
                paid=figures["paid"] if figures else 0,
                claim=figures["claim"] if figures else 0,
                exit=holds - held,
            )
        )
    return tuple(exits)


def _balances(chain: Chain, people: Sequence[LocalAccount]) -> list[int]:
    token = chain.contracts.settlement_token
    return chain.read([(token, "balanceOf", (who.address,)) for who in people])

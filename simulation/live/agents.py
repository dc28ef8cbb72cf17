"""The members as a process: it looks at the chain once a slot and does what members want.

What members send goes through an outbox each, what they sign lies in a folder that the relay
empties. Killed anywhere, the process goes on with the round that was under way; the book and all
trades it reads from the chain again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import structlog

from energy_grid.errors import RetryableError
from energy_grid.ops import Health, Metrics, OpsServer
from energy_grid.outbox import Cycle, Outbox, Sender, State
from energy_grid.preflight import load_chain
from energy_grid.rpc import Rpc
from energy_grid.signed_orders import SignedOrder, pack_batch
from energy_grid.slots import slot_of
from energy_grid.units import SLOT_SECONDS
from simulation.agents.traders import trader_of
from simulation.live.files import write_atomically
from simulation.live.following import ChainTime, Stop
from simulation.live.plan import LivePlan
from simulation.live.world import World, keys_of, load_world
from simulation.market_day.chain import Call, Chain, Receipt
from simulation.market_day.onboarding import market_view
from simulation.market_day.trading import Member, TradingFloor
from simulation.physics.zones import ZONES

BEFORE_SLOTS: Final = 4
"""The auction of the first slot takes curves this long before it."""
ROUND_AFTER_SECONDS: Final = 60
"""Members act a minute after each boundary: auctions whose gate it was are cleared by then."""
RELAYED_SUFFIX: Final = ".orders"

_POLL_SECONDS: Final = 0.5
_SEND_EVERY_SECONDS: Final = 1.0
_SILENCE_SECONDS: Final = 60.0
_WAIT_SECONDS: Final = 2.0

_log = structlog.get_logger(__name__)


@dataclass
class OutboxChain(Chain):
    """A chain to which calls go through the outbox of who sends them.

    Attributes:
        folder: of the outboxes.
        round_name: what the calls are for; part of their business keys.
        confirmations: blocks until a call counts as final.
    """

    folder: Path = Path()
    round_name: str = ""
    confirmations: int = 12
    senders: dict[str, Sender] = field(default_factory=dict)

    def send(self, calls: Sequence[Call]) -> list[Receipt]:
        """Put calls into outboxes; a call of the same round again changes nothing."""
        numbers: dict[str, int] = {}
        for call in calls:
            outbox = self._sender_of(call).outbox
            number = numbers[call.sender.address] = numbers.get(call.sender.address, 0) + 1
            key = f"{self.round_name}:{number}"
            if outbox.get(key) is None:
                data = call.contract.encode(call.function, *call.arguments)
                outbox.enqueue(key, call.contract.address, data)
        return []

    def _sender_of(self, call: Call) -> Sender:
        address = call.sender.address
        if address not in self.senders:
            self.folder.mkdir(parents=True, exist_ok=True)
            self.senders[address] = Sender(
                Outbox(self.folder / f"{address}.sqlite"),
                self.rpc,
                call.sender,
                confirmations=self.confirmations,
                decode_error=lambda data: str(self.contracts.decode_error(data)),
                lock_folder=self.folder / "locks",
            )
        return self.senders[address]

    def open_all(self, members: Sequence[Member]) -> None:
        """Open the outbox of every member, with what an earlier process left in them."""
        for member in members:
            contract = self.contracts.energy_trading
            self._sender_of(Call(member.account, contract, "", ())).start()

    def work(self) -> Cycle:
        """Bring everybody's calls a step further."""
        sent = mined = failed = waiting = 0
        for sender in self.senders.values():
            if not sender.outbox.count(*(state for state in State if state.is_open)):
                continue
            try:
                cycle = sender.run_once()
            except RetryableError as error:
                _log.warning("calls wait", account=sender.address, reason=str(error))
                continue
            sent, mined = sent + cycle.sent, mined + cycle.mined
            failed, waiting = failed + cycle.failed, waiting + cycle.waiting
        return Cycle(sent=sent, mined=mined, failed=failed, waiting=waiting)


@dataclass
class OrderDrop:
    """Leaves signed orders where the relay finds them.

    Attributes:
        folder: where.
        round_name: name of the file.
    """

    folder: Path
    round_name: str = ""

    def work(self, signed: Sequence[SignedOrder] = ()) -> None:
        """Write what was signed; the relay takes the file away."""
        if signed:
            name = f"{self.round_name}{RELAYED_SUFFIX}"
            write_atomically(self.folder / name, pack_batch(signed))


class Floor:
    """All members of the day, and what they did in which round.

    Args:
        plan: the live day.
        world: what happens in the grid.
        rpc: the node.
    """

    def __init__(self, plan: LivePlan, world: World, rpc: Rpc) -> None:
        self._plan = plan
        self._rpc = rpc
        contracts = load_chain(rpc, plan.deployment_file).contracts
        folder = plan.folder / "agents"
        self._rounds = folder / "rounds"
        self._rounds.mkdir(parents=True, exist_ok=True)
        self.chain = OutboxChain(
            rpc,
            contracts,
            plan.chain_id,
            folder=folder / "outboxes",
            confirmations=plan.confirmations,
        )
        self._drop = OrderDrop(plan.orders)
        plan.orders.mkdir(parents=True, exist_ok=True)
        self._members = _members(plan, world, self.chain)
        self.chain.open_all(self._members)
        self._floor, self._seen = self._new_floor()

    def take_part(self, now: int) -> None:
        """Act if a round is due and was not acted in."""
        slots = self._plan.slots
        if now >= self._plan.opens_at:
            self._once("hours", lambda: self._floor.place_day_ahead(now))
        slot = slot_of(now)
        is_late = now % SLOT_SECONDS < ROUND_AFTER_SECONDS
        if slots.start - BEFORE_SLOTS <= slot < slots.stop and not is_late:
            self._once(str(slot), lambda: self._floor.place_quarters(now))

    @property
    def figures(self) -> dict[str, int]:
        """Auctions cleared and orders matched, as far as members have seen."""
        return {"cleared": self._floor.cleared, "matched": self._floor.matched}

    def _once(self, name: str, act: Callable[[], None]) -> None:
        done = self._rounds / f"{name}.done"
        if done.exists():
            return
        started = time.monotonic()
        self._follow_anew_if_reorganised()
        self.chain.round_name = self._drop.round_name = name
        act()
        self._floor.let_engine_work()
        write_atomically(done, "")
        self._seen = self._head()
        _log.info("round", round=name, seconds=round(time.monotonic() - started, 3), **self.figures)

    def _follow_anew_if_reorganised(self) -> None:
        number, hash_ = self._seen
        found = self._rpc.call("eth_getBlockByNumber", hex(number), False)
        if found is None or found["hash"] != hash_:
            _log.warning("the chain was reorganised: book and trades are read anew")
            self._floor, self._seen = self._new_floor()

    def _new_floor(self) -> tuple[TradingFloor, tuple[int, str]]:
        head = self._head()
        floor = TradingFloor(
            self.chain, self._members, self._drop, self._plan.slots, self._plan.seed, first_block=0
        )
        return floor, head

    def _head(self) -> tuple[int, str]:
        block = self._rpc.block("latest")
        return int(block["number"], 16), str(block["hash"])


def _members(plan: LivePlan, world: World, chain: Chain) -> tuple[Member, ...]:
    keys = keys_of(plan)
    settlement = chain.contracts.settlement
    states = chain.read([(settlement, "accountState", (one.address,)) for one in keys.members])
    markets = {zone: market_view(chain, zone, plan.slots.start) for zone in ZONES}
    found = []
    for account, state, history in zip(keys.members, states, world.day.history, strict=True):
        market = markets[world.day.zones.zone_of(history.home)]
        trader = trader_of(history.home, market, plan.seed)
        found.append(Member(account, int(state.accountId), market, trader, history))
    return tuple(found)


def run_agents(plan: LivePlan, ops_port: int) -> None:
    """Work until SIGTERM.

    Raises:
        FatalError: what repeating cannot mend.
    """
    world = load_world(plan)
    stop, health, metrics = Stop(), Health(), Metrics("agents")
    health.expect("clock", _SILENCE_SECONDS)
    counted = metrics.counter(
        "eg_transactions_total", "Transactions by what became of them.", ("outcome",)
    )
    with OpsServer(health, metrics, port=ops_port), Rpc(plan.rpc_url) as rpc:
        floor = _open_floor(plan, world, rpc, stop)
        clock, next_sending = ChainTime(rpc, _POLL_SECONDS), 0.0
        _log.info("agents running")
        while not stop:
            now = clock.look(stop)
            if now is None or floor is None:
                continue
            try:
                floor.take_part(now)
                if time.monotonic() >= next_sending:
                    cycle = floor.chain.work()
                    for outcome in ("sent", "mined", "failed"):
                        counted.labels(outcome=outcome).inc(getattr(cycle, outcome))
                    next_sending = time.monotonic() + _SEND_EVERY_SECONDS
            except RetryableError as error:
                _log.warning("round delayed", reason=str(error))
                continue
            health.beat("clock", f"chain time {now}, {_detail(floor.figures)}")
    _log.info("agents stopped")


def _open_floor(plan: LivePlan, world: World, rpc: Rpc, stop: Stop) -> Floor | None:
    while not stop:
        try:
            return Floor(plan, world, rpc)
        except RetryableError as error:
            _log.warning("chain away", reason=str(error))
            stop.wait(_WAIT_SECONDS)
    return None


def _detail(figures: dict[str, Any]) -> str:
    return ", ".join(f"{value} {name}" for name, value in figures.items())

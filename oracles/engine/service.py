"""The engine at work: reconcile, read, decide, act, send; again and again.

`Engine.cycle` is one round. Whatever runs it (the loop here, one day a scheduler that spreads
engines over machines) needs to know nothing of what happens inside, and may stop it anywhere.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Collection
from dataclasses import asdict, dataclass, field, replace
from types import FrameType
from typing import Final, Self

import structlog
from eth_account.signers.local import LocalAccount

from energy_grid import signed_orders
from energy_grid.contracts import Contracts
from energy_grid.errors import RetryableError
from energy_grid.keystores import open_keystore
from energy_grid.outbox import Cycle, Outbox, Sender, State
from energy_grid.preflight import open_chain
from energy_grid.signed_orders import SignedOrder
from energy_grid.units import SECONDS_PER_DAY
from oracles.engine.acting import Actor, ActorOptions
from oracles.engine.actions import Kind
from oracles.engine.config import EngineSettings
from oracles.engine.decide import Policy, decide
from oracles.engine.inbox import Inbox
from oracles.engine.reader import MarketReader
from oracles.engine.snapshot import WaitingOrder

KEPT_ORDERS_SECONDS: Final = 7 * SECONDS_PER_DAY
_LONGEST_PAUSE_SECONDS: Final = 10.0
"""Below a block's time: work resumes with the first block after an outage."""
ANYBODY: Final = "0x0000000000000000000000000000000000000001"
"""Account that calls are tried out with where there is no key; anybody may send them."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Round:
    """What one cycle did.

    Attributes:
        now: time of the market it looked at.
        planned: business kinds of the actions planned, with their number.
        sent: transactions sent.
        mined: transactions seen in a block.
        failed: transactions refused.
        waiting_orders: signed orders left in the inbox.
        problems: what could not be decided.
    """

    now: int
    planned: dict[str, int] = field(default_factory=dict)
    sent: int = 0
    mined: int = 0
    failed: int = 0
    waiting_orders: int = 0
    problems: tuple[str, ...] = ()

    @property
    def is_idle(self) -> bool:
        """Whether nothing happened and nothing is wrong."""
        return not (self.planned or self.sent or self.mined or self.failed or self.problems)


class Engine:
    """One engine with one key and one store.

    Args:
        contracts: the deployment.
        outbox: its store.
        sender: brings the outbox to the chain; None if somebody else does, or nobody.
        policy: how to decide.
        options: how often to try.
        kinds: what to do; all by default.
    """

    def __init__(
        self,
        contracts: Contracts,
        outbox: Outbox,
        sender: Sender | None,
        policy: Policy,
        options: ActorOptions | None = None,
        kinds: Collection[Kind] = tuple(Kind),
    ) -> None:
        self._policy = policy
        self._kinds = frozenset(kinds)
        self._outbox = outbox
        self._sender = sender
        self._reader = MarketReader(
            contracts,
            sender=ANYBODY if sender is None else sender.address,
            reads_claims=policy.claims and Kind.CLAIM in self._kinds,
        )
        market = contracts.energy_trading
        domain = signed_orders.domain(contracts.deployment.chain_id, market.address)
        self.inbox = Inbox(outbox, self._reader.units, domain)
        self._actor = Actor(market, outbox, self.inbox, contracts.rpc, options)
        self._rpc = contracts.rpc

    @classmethod
    def open(cls, settings: EngineSettings) -> Self:
        """Everything that the settings name.

        Raises:
            ConfigurationError: chain, deployment, key or store do not fit.
        """
        chain = open_chain(settings)
        outbox = Outbox(settings.engine_store)
        sender = Sender(
            outbox,
            chain.rpc,
            account_of(settings),
            confirmations=settings.engine_confirmations,
            max_in_flight=settings.engine_max_in_flight,
            decode_error=lambda data: str(chain.contracts.decode_error(data)),
            lock_folder=settings.engine_lock_folder,
        )
        options = ActorOptions(retry_after_seconds=settings.engine_retry_seconds)
        return cls(chain.contracts, outbox, sender, settings.policy(), options)

    def __enter__(self) -> Self:
        if self._sender is not None:
            self._sender.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._sender is not None:
            self._sender.stop()
        self._outbox.close()

    def submit(self, order: SignedOrder) -> WaitingOrder:
        """Take a signed order in.

        Raises:
            SignedOrderRefusedError: it cannot be placed, now or ever.
        """
        return self.inbox.submit(order, self._rpc.timestamp("pending"))

    def plan(self) -> Round:
        """Look at the market once and plan what it needs; nothing is sent.

        Raises:
            RetryableError: node or disk are away; the next look goes on.
        """
        self._actor.note_outcomes()
        # Known before the market is read: whatever is finished by then, the market shows.
        under_way = self._actor.under_way()
        snapshot = self._reader.read(self.inbox.waiting())
        decisions = decide(snapshot, self._policy, under_way)
        planned: dict[str, int] = {}
        for action in decisions.actions:
            if action.kind in self._kinds and self._actor.act(action):
                planned[action.kind.value] = planned.get(action.kind.value, 0) + 1
        self.inbox.expire(snapshot.now)
        self.inbox.prune(snapshot.now - KEPT_ORDERS_SECONDS)
        return Round(
            now=snapshot.now,
            planned=planned,
            waiting_orders=len(self.inbox.waiting()),
            problems=decisions.problems if Kind.CLEAR in self._kinds else (),
        )

    def cycle(self) -> Round:
        """Look at the market once and do what it needs.

        Raises:
            RetryableError: node or disk are away; the next cycle goes on.
        """
        cycles = [self._send()]
        plan = self.plan()
        if plan.planned:
            cycles.append(self._send())
        return replace(
            plan,
            sent=sum(cycle.sent for cycle in cycles),
            mined=sum(cycle.mined for cycle in cycles),
            failed=sum(cycle.failed for cycle in cycles),
        )

    def _send(self) -> Cycle:
        return Cycle() if self._sender is None else self._sender.run_once()

    def transactions_open(self) -> int:
        """Transactions planned or under way."""
        return self._outbox.count(State.PLANNED, State.SIGNED, State.SENT)


class Loop:
    """Runs cycles until told to stop.

    Args:
        engine: what to run.
        poll_seconds: pause between cycles.
    """

    def __init__(self, engine: Engine, poll_seconds: float) -> None:
        self._engine = engine
        self._poll_seconds = poll_seconds
        self._stop = threading.Event()

    def stop(self, _number: int = 0, _frame: FrameType | None = None) -> None:
        """Finish the cycle under way, then end."""
        self._stop.set()

    def run(self) -> None:
        """Work until SIGTERM or SIGINT.

        Raises:
            FatalError: what repeating cannot mend.
        """
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self.stop)
        pause = self._poll_seconds
        _log.info("engine running")
        while not self._stop.is_set():
            try:
                done = self._engine.cycle()
                pause = self._poll_seconds
                for problem in done.problems:
                    _log.error("not decided", problem=problem)
                if not done.is_idle:
                    _log.info("cycle", **asdict(done))
            except RetryableError as error:
                _log.warning("cycle delayed", reason=str(error))
                pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)
            self._stop.wait(pause)
        _log.info("engine stopped", open=self._engine.transactions_open())


def account_of(settings: EngineSettings) -> LocalAccount:
    """The account that signs.

    Raises:
        ConfigurationError: the keystore cannot be opened.
    """
    return open_keystore(
        settings.engine_keystore,
        settings.engine_password.get_secret_value(),
        "Check EG_ENGINE_KEYSTORE and EG_ENGINE_PASSWORD_FILE",
    )

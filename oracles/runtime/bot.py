"""Keepers on silverback: blocks and a clock wake them, a broker carries the tasks.

Handlers only look, decide and put into the outbox; the outbox sends. So a task may be lost, run
twice or run late, and it makes no difference: the next one sees the same chain. What silverback
keeps in memory or on disk is not used: its state file is neither atomic nor aware of a chain that
started anew.

The in-memory broker is the default: runner and worker are one process. With `EG_KEEPER_REDIS_URL`
runner and workers are processes of their own and Redis carries the tasks; every `SILVERBACK_...`
setting given wins over what is derived here.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

import ape
import structlog
from silverback import SilverbackBot
from silverback.main import SharedState, TaskData
from silverback.runner import BaseRunner, PollingRunner, WebsocketRunner
from silverback.settings import Settings as SilverbackSettings
from silverback.state import Datastore, StateSnapshot
from silverback.types import SilverbackID
from taskiq import InMemoryBroker, TaskiqEvents, TaskiqState
from taskiq.exceptions import TaskiqError
from taskiq.receiver import Receiver

from energy_grid.errors import ConfigurationError
from energy_grid.ops import OpsServer
from oracles.runtime.config import KeeperSettings
from oracles.runtime.keeper import Ops, Program
from oracles.runtime.registry import ENTRIES
from oracles.runtime.seat import SEAT, Seat
from oracles.runtime.watch import NodeWatch

HEARTBEAT: Final = "* * * * *"
"""Every minute: wakes keepers that missed their block, and with it what a dead worker left."""
MAX_EXCEPTIONS: Final = 3
IDLE_MILLISECONDS: Final = 30_000
"""A task that a worker has had for this long without an answer goes to another one."""
LOCK_SECONDS: Final = 10.0
"""Longest that a dead worker keeps others from looking for its tasks."""
STREAM_LENGTH: Final = 10_000
RESULT_SECONDS: Final = 600
TASK_SECONDS: Final = 120.0
TICK_SECONDS: Final = 0.5
ON_BLOCK: Final = "_on_block"
RUNNER_PORT_OFFSET: Final = 100
"""A runner's pages beside those of its worker on the same computer."""

_LIBRARIES: Final = ("ape", "silverback", "taskiq", "web3", "websockets")
_IN_MEMORY: Final = "taskiq:InMemoryBroker"
_STREAM_BROKER: Final = "taskiq_redis:RedisStreamBroker"
_RESULTS: Final = "taskiq_redis:RedisAsyncResultBackend"
_log = structlog.get_logger(__name__)


class NoDatastore(Datastore):
    """Keeps nothing: what was done is on the chain and in the outbox."""

    async def init(self, bot_id: SilverbackID) -> StateSnapshot | None:
        """Nothing is known."""
        del bot_id
        return None

    async def save(self, snapshot: StateSnapshot) -> None:
        """Nothing is kept."""
        del snapshot


class _Tolerant(BaseRunner):
    """What both runners do otherwise than silverback's own.

    A trigger is left out while the one before it is still at work, and an answer is not waited for
    for ever: a worker may die with the task, and then the answer never comes.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._busy: set[str] = set()

    async def run_task(self, task_data: TaskData, *args: Any, raise_on_error: bool = False) -> None:
        """Ask a worker and wait for its answer, but not for ever."""
        is_block = task_data.name.endswith(ON_BLOCK)
        if is_block and task_data.name in self._busy:
            return
        self._busy.add(task_data.name)
        try:
            work = super().run_task(task_data, *args, raise_on_error=raise_on_error)
            await asyncio.wait_for(work, TASK_SECONDS)
        except (TimeoutError, TaskiqError) as error:
            # Every effect is decided anew at the next trigger, so nothing is lost with a task.
            _log.warning("task got no answer", task=task_data.name, reason=type(error).__name__)
        finally:
            self._busy.discard(task_data.name)

    def _daemon_tasks(self) -> list[Coroutine[Any, Any, Any]]:
        return [*super()._daemon_tasks(), _tick()]


class BlockRunner(_Tolerant, WebsocketRunner):
    """Subscribes to blocks at a URI of ours, whatever ape knows about the node."""

    def __init__(self, bot: SilverbackBot, ws_uri: str, **options: Any) -> None:
        BaseRunner.__init__(self, bot, **options)
        self._busy = set()
        self.ws_uri = ws_uri


class AskingRunner(_Tolerant, PollingRunner):
    """Asks for new blocks again and again, where there are no websockets."""


async def _tick() -> None:
    """Let the event loop see signals while nothing else happens."""
    while True:
        await asyncio.sleep(TICK_SECONDS)


def broker_environment(settings: KeeperSettings) -> dict[str, str]:
    """`SILVERBACK_...` variables that follow from the settings."""
    if settings.keeper_redis_url is None:
        return {}
    url = settings.keeper_redis_url.get_secret_value()
    broker = {
        "url": url,
        "idle_timeout": IDLE_MILLISECONDS,
        "unacknowledged_lock_timeout": LOCK_SECONDS,
        "maxlen": STREAM_LENGTH,
        # From the beginning: what was asked before the first worker came is not lost.
        "consumer_id": "0",
    }
    return {
        "SILVERBACK_BROKER_CLASS": _STREAM_BROKER,
        "SILVERBACK_BROKER_KWARGS": json.dumps(broker),
        "SILVERBACK_RESULT_BACKEND_CLASS": _RESULTS,
        "SILVERBACK_RESULT_BACKEND_KWARGS": json.dumps(
            {"redis_url": url, "result_ex_time": RESULT_SECONDS}
        ),
    }


def silverback_settings(settings: KeeperSettings, name: str) -> SilverbackSettings:
    """Settings of the bot: derived ones, then what the environment says."""
    derived = {
        "SILVERBACK_BOT_NAME": name,
        "SILVERBACK_NETWORK_CHOICE": f"ethereum:local:{first_node(settings)}",
        **broker_environment(settings),
    }
    with _environment({k: v for k, v in derived.items() if k not in os.environ}):
        return SilverbackSettings()


def queue_name(settings: KeeperSettings, name: str) -> str:
    """Stream of a keeper's tasks: keepers of one Redis must not take one another's."""
    return f"eg-{settings.chain_id}-{name}"


def make_bot(name: str, settings: KeeperSettings, seat: Seat) -> SilverbackBot:
    """A bot whose handlers wake one keeper.

    Args:
        name: the keeper.
        settings: its settings.
        seat: where it sits in a worker; a runner alone never wakes it.
    """
    chosen = silverback_settings(settings, name)
    if chosen.BROKER_CLASS == _STREAM_BROKER:
        chosen.BROKER_KWARGS.setdefault("queue_name", queue_name(settings, name))
    bot = SilverbackBot(chosen)
    # Silverback gives its state to that worker alone that happens to take the start-up task; in any
    # other every block would fail, and a few failures in a row end the runner.
    bot.state = SharedState()  # type: ignore[no-untyped-call]
    adopt_logs()

    async def on_block(_block: Any) -> dict[str, int]:
        return await asyncio.to_thread(seat.look, "block")

    async def on_heartbeat(_time: Any) -> dict[str, int]:
        return await asyncio.to_thread(seat.look, "heartbeat")

    async def on_start(_state: Any) -> None:
        await asyncio.to_thread(seat.look, "start")

    def named(handler: Callable[..., Awaitable[Any]], what: str) -> Callable[..., Awaitable[Any]]:
        handler.__name__ = name.replace("-", "_") + what
        return handler

    bot.on_(ape.chain.blocks)(named(on_block, ON_BLOCK))
    bot.cron(HEARTBEAT)(named(on_heartbeat, "_on_heartbeat"))
    bot.on_startup()(named(on_start, "_on_start"))

    async def open_seat(_state: TaskiqState) -> None:
        seat.start()

    async def close_seat(_state: TaskiqState) -> None:
        await asyncio.to_thread(seat.stop)

    bot.broker.add_event_handler(TaskiqEvents.WORKER_STARTUP, open_seat)
    bot.broker.add_event_handler(TaskiqEvents.WORKER_SHUTDOWN, close_seat)
    return bot


def make_runner(bot: SilverbackBot, settings: KeeperSettings) -> BaseRunner:
    """A runner by websockets where the node has them, else one that asks again and again."""
    uri = settings.keeper_ws_url or websocket_uri(first_node(settings))
    runner: BaseRunner
    if uri is not None:
        runner = BlockRunner(bot, uri, max_exceptions=MAX_EXCEPTIONS)
    else:
        runner = AskingRunner(bot, max_exceptions=MAX_EXCEPTIONS)
    runner.datastore = NoDatastore()
    return runner


def first_node(settings: KeeperSettings) -> str:
    """The node that is preferred; triggers come from it, and from the clock if it is away."""
    return settings.rpc_url.partition(",")[0].strip()


def websocket_uri(rpc_url: str) -> str | None:
    """Local nodes answer websockets at the port of their HTTP; of others nothing is assumed."""
    parts = urlsplit(rpc_url)
    if parts.hostname not in ("127.0.0.1", "localhost", "::1"):
        return None
    scheme = {"http": "ws", "https": "wss"}[parts.scheme]
    return urlunsplit((scheme, *parts[1:]))


def run_bot(program: Program, settings: KeeperSettings) -> None:
    """Runner, and with the in-memory broker the worker too, until SIGTERM.

    Raises:
        FatalError: what repeating cannot mend.
    """
    ops = Ops.of(program.name)
    is_alone = silverback_settings(settings, program.name).BROKER_CLASS == _IN_MEMORY
    offset = 0 if is_alone else RUNNER_PORT_OFFSET
    with _seated(program, settings, ops, offset) as (bot, seat):
        if not isinstance(bot.broker, InMemoryBroker):
            ops.health.forget(SEAT)  # a worker elsewhere has it
        asyncio.run(_run(make_runner(bot, settings)))
        if seat.failure is not None:
            raise seat.failure


def run_worker(program: Program, settings: KeeperSettings) -> None:
    """A worker for a runner elsewhere, until SIGTERM; finishes the task under way.

    Raises:
        ConfigurationError: no broker that reaches other processes is chosen.
        FatalError: what repeating cannot mend.
    """
    with _seated(program, settings, Ops.of(program.name)) as (bot, seat):
        if isinstance(bot.broker, InMemoryBroker):
            raise ConfigurationError(
                "a worker needs a broker between processes",
                expected="EG_KEEPER_REDIS_URL or SILVERBACK_BROKER_CLASS",
                found="the in-memory broker",
                remedy="`run` alone is runner and worker in one",
            )
        asyncio.run(_work(bot))
        if seat.failure is not None:
            raise seat.failure


def adopt_logs() -> None:
    """Let the libraries' warnings pass through our logs.

    Their own handlers print lines that are no JSON, and below WARNING they print their settings:
    the URL of Redis may hold a password.
    """
    for name in [*logging.root.manager.loggerDict]:
        if name.split(".")[0] in _LIBRARIES:
            logger = logging.getLogger(name)
            logger.handlers[:] = []
            logger.propagate = True
            logger.setLevel(logging.WARNING)


async def _run(runner: BaseRunner) -> None:
    await runner.run()  # type: ignore[no-untyped-call]


async def _work(bot: SilverbackBot) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    bot.broker.is_worker_process = True
    receiver = Receiver(broker=bot.broker, validate_params=True, max_async_tasks=4)
    try:
        await receiver.listen(stop)
    finally:
        await bot.broker.shutdown()


@contextmanager
def _seated(
    program: Program, settings: KeeperSettings, ops: Ops, port_offset: int = 0
) -> Iterator[tuple[SilverbackBot, Seat]]:
    """Bot and seat of a keeper, its pages and node watch around them."""
    port = settings.ops_port
    if port is None:
        port = ENTRIES[program.name].port + port_offset
    adopt_logs()
    with ExitStack() as stack:
        stack.enter_context(OpsServer(ops.health, ops.metrics, host=settings.ops_host, port=port))
        stack.enter_context(
            NodeWatch(settings.rpc_url, ops, head_seconds=settings.keeper_head_seconds)
        )
        choice = ape.networks.parse_network_choice(f"ethereum:local:{first_node(settings)}")
        stack.enter_context(choice)
        seat = Seat(
            program.name,
            lambda: program.open(settings, ops),
            ops,
            poll_seconds=settings.keeper_poll_seconds,
        )
        stack.callback(seat.stop)
        # Until the runner or the worker has its own handler: end in order while still starting.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        yield make_bot(program.name, settings, seat), seat


@contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    os.environ.update(values)
    try:
        yield
    finally:
        for key in values:
            os.environ.pop(key, None)

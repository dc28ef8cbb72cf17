"""`python -m meter_bridge run`: readers, engine and sending thread, until SIGTERM."""

from __future__ import annotations

import asyncio
import signal
import time
from typing import Final

import structlog

from energy_grid.errors import EnergyGridError, RetryableError
from energy_grid.ops import OpsServer
from energy_grid.outbox import State
from energy_grid.rpc import Rpc, RpcError
from energy_grid.rpc_pool import open_rpc
from meter_bridge.assembly import Parts, clock_for, readers_for
from meter_bridge.chain import ChainPages, ChainRegistry
from meter_bridge.clock import SkewWatch
from meter_bridge.commands.running import Commands, commands_for
from meter_bridge.errors import StoreUnavailableError
from meter_bridge.pager import PagesView
from meter_bridge.readers.base import Arrival, Reader
from meter_bridge.sending import SendingThread
from meter_bridge.standing import LOOK_SECONDS, NODE_ANSWER_SECONDS, Standing, View

_log = structlog.get_logger(__name__)

INBOX_ARRIVALS: Final = 1_000
"""Telegrams waiting for the engine before readers have to wait."""
TICK_SECONDS: Final = 0.25
"""How often the engine looks for work without new telegrams."""
GATHER_SECONDS: Final = 0.02
"""How long the engine waits for more telegrams after the first: one commit serves them all."""
REGISTRY_SECONDS: Final = 60.0
REGISTRY_RETRY_SECONDS: Final = 2.0
LOOKUP_SHARE: Final = 10.0
"""A look at all meters that took a second is made again after this many, at the earliest."""
SKEW_SECONDS: Final = 5.0
STATUS_SECONDS: Final = 60.0
PAGES_SECONDS: Final = 10.0
CHAIN_PAGES_SECONDS: Final = 1.0
"""How often pages are looked after; by the chain's time hours may pass in a minute."""
STORE_RETRY_SECONDS: Final = 1.0


class Service:
    """One running bridge.

    Args:
        parts: what it consists of.
        sending: brings its outbox to the chain.
    """

    def __init__(self, parts: Parts, sending: SendingThread) -> None:
        self._config = parts.config
        self._engine = parts.engine
        self._outbox = parts.outbox
        self._lookup_rpc = parts.lookup_rpc
        self._registry = ChainRegistry(parts.contract, parts.lookup_rpc)
        self._sending = sending
        self._readers: list[Reader] = readers_for(parts.config)
        self._inbox: asyncio.Queue[Arrival] = asyncio.Queue(INBOX_ARRIVALS)
        self._stop = asyncio.Event()
        self._skew = SkewWatch()
        self._pages = parts.pages
        self._store_problem = ""
        self._ended: set[str] = set()
        self._commands: Commands | None = None
        self.standing = Standing()
        ops = parts.config.ops
        self._server = (
            None
            if ops.port is None
            else OpsServer(
                self.standing.health, self.standing.metrics, host=ops.host, port=ops.port
            )
        )

    async def run(self) -> None:
        """Work until told to stop; then finish what has arrived."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)
        if self._server is not None:
            self._server.start()
        self._sending.start()
        reading = [asyncio.ensure_future(self._read(reader)) for reader in self._readers]
        background = [
            asyncio.ensure_future(self._watch_chain()),
            asyncio.ensure_future(self._watch_pages()),
            asyncio.ensure_future(self._report()),
            asyncio.ensure_future(self._watch_standing()),
            asyncio.ensure_future(self._watch_node()),
        ]
        if self._config.commands is not None:
            background.append(asyncio.ensure_future(self._command()))
        _log.info("bridge running", meters=len(self._engine.meters), readers=len(self._readers))
        try:
            await self._work([*reading, *background])
        finally:
            for task in (*reading, *background):
                task.cancel()
            await asyncio.gather(*reading, *background, return_exceptions=True)
            # What has arrived is stored before the end: its sender may count on it.
            self._take(self._drained())
            self._advance()
            self._sending.stop()
            self.log_status()
            if self._server is not None:
                self._server.stop()
            _log.info("bridge stopped")

    async def _work(self, tasks: list[asyncio.Future[None]]) -> None:
        stopping = asyncio.ensure_future(self._stop.wait())
        while not stopping.done():
            arrival = asyncio.ensure_future(self._inbox.get())
            await asyncio.wait(
                {arrival, stopping}, timeout=TICK_SECONDS, return_when=asyncio.FIRST_COMPLETED
            )
            arrivals: list[Arrival] = []
            if arrival.done():
                arrivals.append(arrival.result())
                await asyncio.sleep(GATHER_SECONDS)
                arrivals += self._drained()
            else:
                arrival.cancel()
            if not self._take(arrivals) or not self._advance():
                await asyncio.sleep(STORE_RETRY_SECONDS)
            if self._sending.failure is not None:
                raise self._sending.failure
            for task in tasks:
                if task.done() and (error := task.exception()) is not None:
                    raise error
        stopping.cancel()

    async def _read(self, reader: Reader) -> None:
        await reader.run(self._inbox.put)
        self._ended.add(reader.name)  # a file read to its end is not away

    def _drained(self) -> list[Arrival]:
        arrivals = []
        while not self._inbox.empty():
            arrivals.append(self._inbox.get_nowait())
        return arrivals

    # --- Engine -----------------------------------------------------------------------------------

    def _take(self, arrivals: list[Arrival]) -> bool:
        """Store arrivals and tell their senders; False if the store could not take them."""
        if not arrivals:
            return True
        is_stored = True
        try:
            self._engine.take(arrivals)
            self._store_problem = ""
        except RetryableError as error:
            is_stored = False
            self._store_problem = str(error)
            self._engine.counters.store_refusals += len(arrivals)
            _log.error("telegrams not stored", count=len(arrivals), reason=str(error))
        for arrival in arrivals:
            if arrival.settle is not None:
                arrival.settle(is_stored)
        return is_stored

    def _advance(self) -> bool:
        """Let the engine work; False if the store or the node is away."""
        try:
            if self._engine.advance():
                self._store_problem = ""
                self._sending.wake()
        except StoreUnavailableError as error:
            self._store_problem = str(error)
            _log.error("nothing signed: the store cannot be written", reason=str(error))
            return False
        except RetryableError as error:
            _log.warning("nothing signed for now", reason=str(error))
            return False
        return True

    # --- In the background ------------------------------------------------------------------------

    async def _watch_chain(self) -> None:
        """Look meters up and compare clocks, never holding up the telegrams."""
        compares = self._config.clock.source == "system" and self._config.clock.check_skew
        next_lookup = 0.0
        while True:
            started = time.monotonic()
            if started >= next_lookup:
                is_known = await self._look_up_meters()
                ended = time.monotonic()
                pause = REGISTRY_SECONDS if is_known else REGISTRY_RETRY_SECONDS
                # Ten thousand meters are many calls: a small part of the time at most.
                next_lookup = ended + max(pause, LOOKUP_SHARE * (ended - started))
            if compares:
                await self._compare_clocks()
            until_lookup = max(0.0, next_lookup - time.monotonic())
            await asyncio.sleep(min(until_lookup, SKEW_SECONDS) if compares else until_lookup)

    async def _look_up_meters(self) -> bool:
        """Refresh what the chain knows; False if a meter could not be looked up."""
        try:
            found = await asyncio.to_thread(self._registry.meters, list(self._engine.meters))
            self._engine.register(found)
        except RetryableError as error:
            _log.warning("meters not looked up", reason=str(error))
        return all(meter.registered is not None for meter in self._engine.meters.values())

    async def _command(self) -> None:
        """Bring devices what the chain asks of them; a connection of its own, as it reads much."""
        rpc = open_rpc(self._config.chain.rpc_url)
        self._commands = commands_for(self._config, rpc, clock_for(self._config))
        if self._commands is not None:
            await self._commands.run()

    async def _watch_pages(self) -> None:
        """Look after the pages on chain, never holding up the telegrams."""
        if self._pages is None:
            return
        pause = CHAIN_PAGES_SECONDS if self._config.clock.source == "chain" else PAGES_SECONDS
        next_round = 0.0
        while True:
            started = time.monotonic()
            is_round = started >= next_round
            try:
                await self._tend_pages(self._pages, is_round=is_round)
                if is_round:
                    ended = time.monotonic()
                    next_round = ended + max(REGISTRY_SECONDS, LOOKUP_SHARE * (ended - started))
            except (RetryableError, RpcError) as error:
                _log.warning("pages not looked after", reason=str(error))
            await asyncio.sleep(pause)

    async def _tend_pages(self, chain: ChainPages, *, is_round: bool) -> None:
        pager = self._engine.pager
        pages = pager.pages.open()
        wanted = {
            meter.meter_id
            for meter in pager.meters
            if is_round or meter.paging is None or meter.paging.bridge != chain.bridge
        }
        own = {meter.meter_id for meter in pager.meters}

        def look() -> PagesView:
            return PagesView(
                now=chain.now(),
                is_active=chain.is_active(),
                meters=chain.meters(sorted(wanted | (chain.touched() & own))),
                pages=chain.pages(pages),
            )

        view = await asyncio.to_thread(look)
        for key in pager.refused_reveals():
            self._outbox.retry(key)
        if self._engine.tend_pages(view):
            self._sending.wake()
        if self._config.pages.export_folder is not None:
            pager.export(self._config.pages.export_folder)

    async def _compare_clocks(self) -> None:
        """Stop signing while the host's clock and the chain's are too far apart."""
        try:
            block = await asyncio.to_thread(self._lookup_rpc.block, "latest")
        except EnergyGridError as error:
            _log.warning("clock not compared", reason=str(error))
            return
        self._skew.observe(int(block["number"], 16), int(block["timestamp"], 16), time.time())
        skew, before = self._skew.skew, self._engine.blocked
        is_off = skew.exceeds(self._config.clock.max_skew_seconds)
        self._engine.blocked = (
            f"clock {skew.ahead_seconds:+.1f} s off the chain's: set this host's clock (NTP)"
            if is_off
            else ""
        )
        if is_off and not before:
            _log.critical("signing stopped", reason=self._engine.blocked)
        elif before and not is_off:
            _log.info("signing goes on")

    async def _watch_node(self) -> None:
        rpc = Rpc(self._config.chain.rpc_url, timeout_seconds=NODE_ANSWER_SECONDS)
        while True:
            await asyncio.to_thread(self.standing.look_at_node, rpc)
            await asyncio.sleep(LOOK_SECONDS)

    async def _watch_standing(self) -> None:
        while True:
            self.show()
            await asyncio.sleep(LOOK_SECONDS)

    def show(self) -> None:
        """Bring health and metrics up to date."""
        meters = self._engine.meters.values()
        away = tuple(
            reader.name
            for reader in self._readers
            if not reader.is_connected and reader.name not in self._ended
        )
        waiting, failed, oldest, pages_open = 0, 0, None, 0
        trouble, problem = "", self._store_problem
        try:
            waiting = self._outbox.count(State.PLANNED, State.SIGNED, State.SENT)
            failed = self._outbox.count(State.FAILED)
            oldest = self._outbox.oldest_unsent_at()
            pages_open = self._engine.pager.pages.count_open()
            trouble = self._sending.trouble
        except RetryableError as error:
            problem = str(error)
        self.standing.show(
            View(
                sources_away=away,
                sources=len(self._readers),
                meters_unable=tuple(meter.problem for meter in meters if meter.problem),
                meters=len(meters),
                undecided=sum(len(meter.candidates) for meter in meters),
                unsigned=sum(len(meter.unsigned) for meter in meters),
                blocked=self._engine.blocked,
                store_problem=problem,
                sending_problem=trouble,
                skew_seconds=self._skew.skew.ahead_seconds,
                outbox_depth=waiting,
                outbox_failed=failed,
                oldest_unsent_seconds=0.0 if oldest is None else max(time.time() - oldest, 0.0),
                pages_open=pages_open,
                framing=self._framing(),
                orders=self._orders(),
            ),
            self._engine.counters,
        )

    def _framing(self) -> dict[str, int]:
        framing: dict[str, int] = {}
        for reader in self._readers:
            for framer in reader.framers.values():
                for name in framer.counters.__slots__:
                    framing[name] = framing.get(name, 0) + getattr(framer.counters, name)
        return framing

    def _orders(self) -> dict[str, int]:
        commands = self._commands
        return {} if commands is None else commands.desk.counters.by_outcome()

    async def _report(self) -> None:
        while True:
            await asyncio.sleep(STATUS_SECONDS)
            self.log_status()

    def log_status(self) -> None:
        """One line that tells whether all is well."""
        meters = self._engine.meters.values()
        try:
            waiting = self._outbox.count(*(state for state in State if state.is_open))
            failed = self._outbox.count(State.FAILED)
            pages_open = self._engine.pager.pages.count_open()
        except RetryableError as error:
            _log.error("status: the store cannot be read", reason=str(error))
            return
        _log.info(
            "status",
            sources_connected=sum(reader.is_connected for reader in self._readers),
            sources=len(self._readers),
            meters_ready=sum(not meter.problem for meter in meters),
            meters=len(meters),
            undecided=sum(len(meter.candidates) for meter in meters),
            unsigned=sum(len(meter.unsigned) for meter in meters),
            blocked=self._engine.blocked,
            outbox_open=waiting,
            outbox_failed=failed,
            pages_open=pages_open,
            framing=self._framing(),
            **self._engine.counters.as_fields(),
        )

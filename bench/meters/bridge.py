"""One bridge of the measurement: the program's own engine, store, pager and sending thread."""

from __future__ import annotations

import logging
import resource
import time
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final

import structlog

from bench.meters.telegrams import Meters
from energy_grid.artifacts import Artifacts
from energy_grid.contracts import Contract, abi_of
from energy_grid.outbox import Outbox, Sender, State
from energy_grid.rpc import Rpc
from energy_grid.units import UnixSeconds
from meter_bridge.chain import ChainPages, ChainRegistry, OutcomeWatch
from meter_bridge.config import MeterSection, PagesSection, SubmissionSection
from meter_bridge.engine import Engine
from meter_bridge.keys import DeviceKey, Relayer
from meter_bridge.meters import Meter
from meter_bridge.pager import PagesView
from meter_bridge.readers.base import Arrival
from meter_bridge.sending import SendingThread
from meter_bridge.store import Store
from meter_bridge.telegrams.dialects import DIALECTS
from meter_bridge.telegrams.framing import PlainFramer
from meter_bridge.telegrams.telegram import TelegramReader

DIALECT: Final = "dsmr5"
SECONDS_AFTER_BOUNDARY: Final = 1
STALL_SECONDS: Final = 300.0
"""How long nothing may come to the chain while something is left."""


@dataclass(frozen=True)
class Site:
    """What a bridge is given: its meters, its account, the chain."""

    folder: Path
    url: str
    chain_id: int
    smart_meter: str
    relayer_key: bytes
    meters: tuple[tuple[int, bytes], ...]
    page_size: int
    reveals: bool


class SetClock:
    """Says what it was told."""

    def __init__(self) -> None:
        self.time = 0

    def now(self, *, fresh: bool = False) -> UnixSeconds:
        """Current time."""
        return UnixSeconds(self.time)


class Bridge:
    """A bridge in this process, fed with telegrams instead of sockets."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._rpc = Rpc(site.url)
        contract = Contract(
            "SmartMeter", site.smart_meter, abi_of("SmartMeter", Artifacts.load()), self._rpc
        )
        relayer = Relayer(site.relayer_key)
        self.outbox = Outbox(site.folder / "bridge.sqlite")
        self._clock = SetClock()
        self._pages = ChainPages(contract, self._rpc, relayer.address)
        sections = [
            MeterSection(
                id=meter_id,
                keystore=Path(f"meter-{meter_id}"),
                password_file=Path("password"),
                source=f"mqtt:meters/{meter_id}",
                dialect=DIALECT,
                mode="page",
            )
            for meter_id, _ in site.meters
        ]
        self.engine = Engine(
            Store(self.outbox),
            [
                Meter(section, TelegramReader(DIALECTS[DIALECT]), DeviceKey(key))
                for section, (_, key) in zip(sections, site.meters, strict=True)
            ],
            self._clock,
            SubmissionSection(),
            smart_meter=site.smart_meter,
            chain_id=site.chain_id,
            encode=contract.encode,
            reorder_seconds=0.0,
            pages=PagesSection(page_size=site.page_size, reveal=site.reveals, join=False),
            bridge=relayer.address,
        )
        self._ids = [meter_id for meter_id, _ in site.meters]
        self._framers = {meter_id: PlainFramer() for meter_id in self._ids}
        self._meters = Meters(self._ids)
        self.engine.register(ChainRegistry(contract, self._rpc).meters(self._ids))
        unable = [meter.problem for meter in self.engine.meters.values() if meter.problem]
        if unable:
            raise RuntimeError(f"{len(unable)} meters cannot sign: {unable[0]}")
        self.look(self._ids)
        sending_rpc = Rpc(site.url)
        sending_contract = Contract(contract.name, contract.address, contract.abi, sending_rpc)
        self._sending = SendingThread(
            Sender(self.outbox, sending_rpc, relayer, confirmations=0),
            OutcomeWatch(sending_contract, sending_rpc, self.outbox),
            0.05,
            lambda: None,
        )
        self._sending.start()
        self.seconds = 0.0
        self.cpu_seconds = 0.0

    def look(self, meter_ids: Sequence[int] = ()) -> None:
        """Look after the pages on chain."""
        pages = self._pages
        view = PagesView(
            now=pages.now(),
            is_active=pages.is_active(),
            meters=pages.meters(meter_ids),
            pages=pages.pages(self.engine.pager.pages.open()),
        )
        if self.engine.tend_pages(view):
            self._sending.wake()

    def boundary(self, slot: int, boundary: int) -> None:
        """All telegrams of a boundary, one commit for each page's worth of them."""
        self._clock.time = boundary + SECONDS_AFTER_BOUNDARY
        said = self._meters.telegrams(slot, self._clock.time)
        started, cpu = time.perf_counter(), time.thread_time()
        for first in range(0, len(said), self._site.page_size):
            self.engine.take(
                [
                    Arrival(meter_id, frame)
                    for meter_id, raw in said[first : first + self._site.page_size]
                    for frame in self._framers[meter_id].feed(raw)
                ]
            )
            if self.engine.advance():
                self._sending.wake()
        self.look()
        self.seconds += time.perf_counter() - started
        self.cpu_seconds += time.thread_time() - cpu

    def drain(self, *, is_last: bool) -> bool:
        """Wait until what is due is on chain; whether all pages have ended."""
        left, moved_at = -1, time.monotonic()
        while time.monotonic() < moved_at + STALL_SECONDS:
            if self._sending.failure is not None:
                raise self._sending.failure
            self.look()
            waiting = self.outbox.count(State.PLANNED, State.SIGNED, State.SENT, State.MINED)
            if waiting != left:
                left, moved_at = waiting, time.monotonic()
            if waiting == 0:
                if not (is_last and self._site.reveals):
                    return True
                if not self.engine.pager.pages.open():
                    return True
            self._sending.wake()
            time.sleep(0.1)
        raise RuntimeError("not everything came to the chain in time")

    def result(self) -> dict[str, Any]:
        """What was done and what it took."""
        rows = self.outbox.rows()
        self._sending.stop()
        store = self._site.folder / "bridge.sqlite"
        parts = (store, store.with_name(store.name + "-wal"))
        return {
            "meters": len(self._ids),
            "counters": {
                name: value
                for name, value in self.engine.counters.as_fields().items()
                if name != "rejected"
            },
            "rejected": dict(self.engine.counters.rejected),
            "seconds": self.seconds,
            "cpu_seconds": self.cpu_seconds,
            "process_cpu_seconds": time.process_time(),
            "peak_memory_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1_024,
            "store_bytes": sum(part.stat().st_size for part in parts if part.exists()),
            "failed": sum(row.state is State.FAILED for row in rows),
            "commits": _gas(rows, "page/"),
            "reveals": _gas(rows, "page-reveal/"),
            "signed": _gas(rows, "readings/"),
            "registers": {m: self._meters.registers(m) for m in self._ids[:: len(self._ids) // 50]},
        }


def serve(site: Site, pipe: Connection) -> None:
    """Do what the other end says, one boundary after another, until it says stop."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    try:
        bridge = Bridge(site)
        pipe.send("ready")
        while True:
            order, *arguments = pipe.recv()
            if order == "boundary":
                bridge.boundary(*arguments)
                pipe.send("done")
            elif order == "drain":
                pipe.send(bridge.drain(is_last=arguments[0]))
            else:
                pipe.send(bridge.result())
                return
    except Exception as error:
        pipe.send(RuntimeError(repr(error)))
        raise


def _gas(rows: list[Any], prefix: str) -> dict[str, int]:
    used = [row.gas_used for row in rows if row.business_key.startswith(prefix) and row.gas_used]
    return {"transactions": len(used), "gas": sum(used), "most": max(used, default=0)}

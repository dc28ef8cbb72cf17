"""How a running bridge fares: its parts for `/readyz`, its figures for `/metrics`."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from energy_grid.errors import EnergyGridError
from energy_grid.ops import Health, Metrics
from energy_grid.rpc import Rpc
from meter_bridge.counters import Counters

DAEMON: Final = "meter_bridge"
LOOK_SECONDS: Final = 1.0
NODE_ANSWER_SECONDS: Final = 2.0
LOOK_LIMIT_SECONDS: Final = 4.0
"""A loop that has not looked for so long is stuck; trouble has to show within 5 s."""

NODE: Final = "node"
STORE: Final = "store"
SOURCES: Final = "sources"
METERS: Final = "meters"
CLOCK: Final = "clock"
SENDING: Final = "sending"
PARTS: Final = (NODE, STORE, SOURCES, METERS, CLOCK, SENDING)


@dataclass(frozen=True, slots=True)
class View:
    """What the bridge knows of itself at one moment.

    Args:
        sources_away: names of sources that are not connected now.
        sources: number of all.
        meters_unable: what is wrong with meters that cannot sign.
        meters: number of all.
        undecided: snapshots that wait for a nearer telegram.
        unsigned: accepted snapshots in no signature yet.
        blocked: why nothing is signed at all, empty if nothing is wrong.
        store_problem: why the store did not take the last data, empty if it did.
        sending_problem: why nothing is sent, empty if nothing is wrong.
        skew_seconds: how far the host's clock is ahead of the chain's.
        outbox_depth: transactions in no block yet.
        outbox_failed: transactions that were refused.
        oldest_unsent_seconds: age of the oldest one in no block yet.
        pages_open: pages not revealed yet.
        framing: what framers counted.
        orders: what became of orders to devices, by outcome.
    """

    sources_away: tuple[str, ...] = ()
    sources: int = 0
    meters_unable: tuple[str, ...] = ()
    meters: int = 0
    undecided: int = 0
    unsigned: int = 0
    blocked: str = ""
    store_problem: str = ""
    sending_problem: str = ""
    skew_seconds: float = 0.0
    outbox_depth: int = 0
    outbox_failed: int = 0
    oldest_unsent_seconds: float = 0.0
    pages_open: int = 0
    framing: Mapping[str, int] = field(default_factory=dict)
    orders: Mapping[str, int] = field(default_factory=dict)


class Standing:
    """Health and metrics of one bridge."""

    def __init__(self) -> None:
        self.health = Health()
        self.metrics = Metrics(DAEMON)
        self._told: dict[tuple[str, str], int] = {}
        self._head = -1
        self._head_at = time.monotonic()
        for part in PARTS:
            self.health.expect(part, LOOK_LIMIT_SECONDS)
        gauge = self.metrics.gauge
        self._head_blocks = gauge("eg_head_blocks", "Number of the newest block.")
        self._head_still = gauge(
            "eg_head_unchanged_seconds", "How long the newest block has been the same."
        )
        self._gauges = {
            "sources": gauge("eg_bridge_sources_count", "Sources configured."),
            "away": gauge("eg_bridge_sources_away_count", "Sources not connected now."),
            "meters": gauge("eg_bridge_meters_count", "Meters configured."),
            "unable": gauge("eg_bridge_meters_unable_count", "Meters that cannot sign now."),
            "undecided": gauge(
                "eg_bridge_undecided_count", "Snapshots that wait for a nearer telegram."
            ),
            "unsigned": gauge(
                "eg_bridge_unsigned_count", "Accepted snapshots in no signature yet."
            ),
            "pages": gauge("eg_bridge_pages_open_count", "Pages not revealed yet."),
            "blocked": gauge(
                "eg_bridge_blocked_bool", "Whether nothing is signed because clocks differ."
            ),
            "skew": gauge(
                "eg_bridge_clock_skew_seconds", "How far this host is ahead of the chain."
            ),
            "depth": gauge("eg_bridge_outbox_depth_rows", "Transactions in no block yet."),
            "failed": gauge("eg_bridge_outbox_failed_rows", "Transactions that were refused."),
            "oldest": gauge(
                "eg_bridge_oldest_unsent_seconds", "Age of the oldest transaction in no block yet."
            ),
        }
        counter = self.metrics.counter
        self._telegrams = counter("eg_bridge_telegrams_total", "Telegrams that arrived.")
        self._rejected = counter(
            "eg_bridge_telegrams_rejected_total", "Telegrams not believed, by cause.", ("cause",)
        )
        self._dropped = counter(
            "eg_bridge_framing_total", "What framers made of streams, by kind.", ("kind",)
        )
        self._duplicates = counter(
            "eg_bridge_duplicates_total", "Telegrams of a boundary that had a nearer one."
        )
        self._refusals = counter(
            "eg_bridge_store_refusals_total", "Telegrams that the store could not take."
        )
        self._snapshots = counter(
            "eg_bridge_snapshots_total", "Boundaries decided, by verdict.", ("verdict",)
        )
        self._signed = counter(
            "eg_bridge_signed_total", "Signatures made, by form: reading, day, page.", ("form",)
        )
        self._orders = counter(
            "eg_bridge_orders_total", "What became of orders to devices, by outcome.", ("outcome",)
        )

    def look_at_node(self, rpc: Rpc) -> None:
        """Ask the node for its newest block."""
        try:
            head = rpc.block_number()
        except EnergyGridError as error:
            self.health.report(NODE, False, str(error))
            return
        self.health.beat(NODE, f"block {head}")
        self._head_blocks.set(head)
        if head != self._head:
            self._head, self._head_at = head, time.monotonic()
        self._head_still.set(time.monotonic() - self._head_at)

    def show(self, view: View, counters: Counters) -> None:
        """Tell everything but the node's part."""
        report = self.health.report
        away, unable = view.sources_away, view.meters_unable
        report(
            SOURCES,
            not away,
            f"{len(away)} of {view.sources} away: {', '.join(away[:3])}"
            if away
            else f"{view.sources} connected",
        )
        report(
            METERS,
            not unable,
            f"{len(unable)} of {view.meters} cannot sign: {unable[0]}"
            if unable
            else f"{view.meters} can sign",
        )
        report(CLOCK, not view.blocked, view.blocked or "fits the chain's")
        report(STORE, not view.store_problem, view.store_problem or "takes data")
        report(SENDING, not view.sending_problem, view.sending_problem or "at work")
        for name, value in {
            "sources": view.sources,
            "away": len(away),
            "meters": view.meters,
            "unable": len(unable),
            "undecided": view.undecided,
            "unsigned": view.unsigned,
            "pages": view.pages_open,
            "blocked": int(bool(view.blocked)),
            "skew": view.skew_seconds,
            "depth": view.outbox_depth,
            "failed": view.outbox_failed,
            "oldest": view.oldest_unsent_seconds,
        }.items():
            self._gauges[name].set(value)
        self._count(view, counters)

    def _count(self, view: View, counters: Counters) -> None:
        self._telegrams.inc(self._more("telegrams", "", counters.telegrams))
        self._duplicates.inc(self._more("duplicates", "", counters.duplicates))
        self._refusals.inc(self._more("refusals", "", counters.store_refusals))
        for cause, count in counters.rejected.items():
            self._rejected.labels(cause=cause).inc(self._more("rejected", cause, count))
        for kind, count in view.framing.items():
            self._dropped.labels(kind=kind).inc(self._more("framing", kind, count))
        for outcome, count in view.orders.items():
            self._orders.labels(outcome=outcome).inc(self._more("orders", outcome, count))
        for verdict, count in (
            ("accepted", counters.snapshots_accepted),
            ("refused", counters.snapshots_refused),
        ):
            self._snapshots.labels(verdict=verdict).inc(self._more("snapshots", verdict, count))
        for form, count in (
            ("reading", counters.readings_signed),
            ("day", counters.days_signed),
            ("page", counters.pages_sealed),
        ):
            self._signed.labels(form=form).inc(self._more("signed", form, count))

    def _more(self, name: str, label: str, count: int) -> int:
        """What was added since this was asked last."""
        before = self._told.get((name, label), 0)
        self._told[name, label] = max(before, count)
        return max(count - before, 0)

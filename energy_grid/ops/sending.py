"""Shows how a sender fares: figures for Prometheus, a component of the daemon's health."""

from __future__ import annotations

from typing import Final

from energy_grid.ops.health import Health
from energy_grid.ops.metrics import Metrics
from energy_grid.outbox.status import AlarmName, SenderStatus

SENDING: Final = "sending"
_TOLD_ONLY: Final = (AlarmName.RPC_LAG,)
"""Alarms under which transactions still go out: another node answers."""

_GAUGES: Final = (
    ("eg_sender_head_blocks", "head", "Newest block that the sender has seen."),
    ("eg_sender_head_age_seconds", "head_age_seconds", "Since the sender saw a new block."),
    ("eg_sender_blind_seconds", "blind_seconds", "Since a trustworthy node answered the sender."),
    ("eg_outbox_depth_rows", "depth", "Rows that are in no block yet."),
    ("eg_outbox_in_flight_rows", "in_flight", "Rows whose transaction may be under way."),
    (
        "eg_outbox_oldest_unsent_seconds",
        "oldest_unsent_seconds",
        "Age of the oldest row that is in no block yet.",
    ),
    ("eg_nonce_gap_count", "nonce_gap", "Nonces missing below transactions of ours."),
    ("eg_sender_balance_wei", "balance_wei", "What the sender's account holds."),
    (
        "eg_transactions_left_count",
        "transactions_left",
        "Transactions that the account can pay for at today's fees.",
    ),
    ("eg_key_shared_bool", "key_shared", "Whether the key is used from elsewhere too."),
)
_COUNTERS: Final = (
    ("eg_fee_bumps_total", "bumps", "Transactions signed again with higher fees."),
    ("eg_rebroadcasts_total", "rebroadcasts", "Transactions broadcast again, the same bytes."),
    ("eg_reorgs_total", "reorgs", "Times that a known block was replaced."),
    ("eg_rows_reorged_total", "rows_reorged", "Rows whose block vanished."),
    ("eg_nonce_gaps_filled_total", "gaps_filled", "Transfers to oneself at a missing nonce."),
    ("eg_rpc_failovers_total", "rpc_failovers", "Changes to another node."),
)


class SenderScribe:
    """Notes a sender's status; call `note` after each cycle, whether it went well or not."""

    def __init__(self, metrics: Metrics, health: Health) -> None:
        self._health = health
        self._gauges = [(metrics.gauge(name, text), field) for name, field, text in _GAUGES]
        self._counters = [(metrics.counter(name, text), field) for name, field, text in _COUNTERS]
        self._alarms = metrics.gauge("eg_alarm_bool", "Which alarms are on.", ("alarm",))
        self._counted: dict[str, int] = {}

    def note(self, status: SenderStatus) -> None:
        """Show a status."""
        for gauge, field in self._gauges:
            value = getattr(status, field)
            if value is not None:
                gauge.set(float(value))
        for counter, field in self._counters:
            value = int(getattr(status, field))
            counter.inc(max(value - self._counted.get(field, 0), 0))
            self._counted[field] = value
        for name in AlarmName:
            self._alarms.labels(alarm=name.value).set(status.alarm(name) is not None)
        bad = [alarm for alarm in status.alarms if alarm.name not in _TOLD_ONLY]
        detail = "; ".join(f"{alarm.name}: {alarm.detail}" for alarm in status.alarms)
        self._health.report(SENDING, not bad, detail or f"{status.depth} rows to bring to a block")

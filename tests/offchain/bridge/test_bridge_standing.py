"""What a bridge tells of itself at `/metrics`: counters only rise, whatever is looked at when."""

from __future__ import annotations

from meter_bridge.commands.desk import DeskCounters
from meter_bridge.counters import Counters
from meter_bridge.standing import Standing, View


def test_show__orders_of_devices__counted_once_by_outcome() -> None:
    standing, desk = Standing(), DeskCounters(orders_sent=2, orders_refused=1)

    standing.show(View(orders=desk.by_outcome()), Counters())
    standing.show(View(orders=desk.by_outcome()), Counters())
    desk.orders_sent += 1
    desk.answers_ignored += 4
    standing.show(View(orders=desk.by_outcome()), Counters())

    outcomes = {
        outcome: standing.metrics.value("eg_bridge_orders_total", outcome=outcome)
        for outcome in desk.by_outcome()
    }
    assert outcomes == {
        "sent": 3,
        "resent": 0,
        "accepted": 0,
        "refused": 1,
        "unsent": 0,
        "answer_ignored": 4,
    }


def test_by_outcome__every_counter_of_the_desk__is_told() -> None:
    numbered = DeskCounters(*range(1, len(DeskCounters.__slots__) + 1))

    assert sorted(numbered.by_outcome().values()) == [*range(1, len(DeskCounters.__slots__) + 1)]


def test_show__a_bridge_without_devices__has_no_orders() -> None:
    standing = Standing()

    standing.show(View(), Counters(telegrams=5))

    assert standing.metrics.value("eg_bridge_orders_total", outcome="sent") is None
    assert standing.metrics.value("eg_bridge_telegrams_total") == 5

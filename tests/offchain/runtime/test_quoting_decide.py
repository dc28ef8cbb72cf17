"""When a zone is quoted, and when auctions are noted first.

time: too early | in time | too late | quoted already | frozen | behind
"""

from __future__ import annotations

import pytest

from oracles.quoting.decide import Kind, Policy, ZonePrice, decide

SLOT = 2_000_000
START = SLOT * 900


def price(**changes):
    return ZonePrice(**{"zone": 1, "quoted_slot": SLOT, "next_slot": SLOT - 1, **changes})


def kinds(seconds, one):
    return [(a.kind, a.key) for a in decide(START + seconds, (one,), Policy())]


@pytest.mark.parametrize(
    ("seconds", "is_time"), [(299, False), (300, True), (869, True), (870, False)]
)
def test_decide__time_of_the_slot__quoted_when_reports_are_there(seconds, is_time):
    expected = [(Kind.QUOTE, f"quote:1:{SLOT + 1}")] if is_time else []
    assert kinds(seconds, price()) == expected


def test_decide__quoted_already_or_frozen__nothing():
    assert kinds(400, price(quoted_slot=SLOT + 1)) == []
    assert kinds(400, price(frozen_until=START + 401)) == []
    assert len(kinds(400, price(frozen_until=START + 400))) == 1


def test_decide__far_behind__auctions_first():
    (action,) = decide(START + 400, (price(next_slot=SLOT - 500),), Policy())
    assert (action.kind, action.slots) == (Kind.NOTE, 24)
    assert action.key == f"note:1:{SLOT - 500}"
    (action,) = decide(START + 400, (price(next_slot=SLOT - 9),), Policy())
    assert (action.kind, action.slots) == (Kind.NOTE, 9)
    assert kinds(400, price(next_slot=SLOT - 8)) == [(Kind.QUOTE, f"quote:1:{SLOT + 1}")]

"""A keeper's desk: each effect once, pauses, dry runs.

plan: new | under way | refused before sending | refused in a block | mined and decided again | dry
"""

from __future__ import annotations

import pytest

from energy_grid.abi import Abi
from energy_grid.contracts import Contract
from energy_grid.outbox import Attempt, Outbox, State
from energy_grid.outbox.attempts import doubling_pause
from energy_grid.rpc import Rpc
from oracles.runtime.desk import Desk

ABI = Abi(
    "Thing",
    [{"type": "function", "name": "act", "inputs": [], "outputs": [],
      "stateMutability": "nonpayable"}],
)  # fmt: skip
SENDER = object()


class Clock:
    def __init__(self, outbox):
        self.outbox, self.later = outbox, 0.0

    def __call__(self):
        newest = max((row.updated_at for row in self.outbox.rows()), default=0.0)
        return newest + self.later


@pytest.fixture
def outbox(tmp_path):
    return Outbox(tmp_path / "outbox.sqlite")


@pytest.fixture
def thing():
    return Contract("Thing", "0x00000000000000000000000000000000000000A1", ABI, Rpc("http://x"))


@pytest.fixture
def clock(outbox):
    return Clock(outbox)


@pytest.fixture
def desk(outbox, clock):
    return Desk(outbox, SENDER, retry_after_seconds=10, clock=clock)


def refuse(outbox, key):
    outbox.record_refused(outbox.get(key), "Halted()", b"")


def bring(outbox, key, nonce=0):
    row = outbox.reserve(outbox.get(key), nonce)
    outbox.record_signed(row, Attempt(f"0x{nonce:064x}", b"raw", 1, 1, 0.0, None))
    return outbox.get(key)


def test_plan__again_while_under_way__once(desk, outbox, thing):
    assert desk.plan("settle:1:2", thing, "act")
    assert not desk.plan("settle:1:2", thing, "act")
    assert len(outbox.rows()) == 1
    assert desk.under_way("settle:") == {"settle:1:2"}
    assert desk.under_way("halt:") == frozenset()


def test_plan__refused_in_simulation__again_after_a_doubling_pause(desk, outbox, thing, clock):
    desk.plan("a", thing, "act")
    refuse(outbox, "a")
    assert desk.refusal("a") == "Halted()"

    clock.later = 9
    assert not desk.plan("a", thing, "act")
    clock.later = 10
    assert desk.plan("a", thing, "act")
    refuse(outbox, "a#2")
    clock.later = 19
    assert not desk.plan("a", thing, "act")
    clock.later = 20
    assert desk.plan("a", thing, "act")
    assert [row.business_key for row in outbox.rows()] == ["a", "a#2", "a#3"]


def test_plan__refused_in_a_block__not_before_the_next_slot(desk, outbox, thing, clock):
    desk.plan("a", thing, "act")
    outbox.record_reverted(bring(outbox, "a"), "0x" + "00" * 32, 1, 21_000, "Halted()", b"")

    clock.later = 899
    assert not desk.plan("a", thing, "act")
    clock.later = 900
    assert desk.plan("a", thing, "act")


def test_was_done__mined__yes(desk, outbox, thing):
    desk.plan("a", thing, "act")
    assert not desk.was_done("a")
    outbox.record_mined(bring(outbox, "a"), "0x" + "00" * 32, 1, 21_000)
    assert desk.was_done("a")
    assert desk.refusal("a") is None


def test_plan__dry__nothing_is_written(outbox, thing):
    desk = Desk(outbox, None)
    assert not desk.plan("a", thing, "act")
    assert desk.is_dry
    assert desk.work().sent == 0
    assert outbox.rows(State.PLANNED) == []


def test_doubling_pause__many_attempts__has_an_end():
    assert doubling_pause(15, 10_000, 600) == 600

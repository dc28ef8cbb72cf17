"""Parts of the outbox without a chain: fees, alarms, the status shown, the operator's commands."""

from __future__ import annotations

import dataclasses
import sqlite3
import time

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from energy_grid.ops import SENDING, Health, Metrics, SenderScribe
from energy_grid.outbox import (
    Alarm,
    AlarmName,
    Attempt,
    FeePolicy,
    Fees,
    KeyLock,
    Outbox,
    SenderStatus,
    State,
)
from energy_grid.outbox.__main__ import cli
from energy_grid.outbox.status import Alarms

GWEI = 10**9
TO = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
STATUS = SenderStatus(
    address=TO,
    chain_id=31337,
    head=10,
    head_age_seconds=1.5,
    blind_seconds=0.5,
    depth=3,
    in_flight=2,
    mined=1,
    oldest_unsent_seconds=7.0,
    nonce_gap=0,
    balance_wei=10**18,
    transactions_left=None,
    bumps=2,
    rebroadcasts=1,
    reorgs=4,
    rows_reorged=1,
    gaps_filled=0,
    key_shared=False,
    rpc_failovers=1,
)


# --- Fees -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fees", "today", "expected"),
    [
        (Fees(80 * GWEI, 8 * GWEI), Fees(0, 0), Fees(90 * GWEI, 9 * GWEI)),
        (Fees(GWEI, 0), Fees(0, 0), Fees(2 * GWEI, GWEI)),
        (Fees(8 * GWEI, GWEI), Fees(50 * GWEI, 3 * GWEI), Fees(50 * GWEI, 3 * GWEI)),
        (Fees(8 * GWEI, GWEI), Fees(500 * GWEI, 3 * GWEI), Fees(100 * GWEI, 3 * GWEI)),
        (Fees(89 * GWEI, GWEI), Fees(500 * GWEI, GWEI), None),
        (Fees(100 * GWEI, GWEI), Fees(0, 0), None),
    ],
)
def test_raised__examples__an_eighth_or_a_gwei_up_to_the_cap(fees, today, expected):
    assert FeePolicy(max_fee_cap_wei=100 * GWEI).raised(fees, today) == expected


@given(
    max_fee=st.integers(0, 10**13),
    tip_share=st.integers(0, 100),
    today=st.integers(0, 10**13),
    cap=st.integers(1, 2 * 10**13),
)
def test_raised__any_fees__a_valid_replacement_within_the_cap(max_fee, tip_share, today, cap):
    before = Fees(max_fee, max_fee * tip_share // 100)

    raised = FeePolicy(max_fee_cap_wei=cap).raised(before, Fees(today, today // 10))

    if raised is None:
        assert before.max_fee_wei + max(before.max_fee_wei // 8, GWEI) >= cap
        return
    assert raised.max_fee_wei <= cap
    assert raised.priority_fee_wei <= raised.max_fee_wei
    for new, old in zip(
        (raised.max_fee_wei, raised.priority_fee_wei),
        (before.max_fee_wei, before.priority_fee_wei),
        strict=True,
    ):
        assert new >= old + GWEI
        assert 8 * new >= 9 * old


# --- Alarms and status ----------------------------------------------------------------------------


def test_alarms__raised_again__keep_their_age_and_take_the_new_detail():
    alarms = Alarms()
    alarms.set(AlarmName.FEE_CAP, "one")
    since = alarms.list()[0].since

    alarms.set(AlarmName.FEE_CAP, "two")

    assert alarms.list() == (Alarm(AlarmName.FEE_CAP, "two", since),)
    alarms.clear(AlarmName.FEE_CAP)
    assert alarms.list() == ()


def test_alarms__held__end_by_themselves():
    alarms = Alarms()
    alarms.set(AlarmName.KEY_SHARED, "seen", hold_seconds=0.02)
    assert len(alarms.list()) == 1

    time.sleep(0.03)

    assert alarms.list() == ()


def test_scribe__status__shown_as_metrics_and_health():
    metrics, health = Metrics("test"), Health()
    scribe = SenderScribe(metrics, health)

    scribe.note(STATUS)
    alarm = Alarm(AlarmName.DEEP_REORG, "gone", 0.0)
    scribe.note(dataclasses.replace(STATUS, reorgs=6, alarms=(alarm,)))

    assert metrics.value("eg_outbox_depth_rows") == 3
    assert metrics.value("eg_reorgs_total") == 6
    assert metrics.value("eg_fee_bumps_total") == 2
    assert metrics.value("eg_alarm_bool", alarm="deep reorg") == 1
    assert metrics.value("eg_alarm_bool", alarm="fee cap") == 0
    part = next(part for part in health.components() if part.name == SENDING)
    assert (part.good, part.detail) == (False, "deep reorg: gone")


def test_scribe__a_node_lags_while_another_answers__told_but_good():
    health = Health()
    alarm = Alarm(AlarmName.RPC_LAG, "5 blocks behind", 0.0)

    SenderScribe(Metrics("test"), health).note(dataclasses.replace(STATUS, alarms=(alarm,)))

    assert health.components()[0].good
    assert "5 blocks behind" in health.components()[0].detail


# --- The file -------------------------------------------------------------------------------------


@pytest.fixture
def outbox(tmp_path):
    return Outbox(tmp_path / "outbox.sqlite")


def final_row(outbox, key, nonce, block):
    row = outbox.reserve(outbox.enqueue(key, TO, b""), nonce)
    attempt = Attempt(f"0x{nonce:064x}", b"raw", 1, 1, 0.0, None, block - 1)
    outbox.record_signed(row, attempt)
    outbox.record_mined(row, attempt.transaction_hash, block, 21_000)
    outbox.record_final(row)


def test_reopen__final_rows_from_a_block_on__signed_again_others_stay(outbox):
    for number in range(3):
        final_row(outbox, f"effect/{number}", number, 10 + number)

    done = CliRunner().invoke(cli, ["reopen", str(outbox.path), "--from-block", "11", "--yes"])

    assert done.exit_code == 0
    assert "reopened effect/1 nonce 1" in done.output
    states = [row.state for row in outbox.rows()]
    assert states == [State.FINAL, State.SIGNED, State.SIGNED]
    assert outbox.get("effect/1").block_number is None
    assert outbox.attempts(outbox.get("effect/1"))[0].signed_block == 10


def test_reopen__while_a_sender_runs__refused(outbox):
    final_row(outbox, "effect/0", 0, 10)
    lock = KeyLock(outbox.path.with_name(outbox.path.name + ".lock"), "outbox")
    lock.acquire()

    done = CliRunner().invoke(cli, ["reopen", str(outbox.path), "--from-block", "1", "--yes"])

    lock.release()
    assert "in use by another process" in str(done.exception)
    assert outbox.get("effect/0").state is State.FINAL


def test_show__rows_by_state__open_and_failed_ones_listed(outbox):
    outbox.enqueue("effect/open", TO, b"")
    final_row(outbox, "effect/done", 0, 10)

    done = CliRunner().invoke(cli, ["show", str(outbox.path)])

    assert "planned  1" in done.output
    assert "effect/open" in done.output
    assert "effect/done" not in done.output


def test_open__file_of_the_version_before__upgraded_with_its_rows(outbox, tmp_path):
    final_row(outbox, "effect/0", 0, 10)
    outbox.close()
    with sqlite3.connect(outbox.path) as connection:
        connection.execute("ALTER TABLE outbox_attempts DROP COLUMN signed_block")
        connection.execute("UPDATE outbox_meta SET value = '1' WHERE name = 'schema'")

    upgraded = Outbox(outbox.path)

    row = upgraded.get("effect/0")
    assert row.state is State.FINAL
    assert upgraded.attempts(row)[0].signed_block is None
    Outbox(outbox.path)

"""From telegrams to signed readings in the outbox.

take and advance
├── the nearest telegram within 9 s becomes the snapshot, registers as they stand (V5, V6)
├── clock: ahead or behind by more than a minute -> rejected
├── refused, stored, never signed: register fell, above the cap, too late, out of range
├── flagged, signed as it is: patterns, voltage, power failures (V16 to V23)
├── sequence: the slots since the baseline, for ever; a boundary is signed once
├── day: one signature for 96 snapshots; singles once one is missing or the deadline is over
└── meter unknown, wrong key, inactive, store older than the chain -> nothing signed
"""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from energy_grid import eip712
from energy_grid.day_words import LaneWidth, unpack_day
from energy_grid.units import UnixSeconds, Wh
from meter_bridge.config import SubmissionSection
from meter_bridge.errors import RegistryError
from meter_bridge.registry import LatestReading
from meter_bridge.snapshots import Registers
from tests.offchain.bridge.engine_bench import (
    CHAIN_ID,
    CONTRACT,
    DAY,
    EXPORT_WH,
    IMPORT_WH,
    WIDTH_WH,
    Bench,
    day_message,
    key_of,
    registered,
)

CAP_WH = 5_500


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


# --- Which telegram -------------------------------------------------------------------------------


def test_advance__telegram_at_the_boundary__signed_as_it_stands(bench: Bench) -> None:
    bench.read(1, 250, 40, offset=0)

    (reading,) = bench.readings()
    assert reading == (1, 1, DAY + 900, IMPORT_WH + 250, EXPORT_WH + 40, 0, 230_100)
    (call,) = bench.calls
    message = eip712.MeterReading(*reading)
    domain = eip712.domain(CHAIN_ID, CONTRACT)
    assert eip712.recover(message, domain, call[1][0][0][1]) == key_of(1).address
    assert bench.outbox.count() == 1


def test_advance__nearest_of_several__chosen(bench: Bench) -> None:
    for offset, import_wh in ((-8, 10), (-2, 11), (3, 12), (9, 13)):
        bench.read(1, import_wh, 0, offset=offset)

    assert [reading[3] for reading in bench.readings()] == [IMPORT_WH + 11]


def test_advance__only_before_the_boundary__waits_then_taken(bench: Bench) -> None:
    bench.read(1, 10, 0, offset=-3)
    assert bench.readings() == []

    bench.clock.time = DAY + 900 + 30
    bench.engine.advance(bench.host_now + 30)

    assert len(bench.readings()) == 1


@pytest.mark.parametrize(("offset", "rules"), [(5, []), (6, ["V6"]), (9, ["V6"]), (-9, ["V6"])])
def test_advance__distance_from_the_boundary__flagged_beyond_5_s(
    bench: Bench, offset: int, rules: list[str]
) -> None:
    bench.read(1, 10, 0, offset=offset)
    bench.clock.time = DAY + 900 + 40
    bench.engine.advance(bench.host_now + 40)

    assert bench.rules(1) == rules
    assert len(bench.readings()) == 1


@pytest.mark.parametrize("offset", [10, -10, 450])
def test_take__between_boundaries__no_snapshot(bench: Bench, offset: int) -> None:
    bench.read(1, 10, 0, offset=offset)
    bench.engine.advance(bench.host_now + 60)

    assert bench.readings() == []
    assert bench.engine.counters.telegrams == 1


@pytest.mark.parametrize(
    ("skew", "cause"), [(61, "clock_ahead"), (-61, "clock_behind"), (3_600, "clock_ahead")]
)
def test_take__clock_off_by_more_than_a_minute__rejected(
    bench: Bench, skew: int, cause: str
) -> None:
    unix = DAY + 900
    bench.arrive(bench.telegram(unix, IMPORT_WH + 1, EXPORT_WH), at=unix - skew)

    assert bench.engine.counters.rejected == {cause: 1}
    assert bench.readings() == []


def test_take__queued_source__late_telegram_taken_and_flagged(tmp_path: Path) -> None:
    bench = Bench(tmp_path, source="mqtt:meters/:9")
    unix = DAY + 900
    bench.arrive(bench.telegram(unix, IMPORT_WH + 1, EXPORT_WH), at=unix + 7_200)

    assert len(bench.readings()) == 1
    assert bench.rules(1) == ["V6"]


def test_take__mqtt_out_of_order_within_the_window__both_signed_in_order(tmp_path: Path) -> None:
    bench = Bench(tmp_path, source="mqtt:meters/:9", reorder_seconds=20)
    for slot in (3, 1, 2):
        unix = DAY + 900 * slot
        bench.arrive(bench.telegram(unix, IMPORT_WH + slot, EXPORT_WH), at=DAY + 2_700)

    bench.engine.advance(bench.host_now + 20)

    assert [reading[2] for reading in bench.readings()] == [DAY + 900 * n for n in (1, 2, 3)]


def test_take__mqtt_out_of_order_beyond_the_window__stored_as_refused(tmp_path: Path) -> None:
    bench = Bench(tmp_path, source="mqtt:meters/:9")
    bench.read(2, 20, 0)
    bench.arrive(bench.telegram(DAY + 900, IMPORT_WH + 10, EXPORT_WH))

    assert [reading[2] for reading in bench.readings()] == [DAY + 1_800]
    assert "V10" in bench.rules(1)


def test_take__telegram_of_another_meter__rejected(bench: Bench) -> None:
    bench.read(1, 10, 0, equipment="1111")
    bench.read(2, 20, 0, equipment="2222")

    assert bench.engine.counters.rejected == {"equipment": 1}
    bench.restart()
    bench.read(3, 20, 0, equipment="2222")
    assert bench.engine.counters.rejected == {"equipment": 1}
    assert len(bench.readings()) == 1


# --- Refused --------------------------------------------------------------------------------------


def test_advance__register_fell__refused_and_next_one_accepted(bench: Bench) -> None:
    bench.read(1, 100, 50)
    bench.read(2, 99, 60)
    bench.read(3, 200, 60)

    assert bench.rules(2) == ["V11"]
    assert [reading[1] for reading in bench.readings()] == [1, 3]
    assert bench.rules(3)[0] == "V9"


@pytest.mark.parametrize(("moved_wh", "is_signed"), [(CAP_WH, True), (CAP_WH + 1, False)])
@pytest.mark.parametrize("direction", ["import", "export"])
def test_advance__cap_of_the_connection__bounds_each_direction(
    bench: Bench, moved_wh: int, is_signed: bool, direction: str
) -> None:
    moved = {"import": (moved_wh, 0), "export": (0, moved_wh)}[direction]
    bench.read(1, *moved)

    assert bool(bench.readings()) is is_signed
    assert bench.rules(1) == ([] if is_signed else ["V14"])


def test_advance__gap__cap_times_its_slots(bench: Bench) -> None:
    bench.read(4, 4 * CAP_WH, 0)
    bench.read(6, 6 * CAP_WH + 1, 0)

    assert [reading[1] for reading in bench.readings()] == [4]
    assert bench.rules(6) == ["V14"]


def test_advance__rollover__accepted_only_from_near_the_width(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    base = LatestReading(0, Registers(UnixSeconds(DAY), Wh(WIDTH_WH - 100), Wh(0)))
    connection = bench.outbox.connection
    connection.execute("DELETE FROM bridge_meters")
    bench.engine.reload()
    bench.engine.register({1: replace(registered(), latest=base)})
    bench.arrive(bench.telegram(DAY + 900, 50, 0), at=DAY + 900)
    bench.arrive(bench.telegram(DAY + 1_800, 49, 0), at=DAY + 1_800)

    assert [reading[3] for reading in bench.readings()] == [50]
    assert bench.rules(2) == ["V11"]


def test_advance__past_the_deadline__refused(tmp_path: Path) -> None:
    bench = Bench(tmp_path, source="mqtt:meters/:9")
    deadline = DAY + 2 * 86_400
    early, late = (bench.telegram(DAY + 900 * n, IMPORT_WH + n, EXPORT_WH) for n in (1, 2))
    bench.arrive(early, at=deadline - 121)
    bench.arrive(late, at=deadline - 119)

    assert [reading[1] for reading in bench.readings()] == [1]
    assert bench.rules(2) == ["V7"]


def test_advance__register_beyond_its_width__refused(bench: Bench) -> None:
    bench.arrive(bench.telegram(DAY + 900, WIDTH_WH, EXPORT_WH), at=DAY + 900)

    assert bench.readings() == []
    assert bench.rules(1)[0] == "V1"


def test_advance__boundary_of_the_baseline__not_signed_again(bench: Bench) -> None:
    bench.read(0, 0, 0, offset=2)
    bench.read(1, 10, 0)

    assert [reading[1] for reading in bench.readings()] == [1]


# --- Flagged --------------------------------------------------------------------------------------


def test_advance__stuck_spike_step_zero__flagged_and_signed(bench: Bench) -> None:
    moves = [100, 100, 100, 100, 100, 700, 5_300, 100]
    total = 0
    for slot, moved_wh in enumerate(moves, 1):
        total += moved_wh
        bench.read(slot, total, slot)

    assert "V19" not in bench.rules(4)
    assert "V19" in bench.rules(5)
    assert "V16" in bench.rules(6)
    assert "V18" in bench.rules(7)
    assert [reading[3] for reading in bench.readings()][-1] == IMPORT_WH + total


def test_advance__voltage_and_failures__flagged_and_signed(bench: Bench) -> None:
    bench.read(1, 10, 0, voltage="190.0", failures=(4, 2))
    bench.read(2, 25, 0, voltage="260.0", failures=(5, 2))
    bench.read(3, 45, 0, failures=(4, 2), extra=("0-0:96.3.10(1)",))
    bench.read(4, 66, 0, failures=(4, 2), extra=("0-0:96.3.10(0)",))

    assert bench.rules(1) == ["V22"]
    assert bench.rules(2) == ["V22", "V23"]
    assert bench.rules(3) == ["V23"]
    assert bench.rules(4) == ["V23"]
    assert [reading[6] for reading in bench.readings()][:2] == [190_000, 260_000]


def test_advance__a_day_without_energy__warned(bench: Bench) -> None:
    for slot in range(1, 98):
        bench.read(slot, 0, 0)

    assert "V20" not in bench.rules(96)
    assert "V20" in bench.rules(97)


def test_advance__day_against_the_days_before__flagged(bench: Bench) -> None:
    total = 0
    for day, moved_wh in enumerate((100, 100, 250)):
        for slot in range(1, 97):
            total += moved_wh + slot % 2
            bench.read(96 * day + slot, total, 96 * day + slot)

    assert "V17" not in bench.rules(192)
    assert "V17" in bench.rules(288)


# --- For ever -------------------------------------------------------------------------------------


def test_advance__restart_and_repeated_telegrams__nothing_new(bench: Bench) -> None:
    bench.read(1, 10, 0)
    bench.read(2, 20, 0)
    before = bench.store.signatures()
    bench.restart()
    bench.read(1, 10, 0)
    bench.read(2, 999, 0)
    bench.read(3, 30, 0)

    assert bench.store.signatures()[:2] == before
    assert [reading[1] for reading in bench.readings()] == [1, 2, 3]


def test_advance__clock_set_back__old_boundary_not_signed_again(bench: Bench) -> None:
    for slot in (1, 2, 3):
        bench.read(slot, 10 * slot, 0)
    bench.restart()
    bench.read(2, 21, 0)
    bench.read(2, 22, 0, offset=0)

    assert len(bench.readings()) == 3
    assert bench.engine.counters.duplicates == 2


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE bridge_snapshots SET import_wh = import_wh + 1",
        "UPDATE bridge_snapshots SET sequence = 77",
        "UPDATE bridge_snapshots SET form = 'day'",
        "UPDATE bridge_snapshots SET form = NULL",
        "UPDATE bridge_snapshots SET raw_digest = zeroblob(32)",
        "DELETE FROM bridge_snapshots",
        "UPDATE bridge_signatures SET signature = zeroblob(65)",
        "UPDATE bridge_signatures SET digest = zeroblob(32)",
        "DELETE FROM bridge_signatures",
        "INSERT OR REPLACE INTO bridge_signatures SELECT meter_id, form, boundary, sequence,"
        " zeroblob(32), signature, business_key FROM bridge_signatures",
    ],
)
def test_store__what_is_signed__cannot_be_changed(bench: Bench, statement: str) -> None:
    bench.read(1, 10, 0)
    connection = bench.outbox.connection
    connection.execute("PRAGMA recursive_triggers = ON")

    with pytest.raises(sqlite3.IntegrityError):
        connection.execute(statement)


@settings(max_examples=30)
@given(data=st.data())
def test_advance__any_order_of_telegrams_and_restarts__no_boundary_signed_two_ways(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    mode = data.draw(st.sampled_from(["single", "day"]))
    bench = Bench(tmp_path_factory.mktemp("bench"), mode=mode)
    now = 1
    for _ in range(data.draw(st.integers(1, 30))):
        step = data.draw(st.sampled_from(["read", "again", "old", "restart", "garbled"]))
        if step == "read":
            now += data.draw(st.integers(1, 40))
            bench.read(now, 10 * now, now, offset=data.draw(st.integers(-9, 9)))
        elif step == "again":
            bench.read(now, 10 * now + data.draw(st.integers(0, 9)), now)
        elif step == "old":
            bench.read(data.draw(st.integers(1, now)), 10 * now, now)
        elif step == "restart":
            bench.restart()
        else:
            bench.arrive(b"/garbled\r\n!0000\r\n")
    seen: dict[int, tuple[int, ...]] = {}
    numbers: dict[int, int] = {}
    for reading in bench.readings():
        assert seen.setdefault(reading[2], reading) == reading
        assert numbers.setdefault(reading[1], reading[2]) == reading[2]
        assert reading[1] == (reading[2] - DAY) // 900


# --- Days -----------------------------------------------------------------------------------------


def test_day__96_snapshots__one_signature(tmp_path: Path) -> None:
    bench = Bench(tmp_path, mode="day")
    for slot in range(1, 97):
        assert bench.calls == []
        bench.read(slot, 20 * slot + slot % 3, 5 * slot)

    (arguments,) = bench.days()
    message = day_message(arguments)
    assert (message.first_sequence, message.day_start) == (1, DAY)
    assert (message.import_wh, message.export_wh) == (IMPORT_WH, EXPORT_WH)
    slots = unpack_day(message.words, LaneWidth.NARROW)
    assert sum(slot.import_wh for slot in slots) == 20 * 96 + 96 % 3
    assert {slot.export_wh for slot in slots} == {5}
    signature = bench.calls[0][1][1]
    domain = eip712.domain(CHAIN_ID, CONTRACT)
    assert eip712.recover(message, domain, signature) == key_of(1).address
    assert bench.readings() == []


def test_day__second_day__goes_on_from_the_first(tmp_path: Path) -> None:
    bench = Bench(tmp_path, mode="day")
    for slot in range(1, 193):
        bench.read(slot, 20 * slot, 0)
        if slot == 130:
            bench.restart()

    first, second = (day_message(arguments) for arguments in bench.days())
    assert second.first_sequence == 97
    assert second.day_start == first.day_start + 86_400
    assert second.import_wh == IMPORT_WH + 20 * 96


def test_day__boundary_missing__singles_at_once_and_next_day_whole(tmp_path: Path) -> None:
    bench = Bench(tmp_path, mode="day")
    for slot in range(1, 193):
        if slot != 10:
            bench.read(slot, 20 * slot, 0)
        if slot == 9:
            assert bench.readings() == []
        if slot == 11:
            assert [r[1] for r in bench.readings()] == [1, 2, 3, 4, 5, 6, 7, 8, 9, 11]

    assert len(bench.readings()) == 95
    (arguments,) = bench.days()
    assert day_message(arguments).first_sequence == 97


def test_day__incomplete_at_the_deadline__singles(tmp_path: Path) -> None:
    submission = SubmissionSection(batch_window_seconds=0, day_deadline_seconds=3_600)
    bench = Bench(tmp_path, mode="day", submission=submission)
    for slot in range(1, 50):
        bench.read(slot, 20 * slot, 0)
    bench.clock.time = DAY + 86_400 + 3_600
    bench.engine.advance(bench.host_now)
    assert bench.calls == []

    bench.clock.time += 1
    bench.engine.advance(bench.host_now)

    assert len(bench.readings()) == 49


# --- Batches --------------------------------------------------------------------------------------


def test_batch__window_and_size__gathered(tmp_path: Path) -> None:
    submission = SubmissionSection(batch_window_seconds=5, batch_size=3)
    bench = Bench(tmp_path, meters=4, submission=submission)
    unix = DAY + 900
    for meter_id in (1, 2):
        telegram = bench.telegram(unix, IMPORT_WH + 1, EXPORT_WH)
        bench.arrive(telegram, meter_id=meter_id, at=unix)
    assert bench.calls == []
    bench.engine.advance(bench.host_now + 5)
    assert len(bench.readings()) == 2

    bench.clock.time = unix + 900
    for meter_id in (1, 2, 3, 4):
        telegram = bench.telegram(unix + 900, IMPORT_WH + 2, EXPORT_WH)
        bench.arrive(telegram, meter_id=meter_id)

    assert [len(call[1][0]) for call in bench.calls] == [2, 3]


# --- Meters that cannot sign ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"device_key": key_of(9).address}, "another device key"),
        ({"is_active": False, "status": "quarantined"}, "quarantined"),
    ],
)
def test_register__meter_not_ours_or_not_active__keeps_but_does_not_sign(
    bench: Bench, changes: dict[str, object], words: str
) -> None:
    bench.engine.register({1: registered(**changes)})
    bench.read(1, 10, 0)

    assert words in bench.meter.problem
    assert bench.readings() == []
    bench.engine.register({1: registered()})
    bench.engine.advance(bench.host_now)
    assert len(bench.readings()) == 1


def test_register__unknown_meter__problem_names_the_remedy(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.meter.registered = None
    bench.engine.register({1: RegistryError("meter 1 cannot be looked up", remedy="Register it")})

    assert "Register it" in bench.meter.problem


def test_register__node_away_later__goes_on_with_what_is_known(bench: Bench) -> None:
    bench.engine.register({1: RegistryError("away")})
    bench.read(1, 10, 0)

    assert len(bench.readings()) == 1


def test_register__store_older_than_the_chain__refuses_until_adopted(bench: Bench) -> None:
    bench.read(1, 10, 0)
    registers = Registers(UnixSeconds(DAY + 4_500), Wh(IMPORT_WH + 50), Wh(EXPORT_WH))
    latest = LatestReading(5, registers)
    bench.engine.register({1: registered(latest=latest)})
    assert "adopt 1" in bench.meter.problem
    bench.read(6, 60, 0)
    assert len(bench.readings()) == 1

    bench.engine.adopt(1, host_now=DAY + 900 * 7)
    bench.read(7, 70, 0)
    bench.read(8, 80, 0)

    assert bench.meter.problem == ""
    assert [reading[1] for reading in bench.readings()] == [1, 8]


def test_register__new_store_but_readings_on_chain__refuses(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.outbox.connection.execute("DELETE FROM bridge_meters")
    bench.engine.reload()
    latest = LatestReading(5, Registers(UnixSeconds(DAY + 4_500), Wh(IMPORT_WH), Wh(EXPORT_WH)))
    bench.engine.register({1: registered(latest=latest)})

    assert "did not sign" in bench.meter.problem


def test_blocked__clock_skew__nothing_signed_until_it_is_gone(bench: Bench) -> None:
    bench.engine.blocked = "clock +9 s off"
    bench.read(1, 10, 0)
    assert bench.readings() == []

    bench.engine.blocked = ""
    bench.engine.advance(bench.host_now)

    assert len(bench.readings()) == 1

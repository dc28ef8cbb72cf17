"""X-13: wrong clocks of every kind, by an injected clock.

Of the meter: 9 s are within the tolerance of a boundary, 60 s are not believed, 1 h is rejected. Of
the host against the chain: beyond 5 s nothing is signed. Steps, changes of season and leap seconds
never give a boundary two readings.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from energy_grid.units import UnixSeconds, Wh
from meter_bridge.clock import SkewWatch
from meter_bridge.registry import LatestReading
from meter_bridge.snapshots import Registers
from tests.offchain.bridge.engine_bench import DAY, EXPORT_WH, IMPORT_WH, Bench
from tests.offchain.bridge.telegrams import P1


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


@pytest.mark.parametrize(
    ("offset", "rules"),
    [(0, []), (5, []), (6, ["V6"]), (9, ["V6"]), (-9, ["V6"]), (-6, ["V6"])],
)
def test_x13__read_near_the_boundary__taken_and_flagged_beyond_5_s(
    bench: Bench, offset: int, rules: list[str]
) -> None:
    bench.arrive(bench.telegram(DAY + 900 + offset, IMPORT_WH + 5, EXPORT_WH), at=DAY + 912)
    bench.arrive(bench.telegram(DAY + 925, IMPORT_WH + 6, EXPORT_WH), at=DAY + 925)

    assert [reading[2] for reading in bench.readings()] == [DAY + 900]
    assert bench.rules(1) == rules


@pytest.mark.parametrize("offset", [10, -10, 60, -60])
def test_x13__read_further_away__no_snapshot(bench: Bench, offset: int) -> None:
    bench.arrive(bench.telegram(DAY + 900 + offset, IMPORT_WH, EXPORT_WH), at=DAY + 960)

    assert bench.readings() == []


@pytest.mark.parametrize(
    ("meter_is_ahead", "cause"),
    [(9, ""), (60, ""), (61, "clock_ahead"), (3_600, "clock_ahead"), (-61, "clock_behind"),
     (-3_600, "clock_behind")],
)  # fmt: skip
def test_x13__meters_clock_off__rejected_beyond_a_minute(
    bench: Bench, meter_is_ahead: int, cause: str
) -> None:
    bench.arrive(bench.telegram(DAY + 4_500 + meter_is_ahead, IMPORT_WH, EXPORT_WH), at=DAY + 4_500)

    assert dict(bench.engine.counters.rejected) == ({cause: 1} if cause else {})


@pytest.mark.parametrize("skew", [9, -9, 60, -60, 3_600, -3_600])
def test_x13__host_and_chain_apart__nothing_signed_until_they_agree(
    bench: Bench, skew: int
) -> None:
    watch = SkewWatch()
    for number in range(5):
        watch.observe(number, DAY + 12 * number, DAY + 12 * number + skew + 0.5)
    assert watch.skew.exceeds(5)
    bench.engine.blocked = "clock"
    bench.read(1, 5, 0)
    bench.read(2, 9, 0)
    assert bench.readings() == []
    for number in range(5, 14):
        watch.observe(number, DAY + 12 * number, DAY + 12 * number + 0.5)
    assert not watch.skew.exceeds(5)

    bench.engine.blocked = ""
    bench.read(3, 12, 0)

    assert [reading[1] for reading in bench.readings()] == [1, 2, 3]


def test_x13__hosts_clock_steps_back_an_hour__no_boundary_twice(bench: Bench) -> None:
    for slot in (1, 2, 3, 4, 5):
        bench.read(slot, 10 * slot, 0)
    before = bench.readings()
    bench.clock.time -= 3_600
    for slot in (2, 3, 4, 5):  # the meter, too, was set back and lives it again
        unix = DAY + 900 * slot + 1
        bench.arrive(bench.telegram(unix, IMPORT_WH + 60 + slot, EXPORT_WH), at=unix)
    assert bench.readings() == before

    bench.read(6, 100, 0)

    assert [reading[1] for reading in bench.readings()] == [1, 2, 3, 4, 5, 6]


def test_x13__hosts_clock_jumps_ahead_an_hour__telegrams_wait_for_the_right_time(
    bench: Bench,
) -> None:
    bench.read(1, 10, 0)
    bench.arrive(bench.telegram(DAY + 1_801, IMPORT_WH + 20, EXPORT_WH), at=DAY + 5_401)
    assert dict(bench.engine.counters.rejected) == {"clock_behind": 1}

    bench.arrive(bench.telegram(DAY + 1_803, IMPORT_WH + 20, EXPORT_WH), at=DAY + 1_803)

    assert [reading[1] for reading in bench.readings()] == [1, 2]


@pytest.mark.parametrize(
    ("day", "boundaries"), [("2027-03-28", 92), ("2027-10-31", 100), ("2027-11-01", 96)]
)
def test_x13__change_of_season__every_boundary_of_the_local_day_once(
    tmp_path: Path, day: str, boundaries: int
) -> None:
    zone = ZoneInfo("Europe/Amsterdam")
    start = int(datetime.fromisoformat(day).replace(tzinfo=zone).astimezone(UTC).timestamp())
    baseline = Registers(UnixSeconds(start), Wh(IMPORT_WH), Wh(EXPORT_WH))
    bench = Bench(
        tmp_path,
        registration={"first_slot": start // 900, "latest": LatestReading(0, baseline)},
    )
    end = int(datetime.fromisoformat(day).replace(hour=23, minute=59, tzinfo=zone).timestamp())
    for number, unix in enumerate(range(start + 901, end + 120, 900), 1):
        bench.arrive(bench.telegram(unix, IMPORT_WH + number, EXPORT_WH), at=unix)

    readings = bench.readings()
    assert len(readings) == boundaries
    assert [reading[1] for reading in readings] == list(range(1, boundaries + 1))
    assert [reading[2] for reading in readings] == [
        start + 900 * n for n in range(1, boundaries + 1)
    ]


def test_x13__leap_second__rejected_and_the_next_telegram_taken(bench: Bench) -> None:
    leap = P1(time="270324235960W", import_wh=(IMPORT_WH + 1, 0), export_wh=(0, EXPORT_WH))
    bench.arrive(leap.build(), at=DAY + 900)
    assert dict(bench.engine.counters.rejected) == {"timestamp": 1}

    bench.read(1, 5, 0)

    assert [reading[1] for reading in bench.readings()] == [1]

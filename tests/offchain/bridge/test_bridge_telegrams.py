"""Telegrams of all dialects to registers.

read
├── every dialect: registers, voltage, time
├── import and export
│   ├── tariff registers are added; a total register wins; both disagreeing are flagged
│   ├── a direction missing, half a tariff pair, a register twice -> rejected
│   └── no plain number, another unit, another channel -> rejected
├── checksum wrong or missing -> rejected
├── time: season flags, the hours of the change, no flag, no such date
└── encrypted: right keys, wrong keys, a flipped bit
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from meter_bridge.errors import TelegramRejected
from meter_bridge.telegrams.dialects import DIALECTS
from meter_bridge.telegrams.framing import CipherFramer, Frame, PlainFramer
from meter_bridge.telegrams.telegram import Telegram, TelegramReader
from meter_bridge.telegrams.timestamps import Seasons
from tests.offchain.bridge.telegrams import P1, crc16, encrypt, meter_time, with_checksum

NOON = 1_700_000_000
SUMMER = 1_720_000_000
KEY = bytes(range(16))
SHARED_KEY = bytes.fromhex("00112233445566778899AABBCCDDEEFF")


def read(telegram: bytes, dialect: str = "dsmr5", **options: object) -> Telegram:
    reader = TelegramReader(DIALECTS[dialect], **options)  # type: ignore[arg-type]
    return reader.read(Frame(telegram, telegram))


def rejected(telegram: bytes, dialect: str = "dsmr5", **options: object) -> str:
    with pytest.raises(TelegramRejected) as caught:
        read(telegram, dialect, **options)
    return caught.value.cause


def test_crc16__known_value__as_in_the_standard() -> None:
    # Check value of CRC-16/ARC, which DSMR uses.
    assert crc16(b"123456789") == 0xBB3D


def test_read__dsmr5__registers_in_wh() -> None:
    telegram = read(P1(unix=NOON, import_wh=(1_234_567, 2_000_001), export_wh=(5, 7)).build())

    assert telegram.import_wh == 3_234_568
    assert telegram.export_wh == 12
    assert telegram.voltage_millivolts == 230_100
    assert telegram.frequency_millihz == 0
    assert telegram.measured_at == NOON
    assert telegram.power_failures == 6
    assert telegram.equipment == "4530303434303037"
    assert not telegram.registers_disagree


def test_read__dsmr4__registers() -> None:
    telegram = read(P1(unix=NOON, voltage=None, header="/KFM5KAIFA-METER").build(), "dsmr4")

    assert (telegram.import_wh, telegram.export_wh) == (3_000_000, 700_000)
    assert telegram.voltage_millivolts == 0


def test_read__dsmr2__no_time_and_no_checksum() -> None:
    p1 = P1(equipment=None, failures=None, voltage=None, header="/ISk5\\2MT382-1000")

    telegram = read(p1.build_without_checksum(), "dsmr2")

    assert telegram.measured_at is None
    assert (telegram.import_wh, telegram.export_wh) == (3_000_000, 700_000)


def test_read__belgium__switch_and_thresholds() -> None:
    p1 = P1(
        unix=NOON,
        zone="Europe/Brussels",
        header="/FLU5\\253769484_A",
        equipment="3153414733313030313434363235",
        failures=None,
        extra=("0-0:96.1.4(50217)", "0-0:96.3.10(1)", "1-0:31.4.0(999*A)"),
    )

    telegram = read(p1.build(), "belgium")

    assert telegram.switch == "1"
    assert telegram.equipment == "3153414733313030313434363235"
    assert telegram.import_wh == 3_000_000


def test_read__luxembourg__total_registers() -> None:
    p1 = P1(
        unix=NOON,
        import_wh=(),
        export_wh=(),
        import_total_wh=2_345_678,
        export_total_wh=98_765,
        equipment=None,
        extra=("0-0:42.0.0(53414731303330373030303030303331)",),
    )

    telegram = read(p1.build(), "luxembourg")

    assert (telegram.import_wh, telegram.export_wh) == (2_345_678, 98_765)
    assert telegram.equipment == "53414731303330373030303030303331"


def test_read__sweden__winter_flag_all_year() -> None:
    local = datetime.fromtimestamp(SUMMER + 3_600, UTC).strftime("%y%m%d%H%M%S") + "W"
    p1 = P1(time=local, import_wh=(), export_wh=(), import_total_wh=8, export_total_wh=9)

    assert read(p1.build(), "sweden").measured_at == SUMMER


def test_read__hungary__frequency_and_totals() -> None:
    p1 = P1(
        unix=NOON,
        zone="Europe/Budapest",
        import_wh=(1, 2, 3, 4),
        import_total_wh=10,
        export_total_wh=0,
        export_wh=(0, 0),
        extra=("1-0:14.7.0(49.98*Hz)",),
    )

    telegram = read(p1.build(), "hungary")

    assert telegram.frequency_millihz == 49_980
    assert telegram.import_wh == 10


def test_read__ireland__local_time_without_checksum() -> None:
    p1 = P1(unix=SUMMER, zone="Europe/Dublin", header="/ISK5MT176")
    winter = P1(unix=NOON, zone="Europe/Dublin", header="/ISK5MT176")
    # Dublin's database entry calls winter time the saving: the flag still says S in summer.
    flagged = replace(p1, time=_dublin(SUMMER) + "S", unix=None)
    flagged_winter = replace(winter, time=_dublin(NOON) + "W", unix=None)

    assert read(flagged.build_without_checksum(), "ireland").measured_at == SUMMER
    assert read(flagged_winter.build_without_checksum(), "ireland").measured_at == NOON


def _dublin(unix: int) -> str:
    from zoneinfo import ZoneInfo

    return datetime.fromtimestamp(unix, ZoneInfo("Europe/Dublin")).strftime("%y%m%d%H%M%S")


def test_read__easymeter_q3d__four_decimals_cut_to_wh() -> None:
    telegram = (
        b"/ESY5Q3DA1004 V3.02\r\n\r\n1-0:0.0.0*255(1ESY1160123456)\r\n"
        b"1-0:1.8.0*255(00000123.4569*kWh)\r\n1-0:2.8.0*255(00000001.0009*kWh)\r\n!\r\n"
    )

    found = read(telegram, "easymeter_q3d")

    assert (found.import_wh, found.export_wh) == (123_456, 1_000)


def test_read__austria_and_luxembourg_encrypted__decrypted_and_read() -> None:
    p1 = P1(unix=NOON, import_wh=(), export_wh=(), import_total_wh=11, export_total_wh=22)
    for dialect in ("austria", "luxembourg_encrypted"):
        framer = CipherFramer(KEY, SHARED_KEY)
        (frame,) = framer.feed(encrypt(p1.build(), KEY, SHARED_KEY))

        telegram = TelegramReader(DIALECTS[dialect]).read(frame)

        assert (telegram.import_wh, telegram.export_wh) == (11, 22)
        assert frame.raw != frame.plain


def test_encrypted_frame__read_by_dsmr_parser_too__same_registers() -> None:
    from dsmr_parser import telegram_specifications
    from dsmr_parser.parsers import TelegramParser

    frame = encrypt(P1(unix=NOON).build(), KEY, SHARED_KEY)

    parsed = TelegramParser(telegram_specifications.MSN).parse(
        frame.hex(), encryption_key=KEY.hex(), authentication_key=SHARED_KEY.hex()
    )

    assert int(parsed.ELECTRICITY_USED_TARIFF_1.value * 1000) == 1_000_000


@pytest.mark.parametrize(("key", "authentication_key"), [(bytes(16), SHARED_KEY), (KEY, bytes(16))])
def test_encrypted_frame__wrong_key__no_frame(key: bytes, authentication_key: bytes) -> None:
    framer = CipherFramer(key, authentication_key)

    assert framer.feed(encrypt(P1(unix=NOON).build(), KEY, SHARED_KEY)) == []
    assert framer.counters.undecryptable == 1


def test_encrypted_frame__authentic_rubbish__rejected() -> None:
    framer = CipherFramer(KEY, SHARED_KEY)
    (frame,) = framer.feed(encrypt(b"\xff" * 300, KEY, SHARED_KEY))

    with pytest.raises(TelegramRejected) as caught:
        TelegramReader(DIALECTS["austria"]).read(frame)
    assert caught.value.cause == "not_ascii"


def test_read__total_and_tariffs_disagree__total_wins_and_is_flagged() -> None:
    p1 = P1(unix=NOON, import_wh=(10, 20), import_total_wh=33)

    assert not read(replace(p1, import_total_wh=32).build()).registers_disagree
    telegram = read(p1.build())
    assert telegram.import_wh == 33
    assert telegram.registers_disagree


@pytest.mark.parametrize(
    "p1",
    [
        P1(unix=NOON, import_wh=()),
        P1(unix=NOON, export_wh=()),
        P1(unix=NOON, import_wh=(1,)),
        P1(unix=NOON, export_wh=(1,)),
    ],
)
def test_read__register_missing__rejected(p1: P1) -> None:
    assert rejected(p1.build()) == "register_missing"


def test_read__import_only__export_is_zero() -> None:
    p1 = P1(unix=NOON, export_wh=())

    assert read(p1.build(), import_only=True).export_wh == 0


def test_read__register_twice__rejected() -> None:
    p1 = P1(unix=NOON, extra=("1-0:1.8.1(000999.000*kWh)",))

    assert rejected(p1.build()) == "register_twice"


@pytest.mark.parametrize(
    ("value", "cause"),
    [
        ("NaN*kWh", "register_value"),
        ("Infinity*kWh", "register_value"),
        ("1E9*kWh", "register_value"),
        ("-00001.000*kWh", "register_value"),
        ("999999999999999999999999999.0*kWh", "register_value"),
        ("000001.000*MWh", "register_unit"),
        ("000001.000", "register_unit"),
        ("*kWh", "unreadable"),
        ("00x001.000*kWh", "unreadable"),
    ],
)
def test_read__bad_register_value__rejected(value: str, cause: str) -> None:
    body = P1(unix=NOON).text().replace(b"001000.000*kWh", value.encode())

    assert rejected(with_checksum(body)) == cause


def test_read__register_of_another_channel__rejected() -> None:
    body = P1(unix=NOON).text().replace(b"1-0:2.8.1", b"1-1:2.8.1")

    assert rejected(with_checksum(body)) == "register_channel"


def test_read__wrong_checksum__rejected() -> None:
    telegram = bytearray(P1(unix=NOON).build())
    telegram[200] ^= 1

    assert rejected(bytes(telegram)) in ("checksum", "unreadable")


def test_read__checksum_missing_where_the_dialect_has_one__rejected() -> None:
    assert rejected(P1(unix=NOON).build_without_checksum()) == "checksum_missing"


def test_read__bytes_above_127__rejected() -> None:
    body = P1(unix=NOON).text().replace(b"XMX5", b"XM\xe95")

    assert rejected(with_checksum(body)) == "not_ascii"


# --- Time -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("241027025959S", "2024-10-27T00:59:59"),
        ("241027020000W", "2024-10-27T01:00:00"),
        ("241027023000S", "2024-10-27T00:30:00"),
        ("241027023000W", "2024-10-27T01:30:00"),
        ("240331015959W", "2024-03-31T00:59:59"),
        ("240331030000S", "2024-03-31T01:00:00"),
        # A meter a few seconds late with the change is still believed.
        ("240331020003W", "2024-03-31T01:00:03"),
    ],
)
def test_read__change_of_season__flag_decides(text: str, expected: str) -> None:
    telegram = read(P1(time=text).build())

    assert telegram.measured_at == int(datetime.fromisoformat(expected + "+00:00").timestamp())


@pytest.mark.parametrize("day", [1_711_839_600, 1_729_980_000])
def test_read__quarter_hours_of_a_day_of_change__no_boundary_lost_or_doubled(day: int) -> None:
    instants = [day + 900 * n for n in range(104)]

    found = [read(P1(time=meter_time(unix)).build()).measured_at for unix in instants]

    assert found == instants


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("240115120000S", "timestamp_season"),
        ("240715120000W", "timestamp_season"),
        ("240331023000W", "timestamp_season"),
        ("240230120000W", "timestamp"),
        ("240101250000W", "timestamp"),
        ("240101120000X", "timestamp"),
        ("2401011200W", "timestamp"),
        ("240101120000", "timestamp_unflagged"),
    ],
)
def test_read__impossible_time__rejected(text: str, cause: str) -> None:
    assert rejected(P1(time=text).build()) == cause


def test_read__season_flag_at_its_word__accepted() -> None:
    telegram = read(P1(time="240715120000W").build(), seasons=Seasons.AS_FLAGGED)

    assert telegram.measured_at == int(datetime(2024, 7, 15, 11, tzinfo=UTC).timestamp())


def test_read__unflagged_time__legal_time_of_the_zone_but_not_in_the_double_hour() -> None:
    summer = read(P1(time="240715120000").build(), accept_unflagged_time=True)
    vienna = read(
        P1(time="240715120000").build(), accept_unflagged_time=True, zone="Europe/Helsinki"
    )

    assert summer.measured_at == int(datetime(2024, 7, 15, 10, tzinfo=UTC).timestamp())
    assert vienna.measured_at == summer.measured_at - 3_600
    for text in ("241027023000", "240331023000"):
        cause = rejected(P1(time=text).build(), accept_unflagged_time=True)
        assert cause == "timestamp_ambiguous"


def test_read__no_time_where_the_dialect_has_one__rejected() -> None:
    assert rejected(P1().build()) == "timestamp_missing"


def test_framer__telegram_with_its_checksum__raw_kept_for_the_digest() -> None:
    telegram = P1(unix=NOON).build()

    (frame,) = PlainFramer().feed(telegram)

    assert frame.raw == frame.plain == telegram

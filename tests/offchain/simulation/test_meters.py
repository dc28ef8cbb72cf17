"""Virtual meters: telegrams as the companion standards want them, registers that only rise."""

from __future__ import annotations

import socket

import numpy as np
import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from dsmr_parser import telegram_specifications
from dsmr_parser.exceptions import InvalidChecksumError
from dsmr_parser.parsers import TelegramParser
from hypothesis import given
from hypothesis import strategies as st

from simulation.errors import SimulationError, TelegramError
from simulation.meters.adapters import MeterAdapters
from simulation.meters.encryption import FrameKey, encrypt_telegram
from simulation.meters.registers import RegisterTrack, RegisterValues, start_registers, tariff_of
from simulation.meters.telegram import (
    TelegramContent,
    TelegramForm,
    crc16,
    local_timestamp,
    write_telegram,
)
from simulation.meters.virtual_meter import VirtualMeter

FIRST = 1_629_408  # 2016-06-21 00:00 UTC
START = FIRST * 900


def _content(unix: int = START, **registers: object) -> TelegramContent:
    values = {
        "import_wh": (1_234_567, 89_012),
        "export_wh": (0, 999_999_999),
        "tariff": 1,
        "import_w": 1_234,
        "export_w": 0,
    } | registers
    return TelegramContent(unix, "E0047000012345617", RegisterValues(**values), (2301, 2298, 2305))


def test_crc16__check_value__is_that_of_crc16_arc():
    assert crc16(b"123456789") == 0xBB3D


def test_write_telegram__golden__is_byte_for_byte_what_a_meter_prints():
    expected = (
        b"/ISK5\\2M550T-1012\r\n\r\n1-3:0.2.8(50)\r\n0-0:1.0.0(160621020000S)\r\n"
        b"0-0:96.1.1(4530303437303030303132333435363137)\r\n1-0:1.8.1(001234.567*kWh)\r\n"
        b"1-0:1.8.2(000089.012*kWh)\r\n1-0:2.8.1(000000.000*kWh)\r\n1-0:2.8.2(999999.999*kWh)\r\n"
        b"0-0:96.14.0(0002)\r\n1-0:1.7.0(01.234*kW)\r\n1-0:2.7.0(00.000*kW)\r\n"
    )
    telegram = write_telegram(TelegramForm.DUTCH, _content())
    assert telegram.startswith(expected)
    assert b"1-0:32.7.0(230.1*V)\r\n1-0:52.7.0(229.8*V)\r\n1-0:72.7.0(230.5*V)\r\n" in telegram
    assert b"1-0:21.7.0(00.412*kW)\r\n1-0:41.7.0(00.411*kW)\r\n" in telegram
    assert telegram.endswith(b"!1573\r\n")


@pytest.mark.parametrize(
    ("unix", "text"),
    [
        (1466467200, "160621020000S"),
        (1453248000, "160120010000W"),
        (1477785600, "161030020000S"),  # the hour that happens twice, first as summer time
        (1477789200, "161030020000W"),
        (1459040399, "160327015959W"),  # one second before the hour that never happens
        (1459040400, "160327030000S"),
    ],
)
def test_local_timestamp__around_the_seasons__flags_them(unix, text):
    assert local_timestamp(unix) == text


@pytest.mark.parametrize(
    ("form", "specification"),
    [
        (TelegramForm.DUTCH, telegram_specifications.V5),
        (TelegramForm.LUXEMBOURG, telegram_specifications.LUXEMBOURG_SMARTY),
    ],
)
def test_write_telegram__both_forms__an_independent_parser_reads_it(form, specification):
    text = write_telegram(form, _content()).decode("ascii")
    parsed = TelegramParser(specification).parse(text)
    assert int(parsed.P1_MESSAGE_TIMESTAMP.value.timestamp()) == START
    assert int(parsed.INSTANTANEOUS_VOLTAGE_L1.value * 10) == 2301
    if form is TelegramForm.DUTCH:
        assert int(parsed.ELECTRICITY_USED_TARIFF_1.value * 1000) == 1_234_567
        assert int(parsed.ELECTRICITY_DELIVERED_TARIFF_2.value * 1000) == 999_999_999
    else:
        assert int(parsed.ELECTRICITY_IMPORTED_TOTAL.value * 1000) == 1_323_579
        assert int(parsed.ELECTRICITY_EXPORTED_TOTAL.value * 1000) == 999_999_999
    with pytest.raises(InvalidChecksumError):
        TelegramParser(specification).parse(text.replace("234.567", "234.568").replace("1323", "1"))


@pytest.mark.parametrize("wh", [-1, 1_000_000_000])
def test_write_telegram__register_outside_its_field__is_refused(wh):
    with pytest.raises(TelegramError, match="does not fit its field"):
        write_telegram(TelegramForm.DUTCH, _content(import_wh=(wh, 0)))


def test_write_telegram__power_outside_its_field__is_refused():
    with pytest.raises(TelegramError, match="does not fit its field"):
        write_telegram(TelegramForm.DUTCH, _content(import_w=100_000))


KEY = FrameKey(b"LUX00001", bytes(range(16)))


def test_encrypt_telegram__frame__decrypts_with_the_published_scheme():
    telegram = write_telegram(TelegramForm.LUXEMBOURG, _content())
    frame = encrypt_telegram(telegram, KEY, 77)
    assert frame[:10] == b"\xdb\x08LUX00001"
    assert frame[10] == 0x82
    assert int.from_bytes(frame[11:13], "big") == len(frame) - 13
    assert frame[13:18] == b"\x30" + (77).to_bytes(4, "big")
    parsed = TelegramParser(telegram_specifications.MSN).parse(
        frame.hex(), KEY.encryption_key.hex()
    )
    assert int(parsed.ELECTRICITY_IMPORTED_TOTAL.value * 1000) == 1_323_579


def test_encrypt_telegram__tag__is_the_head_of_the_full_one():
    frame = encrypt_telegram(b"/x!", KEY, 1)
    sealed = AESGCM(KEY.encryption_key).encrypt(
        KEY.system_title + b"\0\0\0\1", b"/x!", b"\x30" + KEY.authentication_key
    )
    assert frame.endswith(sealed[: 3 + 12])
    with pytest.raises(InvalidTag):
        AESGCM(KEY.encryption_key).decrypt(
            KEY.system_title + b"\0\0\0\2", sealed, b"\x30" + KEY.authentication_key
        )


def test_frame_key__wrong_lengths__is_refused():
    with pytest.raises(TelegramError, match="8, 16 and 16 bytes"):
        FrameKey(b"short", bytes(16))


def test_virtual_meter__encrypted__never_repeats_a_frame_counter():
    track = RegisterTrack(FIRST, np.full(4, 5), np.zeros(4, np.int64), (0, 0))
    meter = VirtualMeter("m", "E1", TelegramForm.LUXEMBOURG, track, FIRST, np.full(4, 230.0), KEY)
    counters = [meter.frame(START)[14:18] for _ in range(5)]
    assert len(set(counters)) == 5
    assert counters == sorted(counters)


@given(
    energies=st.lists(
        st.tuples(st.integers(0, 16_000), st.integers(0, 16_000)), min_size=1, max_size=60
    ),
    start=st.tuples(st.integers(0, 10**7), st.integers(0, 10**7)),
    step=st.integers(7, 899),
)
def test_registers__any_energies__rise_and_add_up(energies, start, step):
    imports = np.array([pair[0] for pair in energies])
    exports = np.array([pair[1] for pair in energies])
    track = RegisterTrack(FIRST, imports, exports, start)
    end = START + 900 * len(energies)
    previous = track.at(START)
    assert (previous.total_import_wh, previous.total_export_wh) == start
    for unix in [*range(START, end, step), end]:
        values = track.at(unix)
        for now, before in (
            (values.import_wh, previous.import_wh),
            (values.export_wh, previous.export_wh),
        ):
            assert now[0] >= before[0]
            assert now[1] >= before[1]
        previous = values
    assert previous.total_import_wh == start[0] + imports.sum()
    assert previous.total_export_wh == start[1] + exports.sum()
    for index in range(len(energies)):
        at, after = track.at(START + 900 * index), track.at(START + 900 * (index + 1))
        assert after.total_import_wh - at.total_import_wh == imports[index]


def test_registers__outside_the_simulation__is_refused():
    track = RegisterTrack(FIRST, np.zeros(2, np.int64), np.zeros(2, np.int64), (0, 0))
    with pytest.raises(SimulationError, match="not simulated"):
        track.at(START - 1)
    with pytest.raises(SimulationError, match="not simulated"):
        track.at(START + 1_801)


def test_tariff_of__local_clock__is_normal_on_weekdays_from_seven_to_twentythree():
    monday = 1466373600  # 2016-06-20 00:00 in Amsterdam
    hours = [tariff_of(monday + 3_600 * hour) for hour in range(24)]
    assert hours == [0] * 7 + [1] * 16 + [0]
    assert {tariff_of(monday - 3_600 * hour) for hour in range(1, 49)} == {0}


def test_start_registers__seed_and_meter__decide():
    assert start_registers(1, 2, True) == start_registers(1, 2, True)
    assert start_registers(1, 2, True) != start_registers(2, 2, True)
    assert start_registers(1, 2, False)[1] == 0


def test_adapters__two_meters__each_listener_hears_its_own_and_hanging_up_is_survived():
    with MeterAdapters(["a", "b"]) as adapters:
        assert adapters.without_listener() == ["a", "b"]
        with pytest.raises(SimulationError, match="nobody reads 2 of 2 meters"):
            adapters.wait_until_connected(0.05)
        first = socket.create_connection(adapters.address("a"), timeout=5)
        second = socket.create_connection(adapters.address("b"), timeout=5)
        adapters.wait_until_connected(5)
        assert adapters.send("a", b"to a") == 1
        assert adapters.send("b", b"to b") == 1
        assert first.recv(100) == b"to a"
        assert second.recv(100) == b"to b"
        first.close()
        for _ in range(50):
            if adapters.send("a", b"x" * 10_000) == 0:
                break
        assert adapters.without_listener() == ["a"]
        second.close()

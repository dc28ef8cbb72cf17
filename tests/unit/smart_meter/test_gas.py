"""Gas of readings by receipts, against the ceilings of the gas targets (steady state: all words of
lanes used before)."""

from __future__ import annotations

import pytest

from tests.unit.smart_meter.devices import (
    DAY_SECONDS,
    NARROW_CAP_WH,
    SLOTS_PER_DAY,
    day_energies,
    own_reading,
)

OWN_READING_CEILING = 38_000
DAY_CEILING_PER_READING = 1_400
BYTE_LIMIT = 24_576  # EIP-170
DAYS_TO_NEXT_TURN = 43


@pytest.fixture
def worn(register, device_account, relayer, at, day_start):
    """A meter whose ring has turned: its next two days fall on words used before."""
    key = bytes.fromhex(device_account.private_key.removeprefix("0x"))
    device = register(key=key)
    for day in range(3):
        at(day_start + (day + 1) * DAY_SECONDS)
        device.submit_day(device.day(day_energies(day, NARROW_CAP_WH)), relayer)
    at(day_start + DAYS_TO_NEXT_TURN * DAY_SECONDS)
    device.submit(device.advance(0, 0, slots=(DAYS_TO_NEXT_TURN - 3) * SLOTS_PER_DAY), relayer)
    return device


def test_gas__day_under_one_signature(worn, relayer, at, day_start):
    at(day_start + (DAYS_TO_NEXT_TURN + 1) * DAY_SECONDS)
    day = worn.day(
        day_energies(9, NARROW_CAP_WH), frequency_millihz=50_012, voltage_millivolts=231_400
    )

    receipt = worn.submit_day(day, relayer)

    assert receipt.gas_used <= DAY_CEILING_PER_READING * SLOTS_PER_DAY


def test_gas__reading_in_own_transaction(smart_meter, worn, device_account, at, day_start):
    at(day_start + (DAYS_TO_NEXT_TURN + 1) * DAY_SECONDS)

    for _ in range(9):  # both ends of a word
        worn.advance(4_321, 4_321)
        reading = worn.reading(frequency_millihz=50_012, voltage_millivolts=231_400)
        receipt = smart_meter.submitReading(own_reading(reading), sender=device_account)
        assert receipt.gas_used <= OWN_READING_CEILING


def test_gas__contract_fits_the_size_limit(smart_meter):
    assert len(smart_meter.code) < BYTE_LIMIT

"""EIP-712 messages against an independent encoder, signatures, and the words of a day."""

from __future__ import annotations

import dataclasses

import pytest
from eth_account import Account
from eth_account.messages import _hash_eip191_message, encode_typed_data
from hypothesis import given
from hypothesis import strategies as st

from energy_grid import eip712
from energy_grid.day_words import unpack_lane
from energy_grid.eip712 import (
    LaneWidth,
    MeterDay,
    MeterKind,
    MeterReading,
    MeterRegistration,
    Quality,
    SlotRegisters,
    pack_day,
    unpack_day,
)
from energy_grid.errors import InvalidValueError

KEY = bytes.fromhex("59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d")
SIGNER = Account.from_key(KEY).address
CONTRACT = "0x5FbDB2315678afecb367f032d93F642f64180aa3"
DOMAIN = eip712.domain(31337, CONTRACT)
CURVE_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141

uint = {bits: st.integers(0, 2**bits - 1) for bits in (8, 16, 32, 40, 64)}
addresses = st.binary(min_size=20, max_size=20).map(lambda raw: "0x" + raw.hex())
readings = st.builds(
    MeterReading,
    uint[32], uint[32], uint[40], uint[64], uint[64], uint[32], uint[32],
)  # fmt: skip
days = st.builds(
    MeterDay,
    meter_id=uint[32],
    first_sequence=uint[32],
    day_start=uint[40],
    import_wh=uint[64],
    export_wh=uint[64],
    words=st.lists(st.binary(min_size=32, max_size=32), max_size=24).map(tuple),
    frequency_millihz=uint[32],
    voltage_millivolts=uint[32],
)
registrations = st.builds(
    MeterRegistration,
    addresses, addresses, uint[16], st.sampled_from(MeterKind), uint[32], uint[32],
    uint[64], uint[32], uint[64], uint[64],
)  # fmt: skip


def independent_digest(message, type_text, chain_id=31337, contract=CONTRACT):
    """By eth_account, from the type's text and the tuple the contract would get."""
    name, fields = type_text.rstrip(")").split("(")
    members = [dict(zip(("type", "name"), f.split(" "), strict=True)) for f in fields.split(",")]
    values = dict(zip((m["name"] for m in members), message.as_tuple(), strict=True))
    encoded = encode_typed_data(
        domain_data={
            "name": "energy-grid SmartMeter",
            "version": "1",
            "chainId": chain_id,
            "verifyingContract": contract,
        },
        message_types={name: members},
        message_data={k: int(v) if isinstance(v, MeterKind) else v for k, v in values.items()},
    )
    return _hash_eip191_message(encoded)


@given(readings)
def test_digest__reading__equals_the_independent_one(reading):
    assert eip712.digest(reading, DOMAIN) == independent_digest(reading, eip712.READING_TYPE)


@given(days)
def test_digest__day__equals_the_independent_one(day):
    assert eip712.digest(day, DOMAIN) == independent_digest(day, eip712.DAY_TYPE)


@given(registrations)
def test_digest__registration__equals_the_independent_one(registration):
    expected = independent_digest(registration, eip712.REGISTRATION_TYPE)

    assert eip712.digest(registration, DOMAIN) == expected


@given(readings)
def test_digest__other_chain_or_contract__differs(reading):
    other_chain = eip712.domain(1, CONTRACT)
    other_contract = eip712.domain(31337, SIGNER)

    assert len({eip712.digest(reading, d) for d in (DOMAIN, other_chain, other_contract)}) == 3


@given(st.one_of(readings, days, registrations))
def test_sign__recover__gives_the_signer(message):
    signature = eip712.sign(message, DOMAIN, KEY)

    assert len(signature) == 65
    assert signature[64] in (27, 28)
    assert int.from_bytes(signature[32:64], "big") <= CURVE_ORDER // 2
    assert eip712.recover(message, DOMAIN, signature) == SIGNER


@given(readings)
def test_recover__other_content__is_another_signer(reading):
    signature = eip712.sign(reading, DOMAIN, KEY)
    other = dataclasses.replace(reading, import_wh=reading.import_wh ^ 1)

    assert eip712.recover(other, DOMAIN, signature) != SIGNER


def test_recover__high_s__refused():
    reading = MeterReading(1, 1, 900, 10, 0)
    signature = eip712.sign(reading, DOMAIN, KEY)
    high_s = CURVE_ORDER - int.from_bytes(signature[32:64], "big")
    twin = signature[:32] + high_s.to_bytes(32, "big") + bytes([55 - signature[64]])

    with pytest.raises(InvalidValueError, match="high s"):
        eip712.recover(reading, DOMAIN, twin)


@pytest.mark.parametrize(
    "signature", [b"", b"\x01" * 64, b"\x01" * 64 + b"\x1d", b"\x00" * 64 + b"\x1b"]
)
def test_recover__malformed__refused(signature):
    with pytest.raises(InvalidValueError):
        eip712.recover(MeterReading(1, 1, 900, 10, 0), DOMAIN, signature)


def test_reading__value_beyond_its_type__refused():
    with pytest.raises(InvalidValueError, match="import_wh out of range: expected uint64"):
        MeterReading(1, 1, 900, 2**64, 0).struct_hash()
    with pytest.raises(InvalidValueError, match="meter_id"):
        MeterReading(-1, 1, 900, 0, 0).struct_hash()


# --- Words ----------------------------------------------------------------------------------------


@st.composite
def slot_lists(draw, width):
    energy = st.integers(0, width.max_energy_wh)
    return draw(st.lists(st.builds(SlotRegisters, energy, energy), min_size=96, max_size=96))


@pytest.mark.parametrize("width", LaneWidth)
@given(data=st.data())
def test_day_words__come_back(width, data):
    day = data.draw(slot_lists(width))

    words = pack_day(day, width)

    assert len(words) == {LaneWidth.NARROW: 12, LaneWidth.WIDE: 24}[width]
    assert unpack_day(words, width) == tuple(day)


def test_day_words__layout__as_specified():
    slots = [SlotRegisters(0, 0)] * 96
    slots[1] = SlotRegisters(5, 7)

    narrow = int.from_bytes(pack_day(slots, LaneWidth.NARROW)[0], "big")
    wide = int.from_bytes(pack_day(slots, LaneWidth.WIDE)[0], "big")

    assert narrow >> 30 & (2**30 - 1) == 5 | 7 << 14 | 1 << 28
    assert wide >> 60 & (2**60 - 1) == 5 | 7 << 28 | 1 << 56
    assert narrow >> 240 == 0
    assert wide >> 240 == 0


@pytest.mark.parametrize("width", LaneWidth)
def test_pack_day__energy_beyond_the_lane__refused(width):
    slots = [SlotRegisters(0, 0)] * 95 + [SlotRegisters(width.max_energy_wh + 1, 0)]

    with pytest.raises(InvalidValueError, match="does not fit"):
        pack_day(slots, width)


def test_pack_day__wrong_count_or_quality__refused():
    with pytest.raises(InvalidValueError, match="expected 96, found 95"):
        pack_day([SlotRegisters(0, 0)] * 95, LaneWidth.NARROW)
    estimated = [SlotRegisters(0, 0, Quality.ESTIMATED)] * 96
    with pytest.raises(InvalidValueError, match="expected measured energy, found ESTIMATED"):
        pack_day(estimated, LaneWidth.NARROW)


def test_unpack_day__tag_or_bad_quality__refused():
    words = list(pack_day([SlotRegisters(1, 1)] * 96, LaneWidth.NARROW))
    tagged = [(1 << 240 | int.from_bytes(words[0], "big")).to_bytes(32, "big"), *words[1:]]

    with pytest.raises(InvalidValueError, match="above the last lane"):
        unpack_day(tagged, LaneWidth.NARROW)
    with pytest.raises(InvalidValueError, match="unknown quality"):
        unpack_lane(3 << 28, 0, LaneWidth.NARROW)
    with pytest.raises(InvalidValueError, match="spare bits"):
        unpack_lane(1 << 58, 0, LaneWidth.WIDE)
    with pytest.raises(InvalidValueError, match="no such lane"):
        unpack_lane(0, 8, LaneWidth.NARROW)
    with pytest.raises(InvalidValueError, match="expected 24 words"):
        unpack_day(words, LaneWidth.WIDE)

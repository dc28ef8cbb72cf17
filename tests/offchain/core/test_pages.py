"""Pages of readings: packing, hash, what is refused."""

from __future__ import annotations

from dataclasses import replace

import pytest
from eth_utils.crypto import keccak
from hypothesis import given
from hypothesis import strategies as st

from energy_grid.eip712 import MeterReading
from energy_grid.errors import InvalidValueError
from energy_grid.pages import (
    ENTRY_BYTES,
    MAX_ENTRIES,
    PageEntry,
    new_salt,
    pack_entries,
    page_of,
    signatures_hash,
    unpack_entries,
)
from energy_grid.units import MeterId, MilliHertz, MilliVolt, UnixSeconds, Wh

BRIDGE = "0x" + "b7" * 20
BOUNDARY = UnixSeconds(1_800_000_000)
SALT = b"\x05" * 32

entries = st.builds(
    PageEntry,
    st.integers(0, 2**24 - 1).map(MeterId),
    st.integers(0, 2**32 - 1),
    st.integers(0, 2**40 - 1).map(Wh),
    st.integers(0, 2**40 - 1).map(Wh),
)


def signed(meter_id: int, boundary: int = BOUNDARY) -> tuple[MeterReading, bytes]:
    reading = MeterReading(
        MeterId(meter_id),
        7,
        UnixSeconds(boundary),
        Wh(1_000 + meter_id),
        Wh(5),
        MilliHertz(50_000),
        MilliVolt(230_000),
    )
    return reading, bytes([meter_id]) * 65


@given(st.lists(entries, max_size=5))
def test_pack_entries__any__come_back(given_entries: list[PageEntry]) -> None:
    packed = pack_entries(given_entries)

    assert len(packed) == ENTRY_BYTES * len(given_entries)
    assert unpack_entries(packed) == tuple(given_entries)


def test_pack__known_entry__is_the_documented_layout() -> None:
    packed = PageEntry(MeterId(0x010203), 0x04050607, Wh(0x08090A0B0C), Wh(0x0D0E0F1011)).pack()

    assert packed == bytes(range(1, 18))


@pytest.mark.parametrize(
    "entry",
    [
        PageEntry(MeterId(2**24), 1, Wh(0), Wh(0)),
        PageEntry(MeterId(1), 2**32, Wh(0), Wh(0)),
        PageEntry(MeterId(1), 1, Wh(2**40), Wh(0)),
        PageEntry(MeterId(1), 1, Wh(0), Wh(2**40)),
    ],
)
def test_pack__field_too_large__is_refused(entry: PageEntry) -> None:
    with pytest.raises(InvalidValueError, match="out of range"):
        entry.pack()


def test_unpack_entries__broken_length__is_refused() -> None:
    with pytest.raises(InvalidValueError, match="multiple of 17"):
        unpack_entries(b"\0" * 18)
    with pytest.raises(InvalidValueError, match="17 bytes"):
        PageEntry.unpack(b"\0" * 16)


def test_page_of__readings_in_any_order__sorted_by_meter() -> None:
    page = page_of(BRIDGE, 3, [signed(9), signed(2)], salt=SALT, previous_boundary=BOUNDARY - 900)

    assert [entry.meter_id for entry in page.entries] == [2, 9]
    assert page.signatures_hash == keccak(bytes([2]) * 65 + bytes([9]) * 65)
    assert (page.boundary, page.index, page.previous_boundary) == (BOUNDARY, 3, BOUNDARY - 900)
    assert page.place_of(9) == 1
    assert page.place_of(4) is None
    assert page.entries[0].matches(signed(2)[0])
    assert not page.entries[0].matches(signed(9)[0])


def test_hash__any_field_changed__changes() -> None:
    page = page_of(BRIDGE, 0, [signed(1), signed(2)], salt=SALT)
    others = [
        replace(page, bridge="0x" + "b8" * 20),
        replace(page, boundary=UnixSeconds(BOUNDARY + 900)),
        replace(page, index=1),
        replace(page, previous_boundary=UnixSeconds(900)),
        replace(page, salt=b"\x06" * 32),
        replace(page, signatures_hash=b"\x07" * 32),
        replace(page, entries=page.entries[::-1]),
        replace(page, entries=page.entries[:1]),
    ]

    assert len({other.hash() for other in [page, *others]}) == 9


def test_page_of__no_or_mixed_readings__is_refused() -> None:
    with pytest.raises(InvalidValueError, match="one boundary"):
        page_of(BRIDGE, 0, [], salt=SALT)
    with pytest.raises(InvalidValueError, match="one boundary"):
        page_of(BRIDGE, 0, [signed(1), signed(2, BOUNDARY + 900)], salt=SALT)
    with pytest.raises(InvalidValueError, match="one a meter"):
        page_of(BRIDGE, 0, [signed(1), signed(1)], salt=SALT)


def test_meter_page__misshapen__is_refused() -> None:
    page = page_of(BRIDGE, 0, [signed(1)], salt=SALT)

    with pytest.raises(InvalidValueError, match="multiple of 900"):
        replace(page, boundary=UnixSeconds(BOUNDARY + 1))
    with pytest.raises(InvalidValueError, match=f"1 to {MAX_ENTRIES}"):
        replace(page, entries=())
    with pytest.raises(InvalidValueError, match=f"1 to {MAX_ENTRIES}"):
        replace(page, entries=page.entries * (MAX_ENTRIES + 1))
    with pytest.raises(InvalidValueError, match="salt"):
        replace(page, salt=b"short")
    with pytest.raises(InvalidValueError, match="65 bytes"):
        signatures_hash([b"\0" * 64])


def test_new_salt__twice__differs() -> None:
    assert len(new_salt()) == 32
    assert new_salt() != new_salt()

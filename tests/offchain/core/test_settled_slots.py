"""Figures of settled slots, unpacked from the event of a run."""

from __future__ import annotations

import pytest

from energy_grid.abi import Event
from energy_grid.settled_slots import SettledFiguresError, spread, unpack_figures

FULL_80 = (1 << 80) - 1
FULL_64 = (1 << 64) - 1


def words(*values: int) -> bytes:
    return b"".join(value.to_bytes(32, "big") for value in values)


IDLE = words(0, 1 << 8, 0)
SALE = words(
    100 << 128 | 95,
    15_000 << 96 | 1 << 8 | 1,
    85_000 << 176 | 1_600,
    95 << 128 | 90,
)


def run(figures: bytes) -> Event:
    arguments = {"account": "0xA", "firstSlot": 500, "figures": figures}
    return Event("SlotsSettled", arguments, "0xS", 7, "0xT", 3)


def test_unpack__slots_with_and_without_certificates():
    idle, sale, last = unpack_figures(IDLE + SALE + IDLE)

    assert idle == last
    assert idle["basis"] == 1
    assert {value for name, value in idle.items() if name != "basis"} == {0}
    assert {name: value for name, value in sale.items() if value} == {
        "basis": 1,
        "soldWh": 100,
        "exportWh": 95,
        "proceeds": 15_000,
        "unlocked": 85_000,
        "imbalance": 1_600,
        "mintedWh": 95,
        "givenWh": 90,
    }


def test_unpack__every_field_full__does_not_reach_its_neighbour():
    energies = words((1 << 256) - 1)
    trades = words(FULL_80 << 176 | 3 << 8)
    rest = words(FULL_80 << 96 | (1 << 96) - 1)

    (figures,) = unpack_figures(energies + trades + rest)

    assert {figures[name] for name in ("boughtWh", "soldWh", "importWh", "exportWh")} == {FULL_64}
    assert (figures["cost"], figures["proceeds"], figures["networkFee"]) == (FULL_80, 0, 0)
    assert (figures["unlocked"], figures["tradingFee"], figures["imbalance"]) == (0, FULL_80, -1)
    assert figures["basis"] == 3


@pytest.mark.parametrize("missing", [1, 31, 32, 96])
def test_unpack__cut_off__is_an_error(missing):
    with pytest.raises(SettledFiguresError, match="end within a slot"):
        list(unpack_figures((IDLE + SALE)[:-missing]))


def test_spread__one_event_a_slot__others_stay():
    other = Event("Deposited", {"amount": 1}, "0xS", 7, "0xT", 2)

    events = spread([other, run(IDLE + SALE)])

    assert events[0] is other
    assert [(e.name, e.account, e.slot) for e in events[1:]] == [
        ("SlotSettled", "0xA", 500),
        ("SlotSettled", "0xA", 501),
    ]
    assert events[2].soldWh == 100
    assert events[2].block_number == 7


def test_spread__no_figures__no_slots():
    assert spread([run(b"")]) == []

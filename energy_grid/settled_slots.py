"""Slot by slot what `Settlement` packs into one `SlotsSettled` event a run.

The layout is that of `contracts/libraries/SettledFigures.sol`: three words a slot, a fourth where
certificates were minted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any, Final

from energy_grid.abi import Event
from energy_grid.errors import FatalError

RUN_EVENT: Final = "SlotsSettled"
SLOT_EVENT: Final = "SlotSettled"
"""Name of the events that `spread` makes of one `SlotsSettled`."""

_WORD: Final = 32
_WORDS: Final = 3


class SettledFiguresError(FatalError):
    """Figures of a `SlotsSettled` event that are not whole slots."""


def unpack_figures(figures: bytes) -> Iterator[dict[str, Any]]:
    """Figures of consecutive slots: energies in Wh, money in settlement-token units.

    Raises:
        SettledFiguresError: the data ends within a slot.
    """
    at = 0
    while at < len(figures):
        energies, trades, rest = (_word(figures, at + _WORD * i) for i in range(_WORDS))
        at += _WORD * _WORDS
        certificates = 0
        if trades & 0xFF:
            certificates = _word(figures, at)
            at += _WORD
        imbalance = _bits(rest, 0, 96)
        yield {
            "basis": _bits(trades, 8, 8),
            "boughtWh": _bits(energies, 192, 64),
            "soldWh": _bits(energies, 128, 64),
            "importWh": _bits(energies, 64, 64),
            "exportWh": _bits(energies, 0, 64),
            "cost": _bits(trades, 176, 80),
            "proceeds": _bits(trades, 96, 80),
            "networkFee": _bits(trades, 16, 80),
            "tradingFee": _bits(rest, 96, 80),
            "imbalance": imbalance - (1 << 96) if imbalance >> 95 else imbalance,
            "unlocked": _bits(rest, 176, 80),
            "mintedWh": _bits(certificates, 128, 128),
            "givenWh": _bits(certificates, 0, 128),
        }


def spread(events: Iterable[Event]) -> list[Event]:
    """The same events with each `SlotsSettled` replaced by one `SlotSettled` a slot.

    Each of those has the arguments `account` and `slot` and those of `unpack_figures`.
    """
    spread_out = []
    for event in events:
        if event.name != RUN_EVENT:
            spread_out.append(event)
            continue
        for number, figures in enumerate(unpack_figures(bytes(event.figures))):
            slot = {"account": event.account, "slot": event.firstSlot + number}
            spread_out.append(replace(event, name=SLOT_EVENT, arguments=slot | figures))
    return spread_out


def certificate_entries(settled: Iterable[Event]) -> dict[int, dict[str, bool]]:
    """Who entered the certificate pools, by slot and account: True gave, False asks for some.

    Givers are known by what settlement minted into a pool, takers by having bought more than they
    sold.

    Args:
        settled: events as of `spread`; others are passed over.
    """
    entries: dict[int, dict[str, bool]] = {}
    for event in settled:
        if event.name != SLOT_EVENT:
            continue
        if event.givenWh:
            entries.setdefault(event.slot, {})[event.account] = True
        elif event.boughtWh > event.soldWh:
            entries.setdefault(event.slot, {})[event.account] = False
    return entries


def _word(figures: bytes, at: int) -> int:
    word = figures[at : at + _WORD]
    if len(word) != _WORD:
        raise SettledFiguresError(
            "figures of settled slots end within a slot",
            expected=f"{_WORD} bytes at {at}",
            found=f"{len(figures)} bytes in all",
            remedy="Unpack what the contracts of this build emitted.",
        )
    return int.from_bytes(word, "big")


def _bits(word: int, at: int, width: int) -> int:
    return word >> at & ((1 << width) - 1)

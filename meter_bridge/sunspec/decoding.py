"""One answer of a SunSpec device as a reading's registers, or the reason why it is not believed."""

from __future__ import annotations

import hashlib
from typing import Final

from energy_grid.units import MilliHertz, MilliVolt, UnixSeconds, Wh
from meter_bridge.errors import TelegramRejected
from meter_bridge.sunspec.models import (
    COMMON,
    HEADER_WORDS,
    LAYOUTS,
    WORD_BYTES,
    Block,
    scaled,
)
from meter_bridge.telegrams.framing import Frame
from meter_bridge.telegrams.telegram import MAX_REGISTER_WH, Telegram

_TIME_BYTES: Final = 8


def frame_of(measured_at: int, common: bytes, measured: bytes) -> Frame:
    """A frame from a device's common model and its measuring model, with our time of the answer.

    Modbus has no time of its own, so the frame keeps the one at which the answer came: an answer
    that waits for the store does not move.
    """
    raw = common + measured
    return Frame(raw, measured_at.to_bytes(_TIME_BYTES, "big") + raw)


class SunSpecDecoder:
    """Reads the answers of one device."""

    def read(self, frame: Frame) -> Telegram:
        """Registers of an answer.

        Raises:
            TelegramRejected: it cannot be taken at its word.
        """
        measured_at = int.from_bytes(frame.plain[:_TIME_BYTES], "big")
        common, measured, model = _blocks(frame.plain[_TIME_BYTES:])
        layout = LAYOUTS[model]
        scale = measured.scale(layout.energy_scale)
        export = measured.integer(layout.export)
        taken = measured.integer(layout.import_) if layout.import_ else None
        if export is None and taken is None:
            raise TelegramRejected(
                "not_implemented",
                f"model {model} without a register of energy",
                expected=f"{layout.export} above 0",
                found="not implemented",
                remedy="A device that has never given energy has no register yet",
            )
        return Telegram(
            measured_at=UnixSeconds(measured_at),
            import_wh=_energy(taken, scale),
            export_wh=_energy(export, scale),
            voltage_millivolts=MilliVolt(_voltage(measured, layout.voltages)),
            frequency_millihz=MilliHertz(measured.milli("Hz", "Hz_SF")),
            equipment=common.text("SN"),
            power_failures=None,
            switch="",
            registers_disagree=False,
            raw_digest=hashlib.sha256(frame.raw).digest(),
        )


def _blocks(data: bytes) -> tuple[Block, Block, int]:
    """The common and the measuring model of an answer."""
    header = HEADER_WORDS * WORD_BYTES
    common_words = int.from_bytes(data[WORD_BYTES:header], "big") + HEADER_WORDS
    if int.from_bytes(data[:WORD_BYTES], "big") != COMMON:
        raise TelegramRejected(
            "wrong_model", "no common model", expected=COMMON, found=data[:WORD_BYTES].hex()
        )
    measured = data[common_words * WORD_BYTES :]
    model = int.from_bytes(measured[:WORD_BYTES], "big")
    if model not in LAYOUTS:
        raise TelegramRejected(
            "wrong_model",
            "model without registers of energy",
            expected=", ".join(map(str, LAYOUTS)),
            found=model,
        )
    return Block(COMMON, data[: common_words * WORD_BYTES]), Block(model, measured), model


def _energy(value: int | None, scale: int) -> Wh:
    """A register in whole Wh. One direction that was never used counts as 0."""
    register_wh = 0 if value is None else scaled(value, scale)
    if register_wh > MAX_REGISTER_WH:
        raise TelegramRejected("register_value", "register too large", found=f"{register_wh} Wh")
    return Wh(register_wh)


def _voltage(block: Block, names: tuple[str, ...]) -> int:
    return next((found for name in names if (found := block.milli(name, "V_SF"))), 0)

"""A virtual meter: registers and voltages in, bytes of its customer port out."""

from __future__ import annotations

from dataclasses import dataclass

from energy_grid.slots import slot_of
from simulation.meters.encryption import FrameKey, encrypt_telegram
from simulation.meters.registers import RegisterTrack
from simulation.meters.telegram import TelegramContent, TelegramForm, write_telegram
from simulation.physics.calendar import FloatArray

_FRAMES_BEFORE = 1_000
"""Frames an encrypted meter has sent before the day starts."""


@dataclass
class VirtualMeter:
    """One meter on the wall.

    Attributes:
        name: how people call it.
        equipment_id: serial number that its telegrams carry.
        form: national form of its telegrams.
        registers: what it has counted.
        first_slot: slot of the first voltage.
        voltages_v: phase voltage at its bus by slot.
        key: keys of its port if it encrypts.
    """

    name: str
    equipment_id: str
    form: TelegramForm
    registers: RegisterTrack
    first_slot: int
    voltages_v: FloatArray
    key: FrameKey | None = None
    _frames: int = _FRAMES_BEFORE

    def frame(self, unix: int) -> bytes:
        """What the customer port sends at an instant."""
        index = slot_of(unix) - self.first_slot
        # The last boundary of the day still shows the last slot's voltage.
        volts = float(self.voltages_v[min(index, len(self.voltages_v) - 1)])
        decivolts = round(volts * 10)
        telegram = write_telegram(
            self.form,
            TelegramContent(
                unix=unix,
                equipment_id=self.equipment_id,
                registers=self.registers.at(unix),
                voltages_dv=(decivolts, decivolts, decivolts),
            ),
        )
        if self.key is None:
            return telegram
        self._frames += 1
        return encrypt_telegram(telegram, self.key, self._frames)

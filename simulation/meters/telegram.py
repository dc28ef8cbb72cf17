"""Writer of P1 telegrams: what a meter prints at its customer port every second.

Two national forms: the Dutch one (DSMR 5.0.2 P1) with a register for each tariff, and the
Luxembourg one (E-Meter P1 1.1.3) with totals, which goes over the wire encrypted.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import Final

from simulation.errors import TelegramError
from simulation.meters.registers import LOCAL_ZONE, RegisterValues

_LINE_END: Final = "\r\n"
_MAX_REGISTER_WH: Final = 1_000_000_000
_MAX_POWER_W: Final = 100_000
_CRC_POLYNOMIAL: Final = 0xA001
_PHASES: Final = ((1, "2", "3"), (2, "4", "5"), (3, "6", "7"))
"""Phase number, OBIS group of its powers, OBIS group of its voltage and current."""


class TelegramForm(Enum):
    """National form of the telegram; the value is its header line."""

    DUTCH = "/ISK5\\2M550T-1012"
    LUXEMBOURG = "/Lux5\\253663629_D"


@dataclass(frozen=True, slots=True)
class TelegramContent:
    """What a telegram says.

    Attributes:
        unix: instant of the telegram.
        equipment_id: serial number of the meter, printed as hexadecimal ASCII.
        registers: registers and powers.
        voltages_dv: phase voltages L1 to L3 in tenths of a volt.
    """

    unix: int
    equipment_id: str
    registers: RegisterValues
    voltages_dv: tuple[int, int, int]


def write_telegram(form: TelegramForm, content: TelegramContent) -> bytes:
    """The telegram as sent: header, empty line, objects, `!`, CRC.

    Raises:
        TelegramError: a value does not fit its field.
    """
    lines = [form.value, "", *_identity(form, content), *_energies(form, content.registers)]
    lines += _powers(content)
    body = _LINE_END.join(lines) + _LINE_END + "!"
    return f"{body}{crc16(body.encode('ascii')):04X}{_LINE_END}".encode("ascii")


def crc16(data: bytes) -> int:
    """CRC-16/ARC (polynomial x16 + x15 + x2 + 1, reflected, start 0) as P1 prescribes."""
    crc = 0
    for byte in data:
        crc = (crc >> 8) ^ _CRC_TABLE[(crc ^ byte) & 0xFF]
    return crc


def local_timestamp(unix: int) -> str:
    """`YYMMDDhhmmss` in local time with S in summer and W in winter."""
    local = datetime.fromtimestamp(unix, UTC).astimezone(LOCAL_ZONE)
    return f"{local:%y%m%d%H%M%S}{'S' if local.dst() else 'W'}"


def _identity(form: TelegramForm, content: TelegramContent) -> list[str]:
    serial = content.equipment_id.encode("ascii").hex().upper()
    time = f"0-0:1.0.0({local_timestamp(content.unix)})"
    if form is TelegramForm.DUTCH:
        return ["1-3:0.2.8(50)", time, f"0-0:96.1.1({serial})"]
    return ["1-3:0.2.8(42)", time, f"0-0:42.0.0({serial})"]


def _energies(form: TelegramForm, registers: RegisterValues) -> list[str]:
    if form is TelegramForm.LUXEMBOURG:
        return [
            f"1-0:1.8.0({_kwh(registers.total_import_wh)})",
            f"1-0:2.8.0({_kwh(registers.total_export_wh)})",
        ]
    return [
        f"1-0:1.8.1({_kwh(registers.import_wh[0])})",
        f"1-0:1.8.2({_kwh(registers.import_wh[1])})",
        f"1-0:2.8.1({_kwh(registers.export_wh[0])})",
        f"1-0:2.8.2({_kwh(registers.export_wh[1])})",
        f"0-0:96.14.0({registers.tariff + 1:04d})",
    ]


def _powers(content: TelegramContent) -> list[str]:
    registers = content.registers
    lines = [
        f"1-0:1.7.0({_kw(registers.import_w)})",
        f"1-0:2.7.0({_kw(registers.export_w)})",
        "0-0:96.7.21(00004)",
        "0-0:96.7.9(00002)",
        "1-0:99.97.0()",
        "1-0:32.32.0(00000)",
        "1-0:52.32.0(00000)",
        "1-0:72.32.0(00000)",
        "1-0:32.36.0(00000)",
        "1-0:52.36.0(00000)",
        "1-0:72.36.0(00000)",
        "0-0:96.13.0()",
    ]
    phases = list(zip(_PHASES, content.voltages_dv, strict=True))
    lines += [f"1-0:{group[2]}2.7.0({_volts(dv)})" for group, dv in phases]
    for group, decivolts in phases:
        watts = (registers.import_w + registers.export_w) // len(_PHASES)
        amperes = watts * 10 // decivolts if decivolts else 0
        lines.append(f"1-0:{group[2]}1.7.0({amperes:03d}*A)")
    for group, _ in phases:
        share = _phase_share(registers.import_w, group[0])
        lines.append(f"1-0:{group[1]}1.7.0({_kw(share)})")
    for group, _ in phases:
        share = _phase_share(registers.export_w, group[0])
        lines.append(f"1-0:{group[1]}2.7.0({_kw(share)})")
    return lines


def _phase_share(watts: int, phase: int) -> int:
    """A third of the power, the remainder on the first phase."""
    third = watts // len(_PHASES)
    return watts - third * (len(_PHASES) - 1) if phase == 1 else third


def _kwh(energy_wh: int) -> str:
    if not 0 <= energy_wh < _MAX_REGISTER_WH:
        raise TelegramError(
            "a register does not fit its field", expected="000000.000 to 999999.999 kWh",
            found=f"{energy_wh} Wh",
        )  # fmt: skip
    return f"{energy_wh // 1_000:06d}.{energy_wh % 1_000:03d}*kWh"


def _kw(power_w: int) -> str:
    if not 0 <= power_w < _MAX_POWER_W:
        raise TelegramError(
            "a power does not fit its field", expected="00.000 to 99.999 kW", found=f"{power_w} W"
        )
    return f"{power_w // 1_000:02d}.{power_w % 1_000:03d}*kW"


def _volts(decivolts: int) -> str:
    return f"{decivolts // 10:03d}.{decivolts % 10}*V"


def _crc_table() -> tuple[int, ...]:
    table = []
    for byte in range(256):
        crc = byte
        for _ in range(8):
            crc = (crc >> 1) ^ _CRC_POLYNOMIAL if crc & 1 else crc >> 1
        table.append(crc)
    return tuple(table)


_CRC_TABLE: Final = _crc_table()

"""What simulated meters say: DSMR 5 telegrams of households with load and sun."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final
from zoneinfo import ZoneInfo

from meter_bridge.telegrams.checksum import crc16

IMPORT_WH: Final = 1_000_000
EXPORT_WH: Final = 500_000
_ZONE: Final = ZoneInfo("Europe/Amsterdam")
_TEMPLATE: Final = (
    "/XMX5LGBBFG1009050111\r\n\r\n1-3:0.2.8(50)\r\n0-0:1.0.0({time})\r\n"
    "0-0:96.1.1({equipment})\r\n1-0:1.8.1({import_1}*kWh)\r\n1-0:1.8.2({import_2}*kWh)\r\n"
    "1-0:2.8.1(000000.000*kWh)\r\n1-0:2.8.2({export_2}*kWh)\r\n0-0:96.14.0(0002)\r\n"
    "1-0:1.7.0(00.193*kW)\r\n1-0:2.7.0(00.000*kW)\r\n0-0:96.7.21(00004)\r\n0-0:96.7.9(00002)\r\n"
    "1-0:99.97.0(1)(0-0:96.7.19)(000104180320W)(0000237126*s)\r\n1-0:32.7.0(230.1*V)\r\n"
    "1-0:31.7.0(001*A)\r\n1-0:21.7.0(00.193*kW)\r\n!"
)


def slot_energy(meter: int, slot: int) -> tuple[int, int]:
    """Import and export of one meter in one slot, in Wh: every meter and slot another."""
    mixed = (meter * 2_654_435_761 + slot * 40_503) & 0xFFFF_FFFF
    load = 60 + mixed % 240
    is_day = 28 <= slot % 96 < 76
    sun = (mixed >> 8) % 400 if is_day and meter % 3 == 0 else 0
    return (load - sun, 0) if sun < load else (0, sun - load)


class Meters:
    """Registers of meters; each slot moves all of them."""

    def __init__(self, meter_ids: Sequence[int]) -> None:
        self._import = dict.fromkeys(meter_ids, IMPORT_WH)
        self._export = dict.fromkeys(meter_ids, EXPORT_WH)

    def registers(self, meter: int) -> tuple[int, int]:
        """Import and export of a meter now."""
        return self._import[meter], self._export[meter]

    def telegrams(self, slot: int, unix: int) -> list[tuple[int, bytes]]:
        """A slot has passed: what each meter says a moment later."""
        local = datetime.fromtimestamp(unix, UTC).astimezone(_ZONE)
        time = local.strftime("%y%m%d%H%M%S") + ("S" if local.dst() else "W")
        found = []
        for meter in self._import:
            imported, exported = slot_energy(meter, slot)
            self._import[meter] += imported
            self._export[meter] += exported
            body = _TEMPLATE.format(
                time=time,
                equipment=f"4530{meter:012d}",
                import_1=_kwh(400_000),
                import_2=_kwh(self._import[meter] - 400_000),
                export_2=_kwh(self._export[meter]),
            ).encode()
            found.append((meter, body + b"%04X\r\n" % crc16(body)))
        return found


def _kwh(energy_wh: int) -> str:
    return f"{energy_wh // 1_000:06d}.{energy_wh % 1_000:03d}"

"""One telegram's registers as integers, or the reason why it is not believed."""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final, Protocol
from zoneinfo import ZoneInfo

from dsmr_parser import obis_references as obis
from dsmr_parser.exceptions import ParseError
from dsmr_parser.parsers import CosemParser, TelegramParser, ValueParser

from energy_grid.units import WH_PER_KWH, MilliHertz, MilliVolt, UnixSeconds, Wh
from meter_bridge.errors import TelegramRejected
from meter_bridge.telegrams.checksum import crc16
from meter_bridge.telegrams.dialects import Dialect
from meter_bridge.telegrams.framing import Frame
from meter_bridge.telegrams.timestamps import Seasons, parse_timestamp

# The library logs each bad line with a traceback; the bridge counts and logs refusals itself.
logging.getLogger("dsmr_parser").setLevel(logging.CRITICAL)

MAX_REGISTER_WH: Final = 2**64 - 1

_CHECKSUM: Final = re.compile(rb"!([0-9A-Fa-f]{4})")
_CHECKSUM_BYTES: Final = 5
_TARIFFS: Final = (1, 2, 3, 4)
_TEXT: Final = {
    "TIMESTAMP": (obis.P1_MESSAGE_TIMESTAMP, "1.0.0"),
    "EQUIPMENT": (obis.BELGIUM_EQUIPMENT_IDENTIFIER, "96.1.1"),
    "LOGICAL_NAME": (obis.LUXEMBOURG_EQUIPMENT_IDENTIFIER, "42.0.0"),
    "SWITCH": (r"^0-0:96\.3\.10.+?\r\n", "0:96.3.10"),
}
_NUMBERS: Final = {
    "IMPORT_TOTAL": (obis.ELECTRICITY_IMPORTED_TOTAL, "1.8.0"),
    "IMPORT_1": (obis.ELECTRICITY_USED_TARIFF_1, "1.8.1"),
    "IMPORT_2": (obis.ELECTRICITY_USED_TARIFF_2, "1.8.2"),
    "IMPORT_3": (obis.ELECTRICITY_USED_TARIFF_3, "1.8.3"),
    "IMPORT_4": (obis.ELECTRICITY_USED_TARIFF_4, "1.8.4"),
    "EXPORT_TOTAL": (obis.ELECTRICITY_EXPORTED_TOTAL, "2.8.0"),
    "EXPORT_1": (obis.ELECTRICITY_DELIVERED_TARIFF_1, "2.8.1"),
    "EXPORT_2": (obis.ELECTRICITY_DELIVERED_TARIFF_2, "2.8.2"),
    "EXPORT_3": (obis.ELECTRICITY_DELIVERED_TARIFF_3, "2.8.3"),
    "EXPORT_4": (obis.ELECTRICITY_DELIVERED_TARIFF_4, "2.8.4"),
    "VOLTAGE": (obis.INSTANTANEOUS_VOLTAGE_L1, "32.7.0"),
    "FREQUENCY": (obis.EON_HU_FREQUENCY, "14.7.0"),
}
_COUNTS: Final = {
    "SHORT_FAILURES": (obis.SHORT_POWER_FAILURE_COUNT, "96.7.21"),
    "LONG_FAILURES": (obis.LONG_POWER_FAILURE_COUNT, "96.7.9"),
}


@dataclass(frozen=True, slots=True)
class Telegram:
    """What one telegram says, in the units of the specification.

    Args:
        measured_at: instant the meter gives, None where the dialect has none.
        voltage_millivolts: of phase L1, 0 = not measured.
        frequency_millihz: 0 = not measured.
        equipment: identity the meter gives itself, empty if none.
        power_failures: short and long failures the meter has counted, None if it counts none.
        switch: position of the main breaker, empty if not told.
        registers_disagree: the total register and the tariff registers differ (rule V13).
        raw_digest: SHA-256 of the bytes as they came.
    """

    measured_at: UnixSeconds | None
    import_wh: Wh
    export_wh: Wh
    voltage_millivolts: MilliVolt
    frequency_millihz: MilliHertz
    equipment: str
    power_failures: int | None
    switch: str
    registers_disagree: bool
    raw_digest: bytes


class _Cosem(Protocol):
    """The part of dsmr-parser's objects that is used here."""

    obis_id_code: tuple[int, int]
    value: Any
    unit: str | None


class FrameReader(Protocol):
    """Reads what one meter's source brings."""

    def read(self, frame: Frame) -> Telegram:
        """Registers of a frame.

        Raises:
            TelegramRejected: it cannot be taken at its word.
        """
        ...


class TelegramReader:
    """Reads the telegrams of one meter."""

    def __init__(
        self,
        dialect: Dialect,
        *,
        zone: str | None = None,
        seasons: Seasons | None = None,
        accept_unflagged_time: bool = False,
        import_only: bool = False,
    ) -> None:
        """Prepare for a dialect.

        Args:
            dialect: national variant.
            zone: legal time, where it is not that of the dialect's country.
            seasons: how far to trust the season flag, where it differs from the dialect.
            accept_unflagged_time: take times without season flag as legal time of the zone.
            import_only: the meter has no export register; it counts as 0.
        """
        self.dialect = dialect
        self._zone = ZoneInfo(zone or dialect.zone)
        self._seasons = seasons or dialect.seasons
        self._accept_unflagged = accept_unflagged_time
        self._import_only = import_only
        self._parser = TelegramParser(_needed_objects())

    def read(self, frame: Frame) -> Telegram:
        """Registers of a frame.

        Raises:
            TelegramRejected: it cannot be taken at its word.
        """
        try:
            text = frame.plain.decode("ascii")
        except UnicodeDecodeError as error:
            raise TelegramRejected(
                "not_ascii", "telegram with bytes above 127", found=hex(error.object[error.start])
            ) from error
        if self.dialect.has_checksum:
            _require_checksum(frame.plain)
        values = self._parse(text)
        disagree = False
        import_wh, differs = _register(values, "IMPORT")
        disagree |= differs
        if self._import_only and not any(f"EXPORT_{n}" in values for n in ("TOTAL", *_TARIFFS)):
            export_wh = Wh(0)
        else:
            export_wh, differs = _register(values, "EXPORT")
            disagree |= differs
        return Telegram(
            measured_at=self._measured_at(values),
            import_wh=import_wh,
            export_wh=export_wh,
            voltage_millivolts=MilliVolt(_milli(values, "VOLTAGE", "V")),
            frequency_millihz=MilliHertz(_milli(values, "FREQUENCY", "Hz")),
            equipment=_text(values, "EQUIPMENT") or _text(values, "LOGICAL_NAME"),
            power_failures=_failures(values),
            switch=_text(values, "SWITCH"),
            registers_disagree=disagree,
            raw_digest=hashlib.sha256(frame.raw).digest(),
        )

    def _parse(self, text: str) -> dict[str, _Cosem]:
        try:
            parsed = self._parser.parse(text, throw_ex=True)
        except (ParseError, ArithmeticError, ValueError, LookupError, TypeError) as error:
            raise TelegramRejected(
                "unreadable", "line of a register cannot be read", found=repr(error)[:120]
            ) from error
        values: dict[str, _Cosem] = {}
        for name, (_, code) in (_TEXT | _NUMBERS | _COUNTS).items():
            value = getattr(parsed, name, None)
            if value is None:
                continue
            # The library keeps the last of several lines; two registers of one code have no answer.
            if text.count(f":{code}(") + text.count(f":{code}*") > 1 and name != "EQUIPMENT":
                raise TelegramRejected("register_twice", "register given twice", found=code)
            values[name] = value
        return values

    def _measured_at(self, values: Mapping[str, _Cosem]) -> UnixSeconds | None:
        text = _text(values, "TIMESTAMP")
        if not text:
            if self.dialect.has_timestamp:
                raise TelegramRejected(
                    "timestamp_missing", "telegram without its time", expected="OBIS 0-0:1.0.0"
                )
            return None
        return parse_timestamp(
            text, self._zone, self._seasons, accept_unflagged=self._accept_unflagged
        )


def _needed_objects() -> dict[str, Any]:
    """A dsmr-parser specification of just the lines a reading needs, for every dialect.

    The checksum is ours: the library takes ten times as long for it.
    """
    parsers = ((_TEXT, str), (_NUMBERS, Decimal), (_COUNTS, int))
    return {
        "checksum_support": False,
        "objects": [
            {
                "obis_reference": pattern,
                "value_parser": CosemParser(ValueParser(kind)),
                "value_name": name,
            }
            for lines, kind in parsers
            for name, (pattern, _) in lines.items()
        ],
    }


def _require_checksum(plain: bytes) -> None:
    """The four hex digits at a telegram's end must fit all before them."""
    end = plain.rstrip(b"\r\n")
    found = _CHECKSUM.fullmatch(end, len(end) - _CHECKSUM_BYTES)
    if found is None:
        raise TelegramRejected(
            "checksum_missing", "telegram without checksum", expected="! and four hex digits"
        )
    if crc16(plain[: len(end) - _CHECKSUM_BYTES + 1]) != int(found[1], 16):
        raise TelegramRejected("checksum", "checksum does not fit the telegram")


def _register(values: Mapping[str, _Cosem], direction: str) -> tuple[Wh, bool]:
    """A register: its total, else the sum of its tariffs; and whether the two disagree."""
    tariffs = [n for n in _TARIFFS if f"{direction}_{n}" in values]
    total = _energy(values, f"{direction}_TOTAL")
    if total is None and not {1, 2} <= set(tariffs):
        raise TelegramRejected(
            "register_missing",
            f"no {direction.lower()} register",
            expected="OBIS x.8.0, or both x.8.1 and x.8.2",
            found=f"tariffs {tariffs}",
            remedy="If the meter has no export register, set import_only = true",
        )
    tariff_sum = sum((_energy(values, f"{direction}_{n}") or Wh(0)) for n in tariffs)
    # Each tariff register is cut to whole Wh by itself.
    disagree = (
        total is not None and {1, 2} <= set(tariffs) and abs(total - tariff_sum) > len(tariffs)
    )
    register_wh = tariff_sum if total is None else total
    if register_wh > MAX_REGISTER_WH:
        raise TelegramRejected("register_value", "register too large", found=f"{register_wh} Wh")
    return Wh(register_wh), disagree


def _energy(values: Mapping[str, _Cosem], name: str) -> Wh | None:
    """Register in whole Wh, cut like the meter's own display: the rest is in the next reading."""
    if (line := values.get(name)) is None:
        return None
    if line.obis_id_code != (1, 0):
        raise TelegramRejected(
            "register_channel",
            "register of another channel",
            expected="1-0",
            found=line.obis_id_code,
        )
    scale = {"kWh": WH_PER_KWH, "Wh": 1}.get(line.unit or "")
    if scale is None:
        raise TelegramRejected("register_unit", "unit", expected="kWh or Wh", found=line.unit)
    return Wh(int(_number(line) * scale))


def _milli(values: Mapping[str, _Cosem], name: str, unit: str) -> int:
    """A measured quantity in thousandths; 0 if the meter does not tell it."""
    if (line := values.get(name)) is None or line.value is None:
        return 0
    if line.unit != unit:
        raise TelegramRejected("quantity_unit", "unit", expected=unit, found=line.unit)
    thousandths = int(_number(line) * 1_000)
    if thousandths >= 1 << 32:
        raise TelegramRejected("quantity_value", f"{name.lower()} too large", found=line.value)
    return thousandths


def _number(line: _Cosem) -> Decimal:
    value: Decimal | None = line.value
    # Decimal also reads NaN, Infinity and 1E9, none of which a meter writes.
    if value is None or not value.is_finite() or value.is_signed() or value.adjusted() > 24:
        raise TelegramRejected("register_value", "no plain number", found=str(value)[:40])
    if int(value.as_tuple().exponent) > 0:
        raise TelegramRejected("register_value", "number with an exponent", found=str(value)[:40])
    return value


def _text(values: Mapping[str, _Cosem], name: str) -> str:
    line = values.get(name)
    return "" if line is None or line.value is None else str(line.value)


def _failures(values: Mapping[str, _Cosem]) -> int | None:
    counts = [values[name].value for name in _COUNTS if name in values]
    known = [int(count) for count in counts if count is not None]
    if any(not 0 <= count < 1 << 32 for count in known):
        raise TelegramRejected("count_value", "power failure count out of range", found=known)
    return sum(known) if known else None

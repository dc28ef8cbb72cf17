"""Where SunSpec models keep energy, voltage and frequency, and how their integers are read.

Offsets and types come from the model definitions of pysunspec2. Only integer models count: a float
of 24 bits cannot hold a register of energy.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Final

from meter_bridge.errors import TelegramRejected

COMMON: Final = 1
"""The model that every device has first: maker, model, serial number."""
WORD_BYTES: Final = 2
HEADER_WORDS: Final = 2
MAX_READ_WORDS: Final = 125
"""Most registers of one Modbus request: value and scale factor must come in the same one."""
MAX_SCALE: Final = 10

_ACC32_LIMIT: Final = 1 << 32
_MILLI: Final = 1_000
_NOT_IMPLEMENTED: Final[Mapping[str, int]] = {
    "acc32": 0,
    "int16": -0x8000,
    "sunssf": -0x8000,
    "uint16": 0xFFFF,
    "uint32": 0xFFFF_FFFF,
    "uint64": 0xFFFF_FFFF_FFFF_FFFF,
}
_SIGNED: Final = frozenset({"int16", "sunssf"})


@dataclass(frozen=True, slots=True)
class Layout:
    """Names of the points that a reading needs in a model.

    Args:
        export: register of energy given out.
        import_: register of energy taken in, empty for a device that takes none.
        energy_scale: their scale factor.
        voltages: candidates for the voltage of one phase to neutral, the first that is measured.
    """

    export: str
    import_: str
    energy_scale: str
    voltages: tuple[str, ...]


_INVERTER: Final = Layout("WH", "", "WH_SF", ("PhVphA",))
_METER: Final = Layout("TotWhExp", "TotWhImp", "TotWh_SF", ("PhVphA", "PhV"))
LAYOUTS: Final[Mapping[int, Layout]] = {
    101: _INVERTER,
    102: _INVERTER,
    103: _INVERTER,
    201: _METER,
    202: _METER,
    203: _METER,
    204: _METER,
    701: Layout("TotWhInj", "TotWhAbs", "TotWh_SF", ("LNV",)),
}
"""Inverters (101 to 103), meters (201 to 204) and DER AC measurement (701)."""


@dataclass(frozen=True, slots=True)
class Point:
    """One value of a model: its offset from the model's id, in words."""

    offset: int
    kind: str
    words: int


@cache
def points_of(model: int) -> Mapping[str, Point]:
    """Points of a model by name."""
    from sunspec2.device import get_model_def

    found: dict[str, Point] = {}
    offset = 0
    for point in get_model_def(model, mapping=False)["group"]["points"]:
        found[point["name"]] = Point(offset, point["type"], int(point["size"]))
        offset += int(point["size"])
    return found


@cache
def words_needed(model: int) -> int:
    """How many words from its id on hold all that a reading needs."""
    layout, points = LAYOUTS[model], points_of(model)
    needed = (layout.export, layout.import_ or layout.export, layout.energy_scale)
    names = (*needed, *layout.voltages, "V_SF", "Hz", "Hz_SF")
    return max(points[name].offset + points[name].words for name in names)


class Block:
    """The words of one model, from its id on."""

    def __init__(self, model: int, data: bytes) -> None:
        self._points = points_of(model)
        self._data = data

    def text(self, name: str) -> str:
        """A string, without what fills it up."""
        raw = self._raw(self._points[name])
        return raw.partition(b"\0")[0].decode("ascii", "replace").strip()

    def integer(self, name: str) -> int | None:
        """An integer as it stands, None if the device does not implement it."""
        point = self._points[name]
        value = int.from_bytes(self._raw(point), "big", signed=point.kind in _SIGNED)
        return None if value == _NOT_IMPLEMENTED[point.kind] else value

    def kind(self, name: str) -> str:
        """Type of a point."""
        return self._points[name].kind

    def scale(self, name: str) -> int:
        """A scale factor: the power of ten that its values are to be multiplied with.

        Raises:
            TelegramRejected: not implemented or out of range.
        """
        found = self.integer(name)
        if found is None or abs(found) > MAX_SCALE:
            raise TelegramRejected(
                "scale_factor",
                f"scale factor {name}",
                expected=f"-{MAX_SCALE} to {MAX_SCALE}",
                found="not implemented" if found is None else found,
            )
        return found

    def milli(self, name: str, scale_name: str) -> int:
        """A measured quantity in thousandths; 0 if the device does not measure it."""
        value = self.integer(name)
        if value is None:
            return 0
        thousandths = scaled(value * _MILLI, self.scale(scale_name))
        if not 0 <= thousandths < _ACC32_LIMIT:
            raise TelegramRejected("quantity_value", f"{name} out of range", found=thousandths)
        return thousandths

    def _raw(self, point: Point) -> bytes:
        first = point.offset * WORD_BYTES
        raw = self._data[first : first + point.words * WORD_BYTES]
        if len(raw) != point.words * WORD_BYTES:
            raise TelegramRejected(
                "model_length",
                "model shorter than its definition",
                expected=f"{point.offset + point.words} words",
                found=f"{len(self._data) // WORD_BYTES} words",
            )
        return raw


def scaled(value: int, power: int) -> int:
    """`value * 10 ** power`, cut to an integer: what is left is in the next reading."""
    return int(value * 10**power) if power >= 0 else value // 10**-power


def width_of(block: Block, model: int) -> int | None:
    """Wh at which the registers of a model begin at 0 again, None if they never do (64 bits)."""
    layout = LAYOUTS[model]
    if block.kind(layout.export) != "acc32":
        return None
    return scaled(_ACC32_LIMIT, block.scale(layout.energy_scale))

"""The national variants of P1 telegrams, as dsmr-parser describes them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from meter_bridge.errors import BridgeConfigurationError
from meter_bridge.telegrams.timestamps import Seasons


@dataclass(frozen=True, slots=True)
class SerialLine:
    """Settings of the serial port of a dialect."""

    baud_rate: int
    data_bits: int
    parity: str


_LINE_DSMR_2: Final = SerialLine(baud_rate=9_600, data_bits=7, parity="E")
_LINE_DSMR_4: Final = SerialLine(baud_rate=115_200, data_bits=7, parity="E")
_LINE_DSMR_5: Final = SerialLine(baud_rate=115_200, data_bits=8, parity="N")


@dataclass(frozen=True, slots=True)
class Dialect:
    """What a bridge must know of a national variant.

    Args:
        name: as written in the configuration.
        specification: name of the specification in dsmr-parser, which tells checksum and cipher.
        zone: legal time of its country.
        seasons: how far its season flag is trusted.
        has_timestamp: whether its telegrams say when they were made; without, their arrival counts.
        line: serial port settings.
    """

    name: str
    specification: str
    zone: str
    line: SerialLine = _LINE_DSMR_5
    seasons: Seasons = Seasons.CALENDAR
    has_timestamp: bool = True

    @property
    def has_checksum(self) -> bool:
        """Whether telegrams carry a CRC-16."""
        return bool(_specification(self.specification)["checksum_support"])

    @property
    def is_encrypted(self) -> bool:
        """Whether telegrams come as general-global-cipher frames."""
        return bool(_specification(self.specification).get("general_global_cipher", False))

    @property
    def authentication_key(self) -> bytes | None:
        """The authentication key the country publishes for all its meters, if it does."""
        key = _specification(self.specification).get("authentication_key")
        return None if key is None else bytes.fromhex(key)


@cache
def _specification(name: str) -> dict[str, Any]:
    from dsmr_parser import telegram_specifications

    specification: dict[str, Any] = getattr(telegram_specifications, name)
    return specification


DIALECTS: Final[dict[str, Dialect]] = {
    dialect.name: dialect
    for dialect in (
        Dialect("dsmr2", "V2_2", "Europe/Amsterdam", _LINE_DSMR_2, has_timestamp=False),
        Dialect("dsmr4", "V4", "Europe/Amsterdam", _LINE_DSMR_4),
        Dialect("dsmr5", "V5", "Europe/Amsterdam"),
        Dialect("belgium", "BELGIUM_FLUVIUS", "Europe/Brussels"),
        Dialect("luxembourg", "LUXEMBOURG_SMARTY", "Europe/Luxembourg"),
        Dialect("luxembourg_encrypted", "MSN", "Europe/Luxembourg"),
        Dialect("sweden", "SWEDEN", "Europe/Stockholm", seasons=Seasons.AS_FLAGGED),
        Dialect("austria", "AUSTRIA_ENERGIENETZE_STEIERMARK", "Europe/Vienna"),
        Dialect("hungary", "EON_HUNGARY", "Europe/Budapest"),
        Dialect("ireland", "ISKRA_IE", "Europe/Dublin"),
        Dialect("easymeter_q3d", "Q3D", "Europe/Berlin", _LINE_DSMR_2, has_timestamp=False),
    )
}
"""By the name used in the configuration."""


def dialect_of(name: str) -> Dialect:
    """The dialect of a name.

    Raises:
        BridgeConfigurationError: unknown name.
    """
    try:
        return DIALECTS[name]
    except KeyError:
        raise BridgeConfigurationError(
            "unknown telegram dialect", expected="one of " + ", ".join(DIALECTS), found=name
        ) from None

"""The files of a recorded market, read into whole numbers and checked.

Energies become kWh after float noise is removed, prices verifier ticks. The files may be plain
(`.csv`) or compressed (`.csv.gz`).
"""

from __future__ import annotations

import csv
import gzip
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Final, TypeVar

from simulation.day_ahead.errors import DataError

TICKS_PER_EUR_MWH: Final = 100_000
"""Verifier ticks: prices that are taken over from a border have up to five decimals."""
ORDER_TICK: Final = 1_000
"""Orders stand on 0.01 EUR/MWh."""
LOWEST_PRICE: Final = -500 * TICKS_PER_EUR_MWH
HIGHEST_PRICE: Final = 4_000 * TICKS_PER_EUR_MWH
KWH_PER_MWH: Final = 1_000

_NOISE_DECIMALS: Final = 6
"""A quantity in MWh is a sum of floats: what stands behind the sixth decimal is not data."""
_MAX_MWH: Final = 10_000_000

_Row = Mapping[str, str]
_T = TypeVar("_T")


@dataclass(frozen=True, order=True, slots=True)
class HourKey:
    """One delivery hour: the market's local day and the number of the hour in it, from 1."""

    day: date
    period: int

    def __str__(self) -> str:
        return f"{self.day.isoformat()} hour {self.period}"


@dataclass(frozen=True, slots=True)
class Capacity:
    """What a link may carry in an hour, in kWh; a positive flow leaves `start`."""

    start: str
    end: str
    lowest_kwh: int
    highest_kwh: int


@dataclass
class HourRecord:
    """Everything on record about one hour.

    Attributes:
        sells: by zone, price in ticks and energy in kWh.
        buys: likewise.
        capacities: links between zones and with borders.
        prices: published prices in ticks, of zones and borders.
        exchanges: what a zone sent to a border, in kWh, by zone and border.
        flows: published flows in kWh, by start and end.
    """

    sells: dict[str, list[tuple[int, int]]] = field(default_factory=dict)
    buys: dict[str, list[tuple[int, int]]] = field(default_factory=dict)
    capacities: list[Capacity] = field(default_factory=list)
    prices: dict[str, int] = field(default_factory=dict)
    exchanges: dict[tuple[str, str], int] = field(default_factory=dict)
    flows: dict[tuple[str, str], int] = field(default_factory=dict)

    @property
    def zones(self) -> list[str]:
        """Zones with orders, in alphabetical order; everything else is a border."""
        return sorted({*self.sells, *self.buys})


def read_records(folder: Path) -> dict[HourKey, HourRecord]:
    """All hours of a folder, in order.

    Raises:
        DataError: a file or a column is missing, a value is odd, or the files do not fit together.
    """
    if not folder.is_dir():
        raise DataError(
            "there is no such folder of data",
            expected="a folder with bid-curves.csv.gz and the other files",
            found=folder,
            remedy="Name it with --data",
        )
    hours: dict[HourKey, HourRecord] = {}
    for table in _TABLES:
        table.read_into(folder, hours)
    for key, hour in hours.items():
        _check_hour(key, hour)
    return dict(sorted(hours.items()))


@dataclass(frozen=True)
class _Table:
    """One file: its columns beside day and period, and what a row means."""

    name: str
    columns: tuple[str, ...]
    enter: Callable[[HourRecord, _Row], None]
    opens_hours: bool = False

    def read_into(self, folder: Path, hours: dict[HourKey, HourRecord]) -> None:
        path = _find(folder, self.name)
        for line, row in _rows(path, ("delivery_day", "period", *self.columns)):
            try:
                key = HourKey(_day(row["delivery_day"]), _period(row["period"]))
                if self.opens_hours:
                    hours.setdefault(key, HourRecord())
                # Hours without orders cannot be cleared; other files may go beyond them.
                hour = hours.get(key)
                if hour is not None:
                    self.enter(hour, row)
            except DataError as error:
                raise DataError(
                    f"{path.name}, line {line}: {error.problem}",
                    expected=error.expected,
                    found=error.found,
                ) from None


def _enter_bid(hour: HourRecord, row: _Row) -> None:
    sides = {"supply": hour.sells, "demand": hour.buys}
    side = sides.get(row["side"])
    if side is None:
        raise DataError("unknown side", expected="supply or demand", found=repr(row["side"]))
    price = _order_price(row["price_eur_per_mwh"])
    energy_kwh = _energy_kwh(row["quantity_mwh"], signed=False)
    side.setdefault(_name(row["zone"]), []).append((price, energy_kwh))


def _enter_capacity(hour: HourRecord, row: _Row) -> None:
    lowest_kwh = _energy_kwh(row["min_flow_mwh"])
    highest_kwh = _energy_kwh(row["max_flow_mwh"])
    if not lowest_kwh <= 0 <= highest_kwh:
        raise DataError(
            "a link's bounds do not contain 0",
            expected="min_flow_mwh <= 0 <= max_flow_mwh",
            found=f"{row['min_flow_mwh']} to {row['max_flow_mwh']}",
        )
    start, end = _name(row["from_zone"]), _name(row["to_zone"])
    hour.capacities.append(Capacity(start, end, lowest_kwh, highest_kwh))


def _enter_price(hour: HourRecord, row: _Row) -> None:
    _enter_once(hour.prices, _name(row["zone"]), _price(row["price_eur_per_mwh"]))


def _enter_exchange(hour: HourRecord, row: _Row) -> None:
    place = (_name(row["zone"]), _name(row["external_zone"]))
    _enter_once(hour.exchanges, place, _energy_kwh(row["exchange_mwh"]))


def _enter_flow(hour: HourRecord, row: _Row) -> None:
    place = (_name(row["from_zone"]), _name(row["to_zone"]))
    _enter_once(hour.flows, place, _energy_kwh(row["flow_mwh"]))


_TABLES: Final = (
    _Table(
        "bid-curves",
        ("zone", "side", "price_eur_per_mwh", "quantity_mwh"),
        _enter_bid,
        opens_hours=True,
    ),
    _Table(
        "transfer-capacities",
        ("from_zone", "to_zone", "min_flow_mwh", "max_flow_mwh"),
        _enter_capacity,
    ),
    _Table("published-prices", ("zone", "price_eur_per_mwh"), _enter_price),
    _Table("published-exchanges", ("zone", "external_zone", "exchange_mwh"), _enter_exchange),
    _Table("published-flows", ("from_zone", "to_zone", "flow_mwh"), _enter_flow),
)


# --- Files ----------------------------------------------------------------------------------------


def _find(folder: Path, name: str) -> Path:
    for suffix in (".csv.gz", ".csv"):
        path = folder / f"{name}{suffix}"
        if path.is_file():
            return path
    raise DataError(
        "a file of the recorded market is missing",
        expected=f"{name}.csv.gz or {name}.csv in {folder}",
        found=", ".join(sorted(path.name for path in folder.iterdir())) or "an empty folder",
    )


def _rows(path: Path, columns: Sequence[str]) -> Iterator[tuple[int, _Row]]:
    """Rows with their line numbers; `columns` must be there, others may be."""
    opened = gzip.open if path.suffix == ".gz" else open
    try:
        with opened(path, "rt", encoding="utf-8", newline="") as stream:
            reader = csv.DictReader(stream)
            missing = [name for name in columns if name not in (reader.fieldnames or ())]
            if missing:
                raise DataError(
                    f"{path.name} lacks columns",
                    expected=", ".join(missing),
                    found=", ".join(reader.fieldnames or ()) or "an empty file",
                )
            for row in reader:
                if any(row[name] is None for name in columns):
                    raise DataError(
                        f"{path.name}, line {reader.line_num}: the row is too short",
                        expected=f"{len(reader.fieldnames or ())} values",
                    )
                yield reader.line_num, row
    except (OSError, EOFError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path.name} cannot be read", found=error) from error


# --- Values ---------------------------------------------------------------------------------------


def _enter_once(table: dict[_T, int], key: _T, value: int) -> None:
    if table.setdefault(key, value) != value:
        raise DataError(
            "the same thing is given twice", expected=table[key], found=f"{key} {value}"
        )


def _name(text: str) -> str:
    if not text.strip():
        raise DataError("a zone has no name", expected="a name", found=repr(text))
    return text.strip()


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise DataError("no day", expected="YYYY-MM-DD", found=repr(text)) from None


def _period(text: str) -> int:
    # 25 on the day the clock is set back.
    if not text.isdigit() or not 1 <= int(text) <= 25:
        raise DataError("no hour of a day", expected="1 to 25", found=repr(text))
    return int(text)


def _decimal(text: str) -> Decimal:
    try:
        value = Decimal(text)
    except InvalidOperation:
        value = Decimal("NaN")
    if not value.is_finite():
        raise DataError("no number", expected="a decimal number", found=repr(text))
    return value


def _energy_kwh(text: str, *, signed: bool = True) -> int:
    value = _decimal(text)
    if abs(value) > _MAX_MWH or (value < 0 and not signed):
        raise DataError(
            "a quantity is out of range",
            expected=f"MWh from {-_MAX_MWH if signed else 0} to {_MAX_MWH}",
            found=text,
        )
    return int((round(value, _NOISE_DECIMALS) * KWH_PER_MWH).to_integral_value())


def _price(text: str) -> int:
    ticks = _decimal(text) * TICKS_PER_EUR_MWH
    rounded = int(ticks.to_integral_value())
    if abs(ticks - rounded) > Decimal("0.01") or not LOWEST_PRICE <= rounded <= HIGHEST_PRICE:
        raise DataError(
            "a price is off the grid or out of range",
            expected="EUR/MWh from -500 to 4000 with at most 5 decimals",
            found=text,
        )
    return rounded


def _order_price(text: str) -> int:
    ticks = _price(text)
    if ticks % ORDER_TICK:
        raise DataError("an order's price is off its grid", expected="2 decimals", found=text)
    return ticks


# --- Whether the files fit together ---------------------------------------------------------------


def _check_hour(key: HourKey, hour: HourRecord) -> None:
    zones = set(hour.zones)
    missing = sorted(zones - set(hour.prices))
    if missing:
        raise DataError(
            f"{key}: zones with orders have no published price", expected=", ".join(missing)
        )
    unknown = sorted({zone for zone, _ in hour.exchanges} - zones)
    if unknown:
        raise DataError(
            f"{key}: exchanges of zones without orders",
            expected=f"zones of bid-curves: {', '.join(sorted(zones))}",
            found=", ".join(unknown),
        )

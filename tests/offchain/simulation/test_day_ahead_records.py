"""Reading a recorded market: float noise goes, whatever else is odd is named with file and line."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from simulation.day_ahead.errors import DataError
from simulation.day_ahead.hours import Borders, build_hour
from simulation.day_ahead.records import HIGHEST_PRICE, LOWEST_PRICE, HourKey, read_records

# Another country, another day: nothing of the replay is bound to Italy.
FILES = {
    "bid-curves": """delivery_day,period,zone,side,price_eur_per_mwh,quantity_mwh
2026-10-25,25,NO1,supply,-500.0,10.299999999999999
2026-10-25,25,NO1,supply,31.07,4
2026-10-25,25,NO2,demand,4000.0,0.30000000000000004
2026-10-25,25,NO2,demand,12.5,1.5
""",
    "transfer-capacities": """delivery_day,period,from_zone,to_zone,min_flow_mwh,max_flow_mwh
2026-10-25,25,NO1,NO2,-1,2.5
2026-10-25,25,DK1,NO2,-0.0,0.7
2026-10-25,25,DK1,SE3,-5,5
2026-10-24,1,NO1,NO2,-9,9
""",
    "published-prices": """delivery_day,period,zone,price_eur_per_mwh
2026-10-25,25,NO1,12.5
2026-10-25,25,NO2,12.5
2026-10-25,25,DK1,97.38797
""",
    "published-exchanges": """delivery_day,period,zone,external_zone,exchange_mwh
2026-10-25,25,NO2,DK1,-0.7
2026-10-25,25,NO1,SE3,0.25
""",
    "published-flows": """delivery_day,period,from_zone,to_zone,flow_mwh
2026-10-25,25,NO2,NO1,-1.1
""",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        (tmp_path / f"{name}.csv").write_text(text, encoding="utf-8")
    return tmp_path


def change(folder: Path, name: str, old: str, new: str) -> None:
    path = folder / f"{name}.csv"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def test_read_records__another_country__whole_kwh_and_ticks(folder: Path) -> None:
    records = read_records(folder)

    assert list(records) == [HourKey(date(2026, 10, 25), 25)]
    (record,) = records.values()
    assert record.zones == ["NO1", "NO2"]
    assert record.sells["NO1"] == [(LOWEST_PRICE, 10_300), (3_107_000, 4_000)]
    assert record.buys["NO2"] == [(HIGHEST_PRICE, 300), (1_250_000, 1_500)]
    assert record.prices["DK1"] == 9_738_797
    assert record.exchanges == {("NO2", "DK1"): -700, ("NO1", "SE3"): 250}


def test_build_hour__exchanges__become_orders_at_any_price(folder: Path) -> None:
    ((key, record),) = read_records(folder).items()

    hour = build_hour(key, record, Borders.EXCHANGES)

    first, second = hour.market.zones
    assert [(step.price, step.energy) for step in first.buys] == [(HIGHEST_PRICE, 250)]
    assert [(step.price, step.energy) for step in second.sells] == [(LOWEST_PRICE, 700)]
    assert len(hour.market.links) == 1
    assert not hour.market.borders
    assert hour.published_exports == (1_100, -1_100)
    assert hour.published_prices == (1_250_000, 1_250_000)


def test_build_hour__prices__borders_are_nodes(folder: Path) -> None:
    ((key, record),) = read_records(folder).items()

    hour = build_hour(key, record, Borders.PRICES)

    assert [(border.name, border.price) for border in hour.market.borders] == [("DK1", 9_738_797)]
    inner, outer = hour.market.links
    assert (inner.start, inner.end, inner.back, inner.forward) == (0, 1, 1_000, 2_500)
    assert (outer.start, outer.end, outer.back, outer.forward) == (2, 1, 0, 700)
    assert hour.published_exports is None


def test_build_hour__border_without_price__is_refused(folder: Path) -> None:
    change(folder, "published-prices", "2026-10-25,25,DK1,97.38797\n", "")
    ((key, record),) = read_records(folder).items()

    with pytest.raises(DataError, match="DK1"):
        build_hour(key, record, Borders.PRICES)


def test_read_records__no_folder__is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such folder"):
        read_records(tmp_path / "nowhere")


@pytest.mark.parametrize("name", list(FILES))
def test_read_records__file_missing__is_named(folder: Path, name: str) -> None:
    (folder / f"{name}.csv").unlink()

    with pytest.raises(DataError, match=f"{name}.csv.gz"):
        read_records(folder)


@pytest.mark.parametrize(
    ("name", "column"),
    [
        ("bid-curves", "quantity_mwh"),
        ("transfer-capacities", "max_flow_mwh"),
        ("published-prices", "zone"),
        ("published-exchanges", "external_zone"),
        ("published-flows", "period"),
    ],
)
def test_read_records__column_missing__is_named(folder: Path, name: str, column: str) -> None:
    change(folder, name, column, "something_else")

    with pytest.raises(DataError, match=f"{name}.csv lacks columns: expected {column}"):
        read_records(folder)


@pytest.mark.parametrize(
    ("name", "old", "new", "message"),
    [
        ("bid-curves", "supply,31.07,4", "sell,31.07,4", "line 3: unknown side"),
        ("bid-curves", "supply,31.07,4", "supply,31.075,4", "line 3: an order's price"),
        ("bid-curves", "supply,31.07,4", "supply,31.07,-4", "line 3: a quantity"),
        ("bid-curves", "supply,31.07,4", "supply,31.07,nan", "line 3: no number"),
        ("bid-curves", "supply,31.07,4", "supply,4000.01,4", "line 3: a price"),
        ("bid-curves", "supply,31.07,4", "supply,31.07", "line 3: the row is too short"),
        ("bid-curves", "25,NO1,supply,31.07", "26,NO1,supply,31.07", "line 3: no hour of a day"),
        ("bid-curves", "2026-10-25,25,NO2", "25.10.2026,25,NO2", "line 4: no day"),
        ("bid-curves", "25,NO2,demand,12.5", "25,,demand,12.5", "line 5: a zone has no name"),
        ("transfer-capacities", "NO1,NO2,-1,2.5", "NO1,NO2,1,2.5", "line 2: a link's bounds"),
        ("transfer-capacities", "NO1,NO2,-1,2.5", "NO1,NO2,-1,x", "line 2: no number"),
        ("published-prices", "97.38797", "97.387971", "line 4: a price is off the grid"),
        ("published-prices", "NO1,12.5", "NO9,12.5", "no published price: expected NO1"),
        ("published-exchanges", "NO1,SE3", "NO8,SE3", "zones without orders"),
        ("published-flows", "NO2,NO1,-1.1", "NO2,NO1,inf", "line 2: no number"),
    ],
)
def test_read_records__odd_value__is_named(
    folder: Path, name: str, old: str, new: str, message: str
) -> None:
    change(folder, name, old, new)

    with pytest.raises(DataError, match=message):
        read_records(folder)


def test_read_records__price_given_twice__must_agree(folder: Path) -> None:
    path = folder / "published-prices.csv"
    path.write_text(path.read_text() + "2026-10-25,25,NO1,12.5\n")
    read_records(folder)

    path.write_text(path.read_text() + "2026-10-25,25,NO1,12.6\n")
    with pytest.raises(DataError, match="twice"):
        read_records(folder)


def test_read_records__file_is_not_compressed__is_refused(folder: Path) -> None:
    (folder / "bid-curves.csv").rename(folder / "bid-curves.csv.gz")

    with pytest.raises(DataError, match="cannot be read"):
        read_records(folder)

"""Each source on recorded answers.

recorded     hour that holds a quarter; gap; before and after; other zone; repeated days; wrong
             columns, kind, time, unit, number
simulation   every kind; forecast by horizon; null; other zone; another schema; a float
open_meteo   means before, instants from their stamp; null; units, place, lengths changed; hourly
energy_charts  prices with sign and zero; null; empty; licence; unit; lengths
entsoe       quarter hours with gaps filled; negative; acknowledgement; area, currency, entities,
             endless period, no XML
elexon       mean of the rows, newest before; no rows; another dataset; local time
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from energy_grid.feeds import Feed, FeedKind
from energy_grid.units import UnixSeconds, Zone
from oracles.sources import (
    ImplausibleValueError,
    Interval,
    NotCoveredError,
    SchemaError,
    SourceUnreachableError,
    UnsupportedFeedError,
)
from oracles.sources.currency import Currency
from oracles.sources.elexon import ElexonFrequencySource
from oracles.sources.energy_charts import EnergyChartsSource
from oracles.sources.entsoe import EntsoeSource
from oracles.sources.http import HttpClient, HttpLimits
from oracles.sources.open_meteo import OpenMeteoSource, Place
from oracles.sources.recorded import RecordedSource
from oracles.sources.simulated import FIELDS, SimulationSource
from tests.offchain.oracles import answers
from tests.offchain.oracles.answers import DATA, NOON
from tests.utils.web import ScriptedServer, answer, answer_json

ZONE = Zone(1)
PRICE = Feed(FeedKind.MARKET_PRICE, ZONE)
FREQUENCY = Feed(FeedKind.FREQUENCY, ZONE)
IRRADIANCE = Feed(FeedKind.IRRADIANCE, ZONE)
TEMPERATURE = Feed(FeedKind.TEMPERATURE, ZONE)
AREA = "10Y1001A1001A82H"


def quarter(start: int, seconds: int = 900) -> Interval:
    return Interval(UnixSeconds(start), seconds)


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer() as running:
        yield running


@pytest.fixture
def client(server: ScriptedServer) -> Iterator[HttpClient]:
    made = HttpClient(HttpLimits(total_seconds=5, repeats=0), frozenset({server.host}))
    yield made
    made.close()


# --- recorded -------------------------------------------------------------------------------------


@pytest.fixture
def recorded() -> RecordedSource:
    return RecordedSource("record", DATA / "prices-2025-04-01.csv")


def test_recorded__quarter_in_hour__price_in_units_per_kwh(recorded: RecordedSource) -> None:
    found = recorded.observe(PRICE, quarter(1_743_519_600 + 2_700))

    assert (found.value, found.measured_at, found.source) == (107_300, 1_743_519_600, "record")


def test_recorded__values__rounded_once_half_to_even(recorded: RecordedSource) -> None:
    assert recorded.observe(TEMPERATURE, quarter(1_743_519_600)).value == -250
    assert recorded.observe(IRRADIANCE, quarter(1_743_519_600)).value == 0
    assert recorded.observe(FREQUENCY, quarter(1_743_519_600, 60)).value == 49_988


def test_recorded__negative_price_of_another_zone__kept(recorded: RecordedSource) -> None:
    found = recorded.observe(Feed(FeedKind.MARKET_PRICE, Zone(2)), quarter(1_744_023_600))

    assert found.value == -5_000


@pytest.mark.parametrize(
    "start", [1_743_519_600 - 900, 1_743_519_600 + 3_600, 1_900_000_000 // 900 * 900]
)
def test_recorded__gap_or_outside__not_covered(recorded: RecordedSource, start: int) -> None:
    with pytest.raises(NotCoveredError):
        recorded.observe(PRICE, quarter(start))


def test_recorded__interval_longer_than_period__not_covered(recorded: RecordedSource) -> None:
    with pytest.raises(NotCoveredError):
        recorded.observe(TEMPERATURE, quarter(1_743_519_600, 3_600))


def test_recorded__unknown_feed__unsupported(recorded: RecordedSource) -> None:
    with pytest.raises(UnsupportedFeedError):
        recorded.observe(Feed(FeedKind.VOLTAGE, ZONE), quarter(NOON))


def test_recorded__repeated__same_time_of_another_day() -> None:
    source = RecordedSource("record", DATA / "prices-2025-04-01.csv", repeats_seconds=86_400)
    start = 1_743_519_600 + 400 * 86_400

    found = source.observe(PRICE, quarter(start + 900))

    assert (found.value, found.measured_at) == (107_300, start)


ROW = {
    "kind": "market_price", "zone": 1, "horizon_slots": 0, "start": NOON, "seconds": 900,
    "value": "1.5", "unit": "EUR/MWh",
}  # fmt: skip


def test_recorded__json__same_as_csv(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps([ROW, {**ROW, "start": NOON + 900, "value": None}]))

    source = RecordedSource("record", path, Currency("EUR", 100))

    assert source.observe(PRICE, quarter(NOON)).value == 0
    assert source.feeds() == [PRICE]
    with pytest.raises(NotCoveredError):
        source.observe(PRICE, quarter(NOON + 900))


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "happiness"},
        {"zone": 0},
        {"start": "2025-04-01T12:00:00"},
        {"unit": "USD/MWh"},
        {"unit": "EUR/kg"},
        {"value": "12,5"},
        {"seconds": "long"},
    ],
)
def test_recorded__wrong_field__schema_error(tmp_path: Path, change: dict[str, Any]) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps([{**ROW, **change}]))

    with pytest.raises(SchemaError):
        RecordedSource("record", path)


def test_recorded__nan_or_overlap_or_no_file__refused(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps([{**ROW, "value": "NaN"}]))
    with pytest.raises(ImplausibleValueError):
        RecordedSource("record", path)
    path.write_text(json.dumps([ROW, {**ROW, "start": NOON + 300}]))
    with pytest.raises(SchemaError, match="overlap"):
        RecordedSource("record", path)
    with pytest.raises(SchemaError, match="cannot be read"):
        RecordedSource("record", tmp_path / "none.csv")


# --- simulation -----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [kind for kind in FIELDS if "EXPECTED" not in kind.name])
def test_simulation__each_kind__its_field(tmp_path: Path, kind: FeedKind) -> None:
    path = tmp_path / "state.json"
    path.write_text(json.dumps(answers.state()))

    found = SimulationSource("twin", path).observe(Feed(kind, ZONE), quarter(NOON))

    assert found.value == answers.state()["zones"]["1"][FIELDS[kind]]
    assert found.measured_at == NOON


def test_simulation__over_http__forecast_by_horizon(
    server: ScriptedServer, client: HttpClient
) -> None:
    server.scripts["/state"] = answer_json(answers.state())
    source = SimulationSource("twin", server.url("/state"), client, refresh_seconds=60)

    supply = source.observe(Feed(FeedKind.EXPECTED_SUPPLY, ZONE, 4), quarter(NOON + 3_600))
    demand = source.observe(Feed(FeedKind.EXPECTED_DEMAND, ZONE, 4), quarter(NOON + 3_600))

    assert (supply.value, demand.value) == (13_100, 47_000)
    assert len(server.requests) == 1, "one state serves several feeds"


def test_simulation__missing_values__typed_errors(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    path.write_text(json.dumps(answers.state()))
    source = SimulationSource("twin", path)

    with pytest.raises(NotCoveredError):
        source.observe(Feed(FeedKind.EXPECTED_DEMAND, ZONE, 8), quarter(NOON))
    with pytest.raises(UnsupportedFeedError):
        source.observe(Feed(FeedKind.DEMAND, Zone(2)), quarter(NOON))
    with pytest.raises(UnsupportedFeedError):
        source.observe(Feed(FeedKind.DEMAND, ZONE, 4), quarter(NOON))
    with pytest.raises(NotCoveredError):
        SimulationSource("twin", tmp_path / "none").observe(FREQUENCY, quarter(NOON))


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("schema",), "energy-grid/state/2"),
        (("zones",), []),
        (("time",), "now"),
        (("zones", "1", "frequency_millihz"), 49.987),
        (("zones", "1", "frequency_millihz"), True),
    ],
)
def test_simulation__another_layout__schema_error(
    tmp_path: Path, place: tuple[str, ...], value: Any
) -> None:
    state = answers.state()
    inner = state
    for name in place[:-1]:
        inner = inner[name]
    inner[place[-1]] = value
    path = tmp_path / "state.json"
    path.write_text(json.dumps(state))

    with pytest.raises(SchemaError):
        SimulationSource("twin", path).observe(FREQUENCY, quarter(NOON))


# --- Open-Meteo -----------------------------------------------------------------------------------


def weather(
    server: ScriptedServer, client: HttpClient, document: Any, resolution: Any = "minutely_15"
) -> OpenMeteoSource:
    server.scripts["/v1"] = answer_json(document)
    places = {ZONE: Place(Decimal("48.14"), Decimal("11.58"))}
    return OpenMeteoSource("weather", places, client, server.url("/v1"), resolution)


def test_open_meteo__quarter_hours__means_before_and_instants(
    server: ScriptedServer, client: HttpClient
) -> None:
    source = weather(server, client, answers.open_meteo())

    def value(kind: FeedKind, start: int) -> int:
        return source.observe(Feed(kind, ZONE), quarter(start)).value

    assert value(FeedKind.IRRADIANCE, NOON) == 5_122, "512.25 stamped at the end, half to even"
    assert value(FeedKind.TEMPERATURE, NOON) == -250
    assert value(FeedKind.WIND_SPEED, NOON) == 361
    assert value(FeedKind.CLOUD_COVER, NOON + 900) == 3_700
    assert "minutely_15=" in server.requests[0].query
    assert len(server.requests) == 1


def test_open_meteo__forecast_feed__later_interval(
    server: ScriptedServer, client: HttpClient
) -> None:
    source = weather(server, client, answers.open_meteo())

    found = source.observe(Feed(FeedKind.TEMPERATURE, ZONE, 2), quarter(NOON + 1_800))

    assert (found.value, found.measured_at) == (0, NOON + 1_800)


def test_open_meteo__hourly__holds_its_quarters(server: ScriptedServer, client: HttpClient) -> None:
    source = weather(server, client, answers.open_meteo(3_600, "hourly"), "hourly")

    assert source.observe(IRRADIANCE, quarter(NOON + 2_700)).value == 5_122
    assert source.observe(TEMPERATURE, quarter(NOON + 6_300)).value == 1_127


def test_open_meteo__null_or_other_feed__typed_errors(
    server: ScriptedServer, client: HttpClient
) -> None:
    source = weather(server, client, answers.open_meteo())

    with pytest.raises(NotCoveredError):
        source.observe(TEMPERATURE, quarter(NOON + 2_700))
    with pytest.raises(UnsupportedFeedError):
        source.observe(FREQUENCY, quarter(NOON))


def _changed(document: Any, place: tuple[str, ...], value: Any) -> Any:
    changed = copy.deepcopy(document)
    inner = changed
    for name in place[:-1]:
        inner = inner[name]
    if value is KeyError:
        del inner[place[-1]]
    else:
        inner[place[-1]] = value
    return changed


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("minutely_15_units", "temperature_2m"), "°F"),
        (("minutely_15_units", "wind_speed_10m"), "mp/h"),
        (("minutely_15_units", "time"), "iso8601"),
        (("minutely_15_units",), KeyError),
        (("minutely_15", "temperature_2m"), [1.0]),
        (("minutely_15", "temperature_2m"), "warm"),
        (("minutely_15", "temperature_2m"), [{}, 1, 1, 1, 1]),
        (("minutely_15", "time"), [1, 2, 3, 4, 5]),
        (("minutely_15",), []),
        (("latitude",), -33.9),
        (("longitude",), KeyError),
    ],
)
def test_open_meteo__changed_layout__schema_error(
    server: ScriptedServer, client: HttpClient, place: tuple[str, ...], value: Any
) -> None:
    source = weather(server, client, _changed(answers.open_meteo(), place, value))

    with pytest.raises(SchemaError):
        source.observe(TEMPERATURE, quarter(NOON))


# --- Energy-Charts --------------------------------------------------------------------------------


def charts(server: ScriptedServer, client: HttpClient, document: Any) -> EnergyChartsSource:
    server.scripts["/price"] = answer_json(document)
    return EnergyChartsSource("prices", {ZONE: "DE-LU"}, client, url=server.url("/price"))


@pytest.mark.parametrize(("slot", "value"), [(0, 107_300), (1, -10), (2, 0), (4, 135_400)])
def test_energy_charts__price__units_per_kwh(
    server: ScriptedServer, client: HttpClient, slot: int, value: int
) -> None:
    source = charts(server, client, answers.energy_charts())

    found = source.observe(PRICE, quarter(NOON + 900 * slot))

    assert (found.value, found.measured_at) == (value, NOON + 900 * slot)
    assert "bzn=DE-LU" in server.requests[0].query


@pytest.mark.parametrize("document", [[], {}, None])
def test_energy_charts__empty__not_covered(
    server: ScriptedServer, client: HttpClient, document: Any
) -> None:
    with pytest.raises(NotCoveredError):
        charts(server, client, document).observe(PRICE, quarter(NOON))


def test_energy_charts__null_price__not_covered(server: ScriptedServer, client: HttpClient) -> None:
    with pytest.raises(NotCoveredError):
        charts(server, client, answers.energy_charts()).observe(PRICE, quarter(NOON + 2_700))


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("license_info",), "for private and internal use only"),
        (("license_info",), None),
        (("unit",), "ct / kWh"),
        (("unit",), "GBP / MWh"),
        (("price",), [1.0]),
        (("price",), KeyError),
        (("unix_seconds",), [NOON + i for i in range(5)]),
        (("unix_seconds",), [NOON, NOON + 900, NOON + 900, NOON + 1_800, NOON + 2_700]),
        (("unix_seconds",), [str(NOON + 900 * i) for i in range(5)]),
    ],
)
def test_energy_charts__changed_layout__schema_error(
    server: ScriptedServer, client: HttpClient, place: tuple[str, ...], value: Any
) -> None:
    source = charts(server, client, _changed(answers.energy_charts(), place, value))

    with pytest.raises(SchemaError):
        source.observe(PRICE, quarter(NOON))


# --- ENTSO-E --------------------------------------------------------------------------------------

XML = (DATA / "entsoe-a44.xml").read_text()
EVENING = 1_743_458_400
"""2025-03-31 22:00 UTC, midnight of the delivery day."""


@pytest.fixture
def token(tmp_path: Path) -> Path:
    path = tmp_path / "token"
    path.write_text("0000-1111\n")
    return path


def platform(
    server: ScriptedServer, client: HttpClient, token: Path, body: str | bytes
) -> EntsoeSource:
    server.scripts["/api"] = answer(body, content_type="text/xml")
    return EntsoeSource("platform", {ZONE: AREA}, token, client, url=server.url("/api"))


@pytest.mark.parametrize(
    ("slot", "value"), [(0, 107_300), (2, 107_300), (3, -10), (4, -10), (5, 0), (7, 0)]
)
def test_entsoe__quarter_hours__gaps_filled(
    server: ScriptedServer, client: HttpClient, token: Path, slot: int, value: int
) -> None:
    source = platform(server, client, token, XML)

    assert source.observe(PRICE, quarter(EVENING + 900 * slot)).value == value
    assert "securityToken=0000-1111" in server.requests[0].query


def test_entsoe__acknowledgement__not_covered(
    server: ScriptedServer, client: HttpClient, token: Path
) -> None:
    source = platform(server, client, token, (DATA / "entsoe-none.xml").read_text())

    with pytest.raises(NotCoveredError, match="No matching data"):
        source.observe(PRICE, quarter(EVENING))


@pytest.mark.parametrize(
    "body",
    [
        "",
        "<html>maintenance</html>",
        "{}",
        XML.replace(AREA, "10YFR-RTE------C"),
        XML.replace(">EUR<", ">PLN<"),
        XML.replace(">MWH<", ">KWH<"),
        XML.replace("PT15M", "PT7M"),
        XML.replace("<position>1</position>", "<position>one</position>"),
        XML.replace("107.30", "dear"),
        XML.replace("2025-04-01T00:00Z", "2225-04-01T00:00Z"),
        XML.replace("<start>2025-03-31T22:00Z</start>", "<start>yesterday</start>"),
        XML.replace("curveType", "shape"),
        XML.replace("<Publ", '<!DOCTYPE a [<!ENTITY b "c">]><Publ', 1),
        XML.replace("<Publ", '<!ENTITY x SYSTEM "file:///etc/passwd"><Publ', 1),
        XML.encode("utf-16"),
        "<" * 300_000,
        "<a " * 60_000,
        "<a>" * 60_000,
        "<script>" + XML,
        XML + "x" * 1_000_000,
    ],
    ids=map(str, range(20)),
)
def test_entsoe__changed_or_hostile__schema_error(
    server: ScriptedServer, client: HttpClient, token: Path, body: str | bytes
) -> None:
    with pytest.raises(SchemaError):
        platform(server, client, token, body).observe(PRICE, quarter(EVENING))


def test_entsoe__error__names_no_token(
    server: ScriptedServer, client: HttpClient, token: Path
) -> None:
    source = platform(server, client, token, XML)
    server.scripts["/api"] = answer("no", 503)

    with pytest.raises(SourceUnreachableError) as caught:
        source.observe(PRICE, quarter(EVENING))

    assert "0000-1111" not in str(caught.value)


# --- Elexon ---------------------------------------------------------------------------------------


def mains(server: ScriptedServer, client: HttpClient, document: Any) -> ElexonFrequencySource:
    server.scripts["/freq"] = answer_json(document)
    return ElexonFrequencySource("mains", [ZONE], client, server.url("/freq"))


@pytest.mark.parametrize("wrap", [False, True])
def test_elexon__minute__mean_of_its_rows(
    server: ScriptedServer, client: HttpClient, wrap: bool
) -> None:
    rows = answers.elexon()
    source = mains(server, client, {"metadata": {}, "data": rows} if wrap else rows)

    found = source.observe(FREQUENCY, quarter(NOON, 60))

    assert (found.value, found.measured_at) == (49_998, NOON + 45)


def test_elexon__no_row_inside__newest_before(server: ScriptedServer, client: HttpClient) -> None:
    found = mains(server, client, answers.elexon()).observe(FREQUENCY, quarter(NOON + 120, 60))

    assert (found.value, found.measured_at) == (50_020, NOON + 60)


def test_elexon__no_rows__not_covered(server: ScriptedServer, client: HttpClient) -> None:
    with pytest.raises(NotCoveredError):
        mains(server, client, []).observe(FREQUENCY, quarter(NOON, 60))


@pytest.mark.parametrize(
    "row",
    [
        {"dataset": "TEMP", "measurementTime": "2025-04-01T12:00:00Z", "frequency": 50},
        {"dataset": "FREQ", "measurementTime": "2025-04-01T12:00:00", "frequency": 50},
        {"dataset": "FREQ", "measurementTime": 12, "frequency": 50},
        {"dataset": "FREQ", "measurementTime": "2025-04-01T12:00:00Z", "frequency": None},
        {"dataset": "FREQ", "measurementTime": "2025-04-01T12:00:00Z"},
        [50.0],
    ],
)
def test_elexon__changed_row__schema_error(
    server: ScriptedServer, client: HttpClient, row: Any
) -> None:
    with pytest.raises(SchemaError):
        mains(server, client, [row]).observe(FREQUENCY, quarter(NOON, 60))

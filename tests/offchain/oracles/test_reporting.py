"""Reporters and collectors without a chain.

decide     heartbeat: same round whenever one looks; interval shorter; deviation by steps and share
record     once per round; same again; other set; hand-over; another chain; full disk
combiner   median; outlier; contradiction; age; plausibility; too few
choose     too few; middle of many; outlier left out; none agree; negative
wire       there and back; each field wrong
intake     no view; rates
server     each bound
"""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from energy_grid.errors import ConfigurationError, InvalidValueError
from energy_grid.feeds import (
    Feed,
    FeedKind,
    Observation,
    SignedObservation,
    aggregate,
    median,
    min_answers,
    standard_config,
)
from energy_grid.units import UnixSeconds, Zone
from oracles.collector.choose import choose
from oracles.collector.intake import TokenBucket
from oracles.collector.server import CollectorServer, ServerLimits
from oracles.reporters.decide import DEVIATIONS, Due, due
from oracles.reporters.keys import ReporterKey
from oracles.reporters.posting import PATH
from oracles.reporters.record import TAKEN, Record, RecordStorageError
from oracles.reporting import rounds
from oracles.reporting.oracles import ORACLES, FeedView, oracle_of_kind
from oracles.reporting.wire import Delivery, parse_observations, to_document
from oracles.sources import (
    Combiner,
    CombiningRules,
    DisagreementError,
    ImplausibleValueError,
    Interval,
    Measurement,
    NotEnoughSourcesError,
)
from oracles.sources.config import SourcesFile, build_sources, client_of, feeds_of
from oracles.sources.errors import StaleSourceError, UnsupportedFeedError
from oracles.sources.plausibility import PLAUSIBLE
from tests.utils.oracles import reporter_keys

ZONE = Zone(1)
DEMAND = Feed(FeedKind.DEMAND, ZONE)
FREQUENCY = Feed(FeedKind.FREQUENCY, ZONE)
CONFIG = standard_config(FREQUENCY)
START = 1_900_000_800
ORACLE = "0x5FbDB2315678afecb367f032d93F642f64180aa3"
DOMAIN = b"\x07" * 32
ADDRESS, PRIVATE_KEY = reporter_keys(4)[0]
KEY = ReporterKey(ADDRESS, PRIVATE_KEY)


# --- decide ---------------------------------------------------------------------------------------


@given(first=st.integers(0, 899), second=st.integers(0, 899))
def test_due__heartbeat_of_a_whole_interval__same_round_whenever_one_looks(
    first: int, second: int
) -> None:
    view = FeedView(FREQUENCY, CONFIG, START // 60 - 15, 50_000, START - 900)

    assert due(view, START + first) == due(view, START + second) == Due(START // 60, True)


def test_due__published_in_this_heartbeat__only_newer_rounds_by_deviation() -> None:
    view = FeedView(FREQUENCY, CONFIG, START // 60, 50_000, START)

    assert due(view, START + 59) is None
    assert due(view, START + 60) == Due(START // 60 + 1, False)
    assert due(view, START + 900) == Due(START // 60 + 15, True)


def test_due__interval_shorter_than_heartbeat__the_running_interval() -> None:
    config = replace(CONFIG, interval_seconds=300)
    view = FeedView(FREQUENCY, config)

    assert due(view, START + 299) == Due(START // 60, True)
    assert due(view, START + 300) == Due(START // 60 + 5, True)
    assert due(view, START + 599) == Due(START // 60 + 5, True)


@given(now=st.integers(10**9, 2 * 10**9), kind=st.sampled_from(sorted(FeedKind)[1:]))
def test_heartbeat_round__any_time_and_feed__the_contract_would_take_it(
    now: int, kind: FeedKind
) -> None:
    config = standard_config(Feed(kind, ZONE))

    round_ = rounds.heartbeat_round(config, now)

    assert not rounds.is_too_old(config, round_, now)
    assert not rounds.is_in_future(config, round_, now)


@pytest.mark.parametrize(
    ("kind", "published", "observed", "expected"),
    [
        (FeedKind.MARKET_PRICE, 1_000_000, 1_005_000, False),
        (FeedKind.MARKET_PRICE, 1_000_000, 1_005_001, True),
        (FeedKind.MARKET_PRICE, 0, -1_001, True),
        (FeedKind.FREQUENCY, 50_000, 50_020, False),
        (FeedKind.FREQUENCY, 50_000, 49_979, True),
        (FeedKind.IRRADIANCE, 5_000, 5_500, False),
        (FeedKind.IRRADIANCE, 5_000, 5_501, True),
        (FeedKind.IRRADIANCE, 0, 200, False),
    ],
)
def test_deviation__change__judged(
    kind: FeedKind, published: int, observed: int, expected: bool
) -> None:
    assert DEVIATIONS[kind].is_exceeded(published, observed) is expected


def test_kinds__each__has_one_oracle_and_all_defaults() -> None:
    for kind in sorted(FeedKind)[1:]:
        assert oracle_of_kind(kind) in ORACLES
        assert kind in DEVIATIONS and kind in PLAUSIBLE


# --- record ---------------------------------------------------------------------------------------


def observation(value: int = 50_000, round_: int = START // 60, set_: int = 1) -> Observation:
    return Observation(
        FREQUENCY, round_, UnixSeconds(CONFIG.interval_start(FREQUENCY, round_)), 900, set_, value
    )


@pytest.fixture
def record(tmp_path: Path) -> Iterator[Record]:
    found = Record(tmp_path / "reporter.sqlite")
    found.bind(1, "0xaa", ADDRESS)
    yield found
    found.close()


def sign(one: Observation) -> SignedObservation:
    return KEY.sign(one, DOMAIN)


def test_sign_once__other_value_later__first_signature_again(record: Record) -> None:
    first = record.sign_once(ORACLE, observation(), sign)

    again = record.sign_once(ORACLE, observation(51_000), sign)

    assert again == first
    assert record.count() == 1
    assert record.has_signed(ORACLE, FREQUENCY, START // 60, 1)


def test_sign_once__another_thread__same_record(record: Record) -> None:
    first = record.sign_once(ORACLE, observation(), sign)
    with ThreadPoolExecutor(1) as pool:
        again = pool.submit(record.sign_once, ORACLE, observation(51_000), sign).result()

    assert again == first


def test_sign_once__other_set_or_round__signed_too(record: Record) -> None:
    record.sign_once(ORACLE, observation(), sign)
    record.sign_once(ORACLE, observation(51_000, set_=2), sign)
    record.sign_once(ORACLE, observation(52_000, START // 60 + 15), sign)

    assert record.count() == 3
    last = record.last_value(ORACLE, FREQUENCY)
    assert last is not None and last.value == 52_000
    assert record.last_value(ORACLE, DEMAND) is None


def test_sign_once__crash_while_signing__nothing_kept(record: Record) -> None:
    def crash(_: Observation) -> SignedObservation:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        record.sign_once(ORACLE, observation(), crash)

    assert record.count() == 0
    assert record.sign_once(ORACLE, observation(51_000), sign).observation.value == 51_000


def test_to_hand_over__newest_only_and_until_taken(record: Record) -> None:
    record.sign_once(ORACLE, observation(), sign)
    newest = record.sign_once(ORACLE, observation(round_=START // 60 + 15), sign)

    waiting = record.to_hand_over("http://a", ORACLE, 1, FREQUENCY)
    record.note("http://a", [(newest, TAKEN)])

    assert waiting == [newest]
    assert record.to_hand_over("http://a", ORACLE, 1, FREQUENCY) == []
    assert record.to_hand_over("http://b", ORACLE, 1, FREQUENCY) == [newest]
    assert record.to_hand_over("http://b", ORACLE, 2, FREQUENCY) == []


def test_bind__another_chain__refused(record: Record) -> None:
    with pytest.raises(ConfigurationError, match="another chain id"):
        record.bind(2, "0xaa", ADDRESS)
    with pytest.raises(ConfigurationError, match="another reporter"):
        record.bind(1, "0xaa", ORACLE)


def test_sign_once__file_not_writable__not_signed(record: Record) -> None:
    record._connection.execute("PRAGMA query_only = ON")

    with pytest.raises(RecordStorageError, match="Nothing was signed"):
        record.sign_once(ORACLE, observation(), sign)

    record._connection.execute("PRAGMA query_only = OFF")
    assert record.count() == 0


def test_prune__old_rounds__forgotten(record: Record) -> None:
    record.sign_once(ORACLE, observation(), sign)
    record.note("http://a", [(Delivery(ORACLE, sign(observation())), TAKEN)])

    assert record.prune(START) == 0
    assert record.prune(START + 1) == 1
    assert record.count() == 0


def test_key__shown__is_no_secret() -> None:
    assert repr(KEY) == f"ReporterKey({ADDRESS})"
    assert PRIVATE_KEY.hex() not in str(vars(type(KEY))) + repr(KEY)


# --- combiner -------------------------------------------------------------------------------------


class Says:
    def __init__(self, name: str, value: int, at: int = START) -> None:
        self.name, self.value, self.at = name, value, at

    def observe(self, _feed: Feed, _interval: Interval) -> Measurement:
        return Measurement(self.value, UnixSeconds(self.at), self.name)


QUARTER = Interval(UnixSeconds(START), 900)
NOW = UnixSeconds(START + 10)


def combine(values: list[int], minimum: int = 1, feed: Feed = FREQUENCY) -> Any:
    sources = [Says(f"s{i}", value) for i, value in enumerate(values)]
    combiner = Combiner(sources, CombiningRules(minimum))
    return combiner.observe(feed, QUARTER, NOW, PLAUSIBLE[feed.kind])


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([50_000], 50_000),
        ([50_000, 50_011], 50_005),
        ([50_000, 49_990, 50_010], 50_000),
        ([50_000, 49_990, 50_010, 55_000], 50_000),
        ([50_000, 49_990, 0], 49_995),
    ],
)
def test_combiner__values__median_of_those_that_agree(values: list[int], expected: int) -> None:
    assert combine(values).value == expected


def test_combiner__outlier__told() -> None:
    found = combine([50_000, 49_990, 50_010, 55_000])

    assert [one.source for one in found.used] == ["s0", "s1", "s2"]
    assert [one.source for one in found.refused] == ["s3"]
    assert isinstance(found.refused[0].error, DisagreementError)


def test_combiner__contradiction_or_too_few__refused() -> None:
    with pytest.raises(DisagreementError):
        combine([48_000, 52_000])
    with pytest.raises(NotEnoughSourcesError, match="at least 2"):
        combine([50_000, 0, -3], minimum=2)


@pytest.mark.parametrize(
    ("at", "fresh"),
    [(START - 120, True), (START - 121, False), (START + 900, True), (START + 901, False)],
)
def test_combiner__age__by_the_sources_own_time(at: int, fresh: bool) -> None:
    combiner = Combiner([Says("a", 50_000, at)])

    if fresh:
        combiner.observe(FREQUENCY, QUARTER, NOW, PLAUSIBLE[FeedKind.FREQUENCY])
        return
    with pytest.raises(NotEnoughSourcesError, match="another time") as caught:
        combiner.observe(FREQUENCY, QUARTER, NOW, PLAUSIBLE[FeedKind.FREQUENCY])
    assert StaleSourceError.__name__ not in str(caught.value)


def test_combiner__unsupported__not_counted_as_trouble() -> None:
    class Other(Says):
        def observe(self, _feed: Feed, _interval: Interval) -> Measurement:
            raise UnsupportedFeedError("no")

    found = Combiner([Other("x", 0), Says("a", 50_000)]).observe(
        FREQUENCY, QUARTER, NOW, PLAUSIBLE[FeedKind.FREQUENCY]
    )

    assert found.refused == ()


@pytest.mark.parametrize("kind", sorted(FeedKind)[1:])
def test_plausibility__a_usual_value__factors_of_1000_and_10_to_the_8_refused(
    kind: FeedKind,
) -> None:
    feed = Feed(kind, ZONE)
    config = standard_config(feed)
    limits = PLAUSIBLE[kind].narrowed(config.lowest_observation, config.highest_observation)
    usual = max(200_000, config.cap // 2)

    for factor in (1_000, 10**8):
        with pytest.raises(ImplausibleValueError):
            limits.check(feed, usual * factor, "s")


@pytest.mark.parametrize(
    ("kind", "value", "legal"),
    [
        (FeedKind.FREQUENCY, 0, False),
        (FeedKind.VOLTAGE, 0, False),
        (FeedKind.DEMAND, -1, False),
        (FeedKind.IRRADIANCE, 0, True),
        (FeedKind.IRRADIANCE, -1, False),
        (FeedKind.TEMPERATURE, -2_000, True),
        (FeedKind.MARKET_PRICE, 0, True),
        (FeedKind.MARKET_PRICE, -500_000, True),
        (FeedKind.CLOUD_COVER, 10_001, False),
    ],
)
def test_plausibility__zero_and_negative__where_physics_allow(
    kind: FeedKind, value: int, legal: bool
) -> None:
    feed = Feed(kind, ZONE)

    if legal:
        PLAUSIBLE[kind].check(feed, value, "s")
    else:
        with pytest.raises(ImplausibleValueError):
            PLAUSIBLE[kind].check(feed, value, "s")


# --- choose ---------------------------------------------------------------------------------------


def chosen(values: list[int], required: int, most: int | None = None) -> list[int]:
    return choose([(value, value) for value in values], required, CONFIG, most)


@pytest.mark.parametrize(
    ("values", "required", "most", "expected"),
    [
        ([50_000, 50_001], 3, None, []),
        ([50_000, 50_001, 50_002], 0, None, []),
        ([50_002, 50_000, 50_001], 3, None, [50_000, 50_001, 50_002]),
        ([1, 2, 3, 4, 5], 3, None, [2, 3, 4]),
        ([1, 2, 3, 4, 5], 3, 5, [1, 2, 3, 4, 5]),
        ([1, 2, 3, 4], 3, None, [1, 2, 3]),
        ([50_000, 50_010, 50_020, 52_000], 3, None, [50_000, 50_010, 50_020]),
        ([48_000, 50_000, 52_000], 3, None, [48_000, 50_000, 52_000]),
        ([-5, -3, -4], 3, None, [-5, -4, -3]),
    ],
)
def test_choose__answers__those_of_a_report(
    values: list[int], required: int, most: int | None, expected: list[int]
) -> None:
    assert chosen(values, required, most) == expected


@given(
    n=st.sampled_from([4, 5, 7, 10]),
    honest=st.lists(st.integers(49_990, 50_010), min_size=10, max_size=10),
    lies=st.lists(st.integers(42_500, 57_500), min_size=3, max_size=3),
)
def test_choose__up_to_f_lies__median_within_honest_values(
    n: int, honest: list[int], lies: list[int]
) -> None:
    faults = (n - 1) // 3
    truths = honest[: n - faults]
    values = chosen([*truths, *lies[:faults]], min_answers(n))

    assert min(truths) <= median(values) <= max(truths)
    assert aggregate(CONFIG, values, n).answers >= min_answers(n)


# --- wire -----------------------------------------------------------------------------------------


def test_wire__there_and_back__the_same() -> None:
    delivery = Delivery(ORACLE, sign(observation(-7)))

    (found,) = parse_observations(json.loads(json.dumps(to_document([delivery]))))

    assert found == delivery
    assert isinstance(found, Delivery)
    assert found.signed.reporter(DOMAIN) == ADDRESS


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("oracle", ORACLE.lower()),
        ("oracle", 7),
        ("feed_id", 0),
        ("feed_id", 1 << 40),
        ("feed_id", True),
        ("zone", 2),
        ("unit", 1),
        ("decimals", 3),
        ("round", -1),
        ("round", "12"),
        ("interval_seconds", 1.5),
        ("value", 50_000),
        ("value", "5e4"),
        ("value", "NaN"),
        ("value", str(1 << 127)),
        ("value", "٣"),
        ("signature", "0x00"),
        ("signature", "0x" + "zz" * 64),
        ("extra", 1),
    ],
)
def test_wire__field_wrong__error_in_its_place(name: str, value: Any) -> None:
    document = to_document([Delivery(ORACLE, sign(observation()))] * 2)
    document["observations"][0] = {**document["observations"][0], name: value}

    found = parse_observations(document)

    assert isinstance(found[0], InvalidValueError)
    assert isinstance(found[1], Delivery)


@pytest.mark.parametrize(
    "document", [[], {}, {"observations": {}}, {"observations": []}, {"observations": [1] * 201}]
)
def test_wire__no_message__refused(document: Any) -> None:
    with pytest.raises(InvalidValueError):
        parse_observations(document)


# --- server ---------------------------------------------------------------------------------------


def test_token_bucket__bursts_and_long_run__bounded() -> None:
    now = [0.0]
    bucket = TokenBucket(2, 3, lambda: now[0])

    assert [bucket.take() for _ in range(4)] == [True, True, True, False]
    now[0] = 1.0
    assert [bucket.take() for _ in range(3)] == [True, True, False]


@pytest.fixture
def server() -> Iterator[CollectorServer]:
    limits = ServerLimits(
        connections=4, head_bytes=1_000, body_bytes=1_000, request_seconds=0.3, burst=1_000
    )
    running = CollectorServer(lambda document: {"results": document}, limits=limits)
    running.start()
    yield running
    running.stop()


def ask(server: CollectorServer, raw: bytes) -> tuple[int, Any]:
    with socket.create_connection((server.host, server.port), 5) as connection:
        connection.sendall(raw)
        received = b""
        while piece := connection.recv(65_536):
            received += piece
    head, _, body = received.partition(b"\r\n\r\n")
    return int(head.split(b" ")[1]), json.loads(body)


def post(body: bytes, headers: str = "", path: str = PATH, method: str = "POST") -> bytes:
    return (
        f"{method} {path} HTTP/1.1\r\nContent-Length: {len(body)}\r\n{headers}\r\n".encode() + body
    )


def test_server__good_message__answered(server: CollectorServer) -> None:
    assert ask(server, post(b'{"a": 1}')) == (200, {"results": {"a": 1}})


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (post(b"{}", path="/"), 404),
        (post(b"", method="GET"), 405),
        (post(b"{"), 400),
        (post(b"NaN"), 400),
        (post(b"[" * 500 + b"]" * 500), 400),
        (post(b""), 400),
        (post(b" " * 1_001), 413),
        (f"POST {PATH} HTTP/1.1\r\nContent-Length: 999999999999999\r\n\r\n".encode(), 413),
        (f"POST {PATH} HTTP/1.1\r\nContent-Length: -1\r\n\r\n".encode(), 411),
        (f"POST {PATH} HTTP/1.1\r\n\r\n".encode(), 411),
        (post(b"{}", "Transfer-Encoding: chunked\r\n"), 411),
        (post(b"{}", "Content-Length: 3\r\n"), 400),
        (b"nonsense\r\n\r\n", 400),
        (post(b"{}", "X: " + "a" * 1_100 + "\r\n"), 413),
        (f"POST {PATH} HTTP/1.1\r\nContent-Length: 10\r\n\r\n{{}}".encode(), 408),
        (f"POST {PATH} HTTP/1.1\r\nX".encode(), 408),
    ],
    ids=map(str, range(16)),
)
def test_server__each_bound__held(server: CollectorServer, raw: bytes, status: int) -> None:
    assert ask(server, raw)[0] == status
    assert ask(server, post(b"{}"))[0] == 200


def test_server__too_many_connections__503_and_back(server: CollectorServer) -> None:
    idle = [socket.create_connection((server.host, server.port), 5) for _ in range(4)]
    time.sleep(0.05)

    assert ask(server, post(b"{}"))[0] == 503

    for connection in idle:
        connection.close()
    time.sleep(0.05)
    assert ask(server, post(b"{}"))[0] == 200


def test_server__too_many_requests__429() -> None:
    limits = ServerLimits(per_second=0.001, burst=2)
    running = CollectorServer(lambda document: {"results": document}, limits=limits)
    running.start()

    statuses = [ask(running, post(b"{}"))[0] for _ in range(3)]

    running.stop()
    assert statuses == [200, 200, 429]


# --- configuration --------------------------------------------------------------------------------

EXAMPLE: dict[str, Any] = {
    "http": {"total_seconds": 20, "allowed_hosts": ["127.0.0.1:8900"]},
    "sources": {
        "twin": {"type": "simulation", "url": "http://127.0.0.1:8900/state"},
        "weather": {
            "type": "open_meteo",
            "places": {"1": {"latitude": "48.14", "longitude": "11.58"}},
        },
        "prices": {"type": "energy_charts", "bidding_zones": {"1": "DE-LU"}},
        "platform": {"type": "entsoe", "areas": {"1": "10Y"}, "token_file": "entsoe.token"},
        "frequency": {"type": "elexon_frequency", "zones": [1]},
        "record": {"type": "recorded", "path": "prices.csv", "repeats_seconds": 86_400},
    },
    "feeds": [
        {"kind": "market_price", "zone": 1, "sources": ["prices", "record"], "minimum": 2},
        {"kind": "expected_supply", "zone": 1, "horizons": [1, 2], "sources": ["twin"]},
    ],
}


def written(folder: Path, document: Any) -> Path:
    path = folder / "sources.json"
    path.write_text(json.dumps(document))
    return path


def test_sources_file__example_of_the_docs__builds_all(tmp_path: Path) -> None:
    (tmp_path / "prices.csv").write_text("kind,zone,horizon_slots,start,seconds,value,unit\n")

    file = SourcesFile.read(written(tmp_path, EXAMPLE))
    client = client_of(file.http)
    sources = build_sources(file, tmp_path, client)
    client.close()

    assert list(sources) == list(EXAMPLE["sources"])
    assert [feed.horizon_slots for feed in feeds_of(file.feeds[1])] == [1, 2]


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"sources": {"a": {"type": "magic"}}}, "magic"),
        ({"feeds": [{"kind": "luck", "zone": 1, "sources": ["twin"]}]}, "luck"),
        ({"feeds": [{"kind": "demand", "zone": 0, "sources": ["twin"]}]}, "zone"),
        ({"feeds": [{"kind": "demand", "zone": 1, "sources": ["x"]}]}, "found x"),
        ({"feeds": [{"kind": "demand", "zone": 1, "sources": ["twin"], "minimum": 2}]}, "at most"),
        ({"feed": []}, "feed"),
    ],
)
def test_sources_file__wrong__said(tmp_path: Path, change: dict[str, Any], text: str) -> None:
    with pytest.raises(ConfigurationError, match=text):
        SourcesFile.read(written(tmp_path, {**EXAMPLE, **change}))


def test_sources_file__missing__said(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read"):
        SourcesFile.read(tmp_path / "none.json")

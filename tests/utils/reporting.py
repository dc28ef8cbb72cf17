"""Oracles on an Anvil, with reporters and collectors of this process around them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from eth_utils.address import to_checksum_address

from energy_grid.artifacts import Artifacts
from energy_grid.contracts import Contract, abi_of
from energy_grid.feeds import Feed, FeedKind, FeedStatus, standard_config
from energy_grid.outbox import Outbox, Sender
from energy_grid.rpc import Rpc, to_hex
from energy_grid.units import UnixSeconds, Zone
from oracles.collector.intake import Intake
from oracles.collector.server import CollectorServer
from oracles.collector.service import CollectorKeeper, CollectorOptions
from oracles.collector.shelf import Shelf
from oracles.reporters.keys import ReporterKey
from oracles.reporters.posting import Collector
from oracles.reporters.record import Record
from oracles.reporters.service import ObservedFeed, Reporter
from oracles.reporting.oracles import Oracle, oracle_of_kind
from oracles.runtime.desk import Desk
from oracles.runtime.keeper import Ops
from oracles.sources.base import Interval, Measurement, Source
from oracles.sources.combining import Combiner, CombiningRules
from oracles.sources.errors import SourceError, UnsupportedFeedError
from tests.utils.anvil import Anvil
from tests.utils.deploying import test_account
from tests.utils.oracles import NO_SHADOW, reporter_keys

START = 1_900_000_800
DEMAND = Feed(FeedKind.DEMAND, Zone(1))
FREQUENCY = Feed(FeedKind.FREQUENCY, Zone(1))
TEMPERATURE = Feed(FeedKind.TEMPERATURE, Zone(1))
FEEDS = (DEMAND, FREQUENCY, TEMPERATURE)
USUAL = {FeedKind.DEMAND: 50_000, FeedKind.FREQUENCY: 50_000, FeedKind.TEMPERATURE: 2_000}


class Instrument:
    """A source that says what it is told to; an error in the place of a value is raised."""

    def __init__(
        self, name: str = "instrument", values: Mapping[FeedKind, int | SourceError] | None = None
    ) -> None:
        self.name = name
        self.values: dict[FeedKind, int | SourceError] = dict(values or USUAL)
        self.late_seconds = 0
        self.asked = 0

    def observe(self, feed: Feed, interval: Interval) -> Measurement:
        self.asked += 1
        value = self.values.get(feed.kind)
        if value is None:
            raise UnsupportedFeedError(f"{self.name} has no feed {feed.id}")
        if isinstance(value, SourceError):
            raise value
        return Measurement(value, UnixSeconds(interval.start - self.late_seconds), self.name)


class ReportingChain:
    """An Anvil with a grid and a weather oracle, five reporters, and some feeds."""

    def __init__(
        self, anvil: Anvil, feeds: Iterable[Feed] = FEEDS, reporters: int = 5, **changes: Any
    ) -> None:
        self.anvil = anvil
        self.rpc = Rpc(anvil.url)
        self.governor = str(test_account(0).address)
        self.anvil.advance_to(START)
        artifacts = Artifacts.load()
        self._artifacts = artifacts
        authority = self.deploy("GridAccessManager", self.governor)
        self.oracles = {
            name: Oracle.of(name, self.deploy(name, authority.address), anvil.chain_id)
            for name in ("GridOracle", "WeatherOracle")
        }
        self.keys = reporter_keys(reporters)
        self.feeds = tuple(feeds)
        for name in self.oracles:
            self.set_reporters(name, range(reporters))
        for feed in self.feeds:
            config = replace(standard_config(feed), **changes)
            oracle = self.oracle_of(feed).contract
            self.send(oracle, "addFeed", feed.id, config.as_tuple(), NO_SHADOW)

    def oracle_of(self, feed: Feed) -> Oracle:
        return self.oracles[oracle_of_kind(feed.kind)]

    def deploy(self, name: str, *arguments: Any) -> Contract:
        artifact = self._artifacts.get(name)
        abi = abi_of(name, self._artifacts)
        data = bytes.fromhex(artifact.creation_code) + abi.encode_constructor(*arguments)
        receipt = self._transact({"data": to_hex(data)})
        address = to_checksum_address(receipt["contractAddress"])
        return Contract(name, address, abi, self.rpc)

    def send(self, contract: Contract, function: str, *arguments: Any) -> dict[str, Any]:
        data = to_hex(contract.encode(function, *arguments))
        return self._transact({"to": contract.address, "data": data})

    def _transact(self, call: dict[str, str]) -> dict[str, Any]:
        free = {"from": self.governor, "gasPrice": "0x0"}
        sent = self.rpc.call("eth_sendTransaction", {**free, **call})
        receipt = self.rpc.wait_for_receipt(sent)
        assert receipt["status"] == "0x1", call
        return receipt

    def set_reporters(self, oracle: str, numbers: Iterable[int]) -> None:
        addresses = [self.keys[number][0] for number in numbers]
        self.send(self.oracles[oracle].contract, "setReporters", addresses)

    @property
    def now(self) -> int:
        return self.rpc.timestamp()

    def advance(self, seconds: int) -> None:
        self.anvil.advance_to(self.now + seconds)

    def read(self, feed: Feed) -> tuple[int, int, FeedStatus]:
        value, updated_at, status = self.oracle_of(feed).contract.call("read", feed.id)
        return value, updated_at, FeedStatus(status)

    def published(self, feed: Feed) -> list[Any]:
        """Events of the feed's rounds."""
        events = self.oracle_of(feed).contract.events("RoundPublished")
        return [event for event in events if event.feedId == feed.id]


@dataclass
class Reported:
    """A reporter of a test."""

    reporter: Reporter
    instruments: list[Instrument]
    record: Record
    ops: Ops
    key: ReporterKey

    def say(self, kind: FeedKind, value: int | SourceError) -> None:
        for instrument in self.instruments:
            instrument.values[kind] = value


@dataclass
class Collecting:
    """A collector of a test."""

    keeper: CollectorKeeper
    server: CollectorServer
    shelf: Shelf
    outbox: Outbox
    ops: Ops
    folder: Path
    intake: Intake
    stack: ExitStack = field(default_factory=ExitStack)

    def close(self) -> None:
        self.stack.close()


def open_reporter(
    chain: ReportingChain,
    number: int,
    folder: Path,
    collectors: Sequence[str],
    instruments: Sequence[Instrument] | None = None,
    rules: CombiningRules | None = None,
    post_seconds: float = 2.0,
) -> Reported:
    """A reporter with one instrument unless others are given."""
    address, private_key = chain.keys[number]
    key = ReporterKey(address, private_key)
    chosen = list(instruments or [Instrument()])
    sources: list[Source] = list(chosen)
    feeds = [ObservedFeed.of(feed, Combiner(sources, rules)) for feed in chain.feeds]
    record = Record(folder / f"reporter-{number}.sqlite")
    record.bind(chain.anvil.chain_id, chain.rpc.genesis_hash(), address)
    ops = Ops.of("reporter")
    reporter = Reporter(
        Rpc(chain.anvil.url),
        chain.oracles.values(),
        feeds,
        key,
        record,
        [Collector(url, post_seconds) for url in collectors],
        ops,
    )
    return Reported(reporter, chosen, record, ops, key)


def open_collector(
    chain: ReportingChain,
    folder: Path,
    number: int = 1,
    options: CollectorOptions | None = None,
    port: int = 0,
) -> Collecting:
    """A collector that sends from one of Anvil's accounts."""
    stack = ExitStack()
    folder.mkdir(exist_ok=True)
    outbox = Outbox(folder / "collector.sqlite")
    sender = Sender(
        outbox,
        Rpc(chain.anvil.url),
        test_account(number),
        confirmations=8,
        lock_folder=folder,
    )
    desk = stack.enter_context(Desk(outbox, sender, retry_after_seconds=0.1))
    names = {oracle.address: name for name, oracle in chain.oracles.items()}
    shelf = Shelf(outbox, folder / "evidence.jsonl", names)
    ops = Ops.of("collector")
    intake = Intake(chain.oracles, shelf, ops.metrics)
    keeper = CollectorKeeper(
        Rpc(chain.anvil.url),
        chain.oracles,
        desk,
        shelf,
        intake,
        ops,
        options or CollectorOptions(wait_seconds=0.0, retry_seconds=0.05),
    )
    server = CollectorServer(intake.take, port=port)
    server.start()
    stack.callback(server.stop)
    return Collecting(keeper, server, shelf, outbox, ops, folder, intake, stack)


@contextmanager
def collecting(chain: ReportingChain, folder: Path, **options: Any) -> Any:
    """A collector that is closed in the end."""
    found = open_collector(chain, folder, **options)
    try:
        yield found
    finally:
        found.close()

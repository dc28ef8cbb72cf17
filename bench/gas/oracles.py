"""Gas of oracle updates: five reporters, three signatures a round.

A GridOracle of its own under the world's access manager, so that the figures do not depend on what
a deployment configures. "fresh": first round of a feed; "recycled": its word of the ring of 128
rounds is used again.
"""

from __future__ import annotations

from typing import Any, Final

from eth_keys.datatypes import PrivateKey

from bench.gas.world import World
from energy_grid import eip712
from energy_grid.abi import Abi
from energy_grid.artifacts import Artifacts
from energy_grid.contracts import Contract
from energy_grid.feeds import (
    GRID_DOMAIN,
    Feed,
    FeedKind,
    Observation,
    Report,
    SignedObservation,
    min_answers,
    standard_config,
)
from energy_grid.rpc import to_hex
from energy_grid.units import Zone

RING_ROUNDS: Final = 128
REPORTERS: Final = 5
FEEDS: Final = tuple(Feed(kind, Zone(1)) for kind in list(FeedKind)[1:6])
VALUES: Final = {
    FeedKind.DEMAND: 51_234_567,
    FeedKind.SUPPLY: 48_765_432,
    FeedKind.FREQUENCY: 49_987,
    FeedKind.VOLTAGE: 231_234,
    FeedKind.LINE_LOADING: 6_543,
}
_NO_SHADOW: Final = (0, 0, "0x" + "00" * 20, 0)


class OracleBench:
    """An oracle whose reporters' keys are known."""

    def __init__(self, world: World) -> None:
        self.world = world
        artifact = Artifacts.load().get("GridOracle")
        abi = Abi("GridOracle", artifact.abi)
        authority = world.contracts.access_manager.address
        code = bytes.fromhex(artifact.creation_code) + abi.encode_constructor(authority)
        transaction = {"from": world.governor, "data": to_hex(code), "gasPrice": "0x0"}
        receipt = world.rpc.wait_for_receipt(world.rpc.call("eth_sendTransaction", transaction))
        self.oracle = Contract("GridOracle", receipt["contractAddress"], abi, world.rpc)
        self.domain = eip712.domain(world.rpc.chain_id(), self.oracle.address, GRID_DOMAIN)
        keys = [(0x0FACE + number).to_bytes(32, "big") for number in range(REPORTERS)]
        by_address = {PrivateKey(key).public_key.to_checksum_address(): key for key in keys}
        addresses = sorted(by_address, key=lambda address: int(address, 16))
        self._keys = [by_address[address] for address in addresses]
        self._do("setReporters", addresses)
        for feed in FEEDS:
            self._do("addFeed", feed.id, standard_config(feed).as_tuple(), _NO_SHADOW)

    def report(self, feed: Feed, round_: int, answers: int, value: int | None = None) -> Any:
        """A round as its collector brings it; reporters differ by a step."""
        config = standard_config(feed)
        middle = VALUES[feed.kind] if value is None else value
        signed = [
            SignedObservation.sign(
                Observation(
                    feed=feed,
                    round=round_,
                    interval_start=config.interval_start(feed, round_),
                    interval_seconds=config.interval_seconds,
                    reporter_set=1,
                    value=middle + (number * 3) % 5,
                ),
                self.domain,
                key,
            )
            for number, key in enumerate(self._keys[:answers])
        ]
        return Report.of(signed, self.domain).as_tuple()

    def one(self, feed: Feed, round_: int, answers: int) -> int:
        """Gas of one round in a transaction of its own."""
        report = self.report(feed, round_, answers)
        return self.world.send(self.world.operator, self.oracle, "submitReport", report)

    def all_feeds(self, round_: int, **values: int) -> None:
        """A round of every feed; some have another value, by the name of their kind."""
        reports = [
            self.report(feed, round_, min_answers(REPORTERS), values.get(feed.kind.name))
            for feed in FEEDS
        ]
        self.world.send(self.world.operator, self.oracle, "submitReports", reports)

    def batch(self, feeds: tuple[Feed, ...], round_: int, answers: int) -> int:
        """Gas a report of a round of several feeds."""
        reports = [self.report(feed, round_, answers) for feed in feeds]
        gas = self.world.send(self.world.operator, self.oracle, "submitReports", reports)
        return gas // len(feeds)

    def _do(self, function: str, *arguments: Any) -> None:
        self.world.send(self.world.governor, self.oracle, function, *arguments)


def report_rounds(world: World) -> dict[str, int]:
    """Bring rounds to new feeds, and again one turn of the ring later."""
    bench = OracleBench(world)
    demand, rest = FEEDS[0], FEEDS[1:]
    enough = min_answers(REPORTERS)
    step = standard_config(demand).round_seconds
    first = world.now() // step + 1
    gas: dict[str, int] = {}
    for turn, round_ in (("fresh", first), ("recycled", first + RING_ROUNDS)):
        world.travel_to(round_ * step)
        gas[f"oracle_report_3_of_5_{turn}"] = bench.one(demand, round_, enough)
        gas[f"oracle_reports_4_feeds_3_of_5_{turn}"] = bench.batch(rest, round_, enough)
    world.travel_to((first + 2 * RING_ROUNDS) * step)
    gas["oracle_report_5_of_5_recycled"] = bench.one(demand, first + 2 * RING_ROUNDS, REPORTERS)
    return gas

"""An oracle in this process with reporters whose keys are known."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import Any, Final

from eth_keys.datatypes import PrivateKey

from energy_grid import eip712
from energy_grid.artifacts import Artifacts
from energy_grid.feeds import (
    GRID_DOMAIN,
    Feed,
    FeedConfig,
    FeedKind,
    FeedStatus,
    Observation,
    SignedObservation,
    standard_config,
)
from energy_grid.units import UnixSeconds, Zone
from tests.utils.revm import Contract, Revm

GOVERNOR: Final = "0x00000000000000000000000000000000000000a1"
GUARDIAN: Final = "0x00000000000000000000000000000000000000a2"
ANYBODY: Final = "0x00000000000000000000000000000000000000a3"
GUARDIAN_ROLE: Final = 1
GUARDIAN_FUNCTIONS: Final = ("freezeFeed", "switchToFallback")
START: Final = UnixSeconds(1_900_000_800)
"""A quarter hour begins here."""
ZERO: Final = "0x0000000000000000000000000000000000000000"
NO_SHADOW: Final = (0, 0, ZERO, 0)
DEMAND: Final = Feed(FeedKind.DEMAND, Zone(1))
FREQUENCY: Final = Feed(FeedKind.FREQUENCY, Zone(1))
FREQUENCY_BOUNDS: Final = {"floor": 47_000, "cap": 52_000}
"""Narrower than the standard's, whose bounds are those of plausibility: here bounds are tried."""
CHAIN_ID: Final = 1


@cache
def reporter_keys(count: int) -> tuple[tuple[str, bytes], ...]:
    """Addresses and keys of reporters, ascending by address."""
    found = []
    for number in range(count):
        key = (0x5EED + number).to_bytes(32, "big")
        found.append((PrivateKey(key).public_key.to_checksum_address(), key))
    return tuple(sorted(found, key=lambda pair: int(pair[0], 16)))


class OracleStage:
    """One oracle with some feeds, its reporters and its powers, on a chain of its own."""

    def __init__(
        self,
        reporters: int = 5,
        feeds: Iterable[Feed] = (DEMAND, FREQUENCY),
        name: str = "GridOracle",
        domain_name: str = GRID_DOMAIN,
    ) -> None:
        self.chain = Revm(Artifacts.load(), GOVERNOR)
        self.chain.at(START)
        self.authority = self.chain.deploy("GridAccessManager", GOVERNOR)
        self.oracle = self.deploy_oracle(name)
        self.reporters = reporter_keys(reporters)
        self._domain_name = domain_name
        self.domain = self.domain_of(self.oracle)
        self.oracle.send(GOVERNOR, "setReporters", [address for address, _ in self.reporters])
        self.configs: dict[Feed, FeedConfig] = {}
        for feed in feeds:
            self.add(feed)

    def deploy_oracle(self, name: str = "GridOracle") -> Contract:
        """An oracle under the same authority, with the guardian's functions given to him."""
        oracle = self.chain.deploy(name, self.authority.address)
        selectors = [oracle.abi.encode(function, 0, 0)[:4] for function in GUARDIAN_FUNCTIONS]
        self.authority.send(
            GOVERNOR, "setTargetFunctionRole", oracle.address, selectors, GUARDIAN_ROLE
        )
        self.authority.send(GOVERNOR, "grantRole", GUARDIAN_ROLE, GUARDIAN, 0)
        return oracle

    def domain_of(self, oracle: Contract) -> bytes:
        """Separator of an oracle's domain."""
        return eip712.domain(CHAIN_ID, oracle.address, self._domain_name)

    def add(self, feed: Feed, shadow: tuple[Any, ...] = NO_SHADOW, **changes: Any) -> FeedConfig:
        """Add a feed with its standard configuration, or one changed from that."""
        bounds = FREQUENCY_BOUNDS if feed.kind is FeedKind.FREQUENCY else {}
        config = replace(standard_config(feed), **(bounds | changes))
        self.oracle.send(GOVERNOR, "addFeed", feed.id, config.as_tuple(), shadow)
        self.configs[feed] = config
        return config

    def round_now(self, feed: Feed) -> int:
        """The round that runs now."""
        return self.configs[feed].round_at(self.chain.now)

    def observation(self, feed: Feed, round_: int, value: int) -> Observation:
        """What a reporter signs."""
        config = self.configs[feed]
        return Observation(
            feed=feed,
            round=round_,
            interval_start=config.interval_start(feed, round_),
            interval_seconds=config.interval_seconds,
            reporter_set=self.oracle.ask("reporterSet"),
            value=value,
        )

    def digest(self, observation: Observation) -> bytes:
        """What its reporter's key signs."""
        return eip712.digest(observation, self.domain)

    def signed(self, reporter: int, observation: Observation) -> tuple[int, bytes, bytes]:
        """A reporter's `SignedValue`."""
        key = self.reporters[reporter][1]
        return SignedObservation.sign(observation, self.domain, key).as_tuple()

    def report(
        self, feed: Feed, values: Mapping[int, int] | Sequence[int], round_: int | None = None
    ) -> tuple[int, int, list[tuple[int, bytes, bytes]]]:
        """A `Report` of values by the numbers of their reporters."""
        if not isinstance(values, Mapping):
            values = dict(enumerate(values))
        number = self.round_now(feed) if round_ is None else round_
        return (
            feed.id,
            number,
            [
                self.signed(reporter, self.observation(feed, number, values[reporter]))
                for reporter in sorted(values)
            ],
        )

    def submit(
        self, feed: Feed, values: Mapping[int, int] | Sequence[int], round_: int | None = None
    ) -> tuple[int, FeedStatus]:
        """Bring a report as anybody; the answer of `submitReport`."""
        value, status = self.oracle.send(ANYBODY, "submitReport", self.report(feed, values, round_))
        return value, FeedStatus(status)

    def read(self, feed: Feed, function: str = "read") -> tuple[int, int, FeedStatus]:
        """The answer of a read."""
        value, updated_at, status = self.oracle.ask(function, feed.id)
        return value, updated_at, FeedStatus(status)

"""The oracles as the chain shows them, read in one batch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from energy_grid import eip712
from energy_grid.contracts import Contract, Contracts
from energy_grid.errors import ConfigurationError
from energy_grid.feeds import (
    GRID_DOMAIN,
    PRICE_DOMAIN,
    WEATHER_DOMAIN,
    Feed,
    FeedConfig,
    FeedId,
    FeedKind,
)
from energy_grid.rpc import Rpc
from energy_grid.units import UnixSeconds

ORACLES: Final[dict[str, tuple[str, frozenset[FeedKind]]]] = {
    "PriceOracle": (PRICE_DOMAIN, frozenset({FeedKind.MARKET_PRICE})),
    "WeatherOracle": (
        WEATHER_DOMAIN,
        frozenset(
            {
                FeedKind.IRRADIANCE,
                FeedKind.TEMPERATURE,
                FeedKind.WIND_SPEED,
                FeedKind.CLOUD_COVER,
                FeedKind.EXPECTED_SUPPLY,
                FeedKind.EXPECTED_DEMAND,
            }
        ),
    ),
    "GridOracle": (
        GRID_DOMAIN,
        frozenset(
            {
                FeedKind.DEMAND,
                FeedKind.SUPPLY,
                FeedKind.FREQUENCY,
                FeedKind.VOLTAGE,
                FeedKind.LINE_LOADING,
            }
        ),
    ),
}
"""EIP-712 domain name and kinds of feeds by contract."""


@dataclass(frozen=True)
class Oracle:
    """One oracle of the deployment.

    Attributes:
        name: role in the deployment.
        contract: its handle.
        domain: EIP-712 domain separator.
    """

    name: str
    contract: Contract
    domain: bytes

    @classmethod
    def of(cls, name: str, contract: Contract, chain_id: int) -> Oracle:
        """An oracle by its name and handle."""
        return cls(name, contract, eip712.domain(chain_id, contract.address, ORACLES[name][0]))

    @property
    def address(self) -> str:
        """Address of the contract."""
        return self.contract.address


@dataclass(frozen=True, slots=True)
class FeedView:
    """A feed at one moment.

    Attributes:
        feed: the feed.
        config: how it works.
        latest_round: number of its newest round; 0 if there is none.
        latest_value: value of that.
        updated_at: when it was published; 0 if there is none.
    """

    feed: Feed
    config: FeedConfig
    latest_round: int = 0
    latest_value: int = 0
    updated_at: int = 0

    @property
    def has_round(self) -> bool:
        """Whether anything was published."""
        return self.updated_at > 0


@dataclass(frozen=True)
class OracleView:
    """An oracle at one moment.

    Attributes:
        now: time of the newest block.
        reporter_set: number of the set in force; 0 before the first.
        reporters: its addresses, ascending.
        min_answers: values that a report needs.
        feeds: those that were asked for and that the oracle knows.
    """

    now: UnixSeconds
    reporter_set: int
    reporters: tuple[str, ...]
    min_answers: int
    feeds: Mapping[FeedId, FeedView] = field(default_factory=dict)


def oracle_of_kind(kind: FeedKind) -> str:
    """Name of the oracle that takes feeds of a kind."""
    return next(name for name, (_, kinds) in ORACLES.items() if kind in kinds)


def oracles_of(contracts: Contracts, names: Iterable[str] | None = None) -> dict[str, Oracle]:
    """Oracles of a deployment by name.

    Args:
        contracts: the deployment.
        names: which must be there; None for those that are.

    Raises:
        ConfigurationError: one is not deployed, or none at all.
    """
    deployed = contracts.deployment.contracts
    wanted = [name for name in ORACLES if name in deployed] if names is None else list(names)
    missing = [name for name in wanted if name not in deployed]
    if missing or not wanted:
        raise ConfigurationError(
            "oracles of the deployment",
            expected=", ".join(wanted or ORACLES),
            found=f"no {', '.join(missing)}" if missing else "none",
            remedy="Deploy again: `ape run deploy --network ...`",
        )
    chain_id = contracts.deployment.chain_id
    return {name: Oracle.of(name, contracts[name], chain_id) for name in wanted}


def read_views(
    rpc: Rpc,
    oracles: Iterable[Oracle],
    feeds: Mapping[str, Sequence[Feed]] | None = None,
) -> dict[str, OracleView]:
    """Oracles with some of their feeds, or with all of them.

    Args:
        rpc: the node.
        oracles: which.
        feeds: feeds by name of their oracle; None for all that the chain knows.

    Raises:
        RetryableError: the node does not answer.
    """
    chosen = list(oracles)
    wanted = {one.name: _feed_ids(one, feeds) for one in chosen}
    calls: list[tuple[str, Sequence[Any]]] = [("eth_getBlockByNumber", ["latest", False])]
    for one in chosen:
        contract = one.contract
        calls += [contract.request(name) for name in ("reporterSet", "reporters", "minAnswers")]
        for feed_id in wanted[one.name]:
            calls.append(contract.request("feedConfig", feed_id))
            calls.append(contract.request("latestRound", feed_id))
    answers = iter(rpc.batch(calls))
    now = UnixSeconds(int(next(answers)["timestamp"], 16))
    return {one.name: _view(one, now, wanted[one.name], answers) for one in chosen}


def _feed_ids(oracle: Oracle, feeds: Mapping[str, Sequence[Feed]] | None) -> list[FeedId]:
    if feeds is None:
        return [FeedId(int(feed_id)) for feed_id in oracle.contract.call("feedIds")]
    return [feed.id for feed in feeds.get(oracle.name, ())]


def _view(oracle: Oracle, now: UnixSeconds, feed_ids: list[FeedId], answers: Any) -> OracleView:
    def answer(function: str) -> Any:
        return oracle.contract.decode_answer(function, next(answers))

    reporter_set, reporters = int(answer("reporterSet")), tuple(answer("reporters"))
    min_answers = int(answer("minAnswers"))
    views = {}
    for feed_id in feed_ids:
        config, latest = FeedConfig.of_answer(answer("feedConfig")), answer("latestRound")
        if config is None:
            continue  # unknown on chain
        views[feed_id] = FeedView(
            Feed.of_id(feed_id), config, latest.round, latest.value, latest.updatedAt
        )
    return OracleView(now, reporter_set, reporters, min_answers, views)

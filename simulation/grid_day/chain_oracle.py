"""Reporters of the day: every minute each signs what the grid's instruments show in its zone.

The collector's part is played here too: 2f + 1 signed values of every feed go to the chain in one
transaction. Values are those of the physical twin, whole steps of the feeds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from eth_account.signers.local import LocalAccount

from energy_grid import eip712
from energy_grid.feeds import (
    GRID_DOMAIN,
    Feed,
    FeedConfig,
    FeedKind,
    Observation,
    Report,
    SignedObservation,
    min_answers,
)
from energy_grid.units import Zone
from simulation.grid_day.errors import GridDayError
from simulation.market_day.chain import Call, Chain

_GAS_BASE: Final = 100_000
_GAS_PER_REPORT: Final = 120_000
"""A report of three signatures takes half of it; a refused one is skipped by name."""


@dataclass(frozen=True, slots=True)
class ZoneValues:
    """What the instruments of a zone show, in steps of the feeds.

    Attributes:
        demand_w: power drawn in the zone.
        supply_w: power fed in within the zone.
        frequency_millihz: frequency of the zone's synchronous area.
        voltage_millivolts: voltage of the bus that is furthest from nominal.
        line_loading_bps: highest loading of a line or transformer, in 1/10,000 of its rating.
    """

    demand_w: int
    supply_w: int
    frequency_millihz: int
    voltage_millivolts: int
    line_loading_bps: int

    def by_kind(self) -> dict[FeedKind, int]:
        """The values by their feeds."""
        return {
            FeedKind.DEMAND: self.demand_w,
            FeedKind.SUPPLY: self.supply_w,
            FeedKind.FREQUENCY: self.frequency_millihz,
            FeedKind.VOLTAGE: self.voltage_millivolts,
            FeedKind.LINE_LOADING: self.line_loading_bps,
        }


class GridReporters:
    """Signs rounds of the grid oracle.

    Args:
        chain: where the oracle is.
        keys: the reporters; 2f + 1 of them sign, in turns, so that each is seen at work.
        zones: zones that are reported on.

    Raises:
        GridDayError: a feed is missing, or another set of reporters is in force.
    """

    def __init__(self, chain: Chain, keys: Sequence[LocalAccount], zones: Sequence[int]) -> None:
        self._oracle = chain.contracts.grid_oracle
        self._domain = eip712.domain(chain.chain_id, self._oracle.address, GRID_DOMAIN)
        self._set = int(self._oracle.call("reporterSet"))
        on_chain = {str(address) for address in self._oracle.call("reporters")}
        if on_chain != {key.address for key in keys}:
            raise GridDayError(
                "the oracle has other reporters",
                expected=f"{len(keys)} of this day",
                found=f"{len(on_chain)}: {', '.join(sorted(on_chain)[:2])} ...",
            )
        self._keys = tuple(keys)
        self._needed = min_answers(len(keys))
        self._configs = {feed: self._config_of(feed) for feed in _feeds_of(zones)}
        self._turn = 0

    def round_call(self, sender: LocalAccount, now: int, values: Mapping[int, ZoneValues]) -> Call:
        """The transaction that publishes the values of all zones for the round that runs now.

        Args:
            sender: who pays.
            now: unix time of the block it is meant for.
            values: by zone.
        """
        self._turn += 1
        reports = []
        for zone, shown in values.items():
            for kind, value in shown.by_kind().items():
                reports.append(self._report(Feed(kind, Zone(zone)), now, value))
        return Call(
            sender,
            self._oracle,
            "submitReports",
            (reports,),
            _GAS_BASE + _GAS_PER_REPORT * len(reports),
            f"{len(reports)} feeds",
        )

    def _report(
        self, feed: Feed, now: int, value: int
    ) -> tuple[int, int, list[tuple[int, bytes, bytes]]]:
        config = self._configs[feed]
        round_ = config.round_at(now)
        observation = Observation(
            feed=feed,
            round=round_,
            interval_start=config.interval_start(feed, round_),
            interval_seconds=config.interval_seconds,
            reporter_set=self._set,
            # An instrument shows the end of its scale where the truth lies beyond it.
            value=min(max(value, config.lowest_observation), config.highest_observation),
        )
        signers = [
            self._keys[(self._turn + index) % len(self._keys)] for index in range(self._needed)
        ]
        signers.sort(key=lambda key: int(key.address, 16))
        signed = [
            SignedObservation.sign(observation, self._domain, bytes(key.key)) for key in signers
        ]
        report = Report(feed.id, round_, tuple(key.address for key in signers), tuple(signed))
        return report.as_tuple()

    def _config_of(self, feed: Feed) -> FeedConfig:
        config = FeedConfig.of_answer(self._oracle.call("feedConfig", feed.id))
        if config is None:
            raise GridDayError(
                f"the grid oracle has no feed {feed.kind.name} of zone {feed.zone}",
                remedy="Deploy the zone with its feeds",
            )
        return config


def _feeds_of(zones: Sequence[int]) -> list[Feed]:
    kinds = (
        FeedKind.DEMAND,
        FeedKind.SUPPLY,
        FeedKind.FREQUENCY,
        FeedKind.VOLTAGE,
        FeedKind.LINE_LOADING,
    )
    return [Feed(kind, Zone(zone)) for zone in zones for kind in kinds]

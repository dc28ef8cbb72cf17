"""The reference price reads the stability of the grid: real oracles, real market (market rules 12)

branches:
├── source set: the factor is 20,000 - score, and the flag is gone
├── BLACKOUT: score 0, the price doubles its stability part
└── a watched value is stale: factor 10,000, flag STABILITY_MISSING
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from energy_grid.feeds import Feed, FeedKind, standard_config
from energy_grid.grid.limits import GridPreset, GridState, Watch, preset_limits
from energy_grid.pricing import PriceFlag
from energy_grid.units import Zone
from tests.unit.price_oracle.stage import DEMAND, SUPPLY, PricedMarket
from tests.utils.auction_market import ANYBODY, GOVERNOR, ZONE
from tests.utils.oracles import NO_SHADOW
from tests.utils.revm import Contract

FREQUENCY = Feed(FeedKind.FREQUENCY, Zone(ZONE))
ZERO = "0x0000000000000000000000000000000000000000"


class StableMarket(PricedMarket):
    """A priced market whose price oracle asks grid management."""

    def __init__(self) -> None:
        super().__init__()
        self.grid.send(
            GOVERNOR, "addFeed", FREQUENCY.id, standard_config(FREQUENCY).as_tuple(), NO_SHADOW
        )
        self.management: Contract = self.chain.deploy(
            "GridManagement",
            self.authority.address,
            self.grid.address,
            self.grid.address,
            self.market.address,
            ZERO,
            interface="IGridManagement",
        )
        limits = preset_limits(GridPreset.EN_50160_50HZ, 230_000)
        limits = replace(limits, watched=Watch.FREQUENCY)
        self.management.send(GOVERNOR, "setGridLimits", ZONE, limits.as_tuple())
        self.rule("setStabilitySource", self.management.address)

    def report(self, frequency: int) -> None:
        """A round of demand, supply and frequency."""
        self.chain.at(self.chain.now + 60)
        self._report(DEMAND, 100_000)
        self._report(SUPPLY, 50_000)
        self._report(FREQUENCY, frequency)

    def factor(self) -> tuple[int, PriceFlag]:
        """Stability factor and flags of the next quote."""
        flags = self.quote()[1]
        return self.oracle.ask("quoteOf", ZONE, self.slot + 1).stabilityFactorBps, flags


@pytest.fixture
def market() -> StableMarket:
    return StableMarket()


@pytest.mark.parametrize(("frequency", "part"), [(50_000, 10_000), (50_115, 5_000), (49_800, 0)])
def test_quote__frequency_off__stability_raises_the_price(
    market: StableMarket, frequency: int, part: int
) -> None:
    market.report(frequency)

    score = (9_000 * part + 1_000 * 5_000) // 10_000
    factor, flags = market.factor()
    assert market.management.ask("stabilityScore", ZONE)[0] == score
    assert factor == 20_000 - score
    assert PriceFlag.STABILITY_MISSING not in flags


def test_quote__blackout__score_of_zero(market: StableMarket) -> None:
    market.report(49_400)
    assert market.management.send(ANYBODY, "updateGridState", ZONE) == GridState.BLACKOUT
    market.report(50_000)

    assert market.factor()[0] == 20_000


def test_quote__frequency_stale__factor_neutral_and_flag(market: StableMarket) -> None:
    market.report(50_000)
    market.chain.at(market.chain.now + 1_350)
    market._report(DEMAND, 100_000)
    market._report(SUPPLY, 50_000)

    factor, flags = market.factor()
    assert factor == 10_000
    assert PriceFlag.STABILITY_MISSING in flags

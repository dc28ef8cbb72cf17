"""The real market over a mock ledger, three oracles with reporters, a price to be quoted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from energy_grid import eip712
from energy_grid.curves import Step
from energy_grid.feeds import (
    GRID_DOMAIN,
    WEATHER_DOMAIN,
    Feed,
    FeedKind,
    FeedStatus,
    Observation,
    SignedObservation,
    standard_config,
)
from energy_grid.pricing import (
    Demand,
    EnergyQuote,
    Formula,
    GridMetrics,
    PriceFlag,
    PriceHistory,
    PriceParams,
    Supply,
    TimeOfWeek,
    quote_energy,
)
from energy_grid.products import Product
from energy_grid.units import Zone
from tests.utils.auction_market import (
    ANYBODY,
    GOVERNOR,
    GUARDIAN,
    MONDAY,
    TICK_SIZE,
    ZONE,
    AuctionMarket,
)
from tests.utils.oracles import CHAIN_ID, NO_SHADOW, reporter_keys
from tests.utils.revm import Contract

GUARDIAN_ROLE: Final = 1
PRICE_FEED_ROLE: Final = 4
NORMAL_W: Final = 100_000
BASE: Final = 200 * TICK_SIZE
FORMULA: Final = Formula(normal_demand_w=NORMAL_W, normal_supply_w=NORMAL_W)
DEMAND: Final = Feed(FeedKind.DEMAND, Zone(ZONE))
SUPPLY: Final = Feed(FeedKind.SUPPLY, Zone(ZONE))
EXPECTED: Final = Feed(FeedKind.EXPECTED_SUPPLY, Zone(ZONE), 1)
START: Final = MONDAY - 96 * 2
"""Slot at which the zone is opened."""


class PricedMarket(AuctionMarket):
    """A market whose zone has a reference price."""

    def __init__(self) -> None:
        super().__init__()
        self.chain.at(START * 900)
        deploy = self.chain.deploy
        self.grid = deploy("GridOracle", self.authority.address)
        self.weather = deploy("WeatherOracle", self.authority.address)
        self.oracle = deploy(
            "PriceOracle",
            self.authority.address,
            self.market.address,
            self.grid.address,
            self.weather.address,
        )
        self._wire()
        self.reporters = reporter_keys(4)
        for oracle, feeds in ((self.grid, (DEMAND, SUPPLY)), (self.weather, (EXPECTED,))):
            oracle.send(GOVERNOR, "setReporters", [address for address, _ in self.reporters])
            for feed in feeds:
                config = standard_config(feed).as_tuple()
                oracle.send(GOVERNOR, "addFeed", feed.id, config, NO_SHADOW)
        self.rule("openZone", ZONE, FORMULA.as_tuple(), BASE)

    def _wire(self) -> None:
        def give(target: Contract, functions: tuple[str, ...], role: int) -> None:
            selectors = [target.abi.selector(function) for function in functions]
            self.authority.send(GOVERNOR, "setTargetFunctionRole", target.address, selectors, role)

        give(self.market, ("setReferencePrice", "quoteSlot"), PRICE_FEED_ROLE)
        give(self.oracle, ("freezeQuotes",), GUARDIAN_ROLE)
        self.authority.send(GOVERNOR, "grantRole", PRICE_FEED_ROLE, self.oracle.address, 0)
        self.authority.send(GOVERNOR, "grantRole", GUARDIAN_ROLE, GUARDIAN, 0)

    # --- acting ---

    def rule(self, function: str, *arguments: Any) -> Any:
        """Call the price oracle as governance."""
        return self.oracle.send(GOVERNOR, function, *arguments)

    def quote(self, zone: int = ZONE) -> tuple[int, PriceFlag]:
        """Quote as anybody."""
        price, flags = self.oracle.send(ANYBODY, "quote", zone)
        return price, PriceFlag(flags)

    def feed(self, demand_w: int | None, supply_w: int | None, expected_w: int | None) -> None:
        """Reporters report, all the same."""
        values: Mapping[Feed, int | None] = {
            DEMAND: demand_w,
            SUPPLY: supply_w,
            EXPECTED: expected_w,
        }
        for feed, value in values.items():
            if value is not None:
                self._report(feed, value)

    def trade(self, product: Product, tick: int, lots: int) -> None:
        """An auction that clears at a tick; delivery has not started afterwards."""
        buyer, seller = self.enrol(), self.enrol()
        self.at_gate(product, -600)
        self.place(buyer, product, Step.buy(tick, lots))
        self.place(seller, product, Step.sell(tick, lots))
        self.at_gate(product, 301)
        self.clear(product, tick, tick)

    def _report(self, feed: Feed, value: int) -> None:
        oracle, name = (
            (self.weather, WEATHER_DOMAIN) if feed is EXPECTED else (self.grid, GRID_DOMAIN)
        )
        config = standard_config(feed)
        round_ = config.round_at(self.chain.now)
        observation = Observation(
            feed=feed,
            round=round_,
            interval_start=config.interval_start(feed, round_),
            interval_seconds=config.interval_seconds,
            reporter_set=1,
            value=value,
        )
        domain = eip712.domain(CHAIN_ID, oracle.address, name)
        signed = [
            SignedObservation.sign(observation, domain, key).as_tuple()
            for _, key in self.reporters[:3]
        ]
        oracle.send(ANYBODY, "submitReport", (feed.id, round_, signed))

    # --- looking ---

    @property
    def slot(self) -> int:
        """The slot that runs now."""
        return self.chain.now // 900

    def price(self) -> tuple[int, int, FeedStatus]:
        """The answer of `price`."""
        price, quoted_at, status = self.oracle.ask("price", ZONE)
        return price, quoted_at, FeedStatus(status)


def expected_quote(
    slot: int,
    demand_w: int | None,
    supply_w: int | None,
    expected_w: int | None,
    *,
    base: int = BASE,
    previous: int = 0,
    score: int | None = None,
    formula: Formula = FORMULA,
    **more: Any,
) -> EnergyQuote:
    """What the Python core computes."""
    params = PriceParams(
        Demand(demand_w, formula.normal_demand_w),
        Supply(supply_w, expected_w, formula.normal_supply_w),
        TimeOfWeek(slot),
        GridMetrics(score),
        PriceHistory(base, previous),
        formula,
    )
    return quote_energy(replace(params, **more) if more else params)

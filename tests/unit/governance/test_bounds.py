"""I-39, the first half: whatever is decided, each value stays within its bounds in code.

A row a value: the lowest and the highest are taken, one less and one more are refused by name.
Whatever governance may call stands in the table or, with a reason, among what needs no bounds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

import pytest

from energy_grid.contracts import abi_of
from energy_grid.deployment.roles import FUNCTION_ROLES, Role
from energy_grid.feeds import standard_config
from tests.unit.guardian.stage import LIMITS, GuardianStage
from tests.unit.price_oracle.stage import BASE, DEMAND, FORMULA
from tests.utils.auction_market import GOVERNOR, MONDAY, OWNER, TERMS, TICK_SIZE, ZONE
from tests.utils.oracles import ZERO, reporter_keys
from tests.utils.revm import Contract, Refused
from tests.utils.settlement import deploy_settlement

NEW_ZONE, NEIGHBOUR = 21, 22
DAY: Final = 86_400
MOST_POWER_W: Final = 2**39 - 1
MOST_TARIFF: Final = 2**48 - 1
DEMAND_CONFIG: Final = standard_config(DEMAND)
CONFIG_FIELDS: Final = (
    "unit", "decimals", "intervalSeconds", "roundSeconds", "heartbeatSeconds", "lowestObservation",
    "highestObservation", "floor", "cap", "maxSpread", "maxSpreadBps", "fallbackFeed",
)  # fmt: skip


class World(GuardianStage):
    """All contracts with something that governance sets."""

    def __init__(self) -> None:
        super().__init__()
        deploy = self.chain.deploy
        authority = self.authority.address
        token, energy = deploy("MockSettlementToken"), deploy("EnergyToken", authority)
        meter, market = deploy("MockMeterEnergy"), deploy("MockMarket")
        parameters = (20_000_000, 500_000_000, (0, 1_000_000, 0, 1_000_000))
        self.settlement = deploy_settlement(
            self.chain, authority, token.address, energy.address, meter.address, market.address,
            OWNER, parameters,
        )  # fmt: skip
        meters = deploy("SmartMeter", authority)
        self.meters = Contract(
            self.chain, abi_of("SmartMeter", self.chain.artifacts), meters.address
        )
        self.sealed = deploy("SealedAuction", authority, -5_000, 40_000, 1)
        self.market.send(GOVERNOR, "joinRegion", NEIGHBOUR, NEW_ZONE)
        self.market.send(GOVERNOR, "addInterconnector", NEW_ZONE, NEIGHBOUR, 9, 9, OWNER)

    def contract(self, name: str) -> Contract:
        """A contract by its name in the deployment."""
        found: dict[str, Contract] = {
            "EnergyTrading": self.market,
            "Settlement": self.settlement,
            "PriceOracle": self.oracle,
            "GridOracle": self.grid,
            "GridManagement": self.management,
            "SealedAuction": self.sealed,
            "SmartMeter": self.meters,
        }
        return found[name]


@dataclass(frozen=True)
class Bound:
    """One value of one setter.

    Attributes:
        contract: whose function.
        function: the setter.
        value: what is bounded.
        arguments: of the setter, from the value.
        lowest: None where only the type bounds it.
        highest: likewise.
        error: what refuses a value beyond.
        step: distance of two values.
    """

    contract: str
    function: str
    value: str
    arguments: Callable[[World, int], tuple[Any, ...]]
    lowest: int | None
    highest: int | None
    error: str
    step: int = 1

    def __str__(self) -> str:
        return f"{self.contract}.{self.function} {self.value}"


def terms(field: int) -> Callable[[World, int], tuple[Any, ...]]:
    def arguments(_: World, value: int) -> tuple[Any, ...]:
        changed = list(TERMS)
        changed[field] = value
        return NEW_ZONE + 10, 0, tuple(changed)

    return arguments


def tariff(field: int) -> Callable[[World, int], tuple[Any, ...]]:
    def arguments(_: World, value: int) -> tuple[Any, ...]:
        bounds = [0, MOST_TARIFF, 0, MOST_TARIFF]
        bounds[field] = value
        return (tuple(bounds),)

    return arguments


def formula(name: str, function: str) -> Callable[[World, int], tuple[Any, ...]]:
    def arguments(_: World, value: int) -> tuple[Any, ...]:
        changed = replace(FORMULA, **{name: value}).as_tuple()
        return (ZONE, changed) if function == "proposeFormula" else (NEW_ZONE, changed, BASE)

    return arguments


def offset(_: World, value: int) -> tuple[Any, ...]:
    return ZONE, (*FORMULA.as_tuple()[:-1], value)


def config(name: str) -> Callable[[World, int], tuple[Any, ...]]:
    def arguments(_: World, value: int) -> tuple[Any, ...]:
        changed = list(DEMAND_CONFIG.as_tuple())
        changed[CONFIG_FIELDS.index(name)] = value
        return DEMAND.id, tuple(changed)

    return arguments


def shadow(field: int) -> Callable[[World, int], tuple[Any, ...]]:
    def arguments(_: World, value: int) -> tuple[Any, ...]:
        changed: list[Any] = [8, 0, ZERO, 0]
        changed[field] = value
        return DEMAND.id, tuple(changed)

    return arguments


def limit(name: str, position: int | None = None) -> Callable[[World, int], tuple[Any, ...]]:
    """A field of the grid's limits, or one of a band."""

    def arguments(_: World, value: int) -> tuple[Any, ...]:
        if position is None:
            return ZONE, replace(LIMITS, **{name: value}).as_tuple()
        fields = ("alert", "emergency", "blackout", "hysteresis")
        band = replace(getattr(LIMITS, name), **{fields[position]: value})
        return ZONE, replace(LIMITS, **{name: band}).as_tuple()

    return arguments


def a_day(field: int, *limits: int) -> Callable[[World, int], tuple[Any, ...]]:
    """A field of limits that count in a day."""

    def arguments(_: World, value: int) -> tuple[Any, ...]:
        changed = list(limits)
        changed[field] = value
        return (tuple(changed),)

    return arguments


def clock(field: int) -> Callable[[World, int], tuple[Any, ...]]:
    def arguments(world: World, value: int) -> tuple[Any, ...]:
        changed = [world.now + 1, 3_600, 1, 600]
        changed[field] = world.now + value if field == 0 else value
        return (tuple(changed),)

    return arguments


def droop(field: int) -> Callable[[World, int], tuple[Any, ...]]:
    """A droop curve whose last point has the value; it may fall steeply enough to get there."""

    def arguments(_: World, value: int) -> tuple[Any, ...]:
        last = [5_000, -5_000]
        last[field] = value
        return ZONE, 0, 2, [(-4_900, 0), (4_800, 0), tuple(last)]

    return arguments


def line(function: str) -> Callable[[World, int], tuple[Any, ...]]:
    def arguments(_: World, value: int) -> tuple[Any, ...]:
        if function == "addInterconnector":
            return NEW_ZONE, NEIGHBOUR, value, 0, OWNER
        return NEW_ZONE, 0, value, 1

    return arguments


def accounts(_: World, count: int) -> tuple[Any, ...]:
    return ([address for address, _ in reporter_keys(count)],)


def reference(_: World, value: int) -> tuple[Any, ...]:
    return ZONE, value


def base_price(_: World, value: int) -> tuple[Any, ...]:
    return NEW_ZONE, FORMULA.as_tuple(), value


def week(world: World, value: int) -> tuple[Any, ...]:
    return ZONE, world.now // 900 + value, TERMS


MARKET, LEDGER, PRICES, ORACLE = "EnergyTrading", "Settlement", "PriceOracle", "GridOracle"
GRID, SEALED, METERS = "GridManagement", "SealedAuction", "SmartMeter"
BOUNDS: Final = (
    Bound(MARKET, "setMarketTerms", "price cap", terms(0), TICK_SIZE, 1_023 * TICK_SIZE,
          "CapNotInTicks", TICK_SIZE),
    Bound(MARKET, "setMarketTerms", "network fee", terms(1), None, 65_535 * 1_000,
          "NetworkFeeInvalid", 1_000),
    Bound(MARKET, "setMarketTerms", "trading fee", terms(2), None, 100, "TradingFeeTooHigh"),
    Bound(MARKET, "addInterconnector", "capacity", line("addInterconnector"), None, MOST_POWER_W,
          "CapacityTooLarge"),
    Bound(MARKET, "setCapacity", "capacity", line("setCapacity"), None, MOST_POWER_W,
          "CapacityTooLarge"),
    Bound(MARKET, "setReferencePrice", "price", reference, None, 1_023 * TICK_SIZE,
          "ReferenceTooHigh", TICK_SIZE),
    Bound(LEDGER, "setTariffBounds", "lowest retail", tariff(0), None, MOST_TARIFF,
          "InvalidTariffBounds"),
    Bound(LEDGER, "setTariffBounds", "highest retail", tariff(1), None, MOST_TARIFF,
          "InvalidTariffBounds"),
    Bound(LEDGER, "setTariffBounds", "lowest feed-in", tariff(2), None, MOST_TARIFF,
          "InvalidTariffBounds"),
    Bound(LEDGER, "setTariffBounds", "highest feed-in", tariff(3), None, MOST_TARIFF,
          "InvalidTariffBounds"),
    Bound(LEDGER, "setJoinLimits", "of all zones", a_day(0, 500, 100), 100, 20_000,
          "JoinLimitOutOfRange"),
    Bound(LEDGER, "setJoinLimits", "of a zone", a_day(1, 500, 100), 100, 500,
          "JoinLimitOutOfRange"),
    Bound(METERS, "setMeterLimits", "of all", a_day(0, 50, 10, 10), 10, 10_000,
          "MeterLimitOutOfRange"),
    Bound(METERS, "setMeterLimits", "of a registrar", a_day(1, 50, 10, 10), 10, 50,
          "MeterLimitOutOfRange"),
    Bound(METERS, "setMeterLimits", "removals", a_day(2, 50, 10, 10), 10, 10_000,
          "MeterLimitOutOfRange"),
    *(
        Bound(PRICES, function, name, formula(name, function), lowest, highest, error)
        for function in ("openZone", "proposeFormula")
        for name, lowest, highest, error in (
            ("lowest_factor_bps", 1_000, 10_000, "FactorBoundsInvalid"),
            ("highest_factor_bps", 10_000, 50_000, "FactorBoundsInvalid"),
            ("step_bps", 1, 10_000, "StepInvalid"),
            ("floor_bps", 1, 10_000, "PriceBoundsInvalid"),
            ("cap_bps", 10_000, None, "PriceBoundsInvalid"),
            ("alpha_bps", 1, 5_000, "AlphaInvalid"),
            ("full_volume_wh", 1_000, 10**12, "FullVolumeInvalid"),
        )
    ),
    Bound(PRICES, "openZone", "base price", base_price, TICK_SIZE, 1_023 * TICK_SIZE,
          "BaseInvalid", TICK_SIZE),
    Bound(PRICES, "proposeFormula", "offset from UTC", offset, -56, 56, "OffsetInvalid"),
    Bound(ORACLE, "setReporters", "reporters", accounts, 4, 31, "ReporterCountInvalid"),
    Bound(ORACLE, "configureFeed", "heartbeat", config("heartbeatSeconds"),
          DEMAND_CONFIG.round_seconds, DAY, "RhythmInvalid"),
    Bound(ORACLE, "configureFeed", "lowest observation", config("lowestObservation"), 0, 0,
          "BoundsNotAscending"),
    Bound(ORACLE, "configureFeed", "floor", config("floor"), DEMAND_CONFIG.lowest_observation,
          DEMAND_CONFIG.cap, "BoundsNotAscending"),
    Bound(ORACLE, "configureFeed", "cap", config("cap"), DEMAND_CONFIG.floor,
          DEMAND_CONFIG.highest_observation, "BoundsNotAscending"),
    Bound(ORACLE, "configureFeed", "spread", config("maxSpread"), None,
          DEMAND_CONFIG.highest_observation, "SpreadTooLarge"),
    Bound(ORACLE, "configureFeed", "relative spread", config("maxSpreadBps"), None, 10_000,
          "BpsTooHigh"),
    Bound(ORACLE, "shadowFeed", "rounds", shadow(0), 8, None, "ShadowTooShort"),
    Bound(ORACLE, "shadowFeed", "deviation", shadow(1), None, 2_000, "BpsTooHigh"),
    *(
        Bound(GRID, "setGridLimits", name, limit(name), lowest, highest, "LimitOutOfBounds")
        for name, lowest, highest in (
            ("nominal_voltage_millivolts", 50_000, 1_200_000_000),
            ("calm_rounds", 2, 20),
            ("halt_seconds", 300, 3_600),
        )
    ),
    *(
        Bound(GRID, "setGridLimits", f"{band} {place}", limit(band, place), lowest, highest,
              "LimitOutOfBounds")
        for band, place, lowest, highest in (
            ("frequency", 2, LIMITS.frequency.emergency + 1, 3_000),
            ("frequency", 1, LIMITS.frequency.alert + 1, LIMITS.frequency.blackout - 1),
            ("frequency", 3, 1, LIMITS.frequency.alert - 1),
            ("voltage_low", 1, LIMITS.voltage_low.alert + 1, 2_000),
            ("voltage_high", 1, LIMITS.voltage_high.alert + 1, 2_000),
            ("loading", 1, LIMITS.loading.alert + 1, 20_000),
        )
    ),
    Bound(GRID, "setCurve", "deviation", droop(0), None, 5_000, "PointOutOfRange"),
    Bound(GRID, "setCurve", "power", droop(1), -10_000, None, "ValueOutOfBounds"),
    Bound(GRID, "rateLine", "rating", line("rateLine"), None, MOST_POWER_W, "RatingInvalid"),
    Bound(SEALED, "openMarket", "first gate ahead", clock(0), 1, 365 * DAY, "ClockInvalid"),
    Bound(SEALED, "openMarket", "gate interval", clock(1), 1, 7 * DAY, "ClockInvalid"),
    Bound(SEALED, "openMarket", "sessions a gate", clock(2), 1, None, "ClockInvalid"),
    Bound(SEALED, "openMarket", "clearing time", clock(3), 1, DAY, "ClockInvalid"),
)  # fmt: skip
"""The table; docs/governance.md says it in words."""

WITHOUT_VALUES: Final = {
    "activateFeed": "ends a shadow that has run",
    "activateFormula": "ends a shadow that has run",
    "addFeed": "same configuration and shadow as configureFeed and shadowFeed",
    "appendTable": "each factor 10 % to 500 %: TableWordInvalid, tests/unit/price_oracle",
    "appointOperator": "names an account, once a zone",
    "endFallback": "ends",
    "joinRegion": "seven zones: TooManyZones, tests/unit/coupled_auction",
    "liftEscalation": "ends",
    "liftHalt": "ends",
    "quoteSlot": "same price as setReferencePrice",
    "releaseZone": "ends",
    "renewBudget": "fills to the capacity in code",
    "setStabilitySource": "names a contract",
    "trigger": "ends the market, once, from the next slot on",
    "unfreezeFeed": "ends",
    "unfreezeQuotes": "ends",
    "withdrawProposal": "ends",
}
"""Functions of governance that take nothing to be bounded here, and why."""


@pytest.fixture(scope="module")
def deployed_world() -> World:
    return World()


@pytest.fixture
def world(deployed_world: World) -> Iterator[World]:
    origin = deployed_world.remember()
    yield deployed_world
    deployed_world.restore(origin)


def attempt(world: World, bound: Bound, value: int) -> str:
    """Name of the error, empty if the value is taken; nothing stays."""
    origin = world.remember()
    try:
        arguments = bound.arguments(world, value)
        world.contract(bound.contract).send(GOVERNOR, bound.function, *arguments)
    except Refused as refused:
        return refused.name
    else:
        return ""
    finally:
        world.restore(origin)


def allow(world: World, bound: Bound) -> None:
    """Let governance call what a contract alone may call: the contract is not trusted either."""
    if bound.function == "setReferencePrice":
        world.authority.send(GOVERNOR, "grantRole", Role.PRICE_FEED, GOVERNOR, 0)
    if bound.function == "setCapacity":
        world.authority.send(GOVERNOR, "grantRole", Role.GRID, GOVERNOR, 0)


@pytest.mark.parametrize("bound", BOUNDS, ids=str)
def test_i39__on_a_bound_and_one_beyond__taken_and_refused(world: World, bound: Bound) -> None:
    allow(world, bound)
    assert bound.lowest is not None or bound.highest is not None

    for edge, beyond in ((bound.lowest, -bound.step), (bound.highest, bound.step)):
        if edge is not None:
            assert attempt(world, bound, edge) == ""
            assert attempt(world, bound, edge + beyond) == bound.error


def test_i39__terms_for_a_later_week__not_before_67_days(world: World) -> None:
    early = Bound(MARKET, "setMarketTerms", "start", week, None, None, "")
    monday = next(
        s for s in range(MONDAY, MONDAY + 672 * 20, 672) if s * 900 > world.now + 67 * DAY
    )
    now_slot = world.now // 900

    assert attempt(world, early, monday - now_slot) == ""
    assert attempt(world, early, monday - 672 - now_slot) == "TermsTooSoon"
    assert attempt(world, early, monday - now_slot + 1) == "TermsNotOnWeekStart"


def test_i39__what_governance_may_call__is_bounded_or_has_nothing_to_bound() -> None:
    governed = {
        function
        for functions in FUNCTION_ROLES.values()
        for function, role in functions.items()
        if role in (Role.GOVERNOR, Role.GRID, Role.PRICE_FEED)
    }
    bounded = {bound.function for bound in BOUNDS}

    assert governed - bounded - WITHOUT_VALUES.keys() == set(), "add a row, or a reason"
    assert bounded - governed == {"openMarket"}  # of a contract that stands by itself
    assert not bounded & WITHOUT_VALUES.keys()

"""The guardian over what it acts upon: market, oracles, grid management, events, timelock."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from enum import IntEnum
from typing import Any, Final

from eth_utils.address import to_checksum_address

from energy_grid.abi import Abi
from energy_grid.feeds import Feed, FeedKind, standard_config
from energy_grid.grid.limits import GridPreset, GridState, preset_limits
from energy_grid.units import Zone
from tests.unit.price_oracle.stage import BASE, DEMAND, FORMULA, SUPPLY, PricedMarket
from tests.utils.auction_market import GOVERNOR, ZONE
from tests.utils.oracles import NO_SHADOW, ZERO
from tests.utils.revm import Contract

HOUR: Final = 3_600
DAY: Final = 24 * HOUR
SLOT: Final = 900
BUDGET: Final = 72 * HOUR
TAIL: Final = HOUR
"""What a breaker of grid management may add to a halt."""
REFILL: Final = 30 * DAY
OTHER_ZONE: Final = 8
GUARDIAN_ROLE, BREAKER_ROLE, GRID_ROLE, WATCH_ROLE, VETO_ROLE = 1, 6, 7, 10, 11
WATCHER, SAFE, OPERATOR, STRANGER = (
    to_checksum_address(n.to_bytes(20, "big")) for n in (0xA7, 0x5AFE, 0x0B, 0x57)
)
LIMITS: Final = replace(preset_limits(GridPreset.EN_50160_50HZ, 230_000), halt_seconds=HOUR)
"""Breakers that halt for as long as they may."""
BACKUP: Final = Feed(FeedKind.DEMAND, Zone(OTHER_ZONE))
"""Fallback of the zone's demand."""
NEVER_SLOT: Final = 2**28 - 1
PLACE, MATCH, BOTH = 1, 2, 3


class Power(IntEnum):
    """`GuardianPower`."""

    TRADING = 0
    QUOTES = 1
    FEED = 2
    EVENTS = 3
    VETO = 4


class GuardianStage(PricedMarket):
    """Everything the guardian acts upon, with a governor that is one account."""

    def __init__(self) -> None:
        super().__init__()
        deploy = self.chain.deploy
        self.set_terms(OTHER_ZONE)
        self.rule("openZone", OTHER_ZONE, FORMULA.as_tuple(), BASE)
        self.grid.send(
            GOVERNOR, "addFeed", BACKUP.id, standard_config(BACKUP).as_tuple(), NO_SHADOW
        )
        for feed in (DEMAND, SUPPLY):
            config = standard_config(feed)
            fallback = BACKUP.id if feed is DEMAND else 0
            changed = (*config.as_tuple()[:-1], fallback)
            self.grid.send(GOVERNOR, "configureFeed", feed.id, changed)
        self.metrics = deploy("MockGridMetrics")
        metrics, market = self.metrics.address, self.market.address
        self.management = deploy(
            "GridManagement", self.authority.address, metrics, metrics, market, ZERO,
            interface="IGridManagement",
        )  # fmt: skip
        self.world = deploy("MockDemandWorld")
        self.calendar = deploy("MockEventCalendar")
        world = self.world.address
        self.response = deploy(
            "DemandResponse", self.authority.address, world, self.calendar.address, world, world,
            world,
        )  # fmt: skip
        self.timelock = deploy("GridTimelock", DAY, [GOVERNOR], [ZERO], GOVERNOR)
        self.guardian = self._with_errors_of_targets(
            deploy("Guardian", self.authority.address, self.targets())
        )
        self._wire_guardian()
        for zone in (ZONE, OTHER_ZONE):
            self.management.send(GOVERNOR, "setGridLimits", zone, LIMITS.as_tuple())
            self.world.send(GOVERNOR, "setOperator", zone, OPERATOR)

    def _with_errors_of_targets(self, guardian: Contract) -> Contract:
        """The guardian, called by an ABI that knows what its targets refuse."""
        names = ("Guardian", "IMarket", "PriceOracle", "IGridManagement", "DemandResponse")
        entries = {
            (entry["type"], entry.get("name"), str(entry.get("inputs"))): entry
            for name in (*names, "IPriceOracle", "GridTimelock")
            for entry in self.chain.artifacts.get(name).abi
            if name == "Guardian" or entry["type"] == "error"
        }
        return Contract(self.chain, Abi("Guardian", entries.values()), guardian.address)

    def targets(self) -> tuple[str, ...]:
        """`GuardianTargets`."""
        found: Sequence[Contract] = (
            self.market, self.oracle, self.grid, self.weather, self.management, self.response,
            self.timelock,
        )  # fmt: skip
        return tuple(one.address for one in found)

    def _wire_guardian(self) -> None:
        def give(target: Contract, functions: tuple[str, ...], role: int) -> None:
            selectors = [target.abi.selector(function) for function in functions]
            self.authority.send(GOVERNOR, "setTargetFunctionRole", target.address, selectors, role)

        give(self.market, ("haltZone",), BREAKER_ROLE)
        give(self.market, ("setCapacity",), GRID_ROLE)
        for oracle in (self.oracle, self.grid, self.weather):
            give(oracle, ("freezeFeed", "switchToFallback"), GUARDIAN_ROLE)
        give(self.management, ("escalateZone",), GUARDIAN_ROLE)
        give(self.response, ("stopEvent",), GUARDIAN_ROLE)
        give(self.guardian, WATCH_FUNCTIONS, WATCH_ROLE)
        give(self.guardian, ("cancelOperation",), VETO_ROLE)
        for role, holder in (
            (GUARDIAN_ROLE, self.guardian.address),
            (BREAKER_ROLE, self.guardian.address),
            (BREAKER_ROLE, self.management.address),
            (GRID_ROLE, self.management.address),
            (WATCH_ROLE, WATCHER),
            (WATCH_ROLE, SAFE),
            (VETO_ROLE, SAFE),
        ):
            self.authority.send(GOVERNOR, "grantRole", role, holder, 0)
        canceller = self.timelock.ask("CANCELLER_ROLE")
        self.timelock.send(GOVERNOR, "grantRole", canceller, self.guardian.address)
        self.timelock.send(GOVERNOR, "revokeRole", canceller, GOVERNOR)

    @property
    def now(self) -> int:
        """Time of the chain."""
        return self.chain.now

    def wait(self, seconds: int) -> None:
        """Let time pass."""
        self.chain.at(self.now + seconds)

    def remember(self) -> Any:
        """The state to come back to."""
        return self.chain.snapshot(), self.now

    def restore(self, origin: Any) -> None:
        """Go back to a state."""
        snapshot, now = origin
        self.chain.revert(snapshot)
        self.chain.at(now)

    # --- acting -----------------------------------------------------------------------------------

    def watch(self, function: str, *arguments: Any, by: str = WATCHER) -> None:
        """Call the guardian."""
        self.guardian.send(by, function, *arguments)

    def halt(
        self,
        until: int,
        zone: int = ZONE,
        scope: int = BOTH,
        slots: tuple[int, int] = (0, NEVER_SLOT),
        by: str = WATCHER,
    ) -> None:
        """Halt trading in a zone."""
        self.watch("haltZone", zone, scope, *slots, until, by=by)

    def escalate(
        self, until: int, level: GridState = GridState.EMERGENCY, zone: int = ZONE
    ) -> None:
        """Escalate a zone."""
        self.watch("escalateZone", zone, level, until)

    def freeze(self, until: int, feed: Feed = DEMAND) -> None:
        """Freeze a feed of the grid oracle."""
        self.watch("freezeFeed", self.grid.address, feed.id, until)

    def fall_back(self, until: int, feed: Feed = DEMAND) -> None:
        """Switch a feed of the grid oracle to its fallback."""
        self.watch("switchToFallback", self.grid.address, feed.id, until)

    def publish(self, slots: int, ahead: int = 2, zone: int = ZONE) -> int:
        """The operator publishes an event of demand response."""
        slot = self.now // SLOT + ahead
        terms = (zone, 1, 1, 0, slot, slot + slots, 1_000)
        event_id: int = self.response.send(OPERATOR, "publishEvent", terms, [])
        return event_id

    def schedule(self, number: int) -> bytes:
        """Something waits in the timelock; gives its id."""
        call = (self.market.address, 0, b"", bytes(32), number.to_bytes(32, "big"))
        self.timelock.send(GOVERNOR, "schedule", *call, DAY)
        return bytes(self.timelock.ask("hashOperation", *call))

    def renew(self, power: Power, subject: int, oracle: str = ZERO) -> None:
        """Governance fills a budget."""
        self.guardian.send(GOVERNOR, "renewBudget", power, oracle, subject)

    # --- looking ----------------------------------------------------------------------------------

    def left(self, power: Power, subject: int = ZONE) -> int:
        """What can be spent."""
        oracle = self.grid.address if power is Power.FEED else ZERO
        return int(self.guardian.ask("budgetOf", power, oracle, subject).left)

    def full(self, power: Power) -> int:
        """A whole budget."""
        return {Power.TRADING: BUDGET + TAIL, Power.VETO: 3}.get(power, BUDGET)

    def spent(self, power: Power, subject: int = ZONE) -> int:
        """What has been spent and is not back."""
        return self.full(power) - self.left(power, subject)

    def halted_until(self, zone: int = ZONE) -> int:
        """End of the halt in force; 0 without one."""
        return int(self.market.ask("haltOf", zone).expiresAt)


WATCH_FUNCTIONS: Final = (
    "haltZone",
    "escalateZone",
    "freezeQuotes",
    "freezeFeed",
    "switchToFallback",
    "stopEvent",
)

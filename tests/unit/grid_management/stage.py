"""Grid management over the real market and an oracle that says what a test tells it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from eth_utils.address import to_checksum_address

from energy_grid.abi import Event
from energy_grid.feeds.kinds import FeedStatus
from energy_grid.grid.limits import GridLimits, GridPreset, GridState, preset_limits
from energy_grid.grid.score import Metrics
from energy_grid.grid.setpoints import Reading
from tests.utils.auction_market import ANYBODY, GOVERNOR, GUARDIAN, MONDAY, OWNER, AuctionMarket
from tests.utils.revm import Contract

ZONE: Final = 7
NEIGHBOUR: Final = 8
ZERO: Final = "0x0000000000000000000000000000000000000000"
GUARDIAN_ROLE, BREAKER_ROLE, GRID_ROLE = 1, 6, 7
ROUND_SECONDS: Final = 60
START: Final = (MONDAY - 40) * 900
"""Ten hours before a Monday, at a slot's beginning."""
LIMITS: Final = preset_limits(GridPreset.EN_50160_50HZ, 230_000)
NORMAL_MILLIHZ, ALERT_MILLIHZ, EMERGENCY_MILLIHZ, BLACKOUT_MILLIHZ = 50_000, 49_900, 49_750, 49_400


@dataclass
class GridStage:
    """A region of two zones with one line between them, both under grid management."""

    market: AuctionMarket = field(default_factory=lambda: AuctionMarket((ZONE,)))

    def __post_init__(self) -> None:
        self.chain = self.market.chain
        self.market.govern("joinRegion", NEIGHBOUR, ZONE)
        self.market.set_terms(NEIGHBOUR)
        self.market.govern("addInterconnector", ZONE, NEIGHBOUR, 900_000, 800_000, OWNER)
        self.oracle = self.chain.deploy("MockGridMetrics")
        market = self.market.market.address
        arguments = (
            self.market.authority.address,
            self.oracle.address,
            self.oracle.address,
            market,
            ZERO,
        )
        self.grid: Contract = self.chain.deploy(
            "GridManagement", *arguments, interface="IGridManagement"
        )
        self._roles(market)
        self.values = Metrics(*(Reading(value) for value in (5_000, 4_000, 50_000, 230_000, 0)))
        self.chain.at(START)
        for zone in (ZONE, NEIGHBOUR):
            self.set_limits(zone)

    def _roles(self, market: str) -> None:
        authority = self.market.authority
        for target, function, arguments, role in (
            (market, "haltZone", (0,) * 5, BREAKER_ROLE),
            (market, "setCapacity", (0,) * 4, GRID_ROLE),
            (self.grid.address, "escalateZone", (0,) * 3, GUARDIAN_ROLE),
        ):
            abi = self.grid.abi if target == self.grid.address else self.market.market.abi
            selector = abi.encode(function, *arguments)[:4]
            authority.send(GOVERNOR, "setTargetFunctionRole", target, [selector], role)
        for role, holder in (
            (GUARDIAN_ROLE, GUARDIAN),
            (BREAKER_ROLE, GUARDIAN),
            (BREAKER_ROLE, self.grid.address),
            (GRID_ROLE, self.grid.address),
        ):
            authority.send(GOVERNOR, "grantRole", role, holder, 0)

    def set_limits(self, zone: int = ZONE, limits: GridLimits = LIMITS) -> None:
        """Set the limits of a zone."""
        self.grid.send(GOVERNOR, "setGridLimits", zone, limits.as_tuple())

    def let_market_refuse(self, refuses: bool = True) -> None:
        """Take the roles on the market away, or give them back."""
        for role in (BREAKER_ROLE, GRID_ROLE):
            if refuses:
                self.market.authority.send(GOVERNOR, "revokeRole", role, self.grid.address)
            else:
                self.market.authority.send(GOVERNOR, "grantRole", role, self.grid.address, 0)

    # --- values ---

    def say(self, zone: int = ZONE, **changes: int | Reading) -> None:
        """Publish values now; an integer is OK, a `Reading` what it says, the rest as before."""
        now = self.chain.now
        named = {
            name: value if isinstance(value, Reading) else Reading(value, now)
            for name, value in changes.items()
        }
        self.values = replace(self.values, **named)
        order = ("demand_w", "supply_w", "frequency_millihz", "voltage_millivolts")
        metrics = [getattr(self.values, name) for name in (*order, "line_loading_bps")]
        answer = [(one.value, one.updated_at, int(one.status)) for one in metrics]
        self.oracle.send(ANYBODY, "setMetrics", zone, answer)

    def round(
        self,
        frequency: int = NORMAL_MILLIHZ,
        voltage: int = 230_000,
        loading: int = 0,
        zone: int = ZONE,
        seconds: int = ROUND_SECONDS,
    ) -> GridState:
        """A round of all quantities and an update of the state by anybody."""
        self.chain.at(self.chain.now + seconds)
        self.say(
            zone,
            demand_w=5_000,
            supply_w=4_000,
            frequency_millihz=frequency,
            voltage_millivolts=voltage,
            line_loading_bps=loading,
        )
        return self.update(zone)

    def calm(self, rounds: int = 3, **values: int) -> GridState:
        """Some rounds, by default quite normal."""
        state = self.state()
        for _ in range(rounds):
            state = self.round(**values)
        return state

    def update(self, zone: int = ZONE, sender: str = ANYBODY) -> GridState:
        """Update a zone's state."""
        return GridState(self.grid.send(sender, "updateGridState", zone))

    # --- looking ---

    def state(self, zone: int = ZONE) -> GridState:
        """State in force."""
        return GridState(self.grid.ask("gridState", zone)[0])

    def halt(self, zone: int = ZONE) -> tuple[int, ...]:
        """Halt in force in the market: scope, first slot, end, expiry."""
        return tuple(self.market.market.ask("haltOf", zone))

    def capacities(self) -> tuple[int, int]:
        """Capacities of the line in the market."""
        line = self.market.market.ask("interconnectorsOf", ZONE)[0]
        return line.forwardW, line.backW

    def event(self, name: str) -> Event:
        """The one event of a kind of the last call."""
        (found,) = self.grid.events(name)
        return found

    @property
    def slot(self) -> int:
        """The slot that runs."""
        return self.chain.now // 900


def stale(reading: Reading, status: FeedStatus = FeedStatus.STALE) -> Reading:
    """The same value, not to be trusted."""
    return replace(reading, status=status)


def address(number: int) -> str:
    """An account."""
    return to_checksum_address(f"0x{number:040x}")


def fields(event: Event, *names: str) -> Sequence[Any]:
    """Some arguments of an event."""
    return [event.arguments[name] for name in names]

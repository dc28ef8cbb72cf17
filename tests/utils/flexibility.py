"""The flexibility market on a chain of its own, with neighbours that say what a test tells them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Final

from energy_grid.artifacts import Artifacts
from energy_grid.contracts import abi_of
from energy_grid.grid.flexibility import Direction, stake
from tests.utils.revm import Contract, Revm

GOVERNOR: Final = "0x00000000000000000000000000000000000000A1"
CALENDAR_USER: Final = "0x00000000000000000000000000000000000000A3"
OPERATOR: Final = "0x00000000000000000000000000000000000000B1"
ANYBODY: Final = "0x00000000000000000000000000000000000000C1"
ZONE: Final = 1
SLOT: Final = 900
DAY: Final = 86_400
TODAY: Final = 20_606
"""A Tuesday, with weeks of record before it."""
MORNING: Final = TODAY * DAY + 8 * 3_600
COIN: Final = 1_000_000
PENALTY: Final = 500_000
"""Half a coin a kWh: also the highest price."""
MIN_STAKE: Final = 10_000
CALENDAR_ROLE: Final = 77
MISSING, MEASURED, ESTIMATED = range(3)


class Phase(IntEnum):
    """`FlexPhase`."""

    NONE = 0
    OPEN = 1
    ALLOCATED = 2
    CLOSED = 3


class Standing(IntEnum):
    """`FlexStanding`."""

    NONE = 0
    WAITING = 1
    READY = 2
    SETTLED = 3


@dataclass(frozen=True)
class Home:
    """A household with a meter and a resource."""

    owner: str
    meter_id: int
    resource_id: int


def slot_at(day: int, hour: int, quarter: int = 0) -> int:
    """Slot of a day."""
    return day * 96 + hour * 4 + quarter


class FlexStage:
    """The contract, its mocks and some households, on a Tuesday morning."""

    def __init__(self, *, token: str = "MockSettlementToken", token_arguments: Any = ()) -> None:
        artifacts = Artifacts.load()
        self.chain = Revm(artifacts, GOVERNOR)
        self.chain.at(MORNING - 60 * DAY)
        self.world = self.chain.deploy("MockFlexWorld")
        self.token = self.chain.deploy(token, *token_arguments)
        self.manager = self.chain.deploy("GridAccessManager", GOVERNOR)
        world = self.world.address
        setup = (
            self.manager.address,
            self.token.address,
            world,
            world,
            world,
            world,
            PENALTY,
            MIN_STAKE,
        )
        deployed = self.chain.deploy("Flexibility", setup)
        self.flex = Contract(self.chain, abi_of("Flexibility", artifacts), deployed.address)
        self.world.send(GOVERNOR, "setOperator", ZONE, OPERATOR)
        selectors = [self.flex.abi.selector(name) for name in ("reserve", "release")]
        self.manager.send(
            GOVERNOR,
            "setTargetFunctionRole",
            deployed.address,
            selectors,
            CALENDAR_ROLE,
        )
        self.manager.send(GOVERNOR, "grantRole", CALENDAR_ROLE, CALENDAR_USER, 0)
        self.chain.at(MORNING)
        self.homes: list[Home] = []
        self.accounts = {OPERATOR}

    # --- people and money ---

    def pay_in(self, account: str, amount: int) -> None:
        """Give an account free money in the contract."""
        self.token.send(GOVERNOR, "mint", account, amount)
        self.token.send(account, "approve", self.flex.address, 2**256 - 1)
        self.flex.send(account, "deposit", amount)
        self.accounts.add(account)

    def fund(self, amount: int = 1_000 * COIN) -> None:
        """Give the zone a budget."""
        self.pay_in(OPERATOR, amount)
        self.flex.send(OPERATOR, "fundBudget", ZONE, amount)

    def home(self, *, import_wh: int = 1_000, money: int = 1_000 * COIN, zone: int = ZONE) -> Home:
        """A household that draws so much in every slot, with weeks on record."""
        owner = f"0x{0xD000 + len(self.homes):040x}"
        meter_id = self.world.send(GOVERNOR, "addMeter", owner, zone, 0)
        resource_id = self.world.send(
            GOVERNOR, "addResource", owner, zone, meter_id, 20_000, 20_000
        )
        self.world.send(GOVERNOR, "setProfile", owner, import_wh, 0, TODAY * 96 + 30)
        if money:
            self.pay_in(owner, money)
        home = Home(owner, meter_id, resource_id)
        self.homes.append(home)
        return home

    def write(
        self, home: Home, slots: Sequence[int], import_wh: int, quality: int = MEASURED
    ) -> None:
        """Put readings on record."""
        for slot in slots:
            self.world.send(GOVERNOR, "write", home.owner, slot, 1, import_wh, 0, quality)

    # --- the market ---

    def offer(
        self,
        home: Home,
        power_w: int,
        price: int,
        from_slot: int,
        to_slot: int,
        *,
        direction: Direction = Direction.UP,
        place: int | None = None,
        zone: int = ZONE,
    ) -> int:
        """Place an offer."""
        if place is None:
            place = len(self.flex.ask("bookOf", zone, direction))
        offer = (home.resource_id, direction, power_w, price, from_slot, to_slot, place)
        return int(self.flex.send(home.owner, "placeOffer", offer))

    def request(
        self,
        power_w: int,
        from_slot: int,
        to_slot: int,
        *,
        cap: int = PENALTY,
        direction: Direction = Direction.UP,
        allocate_from: int = 0,
    ) -> int:
        """Ask as the operator."""
        return int(
            self.flex.send(
                OPERATOR,
                "requestFlexibility",
                ZONE,
                direction,
                power_w,
                cap,
                from_slot,
                to_slot,
                allocate_from,
            )
        )

    def call(self, power_w: int, from_slot: int, to_slot: int, price: int, **terms: Any) -> int:
        """Ask and allocate."""
        request_id = self.request(power_w, from_slot, to_slot, **terms)
        self.flex.send(ANYBODY, "allocate", request_id, price)
        return request_id

    def settle(self, request_id: int, *offer_ids: int) -> int:
        """Settle as anybody."""
        return int(self.flex.send(ANYBODY, "settle", request_id, list(offer_ids)))

    def after_deadline(self, day: int = TODAY) -> None:
        """Let all readings of a day be final."""
        self.chain.at((day + 2) * DAY)

    def free(self, account: str) -> int:
        """Free money."""
        return int(self.flex.ask("balanceOf", account))

    def require_balanced(self) -> None:
        """The pot equals what belongs to somebody, to the last unit."""
        parts = sum(self.free(account) for account in self.accounts)
        parts += self.flex.ask("budgetOf", ZONE)
        for offer_id in range(1, self.flex.ask("offerCount") + 1):
            parts += self.flex.ask("offerOf", offer_id).stake
        for request_id in range(1, self.flex.ask("requestCount") + 1):
            parts += self.flex.ask("requestOf", request_id).reserved
        assert parts == self.flex.ask("escrowed")
        assert self.token.ask("balanceOf", self.flex.address) >= parts


def stake_of(power_w: int, slots: int) -> int:
    """Stake that the stage's contract takes."""
    return stake(power_w, slots, PENALTY, MIN_STAKE)

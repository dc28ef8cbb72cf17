"""The world of the engine, with reports of the grid: what grid management and its keeper see."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from energy_grid import eip712
from energy_grid.contracts import Contract
from energy_grid.feeds import (
    GRID_DOMAIN,
    Feed,
    FeedKind,
    Observation,
    SignedObservation,
    standard_config,
)
from energy_grid.outbox import Outbox, Sender
from energy_grid.rpc import to_hex
from energy_grid.units import SLOTS_PER_DAY, Zone
from oracles.runtime.desk import Desk
from simulation.grid_day.chain_meters import Connection, DayEnergies, MeterHall
from simulation.market_day.chain import Chain
from tests.integration.engine_world import COIN, EAST, EngineWorld
from tests.utils.deploying import test_account

REPORTERS = range(5, 10)
CALM = {
    FeedKind.DEMAND: 50_000,
    FeedKind.SUPPLY: 50_000,
    FeedKind.FREQUENCY: 50_000,
    FeedKind.VOLTAGE: 230_000,
    FeedKind.LINE_LOADING: 3_000,
}
ROUND_SECONDS = 60


@dataclass
class GridWorld(EngineWorld):
    """Both zones, whose five reporters say what a test wants."""

    said: dict[FeedKind, int] = field(default_factory=lambda: dict(CALM))

    def report(self, changes: Mapping[FeedKind, int] | None = None, zone: int = EAST) -> int:
        """All reporters agree on the values said last, with changes; the block of the round.

        Goes to the next round first, since a round is published once.
        """
        self.said |= changes or {}
        self.travel_to(self.now + ROUND_SECONDS - self.now % ROUND_SECONDS + 1)
        receipt = self.send(
            self.governor, self.contracts.grid_oracle, "submitReports", self.reports(zone)
        )
        return int(receipt["blockNumber"], 16)

    def lowered(self, changes: Mapping[FeedKind, int]) -> list[Any]:
        """Reports with changes, to be sent by hand."""
        self.said |= changes
        return self.reports()

    def mine_with(self, contract: Contract, data: bytes) -> int:
        """Mine a block with a call in it, where blocks come by hand; its number."""
        rpc = self.anvil.rpc
        call = {"from": self.governor, "to": contract.address, "data": to_hex(data)}
        sent = rpc.call("eth_sendTransaction", call | {"gas": hex(10**7), "gasPrice": "0x0"})
        self.anvil.mine()
        receipt = rpc.wait_for_receipt(sent)
        assert receipt["status"] == "0x1"
        return int(receipt["blockNumber"], 16)

    def reports(self, zone: int = EAST) -> list[Any]:
        """A report for each feed of the grid, of the round that runs now."""
        oracle = self.contracts.grid_oracle
        domain = eip712.domain(self.contracts.deployment.chain_id, oracle.address, GRID_DOMAIN)
        reporter_set = int(oracle.call("reporterSet"))
        keys = sorted(map(test_account, REPORTERS), key=lambda one: int(one.address, 16))
        found = []
        for kind, value in self.said.items():
            feed = Feed(kind, Zone(zone))
            config = standard_config(feed)
            round_ = config.round_at(self.now)
            observation = Observation(
                feed=feed,
                round=round_,
                interval_start=config.interval_start(feed, round_),
                interval_seconds=config.interval_seconds,
                reporter_set=reporter_set,
                value=value,
            )
            signed = [SignedObservation.sign(observation, domain, bytes(one.key)) for one in keys]
            found.append((feed.id, round_, [one.as_tuple() for one in signed]))
        return found

    def desk(self, name: str, index: int) -> Desk:
        """A keeper's desk with one of the known accounts."""
        account = test_account(index)
        self.anvil.rpc.call("anvil_setBalance", account.address, hex(10**24))
        outbox = Outbox(self.folder / f"{name}.sqlite")
        sender = Sender(outbox, self.anvil.rpc, account, confirmations=0, lock_folder=self.folder)
        return Desk(outbox, sender, retry_after_seconds=0.01)


LOAD, UP = 5, 0
"""`ResourceClass` and `FlexDirection` on chain."""
RATED_W = 10_000
OFFERED_W = 1_000
USUAL_WH = 500
"""What each home draws in every slot of its weeks on record."""
WEEKS_DAYS = 11
OPERATOR, RELAYER = 1, 3
CAP = 1_000_000


@dataclass
class FlexWorld(GridWorld):
    """Homes with weeks of readings, each with an offer for today, and an operator with a budget.

    It is just past midnight of a weekday; `today` is its first slot.
    """

    homes: int = 3
    hall: MeterHall = field(init=False)
    today: int = field(init=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        midnight = (self.now // 86_400 + 1) * SLOTS_PER_DAY
        chain = Chain(self.anvil.rpc, self.contracts, self.contracts.deployment.chain_id)
        owners = [self._somebody(f"home {number}") for number in range(self.homes)]
        connections = [
            Connection(f"home {number}", owner, EAST, RATED_W, 0, has_storage=False)
            for number, owner in enumerate(owners)
        ]
        self.hall = MeterHall(chain, connections, midnight, seed=7)
        self.meters = self.hall.register(test_account(0))
        self.today = midnight
        for _ in range(WEEKS_DAYS):
            self.meter_day()
        while (self.today // SLOTS_PER_DAY + 3) % 7 >= 5:  # day 0 was a Thursday
            self.meter_day()
        self._order(OFFERED_W * self.homes)
        self.offers = [
            self._offer(owner.address, meter)
            for owner, meter in zip(owners, self.meters, strict=True)
        ]

    def meter_day(self, drawn_wh: Mapping[int, int] | None = None) -> None:
        """The meters' day that is over next: each draws as usual, but for some slots."""
        drawn = [(drawn_wh or {}).get(self.today + slot, USUAL_WH) for slot in range(SLOTS_PER_DAY)]
        energies = DayEnergies(tuple(drawn), (0,) * SLOTS_PER_DAY)
        self.hall.send_day(test_account(RELAYER), self.today, dict.fromkeys(self.meters, energies))
        self.today += SLOTS_PER_DAY

    def _order(self, power_w: int) -> None:
        """The operator lets the state call up to 500 coins of flexibility, two slots at a time."""
        operator, market = str(test_account(OPERATOR).address), self.contracts.flexibility
        self._pay_in(operator, 500 * COIN)
        self.send(operator, market, "fundBudget", EAST, 500 * COIN)
        order = (power_w, 2, CAP, 500 * COIN)
        self.send(operator, market, "setStandingOrder", EAST, UP, order)

    def _offer(self, owner: str, meter: int) -> int:
        grid, market = self.contracts.grid_management, self.contracts.flexibility
        ratings = (RATED_W, 0, 0, 0, 0, 0, 0)
        receipt = self.send(owner, grid, "registerResource", (LOAD, meter, 0, ratings))
        (registered,) = [e for e in grid.decode_logs(receipt) if e.name == "ResourceRegistered"]
        self._pay_in(owner, 100 * COIN)
        price = 200_000 + 10_000 * meter
        place = market.call("placeFor", EAST, UP, price).place
        window = (self.today + 40, self.today + 60)
        offer = (registered.resourceId, UP, OFFERED_W, price, *window, place)
        receipt = self.send(owner, market, "placeOffer", offer)
        (placed,) = [e for e in market.decode_logs(receipt) if e.name == "OfferPlaced"]
        return int(placed.offerId)

    def _pay_in(self, address: str, units: int) -> None:
        token, market = self.contracts.settlement_token, self.contracts.flexibility
        self.send(address, token, "mint", address, units)
        self.send(address, token, "approve", market.address, units)
        self.send(address, market, "deposit", units)

    def owed_to_nobody(self) -> int:
        """Units of the flexibility market that are not accounted for; 0 if its books close."""
        market = self.contracts.flexibility
        people = [self.address(f"home {number}") for number in range(self.homes)]
        people.append(str(test_account(OPERATOR).address))
        free = sum(int(market.call("balanceOf", one)) for one in people)
        stakes = sum(int(market.call("offerOf", one).stake) for one in self.offers)
        requests = range(1, int(market.call("requestCount")) + 1)
        reserved = sum(int(market.call("requestOf", one).reserved) for one in requests)
        budget = int(market.call("budgetOf", EAST))
        escrowed = int(market.call("escrowed"))
        held = int(self.contracts.settlement_token.call("balanceOf", market.address))
        return abs(escrowed - free - stakes - reserved - budget) + abs(held - escrowed)

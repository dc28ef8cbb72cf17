"""A random market of two zones with a line between them, and its end.

The real market over the real settlement, on a chain in this process; energies are written down.
Everything about a market follows from its seed. The end is reached by senders without any role.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from energy_grid.artifacts import Artifacts
from energy_grid.clearing.coupled import solve
from energy_grid.clearing.market import CoupledMarket, Link
from energy_grid.clearing.market import Zone as CurveZone
from energy_grid.curves import Curve, Step
from energy_grid.ids import Side
from energy_grid.products import Period, Product, Session
from energy_grid.units import Slot, Zone
from tests.utils.auction_market import (
    ANYBODY,
    FIRST_TICK,
    GOVERNOR,
    LAST_TICK,
    MONDAY,
    OWNER,
    TERMS,
    TICK_SIZE,
)
from tests.utils.revm import Contract, Refused, Revm
from tests.utils.settlement import deploy_settlement

ZONES: Final = (7, 8)
OPERATORS: Final = {zone: f"0x{0x0B_0000 + zone:040x}" for zone in ZONES}
TREASURY: Final = f"0x{0x0C_0001:040x}"
COIN: Final = 1_000_000
SECURITY: Final = COIN // 4
BOND: Final = COIN // 2
BOUNDS: Final = (100_000, 900_000, 0, 500_000)
MINTER_ROLE: Final = 3
SHUTDOWN_ROLE: Final = 9
MISSING, MEASURED, ESTIMATED = 0, 1, 2
FIRST: Final = MONDAY
"""First slot of all meters."""
SLOTS: Final = 24
"""A market lives so long at most before its end begins."""
LINE_W: Final = (2_400, 800)
DEADLINE_SECONDS: Final = 3 * 86_400
LAST_READING_SECONDS: Final = 8 * 86_400


@dataclass(frozen=True)
class Person:
    """Somebody with an account."""

    name: str
    address: str
    zone: int
    metered: bool


class ShutdownMarket:
    """One market; `live` makes it random, `wind_down` begins its end."""

    def __init__(self) -> None:
        self.chain = Revm(Artifacts.load(), GOVERNOR)
        self.chain.at((FIRST - 96 * 14) * 900)
        deploy = self.chain.deploy
        self.authority = deploy("GridAccessManager", GOVERNOR)
        self.token = deploy("MockSettlementToken")
        self.energy = deploy("EnergyToken", self.authority.address)
        self.meter = deploy("MockMeterEnergy")
        values = (
            self.authority.address,
            self.token.address,
            self.energy.address,
            self.meter.address,
            self.chain.address_of_next(5),
            TREASURY,
            (SECURITY, BOND, BOUNDS),
        )
        self.settlement = deploy_settlement(self.chain, *values)
        units = (self.authority.address, self.settlement.address, TICK_SIZE, 1)
        rooms = [deploy(name, *units).address for name in ("MarketRegister", "AuctionRoom")]
        self.market = deploy("EnergyTrading", *units, *rooms, interface="IMarket")
        assert self.settlement.ask("market") == self.market.address
        self.shutdown = deploy(
            "EmergencyShutdown",
            self.authority.address,
            self.settlement.address,
            self.market.address,
        )
        self.give_role(MINTER_ROLE, self.settlement.address, self.energy, "mint")
        self.give_role(SHUTDOWN_ROLE, self.shutdown.address, self.settlement, "windDown")
        self.give_role(SHUTDOWN_ROLE, self.shutdown.address, self.market, "closeZones")
        self.market.send(GOVERNOR, "joinRegion", ZONES[1], ZONES[0])
        self.market.send(GOVERNOR, "addInterconnector", *ZONES, *LINE_W, OWNER)
        for zone in ZONES:
            self.market.send(GOVERNOR, "setMarketTerms", zone, 0, TERMS)
            self.settlement.send(GOVERNOR, "appointOperator", zone, OPERATORS[zone])
        self.people: list[Person] = []
        self.orders: list[tuple[Person, int]] = []
        self.auctions: list[Product] = []
        self.rents: list[Product] = []
        self.readings: dict[tuple[str, int], tuple[int, int, int, int]] = {}
        self.late_gaps: list[tuple[str, int, int, int, int]] = []

    # --- setting the stage ---

    def give_role(self, role: int, holder: str, target: Contract, function: str) -> None:
        """Let a holder call a restricted function."""
        selector = target.abi.selector(function)
        self.authority.send(GOVERNOR, "setTargetFunctionRole", target.address, [selector], role)
        self.authority.send(GOVERNOR, "grantRole", role, holder, 0)

    def fund(self, account: str, amount: int) -> None:
        """Deposit fresh money."""
        self.token.send(account, "mint", account, amount)
        self.token.send(account, "approve", self.settlement.address, amount)
        self.settlement.send(account, "deposit", amount)

    def open(self, dice: random.Random) -> None:
        """Operators rich and poor, members, traders."""
        for zone, operator in OPERATORS.items():
            self.fund(operator, BOND + dice.choice((1, COIN // 10, 40 * COIN)))
            self.settlement.send(operator, "postBond", BOND)
            feed_in = dice.choice((80_000, 300_000))
            first = self.chain.now // 900 + 1
            self.settlement.send(operator, "setTariff", zone, first, 400_000, feed_in)
        for number in range(8):
            zone = ZONES[number % 2]
            metered = number < 6
            person = Person(f"{number}", f"0x{0xBEEF_0000 + number:040x}", zone, metered)
            self.people.append(person)
            if metered:
                connection = (number + 1, zone, 40_000, FIRST)
                self.meter.send(GOVERNOR, "setConnection", person.address, connection)
                self.settlement.send(ANYBODY, "enrol", person.address)
            else:
                self.settlement.send(person.address, "joinAsTrader", zone)
            self.fund(person.address, SECURITY + dice.choice((COIN // 50, COIN, 20 * COIN)))
            if metered:
                self.settlement.send(person.address, "postSecurity", SECURITY)

    # --- a random life ---

    def live(self, dice: random.Random, until: int) -> None:
        """Trade from before the first slot up to an instant."""
        self.open(dice)
        self.chain.at((FIRST - 8) * 900)
        while self.chain.now < until:
            for _ in range(3):
                dice.choice((self.trade, self.trade, self.auction, self.rest, self.settle_some))(
                    dice
                )
            self.clear_due()
            self.chain.at(min(until, self.chain.now + dice.choice((60, 300, 900))))
        self.clear_due()

    def product(self, dice: random.Random, session: Session) -> Product | None:
        """One that can be traded now."""
        period = dice.choice((Period.QUARTER_HOUR, Period.HOUR, Period.HOUR))
        length = 4 if period is Period.HOUR else 1
        start = self.chain.now // 900 + dice.randrange(2, 12)
        start -= start % length
        return Product(Zone(dice.choice(ZONES)), period, session, Slot(start))

    def place(
        self, person: Person, product: Product, side: Side, lots: int, tick: int
    ) -> int | None:
        """An order of the book; its id, None if the market says no."""
        if product.zone != person.zone:
            return None
        gate = product.start_slot * 900 - 330
        try:
            quote = self.market.ask(
                "packQuote",
                product.id,
                side,
                lots * len(product.slots),
                tick * TICK_SIZE,
                max(gate, self.chain.now + 1),
            )
            order: int = self.market.send(person.address, "placeOrder", quote)
        except Refused:
            return None
        self.orders.append((person, order))
        return order

    def trade(self, dice: random.Random) -> None:
        """Two orders that meet, if both are taken."""
        product = self.product(dice, Session.CONTINUOUS)
        assert product is not None
        locals_ = [one for one in self.people if one.zone == product.zone]
        buyer, seller = dice.sample(locals_, 2)
        lots, tick = dice.randrange(10, 800), dice.randrange(100, 500)
        sell = self.place(seller, product, Side.SELL, lots, tick)
        buy = self.place(buyer, product, Side.BUY, dice.randrange(10, 800), tick + 5)
        if sell is not None and buy is not None:
            try:
                self.market.send(ANYBODY, "matchOrders", buy, sell)
            except Refused:
                return

    def rest(self, dice: random.Random) -> None:
        """An order that stays in the book, far ahead or near."""
        product = self.product(dice, Session.CONTINUOUS)
        assert product is not None
        person = dice.choice([one for one in self.people if one.zone == product.zone])
        self.place(person, product, Side.BUY, dice.randrange(10, 400), dice.randrange(50, 90))

    def auction(self, dice: random.Random) -> None:
        """A curve of somebody in an auction."""
        product = self.product(dice, Session.AUCTION)
        assert product is not None
        if product.gate_at <= self.chain.now:
            return
        person = dice.choice([one for one in self.people if one.zone == product.zone])
        side = dice.choice((Side.BUY, Side.SELL))
        step = Step(side, dice.randrange(100, 500), dice.randrange(10, 900))
        try:
            self.market.send(person.address, "placeCurve", Curve.of(product, [step]).pack())
        except Refused:
            return
        head = product.in_zone(ZONES[0])
        if head not in self.auctions:
            self.auctions.append(head)

    def clear_due(self) -> None:
        """Clear the region's auctions whose gate is over, and fix everybody's fills.

        Who gets the last lot of a tie depends on who claims first; so all claim at once.
        """
        for product in list(self.auctions):
            if not product.gate_at <= self.chain.now < product.gate_at + 600:
                if self.chain.now >= product.gate_at + 600:
                    self.auctions.remove(product)
                continue
            self.auctions.remove(product)
            proposal = solve(self.coupled(product))
            link = self.links(product)
            try:
                self.market.send(ANYBODY, "clearCoupled", product.id, proposal.encode(link))
            except Refused as refusal:
                assert refusal.name in ("AlreadyCleared", "NothingToClear"), refusal
                continue
            self.rents.append(product)
            for zone in ZONES:
                locals_ = [one.address for one in self.people if one.zone == zone]
                self.market.send(ANYBODY, "claim", product.in_zone(zone).id, locals_)

    def links(self, product: Product) -> tuple[Link, ...]:
        """The line with what longer products leave of it."""
        taken = 0
        if product.period is Period.QUARTER_HOUR:
            hour = product.start_slot - product.start_slot % 4
            longer = Product(product.zone, Period.HOUR, Session.AUCTION, Slot(hour))
            taken = self.market.ask("flowOf", longer.id, 0)
        forward, back = LINE_W[0] // 4 - taken, LINE_W[1] // 4 + taken
        return (Link(0, 1, max(back, 0), max(forward, 0)),)

    def coupled(self, product: Product) -> CoupledMarket:
        """The books of both zones as the solver takes them."""
        zones = []
        for zone in ZONES:
            local = product.in_zone(zone)
            steps = []
            for person in self.people:
                if person.zone != zone:
                    continue
                view = self.market.ask("curveOf", self.id_of(person), local.id)
                if view.state == 0:
                    steps += list(view.steps)
            zones.append(
                CurveZone.of_orders(
                    str(zone),
                    [(one.limitTick, one.lots) for one in steps if one.sell],
                    [(one.limitTick, one.lots) for one in steps if not one.sell],
                )
            )
        return CoupledMarket(tuple(zones), self.links(product), FIRST_TICK, LAST_TICK)

    def id_of(self, person: Person) -> int:
        """Short id of an account."""
        return int(self.account(person.address).accountId)

    def read(self, dice: random.Random, until: int) -> None:
        """Write down what the meters say of all slots up to one; some say nothing, or late."""
        for person in self.people:
            if not person.metered:
                continue
            silent_from = dice.choice((None, None, FIRST + dice.randrange(0, SLOTS)))
            energies = []
            for slot in range(FIRST, until):
                if silent_from is not None and slot >= silent_from:
                    energies.append((0, 0, 0, MISSING))
                    continue
                imported, exported = dice.choice(
                    ((dice.randrange(900), 0), (0, dice.randrange(900)), (0, 0))
                )
                quality = dice.choice((MEASURED, MEASURED, MEASURED, ESTIMATED))
                minted = exported if quality == MEASURED else 0
                energies.append((imported, exported, minted, quality))
            if energies:
                self.meter.send(GOVERNOR, "setEnergies", person.address, FIRST, energies)
            if silent_from is not None and silent_from < until and dice.random() < 0.5:
                # The next true reading comes after the wind-down: the stretch lies across it.
                to_slot = until + dice.randrange(1, 200)
                gap = (person.address, silent_from, to_slot, dice.randrange(10**4), 0)
                self.late_gaps.append(gap)

    def settle_some(self, dice: random.Random) -> None:
        """Settle somebody before the end, if anything can be settled: as far as measured."""
        now = self.chain.now // 900
        if now <= FIRST:
            return
        person = dice.choice(self.people)
        if person.metered:
            slot = int(self.account(person.address).settledUntil)
            if slot >= now:
                return
            energy = (dice.randrange(600), 0, 0, MEASURED)
            self.meter.send(GOVERNOR, "setEnergies", person.address, slot, [energy])
            self.settlement.send(ANYBODY, "settle", person.address, slot + 1)
        else:
            self.settlement.send(ANYBODY, "settle", person.address, now)

    # --- looking ---

    def account(self, address: str) -> Any:
        """`AccountState`."""
        return self.settlement.ask("accountState", address)

    def everybody(self) -> list[str]:
        """Everybody who may have money in the settlement."""
        return [*(one.address for one in self.people), *OPERATORS.values(), TREASURY, OWNER]

    def wealth(self) -> dict[str, int]:
        """Tokens in everybody's own hands."""
        return {one: int(self.token.ask("balanceOf", one)) for one in self.everybody()}

    # --- the end ---

    def wind_down(self) -> int:
        """Governance triggers; first void slot."""
        slot: int = self.shutdown.send(GOVERNOR, "trigger")
        return slot

    def end(self, dice: random.Random) -> Mapping[str, int]:
        """Close and leave in a random order, without any role; what everybody took out."""
        before = self.wealth()
        slot = int(self.settlement.ask("windDownSlot"))
        start = self.chain.now
        gaps = list(self.late_gaps)
        self.chain.at(max(start, slot * 900))
        self._rush(dice, rounds=12)
        self.chain.at(start + DEADLINE_SECONDS)
        dice.shuffle(gaps)
        for gap in gaps:
            self.meter.send(GOVERNOR, "addGap", *gap)
        self._rush(dice, rounds=25)
        self.chain.at(start + LAST_READING_SECONDS)
        self._finish(dice)
        after = self.wealth()
        return {one: after[one] - before[one] for one in before}

    def _rush(self, dice: random.Random, rounds: int) -> None:
        """Whatever anybody may try, in any order; much of it is too early."""
        actions: tuple[Callable[[random.Random], None], ...] = (
            self._settle,
            self._settle,
            self._close,
            self._cancel,
            self._rent,
            self._walk,
            self._leave,
            self._gather,
        )
        for _ in range(rounds):
            dice.choice(actions)(dice)

    def _settle(self, dice: random.Random) -> None:
        people = [one.address for one in dice.sample(self.people, dice.randrange(1, 5))]
        until = FIRST + dice.randrange(0, 2 * SLOTS)
        self.settlement.send(ANYBODY, "settleMany", people, until)

    def _close(self, dice: random.Random) -> None:
        _try(self.settlement, ANYBODY, "closeAccounts", [dice.choice(self.people).address])

    def _cancel(self, dice: random.Random) -> None:
        if self.orders:
            person, order = dice.choice(self.orders)
            _try(self.market, person.address, "cancelOrder", order)

    def _rent(self, dice: random.Random) -> None:
        if self.rents:
            _try(self.market, ANYBODY, "collectRent", dice.choice(self.rents).id, 0)

    def _walk(self, dice: random.Random) -> None:
        self.settlement.send(ANYBODY, "closeNext", dice.randrange(1, 6))

    def _gather(self, dice: random.Random) -> None:
        self.settlement.send(ANYBODY, "gatherClaims", dice.choice(ZONES), dice.randrange(1, 3))

    def _leave(self, dice: random.Random) -> None:
        """Take the money, once the account is closed; a treasury or an owner at any time."""
        who = dice.choice(self.everybody())
        state = self.account(who)
        if state.zone and not state.isOperator and not self.settlement.ask("isClosed", who):
            return
        _try(self.settlement, who, "withdrawAll", who)

    def _finish(self, dice: random.Random) -> None:
        """All that is left to do, in a random order where any order will do."""
        people = [*self.people]
        dice.shuffle(people)
        for person in people:
            self.settlement.send(ANYBODY, "settle", person.address, 2**28 - 1)
        for product in dice.sample(self.rents, len(self.rents)):
            _try(self.market, ANYBODY, "collectRent", product.id, 0)
        for person in dice.sample(people, len(people)):
            self.settlement.send(ANYBODY, "closeAccounts", [person.address])
        self.settlement.send(ANYBODY, "closeNext", 500)
        for zone in dice.sample(ZONES, 2):
            self.settlement.send(ANYBODY, "finalizeZone", zone)
        for person in dice.sample(people, len(people)):
            self.settlement.send(ANYBODY, "payExits", [person.address])
        everybody = self.everybody()
        for who in dice.sample(everybody, len(everybody)):
            if self.account(who).free:
                self.settlement.send(who, "withdrawAll", who)


def _try(contract: Contract, sender: str, function: str, *arguments: Any) -> None:
    """Do it if it can be done now."""
    try:
        contract.send(sender, function, *arguments)
    except Refused:
        return

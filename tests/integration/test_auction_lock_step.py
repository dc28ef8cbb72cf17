"""Auctions on chain and in the reference model: the same calls, the same outcome and errors."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from energy_grid.clearing import coupled
from energy_grid.clearing.errors import PackingError
from energy_grid.clearing.market import CoupledMarket, Zone
from energy_grid.clearing.proposal import SHARE_ONE, Proposal
from energy_grid.contracts import ContractCallError
from energy_grid.curves import FIRST_TICK, LAST_TICK, Curve, Step
from energy_grid.deployment.roles import Role
from energy_grid.ids import Side
from energy_grid.model.call_auction import clearing_interval
from energy_grid.model.market import Market
from energy_grid.model.meters import MeterKind, Registration
from energy_grid.model.openings import DeliveryId
from energy_grid.model.quotes import Quote as ModelQuote
from energy_grid.model.refused import Refused
from energy_grid.model.signed_entry import SignedCurve, SkipReason
from energy_grid.model.tariffs import TariffBounds
from energy_grid.model.terms import MarketTerms, Tariff
from energy_grid.products import Period, Product, Session
from energy_grid.quotes import Quote
from energy_grid.signed_orders import pack_batch
from energy_grid.slots import slot_of
from tests.integration.engine_world import (
    COIN,
    EAST,
    LINE_OWNER,
    LINE_W,
    WEST,
    EngineWorld,
    tomorrow,
)

STEPS = 160
PEOPLE = {"sun": EAST, "roof": EAST, "east buyer": EAST, "mill": WEST, "city": WEST}
PRODUCERS = ("sun", "roof")
COUPLING_RULES = {
    "FlowNotAtBound", "FlowOutOfBounds", "IntervalNotHighest", "IntervalNotLowest",
    "IntervalNotNeeded", "NetExportOutsideBand", "NotTheMidpoint", "PriceOutOfRange",
    "PricesNotUnique", "ProposalLength", "ShareNotProportional", "ShareOutOfRange",
}  # fmt: skip


@pytest.fixture(scope="module")
def opened(anvil, tmp_path_factory):
    world = EngineWorld(anvil(), tmp_path_factory.mktemp("lock-step"))
    for name, zone in PEOPLE.items():
        if name in PRODUCERS:
            world.producer(name, zone)
        else:
            world.trader(name, zone, units=500 * COIN)
    # References of any height, which PriceOracle would not quote.
    access = world.contracts.access_manager
    world.send(world.governor, access, "grantRole", int(Role.PRICE_FEED), world.governor, 0)
    return world


@dataclass
class Pair:
    """The chain and the model of it."""

    world: EngineWorld
    dice: random.Random
    slot: int = 0
    model: Market = field(init=False)
    refused: dict[str, int] = field(default_factory=dict)
    done: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        world = self.world
        self.slot = tomorrow(world)
        settlement, now = world.contracts.settlement, world.now
        security = int(settlement.call("securityDeposit"))
        self.model = Market(
            now, security, int(settlement.call("bondFloor")), TariffBounds(0, 10**6, 0, 10**6)
        )
        terms = world.view("marketTerms", EAST, slot_of(now))
        trading, ledger = self.model.trading, self.model.ledger
        trading.join_region(WEST, EAST)
        for zone in (EAST, WEST):
            trading.zone(zone).set_terms(
                0,
                MarketTerms(terms.shortPriceCap, terms.networkFeePerKWh, terms.tradingFeeBps),
                now,
            )
            self.model.appoint_operator(zone, f"operator {zone}")
            ledger.deposit(f"operator {zone}", 10_000 * COIN)
            self.model.post_bond(f"operator {zone}", 1_000 * COIN)
        self.model.set_tariff("operator 1", EAST, slot_of(now) + 1, Tariff(320_000, 80_000))
        trading.add_interconnector(EAST, WEST, LINE_W, LINE_W, LINE_OWNER)
        for name, zone in PEOPLE.items():
            state = self.state(name)
            if name in PRODUCERS:
                registration = Registration(
                    f"meter of {name}", name, zone, MeterKind.CONNECTION, 20_000, 20_000, 10**9,
                    first_slot=int(state.settledUntil),
                )  # fmt: skip
                self.model.metering.registry.register(registration, f"meter of {name}", now)
                self.model.enrol(name)
                ledger.deposit(name, int(state.free) + security)
                ledger.post_security(name, security)
            else:
                self.model.join_as_trader(name, zone)
                ledger.deposit(name, int(state.free))
            ledger.account(name).account_id = int(state.accountId)

    def state(self, name: str) -> Any:
        """An account as the chain has it."""
        return self.world.contracts.settlement.call("accountState", self.world.address(name))

    # --- one call on both ---

    def both(
        self, name: str, function: str, arguments: tuple[Any, ...], model: Callable[[int], Any]
    ) -> None:
        """Call both at the same second: both do it, or both refuse for the same reason."""
        world = self.world
        now = self.model.now + self.dice.randint(1, 3)
        self.model.advance(now)
        world.anvil.rpc.call("evm_setNextBlockTimestamp", now)
        sender = world.governor if name == "governor" else world.address(name)
        contracts = world.contracts
        contract = contracts.settlement if function == "settle" else contracts.energy_trading
        on_chain = in_model = ""
        try:
            world.send(sender, contract, function, *arguments)
        except ContractCallError as error:
            on_chain = error.reason.name
        try:
            model(now)
        except Refused as refusal:
            in_model = refusal.error_name
        assert self.reason(on_chain) == self.reason(in_model), (function, arguments, now)
        counted = self.refused if on_chain else self.done
        counted[on_chain or function] = counted.get(on_chain or function, 0) + 1

    @staticmethod
    def reason(error: str) -> str:
        """A wrong proposal breaks several rules at once; which is found first does not matter."""
        return "a rule of coupling" if error in COUPLING_RULES else error

    # --- what may happen ---

    def product(self, session: Session, zone: int) -> Product:
        """One of a few products, so that they meet."""
        period = self.dice.choice([Period.QUARTER_HOUR, Period.HOUR])
        start = self.slot + self.dice.choice([0, 0, 0, 4])
        return Product(zone, period, session, start)  # type: ignore[arg-type]

    def closing(self, zone: int) -> Product:
        """Mostly an auction that waits to be cleared, if there is one."""
        products = [
            Product.auction(zone, period, start)
            for period in (Period.QUARTER_HOUR, Period.HOUR)
            for start in (self.slot, self.slot + 4)
        ]
        due = [p for p in products if p.gate_at <= self.model.now < p.starts_at]
        due = [p for p in due if p not in self.model.trading.results] or due
        if due and self.dice.random() < 0.9:
            return self.dice.choice(due)
        return self.dice.choice(products)

    def zone_for(self, name: str) -> int:
        """Mostly the home zone."""
        return PEOPLE[name] if self.dice.random() < 0.95 else self.dice.choice([EAST, WEST, 9])

    def steps(self, name: str) -> tuple[Step, ...]:
        """A canonical curve, mostly small."""
        dice = self.dice
        ticks = sorted(dice.sample(range(90, 111), dice.randint(0, 4)))
        buys = len(ticks) if name not in PRODUCERS and dice.random() < 0.8 else None
        buys = dice.randint(0, len(ticks)) if buys is None else buys
        most = 30 if dice.random() < 0.9 else 6_000
        return tuple(
            Step(Side.BUY if i < buys else Side.SELL, tick, dice.randint(10, 10 + most))
            for i, tick in enumerate(ticks)
        )

    def curve_word(self, name: str) -> int:
        """A curve, sometimes with something wrong in it."""
        product = self.product(Session.AUCTION, self.zone_for(name))
        word = Curve(product, self.steps(name)).pack()
        if self.dice.random() < 0.15:
            word ^= 1 << self.dice.randrange(216)
        return word

    def place_curve(self) -> None:
        name = self.dice.choice(list(PEOPLE))
        word = self.curve_word(name)
        self.both(
            name, "placeCurve", (word,), lambda now: self.model.trading.place_curve(name, word, now)
        )

    def place_curves(self) -> None:
        name, owner = self.dice.choice(list(PEOPLE)), self.dice.choice(list(PEOPLE))
        if self.dice.random() < 0.8:
            owner = name
        words = [self.curve_word(owner) for _ in range(self.dice.randint(0, 3))]
        self.both(
            name,
            "placeCurvesFor",
            (self.world.address(owner), words),
            lambda now: self.model.trading.place_curves(name, owner, words, now),
        )

    def place_signed(self) -> None:
        """A batch with old, new, forged and future signatures; compared skip by skip."""
        trading, world = self.model.trading, self.world
        orders, items = [], []
        names = self.dice.sample(list(PEOPLE), self.dice.randint(1, 3))
        for name in [name for name in names for _ in range(self.dice.randint(1, 2))]:
            curve = Curve(self.product(Session.AUCTION, self.zone_for(name)), self.steps(name))
            signed_at = self.model.now + self.dice.choice([-50, -5, 0, 0, 1, 1, 100])
            order = world.signed(name, curve.product, *curve.steps, signed_at=signed_at)
            forged = self.dice.random() < 0.1
            if forged:
                order = replace(order, signed_at=order.signed_at - 1)
            orders.append(order)
            items.append(
                SignedCurve(curve, order.signed_at, f"nobody {len(items)}" if forged else name)
            )
        if self.dice.random() < 0.1:
            orders, items = orders[::2] + orders[1::2], items[::2] + items[1::2]
        skipped: list[tuple[int, int]] = []
        first = self.world.anvil.rpc.block_number() + 1
        self.both(
            "mill",
            "placeSigned",
            (pack_batch(orders),),
            lambda now: skipped.extend(
                (one.index, int(one.reason)) for one in trading.place_signed(items, now)
            ),
        )
        events = world.contracts.energy_trading.events("SignedOrderSkipped", from_block=first)
        seen = [(int(event.arguments["index"]), int(event.reason)) for event in events]
        assert seen == skipped, items
        for _, reason in skipped:
            name = SkipReason(reason).name
            self.refused[name] = self.refused.get(name, 0) + 1

    def void_signed(self) -> None:
        name = self.dice.choice(list(PEOPLE))
        self.both(
            name,
            "voidSignedOrders",
            (),
            lambda now: self.model.trading.void_signed_orders(name, now),
        )

    def cancel_curves(self) -> None:
        name = self.dice.choice(list(PEOPLE))
        ids = [self.product(Session.AUCTION, self.zone_for(name)).id for _ in range(3)]
        self.both(
            name,
            "cancelCurves",
            (ids,),
            lambda now: self.model.trading.cancel_curves(name, name, ids, now),
        )

    def place_order(self) -> None:
        name = self.dice.choice(list(PEOPLE))
        product = self.product(Session.CONTINUOUS, PEOPLE[name])
        side, lots = self.dice.choice(list(Side)), self.dice.randint(10, 3_000)
        tick = self.dice.randint(80, 120)
        word = Quote(product, side, lots, tick).pack()
        quote = ModelQuote.of(product, side, lots, tick)
        self.both(
            name,
            "placeOrder",
            (word,),
            lambda now: self.model.trading.place(name, name, [quote], now),
        )

    def set_reference(self) -> None:
        zone = self.dice.choice([EAST, WEST])
        price = self.dice.choice([0, 20_000, 60_000, 100_000, 100_500, 2_000_000])
        self.both(
            "governor",
            "setReferencePrice",
            (zone, price),
            lambda _now: self.model.trading.set_reference_price(zone, price),
        )

    def set_capacity(self) -> None:
        forward, back = self.dice.choice([0, 100, 400]), self.dice.choice([0, 60, 400])
        region, index = self.dice.choice([EAST, EAST, WEST]), self.dice.choice([0, 0, 0, 1])
        self.both(
            "governor",
            "setCapacity",
            (region, index, forward, back),
            lambda _now: self.model.trading.set_capacity(region, index, forward, back),
        )

    def clear(self) -> None:
        product = self.closing(self.dice.choice([EAST, WEST]))
        interval = clearing_interval(self.model.trading.curves_in(product))
        off = self.dice.choice([(0, 0)] * 4 + [(1, 0), (0, 1), (-1, 0), (0, -1)])
        low, high = max(0, interval.low + off[0]), max(0, interval.high + off[1])
        self.both(
            "mill",
            "clear",
            (product.id, low, high),
            lambda now: self.model.trading.clear(product.id, low, high, now),
        )

    def clear_coupled(self) -> None:
        head = self.closing(EAST if self.dice.random() < 0.95 else WEST)
        trading = self.model.trading
        curves = [trading.curves_in(head.in_zone(zone)) for zone in (EAST, WEST)]
        links = trading.links_left(head.in_zone(EAST))
        market = CoupledMarket(
            tuple(
                Zone.of_orders(str(i), curve.sell_lots.items(), curve.buy_lots.items())
                for i, curve in enumerate(curves)
            ),
            tuple(links),
            FIRST_TICK,
            LAST_TICK,
        )
        proposal = self.spoiled(coupled.solve(market))
        try:
            data = proposal.encode(links)
        except PackingError:
            return
        self.both(
            "mill",
            "clearCoupled",
            (head.id, data),
            lambda now: self.model.trading.clear_coupled(head.id, proposal, now),
        )

    def spoiled(self, proposal: Proposal) -> Proposal:
        """The right proposal, or one that is wrong in one number."""
        dice = self.dice
        if dice.random() < 0.6:
            return proposal
        prices, shares, flows = map(list, (proposal.prices, proposal.shares, proposal.flows))
        what, zone = dice.randrange(4), dice.randrange(2)
        if what == 0:
            prices[zone] += dice.choice([-1, 1])
        elif what == 1:
            shares[zone] = (shares[zone] + SHARE_ONE // 2) % (2 * SHARE_ONE)
        elif what == 2:
            flows[0] += dice.choice([-1, 1])
        interval = None if what == 3 else proposal.interval
        return Proposal(tuple(prices), tuple(shares), tuple(flows), interval)

    def claim(self) -> None:
        product = self.product(Session.AUCTION, self.dice.choice([EAST, WEST]))
        names = self.dice.sample(list(PEOPLE), 3)
        self.both(
            "mill",
            "claim",
            (product.id, [self.world.address(name) for name in names]),
            lambda now: self.model.trading.claim(product.id, names, now),
        )

    def claim_products(self) -> None:
        name = self.dice.choice(list(PEOPLE))
        ids = [self.product(Session.AUCTION, PEOPLE[name]).id for _ in range(3)]
        self.both(
            "mill",
            "claimProducts",
            (self.world.address(name), ids),
            lambda now: self.model.trading.claim_products(name, ids, now),
        )

    def collect_rent(self) -> None:
        head = self.product(Session.AUCTION, EAST)
        index = self.dice.choice([0, 0, 0, 1])
        self.both(
            "mill",
            "collectRent",
            (head.id, index),
            lambda now: self.model.trading.collect_rent(head.id, index, now),
        )

    def settle(self) -> None:
        name = self.dice.choice([name for name in PEOPLE if name not in PRODUCERS])
        until = self.slot + self.dice.randint(0, 6)
        self.both(
            name,
            "settle",
            (self.world.address(name), until),
            lambda _now: self.model.settle(name, until),
        )

    def wait(self) -> None:
        """Go to the next moment of some product at which what may be done changes."""
        product = self.product(Session.AUCTION, EAST)
        moments = [
            product.gate_at, product.gate_at + 100, product.gate_at + 300, product.gate_at + 600,
            product.gate_at + 900, product.starts_at, product.ends_at,
        ]  # fmt: skip
        ahead = [moment for moment in moments if moment > self.model.now]
        if ahead:
            self.model.advance(min(ahead))

    # --- both in the same state ---

    def compare(self) -> None:
        """Money, orders, results, collars, flows and books."""
        trading, ledger = self.model.trading, self.model.ledger
        for name in PEOPLE:
            state, account = self.state(name), ledger.account(name)
            assert (state.free, state.locked) == (account.free, account.locked), name
            assert state.settledUntil == account.settled_until or account.has_nothing_to_settle
        for (product, account_id), record in trading.curves.items():
            seen = self.world.view("curveOf", account_id, product.id)
            steps = tuple(
                Step(Side.SELL if step.sell else Side.BUY, step.limitTick, step.lots)
                for step in seen.steps
            )
            fill = record.fill(trading.results.get(product))
            terms = trading.zone(product.zone).terms_at(product.start_slot)
            assert (
                steps, seen.signedAt, seen.state, seen.filledLots, seen.filledTick,
                seen.lockedPerSlot,
            ) == (
                record.steps, record.signed_at, record.state, fill.lots,
                fill.price_per_kwh // 1_000, record.lock_per_slot(terms),
            )  # fmt: skip
        for zone in (EAST, WEST):
            for period in (Period.QUARTER_HOUR, Period.HOUR):
                for start in (self.slot, self.slot + 4):
                    self.compare_auction(Product.auction(zone, period, start))

    def compare_auction(self, product: Product) -> None:
        """One auction, and what it shares with the continuous session."""
        trading, view = self.model.trading, self.world.view
        seen, result = view("auctionResult", product.id), trading.results.get(product)
        assert seen.cleared == (result is not None)
        if result is not None:
            price = result.price_tick if result.publishes_price else 0
            assert (seen.priceTick, seen.boughtLots, seen.soldLots) == (
                price, result.bought_lots, result.sold_lots,
            )  # fmt: skip
        assert view("gateOf", product.id) == trading.auction_gate(product)
        if product.zone == EAST:
            assert view("flowOf", product.id, 0) == trading.flow_of(product, 0)
        curves = trading.curves_in(product)
        for side, lots in ((Side.BUY, curves.buy_lots), (Side.SELL, curves.sell_lots)):
            levels = [tick << 32 | lots[tick] for tick in sorted(lots)]
            assert list(view("bookLevels", product.id, int(side))) == levels
        opening = trading.openings.get(DeliveryId.of(product))
        seen = view("openingOf", product.id)
        assert seen.opened == (opening is not None)
        if opening is not None:
            assert (seen.referenceTick, seen.lowestTick, seen.highestTick, seen.extended) == (
                opening.reference_tick, opening.lowest_tick, opening.highest_tick,
                opening.extended,
            )  # fmt: skip
        for slot in (self.slot, self.slot + 1, self.slot + 4):
            prices = trading.auction_prices(product.zone, slot) or (0, 0)
            (packed,) = view("auctionPrices", product.zone, slot, 1)
            assert (packed >> 128, packed & 2**128 - 1) == prices
        assert view("tradedWh", EAST, self.slot) == trading.traded_wh(EAST, self.slot)


ENTRY = (
    "place_curve", "place_curves", "cancel_curves", "place_order", "set_reference", "set_capacity",
    "place_signed", "void_signed",
)  # fmt: skip
"""What the first half of a run consists of; then time goes on."""
WEIGHTS = {
    "place_curve": 30, "place_curves": 10, "cancel_curves": 4, "place_order": 8,
    "set_reference": 3, "set_capacity": 4, "clear": 20, "clear_coupled": 30, "claim": 24,
    "place_signed": 16, "void_signed": 1, "claim_products": 12, "collect_rent": 8, "settle": 8,
    "wait": 16,
}  # fmt: skip


@pytest.mark.parametrize("seed", range(4))
def test_random_calls__chain_and_model__agree(opened, seed):
    snapshot = opened.anvil.snapshot()
    try:
        pair = Pair(opened, random.Random(seed))
        for step in range(STEPS):
            actions = ENTRY if step < STEPS // 2 else tuple(WEIGHTS)
            weights = [WEIGHTS[action] for action in actions]
            getattr(pair, pair.dice.choices(actions, weights)[0])()
            if step % 10 == 9:
                pair.compare()
        pair.compare()
    finally:
        opened.anvil.revert(snapshot)
    assert sum(pair.done.values()) > STEPS // 3
    assert len(pair.refused) >= 5, "refusals are compared too"

"""Rules of the lock-step machine: stretches of ordinary life, so that much gets settled."""

from __future__ import annotations

from random import Random

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from energy_grid.ids import Side
from energy_grid.model.meters import MeterStatus
from energy_grid.model.trading import Quote
from energy_grid.slots import slot_of
from tests.invariants.machine_base import ACTORS, seeds
from tests.invariants.machine_metering import MeteringRules
from tests.invariants.machine_settlement import SettlementRules
from tests.invariants.machine_trading import LOTS, TICKS, TradingRules

NEIGHBOURS = ("solar", "storage", "works", "poor", "trader", "broker")


class DailyLife(TradingRules, MeteringRules, SettlementRules):
    """Trade, deliver, read, settle, claim - in order, as a keeper would see to it."""

    @precondition(lambda self: self.young())
    @rule(seed=seeds, slots=st.sampled_from((1, 1, 2, 4)))
    def quarter_hours_pass(self, seed: int, slots: int) -> None:
        """Time passes, most meters report, most accounts are settled."""
        self.begin()
        self._live(self.dice(seed), slots)

    def _live(self, dice: Random, slots: int) -> None:
        self.world.advance_to((self.now // 900 + slots) * 900 + 3)
        items = []
        for meter in self.model.metering.registry.meters.values():
            if meter.status is not MeterStatus.ACTIVE or dice.random() < 0.05:
                continue
            items += self.due_readings(meter, dice)
        self._send_batch(items)
        names = [name for name in ACTORS if dice.random() < 0.9]
        addresses = [self.world.address(name) for name in names]
        until = slot_of(self.now)
        self.note(
            self.world.both(
                self.world.address("stranger"),
                self.world.settlement,
                "settleMany",
                addresses,
                until,
                model=lambda m: m.settle_many(addresses, until),
            )
        )
        self._touch_settled_pools()

    @rule(seed=seeds)
    def busy_book(self, seed: int) -> None:
        """Several members quote the next hours; what crosses trades."""
        self.begin(*NEIGHBOURS)
        self._quote_and_match(self.dice(seed))

    @precondition(lambda self: self.young())
    @rule(seed=seeds)
    def trade_and_deliver(self, seed: int) -> None:
        """A quarter hour as it should be: quotes, trades, delivery, readings, settlement."""
        self.begin(*NEIGHBOURS)
        dice = self.dice(seed)
        self._quote_and_match(dice)
        self._live(dice, 2)
        self._claim()

    @precondition(lambda self: self.young())
    @rule(
        seed=seeds,
        name=st.sampled_from(("solar", "poor", "storage", "works", "island")),
        slots=st.sampled_from((2, 3, 5, 12, 96, 97, 120)),
    )
    def meter_falls_silent(self, seed: int, name: str, slots: int) -> None:
        """A member buys, its meter is silent for a while, then one reading closes the gap."""
        self.begin(*NEIGHBOURS, "island")
        dice, address = self.dice(seed), self.world.address(name)
        products = self.products(self.account(name).zone)
        if name != "island":
            product = dice.choice(products[:4])
            self._place_one("works", Quote.of(product, Side.SELL, dice.choice(LOTS[:3]), 60))
            self._place_one(name, Quote.of(product, Side.BUY, dice.choice(LOTS[:3]), TICKS[-1]))
            self._match_best(product)
        meter = self.model.metering.registry.connection_of(address)
        assert meter is not None
        last = meter.last.reading
        target = max(last.timestamp + 900 * slots, self.now // 900 * 900 + 900)
        self.world.advance_to(target + 4)
        if dice.random() < 0.7:
            gap = (target - last.timestamp) // 900
            reading = self.next_reading(last, meter, gap, dice)
            self._send(reading, self.world.key_of(meter))
        elif self._next_deadline() > self.now:
            self.world.advance_to(self._next_deadline() + 2)
        self._settle_one(address, slot_of(self.now))

    @rule(seed=seeds, name=st.sampled_from(("trader", "broker", "poor")))
    def resell(self, seed: int, name: str) -> None:
        """What was bought in a product may be sold again there, and not a lot more."""
        self.begin(name, "works")
        dice = self.dice(seed)
        product = dice.choice(self.products(self.world.zones[0])[:4])
        lots = dice.choice(LOTS[:3])
        self._place_one("works", Quote.of(product, Side.SELL, lots, 60))
        self._place_one(name, Quote.of(product, Side.BUY, lots, TICKS[-1]))
        self._match_best(product)
        self._place_one(name, Quote.of(product, Side.SELL, lots + dice.choice((0, 0, 1)), 320))

    def _claim(self) -> None:
        pools = [
            (zone, slot)
            for (zone, slot), pool in self.model.certificates.pools.items()
            if pool.entries and self.model.delivery.pool_closed(zone, slot, self.now)
        ]
        for _, slot in pools[-2:]:
            self._claim_slot(slot, [self.world.address(name) for name in NEIGHBOURS])

    def _quote_and_match(self, dice: Random) -> None:
        names = dice.sample(NEIGHBOURS, dice.randrange(3, len(NEIGHBOURS) + 1))
        products = self.products(self.world.zones[0])
        product = dice.choice(products[:2] if dice.random() < 0.7 else products[:4])
        for name in names:
            quote = self.quote(name, dice)
            own = self.model.trading.records_of(self.account(name).account_id, product)
            side = own[0].side if own else quote.side
            # Mostly prices that cross: sellers ask little, buyers offer much.
            ticks = TICKS if dice.random() < 0.4 else TICKS[:3] if side is Side.SELL else TICKS[4:]
            lots, tick = dice.choice(LOTS[:4]), dice.choice(ticks)
            self._place_one(name, Quote.of(product, side, lots, tick, quote.expires_at))
        for _ in range(6):
            buy, sell = (self._top(product, side) for side in Side)
            if buy is None or sell is None or buy.limit_per_kwh < sell.limit_per_kwh:
                return
            self._match(buy.order_id, sell.order_id)

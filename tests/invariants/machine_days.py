"""Rules of the lock-step machine: stretches of ordinary life, so that much gets settled."""

from __future__ import annotations

from random import Random

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from energy_grid.ids import Side
from energy_grid.model.meters import MeterStatus
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
            reading = meter.last.reading
            for _ in range(min((self.now - reading.timestamp) // 900, 16)):
                reading = self.next_reading(reading, meter, 1, dice)
                items.append((reading, self.world.key_of(meter)))
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
        self._claim(dice)

    def _claim(self, dice: Random) -> None:
        pools = [key for key, pool in self.model.certificates.pools.items() if pool.entries]
        if pools:
            self._claim_slot(dice.choice(pools)[1], [self.world.address(n) for n in NEIGHBOURS])

    def _quote_and_match(self, dice: Random) -> None:
        names = dice.sample(NEIGHBOURS, 4)
        product = dice.choice(self.products(self.world.zones[0])[:4])
        for name in names:
            quote = self.quote(name, dice)
            if quote.zone != product.zone:
                continue
            own = self.model.trading.records_of(self.account(name).account_id, product)
            side = own[0].side if own else quote.side
            changed = type(quote).of(
                product, side, dice.choice(LOTS[:3]), dice.choice(TICKS), quote.expires_at
            )
            self._place_one(name, changed)
        for _ in range(3):
            buy, sell = (self._top(product, side) for side in Side)
            if buy is None or sell is None or buy.limit_per_kwh < sell.limit_per_kwh:
                return
            self._match(buy.order_id, sell.order_id)

"""Rules of the lock-step machine: orders."""

from __future__ import annotations

from random import Random

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from energy_grid.ids import Side
from energy_grid.model.book import Record
from energy_grid.model.trading import Quote
from energy_grid.model.zones import Halt, HaltScope
from energy_grid.products import Period, Product
from energy_grid.slots import day_start, hour_start, slot_of, week_start
from tests.invariants.machine_base import MachineBase, actors, picks, seeds

LOTS = (10, 37, 200, 500, 1_000, 2_000)
ODD_LOTS = (0, 9, 2_251, 40_000, 2**28)
TICKS = (60, 100, 140, 180, 220, 260, 299)
ODD_TICKS = (0, 1, 300, 301, 400, 401, 1_023)
PROVISIONS = ("current", "delegate", "stranger")


def packed(quote: Quote) -> int:
    """A quote as the contract takes it."""
    product = (quote.zone << 40) | (quote.period << 36) | (quote.session << 32) | quote.start_slot
    return (
        quote.expires_at << 112
        | product << 56
        | int(quote.side) << 48
        | quote.limit_tick << 32
        | quote.lots
    )


class TradingRules(MachineBase):
    """Placing, replacing, cancelling, matching, halting."""

    # --- choices ---

    def products(self, zone: int) -> list[Product]:
        """Products that trade now, the ones about to close first."""
        slot = slot_of(self.now)
        starts = [
            *((Period.QUARTER_HOUR, slot + ahead) for ahead in (1, 2)),
            *((Period.HOUR, hour_start(slot) + ahead) for ahead in (4, 8)),
            (Period.DAY, day_start(slot) + 96),
            (Period.WEEK, week_start(slot) + 672),
        ]
        found = [Product.continuous(zone, period, start) for period, start in starts]
        return [product for product in found if product.is_open(self.now + 5)]

    def quote(self, name: str, dice: Random, *, odd: bool = False) -> Quote:
        """Something an actor might ask for; `odd` ones break a rule more often than not."""
        account = self.account(name)
        zone = account.zone if not odd or dice.random() < 0.9 else 400 + dice.randrange(150)
        product = dice.choice(self.products(account.zone))
        metered_seller = account.capacity_w and dice.random() < 0.5
        side = Side.SELL if metered_seller else Side.BUY
        if name not in ("works",) and product.period is Period.WEEK:
            lots = dice.choice(LOTS[:2])
        else:
            lots = dice.choice(LOTS)
        tick, start, period, session, expires = dice.choice(TICKS), product.start_slot, 0, 1, 0
        period = int(product.period)
        if dice.random() < 0.3:
            expires = self.now + dice.choice((30, 600, 4_000, 10**6))
        if odd:
            match dice.randrange(8):
                case 0:
                    lots = dice.choice(ODD_LOTS)
                case 1:
                    tick = dice.choice(ODD_TICKS)
                case 2:
                    start += dice.choice((1, -96, 96 * 40, -1))
                case 3:
                    period, session = dice.choice(((4, 1), (15, 1), (1, 0), (1, 2)))
                case 4:
                    expires = self.now - dice.randrange(3)
                case 5:
                    side = Side.SELL
                case 6:
                    lots = 2_000_000
                case _:
                    pass
        return Quote(zone, period, session, max(start, 0), side, lots, tick, expires)

    def pick_order(self, pick: int) -> int:
        """One of the orders ever placed, mostly one that is open."""
        open_orders = [r.order_id for r in self.model.trading.records.values() if r.remaining_lots]
        pool = open_orders if open_orders and pick % 8 else self.orders
        return pool[pick % len(pool)]

    def touch_quote(self, address: str, quote: Quote) -> None:
        """What a quote may change, if it is for a product at all."""
        if quote.period <= 3 and quote.session == 1 and quote.zone in self.world.zones:
            start = quote.start_slot
            length = Period(quote.period).slots
            anchor = 384 if quote.period == 3 else 0
            if (start - anchor) % length == 0:
                self.touch(address, Product.continuous(quote.zone, Period(quote.period), start))

    # --- placing ---

    @rule(name=actors, seed=seeds)
    def place(self, name: str, seed: int) -> None:
        """One reasonable order."""
        self.begin(name)
        self._place_one(name, self.quote(name, self.dice(seed)))

    @rule(name=actors, seed=seeds)
    def place_oddly(self, name: str, seed: int) -> None:
        """An order that probably breaks a rule."""
        self.begin(name)
        self._place_one(name, self.quote(name, self.dice(seed), odd=True))

    def _place_one(self, name: str, quote: Quote) -> None:
        address = self.world.address(name)
        new: list[int] = []
        self.touch_quote(address, quote)
        self.note(
            self.world.both(
                address,
                self.world.trading,
                "placeOrder",
                packed(quote),
                model=lambda m: new.extend(m.trading.place(address, address, [quote], m.now)),
            )
        )
        self.orders += new

    @rule(name=actors, seed=seeds, count=st.integers(0, 4), by=st.sampled_from(PROVISIONS))
    def place_many(self, name: str, seed: int, count: int, by: str) -> None:
        """Several orders at once, perhaps by somebody else; all or none."""
        self.begin(name)
        dice = self.dice(seed)
        odd = dice.random() < 0.3
        quotes = [self.quote(name, dice, odd=odd) for _ in range(count)]
        owner = self.world.address(name)
        sender = owner if by == "current" else self.world.address(by)
        new: list[int] = []
        for quote in quotes:
            self.touch_quote(owner, quote)
        arguments = ([packed(quote) for quote in quotes],)
        self.note(
            self.world.both(
                sender,
                self.world.trading,
                "placeOrders" if by == "current" else "placeOrdersFor",
                *(arguments if by == "current" else (owner, *arguments)),
                model=lambda m: new.extend(m.trading.place(sender, owner, quotes, m.now)),
            )
        )
        self.orders += new

    @rule(name=actors, seed=seeds)
    def create_order(self, name: str, seed: int) -> None:
        """The printed form: the hour that starts at the expiry rounded up."""
        self.begin(name)
        dice, address = self.dice(seed), self.world.address(name)
        expiry = self.now + dice.choice((-5, 60, 1_800, 3_700, 7_000, 10**6))
        amount = 4 * dice.choice(LOTS) + (dice.random() < 0.1)
        price = dice.choice(TICKS) * 1_000 + (dice.random() < 0.1)
        side = Side.SELL if dice.random() < 0.5 else Side.BUY
        new: list[int] = []
        self.note(
            self.world.both(
                address,
                self.world.trading,
                "createOrder",
                amount,
                price,
                expiry,
                int(side),
                model=lambda m: new.append(
                    m.trading.create_order(address, amount, price, expiry, side, m.now)
                ),
            )
        )
        self.orders += new
        for order in new:
            self.touch_order(order)

    @rule(seller=actors, buyer=actors, seed=seeds)
    def trade(self, seller: str, buyer: str, seed: int) -> None:
        """A sell and a buy that cross, then the best pair of the book trades."""
        dice = self.dice(seed)
        if not self.account(seller).capacity_w:
            seller = "works"
        self.begin(seller, buyer)
        product = dice.choice(self.products(self.account(seller).zone))
        lots, tick = dice.choice(LOTS[:4]), dice.choice(TICKS[:4])
        self._place_one(seller, Quote.of(product, Side.SELL, lots, tick))
        premium = dice.choice((0, 0, 40, 80))
        self._place_one(buyer, Quote.of(product, Side.BUY, lots, tick + premium))
        self._match_best(product)

    # --- replacing and cancelling ---

    @precondition(lambda self: self.orders)
    @rule(pick=picks, seed=seeds)
    def replace(self, pick: int, seed: int) -> None:
        """Another price or quantity for an open order."""
        order_id = self.pick_order(pick)
        owner = self.model.ledger.account_by_id(order_id >> 48 & 0xFFFFFF)
        self.begin(self.world.name_of(owner.address))
        quote = self._replacement(order_id, self.dice(seed))
        new: list[int] = []
        self.touch_order(order_id)
        self.note(
            self.world.both(
                owner.address,
                self.world.trading,
                "replaceOrder",
                order_id,
                packed(quote),
                model=lambda m: new.append(
                    m.trading.replace(owner.address, order_id, quote, m.now)
                ),
            )
        )
        self.orders += new

    @precondition(lambda self: self.orders)
    @rule(pick=picks, seed=seeds, by=st.sampled_from(PROVISIONS))
    def replace_many(self, pick: int, seed: int, by: str) -> None:
        """Several orders of one account; those closed meanwhile are skipped."""
        dice = self.dice(seed)
        owner = self.model.ledger.account_by_id(self.pick_order(pick) >> 48 & 0xFFFFFF)
        own = [one for one in self.orders if one >> 48 & 0xFFFFFF == owner.account_id]
        chosen = [dice.choice(own) for _ in range(dice.randrange(1, 4))]
        sender = owner.address if by == "current" else self.world.address(by)
        self.begin(self.world.name_of(owner.address))
        pairs = [(order_id, self._replacement(order_id, dice)) for order_id in chosen]
        new: list[int] = []
        for order_id in chosen:
            self.touch_order(order_id)
        arguments = (chosen, [packed(quote) for _, quote in pairs])
        self.note(
            self.world.both(
                sender,
                self.world.trading,
                "replaceOrders" if by == "current" else "replaceOrdersFor",
                *(arguments if by == "current" else (owner.address, *arguments)),
                model=lambda m: new.extend(
                    m.trading.replace_many(sender, owner.address, pairs, m.now)
                ),
            )
        )
        self.orders += new

    def _replacement(self, order_id: int, dice: Random) -> Quote:
        product = Product.from_id(order_id >> 72)
        side = Side(order_id >> 32 & 0xFF)
        if dice.random() < 0.05:
            side = Side(1 - side)
        lots = dice.choice((*LOTS, 9) if dice.random() < 0.2 else LOTS[:4])
        expires = self.now + dice.choice((30, 3_000)) if dice.random() < 0.2 else 0
        return Quote.of(product, side, lots, dice.choice(TICKS), expires)

    @precondition(lambda self: self.orders)
    @rule(pick=picks)
    def cancel(self, pick: int) -> None:
        """The owner cancels."""
        order_id = self.pick_order(pick)
        owner = self.model.ledger.account_by_id(order_id >> 48 & 0xFFFFFF).address
        self.begin(self.world.name_of(owner))
        self.touch_order(order_id)
        self.note(
            self.world.both(
                owner,
                self.world.trading,
                "cancelOrder",
                order_id,
                model=lambda m: m.trading.cancel(owner, order_id, m.now),
            )
        )

    @precondition(lambda self: self.orders)
    @rule(seed=seeds, by=st.sampled_from(PROVISIONS))
    def cancel_many(self, seed: int, by: str) -> None:
        """Several at once; what is closed or past its gate is skipped."""
        dice = self.dice(seed)
        first = dice.choice(self.orders)
        owner = self.model.ledger.account_by_id(first >> 48 & 0xFFFFFF)
        own = [one for one in self.orders if one >> 48 & 0xFFFFFF == owner.account_id]
        chosen = [dice.choice(own) for _ in range(dice.randrange(1, 5))]
        sender = owner.address if by == "current" else self.world.address(by)
        self.begin(self.world.name_of(owner.address))
        for order_id in chosen:
            self.touch_order(order_id)
        self.note(
            self.world.both(
                sender,
                self.world.trading,
                "cancelOrders" if by == "current" else "cancelOrdersFor",
                *((chosen,) if by == "current" else (owner.address, chosen)),
                model=lambda m: m.trading.cancel_many(sender, owner.address, chosen, m.now),
            )
        )

    @precondition(lambda self: self.orders)
    @rule(seed=seeds)
    def remove_expired(self, seed: int) -> None:
        """Anybody frees what expired; everything else in the list is skipped."""
        dice = self.dice(seed)
        self.begin("stranger")
        expired = [
            record.order_id
            for record in self.model.trading.records.values()
            if record.remaining_lots and record.expires_at <= self.now
        ]
        chosen = [dice.choice(self.orders) for _ in range(3)] + expired[:5]
        for order_id in chosen:
            self.touch_order(order_id)
        self.note(
            self.world.both(
                self.world.address("stranger"),
                self.world.trading,
                "removeExpired",
                chosen,
                model=lambda m: m.trading.remove_expired(chosen, m.now),
            )
        )

    # --- matching ---

    def _top(self, product: Product, side: Side) -> Record | None:
        """The order that stands first in a book."""
        sign = -1 if side is Side.BUY else 1
        standing = self.model.trading.open_records(product, side)
        return min(standing, key=lambda r: (sign * r.limit_per_kwh, r.sequence), default=None)

    def _match_best(self, product: Product) -> None:
        buy, sell = self._top(product, Side.BUY), self._top(product, Side.SELL)
        if buy is not None and sell is not None:
            self._match(buy.order_id, sell.order_id)

    def _match(self, buy_id: int, sell_id: int) -> None:
        self.touch_order(buy_id)
        self.touch_order(sell_id)
        self.note(
            self.world.both(
                self.world.address("stranger"),
                self.world.trading,
                "matchOrders",
                buy_id,
                sell_id,
                model=lambda m: m.trading.match(buy_id, sell_id, m.now),
            )
        )

    @precondition(lambda self: self.orders)
    @rule(pick=picks)
    def match_best(self, pick: int) -> None:
        """Best bid and best ask of some product meet."""
        self.begin("stranger")
        self._match_best(Product.from_id(self.pick_order(pick) >> 72))

    @precondition(lambda self: len(self.orders) > 1)
    @rule(buy=picks, sell=picks)
    def match_anything(self, buy: int, sell: int) -> None:
        """Two orders that may have nothing to do with each other."""
        self.begin("stranger")
        self._match(self.pick_order(buy), self.pick_order(sell))

    @precondition(lambda self: len(self.orders) > 1)
    @rule(seed=seeds)
    def match_many(self, seed: int) -> None:
        """Many pairs in one call; those that do not match are skipped."""
        dice = self.dice(seed)
        self.begin("stranger")
        pairs = [(dice.choice(self.orders), dice.choice(self.orders)) for _ in range(2)]
        for product in {Product.from_id(order >> 72) for order in self.orders[-12:]}:
            buy, sell = self._top(product, Side.BUY), self._top(product, Side.SELL)
            if buy is not None and sell is not None:
                pairs.append((buy.order_id, sell.order_id))
        for pair in pairs:
            for order_id in pair:
                self.touch_order(order_id)
        self.note(
            self.world.both(
                self.world.address("stranger"),
                self.world.trading,
                "matchMany",
                [buy for buy, _ in pairs],
                [sell for _, sell in pairs],
                model=lambda m: m.trading.match_many(pairs, m.now),
            )
        )

    # --- delegates and halts ---

    @rule(name=actors, who=st.sampled_from(("delegate", "nobody", "self")))
    def name_delegate(self, name: str, who: str) -> None:
        """Give a key the right to trade, or take it back."""
        self.begin(name)
        owner = self.world.address(name)
        chosen = {"delegate": self.world.address("delegate"), "nobody": None, "self": owner}[who]
        self.note(
            self.world.both(
                owner,
                self.world.trading,
                "nameDelegate",
                chosen or "0x" + "0" * 40,
                model=lambda m: m.trading.name_delegate(owner, chosen),
            )
        )

    @rule(seed=seeds, scope=st.sampled_from(list(HaltScope)))
    def halt(self, seed: int, scope: HaltScope) -> None:
        """The guardian stops something for a while."""
        self.begin()
        dice = self.dice(seed)
        zone = self.world.zones[dice.random() < 0.2]
        slot = slot_of(self.now)
        from_slot = slot + dice.randrange(-4, 8)
        to_slot = from_slot + dice.choice((0, 1, 4, 100))
        expires_at = self.now + dice.choice((-1, 0, 20, 30, 60, 300, 72 * 3_600 + 2))
        if dice.random() < 0.05:
            expires_at = self.now + 72 * 3_600
        halt = Halt(scope, from_slot, to_slot, expires_at)
        self.note(
            self.world.both(
                self.world.role("guardian"),
                self.world.trading,
                "haltZone",
                zone,
                int(scope),
                from_slot,
                to_slot,
                expires_at,
                model=lambda m: m.trading.zone(zone).add_halt(halt, m.now),
            )
        )

    @rule(zone_index=st.integers(0, 1))
    def lift_halt(self, zone_index: int) -> None:
        """Governance ends a halt."""
        self.begin()
        zone = self.world.zones[zone_index]
        self.note(
            self.world.both(
                self.world.role("governor"),
                self.world.trading,
                "liftHalt",
                zone,
                model=lambda m: m.trading.zone(zone).lift_halt(m.now),
            )
        )

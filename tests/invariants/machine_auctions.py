"""Rules of the lock-step machine: call auctions, cleared together or one by one."""

from __future__ import annotations

from random import Random

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from energy_grid.clearing import coupled
from energy_grid.clearing.market import CoupledMarket, Zone
from energy_grid.curves import FIRST_TICK, LAST_TICK, Curve, Step
from energy_grid.ids import Side
from energy_grid.model.call_auction import clearing_interval
from energy_grid.products import Period, Product
from energy_grid.slots import hour_start, slot_of
from tests.invariants.machine_base import ACTORS, actors, picks, seeds
from tests.invariants.machine_settlement import SettlementRules
from tests.invariants.machine_trading import PROVISIONS
from tests.invariants.observation import Place

CURVE_LOTS = (10, 37, 200, 500, 1_000)
CURVE_TICKS = (60, 100, 101, 140, 180, 181, 220, 260)
REFERENCES = (0, 0, 100_000, 200_000, 500_000)
QUOTES = (0, 60_000, 250_000, 500_000, 1_000_500)
AHEAD = (1, 1, 1, 1, 1, 0, 2)
"""Slots from the running one to the one that a quote is for; only the next is quoted."""
BIDDERS = ("solar", "storage", "works", "poor", "trader", "broker", "island")
WATCHED_CURVES = 12


class AuctionRules(SettlementRules):
    """Curves, clearing, claims, rent."""

    def __init__(self) -> None:
        super().__init__()
        self.curve_places: list[Place] = []

    def begin(self, *names: str) -> None:
        """The newest curves stay watched: settlement changes them long after they were placed."""
        super().begin(*names)
        self.touched.curves |= set(self.curve_places[-WATCHED_CURVES:])

    # --- choices ---

    def auctions(self, zone: int) -> list[Product]:
        """Auctions that take orders now, the ones about to close first."""
        slot = slot_of(self.now)
        starts = [
            *((Period.QUARTER_HOUR, slot + ahead) for ahead in (3, 4, 5)),
            *((Period.HOUR, hour_start(slot) + ahead) for ahead in (8, 12)),
        ]
        found = [Product.auction(zone, period, start) for period, start in starts]
        return [product for product in found if product.is_open(self.now + 30)]

    def curve(self, name: str, product: Product, dice: Random) -> Curve:
        """A canonical curve; of sellers mostly to sell."""
        account = self.account(name)
        count = dice.choice((1, 1, 2, 3, 4))
        ticks = sorted(dice.sample(CURVE_TICKS, count))
        if account.capacity_w and dice.random() < 0.6:
            sells = count if dice.random() < 0.8 else dice.randrange(count + 1)
        else:
            sells = 0
        share = max(1, count)
        steps = tuple(
            Step(
                Side.BUY if index < count - sells else Side.SELL,
                tick,
                max(10, dice.choice(CURVE_LOTS) // share),
            )
            for index, tick in enumerate(ticks)
        )
        return Curve(product.in_zone(account.zone), steps)

    def _word(self, curve: Curve, dice: Random) -> int:
        """A curve as the contract takes it, broken in one way or another half of the time."""
        word = curve.pack()
        match dice.randrange(12):
            case 0:
                return word | 1 << 212  # a bit beyond the fields
            case 1:
                return word ^ 1 << 38  # the first step on the other side
            case 2:
                return word & ~((1 << 28) - 1)  # the first step without lots
            case 3:
                return word & ~(((1 << 28) - 1) >> 3)  # hardly any lots, or other ones
            case 4:
                return word ^ (dice.randrange(1, 64) << 28)  # another tick
            case 5:
                return word ^ 1 << 188  # another session
            case _:
                return word

    def _watch(self, address: str, product: Product) -> None:
        account = self.model.ledger.accounts.get(address)
        if account is None or self.model.trading.curve_of(account.account_id, product) is None:
            return
        place = Place(address, product)
        if place in self.curve_places:
            self.curve_places.remove(place)
        self.curve_places.append(place)
        self.touched.curves.add(place)

    # --- placing ---

    def _place_curve(self, name: str, word: int, product: Product) -> None:
        address = self.world.address(name)
        self.note(
            self.world.both(
                address,
                self.world.trading,
                "placeCurve",
                word,
                model=lambda m: m.trading.place_curve(address, word, m.now),
            )
        )
        self._watch(address, product)

    @rule(name=actors, seed=seeds)
    def place_curve(self, name: str, seed: int) -> None:
        """One curve, well formed or not."""
        dice = self.dice(seed)
        open_now = self.auctions(self.account(name).zone)
        if not open_now:
            return
        self.begin(name)
        product = dice.choice(open_now)
        curve = self.curve(name, product, dice)
        self._place_curve(name, self._word(curve, dice), product)

    @rule(name=actors, seed=seeds, by=st.sampled_from(PROVISIONS))
    def place_curves(self, name: str, seed: int, by: str) -> None:
        """Several curves at once, perhaps by somebody else; all or none."""
        dice, owner = self.dice(seed), self.world.address(name)
        products = self.auctions(self.account(name).zone)
        chosen = [dice.choice(products) for _ in range(dice.randrange(4))] if products else []
        self.begin(name)
        words = [self.curve(name, product, dice).pack() for product in chosen]
        sender = owner if by == "current" else self.world.address(by)
        self.note(
            self.world.both(
                sender,
                self.world.trading,
                "placeCurves" if by == "current" else "placeCurvesFor",
                *((words,) if by == "current" else (owner, words)),
                model=lambda m: m.trading.place_curves(sender, owner, words, m.now),
            )
        )
        for product in chosen:
            self._watch(owner, product)

    @precondition(lambda self: self.curve_places)
    @rule(pick=picks, seed=seeds, by=st.sampled_from(PROVISIONS))
    def cancel_curves(self, pick: int, seed: int, by: str) -> None:
        """What stands and may still change is withdrawn, the rest is skipped."""
        dice = self.dice(seed)
        owner = self.curve_places[pick % len(self.curve_places)].address
        own = [place.product for place in self.curve_places if place.address == owner]
        chosen = [dice.choice(own).id for _ in range(dice.randrange(1, 4))]
        self.begin(self.world.name_of(owner))
        sender = owner if by == "current" else self.world.address(by)
        self.note(
            self.world.both(
                sender,
                self.world.trading,
                "cancelCurves" if by == "current" else "cancelCurvesFor",
                *((chosen,) if by == "current" else (owner, chosen)),
                model=lambda m: m.trading.cancel_curves(sender, owner, chosen, m.now),
            )
        )

    @rule(price=st.sampled_from(REFERENCES), zone_index=st.integers(0, 1))
    def reference_price(self, price: int, zone_index: int) -> None:
        """The price feed speaks; products opened from now on have a collar around it."""
        self.begin()
        zone = self.world.zones[zone_index]
        self.note(
            self.world.both(
                self.world.role("price_feed"),
                self.world.trading,
                "setReferencePrice",
                zone,
                price,
                model=lambda m: m.trading.set_reference_price(zone, price),
            )
        )

    @rule(price=st.sampled_from(QUOTES), zone_index=st.integers(0, 1), ahead=st.sampled_from(AHEAD))
    def quote_slot(self, price: int, zone_index: int, ahead: int) -> None:
        """The price feed quotes the slot that begins next, and sometimes tries another."""
        self.begin()
        zone = self.world.zones[zone_index]
        slot = slot_of(self.world.chain.next_block_at) + ahead
        self.note(
            self.world.both(
                self.world.role("price_feed"),
                self.world.trading,
                "quoteSlot",
                zone,
                slot,
                price,
                model=lambda m: m.trading.quote_slot(zone, slot, price, m.now),
            )
        )

    # --- clearing ---

    def _clear_one(self, product: Product, dice: Random) -> None:
        """With the clearing interval, or with another one."""
        interval = clearing_interval(self.model.trading.curves_in(product))
        low, high = interval.low, interval.high
        if dice.random() < 0.3:
            low, high = dice.choice(
                ((low - 1, high), (low + 1, high), (low, high + 1), (low, high - 1), (high, low))
            )
            low, high = max(low, 0), max(high, 0)
        for ends in ((low, high), (interval.low, interval.high)):
            self.note(
                self.world.both(
                    self.world.address("stranger"),
                    self.world.trading,
                    "clear",
                    product.id,
                    *ends,
                    model=lambda m, e=ends: m.trading.clear(product.id, e[0], e[1], m.now),
                )
            )

    def _clear_region(self, head: Product) -> None:
        """The one right proposal for all zones of the region."""
        trading = self.model.trading
        links = tuple(trading.links_left(head))
        curves = [trading.curves_in(head.in_zone(zone)) for zone in trading.zones_of(head.zone)]
        market = CoupledMarket(
            zones=tuple(
                Zone.of_orders(str(number), one.sell_lots.items(), one.buy_lots.items())
                for number, one in enumerate(curves)
            ),
            links=links,
            lowest_price=FIRST_TICK,
            highest_price=LAST_TICK,
        )
        proposal = coupled.solve(market)
        self.note(
            self.world.both(
                self.world.address("stranger"),
                self.world.trading,
                "clearCoupled",
                head.id,
                proposal.encode(links),
                model=lambda m: m.trading.clear_coupled(head.id, proposal, m.now),
            )
        )

    def _claim_some(self, product: Product, dice: Random) -> None:
        for zone in self.world.zones:
            names = dice.sample(ACTORS, dice.randrange(len(ACTORS) + 1))
            addresses = [self.world.address(name) for name in names]
            local = product.in_zone(zone)
            self.note(
                self.world.both(
                    self.world.address("stranger"),
                    self.world.trading,
                    "claim",
                    local.id,
                    addresses,
                    model=lambda m, at=local, who=addresses: m.trading.claim(at.id, who, m.now),
                )
            )

    @precondition(lambda self: self.young())
    @rule(seed=seeds)
    def auction(self, seed: int) -> None:
        """An auction from its first curve to some claims, mostly as it should be."""
        dice = self.dice(seed)
        head_zone, other = self.world.zones
        open_now = self.auctions(head_zone)
        if not open_now:
            return
        self.begin(*BIDDERS)
        head = dice.choice(open_now[:3])
        for name in dice.sample(BIDDERS, dice.randrange(2, len(BIDDERS) + 1)):
            curve = self.curve(name, head, dice)
            self._place_curve(name, curve.pack(), curve.product)
        if dice.random() < 0.1:
            self._clear_region(head)  # too early
        if head.gate_at <= self.now:
            return
        if dice.random() < 0.6:
            self.world.advance_to(head.gate_at + dice.choice((0, 5, 310)))
            self._clear_region(head)
            if self.model.trading.is_extended(head):
                name = dice.choice(BIDDERS)
                curve = self.curve(name, head, dice)
                self._place_curve(name, curve.pack(), curve.product)
                self.world.advance_to(max(self.now, head.extended_gate_at + 1))
                self._clear_region(head)
            if dice.random() < 0.3:
                self._clear_region(head)  # a second time
        elif dice.random() < 0.8:
            # Nobody proposed in time for all zones: they are cleared one by one.
            self.world.advance_to(head.gate_at + dice.choice((30, 610, 905)))
            for zone in (head_zone, other):
                self._clear_one(head.in_zone(zone), dice)
        else:
            self.world.advance_to(head.starts_at + 1)  # nobody did anything: void
            self._clear_one(head, dice)
        self._claim_some(head, dice)

    @precondition(lambda self: self.curve_places)
    @rule(seed=seeds)
    def claim_products(self, seed: int) -> None:
        """One account's fills in many products; what is undecided is skipped."""
        dice = self.dice(seed)
        owner = dice.choice(self.curve_places).address
        chosen = [dice.choice(self.curve_places).product.id for _ in range(dice.randrange(4))]
        self.begin("stranger")
        self.note(
            self.world.both(
                self.world.address("stranger"),
                self.world.trading,
                "claimProducts",
                owner,
                chosen,
                model=lambda m: m.trading.claim_products(owner, chosen, m.now),
            )
        )

    @precondition(lambda self: self.model.trading.flows)
    @rule(pick=picks)
    def collect_rent(self, pick: int) -> None:
        """What a full line earned goes to its owner, once and not before delivery is over."""
        heads = list(self.model.trading.flows)
        head = heads[pick % len(heads)]
        self.begin("stranger")
        self.note(
            self.world.both(
                self.world.address("stranger"),
                self.world.trading,
                "collectRent",
                head.id,
                0,
                model=lambda m: m.trading.collect_rent(head.id, 0, m.now),
            )
        )

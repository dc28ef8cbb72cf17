"""Trading on chain: what agents decided is sent or signed; the trading engine does the rest.

The simulation sends what members send themselves. Clearing, claiming, matching and relaying signed
curves are the engine's, a process of its own that looks at the chain when it is told to.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from eth_account.signers.local import LocalAccount

from energy_grid import signed_orders
from energy_grid.abi import Event
from energy_grid.curves import Curve, MarketUnits
from energy_grid.ids import OrderId, Side
from energy_grid.order_book import Book
from energy_grid.products import Period, Product
from energy_grid.signed_orders import SignedOrder
from energy_grid.units import SLOT_SECONDS
from simulation.agents.decide import (
    Decision,
    OwnOrder,
    Situation,
    decide_day_ahead,
    decide_quarter,
)
from simulation.agents.forecast import forecast_levels, observe
from simulation.agents.terms import MarketView
from simulation.agents.traders import Trader
from simulation.market_day.auctions import fills_of
from simulation.market_day.chain import Call, Chain
from simulation.physics.behind_meter import HomeEnergies

SIGNS_EVERY: Final = 3
"""Every third home signs its curves and leaves sending them to the engine, which pays."""

_GAS_BASE: Final = 200_000
_GAS_PER_ORDER: Final = 120_000
_GAS_PER_CURVE: Final = 250_000
_POSITION_SLOTS: Final = 8


@dataclass(frozen=True)
class Member:
    """A home that trades.

    Attributes:
        account: its key.
        account_id: its short id on chain.
        market: rules of its zone.
        trader: valuations and temper.
        history: what its meters measure; agents see only the part before the present.
        vault: the account it acts for as a delegate; None if it acts for its own.
    """

    account: LocalAccount
    account_id: int
    market: MarketView
    trader: Trader
    history: HomeEnergies
    vault: str | None = None

    @property
    def address(self) -> str:
        """The account that trades."""
        return self.vault or str(self.account.address)

    @property
    def signs(self) -> bool:
        """Whether its curves go out signed; only an account's own key can."""
        return self.vault is None and self.trader.home_number % SIGNS_EVERY == 0


class Relay(Protocol):
    """What takes signed curves and lets the engine work."""

    def work(self, signed: Sequence[SignedOrder] = ()) -> None:
        """Hand over what was signed since the last time."""
        ...


@dataclass
class TradingFloor:
    """All members and what they have open.

    Attributes:
        chain: where everything is sent.
        members: who trades.
        engine: clears, claims, matches, relays.
        slots: the slots of the day; nothing else is traded.
        seed: seed of the run.
        first_block: where the market began, to take over an open book; None for an empty one.
        book: open orders of the continuous session.
        cleared: auctions cleared so far.
        matched: orders matched so far.
    """

    chain: Chain
    members: tuple[Member, ...]
    engine: Relay
    slots: range
    seed: int
    first_block: int | None = None
    book: Book = field(init=False)
    cleared: int = 0
    matched: int = 0
    _in_quarter_wh: dict[int, dict[int, int]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(int))
    )
    _signed: list[SignedOrder] = field(default_factory=list)
    _units: MarketUnits = field(init=False)
    _domain: bytes = field(init=False)
    _next_block: int = field(init=False)

    def __post_init__(self) -> None:
        market = self.members[0].market
        self.book = Book(market.lot_wh)
        self._units = MarketUnits(market.lot_wh, market.tick_size)
        trading = self.chain.contracts.energy_trading
        self._domain = signed_orders.domain(self.chain.chain_id, trading.address)
        self._next_block = self.chain.rpc.block_number() + 1
        if self.first_block is not None:
            self._next_block = self.first_block
            self._follow()

    def place_day_ahead(self, now: int) -> None:
        """Everybody places curves for the hours of the day."""
        hours = range(self.slots.start, self.slots.stop - Period.HOUR.slots + 1, Period.HOUR.slots)
        self._act(
            now,
            lambda member, situation: decide_day_ahead(
                member.trader, member.market, situation, hours
            ),
        )

    def place_quarters(self, now: int) -> None:
        """Everybody goes into the next auction and quotes what is open after the last ones."""
        self._act(
            now,
            lambda member, situation: decide_quarter(
                member.trader, member.market, situation, self.slots
            ),
        )

    def let_engine_work(self) -> None:
        """One round of the engine, with all curves signed since the last one."""
        self.engine.work(self._signed)
        self._signed = []
        self._follow()
        self.book.forget_closed(self.chain.now() + 1)

    def _act(self, now: int, decide: Callable[[Member, Situation], Decision]) -> None:
        calls: list[Call] = []
        for member, situation in zip(self.members, self._situations(now), strict=True):
            decision = decide(member, situation)
            calls += self._calls(member, decision)
            if member.signs:
                self._signed += [self._sign(member, curve, now) for curve in decision.curves]
        self.chain.send(calls)
        self._follow()

    def _situations(self, now: int) -> list[Situation]:
        """What every member knows now: own outlook, own position and balance as on chain."""
        slot = now // SLOT_SECONDS
        settlement, trading = self.chain.contracts.settlement, self.chain.contracts.energy_trading
        requests: list[tuple[Any, str, tuple[Any, ...]]] = []
        for member in self.members:
            requests.append((settlement, "accountState", (member.address,)))
            requests.append(
                (
                    trading,
                    "slotPositions",
                    (member.account_id, member.market.zone, slot, _POSITION_SLOTS),
                )
            )
        answers = self.chain.read(requests)
        return [
            Situation(
                now=now,
                levels_wh=forecast_levels(
                    observe(member.history, slot),
                    max(self.slots.stop - slot, 0),
                    seed=self.seed,
                    home_number=member.trader.home_number,
                ),
                sold_wh={
                    slot + index: position.soldWh - position.boughtWh
                    for index, position in enumerate(positions)
                },
                sold_in_quarter_wh=self._in_quarter_wh[member.account_id],
                open_orders=tuple(
                    OwnOrder(order.order_id, order.quote)
                    for order in self.book.orders_of(member.account_id)
                    if order.quote.product.gate_at > now
                ),
                free_units=state.free,
            )
            for member, state, positions in zip(
                self.members, answers[0::2], answers[1::2], strict=True
            )
        ]

    def _sign(self, member: Member, curve: Curve, now: int) -> SignedOrder:
        return SignedOrder.sign(
            curve,
            now,
            units=self._units,
            domain_separator=self._domain,
            private_key=bytes(member.account.key),
        )

    def _calls(self, member: Member, decision: Decision) -> list[Call]:
        trading = self.chain.contracts.energy_trading
        what = f"home {member.trader.home_number}"
        calls = []

        def add(function: str, count: int, gas_each: int, *arguments: Any) -> None:
            gas = _GAS_BASE + gas_each * count
            calls.append(Call(member.account, trading, function, arguments, gas, what))

        curves = [] if member.signs else [curve.pack() for curve in decision.curves]
        ids = list(decision.cancel)
        replaced = [order_id for order_id, _ in decision.replace]
        quotes = [quote.pack() for _, quote in decision.replace]
        words = [quote.pack() for quote in decision.place]
        if member.vault is not None:
            # A delegate has the functions for many only.
            for function, count, gas_each, lists in (
                ("placeCurvesFor", len(curves), _GAS_PER_CURVE, (curves,)),
                ("cancelOrdersFor", len(ids), _GAS_PER_ORDER, (ids,)),
                ("replaceOrdersFor", len(replaced), _GAS_PER_ORDER, (replaced, quotes)),
                ("placeOrdersFor", len(words), _GAS_PER_ORDER, (words,)),
            ):
                if count:
                    add(function, count, gas_each, member.vault, *lists)
            return calls
        if len(curves) == 1:
            add("placeCurve", 1, _GAS_PER_CURVE, curves[0])
        elif curves:
            add("placeCurves", len(curves), _GAS_PER_CURVE, curves)
        if ids:
            add("cancelOrders", len(ids), _GAS_PER_ORDER, ids)
        if replaced:
            add("replaceOrders", len(replaced), _GAS_PER_ORDER, replaced, quotes)
        if len(words) == 1:
            add("placeOrder", 1, _GAS_PER_ORDER, words[0])
        elif words:
            add("placeOrders", len(words), _GAS_PER_ORDER, words)
        return calls

    def _follow(self) -> None:
        """Take the market's events over, those of the engine's transactions included."""
        newest = self.chain.rpc.block_number()
        if newest < self._next_block:
            return
        trading = self.chain.contracts.energy_trading
        events = self.chain.events_of(trading, self._next_block, newest)
        self._next_block = newest + 1
        for event in events:
            self.book.apply(event.name, dict(event.arguments))
            self._note_trade(event)

    def _note_trade(self, event: Event) -> None:
        """Count it; what an account sells for a quarter hour is limited, so keep it in mind."""
        if event.name == "RegionCleared":
            self.cleared += len(event.results)
        elif event.name == "AuctionCleared":
            self.cleared += 1
        elif event.name == "CurvesClaimed":
            product = Product.from_id(event.product)
            for account_id, fill in fills_of(event).items():
                sign = 1 if fill.side is Side.SELL else -1
                self._note(account_id, product, sign * fill.lots * self._units.lot_wh)
        elif event.name == "OrdersMatched":
            self.matched += 1
            bought, sold = (
                OrderId.unpack(event.buyOrderId),
                OrderId.unpack(event.sellOrderId),
            )
            self._note(bought.account_id, bought.product, -event.amount)
            self._note(sold.account_id, sold.product, event.amount)

    def _note(self, account_id: int, product: Product, sold_wh: int) -> None:
        if product.period is Period.QUARTER_HOUR:
            self._in_quarter_wh[account_id][product.start_slot] += sold_wh

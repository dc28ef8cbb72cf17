"""Trading on chain: what agents decided is sent, and the engine matches it in price-time order.

The engine knows the book from the chain's events alone. Later a keeper of its own does this.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from eth_account.signers.local import LocalAccount

from energy_grid.order_book import Book, expired, pairs
from simulation.agents.decide import (
    Decision,
    OwnOrder,
    Situation,
    decide_day_ahead,
    decide_quarter,
)
from simulation.agents.forecast import forecast_surplus, observe
from simulation.agents.terms import MarketView
from simulation.agents.traders import Trader
from simulation.market_day.chain import Call, Chain, Receipt
from simulation.physics.behind_meter import HomeEnergies

_MATCHES_A_CALL: Final = 20
_REMOVALS_A_CALL: Final = 20
_GAS_BASE: Final = 150_000
_GAS_PER_ORDER: Final = 120_000
_POSITION_SLOTS: Final = 8


@dataclass(frozen=True)
class Member:
    """A home that trades.

    Attributes:
        account: its key.
        account_id: its short id on chain.
        trader: valuations and temper.
        history: what its meters measure; agents see only the part before the present.
    """

    account: LocalAccount
    account_id: int
    trader: Trader
    history: HomeEnergies


@dataclass
class TradingFloor:
    """All members, the book and the engine.

    Attributes:
        chain: where everything is sent.
        market: rules of the zone.
        members: who trades.
        keeper: account of the engine.
        slots: the slots of the day; nothing else is traded.
        seed: seed of the run.
        book: open orders.
        trades: matches so far.
    """

    chain: Chain
    market: MarketView
    members: tuple[Member, ...]
    keeper: LocalAccount
    slots: range
    seed: int
    book: Book = field(init=False)
    trades: int = 0

    def __post_init__(self) -> None:
        self.book = Book(self.market.lot_wh)

    def quote_day_ahead(self, now: int) -> None:
        """Everybody quotes the hours of the day."""
        hours = range(self.slots.start, self.slots.stop, 4)
        decisions = [
            decide_day_ahead(member.trader, self.market, situation, hours)
            for member, situation in zip(self.members, self._situations(now), strict=True)
        ]
        self._act(decisions)

    def quote_quarters(self, now: int) -> None:
        """Everybody quotes the quarter hours ahead and what is still open."""
        decisions = [
            decide_quarter(member.trader, self.market, situation, self.slots)
            for member, situation in zip(self.members, self._situations(now), strict=True)
        ]
        self._act(decisions)

    def match(self) -> int:
        """Remove expired orders that stand in the way, then match what crosses; returns matches."""
        now = self.chain.now() + 1
        self.book.forget_closed(now)
        stale: list[int] = []
        for product in self.book.products():
            stale += [order.order_id for order in expired(self.book.orders(product), now)]
        trading = self.chain.contracts.energy_trading
        self._send(
            [
                Call(
                    self.keeper,
                    trading,
                    "removeExpired",
                    (part,),
                    _GAS_BASE + _GAS_PER_ORDER * len(part),
                )
                for part in _parts(stale, _REMOVALS_A_CALL)
            ]
        )
        found: list[tuple[int, int]] = []
        for product in self.book.products():
            found += pairs(self.book.orders(product), now)
        before = self.trades
        self._send(
            [
                Call(
                    self.keeper,
                    trading,
                    "matchMany",
                    ([buy for buy, _ in part], [sell for _, sell in part]),
                    _GAS_BASE + _GAS_PER_ORDER * len(part),
                )
                for part in _parts(found, _MATCHES_A_CALL)
            ]
        )
        return self.trades - before

    def _situations(self, now: int) -> list[Situation]:
        """What every member knows now: own forecast, own position and balance as on chain."""
        slot = now // 900
        settlement, trading = self.chain.contracts.settlement, self.chain.contracts.energy_trading
        requests: list[tuple[Any, str, tuple[Any, ...]]] = []
        for member in self.members:
            requests.append((settlement, "accountState", (member.account.address,)))
            requests.append(
                (
                    trading,
                    "slotPositions",
                    (member.account_id, self.market.zone, slot, _POSITION_SLOTS),
                )
            )
        answers = self.chain.read(requests)
        count = max(self.slots.stop - slot, 0)
        return [
            Situation(
                now=now,
                forecast_wh=forecast_surplus(
                    observe(member.history, slot),
                    count,
                    seed=self.seed,
                    home_number=member.trader.home_number,
                ),
                sold_wh={
                    slot + index: position.soldWh - position.boughtWh
                    for index, position in enumerate(positions)
                },
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

    def _act(self, decisions: Sequence[Decision]) -> None:
        calls: list[Call] = []
        for member, decision in zip(self.members, decisions, strict=True):
            calls += self._calls(member, decision)
        self._send(calls)

    def _calls(self, member: Member, decision: Decision) -> list[Call]:
        trading = self.chain.contracts.energy_trading
        what = f"home {member.trader.home_number}"
        calls = []
        if decision.cancel:
            gas = _GAS_BASE + _GAS_PER_ORDER * len(decision.cancel)
            ids = list(decision.cancel)
            calls.append(Call(member.account, trading, "cancelOrders", (ids,), gas, what))
        if decision.replace:
            gas = _GAS_BASE + _GAS_PER_ORDER * len(decision.replace)
            ids = [order_id for order_id, _ in decision.replace]
            quotes = [quote.pack() for _, quote in decision.replace]
            calls.append(Call(member.account, trading, "replaceOrders", (ids, quotes), gas, what))
        if len(decision.place) == 1:
            gas = _GAS_BASE + _GAS_PER_ORDER
            word = decision.place[0].pack()
            calls.append(Call(member.account, trading, "placeOrder", (word,), gas, what))
        elif decision.place:
            gas = _GAS_BASE + _GAS_PER_ORDER * len(decision.place)
            words = [quote.pack() for quote in decision.place]
            calls.append(Call(member.account, trading, "placeOrders", (words,), gas, what))
        return calls

    def _send(self, calls: Sequence[Call]) -> None:
        self._follow(self.chain.send(calls))

    def _follow(self, receipts: Sequence[Receipt]) -> None:
        """Take the market's events over, in the order in which they happened."""
        events = [
            event
            for receipt in receipts
            for event in self.chain.contracts.energy_trading.decode_logs(receipt)
        ]
        for event in sorted(events, key=lambda event: (event.block_number, event.log_index)):
            self.book.apply(event.name, dict(event.arguments))
            self.trades += event.name == "OrdersMatched"


def _parts(items: Sequence[Any], size: int) -> list[list[Any]]:
    return [list(items[first : first + size]) for first in range(0, len(items), size)]

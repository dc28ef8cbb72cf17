"""Flexibility on the chain: budgets, stakes, offers, calls, dispatches, delivery, payment."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from eth_account.signers.local import LocalAccount

from simulation.grid_day.balancing import Direction
from simulation.grid_day.chain_resources import ResourceBook
from simulation.grid_day.chain_world import GridDayKeys
from simulation.grid_day.errors import GridDayError
from simulation.grid_day.flexbook import Ask, Offer, merit_order
from simulation.grid_day.report import Dispatches
from simulation.market_day.chain import Call, Chain
from simulation.market_day.residuals import Kind, Residual

BUDGET_COINS: Final = 500
"""What each zone's operator puts aside for the day."""
PRICE_CAP_UNITS: Final = 300_000
"""Highest price of a call; owners ask for less."""

_AT_ONCE: Final = 0
_CLOSED: Final = 3
"""Phase of a request."""
_GAS_MONEY: Final = 200_000
_GAS_OFFER: Final = 4_000_000
_GAS_REQUEST: Final = 500_000
_GAS_ALLOCATE: Final = 6_000_000
_GAS_SETTLE: Final = 12_000_000
_GAS_RELEASE: Final = 400_000
_OFFERS_A_CALL: Final = 24
_DAY_SECONDS: Final = 86_400
_FINAL_AFTER_SECONDS: Final = 2 * _DAY_SECONDS + 60
"""Readings of a day count until the end of the next one."""


@dataclass(frozen=True, slots=True)
class Called:
    """A call that was allocated.

    Attributes:
        ask: what was called.
        request_id: its number on the chain.
        price: marginal price, units per kWh.
        accepted_w: power accepted by device id, as the chain says.
        block: block of the dispatch.
    """

    ask: Ask
    request_id: int
    price: int
    accepted_w: Mapping[int, int]
    block: int


class FlexibilityDesk:
    """Acts for owners and operators on the flexibility market.

    Args:
        chain: where it is.
        keys: everybody.
        zones: zones with a budget.
        book: registered devices.
    """

    def __init__(
        self, chain: Chain, keys: GridDayKeys, zones: Sequence[int], book: ResourceBook
    ) -> None:
        self._chain, self._keys, self._book = chain, keys, book
        self._zones = tuple(zones)
        self._flex = chain.contracts["Flexibility"]
        self._token = chain.contracts.settlement_token
        self._coin = 10 ** int(self._token.call("decimals"))
        self._offers: dict[int, Offer] = {}
        self._called: list[Called] = []
        self._blocks: list[int] = []
        self._requests = 0
        self._deposited: dict[str, int] = defaultdict(int)
        self._withdrawn: dict[str, int] = defaultdict(int)

    # --- Before the day ---------------------------------------------------------------------------

    def fund_budgets(self) -> None:
        """Every operator pays its zone's budget in."""
        amount = BUDGET_COINS * self._coin
        self._pay_in({self._keys.operators[zone]: amount for zone in self._zones})
        self._chain.send(
            [
                Call(self._keys.operators[zone], self._flex, "fundBudget", (zone, amount))
                for zone in self._zones
            ]
        )

    def place(self, offers: Sequence[Offer]) -> None:
        """Owners deposit what their stakes need and place their offers."""
        stakes = self._chain.read(
            [
                (self._flex, "stakeFor", (offer.power_w, offer.to_slot - offer.from_slot))
                for offer in offers
            ]
        )
        owed: dict[LocalAccount, int] = defaultdict(int)
        for offer, stake in zip(offers, stakes, strict=True):
            owed[self._keys.members[offer.connection_id]] += int(stake)
        self._pay_in(owed)
        # Places of a book are filled in order, and blocks know no order between senders: one offer
        # of each book a block.
        books: dict[tuple[int, Direction], list[Offer]] = defaultdict(list)
        for offer in offers:
            books[offer.zone, offer.direction].append(offer)
        places = {
            key: int(self._flex.call("placeFor", *key, book[0].price_per_kwh).place)
            for key, book in books.items()
        }
        for turn in range(max(map(len, books.values()), default=0)):
            group = [book[turn] for book in books.values() if turn < len(book)]
            calls = [self._offer_call(one, places[one.zone, one.direction] + turn) for one in group]
            for offer, receipt in zip(group, self._chain.send(calls), strict=True):
                (event,) = self._events(receipt, "OfferPlaced")
                self._offers[int(event.offerId)] = offer

    def _offer_call(self, offer: Offer, place: int) -> Call:
        arguments = (
            self._book.resource_ids[offer.device_id],
            int(offer.direction),
            offer.power_w,
            offer.price_per_kwh,
            offer.from_slot,
            offer.to_slot,
            place,
        )
        owner = self._keys.members[offer.connection_id]
        what = f"device {offer.device_id}"
        return Call(owner, self._flex, "placeOffer", (arguments,), _GAS_OFFER, what)

    def _pay_in(self, amounts: Mapping[LocalAccount, int]) -> None:
        flex, token = self._flex, self._token
        steps = (
            [Call(who, token, "mint", (who.address, amount)) for who, amount in amounts.items()],
            [
                Call(who, token, "approve", (flex.address, amount))
                for who, amount in amounts.items()
            ],
            [
                Call(who, flex, "deposit", (amount,), _GAS_MONEY, "flexibility")
                for who, amount in amounts.items()
            ],
        )
        for calls in steps:
            self._chain.send(calls)
        for who, amount in amounts.items():
            self._deposited[who.address] += amount

    # --- While it runs ----------------------------------------------------------------------------

    def request_calls(self, asks: Sequence[Ask]) -> list[Call]:
        """Transactions of the operators that ask for flexibility."""
        self._requests += len(asks)
        return [
            Call(
                self._keys.operators[ask.zone],
                self._flex,
                "requestFlexibility",
                (
                    ask.zone,
                    int(ask.direction),
                    ask.power_w,
                    PRICE_CAP_UNITS,
                    ask.slot,
                    ask.slot + 1,
                    _AT_ONCE,
                ),
                _GAS_REQUEST,
                f"{ask.cause} in zone {ask.zone}",
            )
            for ask in asks
        ]

    def remove_calls(self, offers: Sequence[Offer]) -> list[Call]:
        """Transactions with which owners take offers out of the book."""
        ids = {offer: offer_id for offer_id, offer in self._offers.items()}
        return [
            Call(
                self._keys.members[offer.connection_id],
                self._flex,
                "removeOffer",
                (ids[offer],),
                _GAS_RELEASE,
                f"device {offer.device_id}",
            )
            for offer in offers
        ]

    def allocate_calls(
        self, asks: Sequence[Ask], offers: Sequence[Sequence[Offer]], receipts: Sequence[Any]
    ) -> list[Call]:
        """Transactions that allocate what was asked for; anybody can send them.

        Args:
            asks: what was asked for.
            offers: offers that cover each ask.
            receipts: of the requests.
        """
        calls = []
        for ask, candidates, receipt in zip(asks, offers, receipts, strict=True):
            (event,) = self._events(receipt, "FlexibilityRequested")
            price, _ = merit_order(candidates, ask.power_w)
            calls.append(
                Call(
                    self._keys.keeper,
                    self._flex,
                    "allocate",
                    (int(event.requestId), price),
                    _GAS_ALLOCATE,
                    f"{ask.power_w} W at {price}",
                )
            )
        return calls

    def take(
        self,
        asks: Sequence[Ask],
        offers: Sequence[Sequence[Offer]],
        receipts: Sequence[Any],
        value_block: int,
    ) -> list[Called]:
        """Note dispatches, and read back what each device is asked for."""
        called = []
        for ask, candidates, receipt in zip(asks, offers, receipts, strict=True):
            (event,) = self._events(receipt, "Dispatched")
            answers = self._chain.read(
                [
                    (
                        self._flex,
                        "dispatchOf",
                        (self._book.resource_ids[offer.device_id], ask.slot),
                    )
                    for offer in candidates
                ]
            )
            accepted = {
                offer.device_id: abs(int(answer.powerW))
                for offer, answer in zip(candidates, answers, strict=True)
                if answer.powerW
            }
            block = int(receipt["blockNumber"], 16)
            self._blocks.append(block - value_block)
            called.append(
                Called(ask, int(event.requestId), int(event.marginalPrice), accepted, block)
            )
        self._called += called
        return called

    # --- After it ---------------------------------------------------------------------------------

    def settle(self, midnight_unix: int) -> None:
        """Settle every call once readings are final, release all stakes, pay everybody out."""
        final = midnight_unix + _FINAL_AFTER_SECONDS
        if self._chain.now() < final:
            self._chain.advance_to(final)
        keeper = self._keys.keeper
        for called in self._called:
            ask = called.ask
            ids = [
                offer_id
                for offer_id, offer in self._offers.items()
                if offer.zone == ask.zone and offer.from_slot <= ask.slot < offer.to_slot
            ]
            self._chain.send(
                [
                    Call(
                        keeper,
                        self._flex,
                        "settle",
                        (called.request_id, ids[first : first + _OFFERS_A_CALL]),
                        _GAS_SETTLE,
                        f"request {called.request_id}",
                    )
                    for first in range(0, len(ids), _OFFERS_A_CALL)
                ]
            )
        self._chain.send(
            [
                Call(keeper, self._flex, "releaseStake", (offer_id,), _GAS_RELEASE)
                for offer_id in self._offers
            ]
        )

    def pay_out(self) -> None:
        """Everybody takes out what is theirs; nothing may stay."""
        budgets = self._chain.read([(self._flex, "budgetOf", (zone,)) for zone in self._zones])
        self._chain.send(
            [
                Call(
                    self._keys.operators[zone],
                    self._flex,
                    "withdrawBudget",
                    (zone, int(budget)),
                    _GAS_MONEY,
                )
                for zone, budget in zip(self._zones, budgets, strict=True)
                if budget
            ]
        )
        accounts = [*self._keys.members.values(), *self._keys.operators.values()]
        balances = self._chain.read([(self._flex, "balanceOf", (a.address,)) for a in accounts])
        rich = [account for account, balance in zip(accounts, balances, strict=True) if balance]
        receipts = self._chain.send(
            [Call(a, self._flex, "withdrawAll", (a.address,), _GAS_MONEY) for a in rich]
        )
        for receipt in receipts:
            (event,) = self._events(receipt, "FlexWithdrawn")
            self._withdrawn[str(event.account)] += int(event.amount)

    def residuals(self) -> list[Residual]:
        """What must be zero once everybody has taken out what is theirs."""
        payments, penalties = self.paid_and_penalties()
        operators = {account.address for account in self._keys.operators.values()}
        spent = sum(self._deposited[one] - self._withdrawn[one] for one in operators)
        gained = sum(self._withdrawn[one] - self._deposited[one] for one in self._owners())
        phases = self._chain.read(
            [(self._flex, "requestOf", (called.request_id,)) for called in self._called]
        )
        held = int(self._token.call("balanceOf", self._flex.address))
        return [
            Residual(
                Kind.MONEY,
                "flexibility: paid in - paid out - tokens held",
                sum(self._deposited.values()) - sum(self._withdrawn.values()) - held,
            ),
            Residual(
                Kind.MONEY,
                "flexibility: left once everybody has taken out what is theirs",
                int(self._flex.call("escrowed")) + held,
            ),
            Residual(
                Kind.MONEY,
                "flexibility: spent by operators - payments + penalties",
                spent - payments + penalties,
            ),
            Residual(
                Kind.MONEY,
                "flexibility: gained by owners - payments + penalties",
                gained - payments + penalties,
            ),
            Residual(
                Kind.SLOTS,
                "flexibility: calls not settled",
                sum(int(request.phase) != _CLOSED for request in phases),
            ),
        ]

    def _owners(self) -> set[str]:
        return {account.address for account in self._keys.members.values()}

    def paid_and_penalties(self) -> tuple[int, int]:
        """Units paid to owners, and units taken from their stakes."""
        settled = self._flex.events("FlexSettled")
        return (
            sum(int(event.payment) for event in settled),
            sum(int(event.penalty) for event in settled),
        )

    def dispatches(self) -> Dispatches:
        """Figures for the report."""
        settled = self._flex.events("FlexSettled")
        return Dispatches(
            offers=len(self._offers),
            requests=self._requests,
            allocated=len(self._called),
            accepted_w=sum(sum(called.accepted_w.values()) for called in self._called),
            delivered_wh=sum(int(event.deliveredWh) for event in settled),
            promised_wh=sum(int(event.acceptedWh) for event in settled),
            blocks=tuple(self._blocks),
        )

    def _events(self, receipt: Any, name: str) -> list[Any]:
        found = [event for event in self._flex.decode_logs(receipt) if event.name == name]
        if not found:
            raise GridDayError(
                f"a transaction of the flexibility market has no {name}",
                found=[event.name for event in self._flex.decode_logs(receipt)],
            )
        return found

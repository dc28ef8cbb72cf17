"""Orders, curves, fills, terms and delegates of `EnergyTrading`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from energy_grid.abi import Event
from energy_grid.curves import Curve
from energy_grid.ids import OrderId
from energy_grid.products import Product
from energy_grid.replay.reducer import Handler, Reducer, require
from energy_grid.signed_orders import unpack_placed

CLAIM_BYTES: Final = 7
PRODUCT_CLAIM_BYTES: Final = 11
_LOTS_BITS: Final = 30

RecordKey = tuple[int, int, int]
"""Product id, account id, index of the record."""


@dataclass
class OrderReplay:
    """What a record holds; `filled_lots` counts the orders before in the same record too."""

    order_id: int
    limit_tick: int
    expires_at: int
    open_lots: int
    filled_lots: int = 0
    cancelled_lots: int = 0


@dataclass
class CurveReplay:
    """An account's curve in a product, when it was signed or placed, and what was claimed of it."""

    packed: int
    decided_at: int
    claimed: bool = False
    sells: bool = False
    filled_lots: int = 0


@dataclass(frozen=True)
class HaltReplay:
    """A halt of a zone as it was declared."""

    scope: int
    from_slot: int
    to_slot: int
    expires_at: int


class TradingReplay(Reducer):
    """`EnergyTrading` with all its rooms.

    Args:
        lot_wh: energy of a lot.
    """

    PASSED_OVER: ClassVar[frozenset[str]] = frozenset(
        {"AuthorityUpdated", "EIP712DomainChanged", "SignedOrderSkipped"}
    )

    def __init__(self, lot_wh: int) -> None:
        super().__init__()
        self.lot_wh = lot_wh
        self.orders: dict[RecordKey, OrderReplay] = {}
        self.curves: dict[tuple[int, int], CurveReplay] = {}
        self.matched_lots: dict[int, int] = {}
        self.delegates: dict[str, str] = {}
        self.voided_at: dict[str, int] = {}
        self.regions: dict[int, int] = {}
        self.references: dict[int, int] = {}
        self.quotes: dict[tuple[int, int], int] = {}
        self.terms: dict[int, dict[int, Any]] = {}
        self.halts: dict[int, HaltReplay] = {}
        self.closed_from: dict[int, int] = {}
        self.collars: dict[int, tuple[int, int, int]] = {}
        self.prices: dict[int, tuple[int, int, int, int]] = {}
        self.region_results: dict[int, list[int]] = {}
        self.gates: dict[int, int] = {}
        self.lines: dict[tuple[int, int], tuple[int, int, int, int, str]] = {}
        self.rents: dict[tuple[int, int], int] = {}

    def handlers(self) -> Mapping[str, Handler]:
        """See `Reducer`."""
        return {
            "AuctionCleared": self._cleared,
            "CapacitySet": self._capacity,
            "CollarFrozen": self._collar,
            "CurvePlaced": self._curve_placed,
            "CurvesClaimed": self._curves_claimed,
            "CurvesPlaced": self._curves_placed,
            "DelegateNamed": self._delegate,
            "ExpiredOrderRemoved": self._cancelled,
            "GateExtended": self._gate,
            "HaltLifted": self._lifted,
            "InterconnectorAdded": self._line,
            "MarketTermsSet": self._terms,
            "OrderCancelled": self._cancelled,
            "OrderPlaced": self._placed,
            "OrderReplaced": self._replaced,
            "OrdersMatched": self._matched,
            "ProductsClaimed": self._products_claimed,
            "ReferencePriceSet": self._reference,
            "RegionCleared": self._region_cleared,
            "RegionJoined": self._joined,
            "RentCollected": self._rent,
            "SignedOrdersPlaced": self._signed_placed,
            "SignedOrdersVoided": self._voided,
            "SlotQuoted": self._quoted,
            "ZoneHalted": self._halted,
            "ZoneMarketClosed": self._closed,
        }

    # --- continuous book ---

    @staticmethod
    def _key(order_id: int) -> RecordKey:
        order = OrderId.unpack(order_id)
        return order.product_id, order.account_id, order.record_index

    @staticmethod
    def _order(order_id: int, quote: int) -> OrderReplay:
        """Fields of a quote as packed in `types/Quote.sol`."""
        return OrderReplay(
            order_id, quote >> 32 & 0xFFFF, quote >> 112 & 2**40 - 1, quote & 0xFFFFFFFF
        )

    def _held(self, order_id: int) -> OrderReplay:
        order = self.orders[self._key(order_id)]
        require(
            order.order_id == order_id,
            "the record holds another order",
            expected=order_id,
            found=order.order_id,
        )
        return order

    def _placed(self, event: Event, _now: int) -> None:
        self.orders[self._key(event.orderId)] = self._order(event.orderId, event.quote)

    def _replaced(self, event: Event, _now: int) -> None:
        old = self._held(event.orderId)
        new = self._order(event.newOrderId, event.quote)
        new.filled_lots = old.filled_lots
        self.orders[self._key(event.newOrderId)] = new

    def _cancelled(self, event: Event, _now: int) -> None:
        order = self._held(event.orderId)
        require(
            order.open_lots == event.lots,
            f"open lots of order {event.orderId}",
            expected=event.lots,
            found=order.open_lots,
        )
        order.open_lots, order.cancelled_lots = 0, event.lots

    def _matched(self, event: Event, _now: int) -> None:
        product = Product.from_id(event.buyOrderId >> 72)
        lots = event.amount // product.slot_count // self.lot_wh
        for order_id in (event.buyOrderId, event.sellOrderId):
            order = self._held(order_id)
            order.open_lots -= lots
            order.filled_lots += lots
        self.matched_lots[product.id] = self.matched_lots.get(product.id, 0) + lots

    # --- auctions ---

    def _place(self, account_id: int, word: int, decided_at: int) -> None:
        curve = Curve.unpack(word)
        self.curves[account_id, curve.product.id] = CurveReplay(word, decided_at)

    def _curve_placed(self, event: Event, now: int) -> None:
        self._place(event.accountId, event.curve, now)

    def _curves_placed(self, event: Event, now: int) -> None:
        for word in event.curves:
            self._place(event.accountId, word, now)

    def _signed_placed(self, event: Event, _now: int) -> None:
        for order in unpack_placed(bytes(event.orders)):
            self._place(order.account_id, order.curve.pack(), order.signed_at)

    def _claim(self, account_id: int, product_id: int, fill: int) -> None:
        curve = self.curves[account_id, product_id]
        curve.claimed = True
        curve.sells = bool(fill >> _LOTS_BITS + 1)
        curve.filled_lots = fill & (1 << _LOTS_BITS) - 1

    def _curves_claimed(self, event: Event, _now: int) -> None:
        claims = bytes(event.claims)
        for at in range(0, len(claims), CLAIM_BYTES):
            item = int.from_bytes(claims[at : at + CLAIM_BYTES], "big")
            self._claim(item >> 32, event.product, item & 0xFFFFFFFF)

    def _products_claimed(self, event: Event, _now: int) -> None:
        claims = bytes(event.claims)
        for at in range(0, len(claims), PRODUCT_CLAIM_BYTES):
            item = int.from_bytes(claims[at : at + PRODUCT_CLAIM_BYTES], "big")
            self._claim(event.accountId, item >> 32, item & 0xFFFFFFFF)

    def _cleared(self, event: Event, _now: int) -> None:
        result = (event.lowTick, event.highTick, event.priceTick, event.tradedLots)
        self.prices[event.product] = result

    def _region_cleared(self, event: Event, _now: int) -> None:
        self.region_results[event.regionProduct] = list(event.results)

    def _gate(self, event: Event, _now: int) -> None:
        self.gates[event.product] = event.gateAt

    def _collar(self, event: Event, _now: int) -> None:
        bounds = (event.referenceTick, event.lowestTick, event.highestTick)
        self.collars[event.product] = bounds

    # --- zones ---

    def _joined(self, event: Event, _now: int) -> None:
        self.regions[event.zone] = event.region

    def _line(self, event: Event, _now: int) -> None:
        line = (event.fromZone, event.toZone, event.forwardW, event.backW, event.owner)
        self.lines[event.region, event.index] = line

    def _capacity(self, event: Event, _now: int) -> None:
        first, second, _, _, owner = self.lines[event.region, event.index]
        line = (first, second, event.newForwardW, event.newBackW, owner)
        self.lines[event.region, event.index] = line

    def _rent(self, event: Event, _now: int) -> None:
        self.rents[event.regionProduct, event.index] = event.amount

    def _reference(self, event: Event, _now: int) -> None:
        self.references[event.zone] = event.newPricePerKWh

    def _quoted(self, event: Event, _now: int) -> None:
        self.quotes[event.zone, event.slot] = event.pricePerKWh

    def _terms(self, event: Event, _now: int) -> None:
        self.terms.setdefault(event.zone, {})[event.fromSlot] = event.newTerms

    def _halted(self, event: Event, _now: int) -> None:
        self.halts[event.zone] = HaltReplay(
            event.scope, event.fromSlot, event.toSlot, event.expiresAt
        )

    def _lifted(self, event: Event, _now: int) -> None:
        self.halts.pop(event.zone, None)

    def _closed(self, event: Event, _now: int) -> None:
        self.closed_from[event.zone] = event.fromSlot

    # --- accounts ---

    def _delegate(self, event: Event, _now: int) -> None:
        self.delegates[event.account] = event.newDelegate

    def _voided(self, event: Event, _now: int) -> None:
        self.voided_at[event.account] = event.voidedAt

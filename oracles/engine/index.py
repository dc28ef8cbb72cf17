"""What the market's events say: who has orders where, and which regions were cleared.

Views answer what stands in a book; only events tell whose orders they are. Kept in memory,
forgotten when nothing can happen to it any more, and built anew from the chain after a restart.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from energy_grid.abi import Event
from energy_grid.curves import Curve
from energy_grid.order_book import Book
from energy_grid.products import Product
from energy_grid.signed_orders import unpack_placed
from energy_grid.units import SECONDS_PER_DAY

KEPT_AFTER_DELIVERY_SECONDS = 4 * SECONDS_PER_DAY
"""By then settlement has released what nobody claimed."""


class MarketIndex:
    """Continuous orders, owners of curves, and coupled clearings.

    Args:
        lot_wh: energy of one lot.
        now: what has closed by this second is not kept.

    Attributes:
        book: open continuous orders.
        owners: ids of accounts with a curve that is not known to be claimed, by product.
        coupled: products of regions that were cleared as one, by head zone.
        collected: lines whose rent is collected.
    """

    def __init__(self, lot_wh: int, now: int = 0) -> None:
        self.book = Book(lot_wh, closed_before=now)
        self.owners: dict[Product, dict[int, None]] = defaultdict(dict)
        self.coupled: dict[Product, None] = {}
        self.collected: set[tuple[Product, int]] = set()

    def apply(self, events: Iterable[Event]) -> None:
        """Take events over, in their order; those of other kinds change nothing."""
        for event in events:
            if event.name == "CurvePlaced":
                self._note_curve(int(event.accountId), int(event.curve))
            elif event.name == "CurvesPlaced":
                for curve in event.curves:
                    self._note_curve(int(event.accountId), int(curve))
            elif event.name == "SignedOrdersPlaced":
                for placed in unpack_placed(bytes(event.orders)):
                    self._note_curve(placed.account_id, placed.curve.pack())
            elif event.name == "RegionCleared":
                self.coupled[Product.from_id(int(event.regionProduct))] = None
            elif event.name == "RentCollected":
                head = Product.from_id(int(event.regionProduct))
                self.collected.add((head, int(event.index)))
            else:
                self.book.apply(event.name, dict(event.arguments))

    def _note_curve(self, account_id: int, word: int) -> None:
        curve = Curve.unpack(word)
        if curve.is_empty:
            self.forget_owner(curve.product, account_id)
        else:
            self.owners[curve.product][account_id] = None

    def forget_owner(self, product: Product, account_id: int) -> None:
        """Nothing is left to claim for an account."""
        owners = self.owners.get(product)
        if owners is not None:
            owners.pop(account_id, None)
            if not owners:
                del self.owners[product]

    def forget_closed(self, now: int) -> None:
        """Drop what nothing can happen to any more."""
        self.book.forget_closed(now)
        over = now - KEPT_AFTER_DELIVERY_SECONDS
        for product in [product for product in self.owners if product.ends_at <= over]:
            del self.owners[product]

    def forget_region_product(self, head: Product) -> None:
        """All rents of a product are collected."""
        self.coupled.pop(head, None)
        self.collected = {(product, index) for product, index in self.collected if product != head}

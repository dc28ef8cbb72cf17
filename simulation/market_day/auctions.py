"""What the chain's events say of the auctions: curves, results, fills, flows, rent."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from energy_grid.abi import Event
from energy_grid.contracts import Contract
from energy_grid.curves import Curve, MarketUnits
from energy_grid.ids import Side
from energy_grid.products import Product
from energy_grid.signed_orders import unpack_placed

_ACCOUNT_CLAIM_BYTES: Final = 7
_PRODUCT_CLAIM_BYTES: Final = 11
_FILL_BITS: Final = 32
_LOTS_MASK: Final = (1 << 30) - 1
_SIDE_SHIFT: Final = 31


@dataclass(frozen=True, slots=True)
class Fill:
    """What a curve got, as its claim says.

    Attributes:
        side: bought or sold.
        lots: lots a slot.
    """

    side: Side
    lots: int


@dataclass(frozen=True, slots=True)
class Result:
    """What an auction agreed in one zone (`AuctionResult` on chain).

    Attributes:
        clearing_tick: price at which it cleared, also if nothing traded.
        bought_lots: lots a slot bought.
        sold_lots: lots a slot sold.
        rationed_side: side of which only a part is filled at the price.
        due_lots: lots that part amounts to.
        tick_lots: lots that were wanted there; 0 if nobody is rationed.
        flows: lots a slot over the interconnectors that this zone keeps.
    """

    clearing_tick: int
    bought_lots: int
    sold_lots: int
    rationed_side: Side
    due_lots: int
    tick_lots: int
    flows: tuple[int, int]

    @classmethod
    def unpack(cls, word: int) -> Result:
        """The fields of a word."""
        return cls(
            clearing_tick=word >> 160 & 0x3FF,
            bought_lots=word >> 122 & (1 << 38) - 1,
            sold_lots=word >> 84 & (1 << 38) - 1,
            rationed_side=Side(word >> 170 & 1),
            due_lots=word >> 56 & (1 << 28) - 1,
            tick_lots=word >> 28 & (1 << 28) - 1,
            flows=(_flow(word >> 172), _flow(word >> 212)),
        )


def _alone(view: Any) -> Result:
    """Result of a zone that was cleared on its own: nothing flows."""
    return Result(
        clearing_tick=int(view.priceTick),
        bought_lots=int(view.boughtLots),
        sold_lots=int(view.soldLots),
        rationed_side=Side.SELL if view.rationedSell else Side.BUY,
        due_lots=int(view.dueLots),
        tick_lots=int(view.tickLots),
        flows=(0, 0),
    )


def _flow(lane: int) -> int:
    """Two's complement of 39 bits."""
    value = lane & (1 << 39) - 1
    return value - (1 << 39) if value >> 38 else value


@dataclass(frozen=True)
class Auction:
    """One cleared auction of one zone.

    Attributes:
        product: of the auction session.
        coupled: whether it was cleared together with the other zones of its region.
        result: what it agreed.
        curves: what stood in its book, by account id.
        fills: what was claimed, by account id.
    """

    product: Product
    coupled: bool
    result: Result
    curves: Mapping[int, Curve]
    fills: Mapping[int, Fill]

    @property
    def has_traded(self) -> bool:
        """Whether anything was bought or sold: else there is no price."""
        return bool(self.result.bought_lots or self.result.sold_lots)

    @property
    def buyers(self) -> int:
        """How many curves bought something."""
        return sum(fill.side is Side.BUY and fill.lots > 0 for fill in self.fills.values())


@dataclass(frozen=True)
class AuctionFacts:
    """All auctions of the day.

    Attributes:
        auctions: cleared ones in order of delivery, region by region.
        zones: zones of the region, the head first.
        line_w: capacity of the line, from the first to the second zone and back.
        rent: congestion rent that was paid out, by the head zone's product.
        signed_placed: curves that a relayer placed for those who signed them.
        signed_skipped: signed curves that the contract left out.
        lot_wh: energy of a lot.
        tick_size: units per kWh of a tick.
    """

    auctions: tuple[Auction, ...]
    zones: tuple[int, ...]
    line_w: tuple[int, int]
    rent: Mapping[Product, int]
    signed_placed: int
    signed_skipped: int
    lot_wh: int
    tick_size: int
    _by_product: dict[Product, Auction] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        by_product = {auction.product: auction for auction in self.auctions}
        object.__setattr__(self, "_by_product", by_product)

    def auction_of(self, product: Product) -> Auction | None:
        """The auction of a product, if it was cleared."""
        return self._by_product.get(product)

    def price_of(self, auction: Auction) -> int | None:
        """Published price in units per kWh; None if nothing was traded."""
        return auction.result.clearing_tick * self.tick_size if auction.has_traded else None

    @property
    def units(self) -> MarketUnits:
        """What a lot and a tick stand for."""
        return MarketUnits(self.lot_wh, self.tick_size)

    def bought_wh(self, auction: Auction) -> int:
        """Energy bought over the whole product."""
        return auction.result.bought_lots * self.lot_wh * auction.product.slot_count

    def value(self, auction: Auction, lots: int) -> int:
        """Money for lots a slot at the auction's price, over the whole product."""
        return self.units.value(lots, auction.result.clearing_tick, auction.product.slot_count)

    def rent_due(self, auctions: Sequence[Auction]) -> int:
        """What buyers of auctions that belong together pay more than their sellers earn."""
        return sum(
            self.value(auction, auction.result.bought_lots)
            - self.value(auction, auction.result.sold_lots)
            for auction in auctions
        )

    def regions(self) -> list[tuple[Auction, ...]]:
        """Auctions that belong together: the same delivery in each zone."""
        together: dict[Product, list[Auction]] = defaultdict(list)
        for auction in self.auctions:
            together[auction.product.in_zone(self.zones[0])].append(auction)
        return [tuple(auctions) for _, auctions in sorted(together.items())]

    def line_lots(self, auctions: Sequence[Auction]) -> int:
        """Lots a slot over the line in auctions that belong together."""
        head = auctions[0]
        is_head = head.product.zone == self.zones[0]
        return head.result.flows[0] if is_head and head.coupled else 0


def read_auctions(trading: Contract, zones: Sequence[int]) -> AuctionFacts:
    """Read the day's auctions from the market's events.

    Args:
        trading: the market.
        zones: zones of the region, the head first.
    """
    books, signed = _replay_curves(trading)
    fills = _claims(trading)
    results: list[tuple[Product, bool, Result]] = []
    for event in trading.events("RegionCleared"):
        head = Product.from_id(event.regionProduct)
        for zone, word in zip(zones, event.results, strict=True):
            results.append((head.in_zone(zone), True, Result.unpack(word)))
    for event in trading.events("AuctionCleared"):
        product = Product.from_id(event.product)
        results.append((product, False, _alone(trading.call("auctionResult", product.id))))
    line = trading.call("interconnectorsOf", zones[0])[0]
    return AuctionFacts(
        auctions=tuple(
            Auction(product, coupled, result, books[product], fills[product])
            for product, coupled, result in sorted(
                results, key=lambda entry: (entry[0].start_slot, entry[0])
            )
        ),
        zones=tuple(zones),
        line_w=(int(line.forwardW), int(line.backW)),
        rent={
            Product.from_id(event.regionProduct): int(event.amount)
            for event in trading.events("RentCollected")
        },
        signed_placed=signed,
        signed_skipped=len(trading.events("SignedOrderSkipped")),
        lot_wh=int(trading.call("LOT")),
        tick_size=int(trading.call("TICK_SIZE")),
    )


def _replay_curves(trading: Contract) -> tuple[Mapping[Product, dict[int, Curve]], int]:
    """The books as the placing events make them, and how many curves came signed."""
    books: dict[Product, dict[int, Curve]] = defaultdict(dict)
    signed = 0
    for event in _in_order(trading, "CurvePlaced", "CurvesPlaced", "SignedOrdersPlaced"):
        placed = placed_curves(event)
        signed += len(placed) * (event.name == "SignedOrdersPlaced")
        for account_id, curve in placed:
            books[curve.product][account_id] = curve
    return books, signed


def placed_curves(event: Event) -> list[tuple[int, Curve]]:
    """Account ids and their new curves in an event that places some."""
    if event.name == "SignedOrdersPlaced":
        return [(one.account_id, one.curve) for one in unpack_placed(bytes(event.orders))]
    words = [event.curve] if event.name == "CurvePlaced" else event.curves
    return [(int(event.accountId), Curve.unpack(int(word))) for word in words]


def _claims(trading: Contract) -> Mapping[Product, dict[int, Fill]]:
    fills: dict[Product, dict[int, Fill]] = defaultdict(dict)
    for event in trading.events("CurvesClaimed"):
        fills[Product.from_id(event.product)] |= fills_of(event)
    for event in trading.events("ProductsClaimed"):
        for entry in _entries(event.claims, _PRODUCT_CLAIM_BYTES):
            product = Product.from_id(entry >> _FILL_BITS)
            fills[product][int(event.accountId)] = _fill(entry)
    return fills


def fills_of(claims: Event) -> dict[int, Fill]:
    """Fills in a `CurvesClaimed` event, by account id."""
    return {
        entry >> _FILL_BITS: _fill(entry) for entry in _entries(claims.claims, _ACCOUNT_CLAIM_BYTES)
    }


def _entries(data: bytes, size: int) -> list[int]:
    return [
        int.from_bytes(data[first : first + size], "big") for first in range(0, len(data), size)
    ]


def _fill(entry: int) -> Fill:
    return Fill(Side(entry >> _SIDE_SHIFT & 1), entry & _LOTS_MASK)


def _in_order(trading: Contract, *names: str) -> list[Event]:
    events = [event for name in names for event in trading.events(name)]
    return sorted(events, key=lambda event: (event.block_number, event.log_index))

"""What the engine knows when it decides: one moment of the market, in plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from energy_grid.clearing.single import Level
from energy_grid.order_book import BookOrder
from energy_grid.products import COUPLED_WINDOW_SECONDS, Product
from energy_grid.signed_orders import SignedOrder

MATCH_HALT_SCOPES = (2, 3)
"""`HaltScope` values that stop matching and clearing."""


@dataclass(frozen=True, slots=True)
class Halt:
    """A stop of trading in one zone for deliveries in `[from_slot, to_slot)`."""

    scope: int
    from_slot: int
    to_slot: int
    expires_at: int

    def stops_matching(self, product: Product, now: int) -> bool:
        """Whether nothing of the product may be matched or cleared now."""
        return (
            self.scope in MATCH_HALT_SCOPES
            and now < self.expires_at
            and self.from_slot < product.slots.stop
            and product.slots.start < self.to_slot
        )


@dataclass(frozen=True, slots=True)
class Line:
    """An interconnector and its capacity in lots a slot."""

    from_zone: int
    to_zone: int
    forward_lots: int
    back_lots: int


@dataclass(frozen=True, slots=True)
class Region:
    """Zones whose auctions are cleared together; the first is the head."""

    zones: tuple[int, ...]
    lines: tuple[Line, ...]

    @property
    def head(self) -> int:
        """The zone whose id the region has."""
        return self.zones[0]


@dataclass(frozen=True, slots=True)
class Auction:
    """One auction between its gate and the start of delivery.

    Attributes:
        product: what is auctioned.
        gate_at: when its book closed or will, extension included.
        is_cleared: whether it has a result.
        buys: demand by limit.
        sells: supply by limit.
    """

    product: Product
    gate_at: int
    is_cleared: bool = False
    buys: tuple[Level, ...] = ()
    sells: tuple[Level, ...] = ()

    @property
    def coupled_until(self) -> int:
        """First second at which a region's zones may be cleared one by one."""
        return self.gate_at + COUPLED_WINDOW_SECONDS


@dataclass(frozen=True, slots=True)
class Rent:
    """Congestion rent that waits to be collected."""

    region_product: Product
    index: int


@dataclass(frozen=True, slots=True)
class WaitingOrder:
    """A signed order in the inbox.

    Attributes:
        key: names the order; two accounts may sign the same.
        signer: account it is of.
        order: what goes to the chain.
        received_at: unix second at which it came in.
    """

    key: bytes
    signer: str
    order: SignedOrder
    received_at: int


@dataclass(frozen=True)
class Snapshot:
    """One moment of the market.

    Attributes:
        now: unix second at which a transaction sent now would be executed.
        regions: all regions, those of a single zone included.
        auctions: auctions with orders, from their nominal gate to the start of delivery, and those
            of the other zones of their regions.
        flows: lots a slot over each line in products that were cleared coupled, by head product.
        claims: accounts whose fill is not claimed yet, of products cleared or void.
        books: open continuous orders of products before their gate.
        rents: rents of products whose delivery is over.
        halts: halts by zone.
        waiting: signed orders not relayed yet.
        first_tick: lowest price of a book.
        last_tick: highest price of a book.
    """

    now: int
    regions: tuple[Region, ...] = ()
    auctions: Mapping[Product, Auction] = field(default_factory=dict)
    flows: Mapping[Product, tuple[int, ...]] = field(default_factory=dict)
    claims: Mapping[Product, tuple[str, ...]] = field(default_factory=dict)
    books: Mapping[Product, tuple[BookOrder, ...]] = field(default_factory=dict)
    rents: tuple[Rent, ...] = ()
    halts: Mapping[int, Halt] = field(default_factory=dict)
    waiting: tuple[WaitingOrder, ...] = ()
    first_tick: int = 1
    last_tick: int = 1_023

    def is_halted(self, product: Product) -> bool:
        """Whether nothing of the product may be matched or cleared now."""
        halt = self.halts.get(product.zone)
        return halt is not None and halt.stops_matching(product, self.now)

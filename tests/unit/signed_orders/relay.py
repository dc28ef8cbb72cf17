"""Signing as a wallet does it, relaying, and what a batch did."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from energy_grid import eip712, signed_orders
from energy_grid.curves import Curve, MarketUnits, Step
from energy_grid.products import Period, Product
from energy_grid.signed_orders import AuctionOrder, AuctionStep, SignedOrder, compact

UNITS = MarketUnits(lot_wh=1, tick_size=1_000)
ENTRY_BYTES = 35
CURVE_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


class Reason(IntEnum):
    """Written down once more from `ISignedOrders.SkipReason`."""

    SIGNATURE = 0
    UNKNOWN_SIGNER = 1
    FROM_THE_FUTURE = 2
    SUPERSEDED = 3
    VOIDED = 4
    PRODUCT = 5
    HALTED = 6
    ZONE = 7
    STEPS = 8
    COLLAR = 9
    ADDITIONS = 10
    LEVEL_FULL = 11
    CAPACITY = 12
    UNSETTLED = 13
    ACCOUNT = 14
    FUNDS = 15


@dataclass(frozen=True)
class Entry:
    """An order that was placed, as the log says."""

    account_id: int
    signed_at: int
    curve: Curve


@dataclass(frozen=True)
class Outcome:
    """What a batch did: orders placed, and `(index, signer, reason)` of those left out."""

    placed: tuple[Entry, ...]
    skipped: tuple[tuple[int, str, Reason], ...]
    receipt: Any

    @property
    def reasons(self) -> list[Reason]:
        return [reason for _, _, reason in self.skipped]


class Desk:
    """Signs orders for one market and relays them."""

    def __init__(self, market: Any, relayer: Any, chain_id: int) -> None:
        self.market = market
        self.relayer = relayer
        self.chain_id = chain_id
        self.domain = signed_orders.domain(chain_id, market.address)

    def sign(self, account: Any, curve: Curve, signed_at: int, domain: bytes = b"") -> SignedOrder:
        return SignedOrder.sign(
            curve,
            signed_at,
            units=UNITS,
            domain_separator=domain or self.domain,
            private_key=key_of(account),
        )

    def relay(self, *items: SignedOrder | bytes) -> Outcome:
        data = b"".join(item if isinstance(item, bytes) else item.pack() for item in items)
        receipt = self.market.placeSigned(data, sender=self.relayer)
        entries = [
            entry(log.orders[at : at + ENTRY_BYTES])
            for log in receipt.decode_logs(self.market.SignedOrdersPlaced)
            for at in range(0, len(log.orders), ENTRY_BYTES)
        ]
        skipped = [
            (log.index, log.signer, Reason(log.reason))
            for log in receipt.decode_logs(self.market.SignedOrderSkipped)
        ]
        assert receipt.return_value == len(entries)
        return Outcome(tuple(entries), tuple(skipped), receipt)


def key_of(account: Any) -> bytes:
    return bytes.fromhex(str(account.private_key).removeprefix("0x"))


def entry(packed: bytes) -> Entry:
    assert len(packed) == ENTRY_BYTES
    return Entry(
        int.from_bytes(packed[:3], "big"),
        int.from_bytes(packed[3:8], "big"),
        Curve.unpack(int.from_bytes(packed[8:], "big")),
    )


def raw_item(
    desk: Desk, account: Any, product_id: int, signed_at: int, steps: list[tuple[int, int, int]]
) -> bytes:
    """A well signed item that need not be a canonical curve; steps are `(side, tick, lots)`."""
    period = product_id >> 36 & 0xF
    slots = Period(period).slots if period in list(Period) else 0
    order = AuctionOrder(
        product_id >> 40,
        period,
        product_id & 0xFFFF_FFFF,
        signed_at,
        tuple(
            AuctionStep(bool(side), lots * slots * UNITS.lot_wh, tick * UNITS.tick_size)
            for side, tick, lots in steps
        ),
    )
    signature = compact(eip712.sign(order, desk.domain, key_of(account)))
    packed = [(side << 38 | tick << 28 | lots).to_bytes(5, "big") for side, tick, lots in steps]
    return (
        signature
        + signed_at.to_bytes(5, "big")
        + product_id.to_bytes(7, "big")
        + bytes([len(steps)])
        + b"".join(packed)
    )


def with_high_s(order: SignedOrder) -> SignedOrder:
    """With the lowest s of the upper half; 255 bits have room for few others."""
    s = CURVE_ORDER // 2 + 1
    return SignedOrder(order.curve, order.signed_at, order.signature[:32] + s.to_bytes(32, "big"))


def buy(product: Product, tick: int, lots: int) -> Curve:
    return Curve(product, (Step.buy(tick, lots),))


def sell(product: Product, tick: int, lots: int) -> Curve:
    return Curve(product, (Step.sell(tick, lots),))

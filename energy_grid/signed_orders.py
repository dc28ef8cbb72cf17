"""Auction orders signed off chain (EIP-712) and relayed in batches. Specification, section 4.

What a wallet shows is energy over the whole product and a price per kWh; what goes to the chain is
the packed curve. The newest signature of an account in a product wins, so signing an order without
steps withdraws the one before it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Self

from eth_keys.constants import SECPK1_N
from eth_utils.crypto import keccak

from energy_grid import eip712
from energy_grid.curves import CURVE_BITS, MAX_STEPS, STEP_BITS, Curve, MarketUnits, Step
from energy_grid.errors import InvalidValueError
from energy_grid.ids import Side
from energy_grid.products import Period, Product, Session
from energy_grid.units import PricePerKwh, Slot, UnixSeconds, Wh, Zone

DOMAIN_NAME: Final = "energy-grid EnergyTrading"
STEP_TYPE: Final = "AuctionStep(bool sell,uint256 energyWh,uint256 pricePerKWh)"
ORDER_TYPE: Final = (
    "AuctionOrder(uint16 zone,uint8 period,uint32 startSlot,uint40 signedAt,AuctionStep[] steps)"
    + STEP_TYPE
)

_STEP_TYPE_HASH: Final = keccak(text=STEP_TYPE)
_ORDER_TYPE_HASH: Final = keccak(text=ORDER_TYPE)

COMPACT_BYTES: Final = 64
"""A signature by EIP-2098: `r 32 | yParity 1 | s 255`."""
_PARITY: Final = 1 << 255
_SIGNED_AT_BYTES: Final = 5
_PRODUCT_BYTES: Final = 7
_STEP_BYTES: Final = (STEP_BITS + 7) // 8
_PLACED_BYTES: Final = 3 + _SIGNED_AT_BYTES + CURVE_BITS // 8
_HEAD_BYTES: Final = COMPACT_BYTES + _SIGNED_AT_BYTES + _PRODUCT_BYTES + 1


@dataclass(frozen=True, slots=True)
class AuctionStep:
    """One step as it is signed: energy over the whole product."""

    sell: bool
    energy_wh: Wh
    price_per_kwh: PricePerKwh

    def struct_hash(self) -> bytes:
        """EIP-712 hash of the struct."""
        return keccak(
            _STEP_TYPE_HASH
            + eip712.word("sell", int(self.sell), 8)
            + eip712.word("energy_wh", self.energy_wh, 256)
            + eip712.word("price_per_kwh", self.price_per_kwh, 256)
        )


@dataclass(frozen=True, slots=True)
class AuctionOrder:
    """An order as it is signed: everything the account wants in one auction product."""

    zone: Zone
    period: Period
    start_slot: Slot
    signed_at: UnixSeconds
    steps: tuple[AuctionStep, ...]

    @classmethod
    def of(cls, curve: Curve, signed_at: int, units: MarketUnits) -> Self:
        """The readable form of a curve."""
        product = curve.product
        return cls(
            product.zone,
            product.period,
            product.start_slot,
            UnixSeconds(signed_at),
            tuple(
                AuctionStep(
                    step.side is Side.SELL,
                    units.energy_wh(step.lots, product),
                    units.price_per_kwh(step.limit_tick),
                )
                for step in curve.steps
            ),
        )

    @property
    def product(self) -> Product:
        """The product the order is for."""
        return Product(self.zone, self.period, Session.AUCTION, self.start_slot)

    def curve(self, units: MarketUnits) -> Curve:
        """The packed form's curve.

        Raises:
            InvalidValueError: it is no canonical curve of whole lots and ticks.
        """
        product = self.product
        return Curve(
            product,
            tuple(
                Step(
                    Side.SELL if step.sell else Side.BUY,
                    units.tick(step.price_per_kwh),
                    units.lots(step.energy_wh, product),
                )
                for step in self.steps
            ),
        )

    def struct_hash(self) -> bytes:
        """EIP-712 hash of the struct."""
        return keccak(
            _ORDER_TYPE_HASH
            + eip712.word("zone", self.zone, 16)
            + eip712.word("period", self.period, 8)
            + eip712.word("start_slot", self.start_slot, 32)
            + eip712.word("signed_at", self.signed_at, 40)
            + keccak(b"".join(step.struct_hash() for step in self.steps))
        )


def domain(chain_id: int, market: str) -> bytes:
    """Domain separator of a market."""
    return eip712.domain(chain_id, market, DOMAIN_NAME)


@dataclass(frozen=True, slots=True)
class SignedOrder:
    """One item of a batch for `placeSigned`.

    Attributes:
        curve: what is ordered.
        signed_at: when it was signed; the newest one of an account and product counts.
        signature: compact form of EIP-2098.
    """

    curve: Curve
    signed_at: int
    signature: bytes

    def __post_init__(self) -> None:
        if len(self.signature) != COMPACT_BYTES:
            raise InvalidValueError(
                "malformed signature",
                expected=f"{COMPACT_BYTES} bytes",
                found=f"{len(self.signature)} bytes",
            )
        if not 0 <= self.signed_at < 1 << 8 * _SIGNED_AT_BYTES:
            raise InvalidValueError(
                "time of signing out of range", expected="40 bits", found=self.signed_at
            )

    @classmethod
    def sign(
        cls,
        curve: Curve,
        signed_at: int,
        *,
        units: MarketUnits,
        domain_separator: bytes,
        private_key: bytes,
    ) -> Self:
        """Sign a curve."""
        order = AuctionOrder.of(curve, signed_at, units)
        return cls(curve, signed_at, compact(eip712.sign(order, domain_separator, private_key)))

    def signer(self, units: MarketUnits, domain_separator: bytes) -> str:
        """Checksum address of the account that signed.

        Raises:
            InvalidValueError: the signature has a high s or fits no key.
        """
        order = AuctionOrder.of(self.curve, self.signed_at, units)
        return eip712.recover(order, domain_separator, expanded(self.signature))

    def pack(self) -> bytes:
        """The item: `r 32 | vs 32 | signedAt 5 | productId 7 | stepCount 1 | steps of 5`."""
        return (
            self.signature
            + self.signed_at.to_bytes(_SIGNED_AT_BYTES, "big")
            + self.curve.product.id.to_bytes(_PRODUCT_BYTES, "big")
            + len(self.curve.steps).to_bytes(1, "big")
            + b"".join(step.pack().to_bytes(_STEP_BYTES, "big") for step in self.curve.steps)
        )


def pack_batch(orders: Iterable[SignedOrder]) -> bytes:
    """The argument of `placeSigned`. Orders of one account must stand together."""
    return b"".join(order.pack() for order in orders)


def unpack_batch(data: bytes) -> list[SignedOrder]:
    """The orders of a batch.

    Raises:
        InvalidValueError: the bytes are no whole number of items, or an item is no order.
    """
    orders = []
    at = 0
    while at < len(data):
        head = data[at : at + _HEAD_BYTES]
        count = head[-1] if len(head) == _HEAD_BYTES else 0
        end = at + _HEAD_BYTES + count * _STEP_BYTES
        if end > len(data) or count > MAX_STEPS:
            raise InvalidValueError(
                "batch of signed orders is cut off or has too many steps",
                expected=f"items of {_HEAD_BYTES} bytes and up to {MAX_STEPS} steps",
                found=f"{len(data) - at} bytes from byte {at} on, {count} steps",
            )
        steps = data[at + _HEAD_BYTES : end]
        product_at = COMPACT_BYTES + _SIGNED_AT_BYTES
        product_id = int.from_bytes(head[product_at : product_at + _PRODUCT_BYTES], "big")
        curve = Curve(
            Product.from_id(product_id),
            tuple(
                Step.unpack(int.from_bytes(steps[first : first + _STEP_BYTES], "big"))
                for first in range(0, len(steps), _STEP_BYTES)
            ),
        )
        signed_at = int.from_bytes(head[COMPACT_BYTES:product_at], "big")
        orders.append(SignedOrder(curve, signed_at, head[:COMPACT_BYTES]))
        at = end
    return orders


@dataclass(frozen=True, slots=True)
class PlacedOrder:
    """One entry of the event `SignedOrdersPlaced`."""

    account_id: int
    signed_at: int
    curve: Curve


def unpack_placed(data: bytes) -> list[PlacedOrder]:
    """Entries of `SignedOrdersPlaced`: `accountId 3 | signedAt 5 | curve 27` each.

    Raises:
        InvalidValueError: the bytes are no whole number of entries.
    """
    if len(data) % _PLACED_BYTES:
        raise InvalidValueError(
            "entries of placed orders are cut off",
            expected=f"a multiple of {_PLACED_BYTES} bytes",
            found=len(data),
        )
    placed = []
    for first in range(0, len(data), _PLACED_BYTES):
        word = int.from_bytes(data[first : first + _PLACED_BYTES], "big")
        signed_at = word >> CURVE_BITS & (1 << 8 * _SIGNED_AT_BYTES) - 1
        account_id = word >> CURVE_BITS + 8 * _SIGNED_AT_BYTES
        placed.append(
            PlacedOrder(account_id, signed_at, Curve.unpack(word & (1 << CURVE_BITS) - 1))
        )
    return placed


def compact(signature: bytes) -> bytes:
    """The 65 bytes `r | s | v` in the form of EIP-2098.

    Raises:
        InvalidValueError: malformed, or with a high s.
    """
    if len(signature) != 65 or signature[64] not in (27, 28):
        raise InvalidValueError(
            "malformed signature",
            expected="65 bytes ending in 27 or 28",
            found=f"{len(signature)} bytes",
        )
    s = int.from_bytes(signature[32:64], "big")
    if s > SECPK1_N // 2:
        raise InvalidValueError("signature with a high s", expected="s in the lower half")
    parity = signature[64] - 27
    return signature[:32] + (s | parity * _PARITY).to_bytes(32, "big")


def expanded(signature: bytes) -> bytes:
    """A compact signature as the 65 bytes `r | s | v`."""
    word = int.from_bytes(signature[32:], "big")
    return signature[:32] + (word % _PARITY).to_bytes(32, "big") + bytes([27 + word // _PARITY])

"""Ids of orders and transactions, packed and unpacked as on chain (specification, section 4)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from energy_grid.errors import InvalidValueError
from energy_grid.products import MAX_PRODUCT_ID, Product
from energy_grid.units import AccountId

MAX_ACCOUNT_ID = 2**24 - 1
MAX_SEQUENCE = 2**32 - 1
MAX_RECORD_INDEX = 2**8 - 1


class Side(IntEnum):
    """Side of an order, as numbered on chain."""

    BUY = 0
    SELL = 1


def _check(name: str, value: int, lowest: int, highest: int) -> None:
    if not lowest <= value <= highest:
        raise InvalidValueError(
            f"{name} out of range", expected=f"{lowest} to {highest}", found=value
        )


@dataclass(frozen=True, slots=True, order=True)
class OrderId:
    """Identity of one accepted order; the lower `sequence` was first."""

    product_id: int
    account_id: AccountId
    record_index: int
    side: Side
    sequence: int

    def __post_init__(self) -> None:
        _check("product id", self.product_id, 0, MAX_PRODUCT_ID)
        _check("account id", self.account_id, 1, MAX_ACCOUNT_ID)
        _check("record index", self.record_index, 0, MAX_RECORD_INDEX)
        _check("sequence", self.sequence, 1, MAX_SEQUENCE)

    @classmethod
    def unpack(cls, order_id: int) -> OrderId:
        """Unpack `productId 56 | accountId 24 | recordIndex 8 | side 8 | sequence 32`.

        Raises:
            InvalidValueError: the number is no order id.
        """
        _check("order id", order_id, 0, 2**128 - 1)
        side = order_id >> 32 & 0xFF
        _check("side of the order id", side, 0, 1)
        return cls(
            product_id=order_id >> 72,
            account_id=AccountId(order_id >> 48 & MAX_ACCOUNT_ID),
            record_index=order_id >> 40 & MAX_RECORD_INDEX,
            side=Side(side),
            sequence=order_id & MAX_SEQUENCE,
        )

    def pack(self) -> int:
        """The number used on chain."""
        return (
            self.product_id << 72
            | self.account_id << 48
            | self.record_index << 40
            | self.side << 32
            | self.sequence
        )

    @property
    def product(self) -> Product:
        """The product the order is for."""
        return Product.from_id(self.product_id)


@dataclass(frozen=True, slots=True, order=True)
class TransactionId:
    """All that one seller sold to one buyer in one product."""

    product_id: int
    buyer_id: AccountId
    seller_id: AccountId

    def __post_init__(self) -> None:
        _check("product id", self.product_id, 0, MAX_PRODUCT_ID)
        _check("buyer id", self.buyer_id, 1, MAX_ACCOUNT_ID)
        _check("seller id", self.seller_id, 1, MAX_ACCOUNT_ID)

    @classmethod
    def unpack(cls, transaction_id: int) -> TransactionId:
        """Unpack `productId 56 | buyerId 24 | sellerId 24`.

        Raises:
            InvalidValueError: the number is no transaction id.
        """
        _check("transaction id", transaction_id, 0, 2**104 - 1)
        return cls(
            product_id=transaction_id >> 48,
            buyer_id=AccountId(transaction_id >> 24 & MAX_ACCOUNT_ID),
            seller_id=AccountId(transaction_id & MAX_ACCOUNT_ID),
        )

    def pack(self) -> int:
        """The number used on chain."""
        return self.product_id << 48 | self.buyer_id << 24 | self.seller_id

    @property
    def product(self) -> Product:
        """The product that was traded."""
        return Product.from_id(self.product_id)

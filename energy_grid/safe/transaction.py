"""The transaction of a Safe that its owners sign: EIP-712 struct `SafeTx`."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from typing import Any, Final

from eth_utils.address import to_canonical_address
from eth_utils.crypto import keccak

from energy_grid.eip712 import word

DOMAIN_TYPE: Final = "EIP712Domain(uint256 chainId,address verifyingContract)"
TRANSACTION_TYPE: Final = (
    "SafeTx(address to,uint256 value,bytes data,uint8 operation,uint256 safeTxGas,uint256 baseGas,"
    "uint256 gasPrice,address gasToken,address refundReceiver,uint256 nonce)"
)
NOBODY: Final = "0x" + "0" * 40

_DOMAIN_TYPE_HASH: Final = keccak(text=DOMAIN_TYPE)
_TRANSACTION_TYPE_HASH: Final = keccak(text=TRANSACTION_TYPE)


class Operation(IntEnum):
    """How the Safe makes its call."""

    CALL = 0
    DELEGATE_CALL = 1
    """Foreign code runs as the Safe and may change its owners; never proposed here."""


@dataclass(frozen=True, slots=True)
class SafeTransaction:
    """One call by a Safe. Refunds (the five gas fields) are part of the hash and stay unused here.

    Attributes:
        to: whom the Safe calls.
        data: of the call.
        nonce: number of the transaction; the Safe executes each number once, in order.
        value: wei sent along.
        operation: call or delegate call.
        safe_tx_gas: 0: the transaction reverts as a whole when the call does.
        base_gas: gas refunded besides what the call uses.
        gas_price: 0: no refund.
        gas_token: what a refund is paid in.
        refund_receiver: who gets it.
    """

    to: str
    data: bytes
    nonce: int
    value: int = 0
    operation: Operation = Operation.CALL
    safe_tx_gas: int = 0
    base_gas: int = 0
    gas_price: int = 0
    gas_token: str = NOBODY
    refund_receiver: str = NOBODY

    @property
    def is_plain(self) -> bool:
        """Whether it is a call without refund: all that the tools here propose and sign."""
        refund = (self.safe_tx_gas, self.base_gas, self.gas_price)
        receivers = {self.gas_token, self.refund_receiver}
        return self.operation is Operation.CALL and not any(refund) and receivers == {NOBODY}

    def call_tuple(self) -> tuple[Any, ...]:
        """Fields in the order of `execTransaction`, up to the nonce or the signatures."""
        return (
            self.to,
            self.value,
            self.data,
            int(self.operation),
            self.safe_tx_gas,
            self.base_gas,
            self.gas_price,
            self.gas_token,
            self.refund_receiver,
        )

    def struct_hash(self) -> bytes:
        """EIP-712 hash of the struct."""
        return keccak(
            _TRANSACTION_TYPE_HASH
            + _address(self.to)
            + word("value", self.value, 256)
            + keccak(self.data)
            + word("operation", int(self.operation), 8)
            + word("safe_tx_gas", self.safe_tx_gas, 256)
            + word("base_gas", self.base_gas, 256)
            + word("gas_price", self.gas_price, 256)
            + _address(self.gas_token)
            + _address(self.refund_receiver)
            + word("nonce", self.nonce, 256)
        )


@lru_cache(maxsize=64)
def domain(chain_id: int, safe: str) -> bytes:
    """Domain separator of a Safe: its chain and its address, without a name."""
    return keccak(_DOMAIN_TYPE_HASH + word("chain_id", chain_id, 256) + _address(safe))


def transaction_hash(transaction: SafeTransaction, chain_id: int, safe: str) -> bytes:
    """What the owners sign; as `getTransactionHash` answers."""
    return keccak(b"\x19\x01" + domain(chain_id, safe) + transaction.struct_hash())


def _address(address: str) -> bytes:
    return to_canonical_address(address).rjust(32, b"\0")

"""Ids, quotes and money of the market, written down once more for the tests of the contract."""

from __future__ import annotations

from typing import Any

import rlp
from eth_utils import keccak, to_checksum_address
from web3.exceptions import ContractLogicError, Web3RPCError

SLOT_SECONDS = 900
DAY_SECONDS = 86_400
WEEK_SLOTS = 672
MONDAY_SLOT = 384
RING_SLOTS = 4_096

QUARTER_HOUR, HOUR, DAY, WEEK = range(4)
LENGTH_SLOTS = (1, 4, 96, 672)
OPENS_SECONDS = tuple(days * DAY_SECONDS for days in (2, 7, 30, 60))
GATE_SECONDS = (300, 300, 3_600, 43_200)
AUCTION, CONTINUOUS = range(2)
BUY, SELL = range(2)
ACTIVE, FILLED, CANCELLED = range(3)
HALT_NONE, HALT_PLACE, HALT_MATCH, HALT_BOTH = range(4)

ZONE = 7
OTHER_ZONE = 8
TICK_SIZE = 1_000
LOT = 1
CAP_TICKS = 500
NETWORK_FEE_UNITS = 20
TRADING_FEE_BPS = 25
TERMS = (CAP_TICKS * TICK_SIZE, NETWORK_FEE_UNITS * 1_000, TRADING_FEE_BPS)

METERED_AND_SECURED = 3
CAPACITY_W = 8_000
CAPACITY_WH = 2_000
FREE = 10**12
MAX_LOTS = 2**28 - 1
ZERO_ADDRESS = "0x" + "00" * 20


def product_id(
    start_slot: int, period: int = QUARTER_HOUR, zone: int = ZONE, session: int = 1
) -> int:
    return zone << 40 | period << 36 | session << 32 | start_slot


def start_of(product: int) -> int:
    return product & 0xFFFF_FFFF


def length_of(product: int) -> int:
    return LENGTH_SLOTS[product >> 36 & 0xF]


def gate_of(product: int) -> int:
    return start_of(product) * SLOT_SECONDS - GATE_SECONDS[product >> 36 & 0xF]


def quote(product: int, side: int, tick: int, lots: int, expires_at: int = 0) -> int:
    return expires_at << 112 | product << 56 | side << 48 | tick << 32 | lots


def order_id(product: int, account_id: int, index: int, side: int, sequence: int) -> int:
    return product << 72 | account_id << 48 | index << 40 | side << 32 | sequence


def transaction_id(product: int, buyer_id: int, seller_id: int) -> int:
    return product << 48 | buyer_id << 24 | seller_id


def up(numerator: int, denominator: int) -> int:
    return -(-numerator // denominator)


def buy_lock(
    open_lots: int, tick: int, filled: int = 0, filled_ticks: int = 0, better: int = 0
) -> int:
    """Lock of a buy per slot; `better` is the improvement in lots * ticks."""
    cost = (open_lots * tick + filled_ticks + better) * LOT * TICK_SIZE // 1_000
    return (
        cost + (open_lots + filled) * LOT * NETWORK_FEE_UNITS + up(cost * TRADING_FEE_BPS, 10_000)
    )


def sell_lock(
    open_lots: int, tick: int, filled: int = 0, filled_ticks: int = 0, better: int = 0
) -> int:
    """Lock of a sell per slot."""
    ticks = open_lots * (CAP_TICKS - tick) + filled * CAP_TICKS - filled_ticks + better
    return ticks * LOT * TICK_SIZE // 1_000


def create_address(sender: str, nonce: int) -> str:
    """Address of the contract that `sender` creates with `nonce`."""
    return to_checksum_address(keccak(rlp.encode([bytes.fromhex(sender[2:]), nonce]))[12:])


def refusal(market: Any, calldata: bytes, sender: Any) -> bytes:
    """Revert data of a call as the chain gives it.

    Ape names the innermost fault of a trace, which is not what a caller sees when the market
    puts an error of its own in its place.
    """
    call = {"from": sender.address, "to": market.address, "data": "0x" + calldata.hex()}
    try:
        market.provider.web3.eth.call(call)
    except Web3RPCError as error:
        response = error.rpc_response
        assert response is not None
        return bytes.fromhex(str(response["error"]["data"])[2:])
    except ContractLogicError as error:
        return bytes.fromhex(str(error.data)[2:])
    raise AssertionError("the call did not revert")


def not_order_owner(order: int, account: str) -> bytes:
    """Encoded error `NotOrderOwner(order, account)`."""
    selector = keccak(text="NotOrderOwner(uint256,address)")[:4]
    return selector + order.to_bytes(32, "big") + bytes(12) + bytes.fromhex(account[2:])


def only_event(receipt: Any, event: Any) -> Any:
    """The one event of the kind that the transaction emitted."""
    found = list(receipt.decode_logs(event))
    assert len(found) == 1, f"{len(found)} events {event.name}"
    return found[0]

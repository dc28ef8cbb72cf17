"""Curves, their locks and clocks, written down once more for the tests of the contract."""

from __future__ import annotations

from collections.abc import Iterable

from tests.unit.energy_trading.book import (
    AUCTION,
    BUY,
    CAP_TICKS,
    LOT,
    NETWORK_FEE_UNITS,
    QUARTER_HOUR,
    SLOT_SECONDS,
    TICK_SIZE,
    TRADING_FEE_BPS,
    ZONE,
    product_id,
    start_of,
    up,
)

OPEN, SHARED, CLAIMED = range(3)
AUCTION_GATE_SECONDS = (30 * 60, 60 * 60, 12 * 3_600, 36 * 3_600)
EXTENSION_SECONDS = 300
STEP_BITS = 39

Step = tuple[int, int, int]
"""Side, tick, lots."""


def auction_id(start_slot: int, period: int = QUARTER_HOUR, zone: int = ZONE) -> int:
    return product_id(start_slot, period, zone, AUCTION)


def auction_gate_of(product: int) -> int:
    return start_of(product) * SLOT_SECONDS - AUCTION_GATE_SECONDS[product >> 36 & 0xF]


def pack_steps(steps: Iterable[Step]) -> int:
    packed = 0
    for i, (side, tick, lots) in enumerate(steps):
        packed |= (side << 38 | tick << 28 | lots) << STEP_BITS * i
    return packed


def curve(product: int, *steps: Step) -> int:
    return product << 156 | pack_steps(steps)


def curve_lock(*steps: Step) -> int:
    """Lock of a curve per slot."""
    buys = [(tick, lots) for side, tick, lots in steps if side == BUY]
    cost = sum(tick * lots for tick, lots in buys) * LOT * TICK_SIZE // 1_000
    lock = cost + sum(lots for _, lots in buys) * LOT * NETWORK_FEE_UNITS
    lock += up(cost * TRADING_FEE_BPS, 10_000)
    for side, tick, lots in steps:
        if side != BUY:
            lock += lots * (CAP_TICKS - tick) * LOT * TICK_SIZE // 1_000
    return lock


def readable(*steps: Step) -> list[tuple[bool, int, int]]:
    """Steps as the contract shows them."""
    return [(side != BUY, tick, lots) for side, tick, lots in steps]


def levels(*entries: tuple[int, int]) -> list[int]:
    """Levels as `bookLevels` shows them, from (tick, lots)."""
    return [tick << 32 | lots for tick, lots in sorted(entries)]

"""Who trades how: private valuations and temper of each home, fixed by the seed."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

import numpy as np

from simulation.agents.terms import MarketView
from simulation.physics.homes import Home, HomeKind

_VALUATION_STREAM: Final = 0x56414C55
_PERCENT: Final = 100


class Temper(Enum):
    """How a trader goes about it."""

    EAGER = "eager"
    """Quotes near its valuation at once, for a short time, and quotes anew."""

    PATIENT = "patient"
    """Starts near the counterparty's worst price and gives way as gate closure approaches."""

    STORING = "storing"
    """Has a battery: commits less ahead, since it can wait, and then gives way evenly."""


@dataclass(frozen=True, slots=True)
class Trader:
    """A home as a market participant.

    Attributes:
        home_number: which home.
        temper: how it quotes.
        bid_tick: most it pays for a kWh, before fees.
        ask_tick: least it takes for a kWh.
        capacity_w: rated feed-in power that the market knows.
    """

    home_number: int
    temper: Temper
    bid_tick: int
    ask_tick: int
    capacity_w: int


@dataclass(frozen=True, slots=True)
class Manner:
    """Numbers behind a temper.

    Attributes:
        ahead_percent: share of the forecast that is quoted in hour blocks ahead of time.
        start_percent: how far towards the valuation the first quote goes.
        curve: 1 gives way evenly, 2 late.
    """

    ahead_percent: int
    start_percent: int
    curve: int


MANNERS: Final = {
    Temper.EAGER: Manner(ahead_percent=80, start_percent=85, curve=1),
    Temper.PATIENT: Manner(ahead_percent=50, start_percent=10, curve=2),
    Temper.STORING: Manner(ahead_percent=40, start_percent=30, curve=1),
}


def trader_of(home: Home, market: MarketView, seed: int) -> Trader:
    """Valuations between feed-in and retail tariff, and a temper, by seed and home."""
    random = np.random.default_rng([seed, _VALUATION_STREAM, home.number])
    lowest, highest = market.feed_in_tick + 1, market.dearest_bid_tick
    spread = highest - lowest
    bid_share, ask_share = int(random.integers(55, 101)), int(random.integers(0, 46))
    eager = bool(random.integers(0, 2))
    if home.kind is HomeKind.STORAGE:
        temper = Temper.STORING
    else:
        temper = Temper.EAGER if eager else Temper.PATIENT
    return Trader(
        home_number=home.number,
        temper=temper,
        bid_tick=lowest + spread * bid_share // _PERCENT,
        ask_tick=lowest + spread * ask_share // _PERCENT,
        capacity_w=home.rated_export_w,
    )


def limit_tick(trader: Trader, *, is_sell: bool, urgency_percent: int, market: MarketView) -> int:
    """Limit of a quote: between the start of the trader's manner and its valuation.

    Args:
        trader: who quotes.
        is_sell: side.
        urgency_percent: 0 when the product is first quoted, 100 at the last chance.
        market: rules of the zone.
    """
    manner = MANNERS[trader.temper]
    given_percent = urgency_percent
    for _ in range(manner.curve - 1):
        given_percent = given_percent * urgency_percent // _PERCENT
    way = manner.start_percent + (_PERCENT - manner.start_percent) * given_percent // _PERCENT
    lowest, highest = market.feed_in_tick + 1, market.dearest_bid_tick
    if is_sell:
        highest = min(highest, market.cap_tick - 1)  # a sell stays below the cap
        return highest - (highest - trader.ask_tick) * way // _PERCENT
    return lowest + (trader.bid_tick - lowest) * way // _PERCENT

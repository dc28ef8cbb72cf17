"""What to quote: pure functions from a moment of the price oracle to calls."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from energy_grid.units import SLOT_SECONDS

NOTED_BY_QUOTE: Final = 8
"""Slots of auctions that a quote notes by itself."""


class Kind(StrEnum):
    """Kinds of actions, as their business keys begin."""

    QUOTE = "quote"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class ZonePrice:
    """Where the reference price of a zone stands.

    Attributes:
        zone: the zone.
        quoted_slot: slot that the last quote is for, 0 if there is none.
        next_slot: first slot whose auctions have not moved the base.
        frozen_until: until then nothing is quoted.
    """

    zone: int
    quoted_slot: int
    next_slot: int
    frozen_until: int = 0


@dataclass(frozen=True, slots=True)
class Policy:
    """How the keeper works, as its operator chose.

    Attributes:
        after_seconds: how long after the beginning of a slot the next one is quoted: reports of the
            new round should be there.
        before_seconds: no quote is begun that close to the end of a slot.
        slots_a_call: slots of auctions noted by one call.
    """

    after_seconds: int = 300
    before_seconds: int = 30
    slots_a_call: int = 24


@dataclass(frozen=True, slots=True)
class Action:
    """One call of the price oracle.

    Attributes:
        kind: what it is for.
        key: its business key.
        zone: the zone.
        slots: note: how many slots of auctions at most.
    """

    kind: Kind
    key: str
    zone: int
    slots: int = 0


def decide(now: int, prices: tuple[ZonePrice, ...], policy: Policy) -> Iterator[Action]:
    """Everything worth sending now, zone by zone."""
    slot, into = divmod(now, SLOT_SECONDS)
    for price in prices:
        behind = slot - price.next_slot
        if behind > NOTED_BY_QUOTE:
            # A quote that leaves auctions out is not OK: catch up first.
            key = f"{Kind.NOTE}:{price.zone}:{price.next_slot}"
            yield Action(Kind.NOTE, key, price.zone, min(behind, policy.slots_a_call))
            continue
        is_time = policy.after_seconds <= into < SLOT_SECONDS - policy.before_seconds
        if is_time and price.quoted_slot <= slot and now >= price.frozen_until:
            yield Action(Kind.QUOTE, f"{Kind.QUOTE}:{price.zone}:{slot + 1}", price.zone)

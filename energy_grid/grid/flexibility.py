"""The flexibility market's arithmetic, slow and obvious: merit order, baseline, delivery, payment.

Rules and reasons: `docs/flexibility.md`. Energies in Wh, powers in W, prices in token units per
kWh; net power and energy are positive towards the grid. Equal to the contract in every integer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from fractions import Fraction
from math import ceil, floor
from typing import Final

SLOT_SECONDS: Final = 900
SLOTS_PER_DAY: Final = 96
SECONDS_PER_HOUR: Final = 3_600
WH_PER_KWH: Final = 1_000
BOOK_PLACES: Final = 500

BASELINE_DAYS: Final = 10
MIN_BASELINE_DAYS: Final = 5
FINAL_AFTER_DAYS: Final = 2
LOOKBACK_DAYS: Final = 41
EVENT_DAYS_PER_TEN: Final = 4

FULL_SHARE: Final = Fraction(9, 10)
"""From this delivered share on all that was delivered is paid."""
NOTHING_SHARE: Final = Fraction(1, 2)
"""Up to this share nothing is paid."""
BPS: Final = 10_000


class Direction(IntEnum):
    """`FlexDirection`. UP: more feed-in or less draw; DOWN: less feed-in or more draw."""

    UP = 0
    DOWN = 1


# --- merit order ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Bid:
    """An offer as the merit order sees it; its window covers the event."""

    offer_id: int
    power_w: int
    price_per_kwh: int


@dataclass(frozen=True, slots=True)
class Allocation:
    """What a request accepts.

    Attributes:
        marginal_price: what all accepted are paid.
        accepted_w: power accepted of each participant; pro rata at the margin, rounded down.
        power_w: power accepted in all, before that rounding: what is reserved for.
    """

    marginal_price: int
    accepted_w: Mapping[int, int]
    power_w: int


def allocate(bids: Sequence[Bid], needed_w: int, price_cap: int) -> Allocation | None:
    """Accept the cheapest bids up to the power needed; None if nothing is offered up to the cap."""
    offered = sorted(
        (bid for bid in bids if bid.price_per_kwh <= price_cap), key=lambda bid: bid.price_per_kwh
    )
    if not offered:
        return None
    marginal = offered[-1].price_per_kwh
    collected = 0
    for bid in offered:
        collected += bid.power_w
        if collected >= needed_w:
            marginal = bid.price_per_kwh
            break
    below = sum(bid.power_w for bid in offered if bid.price_per_kwh < marginal)
    at = sum(bid.power_w for bid in offered if bid.price_per_kwh == marginal)
    rest = min(needed_w - below, at)
    accepted = {}
    for bid in offered:
        if bid.price_per_kwh < marginal:
            accepted[bid.offer_id] = bid.power_w
        elif bid.price_per_kwh == marginal:
            accepted[bid.offer_id] = floor(Fraction(bid.power_w * rest, at))
    return Allocation(marginal, accepted, below + rest)


# --- baseline -------------------------------------------------------------------------------------


def is_weekend(day: int) -> bool:
    """Saturday or Sunday, UTC; day 0 was a Thursday."""
    return (day + 3) % 7 in (5, 6)


@dataclass(frozen=True, slots=True)
class Baseline:
    """Baseline of a window.

    Attributes:
        net_wh: export minus import of each slot.
        event_days: similar days left out because the meter was in an event.
    """

    net_wh: tuple[int, ...]
    event_days: int


class BaselineRefused(ValueError):
    """Too few days on record, or too many with events."""


def baseline(
    record: Mapping[int, int],
    event_days: frozenset[int],
    direction: Direction,
    from_slot: int,
    to_slot: int,
    today: int,
) -> Baseline:
    """Median of the same slot over the last similar days that are final.

    Args:
        record: export minus import by slot, MEASURED slots of this meter only.
        event_days: days on which the meter was in an event.
        direction: rounding is against the owner: up for UP, down for DOWN.
        from_slot: first slot of the window, inside one day.
        to_slot: exclusive end.
        today: the day on which it is committed.

    Raises:
        BaselineRefused: see there.
    """
    weekend = is_weekend(from_slot // SLOTS_PER_DAY)
    places = [slot % SLOTS_PER_DAY for slot in range(from_slot, to_slot)]
    values: list[list[int]] = [[] for _ in places]
    left_out = 0
    for day in range(today - FINAL_AFTER_DAYS, today - LOOKBACK_DAYS - 1, -1):
        if all(len(found) == BASELINE_DAYS for found in values):
            break
        if is_weekend(day) != weekend:
            continue
        if day in event_days:
            left_out += 1
            continue
        for place, found in zip(places, values, strict=True):
            slot = day * SLOTS_PER_DAY + place
            if slot in record and len(found) < BASELINE_DAYS:
                found.append(record[slot])
    fewest = min(len(found) for found in values)
    if fewest < MIN_BASELINE_DAYS:
        raise BaselineRefused(f"{fewest} similar days are on record, {MIN_BASELINE_DAYS} needed")
    allowed = fewest * EVENT_DAYS_PER_TEN // 10
    if left_out > allowed:
        raise BaselineRefused(f"{left_out} similar days had events, at most {allowed} may")
    return Baseline(tuple(_median(found, direction) for found in values), left_out)


def _median(values: Sequence[int], direction: Direction) -> int:
    ordered = sorted(values)
    middle = Fraction(ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2], 2)
    return ceil(middle) if direction is Direction.UP else floor(middle)


# --- delivery -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SlotDelivery:
    """One slot of a participant's delivery, as `SlotDelivery` of the contract."""

    accepted_wh: int
    delivered_wh: int
    payment: int
    penalty: int


def accepted_energy(power_w: int, seconds: int) -> int:
    """Energy of a power over some seconds, rounded down."""
    return power_w * seconds // SECONDS_PER_HOUR


def deliver(
    direction: Direction,
    baseline_wh: int,
    metered_wh: int | None,
    accepted_wh: int,
    price_per_kwh: int,
    penalty_per_kwh: int,
) -> SlotDelivery:
    """What a slot is worth. Never more than was delivered is paid, nor more than was accepted.

    Args:
        direction: of the event.
        baseline_wh: export minus import committed.
        metered_wh: export minus import measured; None if it is not MEASURED.
        accepted_wh: change accepted.
        price_per_kwh: marginal price.
        penalty_per_kwh: of what was not delivered.
    """
    change = 0
    if metered_wh is not None:
        change = metered_wh - baseline_wh
        if direction is Direction.DOWN:
            change = -change
    delivered = max(0, change)
    if accepted_wh == 0:
        return SlotDelivery(0, delivered, 0, 0)
    counted = min(delivered, accepted_wh)
    share = Fraction(counted * BPS // accepted_wh, BPS)
    if share >= FULL_SHARE:
        payment = floor(Fraction(counted * price_per_kwh, WH_PER_KWH))
        return SlotDelivery(accepted_wh, delivered, payment, 0)
    penalty = ceil(Fraction((accepted_wh - counted) * penalty_per_kwh, WH_PER_KWH))
    payment = 0
    if share > NOTHING_SHARE:
        paid = Fraction(floor((share - NOTHING_SHARE) / (FULL_SHARE - NOTHING_SHARE) * BPS), BPS)
        payment = floor(counted * paid * price_per_kwh / WH_PER_KWH)
    return SlotDelivery(accepted_wh, delivered, payment, penalty)


# --- money ----------------------------------------------------------------------------------------


def reserve(power_w: int, seconds: int, price_per_kwh: int) -> int:
    """What a budget keeps for a power over some seconds, rounded up."""
    return ceil(Fraction(power_w * seconds * price_per_kwh, SECONDS_PER_HOUR * WH_PER_KWH))


def stake(power_w: int, slots: int, penalty_per_kwh: int, least: int) -> int:
    """Stake of an offer: the penalty of every slot of its window, each rounded up."""
    energy_wh = accepted_energy(power_w, SLOT_SECONDS)
    return max(least, slots * ceil(Fraction(energy_wh * penalty_per_kwh, WH_PER_KWH)))

"""One delivery day of the neighbourhood, with every operation measured once.

Run on untouched storage it measures first writes; run again one turn of the ring (4,096 slots)
later it measures the steady state, where every write finds an older record in its place.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from bench.gas import auction_day, continuous, delivery
from bench.gas.auction_day import Cast
from bench.gas.people import Household
from bench.gas.world import ZONE, World
from energy_grid.slots import slot_start

REFERENCE_PRICE_UNITS: Final = 140_000
"""Of the zone, so that products have collars: 28 to 700 ticks."""

Progress = Callable[[str], None]


def run_turn(
    world: World, households: Sequence[Household], cast: Cast, first_slot: int, say: Progress
) -> dict[str, int]:
    """Trade, deliver, read and settle the 96 slots from `first_slot` on.

    Args:
        world: the deployed platform.
        households: an even number, at least 20; with 104, 50 and 100 are settled in one batch.
        cast: who trades in the auctions.
        first_slot: start of the 96 slots that are traded, not in the past.
        say: told what happens.

    Returns:
        Gas by operation, per unit where the ceilings say so.
    """
    half = len(households) // 2
    sellers, buyers = households[:half], households[half:]
    if world.now() < slot_start(first_slot) - delivery.DAY_SECONDS // 2:
        world.travel_to(slot_start(first_slot) - delivery.DAY_SECONDS // 2)
    market = world.contracts.energy_trading
    feed = world.contracts.price_oracle.address
    world.send(feed, market, "setReferencePrice", ZONE, REFERENCE_PRICE_UNITS)
    say("placing")
    gas = continuous.trade(world, sellers, buyers, first_slot)
    gas |= auction_day.place(world, cast, first_slot)
    gas |= auction_day.place_small(world, cast, first_slot)
    say("clearing")
    gas |= auction_day.clear_and_claim(world, cast, first_slot)
    say("reading")
    # A little off what was traded, so that imbalance is settled too.
    bought, sold = (continuous.LOTS + 7, 0), (0, continuous.LOTS + 5)
    energies = {one.address: bought for one in buyers}
    energies |= {one.address: sold for one in (*sellers, *cast.sellers)}
    gas |= delivery.read(world, energies, [*cast.sellers, *households], first_slot)
    say("settling")
    gas |= delivery.settle(world, sellers, buyers, first_slot)
    gas |= auction_day.settle(world, cast, first_slot)
    gas |= delivery.claim_certificates(world, buyers, first_slot)
    return gas

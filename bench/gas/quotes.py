"""Gas of the reference price: a zone quoted with all inputs, and auctions noted slot by slot.

Every slot has a new auction of its quarter hour and every fourth one of its hour, none of them
cleared. "fresh": first quote of the zone in a week; "recycled": a week later, when its word of the
ring is used again. One slot in 16 opens a word of the market's quotes and is dearer by 17,100.
"""

from __future__ import annotations

from typing import Final

from bench.gas.world import ZONE, World
from energy_grid import eip712
from energy_grid.contracts import Contract
from energy_grid.deployment.reader import DEVELOPMENT_REPORTERS
from energy_grid.feeds import (
    GRID_DOMAIN,
    WEATHER_DOMAIN,
    Feed,
    FeedKind,
    Observation,
    Report,
    SignedObservation,
)
from energy_grid.feeds.config import FeedConfig
from energy_grid.units import Zone
from tests.utils.deploying import test_account

KEPT_SLOTS: Final = 672
SLOTS_PER_WORD: Final = 16
FIRST_REPORTER: Final = 5
ANSWERS: Final = 3
NOTED_AT_ONCE: Final = 1_000
VALUES: Final = {
    Feed(FeedKind.DEMAND, Zone(ZONE)): 13_000,
    Feed(FeedKind.SUPPLY, Zone(ZONE)): 11_000,
    Feed(FeedKind.EXPECTED_SUPPLY, Zone(ZONE), 1): 10_000,
}


def quote_slots(world: World) -> dict[str, int]:
    """Catch up with the auctions, then quote."""
    oracle = world.contracts.price_oracle
    first = world.now() // 900 + 2
    first += SLOTS_PER_WORD - first % SLOTS_PER_WORD
    gas: dict[str, int] = {}
    for turn, slot in (("fresh", first + 1), ("recycled", first + 1 + KEPT_SLOTS)):
        waiting = slot - 2 - oracle.call("pricingOf", ZONE).nextSlot
        world.travel_to((slot - 2) * 900)
        gas[f"note_auctions_{turn}"] = _note(world, waiting)
        for running in (slot - 1, slot):
            world.travel_to(running * 900 + 60)
            _feed(world)
            quoted = world.send(world.operator, oracle, "quote", ZONE)
        gas[f"quote_zone_{turn}"] = quoted
        status = oracle.call("price", ZONE)[2]
        if status:
            raise RuntimeError(f"a quote without trust was measured: status {status}")
    return gas


def _note(world: World, slots: int) -> int:
    """Gas a slot; the bench's own days lie behind the first call, more than fit one transaction."""
    oracle, gas = world.contracts.price_oracle, 0
    for first in range(0, slots, NOTED_AT_ONCE):
        count = min(NOTED_AT_ONCE, slots - first)
        gas += world.send(world.operator, oracle, "noteAuctions", ZONE, count)
    return gas // slots


def _feed(world: World) -> None:
    for feed, value in VALUES.items():
        if feed.kind is FeedKind.EXPECTED_SUPPLY:
            _report(world, world.contracts.weather_oracle, WEATHER_DOMAIN, feed, value)
        else:
            _report(world, world.contracts.grid_oracle, GRID_DOMAIN, feed, value)


def _report(world: World, oracle: Contract, name: str, feed: Feed, value: int) -> None:
    config = FeedConfig.of_answer(oracle.call("feedConfig", feed.id))
    if config is None:
        raise RuntimeError(f"{oracle.name} does not know {feed}")
    round_ = config.round_at(world.now())
    domain = eip712.domain(world.rpc.chain_id(), oracle.address, name)
    observation = Observation(
        feed=feed,
        round=round_,
        interval_start=config.interval_start(feed, round_),
        interval_seconds=config.interval_seconds,
        reporter_set=1,
        value=value,
    )
    accounts = [test_account(FIRST_REPORTER + n) for n in range(len(DEVELOPMENT_REPORTERS))]
    accounts.sort(key=lambda account: int(account.address, 16))
    signed = [
        SignedObservation.sign(observation, domain, bytes(account.key))
        for account in accounts[:ANSWERS]
    ]
    report = Report.of(signed, domain).as_tuple()
    world.send(world.operator, oracle, "submitReport", report)

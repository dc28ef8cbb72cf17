"""Sequences that the lock-step machine found, kept as plain tests."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from energy_grid.ids import Side
from energy_grid.model.trading import Quote
from energy_grid.products import Period, Product
from energy_grid.slots import reading_deadline, slot_of
from energy_grid.units import UnixSeconds, Wh
from tests.invariants.machine_trading import packed
from tests.invariants.observation import Touched, differences, observe
from tests.invariants.world import World


@pytest.fixture
def neighbourhood(world: World) -> Iterator[World]:
    """The world, put back afterwards."""
    memory = world.remember()
    yield world
    world.restore(memory)


def place(world: World, name: str, side: Side, lots: int, tick: int) -> int:
    product = Product.continuous(world.zones[0], Period.QUARTER_HOUR, slot_of(world.chain.now) + 2)
    quote = Quote.of(product, side, lots, tick)
    address = world.address(name)
    new: list[int] = []
    world.both(
        address,
        world.trading,
        "placeOrder",
        packed(quote),
        model=lambda m: new.extend(m.trading.place(address, address, [quote], m.now)),
    )
    return new[0]


@pytest.mark.parametrize("name", ["broker", "stranger", "operator"])
def test_cancel_order__of_another_with_nothing_locked__says_whose_it_is_not(
    neighbourhood: World, name: str
) -> None:
    """It used to panic: the ledger was asked to release what was not locked."""
    order_id = place(neighbourhood, "trader", Side.BUY, 500, 200)
    thief = neighbourhood.address(name)

    receipt = neighbourhood.both(
        thief,
        neighbourhood.trading,
        "cancelOrder",
        order_id,
        model=lambda m: m.trading.cancel(thief, order_id, m.now),
    )

    assert receipt.error == "NotOrderOwner"
    assert neighbourhood.trading.call("orderRecord", order_id).openLots == 500


def test_settle__around_the_reading_deadline__waits_at_it_and_defaults_a_second_later(
    neighbourhood: World,
) -> None:
    """At the deadline itself no reading counts any more, and settlement does not default yet."""
    solar = neighbourhood.address("solar")
    first = neighbourhood.model.ledger.accounts[solar].settled_until
    neighbourhood.advance_to(reading_deadline(first) - 1)

    for expected in (first, first + 1):
        neighbourhood.both(
            neighbourhood.address("stranger"),
            neighbourhood.settlement,
            "settle",
            solar,
            first + 1,
            model=lambda m: m.settle(solar, first + 1),
        )
        settled = neighbourhood.settlement.call("accountState", solar).settledUntil
        assert settled == expected


def test_withdraw_all__in_arrears_without_money__names_the_debt(neighbourhood: World) -> None:
    """The debt comes before `NothingToMove`: it is what the account can do something about."""
    poor = neighbourhood.address("poor")
    account = neighbourhood.model.ledger.accounts[poor]
    order = place(neighbourhood, "works", Side.SELL, 10, 60)
    assert order
    _owe(neighbourhood, poor)
    assert account.arrears > 0 and account.free == 0

    receipt = neighbourhood.both(
        poor,
        neighbourhood.settlement,
        "withdrawAll",
        poor,
        model=lambda m: m.ledger.withdraw_all(poor),
    )

    assert receipt.error == "ArrearsOutstanding"
    assert differences(neighbourhood, observe(neighbourhood, Touched())) == []


def _owe(world: World, address: str) -> None:
    """Let a member take far more energy than it can pay for."""
    meter = world.model.metering.registry.connection_of(address)
    assert meter is not None
    last, slots = meter.last.reading, 90
    world.advance_to(last.timestamp + 900 * slots + 5)
    reading = replace(
        last,
        sequence=last.sequence + 1,
        timestamp=UnixSeconds(last.timestamp + 900 * slots),
        import_wh=Wh(last.import_wh + 3_000 * slots),
    )
    world.both(
        address,
        world.meters,
        "submitSignedReading",
        reading,
        world.sign(reading, world.key_of(meter)),
        model=lambda m: m.metering.submit(reading, meter.registration.device, m.now),
    )
    until = slot_of(world.chain.now)
    world.both(
        address,
        world.settlement,
        "settle",
        address,
        until,
        model=lambda m: m.settle(address, until),
    )

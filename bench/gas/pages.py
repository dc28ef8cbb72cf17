"""Gas of pages: 400 readings under one hash, revealed, and settled in the same transaction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from eth_utils.crypto import keccak

from bench.gas import continuous
from bench.gas.delivery import settle_idle
from bench.gas.people import Household, register_meters, settle_in
from bench.gas.world import Call, World
from energy_grid import eip712
from energy_grid.eip712 import MeterReading
from energy_grid.pages import DISPUTE_SECONDS, MeterPage, PageConsent, page_of
from energy_grid.slots import day_start, slot_of, slot_start
from energy_grid.units import MeterId, MilliHertz, MilliVolt, UnixSeconds, Wh

HOUSEHOLDS: Final = 100
READINGS: Final = 400
PAGE_RING_SLOTS: Final = 1_024

_FIRST_KEY: Final = 70_000
_TRADE_TICK: Final = 130
_SLOT_WH: Final = 107


def commit_and_settle(world: World) -> dict[str, int]:
    """Commit and reveal pages of 400 readings; settle slots of 100 of the meters' owners.

    Slot 0 is the first of all: its lane words, places and pages are new. From slot 1 on the lane
    words are in use, as in every later turn of the ring. Slots 2 and 4 were traded.
    """
    first = day_start(slot_of(world.now())) + 2 * 96
    members = settle_in(world, _FIRST_KEY, HOUSEHOLDS, first)
    others = register_meters(world, _FIRST_KEY + HOUSEHOLDS, READINGS - HOUSEHOLDS, first)
    everybody = [*members, *others]
    bridge = world.operator
    world.send(world.governor, world.contracts.smart_meter, "appointBridge", bridge)
    world.travel_to(slot_start(first) - 86_400)
    _join(world, everybody, bridge, first + 1)
    for slot in (first + 2, first + 4):
        _trade(world, members, slot)

    gas: dict[str, int] = {}
    for slot, turn in ((first, "fresh"), (first + 1, "recycled")):
        page = _commit(world, everybody, slot, gas if turn == "fresh" else {})
        gas[f"reveal_page_{turn}"] = (
            world.send(bridge, world.contracts.smart_meter, "revealPage", page.as_tuple())
            // READINGS
        )
    addresses = [member.address for member in members]
    settle_idle(world, addresses, first + 2)
    for slot, name in (
        (first + 2, "first_of_day_fresh"),
        (first + 3, "no_trades_fresh"),
        (first + 4, "fresh"),
    ):
        page = _commit(world, members, slot, {})
        gas[f"settle_page_100_households_{name}"] = world.send(
            bridge, world.contracts.settlement, "settlePage", page.as_tuple(), addresses, slot + 1
        )
    later = first + PAGE_RING_SLOTS
    world.travel_to(slot_start(later + 1) + 5)
    gas["commit_page_recycled"] = (
        world.send(
            bridge,
            world.contracts.smart_meter,
            "commitPage",
            *(slot_start(later + 1), 0, keccak(text="a page later")),
        )
        // READINGS
    )
    return gas


def _join(world: World, households: Sequence[Household], bridge: str, boundary: int) -> None:
    meter = world.contracts.smart_meter
    domain = eip712.domain(world.rpc.chain_id(), meter.address)
    calls = []
    for one in households:
        consent = PageConsent(MeterId(one.meter_id), bridge, slot_start(boundary))
        signature = eip712.sign(consent, domain, bytes(one.device.key))
        arguments = (consent.as_tuple(), signature)
        calls.append(Call(world.operator, meter, "joinBridgeWithConsent", arguments))
    world.send_all(calls)


def _trade(world: World, members: Sequence[Household], slot: int) -> None:
    """Every other member sells to its neighbour."""
    market = world.contracts.energy_trading
    for seller, buyer in zip(members[::2], members[1::2], strict=True):
        ids = []
        for trader, sell in ((buyer, False), (seller, True)):
            quote = continuous.quote(slot, sell=sell, tick=_TRADE_TICK, lots=continuous.LOTS)
            world.send(trader.address, market, "placeOrder", quote)
            ids += continuous.order_ids(world)
        world.send(seller.address, market, "matchOrders", *ids)


def _commit(
    world: World, households: Sequence[Household], slot: int, gas: dict[str, int]
) -> MeterPage:
    """Commit the page of a slot's end and let the time for disputes pass."""
    signed = []
    for place, one in enumerate(households):
        one.sequence += 1
        if place % 2:
            one.import_wh += _SLOT_WH
        else:
            one.export_wh += _SLOT_WH
        reading = MeterReading(
            MeterId(one.meter_id),
            one.sequence,
            UnixSeconds(slot_start(slot + 1)),
            Wh(one.import_wh),
            Wh(one.export_wh),
            MilliHertz(50_000),
            MilliVolt(230_000),
        )
        # What the page binds of signatures is one hash, whatever they are.
        signed.append((reading, bytes(65)))
    page = page_of(world.operator, 0, signed, salt=keccak(text="salt"))
    if world.now() < page.boundary + 5:
        world.travel_to(page.boundary + 5)
    meter = world.contracts.smart_meter
    used = world.send(world.operator, meter, "commitPage", page.boundary, page.index, page.hash())
    gas["commit_page_fresh"] = used // READINGS
    world.travel_to(world.now() + DISPUTE_SECONDS + 1)
    return page

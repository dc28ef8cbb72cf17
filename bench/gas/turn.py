"""One delivery day of the neighbourhood, with every operation measured once.

Run on untouched storage it measures first writes; run again one turn of the ring (4,096 slots)
later it measures the steady state, where every write finds an older record in its place.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from bench.gas.world import (
    Household,
    World,
    day_message,
    order_ids,
    quote,
)
from energy_grid import eip712
from energy_grid.slots import slot_start

SLOTS: Final = 96
LOTS: Final = 100
_DAY_SECONDS: Final = 86_400

# Ticks of one level word are 8 neighbours: 144 to 151 share one, 128 to 135 another.
_ASK, _ASK_MOVED, _BID = 151, 149, 60
_LONELY_TICK: Final = 100
_TRADE_TICK: Final = 130

Measured = dict[str, int]
Progress = Callable[[str], None]


def run_turn(
    world: World, households: Sequence[Household], first_slot: int, say: Progress
) -> Measured:
    """Trade, deliver, read and settle the 96 slots from `first_slot` on.

    Args:
        world: the deployed platform.
        households: an even number, at least 20; with 104, 50 and 100 are settled in one batch.
        first_slot: start of the 96 slots that are traded, not in the past.
        say: told what happens.

    Returns:
        Gas by operation, per unit where the ceilings say so.
    """
    half = len(households) // 2
    sellers, buyers = households[:half], households[half:]
    if world.now() < slot_start(first_slot) - _DAY_SECONDS // 2:
        world.travel_to(slot_start(first_slot) - _DAY_SECONDS // 2)
    say("placing")
    gas = _trade(world, sellers, buyers, first_slot)
    say("reading")
    # The slots traded may begin at any hour, signed days begin at midnight: two cover them.
    midnight = first_slot - first_slot % SLOTS
    gas |= _read(world, households, sellers, midnight)
    say("settling")
    gas |= _settle(world, sellers, buyers, first_slot)
    return gas


def _trade(
    world: World, sellers: Sequence[Household], buyers: Sequence[Household], first: int
) -> Measured:
    market = world.contracts.energy_trading
    gas: Measured = {}
    day = range(first, first + SLOTS)

    def place(household: Household, slots: Sequence[int], *, sell: bool, tick: int) -> int:
        quotes = [quote(slot, sell=sell, tick=tick, lots=LOTS) for slot in slots]
        return world.send(household.address, market, "placeOrders", quotes)

    # Somebody stands at these levels already, as in a market that is in use.
    gas["place_96_new_levels"] = place(sellers[0], day, sell=True, tick=_ASK) // SLOTS
    place(buyers[0], day, sell=False, tick=_BID)

    single = quote(first, sell=True, tick=_ASK, lots=LOTS)
    gas["place_order"] = world.send(sellers[1].address, market, "placeOrder", single)
    moved = quote(first, sell=True, tick=_ASK_MOVED, lots=LOTS)
    gas["replace_order"] = world.send(
        sellers[1].address, market, "replaceOrder", order_ids(world)[0], moved
    )
    gas["cancel_order"] = world.send(sellers[1].address, market, "cancelOrder", order_ids(world)[0])

    gas["place_96"] = place(sellers[2], day, sell=True, tick=_ASK) // SLOTS
    placed = order_ids(world)
    quotes = [quote(slot, sell=True, tick=_ASK_MOVED, lots=LOTS) for slot in day]
    gas["replace_96_requote"] = (
        world.send(sellers[2].address, market, "replaceOrders", placed, quotes) // SLOTS
    )

    lonely = [first + 90]
    place(sellers[3], lonely, sell=True, tick=_LONELY_TICK)
    (sell_id,) = order_ids(world)
    place(buyers[1], lonely, sell=False, tick=_LONELY_TICK)
    (buy_id,) = order_ids(world)
    gas["match_orders_both_levels_emptied"] = world.send(
        sellers[0].address, market, "matchOrders", buy_id, sell_id
    )
    # Twenty pairs that empty both their levels: in as many products, and in one.
    spread = [(slot, _LONELY_TICK, _LONELY_TICK) for slot in range(first + 60, first + 80)]
    # Within one product the first pair is the dearest bid with the cheapest ask, and so on inwards.
    within = [
        (first + 91, _LONELY_TICK + 20 - step, _LONELY_TICK - 20 + step) for step in range(20)
    ]
    for name, pairs in (("20_products", spread), ("one_product", within)):
        ids: dict[bool, list[int]] = {True: [], False: []}
        for sell in (True, False):
            quotes = [
                quote(slot, sell=sell, tick=ask if sell else bid, lots=LOTS)
                for slot, bid, ask in pairs
            ]
            # An account has 16 records a product: two accounts place ten each.
            for part, trader in enumerate((sellers[2:4], buyers[0:2])[not sell]):
                world.send(
                    trader.address, market, "placeOrders", quotes[10 * part : 10 * part + 10]
                )
                ids[sell] += order_ids(world)
        gas[f"match_many_20_{name}"] = (
            world.send(sellers[0].address, market, "matchMany", ids[False], ids[True]) // 20
        )
    for seller, buyer in zip(sellers[4:], buyers[2:], strict=False):
        place(seller, day, sell=True, tick=_TRADE_TICK)
        sell_ids = order_ids(world)
        place(buyer, day, sell=False, tick=_TRADE_TICK)
        buy_ids = order_ids(world)
        world.send(seller.address, market, "matchMany", buy_ids, sell_ids)
        traded = len(market.decode_logs(world.last_receipt))
        if traded != SLOTS:
            raise RuntimeError(f"{traded} of {SLOTS} pairs matched")
    return gas


def _read(
    world: World,
    households: Sequence[Household],
    sellers: Sequence[Household],
    midnight: int,
) -> Measured:
    meter = world.contracts.smart_meter
    domain = eip712.domain(world.rpc.chain_id(), meter.address)
    gas: Measured = {}
    start = slot_start(midnight)
    selling = {seller.address for seller in sellers}
    for household in households:
        if household.sequence:  # after a gap the base of the day is a reading of its own
            household.sequence += 1
    for day in (start, start + _DAY_SECONDS):
        world.travel_to(day + _DAY_SECONDS + 60)
        for household in households:
            # A little off what was traded, so that imbalance is settled too.
            energy = (0, LOTS + 5) if household.address in selling else (LOTS + 7, 0)
            message = day_message(household, day, [energy] * SLOTS)
            signature = eip712.sign(message, domain, bytes(household.device.key))
            gas["reading_day"] = (
                world.send(
                    household.address, meter, "submitSignedDay", message.as_tuple(), signature
                )
                // SLOTS
            )
    last = households[-1]
    for number in (1, 2):
        at = start + 2 * _DAY_SECONDS + number * 900
        world.travel_to(at + 5)
        last.sequence += 1
        reading = (at, last.import_wh, last.export_wh, 50_000, 230_000)
        gas["reading_single_own_tx"] = world.send(
            str(last.device.address), meter, "submitReading", reading
        )
    return gas


def _settle(
    world: World, sellers: Sequence[Household], buyers: Sequence[Household], first: int
) -> Measured:
    settlement = world.contracts.settlement
    anybody = world.operator
    gas: Measured = {}
    everybody = [household.address for household in (*sellers, *buyers)]

    for address in everybody:  # idle slots before the day, if any
        while settlement.call("accountState", address).settledUntil < first:
            world.send(anybody, settlement, "settle", address, first)

    runners = {"seller": sellers[4].address, "buyer": buyers[2].address}
    others = [address for address in everybody if address not in runners.values()]
    if len(others) >= 100:
        gas["settle_slot_of_100_households"] = world.send(
            anybody, settlement, "settleMany", others[:100], first + 1
        )
        _settle_all(world, others[100:], first + 1)
        gas["settle_many"] = (
            world.send(anybody, settlement, "settleMany", others[:50], first + 2) // 50
        )
    else:
        gas["settle_many"] = world.send(
            anybody, settlement, "settleMany", others, first + 1
        ) // len(others)
    _settle_all(world, others, first + SLOTS)
    # Last, so that the slots' certificate pools exist: the first of a zone's members opens them.
    for role, address in runners.items():
        gas[f"settle_run_96_{role}"] = (
            world.send(anybody, settlement, "settle", address, first + SLOTS) // SLOTS
        )
    claiming = [household.address for household in buyers[2:27]]
    gas["claim_certificates"] = world.send(
        anybody, settlement, "claimCertificates", claiming, first
    ) // len(claiming)
    return gas


def _settle_all(world: World, addresses: Sequence[str], until: int) -> None:
    for at in range(0, len(addresses), 3):  # 3 accounts of 96 fresh slots fit a transaction
        world.send(
            world.operator,
            world.contracts.settlement,
            "settleMany",
            list(addresses[at : at + 3]),
            until,
        )

"""Gas of the continuous book: placing, replacing, cancelling, matching."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from bench.gas.people import Household
from bench.gas.world import ZONE, World
from energy_grid.products import Period, Product

SLOTS: Final = 96
LOTS: Final = 100

# Ticks of one level word are 8 neighbours: 144 to 151 share one, 128 to 135 another.
_ASK, _ASK_MOVED, _BID = 151, 149, 60
_LONELY_TICK: Final = 100
_TRADE_TICK: Final = 130


def trade(
    world: World, sellers: Sequence[Household], buyers: Sequence[Household], first: int
) -> dict[str, int]:
    """Trade the 96 quarter hours from `first` on; every pair after the first few trades them all.

    Args:
        world: the platform.
        sellers: at least 10.
        buyers: as many.
        first: first slot.
    """
    market = world.contracts.energy_trading
    gas: dict[str, int] = {}
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


def quote(slot: int, *, sell: bool, tick: int, lots: int) -> int:
    """A packed `Quote` for a quarter hour, good until the gate."""
    product = Product.continuous(ZONE, Period.QUARTER_HOUR, slot)
    return product.id << 56 | int(sell) << 48 | tick << 32 | lots


def order_ids(world: World) -> list[int]:
    """Ids of the orders that the last transaction placed or replaced."""
    events = world.contracts.energy_trading.decode_logs(world.last_receipt)
    ids = []
    for event in events:
        if event.name == "OrderPlaced":
            ids.append(int(event.orderId))
        elif event.name == "OrderReplaced":
            ids.append(int(event.newOrderId))
    return ids

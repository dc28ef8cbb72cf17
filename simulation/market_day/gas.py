"""Gas of every transaction on the chain, by operation, from the receipts of all blocks."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from energy_grid.contracts import Contract
from energy_grid.settled_slots import spread
from simulation.market_day.auctions import fills_of, placed_curves
from simulation.market_day.chain import Chain

_BLOCKS_A_BATCH = 50

OPERATIONS: Mapping[str, tuple[str, ...]] = {
    "EnergyTrading": (
        "placeCurve",
        "placeCurves",
        "placeSigned",
        "clear",
        "clearCoupled",
        "claim",
        "claimProducts",
        "collectRent",
        "placeOrder",
        "placeOrders",
        "replaceOrders",
        "cancelOrders",
        "removeExpired",
        "matchMany",
    ),
    "Settlement": ("enrol", "deposit", "postSecurity", "settle", "claimCertificates"),
    "SmartMeter": ("registerMeter", "submitSignedReadings", "submitSignedDay"),
}
"""Functions that the day calls, by contract; deployment and its wiring are left out."""

COUNTED_EVENTS: Mapping[str, tuple[str, ...]] = {
    "placeOrders": ("OrderPlaced",),
    "replaceOrders": ("OrderReplaced",),
    "cancelOrders": ("OrderCancelled",),
    "removeExpired": ("ExpiredOrderRemoved",),
    "matchMany": ("OrdersMatched",),
    "submitSignedReadings": ("ReadingAccepted",),
    "settle": ("SlotSettled",),
}
"""Operations on many items, and the events that count the items."""

_ITEM_NAMES: Mapping[str, str] = {
    "placeCurves": "curve",
    "placeSigned": "curve",
    "claim": "curve",
    "placeOrders": "order",
    "replaceOrders": "order",
    "cancelOrders": "order",
    "removeExpired": "order",
    "matchMany": "match",
    "submitSignedReadings": "reading",
    "submitSignedDay": "reading",
    "settle": "slot",
    "claimCertificates": "account",
}


@dataclass(frozen=True, slots=True)
class GasUse:
    """Gas of one operation.

    Attributes:
        n: number of transactions (or of transactions whose share an item is).
        median: gas used, the lower of two middle values.
        maximum: gas used.
    """

    n: int
    median: int
    maximum: int


def measure_gas(chain: Chain) -> dict[str, GasUse]:
    """Gas by operation; operations on many items also by item."""
    used: dict[str, list[int]] = defaultdict(list)
    by_call = {
        (contract.address.lower(), contract.abi.selector(function)): (contract, function)
        for name, functions in OPERATIONS.items()
        for contract in (chain.contracts[name],)
        for function in functions
    }
    for transaction, receipt in _transactions(chain):
        to = str(transaction.get("to") or "").lower()
        called = by_call.get((to, bytes.fromhex(str(transaction["input"])[2:10])))
        if called is None:
            continue
        contract, function = called
        gas = int(receipt["gasUsed"], 16)
        used[function].append(gas)
        items = _items(contract, function, receipt)
        if items:
            used[f"{function}, per {_ITEM_NAMES[function]}"].append(gas // items)
    return {
        name: GasUse(len(values), statistics.median_low(values), max(values))
        for name, values in sorted(used.items())
    }


def _items(contract: Contract, function: str, receipt: Mapping[str, Any]) -> int:
    if function not in _ITEM_NAMES:
        return 0
    events = spread(contract.decode_logs(receipt))
    if function in ("placeCurves", "placeSigned"):
        placing = ("CurvesPlaced", "SignedOrdersPlaced")
        return sum(len(placed_curves(event)) for event in events if event.name in placing)
    if function == "claim":
        return sum(len(fills_of(event)) for event in events if event.name == "CurvesClaimed")
    if function == "submitSignedDay":
        return sum(
            event.dayStart // 900 + 96 - event.firstSlot
            for event in events
            if event.name == "MeterDayAccepted"
        )
    if function == "claimCertificates":
        return len({event.account for event in events})
    return sum(event.name in COUNTED_EVENTS[function] for event in events)


def _transactions(chain: Chain) -> Iterator[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    newest = chain.rpc.block_number()
    for first in range(0, newest + 1, _BLOCKS_A_BATCH):
        numbers = [hex(n) for n in range(first, min(first + _BLOCKS_A_BATCH, newest + 1))]
        blocks = chain.rpc.batch([("eth_getBlockByNumber", [n, True]) for n in numbers])
        receipts = chain.rpc.batch([("eth_getBlockReceipts", [n]) for n in numbers])
        for block, of_block in zip(blocks, receipts, strict=True):
            yield from zip(block["transactions"], of_block, strict=True)

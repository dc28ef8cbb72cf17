"""Gas of what follows delivery: readings, settlement, certificates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from bench.gas.people import Household, day_message
from bench.gas.world import Call, World
from energy_grid import eip712
from energy_grid.slots import slot_start

DAY_SECONDS: Final = 86_400

_SLOTS: Final = 96
_SETTLED_AT_ONCE: Final = 3
"""Accounts whose 96 fresh slots fit one transaction."""
_IDLE_SLOTS_AT_ONCE: Final = 600


def read(
    world: World, energies: Mapping[str, tuple[int, int]], households: Sequence[Household], at: int
) -> dict[str, int]:
    """Submit the signed days of all meters that cover 96 slots, and two readings of one.

    Args:
        world: the platform.
        energies: imported and exported Wh of every slot, by account.
        households: whose meters.
        at: first of the slots; signed days begin at midnight, so two cover them.
    """
    meter = world.contracts.smart_meter
    domain = eip712.domain(world.rpc.chain_id(), meter.address)
    gas: dict[str, int] = {}
    start = slot_start(at - at % _SLOTS)
    for household in households:
        if household.sequence:  # after a gap the base of the day is a reading of its own
            household.sequence += 1
    for day in (start, start + DAY_SECONDS):
        if world.now() < day + DAY_SECONDS:
            world.travel_to(day + DAY_SECONDS + 60)
        calls = []
        for household in households:
            message = day_message(household, day, [energies[household.address]] * _SLOTS)
            signature = eip712.sign(message, domain, bytes(household.device.key))
            arguments = (message.as_tuple(), signature)
            calls.append(Call(household.address, meter, "submitSignedDay", arguments))
        gas["reading_day"] = world.send_all(calls)[-1] // _SLOTS
    last = households[-1]
    for number in (1, 2):
        instant = start + 2 * DAY_SECONDS + number * 900
        world.travel_to(instant + 5)
        last.sequence += 1
        reading = (instant, last.import_wh, last.export_wh, 50_000, 230_000)
        gas["reading_single_own_tx"] = world.send(
            str(last.device.address), meter, "submitReading", reading
        )
    return gas


def settle(
    world: World, sellers: Sequence[Household], buyers: Sequence[Household], first: int
) -> dict[str, int]:
    """Settle everybody's 96 slots from `first` on.

    Args:
        world: the platform.
        sellers: those of `continuous.trade`.
        buyers: likewise; with 50 of both or more, 50 and 100 accounts are settled in one batch.
        first: first slot.
    """
    settlement = world.contracts.settlement
    anybody = world.operator
    gas: dict[str, int] = {}
    everybody = [household.address for household in (*sellers, *buyers)]
    settle_idle(world, everybody, first)

    runners = {"seller": sellers[4].address, "buyer": buyers[2].address}
    others = [address for address in everybody if address not in runners.values()]
    if len(others) >= 100:
        gas["settle_slot_of_100_households"] = world.send(
            anybody, settlement, "settleMany", others[:100], first + 1
        )
        settle_all(world, others[100:], first + 1)
        gas["settle_many"] = (
            world.send(anybody, settlement, "settleMany", others[:50], first + 2) // 50
        )
    else:
        gas["settle_many"] = world.send(
            anybody, settlement, "settleMany", others, first + 1
        ) // len(others)
    settle_all(world, others, first + _SLOTS)
    # Last, so that the slots' certificate pools exist: the first of a zone's members opens them.
    for role, address in runners.items():
        gas[f"settle_run_96_{role}"] = (
            world.send(anybody, settlement, "settle", address, first + _SLOTS) // _SLOTS
        )
    return gas


def claim_certificates(world: World, buyers: Sequence[Household], slot: int) -> dict[str, int]:
    """Claim the certificates of one slot, once everybody who traded it is settled."""
    claiming = [household.address for household in buyers[2:27]]
    gas = world.send(
        world.operator, world.contracts.settlement, "claimCertificates", claiming, slot
    )
    return {"claim_certificates": gas // len(claiming)}


def settle_idle(world: World, addresses: Sequence[str], until: int) -> None:
    """Settle the slots before `until`, in which these accounts did nothing."""
    settlement = world.contracts.settlement
    settled = {
        address: int(settlement.call("accountState", address).settledUntil) for address in addresses
    }
    calls = []
    for address, settled_until in settled.items():
        for slot in range(settled_until, until, _IDLE_SLOTS_AT_ONCE):
            end = min(slot + _IDLE_SLOTS_AT_ONCE, until)
            calls.append(Call(world.operator, settlement, "settle", (address, end)))
    world.send_all(calls)


def settle_all(world: World, addresses: Sequence[str], until: int) -> None:
    """Settle up to `until`, at most 96 slots of anybody."""
    settlement = world.contracts.settlement
    world.send_all(
        [
            Call(
                world.operator,
                settlement,
                "settleMany",
                (list(addresses[at : at + _SETTLED_AT_ONCE]), until),
            )
            for at in range(0, len(addresses), _SETTLED_AT_ONCE)
        ]
    )

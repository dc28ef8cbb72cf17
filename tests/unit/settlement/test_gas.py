"""Gas of settlement and certificates: what was measured may not grow by more than 3 %.

The market and the registry answer from one or two storage words a slot each here and take about
10,000 of a slot's gas in a run and 18,000 in a batch. Entries and pools are written for the first
time: a used entry word costs 17,100 less. The ceilings of the design are lower (12,000 a slot in a
run, 16,000 an account in a batch, 9,000 a claim) and not met yet.
"""

from __future__ import annotations

from dataclasses import astuple
from typing import Any

from eth_utils import to_checksum_address

from tests.unit.settlement.world import ZONE, Position, World

RUN_SLOTS = 96
BATCH = 50


def members(world: World, count: int) -> list[Any]:
    """Metered accounts without keys: anybody may enrol, fund and settle them."""
    addresses = [to_checksum_address(f"0x{0xAA000 + index:040x}") for index in range(count)]
    world.token.mint(world.stranger, count * 10**7, sender=world.stranger)
    world.token.approve(world.settlement, count * 10**7, sender=world.stranger)
    for address in addresses:
        world.connect(address)
        world.settlement.enrol(address, sender=world.stranger)
        world.settlement.depositFor(address, 10**7, sender=world.stranger)
    return addresses


def per_unit(receipt: Any, units: int) -> int:
    return int(receipt.gas_used) // units


def test_gas__run_of_96_slots(world: World) -> None:
    slot = world.first_slot
    plain, seller = members(world, 2)
    for account in (plain, seller):
        world.read(account, slot, 100, count=RUN_SLOTS)
    world.market.setPositions(
        world.account_id(seller),
        slot,
        [astuple(Position(sold_wh=50, proceeds=5_000))] * RUN_SLOTS,
        sender=world.governor,
    )
    world.to_slot(slot + RUN_SLOTS)

    without = per_unit(world.settle(plain, slot + RUN_SLOTS), RUN_SLOTS)
    traded = per_unit(world.settle(seller, slot + RUN_SLOTS), RUN_SLOTS)

    assert without <= 15_200
    assert traded <= 22_000


def test_gas__batch_of_50_accounts(world: World) -> None:
    slot = world.first_slot
    accounts = members(world, BATCH)
    for index, account in enumerate(accounts):
        world.read(account, slot, 0, 100, mintable_wh=0)
        world.read(account, slot + 1, 100 * (index % 2), 100 * (1 - index % 2))
        position = Position(bought_wh=100) if index % 2 else Position(sold_wh=100, proceeds=1_000)
        world.market.setPositions(
            world.account_id(account), slot + 1, [astuple(position)], sender=world.governor
        )
    world.market.setTraded(ZONE, slot + 1, [100 * BATCH // 2], sender=world.governor)
    world.to_slot(slot + 2)
    cursors = [
        world.settlement.settleMany(accounts, slot + 1, sender=world.stranger),
        world.settlement.settleMany(accounts, slot + 2, sender=world.stranger),
    ]
    claimed = world.settlement.claimCertificates(accounts, slot + 1, sender=world.stranger)

    settled = per_unit(cursors[0], BATCH)
    entered = per_unit(cursors[1], BATCH)
    claim = per_unit(claimed, BATCH)
    assert world.energy.totalSupply() == 0
    assert settled <= 39_500
    assert entered <= 68_700
    assert claim <= 10_000

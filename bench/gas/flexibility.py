"""Gas of the flexibility market with a full book of 500 offers.

A market of its own with neighbours that say what they are told: what other contracts charge for
a resource, a meter or a state is not in these figures; the record of a meter is read from one word
a slot. Every offer covers the event and is cheaper than the cap, so each is looked at in full.
"""

from __future__ import annotations

from typing import Any, Final

from eth_utils.address import to_checksum_address

from bench.gas.world import Call, World
from energy_grid.artifacts import Artifacts
from energy_grid.contracts import Contract, abi_of
from energy_grid.rpc import to_hex

OFFERS: Final = 500
ZONE: Final = 1
PENALTY: Final = 500_000
COIN: Final = 1_000_000
EVENT_SLOTS: Final = 8
_SEPARATE: Final = 3


class FlexBench:
    """The market and as many households as its book has places."""

    def __init__(self, world: World) -> None:
        self.world = world
        neighbours = self._deploy("MockFlexWorld")
        self.neighbours = neighbours
        self.token = self._deploy("MockSettlementToken")
        place = neighbours.address
        authority = world.contracts.access_manager.address
        setup = (authority, self.token.address, place, place, place, place, PENALTY, 1)
        self.flex = self._deploy("Flexibility", setup)
        # The evening of tomorrow, with weeks on record before it.
        self.today = world.now() // 86_400
        self.from_slot = (self.today + 1) * 96 + 72
        self.owners = [to_checksum_address(f"0x{0xF1E0000 + n:040x}") for n in range(OFFERS)]

    def settle_in(self) -> None:
        """Meters, resources and money of everybody."""
        governor, flex = self.world.governor, self.flex
        operator = self.world.operator
        everybody = [*self.owners, operator]
        self.world.send(governor, self.neighbours, "setOperator", ZONE, operator)
        # In rounds: transactions of different senders are mined in any order.
        for number, owner in enumerate(self.owners):
            self.world.send(governor, self.neighbours, "addMeter", owner, ZONE, 0)
            resource = (owner, ZONE, number + 1, 9_000, 0)
            self.world.send(governor, self.neighbours, "addResource", *resource)
        ready: tuple[tuple[Contract, str, tuple[int, ...]], ...] = (
            (self.neighbours, "setProfile", (1_000, 0, 2**31)),
            (self.token, "mint", (10_000 * COIN,)),
        )
        for contract, function, rest in ready:
            self.world.send_all(
                [Call(governor, contract, function, (one, *rest)) for one in everybody]
            )
        allowance = (flex.address, 2**255)
        self.world.send_all([Call(one, self.token, "approve", allowance) for one in everybody])
        self.world.send_all([Call(one, flex, "deposit", (10_000 * COIN,)) for one in everybody])

    def place(self) -> list[int]:
        """Everybody offers; gas of each."""
        window = (self.from_slot, self.from_slot + EVENT_SLOTS)
        offers = [(n + 1, 0, 1_000, 100_000 + n, *window, n) for n in range(OFFERS)]
        return [
            self.world.send(owner, self.flex, "placeOffer", offer)
            for owner, offer in zip(self.owners, offers, strict=True)
        ]

    def _deploy(self, name: str, *arguments: Any) -> Contract:
        artifacts = Artifacts.load()
        abi = abi_of(name, artifacts)
        code = bytes.fromhex(artifacts.get(name).creation_code)
        data = to_hex(code + abi.encode_constructor(*arguments))
        transaction = {"from": self.world.governor, "data": data, "gasPrice": "0x0"}
        rpc = self.world.rpc
        receipt = rpc.wait_for_receipt(rpc.call("eth_sendTransaction", transaction))
        return Contract(name, receipt["contractAddress"], abi, rpc)


def allocate_and_settle(world: World) -> dict[str, int]:
    """A call of all 500 offers, from offer to settlement."""
    bench = FlexBench(world)
    for account in bench.owners:
        world.rpc.call("anvil_impersonateAccount", account)
    bench.settle_in()
    placed = bench.place()
    operator, flex = world.operator, bench.flex
    world.send(operator, flex, "fundBudget", ZONE, 9_000 * COIN)
    window = (bench.from_slot, bench.from_slot + EVENT_SLOTS)
    asked = world.send(operator, flex, "requestFlexibility", ZONE, 0, 499_500, PENALTY, *window, 0)
    allocated = world.send(operator, flex, "allocate", 1, 100_000 + OFFERS - 1)
    settled = world.send(operator, flex, "settle", 1, list(range(1, 101)))
    return {
        "flex_place_offer_8_slots": placed[_SEPARATE],
        "flex_request": asked,
        "flex_allocate_500_offers": allocated,
        "flex_settle_100_of_8_slots": settled,
    }

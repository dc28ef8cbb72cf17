"""Gas of one day of auctions: curves placed, moved, cancelled, signed, cleared, claimed, settled.

The same accounts trade on both turns of the ring. Those called "claiming" claim what they got, the
others never do: on the second turn they find their own unclaimed records in the place of the new.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from eth_account import Account
from eth_account.signers.local import LocalAccount

from bench.gas.books import clear, placing
from bench.gas.delivery import settle_idle
from bench.gas.people import Household, join_traders, settle_in, trader_addresses
from bench.gas.world import ZONE, Call, World
from energy_grid.curves import Curve, MarketUnits, Step
from energy_grid.products import Period, Product
from energy_grid.signed_orders import SignedOrder, domain, pack_batch
from energy_grid.slots import slot_start

SLOTS: Final = 96
SIGNERS: Final = 100
CLAIMING_AT_ONCE: Final = 50

_MEMBER_KEYS, _SIGNER_KEYS = 20_000, 30_000
_LOTS: Final = 100
_FEW_LOTS: Final = 10

# Ticks of one level word are 8 neighbours: 128 to 135 share one, 144 to 151 another.
_ASK_FIRST, _ASK, _ASK_MOVED = 130, 132, 134
_BID_FIRST, _BID, _BID_MOVED = 150, 146, 148
_SIGNED_SLOT, _CLAIMED_SLOT = 4, 5
"""Quarter hours of the day with the signed orders, and with those that are claimed at once."""

Gas = dict[str, int]


@dataclass(frozen=True)
class Cast:
    """Who trades in the auctions.

    Attributes:
        sellers: four members: one makes the levels, one places single curves, one never claims, one
            claims.
        buyers: four traders with the same parts.
        signers: traders who sign, or place on chain, small orders.
    """

    sellers: list[Household]
    buyers: list[str]
    signers: list[LocalAccount]

    @property
    def signing(self) -> list[str]:
        """Addresses of the signers."""
        return [str(account.address) for account in self.signers]


def gather(world: World, first_slot: int) -> Cast:
    """Enrol the cast; meters read from `first_slot` on."""
    signers = [
        Account.from_key((_SIGNER_KEYS + number).to_bytes(32, "big")) for number in range(SIGNERS)
    ]
    cast = Cast(
        settle_in(world, _MEMBER_KEYS, 4, first_slot), trader_addresses("buyer", 4), signers
    )
    join_traders(world, [*cast.buyers, *cast.signing])
    return cast


def place(world: World, cast: Cast, first: int) -> Gas:
    """Place curves in the 96 quarter hours from `first` on."""
    market = world.contracts.energy_trading
    gas: Gas = {}
    days = [
        Product.auction(ZONE, Period.QUARTER_HOUR, slot) for slot in range(first, first + SLOTS)
    ]

    def place_day(sender: str, step: Step) -> int:
        call = placing(sender, world, [Curve(product, (step,)) for product in days])
        return world.send(call.sender, call.contract, call.function, *call.arguments) // SLOTS

    def place_one(sender: str, *steps: Step) -> int:
        return world.send(sender, market, "placeCurve", Curve(days[0], steps).pack())

    sellers = [seller.address for seller in cast.sellers]
    for side, (maker, single, keeping, claiming), first_tick, tick, moved in (
        ("sell", sellers, _ASK_FIRST, _ASK, _ASK_MOVED),
        ("buy", cast.buyers, _BID_FIRST, _BID, _BID_MOVED),
    ):

        def step(tick: int, lots: int = _LOTS, side: str = side) -> Step:
            return Step.sell(tick, lots) if side == "sell" else Step.buy(tick, lots)

        # Somebody stands at these levels already, as in a market that is in use.
        gas[f"curves_96_{side}_new_levels"] = place_day(maker, step(first_tick))

        gas[f"curve_place_{side}"] = place_one(single, step(tick))
        gas[f"curve_replace_{side}"] = place_one(single, step(moved))
        gas[f"curve_cancel_{side}"] = world.send(single, market, "cancelCurves", [days[0].id])
        ladder = [step(tick + number - 1) for number in range(4)]
        gas[f"curve_of_4_steps_{side}"] = place_one(single, *ladder)
        world.send(single, market, "cancelCurves", [days[0].id])

        gas[f"curves_96_{side}"] = place_day(keeping, step(tick))
        gas[f"curves_96_requote_{side}"] = place_day(keeping, step(moved))
        # More is offered than asked for, so that sellers at the price share.
        lots = _LOTS if side == "sell" else _LOTS // 2
        gas[f"curves_96_{side}_after_claim"] = place_day(claiming, step(moved, lots))
    gas["void_signed_orders"] = world.send(cast.buyers[1], market, "voidSignedOrders")
    return gas


def place_small(world: World, cast: Cast, first: int) -> Gas:
    """A relayer places 100 signed orders; 50 of the signers place another on chain."""
    market = world.contracts.energy_trading
    world.travel_to(slot_start(first) - 3_600)
    signed, claimed = (
        Product.auction(ZONE, Period.QUARTER_HOUR, first + slot)
        for slot in (_SIGNED_SLOT, _CLAIMED_SLOT)
    )
    # Enough is offered that every signer gets all, and half of those who claim a share.
    supplier = cast.sellers[1].address
    supply = [
        Curve(signed, (Step.sell(_ASK, 2 * SIGNERS * _FEW_LOTS),)),
        Curve(claimed, (Step.sell(_ASK, 2 * _LOTS),)),
    ]
    calls = [placing(supplier, world, supply)]
    for number, address in enumerate(cast.signing[:CLAIMING_AT_ONCE]):
        tick = _BID_FIRST if number % 2 else _BID_MOVED
        calls.append(placing(address, world, [Curve(claimed, (Step.buy(tick, _FEW_LOTS),))]))
    world.send_all(calls)

    separator = domain(world.rpc.chain_id(), market.address)
    orders = [
        SignedOrder.sign(
            Curve(signed, (Step.buy(_BID_FIRST, _FEW_LOTS),)),
            world.now(),
            units=MarketUnits(),
            domain_separator=separator,
            private_key=bytes(signer.key),
        )
        for signer in cast.signers
    ]
    gas = world.send(world.operator, market, "placeSigned", pack_batch(orders))
    skipped = [e for e in market.decode_logs(world.last_receipt) if e.name == "SignedOrderSkipped"]
    if skipped:
        raise RuntimeError(f"{len(skipped)} of {SIGNERS} signed orders skipped: {skipped[0]}")
    return {"signed_order_place": gas // SIGNERS}


def clear_and_claim(world: World, cast: Cast, first: int) -> Gas:
    """Clear every quarter hour at its gate; those who claim do it in the evening."""
    market = world.contracts.energy_trading
    gas: Gas = {}
    products = [
        Product.auction(ZONE, Period.QUARTER_HOUR, slot) for slot in range(first, first + SLOTS)
    ]
    for number, product in enumerate(products):
        cleared = clear(world, product)
        if number == _SIGNED_SLOT:
            gas["signed_order_clear_share"] = cleared // SIGNERS
        elif number == _CLAIMED_SLOT:
            crowd = cast.signing[:CLAIMING_AT_ONCE]
            gas["claim_50"] = (
                world.send(world.operator, market, "claim", product.id, crowd) // CLAIMING_AT_ONCE
            )
    maker = cast.buyers[0]
    gas["claim_own"] = world.send(maker, market, "claim", products[0].id, [maker])
    ids = [product.id for product in products]
    for side, claiming in (("sell", cast.sellers[3].address), ("buy", cast.buyers[3])):
        gas[f"claim_own_96_{side}"] = (
            world.send(claiming, market, "claimProducts", claiming, ids) // SLOTS
        )
    return gas


def settle(world: World, cast: Cast, first: int) -> Gas:
    """Settle the day of the cast: what was claimed, and what never will be."""
    settlement = world.contracts.settlement
    everybody = [seller.address for seller in cast.sellers] + cast.buyers
    settle_idle(world, everybody, first)
    gas: Gas = {}
    for side, keeping, claiming in (
        ("sell", cast.sellers[2].address, cast.sellers[3].address),
        ("buy", cast.buyers[2], cast.buyers[3]),
    ):
        for name, address in (("unclaimed", keeping), ("claimed", claiming)):
            gas[f"settle_run_96_{side}_{name}"] = (
                world.send(world.operator, settlement, "settle", address, first + SLOTS) // SLOTS
            )
    rest = [cast.sellers[0].address, cast.sellers[1].address, *cast.buyers[:2]]
    world.send_all(
        [Call(world.operator, settlement, "settle", (one, first + SLOTS)) for one in rest]
    )
    _settle_signers(world, cast.signing, first + _CLAIMED_SLOT + 1)
    return gas


def _settle_signers(world: World, signers: Sequence[str], until: int) -> None:
    at_once = 10
    calls = [
        Call(
            world.operator,
            world.contracts.settlement,
            "settleMany",
            (list(signers[at : at + at_once]), until),
        )
        for at in range(0, len(signers), at_once)
    ]
    world.send_all(calls)

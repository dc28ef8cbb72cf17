"""Rules of the lock-step machine: calls by people who have no right to make them."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from energy_grid.model.market import Market
from energy_grid.model.refused import Refused
from energy_grid.slots import slot_of
from tests.invariants.fork import COIN
from tests.invariants.machine_base import ACTORS, MachineBase, actors, picks

UNAUTHORISED = "AccessManagedUnauthorized"


def refuse(error_name: str) -> None:
    """The model's answer to a call that nobody but one may make."""
    raise Refused(error_name)


class HostileRules(MachineBase):
    """Whatever is tried here must fail and change nothing."""

    @rule(
        name=st.sampled_from((*ACTORS, "operator", "stranger")),
        door=st.sampled_from(
            (
                "adjustLock",
                "release",
                "settleUpTo",
                "mint",
                "registerMeter",
                "deactivateMeter",
                "releaseQuarantine",
                "setMarketTerms",
                "haltZone",
                "liftHalt",
                "appointOperator",
                "setTariffBounds",
                "setTariff",
            )
        ),
    )
    def knock(self, name: str, door: str) -> None:
        """A restricted function, by somebody without its role."""
        self.begin()
        world, address = self.world, self.world.address(name)
        settlement, market, meters = world.settlement, world.trading, world.meters
        zone = world.zones[0]
        consent = (address, address, zone, 0, 1, 1, 10**9, 1, 0, 0)
        contract, function, arguments, error = {
            "adjustLock": (settlement, "adjustLock", (address, COIN), "NotTheMarket"),
            "release": (settlement, "adjustLock", (address, -COIN), "NotTheMarket"),
            "settleUpTo": (settlement, "settleUpTo", (address, 2**28 - 1), "NotTheMarket"),
            "mint": (world.certificates, "mint", (address, 1_000), UNAUTHORISED),
            "registerMeter": (meters, "registerMeter", (consent, b"\0" * 65), UNAUTHORISED),
            "deactivateMeter": (meters, "deactivateMeter", (1,), UNAUTHORISED),
            "releaseQuarantine": (meters, "releaseQuarantine", (1,), UNAUTHORISED),
            "setMarketTerms": (market, "setMarketTerms", (zone, 0, (1, 0, 0)), UNAUTHORISED),
            "haltZone": (market, "haltZone", (zone, 3, 0, 9, self.now + 60), UNAUTHORISED),
            "liftHalt": (market, "liftHalt", (zone,), UNAUTHORISED),
            "appointOperator": (settlement, "appointOperator", (9, address), UNAUTHORISED),
            "setTariffBounds": (settlement, "setTariffBounds", ((0, 1, 0, 1),), UNAUTHORISED),
            "setTariff": (
                settlement,
                "setTariff",
                (world.zones[1], slot_of(self.now) + 200, 100_000, 0),
                "NotTheOperator",
            ),
        }[door]
        self.note(
            world.both(address, contract, function, *arguments, model=lambda _m: refuse(error))
        )

    @precondition(lambda self: self.orders)
    @rule(name=st.sampled_from((*ACTORS, "stranger", "operator")), pick=picks)
    def cancel_of_another(self, name: str, pick: int) -> None:
        """Somebody cancels an order that may not be his."""
        order_id = self.orders[pick % len(self.orders)]
        address = self.world.address(name)
        self.begin(name)
        self.touch_order(order_id)
        self.note(
            self.world.both(
                address,
                self.world.trading,
                "cancelOrder",
                order_id,
                model=lambda m: m.trading.cancel(address, order_id, m.now),
            )
        )

    @rule(name=actors, zone_index=st.integers(0, 2))
    def join_again(self, name: str, zone_index: int) -> None:
        """Somebody who has an account opens another."""
        self.begin(name)
        address = self.world.address(name)
        zone = (*self.world.zones, 499)[zone_index]
        enrols = self.now % 2 == 0

        def in_model(model: Market) -> None:
            if enrols:
                model.enrol(address)
            else:
                model.join_as_trader(address, zone)

        arguments = (address,) if enrols else (zone,)
        self.note(
            self.world.both(
                address,
                self.world.settlement,
                "enrol" if enrols else "joinAsTrader",
                *arguments,
                model=in_model,
            )
        )

"""The properties I-16 to I-18 of call auctions, from events and answers of the chain alone."""

from __future__ import annotations

from typing import Any

from energy_grid.curves import FIRST_TICK, LAST_TICK, Curve, Step
from energy_grid.ids import Side
from energy_grid.products import EXTENSION_SECONDS, Product
from tests.invariants.machine_meter_properties import MeterProperties
from tests.invariants.properties import checks

CLAIM_BYTES = 16
ACCOUNT_BYTES = 3


class AuctionProperties(MeterProperties):
    """What was ordered, as the events say, and what became of it."""

    def __init__(self) -> None:
        super().__init__()
        self.curve_orders: dict[tuple[int, Product], tuple[Step, ...]] = {}
        self.cleared_now: dict[Product, Any] = {}
        self.filled_better: set[tuple[int, int]] = set()

    def follow_auctions(self) -> None:
        """Take over what the step's events say about curves and clearings."""
        self.cleared_now = {}
        for receipt in self.receipts:
            for event in receipt.events:
                if event.name in ("CurvePlaced", "CurvesPlaced"):
                    words = [event.curve] if event.name == "CurvePlaced" else event.curves
                    for word in words:
                        curve = Curve.unpack(word)
                        self.curve_orders[(event.accountId, curve.product)] = curve.steps
                if event.name == "AuctionCleared":
                    self._note_result(Product.from_id(event.product))
                if event.name == "RegionCleared":
                    head = Product.from_id(event.regionProduct)
                    for zone in self.world.trading.call("zonesOf", head.zone):
                        self._note_result(head.in_zone(zone))

    def _note_result(self, product: Product) -> None:
        result = self.world.trading.call("auctionResult", product.id)
        assert result.cleared
        self.cleared_now[product] = result
        for (account_id, placed), steps in self.curve_orders.items():
            if placed == product and any(is_better(step, result.priceTick) for step in steps):
                self.filled_better |= {(account_id, slot) for slot in product.slots}

    def orders_in(self, product: Product) -> dict[int, tuple[Step, ...]]:
        """Curves of one auction by account."""
        return {who: steps for (who, at), steps in self.curve_orders.items() if at == product}

    @checks("I-16")
    def i16_price_trades_most_and_is_the_middle(self) -> int:
        """Every tick is tried. In a region: as much at the price, given what flows out."""
        for product, result in self.cleared_now.items():
            steps = [step for curve in self.orders_in(product).values() for step in curve]
            ticks = range(FIRST_TICK, LAST_TICK + 1)
            exported = result.soldLots - result.boughtLots
            valid = [
                tick
                for tick in ticks
                if volume(steps, Side.SELL, tick, strict=True)
                - volume(steps, Side.BUY, tick, strict=False)
                <= exported
                <= volume(steps, Side.SELL, tick, strict=False)
                - volume(steps, Side.BUY, tick, strict=True)
            ]
            most = max(
                min(
                    volume(steps, Side.BUY, tick, strict=False),
                    volume(steps, Side.SELL, tick, strict=False) - exported,
                )
                for tick in valid
            )
            assert result.boughtLots == most, f"{product}: {result.boughtLots} of {most}"
            if not result.boughtLots and not result.soldLots:
                assert result.priceTick == 0, "an auction without trade has no price"
                continue
            assert result.priceTick in valid
            if any(event.product == product.id for event in self.events("AuctionCleared")):
                assert result.priceTick == (valid[0] + valid[-1]) // 2, f"{product}: not the middle"
        return len(self.cleared_now)

    @checks("I-17")
    def i17_better_orders_are_filled_and_ties_share_alike(self) -> int:
        """Better than the price: in full; worse: nothing; at the price: within one lot."""
        facts = 0
        for product, result in self.cleared_now.items():
            orders = self.orders_in(product)
            answers = self.world.chain.ask(
                [(self.world.trading, "curveOf", (who, product.id)) for who in orders]
            )
            for steps, view in zip(orders.values(), answers, strict=True):
                full = sum(step.lots for step in steps if is_better(step, result.priceTick))
                at_price = sum(step.lots for step in steps if step.limit_tick == result.priceTick)
                rationed = any(
                    step.limit_tick == result.priceTick
                    and (step.side is Side.SELL) == result.rationedSell
                    for step in steps
                )
                if rationed and result.dueLots < result.tickLots:
                    due = at_price * result.dueLots
                    shared = view.filledLots - full
                    assert due - result.tickLots < shared * result.tickLots < due + result.tickLots
                else:
                    assert view.filledLots == full + at_price
                facts += view.filledLots > 0
        return facts

    @checks("I-18")
    def i18_nothing_changes_after_the_gate(self) -> int:
        """A curve enters or leaves before the gate; after a moved one it may only have grown."""
        facts = 0
        for receipt in self.receipts:
            for event in receipt.events:
                if event.name not in ("CurvePlaced", "CurvesPlaced"):
                    continue
                for word in [event.curve] if event.name == "CurvePlaced" else event.curves:
                    product = Product.from_id(word >> 156)
                    extended = self.world.trading.call("openingOf", product.id).extended
                    gate = product.gate_at + EXTENSION_SECONDS * extended
                    assert receipt.mined_at < gate, f"{product} changed after its gate"
                    facts += 1
        return facts

    def filled_in_auctions(self, account_id: int, slot: int) -> dict[Side, int]:
        """Lots a slot that the chain says an account got, over all cleared auctions."""
        products = [
            product
            for (who, product), steps in self.curve_orders.items()
            if who == account_id and slot in product.slots and steps
        ]
        filled = {Side.BUY: 0, Side.SELL: 0}
        views = self.world.chain.ask(
            [(self.world.trading, "curveOf", (account_id, product.id)) for product in products]
        )
        for view in views:
            filled[Side.SELL if view.filledSell else Side.BUY] += view.filledLots
        return filled


def is_better(step: Step, price_tick: int) -> bool:
    """Whether a step is strictly better than a price; at price 0 nothing traded."""
    if not price_tick:
        return False
    if step.side is Side.BUY:
        return step.limit_tick > price_tick
    return step.limit_tick < price_tick


def volume(steps: list[Step], side: Side, tick: int, *, strict: bool) -> int:
    """Lots of a side that accept a price, or with `strict` would even accept a worse one."""
    sign = 1 if side is Side.BUY else -1
    return sum(
        step.lots
        for step in steps
        if step.side is side and sign * (step.limit_tick - tick) >= (1 if strict else 0)
    )


def lock_changes(changes: bytes) -> list[tuple[int, int]]:
    """Accounts and lock changes of a `LocksAdjusted` event."""
    items = [changes[at : at + CLAIM_BYTES] for at in range(0, len(changes), CLAIM_BYTES)]
    return [
        (
            int.from_bytes(item[:ACCOUNT_BYTES]),
            int.from_bytes(item[ACCOUNT_BYTES:], signed=True),
        )
        for item in items
    ]

"""What a curve must be before anybody asks whose it is. Section 4."""

from __future__ import annotations

from dataclasses import dataclass

from energy_grid.curves import (
    MAX_STEP_LOTS,
    MAX_STEPS,
    MIN_STEP_LOTS,
    STEP_BITS,
    STEPS_BITS,
    Curve,
    Step,
)
from energy_grid.ids import Side
from energy_grid.model.refused import Refused
from energy_grid.products import MAX_PRODUCT_ID

USED_BITS = STEPS_BITS + 56


@dataclass(frozen=True)
class RawStep:
    """Three numbers that may be a step."""

    side: int
    limit_tick: int
    lots: int


@dataclass(frozen=True)
class RawCurve:
    """What was handed in, read field by field; it may be wrong in every one.

    Attributes:
        product_id: whatever stands where the product belongs.
        steps: up to the last one that is not zero.
        is_well_formed: whether nothing stands above the fields.
    """

    product_id: int
    steps: tuple[RawStep, ...]
    is_well_formed: bool = True

    @classmethod
    def of(cls, given: Curve | int) -> RawCurve:
        """A curve, or the number that a caller sent for one."""
        word = given.pack() if isinstance(given, Curve) else given
        lanes = [word >> STEP_BITS * i & (1 << STEP_BITS) - 1 for i in range(MAX_STEPS)]
        while lanes and not lanes[-1]:
            lanes.pop()
        steps = tuple(
            RawStep(lane >> 38, lane >> 28 & 0x3FF, lane & MAX_STEP_LOTS) for lane in lanes
        )
        product_id = word >> STEPS_BITS & MAX_PRODUCT_ID
        return cls(product_id, steps, is_well_formed=not word >> USED_BITS)

    @property
    def zone(self) -> int:
        """Where it is meant for."""
        return self.product_id >> 40


def checked_steps(steps: tuple[RawStep, ...], cap_tick: int) -> tuple[Step, ...]:
    """Steps in canonical form: limits strictly ascending, buys before sells."""
    previous: RawStep | None = None
    for index, step in enumerate(steps):
        if step == RawStep(0, 0, 0):
            raise Refused("StepAfterGap", index=index)
        if step.lots < MIN_STEP_LOTS:
            raise Refused("TooFewLots", given=step.lots, allowed=MIN_STEP_LOTS)
        if step.limit_tick < 1:
            raise Refused("PriceTooLow", given=step.limit_tick, allowed=1)
        if step.limit_tick > cap_tick:
            raise Refused("PriceAboveCap", given=step.limit_tick, allowed=cap_tick)
        if previous is not None and step.side < previous.side:
            raise Refused("BuyAfterSell", index=index)
        if previous is not None and step.limit_tick <= previous.limit_tick:
            raise Refused("StepsOutOfOrder", index=index, givenTick=step.limit_tick)
        previous = step
    return tuple(Step(Side(step.side), step.limit_tick, step.lots) for step in steps)

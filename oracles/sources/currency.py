"""Prices of external markets in the settlement token."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from energy_grid.feeds import Feed, Unit
from oracles.sources.errors import SchemaError
from oracles.sources.quantities import price_steps_of, steps_of


@dataclass(frozen=True, slots=True)
class Currency:
    """What the settlement token counts.

    Attributes:
        code: of ISO 4217, such as `EUR`.
        units: base units of the token in one unit of the currency.
    """

    code: str = "EUR"
    units: int = 1_000_000


def feed_steps(amount: Decimal, unit: str, feed: Feed, currency: Currency) -> int:
    """An amount as steps of a feed, prices per MWh included.

    Raises:
        SchemaError: the unit, or the currency, does not fit.
    """
    if feed.unit is Unit.UNITS_PER_KWH:
        plain = unit.replace(" ", "")
        if plain == f"{currency.code}/MWh":
            return price_steps_of(amount, currency.units)
        if plain == f"{currency.code}/kWh":
            return price_steps_of(amount * 1_000, currency.units)
        if plain != "units/kWh":
            raise SchemaError(
                "unit of a price", expected=f"{currency.code}/MWh", found=repr(unit)[:40]
            )
    return steps_of(amount, unit, feed)

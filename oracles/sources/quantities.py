"""From what sources write to steps of feeds: exact, and rounded once, at the edge.

A source gives a number as text or `Decimal` and names its unit; a unit that is not in the table is
an error and never a guess.
"""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import Any, Final

from energy_grid.errors import InvalidValueError
from energy_grid.feeds import Feed, Unit
from oracles.sources.errors import ImplausibleValueError, SchemaError

LARGEST_EXPONENT: Final = 18
"""No quantity of a grid has more digits before its point; `1e999999999` must not become an int."""

FACTORS: Final[dict[Unit, dict[str, Fraction]]] = {
    Unit.WATT: {
        "W": Fraction(1),
        "kW": Fraction(1_000),
        "MW": Fraction(1_000_000),
    },
    Unit.MILLI_HERTZ: {"Hz": Fraction(1_000), "mHz": Fraction(1)},
    Unit.MILLI_VOLT: {"V": Fraction(1_000), "kV": Fraction(1_000_000), "mV": Fraction(1)},
    Unit.BASIS_POINT: {"%": Fraction(100), "fraction": Fraction(10_000), "bps": Fraction(1)},
    Unit.WATT_PER_SQUARE_METRE: {"W/m²": Fraction(1), "W/m2": Fraction(1)},
    Unit.DEGREE_CELSIUS: {"°C": Fraction(1), "degC": Fraction(1)},
    Unit.METRE_PER_SECOND: {
        "m/s": Fraction(1),
        "km/h": Fraction(10, 36),
    },
    Unit.UNITS_PER_KWH: {"units/kWh": Fraction(1)},
}
"""Units of one step (without decimals) in one of the source's unit."""


def decimal_of(value: Any, what: str) -> Decimal:
    """A number as it was written, from text, an int or a `Decimal`.

    Raises:
        SchemaError: it is no number at all.
        ImplausibleValueError: it is NaN, infinite, or absurdly large.
    """
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        raise SchemaError(f"{what} is no number", expected="a number", found=repr(value)[:80])
    try:
        number = Decimal(value)
    except InvalidOperation:
        raise SchemaError(
            f"{what} is no number", expected="a number", found=repr(value)[:80]
        ) from None
    if not number.is_finite():
        raise ImplausibleValueError(f"{what} is not finite", expected="a number", found=number)
    if number and number.adjusted() > LARGEST_EXPONENT:
        raise ImplausibleValueError(
            f"{what} is absurdly large",
            expected=f"less than 10^{LARGEST_EXPONENT + 1}",
            found=f"about 10^{number.adjusted()}",
        )
    if number and number.adjusted() < -LARGEST_EXPONENT:
        return Decimal(0)
    return number


def steps_of(amount: Decimal, unit: str, feed: Feed) -> int:
    """An amount in a source's unit as steps of a feed, the nearest (half to even).

    Raises:
        SchemaError: the unit does not fit the feed.
    """
    factor = FACTORS[feed.unit].get(unit)
    if factor is None:
        known = ", ".join(FACTORS[feed.unit])
        raise SchemaError(
            f"unit of {feed.kind.name.lower()}", expected=f"one of {known}", found=repr(unit)[:40]
        )
    scale: int = 10**feed.decimals
    return round(Fraction(amount) * factor * scale)


def price_steps_of(amount_per_mwh: Decimal, units_per_currency: int) -> int:
    """A price per MWh as settlement-token base units per kWh, the nearest; it may be negative.

    Args:
        amount_per_mwh: in the currency of the settlement token.
        units_per_currency: base units of the token in one unit of the currency.
    """
    if units_per_currency <= 0:
        raise InvalidValueError(
            "base units of a currency", expected="more than 0", found=units_per_currency
        )
    return round(Fraction(amount_per_mwh) * units_per_currency / 1_000)

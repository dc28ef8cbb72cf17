"""Piecewise linear curves: what voltage and frequency ask of a resource.

Integer for integer as `contracts/libraries/PiecewiseCurves.sol` and `CurveBounds.sol`. Every
division rounds towards zero: less action.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from energy_grid.errors import InvalidValueError
from energy_grid.units import BPS

MAX_POINTS: Final = 8
LOWEST_VOLTAGE_BPS: Final = 5_000
HIGHEST_VOLTAGE_BPS: Final = 15_000
LARGEST_DEVIATION_MILLIHZ: Final = 5_000
MAX_SLOPE: Final = 100
"""Steepest step: a swing over the whole rating takes 1 % of nominal voltage or 100 mHz."""

_POINT_BITS: Final = 31
_Y_BITS: Final = 15
_X_BITS: Final = 16
_COUNT_AT: Final = 252


class CurveKind(IntEnum):
    """What a curve makes of a measurement."""

    VOLT_VAR = 0
    """x voltage in bp of nominal; y reactive power in bp of the apparent rating."""
    VOLT_WATT = 1
    """x likewise; y largest active power in bp of the rating: feed-in above nominal, draw below."""
    DROOP = 2
    """x frequency minus nominal in mHz; y power to be added in bp of the larger rating."""


@dataclass(frozen=True, slots=True)
class PiecewiseCurve:
    """Straight between its points, flat beyond the first and the last.

    Attributes:
        points: (x, y), x rising strictly, at most 8; without points it is 0 everywhere.
    """

    points: tuple[tuple[int, int], ...] = ()

    def __post_init__(self) -> None:
        if len(self.points) > MAX_POINTS:
            raise InvalidValueError(
                "too many points of a curve",
                expected=f"at most {MAX_POINTS}",
                found=len(self.points),
            )
        for x, y in self.points:
            if not (-(1 << 15) <= x < 1 << 15 and -(1 << 14) <= y < 1 << 14):
                raise InvalidValueError(
                    "point of a curve does not fit", expected="16 and 15 bits", found=(x, y)
                )
        for (x0, _), (x1, _) in zip(self.points, self.points[1:], strict=False):
            if x1 <= x0:
                raise InvalidValueError(
                    "points of a curve out of order", expected="x rising strictly", found=(x0, x1)
                )

    @classmethod
    def of(cls, *points: tuple[int, int]) -> PiecewiseCurve:
        """A curve of points."""
        return cls(points)

    @classmethod
    def unpack(cls, word: int) -> PiecewiseCurve:
        """A curve from the word on chain, `count 4 | zero 4 | eight points of x 16 and y 15`.

        Raises:
            InvalidValueError: the number is no curve as the contract packs them.
        """
        count = word >> _COUNT_AT
        if not 0 <= count <= MAX_POINTS:
            raise InvalidValueError(
                "word is no curve", expected=f"at most {MAX_POINTS} points", found=hex(word)
            )
        lanes = [word >> _POINT_BITS * index & (1 << _POINT_BITS) - 1 for index in range(count)]
        curve = cls(
            tuple(
                (_signed(lane >> _Y_BITS, _X_BITS), _signed(lane & (1 << _Y_BITS) - 1, _Y_BITS))
                for lane in lanes
            )
        )
        if curve.pack() != word:
            raise InvalidValueError(
                "word is no curve", expected="0 in places that are not used", found=hex(word)
            )
        return curve

    def pack(self) -> int:
        """The word on chain."""
        word = len(self.points) << _COUNT_AT
        for index, (x, y) in enumerate(self.points):
            lane = x % (1 << _X_BITS) << _Y_BITS | y % (1 << _Y_BITS)
            word |= lane << _POINT_BITS * index
        return word

    def at(self, x: int) -> int:
        """Value of the curve, rounded towards zero; 0 if it has no points."""
        if not self.points:
            return 0
        x0, y0 = self.points[0]
        if x <= x0:
            return y0
        for x1, y1 in self.points[1:]:
            if x <= x1:
                return divide(y0 * (x1 - x) + y1 * (x - x0), x1 - x0)
            x0, y0 = x1, y1
        return y0


def divide(dividend: int, divisor: int) -> int:
    """A quotient rounded towards zero, as the chain divides. The divisor is positive."""
    quotient = abs(dividend) // divisor
    return -quotient if dividend < 0 else quotient


def check_curve(kind: CurveKind, points: Iterable[tuple[int, int]]) -> PiecewiseCurve:
    """A curve that governance may set, or none without points.

    Raises:
        InvalidValueError: it is outside the bounds of its kind; the contract refuses it too.
    """
    curve = PiecewiseCurve(tuple(points))
    if not curve.points:
        return curve
    is_droop = kind is CurveKind.DROOP
    lowest_x = -LARGEST_DEVIATION_MILLIHZ if is_droop else LOWEST_VOLTAGE_BPS
    highest_x = LARGEST_DEVIATION_MILLIHZ if is_droop else HIGHEST_VOLTAGE_BPS
    lowest_y = 0 if kind is CurveKind.VOLT_WATT else -BPS
    for index, (x, y) in enumerate(curve.points):
        _require(lowest_x <= x <= highest_x, "x out of range", (lowest_x, highest_x), x)
        _require(lowest_y <= y <= BPS, "y out of bounds", (lowest_y, BPS), y)
        if index:
            _check_step(kind, curve.points[index - 1], (x, y))
    if is_droop:
        _require(curve.at(0) == 0, "acts at nominal frequency", 0, curve.at(0))
    if kind is CurveKind.VOLT_WATT:
        _require(curve.at(BPS) == BPS, "limits at nominal voltage", BPS, curve.at(BPS))
    return curve


def _check_step(kind: CurveKind, previous: tuple[int, int], point: tuple[int, int]) -> None:
    (x0, y0), (x1, y1) = previous, point
    is_limit = kind is CurveKind.VOLT_WATT
    may_rise = is_limit and x1 <= BPS
    may_fall = not is_limit or x0 >= BPS
    is_right = (y1 <= y0 or may_rise) and (y1 >= y0 or may_fall)
    _require(is_right, "wrong direction", "back towards nominal", (previous, point))
    steepest = MAX_SLOPE * (x1 - x0)
    _require(abs(y1 - y0) <= steepest, "too steep", f"at most {steepest}", abs(y1 - y0))


def _require(holds: bool, problem: str, expected: object, found: object) -> None:
    if not holds:
        raise InvalidValueError(f"curve out of bounds, {problem}", expected=expected, found=found)


def _signed(value: int, bits: int) -> int:
    return value - (1 << bits) if value >> bits - 1 else value

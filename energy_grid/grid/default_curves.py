"""Curves that hold until governance sets others.

Figures and sources as in `contracts/libraries/DefaultCurves.sol`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from energy_grid.grid.curves import CurveKind, PiecewiseCurve
from energy_grid.grid.resources import ResourceClass
from energy_grid.units import BPS

SIXTY_HERTZ_ABOVE: Final = 55_000
"""Nominal frequency in mHz above which the curves of IEEE 1547-2018 hold."""

_of: Final = PiecewiseCurve.of
_NO_VARS: Final = _of((BPS, 0))
_NO_LIMIT: Final = _of((BPS, BPS))
_NO_DROOP: Final = _of((0, 0))
_INVERTERS: Final = (
    ResourceClass.PV,
    ResourceClass.WIND,
    ResourceClass.BATTERY,
    ResourceClass.GENERATOR,
)
_CHARGERS: Final = (ResourceClass.EV, ResourceClass.HEAT_PUMP)

_VOLT_VAR_50: Final = _of((9_300, 4_358), (9_700, 0), (10_300, 0), (10_700, -4_358))
_VOLT_VAR_60: Final = _of((9_200, 4_400), (9_800, 0), (10_200, 0), (10_800, -4_400))

_VOLT_WATT: Final[Mapping[ResourceClass, PiecewiseCurve]] = {
    ResourceClass.BATTERY: _of((9_000, 0), (9_400, BPS), (10_600, BPS), (11_000, 0)),
    ResourceClass.LOAD: _NO_LIMIT,
    **dict.fromkeys(_CHARGERS, _of((9_000, 2_000), (9_400, BPS), (10_600, BPS), (11_000, 2_000))),
    **dict.fromkeys(
        (ResourceClass.PV, ResourceClass.WIND, ResourceClass.GENERATOR),
        _of((10_600, BPS), (11_000, 2_000)),
    ),
}

_DROOP_50: Final[Mapping[ResourceClass, PiecewiseCurve]] = {
    ResourceClass.BATTERY: _of((-200, BPS), (-20, 0), (20, 0), (200, -BPS)),
    ResourceClass.GENERATOR: _of((-2_500, 9_200), (-200, 0), (200, 0), (1_500, -5_200)),
    ResourceClass.LOAD: _NO_DROOP,
    **dict.fromkeys(_CHARGERS, _of((-2_500, 9_200), (-200, 0))),
    **dict.fromkeys((ResourceClass.PV, ResourceClass.WIND), _of((200, 0), (1_500, -5_200))),
}

_DROOP_60: Final[Mapping[ResourceClass, PiecewiseCurve]] = {
    ResourceClass.BATTERY: _of((-3_036, BPS), (-36, 0), (36, 0), (3_036, -BPS)),
    ResourceClass.GENERATOR: _of((-3_036, BPS), (-36, 0), (36, 0), (1_836, -6_000)),
    ResourceClass.LOAD: _NO_DROOP,
    **dict.fromkeys(_CHARGERS, _of((-3_036, BPS), (-36, 0))),
    **dict.fromkeys((ResourceClass.PV, ResourceClass.WIND), _of((36, 0), (1_836, -6_000))),
}


def default_curve(
    kind: CurveKind, resource_class: ResourceClass, nominal_millihz: int
) -> PiecewiseCurve:
    """The default of a class, by the nominal frequency of its zone."""
    is_sixty = nominal_millihz > SIXTY_HERTZ_ABOVE
    if kind is CurveKind.VOLT_VAR:
        if resource_class not in _INVERTERS:
            return _NO_VARS
        return _VOLT_VAR_60 if is_sixty else _VOLT_VAR_50
    if kind is CurveKind.VOLT_WATT:
        return _VOLT_WATT[resource_class]
    return (_DROOP_60 if is_sixty else _DROOP_50)[resource_class]

"""Draw the default curves of set-points into docs/images: run after changing one of them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl

from energy_grid.grid.curves import CurveKind
from energy_grid.grid.default_curves import default_curve
from energy_grid.grid.resources import ResourceClass

TARGET: Final = Path(__file__).parents[1] / "docs" / "images" / "set-points.png"
FAMILIES: Final = ((50_000, "50 Hz: VDE-AR-N 4105, RfG"), (60_000, "60 Hz: IEEE 1547-2018"))
PANELS: Final = (
    (CurveKind.VOLT_VAR, range(8_800, 11_201, 10), "reactive power, % of VA"),
    (CurveKind.VOLT_WATT, range(8_800, 11_201, 10), "largest active power, % of rating"),
    (CurveKind.DROOP, range(-3_200, 2_201, 4), "power to add, % of rating"),
)
GROUPS: Final = (
    ("PV, wind", ResourceClass.PV, "#d08a00", "-"),
    ("generator", ResourceClass.GENERATOR, "#7a3fa0", "--"),
    ("battery", ResourceClass.BATTERY, "#00776b", "-."),
    ("EV, heat pump", ResourceClass.EV, "#1f5fbf", ":"),
)
"""LOAD is left out: nothing is asked of it."""


def draw() -> Any:
    """Both families side by side, a row for each kind of curve."""
    mpl.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(
        len(PANELS), len(FAMILIES), figsize=(9.5, 8.4), sharey="row", layout="constrained"
    )
    for column, (nominal, family) in enumerate(FAMILIES):
        for row, (kind, xs, label) in enumerate(PANELS):
            panel = axes[row][column]
            _draw_panel(panel, kind, xs, nominal)
            if row == 0:
                panel.set_title(family, fontsize=10)
            if column == 0:
                panel.set_ylabel(f"{kind.name}\n{label}", fontsize=8)
    axes[0][0].legend(fontsize=8, loc="lower left")
    return figure


def _draw_panel(panel: Any, kind: CurveKind, xs: Iterable[int], nominal: int) -> None:
    is_droop = kind is CurveKind.DROOP
    scale, nominal_x = (1, 0) if is_droop else (100, 100)
    for name, resource_class, colour, style in GROUPS:
        curve = default_curve(kind, resource_class, nominal)
        points = [(x / scale, curve.at(x) / 100) for x in xs]
        panel.plot(*zip(*points, strict=True), style, color=colour, label=name, linewidth=1.8)
    panel.axvline(nominal_x, color="#999999", linewidth=0.8)
    panel.axhline(0, color="#999999", linewidth=0.8)
    panel.set_xlabel(
        "frequency, mHz from nominal" if is_droop else "voltage, % of nominal", fontsize=8
    )
    panel.tick_params(labelsize=8)
    panel.grid(alpha=0.25)


if __name__ == "__main__":
    TARGET.parent.mkdir(exist_ok=True)
    draw().savefig(TARGET, dpi=80)

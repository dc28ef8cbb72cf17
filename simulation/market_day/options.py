"""What the user chose for a market day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

from energy_grid.deployments import PROJECT_ROOT
from simulation.physics.grids import DEFAULT_GRID

DEFAULT_DAY: Final = date(2016, 6, 21)
DEFAULT_SEED: Final = 1
DEFAULT_OUT: Final = PROJECT_ROOT / "out" / "market-day"
CACHE_FOLDER: Final = PROJECT_ROOT / "cache" / "simulation"


@dataclass(frozen=True, slots=True)
class Options:
    """One market day.

    Attributes:
        grid: short name of the grid.
        day: the UTC day of 2016 to simulate; the chain's clock shows that day.
        homes: number of homes, None for all of the grid (at most 40).
        seed: fixes keys, valuations, forecasts, and with them the whole report.
        out: folder for report, picture and logs.
        port: Anvil's TCP port, 0 for a free one.
        keep_running: leave the chain up at the end until the user stops it.
    """

    grid: str = DEFAULT_GRID
    day: date = DEFAULT_DAY
    homes: int | None = None
    seed: int = DEFAULT_SEED
    out: Path = DEFAULT_OUT
    port: int = 0
    keep_running: bool = False

"""What the user chose for a grid day."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from energy_grid.deployments import PROJECT_ROOT

DEFAULT_SEED: Final = 1
DEFAULT_OUT: Final = PROJECT_ROOT / "out" / "grid-day"
CACHE_FOLDER: Final = PROJECT_ROOT / "cache" / "simulation"


@dataclass(frozen=True, slots=True)
class Options:
    """One scenario, without and with management.

    Attributes:
        scenario: name of a scenario, or path of a file that ends in `.toml`.
        window: a shorter window, `HH:MM-HH:MM` UTC; None for the scenario's own.
        seed: fixes keys and the days on record; the scenario has its own for its devices.
        out: folder for report, picture and logs.
        port: Anvil's TCP port, 0 for a free one.
    """

    scenario: str
    window: str | None = None
    seed: int = DEFAULT_SEED
    out: Path = DEFAULT_OUT
    port: int = 0

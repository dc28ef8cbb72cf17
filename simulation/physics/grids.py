"""The SimBench low-voltage grids and their year of profiles, kept in a cache after the first read.

Reading a grid from the benchmark's files takes some seconds, reading the cache a fraction of one.
The data is the benchmark's own (ODbL 1.0) and stays on this machine.
"""

from __future__ import annotations

import importlib.metadata
import os
import warnings
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from simulation.errors import GridDataError, UnknownGridError
from simulation.physics.calendar import ROWS_OF_YEAR, FloatArray

GRID_CODES: Final = {
    name: f"1-LV-{name}--2-sw"
    for name in ("rural1", "rural2", "rural3", "semiurb4", "semiurb5", "urban6")
}
"""Short names and SimBench codes: scenario 2 (PV, storage, heat pumps, cars), with switches."""

DEFAULT_GRID: Final = "semiurb4"
_CACHE_FORMAT: Final = 1


@dataclass(frozen=True)
class Grid:
    """One low-voltage grid with the profiles its elements refer to.

    Attributes:
        name: short name.
        net: pandapower network; loads, generators and storages name their profile.
        profiles: per-unit profile by column name, one value for each quarter hour of the year.
    """

    name: str
    net: Any
    profiles: dict[str, FloatArray]

    def profile(self, column: str) -> FloatArray:
        """A year of one profile.

        Raises:
            GridDataError: the benchmark has no such profile.
        """
        try:
            return self.profiles[column]
        except KeyError as error:
            raise GridDataError(
                f"grid {self.name} refers to a profile it does not have", found=column
            ) from error


def load_grid(name: str, cache_folder: Path) -> Grid:
    """A grid by its short name, from the cache if it has it.

    Raises:
        UnknownGridError: no such grid.
        GridDataError: the benchmark package does not hold what it should.
    """
    if name not in GRID_CODES:
        raise UnknownGridError("no such grid", expected=", ".join(sorted(GRID_CODES)), found=name)
    version = importlib.metadata.version("simbench")
    stem = cache_folder / f"{name}-simbench{version}-{_CACHE_FORMAT}"
    cached = _read_cache(name, stem)
    if cached is not None:
        return cached
    grid = _read_benchmark(name)
    _write_cache(grid, stem)
    return grid


def _read_benchmark(name: str) -> Grid:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pandas deprecations inside simbench
        import simbench

        net = simbench.get_simbench_net(GRID_CODES[name])
    profiles: dict[str, FloatArray] = {}
    for table in ("load", "renewables", "storage"):
        for column, values in net.profiles[table].items():
            if column == "time":
                continue
            series = values.to_numpy(dtype=np.float64)
            if len(series) != ROWS_OF_YEAR or not np.isfinite(series).all():
                raise GridDataError(
                    f"profile {column} of {name}",
                    expected=f"{ROWS_OF_YEAR} finite values",
                    found=f"{np.isfinite(series).sum()} of {len(series)}",
                )
            profiles[str(column)] = series
    for key in ("profiles", "loadcases"):
        net.pop(key, None)
    return Grid(name, net, profiles)


def _paths(stem: Path) -> tuple[Path, Path]:
    return stem.with_name(stem.name + ".json"), stem.with_name(stem.name + ".npz")


def _read_cache(name: str, stem: Path) -> Grid | None:
    """The cached grid; None where there is none or it was cut short (it is then written again)."""
    import pandapower

    net_file, profile_file = _paths(stem)
    try:
        with np.load(profile_file) as archive:
            profiles = {column: archive[column] for column in archive.files}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            net = pandapower.from_json(str(net_file))
    except (OSError, ValueError, KeyError, zipfile.BadZipFile, UserWarning):
        return None
    return Grid(name, net, profiles)


def _write_cache(grid: Grid, stem: Path) -> None:
    """Write each file in one step, so that a killed run leaves no half cache."""
    import pandapower

    stem.parent.mkdir(parents=True, exist_ok=True)
    net_file, profile_file = _paths(stem)
    partial_net = net_file.with_name(f"{net_file.name}.{os.getpid()}.partial")
    partial_profiles = profile_file.with_name(f"{profile_file.name}.{os.getpid()}.npz")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pandapower.to_json(grid.net, str(partial_net))
    np.savez_compressed(partial_profiles, **grid.profiles)
    partial_net.replace(net_file)
    partial_profiles.replace(profile_file)

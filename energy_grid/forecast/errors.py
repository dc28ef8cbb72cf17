"""What forecasting raises."""

from __future__ import annotations

from energy_grid.errors import ConfigurationError, FatalError


class ForecastError(FatalError):
    """A forecast cannot be made from what was given."""


class ForecastUnavailableError(ForecastError, ConfigurationError):
    """The packages that forecasting needs are not installed."""

    def __init__(self, package: str) -> None:
        super().__init__(
            "forecasting needs a package that is not installed",
            expected="numpy and lightgbm",
            found=f"no {package}",
            remedy="Install the extra: pip install 'energy-grid[forecast]'",
        )

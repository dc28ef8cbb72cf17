"""Load and production of a zone by horizon: a model where it beats persistence, else persistence.

Nothing else in this package imports it, so that numpy and lightgbm (extra `forecast`) are needed
only where forecasts are made. Floats stay inside: watts come in and go out as whole numbers.
"""

from energy_grid.forecast.errors import ForecastError, ForecastUnavailableError

try:
    import numpy as _numpy  # noqa: F401
except ImportError as _error:
    raise ForecastUnavailableError("numpy") from _error

from energy_grid.forecast.bands import Band
from energy_grid.forecast.forecaster import Forecast, Forecaster
from energy_grid.forecast.gate import Choice, Method
from energy_grid.forecast.series import PowerSeries
from energy_grid.forecast.settings import ForecastSettings, HorizonGroup

__all__ = [
    "Band",
    "Choice",
    "Forecast",
    "ForecastError",
    "ForecastSettings",
    "ForecastUnavailableError",
    "Forecaster",
    "HorizonGroup",
    "Method",
    "PowerSeries",
]

"""What can be wrong with what the user asked of the simulation, or with the machine it runs on."""

from __future__ import annotations

from energy_grid.errors import FatalError


class SimulationError(FatalError):
    """Base of the errors of the simulation."""


class UnknownGridError(SimulationError):
    """No grid has this short name."""


class NotEnoughHomesError(SimulationError):
    """The grid has fewer homes than were asked for."""


class DateOutOfRangeError(SimulationError):
    """The profiles have no data for this date."""


class GridDataError(SimulationError):
    """The benchmark's data or a cached copy of it is not what was expected."""


class PowerFlowError(SimulationError):
    """The power flow of a quarter hour did not converge."""


class TelegramError(SimulationError):
    """A value cannot be printed in a telegram."""


class ZonesImpossibleError(SimulationError):
    """The members cannot be divided into two zones of the grid."""


class ScenarioError(SimulationError):
    """A scenario of a grid day is missing or not valid."""

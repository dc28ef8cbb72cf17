"""What can be wrong with a coupled market or with a proposal for it."""

from __future__ import annotations

from energy_grid.errors import FatalError, InvalidValueError


class ClearingError(FatalError):
    """Base of the errors of this package."""


class MarketInvalidError(ClearingError, InvalidValueError):
    """The zones, borders, links or curves break a rule."""


class PackingError(ClearingError, InvalidValueError):
    """A value does not fit the packed form, or bytes are no packed form."""


class SolverError(ClearingError):
    """The linear programme was not solved, or not to a whole number of units."""


class ProposalRefusedError(ClearingError):
    """A proposal breaks a rule of the coupled auction.

    Attributes:
        rule: name of the contract's error for the same fault.
    """

    def __init__(self, rule: str, problem: str, **details: object) -> None:
        self.rule = rule
        shown = ", ".join(f"{key} {value}" for key, value in details.items())
        super().__init__(f"{rule}: {problem}", found=shown or None)

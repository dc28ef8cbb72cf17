"""Decisions of the holders of the governance token, from a proposal to its execution.

- `proposal`: what is decided, and the ids that follow from it
- `reading`: proposals as a chain has them
- `steps`: what may be done with a proposal now, and whether it would work
- `acting`: doing it with a key
"""

from energy_grid.governance.errors import GovernanceError
from energy_grid.governance.proposal import Call, Proposal, ProposalState, Support
from energy_grid.governance.reading import (
    Standing,
    find,
    pending_operations,
    proposals,
    queued_operations,
    standing,
)

__all__ = [
    "Call",
    "GovernanceError",
    "Proposal",
    "ProposalState",
    "Standing",
    "Support",
    "find",
    "pending_operations",
    "proposals",
    "queued_operations",
    "standing",
]

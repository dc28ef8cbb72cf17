"""Changing the owners of a Safe: calls of the Safe to itself, signed like any other."""

from __future__ import annotations

from energy_grid.safe.abi import SAFE_ABI
from energy_grid.safe.account import SafeState
from energy_grid.safe.creation import SENTINEL, SafeSetup
from energy_grid.safe.errors import SafeError


def add_owner(state: SafeState, owner: str, threshold: int | None = None) -> bytes:
    """Data of the call that adds an owner; the threshold stays unless given."""
    threshold = state.threshold if threshold is None else threshold
    SafeSetup((owner, *state.owners), threshold)  # Check: what results is a Safe
    return SAFE_ABI.encode("addOwnerWithThreshold", owner, threshold)


def remove_owner(state: SafeState, owner: str, threshold: int | None = None) -> bytes:
    """Data of the call that removes an owner; the threshold stays unless given."""
    threshold = state.threshold if threshold is None else threshold
    before = _before(state, owner)
    SafeSetup(tuple(one for one in state.owners if one != owner), threshold)
    return SAFE_ABI.encode("removeOwner", before, owner, threshold)


def swap_owner(state: SafeState, owner: str, successor: str) -> bytes:
    """Data of the call that gives an owner's place to another: a lost or stolen key."""
    before = _before(state, owner)
    SafeSetup((*state.owners, successor), state.threshold)
    return SAFE_ABI.encode("swapOwner", before, owner, successor)


def change_threshold(state: SafeState, threshold: int) -> bytes:
    """Data of the call that changes how many must sign."""
    SafeSetup(state.owners, threshold)
    return SAFE_ABI.encode("changeThreshold", threshold)


def _before(state: SafeState, owner: str) -> str:
    """Who stands before an owner in the Safe's linked list."""
    if owner not in state.owners:
        raise SafeError(
            f"{owner} is no owner of {state.safe}", expected=f"one of {', '.join(state.owners)}"
        )
    place = state.owners.index(owner)
    return state.owners[place - 1] if place else SENTINEL

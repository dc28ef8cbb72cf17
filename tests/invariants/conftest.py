"""One fork and one world for all tests of this folder; each test puts them back."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.invariants.fork import Fork, forked_market
from tests.invariants.world import World, build_world


@pytest.fixture(scope="package")
def fork() -> Iterator[Fork]:
    """A running fork of a deployed state."""
    with forked_market() as running:
        yield running


@pytest.fixture(scope="package")
def world(fork: Fork) -> World:
    """The neighbourhood in both worlds."""
    return build_world(fork)

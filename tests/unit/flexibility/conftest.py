"""A market without budget, unless a file asks for another."""

from __future__ import annotations

import pytest

from tests.utils.flexibility import FlexStage


@pytest.fixture
def stage() -> FlexStage:
    """The contract with its mocks, on a Tuesday morning."""
    return FlexStage()

"""A sealed auction with one market, anew for every test."""

from __future__ import annotations

import pytest

from tests.utils.sealed_chain import SealedChain


@pytest.fixture
def chain() -> SealedChain:
    return SealedChain()

"""A street of its own for each test."""

from __future__ import annotations

import pytest

from tests.unit.meter_pages.street import Street


@pytest.fixture
def street() -> Street:
    return Street.build()

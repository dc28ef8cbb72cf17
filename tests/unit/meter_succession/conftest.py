"""A street in which one meter follows another; every test begins where it was built."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.unit.meter_succession.stage import SuccessionStage


@pytest.fixture(scope="session")
def built() -> SuccessionStage:
    return SuccessionStage.build()


@pytest.fixture
def stage(built: SuccessionStage) -> Iterator[SuccessionStage]:
    origin = built.remember()
    yield built
    built.restore(origin)

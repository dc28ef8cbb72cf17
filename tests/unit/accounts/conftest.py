"""SmartMeter and Settlement together; every test begins where they were built."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.unit.accounts.stage import AccountStage


@pytest.fixture(scope="session")
def built() -> AccountStage:
    return AccountStage()


@pytest.fixture
def stage(built: AccountStage) -> Iterator[AccountStage]:
    origin = built.remember()
    yield built
    built.check_conservation()
    built.restore(origin)

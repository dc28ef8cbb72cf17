"""What all tests share: Hypothesis profiles, servers that may be missing, local chains.

Works with `ape test` and with plain `pytest`.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from tests.utils.anvil import Anvil
from tests.utils.quick_ape import ask_no_proxy_for_loopback, remember_networks

ON_CI = os.environ.get("CI", "").lower() in ("1", "true", "yes")
_NOT_RUN: pytest.StashKey[list[tuple[str, str]]] = pytest.StashKey()

_SLOW_CHAIN = [HealthCheck.too_slow, HealthCheck.data_too_large]
settings.register_profile(
    "quick", max_examples=50, deadline=None, suppress_health_check=_SLOW_CHAIN
)
settings.register_profile(
    "ci", parent=settings.get_profile("quick"), max_examples=100, derandomize=True
)
settings.register_profile("deep", parent=settings.get_profile("quick"), max_examples=2_000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE") or ("ci" if ON_CI else "quick"))


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_NOT_RUN] = []
    ask_no_proxy_for_loopback()
    remember_networks()


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Leave out, by name, tests whose server program is missing; on CI that is a failure."""
    for marker in item.iter_markers("server"):
        program = marker.args[0]
        if shutil.which(program, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"):
            continue
        if ON_CI:
            pytest.fail(f"the server program {program} is missing", pytrace=False)
        item.config.stash[_NOT_RUN].append((item.nodeid, program))
        pytest.skip(f"not run: {program} is not installed")


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    not_run = config.stash[_NOT_RUN]
    if not_run:
        terminalreporter.section("not run: a server program is missing")
        for name, program in not_run:
            terminalreporter.write_line(f"{program}: {name}")


@pytest.fixture(scope="session")
def anvil() -> Iterator[Callable[..., Anvil]]:
    """Start local chains on free ports, `anvil(chain_id=..., block_time_seconds=...)`; all of them
    end with the session. See `tests.utils.anvil.Anvil`."""
    started: list[Anvil] = []

    def start(**options: Any) -> Anvil:
        process = Anvil(**options)
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()

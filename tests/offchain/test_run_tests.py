"""The runner of the suite: a group whose chain could not start gets one more try, others none."""

from __future__ import annotations

import pytest

from tools import run_tests
from tools.run_tests import Done, run_group

PATHS = ("tests/unit/settlement",)
NOT_STARTED = Done(PATHS, 3, "collected 223 items\n=== 1 warning in 22.20s ===", 22.0)
PASSED = Done(PATHS, 0, "=== 223 passed in 70.00s ===", 70.0)
BROKEN = Done(PATHS, 3, "=== 5 passed, 1 error in 3.00s ===", 3.0)


@pytest.mark.parametrize(
    ("outcomes", "code", "seconds"),
    [
        ([NOT_STARTED, PASSED], 0, 92.0),
        ([NOT_STARTED, NOT_STARTED], 3, 44.0),
        ([BROKEN, PASSED], 3, 3.0),
        ([PASSED, BROKEN], 0, 70.0),
    ],
)
def test_run_group__no_test_could_start__once_more(monkeypatch, outcomes, code, seconds):
    left = list(outcomes)
    monkeypatch.setattr(run_tests, "_run_once", lambda *_: left.pop(0))

    done = run_group(PATHS, ())

    assert (done.code, done.seconds) == (code, seconds)
    assert ("tried again" in done.output) == (len(left) == 0)

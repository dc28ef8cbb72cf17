"""Every error that an interface declares is expected by a test, or stands here with a reason."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
INTERFACES = ROOT / "contracts" / "interfaces"
DECLARED = re.compile(r"^ {4}error (\w+)\(", re.MULTILINE)

UNREACHED = {
    "AccountIsClosed": "every zone is closed before an account can be, so no order asks for a lock",
    "BatchOutOfGas": "a call that fails with less gas than a revert needs leaves none to say so",
    "TooManyAccounts": "after 2^24 - 1 accounts",
    "TooManyBridges": "after 2^24 - 1 bridges",
    "TooManyMeters": "after 2^24 - 1 meters",
}
"""Errors that no test meets, and why."""


def declared_errors() -> dict[str, list[str]]:
    """Errors by the interface that declares them."""
    return {
        path.stem: DECLARED.findall(path.read_text(encoding="utf-8"))
        for path in sorted(INTERFACES.glob("*.sol"))
    }


def words_of_tests() -> set[str]:
    """Every word in a test: errors are expected by their names."""
    words: set[str] = set()
    for path in (ROOT / "tests").rglob("*.py"):
        if path != Path(__file__):
            words |= set(re.findall(r"\w+", path.read_text(encoding="utf-8")))
    # Lock-step compares the errors of the model with the chain's, call by call.
    for path in (ROOT / "energy_grid" / "model").rglob("*.py"):
        words |= set(re.findall(r'Refused\(\s*"(\w+)"', path.read_text(encoding="utf-8")))
    return words


EXPECTED = words_of_tests()


@pytest.mark.parametrize(
    "interface", [name for name, errors in declared_errors().items() if errors]
)
def test_interface__each_error__is_expected_by_a_test(interface: str) -> None:
    missing = [
        error
        for error in declared_errors()[interface]
        if error not in EXPECTED and error not in UNREACHED
    ]

    assert not missing


def test_reasons__name_only_errors_without_a_test() -> None:
    declared = {error for errors in declared_errors().values() for error in errors}

    assert set(UNREACHED) <= declared - EXPECTED

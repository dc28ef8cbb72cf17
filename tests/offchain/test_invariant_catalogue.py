"""Every property that is due has a living test, and the catalogue in the docs names it."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

from tests.invariants import machine, machine_properties
from tests.invariants.properties import DUE, ELSEWHERE, checked_by

CATALOGUE = Path(__file__).parents[2] / "docs" / "invariants.md"
ROW = re.compile(r"^\| (I-\d\d) \|.*\| `(\w+)` \|$", re.MULTILINE)
ALL_IDS = {f"I-{number:02}" for number in range(1, 47)}


def documented() -> dict[str, str]:
    return dict(ROW.findall(CATALOGUE.read_text(encoding="utf-8")))


@pytest.mark.parametrize("property_id", DUE)
def test_due_property__has_a_check_that_the_machine_runs(property_id: str) -> None:
    methods = checked_by.get(property_id, [])

    assert methods, f"{property_id} is due and nothing checks it"
    for qualified in methods:
        name = qualified.rsplit(".", 1)[-1]
        calls = re.findall(rf"self\.{name}\(", inspect.getsource(machine_properties))
        assert calls, f"{name} is never called"
        assert callable(getattr(machine.LockStepMachine, name))


@pytest.mark.parametrize("property_id", DUE)
def test_due_property__is_in_the_catalogue_under_the_name_of_its_test(property_id: str) -> None:
    names = [qualified.rsplit(".", 1)[-1] for qualified in checked_by[property_id]]

    assert documented().get(property_id) in names


@pytest.mark.parametrize("property_id", ELSEWHERE)
def test_property_with_a_test_of_its_own__has_that_test(property_id: str) -> None:
    file, name = ELSEWHERE[property_id].split("::")
    source = (CATALOGUE.parents[1] / file).read_text(encoding="utf-8")

    assert re.search(rf"^def {name}\(", source, re.MULTILINE)
    assert property_id in source, f"{file} does not say that it is the test of {property_id}"
    assert documented().get(property_id) == name


def test_catalogue__names_no_test_that_does_not_exist() -> None:
    for property_id, name in documented().items():
        if property_id not in ELSEWHERE:
            assert hasattr(machine.LockStepMachine, name), f"{property_id} names {name}"


def test_catalogue__every_id__is_due() -> None:
    assert set(documented()) == set(DUE) | set(ELSEWHERE)
    assert set(DUE) | set(ELSEWHERE) == ALL_IDS


def test_lock_step_test__is_collected() -> None:
    """The machine is run by a test that pytest finds by itself."""
    source = (CATALOGUE.parents[1] / "tests" / "invariants" / "test_lock_step.py").read_text()

    assert re.search(r"^def test_\w+", source, re.MULTILINE)
    assert "run_state_machine_as_test(LockStepMachine" in source

"""`docs/operations.md` against the code: every metric, every daemon, every unit file.

metrics: in the code and on the page | of a keeper's registry | labels
daemons: names and ports | unit files: hardened, programs that exist
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from oracles.runtime.keeper import Keeper, Ops
from oracles.runtime.loop import Scribe
from oracles.runtime.registry import ENTRIES
from oracles.runtime.watch import NodeWatch

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "docs" / "operations.md").read_text()
NAME = re.compile(r"eg_[a-z0-9]+(?:_[a-z0-9]+)+")
UNITS = sorted((ROOT / "deploy" / "systemd").glob("*.service"))


def in_code():
    """Names of metrics: string constants of daemons that are nothing but such a name."""
    found = set()
    for package in ("energy_grid", "meter_bridge", "oracles"):
        for path in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    found |= {node.value} if NAME.fullmatch(node.value) else set()
    return found


def on_page():
    return {match for match in re.findall(r"`(eg_[a-z0-9_]+)", PAGE) if not match.endswith("_")}


def test_metrics__code_and_page__name_the_same():
    assert in_code() == on_page()


def test_metrics__registry_of_a_keeper__is_on_the_page_with_its_labels():
    class Idle(Keeper):
        name = "idle"

        def plan(self):
            raise NotImplementedError

    ops = Ops.of("idle")
    Scribe(Idle(), ops, 60)
    NodeWatch("http://127.0.0.1:9", ops)
    for family in ops.metrics.registry.collect():
        name = family.name + ("_total" if family.type == "counter" else "")
        assert f"`{name}" in PAGE, name


def test_daemons__names_and_ports__as_in_the_registry():
    rows = re.findall(r"^\| `([a-z-]+)` \|.*\| (\d{4}) \|", PAGE, re.MULTILINE)
    assert {name: int(port) for name, port in rows} == {n: e.port for n, e in ENTRIES.items()}


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.stem)
def test_units__each__is_hardened_and_starts_a_program_there_is(path):
    text = path.read_text()
    for line in (
        "NoNewPrivileges=yes", "ProtectSystem=strict", "ProtectHome=yes", "CapabilityBoundingSet=",
        "SystemCallFilter=@system-service", "MemoryMax=", "Restart=always", "UMask=0077",
    ):  # fmt: skip
        assert line in text
    (module,) = set(re.findall(r"ExecStart=\S+python -m (\w+)", text))
    assert (ROOT / module / "__main__.py").exists()
    assert path.name.removesuffix(".service").rstrip("@") in PAGE
    assert "password=" not in text.lower()


def test_units__there_are_some():
    assert len(UNITS) == 4

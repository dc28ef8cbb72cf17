"""`docs/roles.md`, made from the roles in code: `python -m energy_grid.deployment.roles_page`."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Final

from energy_grid.deployment.parameters import SAFES
from energy_grid.deployment.roles import (
    FUNCTION_ROLES,
    ROLES,
    TIMELOCK_ROLES,
    TRUSTED_CALLERS,
    Role,
)
from energy_grid.deployments import PROJECT_ROOT

PAGE: Final = PROJECT_ROOT / "docs" / "roles.md"

_HEAD: Final = """\
# Roles
Made from `energy_grid/deployment/roles.py` by `make docs-roles`; do not edit.
`ape run deploy` wires it, `ape run verify_deployment` compares it with a chain, extra holders
included, and `tests/integration/test_role_matrix.py` calls every function as everybody.

A function that is restricted and has no role below is the governor's. Execution delays are 0.
Rules and reasons: section 8 of [specification.md](specification.md); how decisions are made and
carried out: [operations.md](operations.md).
"""


def page() -> str:
    """The page's text."""
    return "\n".join(
        [
            _HEAD,
            "## Who holds which role",
            *_table(("id", "role", "what for", "holders"), _holders()),
            "",
            "## Who may call what",
            *_table(("contract", "role", "functions"), _functions()),
            "",
            "## Functions that know their one caller",
            "The hot paths ask no access manager; the caller's address is fixed at deployment.",
            "",
            *_table(("contract", "caller", "functions"), _trusted()),
            "",
            "## Roles of the timelock",
            "Its own, apart from the access manager's. The first administers all four.",
            "",
            *_table(("role", "holders"), _timelock()),
            "",
            "## Accounts of several owners",
            "Where the parameters say `safe`, owners and threshold are those of `[safe]`; later",
            "only their signatures change them.",
            "",
            *_table(("entry of `[roles]`", "account"), _safes()),
            "",
        ]
    )


def _holders() -> Iterator[Sequence[str]]:
    for role, spec in ROLES.items():
        holders = [f"`[roles] {entry}`" for entry in spec.people] + [*map(_code, spec.contracts)]
        yield str(int(role)), role.name, spec.purpose, ", ".join(holders) or "nobody"


def _functions() -> Iterator[Sequence[str]]:
    for contract, functions in FUNCTION_ROLES.items():
        for role, names in _grouped(functions):
            yield _code(contract), Role[role].name, ", ".join(map(_code, names))


def _trusted() -> Iterator[Sequence[str]]:
    for contract, functions in TRUSTED_CALLERS.items():
        for caller, names in _grouped(functions):
            yield _code(contract), _code(caller), ", ".join(map(_code, names))


def _timelock() -> Iterator[Sequence[str]]:
    for role, holders in TIMELOCK_ROLES.items():
        yield role, ", ".join(one if one == "anybody" else _code(one) for one in holders)


def _safes() -> Iterator[Sequence[str]]:
    for entry, name in SAFES.items():
        yield _code(entry), _code(name)


def _grouped(functions: Mapping[str, Role | str]) -> Iterator[tuple[str, list[str]]]:
    def caller(name: str) -> str:
        found = functions[name]
        return found.name if isinstance(found, Role) else found

    for one, names in groupby(sorted(functions, key=caller), key=caller):
        yield one, [*names]


def _table(columns: Sequence[str], rows: Iterator[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(columns)} |"
    yield f"|{'---|' * len(columns)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"


def _code(name: str) -> str:
    return f"`{name}`"


def main(path: Path = PAGE) -> None:
    """Write the page."""
    path.write_text(page(), encoding="utf-8")
    sys.stdout.write(f"{path} written\n")


if __name__ == "__main__":
    main()

"""`docs/roles.md` is what the roles in code say."""

from __future__ import annotations

import pytest

from energy_grid.deployment import roles_page
from energy_grid.deployment.roles import FUNCTION_ROLES, ROLES, Role


def test_roles_page__committed__is_made_from_the_roles_in_code():
    assert roles_page.PAGE.read_text(encoding="utf-8") == roles_page.page(), "run `make docs-roles`"


def test_roles_page__every_role_and_function__is_on_it():
    rows = [line for line in roles_page.page().splitlines() if line.startswith("|")]

    for role in Role:
        assert any(
            row.startswith(f"| {role.value} | {role.name} | {ROLES[role].purpose}") for row in rows
        )
    for contract, functions in FUNCTION_ROLES.items():
        for function, role in functions.items():
            (row,) = [r for r in rows if r.startswith(f"| `{contract}` | {role.name} |")]
            assert f"`{function}`" in row


def test_roles_page__a_function_more__is_a_page_to_be_made_anew(monkeypatch: pytest.MonkeyPatch):
    before = roles_page.page()
    more = {**FUNCTION_ROLES, "EnergyToken": {"mint": Role.MINTER, "burn": Role.GOVERNOR}}
    monkeypatch.setattr(roles_page, "FUNCTION_ROLES", more)

    assert roles_page.page() != before

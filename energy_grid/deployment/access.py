"""Who may call what, by the access manager of a chain: compared with `roles`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, Final, NamedTuple

from energy_grid.contracts import Contract, Contracts
from energy_grid.deployment.check import Check
from energy_grid.deployment.migration import unfinished_predecessors
from energy_grid.deployment.parameters import Parameters
from energy_grid.deployment.roles import FUNCTION_ROLES, ROLES, Role
from energy_grid.rpc import RpcResponseError, to_hex

_SETTINGS: Final = (
    ("admin", "getRoleAdmin", "setRoleAdmin"),
    ("guardian", "getRoleGuardian", "setRoleGuardian"),
    ("grant delay", "getRoleGrantDelay", "setGrantDelay"),
)
"""What the access manager keeps of a role: name, getter, setter."""

_PROBES: Final[Mapping[str, tuple[Any, ...]]] = {
    "GridManagement": ("gridLimits", 1),
    "Guardian": ("targets",),
}
"""A view that only such a contract answers."""


def role_holders(contracts: Contracts, parameters: Parameters) -> Mapping[Role, tuple[str, ...]]:
    """Who holds each role, by the specification and the parameters."""
    deployment, addresses = contracts.deployment, contracts.deployment.addresses
    return {
        role: (
            *chain.from_iterable(
                parameters.holders(entry, deployment.deployer, addresses) for entry in spec.people
            ),
            *(deployment.address_of(name) for name in spec.contracts),
            *(unfinished_predecessors(contracts) if role is Role.MINTER else ()),
        )
        for role, spec in ROLES.items()
    }


def role_checks(contracts: Contracts, parameters: Parameters) -> Iterator[Check]:
    """Which function needs which role, who holds each, and that nothing else gives power."""
    assigned = _assigned(contracts)
    for name in FUNCTION_ROLES:
        target = contracts[name]
        yield from _target_checks(contracts, target, assigned.get(target.address, set()))
    yield from _setting_checks(contracts)
    granted = _granted(contracts)
    for role, holders in role_holders(contracts, parameters).items():
        others = sorted(granted.get(role, set()) - {*holders})
        accounts = (*holders, *others)
        for account, access in zip(accounts, _access(contracts, role, accounts), strict=True):
            what = f"{role.name} held by {account}"
            if account in holders:
                grant = ("grantRole", (int(role), account, 0))
                yield Check("AccessManager", what, True, access.at_once, grant)
            else:
                revoke = ("revokeRole", (int(role), account))
                must_go = _must_go(contracts, role, account)
                yield Check("AccessManager", what, False, access.ever, revoke if must_go else None)


def _must_go(contracts: Contracts, role: Role, holder: str) -> bool:
    """Contracts of a deployment given up must go; other holders may have been chosen since."""
    spec = ROLES[role]
    if not spec.contracts:
        return False
    return not spec.people or any(_is_earlier(contracts, name, holder) for name in spec.contracts)


def _target_checks(contracts: Contracts, target: Contract, assigned: set[bytes]) -> Iterator[Check]:
    """One contract: open, no delay before its admin acts, each function with its role."""
    roles = {
        target.abi.selector(name): (name, role)
        for name, role in FUNCTION_ROLES[target.name].items()
    }
    selectors = [*roles, *sorted(assigned - {*roles})]
    closed, delay, *found = _ask(
        contracts,
        [
            ("isTargetClosed", (target.address,)),
            ("getTargetAdminDelay", (target.address,)),
            *(("getTargetFunctionRole", (target.address, one)) for one in selectors),
        ],
    )
    yield Check(target.name, "open for calls", True, not closed)
    yield Check(target.name, "admin delay", 0, delay)
    for selector, role_id in zip(selectors, found, strict=True):
        # What the specification does not name is the governor's, as if nobody had touched it.
        name, role = roles.get(selector, (to_hex(selector), Role.GOVERNOR))
        fix = ("setTargetFunctionRole", (target.address, [selector], int(role)))
        yield Check(target.name, f"role of {name}", role.name, _role_name(role_id), fix)


def _setting_checks(contracts: Contracts) -> Iterator[Check]:
    """Nobody but the governor grants a role, and at once; nobody cancels for others."""
    asked = [(role, *setting) for role in Role for setting in _SETTINGS]
    found = _ask(contracts, [(getter, (int(role),)) for role, _, getter, _ in asked])
    for (role, what, _, setter), value in zip(asked, found, strict=True):
        fix = (setter, (int(role), 0))
        yield Check("AccessManager", f"{what} of {role.name}", 0, value, fix)


def _assigned(contracts: Contracts) -> dict[str, set[bytes]]:
    """Functions that were ever given a role, by contract."""
    assigned: dict[str, set[bytes]] = {}
    for event in _events(contracts, "TargetFunctionRoleUpdated"):
        assigned.setdefault(event["target"], set()).add(event["selector"])
    return assigned


def _granted(contracts: Contracts) -> dict[int, set[str]]:
    """Everybody who was ever granted a role."""
    granted: dict[int, set[str]] = {}
    for event in _events(contracts, "RoleGranted"):
        granted.setdefault(event["roleId"], set()).add(event["account"])
    return granted


def _events(contracts: Contracts, name: str) -> Iterator[Mapping[str, Any]]:
    first_block = contracts.deployment.first_block
    for event in contracts.access_manager.events(name, from_block=first_block):
        yield event.arguments


class _Access(NamedTuple):
    """What an account may do with a role: act at once; act now or later, at once or delayed."""

    at_once: bool
    ever: bool


def _access(contracts: Contracts, role: Role, accounts: Sequence[str]) -> list[_Access]:
    calls = [
        (view, (int(role), account)) for account in accounts for view in ("hasRole", "getAccess")
    ]
    answers = iter(_ask(contracts, calls))
    return [
        _Access(bool(is_member) and delay_seconds == 0, since != 0)
        for (is_member, delay_seconds), (since, *_) in zip(answers, answers, strict=True)
    ]


def _ask(contracts: Contracts, calls: Sequence[tuple[str, tuple[Any, ...]]]) -> list[Any]:
    """Answers of many views of the access manager in few requests."""
    manager = contracts.access_manager
    answers = contracts.rpc.batch([manager.request(name, *given) for name, given in calls])
    return [
        manager.decode_answer(name, answer)
        for (name, _), answer in zip(calls, answers, strict=True)
    ]


def _is_earlier(contracts: Contracts, name: str, holder: str) -> bool:
    """Whether a holder answers like one of our contracts: it is that of an earlier deployment."""
    contract = contracts[name]
    call = contract.encode(*_PROBES[name])
    try:
        answer = contracts.rpc.eth_call(holder, call)
    except RpcResponseError:
        return False
    return len(answer) == len(contracts.rpc.eth_call(contract.address, call))


def _role_name(role_id: int) -> str:
    return Role(role_id).name if role_id in set(Role) else f"role {role_id}"

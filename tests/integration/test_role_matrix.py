"""Every function that may not be called by everybody, called by everybody.

role matrix
├── which functions are restricted: found by calling all of them as a stranger, and in the sources
├── restricted functions x every role, holder, stranger, deployer: refused exactly as specified
├── the access manager's own functions: the governor alone
├── the timelock's and the governor's: holders of the timelock's roles, decisions alone
└── functions with one trusted caller: that caller alone

Functions come from the build, roles from `energy_grid/deployment/roles.py`. A caller that is let in
may fail in the function itself: its arguments are empty.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from energy_grid.contracts import Contract, Contracts
from energy_grid.deployment import Parameters
from energy_grid.deployment.access import role_holders
from energy_grid.deployment.governance import timelock_holders
from energy_grid.deployment.roles import FUNCTION_ROLES, TRUSTED_CALLERS, Role
from energy_grid.deployments import CONTRACT_NAMES
from energy_grid.rpc import ExecutionRevertedError, to_hex
from tests.utils.deploying import deploy_on, send_as, test_account

PARAMETERS = "standard"
STRANGER = "0x" + "5c" * 20
DEPLOYER = test_account(0).address
NOT_AUTHORISED = "AccessManagedUnauthorized"
NO_ADMIN = "AccessManagerUnauthorizedAccount"
CHANGE_OF_AUTHORITY = "setAuthority"
ITSELF_ALONE = "TimelockUnauthorizedCaller"
NOT_TRUSTED = ("NotTheMarket", "NotTheLedger")
ROOMS = {
    "MarketRegister": "EnergyTrading",
    "AuctionRoom": "EnergyTrading",
    "SettlementDelivery": "Settlement",
    "SettlementExits": "Settlement",
}
"""Code of another contract: called at its own address it would change nothing of the market."""


@dataclass(frozen=True)
class Function:
    """A call of a deployed contract."""

    contract: Contract
    name: str
    data: bytes

    @property
    def title(self) -> str:
        return f"{self.contract.name}.{self.name}"


class World:
    """The standard deployment, and one account more for each role."""

    def __init__(self, contracts: Contracts, parameters: Parameters) -> None:
        self.contracts = contracts
        self.alone = {role: f"0x{0xA110 + role:040x}" for role in Role}
        governor = role_holders(contracts, parameters)[Role.GOVERNOR][0]
        manager, rpc = contracts.access_manager, contracts.rpc
        grants = [manager.encode("grantRole", int(r), a, 0) for r, a in self.alone.items()]
        send_as(rpc, governor, manager.address, manager.encode("multicall", grants))
        self.holders = {
            role: {*holders, self.alone[role]}
            for role, holders in role_holders(contracts, parameters).items()
        }
        self.callers = {STRANGER, DEPLOYER}.union(*self.holders.values())

    def functions(self, name: str) -> Iterator[Function]:
        """All that a contract answers at its address, its rooms included, with empty arguments."""
        contract = self.contracts[name]
        for signature, inputs in contract.abi.functions.items():
            data = contract.encode(signature, *map(empty, inputs))
            yield Function(contract, signature.partition("(")[0], data)

    def refusals(
        self, calls: Iterable[tuple[str, Function]]
    ) -> list[tuple[str, Mapping[str, Any]]]:
        """Error of each call, name and arguments; an empty name if there is none."""
        requests = [
            ("eth_call", [{"from": c, "to": f.contract.address, "data": to_hex(f.data)}, "latest"])
            for c, f in calls
        ]
        errors = []
        for answer in self.contracts.rpc.batch(requests, return_errors=True):
            if isinstance(answer, ExecutionRevertedError):
                error = self.contracts.decode_error(answer.data)
                errors.append((error.name, error.arguments))
            else:
                errors.append(("", {}))
        return errors

    def refused(self, caller: str, error: tuple[str, Mapping[str, Any]]) -> bool:
        """Whether the access manager has refused the caller himself, not a contract he reached."""
        name, arguments = error
        return name == NOT_AUTHORISED and arguments["caller"].lower() == caller.lower()

    def restricted(self) -> list[Function]:
        """Functions that refuse a stranger."""
        functions = [
            function
            for name in CONTRACT_NAMES
            # Called directly, a room works on its own, empty storage.
            if name not in ("AccessManager", "SettlementExits")
            for function in self.functions(name)
        ]
        errors = self.refusals((STRANGER, function) for function in functions)
        return [
            function
            for function, error in zip(functions, errors, strict=True)
            if self.refused(STRANGER, error) and function.name != CHANGE_OF_AUTHORITY
        ]


def empty(entry: Mapping[str, Any]) -> Any:
    """The least value of a type."""
    kind = str(entry["type"])
    if fixed := re.fullmatch(r"(.*)\[(\d*)\]", kind):
        inner = {**entry, "type": fixed[1]}
        return [empty(inner) for _ in range(int(fixed[2] or 0))]
    if kind == "tuple":
        return tuple(map(empty, entry["components"]))
    if kind.startswith("bytes"):
        return bytes(int(kind[5:] or 0))
    return {"address": "0x" + "0" * 40, "bool": False, "string": ""}.get(kind, 0)


@pytest.fixture(scope="module")
def world(anvil, tmp_path_factory):
    chain = anvil()
    folder = tmp_path_factory.mktemp("roles")
    deployment = deploy_on(chain.rpc, folder, parameters=PARAMETERS).deployment
    return World(Contracts.load(deployment, chain.rpc), Parameters.load(PARAMETERS))


def expected_role(function: Function) -> Role:
    """What is specified; a function without a role of its own is the governor's."""
    return FUNCTION_ROLES.get(function.contract.name, {}).get(function.name, Role.GOVERNOR)


def test_restricted_functions__as_found_by_calling_them__are_those_of_the_specification(world):
    found: dict[str, set[str]] = {}
    for function in world.restricted():
        found.setdefault(function.contract.name, set()).add(function.name)

    for room, contract in ROOMS.items():
        assert found.pop(room, set()) <= {*FUNCTION_ROLES[contract]}
    assert found == {name: {*functions} for name, functions in FUNCTION_ROLES.items()}


def test_role_matrix__every_restricted_function_by_every_role_and_holder__as_specified(world):
    functions = world.restricted()
    pairs = [(caller, function) for function, caller in product(functions, sorted(world.callers))]
    allowed = [caller in world.holders[expected_role(function)] for caller, function in pairs]
    manager = world.contracts.access_manager

    answers = world.contracts.rpc.batch(
        [
            manager.request("canCall", caller, function.contract.address, function.data[:4])
            for caller, function in pairs
        ]
    )
    can_call = [tuple(manager.decode_answer("canCall", answer)) for answer in answers]
    refused = [
        world.refused(caller, error)
        for (caller, _), error in zip(pairs, world.refusals(pairs), strict=True)
    ]

    wrong = [
        f"{function.title} by {caller}: allowed {may}, canCall {can}, refused {was_refused}"
        for (caller, function), may, can, was_refused in zip(
            pairs, allowed, can_call, refused, strict=True
        )
        if can != (may, 0) or was_refused == may
    ]
    print(
        f"{len(functions)} restricted functions x {len(world.callers)} callers = {len(pairs)} "
        f"calls, {sum(allowed)} allowed, {len(wrong)} not as specified"
    )
    assert wrong == []
    assert {expected_role(f) for f in functions} == {*Role} - {Role.COMMITTER}
    assert 0 < sum(allowed) < len(pairs)


def test_role_matrix__authority_of_each_contract__changed_by_nobody_but_the_authority(world):
    functions = [
        function
        for name in FUNCTION_ROLES
        for function in world.functions(name)
        if function.name == CHANGE_OF_AUTHORITY
    ]
    pairs = [(caller, function) for function, caller in product(functions, sorted(world.callers))]
    errors = world.refusals(pairs)

    assert len(functions) == len(FUNCTION_ROLES)
    assert all(world.refused(caller, e) for (caller, _), e in zip(pairs, errors, strict=True))


def test_role_matrix__functions_of_the_access_manager_itself__the_governor_alone(world):
    functions = [
        function
        for function, (name, _) in zip(
            [*world.functions("AccessManager")],
            world.refusals((STRANGER, f) for f in world.functions("AccessManager")),
            strict=True,
        )
        if name == NO_ADMIN
    ]
    pairs = [(caller, function) for function, caller in product(functions, sorted(world.callers))]
    wrong = [
        f"{function.title} by {caller}: {name or 'done'}"
        for (caller, function), (name, _) in zip(pairs, world.refusals(pairs), strict=True)
        if (name == NO_ADMIN) == (caller in world.holders[Role.GOVERNOR])
    ]

    print(f"{len(functions)} functions x {len(world.callers)} callers = {len(pairs)} calls")
    assert {function.name for function in functions} == {
        "grantRole",
        "labelRole",
        "revokeRole",
        "setGrantDelay",
        "setRoleAdmin",
        "setRoleGuardian",
        "setTargetAdminDelay",
        "setTargetClosed",
        "setTargetFunctionRole",
        "updateAuthority",
    }
    assert wrong == []


def test_role_matrix__functions_of_the_timelock__holders_of_its_roles_alone(world):
    contracts, timelock = world.contracts, world.contracts.timelock
    holders = timelock_holders(contracts, Parameters.load(PARAMETERS))
    roles = {
        "schedule": "PROPOSER_ROLE",
        "scheduleBatch": "PROPOSER_ROLE",
        "cancel": "CANCELLER_ROLE",
        "grantRole": "DEFAULT_ADMIN_ROLE",
        "revokeRole": "DEFAULT_ADMIN_ROLE",
    }
    functions = [*world.functions("GridTimelock")]
    errors = world.refusals((STRANGER, function) for function in functions)
    restricted = [
        function
        for function, (name, _) in zip(functions, errors, strict=True)
        if name == "AccessControlUnauthorizedAccount"
    ]
    assert {function.name for function in restricted} == {*roles}
    addresses = {one.address for one in (timelock, contracts.governor, contracts.guardian)}
    callers = sorted(world.callers | addresses)
    pairs = [(caller, function) for function, caller in product(restricted, callers)]
    wrong = [
        f"{function.title} by {caller}: {name or 'done'}"
        for (caller, function), (name, _) in zip(pairs, world.refusals(pairs), strict=True)
        if (name == "AccessControlUnauthorizedAccount") == (caller in holders[roles[function.name]])
    ]
    print(f"{len(restricted)} functions x {len(callers)} callers = {len(pairs)} calls")
    assert wrong == []
    delay = Function(timelock, "updateDelay", timelock.encode("updateDelay", 86_400))
    errors = world.refusals((caller, delay) for caller in callers)
    allowed = [c for c, (name, _) in zip(callers, errors, strict=True) if name != ITSELF_ALONE]
    assert allowed == [timelock.address]


def test_role_matrix__settings_of_the_governor__decisions_alone(world):
    """Not even the timelock may outside of what the governor has queued with it."""
    contracts = world.contracts
    functions = [*world.functions("GridGovernor")]
    errors = world.refusals((STRANGER, function) for function in functions)
    settings = [
        function
        for function, (name, _) in zip(functions, errors, strict=True)
        if name == "GovernorOnlyExecutor"
    ]
    assert {function.name for function in settings} == {
        "relay",
        "setLateQuorumVoteExtension",
        "setProposalThreshold",
        "setVotingDelay",
        "setVotingPeriod",
        "updateQuorumNumerator",
    }
    callers = sorted(world.callers | {contracts.governor.address})
    pairs = [(caller, function) for function, caller in product(settings, callers)]
    for (caller, function), (name, _) in zip(pairs, world.refusals(pairs), strict=True):
        expected = "Panic" if caller == contracts.timelock.address else "GovernorOnlyExecutor"
        assert name == expected, f"{function.title} by {caller}: {name or 'done'}"


def test_role_matrix__functions_with_one_trusted_caller__it_alone(world):
    functions = [
        function
        for name in CONTRACT_NAMES
        if name not in ROOMS
        for function in world.functions(name)
    ]
    errors = world.refusals((STRANGER, function) for function in functions)
    trusting = [
        function
        for function, (name, _) in zip(functions, errors, strict=True)
        if name in NOT_TRUSTED
    ]
    found: dict[str, set[str]] = {}
    for function in trusting:
        found.setdefault(function.contract.name, set()).add(function.name)
    assert found == {name: {*functions} for name, functions in TRUSTED_CALLERS.items()}

    addresses = {one: world.contracts[one].address for one in ("EnergyTrading", "Settlement")}
    callers = sorted(world.callers | {*addresses.values()})
    pairs = [(caller, function) for function, caller in product(trusting, callers)]
    wrong = [
        f"{function.title} by {caller}: {name or 'done'}"
        for (caller, function), (name, _) in zip(pairs, world.refusals(pairs), strict=True)
        if (name in NOT_TRUSTED)
        == (caller == addresses[TRUSTED_CALLERS[function.contract.name][function.name]])
    ]
    print(f"{len(trusting)} functions x {len(callers)} callers = {len(pairs)} calls")
    assert wrong == []


def test_role_matrix__a_role_that_is_given_by_mistake__is_noticed(world):
    """The canary: with one grant too many on chain, exactly its functions are not as specified."""
    manager, rpc = world.contracts.access_manager, world.contracts.rpc
    snapshot = rpc.call("evm_snapshot")
    governor = sorted(world.holders[Role.GOVERNOR])[0]
    data = manager.encode("grantRole", int(Role.CALENDAR), STRANGER, 0)
    send_as(rpc, governor, manager.address, data)

    missing = {*map(_title, FUNCTION_ROLES.items())}
    found = {function.title for function in world.restricted()}

    assert rpc.call("evm_revert", snapshot)
    assert set().union(*missing) - found == {"Flexibility.reserve", "Flexibility.release"}


def _title(item: tuple[str, Mapping[str, Role]]) -> frozenset[str]:
    contract, functions = item
    return frozenset(f"{contract}.{name}" for name in functions)


def test_roles__every_restricted_function_in_the_sources_has_its_role():
    """Also what the standard deployment leaves out: whoever runs a national market deploys
    `SealedAuction` alone."""
    pattern = re.compile(r"function (\w+)\([^{;]*\brestricted\b[^{;]*\{")
    found = set()
    for source in Path("contracts").rglob("*.sol"):
        apart = {"test", ".cache"}
        if source.stem == "SealedAuction" or apart & {*source.parts}:
            continue
        found |= set(pattern.findall(source.read_text()))

    assert found == {name for functions in FUNCTION_ROLES.values() for name in functions}

"""What must be true of those who decide: token, governor, timelock, and the Safes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from eth_utils.crypto import keccak

from energy_grid.contracts import Contracts
from energy_grid.deployment.check import Check
from energy_grid.deployment.parameters import Parameters
from energy_grid.deployment.plan import GUARDIAN_TARGETS, NO_ADDRESS
from energy_grid.deployment.reader import DEPLOYER
from energy_grid.deployment.roles import TIMELOCK_ROLES
from energy_grid.governance import pending_operations, queued_operations
from energy_grid.rpc import to_hex
from energy_grid.safe import SafeAccount, SafeError

ROLE_IDS: Final[Mapping[str, bytes]] = {
    name: bytes(32) if name == "DEFAULT_ADMIN_ROLE" else keccak(text=name)
    for name in TIMELOCK_ROLES
}


def timelock_holders(contracts: Contracts, parameters: Parameters) -> dict[str, tuple[str, ...]]:
    """Who holds each role of the timelock.

    While the deployer governs, he can still wire the timelock; afterwards it administers itself.
    """
    deployment = contracts.deployment
    is_open = parameters.governor == DEPLOYER
    special = {"GridTimelock": contracts.timelock.address, "anybody": NO_ADDRESS}
    return {
        name: (
            *(special.get(holder) or deployment.address_of(holder) for holder in holders),
            *((deployment.deployer,) if is_open and name == "DEFAULT_ADMIN_ROLE" else ()),
        )
        for name, holders in TIMELOCK_ROLES.items()
    }


def timelock_checks(contracts: Contracts, parameters: Parameters) -> Iterator[Check]:
    """Roles of the timelock; `fix` is a call of the timelock itself."""
    timelock = contracts.timelock
    granted: dict[bytes, set[str]] = {}
    for event in timelock.events("RoleGranted", from_block=contracts.deployment.first_block):
        granted.setdefault(event.arguments["role"], set()).add(event.arguments["account"])
    for name, holders in timelock_holders(contracts, parameters).items():
        role = ROLE_IDS[name]
        for holder in holders:
            held = timelock.call("hasRole", role, holder)
            what = f"{name} held by {holder}"
            yield Check(timelock.name, what, True, held, ("grantRole", (role, holder)))
        for other in sorted(granted.get(role, set()) - {*holders}):
            held = timelock.call("hasRole", role, other)
            revoke = ("revokeRole", (role, other))
            yield Check(timelock.name, f"{name} held by {other}", False, held, revoke)
        found = timelock.call("getRoleAdmin", role)
        yield Check(timelock.name, f"admin of {name}", to_hex(bytes(32)), to_hex(found))


def governance_checks(contracts: Contracts, parameters: Parameters) -> Iterator[Check]:
    """Everything of those who decide: what is fixed, how long it takes, whose account it is."""
    deployment, governance = contracts.deployment, parameters.governance
    governor, timelock = contracts.governor, contracts.timelock
    supply = contracts.governance_token.call("totalSupply")
    yield Check("GovernanceToken", "total supply", governance.supply, supply)
    for getter, name in (("token", "GovernanceToken"), ("timelock", "GridTimelock")):
        found = governor.call(getter)
        yield Check("GridGovernor", getter, deployment.address_of(name), found)
    found = tuple(governor.call("parameters"))
    yield Check("GridGovernor", "parameters", governance.as_tuple(), found)
    yield Check("GridTimelock", "delay", governance.timelock_delay, timelock.call("getMinDelay"))
    yield from timelock_checks(contracts, parameters)
    foreign = pending_operations(contracts) - queued_operations(contracts)
    yield Check("GridTimelock", "operations that no vote has queued", [], sorted(foreign))
    expected = tuple(deployment.address_of(name) for name in GUARDIAN_TARGETS)
    yield Check("Guardian", "targets", expected, tuple(contracts.guardian.call("targets")))
    for name, owners in parameters.safes().items():
        yield from safe_checks(contracts, name, owners, parameters.safe.threshold)


def safe_checks(
    contracts: Contracts, name: str, owners: tuple[str, ...], threshold: int
) -> Iterator[Check]:
    """Owners of an account of several owners, and that nobody acts for it without them."""
    record = contracts.deployment.contracts.get(name)
    if record is None:
        yield Check(name, "recorded", True, False)
        return
    try:
        state = SafeAccount(record.address, contracts.rpc).state()
    except SafeError as error:
        yield Check(name, "a Safe", "its own code, without extensions", str(error))
        return
    yield Check(name, "owners", sorted(owners), sorted(state.owners))
    yield Check(name, "threshold", threshold, state.threshold)

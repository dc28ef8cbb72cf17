"""Safes of a deployment: the contracts they need, and the accounts, as steps of the journal."""

from __future__ import annotations

from typing import Final

from eth_utils.crypto import keccak

from energy_grid.deployment.journal import DeploymentError, Journal, Signer
from energy_grid.deployment.plan import (
    DEVELOPMENT_CHAIN_IDS,
    as_json,
    create_address,
    is_on_chain,
)
from energy_grid.deployments import ContractRecord, Deployment
from energy_grid.rpc import to_hex
from energy_grid.safe.abi import SAFE_TYPE
from energy_grid.safe.account import SafeAccount
from energy_grid.safe.creation import SafeSetup, predicted_address
from energy_grid.safe.suite import (
    CODE_HASHES,
    FACTORY,
    FALLBACK_HANDLER,
    SINGLETON,
    SOURCES,
    VERSION,
    SafeSuite,
    configured_suite,
    packaged,
    require_genuine,
)

SUITE_NAMES: Final = tuple(SOURCES)
"""Names of the suite's contracts in a deployment file, in order of deployment."""


def deploy_safe_suite(journal: Journal, signer: Signer) -> SafeSuite:
    """Make sure that the chain has the contracts of Safe; record and return where.

    A development chain gets its own from the npm package; every other chain must have them, at the
    addresses that all networks share or those of the environment (`EG_SAFE_...`).

    Raises:
        SafeError: other code at those addresses.
        DeploymentError: a step failed; the next run goes on with it.
    """
    if journal.deployment.chain_id in DEVELOPMENT_CHAIN_IDS:
        for name in SUITE_NAMES:
            _deploy(journal, signer, name)
    else:
        _adopt(journal, configured_suite())
    suite = suite_of(journal.deployment)
    require_genuine(suite, journal.rpc)
    return suite


def deploy_safe(
    journal: Journal, signer: Signer, suite: SafeSuite, name: str, setup: SafeSetup
) -> ContractRecord:
    """Create a Safe unless it is there; return its record. Anybody may have created it.

    Raises:
        DeploymentError: the file has a Safe with other owners under this name.
        SafeError: what stands at the address is no Safe.
    """
    address = predicted_address(setup, suite, journal.rpc)
    record = ContractRecord(
        contract=SAFE_TYPE, address=address, arguments=_arguments(setup), code_hash=None
    )
    recorded = journal.deployment.contracts.get(name)
    if recorded is not None and is_on_chain(recorded, journal.rpc):
        if recorded.address != address:
            raise DeploymentError(
                f"{name} was created with other owners, which only its owners can change",
                expected=f"{recorded.arguments} at {recorded.address}",
                found=f"{_arguments(setup)}",
                remedy="Restore the parameters, or change the owners with `ape run safe`",
            )
        return recorded
    if code := journal.rpc.code(address):
        adopted = ContractRecord(
            SAFE_TYPE, address, arguments=_arguments(setup), code_hash=to_hex(keccak(code))
        )
        journal.save(journal.deployment.with_contract(name, adopted))
    else:
        journal.create(signer, name, suite.factory, setup.creation_call(suite), record)
    SafeAccount(address, journal.rpc).require_genuine()
    return journal.deployment.contracts[name]


def suite_of(deployment: Deployment) -> SafeSuite:
    """Where a deployment has the contracts of Safe.

    Raises:
        DeploymentFileError: it has none.
    """
    return SafeSuite(
        singleton=deployment.address_of(SINGLETON),
        factory=deployment.address_of(FACTORY),
        fallback_handler=deployment.address_of(FALLBACK_HANDLER),
    )


def _deploy(journal: Journal, signer: Signer, name: str) -> None:
    record = journal.deployment.contracts.get(name)
    if record is not None and is_on_chain(record, journal.rpc):
        return
    nonce = journal.rpc.nonce(signer.address)
    address = create_address(signer.address, nonce)
    new = ContractRecord(
        contract=name, address=address, compiler={"package": f"safe-smart-account {VERSION}"}
    )
    journal.deploy(signer, name, packaged(name).creation_code, address, nonce, new)


def _adopt(journal: Journal, suite: SafeSuite) -> None:
    require_genuine(suite, journal.rpc)
    for name, address in suite.items():
        recorded = journal.deployment.contracts.get(name)
        if recorded is not None and recorded.address != address:
            raise DeploymentError(
                f"the deployment uses another {name}",
                expected=recorded.address,
                found=address,
                remedy="Restore the environment's EG_SAFE_ variables, or deploy anew",
            )
        if recorded is None:
            adopted = ContractRecord(name, address, code_hash=CODE_HASHES[name])
            journal.save(journal.deployment.with_contract(name, adopted))


def _arguments(setup: SafeSetup) -> dict[str, object]:
    return {
        "owners": as_json(setup.owners),
        "threshold": setup.threshold,
        "salt": str(setup.salt),
    }

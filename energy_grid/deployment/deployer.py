"""Deploy what is missing, wire what differs; harmless to repeat, resumable anywhere."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from eth_utils.crypto import keccak

from energy_grid.contracts import EXTERNAL_ERC20, Contract, ContractCallError, Contracts
from energy_grid.deployment.access import role_checks, role_holders
from energy_grid.deployment.check import Check
from energy_grid.deployment.checks import (
    read_constants,
    reporter_checks,
    zone_checks,
    zone_facts,
    zone_oracle_checks,
)
from energy_grid.deployment.governance import ROLE_IDS, timelock_checks
from energy_grid.deployment.journal import DeploymentError, Journal, Signer
from energy_grid.deployment.plan import (
    DEVELOPMENT_CHAIN_IDS,
    Plan,
    as_json,
    create_address,
    drop,
    is_on_chain,
)
from energy_grid.deployment.roles import Role
from energy_grid.deployment.safes import deploy_safe, deploy_safe_suite
from energy_grid.deployments import CONTRACT_NAMES, ContractRecord, Deployment
from energy_grid.rpc import to_hex
from energy_grid.safe import SafeSetup
from energy_grid.slots import slot_end, slot_of

SLOT_END_MARGIN_SECONDS: Final = 120
"""A tariff sent this close to the end of a slot might be mined in the next one."""

_STANDALONE: Final = (
    "AccessManager",
    "SettlementToken",
    "EnergyToken",
    "SmartMeter",
    "GridOracle",
    "WeatherOracle",
    "EnergyAssetNFT",
    "GovernanceToken",
    "GridTimelock",
    "GridGovernor",
)
_MARKET: Final = (
    "SettlementDelivery",
    "SettlementExits",
    "Settlement",
    "MarketRegister",
    "AuctionRoom",
    "EnergyTrading",
)
"""Settlement and the market with their rooms: each names those before it."""
_AFTER_MARKET: Final = (
    "PriceOracle",
    "GridManagement",
    "Flexibility",
    "DemandResponse",
    "Guardian",
    "AssetVaults",
    "EmergencyShutdown",
)
"""What names the market; each may name those before it."""


@dataclass(frozen=True, slots=True)
class DeploymentReport:
    """What a run did and what it could not do.

    Attributes:
        deployment: as recorded.
        transactions_sent: number of transactions of this run.
        outstanding: what still differs and needs somebody else's key.
    """

    deployment: Deployment
    transactions_sent: int
    outstanding: tuple[Check, ...]


def deploy(
    plan: Plan,
    journal: Journal,
    signer: Signer,
    operators: Mapping[int, Signer | str],
    *,
    hands_over: bool = True,
) -> DeploymentReport:
    """Bring a chain to the state the plan describes.

    Args:
        plan: what is to be.
        journal: the deployment file and the node.
        signer: the deployer's key.
        operators: operator of each zone: its key, or its address if the key is elsewhere.
        hands_over: leave the governor's role to the governor; False if configuring goes on.

    Raises:
        DeploymentError: a step failed; the next run goes on with it.
    """
    journal.settle_pending()
    for name in _STANDALONE:
        _deploy_standalone(plan, journal, signer, name)
    _create_safes(plan, journal, signer)
    _deploy_market(plan, journal, signer)
    for name in _AFTER_MARKET:
        _deploy_standalone(plan, journal, signer, name)
    contracts = Contracts.load(journal.deployment, journal.rpc, plan.artifacts)
    journal.describe_error = lambda data: str(contracts.decode_error(data))
    _record_constants(journal, contracts)
    _wire_roles(plan, journal, signer, contracts)
    for zone, operator in sorted(operators.items()):
        _configure_zone(plan, journal, signer, contracts, zone, operator)
    if hands_over:
        hand_over(plan, journal, signer, contracts)
    outstanding = [
        check
        for zone, operator in sorted(operators.items())
        for check in (
            *zone_checks(contracts, plan.parameters, zone, _address(operator)),
            *zone_oracle_checks(contracts, plan.parameters, zone),
        )
        if not check.ok
    ]
    return DeploymentReport(journal.deployment, journal.transactions_sent, tuple(outstanding))


# --- Contracts ------------------------------------------------------------------------------------


def _deploy_standalone(plan: Plan, journal: Journal, signer: Signer, name: str) -> None:
    record = journal.deployment.contracts.get(name)
    if plan.contract_type(name) == EXTERNAL_ERC20:
        _adopt_settlement_token(plan, journal, record)
        return
    arguments = plan.arguments(name, _addresses(journal.deployment))
    if record is not None and is_on_chain(record, journal.rpc):
        _refuse_changed_parameters(name, record, plan, arguments)
        if as_json(arguments) == record.arguments:
            return
    nonce = journal.rpc.nonce(signer.address)
    _deploy(plan, journal, signer, name, nonce, arguments)


def _create_safes(plan: Plan, journal: Journal, signer: Signer) -> None:
    """Accounts of several owners, before Settlement fixes one of them as its treasury."""
    wanted = plan.parameters.safes()
    if not wanted:
        return
    suite = deploy_safe_suite(journal, signer)
    for number, (name, owners) in enumerate(wanted.items()):
        setup = SafeSetup(owners, plan.parameters.safe.threshold, salt=number)
        deploy_safe(journal, signer, suite, name, setup)


def _deploy_market(plan: Plan, journal: Journal, signer: Signer) -> None:
    """Settlement and EnergyTrading name each other for ever: the second's address is foretold.

    After an interruption EnergyTrading still gets the foretold address if the deployer has sent
    nothing else since. Otherwise nothing can ever be there: all are new.
    """
    first = journal.deployment.contracts.get(_MARKET[0])
    if first is not None:
        foretold = _foretold_market(first)
        missing = _missing_of_market(plan, journal, foretold)
        nonce = journal.rpc.nonce(signer.address)
        if not missing or (
            missing != [*_MARKET]
            and create_address(signer.address, nonce + len(missing) - 1) == foretold
        ):
            _deploy_in_order(plan, journal, signer, missing, foretold)
            return
    journal.save(drop(journal.deployment, *_MARKET))
    nonce = journal.rpc.nonce(signer.address)
    foretold = create_address(signer.address, nonce + len(_MARKET) - 1)
    _deploy_in_order(plan, journal, signer, _MARKET, foretold)


def _deploy_in_order(
    plan: Plan, journal: Journal, signer: Signer, names: Sequence[str], foretold: str
) -> None:
    for name in names:
        arguments = _market_arguments(plan, journal, name, foretold)
        nonce = journal.rpc.nonce(signer.address)
        _deploy(plan, journal, signer, name, nonce, arguments)


def _missing_of_market(plan: Plan, journal: Journal, foretold: str) -> list[str]:
    """What is not there as planned, from the first that is not."""
    for done, name in enumerate(_MARKET):
        record = journal.deployment.contracts.get(name)
        if record is None or not is_on_chain(record, journal.rpc):
            return list(_MARKET[done:])
        if name == _MARKET[-1] and record.address != foretold:
            return list(_MARKET[done:])
        arguments = _market_arguments(plan, journal, name, foretold)
        _refuse_changed_parameters(name, record, plan, arguments)
        if as_json(arguments) != record.arguments:
            return list(_MARKET[done:])
    return []


def _market_arguments(plan: Plan, journal: Journal, name: str, foretold: str) -> dict[str, object]:
    return plan.arguments(name, {**_addresses(journal.deployment), "EnergyTrading": foretold})


def _foretold_market(record: ContractRecord) -> str:
    return str(next(v for k, v in record.arguments.items() if k.strip("_") == "market"))


def _deploy(
    plan: Plan,
    journal: Journal,
    signer: Signer,
    name: str,
    nonce: int,
    arguments: Mapping[str, object],
) -> ContractRecord:
    address = create_address(signer.address, nonce)
    code = plan.creation_code(name, arguments)
    record = plan.record(name, address, arguments)
    return journal.deploy(signer, name, code, address, nonce, record)


def _adopt_settlement_token(plan: Plan, journal: Journal, record: ContractRecord | None) -> None:
    """Record a token that exists already, after asking it for its decimals."""
    address = str(plan.settlement_token)
    if record is not None and record.address != address:
        raise DeploymentError(
            "the deployment has another settlement token, which is fixed for ever",
            expected=record.address,
            found=f"EG_SETTLEMENT_TOKEN {address}",
            remedy="Use the recorded token, or deploy anew with another file",
        )
    if record is not None:
        return
    token = Contract("SettlementToken", address, plan.abi("SettlementToken"), journal.rpc)
    code = journal.rpc.code(address)
    if not code:
        raise DeploymentError(
            "no settlement token there", expected="an ERC-20", found=f"no code at {address}"
        )
    try:
        decimals = token.call("decimals")
    except ContractCallError as error:
        raise DeploymentError(
            f"the contract at {address} is no settlement token", found=error
        ) from error
    adopted = ContractRecord(
        EXTERNAL_ERC20,
        address,
        constants={"decimals": decimals},
        code_hash=to_hex(keccak(code)),
    )
    journal.save(journal.deployment.with_contract("SettlementToken", adopted))


def _refuse_changed_parameters(
    name: str, record: ContractRecord, plan: Plan, arguments: Mapping[str, object]
) -> None:
    """Values fixed at deployment cannot follow the parameters file; addresses may be replaced."""
    for key, value in as_json(arguments).items():
        recorded = record.arguments.get(key)
        if _without_addresses(value) != _without_addresses(recorded):
            raise DeploymentError(
                f"{key} of {name} is fixed at {record.address} and cannot follow the parameters",
                expected=f"{recorded} (on chain)",
                found=f"{value} (parameters {plan.parameters.name})",
                remedy="Restore the parameters, or move the deployment file away to deploy anew",
            )


def _without_addresses(value: object) -> object:
    if isinstance(value, list):
        return [_without_addresses(one) for one in value]
    return "an address" if isinstance(value, str) and value.startswith("0x") else value


def _addresses(deployment: Deployment) -> dict[str, str]:
    return {name: record.address for name, record in deployment.contracts.items()}


def _record_constants(journal: Journal, contracts: Contracts) -> None:
    deployment = journal.deployment
    for name in CONTRACT_NAMES:
        record = deployment.contracts[name]
        constants = {**record.constants, **read_constants(contracts[name])}
        if constants != record.constants:
            deployment = deployment.with_contract(name, replace(record, constants=constants))
    if deployment != journal.deployment:
        journal.save(deployment)


# --- Roles ----------------------------------------------------------------------------------------


def _wire_roles(plan: Plan, journal: Journal, signer: Signer, contracts: Contracts) -> None:
    """Make all differing roles and reporters right in one transaction."""
    checks = (
        *role_checks(contracts, plan.parameters),
        *reporter_checks(contracts, plan.parameters),
    )
    _govern(journal, signer, contracts, "wire roles", checks)
    _wire_timelock(plan, journal, signer, contracts)


def _wire_timelock(plan: Plan, journal: Journal, signer: Signer, contracts: Contracts) -> None:
    """Make the timelock's roles right while the deployer is its admin; itself, it goes last."""
    timelock = contracts.timelock
    if not timelock.call("hasRole", ROLE_IDS["DEFAULT_ADMIN_ROLE"], signer.address):
        return
    for check in timelock_checks(contracts, plan.parameters):
        if check.ok or check.fix is None or check.what.endswith(signer.address):
            continue
        function, arguments = check.fix
        data = timelock.encode(function, *arguments)
        journal.send(signer, f"wire the timelock: {check.what}", timelock.address, data)


def _govern(
    journal: Journal, signer: Signer, contracts: Contracts, step: str, checks: Iterable[Check]
) -> None:
    """Make what differs right, as far as the governor can, in one transaction."""
    differing = [check for check in checks if not check.ok]
    fixes = [check.fix for check in differing if check.fix is not None]
    if not fixes:
        return
    _require_governor(signer, contracts, differing)
    manager = contracts.access_manager
    calls = [manager.encode(function, *arguments) for function, arguments in fixes]
    journal.send(signer, step, manager.address, manager.encode("multicall", calls))


def hand_over(plan: Plan, journal: Journal, signer: Signer, contracts: Contracts) -> None:
    """Leave all power to the governor, as the very last steps."""
    (governor,) = role_holders(contracts, plan.parameters)[Role.GOVERNOR]
    if governor == signer.address:
        return
    timelock, admin = contracts.timelock, ROLE_IDS["DEFAULT_ADMIN_ROLE"]
    if timelock.call("hasRole", admin, signer.address):
        data = timelock.encode("renounceRole", admin, signer.address)
        journal.send(signer, "leave the timelock to itself", timelock.address, data)
    manager = contracts.access_manager
    held, _ = manager.call("hasRole", int(Role.GOVERNOR), signer.address)
    if held:
        data = manager.encode("renounceRole", int(Role.GOVERNOR), signer.address)
        journal.send(signer, "hand over to the governor", manager.address, data)


def _require_governor(signer: Signer, contracts: Contracts, differing: list[Check]) -> None:
    held, _ = contracts.access_manager.call("hasRole", int(Role.GOVERNOR), signer.address)
    if not held:
        first = differing[0]
        raise DeploymentError(
            f"{len(differing)} settings differ and {signer.address} is not the governor",
            expected=f"{first.subject}: {first.what} = {first.expected}",
            found=first.found,
            remedy="Run with the governor's account",
        )


# --- Zones ----------------------------------------------------------------------------------------


def _configure_zone(
    plan: Plan,
    journal: Journal,
    signer: Signer,
    contracts: Contracts,
    zone: int,
    operator: Signer | str,
) -> None:
    parameters = plan.parameters
    address = _address(operator)
    recorded = journal.deployment.operators.get(zone)
    if recorded not in (None, address):
        raise DeploymentError(
            f"zone {zone} has its operator for good", expected=recorded, found=address
        )
    if recorded is None:
        operators = {**journal.deployment.operators, zone: address}
        journal.save(replace(journal.deployment, operators=operators))
    facts = zone_facts(contracts, zone)
    if facts.terms is None:
        data = contracts.energy_trading.encode("setMarketTerms", zone, 0, parameters.terms_tuple())
        step = f"set market terms of zone {zone}"
        journal.send(signer, step, contracts.energy_trading.address, data)
    if facts.operator is None:
        data = contracts.settlement.encode("appointOperator", zone, address)
        step = f"appoint operator of zone {zone}"
        journal.send(signer, step, contracts.settlement.address, data)
    elif facts.operator != address:
        raise DeploymentError(
            f"zone {zone} has its operator for good", expected=facts.operator, found=address
        )
    oracle_checks = zone_oracle_checks(contracts, parameters, zone)
    _govern(journal, signer, contracts, f"set up oracles of zone {zone}", oracle_checks)
    if isinstance(operator, str):
        return
    if facts.bond < parameters.bond_floor:
        _post_bond(plan, journal, signer, contracts, zone, operator)
    if facts.tariff is None:
        now = contracts.rpc.timestamp()
        slot = slot_of(now)
        late = slot_end(slot) - now < SLOT_END_MARGIN_SECONDS
        data = contracts.settlement.encode(
            "setTariff",
            zone,
            slot + (2 if late else 1),
            parameters.retail_tariff,
            parameters.feed_in_tariff,
        )
        journal.send(operator, f"set tariff of zone {zone}", contracts.settlement.address, data)


def _post_bond(
    plan: Plan,
    journal: Journal,
    signer: Signer,
    contracts: Contracts,
    zone: int,
    operator: Signer,
) -> None:
    """Pay in what the operator's bond lacks; on a development chain the money is made first."""
    settlement, token = contracts.settlement, contracts.settlement_token
    bond = contracts.settlement.call("zoneState", zone).bond
    needed = plan.parameters.operator_bond - bond
    to_deposit = max(needed - settlement.call("accountState", operator.address).free, 0)
    lacking = to_deposit - token.call("balanceOf", operator.address)
    if lacking > 0:
        if plan.chain_id not in DEVELOPMENT_CHAIN_IDS or plan.settlement_token is not None:
            raise DeploymentError(
                f"operator {operator.address} of zone {zone} cannot post its bond",
                expected=f"{to_deposit} units of the settlement token {token.address}",
                found=f"{to_deposit - lacking}",
                remedy="Fund the operator, then run again",
            )
        data = token.encode("mint", operator.address, lacking)
        journal.send(signer, f"mint money for operator {zone}", token.address, data)
    if to_deposit:
        if token.call("allowance", operator.address, settlement.address) < to_deposit:
            data = token.encode("approve", settlement.address, to_deposit)
            journal.send(operator, f"approve bond of zone {zone}", token.address, data)
        data = settlement.encode("deposit", to_deposit)
        journal.send(operator, f"deposit bond of zone {zone}", settlement.address, data)
    data = settlement.encode("postBond", needed)
    journal.send(operator, f"post bond of zone {zone}", settlement.address, data)


def _address(operator: Signer | str) -> str:
    return operator if isinstance(operator, str) else operator.address

"""What must be true on chain. Wiring repairs what differs here; verification reports it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from eth_utils.crypto import keccak

from energy_grid.artifacts import Artifacts
from energy_grid.contracts import EXTERNAL_ERC20, Contract, ContractCallError, Contracts
from energy_grid.deployment.access import role_checks
from energy_grid.deployment.check import Check
from energy_grid.deployment.governance import governance_checks
from energy_grid.deployment.grid import grid_facts, zone_grid_facts
from energy_grid.deployment.oracles import OracleFact, reporter_facts, zone_oracle_facts
from energy_grid.deployment.parameters import Parameters
from energy_grid.deployment.plan import CONTRACT_TYPES, NO_ADDRESS, as_json, code_hash
from energy_grid.deployment.roles import FUNCTION_ROLES
from energy_grid.deployments import CONTRACT_NAMES, ContractRecord, Deployment
from energy_grid.rpc import Rpc, to_hex
from energy_grid.slots import slot_of

MARKET_ROOMS = ("MarketRegister", "AuctionRoom")
"""Contracts whose code the market runs; they compute with immutables of their own."""


def verify(
    deployment: Deployment, rpc: Rpc, parameters: Parameters, artifacts: Artifacts
) -> list[Check]:
    """Check a whole deployment; a check that fails is a difference.

    Contracts without code are reported alone, since nothing else can be asked of them.
    """
    checks = [
        Check("file", "deployment complete", "nothing under way", _pending(deployment)),
        Check("chain", "genesis block", deployment.genesis_hash, rpc.genesis_hash()),
    ]
    for name in CONTRACT_NAMES:
        record = deployment.contracts.get(name)
        if record is None:
            checks.append(Check(name, "recorded", True, False))
        else:
            checks += code_checks(name, record, rpc, artifacts)
    if not all(check.ok for check in checks if check.what in ("recorded", "code", "genesis block")):
        return checks
    contracts = Contracts.load(deployment, rpc, artifacts)
    checks += wiring_checks(contracts, parameters)
    checks += role_checks(contracts, parameters)
    checks += governance_checks(contracts, parameters)
    checks += reporter_checks(contracts, parameters)
    for zone, operator in sorted(deployment.operators.items()):
        checks += zone_checks(contracts, parameters, zone, operator)
        checks += zone_oracle_checks(contracts, parameters, zone)
    if not deployment.operators:
        checks.append(Check("file", "zones", "at least one", "none"))
    return checks


def _pending(deployment: Deployment) -> str:
    return deployment.pending.step if deployment.pending else "nothing under way"


def code_checks(
    name: str, record: ContractRecord, rpc: Rpc, artifacts: Artifacts
) -> Iterator[Check]:
    """The recorded code is on chain, and is what the build would deploy today."""
    code = rpc.code(record.address)
    found = to_hex(keccak(code)) if code else "no code"
    yield Check(name, "code", record.code_hash, found)
    if record.contract != EXTERNAL_ERC20:
        expected = code_hash(artifacts.get(record.contract))
        yield Check(name, "source", expected, record.compiler.get("creation_code_hash"))
        yield Check(name, "type", CONTRACT_TYPES[name], record.contract)


def wiring_checks(contracts: Contracts, parameters: Parameters) -> Iterator[Check]:
    """Addresses and values fixed at deployment."""
    deployment = contracts.deployment
    authority = deployment.address_of("AccessManager")
    for name in FUNCTION_ROLES:
        yield _getter(contracts[name], "authority", authority)
    for getter, name in (
        ("market", "EnergyTrading"),
        ("meter", "SmartMeter"),
        ("settlementToken", "SettlementToken"),
        ("energyToken", "EnergyToken"),
    ):
        yield _getter(contracts.settlement, getter, deployment.address_of(name))
    yield _getter(contracts.settlement, "delivery", deployment.address_of("SettlementDelivery"))
    yield _getter(contracts.settlement, "exits", deployment.address_of("SettlementExits"))
    yield _getter(contracts.energy_trading, "REGISTER", deployment.address_of("MarketRegister"))
    yield _getter(contracts.energy_trading, "AUCTION_ROOM", deployment.address_of("AuctionRoom"))
    for name in MARKET_ROOMS:
        yield _getter(contracts[name], "authority", authority)
    for name in (*MARKET_ROOMS, "EnergyTrading"):
        yield _getter(contracts[name], "ledger", deployment.address_of("Settlement"))
        yield _getter(contracts[name], "TICK_SIZE", parameters.tick_size)
        yield _getter(contracts[name], "LOT", parameters.lot_wh)
    for getter, name in (
        ("market", "EnergyTrading"),
        ("gridOracle", "GridOracle"),
        ("weatherOracle", "WeatherOracle"),
    ):
        yield _getter(contracts.price_oracle, getter, deployment.address_of(name))
    for getter, name in (
        ("market", "EnergyTrading"),
        ("smartMeter", "SmartMeter"),
        ("gridOracle", "GridOracle"),
        ("assetRegister", "EnergyAssetNFT"),
    ):
        yield _getter(contracts.grid_management, getter, deployment.address_of(name))
    for getter, name in (("assets", "EnergyAssetNFT"), ("settlement", "Settlement")):
        yield _getter(contracts.asset_vaults, getter, deployment.address_of(name))
    for getter, name in (("settlement", "Settlement"), ("market", "EnergyTrading")):
        yield _getter(contracts.emergency_shutdown, getter, deployment.address_of(name))
    yield _getter(contracts.flexibility, "penaltyPerKWh", parameters.flexibility_penalty)
    (treasury,) = parameters.holders("treasury", deployment.deployer, deployment.addresses)
    yield _getter(contracts.settlement, "treasury", treasury)
    yield _getter(contracts.settlement, "securityDeposit", parameters.security_deposit)
    yield _getter(contracts.settlement, "bondFloor", parameters.bond_floor)
    yield _getter(contracts.settlement, "tariffBounds", parameters.tariff_bounds)
    for name, record in deployment.contracts.items():
        for constant, value in record.constants.items():
            found = as_json(_readable(contracts[name].call(constant)))
            yield Check(name, f"constant {constant}", value, found)


def _getter(contract: Contract, getter: str, expected: Any) -> Check:
    found = contract.call(getter)
    return Check(contract.name, getter, expected, tuple(found) if _is_struct(found) else found)


def _is_struct(value: Any) -> bool:
    return isinstance(value, tuple)


def _readable(value: Any) -> Any:
    return to_hex(value) if isinstance(value, bytes) else value


def read_constants(contract: Contract) -> dict[str, Any]:
    """What the getters of a contract's constants answer."""
    return {name: as_json(_readable(contract.call(name))) for name in contract.abi.constants()}


# --- Oracles --------------------------------------------------------------------------------------


def reporter_checks(contracts: Contracts, parameters: Parameters) -> Iterator[Check]:
    """Who reports to each oracle, and what the price oracle reads of grid management."""
    yield from map(_check_of, reporter_facts(contracts, parameters))
    yield from map(_check_of, grid_facts(contracts))


def zone_oracle_checks(contracts: Contracts, parameters: Parameters, zone: int) -> Iterator[Check]:
    """Feeds, reference price and grid limits of a zone."""
    yield from map(_check_of, zone_oracle_facts(contracts, parameters, zone))
    yield from map(_check_of, zone_grid_facts(contracts, parameters, zone))


def _check_of(fact: OracleFact) -> Check:
    """Oracles are governed through the access manager, many calls in one transaction."""
    fix = ("execute", fact.call) if fact.call else None
    return Check(fact.subject, fact.what, fact.expected, fact.found, fix)


# --- Zones ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ZoneFacts:
    """What the chain knows of a zone.

    Attributes:
        terms: market terms in force, None before the first.
        operator: its operator, None while nobody is appointed.
        bond: units the operator has posted.
        tariff: latest retail and feed-in tariff, None before the first.
    """

    terms: tuple[int, int, int] | None
    operator: str | None
    bond: int
    tariff: tuple[int, int] | None


def zone_facts(contracts: Contracts, zone: int) -> ZoneFacts:
    """Read a zone from the chain."""
    slot = slot_of(contracts.rpc.timestamp())
    terms: tuple[int, int, int] | None
    try:
        terms = tuple(contracts.energy_trading.call("marketTerms", zone, slot))
    except ContractCallError as error:
        if error.reason.name != "ZoneNotOpen":
            raise
        terms = None
    state = contracts.settlement.call("zoneState", zone)
    events = contracts.settlement.events("TariffSet", from_block=contracts.deployment.first_block)
    tariffs = [
        (event.arguments["retailPricePerKWh"], event.arguments["feedInPricePerKWh"])
        for event in events
        if event.arguments["zone"] == zone
    ]
    return ZoneFacts(
        terms=terms,
        operator=None if state.operator == NO_ADDRESS else state.operator,
        bond=state.bond,
        tariff=tariffs[-1] if tariffs else None,
    )


def zone_checks(
    contracts: Contracts, parameters: Parameters, zone: int, operator: str
) -> Iterator[Check]:
    """Terms, operator, bond and tariff of a zone."""
    facts = zone_facts(contracts, zone)
    subject = f"zone {zone}"
    yield Check(subject, "market terms", parameters.terms_tuple(), facts.terms)
    yield Check(subject, "operator", operator, facts.operator)
    floor = parameters.bond_floor
    bond = f"at least {floor}"
    yield Check(subject, "bond", bond, bond if facts.bond >= floor else facts.bond)
    tariff = (parameters.retail_tariff, parameters.feed_in_tariff)
    yield Check(subject, "tariff", tariff, facts.tariff)

"""Deployment: fresh, repeated, interrupted at every step, refused where it must be.

deploy
├── on an empty chain: everything deployed, wired, verified
├── again: nothing sent
├── interrupted at any moment, then again: every transaction exactly once
├── interrupted between Settlement and EnergyTrading
│   ├── nothing sent since: EnergyTrading gets the foretold address
│   └── something sent since: both anew, the old Settlement cannot mint
├── what differs is wired again; what cannot follow is refused
└── refused: file of another chain, other parameters, no settlement token, foreign operator
"""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path

import pytest

from energy_grid.artifacts import Artifacts
from energy_grid.contracts import Contracts
from energy_grid.deployment import LocalSigner, Parameters, Plan, verify
from energy_grid.deployment.governance import ROLE_IDS
from energy_grid.deployment.journal import DeploymentError, open_deployment
from energy_grid.deployment.oracles import ORACLES, standard_feeds
from energy_grid.deployment.parameters import ParametersError
from energy_grid.deployment.plan import create_address
from energy_grid.deployment.reader import DEVELOPMENT_PEOPLE
from energy_grid.deployment.roles import Role
from energy_grid.deployments import Deployment, DeploymentFileError
from energy_grid.errors import ConfigurationError
from energy_grid.feeds import Feed, FeedKind, FeedStatus, standard_config
from energy_grid.safe import SafeAccount
from energy_grid.units import Zone
from tests.utils.deploying import deploy_on, test_account

STEPS = 35
GOVERNED_STEPS = STEPS + 7
ADMIN = test_account(0).address
OPERATOR = test_account(1).address
SINGLE_KEY = Path("deployments/parameters/single-key.toml")


class Killed(BaseException):
    """Stands for the end of the process."""


@pytest.fixture(scope="module")
def chain(anvil):
    return anvil()


@pytest.fixture(scope="module")
def ready(anvil, tmp_path_factory):
    """A chain with a deployment, and the folder of its file."""
    chain, folder = anvil(), tmp_path_factory.mktemp("ready")
    deploy_on(chain.rpc, folder)
    return chain, folder


@pytest.fixture
def deployed(ready, tmp_path):
    """That chain for a test of its own, which finds the file in its folder: to deploy on it is to
    run again."""
    chain, folder = ready
    shutil.copy(folder / "31337.json", tmp_path)
    snapshot = chain.snapshot()
    yield chain
    chain.revert(snapshot)


@pytest.fixture(autouse=True)
def _fresh_chain(chain):
    snapshot = chain.snapshot()
    yield
    chain.revert(snapshot)


def differences(rpc, folder, parameters="single-key"):
    deployment = Deployment.read(folder / f"{rpc.chain_id()}.json")
    checks = verify(deployment, rpc, Parameters.load(parameters), Artifacts.load())
    return [check for check in checks if not check.ok]


def send_as(rpc, sender, to, data):
    """Send from one of Anvil's unlocked accounts."""
    transaction = {"from": sender, "to": to, "data": "0x" + data.hex(), "gasPrice": hex(10**9)}
    receipt = rpc.wait_for_receipt(rpc.call("eth_sendTransaction", transaction))
    assert receipt["status"] == "0x1"


def kill_at(edge):
    def on_edge(name):
        if name == edge:
            raise Killed(edge)

    return on_edge


# --- Fresh and again ------------------------------------------------------------------------------


def test_deploy__empty_chain__everything_there_and_verified(chain, tmp_path):
    report = deploy_on(chain.rpc, tmp_path)

    assert report.transactions_sent == STEPS
    assert report.outstanding == ()
    assert differences(chain.rpc, tmp_path) == []
    deployment = Deployment.read(tmp_path / "31337.json", 31337)
    assert deployment.pending is None
    assert deployment.zones == (1,)
    for record in deployment.contracts.values():
        assert chain.rpc.code(record.address)
        assert record.block is not None
        assert chain.rpc.receipt(record.transaction)["contractAddress"] == record.address.lower()
        assert record.compiler["version"].startswith("0.8.34")
    assert deployment.contracts["EnergyTrading"].constants["TICK_SIZE"] == 1_000
    assert deployment.contracts["Settlement"].arguments["parameters"][0] == 20_000_000


def test_deploy__energy_contracts_fit_the_code_size_limit(deployed, tmp_path):
    deployment = deploy_on(deployed.rpc, tmp_path).deployment

    for record in deployment.contracts.values():
        assert len(deployed.rpc.code(record.address)) <= 24_576


def test_deploy__again__sends_nothing_and_leaves_the_file(deployed, tmp_path):
    deploy_on(deployed.rpc, tmp_path)
    before = (tmp_path / "31337.json").read_bytes()

    report = deploy_on(deployed.rpc, tmp_path)

    assert report.transactions_sent == 0
    assert (tmp_path / "31337.json").read_bytes() == before


def test_deploy__more_zones_later__adds_only_them(chain, tmp_path):
    first = LocalSigner(test_account(1))
    deploy_on(chain.rpc, tmp_path, operators={1: first})

    second = LocalSigner(test_account(2))
    report = deploy_on(chain.rpc, tmp_path, operators={1: first, 2: second})

    assert report.transactions_sent == 8
    assert report.deployment.zones == (1, 2)
    assert differences(chain.rpc, tmp_path) == []


# --- Interrupted ----------------------------------------------------------------------------------


def test_deploy__killed_at_every_moment__each_transaction_exactly_once(chain, tmp_path):
    seen: set[str] = set()

    def kill_at_the_first_new_edge(edge):
        # "done" leaves the same as "planned" of the next step.
        if edge not in seen and not edge.endswith(": done"):
            seen.add(edge)
            raise Killed(edge)

    runs = 0
    while True:
        runs += 1
        try:
            report = deploy_on(chain.rpc, tmp_path, on_edge=kill_at_the_first_new_edge)
            break
        except Killed:
            continue

    assert len(seen) == 4 * STEPS, "planned, recorded, sent, mined of each step"
    assert runs == len(seen) + 1
    assert report.outstanding == ()
    assert differences(chain.rpc, tmp_path) == []
    sent = chain.rpc.nonce(ADMIN) + chain.rpc.nonce(OPERATOR)
    assert sent == STEPS


def test_deploy__transaction_never_mined_and_its_nonce_taken__planned_anew(chain, tmp_path):
    with pytest.raises(Killed):
        deploy_on(chain.rpc, tmp_path, on_edge=kill_at("deploy EnergyToken: recorded"))
    pending = Deployment.read(tmp_path / "31337.json").pending
    assert pending is not None
    send_as(chain.rpc, ADMIN, OPERATOR, b"")  # takes the nonce

    deploy_on(chain.rpc, tmp_path)

    assert differences(chain.rpc, tmp_path) == []
    assert chain.rpc.receipt(pending.transaction) is None


def test_deploy__between_the_two_of_the_market__second_gets_the_foretold_address(chain, tmp_path):
    with pytest.raises(Killed):
        deploy_on(chain.rpc, tmp_path, on_edge=kill_at("deploy Settlement: done"))
    before = Deployment.read(tmp_path / "31337.json")

    report = deploy_on(chain.rpc, tmp_path)

    after = report.deployment
    assert after.address_of("Settlement") == before.address_of("Settlement")
    assert after.address_of("EnergyTrading") in before.contracts["Settlement"].arguments.values()
    assert differences(chain.rpc, tmp_path) == []


def test_deploy__foretold_address_lost__both_anew_and_only_the_new_one_mints(chain, tmp_path):
    with pytest.raises(Killed):
        deploy_on(chain.rpc, tmp_path, on_edge=kill_at("deploy Settlement: done"))
    lost = Deployment.read(tmp_path / "31337.json").address_of("Settlement")
    send_as(chain.rpc, ADMIN, OPERATOR, b"")

    deployment = deploy_on(chain.rpc, tmp_path).deployment

    assert deployment.address_of("Settlement") != lost
    assert differences(chain.rpc, tmp_path) == []
    manager = Contracts.load(deployment, chain.rpc).access_manager
    assert manager.call("hasRole", int(Role.MINTER), lost) == (False, 0)
    minter = deployment.address_of("Settlement")
    assert manager.call("hasRole", int(Role.MINTER), minter) == (True, 0)


def test_deploy__market_lost_from_the_chain__both_anew_and_old_minter_removed(deployed, tmp_path):
    deployment = deploy_on(deployed.rpc, tmp_path).deployment
    old = deployment.address_of("Settlement")
    deployed.rpc.call("anvil_setCode", deployment.address_of("EnergyTrading"), "0x")
    seen = [check.what for check in differences(deployed.rpc, tmp_path)]
    assert seen == ["code"]

    deploy_on(deployed.rpc, tmp_path)

    assert differences(deployed.rpc, tmp_path) == []
    manager = Contracts.load(Deployment.read(tmp_path / "31337.json"), deployed.rpc).access_manager
    assert manager.call("hasRole", int(Role.MINTER), old) == (False, 0)


def test_deploy__block_never_comes__says_so_and_goes_on_later(anvil, tmp_path):
    chain = anvil(arguments=("--no-mining",))

    with pytest.raises(Exception, match="was not mined within 1 s") as caught:
        deploy_on(chain.rpc, tmp_path, timeout_seconds=1)
    assert "Run again" in str(caught.value)
    chain.rpc.call("evm_setAutomine", True)
    chain.mine()

    deploy_on(chain.rpc, tmp_path)

    assert differences(chain.rpc, tmp_path) == []
    assert chain.rpc.nonce(ADMIN) + chain.rpc.nonce(OPERATOR) == STEPS


# --- What differs ---------------------------------------------------------------------------------


def test_deploy__roles_changed_on_chain__wired_again_in_one_transaction(deployed, tmp_path):
    deployment = deploy_on(deployed.rpc, tmp_path).deployment
    contracts = Contracts.load(deployment, deployed.rpc)
    manager, meter = contracts.access_manager, contracts.smart_meter
    selector = meter.abi.selector("registerMeter")
    for data in (
        manager.encode("setTargetFunctionRole", meter.address, [selector], int(Role.GUARDIAN)),
        manager.encode("revokeRole", int(Role.REGISTRAR), ADMIN),
        manager.encode("grantRole", int(Role.MINTER), OPERATOR, 0),
    ):
        send_as(deployed.rpc, ADMIN, manager.address, data)
    found = {(check.subject, check.what) for check in differences(deployed.rpc, tmp_path)}
    assert found == {
        ("SmartMeter", "role of registerMeter"),
        ("AccessManager", f"REGISTRAR held by {ADMIN}"),
        ("AccessManager", f"MINTER held by {OPERATOR}"),
    }

    report = deploy_on(deployed.rpc, tmp_path)

    assert report.transactions_sent == 1
    assert differences(deployed.rpc, tmp_path) == []


def test_deploy__oracles__wired_fed_and_quoting_for_the_market(deployed, tmp_path):
    deployment = deploy_on(deployed.rpc, tmp_path).deployment
    contracts = Contracts.load(deployment, deployed.rpc)
    parameters = Parameters.load("single-key")
    oracle, market = contracts.price_oracle, contracts.energy_trading
    manager = contracts.access_manager

    assert manager.call("hasRole", int(Role.PRICE_FEED), oracle.address) == (True, 0)
    assert manager.call("hasRole", int(Role.PRICE_FEED), ADMIN) == (False, 0)
    for name in ORACLES:
        reporters = contracts[name].call("reporters")
        assert set(reporters) == {test_account(index).address for index in range(5, 10)}
        assert contracts[name].call("minAnswers") == 3
    feeds = list(standard_feeds(parameters, 1))
    assert [feed.id for _, feed in feeds] == [
        feed_id for name in ORACLES for feed_id in contracts[name].call("feedIds")
    ]
    send_as(deployed.rpc, OPERATOR, oracle.address, oracle.encode("quote", 1))
    assert market.call("referencePrice", 1)[0] == parameters.base_price
    assert oracle.call("price", 1)[2] == FeedStatus.UNCERTAIN


def test_deploy__grid_management__limits_roles_and_the_reference_price_reads_it(deployed, tmp_path):
    contracts = Contracts.load(deploy_on(deployed.rpc, tmp_path).deployment, deployed.rpc)
    grid, manager = contracts.grid_management, contracts.access_manager

    limits = grid.call("gridLimits", 1)
    assert (limits.nominalVoltageMilliV, limits.nominalFrequencyMilliHz) == (230_000, 50_000)
    assert tuple(limits.frequency) == (50, 200, 500, 20)
    assert contracts.price_oracle.call("stabilitySource") == grid.address
    for role, holder in (
        (Role.BREAKER, grid.address),
        (Role.BREAKER, contracts.guardian.address),
        (Role.GRID, grid.address),
        (Role.GRID, ADMIN),
        (Role.CALENDAR, contracts.demand_response.address),
    ):
        assert manager.call("hasRole", int(role), holder) == (True, 0)
    assert manager.call("hasRole", int(Role.CALENDAR), ADMIN) == (False, 0)
    assert contracts.flexibility.call("penaltyPerKWh") == 1_000_000
    assert grid.call("assetRegister") == contracts.energy_assets.address


def test_deploy__grid_limits_and_stability_source_changed__as_in_the_file_again(deployed, tmp_path):
    contracts = Contracts.load(deploy_on(deployed.rpc, tmp_path).deployment, deployed.rpc)
    grid, prices = contracts.grid_management, contracts.price_oracle
    other = grid.call("presetLimits", 1, 120_000)
    send_as(deployed.rpc, ADMIN, grid.address, grid.encode("setGridLimits", 1, other))
    send_as(
        deployed.rpc, ADMIN, prices.address, prices.encode("setStabilitySource", "0x" + "0" * 40)
    )
    assert [(check.subject, check.what) for check in differences(deployed.rpc, tmp_path)] == [
        ("PriceOracle", "stability source"),
        ("zone 1", "grid limits"),
    ]

    deploy_on(deployed.rpc, tmp_path)

    assert differences(deployed.rpc, tmp_path) == []


def test_deploy__grid_management_lost__anew_and_the_old_one_has_no_role_left(deployed, tmp_path):
    contracts = Contracts.load(deploy_on(deployed.rpc, tmp_path).deployment, deployed.rpc)
    old = contracts.grid_management.address
    deployed.rpc.call("anvil_setCode", contracts.energy_trading.address, "0x")

    deploy_on(deployed.rpc, tmp_path)

    assert differences(deployed.rpc, tmp_path) == []
    again = Contracts.load(Deployment.read(tmp_path / "31337.json"), deployed.rpc)
    assert again.grid_management.address != old
    assert again.grid_management.call("market") == again.energy_trading.address
    for role in (Role.BREAKER, Role.GRID):
        assert again.access_manager.call("hasRole", int(role), old) == (False, 0)


def test_verify__another_holder_of_grid__is_a_difference_and_stays(deployed, tmp_path):
    contracts = Contracts.load(deploy_on(deployed.rpc, tmp_path).deployment, deployed.rpc)
    manager = contracts.access_manager
    data = manager.encode("grantRole", int(Role.GRID), OPERATOR, 0)
    send_as(deployed.rpc, ADMIN, manager.address, data)

    deploy_on(deployed.rpc, tmp_path)

    found = differences(deployed.rpc, tmp_path)
    assert [check.what for check in found] == [f"GRID held by {OPERATOR}"]


@pytest.mark.parametrize("role", [Role.GUARDIAN, Role.BREAKER], ids=lambda role: role.name)
def test_deploy__anybody_beside_the_contracts_of_a_role__goes(deployed, tmp_path, role):
    contracts = Contracts.load(deploy_on(deployed.rpc, tmp_path).deployment, deployed.rpc)
    manager = contracts.access_manager
    data = manager.encode("grantRole", int(role), OPERATOR, 0)
    send_as(deployed.rpc, ADMIN, manager.address, data)
    found = differences(deployed.rpc, tmp_path)
    assert [check.what for check in found] == [f"{role.name} held by {OPERATOR}"]

    deploy_on(deployed.rpc, tmp_path)

    assert differences(deployed.rpc, tmp_path) == []
    assert not manager.call("hasRole", int(role), OPERATOR)[0]


def test_deploy__reporters_and_a_feed_changed_on_chain__as_in_the_file_again(deployed, tmp_path):
    contracts = Contracts.load(deploy_on(deployed.rpc, tmp_path).deployment, deployed.rpc)
    grid = contracts.grid_oracle
    config = list(standard_config(Feed(FeedKind.DEMAND, Zone(1))).as_tuple())
    send_as(
        deployed.rpc,
        ADMIN,
        grid.address,
        grid.encode("configureFeed", Feed(FeedKind.DEMAND, Zone(1)).id, config),
    )
    others = sorted((test_account(index).address for index in range(4)), key=str.lower)
    send_as(deployed.rpc, ADMIN, grid.address, grid.encode("setReporters", others))
    assert [(check.subject, check.what) for check in differences(deployed.rpc, tmp_path)] == [
        ("GridOracle", "reporters"),
        ("zone 1", "feed DEMAND"),
    ]

    report = deploy_on(deployed.rpc, tmp_path)

    assert report.transactions_sent == 2
    assert differences(deployed.rpc, tmp_path) == []


def test_plan__reporters_of_test_chains_on_a_public_one__refused():
    with pytest.raises(ConfigurationError, match="8 accounts of local test chains"):
        Plan(Parameters.load("standard"), Artifacts.load(), ADMIN, 11155111, OPERATOR)


def test_verify__guardian_nobody_named__is_a_difference(deployed, tmp_path):
    contracts = Contracts.load(deploy_on(deployed.rpc, tmp_path).deployment, deployed.rpc)
    manager = contracts.access_manager
    data = manager.encode("grantRole", int(Role.WATCH), OPERATOR, 0)
    send_as(deployed.rpc, ADMIN, manager.address, data)

    found = differences(deployed.rpc, tmp_path)

    assert [check.what for check in found] == [f"WATCH held by {OPERATOR}"]


def test_verify__tariff_changed_and_code_replaced__are_differences(deployed, tmp_path):
    contracts = Contracts.load(deploy_on(deployed.rpc, tmp_path).deployment, deployed.rpc)
    slot = deployed.rpc.timestamp() // 900
    data = contracts.settlement.encode("setTariff", 1, slot + 200, 400_000, 90_000)
    send_as(deployed.rpc, OPERATOR, contracts.settlement.address, data)

    found = differences(deployed.rpc, tmp_path)

    assert [(c.subject, c.what, c.found) for c in found] == [
        ("zone 1", "tariff", (400_000, 90_000))
    ]
    deployed.rpc.call("anvil_setCode", contracts.energy_token.address, "0x6001")
    assert [check.subject for check in differences(deployed.rpc, tmp_path)] == ["EnergyToken"]


def test_deploy__governor_is_somebody_else__deployer_gives_up_its_power(chain, tmp_path):
    governor = test_account(5).address
    parameters = tmp_path / "other.toml"
    text = SINGLE_KEY.read_text().replace('governor = "deployer"', f'governor = "{governor}"')
    parameters.write_text(text)

    report = deploy_on(chain.rpc, tmp_path, parameters=parameters)

    assert differences(chain.rpc, tmp_path, parameters) == []
    manager = Contracts.load(report.deployment, chain.rpc).access_manager
    assert manager.call("hasRole", 0, governor) == (True, 0)
    assert manager.call("hasRole", 0, ADMIN) == (False, 0)
    assert deploy_on(chain.rpc, tmp_path, parameters=parameters).transactions_sent == 0


def test_deploy__operators_key_elsewhere__its_steps_are_outstanding(chain, tmp_path):
    report = deploy_on(chain.rpc, tmp_path, operators={1: OPERATOR})

    assert {check.what for check in report.outstanding} == {"bond", "tariff"}
    assert {check.what for check in differences(chain.rpc, tmp_path)} == {"bond", "tariff"}

    with_key = deploy_on(chain.rpc, tmp_path, operators={1: LocalSigner(test_account(1))})
    assert with_key.outstanding == ()
    assert differences(chain.rpc, tmp_path) == []


# --- Refused --------------------------------------------------------------------------------------


def test_deploy__parameter_fixed_at_deployment_changed__refused(deployed, tmp_path):
    deploy_on(deployed.rpc, tmp_path)
    parameters = tmp_path / "single-key.toml"
    parameters.write_text(SINGLE_KEY.read_text() + "[market]\nlot_wh = 10\n")

    with pytest.raises(
        DeploymentError, match=r"lotWh of MarketRegister is fixed .* expected 1 .*10"
    ):
        deploy_on(deployed.rpc, tmp_path, parameters=parameters)


def test_deploy__other_parameter_set_than_recorded__refused(deployed, tmp_path):
    deploy_on(deployed.rpc, tmp_path)
    parameters = tmp_path / "other.toml"
    parameters.write_text(SINGLE_KEY.read_text())

    with pytest.raises(ConfigurationError, match="expected single-key, found other"):
        deploy_on(deployed.rpc, tmp_path, parameters=parameters)


def test_deploy__file_of_another_chain_id__refused(deployed, tmp_path):
    deploy_on(deployed.rpc, tmp_path)
    path = tmp_path / "31337.json"
    content = json.loads(path.read_text())
    path.write_text(json.dumps({**content, "chain_id": 31415}))

    with pytest.raises(DeploymentFileError, match="found chain id 31415"):
        deploy_on(deployed.rpc, tmp_path)


def test_open_deployment__chain_with_the_same_id_is_gone__anew_or_refused(deployed, tmp_path):
    deploy_on(deployed.rpc, tmp_path)
    path = tmp_path / "31337.json"
    gone = dataclasses.replace(Deployment.read(path), genesis_hash="0x" + "00" * 32)
    gone.write(path)
    said: list[str] = []

    def opened(may_start_anew):
        return open_deployment(
            path,
            deployed.rpc,
            network="test",
            deployer=ADMIN,
            parameters="single-key",
            may_start_anew=may_start_anew,
            announce=said.append,
        )

    assert opened(may_start_anew=True).contracts == {}
    assert said == ["31337.json is of a local chain that is gone: starting anew"]
    with pytest.raises(ConfigurationError, match="of another chain with id 31337"):
        opened(may_start_anew=False)


def test_plan__public_chain_without_settlement_token__refused():
    with pytest.raises(ConfigurationError, match="EG_SETTLEMENT_TOKEN"):
        Plan(Parameters.load("standard"), Artifacts.load(), ADMIN, 11155111, None)


def test_deploy__existing_settlement_token__is_adopted(chain, tmp_path):
    first = deploy_on(chain.rpc, tmp_path / "first").deployment
    token = first.address_of("SettlementToken")
    money = Contracts.load(first, chain.rpc).settlement_token
    send_as(chain.rpc, ADMIN, token, money.encode("mint", OPERATOR, 10**12))

    deployment = deploy_on(chain.rpc, tmp_path / "second", settlement_token=token).deployment

    assert deployment.address_of("SettlementToken") == token
    assert deployment.contracts["SettlementToken"].constants == {"decimals": 6}
    assert differences(chain.rpc, tmp_path / "second") == []


def test_deploy__settlement_token_is_none__refused(chain, tmp_path):
    with pytest.raises(DeploymentError, match=f"found no code at {OPERATOR}"):
        deploy_on(chain.rpc, tmp_path, settlement_token=OPERATOR)


def test_deploy__poor_operator_of_real_money__refused_with_the_sum(chain, tmp_path):
    first = deploy_on(chain.rpc, tmp_path / "first").deployment
    token = first.address_of("SettlementToken")

    with pytest.raises(DeploymentError, match=r"expected 1000000000 units .* found 0"):
        deploy_on(chain.rpc, tmp_path / "second", settlement_token=token)


def test_deploy__zone_has_another_operator__refused(deployed, tmp_path):
    deploy_on(deployed.rpc, tmp_path)

    with pytest.raises(DeploymentError, match="zone 1 has its operator for good"):
        deploy_on(deployed.rpc, tmp_path, operators={1: LocalSigner(test_account(2))})


def test_deploy__deployer_without_funds__says_so(chain, tmp_path):
    chain.rpc.call("anvil_setBalance", ADMIN, "0x0")

    with pytest.raises(DeploymentError, match=f"funds of {ADMIN}"):
        deploy_on(chain.rpc, tmp_path)
    chain.rpc.call("anvil_setBalance", ADMIN, hex(10**20))
    deploy_on(chain.rpc, tmp_path)
    assert differences(chain.rpc, tmp_path) == []


def test_deploy__file_cannot_be_written__nothing_is_sent(chain, tmp_path):
    (tmp_path / "in-the-way").write_text("")

    with pytest.raises(DeploymentFileError, match="cannot be written"):
        deploy_on(chain.rpc, tmp_path / "in-the-way" / "folder")
    assert chain.rpc.nonce(ADMIN) == 0


@pytest.mark.parametrize("nonce", [0, 1, 127, 128, 255, 256, 2**32])
def test_create_address__as_the_chain_computes_it(nonce):
    from eth_utils.address import to_checksum_address
    from web3.utils.address import get_create_address

    assert create_address(ADMIN, nonce) == to_checksum_address(get_create_address(ADMIN, nonce))


# --- Governed -------------------------------------------------------------------------------------


def powers(contracts, account):
    """Roles that an account holds, in the access manager and in the timelock."""
    manager, timelock = contracts.access_manager, contracts.timelock
    held = {role.name for role in Role if manager.call("hasRole", int(role), account)[0]}
    return held | {
        name for name, role in ROLE_IDS.items() if timelock.call("hasRole", role, account)
    }


def test_deploy__standard__the_timelock_governs_and_the_deployer_keeps_nothing(chain, tmp_path):
    report = deploy_on(chain.rpc, tmp_path, parameters="standard")

    assert (report.transactions_sent, report.outstanding) == (GOVERNED_STEPS, ())
    assert differences(chain.rpc, tmp_path, "standard") == []
    contracts = Contracts.load(report.deployment, chain.rpc)
    assert powers(contracts, ADMIN) == set()
    timelock, guardian = contracts.timelock.address, contracts.guardian.address
    assert powers(contracts, timelock) == {"GOVERNOR", "GRID", "DEFAULT_ADMIN_ROLE"}
    governor = contracts.governor.address
    assert powers(contracts, governor) == {"PROPOSER_ROLE", "CANCELLER_ROLE"}
    assert powers(contracts, guardian) == {"GUARDIAN", "BREAKER", "CANCELLER_ROLE"}
    assert powers(contracts, "0x" + "0" * 40) == {"EXECUTOR_ROLE"}
    treasury = report.deployment.address_of("TreasurySafe")
    assert contracts.settlement.call("treasury") == treasury
    owners = SafeAccount(treasury, chain.rpc).state()
    assert (set(owners.owners), owners.threshold) == ({*DEVELOPMENT_PEOPLE}, 2)
    people = report.deployment.address_of("GuardianSafe")
    assert people != treasury
    assert powers(contracts, people) >= {"WATCH", "VETO"}
    again = deploy_on(chain.rpc, tmp_path, parameters="standard")
    assert again.transactions_sent == 0


def test_deploy__standard__killed_while_handing_over__goes_on(chain, tmp_path):
    edges = [
        f"{step}: {moment}"
        for step in (
            "create TreasurySafe",
            "leave the timelock to itself",
            "hand over to the governor",
        )
        for moment in ("planned", "recorded", "sent", "mined")
    ]
    for edge in edges:
        with pytest.raises(Killed):
            deploy_on(chain.rpc, tmp_path, parameters="standard", on_edge=kill_at(edge))
    deploy_on(chain.rpc, tmp_path, parameters="standard")

    assert differences(chain.rpc, tmp_path, "standard") == []
    sent = chain.rpc.nonce(ADMIN) + chain.rpc.nonce(OPERATOR)
    assert sent == GOVERNED_STEPS


def test_deploy__governed__a_zone_more_needs_a_decision(chain, tmp_path):
    deploy_on(chain.rpc, tmp_path, parameters="standard")

    both = {zone: LocalSigner(test_account(zone)) for zone in (1, 2)}
    with pytest.raises(DeploymentError, match="AccessManagedUnauthorized"):
        deploy_on(chain.rpc, tmp_path, parameters="standard", operators=both)


def test_verify__deployer_who_prepared_a_way_back__is_found(chain, tmp_path):
    """Before it hands over, a deployer can give itself a role with a delay, change who administers
    a role, and put an operation into the timelock that anybody may execute later."""
    with pytest.raises(Killed):
        edge = "leave the timelock to itself: planned"
        deploy_on(chain.rpc, tmp_path, parameters="standard", on_edge=kill_at(edge))
    contracts = Contracts.load(Deployment.read(tmp_path / "31337.json"), chain.rpc)
    timelock, manager = contracts.timelock, contracts.access_manager
    admin, proposer = ROLE_IDS["DEFAULT_ADMIN_ROLE"], ROLE_IDS["PROPOSER_ROLE"]
    way_back = timelock.encode("grantRole", admin, ADMIN)
    none = bytes(32)
    delay = timelock.call("getMinDelay")
    operation = timelock.call("hashOperation", timelock.address, 0, way_back, none, none)
    unused = manager.abi.selector("labelRole")
    for to, data in (
        (timelock, timelock.encode("grantRole", proposer, ADMIN)),
        (timelock, timelock.encode("schedule", timelock.address, 0, way_back, none, none, delay)),
        (timelock, timelock.encode("renounceRole", proposer, ADMIN)),
        (timelock, timelock.encode("renounceRole", admin, ADMIN)),
        (manager, manager.encode("grantRole", int(Role.MINTER), OPERATOR, 86_400)),
        (manager, manager.encode("setRoleAdmin", int(Role.REGISTRAR), int(Role.COMMITTER))),
        (manager, manager.encode("setTargetFunctionRole", timelock.address, [unused], 7)),
        (manager, manager.encode("renounceRole", int(Role.GOVERNOR), ADMIN)),
    ):
        send_as(chain.rpc, ADMIN, to.address, data)

    found = {(check.subject, check.what) for check in differences(chain.rpc, tmp_path, "standard")}

    assert found == {
        ("GridTimelock", "operations that no vote has queued"),
        ("AccessManager", f"MINTER held by {OPERATOR}"),
        ("AccessManager", "admin of REGISTRAR"),
    }
    (check,) = [
        one for one in differences(chain.rpc, tmp_path, "standard") if one.subject == "GridTimelock"
    ]
    assert check.found == ["0x" + operation.hex()]


def test_parameters__a_decision_longer_than_a_freeze__refused(tmp_path):
    path = tmp_path / "slow.toml"
    path.write_text('extends = "standard"\n[governance]\ntimelock_delay_seconds = 93_600\n')

    with pytest.raises(ParametersError, match=r"within 259200 s.* found 259200 s"):
        Parameters.load(path)
    path.write_text('extends = "standard"\n[governance]\ntimelock_delay_seconds = 93_599\n')
    assert Parameters.load(path).governance.longest_decision == 72 * 3_600 - 1


def test_parameters__threshold_above_the_owners__refused(tmp_path):
    path = tmp_path / "safe.toml"
    path.write_text('extends = "standard"\n[safe]\nthreshold = 4\n')

    with pytest.raises(ParametersError, match="expected at most 3, the number of owners, found 4"):
        Parameters.load(path)

"""A market is wound down and another one follows on the same meters (docs/upgrades.md)

The real deployment code on a chain of its own. What must fail: a successor of a market that goes
on. What must hold: meters, certificates and assets stay; every slot belongs to one market; the old
one mints until its accounts are closed, then its role goes; money moves by its owners.
"""

from __future__ import annotations

import pytest
from eth_keys.datatypes import PrivateKey
from eth_utils.crypto import keccak

from energy_grid import eip712
from energy_grid.artifacts import Artifacts
from energy_grid.contracts import Contract, Contracts
from energy_grid.deployment import Parameters, verify
from energy_grid.deployment.access import role_holders
from energy_grid.deployment.journal import DeploymentError
from energy_grid.deployment.migration import REPLACED
from energy_grid.deployment.roles import Role
from energy_grid.eip712 import MeterKind, MeterRegistration
from energy_grid.units import Slot, Watt, Wh, Zone
from tests.utils.deploying import deploy_on, send_as, test_account

DEPLOYER = test_account(0).address
MEMBER = test_account(5).address
COIN = 10**6
MISSED = 9 * 86_400
"""After so long everything is settled by default and no reading is waited for."""


@pytest.fixture(scope="module")
def chain(anvil):
    return anvil()


@pytest.fixture(scope="module")
def send(chain):
    def act(contract: Contract, sender: str, function: str, *arguments: object) -> None:
        send_as(chain.rpc, sender, contract.address, contract.encode(function, *arguments))

    return act


def move_in(contracts: Contracts, send) -> None:
    """A meter, an account and money for the member."""
    key = keccak(text="migration device")
    registration = MeterRegistration(
        device_key=str(PrivateKey(key).public_key.to_checksum_address()),
        owner=MEMBER,
        zone=Zone(1),
        kind=MeterKind.CONNECTION,
        rated_import_w=Watt(10_000),
        rated_export_w=Watt(10_000),
        register_width_wh=Wh(10**9),
        first_slot=Slot(contracts.rpc.timestamp() // 900 + 1),
        import_wh=Wh(0),
        export_wh=Wh(0),
    )
    meters = contracts.smart_meter
    domain = eip712.domain(contracts.deployment.chain_id, meters.address)
    signature = eip712.sign(registration, domain, key)
    send(meters, DEPLOYER, "registerMeter", registration.as_tuple(), signature)
    settlement, token = contracts.settlement, contracts.settlement_token
    send(settlement, DEPLOYER, "enrol", MEMBER)
    send(token, MEMBER, "mint", MEMBER, 50 * COIN)
    send(token, MEMBER, "approve", settlement.address, 50 * COIN)
    send(settlement, MEMBER, "deposit", 50 * COIN)
    send(settlement, MEMBER, "postSecurity", 20 * COIN)


def test_migration__old_market_winds_down__successor_takes_over_at_its_end(chain, send, tmp_path):
    rpc = chain.rpc
    old_folder, new_folder = tmp_path / "old", tmp_path / "new"
    old_folder.mkdir()
    new_folder.mkdir()
    old = Contracts.load(deploy_on(rpc, old_folder).deployment, rpc)
    move_in(old, send)

    # The attack: a second market beside the first, minting the same slots.
    with pytest.raises(DeploymentError):
        deploy_on(rpc, new_folder, successor_to=old.deployment)

    send(old.emergency_shutdown, DEPLOYER, "trigger")
    end = old.settlement.call("windDownSlot")
    for leftover in new_folder.iterdir():
        leftover.unlink()
    new = Contracts.load(deploy_on(rpc, new_folder, successor_to=old.deployment).deployment, rpc)
    for name, record in old.deployment.contracts.items():
        stays = new.deployment.address_of(name) == record.address
        assert stays is (name not in REPLACED), name

    # Registrations are carried over by anybody, slots are not settled twice.
    send(new.settlement, test_account(9).address, "enrol", MEMBER)
    assert new.settlement.call("accountState", MEMBER).settledUntil == end
    minters = role_holders(new, Parameters.load("single-key"))[Role.MINTER]
    assert set(minters) == {old.settlement.address, new.settlement.address}

    # The old market ends without anybody's leave; its operator's money follows its members'.
    rpc.call("evm_increaseTime", MISSED)
    rpc.call("evm_mine")
    anybody = test_account(9).address
    send(old.settlement, anybody, "settle", MEMBER, 2**28 - 1)
    assert old.settlement.call("accountState", MEMBER).settledUntil == end
    send(old.settlement, anybody, "closeNext", 500)
    assert old.settlement.call("exitStage") == 2
    send(old.settlement, anybody, "finalizeZone", 1)
    send(old.settlement, MEMBER, "withdrawAll", MEMBER)
    operator = old.settlement.call("zoneState", 1).operator
    send(old.settlement, operator, "withdrawAll", operator)
    assert old.settlement.call("trackedTotal") == 0
    assert old.settlement_token.call("balanceOf", old.settlement.address) == 0

    # Money moves by its owner.
    send(old.settlement_token, MEMBER, "approve", new.settlement.address, 50 * COIN)
    send(new.settlement, MEMBER, "depositFor", MEMBER, 50 * COIN)
    assert new.settlement.call("accountState", MEMBER).free == 50 * COIN

    # Now the old minter's role has to go, and nothing else is missing.
    differences = [
        check.what
        for check in verify(new.deployment, rpc, Parameters.load("single-key"), Artifacts.load())
        if not check.ok
    ]
    assert differences == [f"MINTER held by {old.settlement.address}"]

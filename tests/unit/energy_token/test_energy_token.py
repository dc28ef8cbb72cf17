"""EnergyToken: minting by its minter, retiring by holders, permit, and nothing else."""

from __future__ import annotations

from typing import Any

import ape
import pytest

from tests.unit.permits import sign_permit

MINTER_ROLE = 4


@pytest.fixture
def governor(accounts: Any) -> Any:
    return accounts[0]


@pytest.fixture
def minter(accounts: Any) -> Any:
    return accounts[1]


@pytest.fixture
def holder(accounts: Any) -> Any:
    return accounts[2]


@pytest.fixture
def authority(project: Any, governor: Any) -> Any:
    return governor.deploy(project.GridAccessManager, governor)


@pytest.fixture
def token(project: Any, governor: Any, minter: Any, authority: Any) -> Any:
    token = governor.deploy(project.EnergyToken, authority)
    selector = token.contract_type.selector_identifiers["mint(address,uint256)"]
    authority.setTargetFunctionRole(token, [selector], MINTER_ROLE, sender=governor)
    authority.grantRole(MINTER_ROLE, minter, 0, sender=governor)
    return token


def test_decimals__one_base_unit_is_a_watt_hour(token: Any) -> None:
    assert token.decimals() == 3
    assert token.name() == "Energy Certificate"
    assert token.symbol() == "kWh"
    assert token.totalSupply() == 0


def test_mint__not_the_minter__reverts(token: Any, governor: Any, holder: Any) -> None:
    for caller in (governor, holder):
        with ape.reverts(token.AccessManagedUnauthorized, caller=caller):
            token.mint(holder, 1, sender=caller)


def test_mint__to_nobody__reverts(token: Any, minter: Any) -> None:
    with ape.reverts(token.ERC20InvalidReceiver, receiver="0x" + "00" * 20):
        token.mint("0x" + "00" * 20, 1, sender=minter)


def test_mint__creates_certificates(token: Any, minter: Any, holder: Any) -> None:
    receipt = token.mint(holder, 1_500, sender=minter)

    assert [(e.event_name, dict(e.event_arguments)) for e in receipt.events] == [
        ("Transfer", {"from": "0x" + "00" * 20, "to": holder, "value": 1_500}),
        ("Minted", {"to": holder, "energyWh": 1_500}),
    ]
    assert token.balanceOf(holder) == token.totalSupply() == 1_500


def test_retire__more_than_held__reverts(token: Any, minter: Any, holder: Any) -> None:
    token.mint(holder, 5, sender=minter)

    with ape.reverts(token.ERC20InsufficientBalance, sender=holder, balance=5, needed=6):
        token.retire(6, sender=holder)


def test_retire__destroys_the_caller_s_own(token: Any, minter: Any, holder: Any) -> None:
    token.mint(holder, 1_500, sender=minter)
    token.mint(minter, 10, sender=minter)

    receipt = token.retire(600, sender=holder)

    assert [(e.event_name, dict(e.event_arguments)) for e in receipt.events] == [
        ("Transfer", {"from": holder, "to": "0x" + "00" * 20, "value": 600}),
        ("Retired", {"holder": holder, "energyWh": 600}),
    ]
    assert token.balanceOf(holder) == 900
    assert token.balanceOf(minter) == 10
    assert token.totalSupply() == 1_510 - 600


def test_supply__changes_by_minting_and_retiring_only(
    token: Any, minter: Any, holder: Any, accounts: Any
) -> None:
    token.mint(holder, 100, sender=minter)
    token.transfer(accounts[3], 40, sender=holder)
    token.approve(accounts[4], 10, sender=holder)
    token.transferFrom(holder, accounts[4], 10, sender=accounts[4])

    assert token.totalSupply() == 100
    names = {abi.name for abi in token.contract_type.mutable_methods}
    assert names == {
        "approve",
        "mint",
        "permit",
        "retire",
        "setAuthority",
        "transfer",
        "transferFrom",
    }


def test_permit__allows_by_signature_once(token: Any, minter: Any, holder: Any, chain: Any) -> None:
    token.mint(holder, 100, sender=minter)
    deadline = int(chain.pending_timestamp) + 1_000
    signature = sign_permit(token, holder, minter, 70, deadline, chain.chain_id)
    permit = (holder, minter, 70, deadline, *signature)

    token.permit(*permit, sender=minter)

    assert token.allowance(holder, minter) == 70
    with ape.reverts(token.ERC2612InvalidSigner):
        token.permit(*permit, sender=minter)

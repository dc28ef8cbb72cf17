"""crytic's 25 properties of ERC-20 on every token of ours, and that each of them bites."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from energy_grid.artifacts import Artifacts
from tests.unit.asset_nft.stage import ALICE
from tests.unit.asset_shares.stage import ShareStage
from tests.utils.erc20_properties import (
    ALL,
    HOLDERS,
    PropertyBrokenError,
    TokenSubject,
    check_token,
)
from tests.utils.revm import Revm

GOVERNOR = "0x" + "60" * 20
MINTER_ROLE = 4
START = 1_780_000_000
FIRST_BALANCES = (1_000_000, 1_000_003, 999_998)


def energy_token(chain: Revm) -> TokenSubject:
    manager = chain.deploy("GridAccessManager", GOVERNOR)
    token = chain.deploy("EnergyToken", manager.address)
    minter = "0x" + "4d" * 20
    selectors = [token.abi.selector("mint")]
    manager.send(GOVERNOR, "setTargetFunctionRole", token.address, selectors, MINTER_ROLE)
    manager.send(GOVERNOR, "grantRole", MINTER_ROLE, minter, 0)

    def mint(holder: str, amount: int) -> None:
        token.send(minter, "mint", holder, amount)

    for holder, amount in zip(HOLDERS, FIRST_BALANCES, strict=True):
        mint(holder, amount)
    return TokenSubject(
        token, mint=mint, burn=lambda holder, amount: token.send(holder, "retire", amount)
    )


def governance_token(chain: Revm) -> TokenSubject:
    token = chain.deploy("GovernanceToken", list(HOLDERS), list(FIRST_BALANCES))
    return TokenSubject(token)


def asset_shares(_chain: Revm) -> TokenSubject:
    """In a vault that earns; made when the asset is locked, gone when it is redeemed."""
    stage = ShareStage()
    vault, device = stage.running()
    for holder in HOLDERS:
        vault.send(ALICE.address, "transfer", holder, 333)
    stage.earn(vault, device, 1_000)
    return TokenSubject(vault)


def settlement_token(chain: Revm) -> TokenSubject:
    token = chain.deploy("MockSettlementToken")

    def mint(holder: str, amount: int) -> None:
        token.send(GOVERNOR, "mint", holder, amount)

    for holder, amount in zip(HOLDERS, FIRST_BALANCES, strict=True):
        mint(holder, amount)
    return TokenSubject(token, mint=mint)


def faulty_token(chain: Revm, fault: int) -> TokenSubject:
    token = chain.deploy("MockFaultyToken", fault, list(HOLDERS), list(FIRST_BALANCES))

    def mint(holder: str, amount: int) -> None:
        token.send(GOVERNOR, "mint", holder, amount)

    return TokenSubject(
        token,
        mint=mint,
        burn=lambda holder, amount: token.send(holder, "burn", amount),
        burn_from="burnFrom",
        pause="pause",
        unpause="unpause",
        increase="increaseAllowance",
        decrease="decreaseAllowance",
    )


@pytest.fixture
def chain() -> Iterator[Revm]:
    chain = Revm(Artifacts.load(), GOVERNOR)
    chain.at(START)
    yield chain


@pytest.mark.parametrize("make", [energy_token, governance_token, asset_shares, settlement_token])
def test_token__any_actions__keeps_the_properties_that_concern_it(
    make: Callable[[Revm], TokenSubject], chain: Revm
) -> None:
    subject = make(chain)

    checked = check_token(subject)

    assert set(checked) == set(subject.properties)
    assert len(subject.properties) >= 17


def test_faultless_token__offers_everything__keeps_all_25(chain: Revm) -> None:
    subject = faulty_token(chain, 0)

    checked = check_token(subject)

    assert set(checked) == set(ALL)
    assert len(ALL) == 25


@pytest.mark.parametrize("number", range(1, 26), ids=lambda number: ALL[number - 1])
def test_token_with_a_fault__any_actions__its_property_notices(number: int, chain: Revm) -> None:
    subject = faulty_token(chain, number)

    with pytest.raises(PropertyBrokenError, match=f"^{ALL[number - 1]} broken"):
        check_token(subject, examples=30)


def test_token__function_its_subject_does_not_name__is_told(chain: Revm) -> None:
    token: Any = energy_token(chain).token

    with pytest.raises(AssertionError, match="EnergyToken has mint"):
        check_token(TokenSubject(token))

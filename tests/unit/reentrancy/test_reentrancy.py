"""Re-entrancy through every call into code of others, into every function of the system.

The settlement token is hostile: in the middle of a transfer it makes a call of the attacker's
choice, as an account of its own with money, shares and certificates. Every function that changes
state is tried, from the ABI. What goes through must be worth nothing: the state afterwards is that
of the two calls one after the other, in one order or the other.

Receivers of an asset and contracts that sign get the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from energy_grid.abi import Abi, type_string
from tests.unit.asset_nft.stage import MAINTAINER, NEVER, START
from tests.unit.asset_shares.stage import (
    ALICE,
    ANYBODY,
    BOB,
    CERTIFICATES,
    COIN,
    MONEY,
    OPERATOR,
    SLOT_SECONDS,
    TREASURY,
    ZONE,
    ShareStage,
)
from tests.utils.revm import Contract, Refused

MONEY_IN = 1_000 * COIN


class Attack:
    """The system with a hostile settlement token that has an account, shares and revenue."""

    def __init__(self) -> None:
        self.stage = stage = ShareStage(("MockReentrantToken", 6))
        self.token = stage.token
        self.attacker = self.token.address
        self.wallet = stage.chain.deploy("MockReentrantWallet")
        for account in (ALICE.address, BOB.address, self.attacker):
            stage.give(account, 10 * MONEY_IN)
            self.act_as(account, self.token, "approve", stage.settlement.address, 2**200)
            self.act_as(account, stage.settlement, "joinAsTrader", ZONE)
            self.act_as(account, stage.settlement, "deposit", MONEY_IN)
        self.vault, device = stage.running()
        self.vault.send(ALICE.address, "transfer", self.attacker, 400)
        self.vault.send(ALICE.address, "transfer", BOB.address, 100)
        stage.earn(self.vault, device, 1_000, 500)
        self.vault.send(ANYBODY, "collect", CERTIFICATES)
        self.vault.send(ANYBODY, "collect", MONEY)
        stage.earn(self.vault, device, 700)
        for account in (ALICE.address, self.attacker):
            self.act_as(account, self.token, "approve", self.vault.address, 2**200)
        self.asset = stage.asset()
        self.targets: Mapping[str, Contract] = {
            "Settlement": stage.settlement,
            "EnergyTrading": stage.market,
            "SmartMeter": stage.meters,
            "IMeterPages": Contract(stage.chain, self._abi("IMeterPages"), stage.meters.address),
            "EnergyToken": stage.energy,
            "EnergyAssetNFT": stage.assets,
            "AssetShares": self.vault,
            "AssetVaults": stage.vaults,
        }
        self.slot = stage.chain.now // SLOT_SECONDS

    def _abi(self, name: str) -> Abi:
        return Abi(name, self.stage.chain.artifacts.get(name).abi)

    # --- acting ---

    def act_as(self, account: str, contract: Contract, function: str, *arguments: Any) -> Any:
        """A call by a person, or by the token's own account."""
        if account != self.attacker:
            return contract.send(account, function, *arguments)
        data = contract.abi.encode(function, *arguments)
        return self.token.send(ANYBODY, "act", contract.address, data)

    def inner_calls(self) -> Iterator[tuple[str, bytes]]:
        """Every function that changes state, with arguments that suit the attacker."""
        for name, contract in self.targets.items():
            for entry in self.stage.chain.artifacts.get(contract.abi.name).abi:
                if entry["type"] != "function" or entry["stateMutability"] in ("view", "pure"):
                    continue
                arguments = [self.argument(part) for part in entry["inputs"]]
                types = ",".join(type_string(part) for part in entry["inputs"])
                yield name, contract.abi.encode(f"{entry['name']}({types})", *arguments)

    def targeted_calls(self) -> list[tuple[str, bytes]]:
        """The same with the addresses to call."""
        return [(self.targets[name].address, data) for name, data in self.inner_calls()]

    def argument(self, part: Mapping[str, Any]) -> Any:
        """A value by name and type: what gives the attacker most."""
        kind, name = part["type"], part["name"]
        named = {
            "amount": COIN, "value": COIN, "energyWh": 10, "zone": ZONE, "untilSlot": self.slot,
            "kind": MONEY, "assetId": self.asset, "tokenId": self.asset, "slot": self.slot - 1,
            "maxCount": 5, "from": self.attacker, "motionId": 1,
        }  # fmt: skip
        if kind.endswith("]"):
            one = {**part, "type": kind[: kind.rindex("[")]}
            return [self.argument(one)] if one["type"] == "address" else []
        if kind == "tuple":
            return tuple(self.argument(inner) for inner in part["components"])
        if kind == "address":
            return self.attacker
        if kind == "bool":
            return True
        if kind == "string":
            return ""
        if kind.startswith("bytes"):
            return bytes(int(kind[5:] or 0))
        return named.get(name, 0)

    # --- looking ---

    def fingerprint(self) -> dict[str, Any]:
        """All that anybody could gain or lose."""
        stage = self.stage
        holders = [
            ALICE.address, BOB.address, OPERATOR, TREASURY, self.attacker, self.vault.address,
            self.wallet.address, stage.settlement.address,
        ]  # fmt: skip
        seen: dict[str, Any] = {
            "tracked": stage.settlement.ask("trackedTotal"),
            "clearing": stage.settlement.ask("clearing"),
            "zone": tuple(stage.settlement.ask("zoneState", ZONE)),
            "certificates": stage.energy.ask("totalSupply"),
            "shares": self.vault.ask("totalSupply"),
            "status": self.vault.ask("status"),
            "revenue": [tuple(self.vault.ask("revenueOf", kind)) for kind in (MONEY, CERTIFICATES)],
            "offer": self.vault.ask("openOffer"),
            "assets": [stage.assets.ask("balanceOf", who) for who in holders],
        }
        for holder in holders:
            seen[holder] = (
                tuple(stage.settlement.ask("accountState", holder)),
                stage.balance(holder),
                stage.energy.ask("balanceOf", holder),
                self.vault.ask("balanceOf", holder),
                [self.vault.ask("claimable", kind, holder) for kind in (MONEY, CERTIFICATES)],
                self.vault.ask("refundOf", holder),
                stage.market.ask("delegateOf", holder),
            )
        return seen

    def ledgers_hold(self) -> None:
        """Every unit is in one ledger, and is there."""
        settlement = self.stage.settlement
        owed = settlement.ask("clearing") + settlement.ask("zoneState", ZONE).bond
        for index in range(settlement.ask("accountCount")):
            state = settlement.ask("accountState", settlement.ask("accountAt", index))
            owed += state.free + state.locked + state.security
        owed += settlement.ask("accountState", TREASURY).free
        assert owed == settlement.ask("trackedTotal") <= self.stage.balance(settlement.address)


@pytest.fixture(scope="module")
def attack() -> Attack:
    return Attack()


OUTER = {
    "deposit": ("Settlement", "deposit", (5 * COIN,)),
    "depositFor": ("Settlement", "depositFor", (BOB.address, 5 * COIN)),
    "withdraw": ("Settlement", "withdraw", (5 * COIN,)),
    "withdrawTo": ("Settlement", "withdrawTo", (BOB.address, 5 * COIN)),
    "withdrawAll": ("Settlement", "withdrawAll", (BOB.address,)),
    "claim": ("AssetShares", "claim", (MONEY, ALICE.address)),
    "collect": ("AssetShares", "collect", (MONEY,)),
    "offer": ("AssetShares", "offer", (50 * COIN,)),
}
"""Calls by Alice in which the settlement token is called."""


@pytest.mark.parametrize("name", OUTER)
def test_transfer__token_calls_back_into_every_function__refused_or_as_one_after_the_other(
    attack: Attack, name: str
) -> None:
    contract, function, arguments = OUTER[name]
    target = attack.targets[contract]
    origin = attack.stage.chain.snapshot()
    outcomes: Counter[str] = Counter()

    def outer() -> None:
        target.send(ALICE.address, function, *arguments)

    for inner_name, data in attack.inner_calls():
        inner_target = attack.targets[inner_name]
        start = attack.stage.chain.snapshot()
        attack.token.send(ANYBODY, "arm", inner_target.address, data)
        outer()
        (reentered,) = attack.token.events("Reentered")
        if reentered.success:
            attack.ledgers_hold()
            found = attack.fingerprint()
        attack.stage.chain.revert(start)
        if reentered.success:
            outcomes["harmless"] += 1
            assert found in _one_after_the_other(attack, outer, inner_target, data), (
                f"{inner_name}.{data[:4].hex()} in {name}"
            )
        else:
            error = inner_target.abi.decode_error(bytes(reentered.answer))
            outcomes[error.name if error else "other"] += 1
    attack.stage.chain.revert(origin)

    assert outcomes["ReentrancyGuardReentrantCall"] >= 5, outcomes
    assert outcomes["harmless"] >= 10, outcomes


def _one_after_the_other(
    attack: Attack, outer: Any, inner_target: Contract, data: bytes
) -> list[dict[str, Any]]:
    def inner() -> None:
        attack.token.send(ANYBODY, "act", inner_target.address, data)

    states = []
    for calls in ((outer, inner), (inner, outer)):
        start = attack.stage.chain.snapshot()
        try:
            for call in calls:
                call()
            states.append(attack.fingerprint())
        except Refused:
            pass  # this order is not possible
        attack.stage.chain.revert(start)
    return states


def test_views__asked_in_the_middle_of_a_transfer__never_show_more_than_there_is(
    attack: Attack,
) -> None:
    """Read-only re-entrancy: who reads the ledger meanwhile is told too little, never too much."""
    settlement = attack.stage.settlement
    before = settlement.ask("accountState", ALICE.address).free
    tracked = settlement.ask("trackedTotal")
    amount = 5 * COIN
    for function, free, total in (
        ("deposit", before, tracked),  # credited when the tokens are known to be there
        ("withdraw", before - amount, tracked - amount),  # debited before they go
    ):
        for view, arguments, expected in (
            ("trackedTotal", (), total),
            ("accountState", (ALICE.address,), free),
        ):
            start = attack.stage.chain.snapshot()
            data = settlement.abi.encode(view, *arguments)
            attack.token.send(ANYBODY, "arm", settlement.address, data)
            settlement.send(ALICE.address, function, amount)
            (reentered,) = attack.token.events("Reentered")
            answer = settlement.abi.decode_answer(view, bytes(reentered.answer))
            assert (answer if view == "trackedTotal" else answer.free) == expected
            attack.stage.chain.revert(start)


def test_safe_transfer__receiver_calls_back_into_every_function__as_if_called_afterwards(
    attack: Attack,
) -> None:
    """The receiver owns the asset by then: it gains nothing by acting before the call ends."""
    stage, wallet = attack.stage, attack.wallet
    transfer = (ALICE.address, wallet.address, attack.asset, b"")
    calls = attack.targeted_calls()
    attack.attacker = wallet.address  # once more with the wallet in the attacker's place
    calls += attack.targeted_calls()
    attack.attacker = attack.token.address
    origin = stage.chain.snapshot()
    wallet.send(ANYBODY, "arm", [to for to, _ in calls], [data for _, data in calls])
    stage.assets.send(ALICE.address, "safeTransferFrom", *transfer)
    done = [event.success for event in wallet.events("Reentered")]
    attack.ledgers_hold()
    found = attack.fingerprint()
    stage.chain.revert(origin)

    origin = stage.chain.snapshot()
    stage.assets.send(ALICE.address, "transferFrom", *transfer[:3])
    done_afterwards = [_succeeds(wallet, *call) for call in calls]
    expected = attack.fingerprint()
    stage.chain.revert(origin)

    assert done == done_afterwards
    assert found == expected
    assert any(done)


def _succeeds(wallet: Contract, to: str, data: bytes) -> bool:
    try:
        wallet.send(ANYBODY, "act", to, data)
    except Refused:
        return False
    return True


def test_signature__signing_contract_calls_back_into_every_function__cannot_write(
    attack: Attack,
) -> None:
    """ERC-1271 is asked by a static call: the wallet says yes only if every call failed."""
    stage, wallet = attack.stage, attack.wallet
    origin = stage.chain.snapshot()
    attack.attacker = wallet.address
    calls = [call for call in attack.targeted_calls() if _writes(attack, *call)]
    attack.attacker = attack.token.address
    assert len(calls) >= 5
    wallet.send(ANYBODY, "arm", [to for to, _ in calls], [data for _, data in calls])
    stage.assets.send(
        ALICE.address, "setPermission", attack.asset, MAINTAINER, wallet.address, NEVER
    )
    before = attack.fingerprint()
    entry = (3, START - 100, 0, wallet.address, b"\1" * 32, "ipfs://log")

    stage.assets.send(ANYBODY, "logMaintenance", attack.asset, entry, b"any")

    assert len(stage.assets.events("MaintenanceLogged")) == 1
    assert attack.fingerprint() == before
    stage.chain.revert(origin)


def _writes(attack: Attack, to: str, data: bytes) -> bool:
    """Whether the wallet may make the call, and it says that something changed."""
    start = attack.stage.chain.snapshot()
    done = _succeeds(attack.wallet, to, data) and bool(attack.stage.chain.logs)
    attack.stage.chain.revert(start)
    return done

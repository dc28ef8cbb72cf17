"""Each call that leaves a contract is listed with the trust it is made in.

The list of calls comes from the compiler. A new callee, or a new contract that calls one whose code
is not ours, fails here until somebody has thought about it and written the attack.
"""

from __future__ import annotations

import re
from pathlib import Path

from tests.utils.external_calls import external_calls

ROOT = Path(__file__).parents[3]

OURS = frozenset(
    {
        "AssetPictures", "IAccessManager", "IAssetRegister", "IDemandResponse", "IEnergyAssets",
        "IEnergyMarket", "IEnergyToken", "IERC721", "IEventCalendar", "IFeedRegister",
        "IGovernanceToken", "IGridOracle", "IGridStates", "IGridZones", "IMarket", "IMarketGrid",
        "IMarketLedger", "IMarketPositions", "IMarketZones", "IMeterEnergy", "IMeterHistory",
        "IMeterPages", "IMeterRegistry", "IPriceOracle", "IReportAggregator", "IResourceRegister",
        "ISettlement", "ISettlementExits", "ISettlementZones", "SettlementExits",
        "SettlementRoom", "TimelockController",
    }
)  # fmt: skip
"""Contracts of this system: immutable addresses, or set by governance among its own contracts."""

SELF = frozenset({"this"})
"""The contract itself, so that one item of a batch undoes only itself."""

READ_ONLY = frozenset({"IAccessManaged", "IERC20Metadata"})
"""Asked once, in a constructor."""

UNTRUSTED = frozenset({"token", "IERC20", "IERC20Permit", "signer", "IERC721Receiver", "any"})
"""Code of others: settlement token, signers, receivers of assets, whatever governance calls."""

ATTACKED = {
    "contracts/market/AccountRecovery.sol": "tests/unit/accounts/test_reentrancy.py",
    "contracts/metering/MeterSuccession.sol": "tests/unit/accounts/test_reentrancy.py",
    "contracts/market/SettlementFunds.sol": "tests/unit/reentrancy/test_reentrancy.py",
    "contracts/assets/ShareMotions.sol": "tests/unit/reentrancy/test_reentrancy.py",
    "contracts/assets/ShareRevenue.sol": "tests/unit/reentrancy/test_reentrancy.py",
    "contracts/assets/AssetBase.sol": "tests/unit/reentrancy/test_reentrancy.py",
    "contracts/assets/AssetMeters.sol": "tests/unit/reentrancy/test_reentrancy.py",
    "contracts/assets/MaintenanceLog.sol": "tests/unit/reentrancy/test_reentrancy.py",
    "contracts/grid/FlexFunds.sol": "tests/unit/flexibility/test_money.py",
    "contracts/governance/GridAccessManager.sol": "tests/unit/governance/test_attacks.py",
    "contracts/governance/GridGovernor.sol": "tests/unit/governance/test_attacks.py",
    "contracts/governance/GridTimelock.sol": "tests/unit/governance/test_attacks.py",
}
"""Where the calls of each contract into code of others are turned against it."""

ASSEMBLY = {
    "delegatecall": "rooms: own code at an immutable address",
    "call": "LedgerBatch: the ledger, as IMarketLedger",
    "staticcall": "views of ledger and oracles, which cannot write",
}


def test_external_calls__each_callee__is_known() -> None:
    called = {call.callee for call in external_calls()} - {"assembly"}

    assert called <= OURS | SELF | READ_ONLY | UNTRUSTED
    assert called >= UNTRUSTED


def test_external_calls__code_of_others__each_caller_has_its_attack() -> None:
    callers = {call.source for call in external_calls() if call.callee in UNTRUSTED}

    assert callers <= set(ATTACKED)
    assert len(callers) >= 10
    for test in set(ATTACKED.values()):
        source = (ROOT / test).read_text(encoding="utf-8")
        assert re.search(r"[Rr]eent", source), f"{test} attacks by re-entering"


def test_external_calls__in_assembly__only_the_known_kinds() -> None:
    found = {call.function for call in external_calls() if call.callee == "assembly"}

    assert found == set(ASSEMBLY)
    writers = {
        call.source
        for call in external_calls()
        if call.callee == "assembly" and call.function == "call"
    }
    assert writers == {"contracts/libraries/LedgerBatch.sol"}


def test_external_calls__no_call_by_bare_address() -> None:
    assert not [call for call in external_calls() if call.callee == "address"]

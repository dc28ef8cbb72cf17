"""After the day: every account settled slot by slot, certificates claimed. Anybody could do it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from eth_account.signers.local import LocalAccount

from energy_grid.settled_slots import certificate_entries, spread
from simulation.market_day.chain import Call, Chain

_GAS_RUN: Final = 6_000_000
_GAS_CLAIM_BASE: Final = 200_000
_GAS_PER_CLAIM: Final = 120_000
_CLAIMS_A_CALL: Final = 100
_MAX_RUNS: Final = 4


def settle_all(
    chain: Chain, keeper: LocalAccount, accounts: Sequence[str], until_slot: int
) -> None:
    """Settle every account up to a slot, each in runs of up to a day."""
    settlement = chain.contracts.settlement
    waiting = list(accounts)
    for _ in range(_MAX_RUNS):
        chain.send(
            [
                Call(keeper, settlement, "settle", (account, until_slot), _GAS_RUN)
                for account in waiting
            ]
        )
        states = chain.read([(settlement, "accountState", (account,)) for account in waiting])
        waiting = [
            account
            for account, state in zip(waiting, states, strict=True)
            if state.settledUntil < until_slot
        ]
        if not waiting:
            return


def claim_all(chain: Chain, keeper: LocalAccount) -> None:
    """Claim for everybody what the pools of the settled slots owe."""
    settlement = chain.contracts.settlement
    entries = certificate_entries(spread(settlement.events("SlotsSettled")))
    calls = []
    for slot, entered in sorted(entries.items()):
        if not any(entered.values()):
            continue  # nothing was given
        accounts = sorted(entered, key=lambda account: not entered[account])
        for first in range(0, len(accounts), _CLAIMS_A_CALL):
            part = accounts[first : first + _CLAIMS_A_CALL]
            gas = _GAS_CLAIM_BASE + _GAS_PER_CLAIM * len(part)
            calls.append(
                Call(keeper, settlement, "claimCertificates", (part, slot), gas, f"slot {slot}")
            )
    chain.send(calls)

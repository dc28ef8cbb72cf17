"""The treasury of the day: a 2-of-3 Safe that takes the trading fees out at its end."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from energy_grid.deployment import Journal, LocalSigner
from energy_grid.deployment.journal import open_deployment
from energy_grid.deployment.safes import deploy_safe, deploy_safe_suite
from energy_grid.rpc import Rpc
from energy_grid.safe import SafeAccount, SafeSetup, SafeTransaction
from energy_grid.safe.sending import SafeSender
from energy_grid.safe.signatures import sign
from simulation.market_day.chain import Chain
from simulation.market_day.keys import DayKeys

THRESHOLD: Final = 2
TREASURY_FILE: Final = "safes.json"
"""Where the day keeps the addresses of Safe's contracts, beside its deployment file."""
_NETWORK: Final = "market day"


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """How the trading fees left the market.

    Attributes:
        safe: the treasury's address.
        owners: how many own it.
        signed: how many of them signed the withdrawal.
        amount: settlement tokens the Safe has now, 0 if there was nothing to withdraw.
    """

    safe: str
    owners: int
    signed: int
    amount: int


def open_treasury(rpc: Rpc, keys: DayKeys, file: Path) -> SafeAccount:
    """Deploy the contracts of Safe and create the treasury, before the market that names it."""
    signer = LocalSigner(keys.governor)
    recorded = open_deployment(
        file,
        rpc,
        network=_NETWORK,
        deployer=signer.address,
        parameters="",
        may_start_anew=True,
    )
    journal = Journal(file, recorded, rpc)
    suite = deploy_safe_suite(journal, signer)
    setup = SafeSetup(tuple(str(owner.address) for owner in keys.treasurers), THRESHOLD)
    record = deploy_safe(journal, signer, suite, "TreasurySafe", setup)
    return SafeAccount(record.address, rpc)


def withdraw_fees(chain: Chain, keys: DayKeys, treasury: SafeAccount) -> Withdrawal:
    """As many owners as needed sign a withdrawal of all fees; any account sends it."""
    settlement, token = chain.contracts.settlement, chain.contracts.settlement_token
    amount = int(settlement.call("accountState", treasury.address).free)
    signers = keys.treasurers[:THRESHOLD] if amount else ()
    if amount:
        state = treasury.state()
        withdrawal = SafeTransaction(
            to=settlement.address,
            data=settlement.encode("withdrawTo", treasury.address, amount),
            nonce=state.nonce,
        )
        digest = state.hash_of(withdrawal)
        sender = SafeSender(
            chain.rpc,
            LocalSigner(keys.relayer),
            describe_error=lambda data: str(chain.contracts.decode_error(data)),
        )
        signatures = [sign(digest, bytes(owner.key)) for owner in signers]
        sender.execute(treasury, withdrawal, signatures)
    return Withdrawal(
        safe=treasury.address,
        owners=len(keys.treasurers),
        signed=len(signers),
        amount=int(token.call("balanceOf", treasury.address)),
    )

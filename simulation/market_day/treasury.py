"""The treasury of the day: a 2-of-3 Safe that takes the trading fees out at its end."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from energy_grid.deployment import LocalSigner, Parameters
from energy_grid.safe import SafeAccount, SafeTransaction
from energy_grid.safe.sending import SafeSender
from energy_grid.safe.signatures import sign
from simulation.market_day.chain import Chain
from simulation.market_day.deploying import PARAMETERS
from simulation.market_day.keys import DayKeys


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


def with_treasurers(keys: DayKeys) -> dict[str, Any]:
    """What differs from the standard parameters: the day's own people own the treasury."""
    standard = Parameters.load(PARAMETERS).safe
    owners = tuple(str(owner.address) for owner in keys.treasurers)
    return {"safe": replace(standard, treasury=owners)}


def withdraw_fees(chain: Chain, keys: DayKeys) -> Withdrawal:
    """As many owners as needed sign a withdrawal of all fees; any account sends it."""
    settlement, token = chain.contracts.settlement, chain.contracts.settlement_token
    treasury = SafeAccount(chain.contracts.deployment.address_of("TreasurySafe"), chain.rpc)
    state = treasury.state()
    amount = int(settlement.call("accountState", treasury.address).free)
    signers = keys.treasurers[: state.threshold] if amount else ()
    if amount:
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
        owners=len(state.owners),
        signed=len(signers),
        amount=int(token.call("balanceOf", treasury.address)),
    )

"""Which signatures of a transaction count, and what is still missing. Decides; does not act."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from energy_grid.rpc import to_hex
from energy_grid.safe.account import SafeState
from energy_grid.safe.errors import SafeError
from energy_grid.safe.signatures import OwnerSignature, approval, is_approval, pack, read
from energy_grid.safe.transaction import SafeTransaction


@dataclass(frozen=True, slots=True)
class Collected:
    """Signatures of a transaction, judged.

    Attributes:
        valid: one a current owner.
        rejected: the others: owner as claimed, and why it does not count.
        threshold: how many are needed.
    """

    valid: tuple[OwnerSignature, ...]
    rejected: tuple[tuple[str, str], ...]
    threshold: int

    @property
    def missing(self) -> int:
        """How many signatures are still needed."""
        return max(self.threshold - len(self.valid), 0)


def judge(
    transaction: SafeTransaction, state: SafeState, signatures: Iterable[OwnerSignature]
) -> Collected:
    """Sort signatures into those that count and those that do not, and add approvals on chain."""
    digest = state.hash_of(transaction)
    valid = {owner: approval(owner) for owner in state.owners if owner in state.approved_by}
    rejected = []
    for given in signatures:
        fault = _fault(digest, state, given)
        if fault is not None:
            rejected.append((given.owner, fault))
        else:
            valid[given.owner] = given
    return Collected(tuple(valid.values()), tuple(rejected), state.threshold)


def require_executable(
    transaction: SafeTransaction, state: SafeState, signatures: Iterable[OwnerSignature]
) -> bytes:
    """The signatures as the Safe takes them, exactly as many as it needs.

    Raises:
        SafeError: it would refuse; with what was expected and found.
    """
    require_current(transaction, state)
    collected = judge(transaction, state, signatures)
    if collected.missing:
        faults = "; ".join(f"{owner}: {why}" for owner, why in collected.rejected)
        raise SafeError(
            f"too few signatures for transaction {transaction.nonce} of {state.safe}",
            expected=f"{collected.threshold} of {len(state.owners)} owners",
            found=f"{len(collected.valid)}" + (f", not counting {faults}" if faults else ""),
            remedy="Let more owners sign the proposal",
        )
    return pack(collected.valid[: collected.threshold])


def require_current(transaction: SafeTransaction, state: SafeState) -> None:
    """Refuse a transaction whose turn it is not, or that does more than make a call.

    Raises:
        SafeError: executed already, too early, a delegate call or with a refund.
    """
    if transaction.nonce != state.nonce:
        executed = transaction.nonce < state.nonce
        raise SafeError(
            f"transaction {transaction.nonce} of {state.safe} "
            + ("is done with: its number is used" if executed else "is not next"),
            expected=f"number {state.nonce}",
            found=transaction.nonce,
            remedy="Propose it anew and let the owners sign again"
            if executed
            else f"Execute number {state.nonce} first",
        )
    require_plain(transaction)


def require_plain(transaction: SafeTransaction) -> None:
    """Refuse what could hand over the Safe: foreign code run as the Safe, or pay for its gas.

    Raises:
        SafeError: a delegate call or a refund.
    """
    if not transaction.is_plain:
        raise SafeError(
            "this transaction does more than make a call",
            expected="operation CALL, no refund",
            found=f"operation {transaction.operation.name}, gas price {transaction.gas_price}",
            remedy="Do not sign it",
        )


def _fault(digest: bytes, state: SafeState, given: OwnerSignature) -> str | None:
    """Why a signature does not count; None if it does."""
    try:
        found = read(digest, given.signature)
    except SafeError as error:
        return str(error)
    if found.owner != given.owner:
        return f"the signature is of {found.owner}, or of another transaction than {to_hex(digest)}"
    if given.owner not in state.owners:
        return "is no owner"
    if is_approval(given.signature) and given.owner not in state.approved_by:
        return "has not approved the hash on chain"
    return None

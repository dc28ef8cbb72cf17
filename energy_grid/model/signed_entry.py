"""Auction orders signed off chain, relayed in batches. Section 4."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

from energy_grid.curves import Curve
from energy_grid.model.auction_entry import AuctionEntry
from energy_grid.model.auction_record import AuctionRecord
from energy_grid.model.curve_rules import RawCurve
from energy_grid.model.ledger import Account
from energy_grid.model.refused import Refused


class SkipReason(IntEnum):
    """Why an item of a batch was left out, as numbered on chain."""

    SIGNATURE = 0
    UNKNOWN_SIGNER = 1
    FROM_THE_FUTURE = 2
    SUPERSEDED = 3
    VOIDED = 4
    PRODUCT = 5
    HALTED = 6
    ZONE = 7
    STEPS = 8
    COLLAR = 9
    ADDITIONS = 10
    LEVEL_FULL = 11
    CAPACITY = 12
    UNSETTLED = 13
    ACCOUNT = 14
    FUNDS = 15


REASONS = {
    "NotEnrolled": SkipReason.UNKNOWN_SIGNER,
    "PeriodUnknown": SkipReason.PRODUCT,
    "SessionUnavailable": SkipReason.PRODUCT,
    "StartMisaligned": SkipReason.PRODUCT,
    "NotOpenYet": SkipReason.PRODUCT,
    "GateClosed": SkipReason.PRODUCT,
    "TradingHalted": SkipReason.HALTED,
    "NotHomeZone": SkipReason.ZONE,
    "ZoneNotOpen": SkipReason.ZONE,
    "StepAfterGap": SkipReason.STEPS,
    "TooFewLots": SkipReason.STEPS,
    "PriceTooLow": SkipReason.STEPS,
    "PriceAboveCap": SkipReason.STEPS,
    "BuyAfterSell": SkipReason.STEPS,
    "StepsOutOfOrder": SkipReason.STEPS,
    "PriceOutsideCollar": SkipReason.COLLAR,
    "OnlyAdditions": SkipReason.ADDITIONS,
    "LevelFull": SkipReason.LEVEL_FULL,
    "CapacityExceeded": SkipReason.CAPACITY,
    "SettleFirst": SkipReason.UNSETTLED,
    "SettlementReached": SkipReason.UNSETTLED,
    "OperatorCannotTrade": SkipReason.ACCOUNT,
    "ArrearsOutstanding": SkipReason.ACCOUNT,
    "SecurityDepositMissing": SkipReason.ACCOUNT,
    "InsufficientFree": SkipReason.FUNDS,
}
"""What a refusal is reported as when it must not stop a batch."""


@dataclass(frozen=True)
class SignedCurve:
    """A curve and who signed it; None if the signature fits nobody."""

    curve: Curve | int
    signed_at: int
    signer: str | None


@dataclass(frozen=True)
class Skipped:
    """An item of a batch that was left out."""

    index: int
    signer: str | None
    reason: SkipReason


@dataclass
class Purse:
    """Money of an account for a group of its orders, and what they have locked of it."""

    account: Account
    free: int
    locks: int = 0


class SignedEntry(AuctionEntry):
    """Signed orders on their way into the same book. The newest signature wins."""

    def place_signed(self, items: Sequence[SignedCurve], now: int) -> list[Skipped]:
        """Place what can be placed. Returns what could not, and why: nobody can block a batch.

        The orders of one account should stand together: each group of them is judged by the money
        the account had before the batch. If in total it has not enough, the batch is refused.
        """
        skipped = []
        with self.all_or_nothing():
            purses: list[Purse] = []
            money = {address: one.free for address, one in self.ledger.accounts.items()}
            for index, item in enumerate(items):
                reason = self._reason_to_skip(item, now)
                if reason is None:
                    assert item.signer is not None
                    if not purses or purses[-1].account.address != item.signer:
                        account = self.ledger.account(item.signer)
                        purses.append(Purse(account, money[item.signer]))
                    try:
                        self._place_signed(purses[-1], item, now)
                    except Refused as refusal:
                        reason = REASONS[refusal.error_name]
                if reason is not None:
                    skipped.append(Skipped(index, item.signer, reason))
            self._pay(purses, now)
        return skipped

    def _pay(self, purses: Sequence[Purse], now: int) -> None:
        for purse in purses:
            try:
                self.ledger.adjust_lock(purse.account, purse.locks, now)
            except Refused as refusal:
                raise Refused("SignerSplit", signer=purse.account.address) from refusal

    def _reason_to_skip(self, item: SignedCurve, now: int) -> SkipReason | None:
        if item.signer is None:
            return SkipReason.SIGNATURE
        account = self.ledger.accounts.get(item.signer)
        if account is None:
            return SkipReason.UNKNOWN_SIGNER
        if item.signed_at > now:
            return SkipReason.FROM_THE_FUTURE
        newest = [
            record.signed_at
            for record in self.curves.values()
            if (record.account_id, record.product.id)
            == (account.account_id, RawCurve.of(item.curve).product_id)
        ]
        if newest and item.signed_at <= newest[0]:
            return SkipReason.SUPERSEDED
        if item.signed_at <= self.voided_at.get(item.signer, -1):
            return SkipReason.VOIDED
        return None

    def _place_signed(self, purse: Purse, item: SignedCurve, now: int) -> None:
        """As an order of its own, but money is looked at before the place in the book."""
        account = purse.account
        given = RawCurve.of(item.curve)
        product = self._product_of(account, given)
        if now < product.opens_at:
            raise Refused("NotOpenYet", now=now, opensAt=product.opens_at)
        self._refuse_closed(product, now)
        curve = self._checked_curve(product, given, now)
        lock_delta = self._lock_change(account, curve)
        if lock_delta > 0:
            self.ledger.require_may_lock(account)
            if purse.locks + lock_delta > purse.free:
                raise Refused("InsufficientFree", needed=purse.locks + lock_delta)
        with self.all_or_nothing():
            self.ledger.bring_forward(account, now)
            self._refuse_settled(account, product)
            self._enter_curve(account, curve, item.signed_at, now)
        purse.locks += lock_delta

    def _lock_change(self, account: Account, curve: Curve) -> int:
        before = self.curve_of(account.account_id, curve.product)
        after = AuctionRecord(curve.product, account.account_id, curve.steps, 0)
        lock = self.lock_of_curve(after)
        return lock if before is None else lock - self.lock_of_curve(before)

    def void_signed_orders(self, sender: str, now: int) -> None:
        """All that the sender signed until now counts for nothing, unless it stands already."""
        self.voided_at[sender] = now

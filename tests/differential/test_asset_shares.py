"""Shares of an asset under any actions, against a model (I-35 to I-38).

Holders trade, the asset earns, anybody collects, gives and claims, bidders offer and outbid,
holders vote, somebody buys or redeems, time passes. After each action:

- I-35: all shares are with holders, and the asset is the vault's while its shares are;
- I-36: what was claimed and what can be claimed is within what was received, and at most one unit
  a holder short of it; the vault holds every unit that it owes, to holders and to bidders;
- I-37: what each holder can claim is what the model says, which moves no revenue with shares; and
  a transfer changes no claim at all;
- I-38: out of the vault came what holders earned and what bidders had paid in, and no more.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any, ClassVar, Final

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from energy_grid.shares import NOBODY, Revenue, ShareBook, VaultStatus
from tests.unit.asset_nft.stage import ALICE, ANYBODY, Person
from tests.unit.asset_shares.stage import (
    BOB,
    CAROL,
    COIN,
    DAVE,
    RESERVE,
    WINDOW,
    Account,
    ShareStage,
)
from tests.utils.revm import Refused

PEOPLE: Final = (ALICE, BOB, CAROL, DAVE)
SHARES: Final = 97
FIRST_SOLD: Final = (27, 25, 15)
"""Without one of the three larger holders the others have between 66 % and 75 % of all shares."""
SALE_PERCENT: Final = 75
TWENTIETHS: Final = 20
DEEP: Final = 1_000

Claims = dict[tuple[Revenue, str], int]

people = st.sampled_from(PEOPLE)
kinds = st.sampled_from(Revenue)


class ModelOffer:
    """An offer that stands."""

    def __init__(self, bidder: str, amount: int, ends_at: int, held: dict[str, int]) -> None:
        self.bidder, self.amount, self.ends_at, self.held = bidder, amount, ends_at, held
        self.votes = 0
        self.voted: set[str] = set()


class EveryRule:
    """All rules may be chosen."""

    def is_enabled(self, _name: str) -> bool:
        return True


class ShareMachine(RuleBasedStateMachine):
    """One vault, from its first share to its end and after it."""

    stage: ClassVar[ShareStage]
    reached: ClassVar[Counter[str]] = Counter()

    def __init__(self) -> None:
        super().__init__()
        self._rules_strategy.enabled_rules_strategy = st.just(EveryRule())
        self.origin = self.stage.remember()
        self.vault, self.device = self.stage.running(shares=SHARES)
        self.book = ShareBook()
        self.book.move(NOBODY, ALICE.address, SHARES)
        for holder, shares in zip((BOB, CAROL, DAVE), FIRST_SOLD, strict=True):
            self.vault.send(ALICE.address, "transfer", holder.address, shares)
            self.book.move(ALICE.address, holder.address, shares)
        self.status = VaultStatus.OPEN
        self.owner = ""
        self.due = 0
        self.offer: ModelOffer | None = None
        self.offers = 0
        self.refunds: dict[str, int] = defaultdict(int)
        self.surplus = {Revenue.MONEY: 0, Revenue.CERTIFICATES: 0}
        self.wallets = 0
        self.taken = False
        self.steps = 0
        self.stage.pass_seconds(1)

    def teardown(self) -> None:
        self.stage.restore(self.origin)

    # --- helpers ----------------------------------------------------------------------------------

    def expect(self, error: str, sender: str, function: str, *arguments: Any) -> Any:
        """Call; it must be refused by this error, or by none if that is empty."""
        try:
            answer = self.vault.send(sender, function, *arguments)
        except Refused as refused:
            assert refused.name == error
            return None
        assert not error
        return answer

    @property
    def money_in_account(self) -> int:
        account = self.stage.account(self.vault.address)
        return int(account.free + account.locked + account.security - account.arrears)

    def end_offer(self) -> None:
        assert self.offer is not None
        self.refunds[self.offer.bidder] += self.offer.amount
        self.offer = None

    def accepted(self) -> bool:
        return self.offer is not None and self.offer.votes * 100 >= SHARES * SALE_PERCENT

    def divide_surplus(self, kind: Revenue) -> int:
        """What the vault does with what is there and owed to nobody."""
        amount, self.surplus[kind] = self.surplus[kind], 0
        for_shares = amount
        if self.status is not VaultStatus.OPEN:
            for_shares = min(amount, self.due) if kind is Revenue.MONEY else 0
            self.due -= for_shares
        if for_shares:
            self.book.divide(kind, for_shares)
        if amount != for_shares:
            self.book.assign(kind, self.owner, amount - for_shares)
        return amount

    # --- shares -----------------------------------------------------------------------------------

    @rule(sender=people, to=people, percent=st.integers(0, 100))
    def transfer(self, sender: Person, to: Person, percent: int) -> None:
        """I-37: no claim of anybody changes."""
        balance = self.book.balances[sender.address]
        shares = balance * percent // 100
        before = self.claims()
        error = "" if self.status is VaultStatus.OPEN else "NotTransferable"
        self.expect(error, sender.address, "transfer", to.address, shares)
        assert self.claims() == before
        if not error:
            self.book.move(sender.address, to.address, shares)
            self.reached["sold with a claim"] += shares > 0 and any(before.values())

    @rule(sender=people, to=people)
    def transfer_too_many(self, sender: Person, to: Person) -> None:
        shares = self.book.balances[sender.address] + 1
        error = "ERC20InsufficientBalance" if self.status is VaultStatus.OPEN else "NotTransferable"
        self.expect(error, sender.address, "transfer", to.address, shares)

    @precondition(lambda self: self.steps > 20)
    @rule(to=people, buys=st.booleans())
    def gather_and_redeem(self, to: Person, buys: bool) -> None:
        """Somebody buys what all others have, or wants to redeem without."""
        for holder in PEOPLE if buys and self.status is VaultStatus.OPEN else ():
            if holder != to:
                self.transfer(holder, to, 100)
        self.redeem(to)

    # --- revenue ----------------------------------------------------------------------------------

    @rule(wh=st.integers(0, 3_000))
    def earn(self, wh: int) -> None:
        before = self.stage.energy.ask("balanceOf", self.vault.address)
        self.stage.earn(self.vault, self.device, wh)
        minted = self.stage.energy.ask("balanceOf", self.vault.address) - before
        self.surplus[Revenue.CERTIFICATES] += minted

    @rule(amount=st.integers(1, 10 * COIN))
    def give(self, amount: int) -> None:
        """Tokens that nobody has asked for."""
        self.stage.give(self.vault.address, amount)
        self.surplus[Revenue.MONEY] += amount

    @rule(kind=kinds)
    def collect(self, kind: Revenue) -> None:
        account = self.stage.account(self.vault.address)
        if kind is Revenue.MONEY:
            kept = RESERVE if self.status is VaultStatus.OPEN else 0
            self.surplus[kind] += max(account.free - kept, 0)
        was_due = self.due
        amount = self.divide_surplus(kind)
        assert self.vault.send(ANYBODY, "collect", kind) == amount
        self.reached["collected"] += amount > 0
        self.reached["paid what was due"] += self.due < was_due
        self.reached["earned by the owner"] += self.status > VaultStatus.OPEN and amount > was_due

    @rule(kind=kinds, holder=people, to=people)
    def claim(self, kind: Revenue, holder: Person, to: Person) -> None:
        earnings = self.book.earnings[kind]
        amount = earnings.claimable(holder.address)
        error = "" if amount else "NothingToClaim"
        if holder == to:
            answer = self.expect(error, ANYBODY, "claim", kind, holder.address)
        else:
            answer = self.expect(error, holder.address, "claimTo", kind, to.address)
        if amount:
            assert answer == amount
            earnings.paid[holder.address] += amount
            if kind is Revenue.MONEY:
                self.wallets += amount
            self.reached["claimed"] += 1

    @rule()
    def everybody_claims(self) -> None:
        for holder in PEOPLE:
            self.claim(Revenue.MONEY, holder, holder)

    # --- offers -----------------------------------------------------------------------------------

    @rule(bidder=people, amount=st.one_of(st.integers(0, 300), st.integers(1, 500 * COIN)))
    def make_offer(self, bidder: Person, amount: int) -> None:
        self.stage.pass_seconds(1)  # votes are those of the second before
        error, standing = "", self.offer
        if self.status is not VaultStatus.OPEN:
            error = "WrongStatus"
        elif standing is not None and self.stage.chain.now < standing.ends_at:
            lowest = standing.amount - -standing.amount // TWENTIETHS
            error = "OfferTooLow" if amount < lowest else ""
        elif standing is not None and self.accepted():
            error = "OfferAccepted"
        if not error and not amount:
            error = "OfferTooLow"
        self.stage.give(bidder.address, amount)
        self.wallets += amount
        self.stage.token.send(bidder.address, "approve", self.vault.address, amount)
        number = self.expect(error, bidder.address, "offer", amount)
        self.reached["outbid"] += not error and standing is not None
        if error:
            return
        if standing is not None:
            self.end_offer()
        self.wallets -= amount
        self.offers = number
        ends_at = self.stage.chain.now + WINDOW
        held = dict(self.book.balances)
        self.offer = ModelOffer(bidder.address, amount, ends_at, held)

    @precondition(lambda self: self.offer)
    @rule(bidder=people, short=st.booleans())
    def outbid(self, bidder: Person, short: bool) -> None:
        """By as little as is enough, or by one unit less."""
        assert self.offer is not None
        amount = self.offer.amount - -self.offer.amount // 20
        self.make_offer(bidder, amount - short)

    @precondition(lambda self: self.offers)
    @rule(voter=people)
    def vote(self, voter: Person) -> None:
        offer, error, votes = self.offer, "", 0
        if self.status is not VaultStatus.OPEN:
            error = "WrongStatus"
        elif offer is None:
            error = "MotionNotOpen"
        elif self.stage.chain.now >= offer.ends_at:
            error = "VoteEnded"
        else:
            votes = offer.held.get(voter.address, 0)
            if not votes or voter.address in offer.voted:
                error = "NoVotes"
        answer = self.expect(error, voter.address, "vote", self.offers)
        if not error:
            assert offer is not None
            assert answer == votes
            offer.votes += votes
            offer.voted.add(voter.address)

    @precondition(lambda self: self.offer and self.steps > 10)
    @rule(unwilling=st.sampled_from((None, *PEOPLE)), early=st.booleans())
    def decide(self, unwilling: Person | None, early: bool) -> None:
        """All vote but perhaps one; then the time is over, or nearly."""
        for holder in PEOPLE:
            if holder != unwilling:
                self.vote(holder)
        if early:
            self.wait(7 * 86_400 - 600)
            self.close()
        self.wait(8 * 86_400)
        self.close()
        self.earn(5)
        self.collect(Revenue.MONEY)

    @rule(seconds=st.sampled_from((1, 86_400, 8 * 86_400)))
    def wait(self, seconds: int) -> None:
        self.stage.pass_seconds(seconds)
        self.device.slot = max(self.device.slot, self.stage.chain.now // 900)

    @rule()
    def close(self) -> None:
        offer, error = self.offer, ""
        if self.status is not VaultStatus.OPEN:
            error = "WrongStatus"
        elif offer is None:
            error = "MotionNotOpen"
        elif self.stage.chain.now < offer.ends_at:
            error = "VoteNotEnded"
        sells = self.accepted()
        answer = self.expect(error, ANYBODY, "closeOffer")
        if error or offer is None:
            return
        assert answer is sells
        self.reached["sold" if sells else "not sold"] += 1
        if not sells:
            self.end_offer()
            return
        for kind in Revenue:
            self.divide_surplus(kind)
        self.book.divide(Revenue.MONEY, offer.amount)
        self.offer = None
        self.end(VaultStatus.SOLD, offer.bidder, self.money_in_account)

    @rule(bidder=people, to=people)
    def refund(self, bidder: Person, to: Person) -> None:
        amount = self.refunds.pop(bidder.address, 0)
        error = "" if amount else "NothingToClaim"
        answer = self.expect(error, bidder.address, "takeRefund", to.address)
        if amount:
            assert answer == amount
            self.wallets += amount
            self.reached["refunded"] += 1

    def redeem(self, holder: Person) -> None:
        error = ""
        if self.status is not VaultStatus.OPEN:
            error = "WrongStatus"
        elif self.book.balances[holder.address] != SHARES:
            error = "NotAllShares"
        self.expect(error, holder.address, "redeem")
        if error:
            return
        self.reached["redeemed"] += 1
        if self.offer is not None:
            self.end_offer()
        self.book.move(holder.address, NOBODY, SHARES)
        self.end(VaultStatus.REDEEMED, holder.address, 0)

    @rule(other=st.sampled_from((None, *PEOPLE)))
    def take_asset(self, other: Person | None) -> None:
        """The owner, once the meter is no longer in use."""
        taker = Account(self.owner or ANYBODY) if other is None else other
        asset_id = self.vault.ask("assetId")
        if self.owner != taker.address:
            error = "NotAllowed"
        elif self.taken:
            error = "ERC721InsufficientApproval"
        else:
            self.expect("MeterStillEarns", taker.address, "takeAsset", asset_id, taker.address)
            self.stage.release(asset_id)
            error = ""
        self.expect(error, taker.address, "takeAsset", asset_id, taker.address)
        if not error:
            self.taken = True
            self.reached["taken"] += 1

    def end(self, status: VaultStatus, owner: str, due: int) -> None:
        self.status, self.owner, self.due = status, owner, due
        assert self.vault.ask("owner") == self.vault.ask("manager") == owner
        self.reached["ended with claims"] += any(self.claims().values())

    # --- what always holds ------------------------------------------------------------------------

    def claims(self) -> dict[tuple[Revenue, str], int]:
        return {
            (kind, person.address): self.vault.ask("claimable", kind, person.address)
            for kind in Revenue
            for person in PEOPLE
        }

    @invariant()
    def all_of_it_holds(self) -> None:
        self.steps += 1
        claims = self.claims()
        self.i35_shares_add_up_and_lock_the_asset()
        self.i36_claims_are_within_what_was_received(claims)
        self.i37_every_claim_is_the_models(claims)
        self.i38_what_came_out_was_earned_or_paid_in()

    def i35_shares_add_up_and_lock_the_asset(self) -> None:
        balances = [self.vault.ask("balanceOf", person.address) for person in PEOPLE]
        assert balances == [self.book.balances[person.address] for person in PEOPLE]
        supply = 0 if self.status is VaultStatus.REDEEMED else SHARES
        assert sum(balances) == self.vault.ask("totalSupply") == supply
        assert [self.vault.ask("getVotes", person.address) for person in PEOPLE] == balances
        assert self.vault.ask("status") == self.status
        if self.status is VaultStatus.OPEN:
            owner = self.stage.assets.ask("ownerOf", self.vault.ask("assetId"))
            assert owner == self.vault.address
        assert self.taken == (self.stage.assets.ask("balanceOf", self.vault.address) == 0)

    def i36_claims_are_within_what_was_received(self, claims: Claims) -> None:
        for kind in Revenue:
            received, paid = self.vault.ask("revenueOf", kind)
            claimable = sum(amount for (one, _), amount in claims.items() if one == kind)
            assert 0 <= received - paid - claimable <= len(PEOPLE)
        received, paid = self.vault.ask("revenueOf", Revenue.MONEY)
        escrow = sum(self.refunds.values()) + (self.offer.amount if self.offer else 0)
        held = self.stage.balance(self.vault.address)
        assert held == received - paid + escrow + self.surplus[Revenue.MONEY]

    def i37_every_claim_is_the_models(self, claims: Claims) -> None:
        for (kind, holder), amount in claims.items():
            assert amount == self.book.earnings[kind].claimable(holder)
        assert self.vault.ask("holdersDue") == self.due
        for person in PEOPLE:
            assert self.vault.ask("refundOf", person.address) == self.refunds[person.address]

    def i38_what_came_out_was_earned_or_paid_in(self) -> None:
        money = self.book.earnings[Revenue.MONEY]
        assert sum(self.stage.balance(person.address) for person in PEOPLE) == self.wallets
        for person in PEOPLE:
            assert money.paid[person.address] <= money.earned[person.address]


def run(examples: int, steps: int) -> None:
    profile = settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(ShareMachine, settings=profile)


def test_i35_i38__any_actions__shares_and_money_as_the_model() -> None:
    """Also that the actions got where the rules are interesting."""
    ShareMachine.stage = ShareStage()
    reached = ShareMachine.reached
    reached.clear()
    deep = settings().max_examples >= DEEP
    run(400 if deep else 12, 40)
    for goal in (
        "sold with a claim", "collected", "claimed", "outbid", "refunded", "sold", "not sold",
        "redeemed", "paid what was due", "earned by the owner", "ended with claims", "taken",
    ):  # fmt: skip
        assert reached[goal], f"never {goal}: {reached}"

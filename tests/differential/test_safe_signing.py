"""I-41: two Safes of the same owners beside a model that knows who signed what.

People sign anything: proposals for either Safe, for another chain, for numbers past and to come,
altered ones; by typed data, by eth_sign, by approval on chain. Somebody executes proposals with any
of these signatures in any order. A Safe must execute iff the first `threshold` of them are of
different current owners in the order of their addresses, for exactly this number, chain, Safe and
content; what the tools choose is executed iff enough current owners signed. `make deep` runs 40
times as many sequences.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import ClassVar, Final

import pytest
from eth_keys.constants import SECPK1_N
from eth_utils.address import to_canonical_address
from eth_utils.crypto import keccak
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from energy_grid.safe import SafeError, SafeSetup, SafeTransaction, owners, signatures
from energy_grid.safe.abi import SAFE_ABI
from energy_grid.safe.collecting import require_executable
from energy_grid.safe.creation import SENTINEL
from energy_grid.safe.signatures import OwnerSignature
from tests.unit.safe.stage import ANYBODY, CHAIN_ID, DEPLOYER, PAYEE, PEOPLE, Person, SafeStage
from tests.utils.revm import Contract, Refused

EXAMPLES: Final = 16
STEPS: Final = 40
DEEP_FACTOR: Final = 40
OTHER_CHAIN: Final = 31_337
SIGNERS: Final = (*PEOPLE, Person("outsider"))
BY_ADDRESS: Final = {one.address: one for one in SIGNERS}
RECENT: Final = st.sampled_from([0, 0, 0, 0, 1, 1, 1, 2, 2, 3, 4, 5, 8, 13, 21, 34])
"""How far back to reach among proposals or signatures: mostly a little."""
PLACES: Final = st.sets(st.integers(0, 4), max_size=4)
"""Which owners sign; places past the end begin anew."""

Key = tuple[int, int, SafeTransaction]
"""Chain, Safe and transaction with its number: what a signature is for."""


@dataclass(frozen=True)
class Given:
    """A signature somebody gave.

    `approved`: stands for an approval on chain. `key`: what was signed.
    """

    signer: Person
    raw: bytes
    key: Key
    approved: bool = False


@dataclass
class ModelSafe:
    """What a Safe should be: owners in the order of its list."""

    owners: list[str]
    threshold: int
    nonce: int = 0
    balance: int = 0
    approvals: set[tuple[str, Key]] = field(default_factory=set)

    def counts(self, one: Given, wanted: Key, sender: str) -> bool:
        """Whether a signature is a current owner's for what is wanted."""
        if one.signer.address not in self.owners:
            return False
        if one.approved:
            address = one.signer.address
            return (address, wanted) in self.approvals or sender == address
        return one.key == wanted

    def suffices(self, given: Sequence[Given], wanted: Key, sender: str) -> bool:
        """Whether a list of signatures, in this order, makes the Safe act."""
        used = given[: self.threshold]
        places = [to_canonical_address(one.signer.address) for one in used]
        return (
            len(used) == self.threshold
            and wanted[2].nonce == self.nonce
            and all(self.counts(one, wanted, sender) for one in used)
            and all(a < b for a, b in pairwise(places))
        )

    def signers_of(self, given: Sequence[Given], wanted: Key) -> set[str]:
        """Current owners who signed or approved what is wanted."""
        approved = {address for address, key in self.approvals if key == wanted}
        signed = {one.signer.address for one in given if not one.approved and one.key == wanted}
        return (approved | signed) & {*self.owners}


class SafeMachine(RuleBasedStateMachine):
    """Rules on the left, the model on the right."""

    stage: ClassVar[SafeStage]
    twins: ClassVar[tuple[Contract, Contract]]
    model: ClassVar[type[ModelSafe]] = ModelSafe
    reached: ClassVar[Counter[str]] = Counter()

    @initialize()
    def begin(self) -> None:
        """Two Safes with the same owners and some tokens."""
        self.origin = self.stage.chain.snapshot()
        self.safes = [
            self.model(list(twin.ask("getOwners")), 2, balance=self.balance_of(twin))
            for twin in self.twins
        ]
        self.proposals: list[tuple[int, SafeTransaction]] = []
        self.given: list[Given] = []

    def teardown(self) -> None:
        """Back to the first state."""
        if hasattr(self, "origin"):
            self.stage.chain.revert(self.origin)

    def balance_of(self, twin: Contract) -> int:
        balance: int = self.stage.token.ask("balanceOf", twin.address)
        return balance

    # --- proposing --------------------------------------------------------------------------------

    def _propose(self, which: int, to: str, data: bytes, later: int, places: set[int]) -> None:
        transaction = SafeTransaction(to, data, self.safes[which].nonce + later)
        self.proposals.append((which, transaction))
        self._sign_as_owners_do(0, places)

    def _sign_as_owners_do(self, number: int, places: set[int]) -> None:
        """Owners in some places of the list sign what is proposed."""
        key = self._key(number, CHAIN_ID, "")
        people = self.safes[key[1]].owners
        chosen = {people[place % len(people)] for place in places}
        for person in (one for one in SIGNERS if one.address in chosen):
            raw = signatures.sign(self._digest(key), person.key).signature
            self.given.append(Given(person, raw, key))

    @rule(
        which=st.integers(0, 1),
        amount=st.integers(0, 3),
        later=st.sampled_from([0, 0, 0, 1]),
        places=PLACES,
    )
    def propose_payment(self, which: int, amount: int, later: int, places: set[int]) -> None:
        data = self.stage.token.abi.encode("transfer", PAYEE, amount)
        self._propose(which, self.stage.token.address, data, later, places)

    @rule(
        which=st.integers(0, 1),
        what=st.sampled_from(["add", "remove", "swap", "threshold", "wild"]),
        person=st.sampled_from(SIGNERS),
        other=st.sampled_from(SIGNERS),
        threshold=st.sampled_from([0, 0, 0, 1, 2, 3, 4]),
        places=PLACES,
    )
    def propose_change(
        self,
        which: int,
        what: str,
        person: Person,
        other: Person,
        threshold: int,
        places: set[int],
    ) -> None:
        state = self.stage.state(self.twins[which])
        if what != "wild":  # mostly what makes sense
            outside = [one for one in SIGNERS if one.address not in state.owners]
            other = outside[SIGNERS.index(other) % len(outside)] if outside else other
            person = BY_ADDRESS[state.owners[SIGNERS.index(person) % len(state.owners)]]
        try:
            match what:
                case "add":
                    data = owners.add_owner(state, other.address, threshold or None)
                case "remove":
                    data = owners.remove_owner(state, person.address, threshold or None)
                case "swap":
                    data = owners.swap_owner(state, person.address, other.address)
                case "threshold":
                    data = owners.change_threshold(state, threshold)
                case _:  # past the tools: whatever somebody may think of
                    data = SAFE_ABI.encode("removeOwner", other.address, person.address, threshold)
        except SafeError:
            self.reached["refused by the tools"] += 1
            return
        self._propose(which, state.safe, data, 0, places)

    # --- signing ----------------------------------------------------------------------------------

    def _key(self, number: int, chain: int, wrong: str) -> Key:
        which, transaction = self.proposals[-1 - number % len(self.proposals)]
        match wrong:
            case "nonce":
                transaction = replace(transaction, nonce=transaction.nonce + 1)
            case "data":
                transaction = replace(transaction, data=transaction.data + b"\0")
            case "safe":
                which = 1 - which
        return chain, which, transaction

    def _digest(self, key: Key) -> bytes:
        chain, which, transaction = key
        state = replace(self.stage.state(self.twins[which]), chain_id=chain)
        return state.hash_of(transaction)

    @precondition(lambda self: self.proposals)
    @rule(number=RECENT, places=PLACES)
    def sign(self, number: int, places: set[int]) -> None:
        self._sign_as_owners_do(number, places)

    @precondition(lambda self: self.proposals)
    @rule(
        number=RECENT,
        places=st.sets(st.integers(0, 4), min_size=1),
        extra=st.sampled_from(SIGNERS),
        chain=st.sampled_from([CHAIN_ID] * 2 + [OTHER_CHAIN]),
        wrong=st.sampled_from([""] * 6 + ["nonce", "data", "safe"]),
        form=st.sampled_from(["typed", "typed", "eth_sign", "high s"]),
    )
    def sign_anything(
        self, number: int, places: set[int], extra: Person, chain: int, wrong: str, form: str
    ) -> None:
        """Owners and somebody else sign the proposal, or what only looks like it."""
        people = self.safes[self._key(number, chain, "")[1]].owners
        chosen = {people[place % len(people)] for place in places} | {extra.address}
        key = self._key(number, chain, wrong)
        digest = self._digest(key)
        for person in (one for one in SIGNERS if one.address in chosen):
            signed = digest
            if form == "eth_sign":
                signed = keccak(b"\x19Ethereum Signed Message:\n32" + digest)
            raw = signatures.sign(signed, person.key).signature
            if form == "eth_sign":
                raw = raw[:64] + bytes([raw[64] + 4])
            elif form == "high s":
                s = SECPK1_N - int.from_bytes(raw[32:64], "big")
                raw = raw[:32] + s.to_bytes(32, "big") + bytes([55 - raw[64]])
            self.given.append(Given(person, raw, key))

    @precondition(lambda self: self.proposals)
    @rule(number=RECENT, person=st.sampled_from(SIGNERS))
    def approve(self, number: int, person: Person) -> None:
        key = self._key(number, CHAIN_ID, "")
        safe, twin = self.safes[key[1]], self.twins[key[1]]
        try:
            twin.send(person.address, "approveHash", self._digest(key))
        except Refused:
            assert person.address not in safe.owners
            return
        assert person.address in safe.owners
        safe.approvals.add((person.address, key))
        raw = signatures.approval(person.address).signature
        self.given.append(Given(person, raw, key, approved=True))

    # --- executing --------------------------------------------------------------------------------

    @precondition(lambda self: self.proposals and self.given)
    @rule(
        number=RECENT,
        picks=st.just([]) | st.lists(RECENT, max_size=3),
        fitting=st.integers(0, 4),
        sort=st.sampled_from([True, True, False]),
        sender=st.sampled_from([ANYBODY, *(one.address for one in PEOPLE[:3])]),
    )
    def execute_with_anything(
        self, number: int, picks: list[int], fitting: int, sort: bool, sender: str
    ) -> None:
        """Any signatures in any order, straight to the contract; some may even fit."""
        key = self._key(number, CHAIN_ID, "")
        about = [one for one in self.given[::-1] if one.key[2].data == key[2].data]
        given = about[:fitting]
        given += [self.given[-1 - pick % len(self.given)] for pick in picks]
        if sort:
            given.sort(key=lambda one: to_canonical_address(one.signer.address))
        allowed = self.safes[key[1]].suffices(given, key, sender)
        done = self._execute(key, b"".join(one.raw for one in given), sender, allowed)
        self.reached["anything, done" if done else "anything, refused"] += 1

    @precondition(lambda self: self.proposals)
    @rule(number=RECENT)
    def execute_with_the_tools(self, number: int) -> None:
        """All signatures there are, chosen and ordered by the tools."""
        key = self._key(number, CHAIN_ID, "")
        safe, (_, which, transaction) = self.safes[key[1]], key
        low = [one for one in self.given if int.from_bytes(one.raw[32:64], "big") <= SECPK1_N // 2]
        approved = frozenset(owner for owner, about in safe.approvals if about == key)
        state = replace(self.stage.state(self.twins[which]), approved_by=approved)
        enough = len(safe.signers_of(low, key)) >= safe.threshold
        try:
            packed = require_executable(
                transaction, state, [OwnerSignature(one.signer.address, one.raw) for one in low]
            )
        except SafeError:
            assert not enough or transaction.nonce != safe.nonce
            self.reached["tools, refused"] += 1
            return
        assert enough and transaction.nonce == safe.nonce
        assert len(packed) == 65 * safe.threshold
        done = self._execute(key, packed, ANYBODY, True)
        self.reached["tools, done" if done else "tools, call within refused"] += 1

    def _execute(self, key: Key, packed: bytes, sender: str, allowed: bool) -> bool:
        """Execute; the outcome must be that of the model. Returns whether it was done."""
        _, which, transaction = key
        safe = self.safes[which]
        change = self._effect(safe, transaction) if allowed else None
        try:
            self.stage.execute(transaction, packed, sender=sender, safe=self.twins[which])
        except Refused as error:
            assert change is None, f"refused with {error} what {safe.threshold} owners signed"
            return False
        assert change is not None, "executed what too few owners signed"
        (event,) = self.twins[which].events("ExecutionSuccess")
        assert event.txHash == self._digest(key)
        safe.owners, safe.threshold, safe.balance = change
        safe.nonce += 1
        self.reached["owners changed"] += transaction.to == self.twins[which].address
        return True

    def _effect(
        self, safe: ModelSafe, transaction: SafeTransaction
    ) -> tuple[list[str], int, int] | None:
        """Owners, threshold and balance after the call within; None if it cannot succeed."""
        if transaction.to == self.stage.token.address:
            decoded = self.stage.token.abi.decode_call(transaction.data)
            assert decoded is not None
            amount = decoded[1]["value"]
            after = safe.balance - amount
            return None if after < 0 else (safe.owners, safe.threshold, after)
        decoded = SAFE_ABI.decode_call(transaction.data)
        assert decoded is not None
        function, values = decoded
        people = list(safe.owners)
        threshold = values.get("_threshold", safe.threshold)
        if function == "addOwnerWithThreshold":
            if values["owner"] in people:
                return None
            people.insert(0, values["owner"])
        elif function in ("removeOwner", "swapOwner"):
            old = values["owner" if function == "removeOwner" else "oldOwner"]
            before = [SENTINEL, *people][people.index(old)] if old in people else None
            if before is None or values["prevOwner"] != before:
                return None
            new = [values["newOwner"]] if function == "swapOwner" else []
            if new and new[0] in people:
                return None
            place = people.index(old)
            people[place : place + 1] = new
        return (people, threshold, safe.balance) if 1 <= threshold <= len(people) else None

    # --- what must hold ---------------------------------------------------------------------------

    @invariant()
    def chain_is_as_the_model(self) -> None:
        """Also 1 <= threshold <= owners, and a number used for each execution and nothing else."""
        if not hasattr(self, "safes"):
            return
        for twin, safe in zip(self.twins, self.safes, strict=True):
            assert list(twin.ask("getOwners")) == safe.owners
            assert twin.ask("getThreshold") == safe.threshold
            assert 1 <= safe.threshold <= len(safe.owners) == len({*safe.owners})
            assert twin.ask("nonce") == safe.nonce
            assert self.balance_of(twin) == safe.balance


def machine_settings(examples: int = EXAMPLES) -> settings:
    """Few and always the same, unless the run is a deep one."""
    deep = settings().max_examples >= 2_000
    return settings(
        max_examples=examples * (DEEP_FACTOR if deep else 1),
        stateful_step_count=STEPS,
        deadline=None,
        derandomize=not deep,
        phases=(Phase.explicit, Phase.reuse, Phase.generate),
        suppress_health_check=list(HealthCheck),
    )


@pytest.fixture(scope="module")
def machine() -> type[SafeMachine]:
    stage = SafeStage()
    three = tuple(one.address for one in PEOPLE[:3])
    SafeMachine.stage = stage
    SafeMachine.twins = (stage.safe, stage.create(SafeSetup(three, 2, salt=1)))
    stage.token.send(DEPLOYER, "mint", SafeMachine.twins[1].address, 20)
    return SafeMachine


def test_i41__any_signatures_and_actions__only_what_enough_owners_signed(
    machine: type[SafeMachine],
) -> None:
    """Also that the sequences got where the rules are interesting."""
    machine.reached.clear()

    run_state_machine_as_test(machine, settings=machine_settings())

    reached = machine.reached
    assert reached["tools, done"] + reached["anything, done"] >= 15, reached
    assert reached["tools, refused"] + reached["anything, refused"] >= 60, reached
    assert reached["owners changed"] >= 2, reached

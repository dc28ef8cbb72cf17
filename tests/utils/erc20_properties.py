"""The 25 properties of crytic's ERC-20 list as one state machine for any token.

A `TokenSubject` says how its token is minted, burned and paused, if it is. Each rule checks the
properties it is about on the chain's own answers before and after; those of the state are checked
after every step. A property that fails names itself; `checked` counts how often each had something
to check.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.utils.revm import Contract, Refused

NOBODY: Final = "0x" + "00" * 20
UNLIMITED: Final = 2**256 - 1
HOLDERS: Final = tuple("0x" + f"{index:02x}" * 20 for index in (0xA1, 0xB2, 0xC3))

BASE: Final = tuple(f"ERC20-BASE-{number:03}" for number in range(1, 18))
BURNABLE: Final = ("ERC20-BURNABLE-001",)
BURNABLE_FROM: Final = ("ERC20-BURNABLE-002", "ERC20-BURNABLE-003")
MINTABLE: Final = ("ERC20-MINTABLE-001",)
PAUSABLE: Final = ("ERC20-PAUSABLE-001", "ERC20-PAUSABLE-002")
ALLOWANCE: Final = ("ERC20-ALLOWANCE-001", "ERC20-ALLOWANCE-002")
ALL: Final = BASE + BURNABLE + BURNABLE_FROM + MINTABLE + PAUSABLE + ALLOWANCE

holders = st.sampled_from(HOLDERS)
parts = st.sampled_from((0, 1, 3, 7, 8))
"""Eighths of what there is."""

Act = Callable[[str, int], Any]


@dataclass(frozen=True)
class TokenSubject:
    """A token under test; its first holders must hold something each.

    Attributes:
        token: the token.
        mint: creates tokens for a holder, if the test can make it do so.
        burn: destroys a holder's own tokens, if it can.
        burn_from: the function of the token with which a spender destroys a holder's tokens.
        pause, unpause: functions that halt transfers.
        increase, decrease: functions that change an allowance by a difference.
    """

    token: Contract
    mint: Act | None = None
    burn: Act | None = None
    burn_from: str = ""
    pause: str = ""
    unpause: str = ""
    increase: str = ""
    decrease: str = ""

    @property
    def properties(self) -> tuple[str, ...]:
        """Ids that concern this token; supply is constant only where nobody mints or burns."""
        groups = (
            (BURNABLE, self.burn),
            (BURNABLE_FROM, self.burn_from),
            (MINTABLE, self.mint),
            (PAUSABLE, self.pause),
            (ALLOWANCE, self.increase),
        )
        return BASE + tuple(one for ids, offered in groups if offered for one in ids)


class EveryRule:
    """All rules may be chosen."""

    def is_enabled(self, _name: str) -> bool:
        return True


class PropertyBrokenError(AssertionError):
    """A property does not hold."""


class TokenMachine(RuleBasedStateMachine):
    """Whatever holders and spenders can do, in any order."""

    subject: ClassVar[TokenSubject]
    checked: ClassVar[Counter[str]] = Counter()

    def __init__(self) -> None:
        super().__init__()
        # Hypothesis tries a random subset of the rules in each example; few of them lead far.
        self._rules_strategy.enabled_rules_strategy = st.just(EveryRule())
        self.origin = self.subject.token.chain.snapshot()
        self.supply = self.total()

    def teardown(self) -> None:
        self.subject.token.chain.revert(self.origin)

    # --- helpers ----------------------------------------------------------------------------------

    def send(self, sender: str, function: str, *arguments: Any) -> Any:
        return self.subject.token.send(sender, function, *arguments)

    def total(self) -> int:
        return int(self.subject.token.ask("totalSupply"))

    def balance(self, holder: str) -> int:
        return int(self.subject.token.ask("balanceOf", holder))

    def allowed(self, owner: str, spender: str) -> int:
        return int(self.subject.token.ask("allowance", owner, spender))

    @contextmanager
    def checks(self, *ids: str) -> Iterator[None]:
        """What happens inside is what the properties are about."""
        try:
            yield
        except Refused as error:
            raise PropertyBrokenError(f"{'/'.join(ids)} broken: refused by {error}") from error
        except AssertionError as error:
            raise PropertyBrokenError(f"{'/'.join(ids)} broken: {error}") from error
        self.checked.update(ids)

    def must_refuse(self, sender: str, function: str, *arguments: Any) -> None:
        """A token may say no by an error or by answering false; nothing may move."""
        before = [self.balance(holder) for holder in HOLDERS], self.total()
        try:
            answer = self.send(sender, function, *arguments)
        except Refused:
            answer = False
        assert answer is False, f"{function}{arguments} was let through"
        assert ([self.balance(holder) for holder in HOLDERS], self.total()) == before

    def allow(self, owner: str, spender: str, amount: int) -> None:
        """Set an allowance whatever it was."""
        if self.allowed(owner, spender) != amount:
            self.send(owner, "approve", spender, 0)
            self.send(owner, "approve", spender, amount)

    # --- the state --------------------------------------------------------------------------------

    @invariant()
    def state(self) -> None:
        with self.checks("ERC20-BASE-001"):
            assert self.total() == self.supply, "supply changed without mint or burn"
        balances = [self.balance(holder) for holder in HOLDERS]
        with self.checks("ERC20-BASE-002"):
            assert max(balances) <= self.total()
        with self.checks("ERC20-BASE-003"):
            assert sum(balances) <= self.total()
        with self.checks("ERC20-BASE-004"):
            assert self.balance(NOBODY) == 0

    # --- transfers --------------------------------------------------------------------------------

    @rule(giver=holders, taker=holders, part=parts)
    def transfer(self, giver: str, taker: str, part: int) -> None:
        """BASE-007, -011, -013"""
        own, other = self.balance(giver), self.balance(taker)
        amount = own * part // 8
        name = "011" if not amount else "007" if giver == taker else "013"
        with self.checks(f"ERC20-BASE-{name}"):
            assert self.send(giver, "transfer", taker, amount) is True
            moved = 0 if giver == taker else amount
            assert self.balance(giver) == own - moved
            assert self.balance(taker) == other + moved

    @rule(giver=holders, taker=holders, spender=holders, part=parts, unlimited=st.booleans())
    def transfer_from(
        self, giver: str, taker: str, spender: str, part: int, unlimited: bool
    ) -> None:
        """BASE-008, -012, -014, -017"""
        own, other = self.balance(giver), self.balance(taker)
        amount = own * part // 8
        self.allow(giver, spender, UNLIMITED if unlimited else own + 5)
        before = self.allowed(giver, spender)
        name = "012" if not amount else "008" if giver == taker else "014"
        with self.checks(f"ERC20-BASE-{name}"):
            assert self.send(spender, "transferFrom", giver, taker, amount) is True
            moved = 0 if giver == taker else amount
            assert self.balance(giver) == own - moved
            assert self.balance(taker) == other + moved
        with self.checks("ERC20-BASE-017"):
            after = self.allowed(giver, spender)
            spent = 0 if before == UNLIMITED else amount
            assert after == before - spent, f"{after} left"

    @rule(giver=holders, taker=holders, spender=holders, more=st.sampled_from((1, 2, 10**30)))
    def too_much(self, giver: str, taker: str, spender: str, more: int) -> None:
        """BASE-005, -006, -009, -010"""
        own = self.balance(giver)
        with self.checks("ERC20-BASE-005"):
            self.must_refuse(giver, "transfer", NOBODY, own)
        with self.checks("ERC20-BASE-009"):
            self.must_refuse(giver, "transfer", taker, own + more)
        self.allow(giver, spender, own + more)
        with self.checks("ERC20-BASE-006"):
            self.must_refuse(spender, "transferFrom", giver, NOBODY, own)
        with self.checks("ERC20-BASE-010"):
            self.must_refuse(spender, "transferFrom", giver, taker, own + more)

    @rule(giver=holders, taker=holders, spender=holders, short=st.integers(1, 3))
    def more_than_allowed(self, giver: str, taker: str, spender: str, short: int) -> None:
        """BASE-017: what was not allowed cannot be spent."""
        own = self.balance(giver)
        if own < short:
            return
        self.allow(giver, spender, own - short)
        with self.checks("ERC20-BASE-017"):
            self.must_refuse(spender, "transferFrom", giver, taker, own)

    # --- allowances -------------------------------------------------------------------------------

    @rule(owner=holders, spender=holders, amounts=st.tuples(*[st.integers(0, 2**128)] * 2))
    def approve(self, owner: str, spender: str, amounts: tuple[int, int]) -> None:
        """BASE-015, -016"""
        for turn, amount in enumerate(amounts):
            first = turn == 0 and self.allowed(owner, spender) == 0
            with self.checks("ERC20-BASE-015" if first else "ERC20-BASE-016"):
                assert self.send(owner, "approve", spender, amount) is True
                assert self.allowed(owner, spender) == amount

    @precondition(lambda self: self.subject.increase)
    @rule(owner=holders, spender=holders, amount=st.integers(1, 2**128))
    def change_allowance(self, owner: str, spender: str, amount: int) -> None:
        """ALLOWANCE-001, -002"""
        self.allow(owner, spender, amount)
        before = self.allowed(owner, spender)
        with self.checks("ERC20-ALLOWANCE-001"):
            self.send(owner, self.subject.increase, spender, 2 * amount)
            assert self.allowed(owner, spender) == before + 2 * amount
        with self.checks("ERC20-ALLOWANCE-002"):
            self.send(owner, self.subject.decrease, spender, amount)
            assert self.allowed(owner, spender) == before + amount

    # --- supply -----------------------------------------------------------------------------------

    @precondition(lambda self: self.subject.mint is not None)
    @rule(taker=holders, amount=st.integers(1, 10**12))
    def mint(self, taker: str, amount: int) -> None:
        """MINTABLE-001"""
        assert self.subject.mint is not None
        own = self.balance(taker)
        with self.checks("ERC20-MINTABLE-001"):
            self.subject.mint(taker, amount)
            assert self.balance(taker) == own + amount
            assert self.total() == self.supply + amount
        self.supply += amount

    @precondition(lambda self: self.subject.burn is not None)
    @rule(holder=holders, part=parts)
    def burn(self, holder: str, part: int) -> None:
        """BURNABLE-001"""
        assert self.subject.burn is not None
        own = self.balance(holder)
        amount = own * part // 8
        if not amount:
            return
        with self.checks("ERC20-BURNABLE-001"):
            self.subject.burn(holder, amount)
            assert self.balance(holder) == own - amount
            assert self.total() == self.supply - amount
        self.supply -= amount

    @precondition(lambda self: self.subject.burn_from)
    @rule(holder=holders, spender=holders, part=parts)
    def burn_from(self, holder: str, spender: str, part: int) -> None:
        """BURNABLE-002, -003"""
        own = self.balance(holder)
        amount = own * part // 8
        if not amount:
            return
        self.allow(holder, spender, own + 1)
        before = self.allowed(holder, spender)
        with self.checks("ERC20-BURNABLE-002"):
            self.send(spender, self.subject.burn_from, holder, amount)
            assert self.balance(holder) == own - amount
            assert self.total() == self.supply - amount
        with self.checks("ERC20-BURNABLE-003"):
            assert self.allowed(holder, spender) == before - amount
        self.supply -= amount

    @precondition(lambda self: self.subject.pause)
    @rule(giver=holders, taker=holders, spender=holders)
    def pause(self, giver: str, taker: str, spender: str) -> None:
        """PAUSABLE-001, -002"""
        amount = self.balance(giver) // 2
        self.allow(giver, spender, amount)
        self.send(giver, self.subject.pause)
        with self.checks("ERC20-PAUSABLE-001"):
            self.must_refuse(giver, "transfer", taker, amount)
        with self.checks("ERC20-PAUSABLE-002"):
            self.must_refuse(spender, "transferFrom", giver, taker, amount)
        self.send(giver, self.subject.unpause)


def check_token(subject: TokenSubject, examples: int = 3, steps: int = 45) -> Counter[str]:
    """Run the machine on a token; answers how often each property was checked.

    Raises:
        PropertyBrokenError: a property does not hold.
        AssertionError: one that concerns the token was never checked, or the token offers something
            that its subject does not name.
    """
    _nothing_is_left_out(subject)
    TokenMachine.subject = subject
    TokenMachine.checked.clear()
    run_state_machine_as_test(
        TokenMachine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            derandomize=True,
            database=None,
            phases=(Phase.generate,),
            report_multiple_bugs=False,
            suppress_health_check=list(HealthCheck),
        ),
    )
    idle = [one for one in subject.properties if not TokenMachine.checked[one]]
    assert not idle, f"never had anything to check: {idle}"
    return TokenMachine.checked


def _nothing_is_left_out(subject: TokenSubject) -> None:
    chain, name = subject.token.chain, subject.token.abi.name
    functions = {entry.get("name") for entry in chain.artifacts.get(name).abi}
    for function, offered in (
        ("mint", subject.mint),
        ("burn", subject.burn),
        ("retire", subject.burn),
        ("burnFrom", subject.burn_from),
        ("pause", subject.pause),
        ("increaseAllowance", subject.increase),
    ):
        assert function not in functions or offered, f"{name} has {function}: name it"

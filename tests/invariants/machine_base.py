"""The core of the lock-step machine: both worlds, what was seen before and after a step."""

from __future__ import annotations

import random
from typing import ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine

from energy_grid.model.ledger import Account
from energy_grid.model.market import Market
from energy_grid.products import Product
from tests.invariants.chain import Receipt
from tests.invariants.observation import Place, Seen, Touched, differences, observe
from tests.invariants.world import HOMES, TRADERS, World

ACTORS = (*(home.name for home in HOMES), *TRADERS)
seeds = st.integers(0, 2**32 - 1)
picks = st.integers(0, 255)
actors = st.sampled_from(ACTORS)

MAX_DAYS = 36
"""An example stays inside one turn of the 42-day storage rings."""


class EveryRule:
    """All rules may be chosen."""

    def is_enabled(self, _name: str) -> bool:
        """Whether a rule may be chosen."""
        return True


class MachineBase(RuleBasedStateMachine):
    """Both worlds, put back to where they were after each example."""

    world: ClassVar[World]
    origin: ClassVar[tuple[tuple[str, int], Market]]
    steps: ClassVar[int] = 0

    def __init__(self) -> None:
        super().__init__()
        # Hypothesis tries a random subset of the rules in each example. With some forty rules that
        # leaves most examples without trade or without time, so all rules stay in.
        self._rules_strategy.enabled_rules_strategy = st.just(EveryRule())
        self.touched = Touched()
        self.receipts: list[Receipt] = []
        self.actors_of_step: set[str] = set()
        self.unchecked = True
        self.orders: list[int] = []
        self.started_at = self.world.chain.now
        self.world.judged.clear()
        self.before: Seen | None = None
        self._seen: Seen | None = observe(self.world, self.touched)

    def teardown(self) -> None:
        """Revert the fork and the model, and keep a fresh snapshot for the next example."""
        cls = type(self)
        self.world.restore(cls.origin)
        cls.origin = (self.world.chain.snapshot(), cls.origin[1])

    # --- a step ---

    def begin(self, *names: str) -> None:
        """Start a step: forget what the last one touched."""
        type(self).steps += 1
        self.unchecked = True
        self.before = self.seen
        self._seen = None
        self.touched = Touched()
        self.receipts = []
        self.world.signed.clear()
        self.world.judged.clear()
        self.actors_of_step = {self.world.address(name) for name in names}

    def note(self, receipt: Receipt) -> Receipt:
        """Remember a transaction of this step."""
        self.receipts.append(receipt)
        return receipt

    @property
    def seen(self) -> Seen:
        """The chain after the step."""
        if self._seen is None:
            self._seen = observe(self.world, self.touched)
        return self._seen

    def chain_and_model_agree(self) -> None:
        """The lock-step itself."""
        found = differences(self.world, self.seen)
        assert not found, "; ".join(found)

    # --- who and what ---

    @property
    def now(self) -> int:
        """Time of the next block."""
        return self.world.chain.next_block_at

    @property
    def model(self) -> Market:
        """The model."""
        return self.world.model

    def account(self, name: str) -> Account:
        """An actor's account in the model."""
        return self.model.ledger.accounts[self.world.address(name)]

    def touch(self, address: str, product: Product) -> None:
        """The step may change this account's orders in this product."""
        if address in self.model.ledger.accounts:
            self.touched.places.add(Place(address, product))

    def touch_order(self, order_id: int) -> None:
        """The step may change this order."""
        product = Product.from_id(order_id >> 72)
        owner = self.model.ledger.account_by_id(order_id >> 48 & 0xFFFFFF)
        self.touch(owner.address, product)

    @staticmethod
    def dice(seed: int) -> random.Random:
        """Many small choices from one drawn number."""
        return random.Random(seed)

    def young(self) -> bool:
        """Whether the example may let more time pass."""
        return self.now < self.started_at + (MAX_DAYS - 3) * 86_400

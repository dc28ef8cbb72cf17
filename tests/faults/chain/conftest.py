"""A chain with a contract that counts effects by key, and senders to it.

The effect of row `effect/<n>` is one call `make(n)`: the counts tell how often each was made.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account
from eth_account.signers.local import LocalAccount

from energy_grid.contracts import Contract
from energy_grid.errors import RetryableError
from energy_grid.outbox import FeePolicy, Outbox, Sender, State
from energy_grid.rpc import Rpc
from tests.utils.anvil import Anvil
from tests.utils.effects import deploy_effects
from tests.utils.fault_proxy import FaultProxy

GWEI = 10**9
KEEPS_STATES = ("--prune-history", "400")
"""Of old states on disk Anvil 1.7.1 forgets the code of contracts: a reorg must find them in
memory."""


class World:
    """One chain, one account, one outbox."""

    def __init__(self, chain: Anvil, folder: Path, *, refuses_repeats: bool = False) -> None:
        self.chain = chain
        self.rpc = chain.rpc
        self.folder = folder
        self.account: LocalAccount = Account.create()
        self.fund(10**21)
        self.effects: Contract = deploy_effects(chain.rpc, refuses_repeats=refuses_repeats)
        self.outbox = Outbox(folder / "outbox.sqlite")
        self.senders: list[Sender] = []

    def fund(self, wei: int) -> None:
        """Give the account exactly this much."""
        self.rpc.call("anvil_setBalance", self.account.address, hex(wei))

    def sender(self, **options: Any) -> Sender:
        """A sender of the outbox; the one before it must have been stopped."""
        options = {
            "confirmations": 4,
            "fees": FeePolicy(priority_fee_wei=GWEI),
            "lock_folder": self.folder / "locks",
            "decode_error": lambda data: str(self.effects.decode_error(data)),
            **options,
        }
        sender = Sender(
            options.pop("outbox", self.outbox),
            options.pop("rpc", self.rpc),
            self.account,
            **options,
        )
        self.senders.append(sender)
        return sender

    def plan(self, count: int, first: int = 0, outbox: Outbox | None = None) -> None:
        """Plan effects."""
        for key in range(first, first + count):
            (outbox or self.outbox).enqueue(
                f"effect/{key}", self.effects.address, self.effects.encode("make", key), gas=100_000
            )

    def counts(self, count: int, first: int = 0) -> list[int]:
        """How often each effect was made."""
        return list(self.effects.call("countsOf", first, count))

    def state_of(self, key: int) -> State:
        """State of an effect's row."""
        row = self.outbox.get(f"effect/{key}")
        assert row is not None
        return row.state

    def finish(self, sender: Sender, *, blocks: int = 8) -> None:
        """Mine and send until every row is final, as a daemon would that tries again."""
        for _ in range(200):
            try:
                if not sender.run_once().waiting:
                    return
            except RetryableError:
                time.sleep(0.05)
            self.chain.mine(blocks)
        raise AssertionError(f"still open: {[r.business_key for r in self.outbox.rows()]}")

    def assert_as_without_faults(self, count: int) -> None:
        """Every effect once, every row final, and as many nonces used as rows were sent."""
        assert self.counts(count) == [1] * count
        rows = [self.outbox.get(f"effect/{key}") for key in range(count)]
        assert {row.state for row in rows if row is not None} == {State.FINAL}
        assert int(self.effects.call("total")) == count

    def foreign(self, nonce: int, *, tip: int = 2 * GWEI, value: int = 0) -> str:
        """A transaction of the account that the outbox does not know."""
        signed = self.account.sign_transaction(
            {
                "type": 2,
                "chainId": self.chain.chain_id,
                "nonce": nonce,
                "to": self.account.address,
                "value": value,
                "gas": 21_000,
                "maxFeePerGas": 100 * GWEI,
                "maxPriorityFeePerGas": tip,
                "data": "0x",
            }
        )
        return self.rpc.send_raw(bytes(signed.raw_transaction))


@pytest.fixture(scope="module")
def node() -> Iterator[Anvil]:
    """A chain with fees, shared by a module's tests."""
    with Anvil(free_gas=False, arguments=KEEPS_STATES) as chain:
        yield chain


@pytest.fixture
def world(node: Anvil, tmp_path: Path) -> Iterator[World]:
    """An account, a contract and an outbox of their own; blocks come when the test mines them."""
    node.rpc.call("evm_setAutomine", True)
    made = World(node, tmp_path)
    node.rpc.call("evm_setAutomine", False)
    yield made
    for sender in made.senders:
        sender.stop()
    node.rpc.call("anvil_dropAllTransactions")
    node.rpc.call("evm_setAutomine", True)
    node.rpc.call("anvil_setNextBlockBaseFeePerGas", hex(GWEI))
    node.mine()


@pytest.fixture
def proxies(node: Anvil) -> Iterator[Callable[[], FaultProxy]]:
    """Proxies in front of the node."""
    made: list[FaultProxy] = []

    def make() -> FaultProxy:
        made.append(FaultProxy(node.url))
        return made[-1]

    yield make
    for proxy in made:
        proxy.close()


@pytest.fixture
def rpcs() -> Iterator[Callable[[Rpc], Rpc]]:
    """Closes connections with the test."""
    made: list[Rpc] = []

    def keep(rpc: Rpc) -> Rpc:
        made.append(rpc)
        return rpc

    yield keep
    for rpc in made:
        rpc.close()

"""X-01 to X-09 and X-19 together: two nodes, and faults of all kinds at random, one on another."""

from __future__ import annotations

import contextlib
import os
import random
import time

import pytest

from energy_grid.errors import RetryableError
from energy_grid.outbox import FeePolicy, State
from energy_grid.rpc import RpcResponseError
from energy_grid.rpc_pool import PoolPolicy, RpcPool
from tests.faults.chain.conftest import GWEI, World
from tests.utils.fault_proxy import FaultProxy, Lies, Mood

SEED = int(os.environ.get("EG_FAULT_SEED", "20261130"))
STEPS = int(os.environ.get("EG_FAULT_STEPS", "100"))
KEYS = 100
POLICY = PoolPolicy(
    survey_seconds=0.05,
    probe_seconds=0.2,
    first_back_off_seconds=0.01,
    longest_back_off_seconds=0.1,
)


class Chaos:
    """Faults by chance; each lasts until the next step or the next cure."""

    def __init__(self, world: World, proxies: list[FaultProxy], chance: random.Random) -> None:
        self._world = world
        self._proxies = proxies
        self._chance = chance
        self.done: dict[str, int] = {}

    def step(self) -> None:
        """One fault, or none."""
        faults = [
            self.mood, self.lag, self.fewer_nonces, self.reorg, self.drop, self.spike, self.foreign,
            self.no_money, self.cure, self.cure,
        ]  # fmt: skip
        fault = self._chance.choice(faults)
        fault()
        self.done[fault.__name__] = self.done.get(fault.__name__, 0) + 1

    def mood(self) -> None:
        moods = [mood for mood in Mood if mood is not Mood.HANGING]
        self._chance.choice(self._proxies).mood = self._chance.choice(moods)

    def lag(self) -> None:
        lag = self._chance.randint(1, 25)
        self._chance.choice(self._proxies).lies = Lies(blocks_behind=lag)

    def fewer_nonces(self) -> None:
        self._chance.choice(self._proxies).lies = Lies(nonces_less=self._chance.randint(1, 3))

    def reorg(self) -> None:
        self._world.rpc.call("anvil_reorg", self._chance.randint(1, 16), [])

    def drop(self) -> None:
        self._world.rpc.call("anvil_dropAllTransactions")

    def spike(self) -> None:
        wei = self._chance.choice((1, 5, 40)) * GWEI
        self._world.rpc.call("anvil_setNextBlockBaseFeePerGas", hex(wei))

    def foreign(self) -> None:
        if self._chance.random() < 0.2:
            with contextlib.suppress(RpcResponseError):  # no money, or ours offers more
                self._world.foreign(self._world.rpc.nonce(self._world.account.address))

    def no_money(self) -> None:
        self._world.fund(1_000)

    def cure(self) -> None:
        for proxy in self._proxies:
            proxy.mood, proxy.lies = Mood.GOOD, Lies()
        self._world.fund(10**21)


@pytest.mark.faults_long
@pytest.mark.parametrize("offset", range(2))
def test_random_faults__x01_to_x09_and_x19_together__as_without_faults(
    world, proxies, rpcs, offset
):
    """X-01 to X-09, X-19: whatever happens to nodes, pool, fees and chain at once."""
    print(f"seed {SEED + offset}: set EG_FAULT_SEED to repeat it")
    chance = random.Random(SEED + offset)
    pair = [proxies(), proxies()]
    chaos = Chaos(world, pair, chance)
    pool = RpcPool([proxy.url for proxy in pair], timeout_seconds=1.0, policy=POLICY)
    rpcs(pool)
    fees = FeePolicy(priority_fee_wei=GWEI, max_fee_cap_wei=100 * GWEI)
    sender = world.sender(rpc=pool, confirmations=64, fees=fees)
    world.chain.mine(20)
    sender.run_once()
    delays = 0
    for step in range(STEPS):
        world.plan(min(KEYS, step + 1))
        chaos.step()
        for _ in range(3):
            try:
                sender.run_once()
            except RetryableError:
                delays += 1
            if chance.random() < 0.8:
                world.chain.mine(chance.choice((1, 1, 2, 5)))
        time.sleep(chance.uniform(0.0, 0.05))
    world.plan(KEYS)
    chaos.cure()
    world.rpc.call("anvil_setNextBlockBaseFeePerGas", hex(GWEI))
    for _ in range(600):
        with contextlib.suppress(RetryableError):
            if not sender.run_once().waiting:
                break
        world.chain.mine(2)
        time.sleep(0.01)
    status = sender.status()
    print(f"{chaos.done}, {delays} delays, {status}")

    rows = [world.outbox.get(f"effect/{key}") for key in range(KEYS)]
    assert {row.state for row in rows} == {State.FINAL}
    world.assert_as_without_faults(KEYS)
    assert delays > 0
    assert status.rpc_failovers > 0
    assert status.rows_reorged > 0

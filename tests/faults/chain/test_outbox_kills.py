"""X-03: SIGKILL at each edge of the outbox, and a hundred of them at random among deep reorgs."""

from __future__ import annotations

import contextlib
import os
import random
import time

import pytest
from eth_account import Account

from energy_grid.outbox import STRAIGHT_EDGES, Edge, ForeignTransactionError, Outbox, State
from tests.faults.chain.conftest import KEEPS_STATES, World
from tests.utils.anvil import Anvil
from tests.utils.effects import deploy_effects
from tests.utils.outbox_nursery import Brood, Nursery

KILLS = int(os.environ.get("EG_FAULT_KILLS_OUTBOX", "100"))
KEYS = 200
CONFIRMATIONS = 64
DEEPEST = 64
LONGEST_LIFE_SECONDS = 0.5
SEED = int(os.environ.get("EG_FAULT_SEED", "20261130"))

BUMP_EDGES = (Edge.BUMP_SIGNED_IN_MEMORY, Edge.BUMP_STORED, Edge.BROADCAST, Edge.SENT)
REORG_EDGES = (Edge.REORG_SEEN, Edge.REORGED, Edge.BROADCAST, Edge.SENT)
GAP_EDGES = (
    Edge.GAP_SEEN,
    Edge.GAP_PLANNED,
    Edge.BEFORE_RESERVE,
    Edge.RESERVED,
    Edge.SIGNED_IN_MEMORY,
    Edge.STORED,
    Edge.BROADCAST,
    Edge.SENT,
)


@pytest.fixture(scope="module")
def nursery():
    """Loads the program once."""
    made = Nursery()
    yield made
    made.close()


class Killed(BaseException):
    """Nothing catches it, as nothing catches SIGKILL; what is on disk stays."""


def kill_at(edge: Edge, *, after: Edge | None = None):
    """A hook that kills at an edge, from the moment on when another one was passed."""
    armed = after is None

    def on_edge(name: Edge) -> None:
        nonlocal armed
        armed = armed or name is after
        if armed and name is edge:
            raise Killed

    return on_edge


def die_and_start_again(world: World, edge: Edge, *, after: Edge, confirmations: int = 12):
    """A sender that dies at an edge in its next cycle, and the one that comes after it."""
    victim = world.sender(confirmations=confirmations, on_edge=kill_at(edge, after=after))
    with pytest.raises(Killed):
        victim.run_once()
        world.chain.mine()
        victim.run_once()
    victim.stop()
    return world.sender(confirmations=confirmations)


@pytest.mark.parametrize("edge", BUMP_EDGES)
def test_killed__x03_while_fees_are_raised__one_nonce_and_one_effect(world, edge):
    """X-03 at the edges of raising fees: the attempt is on disk or was never seen by anybody."""
    world.plan(1)
    first = world.sender()
    first.run_once()
    first.stop()
    world.rpc.call("evm_setBlockGasLimit", hex(50_000))
    world.chain.mine(3)
    world.rpc.call("evm_setBlockGasLimit", hex(30_000_000))

    second = die_and_start_again(world, edge, after=Edge.BUMP_SIGNED_IN_MEMORY)
    begun = time.monotonic()
    second.run_once()

    assert time.monotonic() - begun < 5, "reconciled at start"
    world.finish(second)
    assert world.rpc.nonce(world.account.address) == 1
    assert len(world.outbox.attempts(world.outbox.get("effect/0"))) <= 2
    world.assert_as_without_faults(1)


@pytest.mark.parametrize("edge", REORG_EDGES)
def test_killed__x03_while_a_reorg_is_taken_in__same_bytes_and_one_effect(world, edge):
    """X-03 at the edges of a reorg."""
    world.plan(2)
    first = world.sender(confirmations=12)
    first.run_once()
    world.chain.mine()
    first.run_once()
    world.rpc.call("anvil_reorg", 1, [])
    first._work.on_edge = kill_at(edge, after=Edge.REORG_SEEN)  # it has seen the block that is gone
    with pytest.raises(Killed):
        first.run_once()
    first.stop()

    second = world.sender(confirmations=12)
    world.finish(second)

    assert world.rpc.nonce(world.account.address) == 2
    world.assert_as_without_faults(2)


@pytest.mark.parametrize("edge", GAP_EDGES)
def test_killed__x03_while_a_gap_is_filled__filled_once(world, edge):
    """X-03 at the edges of filling a missing nonce."""
    world.foreign(0)
    world.chain.mine()
    world.plan(2)
    first = world.sender(confirmations=12)
    first.run_once()
    world.chain.mine()
    first.run_once()
    first.stop()
    world.rpc.call("anvil_reorg", 2, [])

    second = die_and_start_again(world, edge, after=Edge.GAP_SEEN)
    for _ in range(6):
        with contextlib.suppress(ForeignTransactionError):
            second.run_once()
        world.chain.mine()

    world.finish(second)
    assert world.rpc.nonce(world.account.address) == 3
    world.assert_as_without_faults(2)


@pytest.mark.parametrize("edge", STRAIGHT_EDGES)
def test_killed__x03_sigkill_at_each_straight_edge__each_effect_once(
    world, nursery, tmp_path, edge
):
    """X-03: a real process, a real SIGKILL, at the second time it gets there."""
    brood = Brood(
        nursery,
        tmp_path,
        world.chain.url,
        world.account,
        world.effects.address,
        keys=3,
        confirmations=2,
    )
    pid = brood.start(edge=edge.value, occurrence=2)
    deadline = time.monotonic() + 60
    while brood.is_alive(pid):
        assert time.monotonic() < deadline, "it never came to this edge"
        world.chain.mine()
        time.sleep(0.02)
    pid = brood.start()
    while world.outbox.count(State.FINAL) < 3:
        assert time.monotonic() < deadline, brood.log()
        world.chain.mine()
        time.sleep(0.02)
    brood.kill(pid)

    assert world.rpc.nonce(world.account.address) == 3
    world.assert_as_without_faults(3)


@pytest.mark.faults_long
def test_hundred_kills__x03_x08_among_reorgs_of_depth_1_to_64__each_effect_once(nursery, tmp_path):
    """X-03 and X-08 in one run: 200 effects, a process that is killed 100 times at random moments,
    and reorgs of random depth in between. In the end each effect exists once, and none is lost."""
    print(f"seed {SEED}: set EG_FAULT_SEED to repeat it")
    chance = random.Random(SEED)
    begun = time.monotonic()
    with Anvil(free_gas=False, arguments=KEEPS_STATES) as chain:
        account = Account.create(str(SEED))
        chain.rpc.call("anvil_setBalance", account.address, hex(10**21))
        effects = deploy_effects(chain.rpc, refuses_repeats=False)
        chain.rpc.call("evm_setAutomine", False)
        chain.mine(DEEPEST + 1)
        brood = Brood(
            nursery,
            tmp_path,
            chain.url,
            account,
            effects.address,
            keys=KEYS,
            confirmations=CONFIRMATIONS,
        )
        outbox = Outbox(brood.outbox)
        kills = reorgs = vanished = 0
        while kills < KILLS:
            pid = brood.start(planned=min(KEYS, 2 * (kills + 1)))
            end = time.monotonic() + chance.uniform(0.0, LONGEST_LIFE_SECONDS)
            while time.monotonic() < end:
                if chance.random() < 0.15:
                    before = sum(effects.call("countsOf", 0, KEYS))
                    chain.rpc.call("anvil_reorg", chance.randint(1, DEEPEST), [])
                    vanished += before - sum(effects.call("countsOf", 0, KEYS))
                    reorgs += 1
                else:
                    chain.mine(chance.choice((1, 1, 1, 2, 8)))
                time.sleep(chance.uniform(0.0, 0.05))
            assert brood.is_alive(pid), brood.log()
            brood.kill(pid)
            kills += 1
            if chance.random() < 0.5:  # while nobody looks
                chain.rpc.call("anvil_reorg", chance.randint(1, DEEPEST), [])
                reorgs += 1
        pid = brood.start(planned=KEYS)
        deadline = time.monotonic() + 120
        while outbox.count(State.FINAL) < KEYS:
            assert time.monotonic() < deadline, brood.log()
            assert brood.is_alive(pid), brood.log()
            chain.mine(4)
            time.sleep(0.02)
        brood.kill(pid)
        seconds = time.monotonic() - begun
        print(
            f"{kills} kills, {reorgs} reorgs, {vanished} effects taken back and made again, "
            f"head {chain.rpc.block_number()}, {seconds:.0f} s"
        )

        assert effects.call("countsOf", 0, KEYS) == [1] * KEYS
        assert int(effects.call("total")) == KEYS
        own = [row for row in outbox.rows() if row.business_key.startswith("effect/")]
        assert len(own) == KEYS
        assert {row.state for row in own} == {State.FINAL}
        nonces = sorted(row.nonce for row in outbox.rows())
        assert nonces == list(range(chain.rpc.nonce(account.address)))
        assert chain.rpc.nonce(account.address) <= KEYS + 1, "no nonce was spent for nothing"
        assert kills == KILLS
        assert reorgs >= KILLS // 2

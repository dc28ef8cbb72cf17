"""A balancing keeper that dies between any two of its steps, and another one beside it.

The story of a call for flexibility, from the round that shows the trouble to the payment. At each
step of it keepers with two keys look, decide and send by turns; each may die at any edge of its
outbox, or after its decision, and comes back with the store it left. In the end the chain must show
each effect once, every unit must have its owner, and no transaction may have been paid for nothing.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable

import pytest

from energy_grid.feeds import FeedKind
from energy_grid.outbox import STRAIGHT_EDGES, Edge, Outbox, Sender, State
from oracles.balancing.keepers import BalancingKeeper
from oracles.balancing.scene import GridState
from oracles.runtime.desk import Desk
from oracles.runtime.keeper import Ops
from tests.integration.grid_world import EAST, OFFERED_W, FlexWorld
from tests.utils.anvil import Anvil
from tests.utils.deploying import test_account

SEEDS = (1, 2)
KEEPERS = (4, 12)
"""Accounts of the keeper and of its double."""
CHANCE_OF_DEATH = 0.15
MOST_LIVES = 60
LOW, CALM = {FeedKind.FREQUENCY: 49_900}, {FeedKind.FREQUENCY: 50_000}


class Killed(BaseException):
    """Nothing catches it, as nothing catches SIGKILL; what is on disk stays."""


class Mortal:
    """A keeper with a store of its own, that dies by chance."""

    def __init__(self, world: FlexWorld, index: int, chance: random.Random) -> None:
        self._world = world
        self._account = test_account(index)
        self._store = world.folder / f"keeper-{index}.sqlite"
        self._chance = chance
        self.deaths: Counter[str] = Counter()
        world.anvil.rpc.call("anvil_setBalance", self._account.address, hex(10**24))

    def live(self, on_edge: Callable[[Edge], None]) -> bool:
        """One cycle of a process that starts anew; whether nothing was left to do."""
        world = self._world
        outbox = Outbox(self._store)
        sender = Sender(
            outbox,
            world.anvil.rpc,
            self._account,
            confirmations=0,
            lock_folder=world.folder,
            on_edge=on_edge,
        )
        with Desk(outbox, sender, retry_after_seconds=0.01) as desk:
            keeper = BalancingKeeper(world.contracts, desk, Ops.of("balancing"))
            keeper.send()
            plan = keeper.plan()
            if plan.planned and self._chance.random() < CHANCE_OF_DEATH:
                raise Killed("decided")
            done = keeper.send()
            under_way = outbox.count(State.PLANNED, State.SIGNED, State.SENT)
            return not (plan.planned or done.sent or under_way)

    def step(self, *, may_die: bool) -> bool:
        """A life; False if it ended too early or something is left to do."""

        def on_edge(edge: Edge) -> None:
            if may_die and edge in STRAIGHT_EDGES and self._chance.random() < CHANCE_OF_DEATH:
                raise Killed(edge.name)

        try:
            return self.live(on_edge)
        except Killed as death:
            self.deaths[str(death)] += 1
            return False

    def paid_for_nothing(self) -> list[str]:
        """Rows whose transaction reverted in a block."""
        outbox = Outbox(self._store)
        try:
            return [row.business_key for row in outbox.rows(State.FAILED) if row.nonce is not None]
        finally:
            outbox.close()


def until_rest(keepers: list[Mortal], chance: random.Random) -> None:
    """Lives of both by turns, until each finds nothing to do."""
    for life in range(MOST_LIVES):
        may_die = life < MOST_LIVES // 2
        order = chance.sample(keepers, len(keepers))
        rests = [one.step(may_die=may_die) for one in order]  # each lives, whatever the other did
        if all(rests):
            return
    raise AssertionError("no rest")


@pytest.mark.parametrize("seed", SEEDS)
def test_kills__at_any_step_beside_a_double__each_effect_once_and_all_money_owned(tmp_path, seed):
    with Anvil() as anvil:
        world = FlexWorld(anvil, tmp_path)
        chance = random.Random(seed)
        keepers = [Mortal(world, index, chance) for index in KEEPERS]
        slot = world.today + 44
        world.travel_to(slot * 900 + 5)
        market, grid = world.contracts.flexibility, world.contracts.grid_management

        world.report()
        until_rest(keepers, chance)
        world.report(LOW)
        until_rest(keepers, chance)
        assert world.owed_to_nobody() == 0
        for _ in range(3):
            world.report(CALM)
            until_rest(keepers, chance)
        world.meter_day({slot: 250, slot + 1: 250})
        until_rest(keepers, chance)

        states = [GridState(event.to) for event in grid.events("GridStateChanged")]
        assert states == [GridState.ALERT, GridState.NORMAL]
        (dispatched,) = market.events("Dispatched")
        assert (dispatched.zone, dispatched.acceptedW) == (EAST, OFFERED_W * world.homes)
        settled = market.events("FlexSettled")
        assert sorted(event.offerId for event in settled) == world.offers
        assert len(market.events("RequestClosed")) == 1
        assert world.owed_to_nobody() == 0
        assert [one.paid_for_nothing() for one in keepers] == [[], []]
        deaths = sum((one.deaths for one in keepers), Counter())
        assert deaths.total() >= 3, deaths

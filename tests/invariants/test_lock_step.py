"""Model and chain in lock-step on an Anvil fork of a deployed state.

The default profile does at least 2,000 steps; `make deep` many more. Examples are not shrunk:
the failing sequence is printed as it was, and becomes a plain test beside this one.
"""

from __future__ import annotations

from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.invariants.machine import LockStepMachine
from tests.invariants.machine_conditions import JUDGED_FUNCTIONS, judged_functions
from tests.invariants.properties import DUE, facts_checked
from tests.invariants.world import World

EXAMPLES, STEPS = 30, 80
MIN_STEPS = 2_000
DEEP_FACTOR = 40


def test_model_and_chain__random_sequences__agree_at_every_step(world: World) -> None:
    LockStepMachine.world = world
    LockStepMachine.origin = world.remember()
    deep = settings().max_examples >= 2_000
    profile = settings(
        max_examples=EXAMPLES * (DEEP_FACTOR if deep else 1),
        stateful_step_count=STEPS,
        deadline=None,
        derandomize=not deep,
        database=None,
        phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
        print_blob=True,
    )

    run_state_machine_as_test(LockStepMachine, settings=profile)

    assert LockStepMachine.steps >= MIN_STEPS
    idle = [property_id for property_id in DUE if not facts_checked[property_id]]
    assert not idle, f"never had anything to check: {idle}"
    judged = judged_functions(world.outcomes)
    assert len(judged) >= JUDGED_FUNCTIONS, f"succeeded and refused: {list(judged)}"

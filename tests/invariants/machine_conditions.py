"""The property I-45: a call succeeds exactly when its documented conditions hold.

The model states the conditions of each function; every rule of the machine calls contract and model
with the same arguments in the same state. The error must be the one foreseen, with the values that
the model says decided.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import Any

from tests.invariants.machine_replay import ReplayProperties
from tests.invariants.properties import checks

JUDGED_FUNCTIONS = 25
"""At least so many functions must have been seen to succeed and to refuse."""


class ConditionProperties(ReplayProperties):
    """What was refused was refused for the reason the specification gives."""

    @checks("I-45")
    def i45_calls_succeed_exactly_when_their_conditions_hold(self) -> int:
        """Name of the error, and each argument that the model names."""
        for call in self.world.judged:
            told = f"{call.function}: foreseen {call.expected or 'success'}"
            assert call.found == call.expected, f"{told}, found {call.found or 'success'}"
            for name, value in call.facts.items():
                found = call.reason.get(name, value)
                assert plain(found) == plain(value), f"{told} {name}={value}, found {found}"
        return len(self.world.judged)


def plain(value: Any) -> Any:
    """Numbers of enums and ids as numbers, addresses in one spelling."""
    if isinstance(value, int):
        return int(value)
    return value.lower() if isinstance(value, str) else value


def judged_functions(outcomes: Mapping[tuple[str, str], int]) -> dict[str, Counter[str]]:
    """Functions that both succeeded and refused, with how often each outcome was seen."""
    by_function: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for (function, outcome), count in outcomes.items():
        if function != "event":
            by_function[function][outcome] += count
    return {
        function: seen
        for function, seen in sorted(by_function.items())
        if seen["done"] and len(seen) > 1
    }

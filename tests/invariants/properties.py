"""The properties that are due, and how often each was checked and had something to check.

Ids and formulas: `docs/invariants.md`. A property is a method of the lock-step machine marked with
`@checks(id)`. It returns how many facts it looked at, so that a property which never finds anything
to look at is noticed.
"""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable
from typing import Any

DUE = (
    *(f"I-{number:02}" for number in range(1, 19)),
    *(f"I-{number:02}" for number in range(25, 28)),
    *(f"I-{number:02}" for number in range(30, 35)),
    *("I-45", "I-46"),
)
"""Ids whose subject exists, so that a living test is owed. The others come with their issues."""

ELSEWHERE = {
    "I-19": "tests/differential/test_call_auction.py::test_clear__random_books__as_the_reference",
    "I-20": "tests/unit/signed_orders/test_signed_lifetime.py"
    "::test_i20__any_relayer_and_any_actions__each_signature_at_most_once",
    "I-21": "tests/differential/test_clearing_bound.py"
    "::test_clear__every_tick_in_use__costs_no_more_than_the_bound",
    "I-22": "tests/differential/test_oracle_fault_subsets.py"
    "::test_i22__every_fault_subset__median_within_the_honest_values",
    "I-23": "tests/differential/test_oracle_rounds.py"
    "::test_i23_i24__any_actions__rounds_rise_and_ok_can_be_trusted",
    "I-24": "tests/differential/test_oracle_rounds.py"
    "::test_i23_i24__any_actions__rounds_rise_and_ok_can_be_trusted",
    "I-28": "tests/differential/test_grid_states.py"
    "::test_i28__any_values_and_actions__state_follows_ok_values_only",
    "I-29": "tests/differential/test_flexibility.py"
    "::test_i29__any_actions__paid_within_the_reduction_once_and_from_a_full_budget",
    **dict.fromkeys(
        ("I-35", "I-36", "I-37", "I-38"),
        "tests/differential/test_asset_shares.py"
        "::test_i35_i38__any_actions__shares_and_money_as_the_model",
    ),
    "I-39": "tests/unit/governance/test_bounds.py"
    "::test_i39__on_a_bound_and_one_beyond__taken_and_refused",
    "I-40": "tests/unit/governance/test_machine.py"
    "::test_i40__any_actions__decided_waited_for_and_voted_by_past_balances",
    "I-41": "tests/differential/test_safe_signing.py"
    "::test_i41__any_signatures_and_actions__only_what_enough_owners_signed",
    "I-42": "tests/unit/guardian/test_machine.py"
    "::test_i42__any_actions__held_for_a_while_and_never_for_ever",
    "I-44": "tests/differential/test_shutdown.py"
    "::test_i44__random_end__all_is_paid_out_in_any_order",
    "I-43": "tests/differential/test_linear_buckets.py"
    "::test_i43__any_takes__used_within_capacity_and_splitting_gains_nothing",
}
"""Due ids whose living test is a test of its own, not a step of the machine."""

checked_by: dict[str, list[str]] = {}
"""Names of the methods that check each id."""

facts_checked: Counter[str] = Counter()
"""Facts each id has been checked against in this process."""


def checks(*ids: str) -> Callable[[Callable[..., int]], Callable[..., None]]:
    """Mark a method as the living test of properties; it returns the number of facts checked."""

    def mark(method: Callable[..., int]) -> Callable[..., None]:
        for property_id in ids:
            checked_by.setdefault(property_id, []).append(method.__qualname__)

        @functools.wraps(method)
        def counted(*arguments: Any, **named: Any) -> None:
            try:
                facts = method(*arguments, **named)
            except AssertionError as error:
                raise AssertionError(f"{'/'.join(ids)} broken: {error}") from error
            for property_id in ids:
                facts_checked[property_id] += facts

        return counted

    return mark

"""Planted faults in what a Safe should do: the machine of `test_safe_signing.py` must notice each.

Model and contract are compared at every step, so a rule that is bent in the model looks like the
opposite fault in the contract. No canary tells the machine where to look.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from eth_utils.address import to_canonical_address
from hypothesis import Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.differential.test_safe_signing import (
    CHAIN_ID,
    Given,
    Key,
    ModelSafe,
    SafeMachine,
    machine,
    machine_settings,
)

pytestmark = pytest.mark.deep
__all__ = ["machine"]


class OneSignatureLess(ModelSafe):
    def suffices(self, given: Sequence[Given], wanted: Key, sender: str) -> bool:
        needed = replace(self, threshold=max(self.threshold - 1, 1))
        return ModelSafe.suffices(needed, given, wanted, sender)


class AnyOrder(ModelSafe):
    def suffices(self, given: Sequence[Given], wanted: Key, sender: str) -> bool:
        ordered = sorted(
            given[: self.threshold], key=lambda one: to_canonical_address(one.signer.address)
        )
        return super().suffices(ordered, wanted, sender)


class OneOwnerTwice(ModelSafe):
    def suffices(self, given: Sequence[Given], wanted: Key, sender: str) -> bool:
        used = given[: self.threshold]
        return (
            len(used) == self.threshold
            and wanted[2].nonce == self.nonce
            and all(self.counts(one, wanted, sender) for one in used)
        )


class Strangers(ModelSafe):
    def counts(self, one: Given, wanted: Key, sender: str) -> bool:
        return one.key == wanted if not one.approved else super().counts(one, wanted, sender)


class AnyChain(ModelSafe):
    def counts(self, one: Given, wanted: Key, sender: str) -> bool:
        return super().counts(replace(one, key=(CHAIN_ID, *one.key[1:])), wanted, sender)


class AnyNumber(ModelSafe):
    def suffices(self, given: Sequence[Given], wanted: Key, sender: str) -> bool:
        return ModelSafe.suffices(replace(self, nonce=wanted[2].nonce), given, wanted, sender)


class ApprovalsAlwaysCount(ModelSafe):
    def counts(self, one: Given, wanted: Key, sender: str) -> bool:
        return one.approved or super().counts(one, wanted, sender)


@pytest.mark.parametrize(
    "fault",
    [
        OneSignatureLess,
        AnyOrder,
        OneOwnerTwice,
        Strangers,
        AnyChain,
        AnyNumber,
        ApprovalsAlwaysCount,
    ],
)
def test_canary__is_noticed(
    machine: type[SafeMachine], fault: type[ModelSafe], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "model", fault)
    plenty = settings(
        machine_settings(),
        max_examples=2_000,
        phases=(Phase.generate,),
        report_multiple_bugs=False,
        print_blob=False,
    )

    with pytest.raises(AssertionError):
        run_state_machine_as_test(machine, settings=plenty)

"""What to settle: pure decisions.

due: too few slots | enough | too few but waited | nothing ready
batches: fit the gas | more than 100 accounts | furthest behind first | a week behind | far apart
claims: parts | order | none
"""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from energy_grid.abi import Event
from energy_grid.settled_slots import certificate_entries
from oracles.settling.decide import (
    Account,
    Kind,
    Ledger,
    Policy,
    Pool,
    decide,
    decide_settling,
    is_due,
    lag_slots,
)

SLOT = 10_000
POLICY = Policy()


def account(number, settled_until, ready_until):
    return Account(number, f"0x{number:040x}", 1, settled_until, ready_until)


def ledger(*accounts, pools=()):
    return Ledger(now=SLOT * 900, slot=SLOT, accounts=accounts, pools=pools)


def test_is_due__waits_for_company_but_not_for_ever():
    assert not is_due(account(1, SLOT - 3, SLOT), SLOT, POLICY)
    assert is_due(account(1, SLOT - 4, SLOT), SLOT, POLICY)
    assert not is_due(account(1, SLOT - 8, SLOT - 7), SLOT, POLICY)
    assert is_due(account(1, SLOT - 9, SLOT - 8), SLOT, POLICY)
    assert not is_due(account(1, SLOT - 9, SLOT - 9), SLOT, POLICY)


def test_decide__one_hour_of_two_accounts__one_call():
    (action,) = decide(ledger(account(2, SLOT - 4, SLOT), account(1, SLOT - 4, SLOT)), POLICY)

    assert (action.kind, action.slot, action.effects) == (Kind.SETTLE, SLOT, 8)
    assert action.accounts == (f"0x{1:040x}", f"0x{2:040x}")
    assert action.key.startswith(f"settle:1-2:{SLOT}:")


def test_decide__same_span_of_other_accounts__another_key():
    one = next(decide_settling(ledger(*(account(n, SLOT - 4, SLOT) for n in (1, 3, 5))), POLICY))
    two = next(decide_settling(ledger(*(account(n, SLOT - 4, SLOT) for n in (1, 2, 5))), POLICY))
    assert one.key != two.key


def test_decide__a_month_behind__furthest_first_and_only_what_fits():
    late = account(7, SLOT - 3_000, SLOT)
    actions = list(decide_settling(ledger(account(1, SLOT - 4, SLOT), late), POLICY))

    assert [action.accounts for action in actions] == [(late.address,), (f"0x{1:040x}",)]
    assert actions[0].slot == SLOT - 3_000 + POLICY.most_slots
    assert actions[0].effects == POLICY.most_slots
    assert actions[1].slot == SLOT


@given(
    st.lists(
        st.tuples(st.integers(1, 700), st.integers(0, 700)).map(
            lambda pair: (SLOT - max(pair), SLOT - min(pair))
        ),
        max_size=250,
    ),
    st.integers(1_000_000, 16_000_000),
)
def test_decide_settling__anything__every_due_account_once_within_gas(spans, gas):
    accounts = [account(n + 1, first, until) for n, (first, until) in enumerate(spans)]
    policy = replace(POLICY, transaction_gas=gas)

    actions = list(decide_settling(ledger(*accounts), policy))

    due = {one.address: one for one in accounts if is_due(one, SLOT, policy)}
    assert sorted(a for action in actions for a in action.accounts) == sorted(due)
    assert len({action.key for action in actions}) == len(actions)
    for action in actions:
        slots = [min(due[a].ready_until, action.slot) - due[a].settled_until
                 for a in action.accounts]  # fmt: skip
        assert min(slots) > 0
        assert sum(slots) == action.effects
        needed = policy.base_gas + policy.account_gas * len(slots) + policy.slot_gas * sum(slots)
        assert len(slots) == 1 or needed <= gas
        assert len(slots) <= 100
        assert action.slot <= SLOT


def test_decide__pools__in_parts_of_what_fits():
    accounts = tuple(f"0x{n:040x}" for n in range(150))
    pools = (Pool(1, 50, accounts[:2]), Pool(1, 40, accounts))
    found = decide(ledger(pools=pools), replace(POLICY, transaction_gas=16_000_000))

    assert [(a.kind, a.slot, len(a.accounts)) for a in found] == [
        (Kind.CLAIM, 40, 100), (Kind.CLAIM, 40, 50), (Kind.CLAIM, 50, 2),
    ]  # fmt: skip
    assert len({action.key for action in found}) == 3


def test_lag_slots__nobody_waits__zero():
    assert lag_slots(ledger()) == 0
    assert lag_slots(ledger(account(1, SLOT - 9, SLOT), account(2, SLOT - 3, SLOT))) == 9


def test_certificate_entries__givers_and_takers__by_slot():
    def settled(account, slot, bought, sold, given_wh):
        figures = {"boughtWh": bought, "soldWh": sold, "givenWh": given_wh}
        arguments = {"account": account, "slot": slot, **figures}
        return Event("SlotSettled", arguments, "0x0", 1, "0x0", 0)

    events = [
        settled("a", 5, 0, 100, 80), settled("b", 5, 90, 0, 0), settled("c", 5, 50, 50, 0),
        settled("b", 6, 10, 0, 0),
    ]  # fmt: skip
    assert certificate_entries(events) == {5: {"a": True, "b": False}, 6: {"b": False}}

"""What the guardian's measures cost, and that it cannot hold anything for ever.

halt, escalation         one budget a zone, with the hour of a breaker
├── longer               the difference
├── beside one in force  nothing more
├── lifted by governance paid for again
├── joined with a halt of grid management   pays for all of it
└── prolonged by a breaker afterwards       was paid for
quotes, feed, fallback   a budget a zone, a feed
event                    what is left of it
renewal                  governance alone, at once
for ever                 72 h, then a tenth of the time
"""

from __future__ import annotations

from typing import Any

import pytest

from energy_grid.grid.limits import GridState
from tests.unit.governance.stage import deployment_refused, refusal
from tests.unit.guardian.stage import (
    BACKUP,
    BUDGET,
    DAY,
    HOUR,
    NEVER_SLOT,
    OTHER_ZONE,
    PLACE,
    REFILL,
    SAFE,
    SLOT,
    STRANGER,
    TAIL,
    WATCH_FUNCTIONS,
    WATCHER,
    GuardianStage,
    Power,
)
from tests.unit.price_oracle.stage import DEMAND, SUPPLY
from tests.utils.auction_market import GOVERNOR, ZONE
from tests.utils.oracles import ZERO


def test_halt_zone__by_the_watch__halts_and_spends_its_length_and_the_breakers_hour(
    stage: GuardianStage,
) -> None:
    until = stage.now + 6 * HOUR

    stage.halt(until, scope=PLACE, slots=(5, 9))
    (event,) = stage.guardian.events("BudgetSpent")

    halt = stage.market.ask("haltOf", ZONE)
    assert tuple(halt) == (PLACE, 5, 9, until)
    assert stage.spent(Power.TRADING) == 6 * HOUR + TAIL
    assert (event.power, event.oracle, event.id, event.by) == (Power.TRADING, ZERO, ZONE, WATCHER)
    assert (event.spent, event.left) == (6 * HOUR + TAIL, BUDGET - 6 * HOUR)
    assert event.heldUntil == until + TAIL
    assert stage.spent(Power.TRADING, OTHER_ZONE) == 0


def test_halt_zone__prolonged__spends_the_difference(stage: GuardianStage) -> None:
    stage.halt(stage.now + 6 * HOUR)
    first = stage.now
    stage.wait(2 * HOUR)

    stage.halt(first + 10 * HOUR)

    assert stage.halted_until() == first + 10 * HOUR
    back = 2 * HOUR * stage.full(Power.TRADING) // REFILL
    assert stage.spent(Power.TRADING) == 10 * HOUR + TAIL - back


def test_halt_zone__wider_or_shorter_while_one_is_in_force__spends_nothing(
    stage: GuardianStage,
) -> None:
    until = stage.now + 6 * HOUR
    stage.halt(until, scope=PLACE, slots=(5, 9))
    spent = stage.spent(Power.TRADING)

    stage.halt(until)
    stage.halt(stage.now + HOUR)
    stage.escalate(until)

    assert stage.halted_until() == until
    assert stage.spent(Power.TRADING) == spent
    assert not stage.guardian.events("BudgetSpent")


def test_halt_zone__lifted_by_governance__spends_again(stage: GuardianStage) -> None:
    until = stage.now + 6 * HOUR
    stage.halt(until)
    stage.market.send(GOVERNOR, "liftHalt", ZONE)

    stage.halt(until)

    assert stage.spent(Power.TRADING) == 2 * (6 * HOUR + TAIL)


def test_escalate_zone__halt_in_force_as_long__halts_and_escalations_share_a_budget(
    stage: GuardianStage,
) -> None:
    now = stage.now
    stage.escalate(now + 10 * HOUR, GridState.BLACKOUT)
    assert stage.spent(Power.TRADING) == 10 * HOUR + TAIL
    assert stage.management.ask("gridState", ZONE)[0] == GridState.BLACKOUT

    stage.halt(now + 12 * HOUR)

    assert stage.spent(Power.TRADING) == 12 * HOUR + TAIL


def test_halt_zone__grid_management_halts_longer__pays_for_all_of_it(stage: GuardianStage) -> None:
    """Else a halt of one second would stop a zone for as long as a breaker keeps an hour of it."""
    stage.escalate(stage.now + 1, GridState.EMERGENCY)
    breaker_until = stage.halted_until()
    assert breaker_until == stage.now + HOUR
    stage.renew(Power.TRADING, ZONE)
    stage.wait(60)

    stage.halt(stage.now + 1)

    halt = stage.market.ask("haltOf", ZONE)
    assert (halt.fromSlot, halt.toSlot, halt.expiresAt) == (0, NEVER_SLOT, breaker_until)
    paid_before = stage.now - 60 + 1 + TAIL
    assert stage.spent(Power.TRADING) == breaker_until + TAIL - paid_before


def test_halt_zone__a_breaker_prolongs_it__that_was_paid_for(stage: GuardianStage) -> None:
    """The market joins halts: the guardian's far slots get the end that the breaker asks for."""
    slot = stage.now // SLOT
    stage.halt(stage.now + 60, slots=(slot + 100, slot + 200))
    paid_until = stage.guardian.ask("budgetOf", Power.TRADING, ZERO, ZONE).heldUntil
    stage.wait(30)
    stage.metrics.send(WATCHER, "setMetrics", ZONE, emergency(stage))

    stage.management.send(STRANGER, "updateGridState", ZONE)

    halt = stage.market.ask("haltOf", ZONE)
    assert halt.expiresAt == stage.now + HOUR
    assert halt.toSlot == slot + 200
    assert halt.expiresAt <= paid_until


def emergency(stage: GuardianStage) -> list[tuple[int, int, int]]:
    """Metrics of a zone whose frequency is far off."""
    now = stage.now
    return [(5_000, now, 0), (4_000, now, 0), (49_750, now, 0), (230_000, now, 0), (0, now, 0)]


def test_halt_zone__longest_halt_with_a_full_budget__spends_all_of_it(stage: GuardianStage) -> None:
    stage.halt(stage.now + BUDGET)

    assert stage.left(Power.TRADING) == 0
    with refusal("RateLimited", given=1, allowed=0):
        stage.halt(stage.now + BUDGET + 1)


def test_halt_zone__budget_spent__refused_until_it_has_flowed_back(stage: GuardianStage) -> None:
    stage.halt(stage.now + BUDGET)
    stage.wait(BUDGET)
    back = BUDGET * (BUDGET + TAIL) // REFILL
    assert stage.halted_until() == 0
    assert stage.left(Power.TRADING) == back

    with refusal("RateLimited", given=6 * HOUR + TAIL + HOUR, allowed=back):
        stage.halt(stage.now + 7 * HOUR)
    stage.halt(stage.now + back - TAIL)

    wait = stage.guardian.ask("timeUntil", Power.TRADING, ZERO, ZONE, BUDGET + TAIL)
    assert REFILL - wait < 30
    assert (
        stage.guardian.ask("timeUntil", Power.TRADING, ZERO, ZONE, BUDGET + TAIL + 1) == 2**256 - 1
    )


def test_renew_budget__by_governance__full_at_once(stage: GuardianStage) -> None:
    stage.halt(stage.now + BUDGET)

    stage.renew(Power.TRADING, ZONE)
    (event,) = stage.guardian.events("BudgetRenewed")

    assert (event.power, event.oracle, event.id, event.left) == (Power.TRADING, ZERO, ZONE, 0)
    assert stage.left(Power.TRADING) == BUDGET + TAIL
    stage.wait(BUDGET)
    stage.halt(stage.now + BUDGET)
    assert stage.halted_until() == stage.now + BUDGET


# --- quotes, feeds --------------------------------------------------------------------------------


def test_freeze_quotes__by_the_watch__frozen_and_spent(stage: GuardianStage) -> None:
    until = stage.now + 5 * HOUR

    stage.watch("freezeQuotes", ZONE, until)

    assert stage.oracle.ask("pricingOf", ZONE).frozenUntil == until
    assert stage.spent(Power.QUOTES) == 5 * HOUR
    assert stage.spent(Power.TRADING) == 0
    stage.watch("freezeQuotes", ZONE, until - HOUR)
    assert stage.spent(Power.QUOTES) == 5 * HOUR


def test_freeze_feed__and_switch_to_its_fallback__share_a_budget(stage: GuardianStage) -> None:
    now = stage.now
    stage.freeze(now + 6 * HOUR)
    stage.fall_back(now + 6 * HOUR)
    assert stage.spent(Power.FEED, DEMAND.id) == 6 * HOUR

    stage.fall_back(now + 8 * HOUR)

    state = stage.grid.ask("feedState", DEMAND.id)
    assert (state.frozenUntil, state.fallbackUntil) == (now + 6 * HOUR, now + 8 * HOUR)
    assert stage.spent(Power.FEED, DEMAND.id) == 8 * HOUR
    assert stage.spent(Power.FEED, SUPPLY.id) == stage.spent(Power.FEED, BACKUP.id) == 0


def test_freeze_feed__unfrozen_by_governance__spends_again(stage: GuardianStage) -> None:
    until = stage.now + 6 * HOUR
    stage.freeze(until)
    stage.grid.send(GOVERNOR, "unfreezeFeed", DEMAND.id)

    stage.freeze(until)

    assert stage.spent(Power.FEED, DEMAND.id) == 12 * HOUR


def test_freeze_feed__same_id_at_another_oracle__a_budget_of_its_own(stage: GuardianStage) -> None:
    stage.freeze(stage.now + BUDGET)

    weather = stage.guardian.ask("budgetOf", Power.FEED, stage.weather.address, DEMAND.id)

    assert weather.left == BUDGET


@pytest.mark.parametrize("function", ["freezeFeed", "switchToFallback"])
def test_freeze_feed__no_oracle__refused(stage: GuardianStage, function: str) -> None:
    for other in (STRANGER, stage.market.address, ZERO):
        with refusal("OracleUnknown", oracle=other):
            stage.watch(function, other, DEMAND.id, stage.now + HOUR)


def test_budget__power_of_a_zone_with_an_oracle__refused(stage: GuardianStage) -> None:
    with refusal("OracleUnknown", oracle=stage.grid.address):
        stage.renew(Power.TRADING, ZONE, stage.grid.address)
    with refusal("OracleUnknown", oracle=ZERO):
        stage.guardian.ask("budgetOf", Power.FEED, ZERO, DEMAND.id)


# --- events ---------------------------------------------------------------------------------------


def test_stop_event__upcoming__spends_its_whole_length(stage: GuardianStage) -> None:
    event_id = stage.publish(slots=8)

    stage.watch("stopEvent", event_id)

    assert stage.response.ask("statusOf", event_id) == 4  # CANCELLED
    assert stage.spent(Power.EVENTS) == 8 * SLOT


def test_stop_event__running__spends_what_is_left(stage: GuardianStage) -> None:
    event_id = stage.publish(slots=8, ahead=1)
    stage.chain.at((stage.now // SLOT + 3) * SLOT)

    stage.watch("stopEvent", event_id)

    assert stage.spent(Power.EVENTS) == 6 * SLOT


def test_stop_event__over__refused_by_its_contract_and_nothing_is_spent(
    stage: GuardianStage,
) -> None:
    event_id = stage.publish(slots=1)
    stage.wait(DAY)

    with refusal("WrongEventStatus", eventId=event_id):
        stage.watch("stopEvent", event_id)

    assert stage.spent(Power.EVENTS) == 0


def test_stop_event__again_and_again__three_days_of_events_at_most(stage: GuardianStage) -> None:
    for _ in range(3):
        stage.watch("stopEvent", stage.publish(slots=96))

    event_id = stage.publish(slots=2)

    with refusal("RateLimited", given=2 * SLOT, allowed=0):
        stage.watch("stopEvent", event_id)


# --- who ------------------------------------------------------------------------------------------


MAY: dict[str, set[str]] = {
    **{function: {WATCHER, SAFE} for function in WATCH_FUNCTIONS},
    "cancelOperation": {SAFE},
    "renewBudget": {GOVERNOR},
}
"""Who may call what; each other account is tried."""


@pytest.mark.parametrize(
    ("function", "account"),
    [
        pytest.param(function, account, id=f"{function}-{name}")
        for function, holders in MAY.items()
        for name, account in (
            ("stranger", STRANGER), ("watch", WATCHER), ("safe", SAFE), ("governor", GOVERNOR)
        )
        if account not in holders
    ],
)  # fmt: skip
def test_guardian__called_by_whoever_may_not__refused(
    stage: GuardianStage, function: str, account: str
) -> None:
    arguments: dict[str, tuple[Any, ...]] = {
        "haltZone": (ZONE, 1, 0, 1, stage.now + 1),
        "escalateZone": (ZONE, 1, stage.now + 1),
        "freezeQuotes": (ZONE, stage.now + 1),
        "freezeFeed": (stage.grid.address, DEMAND.id, stage.now + 1),
        "switchToFallback": (stage.grid.address, DEMAND.id, stage.now + 1),
        "stopEvent": (1,),
        "cancelOperation": (bytes(32),),
        "renewBudget": (Power.TRADING, ZERO, ZONE),
    }

    with refusal("AccessManagedUnauthorized", caller=account):
        stage.watch(function, *arguments[function], by=account)


def test_targets__called_by_the_watch_itself__refused(stage: GuardianStage) -> None:
    until = stage.now + HOUR
    for target, function, arguments in (
        (stage.market, "haltZone", (ZONE, 1, 0, 1, until)),
        (stage.management, "escalateZone", (ZONE, 1, until)),
        (stage.oracle, "freezeQuotes", (ZONE, until)),
        (stage.grid, "freezeFeed", (DEMAND.id, until)),
        (stage.grid, "switchToFallback", (DEMAND.id, until)),
        (stage.response, "stopEvent", (1,)),
    ):
        for caller in (WATCHER, SAFE):
            with refusal("AccessManagedUnauthorized", caller=caller):
                target.send(caller, function, *arguments)


# --- vetoes ---------------------------------------------------------------------------------------


def test_cancel_operation__by_the_safe__three_in_thirty_days(stage: GuardianStage) -> None:
    operations = [stage.schedule(number) for number in range(5)]

    for operation in operations[:3]:
        stage.watch("cancelOperation", operation, by=SAFE)
        (event,) = stage.guardian.events("OperationVetoed")
        assert (event.operation, event.by) == (operation, SAFE)
        assert not stage.timelock.ask("isOperation", operation)

    with refusal("RateLimited", given=1, allowed=0):
        stage.watch("cancelOperation", operations[3], by=SAFE)
    stage.wait(REFILL // 3)
    stage.watch("cancelOperation", operations[3], by=SAFE)
    with refusal("RateLimited", given=1, allowed=0):
        stage.watch("cancelOperation", operations[4], by=SAFE)
    assert stage.timelock.ask("isOperationReady", operations[4])


def test_cancel_operation__budget_renewed_by_governance__three_more(stage: GuardianStage) -> None:
    for number in range(3):
        stage.watch("cancelOperation", stage.schedule(number), by=SAFE)

    stage.renew(Power.VETO, 0)

    assert stage.left(Power.VETO, 0) == 3


def test_constructor__target_without_code__refused(stage: GuardianStage) -> None:
    targets = list(stage.targets())
    for i in range(len(targets)):
        wrong = [*targets[:i], STRANGER, *targets[i + 1 :]]
        with pytest.raises(RuntimeError) as refused:
            stage.chain.deploy("Guardian", stage.authority.address, tuple(wrong))
        assert STRANGER[2:].lower() in str(refused.value)


def test_targets__asked__as_deployed(stage: GuardianStage) -> None:
    assert tuple(stage.guardian.ask("targets")) == stage.targets()


@pytest.mark.parametrize("place", range(7))
def test_guardian__deployed_over_an_address_without_code__refused(
    stage: GuardianStage, place: int
) -> None:
    targets = [*stage.targets()]
    targets[place] = STRANGER

    with deployment_refused(stage, "Guardian", "TargetWithoutCode", (STRANGER,)):
        stage.chain.deploy("Guardian", stage.authority.address, tuple(targets))

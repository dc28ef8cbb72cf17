"""Requests, merit order, dispatch.

requestFlexibility: operator only, within bounds, budget reserved at the cap
allocate: the one right marginal price; pro rata at the margin; one event a zone and slot
requestByState: in ALERT or worse only, direction by what is measured, within the standing order
"""

from __future__ import annotations

from random import Random

import pytest

from energy_grid.grid.flexibility import Bid, Direction, allocate, reserve
from tests.unit.flexibility.checks import refused
from tests.utils.flexibility import (
    ANYBODY,
    COIN,
    GOVERNOR,
    OPERATOR,
    PENALTY,
    TODAY,
    ZONE,
    FlexStage,
    Phase,
    slot_at,
)

FROM = slot_at(TODAY, 18)
TO = slot_at(TODAY, 20)
OK, STALE = 0, 1
METRICS = ("demand", "supply", "frequency", "voltage", "loading")


@pytest.fixture
def stage() -> FlexStage:
    stage = FlexStage()
    stage.fund()
    return stage


# --- requests -------------------------------------------------------------------------------------


def test_request__operator__budget_kept_at_the_cap(stage: FlexStage) -> None:
    request_id = stage.request(5_000, FROM, TO, cap=200_001)

    request = stage.flex.ask("requestOf", request_id)
    kept = reserve(5_000, 7_200, 200_001)
    assert request.phase == Phase.OPEN
    assert request.reserved == kept
    assert stage.flex.ask("budgetOf", ZONE) == 1_000 * COIN - kept
    stage.require_balanced()


@pytest.mark.parametrize(
    ("function", "arguments"),
    [
        ("requestFlexibility", (ZONE, 0, 1_000, 1, FROM, TO, 0)),
        ("setStandingOrder", (ZONE, 0, (1, 1, 1, 1))),
        ("withdrawBudget", (ZONE, 1)),
        ("cancelRequest", (1,)),
    ],
)
def test_operator_functions__by_anybody_else__refused(
    stage: FlexStage, function: str, arguments: tuple[object, ...]
) -> None:
    stage.request(1_000, FROM, TO)

    for sender in (ANYBODY, GOVERNOR):
        with refused("NotTheZoneOperator"):
            stage.flex.send(sender, function, *arguments)


@pytest.mark.parametrize(
    ("power_w", "cap", "from_slot", "to_slot", "error"),
    [
        (0, 1, FROM, TO, "RequestOutOfRange"),
        (1, PENALTY + 1, FROM, TO, "RequestOutOfRange"),
        (1, 1, slot_at(TODAY, 8) - 1, TO, "RequestWindowInvalid"),
        (1, 1, FROM, FROM, "RequestWindowInvalid"),
        (1, 1, FROM, FROM + 17, "RequestWindowInvalid"),
        (1, 1, slot_at(TODAY, 23), slot_at(TODAY + 1, 0, 1), "RequestWindowInvalid"),
        (1, 1, slot_at(TODAY + 2, 1), slot_at(TODAY + 2, 2), "RequestWindowInvalid"),
        (4_000_000_000, PENALTY, FROM, TO, "FlexBudgetTooLow"),
    ],
)
def test_request__out_of_bounds__refused(
    stage: FlexStage, power_w: int, cap: int, from_slot: int, to_slot: int, error: str
) -> None:
    with refused(error):
        stage.request(power_w, from_slot, to_slot, cap=cap)


def test_cancel_and_lapse__budget_is_back(stage: FlexStage) -> None:
    first, second = stage.request(5_000, FROM, TO), stage.request(5_000, FROM, TO)

    stage.flex.send(OPERATOR, "cancelRequest", first)
    with refused("CloseTooEarly"):
        stage.flex.send(ANYBODY, "closeRequest", second)
    stage.chain.at((FROM + 1) * 900)
    with refused("AllocationTooLate"):
        stage.flex.send(ANYBODY, "allocate", second, 0)
    stage.flex.send(ANYBODY, "closeRequest", second)

    assert stage.flex.ask("budgetOf", ZONE) == 1_000 * COIN
    for request_id in (first, second):
        assert stage.flex.ask("requestOf", request_id).phase == Phase.CLOSED
        with refused("RequestIsClosed"):
            stage.flex.send(ANYBODY, "closeRequest", request_id)


# --- allocation -----------------------------------------------------------------------------------


def test_allocate__random_books__only_the_models_price_and_its_powers(stage: FlexStage) -> None:
    dice = Random(11)
    homes = [stage.home() for _ in range(14)]
    for hour in range(9, 17):
        from_slot = slot_at(TODAY, hour)
        bids = []
        for home in dice.sample(homes, dice.randint(1, len(homes))):
            power, price = dice.randint(100, 3_000), dice.choice((0, 10, 20, 30, 40))
            covers = dice.random() < 0.8
            offer_id = stage.offer(home, power, price, from_slot, from_slot + (4 if covers else 2))
            if covers:
                bids.append(Bid(offer_id, power, price))
        needed, cap = dice.randint(1, 20_000), dice.choice((15, 30, 50))
        request_id = stage.request(needed, from_slot, from_slot + 3, cap=cap)
        expected = allocate(bids, needed, cap)
        right = set() if expected is None else {expected.marginal_price}
        for price in {0, 5, 10, 20, 30, 40} - right:
            with refused("MarginalPriceAboveCap" if price > cap else "MarginalPriceWrong"):
                stage.flex.send(ANYBODY, "allocate", request_id, price)
        proposal = stage.flex.ask(
            "marginalPriceFor", ZONE, Direction.UP, needed, cap, from_slot, from_slot + 3
        )
        assert proposal[0] == (expected is not None)
        if expected is None:
            continue
        assert proposal[1] == expected.marginal_price

        accepted = stage.flex.send(ANYBODY, "allocate", request_id, expected.marginal_price)

        request = stage.flex.ask("requestOf", request_id)
        assert accepted == request.acceptedW == expected.power_w <= needed
        assert request.participants == len(expected.accepted_w)
        assert request.reserved == reserve(expected.power_w, 2_700, expected.marginal_price)
        powers = {
            bid.offer_id: stage.flex.ask("acceptedOf", request_id, bid.offer_id) for bid in bids
        }
        assert powers == {bid.offer_id: expected.accepted_w.get(bid.offer_id, 0) for bid in bids}
        assert sum(powers.values()) <= needed
    stage.require_balanced()


def test_allocate__dispatched_and_shown_per_resource(stage: FlexStage) -> None:
    cheap, dear = stage.home(), stage.home()
    stage.offer(cheap, 1_000, 10, FROM, TO, direction=Direction.DOWN)
    stage.offer(dear, 1_000, 20, FROM, TO, direction=Direction.DOWN)
    request_id = stage.request(1_500, FROM, TO - 4, direction=Direction.DOWN)

    stage.flex.send(ANYBODY, "allocate", request_id, 20)

    (event,) = stage.flex.events("Dispatched")
    assert (event.requestId, event.zone, event.direction) == (request_id, ZONE, Direction.DOWN)
    assert (event.fromSlot, event.toSlot) == (FROM, TO - 4)
    assert (event.marginalPrice, event.acceptedW) == (20, 1_500)
    assert stage.flex.ask("dispatchOf", cheap.resource_id, FROM) == (-1_000, request_id)
    assert stage.flex.ask("dispatchOf", dear.resource_id, TO - 5) == (-500, request_id)
    assert stage.flex.ask("dispatchOf", dear.resource_id, TO - 4) == (0, 0)
    assert stage.flex.ask("requestsOfDay", ZONE, TODAY) == [request_id]


def test_allocate__second_event_in_a_slot_of_the_zone__refused(stage: FlexStage) -> None:
    home = stage.home()
    stage.offer(home, 1_000, 10, FROM, TO)
    stage.offer(home, 1_000, 10, FROM, TO, direction=Direction.DOWN)
    stage.call(500, FROM, FROM + 2, 10)

    for direction in Direction:
        request_id = stage.request(500, FROM + 1, FROM + 3, direction=direction)
        with refused("ZoneBusy"):
            stage.flex.send(ANYBODY, "allocate", request_id, 10)
    stage.call(500, FROM + 2, FROM + 3, 10)


def test_allocate__not_before_its_time(stage: FlexStage) -> None:
    home = stage.home()
    stage.offer(home, 1_000, 10, FROM, TO)
    request_id = stage.request(500, FROM, TO, allocate_from=FROM * 900)

    with refused("AllocationTooEarly"):
        stage.flex.send(ANYBODY, "allocate", request_id, 10)
    with refused("AllocationTimeInvalid"):
        stage.request(500, FROM, TO, allocate_from=FROM * 900 + 1)
    stage.chain.at(FROM * 900)
    stage.flex.send(ANYBODY, "allocate", request_id, 10)
    with refused("RequestNotOpen"):
        stage.flex.send(ANYBODY, "allocate", request_id, 10)


def test_allocate__offer_removed_before_or_placed_after__has_no_part(stage: FlexStage) -> None:
    gone, there, late = stage.home(), stage.home(), stage.home()
    first = stage.offer(gone, 1_000, 10, FROM, TO)
    second = stage.offer(there, 1_000, 10, FROM, TO)
    stage.flex.send(gone.owner, "removeOffer", first)
    request_id = stage.call(5_000, FROM, TO, 10)
    third = stage.offer(late, 1_000, 10, FROM, TO)
    stage.flex.send(there.owner, "removeOffer", second)

    powers = [stage.flex.ask("acceptedOf", request_id, one) for one in (first, second, third)]

    assert powers == [0, 1_000, 0]


# --- by the state ---------------------------------------------------------------------------------


def measured(stage: FlexStage, **values: tuple[int, int]) -> None:
    """Write metrics, (value, status); others are stale."""
    metrics = tuple(
        (values.get(name, (0, STALE))[0], 1, values.get(name, (0, STALE))[1]) for name in METRICS
    )
    stage.world.send(GOVERNOR, "setMetrics", ZONE, metrics)


@pytest.fixture
def standing(stage: FlexStage) -> FlexStage:
    """A zone with limits, offers and a standing order UP."""
    frequency, volts, loading = (50, 200, 500, 20), (500, 1_000, 0, 100), (8_000, 12_000, 0, 500)
    limits = (230_000, 50_000, 7, 3, 1_800, frequency, volts, volts, loading)
    stage.world.send(GOVERNOR, "setLimits", ZONE, limits)
    home = stage.home()
    stage.offer(home, 4_000, 100_000, slot_at(TODAY, 9), TO)
    stage.flex.send(OPERATOR, "setStandingOrder", ZONE, Direction.UP, (3_000, 4, 150_000, 2 * COIN))
    stage.chain.at(slot_at(TODAY, 9) * 900 + 300)
    return stage


def test_request_by_state__alert__called_and_dispatched_in_one_call(standing: FlexStage) -> None:
    stage = standing
    stage.world.send(GOVERNOR, "setState", ZONE, 1)
    measured(stage, frequency=(49_950, OK))
    assert stage.flex.ask("proposalByState", ZONE) == (
        True,
        Direction.UP,
        slot_at(TODAY, 9),
        slot_at(TODAY, 10),
        100_000,
    )

    request_id = stage.flex.send(ANYBODY, "requestByState", ZONE, 100_000)

    request = stage.flex.ask("requestOf", request_id)
    kept = reserve(3_000, 3_300, 100_000)
    assert request.byState
    assert (request.startsAt, request.acceptedW) == (slot_at(TODAY, 9) * 900 + 300, 3_000)
    assert request.reserved == kept
    assert stage.flex.ask("standingOrder", ZONE, Direction.UP).allowance == 2 * COIN - kept
    with refused("ZoneBusy"):
        stage.flex.send(ANYBODY, "requestByState", ZONE, 100_000)
    stage.require_balanced()


def test_request_by_state__normal_or_need_unknown_or_no_order__refused(
    standing: FlexStage,
) -> None:
    stage = standing
    measured(stage, frequency=(49_950, OK))
    with refused("GridStateNormal"):
        stage.flex.send(ANYBODY, "requestByState", ZONE, 100_000)
    stage.world.send(GOVERNOR, "setState", ZONE, 2)
    measured(stage, frequency=(49_950, STALE))
    with refused("NeedUnknown"):
        stage.flex.send(ANYBODY, "requestByState", ZONE, 100_000)
    measured(stage, frequency=(50_050, OK))
    with refused("NoStandingOrder"):
        stage.flex.send(ANYBODY, "requestByState", ZONE, 100_000)
    assert not stage.flex.ask("proposalByState", ZONE).possible


def test_request_by_state__allowance_used_up__refused(standing: FlexStage) -> None:
    stage = standing
    kept = reserve(3_000, 3_300, 100_000)
    order = (3_000, 4, 150_000, kept - 1)
    stage.flex.send(OPERATOR, "setStandingOrder", ZONE, Direction.UP, order)
    stage.world.send(GOVERNOR, "setState", ZONE, 1)
    measured(stage, frequency=(49_900, OK))

    with refused("AllowanceTooLow", given=kept, allowed=kept - 1):
        stage.flex.send(ANYBODY, "requestByState", ZONE, 100_000)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"frequency": (49_950, OK), "voltage": (260_000, OK)}, (True, Direction.UP)),
        ({"frequency": (50_050, OK)}, (True, Direction.DOWN)),
        ({"frequency": (49_951, OK), "voltage": (241_500, OK)}, (True, Direction.DOWN)),
        ({"voltage": (218_500, OK)}, (True, Direction.UP)),
        ({"voltage": (218_501, OK)}, (False, Direction.UP)),
        (
            {"loading": (8_000, OK), "demand": (2, OK), "supply": (1, OK)},
            (True, Direction.UP),
        ),
        (
            {"loading": (9_000, OK), "demand": (1, OK), "supply": (2, OK)},
            (True, Direction.DOWN),
        ),
        ({"loading": (9_000, OK), "demand": (1, OK)}, (False, Direction.UP)),
        ({"loading": (7_999, OK), "demand": (2, OK), "supply": (1, OK)}, (False, Direction.UP)),
    ],
)
def test_needed_direction__first_quantity_beyond_its_band(
    standing: FlexStage, values: dict[str, tuple[int, int]], expected: tuple[bool, int]
) -> None:
    measured(standing, **values)

    assert standing.flex.ask("neededDirection", ZONE) == expected

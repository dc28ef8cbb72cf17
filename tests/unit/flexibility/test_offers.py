"""Offers: who may offer what, baselines, places in the book, stakes.

placeOffer
├── resource, meter, power, price, window, availability unsound: refused by name
├── the meter's slots are taken in that direction: refused
├── baseline: median of similar final days; event days left out; too few: refused
├── stake: penalty of the window, from the free balance
└── place: free, expired, evicts the dearest of a full book
removeOffer, releaseStake
"""

from __future__ import annotations

from random import Random

import pytest

from energy_grid.grid.flexibility import Direction, baseline
from tests.unit.flexibility.checks import refused
from tests.utils.flexibility import (
    ANYBODY,
    CALENDAR_USER,
    COIN,
    DAY,
    ESTIMATED,
    GOVERNOR,
    MEASURED,
    MISSING,
    MORNING,
    OPERATOR,
    PENALTY,
    TODAY,
    ZONE,
    FlexStage,
    slot_at,
    stake_of,
)

FROM = slot_at(TODAY, 18)
TO = slot_at(TODAY, 20)


@pytest.fixture
def stage() -> FlexStage:
    return FlexStage()


def test_place_offer__sound__on_record_with_stake_and_baseline(stage: FlexStage) -> None:
    home = stage.home(import_wh=1_250)

    offer_id = stage.offer(home, 2_000, 120_000, FROM, TO)

    (placed,) = stage.flex.events("OfferPlaced")
    offer = stage.flex.ask("offerOf", offer_id)
    assert offer_id == placed.offerId == 1
    assert (offer.owner.lower(), offer.meterId, offer.powerW) == (home.owner, home.meter_id, 2_000)
    assert (offer.fromSlot, offer.toSlot, offer.pricePerKWh) == (FROM, TO, 120_000)
    assert offer.stake == placed.stake == stake_of(2_000, 8) == 8 * 250_000
    assert stage.free(home.owner) == 1_000 * COIN - offer.stake
    assert list(stage.flex.ask("baselineOf", offer_id)) == [-1_250] * 8
    assert stage.flex.ask("bookOf", ZONE, Direction.UP) == [1]
    stage.require_balanced()


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"power_w": 99}, "OfferPowerOutOfRange"),
        ({"power_w": 40_001}, "OfferPowerOutOfRange"),
        ({"price": PENALTY + 1}, "OfferPriceTooHigh"),
        ({"from_slot": slot_at(TODAY, 8)}, "OfferWindowInvalid"),
        ({"to_slot": FROM}, "OfferWindowInvalid"),
        ({"to_slot": slot_at(TODAY + 1, 0, 1)}, "OfferWindowInvalid"),
        (
            {"from_slot": slot_at(TODAY + 2, 8), "to_slot": slot_at(TODAY + 2, 9)},
            "OfferWindowInvalid",
        ),
        ({"place": 1}, "PlaceOutOfRange"),
    ],
)
def test_place_offer__out_of_bounds__refused(
    stage: FlexStage, changes: dict[str, int], error: str
) -> None:
    home = stage.home()
    terms = {"power_w": 1_000, "price": 1, "from_slot": FROM, "to_slot": TO, **changes}

    with refused(error):
        stage.offer(home, **terms)


def test_place_offer__by_a_stranger__refused(stage: FlexStage) -> None:
    home = stage.home()

    with refused("NotTheOwner"):
        stage.flex.send(
            ANYBODY, "placeOffer", (home.resource_id, Direction.UP, 1_000, 1, FROM, TO, 0)
        )


def test_place_offer__resource_or_meter_unsound__refused(stage: FlexStage) -> None:
    home = stage.home()

    stage.world.send(GOVERNOR, "setActive", home.resource_id, False)
    with refused("ResourceInactive"):
        stage.offer(home, 1_000, 1, FROM, TO)
    stage.world.send(GOVERNOR, "setActive", home.resource_id, True)
    stage.world.send(GOVERNOR, "setAvailable", home.resource_id, 0, 79)
    with refused("ResourceUnavailable"):
        stage.offer(home, 1_000, 1, FROM, TO)
    stage.world.send(GOVERNOR, "setAvailable", home.resource_id, 72, 10)
    stage.world.send(GOVERNOR, "setStatus", home.meter_id, 3)
    with refused("MeterNotEligible"):
        stage.offer(home, 1_000, 1, FROM, TO)
    stage.world.send(GOVERNOR, "setStatus", home.meter_id, 1)
    stage.offer(home, 1_000, 1, FROM, TO)


def test_place_offer__more_stake_than_money__refused(stage: FlexStage) -> None:
    home = stage.home(money=stake_of(1_000, 8) - 1)

    with refused("FlexBalanceTooLow"):
        stage.offer(home, 1_000, 1, FROM, TO)


def test_place_offer__resources_of_one_meter__the_same_change_is_sold_once(
    stage: FlexStage,
) -> None:
    home = stage.home()
    second = stage.world.send(GOVERNOR, "addResource", home.owner, ZONE, home.meter_id, 5_000, 0)
    stage.offer(home, 1_000, 1, FROM, TO)

    with refused("MeterTaken"):
        stage.flex.send(
            home.owner, "placeOffer", (second, Direction.UP, 1_000, 1, TO - 1, TO + 3, 1)
        )
    stage.flex.send(home.owner, "placeOffer", (second, Direction.UP, 1_000, 1, TO, TO + 3, 1))
    stage.flex.send(home.owner, "placeOffer", (second, Direction.DOWN, 1_000, 1, FROM, TO, 0))


def test_place_offer__ninth_of_a_day__refused(stage: FlexStage) -> None:
    home = stage.home()
    for number in range(8):
        stage.offer(home, 1_000, 1, FROM + number, FROM + number + 1)

    with refused("TooManyOffers"):
        stage.offer(home, 1_000, 1, FROM + 8, FROM + 9)


# --- calendar -------------------------------------------------------------------------------------


def test_reserve__excludes_offers_and_the_other_way_round(stage: FlexStage) -> None:
    home = stage.home()
    stage.offer(home, 1_000, 1, FROM, TO)

    assert not stage.flex.ask("isFree", home.meter_id, TO - 1, TO + 5)
    with refused("MeterTaken"):
        stage.flex.send(CALENDAR_USER, "reserve", home.meter_id, TO - 1, TO + 5)
    assert stage.flex.ask("isFree", home.meter_id, TO, TO + 40)
    stage.flex.send(CALENDAR_USER, "reserve", home.meter_id, TO, TO + 40)  # over midnight
    with refused("MeterTaken"):
        stage.offer(home, 1_000, 1, TO + 2, TO + 3, direction=Direction.DOWN)
    with refused("MeterTaken"):
        stage.flex.send(CALENDAR_USER, "reserve", home.meter_id, TO + 39, TO + 41)

    stage.flex.send(CALENDAR_USER, "release", home.meter_id, TO, TO + 40)

    with refused("SlotsNotReserved"):
        stage.flex.send(CALENDAR_USER, "release", home.meter_id, TO, TO + 1)
    stage.offer(home, 1_000, 1, TO + 2, TO + 3)


@pytest.mark.parametrize("function", ["reserve", "release"])
@pytest.mark.parametrize("sender", [ANYBODY, OPERATOR, GOVERNOR])
def test_calendar__unauthorised__refused(stage: FlexStage, function: str, sender: str) -> None:
    with refused("AccessManagedUnauthorized"):
        stage.flex.send(sender, function, 1, FROM, TO)


def test_reserve__run_out_of_bounds__refused(stage: FlexStage) -> None:
    now = slot_at(TODAY, 8)
    for from_slot, to_slot in ((now, now + 1), (now + 2, now + 2), (now + 1, now + 194)):
        with refused("CalendarRunInvalid"):
            stage.flex.send(CALENDAR_USER, "reserve", 1, from_slot, to_slot)


# --- baseline -------------------------------------------------------------------------------------


@pytest.mark.parametrize("direction", list(Direction))
def test_baseline__random_records__as_the_model(stage: FlexStage, direction: Direction) -> None:
    dice = Random(5)
    for _ in range(4):
        home = stage.home(money=0)
        stage.world.send(GOVERNOR, "setProfile", home.owner, 0, 0, 0)
        day = TODAY + dice.randint(0, 1)
        first, count = slot_at(day, dice.randint(9, 20)), dice.randint(1, 9)
        record: dict[int, int] = {}
        for back in range(46):
            for offset in range(count):
                slot = (TODAY - back) * 96 + first % 96 + offset
                quality = dice.choice((MISSING, MEASURED, MEASURED, MEASURED, ESTIMATED))
                import_wh, export_wh = (
                    dice.randint(0, 3_000),
                    dice.choice((0, dice.randint(0, 2_000))),
                )
                stage.world.send(
                    GOVERNOR, "write", home.owner, slot, 1, import_wh, export_wh, quality
                )
                if quality == MEASURED:
                    record[slot] = export_wh - import_wh
        expected = baseline(record, frozenset(), direction, first, first + count, TODAY)

        found = stage.flex.ask("previewBaseline", home.meter_id, direction, first, first + count)

        assert tuple(found) == expected.net_wh


def test_baseline__four_days_on_record__refused(stage: FlexStage) -> None:
    home = stage.home()
    # Tuesday: the last final day is Sunday; four working days before.
    stage.world.send(GOVERNOR, "setProfile", home.owner, 0, 0, 0)
    for day in (TODAY - 4, TODAY - 5, TODAY - 6, TODAY - 7):
        stage.write(home, range(day * 96 + 72, day * 96 + 80), 900)

    with refused("BaselineTooShort", given=4, required=5):
        stage.offer(home, 1_000, 1, FROM, TO)
    stage.write(home, range((TODAY - 8) * 96 + 72, (TODAY - 8) * 96 + 80), 900)
    stage.offer(home, 1_000, 1, FROM, TO)


def test_baseline__days_of_events__left_out_and_not_too_many(stage: FlexStage) -> None:
    home = stage.home(import_wh=1_000)
    stage.chain.at(MORNING - 16 * DAY)
    used = [TODAY - back for back in (4, 5, 6, 7, 8, 11)]
    for day in used[:4]:
        stage.write(home, range(day * 96 + 72, day * 96 + 80), 9_000)
        stage.chain.at(day * DAY - 3_600)
        stage.flex.send(CALENDAR_USER, "reserve", home.meter_id, slot_at(day, 3), slot_at(day, 4))
    stage.chain.at(MORNING)

    assert (
        list(stage.flex.ask("previewBaseline", home.meter_id, Direction.UP, FROM, TO))
        == [-1_000] * 8
    )

    stage.chain.at((TODAY - 8) * DAY - 3_600)
    stage.flex.send(
        CALENDAR_USER, "reserve", home.meter_id, slot_at(used[4], 3), slot_at(used[4], 4)
    )
    stage.chain.at(MORNING)
    with refused("TooManyEventDays", given=5, allowed=4):
        stage.offer(home, 1_000, 1, FROM, TO)


# --- book -----------------------------------------------------------------------------------------


def test_remove_offer__stake_is_free_again_and_the_place_too(stage: FlexStage) -> None:
    home = stage.home()
    offer_id = stage.offer(home, 1_000, 1, FROM, TO)

    with refused("OfferAlive"):
        stage.flex.send(ANYBODY, "removeOffer", offer_id)
    stage.flex.send(home.owner, "removeOffer", offer_id)

    assert stage.free(home.owner) == 1_000 * COIN
    assert stage.flex.ask("takenSlots", home.meter_id, TODAY).up == 0
    assert stage.flex.ask("placeFor", ZONE, Direction.UP, 5) == (True, 0)
    with refused("OfferNotInBook"):
        stage.flex.send(home.owner, "removeOffer", offer_id)
    stage.offer(home, 2_000, 2, FROM, TO, place=0)
    stage.require_balanced()


def test_remove_offer__dead__by_anybody(stage: FlexStage) -> None:
    home = stage.home()
    offer_id = stage.offer(home, 1_000, 1, FROM, TO)
    stage.world.send(GOVERNOR, "setStatus", home.meter_id, 3)

    stage.flex.send(ANYBODY, "removeOffer", offer_id)

    assert stage.free(home.owner) == 1_000 * COIN


def test_place_offer__place_of_a_live_offer__refused_while_there_is_room(stage: FlexStage) -> None:
    first, second = stage.home(), stage.home()
    stage.offer(first, 1_000, 9, FROM, FROM + 1)

    with refused("PlaceTaken", occupant=1):
        stage.offer(second, 1_000, 1, FROM, TO, place=0)
    stage.chain.at((FROM + 1) * 900)
    stage.offer(second, 1_000, 1, FROM + 2, TO, place=0)
    assert stage.flex.ask("bookOf", ZONE, Direction.UP) == [2]


def test_release_stake__window_not_over__refused(stage: FlexStage) -> None:
    home = stage.home()
    offer_id = stage.offer(home, 1_000, 1, FROM, TO)

    with refused("OfferStillOpen"):
        stage.flex.send(ANYBODY, "releaseStake", offer_id)
    stage.chain.at(TO * 900)
    assert stage.flex.send(ANYBODY, "releaseStake", offer_id) == stake_of(1_000, 8)
    assert stage.flex.send(ANYBODY, "releaseStake", offer_id) == 0
    stage.require_balanced()


def test_place_offer__resource_behind_no_meter__refused(stage: FlexStage) -> None:
    home = stage.home()
    number = stage.world.send(GOVERNOR, "addResource", home.owner, ZONE, 0, 20_000, 20_000)
    offer = (number, Direction.UP, 1_000, 1, FROM, TO, 0)

    with refused("ResourceWithoutMeter", resourceId=number):
        stage.flex.send(home.owner, "placeOffer", offer)


@pytest.mark.parametrize("function", ["removeOffer", "releaseStake"])
def test_offer__never_placed__refused(stage: FlexStage, function: str) -> None:
    with refused("UnknownOffer", offerId=7):
        stage.flex.send(ANYBODY, function, 7)

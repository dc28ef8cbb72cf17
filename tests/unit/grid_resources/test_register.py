"""Registering, changing and leaving; what makes a resource count.

branches:
├── registerResource → of a meter, of an asset; each refusal
├── changeResource → ratings and their time; each refusal
├── withdrawResource, removeResource → out for ever, the place is free
├── freezeResource, unfreezeResource → does not count, keeps its place, its owner is held
├── isActive → meter quarantined, deactivated, sold, moved; asset sold, moved, burnt
└── roles → REGISTRAR alone
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from eth_utils.crypto import keccak

from energy_grid.eip712 import MeterKind
from energy_grid.grid.resources import Resource, ResourceClass, ResourceRatings, ResourceState
from tests.unit.grid_resources.stage import (
    ALICE,
    ALICES_METER,
    BATTERY,
    BOB,
    BOBS_METER,
    DEACTIVATED,
    GOVERNOR,
    PLAIN_METER,
    PRODUCTION_METER,
    QUARANTINED,
    REGISTRAR,
    REGISTRAR_FUNCTIONS,
    ROOF,
    START,
    ZONE,
    ResourceStage,
)
from tests.utils.revm import Refused


def refusal(name: str, **arguments: Any) -> Any:
    """The next call is refused by this error with these arguments."""
    return pytest.raises(Refused, check=lambda error: is_refusal(error, name, arguments))


def is_refusal(error: Refused, name: str, arguments: dict[str, Any]) -> bool:
    assert (error.name, error.arguments) == (name, error.arguments | arguments)
    return True


# --- registering ----------------------------------------------------------------------------------


def test_register__of_a_meter__all_of_it_on_record(stage: ResourceStage) -> None:
    resource_id = stage.register()
    (event,) = stage.grid.events("ResourceRegistered")

    assert resource_id == 1 == stage.grid.ask("resourceCount")
    assert stage.resource(1) == Resource(
        ALICE, ZONE, ResourceClass.BATTERY, ALICES_METER, 0, BATTERY, True,
        ResourceState.ACTIVE, START,
    )  # fmt: skip
    assert stage.of_meter() == [1]
    assert event.arguments["resourceId"] == 1
    assert event.arguments["meterId"] == ALICES_METER
    assert event.arguments["owner"] == ALICE
    assert event.arguments["zone"] == ZONE
    assert event.arguments["kind"] == ResourceClass.BATTERY
    assert event.arguments["assetId"] == 0
    assert tuple(event.arguments["ratings"]) == BATTERY.as_tuple()


def test_register__largest_ratings__come_back(stage: ResourceStage) -> None:
    largest = ResourceRatings(2**26 - 1, 2**26 - 1, 2**27 - 1, 2**32 - 1, 2**26 - 1, 95, 94)
    stage.set_meter(ALICES_METER, ALICE, rated=(2**26 - 1, 2**26 - 1))

    assert stage.resource(stage.register(ratings=largest)).ratings == largest


@pytest.mark.parametrize(
    ("kind", "meter_id", "error"),
    [
        (ResourceClass.PV, BOBS_METER, "NotMeterOwner"),
        (ResourceClass.PV, PRODUCTION_METER, "NotAConnection"),
        (ResourceClass.PV, 0, "BindingNotSingle"),
        (ResourceClass.BATTERY, PLAIN_METER, "StorageNotDeclared"),
        (ResourceClass.EV, PLAIN_METER, "StorageNotDeclared"),
    ],
)
def test_register__wrong_meter__refused(
    stage: ResourceStage, kind: ResourceClass, meter_id: int, error: str
) -> None:
    with refusal(error):
        stage.register(kind, meter_id=meter_id)


def test_register__meter_that_nobody_knows__refused_by_the_register_of_meters(
    stage: ResourceStage,
) -> None:
    with pytest.raises(Refused, match=keccak(text="UnknownMeter(uint256)")[:4].hex()):
        stage.register(meter_id=99)


def test_register__car_that_only_draws__needs_no_storage_meter(stage: ResourceStage) -> None:
    car = stage.register(ResourceClass.EV, ResourceRatings(11_000, 0), meter_id=PLAIN_METER)

    assert stage.grid.ask("resourceOf", car).isActive


@pytest.mark.parametrize("status", [QUARANTINED, DEACTIVATED])
def test_register__meter_out_of_use__refused(stage: ResourceStage, status: int) -> None:
    stage.set_meter(ALICES_METER, ALICE, status=status)

    with refusal("MeterOutOfUse", meterId=ALICES_METER, status=status):
        stage.register()


@pytest.mark.parametrize(
    ("place", "value", "error"),
    [
        (0, 2**26, "RatingAboveLimit"),
        (1, 2**26, "RatingAboveLimit"),
        (2, 2**27, "RatingAboveLimit"),
        (4, 2**26, "RatingAboveLimit"),
        (2, 4_999, "ApparentBelowActive"),
        (5, 96, "QuarterOutOfRange"),
        (6, 96, "QuarterOutOfRange"),
        (0, 17_251, "ApparentBelowActive"),
    ],
)
def test_register__rating_that_cannot_be__refused(
    stage: ResourceStage, place: int, value: int, error: str
) -> None:
    ratings = list(BATTERY.as_tuple())
    ratings[place] = value
    resource = (ResourceClass.BATTERY, ALICES_METER, 0, ratings)

    with refusal(error):
        stage.grid.send(ALICE, "registerResource", resource)
    assert stage.of_meter() == []


def test_register__without_power__refused(stage: ResourceStage) -> None:
    resource = (ResourceClass.LOAD, ALICES_METER, 0, (0, 0, 0, 0, 0, 0, 0))

    with refusal("NoPower"):
        stage.grid.send(ALICE, "registerResource", resource)


def test_register__up_to_the_connection__then_not_a_watt_more(stage: ResourceStage) -> None:
    stage.register()
    stage.register(ratings=ResourceRatings(12_250, 10_000))

    with refusal("ImportAboveConnection", givenW=17_251, allowedW=17_250):
        stage.register(ratings=ResourceRatings(1, 0))
    with refusal("ExportAboveConnection", givenW=15_001, allowedW=15_000):
        stage.register(ratings=ResourceRatings(0, 1))
    assert stage.of_meter() == [1, 2]


def test_register__eight_behind_a_meter__no_ninth(stage: ResourceStage) -> None:
    for _ in range(8):
        stage.register(ResourceClass.LOAD, ResourceRatings(100, 0))

    with refusal("TooManyResources", meterId=ALICES_METER, allowed=8):
        stage.register(ResourceClass.LOAD, ResourceRatings(100, 0))
    stage.grid.send(ALICE, "withdrawResource", 8)
    assert stage.register(ResourceClass.LOAD, ResourceRatings(100, 0)) == 9
    assert stage.of_meter() == [1, 2, 3, 4, 5, 6, 7, 9]


# --- assets ---------------------------------------------------------------------------------------


def test_register__asset_without_a_register__refused_by_name(stage: ResourceStage) -> None:
    with refusal("NoAssetRegister", assetId=5):
        stage.register(meter_id=0, asset_id=5)


def test_register__asset__its_meter_and_its_owner(asset_stage: ResourceStage) -> None:
    stage = asset_stage
    stage.assets.send(GOVERNOR, "set", 5, BOB, ALICES_METER)

    with refusal("NotAssetOwner", caller=ALICE, owner=BOB):
        stage.register(meter_id=0, asset_id=5)
    with refusal("BindingNotSingle", meterId=ALICES_METER, assetId=5):
        stage.register(asset_id=5)
    resource = stage.resource(stage.register(sender=BOB, meter_id=0, asset_id=5))

    assert (resource.owner, resource.asset_id, resource.meter_id) == (BOB, 5, ALICES_METER)
    assert resource.is_active
    assert stage.of_meter() == [1]


@pytest.mark.parametrize("binding", [(ALICE, ALICES_METER), (BOB, BOBS_METER), None])
def test_is_active__asset_sold_moved_or_burnt__no_longer(
    asset_stage: ResourceStage, binding: tuple[str, int] | None
) -> None:
    stage = asset_stage
    stage.assets.send(GOVERNOR, "set", 5, BOB, ALICES_METER)
    stage.register(sender=BOB, meter_id=0, asset_id=5)

    stage.assets.send(GOVERNOR, "set", 5, *(binding or ("0x" + "00" * 20, 0)))

    assert not stage.resource(1).is_active
    with pytest.raises(Refused) as refused:
        stage.change(1, BOB, energy_wh=1)
    named = {None: "", (ALICE, ALICES_METER): "NotAssetOwner", (BOB, BOBS_METER): "AssetMoved"}
    assert refused.value.name == named[binding]
    stage.grid.send(BOB, "withdrawResource", 1)
    assert stage.of_meter() == []


# --- whether it counts ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        {"status": QUARANTINED},
        {"status": DEACTIVATED},
        {"owner": BOB},
        {"zone": ZONE + 1},
    ],
)
def test_is_active__meter_changes__no_longer_until_it_comes_back(
    stage: ResourceStage, change: dict[str, Any]
) -> None:
    stage.register()
    owner = change.pop("owner", ALICE)
    stage.set_meter(ALICES_METER, owner, **change)

    resource = stage.resource(1)
    assert not resource.is_active
    assert resource.state is ResourceState.ACTIVE
    assert resource.zone == ZONE
    assert not stage.grid.ask("isAvailable", 1, 0)

    stage.set_meter(ALICES_METER, ALICE)
    assert stage.resource(1).is_active


def test_is_available__window_within_the_day_and_over_midnight__as_in_python(
    stage: ResourceStage,
) -> None:
    for index, (start, end) in enumerate(((0, 0), (40, 60), (80, 20), (95, 94), (7, 7)), 1):
        ratings = ResourceRatings(100, 0, available_from=start, available_to=end)
        stage.register(ResourceClass.LOAD, ratings)
        for slot in (0, 7, 19, 20, 39, 40, 59, 60, 79, 80, 93, 94, 95, 96 * 20_000 + 40):
            assert stage.grid.ask("isAvailable", index, slot) == ratings.is_available(slot)


# --- changing and leaving -------------------------------------------------------------------------


def test_change__other_ratings__old_and_new_told(stage: ResourceStage) -> None:
    stage.register()
    stage.chain.at(START + 60)

    stage.change(1, rated_import_w=5_500)
    (event,) = stage.grid.events("ResourceChanged")

    changed = replace(BATTERY, rated_import_w=5_500)
    assert stage.resource(1).ratings == changed
    assert stage.resource(1).changed_at == START + 60
    assert tuple(event.arguments["oldRatings"]) == BATTERY.as_tuple()
    assert tuple(event.arguments["newRatings"]) == changed.as_tuple()


def test_change__beside_others__only_what_the_connection_leaves(stage: ResourceStage) -> None:
    stage.register()
    stage.register(ResourceClass.PV, ROOF)

    stage.change(1, rated_export_w=7_000, rated_va=7_000)
    with refusal("ExportAboveConnection", givenW=15_001, allowedW=15_000):
        stage.change(1, rated_export_w=7_001, rated_va=7_001)


def test_change__car_that_would_feed_in_at_a_plain_meter__refused(stage: ResourceStage) -> None:
    stage.register(ResourceClass.EV, ResourceRatings(11_000, 0), meter_id=PLAIN_METER)

    with refusal("StorageNotDeclared", meterId=PLAIN_METER):
        stage.change(1)


@pytest.mark.parametrize("function", ["changeResource", "withdrawResource"])
def test_owner_functions__by_somebody_else__refused(stage: ResourceStage, function: str) -> None:
    stage.register()
    arguments = (BATTERY.as_tuple(),) if function == "changeResource" else ()

    with refusal("NotResourceOwner", caller=BOB, owner=ALICE):
        stage.grid.send(BOB, function, 1, *arguments)
    with refusal("UnknownResource", resourceId=2):
        stage.grid.send(ALICE, function, 2, *arguments)


def test_change__meter_out_of_use__refused_but_leaving_works(stage: ResourceStage) -> None:
    stage.register()
    stage.set_meter(ALICES_METER, ALICE, status=DEACTIVATED)

    with refusal("MeterOutOfUse", meterId=ALICES_METER, status=DEACTIVATED):
        stage.change(1, energy_wh=1)
    stage.grid.send(ALICE, "withdrawResource", 1)
    (event,) = stage.grid.events("ResourceWithdrawn")

    assert event.arguments == {"resourceId": 1, "meterId": ALICES_METER, "by": ALICE}
    assert stage.resource(1).state is ResourceState.WITHDRAWN
    assert not stage.resource(1).is_active


def test_change__meter_in_another_zone__refused_but_leaving_works(stage: ResourceStage) -> None:
    stage.register()
    stage.set_meter(ALICES_METER, ALICE, zone=ZONE + 1)

    with refusal("MeterMoved", meterId=ALICES_METER, zone=ZONE + 1, registeredZone=ZONE):
        stage.change(1, energy_wh=1)
    stage.grid.send(ALICE, "withdrawResource", 1)
    assert stage.resource(stage.register()).zone == ZONE + 1


def test_withdraw__twice__refused_and_the_id_is_never_used_again(stage: ResourceStage) -> None:
    stage.register()
    stage.grid.send(ALICE, "withdrawResource", 1)

    with refusal("ResourceNotInState", state=ResourceState.WITHDRAWN):
        stage.grid.send(ALICE, "withdrawResource", 1)
    with refusal("ResourceNotInState", state=ResourceState.WITHDRAWN):
        stage.change(1, energy_wh=1)
    assert stage.register() == 2


# --- the registrar --------------------------------------------------------------------------------


def test_freeze__does_not_count_but_keeps_its_place(stage: ResourceStage) -> None:
    stage.register(ratings=replace(BATTERY, rated_export_w=15_000, rated_va=15_000))
    stage.grid.send(REGISTRAR, "freezeResource", 1)
    (event,) = stage.grid.events("ResourceFrozen")

    assert event.arguments == {"resourceId": 1}
    assert stage.resource(1).state is ResourceState.FROZEN
    assert not stage.resource(1).is_active
    with refusal("ExportAboveConnection"):
        stage.register(ResourceClass.PV, ROOF)
    for function in ("changeResource", "withdrawResource"):
        arguments = (BATTERY.as_tuple(),) if function == "changeResource" else ()
        with refusal("ResourceNotInState", state=ResourceState.FROZEN):
            stage.grid.send(ALICE, function, 1, *arguments)
    with refusal("ResourceNotInState", state=ResourceState.FROZEN, needed=ResourceState.ACTIVE):
        stage.grid.send(REGISTRAR, "freezeResource", 1)


def test_unfreeze__counts_again(stage: ResourceStage) -> None:
    stage.register()
    with refusal("ResourceNotInState", state=ResourceState.ACTIVE, needed=ResourceState.FROZEN):
        stage.grid.send(REGISTRAR, "unfreezeResource", 1)
    stage.grid.send(REGISTRAR, "freezeResource", 1)

    stage.grid.send(REGISTRAR, "unfreezeResource", 1)

    assert len(stage.grid.events("ResourceUnfrozen")) == 1
    assert stage.resource(1).is_active


@pytest.mark.parametrize("frozen", [False, True])
def test_remove__frozen_or_not__out_for_ever(stage: ResourceStage, frozen: bool) -> None:
    stage.register()
    if frozen:
        stage.grid.send(REGISTRAR, "freezeResource", 1)

    stage.grid.send(REGISTRAR, "removeResource", 1)
    (event,) = stage.grid.events("ResourceWithdrawn")

    assert event.arguments == {"resourceId": 1, "meterId": ALICES_METER, "by": REGISTRAR}
    assert stage.of_meter() == []
    for function in REGISTRAR_FUNCTIONS:
        with refusal("ResourceNotInState", state=ResourceState.WITHDRAWN):
            stage.grid.send(REGISTRAR, function, 1)


@pytest.mark.parametrize("function", REGISTRAR_FUNCTIONS)
def test_registrar_functions__without_the_role__refused(
    stage: ResourceStage, function: str
) -> None:
    stage.register()

    for stranger in (ALICE, BOB, GOVERNOR):
        with refusal("AccessManagedUnauthorized", caller=stranger):
            stage.grid.send(stranger, function, 1)
    with refusal("UnknownResource", resourceId=2):
        stage.grid.send(REGISTRAR, function, 2)


def test_views__unknown_resource__refused(stage: ResourceStage) -> None:
    for function, *arguments in (("resourceOf", 0), ("resourceOf", 1), ("isAvailable", 1, 0)):
        with refusal("UnknownResource"):
            stage.grid.ask(function, *arguments)
    assert stage.of_meter(404) == []


def test_kind_of_meter__numbers_of_the_mock__are_those_of_the_register() -> None:
    assert [kind.value for kind in MeterKind] == [0, 1, 2]

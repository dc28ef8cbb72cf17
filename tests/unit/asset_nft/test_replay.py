"""I-46 of assets: their logs alone say what the contract's views say."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from energy_grid.abi import Event
from energy_grid.replay import AssetReplay, ReplayError
from tests.unit.asset_nft.stage import MAINTAINER, NEVER, AssetStage
from tests.unit.asset_nft.test_machine import ALICE, BOB, AssetMachine
from tests.utils.revm import Contract


class Recording(Contract):
    """A contract whose events are kept."""

    def __init__(self, heard: Contract) -> None:
        super().__init__(heard.chain, heard.abi, heard.address)
        self.log: list[tuple[Event, int]] = []

    def send(self, sender: str, function: str, *arguments: Any, gas: int | None = None) -> Any:
        answer = super().send(sender, function, *arguments, gas=gas)
        self.log += [(event, self.chain.now) for event in self.all_events()]
        return answer


@pytest.fixture
def recorded(stage: AssetStage) -> Iterator[AssetStage]:
    plain = stage.assets
    stage.assets = Recording(plain)
    yield stage
    stage.assets = plain


def rebuilt(stage: AssetStage) -> AssetReplay:
    replay = AssetReplay()
    for event, now in stage.assets.log:
        replay.apply(event, now)
    return replay


def compare(stage: AssetStage, replay: AssetReplay) -> int:
    """Every view that the replay can answer; how many assets there were."""
    ask, nobody = stage.assets.ask, "0x" + "0" * 40
    living = [number for number, asset in replay.assets.items() if asset.owner != nobody]
    assert len(living) == ask("totalSupply")
    for number, asset in replay.assets.items():
        assert ask("totalProduction", number) == asset.production_wh
        assert ask("maintenanceCount", number) == len(asset.maintenance)
        for day, fields in asset.days.items():
            view = ask("productionOfDay", number, day)
            assert (view.energyWh, view.measuredSlots, view.recordedQuarters) == fields
        if number not in living:
            continue
        assert ask("ownerOf", number) == asset.owner
        assert ask("getApproved", number) == asset.approved
        assert ask("bindingOf", number) == (asset.owner, asset.meter_id)
    for owner in {asset.owner for asset in replay.assets.values()} - {nobody}:
        assert ask("balanceOf", owner) == len(replay.owned_by(owner))
    return len(replay.assets)


class ReplayedMachine(AssetMachine):
    """The machine of assets, its log replayed at the end of each example."""

    assets_seen = 0

    def __init__(self) -> None:
        super().__init__()
        self.stage.assets.log.clear()

    def teardown(self) -> None:
        try:
            type(self).assets_seen += compare(self.stage, rebuilt(self.stage))
        finally:
            super().teardown()


def test_replay__any_actions__as_the_views_say(recorded: AssetStage) -> None:
    AssetMachine.stage = recorded

    run_state_machine_as_test(
        ReplayedMachine,
        settings=settings(
            max_examples=3,
            stateful_step_count=25,
            deadline=None,
            derandomize=True,
            database=None,
            phases=(Phase.generate,),
            suppress_health_check=list(HealthCheck),
        ),
    )

    assert ReplayedMachine.assets_seen >= 3


def test_replay__permissions_and_user__end_with_the_transfer(recorded: AssetStage) -> None:
    stage = recorded
    device = stage.meter()
    number = stage.register(device)
    stage.assets.send(ALICE.address, "setPermission", number, MAINTAINER, BOB.address, NEVER)
    stage.assets.send(ALICE.address, "setUser", number, BOB.address, NEVER)
    before = rebuilt(stage).assets[number]
    assert before.permissions == {(BOB.address, MAINTAINER): (NEVER, before.epoch)}
    assert before.user == (BOB.address, NEVER) == (stage.assets.ask("userOf", number), NEVER)
    stage.remove(device)

    stage.assets.send(ALICE.address, "transferFrom", ALICE.address, BOB.address, number)

    after = rebuilt(stage).assets[number]
    assert after.permissions == {}
    assert (after.owner, after.epoch) == (BOB.address, before.epoch + 1)
    assert after.user[0] == stage.assets.ask("userOf", number)


def test_replay__event_it_does_not_know__refused(recorded: AssetStage) -> None:
    recorded.register(recorded.meter())
    (event, now), *_ = recorded.assets.log
    unknown = Event("AssetPainted", {}, event.address, 0, "0x", 0)

    with pytest.raises(ReplayError, match="AssetPainted"):
        AssetReplay().apply(unknown, now)

"""A state machine of assets beside a model of plain dictionaries.

After every step: crytic's 19 properties of ERC-721 (11 of the standard's functions, 6 of burning,
2 of minting) as far as the step concerns them, and enumeration. Of production, at the end:
- an asset's total, months and days agree;
- all assets of a meter have at most its verified MEASURED export: exactly the slots of their
  bindings, each once, whatever the order of recording, swaps, sales and repeated calls.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any, ClassVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from tests.unit.asset_nft.stage import (
    ALICE,
    ANYBODY,
    BOB,
    CAROL,
    DAY_SECONDS,
    FIRST_DAY,
    SLOT_SECONDS,
    SLOTS_PER_DAY,
    SPEC,
    START,
    ZERO,
    AssetStage,
    Device,
    Person,
    refusal,
)
from tests.utils.revm import Refused

PEOPLE = (ALICE, BOB, CAROL)
MEASURED = 1
people = st.sampled_from(PEOPLE)
picks = st.integers(0, 99)


@dataclass
class Token:
    """What the model knows of an asset."""

    owner: Person
    approved: str = ZERO
    device: Device | None = None


class EveryRule:
    """All rules may be chosen."""

    def is_enabled(self, _name: str) -> bool:
        return True


class AssetMachine(RuleBasedStateMachine):
    """Registering, measuring, recording, swapping, selling, retiring in any order."""

    stage: ClassVar[AssetStage]
    reached: ClassVar[Counter[str]] = Counter()

    def __init__(self) -> None:
        super().__init__()
        # Hypothesis tries a random subset of the rules in each example; few of them lead far.
        self._rules_strategy.enabled_rules_strategy = st.just(EveryRule())
        self.origin = self.stage.remember()
        self.tokens: dict[int, Token] = {}
        self.retired: list[int] = []
        self.meters: dict[str, Device] = {}  # in use, by owner
        self.every_meter: list[Device] = []
        self.recorded: dict[tuple[int, int], int] = {}
        self.known = 0

    def teardown(self) -> None:
        self.stage.restore(self.origin)

    # --- helpers ----------------------------------------------------------------------------------

    def send(self, sender: str, function: str, *arguments: Any) -> Any:
        return self.stage.assets.send(sender, function, *arguments)

    def ask(self, function: str, *arguments: Any) -> Any:
        return self.stage.assets.ask(function, *arguments)

    def pick(self, number: int) -> int:
        return sorted(self.tokens)[number % len(self.tokens)]

    def day_now(self) -> int:
        return self.stage.chain.now // DAY_SECONDS

    def has_generator(self, owner: Person) -> bool:
        return any(
            token.device is not None and token.owner == owner for token in self.tokens.values()
        )

    # --- meters and time --------------------------------------------------------------------------

    @rule(owner=people, change=st.integers(0, 3))
    def change_meter(self, owner: Person, change: int) -> None:
        """A first meter; sometimes another in place of that in use, or none."""
        old = self.meters.get(owner.name)
        if old is not None:
            if change > 1:
                return
            self.stage.remove(self.meters.pop(owner.name))
            if change == 1:
                return
        earliest = self.stage.chain.now // SLOT_SECONDS + 1
        device = self.stage.meter(owner, first_slot=max(earliest, old.slot if old else 0))
        self.meters[owner.name] = device
        self.every_meter.append(device)

    @rule(slots=st.sampled_from((1, 30, 96, 200)), wh=st.integers(1, 2_000), gap=st.booleans())
    def measure(self, slots: int, wh: int, gap: bool) -> None:
        """Time passes; meters read a few quarter hours, with a gap before or at the right times."""
        first = self.stage.chain.now // SLOT_SECONDS
        now = first + slots
        self.stage.chain.at(now * SLOT_SECONDS)
        start = now - 3 if gap else max(first, now - 20)
        for device in self.meters.values():
            if start > device.slot:
                self.stage.read(device, [wh], slots_each=start - device.slot)
            while device.slot < now:
                self.stage.read(device, [wh])

    # --- assets -----------------------------------------------------------------------------------

    @rule(owner=people)
    def register(self, owner: Person) -> None:
        """MINTABLE-001, -002"""
        device = self.meters.get(owner.name)
        if device is None:
            return
        if self.has_generator(owner):
            with refusal("AccountHasGenerator", account=owner.address):
                self.stage.register(device, owner)
            return
        before = self.ask("totalSupply"), self.ask("balanceOf", owner.address)
        asset_id = self.stage.register(device, owner, (*SPEC[:3], START))
        assert asset_id not in self.tokens
        assert asset_id not in self.retired
        assert self.ask("ownerOf", asset_id) == owner.address
        after = self.ask("totalSupply"), self.ask("balanceOf", owner.address)
        assert after == (before[0] + 1, before[1] + 1)
        self.tokens[asset_id] = Token(owner, device=device)
        self.known = asset_id

    @precondition(lambda self: self.tokens)
    @rule(number=picks)
    def release_or_bind(self, number: int) -> None:
        asset_id = self.pick(number)
        token = self.tokens[asset_id]
        device = self.meters.get(token.owner.name)
        if token.device is not None:
            self.stage.release(asset_id)
            token.device = None
        elif device is not None and not self.has_generator(token.owner):
            self.stage.bind(asset_id, device, token.owner, (*SPEC[:3], START))
            token.device = device
            self.reached["swapped"] += 1

    @precondition(lambda self: self.tokens)
    @rule(number=picks, to=people)
    def approve(self, number: int, to: Person) -> None:
        asset_id = self.pick(number)
        self.send(self.tokens[asset_id].owner.address, "approve", to.address, asset_id)
        self.tokens[asset_id].approved = to.address

    @precondition(lambda self: self.tokens)
    @rule(
        number=picks,
        other=st.sampled_from((None, None, *PEOPLE)),
        to=people,
        retire=st.sampled_from((False, False, True)),
    )
    def transfer_or_retire(
        self, number: int, other: Person | None, to: Person, retire: bool
    ) -> None:
        """BASE-004 to -006, -009, -010; BURNABLE-001"""
        asset_id = self.pick(number)
        token = self.tokens[asset_id]
        owner = token.owner
        sender = other or owner
        if retire:
            call: tuple[Any, ...] = ("retireAsset", asset_id)
        else:
            call = ("transferFrom", owner.address, to.address, asset_id)
        if sender.address not in (owner.address, token.approved):
            with refusal("ERC721InsufficientApproval", operator=sender.address):
                self.send(sender.address, *call)
            return
        in_use = token.device is not None and token.device is self.meters.get(owner.name)
        if in_use and (retire or owner != to):
            with refusal("MeterStillEarns", assetId=asset_id):
                self.send(sender.address, *call)
            return
        supply, balance = self.ask("totalSupply"), self.ask("balanceOf", owner.address)
        self.send(sender.address, *call)
        if retire:
            assert self.ask("totalSupply") == supply - 1
            assert self.ask("balanceOf", owner.address) == balance - 1
            del self.tokens[asset_id]
            self.retired.append(asset_id)
            return
        assert self.ask("getApproved", asset_id) == ZERO
        assert self.ask("ownerOf", asset_id) == to.address
        assert self.ask("balanceOf", owner.address) == balance - (owner != to)
        self.reached["sold"] += owner != to
        self.tokens[asset_id] = Token(to, device=token.device if owner == to else None)

    @precondition(lambda self: self.known)
    @rule(number=picks, back=st.integers(0, 4))
    def record(self, number: int, back: int) -> None:
        """Any asset, retired ones too, any day of late, again and again."""
        self.record_day(number % self.known + 1, self.day_now() - back)

    @precondition(lambda self: self.known)
    @rule(wait=st.booleans())
    def record_all(self, wait: bool) -> None:
        """What a keeper does every day."""
        if wait:
            self.stage.chain.at(self.stage.chain.now + 2 * DAY_SECONDS)
        for asset_id in range(1, self.known + 1):
            for back in range(6, 1, -1):
                self.record_day(asset_id, self.day_now() - back)

    @precondition(lambda self: self.tokens)
    @rule(number=picks, slots=st.sampled_from((10, 50)))
    def swap_late(self, number: int, slots: int) -> None:
        """A new device at once, its binding only after the day was put on record."""
        asset_id = self.pick(number)
        owner = self.tokens[asset_id].owner
        if self.tokens[asset_id].device is not self.meters.get(owner.name):
            return
        self.change_meter(owner, 0)
        self.measure(slots, 7, False)
        self.record_all(True)
        self.release_or_bind(self.place(asset_id))
        self.release_or_bind(self.place(asset_id))
        self.record_all(False)

    def place(self, asset_id: int) -> int:
        return sorted(self.tokens).index(asset_id)

    def record_day(self, asset_id: int, day: int) -> None:
        before = self.ask("productionOfDay", asset_id, day)
        final = day + 2 <= self.day_now()
        try:
            energy_wh = self.stage.record(asset_id, day)
        except Refused as error:
            assert error.name == ("NothingToRecord" if final else "DayNotFinal")
            return
        assert final
        after = self.ask("productionOfDay", asset_id, day)
        assert after.energyWh == before.energyWh + energy_wh
        assert before.recordedQuarters < after.recordedQuarters <= SLOTS_PER_DAY
        key = asset_id, day
        self.recorded[key] = self.recorded.get(key, 0) + energy_wh
        self.reached["again"] += before.recordedQuarters != 0
        self.reached["energy"] += energy_wh != 0
        self.reached["retired"] += asset_id in self.retired

    # --- what always holds ------------------------------------------------------------------------

    @invariant()
    def tokens_are_the_models(self) -> None:
        """BASE-001 and enumeration."""
        with refusal("ERC721InvalidOwner", owner=ZERO):
            self.ask("balanceOf", ZERO)
        count = self.ask("totalSupply")
        listed = [self.ask("tokenByIndex", index) for index in range(count)]
        assert sorted(listed) == sorted(self.tokens)
        for person in PEOPLE:
            own = [
                self.ask("tokenOfOwnerByIndex", person.address, index)
                for index in range(self.ask("balanceOf", person.address))
            ]
            expected = [one for one, token in self.tokens.items() if token.owner == person]
            assert sorted(own) == sorted(expected)
        for asset_id, token in self.tokens.items():
            assert self.ask("getApproved", asset_id) == token.approved

    @invariant()
    def what_must_be_refused_is(self) -> None:
        """BASE-002, -003, -007, -008, -011 and BURNABLE-002 to -006."""
        for asset_id in [*self.retired[-2:], self.known + 1]:
            for function in ("ownerOf", "getApproved", "tokenURI", "bindingOf"):
                with refusal("ERC721NonexistentToken", tokenId=asset_id):
                    self.ask(function, asset_id)
            for function, *arguments in (
                ("approve", BOB.address, asset_id),
                ("transferFrom", ALICE.address, BOB.address, asset_id),
                ("transferFrom", ZERO, BOB.address, asset_id),
            ):
                with refusal("ERC721NonexistentToken", tokenId=asset_id):
                    self.send(ALICE.address, function, *arguments)
        for asset_id, token in list(self.tokens.items())[-1:]:
            owner = token.owner.address
            with refusal("ERC721InvalidReceiver", receiver=ZERO):
                self.send(owner, "transferFrom", owner, ZERO, asset_id)
            if token.device is None:
                with refusal("ERC721IncorrectOwner", owner=owner):
                    self.send(owner, "transferFrom", ZERO, BOB.address, asset_id)
                deaf = self.stage.manager.address
                with refusal("ERC721InvalidReceiver", receiver=deaf):
                    self.send(owner, "safeTransferFrom", owner, deaf, asset_id, b"")

    @invariant()
    def live_meters_belong_to_their_assets_owner(self) -> None:
        for asset_id, token in self.tokens.items():
            owner, meter_id = self.ask("bindingOf", asset_id)
            assert owner == token.owner.address
            assert meter_id == (0 if token.device is None else token.device.meter_id)

    def teardown_checks(self) -> None:
        """Production, slot by slot."""
        first, last = FIRST_DAY * SLOTS_PER_DAY, (self.day_now() + 1) * SLOTS_PER_DAY
        slots: dict[tuple[int, int], int] = {}
        for asset_id in range(1, self.known + 1):
            for meter_id, from_slot, to_slot in self.stage.bindings(asset_id):
                for slot in range(max(first, from_slot), to_slot or last):
                    place = meter_id, slot
                    assert place not in slots, "a slot of a meter belongs to one asset"
                    slots[place] = asset_id
        for asset_id in range(1, self.known + 1):
            days = {day for one, day in self.recorded if one == asset_id}
            expected_total = 0
            for day in days:
                quarters = self.ask("productionOfDay", asset_id, day).recordedQuarters
                start = day * SLOTS_PER_DAY
                expected = 0
                for (meter_id, slot), holder in slots.items():
                    if holder == asset_id and start <= slot < start + quarters:
                        _, export_wh, quality = self.stage.meters.ask("slotEnergy", meter_id, slot)
                        expected += export_wh if quality == MEASURED else 0
                assert self.ask("productionOfDay", asset_id, day).energyWh == expected
                assert self.recorded[asset_id, day] == expected
                expected_total += expected
            assert self.ask("totalProduction", asset_id) == expected_total
            months = [(2026, month) for month in range(6, 13)]
            assert expected_total == sum(
                self.ask("productionOfMonth", asset_id, *month) for month in months
            )


class CheckedMachine(AssetMachine):
    """With the check of every slot at the end."""

    def teardown(self) -> None:
        self.teardown_checks()
        super().teardown()


CheckedMachine.TestCase.settings = settings(
    max_examples=16,
    stateful_step_count=50,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)


def test_machine__every_sequence(stage: AssetStage) -> None:
    """Also that the sequences got where the rules are interesting."""
    AssetMachine.stage = stage
    reached = AssetMachine.reached
    reached.clear()
    CheckedMachine.TestCase("runTest").runTest()

    assert reached["energy"] >= 50, reached
    assert reached["sold"] >= 3, reached
    assert reached["swapped"] >= 10
    assert min(reached["retired"], reached["again"]) >= 1, reached


def test_no_other_writer(stage: AssetStage) -> None:
    """Of all functions that change state only one can change production."""
    device = stage.meter()
    asset_id = stage.register(device)
    stage.read(device, [5])
    stage.day_is_final(FIRST_DAY)
    names = {
        entry["name"]
        for entry in stage.chain.artifacts.get("EnergyAssetNFT").abi
        if entry["type"] == "function" and entry["stateMutability"] not in ("view", "pure")
    }
    assert names == {
        "approve", "bindMeter", "logMaintenance", "recordProduction", "registerAsset",
        "releaseMeter", "renouncePermission", "retireAsset", "safeTransferFrom",
        "setApprovalForAll", "setAuthority", "setPermission", "setUser", "transferFrom",
    }  # fmt: skip
    assert stage.record(asset_id, sender=ANYBODY) == 5

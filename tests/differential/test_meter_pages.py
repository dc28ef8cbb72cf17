"""Random sequences of honest and hostile bridges, owners and devices: contract and model agree.

After each step both have allowed it or refused it for the same reason, the same entries were
skipped, and I-30 to I-34 hold of what is on record:

I-30 sequences and registers only rise (pages never roll over)
I-31 nothing of an inactive meter, nothing twice; only two signatures quarantine a meter in a bridge
I-32 readings on record are aligned, not in the future, within the caps
I-33 the energies of slots add up to the register differences
I-34 a slot once MEASURED or ESTIMATED never changes
"""

from __future__ import annotations

import itertools
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from energy_grid.eip712 import MeterReading, recover
from energy_grid.eip712 import domain as domain_of
from energy_grid.model.metering import Metering, Outcome
from energy_grid.model.meters import Meter, MeterStatus, Registration, slot_cap_wh
from energy_grid.model.pages import BridgeStatus, EntryRefusal, Pages, PageStatus
from energy_grid.model.refused import Refused as ModelRefused
from energy_grid.model.slot_energy import register_energy
from energy_grid.pages import MAX_ENTRIES, MeterPage, PageConsent, page_of
from energy_grid.slots import reading_deadline
from energy_grid.units import MeterId, MilliHertz, UnixSeconds, Wh
from tests.unit.meter_pages.street import DAY, DISPUTE, SALT, SLOT, Street, role_of, somebody
from tests.unit.smart_meter.devices import Device
from tests.utils.revm import Refused

OWNERS = ("anna", "bert", "carl", "dora")
BRIDGES = ("bridge", "other bridge")
STEPS = 250
DEEP_STEPS = 1_000
NOBODY = "0x" + "0" * 40


@dataclass
class Kept:
    """A page as its bridge keeps it."""

    page: MeterPage
    bridge: str
    truth: dict[int, MeterReading]


@dataclass
class LockStep:
    """The street and the model side by side."""

    street: Street
    dice: random.Random
    pages: Pages = field(default_factory=lambda: Pages(Metering()))
    now: int = DAY
    truth: dict[int, MeterReading] = field(default_factory=dict)
    signed: list[tuple[Device, MeterReading]] = field(default_factory=list)
    kept: list[Kept] = field(default_factory=list)
    final: dict[tuple[int, int], tuple[int, int, int]] = field(default_factory=dict)
    outcomes: Counter[str] = field(default_factory=Counter)

    @classmethod
    def build(cls, seed: int) -> LockStep:
        """Four meters, two bridges."""
        lock_step = cls(Street.build(), random.Random(seed))
        for bridge in BRIDGES:
            lock_step.pages.appoint(somebody(bridge))
        for number, name in enumerate(OWNERS):
            # The last one is about to roll over.
            start = 999_999_000 if name == "dora" else 5_000_000 + number
            device = lock_step.street.register(name, import_wh=Wh(start))
            known = device.registration
            lock_step.pages.metering.registry.register(
                Registration(
                    device=known.device_key,
                    owner=known.owner,
                    zone=known.zone,
                    kind=known.kind,
                    rated_import_w=known.rated_import_w,
                    rated_export_w=known.rated_export_w,
                    register_width_wh=known.register_width_wh,
                    first_slot=known.first_slot,
                    import_wh=known.import_wh,
                    export_wh=known.export_wh,
                ),
                known.device_key,
                DAY - 3_600,
            )
            lock_step.truth[device.meter_id] = device.reading()
        lock_step.street.at(DAY)
        return lock_step

    # --- both worlds ---

    def both(self, actor: str, function: str, *arguments: Any, model: Callable[[], Any]) -> Any:
        """Do one thing in both; they agree about it."""
        expected, answer = None, None
        try:
            answer = model()
        except ModelRefused as error:
            expected = error.error_name
        found, result = None, None
        try:
            result = self.street.send(actor, function, *arguments)
        except Refused as error:
            found = error.name
        assert found == expected, f"{function} by {actor}: chain {found}, model {expected}"
        self.outcomes[f"{function} {found or 'done'}"] += 1
        if function.startswith("revealPage") and found is None:
            assert int(result) == answer
            self.outcomes["entries taken"] += answer
        return found

    def pass_time(self, seconds: int) -> None:
        """Let time pass."""
        self.now += seconds
        self.street.at(self.now)

    # --- choices ---

    def device(self) -> Device:
        """One of the devices."""
        return self.street.devices[self.dice.choice(OWNERS)]

    def meter(self, device: Device) -> Meter:
        """What the model knows of a device."""
        return self.pages.metering.registry.meter(device.meter_id)

    def boundary(self) -> int:
        """The newest boundary, mostly; or an earlier one, or the next."""
        newest = self.now // SLOT * SLOT
        return newest + SLOT * self.dice.choice((0, 0, 0, 0, -1, -2, 1))

    def reading_at(self, device: Device, boundary: int) -> MeterReading:
        """What the device signs at a boundary: registers and number go on from the last one."""
        last = self.truth[device.meter_id]
        slots = (boundary - last.timestamp) // SLOT
        if slots <= 0:
            return last
        moved = [self.dice.choice((0, 0, 40, 900, 4_743)) * slots for _ in range(2)]
        width = device.registration.register_width_wh
        reading = MeterReading(
            MeterId(device.meter_id),
            last.sequence + (1 if self.dice.random() < 0.8 else slots),
            UnixSeconds(boundary),
            Wh((last.import_wh + moved[0]) % width),
            Wh((last.export_wh + moved[1]) % width),
            MilliHertz(self.dice.choice((0, 50_000))),
        )
        self.truth[device.meter_id] = reading
        self.signed.append((device, reading))
        return reading

    def falsified(self, reading: MeterReading) -> MeterReading:
        """A reading with one lie."""
        return self.dice.choice(
            (
                replace(reading, import_wh=Wh(reading.import_wh + 1)),
                replace(reading, export_wh=Wh(max(0, reading.export_wh - 1))),
                replace(reading, import_wh=Wh(reading.import_wh + 5_000)),
                replace(reading, sequence=reading.sequence + 1),
                replace(reading, sequence=2**32 - 1),
                replace(reading, sequence=max(0, reading.sequence - 1)),
                replace(reading, import_wh=Wh(3)),
            )
        )

    # --- what bridges do ---

    def commit(self) -> None:
        """A bridge commits what it has, or what it says it has."""
        name = self.dice.choice(BRIDGES)
        boundary, index = self.boundary(), self.dice.choice((0, 0, 0, 1))
        readings = {}
        for owner in OWNERS:
            device = self.street.devices[owner]
            own = self.meter(device).bridge == somebody(name)
            if own or self.dice.random() < 0.1:
                readings[device.meter_id] = (device, self.reading_at(device, boundary))
        if not readings:
            return
        truth = {meter_id: reading for meter_id, (_, reading) in readings.items()}
        told = []
        for device, reading in readings.values():
            said = self.falsified(reading) if self.dice.random() < 0.15 else reading
            told.append((replace(said, timestamp=UnixSeconds(boundary)), device.signature(reading)))
        older = [kept.page.boundary for kept in self.kept if kept.bridge == name]
        page = page_of(
            somebody(name),
            index,
            told,
            salt=SALT,
            previous_boundary=max(older, default=0) if self.dice.random() < 0.5 else 0,
        )
        refusal = self.both(
            name,
            "commitPage",
            *(page.boundary, page.index, page.hash()),
            model=lambda: self.pages.commit(page.bridge, boundary, index, page.hash(), self.now),
        )
        if refusal is None:
            self.kept.append(Kept(page, name, truth))

    def some_page(self) -> Kept | None:
        """A page that a bridge keeps, a recent one mostly."""
        if not self.kept:
            return None
        return self.dice.choice(self.kept[-12:] if self.dice.random() < 0.9 else self.kept)

    def reveal(self) -> None:
        """Pages are revealed, some altered, some too early, in any order."""
        kept = self.some_page()
        if kept is None:
            return
        page = kept.page
        if self.dice.random() < 0.1:
            page = self.dice.choice(
                (
                    replace(page, salt=SALT[::-1]),
                    replace(page, entries=page.entries + page.entries[:1]),
                    replace(page, boundary=UnixSeconds(page.boundary + SLOT)),
                    replace(page, previous_boundary=UnixSeconds(SLOT)),
                )
            )
        if self.dice.random() < 0.2:
            self._reveal(page, self.dice.choice((0, 1, 2, 600)))
        else:
            self._reveal(page)

    def reveal_due(self) -> None:
        """A bridge reveals, in order, all that may be revealed."""
        for kept in list(self.kept):
            page = kept.page
            record = self.pages.pages[(page.bridge, page.boundary, page.index)]
            due = record.committed_at + DISPUTE <= self.now
            overdue = self.now >= reading_deadline(page.boundary // SLOT - 1)
            if record.status is PageStatus.COMMITTED and due and not overdue:
                self._reveal(page)

    def _reveal(self, page: MeterPage, count: int | None = None) -> None:
        self.pages.skipped = []
        function = "revealPage" if count is None else "revealPagePart"
        refusal = self.both(
            "anybody",
            function,
            *((page.as_tuple(),) if count is None else (page.as_tuple(), count)),
            model=lambda: self.pages.reveal(
                page, self.now, MAX_ENTRIES if count is None else count
            ),
        )
        if refusal is None:
            skipped = [(place, reason) for _, place, reason in self.street.skipped()]
            assert skipped == self.pages.skipped
            self.outcomes.update(EntryRefusal(reason).name for _, reason in skipped)

    def withdraw(self) -> None:
        """A bridge gives a page up, or somebody tries."""
        kept = self.some_page()
        if kept is None:
            return
        name = kept.bridge if self.dice.random() < 0.8 else "other bridge"
        page = kept.page
        self.both(
            name,
            "withdrawPage",
            *(page.boundary, page.index),
            model=lambda: self.pages.withdraw(somebody(name), page.boundary, page.index),
        )

    # --- what owners and devices do ---

    def join(self) -> None:
        """An owner chooses a bridge, or a consent is brought."""
        device = self.device()
        owner = next(name for name, one in self.street.devices.items() if one is device)
        bridge = somebody(self.dice.choice((*BRIDGES, "anybody")))
        boundary = self.boundary() + SLOT * self.dice.choice((0, 1, 1, 1, 4, -100, 700))
        if self.dice.random() < 0.5:
            caller = self.dice.choice((owner, owner, f"meter of {owner}", "anybody"))
            self.both(
                caller,
                "joinBridge",
                *(device.meter_id, bridge, boundary),
                model=lambda: self.pages.join(
                    device.meter_id, bridge, boundary, somebody(caller), self.now
                ),
            )
            return
        consent = PageConsent(MeterId(device.meter_id), bridge, UnixSeconds(boundary))
        signature = device.signature(consent)
        self.both(
            "anybody",
            "joinBridgeWithConsent",
            *(consent.as_tuple(), signature),
            model=lambda: self.pages.join_with_consent(consent, device.address, self.now),
        )

    def leave(self) -> None:
        """An owner leaves."""
        device = self.device()
        owner = next(name for name, one in self.street.devices.items() if one is device)
        caller = self.dice.choice((owner, f"meter of {owner}", "bridge"))
        self.both(
            caller,
            "leaveBridge",
            device.meter_id,
            model=lambda: self.pages.leave(device.meter_id, somebody(caller), self.now),
        )

    def demand(self) -> None:
        """Somebody wants the signature."""
        device, boundary = self.device(), self.boundary()
        owner = next(name for name, one in self.street.devices.items() if one is device)
        boundary += self.dice.choice((0, 0, 0, 1, -200 * SLOT))
        if self.dice.random() < 0.3:
            self.both(
                "registrar",
                "orderSignature",
                *(device.meter_id, boundary),
                model=lambda: self.pages.order(device.meter_id, boundary, self.now),
            )
            return
        caller = self.dice.choice((owner, owner, "anybody"))
        self.both(
            caller,
            "demandSignature",
            *(device.meter_id, boundary),
            model=lambda: self.pages.demand(device.meter_id, boundary, somebody(caller), self.now),
        )

    def submit(self) -> None:
        """A device's own reading is relayed: the next, an older one, or one that conflicts."""
        device = self.device()
        kind = self.dice.random()
        mine = [reading for one, reading in self.signed if one is device]
        if kind < 0.5 or not mine:
            reading = self.reading_at(device, self.boundary())
        elif kind < 0.8:
            reading = self.dice.choice(mine[-6:])
        else:
            reading = self.falsified(self.dice.choice(mine[-3:]))
        signature = device.signature(reading)
        self.both(
            "anybody",
            "submitSignedReading",
            *(reading.as_tuple(), signature),
            model=lambda: self.pages.metering.submit(reading, device.address, self.now),
        )

    def equivocate(self) -> None:
        """Two signatures of one device for one time."""
        device = self.device()
        one = self.truth[device.meter_id]
        two = self.falsified(one)
        self.both(
            "anybody",
            "reportEquivocation",
            *(one.as_tuple(), device.signature(one), two.as_tuple(), device.signature(two)),
            model=lambda: self.pages.metering.report_equivocation(
                (one, device.address), (two, device.address), self.now
            ),
        )

    # --- disputes ---

    def accuse(self) -> None:
        """Somebody compares a page with what the device signed, or makes something up."""
        kept = self.some_page()
        if kept is None:
            return
        lies = [
            (place, kept.truth[entry.meter_id])
            for place, entry in enumerate(kept.page.entries)
            if not entry.matches(kept.truth[entry.meter_id])
        ]
        if lies and self.dice.random() < 0.8:
            place, reading = self.dice.choice(lies)
        else:
            place = self.dice.randrange(len(kept.page.entries) + 1)
            device = self.device()
            reading = self.falsified(self.truth[device.meter_id])
        device = next(d for d in self.street.devices.values() if d.meter_id == reading.meter_id)
        self.both(
            "anybody",
            "reportPageFraud",
            *(kept.page.as_tuple(), place, reading.as_tuple(), device.signature(reading)),
            model=lambda: self.pages.report_fraud(
                kept.page, place, reading, device.address, self.now
            ),
        )

    def answer(self) -> None:
        """A bridge shows what it has, true or not."""
        device = self.device()
        accusation = self.pages.accusations.get(device.meter_id)
        reading = self.truth[device.meter_id]
        if accusation is not None:
            reading = replace(
                reading,
                sequence=accusation.entry.sequence,
                timestamp=UnixSeconds(accusation.boundary),
                import_wh=accusation.entry.import_wh,
                export_wh=accusation.entry.export_wh,
            )
        # A lying bridge has no signature of the device: it tries with its own.
        signature = device.signature(reading)
        honest = accusation is None or any(
            one is device and accusation.entry.matches(known) for one, known in self.signed
        )
        if not honest:
            signature = device.signature(reading, key=role_of("bridge"))
        domain = domain_of(self.street.chain_id, self.street.meters.address)
        signer = recover(reading, domain, signature)
        self.both(
            "bridge",
            "answerPageFraud",
            *(reading.as_tuple(), signature),
            model=lambda: self.pages.answer_fraud(reading, signer),
        )

    def conclude(self) -> None:
        """Somebody ends an accusation."""
        waiting = list(self.pages.accusations) or [self.device().meter_id]
        meter_id = self.dice.choice(waiting)
        self.both(
            "anybody",
            "concludePageFraud",
            meter_id,
            model=lambda: self.pages.conclude_fraud(meter_id, self.now),
        )

    # --- the registrar ---

    def judge(self) -> None:
        """The registrar releases meters and appoints bridges again, now and then suspends one."""
        registry = self.pages.metering.registry
        for owner in OWNERS:
            device = self.street.devices[owner]
            if self.meter(device).status is MeterStatus.QUARANTINED:
                self.both(
                    "registrar",
                    "releaseQuarantine",
                    device.meter_id,
                    model=lambda m=device.meter_id: registry.release(m, self.now),
                )
        name = self.dice.choice(BRIDGES)
        bridge = somebody(name)
        if self.pages.bridges[bridge] is BridgeStatus.SUSPENDED:
            self.both(
                "registrar", "appointBridge", bridge, model=lambda: self.pages.appoint(bridge)
            )
        elif self.dice.random() < 0.1:
            self.both(
                "registrar", "suspendBridge", bridge, model=lambda: self.pages.suspend(bridge)
            )

    # --- what must hold ---

    def check(self) -> None:
        """Contract and model show the same; I-30 to I-34."""
        ask = self.street.meters.ask
        for device in self.street.devices.values():
            meter = self.meter(device)
            info = ask("meterInfo", device.meter_id)
            assert info.status == meter.status.value
            assert info.skippedSequences == meter.skipped_sequences
            latest = ask("latestReading", device.meter_id)
            assert tuple(latest) == meter.last.reading.as_tuple()
            own = ask("pageMeter", device.meter_id)
            assert own.bridge == (meter.bridge or NOBODY)
            assert own.sinceBoundary == meter.bridge_since
            assert (own.demandedFrom, own.demandedUntil) == (meter.demanded or (0, 0))
            self._check_readings(meter)
            self._check_slots(device, meter)

    @staticmethod
    def _check_readings(meter: Meter) -> None:
        snapshots = [snapshot for _, snapshot in sorted(meter.snapshots.items())]
        cap_wh = slot_cap_wh(meter.registration.rated_import_w)
        for before, after in itertools.pairwise(snapshots[-8:]):
            assert after.reading.sequence > before.reading.sequence
            assert after.reading.timestamp % SLOT == 0
            slots = (after.reading.timestamp - before.reading.timestamp) // SLOT
            for rise in (
                after.total_import_wh - before.total_import_wh,
                after.total_export_wh - before.total_export_wh,
            ):
                assert 0 <= rise <= cap_wh * slots

    def _check_slots(self, device: Device, meter: Meter) -> None:
        last_slot = meter.last.reading.timestamp // SLOT
        first = max(device.registration.first_slot, last_slot - 12)
        for slot in range(first, last_slot + 1):
            found = tuple(self.street.meters.ask("slotEnergy", device.meter_id, slot))
            assert found == tuple(register_energy(meter, slot))
            key = (device.meter_id, slot)
            if found[2]:
                assert self.final.setdefault(key, found) == found


ACTIONS: tuple[tuple[str, int], ...] = (
    ("commit", 8),
    ("reveal", 5),
    ("reveal_due", 4),
    ("withdraw", 1),
    ("join", 4),
    ("leave", 1),
    ("demand", 1),
    ("submit", 4),
    ("equivocate", 1),
    ("accuse", 3),
    ("answer", 2),
    ("conclude", 2),
    ("judge", 3),
)


def live(seed: int, steps: int) -> LockStep:
    """Some days of the street."""
    lock_step = LockStep.build(seed)
    names = [name for name, weight in ACTIONS for _ in range(weight)]
    for step in range(steps):
        getattr(lock_step, lock_step.dice.choice(names))()
        lock_step.pass_time(lock_step.dice.choice((1, 60, 300, 450, 900, 900, 1_800)))
        if lock_step.dice.random() < 0.01:
            lock_step.pass_time(lock_step.dice.choice((20_000, 86_400, 100_000)))
        if step % 5 == 4:
            lock_step.check()
    lock_step.check()
    return lock_step


@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_pages__random_bridges_and_owners__contract_and_model_agree(seed: int) -> None:
    outcomes = live(seed, STEPS).outcomes

    for usual in ("commitPage done", "entries taken", "reportPageFraud done", "joinBridge done"):
        assert outcomes[usual], f"seed {seed} never saw {usual}"


@pytest.mark.deep
def test_pages__random_bridges_at_length__everything_happens() -> None:
    seen: set[str] = set()
    for seed in range(100, 112):
        seen |= set(live(seed, DEEP_STEPS).outcomes)

    usual = {reason.name for reason in EntryRefusal if reason not in (0, EntryRefusal.ABOVE_CAP)}
    assert usual <= seen
    for function in (
        "answerPageFraud",
        "concludePageFraud",
        "withdrawPage",
        "demandSignature",
        "orderSignature",
        "revealPagePart",
        "leaveBridge",
        "joinBridgeWithConsent",
        "suspendBridge",
    ):
        assert f"{function} done" in seen, f"never saw {function} succeed"
    for refusal in (
        "revealPage WrongPage",
        "revealPage RevealedTooEarly",
        "revealPage EarlierPageFirst",
        "revealPage PageIsWithdrawn",
        "commitPage PlaceTaken",
        "commitPage BridgeNotActive",
        "submitSignedReading RecordFromPage",
        "reportPageFraud AlreadyAccused",
    ):
        assert refusal in seen, f"never saw {refusal}"


def test_model__outcomes__are_those_of_metering() -> None:
    """The model takes an entry like a signed reading: what one refuses, the other does too."""
    lock_step = LockStep.build(9)
    device = lock_step.street.devices["anna"]
    reading = lock_step.reading_at(device, DAY + SLOT)

    assert lock_step.pages.metering.submit(reading, device.address, DAY + SLOT) is Outcome.ACCEPTED

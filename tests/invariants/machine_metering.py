"""Rules of the lock-step machine: meters and their readings, honest and otherwise."""

from __future__ import annotations

from dataclasses import replace
from random import Random

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from energy_grid import eip712
from energy_grid.day_words import LaneWidth, Quality, SlotRegisters, pack_day
from energy_grid.eip712 import MeterDay, MeterKind, MeterReading
from energy_grid.model.meters import Meter, MeterStatus, slot_cap_wh
from energy_grid.slots import slot_of, slot_start
from energy_grid.units import MeterId, MilliHertz, MilliVolt, UnixSeconds, Wh
from tests.invariants.machine_base import MachineBase, picks, seeds
from tests.invariants.world import HOMES, device_key

SENT_AT_ONCE = 16
"""Readings of one meter in one batch: four hours."""

FAULTS = (
    "wrong key",
    "unknown meter",
    "misaligned",
    "future",
    "falls",
    "above cap",
    "old sequence",
    "zero sequence",
    "out of range",
    "too late",
    "inside a gap",
    "same again",
)


class MeteringRules(MachineBase):
    """Registering, reading, replacing meters."""

    # --- choices ---

    def pick_meter(self, pick: int) -> Meter:
        """One of the meters ever registered."""
        meters = list(self.model.metering.registry.meters.values())
        return meters[pick % len(meters)]

    def active_meters(self) -> list[Meter]:
        """Meters whose readings are taken."""
        return [
            meter
            for meter in self.model.metering.registry.meters.values()
            if meter.status is MeterStatus.ACTIVE
        ]

    def next_reading(
        self, after: MeterReading, meter: Meter, slots: int, dice: Random
    ) -> MeterReading:
        """A possible reading `slots` after another one."""
        known = meter.registration
        moved = [
            sum(self._energy(rated_w, dice) for _ in range(min(slots, 4))) * slots // min(slots, 4)
            for rated_w in (known.rated_import_w, known.rated_export_w)
        ]
        width = known.register_width_wh
        return MeterReading(
            MeterId(meter.meter_id),
            after.sequence + (1 if dice.random() < 0.9 else 3),
            UnixSeconds(after.timestamp + 900 * slots),
            Wh((after.import_wh + moved[0]) % width),
            Wh((after.export_wh + moved[1]) % width),
            MilliHertz(dice.choice((0, 50_003))),
            MilliVolt(dice.choice((0, 231_400))),
        )

    @staticmethod
    def _energy(rated_w: int, dice: Random) -> int:
        """Energy of a slot: often none, sometimes all that the rating allows."""
        cap = slot_cap_wh(rated_w)
        return dice.choice((0, 0, dice.randrange(cap // 4 + 1), dice.randrange(cap + 1), cap))

    def _send(self, reading: MeterReading, key: bytes, sender: str = "stranger") -> None:
        signature = self.world.sign(reading, key)
        signer = eip712.recover(reading, self.world.domain, signature)
        self.note(
            self.world.both(
                self.world.address(sender),
                self.world.meters,
                "submitSignedReading",
                reading,
                signature,
                model=lambda m: m.metering.submit(reading, signer, m.now),
            )
        )

    # --- honest readings ---

    @rule(seed=seeds)
    def read_all(self, seed: int) -> None:
        """All meters deliver what they have, boundary by boundary, in one transaction."""
        self.begin("stranger")
        dice = self.dice(seed)
        items: list[tuple[MeterReading, bytes]] = []
        for meter in self.active_meters():
            if dice.random() < 0.1:
                continue
            items += self.due_readings(meter, dice)
        self._send_batch(items)

    def due_readings(self, meter: Meter, dice: Random) -> list[tuple[MeterReading, bytes]]:
        """What a meter has to say by now; boundaries whose deadline has passed are a gap."""
        reading = meter.last.reading
        earliest = (self.now // 86_400 - 1) * 86_400 + 900
        slots = max(1, (earliest - reading.timestamp) // 900)
        readings = []
        while len(readings) < SENT_AT_ONCE and reading.timestamp + 900 * slots <= self.now:
            reading = self.next_reading(reading, meter, slots, dice)
            readings.append((reading, self.world.key_of(meter)))
            slots = 1
        return readings

    def _send_batch(self, items: list[tuple[MeterReading, bytes]]) -> None:
        domain = self.world.domain
        signed = [(reading, self.world.sign(reading, key)) for reading, key in items]
        signers = [eip712.recover(reading, domain, signature) for reading, signature in signed]
        readings = [reading for reading, _ in items]
        self.note(
            self.world.both(
                self.world.address("stranger"),
                self.world.meters,
                "submitSignedReadings",
                [(reading, signature) for reading, signature in signed],
                model=lambda m: m.metering.submit_many(
                    list(zip(readings, signers, strict=True)), m.now
                ),
            )
        )

    @rule(pick=picks, seed=seeds, gap=st.sampled_from((1, 1, 1, 2, 3, 8, 40, 95, 96, 97, 150)))
    def read_one(self, pick: int, seed: int, gap: int) -> None:
        """One reading, perhaps after a gap, perhaps too early or too late."""
        meter, dice = self.pick_meter(pick), self.dice(seed)
        self.begin("stranger")
        due = (self.now - meter.last.reading.timestamp) // 900
        slots = max(1, min(gap, due)) if dice.random() < 0.9 else gap
        self._send(
            self.next_reading(meter.last.reading, meter, slots, dice), self.world.key_of(meter)
        )

    @rule(pick=picks, seed=seeds)
    def device_sends_itself(self, pick: int, seed: int) -> None:
        """The printed form: the device's own transaction, its number is the next one."""
        meter, dice = self.pick_meter(pick), self.dice(seed)
        self.begin("stranger")
        due = max(1, (self.now - meter.last.reading.timestamp) // 900)
        reading = self.next_reading(meter.last.reading, meter, min(due, 2), dice)
        if dice.random() < 0.2:
            reading = meter.last.reading
        reading = replace(reading, sequence=meter.last.reading.sequence + 1)
        device = meter.registration.device
        self.world.note_signed(reading, device)
        printed = (
            reading.timestamp,
            reading.import_wh,
            reading.export_wh,
            reading.frequency_millihz,
            reading.voltage_millivolts,
        )
        self.note(
            self.world.both(
                device,
                self.world.meters,
                "submitReading",
                printed,
                model=lambda m: m.metering.submit_own(reading, device, m.now),
            )
        )

    @rule(pick=picks, seed=seeds, fault=st.sampled_from(("none", "none", "base", "cap", "late")))
    def read_day(self, pick: int, seed: int, fault: str) -> None:
        """A whole day under one signature."""
        meter, dice = self.pick_meter(pick), self.dice(seed)
        self.begin("stranger")
        day = self.day_of(meter, dice, fault)
        signature = self.world.sign(day, self.world.key_of(meter))
        self.note(
            self.world.both(
                self.world.address("stranger"),
                self.world.meters,
                "submitSignedDay",
                day,
                signature,
                model=lambda m: m.metering.submit_day(day, meter.registration.device, m.now),
            )
        )

    def day_of(self, meter: Meter, dice: Random, fault: str) -> MeterDay:
        """The day that follows the record, or the one the record ends in."""
        last = meter.last.reading
        today = self.now // 86_400 * 86_400
        start = min(last.timestamp // 86_400 * 86_400, today - 86_400)
        if dice.random() < 0.3:
            start = today - 86_400
        on_record = [
            (snapshot.reading.import_wh, snapshot.reading.export_wh)
            for at, snapshot in sorted(meter.snapshots.items())
            if start <= at <= start + 86_400
        ]
        base = on_record[0] if start in meter.snapshots else (last.import_wh, last.export_wh)
        width = meter.registration.register_width_wh
        lanes = []
        for place in range(96):
            begin = meter.snapshots.get(start + 900 * place)
            end = meter.snapshots.get(start + 900 * (place + 1))
            if begin is not None and end is not None:
                moved = (
                    (end.reading.import_wh - begin.reading.import_wh) % width,
                    (end.reading.export_wh - begin.reading.export_wh) % width,
                )
            else:
                moved = (
                    self._energy(meter.registration.rated_import_w, dice) // 2,
                    self._energy(meter.registration.rated_export_w, dice) // 2,
                )
            lanes.append(SlotRegisters(Wh(moved[0]), Wh(moved[1]), Quality.MEASURED))
        if fault == "cap":
            lanes[dice.randrange(96)] = SlotRegisters(
                Wh(slot_cap_wh(meter.registration.rated_import_w) + 1), Wh(0), Quality.MEASURED
            )
        if fault == "base":
            base = (base[0] + 1, base[1])
        if fault == "late":
            start -= 86_400
        width_of_lanes = LaneWidth.WIDE if meter.wide_lanes else LaneWidth.NARROW
        places_on_record = max(0, (last.timestamp - start) // 900)
        first = last.sequence - places_on_record + 1
        return MeterDay(
            MeterId(meter.meter_id),
            max(0, first) if first > 0 or dice.random() < 0.2 else last.sequence + 2,
            UnixSeconds(start),
            Wh(base[0] % width),
            Wh(base[1] % width),
            pack_day(lanes, width_of_lanes),
            MilliHertz(50_000),
            MilliVolt(230_000),
        )

    # --- dishonest readings ---

    @rule(pick=picks, seed=seeds)
    def read_badly(self, pick: int, seed: int) -> None:
        """Readings with one fault each. Refused, or ignored if it is the same again."""
        dice = self.dice(seed)
        active = self.active_meters()
        meter = active[pick % len(active)] if active and pick % 8 else self.pick_meter(pick)
        self.begin("stranger")
        for fault in dice.sample(FAULTS, 4):
            self._read_with(fault, meter, dice)

    def _read_with(self, fault: str, meter: Meter, dice: Random) -> None:
        last = meter.last.reading
        if self.now < last.timestamp + 900 and self.young():
            # Else every fault would hide behind "in the future".
            self.world.advance_to(max(self.now, last.timestamp + 903))
        slots = max(1, min(2, (self.now - last.timestamp) // 900))
        good = self.next_reading(last, meter, slots, dice)
        key = self.world.key_of(meter)
        known = meter.registration
        match fault:
            case "wrong key":
                key = device_key("thief") if dice.random() < 0.5 else self._other_key(meter)
                bad = good
            case "unknown meter":
                bad = replace(good, meter_id=MeterId(dice.choice((0, 10**6))))
            case "misaligned":
                bad = replace(good, timestamp=UnixSeconds(good.timestamp + dice.randrange(1, 900)))
            case "future":
                bad = replace(good, timestamp=UnixSeconds(slot_start(slot_of(self.now) + 1)))
            case "falls":
                bad = replace(good, import_wh=Wh(max(0, last.import_wh - 1)))
            case "above cap":
                beyond = slot_cap_wh(known.rated_export_w) * slots + 1
                bad = replace(
                    good, export_wh=Wh((last.export_wh + beyond) % known.register_width_wh)
                )
            case "old sequence":
                bad = replace(good, sequence=max(1, last.sequence - 1))
            case "zero sequence":
                bad = replace(good, sequence=0)
            case "out of range":
                bad = replace(good, frequency_millihz=MilliHertz(65_536))
            case "too late":
                bad = replace(good, timestamp=UnixSeconds(last.timestamp - 86_400 * 3))
            case "inside a gap":
                bad = replace(good, timestamp=UnixSeconds(last.timestamp - 900))
            case _:
                snapshots = list(meter.snapshots.values())
                bad = snapshots[dice.randrange(max(0, len(snapshots) - 5), len(snapshots))].reading
        self._send(bad, key)

    def _other_key(self, meter: Meter) -> bytes:
        others = [
            key for device, key in self.world.keys.items() if device != meter.registration.device
        ]
        return others[0]

    @rule(pick=picks, seed=seeds, direct=st.booleans())
    def equivocate(self, pick: int, seed: int, direct: bool) -> None:
        """A device signs two readings for one time or with one number."""
        meter, dice = self.pick_meter(pick), self.dice(seed)
        if dice.random() < 0.5:  # not too often: a quarantined meter is of little use
            meter = self.pick_meter(3)
        self.begin("stranger")
        last, key = meter.last.reading, self.world.key_of(meter)
        other = replace(last, sequence=max(1, last.sequence), import_wh=Wh(last.import_wh + 1))
        if dice.random() < 0.5:
            later = UnixSeconds(last.timestamp + 900)
            other = replace(last, sequence=max(1, last.sequence), timestamp=later)
        if direct:
            self._send(other, key)
            return
        first = replace(last, sequence=max(1, last.sequence))
        domain = self.world.domain
        signer = meter.registration.device
        self.note(
            self.world.both(
                self.world.address("stranger"),
                self.world.meters,
                "reportEquivocation",
                first,
                eip712.sign(first, domain, key),
                other,
                eip712.sign(other, domain, key),
                model=lambda m: m.metering.report_equivocation(
                    (first, signer), (other, signer), m.now
                ),
            )
        )

    # --- the registrar ---

    @rule(pick=picks)
    def release(self, pick: int) -> None:
        """The registrar judges a quarantine."""
        self.begin()
        quarantined = [
            meter
            for meter in self.model.metering.registry.meters.values()
            if meter.status is MeterStatus.QUARANTINED
        ]
        meter = quarantined[pick % len(quarantined)] if quarantined else self.pick_meter(pick)
        self.note(
            self.world.both(
                self.world.role("registrar"),
                self.world.meters,
                "releaseQuarantine",
                meter.meter_id,
                model=lambda m: m.metering.registry.release(meter.meter_id, m.now),
            )
        )

    @precondition(lambda self: len(self.model.metering.registry.meters) < 10)
    @rule(pick=picks, seed=seeds)
    def announce_successor(self, pick: int, seed: int) -> None:
        """Another meter is to follow, of the same owner or (seldom) of another one."""
        dice = self.dice(seed)
        home = HOMES[pick % len(HOMES)]
        self.begin(home.name)
        registry = self.model.metering.registry
        production = home.kind is MeterKind.CONNECTION_WITH_STORAGE and dice.random() < 0.5
        address = self.world.address(home.name)
        old = registry.production_of(address) if production else registry.connection_of(address)
        assert old is not None
        to = dice.choice(HOMES) if dice.random() < 0.2 else home
        kind = MeterKind.PRODUCTION if production else home.kind
        device = f"{to.name} {kind.name} {len(registry.meters)}"
        self.note(self.world.announce(device, to, kind, old))

    @rule(pick=picks, seed=seeds)
    def decide_on_successor(self, pick: int, seed: int) -> None:
        """The old owner (or a stranger) consents or objects, or the registrar withdraws."""
        dice = self.dice(seed)
        meter = self.pick_meter(pick)
        owner = meter.registration.owner
        sender = self.world.address("stranger") if dice.random() < 0.2 else owner
        choice = dice.random()
        self.begin("succession")
        if choice < 0.6:
            self.note(self.world.decide(sender, "consentToSuccession", meter))
        elif choice < 0.9:
            self.note(self.world.decide(sender, "objectToSuccession", meter))
        else:
            self.note(self.world.decide(self.world.role("registrar"), "withdrawSuccession", meter))

    @rule(pick=picks, seed=seeds)
    def open_successor(self, pick: int, seed: int) -> None:
        """What was announced begins where the old meter ended, or not quite there."""
        dice = self.dice(seed)
        waiting = [
            meter
            for meter in self.model.metering.registry.meters.values()
            if meter.announced is not None
        ]
        if not waiting:
            return
        old = waiting[pick % len(waiting)]
        self.begin("succession")
        last_slot = slot_of(old.last.reading.timestamp)
        first_slot = last_slot + dice.choice((0, 0, 0, 1, -1))
        if dice.random() < 0.2:
            first_slot = slot_of(self.now)
        self.note(self.world.open(old, first_slot, import_wh=dice.randrange(1_000)))
        if dice.random() < 0.7 and old.announced is None:
            self._sync(old.registration.owner)

    @rule(pick=picks, seed=seeds)
    def remove_meter(self, pick: int, seed: int) -> None:
        """A meter is removed at once; whether another may be registered for its owner."""
        dice = self.dice(seed)
        if dice.random() < 0.7:
            return
        home = HOMES[pick % len(HOMES)]
        old = self.model.metering.registry.connection_of(self.world.address(home.name))
        assert old is not None
        self.begin(home.name)
        self.note(
            self.world.both(
                self.world.role("registrar"),
                self.world.meters,
                "deactivateMeter",
                old.meter_id,
                model=lambda m: m.metering.registry.deactivate(old.meter_id),
            )
        )
        if dice.random() < 0.3:
            device = f"{home.name} {len(self.model.metering.registry.meters)}"
            first_slot = max(slot_of(self.now), slot_of(old.last.reading.timestamp))
            self.note(
                self.world.register(device, home, home.kind, first_slot, import_wh=0, export_wh=0)
            )
        if dice.random() < 0.7:
            self._sync(old.registration.owner)

    @rule(name=st.sampled_from([home.name for home in HOMES] + ["trader", "stranger"]))
    def sync_meter(self, name: str) -> None:
        """Settlement takes over what the registry says."""
        self.begin(name)
        self._sync(self.world.address(name))

    def _sync(self, address: str) -> None:
        self.note(
            self.world.both(
                self.world.address("stranger"),
                self.world.settlement,
                "syncMeter",
                address,
                model=lambda m: m.sync_meter(address),
            )
        )

"""Rules of the lock-step machine: meters in bridges, pages of readings, disputes about them."""

from __future__ import annotations

from dataclasses import replace
from random import Random

from eth_utils.crypto import keccak
from hypothesis.stateful import precondition, rule

from energy_grid import eip712
from energy_grid.eip712 import MeterReading
from energy_grid.model.meters import Meter
from energy_grid.model.pages import BridgeStatus
from energy_grid.pages import DISPUTE_SECONDS, MeterPage, page_of
from energy_grid.slots import slot_of
from energy_grid.units import UnixSeconds, Wh
from tests.invariants.machine_base import ACTORS, seeds
from tests.invariants.machine_days import DailyLife

BRIDGES = ("bridge", "second bridge")
SALT = keccak(text="lock-step salt")


class PageRules(DailyLife):
    """Bridges report meters in pages, truly or not; owners look, or do not."""

    def __init__(self) -> None:
        super().__init__()
        self.pages: list[tuple[MeterPage, dict[int, MeterReading]]] = []

    @precondition(lambda self: self.young())
    @rule(seed=seeds)
    def report_in_pages(self, seed: int) -> None:
        """A bridge commits what its meters read; after the time for disputes it is settled."""
        self.begin(*ACTORS)
        dice = self.dice(seed)
        bridge = dice.choice(BRIDGES)
        self._appoint(bridge)
        self.world.advance_to((self.now // 900 + 1) * 900 + 3)
        signed: list[tuple[Meter, MeterReading]] = []
        for meter in self.active_meters():
            slots = (self.now // 900 * 900 - meter.last.reading.timestamp) // 900
            if slots < 1 or dice.random() < 0.2:
                continue
            self._join(meter, bridge, dice)
            reading = self.next_reading(meter.last.reading, meter, slots, dice)
            if dice.random() < 0.8:
                signed.append((meter, reading))
        if not signed:
            return
        page = self._page(bridge, signed, dice)
        self._commit(bridge, page)
        self.pages.append((page, {meter.meter_id: reading for meter, reading in signed}))
        for meter, reading in signed:
            self._object(meter, reading, page, dice)
        self.world.advance_to(max(self.now, page.boundary + 5) + DISPUTE_SECONDS)
        self._reveal(page, dice)
        self._touch_settled_pools()

    @rule(seed=seeds)
    def quarrel_about_pages(self, seed: int) -> None:
        """Old pages are revealed, withdrawn, disputed; bridges answer or are suspended."""
        self.begin(*ACTORS)
        dice = self.dice(seed)
        for page, truth in self.pages[-4:]:
            match dice.choice(("accuse", "accuse", "reveal", "withdraw", "again")):
                case "accuse":
                    self._accuse(page, truth, dice)
                case "reveal":
                    self._reveal(page, dice)
                    self._touch_settled_pools()
                case "withdraw":
                    self._withdraw(page)
                case _:
                    name = next(b for b in BRIDGES if self.world.address(b) == page.bridge)
                    self._commit(name, replace(page, salt=SALT[::-1]))
        for meter_id in list(self.model.pages.accusations):
            self._answer_or_conclude(meter_id, dice)
        for meter in list(self.model.metering.registry.meters.values()):
            if meter.bridge is not None and dice.random() < 0.1:
                self._leave(meter, dice)
        for name in BRIDGES:
            bridge = self.world.address(name)
            known = self.model.pages.bridges.get(bridge)
            if known is BridgeStatus.SUSPENDED or dice.random() < 0.05:
                self._appoint(name)

    # --- the parts ---

    def _appoint(self, name: str) -> None:
        bridge = self.world.address(name)
        if self.model.pages.bridges.get(bridge) is BridgeStatus.ACTIVE:
            return
        self.note(
            self.world.both(
                self.world.role("registrar"),
                self.world.meters,
                "appointBridge",
                bridge,
                model=lambda m: m.pages.appoint(bridge),
            )
        )

    def _join(self, meter: Meter, name: str, dice: Random) -> None:
        bridge = self.world.address(name)
        if meter.bridge == bridge or (meter.bridge is not None and dice.random() < 0.7):
            return
        owner = meter.registration.owner
        boundary = self.now // 900 * 900 + 900 * dice.choice((0, 0, 0, 1, -97))
        self.note(
            self.world.both(
                owner,
                self.world.meters,
                "joinBridge",
                meter.meter_id,
                bridge,
                boundary,
                model=lambda m: m.pages.join(meter.meter_id, bridge, boundary, owner, m.now),
            )
        )

    def _leave(self, meter: Meter, dice: Random) -> None:
        owner = meter.registration.owner if dice.random() < 0.8 else self.world.address("stranger")
        self.note(
            self.world.both(
                owner,
                self.world.meters,
                "leaveBridge",
                meter.meter_id,
                model=lambda m: m.pages.leave(meter.meter_id, owner, m.now),
            )
        )

    def _page(
        self, bridge: str, signed: list[tuple[Meter, MeterReading]], dice: Random
    ) -> MeterPage:
        """What the bridge says its meters read: now and then a lie."""
        told = []
        for meter, reading in signed:
            signature = eip712.sign(reading, self.world.domain, self.world.key_of(meter))
            said = reading
            if dice.random() < 0.15:
                said = dice.choice(
                    (
                        replace(reading, import_wh=Wh(reading.import_wh + 1)),
                        replace(reading, export_wh=Wh(reading.export_wh + 1)),
                        replace(reading, sequence=reading.sequence + 40),
                        replace(reading, import_wh=Wh(max(0, reading.import_wh - 9))),
                    )
                )
            told.append((said, signature))
        mine = [page for page, _ in self.pages if page.bridge == self.world.address(bridge)]
        return page_of(
            self.world.address(bridge),
            0,
            told,
            salt=SALT,
            previous_boundary=mine[-1].boundary if mine and dice.random() < 0.5 else 0,
        )

    def _commit(self, name: str, page: MeterPage) -> None:
        self.note(
            self.world.both(
                self.world.address(name),
                self.world.meters,
                "commitPage",
                page.boundary,
                page.index,
                page.hash(),
                model=lambda m: m.pages.commit(
                    self.world.address(name), page.boundary, page.index, page.hash(), m.now
                ),
            )
        )

    def _object(self, meter: Meter, reading: MeterReading, page: MeterPage, dice: Random) -> None:
        """What an owner does before the reveal: mostly nothing."""
        owner, chance = meter.registration.owner, dice.random()
        if chance < 0.05:
            self._leave(meter, dice)
        elif chance < 0.1:
            self.note(
                self.world.both(
                    owner,
                    self.world.meters,
                    "demandSignature",
                    meter.meter_id,
                    page.boundary,
                    model=lambda m: m.pages.demand(meter.meter_id, page.boundary, owner, m.now),
                )
            )
        elif chance < 0.2:
            self._send(reading, self.world.key_of(meter))
        elif chance < 0.25:
            self._accuse(page, {meter.meter_id: reading}, dice)

    def _reveal(self, page: MeterPage, dice: Random) -> None:
        stranger = self.world.address("stranger")
        if dice.random() < 0.3:
            count = dice.choice((1, 2, 9))
            self.note(
                self.world.both(
                    stranger,
                    self.world.meters,
                    "revealPagePart",
                    page.as_tuple(),
                    count,
                    model=lambda m: m.pages.reveal(page, m.now, count),
                )
            )
        addresses = [self.world.address(name) for name in ACTORS if dice.random() < 0.9]
        until = slot_of(self.now)
        self.note(
            self.world.both(
                stranger,
                self.world.settlement,
                "settlePage",
                page.as_tuple(),
                addresses,
                until,
                model=lambda m: m.settle_page(page, addresses, until),
            )
        )

    def _withdraw(self, page: MeterPage) -> None:
        self.note(
            self.world.both(
                page.bridge,
                self.world.meters,
                "withdrawPage",
                page.boundary,
                page.index,
                model=lambda m: m.pages.withdraw(page.bridge, page.boundary, page.index),
            )
        )

    def _accuse(self, page: MeterPage, truth: dict[int, MeterReading], dice: Random) -> None:
        meter_id = dice.choice(list(truth))
        reading, place = truth[meter_id], page.place_of(meter_id)
        assert place is not None
        if dice.random() < 0.2:  # a device that signs a second reading, to frame its bridge
            reading = replace(reading, import_wh=Wh(reading.import_wh + 2))
        device = self.world.meter(meter_id).registration.device
        signature = eip712.sign(reading, self.world.domain, self.world.keys[device])
        self.note(
            self.world.both(
                self.world.address("stranger"),
                self.world.meters,
                "reportPageFraud",
                page.as_tuple(),
                place,
                reading,
                signature,
                model=lambda m: m.pages.report_fraud(page, place, reading, device, m.now),
            )
        )

    def _answer_or_conclude(self, meter_id: int, dice: Random) -> None:
        accusation = self.model.pages.accusations[meter_id]
        if dice.random() < 0.5:
            self.note(
                self.world.both(
                    self.world.address("stranger"),
                    self.world.meters,
                    "concludePageFraud",
                    meter_id,
                    model=lambda m: m.pages.conclude_fraud(meter_id, m.now),
                )
            )
            return
        reading = MeterReading(
            accusation.entry.meter_id,
            accusation.entry.sequence,
            UnixSeconds(accusation.boundary),
            accusation.entry.import_wh,
            accusation.entry.export_wh,
        )
        # Only what the device signed can be shown.
        honest = any(
            page.boundary == accusation.boundary
            and meter_id in truth
            and accusation.entry.matches(truth[meter_id])
            for page, truth in self.pages
        )
        device = self.world.meter(meter_id).registration.device
        key = self.world.keys[device] if honest else keccak(text="a bridge's own key")
        signature = eip712.sign(reading, self.world.domain, key)
        signer = eip712.recover(reading, self.world.domain, signature)
        self.note(
            self.world.both(
                accusation.bridge,
                self.world.meters,
                "answerPageFraud",
                reading,
                signature,
                model=lambda m: m.pages.answer_fraud(reading, signer),
            )
        )

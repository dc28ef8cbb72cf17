"""Rules and properties of certificates: I-25 to I-27, and what holders do with them.

What may be minted is worked out here from the slots of single meters, as `SmartMeter.slotEnergy`
has them: not from `slotEnergies`, which settlement itself asks.
"""

from __future__ import annotations

from collections import Counter

from hypothesis import strategies as st
from hypothesis.stateful import rule

from energy_grid.abi import Event
from energy_grid.eip712 import MeterKind
from energy_grid.model.certificates import Certificates
from energy_grid.model.market import Market
from energy_grid.model.refused import Refused
from tests.invariants.machine_auction_properties import AuctionProperties
from tests.invariants.machine_base import ACTORS
from tests.invariants.properties import checks
from tests.invariants.world import NO_ADDRESS

MEASURED = 1
HOLDERS = (*ACTORS, "stranger")


class CertificateProperties(AuctionProperties):
    """Every token is followed from the meter that proves it to the holder that retires it."""

    def __init__(self) -> None:
        super().__init__()
        self.supply_at_start = self.seen.supply
        self.minted = 0
        self.retired = 0
        self.verified_wh = 0
        self.minted_slots: set[tuple[int, int]] = set()
        self.minted_by_meter: Counter[int] = Counter()
        self.register_rise: Counter[int] = Counter()
        self.held: Counter[str] = Counter(self.seen.certificates)
        self.held_at_start = sum(self.held.values())

    # --- what holders do ---

    @rule(
        name=st.sampled_from(HOLDERS),
        to=st.sampled_from(HOLDERS),
        part=st.sampled_from((0, 1, 2, 3)),
        deed=st.sampled_from(("transfer", "transfer", "retire", "steal")),
    )
    def use_certificates(self, name: str, to: str, part: int, deed: str) -> None:
        """Certificates change hands or are retired: none, some, all, or more than there are."""
        self.begin(name)
        world, holder, other = self.world, self.world.address(name), self.world.address(to)
        own = self.model.certificates.balances.get(holder, 0)
        amount = (0, own // 2, own, own + 1)[part]

        def moves(model: Market) -> None:
            hand_on(model.certificates, holder, other, amount)

        def retires(model: Market) -> None:
            hand_on(model.certificates, holder, None, amount)

        def nothing(_model: Market) -> None:
            if amount:
                raise Refused("ERC20InsufficientAllowance")
            hand_on(_model.certificates, holder, other, 0)

        arguments, action = {
            "transfer": ((other, amount), moves),
            "retire": ((amount,), retires),
            "steal": ((holder, other, amount), nothing),
        }[deed]
        function = "transferFrom" if deed == "steal" else deed
        sender = world.address("island operator") if deed == "steal" else holder
        self.note(world.both(sender, world.certificates, function, *arguments, model=action))

    # --- the properties ---

    @checks("I-25")
    def i25_supply_is_verified_production_less_what_was_retired(self) -> int:
        """Each settled slot mints what its meters prove, and nothing else mints."""
        settled = [event for event in self.events("SlotSettled") if event.exportWh]
        for event in settled:
            proof = self._proof_of(event)
            verified = min((wh for wh, _ in proof.values()), default=0)
            if event.basis != MEASURED or any(q != MEASURED for _, q in proof.values()):
                verified = 0
            assert event.mintedWh == verified, f"minted {event.mintedWh}, proved {verified}"
            self.verified_wh += verified
        self.minted += sum(event.energyWh for event in self.events("Minted"))
        self.retired += sum(event.energyWh for event in self.events("Retired"))
        assert self.minted == self.verified_wh
        assert self.seen.supply - self.supply_at_start == self.verified_wh - self.retired
        return sum(event.mintedWh > 0 for event in settled)

    def _proof_of(self, event: Event) -> dict[int, tuple[int, int]]:
        """Meters that must prove an account's export in a slot: measured Wh and quality."""
        connection = self._meter_of(event, MeterKind.CONNECTION, MeterKind.CONNECTION_WITH_STORAGE)
        assert connection, "settled an export that no meter measured"
        proof = [connection]
        if self.seen.meters[connection].kind == MeterKind.CONNECTION_WITH_STORAGE:
            production = self._meter_of(event, MeterKind.PRODUCTION)
            if not production:
                return {connection: (0, MEASURED)}
            proof.append(production)
        meters = self.world.meters
        answers = self.world.chain.ask([(meters, "slotEnergy", (m, event.slot)) for m in proof])
        return {
            meter: (answer.exportWh, answer.quality)
            for meter, answer in zip(proof, answers, strict=True)
        }

    def _meter_of(self, event: Event, *kinds: MeterKind) -> int:
        """The account's newest meter of a role that had begun; 0 if none."""
        begun = [
            (info.firstSlot, meter_id)
            for meter_id, info in self.seen.meters.items()
            if info.owner == event.account and info.kind in kinds and info.firstSlot <= event.slot
        ]
        return max(begun)[1] if begun else 0

    @checks("I-26")
    def i26_a_meter_mints_each_slot_once_and_no_more_than_its_register_rose(self) -> int:
        """Also over exchanges of meters; a production meter counts like the connection."""
        for meter_id, reading in self.seen.readings.items():
            before = self.earlier.readings.get(meter_id)
            if before is not None:
                width = self.seen.meters[meter_id].registerWidthWh
                self.register_rise[meter_id] += (reading.exportWh - before.exportWh) % width
        minting = [event for event in self.events("SlotSettled") if event.mintedWh]
        for event in minting:
            assert event.basis == MEASURED, f"minted by basis {event.basis}"
            for meter_id in self._proof_of(event):
                assert (meter_id, event.slot) not in self.minted_slots, "minted twice"
                self.minted_slots.add((meter_id, event.slot))
                self.minted_by_meter[meter_id] += event.mintedWh
        for meter_id, minted in self.minted_by_meter.items():
            rise = self.register_rise[meter_id]
            assert minted <= rise, f"meter {meter_id} minted {minted}, its register rose {rise}"
        return len(minting)

    @checks("I-27")
    def i27_what_was_retired_is_gone_and_only_minting_and_retiring_change_the_supply(self) -> int:
        """Tokens appear by settling and vanish by retiring; all others are in somebody's hands."""
        token = self.world.certificates.address.lower()
        made: Counter[tuple[str, int]] = Counter()
        gone: Counter[tuple[str, int]] = Counter()
        for receipt in self.receipts:
            settles = bool(receipt.named("SlotSettled"))
            for event in receipt.events:
                if event.address.lower() != token:
                    continue
                if event.name == "Transfer":
                    giver, taker, wh = (event.arguments[key] for key in ("from", "to", "value"))
                    if giver == NO_ADDRESS:
                        assert settles, "minted without settling"
                        made[taker, wh] += 1
                    if taker == NO_ADDRESS:
                        gone[giver, wh] += 1
                    self.held[giver] -= wh
                    self.held[taker] += wh
                elif event.name == "Minted":
                    made[event.to, event.energyWh] -= 1
                elif event.name == "Retired":
                    gone[event.holder, event.energyWh] -= 1
        assert not any(made.values()), "a token appeared without being minted"
        assert not any(gone.values()), "a token vanished without being retired"
        self.held.pop(NO_ADDRESS, None)
        in_hands = sum(self.held.values()) - self.held_at_start
        assert in_hands == self.seen.supply - self.supply_at_start
        for address, balance in self.seen.certificates.items():
            assert self.held[address] == balance, f"{self.world.name_of(address)} holds {balance}"
        return len(self.events("Retired"))


def hand_on(certificates: Certificates, holder: str, to: str | None, amount: int) -> None:
    """In the model: certificates change hands, or are retired if nobody gets them."""
    if certificates.balances.get(holder, 0) < amount:
        raise Refused("ERC20InsufficientBalance")
    certificates.balances[holder] = certificates.balances.get(holder, 0) - amount
    if to is None:
        certificates.retired_wh += amount
    else:
        certificates.balances[to] = certificates.balances.get(to, 0) + amount

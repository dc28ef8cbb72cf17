"""Any sequence of actions on the flexibility market, against the slow model (I-29).

A Hypothesis state machine offers, withdraws, asks, allocates with right and wrong prices, reserves
meters elsewhere, measures honestly and otherwise, swaps meters, settles, closes and lets days
pass. Without looking at the model's market:

- paid energy of each slot is at most `max(0, baseline - verified)` and what was accepted;
- what budgets keep for a request is at least what its unsettled participants can still be owed;
- each participant is settled once; a meter is in one event a slot;
- escrow is the sum of its parts, to the last unit.

Acceptance, payment and penalty of each participant equal `energy_grid.grid.flexibility`.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from energy_grid.grid.flexibility import (
    Allocation,
    Bid,
    Direction,
    accepted_energy,
    allocate,
    deliver,
)
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
    PENALTY,
    TODAY,
    FlexStage,
    Home,
    Phase,
    slot_at,
)
from tests.utils.revm import Refused

HOMES = 5
BASE_WH = 1_000
PRICES = (0, 100_000, 250_000, PENALTY)
FIRST = slot_at(TODAY, 9)
facts: Counter[str] = Counter()


@dataclass
class Offered:
    """An offer as the test made it."""

    home: int
    direction: Direction
    power_w: int
    price: int
    from_slot: int
    to_slot: int
    in_book: bool = True


@dataclass
class Called:
    """An allocated request."""

    direction: Direction
    from_slot: int
    to_slot: int
    starts_at: int
    allocation: Allocation
    settled: set[int] = field(default_factory=set)


class FlexMachine(RuleBasedStateMachine):
    """Five homes in a zone, over a Tuesday and the days after."""

    def __init__(self) -> None:
        super().__init__()
        self.stage = FlexStage()
        self.offers: dict[int, Offered] = {}
        self.called: dict[int, Called] = {}
        self.metered: dict[tuple[int, int], tuple[int, int]] = {}
        self.swapped: set[int] = set()
        self.reserved: set[tuple[int, int]] = set()
        self.late = False

    @initialize(called=st.booleans(), late=st.booleans())
    def settle_in(self, called: bool, late: bool) -> None:
        self.late = late
        self.stage.fund(100 * COIN)
        for _ in range(HOMES):
            self.stage.home(import_wh=BASE_WH, money=40 * COIN)
        for home in range(HOMES):
            self.offer(home, 2_000, PRICES[home % 3], home % 3, 8, Direction(home // 3))
        self.reserve_elsewhere(0, 14, 2)
        if called:
            self.ask(3_000, PENALTY, 0, Direction.UP, FIRST + 2, FIRST + 4)

    # --- Actions ----------------------------------------------------------------------------------

    @rule(
        home=st.integers(0, HOMES - 1),
        power_w=st.sampled_from([100, 999, 2_000, 4_001]),
        price=st.sampled_from(PRICES),
        first=st.integers(0, 8),
        count=st.sampled_from([1, 2, 4, 8]),
        direction=st.sampled_from(Direction),
    )
    def offer(
        self, home: int, power_w: int, price: int, first: int, count: int, direction: Direction
    ) -> None:
        from_slot = FIRST + first
        terms = (power_w, price, from_slot, from_slot + count)
        try:
            offer_id = self.stage.offer(self.home(home), *terms, direction=direction)
        except Refused as refused:
            assert refused.name in {
                "MeterTaken",
                "TooManyOffers",
                "OfferWindowInvalid",
                "FlexBalanceTooLow",
                "MeterNotEligible",
            }
            return
        taken = {
            (one.home, slot)
            for one in self.offers.values()
            if one.in_book and one.direction == direction
            for slot in range(one.from_slot, one.to_slot)
        }
        mine = {(home, slot) for slot in range(from_slot, from_slot + count)}
        assert not mine & (taken | self.reserved)
        self.offers[offer_id] = Offered(home, direction, *terms)

    @rule(data=st.data())
    def withdraw_offer(self, data: st.DataObject) -> None:
        standing = [one for one, offer in self.offers.items() if offer.in_book]
        if not standing:
            return
        offer_id = data.draw(st.sampled_from(standing))
        offer = self.offers[offer_id]
        try:
            self.stage.flex.send(self.home(offer.home).owner, "removeOffer", offer_id)
        except Refused as refused:
            assert refused.name == "OfferNotInBook"
            assert offer.to_slot <= self.slot
        else:
            offer.in_book = False

    @rule(
        power_w=st.sampled_from([1, 500, 3_000, 20_000]),
        cap=st.sampled_from([200_000, PENALTY]),
        wrong=st.sampled_from(PRICES),
        data=st.data(),
    )
    def call(self, power_w: int, cap: int, wrong: int, data: st.DataObject) -> None:
        ahead = [one for one in self.offers.values() if one.to_slot > self.slot + 1]
        if not ahead:
            return
        like = data.draw(st.sampled_from(ahead))
        direction = like.direction
        from_slot = data.draw(st.integers(max(like.from_slot, self.slot), like.to_slot - 1))
        to_slot = data.draw(st.integers(from_slot + 1, like.to_slot))
        self.ask(power_w, cap, wrong, direction, from_slot, to_slot)

    def ask(
        self, power_w: int, cap: int, wrong: int, direction: Direction, from_slot: int, to_slot: int
    ) -> None:
        bids = [
            Bid(offer_id, one.power_w, one.price)
            for offer_id, one in self.offers.items()
            if one.in_book
            and one.direction == direction
            and one.from_slot <= from_slot
            and one.to_slot >= to_slot
        ]
        expected = allocate(bids, power_w, cap)
        try:
            request_id = self.stage.request(
                power_w, from_slot, to_slot, cap=cap, direction=direction
            )
        except Refused as refused:
            assert refused.name == "FlexBudgetTooLow"
            return
        if expected is None or wrong != expected.marginal_price:
            self.must_refuse(
                {"MarginalPriceWrong", "MarginalPriceAboveCap"}, "allocate", request_id, wrong
            )
        if expected is None:
            return
        busy = any(
            one.from_slot < to_slot and from_slot < one.to_slot for one in self.called.values()
        )
        if busy:
            self.must_refuse({"ZoneBusy"}, "allocate", request_id, expected.marginal_price)
            return
        self.stage.flex.send(ANYBODY, "allocate", request_id, expected.marginal_price)
        starts_at = max(from_slot * 900, self.stage.chain.now)
        for offer_id in self.offers:
            accepted = self.stage.flex.ask("acceptedOf", request_id, offer_id)
            assert accepted == expected.accepted_w.get(offer_id, 0)
        self.called[request_id] = Called(direction, from_slot, to_slot, starts_at, expected)
        facts["allocated"] += 1

    @rule(home=st.integers(0, HOMES - 1), first=st.integers(1, 16), count=st.integers(1, 3))
    def reserve_elsewhere(self, home: int, first: int, count: int) -> None:
        from_slot = FIRST + first
        slots = {(home, slot) for slot in range(from_slot, from_slot + count)}
        try:
            meter_id = self.home(home).meter_id
            self.stage.flex.send(CALENDAR_USER, "reserve", meter_id, from_slot, from_slot + count)
        except Refused as refused:
            assert refused.name in {"MeterTaken", "CalendarRunInvalid"}
        else:
            accepted = {
                (self.offers[offer_id].home, slot)
                for called in self.called.values()
                for offer_id in called.allocation.accepted_w
                for slot in range(called.from_slot, called.to_slot)
            }
            assert not slots & accepted, "a meter is in two events"
            self.reserved |= slots
            facts["reserved"] += 1

    @rule(
        home=st.integers(0, HOMES - 1),
        first=st.integers(0, 12),
        count=st.sampled_from([1, 4, 12]),
        import_wh=st.sampled_from([0, 400, 700, 850, 1_000, 1_300, 2_500]),
        quality=st.sampled_from([MEASURED, MEASURED, MEASURED, ESTIMATED]),
    )
    def measure(self, home: int, first: int, count: int, import_wh: int, quality: int) -> None:
        for slot in range(FIRST + first, FIRST + first + count):
            if slot < self.slot:
                self.measured(home, slot, import_wh, quality)

    def measured(self, home: int, slot: int, import_wh: int, quality: int) -> None:
        """Put a reading on record, unless there is one: it never changes."""
        if (home, slot) not in self.metered:
            self.metered[(home, slot)] = (import_wh, quality)
            self.stage.write(self.home(home), [slot], import_wh, quality)

    @rule(home=st.integers(0, HOMES - 1), really=st.sampled_from([False, False, False, True]))
    def swap_meter(self, home: int, really: bool) -> None:
        if really and home not in self.swapped:
            self.stage.world.send(GOVERNOR, "setStatus", self.home(home).meter_id, 3)
            self.swapped.add(home)

    @rule(quarters=st.sampled_from([1, 1, 2, 8]), seconds=st.sampled_from([0, 300]))
    def pass_time(self, quarters: int, seconds: int) -> None:
        self.stage.chain.at(min(self.stage.chain.now + quarters * 900 + seconds, self.last))

    @rule(days=st.sampled_from([2, 9]))
    def pass_days(self, days: int) -> None:
        if self.called:
            self.stage.chain.at(max(self.stage.chain.now, (TODAY + days) * DAY))

    @rule(data=st.data())
    def close(self, data: st.DataObject) -> None:
        if not self.called:
            return
        request_id = data.draw(st.sampled_from(list(self.called)))
        try:
            self.stage.flex.send(ANYBODY, "closeRequest", request_id)
        except Refused as refused:
            assert refused.name in {"CloseTooEarly", "RequestIsClosed"}
        else:
            facts["closed"] += 1

    @rule()
    def settle(self) -> None:
        for request_id in self.called:
            for offer_id in self.offers:
                self.settle_one(request_id, offer_id)

    def settle_one(self, request_id: int, offer_id: int) -> None:
        called, offer = self.called[request_id], self.offers[offer_id]
        closed = self.stage.flex.ask("requestOf", request_id).phase == Phase.CLOSED
        owner = self.home(offer.home).owner
        before = self.stage.free(owner)
        stake = self.stage.flex.ask("offerOf", offer_id).stake
        if self.stage.settle(request_id, offer_id) == 0:
            return
        (event,) = self.stage.flex.events("FlexSettled")
        paid = self.stage.free(owner) - before
        lost = stake - self.stage.flex.ask("offerOf", offer_id).stake
        assert (event.payment, event.penalty) == (paid, lost)
        assert offer_id not in called.settled, "paid twice"
        called.settled.add(offer_id)
        self.judge(called, offer_id, offer, closed, paid, lost)

    def teardown(self) -> None:
        """Every sequence ends with all settled and all stakes free."""
        if not self.called:
            return
        self.stage.chain.at(max(self.stage.chain.now, (TODAY + 2) * DAY))
        for home in range(HOMES):
            for slot in range(FIRST, FIRST + 16):
                up_and_down = (400, 600, 850, 1_000, 1_400)[(home + slot) % 5]
                self.measured(home, slot, up_and_down, MEASURED)
        if self.late:
            self.stage.chain.at((TODAY + 9) * DAY)
            for request_id in self.called:
                if self.stage.flex.ask("requestOf", request_id).phase != Phase.CLOSED:
                    self.stage.flex.send(ANYBODY, "closeRequest", request_id)
                    facts["closed"] += 1
        self.settle()
        for request_id, called in self.called.items():
            assert self.stage.flex.ask("requestOf", request_id).phase == Phase.CLOSED
            assert set(called.allocation.accepted_w) <= called.settled
        for offer_id in self.offers:
            self.stage.flex.send(ANYBODY, "releaseStake", offer_id)
        self.i29_money_is_complete()

    # --- What must hold ---------------------------------------------------------------------------

    def judge(
        self, called: Called, offer_id: int, offer: Offered, closed: bool, paid: int, lost: int
    ) -> None:
        """A participant got what the model says, and no more than it reduced."""
        power = called.allocation.accepted_w.get(offer_id, 0)
        payment = penalty = bound = 0
        for slot in range(called.from_slot, called.to_slot):
            seconds = (slot + 1) * 900 - max(slot * 900, called.starts_at)
            accepted_wh = accepted_energy(power, seconds)
            import_wh, quality = self.metered.get((offer.home, slot), (0, MISSING))
            counts = quality == MEASURED and not closed and offer.home not in self.swapped
            metered = -import_wh if counts else None
            price = called.allocation.marginal_price
            worth = deliver(called.direction, -BASE_WH, metered, accepted_wh, price, PENALTY)
            payment += worth.payment
            penalty += worth.penalty
            sign = 1 if called.direction is Direction.UP else -1
            verified = max(0, sign * (BASE_WH - import_wh)) if counts else 0
            bound += min(verified, accepted_wh) * price
        assert (paid, lost) == (payment, penalty)
        assert paid * 1_000 <= bound, "I-29: paid for more than was reduced"
        facts["settled"] += 1
        facts["paid"] += paid > 0
        facts["penalised"] += lost > 0

    @invariant()
    def i29_budget_covers_all_that_can_be_owed(self) -> None:
        for request_id, called in self.called.items():
            request = self.stage.flex.ask("requestOf", request_id)
            if request.phase == Phase.CLOSED:
                continue
            owed = sum(
                accepted_energy(power, called.to_slot * 900 - called.starts_at)
                * called.allocation.marginal_price
                // 1_000
                for offer_id, power in called.allocation.accepted_w.items()
                if offer_id not in called.settled
            )
            assert request.reserved >= owed

    @invariant()
    def i29_money_is_complete(self) -> None:
        self.stage.require_balanced()

    # --- Help -------------------------------------------------------------------------------------

    @property
    def slot(self) -> int:
        return self.stage.chain.now // 900

    @property
    def last(self) -> int:
        return max(self.stage.chain.now, MORNING + 12 * 3_600)

    def home(self, index: int) -> Home:
        return self.stage.homes[index]

    def must_refuse(self, names: set[str], function: str, *arguments: Any) -> None:
        try:
            self.stage.flex.send(ANYBODY, function, *arguments)
        except Refused as refused:
            assert refused.name in names
        else:
            raise AssertionError(f"{function}{arguments} was not refused")


def test_i29__any_actions__paid_within_the_reduction_once_and_from_a_full_budget() -> None:
    facts.clear()
    profile = settings(max_examples=30, stateful_step_count=40, deadline=None, database=None)

    run_state_machine_as_test(FlexMachine, settings=profile)

    for fact in ("allocated", "reserved", "settled", "paid", "penalised", "closed"):
        assert facts[fact], f"no sequence had anything {fact}"

"""The properties I-01 to I-15, checked on what the chain shows and its events.

None of them asks the model for a result: a fault that chain and model share breaks them all the
same. Money in settlement-token units, energy in Wh. Formulas: `docs/invariants.md`.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import invariant, rule

from energy_grid.abi import Event
from energy_grid.ids import OrderId, Side
from energy_grid.model.book import LOT_WH
from energy_grid.products import Product
from energy_grid.units import BPS, TICK_MULTIPLE, WH_PER_KWH
from tests.invariants.machine_auction_properties import lock_changes
from tests.invariants.machine_base import ACTORS, seeds
from tests.invariants.machine_conditions import ConditionProperties
from tests.invariants.machine_replay import EVERY
from tests.invariants.properties import checks

MAX_FEE_BPS = 100
MEASURED, ESTIMATED, DEFAULTED = 1, 2, 3
SETTLED = 5
STATUS_ORDER = {1: 0, 2: 1, 3: 2, 4: 2, 5: 3}
"""FUTURE, WAITING, READY (also by default), SETTLED: the way of a slot."""
ACTIVE, FILLED, CANCELLED = 0, 1, 2


class Properties(ConditionProperties):
    """Bookkeeping from events alone, and the checks on it."""

    def __init__(self) -> None:
        super().__init__()
        self.settled: dict[tuple[str, int], Event] = {}
        self.bought: Counter[tuple[int, int]] = Counter()
        self.sold: Counter[tuple[int, int]] = Counter()
        self.quotes: dict[int, Any] = {}
        self.statuses: dict[int, int] = {}
        self.quantities: dict[tuple[Product, int, int], tuple[int, int]] = {}
        self.slot_status: dict[tuple[str, int], int] = {}
        self.filled_before: dict[int, int] = {}
        self.fees_charged = 0
        self.fees_at_start = self.seen.treasury_free
        self.zone_flow: Counter[int] = Counter()
        self.worth_at_start = {zone: self._operator_worth(zone) for zone in self.world.zones}

    @invariant()
    def every_property_holds(self) -> None:
        """After each step. One method, because Hypothesis prints the name of every invariant."""
        if not self.unchecked:
            return  # the rule found nothing to do
        self.unchecked = False
        self.chain_and_model_agree()
        self.i45_calls_succeed_exactly_when_their_conditions_hold()
        self.follow_auctions()
        self.i01_settlement_holds_what_it_owes()
        self.i02_ledgers_add_up_to_what_was_deposited()
        self.i03_free_money_falls_only_for_a_reason()
        self.i06_settlement_moves_energy_and_money_together_and_sums_to_zero()
        self.i07_each_slot_settles_at_most_once()
        self.i08_settled_energy_is_agreed_energy_and_metered_energy()
        self.i09_imbalance_is_zero_sum_with_the_operator()
        self.i10_bond_moves_only_for_defined_causes()
        self.i11_fees_are_capped_and_all_arrive()
        self.i12_orders_and_slots_only_move_forward()
        self.i13_fills_only_grow_and_quantities_add_up()
        self.i14_limits_are_respected()
        self.i15_as_much_is_bought_as_sold()
        self.i16_price_trades_most_and_is_the_middle()
        self.i17_better_orders_are_filled_and_ties_share_alike()
        self.i18_nothing_changes_after_the_gate()
        self.i25_supply_is_verified_production_less_what_was_retired()
        self.i26_a_meter_mints_each_slot_once_and_no_more_than_its_register_rose()
        self.i27_what_was_retired_is_gone_and_only_minting_and_retiring_change_the_supply()
        self.i30_numbers_rise_and_registers_only_rise()
        self.i31_readings_are_signed_single_and_equivocation_quarantines()
        self.i32_readings_are_aligned_in_time_and_physical()
        self.i33_i34_slots_add_up_to_the_registers_and_never_change()

    def teardown(self) -> None:
        """At the end of an example: whoever read the logs knows it all."""
        cls = type(self)
        cls.examples += 1
        try:
            if cls.examples % EVERY == 0:
                self.i46_events_rebuild_the_state()
        finally:
            super().teardown()

    # --- what happened in the step ---

    def _zone_of(self, address: str) -> int:
        return int(self.seen.accounts[address].zone)

    def _operator_worth(self, zone: int) -> int:
        """An operator's cash and bond, what it can still collect, less what it owes."""
        seen = self.seen
        state = seen.zones[zone]
        members = [s for a, s in seen.accounts.items() if s.zone == zone and not s.isOperator]
        operator = seen.accounts[state.operator]
        arrears = sum(member.arrears for member in members)
        own = operator.free + operator.security + state.bond
        return int(own + arrears - state.claims)

    # --- I-01 to I-03: nothing is created, nothing is taken ---

    @checks("I-01")
    def i01_settlement_holds_what_it_owes(self) -> int:
        """Tokens held cover all ledgers together."""
        held, owed = self.seen.held, self.seen.entries(self.world)
        assert held >= owed, f"holds {held}, owes {owed}"
        return 1

    @checks("I-02")
    def i02_ledgers_add_up_to_what_was_deposited(self) -> int:
        """Exactly, with no rounding."""
        entries, tracked = self.seen.entries(self.world), self.seen.tracked
        assert entries == tracked, f"ledgers {entries}, deposits {tracked}"
        assert tracked >= 0
        return 1

    @checks("I-03")
    def i03_free_money_falls_only_for_a_reason(self) -> int:
        """Only who acted, or whose slot was settled, or who owed, can have less free money."""
        reasons = set(self.actors_of_step)
        for receipt in self.receipts:
            for event in receipt.events:
                if event.name in ("SlotSettled", "DefaultCorrected", "ArrearsPaid"):
                    reasons.add(event.account)
                if event.name == "ClaimPaid":
                    reasons.add(self.seen.zones[event.zone].operator)
        if self.events("SlotSettled") or self.events("DefaultCorrected"):
            reasons |= {zone.operator for zone in self.seen.zones.values()}
        falls = 0
        for address, state in self.seen.accounts.items():
            fell = state.free < self.earlier.accounts[address].free
            assert not fell or address in reasons, f"{self.world.name_of(address)} lost money"
            falls += fell
        return falls

    # --- I-04, I-05: money can always leave ---

    def _wallet(self, address: str) -> int:
        """Settlement tokens an account holds itself."""
        return int(self.world.token.call("balanceOf", address))

    @rule(name=st.sampled_from(ACTORS), amount=st.integers(1, 10**9))
    def deposit_and_back(self, name: str, amount: int) -> None:
        """A round trip costs nothing."""
        self.begin(name)
        self.i04_deposit_and_withdrawal_return_the_deposit(name, amount)

    @checks("I-04")
    def i04_deposit_and_withdrawal_return_the_deposit(self, name: str, amount: int) -> int:
        """What goes in comes out, to the unit, unless debts are paid from it."""
        address = self.world.address(name)
        before, wallet = self.seen, self._wallet(address)
        if before.accounts[address].arrears or wallet < amount:
            return 0
        for function, action in (
            ("deposit", lambda m: m.ledger.deposit(address, amount)),
            ("withdraw", lambda m: m.ledger.withdraw(address, amount)),
        ):
            receipt = self.world.both(
                address, self.world.settlement, function, amount, model=action
            )
            assert receipt.error is None
            self.note(receipt)
        self._seen = None
        assert self._wallet(address) == wallet
        assert self.seen.accounts[address].free == before.accounts[address].free
        assert self.seen.tracked == before.tracked
        return 1

    @rule(seed=seeds, count=st.integers(1, 4))
    def some_leave(self, seed: int, count: int) -> None:
        """Try it, then take it back."""
        self.begin()
        self.i05_everybody_without_debts_can_leave(
            self.dice(seed).sample(list(self.seen.accounts), count)
        )

    @checks("I-05")
    def i05_everybody_without_debts_can_leave(self, addresses: list[str]) -> int:
        """In any state, halted or not, one call pays out all free money."""
        snapshot = self.world.chain.snapshot()
        facts = 0
        for address in addresses:
            state = self.seen.accounts[address]
            in_debt = state.arrears or (state.isOperator and self.seen.zones[state.zone].claims)
            if in_debt or not state.free:
                continue
            wallet = self._wallet(address)
            receipt = self.world.chain.send(address, self.world.settlement, "withdrawAll", address)
            assert receipt.error is None, f"{self.world.name_of(address)}: {receipt.detail}"
            paid = self._wallet(address) - wallet
            assert paid == state.free, f"paid {paid} of {state.free}"
            facts += 1
        self.world.chain.revert(snapshot)
        return facts

    # --- I-06 to I-12: settlement ---

    @checks("I-06")
    def i06_settlement_moves_energy_and_money_together_and_sums_to_zero(self) -> int:
        """Settling changes the sum of all ledgers by nothing, each of them as its events say."""
        settled = self.events("SlotSettled")
        assert all(e.givenWh <= e.mintedWh <= e.exportWh for e in settled)
        minted = sum(event.energyWh for event in self.events("Minted"))
        retired = sum(event.energyWh for event in self.events("Retired"))
        assert self.seen.supply - self.earlier.supply == minted - retired
        if not settled:
            return 0
        before, seen = self.earlier, self.seen
        assert seen.tracked == before.tracked
        rent = sum(event.amount for event in self.events("RentCredited"))
        assert seen.clearing - before.clearing == sum(e.cost - e.proceeds for e in settled) - rent
        by_account: defaultdict[str, int] = defaultdict(int)
        for event in settled:
            by_account[event.account] += event.unlocked
        for event in self.events("LockAdjusted"):
            if event.account in by_account:
                by_account[event.account] -= event.lockDelta
        for event in self.events("LocksAdjusted"):
            for account_id, change in lock_changes(event.changes):
                address = self.model.ledger.account_by_id(account_id).address
                if address in by_account:
                    by_account[address] -= change
        for address, unlocked in by_account.items():
            fell = before.accounts[address].locked - seen.accounts[address].locked
            assert fell == unlocked, f"locks fell by {fell}, events say {unlocked}"
        return len(settled)

    @checks("I-07")
    def i07_each_slot_settles_at_most_once(self) -> int:
        """Per account, in slot order; settled is for ever."""
        for event in self.events("SlotSettled"):
            key = (event.account, event.slot)
            assert key not in self.settled, f"settled again: {key}"
            assert event.slot >= self.earlier.accounts[event.account].settledUntil
            assert event.slot < self.seen.accounts[event.account].settledUntil
            self.settled[key] = event
        for address, state in self.seen.accounts.items():
            before = self.earlier.accounts[address].settledUntil
            assert state.settledUntil >= before
            for slot in range(before, state.settledUntil):
                agreed = (state.accountId, slot) in self.agreed
                assert not agreed or (address, slot) in self.settled, f"slot {slot} passed over"
        return len(self.events("SlotSettled"))

    @property
    def agreed(self) -> set[tuple[int, int]]:
        """Accounts and slots in which something was traded."""
        return set(self.bought) | set(self.sold) | self.filled_better

    @checks("I-08")
    def i08_settled_energy_is_agreed_energy_and_metered_energy(self) -> int:
        """A slot settles what was traded; the meter decides the rest, which is imbalance."""
        for event in self.events("OrdersMatched"):
            product = Product.from_id(event.buyOrderId >> 72)
            per_slot = event.amount // product.slot_count
            for order_id, book in ((event.buyOrderId, self.bought), (event.sellOrderId, self.sold)):
                for slot in product.slots:
                    book[(order_id >> 48 & 0xFFFFFF, slot)] += per_slot
        settled = self.events("SlotSettled")
        if not settled:
            return 0
        energies = self.world.chain.ask(
            [(self.world.meters, "slotEnergies", (e.account, e.slot, 1)) for e in settled]
        )
        for event, (energy,) in zip(settled, energies, strict=True):
            account_id = self.seen.accounts[event.account].accountId
            auctions = self.filled_in_auctions(account_id, event.slot)
            matched = self.bought.get((account_id, event.slot), 0)
            assert event.boughtWh == matched + auctions[Side.BUY] * LOT_WH
            matched = self.sold.get((account_id, event.slot), 0)
            assert event.soldWh == matched + auctions[Side.SELL] * LOT_WH
            metered = (event.importWh, event.exportWh)
            if event.basis in (MEASURED, ESTIMATED):
                assert metered == (energy.importWh, energy.exportWh)
                assert energy.quality == event.basis
            elif event.basis == DEFAULTED:
                assert metered == (event.boughtWh, 0)
            else:
                assert metered == (0, 0)
            delta = event.importWh - event.exportWh - event.boughtWh + event.soldWh
            assert (event.imbalance > 0) <= (delta > 0)
            assert (event.imbalance < 0) <= (delta < 0)
        return len(settled)

    @checks("I-09")
    def i09_imbalance_is_zero_sum_with_the_operator(self) -> int:
        """All that members owed and were owed, no more and no less, is the operator's."""
        for event in self.events("SlotSettled"):
            self.zone_flow[self._zone_of(event.account)] += event.imbalance + event.networkFee
        for event in self.events("DefaultCorrected"):
            self.zone_flow[self._zone_of(event.account)] += event.imbalance
        for event in self.events("Deposited"):
            if self.seen.accounts[event.account].isOperator:
                self.zone_flow[self._zone_of(event.account)] += event.amount
        for event in self.events("Withdrawn"):
            state = self.seen.accounts.get(event.account)
            if state is not None and state.isOperator:
                self.zone_flow[state.zone] -= event.amount
        for zone, worth in self.worth_at_start.items():
            assert self._operator_worth(zone) - worth == self.zone_flow[zone], f"zone {zone}"
        return len(self.events("SlotSettled"))

    @checks("I-10")
    def i10_bond_moves_only_for_defined_causes(self) -> int:
        """Posted, withdrawn down to the floor, or used for what members were owed."""
        moved: Counter[int] = Counter()
        for name, sign in (("BondPosted", 1), ("BondWithdrawn", -1), ("BondUsed", -1)):
            for event in self.events(name):
                moved[event.zone] += sign * event.amount
        for zone, state in self.seen.zones.items():
            assert state.bond - self.earlier.zones[zone].bond == moved[zone]
            assert state.bond >= 0
        for event in self.events("BondWithdrawn"):
            assert event.bond >= self.model.bond_floor
            assert self.earlier.zones[event.zone].claims == 0
        if self.events("BondUsed"):
            owed = [
                event
                for name in ("SlotSettled", "DefaultCorrected")
                for event in self.events(name)
                if event.imbalance < 0
            ]
            used = sum(event.amount for event in self.events("BondUsed"))
            assert used <= -sum(event.imbalance for event in owed)
        return len(moved)

    @checks("I-11")
    def i11_fees_are_capped_and_all_arrive(self) -> int:
        """Network fee as announced; trading fee at most 1 % of the cost; both reach their owner."""
        settled = self.events("SlotSettled")
        for event in settled:
            terms = self.world.model.trading.zone(self._zone_of(event.account)).terms_at(event.slot)
            assert event.networkFee * WH_PER_KWH == event.boughtWh * terms.network_fee_per_kwh
            # One slot's share of a block's fee is within one unit of its exact part, per record.
            assert event.tradingFee * BPS <= event.cost * MAX_FEE_BPS + 16 * BPS
            self.fees_charged += event.tradingFee
        assert self.seen.treasury_free - self.fees_at_start == self.fees_charged
        return sum(event.tradingFee > 0 for event in settled)

    @checks("I-12")
    def i12_orders_and_slots_only_move_forward(self) -> int:
        """Orders: active, then filled or cancelled. Slots: future, waiting, ready, settled."""
        facts = self._orders_move_forward()
        requests = []
        keys = []
        for address, state in self.seen.accounts.items():
            if state.isOperator:
                continue
            for slot in (state.settledUntil - 1, state.settledUntil, state.settledUntil + 1):
                requests.append((self.world.settlement, "settlementStatus", (address, slot)))
                keys.append((address, slot))
        for key, status in zip(keys, self.world.chain.ask(requests), strict=True):
            known = self.slot_status.get(key)
            if known is not None:
                assert STATUS_ORDER[status] >= STATUS_ORDER[known], (
                    f"slot {key[1]} of {self.world.name_of(key[0])} went from {known} to {status}"
                )
                facts += status != known
            settled = key[1] < self.seen.accounts[key[0]].settledUntil
            assert settled == (status == SETTLED)
            self.slot_status[key] = status
        return facts

    def _orders_move_forward(self) -> int:
        watched = [order for order, status in self.statuses.items() if status >= 0][-16:]
        new = [event.orderId for event in self.events("OrderPlaced")]
        new += [event.newOrderId for event in self.events("OrderReplaced")]
        for event in self.events("OrderReplaced"):
            assert self.statuses.get(event.orderId, ACTIVE) != FILLED
            self.statuses[event.orderId] = -1  # its record holds another order now
        watched = [
            order for order in dict.fromkeys(watched + new) if self.statuses.get(order) != -1
        ]
        # A record whose order was cancelled without a fill may serve another order.
        orders = self.world.chain.ask_if_any(
            [(self.world.trading, "getOrder", (order,)) for order in watched]
        )
        facts = 0
        for order_id, order in zip(watched, orders, strict=True):
            known = self.statuses.get(order_id)
            if order is None:
                assert known == CANCELLED, "only a cancelled order may be forgotten"
                self.statuses[order_id] = -1
                continue
            if known is not None:
                assert known in (ACTIVE, order.status), f"{known} -> {order.status}"
                facts += order.status != known
            self.statuses[order_id] = order.status
        return facts

    # --- I-13 to I-15: orders and trades ---

    @checks("I-13")
    def i13_fills_only_grow_and_quantities_add_up(self) -> int:
        """0 <= filled <= quantity; what is open is what was neither filled nor cancelled."""
        for name, field in (("OrderPlaced", "orderId"), ("OrderReplaced", "newOrderId")):
            for event in self.events(name):
                self.quotes[getattr(event, field)] = event.quote
        facts = 0
        for place, records in self.seen.records.items():
            for index, record in enumerate(records):
                key = (place.product, self.seen.accounts[place.address].accountId, index)
                sequence = record.orderId & 0xFFFFFFFF
                known_sequence, known_filled = self.quantities.get(key, (0, 0))
                asked = self.quotes[record.orderId] & 0xFFFFFFFF
                if sequence != known_sequence:
                    self.quantities[key] = (sequence, known_filled)
                assert record.filledLots >= known_filled
                before = self.filled_before.setdefault(record.orderId, known_filled)
                in_all = record.openLots + record.cancelledLots + record.filledLots - before
                assert in_all == asked, f"asked {asked}, found {in_all}"
                self.quantities[key] = (sequence, record.filledLots)
                facts += record.filledLots > known_filled
        return facts

    @checks("I-14")
    def i14_limits_are_respected(self) -> int:
        """A buyer never pays more, a seller never gets less than its limit, per kWh."""
        trades = self.events("OrdersMatched")
        for event in trades:
            buy, sell = self.quotes[event.buyOrderId], self.quotes[event.sellOrderId]
            buy_limit = (buy >> 32 & 0xFFFF) * TICK_MULTIPLE
            sell_limit = (sell >> 32 & 0xFFFF) * TICK_MULTIPLE
            assert sell_limit <= event.pricePerKWh <= buy_limit
            first = min(event.buyOrderId & 0xFFFFFFFF, event.sellOrderId & 0xFFFFFFFF)
            of_first = buy_limit if event.buyOrderId & 0xFFFFFFFF == first else sell_limit
            assert event.pricePerKWh == of_first, "the order that was first sets the price"
            assert (event.amount * event.pricePerKWh) % WH_PER_KWH == 0, "no trade rounds"
        return len(trades)

    @checks("I-15")
    def i15_as_much_is_bought_as_sold(self) -> int:
        """In each product, and in the matched total of its book."""
        facts = 0
        for product in {Product.from_id(e.buyOrderId >> 72) for e in self.events("OrdersMatched")}:
            members = [s for s in self.seen.accounts.values() if not s.isOperator]
            answers = self.world.chain.ask(
                [(self.world.trading, "recordsOf", (m.accountId, product.id)) for m in members]
            )
            filled = {Side.BUY: 0, Side.SELL: 0}
            for records in answers:
                for record in records:
                    filled[OrderId.unpack(record.orderId).side] += record.filledLots
            matched = self.world.trading.call("matchedLots", product.id)
            assert filled[Side.BUY] == filled[Side.SELL] == matched, f"{filled}, {matched}"
            facts += 1
        return facts

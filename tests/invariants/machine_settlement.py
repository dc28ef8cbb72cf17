"""Rules of the lock-step machine: money, settlement, certificates, operators, the clock."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from energy_grid.ids import TransactionId
from energy_grid.model.terms import Tariff
from energy_grid.slots import reading_deadline, slot_of
from energy_grid.units import AccountId
from tests.invariants.fork import COIN
from tests.invariants.machine_base import ACTORS, MachineBase, actors, picks, seeds
from tests.invariants.world import OPERATORS

EVERYBODY = (*ACTORS, *OPERATORS, "stranger")
everybody = st.sampled_from(EVERYBODY)
PARTS = (0, 1, COIN // 3, 5 * COIN, 10**9 * COIN)


class SettlementRules(MachineBase):
    """Everything that moves money, and time."""

    # --- the clock ---

    @precondition(lambda self: self.young())
    @rule(
        step=st.sampled_from(
            ("slot", "slot", "slot", "hour", "hours", "gate", "day", "deadline", "minute")
        )
    )
    def advance(self, step: str) -> None:
        """Time passes: a little mostly, sometimes to where the rules change."""
        self.begin()
        now = self.now
        slot_end = (now // 900 + 1) * 900
        hour_end = (now // 3_600 + 1) * 3_600
        midnight = (now // 86_400 + 1) * 86_400
        target = {
            "minute": now + 60,
            "slot": slot_end + 3,
            "hour": hour_end + 3,
            "hours": hour_end + 2 * 3_600 + 700,
            "gate": hour_end - 300 if hour_end - 300 > now else hour_end + 3_300,
            "day": midnight + 40,
            "deadline": self._next_deadline(),
        }[step]
        self.world.advance_to(target)

    def _next_deadline(self) -> int:
        """A second before the oldest unsettled slot stops waiting, so that steps fall around it."""
        slots = [
            account.settled_until
            for account in self.model.ledger.accounts.values()
            if account.metered and not account.is_operator
        ]
        deadline = reading_deadline(min(slots)) - 1 if slots else 0
        return max(self.now, deadline) if deadline < self.now + 3 * 86_400 else self.now

    # --- money ---

    @rule(name=everybody, amount=st.sampled_from((0, 1, COIN // 7, 3 * COIN, 40 * COIN)))
    def deposit(self, name: str, amount: int) -> None:
        """Money comes in."""
        self.begin(name)
        address = self.world.address(name)
        if name == "stranger":
            amount = 0
        self.note(
            self.world.both(
                address,
                self.world.settlement,
                "deposit",
                amount,
                model=lambda m: m.ledger.deposit(address, amount),
            )
        )

    @rule(payer=actors, name=everybody, amount=st.sampled_from((1, COIN)))
    def deposit_for(self, payer: str, name: str, amount: int) -> None:
        """Money comes in for somebody else."""
        self.begin(payer)
        address = self.world.address(name)
        self.note(
            self.world.both(
                self.world.address(payer),
                self.world.settlement,
                "depositFor",
                address,
                amount,
                model=lambda m: m.ledger.deposit(address, amount),
            )
        )

    @rule(name=everybody, amount=st.sampled_from(PARTS))
    def withdraw(self, name: str, amount: int) -> None:
        """Money goes out."""
        self.begin(name)
        address = self.world.address(name)
        self.note(
            self.world.both(
                address,
                self.world.settlement,
                "withdraw",
                amount,
                model=lambda m: m.ledger.withdraw(address, amount),
            )
        )

    @rule(name=st.sampled_from(("poor", "broker", "operator", "island operator")))
    def withdraw_all(self, name: str) -> None:
        """All free money goes out, so that somebody has none."""
        self.begin(name)
        address = self.world.address(name)
        self.note(
            self.world.both(
                address,
                self.world.settlement,
                "withdrawAll",
                address,
                model=lambda m: m.ledger.withdraw_all(address),
            )
        )

    @rule(name=everybody, amount=st.sampled_from((0, 1, COIN // 2, 3 * COIN)), out=st.booleans())
    def security(self, name: str, amount: int, out: bool) -> None:
        """The security deposit rises or falls."""
        self.begin(name)
        address = self.world.address(name)
        self.note(
            self.world.both(
                address,
                self.world.settlement,
                "withdrawSecurity" if out else "postSecurity",
                amount,
                model=lambda m: (m.ledger.withdraw_security if out else m.ledger.post_security)(
                    address, amount
                ),
            )
        )

    # --- operators ---

    @rule(
        name=st.sampled_from((*OPERATORS, "solar")),
        amount=st.sampled_from((0, 1, COIN // 2, 3 * COIN)),
        out=st.booleans(),
    )
    def bond(self, name: str, amount: int, out: bool) -> None:
        """An operator's bond rises or falls."""
        self.begin(name)
        address = self.world.address(name)
        self.note(
            self.world.both(
                address,
                self.world.settlement,
                "withdrawBond" if out else "postBond",
                amount,
                model=lambda m: (m.withdraw_bond if out else m.post_bond)(address, amount),
            )
        )

    @rule(seed=seeds, name=st.sampled_from((*OPERATORS, "operator", "solar")))
    def tariff(self, seed: int, name: str) -> None:
        """An operator announces tariffs, in form or not."""
        self.begin(name)
        dice, sender = self.dice(seed), self.world.address(name)
        zone = self.world.zones[name == "island operator"]
        slot = slot_of(self.now)
        from_slot = slot + dice.choice((192, 192, 193, 196, 300, 191, 1, 6_433))
        retail = dice.choice((320_000, 280_000, 299_000, 400_000, 401_000, 100_500, 40_000))
        feed_in = dice.choice((80_000, 60_000, 110_000, 0, 300_000))
        self.note(
            self.world.both(
                sender,
                self.world.settlement,
                "setTariff",
                zone,
                from_slot,
                retail,
                feed_in,
                model=lambda m: m.set_tariff(sender, zone, from_slot, Tariff(retail, feed_in)),
            )
        )

    @rule(zone_index=st.integers(0, 2), count=st.sampled_from((0, 1, 2, 100, 101)))
    def pay_claims(self, zone_index: int, count: int) -> None:
        """Anybody has claims paid."""
        self.begin("stranger")
        zone = (*self.world.zones, 499)[zone_index]
        self.note(
            self.world.both(
                self.world.address("stranger"),
                self.world.settlement,
                "payClaims",
                zone,
                count,
                model=lambda m: m.pay_claims(zone, count),
            )
        )

    # --- settlement ---

    @rule(name=everybody, ahead=st.sampled_from((1, 1, 2, 4, 30, 10**5)))
    def settle(self, name: str, ahead: int) -> None:
        """One account, a slot or a run of slots."""
        self.begin("stranger")
        address = self.world.address(name)
        account = self.model.ledger.accounts.get(address)
        until = (account.settled_until if account else 0) + ahead
        self._settle_one(address, until)

    def _settle_one(self, address: str, until: int) -> None:
        self.note(
            self.world.both(
                self.world.address("stranger"),
                self.world.settlement,
                "settle",
                address,
                until,
                model=lambda m: m.settle(address, until),
            )
        )
        self._touch_settled_pools()

    @rule(seed=seeds)
    def settle_many(self, seed: int) -> None:
        """Several accounts as far as possible."""
        self.begin("stranger")
        dice = self.dice(seed)
        names = dice.sample(ACTORS, dice.randrange(0, len(ACTORS) + 1))
        if dice.random() < 0.1:
            names.append(dice.choice(("stranger", "operator", names[0] if names else "solar")))
        addresses = [self.world.address(name) for name in names]
        until = slot_of(self.now) + dice.choice((0, 0, 5, -3))
        self.note(
            self.world.both(
                self.world.address("stranger"),
                self.world.settlement,
                "settleMany",
                addresses,
                until,
                model=lambda m: m.settle_many(addresses, until),
            )
        )
        self._touch_settled_pools()

    @rule(pick=picks, seed=seeds)
    def settle_transaction(self, pick: int, seed: int) -> None:
        """Both parties of a trade, by its id; or an id that names none."""
        self.begin("stranger")
        dice, trades = self.dice(seed), self.model.trading.trades
        if trades and dice.random() < 0.9:
            trade = trades[pick % len(trades)]
            number = trade.transaction_id
            if dice.random() < 0.1:
                reverse = TransactionId(
                    trade.product.id, AccountId(trade.seller_id), AccountId(trade.buyer_id)
                )
                number = reverse.pack()
        else:
            number = dice.choice((0, 1, 2**104, 2**200, 7 << 48))
        self.note(
            self.world.both(
                self.world.address("stranger"),
                self.world.trading,
                "settleTransaction",
                number,
                model=lambda m: m.settle_transaction(number),
            )
        )
        self._touch_settled_pools()

    @rule(seed=seeds)
    def claim_certificates(self, seed: int) -> None:
        """Everybody claims from the pool of a slot that was settled, or of any other."""
        self.begin("stranger")
        dice = self.dice(seed)
        pools = [key for key, pool in self.model.certificates.pools.items() if pool.entries]
        slot = dice.choice(pools)[1] if pools and dice.random() < 0.9 else slot_of(self.now) - 2
        names = dice.sample(EVERYBODY, dice.randrange(1, len(EVERYBODY) + 1))
        addresses = [self.world.address(name) for name in names]
        self._claim_slot(slot, addresses)

    def _claim_slot(self, slot: int, addresses: list[str]) -> None:
        # Both zones of the tests share one region, and so their certificates one pool.
        self.touched.pools.add((self.world.zones[0], slot))
        self.note(
            self.world.both(
                self.world.address("stranger"),
                self.world.settlement,
                "claimCertificates",
                addresses,
                slot,
                model=lambda m: m.delivery.claim_certificates(addresses, slot, m.now),
            )
        )

    def _touch_settled_pools(self) -> None:
        """Compare the pools of the last few slots that were settled with something in them."""
        for settled in self.model.delivery.settled[-6:]:
            self.touched.pools.add((self.world.zones[0], settled.slot))

"""Planted faults: one rule of the model is bent, and the lock-step machine must notice by itself.

Lock-step is symmetric - a fault in a contract looks like the opposite fault in the model - so each
canary stands for a contract with that fault. None of them tells the machine where to look.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from energy_grid.day_words import Quality
from energy_grid.ids import Side
from energy_grid.model import book, certificates, delivery, metering, slot_energy, trading
from energy_grid.model.book import Fill, Record
from energy_grid.model.ledger import Ledger
from energy_grid.model.metering import Metering, Outcome
from energy_grid.model.settlement import energy_by_default, imbalance_due
from energy_grid.model.slot_energy import SlotEnergy
from energy_grid.model.trading import Trading
from energy_grid.units import BPS
from tests.invariants.machine import LockStepMachine
from tests.invariants.world import World

pytestmark = pytest.mark.deep


@dataclass(frozen=True)
class Canary:
    """One fault: `owner.attribute` behaves like `fault` instead."""

    name: str
    owner: Any
    attribute: str
    fault: Any


def last_order_sets_the_price() -> Callable[..., Any]:
    right = Trading.match

    def match(self: Trading, buy_id: int, sell_id: int, now: int) -> Any:
        buy, sell = self._checked_pair(buy_id, sell_id, now)
        buy.sequence, sell.sequence = sell.sequence, buy.sequence
        try:
            for record in (buy, sell):
                assert record.remaining_lots
            first = buy if buy.sequence < sell.sequence else sell
            price, lots = first.limit_per_kwh, min(buy.remaining_lots, sell.remaining_lots)
            for record in (buy, sell):
                record.remaining_lots -= lots
                record.fills.append(Fill(lots, price, abs(record.limit_per_kwh - price)))
        finally:
            buy.sequence, sell.sequence = sell.sequence, buy.sequence
        trade = trading.Trade(
            buy_id, sell_id, buy.product, buy.account_id, sell.account_id, lots, price
        )
        self.trades.append(trade)
        return trade

    assert right is not match
    return match


def lock_rounds_down(self: Record, terms: Any) -> int:
    cost = book.money(self.remaining_lots, self.limit_per_kwh) + self.filled_value
    cost += self.improvement
    energy_wh = self.remaining_lots + self.filled_lots
    fee = book.money(energy_wh, terms.network_fee_per_kwh)
    return int(cost + fee + cost * terms.trading_fee_bps // BPS)


def trading_fee_rounds_up(self: Record, terms: Any) -> int:
    if self.side is Side.SELL:
        return 0
    cost = self.filled_value * self.product.slot_count
    return int(-(-cost * terms.trading_fee_bps // BPS))


def bought_energy_gives_no_capacity(self: Trading, account: Any, product: Any) -> int:
    return sum(
        record.remaining_lots + record.filled_lots
        for record in self.records_of(account.account_id, product)
        if record.side is Side.SELL
    )


def gap_shared_without_remainder(stretch_wh: int, stretch: Any, _slot: int) -> int:
    return int(stretch_wh // stretch.slots)


def estimates_mint() -> Callable[..., SlotEnergy]:
    right = slot_energy.account_energy

    def account_energy(*arguments: Any) -> SlotEnergy:
        energy = right(*arguments)
        if energy.quality is Quality.ESTIMATED:
            return SlotEnergy(
                energy.import_wh, energy.export_wh, energy.export_wh, Quality.MEASURED
            )
        return energy

    return account_energy


def storage_mints_all_it_exports() -> Callable[..., SlotEnergy]:
    right = slot_energy.account_energy

    def account_energy(*arguments: Any) -> SlotEnergy:
        energy = right(*arguments)
        mintable = energy.export_wh if energy.quality is Quality.MEASURED else 0
        return SlotEnergy(energy.import_wh, energy.export_wh, mintable, energy.quality)

    return account_energy


def default_uses_nothing(position: Any) -> SlotEnergy:
    return SlotEnergy(0, 0, 0, energy_by_default(position).quality)


def shortage_at_the_long_price(delta_wh: int, prices: Any) -> int:
    if delta_wh > 0:
        return -imbalance_due(-delta_wh, prices)
    return imbalance_due(delta_wh, prices)


def estimates_at_ordinary_prices(self: Any, _account: Any, _slot: int, prices: Any) -> Any:
    return prices


def certificates_rounded_up(total: int, whole: int, before: int, claim: int) -> int:
    return -(-claim * total // whole) if whole else 0


def conflicting_reading_is_ignored(_self: Metering, _meter: Any, _reading: Any = None) -> Outcome:
    return Outcome.DUPLICATE


def security_is_never_used(self: Any, account: Any, due: int) -> None:
    operator = self.ledger.operators[account.zone].account
    paid = min(due, account.free)
    account.free -= paid
    account.arrears += due - paid
    operator.free += paid


def fallen_registers_stand_still(previous: int, current: int, width: int) -> int:
    if current < previous and previous * 100 <= width * metering.ROLLOVER_FROM_PERCENT:
        return 0
    return (current - previous) % width


def arrears_are_forgiven(self: Ledger, account: Any, amount: int) -> None:
    account.free += amount


CANARIES = (
    Canary("the last order sets the price", Trading, "match", last_order_sets_the_price()),
    Canary("locks round the fee down", Record, "_buy_lock", lock_rounds_down),
    Canary("trading fee rounds up", Record, "trading_fee", trading_fee_rounds_up),
    Canary(
        "buying gives no right to sell", Trading, "_net_sold_wh", bought_energy_gives_no_capacity
    ),
    Canary("own orders may cross", Trading, "_refuse_self_cross", lambda *_a, **_n: None),
    Canary("a gap loses its remainder", slot_energy, "interpolated", gap_shared_without_remainder),
    Canary("estimates mint", delivery, "account_energy", estimates_mint()),
    Canary(
        "storage mints all it exports", delivery, "account_energy", storage_mints_all_it_exports()
    ),
    Canary("a default uses nothing", delivery, "energy_by_default", default_uses_nothing),
    Canary("shortage is cheap", delivery, "imbalance_due", shortage_at_the_long_price),
    Canary(
        "estimates at ordinary prices",
        delivery.Delivery,
        "_worst_prices_of_gap",
        estimates_at_ordinary_prices,
    ),
    Canary("certificates round up", certificates, "cursor_share", certificates_rounded_up),
    Canary("equivocation is ignored", Metering, "_quarantine", conflicting_reading_is_ignored),
    Canary("security is never used", delivery.Delivery, "_charge", security_is_never_used),
    Canary("arrears are forgiven", Ledger, "credit", arrears_are_forgiven),
    Canary("registers may fall", metering, "register_rise", fallen_registers_stand_still),
)


@pytest.mark.parametrize("canary", CANARIES, ids=lambda canary: canary.name.replace(" ", "-"))
def test_machine__rule_bent__notices(
    canary: Canary, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    LockStepMachine.world = world
    LockStepMachine.origin = world.remember()
    monkeypatch.setattr(canary.owner, canary.attribute, canary.fault)
    profile = settings(
        max_examples=120,
        stateful_step_count=80,
        deadline=None,
        derandomize=True,
        database=None,
        phases=(Phase.generate,),
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )

    with pytest.raises(AssertionError):
        run_state_machine_as_test(LockStepMachine, settings=profile)

"""Agents: private valuations, no hindsight, limits respected, the same by the same seed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from energy_grid.ids import Side
from energy_grid.products import Period, Product
from energy_grid.quotes import LEAST_LOTS, Quote
from energy_grid.units import SLOTS_PER_DAY, slot_energy_wh
from simulation.agents.decide import OwnOrder, Situation, decide_day_ahead, decide_quarter
from simulation.agents.forecast import forecast_surplus, observe
from simulation.agents.quotes import lock_units
from simulation.agents.traders import Temper, limit_tick, trader_of

RICH = 10**12
SEED = 7


def _decisions(history, market, seed, until_slot, day_start, free=RICH):
    trader = trader_of(history.home, market, seed)
    forecast = forecast_surplus(
        observe(history, until_slot),
        day_start + SLOTS_PER_DAY - until_slot,
        seed=seed,
        home_number=history.home.number,
    )
    situation = Situation(until_slot * 900, forecast, {}, (), free)
    hours = range(day_start, day_start + SLOTS_PER_DAY, 4)
    ahead = decide_day_ahead(trader, market, situation, hours)
    return ahead, decide_quarter(
        trader, market, situation, range(day_start, day_start + SLOTS_PER_DAY)
    )


def test_orders__future_changed__stay_the_same(summer_day, market):
    """What happens after a decision cannot have been known: data is changed, orders are not."""
    for history in summer_day.history:
        for until in (summer_day.first_slot - 24, summer_day.first_slot + 40):
            cut = until - history.first_slot
            changed = {}
            for name in ("consumption_wh", "production_wh", "stored_wh", "import_wh", "export_wh"):
                values = getattr(history, name).copy()
                values[cut:] = values[cut:] * 3 + 1_000
                changed[name] = values
            real = _decisions(history, market, SEED, until, summer_day.first_slot)
            other = _decisions(
                replace(history, **changed), market, SEED, until, summer_day.first_slot
            )
            assert real == other


def test_orders__past_changed__differ(summer_day, market):
    """The test above would also pass if forecasts ignored all data."""
    until = summer_day.first_slot - 24
    differing = 0
    for history in summer_day.history:
        cut = until - history.first_slot
        consumption = history.consumption_wh.copy()
        consumption[:cut] *= 3
        real = _decisions(history, market, SEED, until, summer_day.first_slot)
        other = _decisions(
            replace(history, consumption_wh=consumption), market, SEED, until, summer_day.first_slot
        )
        differing += real != other
    assert differing > len(summer_day.history) * 3 // 4


def test_observe__copies__only_the_past(summer_day):
    history = summer_day.history[0]
    seen = observe(history, summer_day.first_slot)
    assert len(seen.consumption_wh) == summer_day.first_slot - history.first_slot
    assert seen.consumption_wh.base is None
    with pytest.raises(IndexError, match="no full week"):
        observe(history, history.first_slot + 671)


def test_orders__same_seed__are_the_same_and_another_seed_differs(summer_day, market):
    history = summer_day.history[1]
    until = summer_day.first_slot - 24
    first = _decisions(history, market, 1, until, summer_day.first_slot)
    assert first == _decisions(history, market, 1, until, summer_day.first_slot)
    assert first != _decisions(history, market, 2, until, summer_day.first_slot)


def test_trader_of__all_homes__value_energy_between_feed_in_and_retail(summer_day, market):
    tempers = set()
    for seed in range(5):
        for home in summer_day.homes:
            trader = trader_of(home, market, seed)
            tempers.add(trader.temper)
            all_in = trader.bid_tick * 1_000 * 10_020 / 10_000 + 20_000
            assert market.feed_in_tick < trader.ask_tick
            assert market.feed_in_tick < trader.bid_tick
            assert all_in <= market.retail_tick * 1_000
    assert tempers == set(Temper)


@pytest.mark.parametrize("temper", list(Temper))
def test_limit_tick__as_the_gate_comes_near__gives_way_to_the_valuation(temper, summer_day, market):
    trader = replace(trader_of(summer_day.homes[0], market, SEED), temper=temper)
    bids = [
        limit_tick(trader, is_sell=False, urgency_percent=u, market=market) for u in range(0, 101)
    ]
    asks = [
        limit_tick(trader, is_sell=True, urgency_percent=u, market=market) for u in range(0, 101)
    ]
    assert bids == sorted(bids)
    assert asks == sorted(asks, reverse=True)
    assert bids[-1] == trader.bid_tick
    assert asks[-1] == trader.ask_tick
    assert all(market.feed_in_tick < tick <= market.dearest_bid_tick for tick in bids + asks)


def test_decisions__whole_day__respect_capacity_lots_gates_and_balance(summer_day, market):
    budget = 100_000
    quoted = 0
    for history in summer_day.history:
        capacity_wh = slot_energy_wh(history.home.rated_export_w)
        for until in range(summer_day.first_slot - 24, summer_day.first_slot + 90, 6):
            decisions = _decisions(history, market, SEED, until, summer_day.first_slot, budget)
            for decision in decisions:
                assert sum(lock_units(quote, market) for quote in decision.place) <= budget
                for quote in decision.place:
                    quoted += 1
                    assert quote.lots >= LEAST_LOTS
                    assert quote.product.is_open(until * 900)
                    assert quote.expires_at == 0 or quote.expires_at > until * 900
                    if quote.side is Side.SELL:
                        assert quote.lots <= capacity_wh
    assert quoted > 500


def _situation(market, slot, wanted, orders=(), sold=None, free=RICH):
    return Situation(slot * 900, np.array([0, wanted, wanted, 0]), sold or {}, orders, free)


def _quarter(trader, market, situation):
    return decide_quarter(trader, market, situation, range(situation.slot, situation.slot + 9))


def _seller(summer_day, market):
    home = next(home for home in summer_day.homes if home.pv_w)
    return replace(trader_of(home, market, SEED), temper=Temper.PATIENT)


def test_decide_quarter__position_covers_the_forecast__quotes_nothing(summer_day, market):
    trader = _seller(summer_day, market)
    slot = summer_day.first_slot
    sold = {slot + 1: 500, slot + 2: 500}
    assert _quarter(trader, market, _situation(market, slot, 500, sold=sold)).place == ()
    quotes = _quarter(trader, market, _situation(market, slot, 600, sold=sold)).place
    assert [quote.lots for quote in quotes] == [100, 100]


def test_decide_quarter__open_order_one_slot_ahead__is_quoted_again_at_the_valuation(
    summer_day, market
):
    trader = _seller(summer_day, market)
    slot = summer_day.first_slot
    product = Product.continuous(1, Period.QUARTER_HOUR, slot + 1)
    order = OwnOrder(99, Quote(product, Side.SELL, 500, trader.ask_tick + 50))
    decision = _quarter(trader, market, _situation(market, slot, 500, (order,)))
    assert decision.replace == ((99, Quote(product, Side.SELL, 500, trader.ask_tick)),)
    assert [quote.product.start_slot for quote in decision.place] == [slot + 2]


def test_decide_quarter__forecast_turned__cancels_the_order_on_the_wrong_side(summer_day, market):
    trader = _seller(summer_day, market)
    slot = summer_day.first_slot
    product = Product.continuous(1, Period.QUARTER_HOUR, slot + 1)
    order = OwnOrder(99, Quote(product, Side.SELL, 500, trader.ask_tick))
    decision = _quarter(trader, market, _situation(market, slot, -500, (order,)))
    assert decision.cancel == (99,)
    assert decision.replace == ()


def test_decide_quarter__no_money__sends_nothing_that_locks_more(summer_day, market):
    trader = _seller(summer_day, market)
    slot = summer_day.first_slot
    product = Product.continuous(1, Period.QUARTER_HOUR, slot + 1)
    order = OwnOrder(99, Quote(product, Side.SELL, 500, trader.ask_tick + 50))
    decision = _quarter(trader, market, _situation(market, slot, 500, (order,), free=0))
    assert decision.place == ()
    assert decision.replace == ()

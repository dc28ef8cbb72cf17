"""Agents: private valuations, no hindsight, limits respected, the same by the same seed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from energy_grid.curves import Curve, Step
from energy_grid.ids import Side
from energy_grid.products import Period, Product
from energy_grid.quotes import LEAST_LOTS, Quote
from energy_grid.units import SLOTS_PER_DAY, slot_energy_wh
from simulation.agents.curves import outlook_of_block, wanted_curve
from simulation.agents.decide import (
    AUCTION_AHEAD,
    OwnOrder,
    Situation,
    decide_day_ahead,
    decide_quarter,
)
from simulation.agents.forecast import LEVEL_PERCENTS, MEDIAN, forecast_levels, observe
from simulation.agents.locks import curve_lock, quote_lock
from simulation.agents.traders import Temper, limit_tick, trader_of

RICH = 10**12
SEED = 7


def _decisions(history, market, seed, until_slot, day_start, free=RICH):
    trader = trader_of(history.home, market, seed)
    levels = forecast_levels(
        observe(history, until_slot),
        day_start + SLOTS_PER_DAY - until_slot,
        seed=seed,
        home_number=history.home.number,
    )
    situation = Situation(until_slot * 900, levels, {}, {}, (), free)
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
    quoted = placed = 0
    for history in summer_day.history:
        capacity_wh = slot_energy_wh(history.home.rated_export_w)
        for until in range(summer_day.first_slot - 24, summer_day.first_slot + 90, 6):
            decisions = _decisions(history, market, SEED, until, summer_day.first_slot, budget)
            for decision in decisions:
                locked = sum(quote_lock(quote, market) for quote in decision.place)
                locked += sum(curve_lock(curve, market) for curve in decision.curves)
                assert locked <= budget
                for quote in decision.place:
                    quoted += 1
                    assert quote.lots >= LEAST_LOTS
                    assert quote.product.is_open(until * 900)
                    if quote.side is Side.SELL:
                        assert quote.lots <= capacity_wh
                for curve in decision.curves:
                    placed += 1
                    assert Curve.unpack(curve.pack()) == curve
                    assert curve.product.is_open(until * 900)
                    assert curve.lots(Side.SELL) <= capacity_wh
                    for step in curve.steps:
                        assert market.feed_in_tick < step.limit_tick <= market.dearest_bid_tick + 1
    assert quoted > 100
    assert placed > 500


# --- Outlook and curves ---------------------------------------------------------------------------


def test_forecast_levels__every_slot__rise_from_a_bad_to_a_good_day(summer_day):
    for history in summer_day.history:
        seen = observe(history, summer_day.first_slot)
        levels = forecast_levels(seen, SLOTS_PER_DAY, seed=SEED, home_number=history.home.number)
        assert levels.shape == (len(LEVEL_PERCENTS), SLOTS_PER_DAY)
        assert (np.diff(levels, axis=0) >= 0).all()
        assert (levels[0] < levels[-1]).any()
        if not history.home.pv_w:
            assert levels.max() <= 0


def test_forecast_levels__steadier_past__lie_closer_together(summer_day):
    history = next(h for h in summer_day.history if h.home.pv_w and not h.home.battery_wh)
    days = len(history.consumption_wh) // SLOTS_PER_DAY

    def width(home):
        seen = observe(home, summer_day.first_slot)
        levels = forecast_levels(seen, SLOTS_PER_DAY, seed=SEED, home_number=1)
        return int((levels[-1] - levels[0]).sum())

    last = slice((days - 2) * SLOTS_PER_DAY, (days - 1) * SLOTS_PER_DAY)
    steady = replace(
        history,
        consumption_wh=np.tile(history.consumption_wh[last], days),
        production_wh=np.tile(history.production_wh[last], days),
    )
    assert width(steady) == 0
    assert width(history) > 0


def test_outlook_of_block__slots_of_different_levels__is_their_population():
    assert outlook_of_block([(1, 2, 3, 4, 5)] * 4) == (1, 2, 3, 4, 5)
    assert outlook_of_block([(0,) * 5, (0,) * 5, (100,) * 5, (100,) * 5]) == (0, 0, 100, 100, 100)


AUCTION = Product.auction(1, Period.QUARTER_HOUR, 1_629_408)


def _curve(trader, market, outlook, sold_wh=0, room_lots=10_000):
    return wanted_curve(trader, market, AUCTION, outlook, sold_wh=sold_wh, room_lots=room_lots)


def test_wanted_curve__sure_surplus__is_offered_cheapest_and_doubtful_dearest(summer_day, market):
    trader = replace(_seller(summer_day, market), ask_tick=100, bid_tick=200)
    curve = _curve(trader, market, (50, 100, 150, 200, 230))
    assert curve.steps == (
        Step.sell(111, 100),
        Step.sell(136, 50),
        Step.sell(166, 50),
        Step.sell(191, 30),
    )


def test_wanted_curve__sure_demand__is_bid_dearest(summer_day, market):
    trader = replace(_seller(summer_day, market), ask_tick=100, bid_tick=200)
    curve = _curve(trader, market, (-230, -200, -150, -100, -50))
    assert curve.steps == (
        Step.buy(110, 30),
        Step.buy(135, 50),
        Step.buy(165, 50),
        Step.buy(190, 100),
    )


def test_wanted_curve__demand_or_surplus__buys_cheap_and_sells_dear(summer_day, market):
    trader = replace(_seller(summer_day, market), ask_tick=100, bid_tick=200)
    curve = _curve(trader, market, (-100, -50, 0, 50, 100))
    assert curve.steps == (
        Step.buy(110, 50),
        Step.buy(135, 50),
        Step.sell(166, 50),
        Step.sell(191, 50),
    )


def test_wanted_curve__sold_before__asks_for_the_rest_only(summer_day, market):
    trader = replace(_seller(summer_day, market), ask_tick=100, bid_tick=200)
    outlook = (50, 100, 150, 200, 230)
    assert _curve(trader, market, outlook, sold_wh=300).lots(Side.SELL) == 0
    assert _curve(trader, market, outlook, sold_wh=300).lots(Side.BUY) == 250
    assert _curve(trader, market, (80,) * 5, sold_wh=80).is_empty


def test_wanted_curve__little_room__sells_the_cheapest_part(summer_day, market):
    trader = replace(_seller(summer_day, market), ask_tick=100, bid_tick=200)
    curve = _curve(trader, market, (50, 100, 150, 200, 230), room_lots=120)
    assert curve.steps == (Step.sell(111, 100), Step.sell(136, 20))


def test_wanted_curve__parts_too_small_for_a_step__wait_for_the_next_worse_price(
    summer_day, market
):
    trader = replace(_seller(summer_day, market), ask_tick=100, bid_tick=200)
    assert _curve(trader, market, (2, 6, 12, 30, 36)).steps == (
        Step.sell(136, 12),
        Step.sell(166, 18),
    )
    assert _curve(trader, market, (-36, -30, -12, -6, -2)).steps == (
        Step.buy(135, 18),
        Step.buy(165, 12),
    )


def test_wanted_curve__five_parts__keeps_the_four_largest(summer_day, market):
    trader = replace(_seller(summer_day, market), ask_tick=100, bid_tick=200)
    curve = _curve(trader, market, (-100, -60, 15, 60, 100))
    assert [(step.side, step.lots) for step in curve.steps] == [
        (Side.BUY, 40),
        (Side.BUY, 60),
        (Side.SELL, 45),
        (Side.SELL, 40),
    ]


# --- The continuous book --------------------------------------------------------------------------


def _situation(market, slot, wanted, orders=(), sold=None, free=RICH, in_quarter=None):
    levels = np.tile(np.array([0, wanted, wanted, wanted]), (len(LEVEL_PERCENTS), 1))
    return Situation(slot * 900, levels, sold or {}, in_quarter or {}, orders, free)


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
    assert decision.curves == ()


def test_decide_quarter__three_slots_ahead__goes_into_the_auction_for_what_is_left(
    summer_day, market
):
    trader = _seller(summer_day, market)
    slot = summer_day.first_slot
    decision = _quarter(trader, market, _situation(market, slot, 500, sold={slot + 3: 120}))
    (curve,) = decision.curves
    assert curve.product == Product.auction(1, Period.QUARTER_HOUR, slot + AUCTION_AHEAD)
    assert curve.lots(Side.SELL) == 380
    assert [quote.product.start_slot for quote in decision.place] == [slot + 1, slot + 2]


def test_decide_quarter__sold_up_to_the_capacity_in_the_quarter__sells_no_more_there(
    summer_day, market
):
    trader = replace(_seller(summer_day, market), capacity_w=2_000)
    slot = summer_day.first_slot
    # It bought 300 for the hour and sold 490 for the quarter hour alone, of 500 that it may.
    situation = _situation(
        market, slot, 500, sold={slot + 1: 190}, in_quarter={slot + 1: 490, slot + 2: 300}
    )
    quotes = _quarter(trader, market, situation).place
    assert [(quote.product.start_slot, quote.lots) for quote in quotes] == [
        (slot + 1, 10),
        (slot + 2, 200),
    ]


def test_decide_day_ahead__hours__go_into_the_auction_for_a_part(summer_day, market):
    slot = summer_day.first_slot
    levels = np.full((len(LEVEL_PERCENTS), SLOTS_PER_DAY + 24), 400)
    situation = Situation((slot - 24) * 900, levels, {}, {}, (), RICH)
    hours = range(slot, slot + SLOTS_PER_DAY, 4)
    for temper, percent in ((Temper.EAGER, 80), (Temper.PATIENT, 50), (Temper.STORING, 40)):
        trader = replace(_seller(summer_day, market), temper=temper)
        curves = decide_day_ahead(trader, market, situation, hours).curves
        assert [curve.product.start_slot for curve in curves] == list(hours)
        assert {curve.lots(Side.SELL) for curve in curves} == {400 * percent // 100}


def test_situation__forecast__is_the_median_of_the_outlook(market):
    levels = np.arange(len(LEVEL_PERCENTS)).reshape(-1, 1)
    situation = Situation(1_629_408 * 900, levels, {}, {}, (), RICH)
    assert situation.forecast_at(1_629_408) == MEDIAN
    assert LEVEL_PERCENTS[MEDIAN] == 50

"""openZone, tables, proposals, powers
├── openZone: once, formula within hard bounds, base on ticks
├── appendTable: in order, complete with 336 words, then for ever; used by a formula only then
├── proposeFormula: computed beside; activated after 96 slots within 20 %; base and formula together
├── withdrawn, replaced, never proposed
└── each restricted function refuses anybody else, the guardian included
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from energy_grid.pricing import Normals, pack_table
from tests.unit.price_oracle.stage import BASE, FORMULA, START, PricedMarket, expected_quote
from tests.utils.auction_market import ANYBODY, GUARDIAN, TICK_SIZE, ZONE
from tests.utils.revm import Refused

OTHER = ZONE + 1
WEEK = [Normals(50_000 + hour, 40_000, 8_000 if hour % 2 else 0) for hour in range(672)]


def refusal(stage: PricedMarket, function: str, *arguments: Any) -> tuple[str, dict[str, Any]]:
    with pytest.raises(Refused) as caught:
        stage.rule(function, *arguments)
    return caught.value.name, caught.value.arguments


# --- formulas -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"alpha_bps": 0}, "AlphaInvalid"),
        ({"alpha_bps": 5_001}, "AlphaInvalid"),
        ({"step_bps": 0}, "StepInvalid"),
        ({"step_bps": 10_001}, "StepInvalid"),
        ({"floor_bps": 0}, "PriceBoundsInvalid"),
        ({"floor_bps": 10_001}, "PriceBoundsInvalid"),
        ({"cap_bps": 9_999}, "PriceBoundsInvalid"),
        ({"lowest_factor_bps": 999}, "FactorBoundsInvalid"),
        ({"lowest_factor_bps": 10_001}, "FactorBoundsInvalid"),
        ({"highest_factor_bps": 9_999}, "FactorBoundsInvalid"),
        ({"highest_factor_bps": 50_001}, "FactorBoundsInvalid"),
        ({"full_volume_wh": 999}, "FullVolumeInvalid"),
        ({"full_volume_wh": 10**12 + 1}, "FullVolumeInvalid"),
        ({"table_id": 7}, "TableIncomplete"),
    ],
)
def test_formula__outside_its_hard_bounds__refused(
    stage: PricedMarket, changes: dict[str, int], error: str
) -> None:
    wrong = replace(FORMULA, **changes).as_tuple()
    assert refusal(stage, "openZone", OTHER, wrong, BASE)[0] == error
    assert refusal(stage, "proposeFormula", ZONE, wrong)[0] == error


def test_formula__weights_or_clock_wrong__refused(stage: PricedMarket) -> None:
    fields = list(FORMULA.as_tuple())
    fields[0] += 1
    assert refusal(stage, "proposeFormula", ZONE, fields) == (
        "WeightsInvalid",
        {"given": 10_001, "allowed": 10_000},
    )
    fields = list(FORMULA.as_tuple())
    fields[-1] = -57
    assert refusal(stage, "proposeFormula", ZONE, fields) == (
        "OffsetInvalid",
        {"given": -57, "allowed": 56},
    )


@pytest.mark.parametrize("base", [0, 500, 1_024 * TICK_SIZE])
def test_open_zone__base_no_price__refused(stage: PricedMarket, base: int) -> None:
    assert refusal(stage, "openZone", OTHER, FORMULA.as_tuple(), base) == (
        "BaseInvalid",
        {"given": base, "tickSize": TICK_SIZE, "highest": 1_023 * TICK_SIZE},
    )


def test_open_zone__twice_or_zone_zero__refused(stage: PricedMarket) -> None:
    for zone in (ZONE, 0):
        assert refusal(stage, "openZone", zone, FORMULA.as_tuple(), BASE) == (
            "PricingNotOpenable",
            {"zone": zone},
        )


def test_open_zone__right__base_and_formula_on_record(stage: PricedMarket) -> None:
    stage.rule("openZone", OTHER, FORMULA.as_tuple(), BASE)
    (event,) = stage.oracle.events("ZoneOpened")
    assert (event.zone, event.basePricePerKWh, event.nextSlot) == (OTHER, BASE, START + 1)
    assert stage.oracle.ask("basePrice", OTHER) == BASE
    assert tuple(stage.oracle.ask("formulaOf", OTHER)) == FORMULA.as_tuple()


# --- tables ---------------------------------------------------------------------------------------


def test_table__appended_in_parts__complete_and_fixed(stage: PricedMarket) -> None:
    words = pack_table(WEEK)
    stage.rule("appendTable", 3, words[:200])
    assert refusal(stage, "proposeFormula", ZONE, replace(FORMULA, table_id=3).as_tuple()) == (
        "TableIncomplete",
        {"tableId": 3, "words": 200, "required": 336},
    )
    stage.rule("appendTable", 3, words[200:])
    assert stage.oracle.ask("tableWords", 3) == 336
    assert refusal(stage, "appendTable", 3, [0]) == (
        "TableFull",
        {"tableId": 3, "given": 1, "room": 0},
    )
    formula = replace(FORMULA, table_id=3, utc_offset_slots=4)
    stage.rule("openZone", OTHER, formula.as_tuple(), BASE)
    for slot in (START, START + 1, START + 700):
        entry = WEEK[(slot + 4 - 384) % 672]
        assert stage.oracle.ask("normalsOf", OTHER, slot) == (
            entry.demand_w,
            entry.supply_w,
            entry.factor_bps,
        )
    price, _ = stage.quote(OTHER)
    entry = WEEK[(START + 1 + 4 - 384) % 672]
    expected = BASE * (8_000 + 2_000 * (entry.factor_bps or 10_000) // 10_000) // 10_000
    assert price == expected // TICK_SIZE * TICK_SIZE


@pytest.mark.parametrize("word", [1 << 112, 1 << 240, 999 << 96, 50_001 << 96, 999 << 224])
def test_table__word_of_no_sense__refused(stage: PricedMarket, word: int) -> None:
    assert refusal(stage, "appendTable", 3, [0, word]) == (
        "TableWordInvalid",
        {"index": 1, "word": word},
    )
    assert refusal(stage, "appendTable", 0, [0])[0] == "TableZero"


# --- the shadow -----------------------------------------------------------------------------------


def live(stage: PricedMarket, slots: int) -> None:
    """Quote so many slots with all inputs."""
    first = stage.slot
    for slot in range(first, first + slots):
        stage.chain.at(slot * 900 + 60)
        stage.feed(110_000, 100_000, 90_000)
        stage.quote()
    stage.chain.at((first + slots) * 900 + 60)


def test_proposal__a_day_within_bounds__takes_over(stage: PricedMarket) -> None:
    proposal = replace(FORMULA, demand_weight_bps=4_000, time_weight_bps=1_000, alpha_bps=50)
    stage.rule("proposeFormula", ZONE, proposal.as_tuple())
    live(stage, 95)
    assert refusal(stage, "activateFormula", ZONE) == (
        "ComparedTooShort",
        {"slots": 95, "required": 96},
    )
    live(stage, 1)
    formula, shadow = stage.oracle.ask("proposalOf", ZONE)
    assert tuple(formula) == proposal.as_tuple()
    assert shadow.slots == 96 and 0 < shadow.maxDeviationBps <= 2_000

    stage.rule("activateFormula", ZONE)

    assert tuple(stage.oracle.ask("formulaOf", ZONE)) == proposal.as_tuple()
    assert not stage.oracle.ask("proposalOf", ZONE)[1].proposed
    previous = stage.price()[0]
    stage.feed(110_000, 100_000, 90_000)
    price, _ = stage.quote()
    quote = expected_quote(
        stage.slot + 1, 110_000, 100_000, 90_000, previous=previous, formula=proposal
    )
    assert price == quote.price_per_kwh


def test_proposal__too_far_off__never(stage: PricedMarket) -> None:
    # Normal demand of a thousandth: a unit mistaken.
    wrong = replace(FORMULA, normal_demand_w=100, step_bps=10_000)
    stage.rule("proposeFormula", ZONE, wrong.as_tuple())
    live(stage, 96)
    assert refusal(stage, "activateFormula", ZONE) == (
        "ComparedTooFar",
        {"deviationBps": stage.oracle.ask("proposalOf", ZONE)[1].maxDeviationBps, "allowed": 2_000},
    )
    stage.rule("withdrawProposal", ZONE)
    assert refusal(stage, "activateFormula", ZONE) == ("NothingProposed", {"zone": ZONE})


def test_proposal__slots_without_demand__do_not_count(stage: PricedMarket) -> None:
    stage.rule("proposeFormula", ZONE, replace(FORMULA, step_bps=2_000).as_tuple())
    stage.quote()
    assert stage.oracle.ask("proposalOf", ZONE)[1].slots == 0
    stage.rule("proposeFormula", ZONE, FORMULA.as_tuple())
    assert stage.oracle.events("FormulaProposed")


def test_proposal__none_or_no_zone__refused(stage: PricedMarket) -> None:
    assert refusal(stage, "withdrawProposal", ZONE) == ("NothingProposed", {"zone": ZONE})
    assert refusal(stage, "proposeFormula", 99, FORMULA.as_tuple())[0] == "PricingNotOpen"
    assert refusal(stage, "unfreezeQuotes", 99)[0] == "PricingNotOpen"


# --- powers ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("function", "arguments"),
    [
        ("openZone", (OTHER, FORMULA.as_tuple(), BASE)),
        ("appendTable", (1, [0])),
        ("proposeFormula", (ZONE, FORMULA.as_tuple())),
        ("withdrawProposal", (ZONE,)),
        ("activateFormula", (ZONE,)),
        ("setStabilitySource", (ANYBODY,)),
        ("unfreezeQuotes", (ZONE,)),
        ("freezeQuotes", (ZONE, START * 900 + 3_600)),
    ],
)
def test_restricted__anybody_else__unauthorised(
    stage: PricedMarket, function: str, arguments: tuple[Any, ...]
) -> None:
    callers = (ANYBODY, GUARDIAN) if function != "freezeQuotes" else (ANYBODY,)
    for caller in callers:
        with pytest.raises(Refused) as caught:
            stage.oracle.send(caller, function, *arguments)
        assert caught.value.name == "AccessManagedUnauthorized"


def test_set_stability_source__no_contract__refused(stage: PricedMarket) -> None:
    assert refusal(stage, "setStabilitySource", ANYBODY)[0] == "NotAContract"
    stage.rule("setStabilitySource", stage.grid.address)
    assert stage.oracle.ask("stabilitySource") == stage.grid.address
    stage.rule("setStabilitySource", "0x" + "0" * 40)


def test_deploy__sources_without_code__refused(stage: PricedMarket) -> None:
    sources = [stage.market.address, stage.grid.address, stage.weather.address]
    for index in range(3):
        wrong = [*sources]
        wrong[index] = ANYBODY
        with pytest.raises(RuntimeError):
            stage.chain.deploy("PriceOracle", stage.authority.address, *wrong)


def test_room__called_directly__knows_no_zone(stage: PricedMarket) -> None:
    room = stage.oracle.ask("pricingRoom")
    data = stage.oracle.abi.encode("quote", ZONE)
    with pytest.raises(RuntimeError):
        stage.chain.call(ANYBODY, room, data, static=False)

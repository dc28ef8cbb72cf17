"""The reference price: Python and Solidity agree on every integer, over random inputs at the edges.

`make test` compares a few thousand, `make deep` a million.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any

import pytest

from energy_grid.artifacts import Artifacts
from energy_grid.pricing import (
    STANDARD_FORMULA,
    AuctionPrice,
    Demand,
    Formula,
    GridMetrics,
    Normals,
    PriceFlag,
    PriceHistory,
    PriceParams,
    Supply,
    TimeOfWeek,
    base_of,
    calculate_energy_price,
    index_of,
    move_accumulator,
    pack_table,
    quote_energy,
    read_table,
)
from tests.utils.revm import Contract, Revm

ANYBODY = "0x00000000000000000000000000000000000a0001"
BATCH = 2_000
SEED = 20_260_131
INT128 = 1 << 127
WORD = 32


@pytest.fixture(scope="module")
def harness() -> Contract:
    return Revm(Artifacts.load(), ANYBODY).deploy("PriceFormulaHarness")


def test_quote__random_inputs__equal(harness: Contract) -> None:
    compare_quotes(harness, Random(SEED), batches=3, size=1_000)


def test_base__random_auctions__equal(harness: Contract) -> None:
    compare_moves(harness, Random(SEED), batches=3, size=500)


@pytest.mark.deep
def test_quote__a_million_random_inputs__equal(harness: Contract) -> None:
    assert compare_quotes(harness, Random(SEED + 1), batches=500, size=BATCH) == 1_000_000


@pytest.mark.deep
def test_base__a_hundred_thousand_random_auctions__equal(harness: Contract) -> None:
    assert compare_moves(harness, Random(SEED + 2), batches=50, size=BATCH) == 100_000


def test_normals__every_quarter_hour_of_a_week__equal(harness: Contract) -> None:
    dice = Random(SEED)
    table = [
        Normals(edge(dice, 0, 2**48 - 1), edge(dice, 0, 2**48 - 1), edge(dice, 0, 2**16 - 1))
        for _ in range(672)
    ]
    words = pack_table(table)
    for slot in (*range(2_000_000, 2_000_672, 7), 384, 0, 100, 2**32 - 1):
        offset = dice.choice((-56, -4, 0, 4, 8, 56))
        index = index_of(slot, offset)
        answer = harness.ask("normals", words[index // 2], slot, offset)
        entry = read_table(words, index)
        assert entry == table[index]
        assert tuple(answer) == (index, entry.demand_w, entry.supply_w, entry.factor_bps)


def test_quote__inputs_missing__factor_of_one_and_a_flag() -> None:
    params = PriceParams(
        Demand(None, 1_000),
        Supply(None, 500, 1_000),
        TimeOfWeek(500),
        GridMetrics(None),
        PriceHistory(200_000),
    )
    quote = quote_energy(params)
    assert quote.price_per_kwh == calculate_energy_price(params) == 200_000
    assert quote.flags == (
        PriceFlag.DEMAND_MISSING | PriceFlag.SUPPLY_MISSING | PriceFlag.STABILITY_MISSING
    )


# --- comparing ------------------------------------------------------------------------------------


def compare_quotes(harness: Contract, dice: Random, batches: int, size: int) -> int:
    """Quotes of random inputs, each batch with a formula of its own. Returns how many agreed."""
    compared = 0
    for batch in range(batches):
        formula = STANDARD_FORMULA if batch % 2 == 0 else random_formula(dice)
        inputs = [random_params(dice, formula) for _ in range(size)]
        packed = b"".join(pack_inputs(params, missing) for params, missing in inputs)
        answers = run(harness, "quotes", formula, packed, size)
        for (params, missing), answer in zip(inputs, answers, strict=True):
            quote = quote_energy(params)
            expected = (
                quote.price_per_kwh << 80
                | quote.demand_factor_bps << 64
                | quote.supply_factor_bps << 48
                | quote.time_factor_bps << 32
                | quote.stability_factor_bps << 16
                | quote.flags
            )
            assert answer == expected, (params, missing, quote, hex(answer))
        compared += size
    return compared


def compare_moves(harness: Contract, dice: Random, batches: int, size: int) -> int:
    """Moves of the base by random auctions. Returns how many agreed."""
    compared = 0
    for _ in range(batches):
        formula = random_formula(dice)
        moves = []
        for _ in range(size):
            tick = random_tick(dice)
            highest = 1_023 * tick
            auction = AuctionPrice(
                dice.choice((0, tick, highest, dice.randint(0, highest) // tick * tick)),
                edge(dice, 0, 2**80, formula.full_volume_wh),
            )
            moves.append((edge(dice, tick * 10_000, highest * 10_000), auction, tick))
        packed = b"".join(
            (acc << 160 | auction.price_per_kwh << 64 | tick).to_bytes(WORD)
            + (auction.volume_wh << 128).to_bytes(WORD)
            for acc, auction, tick in moves
        )
        answers = run(harness, "moves", formula, packed, size)
        for (acc, auction, tick), answer in zip(moves, answers, strict=True):
            moved = move_accumulator(acc, auction, formula, tick=tick)
            assert answer == moved << 128 | base_of(moved, tick=tick), (acc, auction, formula)
        compared += size
    return compared


def run(
    harness: Contract, function: str, formula: Formula, packed: bytes, count: int
) -> Sequence[int]:
    """Call with an array of static structs, encoded here: thousands of words."""
    head: bytes = harness.abi.encode(function, formula.as_tuple(), [])[:-WORD]
    answer = harness.chain.call(
        ANYBODY, harness.address, head + count.to_bytes(WORD) + packed, static=True
    )
    words = [int.from_bytes(answer[at : at + WORD]) for at in range(0, len(answer), WORD)]
    assert words[:2] == [WORD, count]
    return words[2:]


def pack_inputs(params: PriceParams, missing: int) -> bytes:
    """Four words, see `PriceFormulaHarness.quotes`. What is missing is sent as noise."""
    noise = 12_345
    demand, supply = params.demand, params.supply
    observed, fed_in, expected = (
        (noise if value is None else value) % (1 << 128)
        for value in (demand.observed_w, supply.observed_w, supply.expected_w)
    )
    score = params.grid_metrics.stability_score
    factor = params.time.factors_bps[0] if params.time.factors_bps else 0
    words = (
        observed << 128 | fed_in,
        expected << 128
        | demand.normal_w << 80
        | supply.normal_w << 32
        | factor << 16
        | (noise if score is None else score),
        params.history.base_per_kwh << 160 | params.history.previous_per_kwh << 64 | params.tick,
        params.highest_per_kwh << 160 | missing << 144,
    )
    return b"".join(word.to_bytes(WORD) for word in words)


# --- random inputs --------------------------------------------------------------------------------


class OneFactor(Sequence[int]):
    """A week with one factor throughout."""

    def __init__(self, factor: int) -> None:
        self.factor = factor

    def __len__(self) -> int:
        return 672

    def __getitem__(self, index: Any) -> Any:
        return self.factor


def edge(dice: Random, lowest: int, highest: int, around: int | None = None) -> int:
    """A number, often at an end or next to a given one, of any magnitude."""
    kind = dice.random()
    if kind < 0.12:
        return lowest
    if kind < 0.2:
        return highest
    if kind < 0.25:
        return min(max(dice.choice((0, 1, -1)), lowest), highest)
    if around and kind < 0.8:
        value = around * dice.randint(1, 30_000) // 10_000 + dice.choice((0, 0, -1, 1))
        return min(max(value, lowest), highest)
    return min(max(dice.getrandbits(dice.randint(1, highest.bit_length())), lowest), highest)


def random_tick(dice: Random) -> int:
    return dice.choice((1_000, 1_000, 1_000, 2_000, 10**6, 2**64 - 616))


def random_formula(dice: Random) -> Formula:
    """Any that the contract takes."""
    cuts = sorted(dice.choice((0, 10_000, dice.randint(0, 10_000))) for _ in range(3))
    weights = (cuts[0], cuts[1] - cuts[0], cuts[2] - cuts[1], 10_000 - cuts[2])
    return Formula(
        *weights,
        lowest_factor_bps=dice.randint(1_000, 10_000),
        highest_factor_bps=dice.randint(10_000, 50_000),
        step_bps=dice.choice((1, 10_000, dice.randint(1, 10_000))),
        floor_bps=dice.randint(1, 10_000),
        cap_bps=dice.randint(10_000, 65_535),
        alpha_bps=dice.choice((1, 10_000, dice.randint(1, 10_000))),
        full_volume_wh=edge(dice, 1, 2**64 - 1),
    )


def random_params(dice: Random, formula: Formula) -> tuple[PriceParams, int]:
    missing = dice.choice((0, 0, dice.getrandbits(4)))
    normal_demand, normal_supply = (edge(dice, 0, 2**48 - 1) for _ in range(2))
    demand, supply, expected = (
        edge(dice, -INT128, INT128 - 1, normal or None)
        for normal in (normal_demand, normal_supply, normal_supply)
    )
    tick = random_tick(dice)
    highest = 1_023 * tick
    base = edge(dice, tick, highest) // tick * tick
    previous = dice.choice((0, edge(dice, tick, highest, base) // tick * tick))
    factor = edge(dice, 0, 2**16 - 1, 10_000)
    params = PriceParams(
        Demand(None if missing & 1 else demand, normal_demand),
        Supply(None if missing & 2 else supply, None if missing & 4 else expected, normal_supply),
        TimeOfWeek(dice.getrandbits(32), OneFactor(factor), dice.randint(-56, 56)),
        GridMetrics(None if missing & 8 else edge(dice, 0, 2**16 - 1, 10_000)),
        PriceHistory(base, previous),
        formula,
        tick,
        highest,
    )
    return params, missing

"""Half words of the book: every field keeps its value, neighbours keep theirs."""

from __future__ import annotations

from random import Random

from energy_grid.artifacts import Artifacts
from tests.utils.flexibility import GOVERNOR
from tests.utils.revm import Revm

BITS = (40, 26, 26, 7, 29)


def test_pack__extremes_and_random__round_trip_in_128_bits() -> None:
    harness = Revm(Artifacts.load(), GOVERNOR).deploy("FlexBooksHarness")
    dice = Random(3)
    entries = [tuple((1 << bits) - 1 for bits in BITS), (0,) * 5]
    entries += [
        tuple((1 << bits) - 1 if i == n else 0 for i, bits in enumerate(BITS)) for n in range(5)
    ]
    entries += [tuple(dice.getrandbits(bits) for bits in BITS) for _ in range(100)]

    for entry in entries:
        back, half = harness.ask("roundTrip", entry)
        assert tuple(back) == entry
        assert half < 1 << 128


def test_store__two_to_a_word__the_neighbour_stays() -> None:
    harness = Revm(Artifacts.load(), GOVERNOR).deploy("FlexBooksHarness")
    dice = Random(4)
    book: dict[int, tuple[int, ...]] = {}
    for _ in range(200):
        place = dice.choice((0, 1, 2, 3, 498, 499))
        book[place] = tuple(dice.getrandbits(bits) for bits in BITS)
        harness.send(GOVERNOR, "store", place, book[place])
        for other, entry in book.items():
            assert tuple(harness.ask("load", other)) == entry

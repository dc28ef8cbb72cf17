"""Words of the register: every field comes back, whatever the others hold.

branches:
├── ResourceWords → all zero, all one, random
└── IdList → added in order, removed from any place, unknown id
"""

from __future__ import annotations

import random

import pytest

from energy_grid.artifacts import Artifacts
from energy_grid.grid.resources import ResourceClass, ResourceState
from tests.unit.grid_resources.stage import GOVERNOR
from tests.utils.revm import Contract, Revm

RATING_BITS = (26, 26, 27, 32, 26, 7, 7)


@pytest.fixture(scope="module")
def harness() -> Contract:
    return Revm(Artifacts.load(), GOVERNOR).deploy("SetPointsHarness")


def test_resource_words__random_and_extreme_fields__come_back(harness: Contract) -> None:
    chance = random.Random(226)
    for _ in range(80):

        def field(bits: int) -> int:
            return chance.choice((0, 2**bits - 1, chance.randrange(2**bits)))

        owner = f"0x{field(160):040x}"
        meter_id, zone, changed_at = field(24), field(16), field(40)
        kind, state = chance.choice(tuple(ResourceClass)), chance.choice(tuple(ResourceState))
        has_asset = chance.random() < 0.5
        ratings = tuple(field(bits) for bits in RATING_BITS)

        words = harness.ask(
            "packResource", owner, meter_id, zone, kind, state, has_asset, ratings, changed_at
        )
        resource, asset_flag = harness.ask("unpackResource", *words)

        assert resource[0].lower() == owner
        assert tuple(resource[1:5]) == (zone, kind, meter_id, 0)
        assert tuple(resource[5:12]) == ratings
        assert tuple(resource[12:]) == (False, state, changed_at)
        assert asset_flag is has_asset
        assert words[0] >> 225 == words[1] >> 191 == 0


def test_id_list__added_and_removed_in_any_order__as_a_list(harness: Contract) -> None:
    chance = random.Random(8)
    word, ids = 0, list[int]()
    for _ in range(200):
        if len(ids) < 8 and chance.random() < 0.6:
            new = chance.choice((1, 2**32 - 1, chance.randrange(1, 2**32)))
            if new not in ids:
                ids.append(new)
                word = harness.ask("listAdd", word, new)
        else:
            gone = chance.choice([*ids, 12_345])
            ids = [one for one in ids if one != gone]
            word = harness.ask("listRemove", word, gone)
        assert word == sum(one << 32 * place for place, one in enumerate(ids))

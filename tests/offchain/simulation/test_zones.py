"""Two zones of a grid: borders where the grid has one, everybody in one zone, a line that binds."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import networkx
import numpy as np
import pytest

from simulation.errors import ZonesImpossibleError
from simulation.physics.grids import load_grid
from simulation.physics.homes import homes_of
from simulation.physics.zones import (
    FIRST_ZONE,
    SECOND_ZONE,
    ZONES,
    market_capacity_w,
    split_zones,
)


def _lines(net):
    open_lines = set(net.switch.element[(net.switch.et == "l") & ~net.switch.closed])
    for line in net.line.index:
        if net.line.in_service[line] and line not in open_lines:
            yield int(net.line.from_bus[line]), int(net.line.to_bus[line])


def _border_lines(net, split):
    """Lines between two zones; lines at the busbar belong to the zone behind them."""
    zone = split.zone_by_bus
    return [(a, b) for a, b in _lines(net) if a in zone and b in zone and zone[a] != zone[b]]


@pytest.mark.parametrize("name", ["semiurb4", "rural1"])
def test_split_zones__any_number_of_homes__both_zones_have_members(name, cache):
    grid = load_grid(name, cache)
    homes = homes_of(grid)
    for count in range(2, len(homes) + 1):
        split = split_zones(grid, homes[:count])
        members = Counter(split.zone_of(home) for home in homes[:count])
        assert set(members) == set(ZONES)
        # Zones meet at the busbar, or at one line where the members hang on one feeder.
        assert len(_border_lines(grid.net, split)) in (0, 1)


def test_split_zones__default_grid__feeders_meet_at_the_busbar(grid):
    homes = homes_of(grid)
    split = split_zones(grid, homes)
    assert _border_lines(grid.net, split) == []
    assert Counter(split.zone_of(home) for home in homes) == {FIRST_ZONE: 27, SECOND_ZONE: 5}
    assert split.border == "the busbar between 1 feeder and 2 feeders"
    # One cable of 270 A leads into the smaller part of the busiest way.
    assert split.rating_w == int(3**0.5 * 400 * 270)


def test_split_zones__every_low_voltage_bus__is_in_one_zone_and_hangs_together_with_it(grid):
    split = split_zones(grid, homes_of(grid))
    busbar = int(grid.net.trafo.lv_bus.iloc[0])
    low_voltage = {int(bus) for bus in grid.net.bus.index[grid.net.bus.vn_kv < 1.0]}
    assert set(split.zone_by_bus) == low_voltage - {busbar}
    graph = networkx.Graph(list(_lines(grid.net)))
    for zone in ZONES:
        buses = {bus for bus, of in split.zone_by_bus.items() if of == zone}
        assert networkx.is_connected(graph.subgraph(buses | {busbar}))


def test_split_zones__members_on_one_feeder__are_divided_at_one_of_its_lines(grid):
    homes = homes_of(grid)[:3]
    split = split_zones(grid, homes)
    assert Counter(split.zone_of(home) for home in homes) == {FIRST_ZONE: 2, SECOND_ZONE: 1}
    assert len(_border_lines(grid.net, split)) == 1
    assert "within a feeder" in split.border


def test_split_zones__all_members_on_one_bus__says_what_to_do(grid):
    home = homes_of(grid)[0]
    with pytest.raises(ZonesImpossibleError, match="--homes"):
        split_zones(grid, [home, replace(home, number=2)])


def test_market_capacity__default_day__is_the_mean_draw_of_the_smaller_zone(summer_day):
    known = 8 * 96
    drawn = {
        zone: sum(
            int(home.import_wh[:known].sum())
            for home in summer_day.history
            if summer_day.zones.zone_of(home.home) == zone
        )
        for zone in ZONES
    }
    mean_w = min(drawn.values()) / known * 4
    assert mean_w - 100 < summer_day.line_w <= mean_w
    assert summer_day.line_w % 100 == 0


def test_market_capacity__future_changed__stays_the_same(summer_day):
    changed = [
        replace(
            home,
            import_wh=np.where(np.arange(len(home.import_wh)) < 8 * 96, home.import_wh, 9_999),
        )
        for home in summer_day.history
    ]
    capacity = market_capacity_w(summer_day.zones, changed, summer_day.first_slot)
    assert capacity == summer_day.line_w


def test_market_capacity__more_than_the_cables_carry__is_their_rating(summer_day):
    thin = replace(summer_day.zones, rating_w=350)
    assert market_capacity_w(thin, summer_day.history, summer_day.first_slot) == 350

"""How much flexibility is called: only beyond the thresholds, in the direction that helps."""

from __future__ import annotations

import pytest

from simulation.grid_day.balancing import Direction, Need, needs_of
from simulation.grid_day.chain_zones import zones_of
from simulation.grid_day.control import Connection, GridLayout, Line, Measurement

UP, DOWN = Direction.UP, Direction.DOWN
LAYOUT = GridLayout(
    buses=(10, 11, 12),
    feeder_of_bus=(0, 1, 2),
    lines=(Line("one", 1, 100_000, (1,)), Line("two", 2, 100_000, (2,))),
    transformer_w=250_000,
    connections=tuple(
        Connection(number, f"home {number}", 10 + number, number, 17_000, 10_000, True, ())
        for number in (1, 2)
    ),
    devices=(),
    step_seconds=60,
    first_unix=0,
    step_count=10,
)
ZONES = zones_of(LAYOUT)
ALL = {(zone.zone, direction): 50_000 for zone in ZONES[1:] for direction in Direction}


def seen(**changes):
    values = {
        "step": 0,
        "unix": 60,
        "frequency_millihz": 50_000,
        "lowest_millihz": 50_000,
        "highest_millihz": 50_000,
        "bus_millivolts": (230_000, 230_000, 230_000),
        "line_loading_bps": (5_000, 5_000),
        "line_flow_w": (50_000, 50_000),
        "transformer_loading_bps": 4_000,
        "transformer_flow_w": 100_000,
        "connection_w": (-50_000, -50_000),
        "devices": (),
        "is_islanded": False,
    }
    return Measurement(**{**values, **changes})


def needs(available=ALL, **changes):
    return needs_of(LAYOUT, ZONES, seen(**changes), available)


def test_zones_of__two_feeders__the_busbar_first():
    assert [(zone.zone, zone.name) for zone in ZONES] == [
        (1, "busbar"),
        (2, "feeder 1"),
        (3, "feeder 2"),
    ]
    assert [zone.head_w for zone in ZONES] == [250_000, 100_000, 100_000]


def test_values__zone__shows_its_own_buses_lines_and_connections():
    shown = seen(
        bus_millivolts=(231_000, 229_000, 255_000),
        line_loading_bps=(1_000, 9_000),
        connection_w=(-3_000, 8_000),
        transformer_loading_bps=2_000,
    )

    busbar, first, second = (zone.values(shown) for zone in ZONES)

    assert (busbar.line_loading_bps, busbar.voltage_millivolts) == (2_000, 231_000)
    # The transformer is the way out of every zone.
    assert (first.demand_w, first.supply_w, first.line_loading_bps) == (3_000, 0, 2_000)
    assert (second.supply_w, second.line_loading_bps) == (8_000, 9_000)
    assert second.voltage_millivolts == 255_000


def test_needs__everything_normal__none():
    assert needs() == []


@pytest.mark.parametrize(("loading", "called"), [(9_200, False), (9_201, True)])
def test_needs__line_at_and_above_threshold__calls_above_it(loading, called):
    assert bool(needs(line_loading_bps=(loading, 5_000))) is called


@pytest.mark.parametrize(("flow", "direction"), [(95_000, UP), (-95_000, DOWN)])
def test_needs__line_near_rating__excess_in_the_direction_that_helps(flow, direction):
    assert needs(line_loading_bps=(9_500, 5_000), line_flow_w=(flow, 0)) == [
        Need(2, direction, 8_000, "line")
    ]


def test_needs__flexibility_at_work__is_what_is_missing_once_it_ends():
    relieved = seen(line_loading_bps=(8_700, 5_000), line_flow_w=(87_000, 50_000))

    assert needs_of(LAYOUT, ZONES, relieved, ALL) == []
    assert needs_of(LAYOUT, ZONES, relieved, ALL, {2: 8_000}) == [Need(2, UP, 8_000, "line")]
    assert needs_of(LAYOUT, ZONES, relieved, ALL, {2: 5_000}) == []  # it can end


def test_needs__line_of_a_neighbour_that_lost_its_own__helps_with_what_is_missing():
    found = needs(
        available={(2, UP): 5_000, (3, UP): 20_000},
        line_loading_bps=(9_500, 0),
        line_flow_w=(95_000, 0),
    )

    assert found == [
        Need(2, UP, 8_000, "line"),
        Need(3, UP, 3_000, "line of a neighbour"),
    ]


def test_needs__transformer__is_helped_by_all_zones_by_what_they_offer():
    found = needs(
        available={(2, UP): 30_000, (3, UP): 10_000},
        transformer_loading_bps=9_500,
        transformer_flow_w=237_500,
    )

    assert found == [Need(2, UP, 15_000, "transformer"), Need(3, UP, 5_000, "transformer")]


def test_needs__nothing_offered__transformer_asks_nobody():
    assert needs(available={}, transformer_loading_bps=9_900) == []


@pytest.mark.parametrize(
    ("millivolts", "power", "expected"),
    [
        (252_000, 20_000, [Need(2, DOWN, 4_310, "voltage")]),
        (252_000, -20_000, []),  # the voltage comes from elsewhere
        (208_000, -20_000, [Need(2, UP, 4_327, "voltage")]),
        (249_000, 20_000, []),
    ],
)
def test_needs__voltage__asks_who_causes_it(millivolts, power, expected):
    found = needs(bus_millivolts=(230_000, millivolts, 230_000), connection_w=(power, 0))

    assert found == expected


@pytest.mark.parametrize(
    ("millihz", "share", "direction"),
    [(49_950, 0, UP), (49_875, 25_000, UP), (49_500, 50_000, UP), (50_125, 25_000, DOWN)],
)
def test_needs__frequency__calls_a_part_of_all_offers(millihz, share, direction):
    found = needs(frequency_millihz=millihz)

    expected = [Need(zone, direction, share, "frequency") for zone in (2, 3)] if share else []
    assert found == expected


def test_needs__dark__asks_nobody():
    dark = needs(
        frequency_millihz=0, bus_millivolts=(0, 0, 0), line_loading_bps=(0, 0), connection_w=(0, 0)
    )

    assert dark == []

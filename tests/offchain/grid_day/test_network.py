"""The power flow of a grid day.

network
├── agrees with pandapower: connected, islanded, with a line open, with a tie closed
├── loses in its lines what is fed in and not taken out
├── what lies behind an open line is dark, and supplied again through a tie
├── sensitivities foretell a small change of the voltage
└── tells feeders and who is behind each line
"""

from __future__ import annotations

import numpy as np
import pytest

from simulation.errors import GridDataError, PowerFlowError
from simulation.grid_day.network import Network, Tie
from simulation.physics.grids import Grid


def some_powers(network: Network, seed: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    power = random.normal(-1_500, 3_000, len(network.buses))
    return power, 0.2 * power


def ends_of_two_feeders(network: Network) -> tuple[int, int]:
    feeder = network.feeder_of_bus()
    last = {feeder[bus]: bus for bus in feeder}  # buses come in order of distance
    return last[2], last[3]


@pytest.fixture(scope="module")
def tied(weak_grid: Grid) -> Network:
    ends = ends_of_two_feeders(Network(weak_grid))
    return Network(weak_grid, [Tie("tie", *ends, 0.2)])


def head_of(network: Network, feeder: int) -> str:
    lines = network.describe({bus: [bus] for bus in network.buses})
    longest = max(
        (line for line in lines if line.feeder == feeder), key=lambda line: len(line.connection_ids)
    )
    return longest.name


@pytest.mark.parametrize("switching", ["as usual", "islanded", "line open", "tie closed"])
def test_solve__any_switching__equals_pandapower(weak_grid: Grid, switching: str) -> None:
    ends = ends_of_two_feeders(Network(weak_grid))
    network = Network(weak_grid, [Tie("tie", *ends, 0.2)])
    network.set_islanded(switching == "islanded")
    if switching in ("line open", "tie closed"):
        network.open_line(head_of(network, 2))
    if switching == "tie closed":
        network.close_line("tie")

    for seed in range(3):
        power, reactive = some_powers(network, seed)
        flow = network.solve(power, reactive, 1.02)
        slow = network.against_pandapower(power, reactive, 1.02)

        assert flow.voltage_pu == pytest.approx(slow.voltage_pu, abs=1e-8)
        assert flow.line_loading == pytest.approx(slow.line_loading, abs=1e-6)
        assert flow.line_flow_w == pytest.approx(slow.line_flow_w, abs=0.1)
        assert flow.transformer_loading == pytest.approx(slow.transformer_loading, abs=1e-6)
        assert flow.source_w == pytest.approx(slow.source_w, abs=0.1)
        assert flow.source_var == pytest.approx(slow.source_var, abs=0.1)
        assert flow.loss_w == pytest.approx(slow.loss_w, abs=0.1)


@pytest.mark.parametrize("is_islanded", [False, True])
def test_solve__any_powers__losses_are_what_is_missing(tied: Network, is_islanded: bool) -> None:
    tied.set_islanded(is_islanded)
    power, reactive = some_powers(tied, 7)

    flow = tied.solve(power, reactive, 1.0)

    tied.set_islanded(False)
    assert flow.loss_w > 0.0
    assert flow.source_w + power.sum() == pytest.approx(flow.loss_w, abs=0.1)


def test_open_line__head_of_a_feeder__dark_until_the_tie_closes(tied: Network) -> None:
    head = head_of(tied, 2)
    power, reactive = some_powers(tied, 1)
    feeder = tied.feeder_of_bus()
    behind = np.asarray([feeder[bus] == 2 for bus in tied.buses])

    tied.open_line(head)
    cut = tied.solve(power, reactive, 1.0)
    tied.close_line("tie")
    again = tied.solve(power, reactive, 1.0)
    tied.open_line("tie")
    tied.close_line(head)

    assert (cut.voltage_pu[behind] == 0.0).all()
    assert (cut.voltage_pu[~behind] > 0.8).all()
    assert cut.source_w + power[~behind].sum() == pytest.approx(cut.loss_w, abs=0.1)
    assert (again.voltage_pu > 0.8).all()
    assert again.source_w + power.sum() == pytest.approx(again.loss_w, abs=0.1)


def test_sensitivity__small_change__foretells_the_voltage(tied: Network) -> None:
    power, reactive = some_powers(tied, 3)
    before = tied.solve(power, reactive, 1.0)
    bus = tied.buses.index(ends_of_two_feeders(tied)[0])
    power[bus] += 1_000.0

    after = tied.solve(power, reactive, 1.0)

    foretold = tied.sensitivity_pu_per_mw()[:, bus] * 1e-3
    assert after.voltage_pu - before.voltage_pu == pytest.approx(foretold, abs=1e-4)
    assert foretold[bus] == foretold.max() > 1e-4


def test_describe__every_feeder__its_head_supplies_all_of_its_buses(tied: Network) -> None:
    feeder = tied.feeder_of_bus()
    lines = tied.describe({bus: [bus] for bus in tied.buses})

    for number in sorted(set(feeder.values()) - {0}):
        members = {bus for bus, found in feeder.items() if found == number}
        heads = [line for line in lines if set(line.connection_ids) == members]
        assert len(heads) == 1
        assert heads[0].feeder == number
        assert heads[0].rated_w == pytest.approx(187_061, abs=1)  # 270 A at 400 V
    assert next(line for line in lines if line.name == "tie").connection_ids == ()


def test_solve__more_than_the_grid_can_carry__voltage_collapses(tied: Network) -> None:
    with pytest.raises(PowerFlowError, match="voltage collapses"):
        tied.solve(np.full(len(tied.buses), -40_000.0), np.zeros(len(tied.buses)), 1.0)


def test_row__unknown_line__told_what_there_is(tied: Network) -> None:
    with pytest.raises(GridDataError, match=r"expected .*tie.*found nowhere"):
        tied.row("nowhere")

"""Physics sanity: energy is conserved at every meter and over the grid, voltages are plausible."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from energy_grid.units import slot_energy_wh
from simulation.errors import DateOutOfRangeError, NotEnoughHomesError, UnknownGridError
from simulation.physics.battery import Battery, step
from simulation.physics.behind_meter import simulate_home, whole_wh
from simulation.physics.calendar import FIRST_SLOT, ROWS_OF_YEAR, first_slot_of, rows_of
from simulation.physics.day import simulate_day
from simulation.physics.grids import load_grid
from simulation.physics.homes import HomeKind, choose_homes, homes_of


def test_behind_meter__every_slot__energy_is_conserved(summer_day):
    for home in summer_day.history:
        taken = home.import_wh + home.production_wh + home.discharge_wh
        given_ = home.export_wh + home.consumption_wh + home.charge_wh
        assert (taken == given_).all()
        assert ((home.import_wh == 0) | (home.export_wh == 0)).all()
        assert (home.export_wh <= home.production_wh).all()


def test_power_flow__every_slot__upstream_covers_members_others_and_losses(summer_day):
    day = summer_day.grid
    missing_wh = day.from_upstream_wh - day.members_wh - day.others_wh - day.loss_wh
    assert np.abs(missing_wh).max() < 0.01


def test_power_flow__summer_day__voltages_loadings_and_losses_are_plausible(summer_day):
    day = summer_day.grid
    assert 230 * 0.9 < day.bus_voltage_v.min() < day.bus_voltage_v.max() < 230 * 1.1
    # The benchmark's own figure for this day and grid is 1.051 of the nominal voltage.
    assert day.bus_voltage_v.max() / (400 / 3**0.5) == pytest.approx(1.051, abs=0.002)
    assert 0 < day.line_loading_percent.max() < 100
    assert 0 < day.transformer_loading_percent.max() < 100
    assert (day.loss_wh > 0).all()
    through_wh = np.abs(day.from_upstream_wh).sum()
    assert day.loss_wh.sum() < 0.1 * through_wh


def test_power_flow__noon_feed_in__raises_the_voltage(summer_day):
    volts = summer_day.grid.bus_voltage_v.mean(axis=1)
    exported = np.sum([home.export_wh for home in summer_day.energies], axis=0)
    assert np.corrcoef(volts, exported)[0, 1] > 0.5


def test_homes__default_grid__has_thirty_homes_with_panels_and_storage(grid):
    homes = homes_of(grid)
    kinds = {kind: sum(home.kind is kind for home in homes) for kind in HomeKind}
    assert len(homes) >= 30
    assert kinds == {HomeKind.CONSUMER: 25, HomeKind.PROSUMER: 5, HomeKind.STORAGE: 2}
    assert [home.number for home in homes] == list(range(1, len(homes) + 1))
    assert {home.kind for home in homes[:3]} == set(HomeKind)


def test_homes__ratings__carry_what_flows(summer_day):
    for home in summer_day.history:
        assert home.import_wh.max() <= slot_energy_wh(home.home.rated_import_w)
        assert home.export_wh.max() <= slot_energy_wh(home.home.rated_export_w)
        assert home.home.rated_export_w % 100 == 0


def test_homes__same_shape__shifted_by_different_whole_weeks(grid):
    seen = set()
    for home in homes_of(grid):
        main = home.loads[0]
        assert (main.profile, main.shift_weeks) not in seen
        seen.add((main.profile, main.shift_weeks))


def test_choose_homes__more_than_there_are__says_how_many(grid):
    with pytest.raises(NotEnoughHomesError, match=r"semiurb4 has 32 homes.*found 33"):
        choose_homes(grid, 33)
    with pytest.raises(NotEnoughHomesError):
        choose_homes(grid, 1)
    assert len(choose_homes(grid, 6)) == 6


def test_load_grid__unknown_name__lists_the_known(cache):
    with pytest.raises(UnknownGridError, match=r"rural1.*found atlantis"):
        load_grid("atlantis", cache)


def test_load_grid__cut_cache__reads_the_benchmark_again(tmp_path, grid):
    fresh = load_grid("semiurb4", tmp_path)
    for file in tmp_path.iterdir():
        file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    again = load_grid("semiurb4", tmp_path)
    assert again.profiles.keys() == fresh.profiles.keys() == grid.profiles.keys()
    assert all((again.profiles[name] == grid.profiles[name]).all() for name in grid.profiles)


def test_first_slot_of__other_year__is_refused():
    with pytest.raises(DateOutOfRangeError, match="2016-01-01 to 2016-12-31"):
        first_slot_of(date(2017, 1, 1))


@pytest.mark.parametrize("day", [date(2016, 1, 1), date(2016, 2, 29), date(2016, 12, 31)])
def test_simulate_day__ends_of_the_year__has_96_slots(day, cache):
    simulated = simulate_day("semiurb4", day, 3, cache)
    assert len(simulated.grid.loss_wh) == 96
    assert simulated.first_slot * 900 == first_slot_of(day) * 900


@given(first=st.integers(FIRST_SLOT - 2_000, FIRST_SLOT + 37_000), weeks=st.integers(-12, 12))
def test_rows_of__any_slot__stays_in_the_year_and_keeps_time_of_week(first, weeks):
    rows = rows_of(first, 96, weeks)
    assert ((rows >= 0) & (rows < ROWS_OF_YEAR)).all()
    assert ((rows - (np.arange(first, first + 96) - FIRST_SLOT)) % 672 == 0).all()


def test_rows_of__inside_the_year__is_the_plain_row():
    assert rows_of(FIRST_SLOT, 3).tolist() == [0, 1, 2]
    assert first_slot_of(date(2016, 1, 1)) - FIRST_SLOT == 4


@given(
    capacity=st.integers(0, 50_000),
    power=st.integers(0, 20_000),
    fill=st.integers(0, 100),
    surplus=st.integers(-20_000, 20_000),
)
def test_battery_step__any_surplus__never_over_empties_overfills_or_feeds_the_grid(
    capacity, power, fill, surplus
):
    stored = capacity * fill // 100
    done = step(Battery(capacity, power), stored, surplus)
    assert 0 <= done.stored_wh <= capacity
    assert 0 <= done.charge_wh <= max(surplus, 0)
    assert 0 <= done.discharge_wh <= max(-surplus, 0)
    gained = done.stored_wh - stored
    assert gained == done.charge_wh * 95 // 100 - done.discharge_wh


@given(st.lists(st.floats(0, 100), min_size=1, max_size=400))
def test_whole_wh__any_powers__loses_less_than_one_wh_in_all(powers_kw):
    energies = whole_wh(np.array(powers_kw))
    assert (energies >= 0).all()
    assert energies.sum() == pytest.approx(sum(powers_kw) * 250, abs=1.001)


def test_simulate_home__same_input__same_output(grid):
    home = homes_of(grid)[0]
    first = simulate_home(grid, home, FIRST_SLOT + 5_000, 192)
    second = simulate_home(grid, home, FIRST_SLOT + 5_000, 192)
    assert (first.import_wh == second.import_wh).all()
    assert (first.stored_wh == second.stored_wh).all()

"""Which homes stand on the grid, what is behind their meters, and what their connection can carry.

A home is a household or farm load of the benchmark together with the heat pump or car charger on
its bus. SimBench has six household shapes only, so homes of one shape would move in lock-step:
every home is therefore seen a few whole weeks earlier or later in the year than its twin. Weather
must stay common, so the sun and heat pumps are not shifted.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

from energy_grid.units import Watt, Wh
from simulation.errors import NotEnoughHomesError
from simulation.physics.grids import Grid

DEFAULT_HOMES: Final = 40
"""Homes taken when the user names no number and the grid has more."""

_HOME_PROFILES: Final = ("H0-", "L0-", "L1-", "L2-")
_HEAT_PUMP_PROFILES: Final = ("Air_", "Soil_")
_BUSINESS_PREFIX: Final = "G"
_PHASES: Final = 3
_NOMINAL_VOLTAGE: Final = 230
_FUSES_A: Final = (25, 35, 40, 50, 63, 80)
_CAPACITY_STEP_W: Final = 100


class HomeKind(Enum):
    """What is behind the connection meter."""

    CONSUMER = "consumer"
    PROSUMER = "prosumer"
    STORAGE = "storage"


@dataclass(frozen=True, slots=True)
class HomeLoad:
    """One load row of the grid that the home's meter measures.

    Attributes:
        row: index in the load table.
        profile: profile name without its `_pload` or `_qload` ending.
        shift_weeks: how many weeks later in the year the profile is read.
    """

    row: int
    profile: str
    shift_weeks: int


@dataclass(frozen=True, slots=True)
class Home:
    """One home.

    Attributes:
        number: 1-based, in the order in which homes are taken.
        name: the benchmark's name of its main load.
        bus: bus of the grid it is connected to.
        kind: what is behind the meter.
        loads: what it consumes with.
        pv_w: rated power of its solar panels, 0 without.
        pv_profile: profile of the panels, empty without.
        generator_rows: rows of the generator table that are its panels.
        storage_rows: rows of the storage table that are its battery with panels.
        battery_wh: usable energy of the battery, 0 without.
        battery_w: power of the battery each way.
        rated_import_w: what the main fuses carry.
        rated_export_w: rated feed-in power, a multiple of 100 W.
    """

    number: int
    name: str
    bus: int
    kind: HomeKind
    loads: tuple[HomeLoad, ...]
    pv_w: Watt
    pv_profile: str
    generator_rows: tuple[int, ...]
    storage_rows: tuple[int, ...]
    battery_wh: Wh
    battery_w: Watt
    rated_import_w: Watt
    rated_export_w: Watt


def homes_of(grid: Grid) -> tuple[Home, ...]:
    """All homes of a grid, kinds interleaved: any first N are a fair sample of them."""
    net = grid.net
    main_rows = [
        int(row) for row in net.load.index if str(net.load.profile[row]).startswith(_HOME_PROFILES)
    ]
    shifts = _shifts({row: str(net.load.profile[row]) for row in main_rows})
    extras = _rows_by_bus(net.load, [row for row in net.load.index if _is_flexible(net, row)])
    generators = _rows_by_bus(net.sgen, list(net.sgen.index))
    storages = _rows_by_bus(net.storage, list(net.storage.index))
    business_buses = {
        int(net.load.bus[row])
        for row in net.load.index
        if str(net.load.profile[row]).startswith(_BUSINESS_PREFIX)
    }

    found: list[Home] = []
    for row in main_rows:
        bus = int(net.load.bus[row])
        shared = bus in business_buses  # then what is behind the bus is the business's
        loads = [HomeLoad(row, str(net.load.profile[row]), shifts[row])]
        if not shared:
            loads += [_flexible_load(net, extra, shifts[row]) for extra in extras.pop(bus, [])]
        found.append(
            _home(
                grid,
                bus,
                loads,
                [] if shared else generators.pop(bus, []),
                [] if shared else storages.pop(bus, []),
            )
        )
    return _numbered(found)


def choose_homes(grid: Grid, count: int | None) -> tuple[Home, ...]:
    """The first `count` homes of a grid; without a count all of them, at most 40.

    Raises:
        NotEnoughHomesError: the grid has fewer homes, or `count` is below 2.
    """
    homes = homes_of(grid)
    if count is None:
        return homes[:DEFAULT_HOMES]
    if not 2 <= count <= len(homes):
        raise NotEnoughHomesError(
            f"grid {grid.name} has {len(homes)} homes",
            expected=f"2 to {len(homes)} homes",
            found=count,
            remedy="Ask for fewer homes or choose another grid with --grid",
        )
    return homes[:count]


def _is_flexible(net: Any, row: int) -> bool:
    profile = str(net.load.profile[row])
    return not profile.startswith((*_HOME_PROFILES, _BUSINESS_PREFIX))


def _flexible_load(net: Any, row: int, shift_weeks: int) -> HomeLoad:
    profile = str(net.load.profile[row])
    return HomeLoad(row, profile, 0 if profile.startswith(_HEAT_PUMP_PROFILES) else shift_weeks)


def _rows_by_bus(table: Any, rows: list[Any]) -> dict[int, list[int]]:
    by_bus: dict[int, list[int]] = defaultdict(list)
    for row in rows:
        by_bus[int(table.bus[row])].append(int(row))
    return by_bus


def _shifts(shape_by_row: dict[int, str]) -> dict[int, int]:
    """Weeks 0, +1, -1, +2, -2 ... for the homes of one shape: as near in season as can be."""
    seen: dict[str, int] = defaultdict(int)
    shifts = {}
    for row, shape in shape_by_row.items():
        rank = seen[shape]
        seen[shape] += 1
        shifts[row] = (rank + 1) // 2 if rank % 2 else -(rank // 2)
    return shifts


def _home(
    grid: Grid, bus: int, loads: list[HomeLoad], generators: list[int], storages: list[int]
) -> Home:
    net = grid.net
    pv_kw = sum(float(net.sgen.p_mw[row]) for row in generators) * 1_000
    pv_profile = str(net.sgen.profile[generators[0]]) if generators else ""
    battery_kwh = battery_kw = 0.0
    for row in storages:
        # The benchmark's storage is a battery with panels of the same power: "Storage_PV5_H0-A".
        power_kw = abs(float(net.storage.p_mw[row])) * 1_000
        pv_kw += power_kw
        pv_profile = pv_profile or str(net.storage.profile[row]).split("_")[1]
        battery_kw += power_kw
        battery_kwh += float(net.storage.max_e_mwh[row]) * 1_000
    pv_w = round(pv_kw * 1_000)
    load_w = sum(float(net.load.sn_mva[load.row]) for load in loads) * 1e6
    kind = HomeKind.STORAGE if storages else HomeKind.PROSUMER if pv_w else HomeKind.CONSUMER
    return Home(
        number=0,
        name=str(net.load.name[loads[0].row]),
        bus=bus,
        kind=kind,
        loads=tuple(loads),
        pv_w=Watt(pv_w),
        pv_profile=pv_profile,
        generator_rows=tuple(generators),
        storage_rows=tuple(storages),
        battery_wh=Wh(round(battery_kwh * 1_000)),
        battery_w=Watt(round(battery_kw * 1_000)),
        rated_import_w=_connection_w(load_w, pv_w),
        rated_export_w=Watt(-(-pv_w // _CAPACITY_STEP_W) * _CAPACITY_STEP_W),
    )


def _connection_w(load_w: float, pv_w: int) -> Watt:
    """Power of the smallest usual three-phase connection that carries loads and panels."""
    powers = [fuse * _NOMINAL_VOLTAGE * _PHASES for fuse in _FUSES_A]
    for power in powers:
        if power >= max(load_w, pv_w):
            return Watt(power)
    return Watt(-(-int(max(load_w, pv_w)) // _CAPACITY_STEP_W) * _CAPACITY_STEP_W)


def _numbered(homes: list[Home]) -> tuple[Home, ...]:
    """Interleave the kinds, each spread evenly over the whole, and number from 1."""
    order = (HomeKind.STORAGE, HomeKind.CONSUMER, HomeKind.PROSUMER)  # two homes can trade
    keyed = []
    for kind in order:
        group = [home for home in homes if home.kind is kind]
        keyed += [((rank / len(group), order.index(kind)), home) for rank, home in enumerate(group)]
    keyed.sort(key=lambda item: item[0])
    return tuple(
        Home(**{**_fields(home), "number": number})
        for number, (_, home) in enumerate(keyed, start=1)
    )


def _fields(home: Home) -> dict[str, Any]:
    return {name: getattr(home, name) for name in Home.__slots__}

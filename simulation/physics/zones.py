"""Where the grid falls into two market zones, and what the line between them can carry.

A zone is a group of feeders behind the transformer, so that its border is a place in the grid: what
goes from one zone to the other leaves one group's cables, passes the low-voltage busbar and enters
the other group's. Members on one feeder alone are divided along it: at the line where as many live
on one side as on the other.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Final

from energy_grid.units import SLOTS_PER_HOUR, Watt
from simulation.errors import ZonesImpossibleError
from simulation.physics.behind_meter import HomeEnergies
from simulation.physics.grids import Grid
from simulation.physics.homes import Home

FIRST_ZONE: Final = 1
SECOND_ZONE: Final = 2
ZONES: Final = (FIRST_ZONE, SECOND_ZONE)

_CAPACITY_STEP_W: Final = 100
_VOLTS: Final = 400


@dataclass(frozen=True)
class ZoneSplit:
    """Two zones and the way between them.

    Attributes:
        zone_by_bus: zone of every low-voltage bus; the busbar belongs to neither.
        border: where they meet, for people.
        rating_w: thermal rating of the way from one to the other.
    """

    zone_by_bus: dict[int, int]
    border: str
    rating_w: Watt

    def zone_of(self, home: Home) -> int:
        """Zone of a home."""
        return self.zone_by_bus[home.bus]


def split_zones(grid: Grid, homes: Sequence[Home]) -> ZoneSplit:
    """Divide a grid so that the members are divided as evenly as its feeders allow.

    Raises:
        ZonesImpossibleError: all members hang on one bus.
    """
    net = grid.net
    busbar = int(net.trafo.lv_bus.iloc[0])
    tree = _Tree.of(net, busbar)
    members = Counter(home.bus for home in homes)
    feeders = {head: tree.behind(head) for head in tree.children[busbar]}
    with_members = [head for head, buses in feeders.items() if members.keys() & buses]
    if len(with_members) > 1:
        return _by_feeders(tree, feeders, members)
    if len(with_members) == 1:
        return _along_feeder(net, tree, feeders, with_members[0], members)
    raise ZonesImpossibleError(
        f"grid {grid.name} cannot be divided into two zones",
        expected="members on its feeders",
        found="all members on the busbar",
    )


def market_capacity_w(split: ZoneSplit, energies: Sequence[HomeEnergies], until_slot: int) -> Watt:
    """What the operator leaves to the market of the way between the zones, either way.

    The mean power that the members of the zone that draws less have drawn up to a slot: on an
    average hour all that they need can come from their neighbours, above it the line is full. The
    cables carry far more, which is kept for everybody who does not trade.

    Args:
        split: the zones.
        energies: what the members' meters have shown.
        until_slot: first slot not known yet.
    """
    drawn = {FIRST_ZONE: 0, SECOND_ZONE: 0}
    for home in energies:
        known = until_slot - home.first_slot
        drawn[split.zone_of(home.home)] += int(home.import_wh[:known].sum())
    slots = until_slot - energies[0].first_slot
    mean_w = min(drawn.values()) * SLOTS_PER_HOUR // slots
    rounded_w = max(mean_w // _CAPACITY_STEP_W, 1) * _CAPACITY_STEP_W
    return Watt(min(rounded_w, split.rating_w))


@dataclass(frozen=True)
class _Tree:
    """The low-voltage grid as seen from its busbar; SimBench's are radial.

    Attributes:
        parent: bus on the way to the busbar; the busbar has none.
        children: buses that are one line further out.
        rating_w: rating of the line towards the parent.
    """

    parent: dict[int, int]
    children: dict[int, tuple[int, ...]]
    rating_w: dict[int, int]

    @classmethod
    def of(cls, net: Any, busbar: int) -> _Tree:
        neighbours: dict[int, list[tuple[int, int]]] = {}
        for line in _closed_lines(net):
            start, end = int(net.line.from_bus[line]), int(net.line.to_bus[line])
            power_w = _rating_w(net, line)
            neighbours.setdefault(start, []).append((end, power_w))
            neighbours.setdefault(end, []).append((start, power_w))
        parent: dict[int, int] = {}
        children: dict[int, tuple[int, ...]] = {}
        rating_w: dict[int, int] = {}
        waiting = [busbar]
        while waiting:
            bus = waiting.pop(0)
            further = [
                (other, power_w)
                for other, power_w in sorted(neighbours.get(bus, ()))
                if other != parent.get(bus)
            ]
            for other, power_w in further:
                parent[other], rating_w[other] = bus, power_w
            children[bus] = tuple(other for other, _ in further)
            waiting += children[bus]
        return cls(parent, children, rating_w)

    def behind(self, bus: int) -> frozenset[int]:
        """A bus and all that hang on it."""
        found = {bus}
        waiting = [bus]
        while waiting:
            further = self.children[waiting.pop()]
            found.update(further)
            waiting += further
        return frozenset(found)


def _closed_lines(net: Any) -> list[int]:
    open_lines = set(net.switch.element[(net.switch.et == "l") & ~net.switch.closed])
    return [
        int(line) for line in net.line.index if net.line.in_service[line] and line not in open_lines
    ]


def _rating_w(net: Any, line: int) -> int:
    """Power at unity power factor that a line carries for ever."""
    amperes = float(net.line.max_i_ka[line]) * 1_000 * float(net.line.parallel[line])
    return int(3**0.5 * _VOLTS * amperes)


def _by_feeders(
    tree: _Tree, feeders: dict[int, frozenset[int]], members: Counter[int]
) -> ZoneSplit:
    count = {head: _members_on(buses, members) for head, buses in feeders.items()}
    chosen = _half(count)
    second = [head for head in feeders if head not in chosen]
    rating_w = min(sum(tree.rating_w[head] for head in heads) for heads in (chosen, second))
    return ZoneSplit(
        zone_by_bus={
            bus: FIRST_ZONE if head in chosen else SECOND_ZONE
            for head, buses in feeders.items()
            for bus in buses
        },
        border=f"the busbar between {_feeders(len(chosen))} and {_feeders(len(second))}",
        rating_w=Watt(rating_w),
    )


def _half(count: dict[int, int]) -> frozenset[int]:
    """The larger part of the most even division; of several the one that comes first."""
    heads = sorted(count)
    total = sum(count.values())
    ways = [
        frozenset(group)
        for size in range(1, len(heads))
        for group in combinations(heads, size)
        if 2 * sum(count[head] for head in group) >= total
    ]
    return min(ways, key=lambda group: (sum(count[head] for head in group), sorted(group)))


def _along_feeder(
    net: Any,
    tree: _Tree,
    feeders: dict[int, frozenset[int]],
    feeder: int,
    members: Counter[int],
) -> ZoneSplit:
    """All feeders are the first zone, but what lies beyond one line of the one with members."""
    total = members.total()
    ways = []
    for bus in sorted(feeders[feeder] - {feeder}):
        beyond = _members_on(tree.behind(bus), members)
        if 0 < beyond < total:
            ways.append((abs(total - 2 * beyond), bus))
    if not ways:
        raise ZonesImpossibleError(
            "the members cannot be divided into two zones",
            expected="members on two buses of the grid",
            found=f"{total} members on one bus",
            remedy="Ask for more homes with --homes",
        )
    _, cut = min(ways)
    beyond_cut = tree.behind(cut)
    name = str(net.line.name[_line_between(net, tree.parent[cut], cut)])
    return ZoneSplit(
        zone_by_bus={
            bus: SECOND_ZONE if bus in beyond_cut else FIRST_ZONE
            for buses in feeders.values()
            for bus in buses
        },
        border=f"line {name} within a feeder",
        rating_w=Watt(tree.rating_w[cut]),
    )


def _members_on(buses: Collection[int], members: Counter[int]) -> int:
    return sum(members[bus] for bus in buses)


def _line_between(net: Any, start: int, end: int) -> int:
    ends = {start, end}
    lines: Iterable[int] = _closed_lines(net)
    return next(
        line for line in lines if {int(net.line.from_bus[line]), int(net.line.to_bus[line])} == ends
    )


def _feeders(count: int) -> str:
    return "1 feeder" if count == 1 else f"{count} feeders"

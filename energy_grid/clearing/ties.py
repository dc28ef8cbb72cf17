"""Who is curtailed where orders of several zones stand at one price.

Given the prices, links between different prices are full, and what is open are the orders at the
price itself and the links between zones of one price. A tie share works like a second price: a zone
with share `s` exports `min(s, 1)` of its tied sells and imports `2 - max(s, 1)` of its tied buys,
and energy flows to the higher share until the link is full. Zones that no full link divides get one
share. All of it in whole numbers and fractions.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import combinations
from typing import Final

_ONE: Final = Fraction(1)


@dataclass(frozen=True, slots=True)
class Ties:
    """Orders of a zone at its price.

    Attributes:
        sells: energy of the sells at the price.
        buys: energy of the buys at the price.
        bound_export: what the zone's better orders and its full links export together; the tied
            orders and the open links do the rest.
    """

    sells: int
    buys: int
    bound_export: int

    def tied_export(self, share: Fraction) -> Fraction:
        """What the tied orders export at a share."""
        return self.sells * min(share, _ONE) - self.buys * (2 - max(share, _ONE))


@dataclass(frozen=True, slots=True)
class OpenLink:
    """A link between nodes of one price.

    Attributes:
        start: node that a positive flow leaves.
        end: node that it reaches.
        back: capacity towards `start`.
        forward: capacity towards `end`.
    """

    start: int
    end: int
    back: int
    forward: int


@dataclass(frozen=True, slots=True)
class _Group:
    """Zones that may still have one tie share, and what their surroundings leave them."""

    zones: frozenset[int]
    exports: Mapping[int, int]
    least: Fraction
    most: Fraction


def tie_shares(ties: Mapping[int, Ties], links: Sequence[OpenLink]) -> dict[int, Fraction]:
    """The share of every zone.

    Args:
        ties: of each zone.
        links: open links; a node that is no zone is a border, which takes and gives anything: zones
            joined to it fill all their tied orders (share 1) as far as the link allows.
    """
    shares: dict[int, Fraction] = {}
    exports = {zone: tie.bound_export for zone, tie in ties.items()}
    groups = [
        _Group(zones, exports, Fraction(0), Fraction(2)) for zones in _components(ties, links)
    ]
    # Links of a border stay open until its zone is split off; then they are full.
    open_borders = {
        number for number, link in enumerate(links) if (link.start in ties) != (link.end in ties)
    }
    while groups:
        group = groups.pop()
        inside = [link for link in links if link.start in group.zones and link.end in group.zones]
        borders = [
            number
            for number in open_borders
            if links[number].start in group.zones or links[number].end in group.zones
        ]
        share = _common_share(group, ties, anchored=bool(borders))
        reach = [*inside, *(links[number] for number in borders)]
        # A set of zones whose orders, at this share, would export more than its links can carry
        # takes a lower share, one that would import more a higher one.
        for direction in (1, -1):
            cut = _worst_cut(group, ties, reach, share, direction)
            if cut:
                groups += _split(group, cut, reach, share, direction)
                open_borders -= {
                    number
                    for number in borders
                    if links[number].start in cut or links[number].end in cut
                }
                break
        else:
            shares |= dict.fromkeys(group.zones, share)
    return shares


def _common_share(group: _Group, ties: Mapping[int, Ties], *, anchored: bool) -> Fraction:
    """The share at which the group as a whole is balanced: of several the one nearest to 1."""
    if anchored:
        return min(max(_ONE, group.least), group.most)
    sells = sum(ties[zone].sells for zone in group.zones)
    buys = sum(ties[zone].buys for zone in group.zones)
    tied_export = -sum(group.exports[zone] for zone in group.zones)
    # tied_export = share * sells - buys below 1, sells - (2 - share) * buys above
    if tied_export < sells - buys:
        share = Fraction(tied_export + buys, sells)
    elif tied_export > sells - buys:
        share = 2 - Fraction(sells - tied_export, buys)
    else:
        share = _ONE
        if share < group.least:
            return group.least if not buys else share
        if share > group.most:
            return group.most if not sells else share
    return share


def _worst_cut(
    group: _Group,
    ties: Mapping[int, Ties],
    links: Sequence[OpenLink],
    share: Fraction,
    direction: int,
) -> frozenset[int]:
    """The zones that exceed what their links can carry by most; empty if none do."""
    worst: frozenset[int] = frozenset()
    most = Fraction(0)
    surplus = {
        zone: direction * (ties[zone].tied_export(share) + group.exports[zone])
        for zone in group.zones
    }
    for cut in _subsets(group.zones):
        excess = sum((surplus[zone] for zone in cut), Fraction(0)) - sum(
            _capacity_out(link, cut, direction) for link in links
        )
        if excess > most:
            worst, most = cut, excess
    return worst


def _split(
    group: _Group,
    cut: frozenset[int],
    links: Sequence[OpenLink],
    share: Fraction,
    direction: int,
) -> Iterator[_Group]:
    """The zones of a cut and the others, with the links between them full."""
    exports = dict(group.exports)
    for link in links:
        carried = direction * _capacity_out(link, cut, direction)
        inner, outer = (link.start, link.end) if link.start in cut else (link.end, link.start)
        if (link.start in cut) != (link.end in cut):
            exports[inner] -= carried
            if outer in exports:
                exports[outer] += carried
    split_off = _Group(cut, exports, group.least, group.most)
    rest = _Group(group.zones - cut, exports, group.least, group.most)
    if direction > 0:
        split_off, rest = replace(split_off, most=share), replace(rest, least=share)
    else:
        split_off, rest = replace(split_off, least=share), replace(rest, most=share)
    yield split_off
    if rest.zones:
        yield rest


def _capacity_out(link: OpenLink, cut: frozenset[int], direction: int) -> int:
    """What a link can carry out of a set (direction 1) or into it (-1)."""
    if (link.start in cut) == (link.end in cut):
        return 0
    leaves = (link.start in cut) == (direction > 0)
    return link.forward if leaves else link.back


def _subsets(zones: frozenset[int]) -> Iterator[frozenset[int]]:
    members = sorted(zones)
    for size in range(1, len(members) + 1):
        for chosen in combinations(members, size):
            yield frozenset(chosen)


def _components(ties: Mapping[int, Ties], links: Sequence[OpenLink]) -> Iterator[frozenset[int]]:
    """Zones joined by open links among zones."""
    left = set(ties)
    while left:
        found = {left.pop()}
        grown = True
        while grown:
            grown = False
            for link in links:
                ends = {link.start, link.end}
                if ends <= set(ties) and len(ends & found) == 1:
                    found |= ends
                    grown = True
        left -= found
        yield frozenset(found)

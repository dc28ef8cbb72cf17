"""Which answers make a report: pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from energy_grid.feeds import FeedConfig, median

_T = TypeVar("_T")


def choose(
    answers: Sequence[tuple[int, _T]], required: int, config: FeedConfig, most: int | None = None
) -> list[_T]:
    """The answers that a report should carry; none if there are too few.

    Of the values that lie within the feed's band together, the largest group; if no group has
    enough of them, all values, which the contract then publishes as UNCERTAIN. Of a group larger
    than `most` its middle, which has the same median.

    Args:
        answers: pairs of value and whatever stands for the answer.
        required: answers that a report needs.
        config: of the feed.
        most: answers that a report carries at most; each costs gas. None: `required`.
    """
    if required <= 0 or len(answers) < required:
        return []
    ordered = sorted(answers, key=lambda one: one[0])
    group = _largest_group(ordered, required, config)
    if not group:
        return [one for _, one in ordered]
    surplus = len(group) - max(required, most or required)
    if surplus > 0:
        below = surplus // 2
        group = group[below : len(group) - (surplus - below)]
    return [one for _, one in group]


def _largest_group(
    ordered: Sequence[tuple[int, _T]], required: int, config: FeedConfig
) -> list[tuple[int, _T]]:
    for size in range(len(ordered), required - 1, -1):
        fitting = []
        for first in range(len(ordered) - size + 1):
            part = list(ordered[first : first + size])
            spread = part[-1][0] - part[0][0]
            if spread <= config.allowed_spread(median([value for value, _ in part])):
                fitting.append((spread, first, part))
        if fitting:
            return min(fitting, key=lambda one: one[:2])[2]
    return []

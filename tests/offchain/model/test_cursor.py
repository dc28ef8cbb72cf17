"""The cursor rule."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from energy_grid.model.cursor import Sharing, cursor_share


def test_cursor_share__ten_in_three__three_three_four() -> None:
    assert [cursor_share(10, 3, served, 1) for served in range(3)] == [3, 3, 4]


def test_cursor_share__nothing_claimed__nothing_given() -> None:
    assert cursor_share(10, 0, 0, 0) == 0


def test_cursor_share__beyond_the_whole__is_a_programming_error() -> None:
    with pytest.raises(ValueError, match="within the whole"):
        cursor_share(10, 3, 2, 2)


@given(st.integers(0, 10**12), st.lists(st.integers(0, 10**6), min_size=1, max_size=20))
def test_sharing__all_claims_served__total_is_given_exactly_and_fairly(
    total: int, claims: list[int]
) -> None:
    whole = sum(claims)
    sharing = Sharing(total, whole)

    shares = [sharing.take(claim) for claim in claims]

    if whole == 0:
        assert shares == [0] * len(claims)
        return
    assert sum(shares) == total
    for claim, share in zip(claims, shares, strict=True):
        assert abs(share * whole - total * claim) < whole, "less than one unit from its proportion"

"""The cursor rule: sharing a whole number in proportion, exactly, in any order.

A total `F` is shared among claims that add up to `Q`. A cursor `A` runs from 0 to `Q`; a claim of
size `q` receives `floor((A + q) F / Q) - floor(A F / Q)` and moves the cursor by `q`. The terms
telescope, so the shares add up to `F` whatever the order, and each is less than one unit away from
its exact proportion.
"""

from __future__ import annotations

from dataclasses import dataclass


def cursor_share(total: int, whole: int, claimed_before: int, claim: int) -> int:
    """Share of `total` due to `claim`, when `claimed_before` of `whole` has been served.

    >>> [cursor_share(10, 3, k, 1) for k in range(3)]
    [3, 3, 4]
    """
    if not 0 <= claimed_before <= claimed_before + claim <= whole:
        raise ValueError(
            f"a claim must lie within the whole: {claimed_before} + {claim} of {whole}"
        )
    if claim == 0:
        return 0
    return (claimed_before + claim) * total // whole - claimed_before * total // whole


@dataclass
class Sharing:
    """A total being handed out by the cursor rule, claim after claim."""

    total: int
    whole: int
    claimed: int = 0

    def take(self, claim: int) -> int:
        """Serve the next claim and move the cursor."""
        share = cursor_share(self.total, self.whole, self.claimed, claim)
        self.claimed += claim
        return share

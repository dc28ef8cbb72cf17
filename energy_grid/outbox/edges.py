"""The moments at which a sender may die."""

from __future__ import annotations

from enum import StrEnum


class Edge(StrEnum):
    """Moments between two durable steps; the fault tests kill the process at each."""

    BEFORE_RESERVE = "before_reserve"
    RESERVED = "reserved"
    SIGNED_IN_MEMORY = "signed_in_memory"
    STORED = "stored"
    BROADCAST = "broadcast"
    SENT = "sent"
    RECEIPT_SEEN = "receipt_seen"
    MINED = "mined"
    FINAL_SEEN = "final_seen"
    FINAL = "final"
    BUMP_SIGNED_IN_MEMORY = "bump_signed_in_memory"
    """Signed again with higher fees, not stored; then comes `BROADCAST`."""
    BUMP_STORED = "bump_stored"
    REORG_SEEN = "reorg_seen"
    REORGED = "reorged"
    GAP_SEEN = "gap_seen"
    GAP_PLANNED = "gap_planned"
    """A transfer to oneself is planned at a missing nonce; then comes `BEFORE_RESERVE`."""


STRAIGHT_EDGES = tuple(Edge)[: tuple(Edge).index(Edge.BUMP_SIGNED_IN_MEMORY)]
"""What a row passes to which nothing happens, in order."""

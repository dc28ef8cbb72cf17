"""Which readings go into a page and which go to the chain under their own signature.

A page holds the readings of one boundary of one group of meters. What a page must not or cannot say
is submitted with the device's signature, and what the same meter has in pages before it as well:
the record of a meter only rises, so an earlier entry would be left out when it is revealed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from energy_grid.pages import DISPUTE_SECONDS
from energy_grid.slots import reading_deadline
from energy_grid.units import SLOT_SECONDS
from meter_bridge.meters import Meter
from meter_bridge.store import Accepted

COMMIT_MARGIN_SECONDS: Final = 300
"""A commitment this close to the last moment goes out as signed readings instead."""

_MAX_METER_ID: Final = (1 << 24) - 1
_MAX_REGISTER_WH: Final = (1 << 40) - 1


@dataclass(frozen=True, slots=True)
class PagePlan:
    """A page to be sealed now."""

    boundary: int
    index: int
    entries: tuple[tuple[Meter, Accepted], ...]


@dataclass(frozen=True, slots=True)
class PagingPlan:
    """What to do now; snapshots in neither list wait for the rest of their page."""

    pages: tuple[PagePlan, ...]
    signed: tuple[tuple[Meter, Accepted], ...]


def plan_pages(
    groups: Mapping[int, Sequence[Meter]],
    newest_sealed: dict[int, int],
    now: int,
    deadline_seconds: int,
    may_report: Callable[[Meter, Accepted], bool],
) -> PagingPlan:
    """Sort unsigned snapshots into pages and signed readings.

    Args:
        groups: meters by page index.
        newest_sealed: boundary of the newest page by index.
        now: current time.
        deadline_seconds: how long after its boundary a page waits for its meters.
        may_report: whether the chain would take a snapshot from one of our pages.
    """
    pages: list[PagePlan] = []
    signed: list[tuple[Meter, Accepted]] = []
    for index, group in groups.items():
        by_boundary: dict[int, list[tuple[Meter, Accepted]]] = {}
        for meter in group:
            for accepted in meter.unsigned:
                by_boundary.setdefault(accepted.snapshot.boundary, []).append((meter, accepted))
        sealed = newest_sealed.get(index, 0)
        for boundary in sorted(by_boundary):
            fitting: list[tuple[Meter, Accepted]] = []
            is_late = boundary <= sealed or now > latest_commitment(boundary)
            for item in by_boundary[boundary]:
                (signed if is_late or not may_report(*item) else fitting).append(item)
            if not fitting:
                continue
            if not _is_due(group, boundary, now, deadline_seconds):
                # In order: a page of a later boundary names this one as the one before.
                break
            pages.append(PagePlan(boundary, index, tuple(fitting)))
            sealed = boundary
    return PagingPlan(tuple(pages), tuple(signed))


def latest_commitment(boundary: int) -> int:
    """Last moment at which a page should be committed."""
    deadline = reading_deadline(boundary // SLOT_SECONDS - 1)
    return int(deadline) - DISPUTE_SECONDS - COMMIT_MARGIN_SECONDS


def fits_entry(accepted: Accepted) -> bool:
    """Whether the fields of an entry are wide enough."""
    snapshot = accepted.snapshot
    return (
        snapshot.meter_id <= _MAX_METER_ID
        and snapshot.import_wh <= _MAX_REGISTER_WH
        and snapshot.export_wh <= _MAX_REGISTER_WH
    )


def _is_due(group: Sequence[Meter], boundary: int, now: int, deadline_seconds: int) -> bool:
    """Whether nothing more is waited for: all meters have decided, or the deadline has passed."""
    if now > boundary + deadline_seconds:
        return True
    return all(meter.problem or meter.newest_decided >= boundary for meter in group)

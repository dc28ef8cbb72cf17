"""Which telegram becomes the register snapshot of a quarter-hour boundary (rules V5 and V6).

The nearest telegram within 9 s of a boundary is taken, its registers as they stand: a register read
3 s late moves 3 s of energy into the next slot and loses none.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from energy_grid.units import SLOT_SECONDS, MilliHertz, MilliVolt, UnixSeconds, Wh
from meter_bridge.telegrams.telegram import Telegram

BOUNDARY_TOLERANCE_SECONDS: Final = 9
"""1 % of a slot (PTB-A 50.8)."""
BOUNDARY_WARNING_SECONDS: Final = 5


@dataclass(frozen=True, slots=True)
class Registers:
    """Both registers of a meter at a boundary."""

    boundary: UnixSeconds
    import_wh: Wh
    export_wh: Wh


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Registers of one meter for one boundary, as one telegram gave them.

    Args:
        boundary: the quarter-hour boundary, the reading's timestamp.
        measured_at: when the meter says it was.
        received_at: our time at its arrival.
        clock_checked: whether our clock could judge the meter's (not in recorded telegrams).
    """

    meter_id: int
    boundary: UnixSeconds
    measured_at: UnixSeconds
    received_at: UnixSeconds
    import_wh: Wh
    export_wh: Wh
    voltage_millivolts: MilliVolt
    frequency_millihz: MilliHertz
    power_failures: int | None
    switch: str
    registers_disagree: bool
    clock_checked: bool
    raw_digest: bytes

    @property
    def offset_seconds(self) -> int:
        """Distance from the boundary, negative before it."""
        return self.measured_at - self.boundary

    @property
    def registers(self) -> Registers:
        """Its registers alone."""
        return Registers(self.boundary, self.import_wh, self.export_wh)

    def is_nearer_than(self, other: Snapshot) -> bool:
        """Whether this one should replace the other; of equals the first stays."""
        return abs(self.offset_seconds) < abs(other.offset_seconds)

    def is_settled_in_order(self, newest_measured_at: int) -> bool:
        """Whether no nearer telegram can follow on a stream that keeps its order."""
        return self.offset_seconds >= 0 or newest_measured_at >= self.boundary


def boundary_near(measured_at: int) -> UnixSeconds | None:
    """The boundary a telegram may stand for, None if none is within the tolerance."""
    boundary = (measured_at + SLOT_SECONDS // 2) // SLOT_SECONDS * SLOT_SECONDS
    if abs(measured_at - boundary) > BOUNDARY_TOLERANCE_SECONDS:
        return None
    return UnixSeconds(boundary)


def snapshot_of(
    meter_id: int,
    telegram: Telegram,
    measured_at: UnixSeconds,
    received_at: UnixSeconds,
    *,
    clock_checked: bool,
) -> Snapshot | None:
    """A telegram as snapshot of its boundary, None if it lies between boundaries."""
    boundary = boundary_near(measured_at)
    if boundary is None:
        return None
    return Snapshot(
        meter_id=meter_id,
        boundary=boundary,
        measured_at=measured_at,
        received_at=received_at,
        import_wh=telegram.import_wh,
        export_wh=telegram.export_wh,
        voltage_millivolts=telegram.voltage_millivolts,
        frequency_millihz=telegram.frequency_millihz,
        power_failures=telegram.power_failures,
        switch=telegram.switch,
        registers_disagree=telegram.registers_disagree,
        clock_checked=clock_checked,
        raw_digest=telegram.raw_digest,
    )

"""Validation of snapshots before signing: the V rules that are the bridge's.

Two kinds of outcome. A refusal stops what the chain would have to refuse: stored, never signed.
A finding is recorded with the reading and changes nothing: what the meter said is what is signed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from typing import Final

from energy_grid.slots import reading_deadline
from energy_grid.units import SECONDS_PER_DAY, SLOT_SECONDS, SLOTS_PER_DAY
from meter_bridge.registry import RegisteredMeter
from meter_bridge.snapshots import BOUNDARY_WARNING_SECONDS, Registers, Snapshot

SPIKE_RATIO: Final = (18, 10)
"""V16: (max - third max) / third max above 180 %."""
STEP_RATIO: Final = (8, 10)
"""V18: change between neighbouring slots above 80 % of the cap."""
STUCK_SLOTS: Final = 4
"""V19: this many equal non-zero slots in a row."""
DAILY_USE_RATIOS: Final = ((5, 10), (20, 10))
"""V17: a day's energy below half or above twice the average of the days before."""
NOMINAL_MILLIVOLTS: Final = 230_000
VOLTAGE_LIMITS_MILLIVOLTS: Final = (
    NOMINAL_MILLIVOLTS * 850 // 1_000,
    NOMINAL_MILLIVOLTS * 1_118 // 1_000,
)
"""V22: 0.85 to 1.118 of nominal."""
FREQUENCY_LIMITS_MILLIHZ: Final = (47_500, 51_500)
CLOCK_WARNING_SECONDS: Final = 60
"""V6: a telegram this late has waited on its way, or the meter's clock lags."""
MAX_FREQUENCY_MILLIHZ: Final = (1 << 16) - 1
MAX_VOLTAGE_MILLIVOLTS: Final = (1 << 24) - 1
"""What the chain can hold."""
DEADLINE_MARGIN_SECONDS: Final = 120
"""V7: a reading signed closer to its deadline than this cannot be mined in time."""


class Severity(StrEnum):
    """What a finding means for whoever reads it."""

    REFUSED = "refused"
    SUSPECT = "suspect"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Finding:
    """One rule and what it saw.

    Args:
        rule: id in the security rules, such as `V14`.
        severity: what it means.
        message: what was expected and found, with units.
    """

    rule: str
    severity: Severity
    message: str


def difference(earlier_wh: int, later_wh: int, width_wh: int) -> int | None:
    """Register movement, None if it went back and did not roll over (rules V11 and V12)."""
    if later_wh >= earlier_wh:
        return later_wh - earlier_wh
    if earlier_wh * 10 > width_wh * 9:
        return later_wh + width_wh - earlier_wh
    return None


def refusals(
    previous: Registers, snapshot: Snapshot, meter: RegisteredMeter, now: int
) -> list[Finding]:
    """Why the chain would have to refuse a snapshot; empty if it would not.

    Args:
        previous: registers of the meter's last accepted snapshot, or of its baseline.
        snapshot: the one to judge.
        meter: the meter as registered.
        now: our time.
    """
    found: list[Finding] = []
    if not meter.is_active:
        found.append(_refused("V1", f"meter {meter.meter_id} is not active on chain"))
    for name, value, limit in (
        ("import register", snapshot.import_wh, meter.register_width_wh - 1),
        ("export register", snapshot.export_wh, meter.register_width_wh - 1),
        ("frequency", snapshot.frequency_millihz, MAX_FREQUENCY_MILLIHZ),
        ("voltage", snapshot.voltage_millivolts, MAX_VOLTAGE_MILLIVOLTS),
    ):
        if value > limit:
            found.append(
                _refused("V1", f"{name} out of range: expected at most {limit}, found {value}")
            )
    deadline = reading_deadline(snapshot.boundary // SLOT_SECONDS - 1)
    if now > deadline - DEADLINE_MARGIN_SECONDS:
        found.append(
            _refused("V7", f"too late: expected before {deadline}, found {now} (unix seconds)")
        )
    if snapshot.boundary <= previous.boundary:
        found.append(
            _refused(
                "V10",
                f"out of order: expected after boundary {previous.boundary}, "
                f"found {snapshot.boundary}",
            )
        )
        return found
    slots = (snapshot.boundary - previous.boundary) // SLOT_SECONDS
    for name, earlier_wh, later_wh, cap_wh in (
        ("import", previous.import_wh, snapshot.import_wh, meter.import_cap_wh),
        ("export", previous.export_wh, snapshot.export_wh, meter.export_cap_wh),
    ):
        moved_wh = difference(earlier_wh, later_wh, meter.register_width_wh)
        if moved_wh is None:
            found.append(
                _refused(
                    "V11",
                    f"{name} register fell: expected at least {earlier_wh} Wh, found {later_wh} Wh",
                )
            )
        elif moved_wh > cap_wh * slots:
            found.append(
                _refused(
                    "V14",
                    f"{name} above what the connection can carry: expected at most "
                    f"{cap_wh * slots} Wh in {slots} slots, found {moved_wh} Wh",
                )
            )
    return found


def findings(
    history: Sequence[Snapshot], snapshot: Snapshot, meter: RegisteredMeter
) -> list[Finding]:
    """What is remarkable about a snapshot that is accepted all the same.

    Args:
        history: the meter's accepted snapshots of up to 24 hours before, oldest first.
        snapshot: the one to judge.
        meter: the meter as registered.
    """
    found = _clock_findings(snapshot) + _quantity_findings(snapshot)
    if not history:
        return found
    previous = history[-1]
    missing = (snapshot.boundary - previous.boundary) // SLOT_SECONDS - 1
    if missing:
        found.append(_warning("V9", f"{missing} boundaries missing before this one"))
    found += _device_findings(previous, snapshot)
    imports, exports = slot_energies(history, snapshot, meter.register_width_wh)
    for name, cap_wh, values in (
        ("import", meter.import_cap_wh, imports),
        ("export", meter.export_cap_wh, exports),
    ):
        found += _pattern_findings(name, cap_wh, values)
    if len(imports) == SLOTS_PER_DAY and not (any(imports) or any(exports)):
        found.append(_warning("V20", "no energy in either direction for 24 h"))
    return found


def before_record(boundary: int, signs_after: int) -> Finding:
    """Refusal of a boundary from before this store may sign."""
    return _refused(
        "V4",
        f"may be signed already: expected a boundary after {signs_after}, found {boundary}",
    )


def completeness_findings(present: int) -> list[Finding]:
    """Whether a day has all its snapshots (rule V9)."""
    if present == SLOTS_PER_DAY:
        return []
    return [_warning("V9", f"day with {present} of {SLOTS_PER_DAY} snapshots")]


def day_use_findings(midnights: Sequence[Snapshot], width_wh: int) -> list[Finding]:
    """A day's energy against the days before it (rule V17).

    Args:
        midnights: snapshots at UTC midnights, newest first; the first one ends the day.
        width_wh: where the registers roll over.
    """
    days: list[tuple[int, int]] = []
    for later, earlier in pairwise(midnights):
        if later.boundary - earlier.boundary != SECONDS_PER_DAY:
            break
        import_wh = difference(earlier.import_wh, later.import_wh, width_wh)
        export_wh = difference(earlier.export_wh, later.export_wh, width_wh)
        if import_wh is None or export_wh is None:
            break
        days.append((import_wh, export_wh))
    return daily_findings(days[1:], days[0]) if days else []


def slot_energies(
    history: Sequence[Snapshot], snapshot: Snapshot, width_wh: int
) -> tuple[list[int], list[int]]:
    """Import and export of the unbroken run of slots that ends with a snapshot, oldest first."""
    imports: list[int] = []
    exports: list[int] = []
    boundary, import_wh, export_wh = snapshot.boundary, snapshot.import_wh, snapshot.export_wh
    for earlier in reversed(history):
        if boundary - earlier.boundary != SLOT_SECONDS:
            break
        imported: int | None = import_wh - earlier.import_wh
        exported: int | None = export_wh - earlier.export_wh
        if import_wh < earlier.import_wh:
            imported = difference(earlier.import_wh, import_wh, width_wh)
        if export_wh < earlier.export_wh:
            exported = difference(earlier.export_wh, export_wh, width_wh)
        if imported is None or exported is None:
            break
        imports.append(imported)
        exports.append(exported)
        boundary, import_wh, export_wh = earlier.boundary, earlier.import_wh, earlier.export_wh
    imports.reverse()
    exports.reverse()
    return imports, exports


def daily_findings(
    earlier_days_wh: Sequence[tuple[int, int]], day_wh: tuple[int, int]
) -> list[Finding]:
    """A day's energy against the days before it (rule V17).

    Args:
        earlier_days_wh: import and export of complete days before, any order.
        day_wh: import and export of the day.
    """
    found: list[Finding] = []
    if not earlier_days_wh:
        return found
    (low, low_base), (high, high_base) = DAILY_USE_RATIOS
    for index, name in enumerate(("import", "export")):
        total_wh = sum(day[index] for day in earlier_days_wh)
        days = len(earlier_days_wh)
        used_wh = day_wh[index]
        if (
            low_base * days * used_wh < low * total_wh
            or high_base * days * used_wh > high * total_wh
        ):
            found.append(
                _suspect(
                    "V17",
                    f"{name} of the day {used_wh} Wh against {total_wh // days} Wh "
                    f"a day over {days} days",
                )
            )
    return found


def _clock_findings(snapshot: Snapshot) -> list[Finding]:
    found: list[Finding] = []
    if abs(snapshot.offset_seconds) > BOUNDARY_WARNING_SECONDS:
        found.append(
            _warning("V6", f"read {snapshot.offset_seconds:+d} s from the quarter-hour boundary")
        )
    delay = snapshot.received_at - snapshot.measured_at
    if not snapshot.clock_checked:
        found.append(_warning("V6", "recorded telegram: the meter's clock could not be compared"))
    elif delay > CLOCK_WARNING_SECONDS:
        found.append(_warning("V6", f"arrived {delay} s after the meter's time"))
    return found


def _quantity_findings(snapshot: Snapshot) -> list[Finding]:
    found: list[Finding] = []
    if snapshot.registers_disagree:
        found.append(_suspect("V13", "the total register is not the sum of the tariff registers"))
    low, high = VOLTAGE_LIMITS_MILLIVOLTS
    if snapshot.voltage_millivolts and not low <= snapshot.voltage_millivolts <= high:
        found.append(
            _warning(
                "V22",
                f"voltage: expected {low} to {high} mV, found {snapshot.voltage_millivolts} mV",
            )
        )
    low, high = FREQUENCY_LIMITS_MILLIHZ
    if snapshot.frequency_millihz and not low <= snapshot.frequency_millihz <= high:
        found.append(
            _warning(
                "V22",
                f"frequency: expected {low} to {high} mHz, found {snapshot.frequency_millihz} mHz",
            )
        )
    return found


def _device_findings(previous: Snapshot, snapshot: Snapshot) -> list[Finding]:
    found: list[Finding] = []
    if previous.power_failures is not None and snapshot.power_failures is not None:
        failures = snapshot.power_failures - previous.power_failures
        if failures > 0:
            found.append(_suspect("V23", f"the meter counted {failures} more power failures"))
        elif failures < 0:
            found.append(_suspect("V23", "the meter's count of power failures went back"))
    if previous.switch and snapshot.switch and previous.switch != snapshot.switch:
        found.append(
            _suspect("V23", f"main switch changed from {previous.switch} to {snapshot.switch}")
        )
    return found


def _pattern_findings(name: str, cap_wh: int, values: Sequence[int]) -> list[Finding]:
    """V16, V18 and V19 on the energies of an unbroken run of slots, newest last."""
    found: list[Finding] = []
    if len(values) >= 3:
        largest, _, third = sorted(values, reverse=True)[:3]
        numerator, denominator = SPIKE_RATIO
        if (
            values[-1] == largest
            and third > 0
            and (largest - third) * denominator > third * numerator
        ):
            found.append(
                _suspect("V16", f"{name} spike: {largest} Wh against a third largest of {third} Wh")
            )
    if len(values) >= 2:
        numerator, denominator = STEP_RATIO
        if abs(values[-1] - values[-2]) * denominator > cap_wh * numerator:
            found.append(_warning("V18", f"{name} stepped from {values[-2]} to {values[-1]} Wh"))
    recent = values[-STUCK_SLOTS:]
    if len(recent) == STUCK_SLOTS and recent[0] and len(set(recent)) == 1:
        found.append(_suspect("V19", f"{name} stuck at {recent[0]} Wh for {STUCK_SLOTS} slots"))
    return found


def _refused(rule: str, message: str) -> Finding:
    return Finding(rule, Severity.REFUSED, message)


def _suspect(rule: str, message: str) -> Finding:
    return Finding(rule, Severity.SUSPECT, message)


def _warning(rule: str, message: str) -> Finding:
    return Finding(rule, Severity.WARNING, message)

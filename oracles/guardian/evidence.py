"""Evidence on disk: one JSON file for each cause, written once and whole."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import structlog

from energy_grid.errors import EnergyGridError, RetryableError
from energy_grid.feeds import Feed, Observation, SignedObservation
from energy_grid.rpc import to_bytes
from energy_grid.units import UnixSeconds
from oracles.guardian.detect import Finding
from oracles.guardian.scene import Equivocation, Scene

MAX_INBOX_BYTES: Final = 16_000_000
_UNSAFE: Final = re.compile(r"[^A-Za-z0-9._-]+")

_log = structlog.get_logger(__name__)


class EvidenceError(RetryableError):
    """Evidence cannot be written: nothing is done without it."""


class EvidenceFolder:
    """Where evidence is kept.

    Args:
        folder: made if it is missing.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def record(self, finding: Finding, scene: Scene) -> bool:
        """Write the evidence of a cause; False if it was written before.

        Raises:
            EvidenceError: the disk does not take it.
        """
        path = self.path_of(finding)
        if path.exists():
            return False
        content = {
            "cause": finding.cause.value,
            "subject": finding.subject,
            "detail": finding.detail,
            "chain_time": scene.now,
            "block": scene.block,
            "recorded_at": time.time(),
            "evidence": finding.evidence,
            "measure": _measure_of(finding),
        }
        part = path.with_suffix(".part")
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with part.open("w", encoding="utf-8") as file:
                json.dump(content, file, indent=2, default=_plain)
                file.flush()
                os.fsync(file.fileno())
            part.replace(path)
        except OSError as error:
            raise EvidenceError(
                f"evidence {path} cannot be written",
                found=error.strerror,
                remedy="Make room or give access; the guardian acts when it can write",
            ) from error
        return True

    def path_of(self, finding: Finding) -> Path:
        """File of a cause."""
        return self.folder / f"{_UNSAFE.sub('_', finding.key)}.json"


def equivocations_of(paths: Iterable[Path], domains: Mapping[str, bytes]) -> Iterator[Equivocation]:
    """What collectors can prove of reporters, from files of one JSON object a line.

    Both values must be signed by the reporter named, so nobody can blame another. A collector that
    is writing at the moment may leave half a line: lines that are none are passed over.

    Args:
        paths: the files.
        domains: EIP-712 domain separator of each oracle, by its name.
    """
    for path in paths:
        try:
            if path.stat().st_size > MAX_INBOX_BYTES:
                _log.warning("evidence of a collector is too long", path=str(path))
                continue
            lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            continue  # no collector has found anything yet
        for line in lines:
            try:
                found = _proven(json.loads(line), domains)
            except (ValueError, KeyError, TypeError, EnergyGridError):
                continue
            if found is not None:
                yield found


def _proven(entry: Mapping[str, Any], domains: Mapping[str, bytes]) -> Equivocation | None:
    """An entry whose two signatures are the reporter's, over different values."""
    oracle, reporter = str(entry["oracle"]), str(entry["reporter"])
    feed = Feed.of_id(int(entry["feed_id"]))
    values = int(entry["first"]), int(entry["second"])
    for value, name in zip(values, ("first_signature", "second_signature"), strict=True):
        observation = Observation(
            feed=feed,
            round=int(entry["round"]),
            interval_start=UnixSeconds(int(entry["interval_start"])),
            interval_seconds=int(entry["interval_seconds"]),
            reporter_set=int(entry["reporter_set"]),
            value=value,
        )
        signed = SignedObservation(observation, to_bytes(str(entry[name])))
        if signed.reporter(domains[oracle]).lower() != reporter.lower():
            _log.warning("evidence is not signed by whom it blames", reporter=reporter)
            return None
    if values[0] == values[1]:
        return None
    return Equivocation(oracle, int(feed.id), int(entry["round"]), reporter, *values)


def _measure_of(finding: Finding) -> dict[str, Any] | None:
    if finding.measure is None:
        return None
    call = finding.measure
    return {"function": call.function, "oracle": call.oracle, "arguments": call.arguments}


def _plain(value: Any) -> Any:
    return value.hex() if isinstance(value, bytes) else str(value)

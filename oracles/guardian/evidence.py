"""Evidence on disk: one JSON file for each cause, written once and whole."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

import structlog

from energy_grid.errors import RetryableError
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


def equivocations_of(paths: Iterable[Path]) -> Iterator[Equivocation]:
    """What collectors told of reporters, from files of one JSON object a line.

    A collector that is writing at the moment may leave half a line, so lines that are none are
    passed over.
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
                entry = json.loads(line)
                yield Equivocation(
                    oracle=str(entry["oracle"]),
                    feed_id=int(entry["feed_id"]),
                    round=int(entry["round"]),
                    reporter=str(entry["reporter"]),
                    first=int(entry["first"]),
                    second=int(entry["second"]),
                )
            except (ValueError, KeyError, TypeError):
                continue


def _measure_of(finding: Finding) -> dict[str, Any] | None:
    if finding.measure is None:
        return None
    call = finding.measure
    return {"contract": call.contract, "function": call.function, "arguments": call.arguments}


def _plain(value: Any) -> Any:
    return value.hex() if isinstance(value, bytes) else str(value)

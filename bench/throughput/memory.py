"""Resident memory of the node and of this process, sampled while a day runs."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Final

_KIB: Final = 1_024
_MIB: Final = 1_048_576


def resident_bytes(pid: int | str) -> int:
    """Resident set of a process, from Linux's /proc."""
    for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * _KIB
    raise RuntimeError(f"process {pid} has no VmRSS: it has ended")


@dataclass
class Memory:
    """Samples of two processes, in order.

    Attributes:
        node_pid: process id of the node.
        node: its samples in bytes.
        own: those of this process.
    """

    node_pid: int
    node: list[int] = field(default_factory=list)
    own: list[int] = field(default_factory=list)

    def sample(self) -> None:
        """Take a sample of both."""
        self.node.append(resident_bytes(self.node_pid))
        self.own.append(resident_bytes("self"))

    def as_json(self) -> dict[str, object]:
        """Means of the quarters in MiB, and the highest sample."""
        return {
            "samples": len(self.node),
            "node_quarters_mib": quarters(self.node),
            "node_highest_mib": round(max(self.node) / _MIB, 1),
            "own_quarters_mib": quarters(self.own),
            "own_highest_mib": round(max(self.own) / _MIB, 1),
        }


def quarters(samples: list[int]) -> list[float]:
    """Mean of each quarter of the samples in MiB."""
    if len(samples) < 4:
        raise ValueError(f"four samples at least have quarters, found {len(samples)}")
    bounds = [len(samples) * quarter // 4 for quarter in range(5)]
    return [
        round(sum(samples[first:end]) / (end - first) / _MIB, 1) for first, end in pairwise(bounds)
    ]

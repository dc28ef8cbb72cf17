"""What a live day looks like while it runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from rich.table import Table

_MIB: Final = 1 << 20


def read_status(folder: Path) -> dict[str, Any] | None:
    """What the supervisor last said; None if it says nothing."""
    try:
        content: dict[str, Any] = json.loads((folder / "status.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return content


def process_table(status: dict[str, Any]) -> Table:
    """All processes with their readiness."""
    table = Table(title=f"processes · {status['phase']}", title_justify="left")
    table.add_column("process", no_wrap=True, min_width=10)
    table.add_column("ready", no_wrap=True, min_width=5)
    for column in ("pid", "starts", "CPU s", "MiB"):
        table.add_column(column, justify="right", no_wrap=True, min_width=6)
    table.add_column("says", max_width=56, no_wrap=True, ratio=1)
    for name, one in status["processes"].items():
        table.add_row(
            name,
            "[green]yes[/]" if one["ready"] else "[yellow]no[/]",
            str(one["pid"] or ""),
            str(one["starts"]),
            f"{one['cpu_seconds']:.1f}",
            str(one["memory_bytes"] // _MIB),
            one["detail"],
        )
    return table

"""Run the test suite in two processes side by side; the closing line counts both.

`make test` calls it. The contracts' unit tests are one half of the time, everything else the other;
each half starts the chains it needs on free ports. The second half's output follows the first's.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

APE = Path(sys.executable).with_name("ape")
HALVES = (
    ("tests/unit",),
    (
        "tests/integration",
        "tests/invariants",
        "tests/differential",
        "tests/faults",
        "tests/offchain",
    ),
)
NO_TESTS_COLLECTED = 5
_COUNT = re.compile(r"(\d+) (passed|failed|error|errors|skipped)\b")


def main(arguments: Sequence[str]) -> int:
    """Run both halves with the given pytest arguments; return the worse exit code."""
    started = time.monotonic()
    runs = []
    for paths in HALVES:
        output = tempfile.TemporaryFile(mode="w+", encoding="utf-8")  # noqa: SIM115, read below
        command = [str(APE), "test", *paths, *arguments]
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
        runs.append((paths, process, output))

    totals: Counter[str] = Counter()
    worst = 0
    for paths, process, output in runs:
        print(f"== {' '.join(paths)}: running", flush=True)
        code = process.wait()
        output.seek(0)
        text = output.read()
        print(text, flush=True)
        closing = text.strip().rsplit("\n", 1)[-1]
        for number, kind in _COUNT.findall(closing):
            totals["failed" if kind.startswith("err") else kind] += int(number)
        # A selection by -k may leave one half without tests; both without is told by the count.
        if code != NO_TESTS_COLLECTED:
            worst = max(worst, abs(code))
    if not totals["passed"] + totals["failed"] and worst == 0:
        worst = NO_TESTS_COLLECTED
    seconds = time.monotonic() - started
    print(f"both halves took {seconds:.0f} s")
    print(
        f"{totals['passed']} passed, {totals['failed']} failed, {totals['skipped']} skipped",
        flush=True,
    )
    return worst


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

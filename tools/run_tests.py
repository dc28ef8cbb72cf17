"""Run the test suite in two processes side by side; the closing line counts all groups.

`make test` calls it. The groups are taken from a list, the longest first, by whichever process is
free; each group starts the chains it needs on free ports. A group's output appears when it is done.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

APE: Final = Path(sys.executable).with_name("ape")
ROOT: Final = Path(__file__).resolve().parent.parent
SIDE_BY_SIDE: Final = 2
INTERNAL_ERROR: Final = 3
NO_TESTS_COLLECTED: Final = 5
_COUNT = re.compile(r"(\d+) (passed|failed|error|errors|skipped)\b")
_LONGEST_FIRST: Final = ("integration", "offchain", "faults", "invariants", "unit", "differential")
_APART: Final = ("smart_meter", "settlement", "energy_trading", "signed_orders")
"""Unit tests that take long enough for a group of their own."""


@dataclass(frozen=True, slots=True)
class Done:
    """What became of a group."""

    paths: tuple[str, ...]
    code: int
    output: str
    seconds: float


def groups() -> list[tuple[str, ...]]:
    """All folders of tests, each in one group, the longest first; new ones come last."""
    names = [
        name for name in _folders("tests") if any(Path(ROOT, "tests", name).rglob("test_*.py"))
    ]
    names.sort(key=lambda name: [*_LONGEST_FIRST, name].index(name))
    found: list[tuple[str, ...]] = []
    for name in names:
        if name == "unit":
            found += [(f"tests/unit/{unit}",) for unit in _APART]
            found.append(
                tuple(f"tests/unit/{unit}" for unit in _folders("tests/unit") if unit not in _APART)
            )
        else:
            found.append((f"tests/{name}",))
    return found


def _folders(parent: str) -> list[str]:
    children = Path(ROOT, parent).iterdir()
    return sorted(one.name for one in children if one.is_dir() and one.name != "__pycache__")


def run_group(paths: tuple[str, ...], arguments: Sequence[str]) -> Done:
    """Run one group with the given pytest arguments; once more if its chain could not start.

    The node listens on a port that was free a moment before and may be taken by then: pytest then
    ends with an internal error before the first test. Both outputs are kept.
    """
    done = _run_once(paths, arguments)
    if done.code != INTERNAL_ERROR or _COUNT.search(_closing(done.output)):
        return done
    again = _run_once(paths, arguments)
    told = f"{done.output}\n== {' '.join(paths)}: no test could start, tried again\n{again.output}"
    return Done(paths, again.code, told, done.seconds + again.seconds)


def _closing(output: str) -> str:
    """The last line: what pytest counted."""
    return output.strip().rsplit("\n", 1)[-1]


def _run_once(paths: tuple[str, ...], arguments: Sequence[str]) -> Done:
    started = time.monotonic()
    with tempfile.TemporaryFile(mode="w+", encoding="utf-8") as output:
        command = [str(APE), "test", *paths, *arguments]
        code = subprocess.run(
            command, stdout=output, stderr=subprocess.STDOUT, cwd=ROOT, check=False
        ).returncode
        output.seek(0)
        return Done(paths, code, output.read(), time.monotonic() - started)


def main(arguments: Sequence[str]) -> int:
    """Run all groups with the given pytest arguments; return the worst exit code."""
    started = time.monotonic()
    waiting = deque(groups())
    done: list[Done] = []
    lock = threading.Lock()

    def work() -> None:
        while True:
            with lock:
                if not waiting:
                    return
                paths = waiting.popleft()
            print(f"== {' '.join(paths)}: running", flush=True)
            finished = run_group(paths, arguments)
            with lock:
                done.append(finished)
                print(f"== {' '.join(paths)}:\n{finished.output}", flush=True)

    workers = [threading.Thread(target=work) for _ in range(SIDE_BY_SIDE)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()

    totals: Counter[str] = Counter()
    worst = 0
    for group in done:
        closing = _closing(group.output)
        counts = _COUNT.findall(closing)
        for number, kind in counts:
            totals["failed" if kind.startswith("err") else kind] += int(number)
        print(f"{group.seconds:6.0f} s  {' '.join(group.paths)}: {closing.strip('= ')}")
        # A selection by -k may leave a group without tests; all without is told by the count.
        if group.code != NO_TESTS_COLLECTED:
            worst = max(worst, abs(group.code))
    if not totals["passed"] + totals["failed"] and worst == 0:
        worst = NO_TESTS_COLLECTED
    print(f"all groups took {time.monotonic() - started:.0f} s")
    print(
        f"{totals['passed']} passed, {totals['failed']} failed, {totals['skipped']} skipped",
        flush=True,
    )
    return worst


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

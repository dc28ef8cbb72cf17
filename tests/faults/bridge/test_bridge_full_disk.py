"""A store that takes nothing (fault X-18): nothing is signed, senders keep their telegrams.

The limit is real: a small tmpfs where the test may mount one, else the file-size limit.
"""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from meter_bridge.errors import StoreUnavailableError
from meter_bridge.readers.base import Arrival
from meter_bridge.telegrams.framing import Frame
from tests.offchain.bridge.engine_bench import DAY, EXPORT_WH, IMPORT_WH, Bench


class SmallDisk:
    """A folder whose room can be taken away and given back."""

    def __init__(self, folder: Path, fill: Callable[[], None], free: Callable[[], None]) -> None:
        self.folder = folder
        self.fill = fill
        self.free = free


def _tmpfs(folder: Path) -> SmallDisk | None:
    if os.geteuid() != 0:
        return None
    command = ["mount", "-t", "tmpfs", "-o", "size=1500k", "tmpfs", str(folder)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        return None
    ballast = folder / "ballast"

    def fill() -> None:
        with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while file.write(bytes(4_096)):
                pass

    return SmallDisk(folder, fill, ballast.unlink)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = _tmpfs(folder)
    if mounted is not None:
        yield mounted
        subprocess.run(["umount", "-l", str(folder)], check=True)
        return
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    yield SmallDisk(
        folder,
        lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (4_096, before[1])),
        lambda: resource.setrlimit(resource.RLIMIT_FSIZE, before),
    )
    resource.setrlimit(resource.RLIMIT_FSIZE, before)
    signal.signal(signal.SIGXFSZ, handler)


def fill_until_refused(bench: Bench, first_slot: int) -> int:
    """Read on until the disk is so full that a telegram is refused; the slot it was of."""
    for slot in range(first_slot, first_slot + 400):
        try:
            bench.read(slot, 10 * slot, 0)
        except StoreUnavailableError:
            return slot
    raise AssertionError("the full disk refused nothing")


def test_store__disk_full__refuses_signs_nothing_and_recovers(disk: SmallDisk) -> None:
    bench = Bench(disk.folder)
    for slot in (1, 2, 3):
        bench.read(slot, 10 * slot, 0)

    disk.fill()
    refused_slot = fill_until_refused(bench, 4)
    signed = len(bench.store.signatures())
    queued = bench.outbox.count()
    with pytest.raises(StoreUnavailableError, match="make room"):
        bench.read(refused_slot, 10 * refused_slot, 0)
    assert len(bench.store.signatures()) == signed
    assert bench.outbox.count() == queued

    disk.free()
    bench.engine.advance(bench.host_now)
    bench.read(refused_slot, 10 * refused_slot, 0)
    bench.read(refused_slot + 1, 10 * refused_slot + 10, 0)

    signatures = bench.store.signatures()
    assert [s.sequence for s in signatures] == list(range(1, refused_slot + 2))
    assert bench.outbox.count() == len({s.business_key for s in signatures})


def test_store__disk_full_and_killed__restart_goes_on_from_what_was_stored(
    disk: SmallDisk,
) -> None:
    bench = Bench(disk.folder)
    bench.read(1, 10, 0)
    disk.fill()
    refused_slot = fill_until_refused(bench, 2)

    bench.outbox.close()
    disk.free()
    bench.restart()
    for slot in range(1, refused_slot + 1):
        bench.read(slot, 10 * slot, 0)

    numbers = [s.sequence for s in bench.store.signatures()]
    assert numbers == list(range(1, refused_slot + 1))


def test_store__read_only__refuses_and_recovers(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.read(1, 10, 0)
    bench.outbox.connection.execute("PRAGMA query_only = ON")

    with pytest.raises(StoreUnavailableError):
        bench.read(2, 20, 0)
    assert len(bench.store.signatures()) == 1

    bench.outbox.connection.execute("PRAGMA query_only = OFF")
    bench.read(2, 20, 0)
    assert [s.sequence for s in bench.store.signatures()] == [1, 2]


def test_service__store_refuses__sender_told_to_keep_its_telegram(tmp_path: Path) -> None:
    """What the readers rely on: MQTT messages are acknowledged only when stored."""
    from meter_bridge.service import Service

    bench = Bench(tmp_path)
    service = Service.__new__(Service)
    service._engine = bench.engine
    told: list[bool] = []
    raw = bench.telegram(DAY + 900, IMPORT_WH + 1, EXPORT_WH)
    bench.clock.time = DAY + 900
    bench.outbox.connection.execute("PRAGMA query_only = ON")

    assert not service._take([Arrival(1, Frame(raw, raw), settle=told.append)])
    bench.outbox.connection.execute("PRAGMA query_only = OFF")
    assert service._take([Arrival(1, Frame(raw, raw), settle=told.append)])

    assert told == [False, True]
    assert bench.engine.counters.store_refusals == 1

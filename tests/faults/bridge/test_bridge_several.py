"""X-21 for meters: bridges with disjoint meters work side by side, one meter twice is refused."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from energy_grid.outbox import OutboxBusyError
from meter_bridge.locks import MeterLocks
from tests.faults.bridge.feeding import Adapter
from tests.offchain.bridge.engine_bench import CONTRACT, DAY
from tests.offchain.bridge.support import (
    RELAYER_MNEMONIC_KEYS,
    MeterChain,
    write_bridge_config,
)
from tests.utils.anvil import Anvil

SLOTS = 6


@pytest.fixture
def chain(tmp_path: Path) -> Iterator[MeterChain]:
    with Anvil(arguments=("--timestamp", str(DAY - 3_600))) as anvil:
        yield MeterChain.deploy(anvil.rpc, tmp_path)


HOLDER = """
import sys
from pathlib import Path
from meter_bridge.locks import MeterLocks
locks = MeterLocks(1, sys.argv[2], Path(sys.argv[1]))
locks.acquire([1, 2, 3])
print("held", flush=True)
sys.stdin.read()
"""


def test_locks__disjoint_taken_overlap_refused__freed_with_the_process(tmp_path: Path) -> None:
    other = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path), CONTRACT],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        locks = MeterLocks(1, CONTRACT, tmp_path)
        with pytest.raises(OutboxBusyError, match="another bridge serves meter 2, 3"):
            locks.acquire([2, 3, 4])
        locks.acquire([4, 5])
        locks.release()
        MeterLocks(2, CONTRACT, tmp_path).acquire([1])
    finally:
        other.kill()
        other.communicate()
    locks.acquire(range(1, 10_001))
    locks.release()


def _until(condition: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the bridges did not bring everything to the chain"
        time.sleep(0.05)


@pytest.mark.faults_long
def test_run__two_bridges__own_meters_only_and_every_reading_once(
    chain: MeterChain, tmp_path: Path
) -> None:
    meters = chain.register(4, DAY // 900)
    adapters = [Adapter(m.meter_id, m.import_wh, m.export_wh, DAY) for m in meters]
    sources = [(m, a.url) for m, a in zip(meters, adapters, strict=True)]
    locks = tmp_path / "locks"

    def config_of(name: str, part: slice, relayer: int) -> Path:
        path = write_bridge_config(
            tmp_path / name, chain, sources[part], relayer_key=RELAYER_MNEMONIC_KEYS[relayer]
        )
        path.write_text(path.read_text().replace(f'"{tmp_path / name}"', f'"{locks}"'))
        return path

    def start(config: Path) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-m", "meter_bridge", "run", "--config", str(config)],
            stderr=(config.parent / "log").open("wb"),
            stdin=subprocess.DEVNULL,
        )

    bridges = [start(config_of("a", slice(0, 2), 0)), start(config_of("b", slice(2, 4), 1))]
    try:
        for number in range(1, SLOTS + 1):
            chain.rpc.call("evm_setNextBlockTimestamp", DAY + 900 * number + 2)
            chain.rpc.call("anvil_mine", "0x1")
            for adapter in adapters:
                adapter.add_slot(10 * number, number)
        _until(lambda: all(chain.latest(m.meter_id).sequence == SLOTS for m in meters))
        overlapping = start(config_of("c", slice(1, 3), 2))
        assert overlapping.wait(60) == 1
        assert [bridge.poll() for bridge in bridges] == [None, None]
    finally:
        for bridge in bridges:
            bridge.kill()
            bridge.wait()
        for adapter in adapters:
            adapter.close()

    refused = (tmp_path / "c" / "log").read_text()
    assert f"another bridge serves meter {meters[1].meter_id}, {meters[2].meter_id}" in refused
    assert len(chain.accepted_readings()) == SLOTS * len(meters)

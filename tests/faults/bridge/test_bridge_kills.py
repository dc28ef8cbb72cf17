"""SIGKILL at any moment: no reading lost, none twice, no boundary signed two ways.

Real bridges (`python -m meter_bridge run`) read telegrams over TCP and submit to a real SmartMeter
on Anvil, while the chain's time runs through the days. Every fourth start is a process of its own,
killed as often while it starts as while it works; the others are forked from one that has loaded
the program, and killed within a third of a second of work. In the end one more run must bring
everything to the chain.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from energy_grid import eip712
from energy_grid.rpc import Rpc
from meter_bridge.keys import DeviceKey
from tests.faults.bridge.feeding import REPLAYED_SLOTS, Adapter
from tests.faults.bridge.warm_start import WarmStart
from tests.offchain.bridge.support import (
    RELAYER_MNEMONIC_KEYS,
    MeterChain,
    TestMeter,
    write_bridge_config,
)
from tests.utils.anvil import Anvil

KILLS = int(os.environ.get("EG_FAULT_KILLS", "200"))
BRIDGES = 2
METERS_EACH = 2
LONGEST_WORK_SECONDS = 0.35
DAY_START = 20_900 * 86_400
LONGEST_LEAD_SLOTS = REPLAYED_SLOTS // 2
SEED = int(os.environ.get("EG_FAULT_SEED", "20261123"))


@dataclass
class Lane:
    """One bridge with its meters, killed from a thread of its own."""

    index: int
    config: Path
    meters: list[TestMeter]
    adapters: list[Adapter]
    kills: int
    random: random.Random
    killed_ready: int = 0
    killed_starting: int = 0
    start_seconds: list[float] = field(default_factory=list)
    failure: BaseException | None = None

    @property
    def store(self) -> Path:
        return self.config.with_name("bridge.sqlite")

    def start(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-m", "meter_bridge", "run", "--config", str(self.config)],
            stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            cwd=Path(__file__).parents[3],
        )

    def run_kills(self) -> None:
        warm = WarmStart()
        try:
            for number in range(self.kills):
                if number % 4 == 0:
                    self._start_and_kill()
                else:
                    self._start_warm_and_kill(warm)
        except BaseException as error:
            self.failure = error
        finally:
            warm.close()

    def _start_and_kill(self) -> None:
        process = self.start()
        began = time.monotonic()
        try:
            if self.start_seconds and self.random.random() < 0.5:
                time.sleep(self.random.uniform(0, self.start_seconds[-1]))
                assert process.poll() is None, _log_of(process)
                self.killed_starting += 1
                return
            self.await_ready(process)
            self.start_seconds.append(time.monotonic() - began)
            threading.Thread(target=_swallow, args=(process,), daemon=True).start()
            time.sleep(self.random.uniform(0, LONGEST_WORK_SECONDS))
            assert process.poll() is None, "the bridge ended by itself"
            self.killed_ready += 1
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait()

    def _start_warm_and_kill(self, warm: WarmStart) -> None:
        log = self.config.with_name("log")
        pid = warm.start(self.config, log)
        try:
            deadline = time.monotonic() + 60
            while '"bridge running"' not in log.read_text():
                assert warm.is_alive(pid) and time.monotonic() < deadline, log.read_text()
                time.sleep(0.005)
            time.sleep(self.random.uniform(0, LONGEST_WORK_SECONDS))
            assert warm.is_alive(pid), log.read_text()
            self.killed_ready += 1
        finally:
            if warm.is_alive(pid):
                warm.kill(pid)

    def await_ready(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stderr is not None
        lines = []
        for line in process.stderr:
            lines.append(line)
            if b'"bridge running"' in line:
                return
        raise AssertionError(b"".join(lines).decode())


def _swallow(process: subprocess.Popen[bytes]) -> None:
    assert process.stderr is not None
    for _ in process.stderr:
        pass


def _log_of(process: subprocess.Popen[bytes]) -> str:
    assert process.stderr is not None
    return process.stderr.read().decode()


class Days:
    """Lets time pass on the chain and at the meters, never faster than the bridges follow."""

    def __init__(self, chain: MeterChain, lanes: list[Lane]) -> None:
        self._rpc = Rpc(chain.rpc.url)
        self._chain = chain
        self._lanes = lanes
        self._random = random.Random(SEED)
        self._stop = threading.Event()
        self.slots = 0
        self.failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Days:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        if self.failure is not None:
            raise self.failure

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                if self.slots - self._slowest() < LONGEST_LEAD_SLOTS:
                    self._next_slot()
                self._stop.wait(0.15)
        except BaseException as error:
            self.failure = error

    def _next_slot(self) -> None:
        self.slots += 1
        self._rpc.call("evm_setNextBlockTimestamp", DAY_START + 900 * self.slots + 2)
        self._rpc.call("anvil_mine", "0x1")
        for lane in self._lanes:
            for adapter in lane.adapters:
                adapter.add_slot(self._random.randrange(2_000), self._random.randrange(2_000))

    def _slowest(self) -> int:
        contract = self._chain.smart_meter
        meters = [meter.meter_id for lane in self._lanes for meter in lane.meters]
        answers = self._rpc.batch([contract.request("latestReading", m) for m in meters])
        return min(int(contract.decode_answer("latestReading", a).sequence) for a in answers)


@pytest.fixture
def chain(tmp_path: Path) -> Iterator[MeterChain]:
    arguments = ("--timestamp", str(DAY_START - 3_600))
    with Anvil(arguments=arguments) as anvil:
        yield MeterChain.deploy(anvil.rpc, tmp_path)


@pytest.fixture
def lanes(chain: MeterChain, tmp_path: Path) -> Iterator[list[Lane]]:
    found = []
    for index in range(BRIDGES):
        meters = chain.register(METERS_EACH, DAY_START // 900)
        adapters = [Adapter(m.meter_id, m.import_wh, m.export_wh, DAY_START) for m in meters]
        config = write_bridge_config(
            tmp_path / f"bridge-{index}",
            chain,
            [(meter, adapter.url) for meter, adapter in zip(meters, adapters, strict=True)],
            relayer_key=RELAYER_MNEMONIC_KEYS[index],
        )
        own = random.Random(SEED + 1 + index)
        found.append(Lane(index, config, meters, adapters, KILLS // BRIDGES, own))
    yield found
    for lane in found:
        for adapter in lane.adapters:
            adapter.close()


@pytest.mark.timeout(600)
def test_bridge__killed_200_times__loses_nothing_and_signs_nothing_twice(
    chain: MeterChain, lanes: list[Lane]
) -> None:
    print(f"EG_FAULT_SEED={SEED}")
    began = time.monotonic()

    with Days(chain, lanes) as days:
        threads = [threading.Thread(target=lane.run_kills) for lane in lanes]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    for lane in lanes:
        if lane.failure is not None:
            raise lane.failure
    killed_after = time.monotonic() - began
    for lane in lanes:
        _finish(chain, lane, days.slots)

    print(
        f"{KILLS} kills in {killed_after:.0f} s over {days.slots} slots, "
        f"{sum(lane.killed_starting for lane in lanes)} while starting, "
        f"start {min(min(lane.start_seconds) for lane in lanes):.2f} s at best"
    )
    assert sum(lane.killed_ready + lane.killed_starting for lane in lanes) == KILLS
    assert days.slots >= KILLS // 4, "too little happened to prove anything"
    _require_every_reading_once(chain, lanes, days.slots)
    for lane in lanes:
        _require_one_signature_each(chain, lane, days.slots)
        _require_every_transaction_once(chain, lane)
    _require_no_conflicting_calls(chain)


def _finish(chain: MeterChain, lane: Lane, slots: int) -> None:
    """One run without a kill: all that is left reaches the chain, and SIGTERM ends it well."""
    process = lane.start()
    try:
        lane.await_ready(process)
        threading.Thread(target=_swallow, args=(process,), daemon=True).start()
        _wait_for(
            lambda: (
                all(chain.latest(meter.meter_id).sequence == slots for meter in lane.meters)
                and set(_outbox_states(lane)) == {"final"}
            )
        )
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.wait()


def _outbox_states(lane: Lane) -> dict[str, int]:
    connection = sqlite3.connect(lane.store)
    rows = connection.execute("SELECT state, count(*) FROM outbox_rows GROUP BY state").fetchall()
    connection.close()
    return dict(rows)


def _wait_for(condition: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the bridge did not bring everything to the chain"
        time.sleep(0.05)


def _require_every_reading_once(chain: MeterChain, lanes: list[Lane], slots: int) -> None:
    accepted = chain.accepted_readings()
    assert len(accepted) == len(lanes) * METERS_EACH * slots
    for lane in lanes:
        for adapter in lane.adapters:
            for number in range(1, slots + 1):
                event = accepted[adapter.meter_id, DAY_START + 900 * number]
                assert event.sequence == number
                assert (event.importWh, event.exportWh) == adapter.registers[number]
    assert chain.smart_meter.events("MeterQuarantined") == []
    assert chain.smart_meter.events("ReadingSkipped") == []
    assert chain.smart_meter.events("SequenceSkipped") == []


def _require_one_signature_each(chain: MeterChain, lane: Lane, slots: int) -> None:
    """The store has one snapshot and one valid signature for each boundary."""
    domain = eip712.domain(chain.chain_id, chain.smart_meter.address)
    connection = sqlite3.connect(lane.store)
    signatures = {
        (row[0], row[1]): row[2:]
        for row in connection.execute(
            "SELECT meter_id, boundary, sequence, signature FROM bridge_signatures"
        )
    }
    assert len(signatures) == len(lane.meters) * slots
    assert connection.execute("SELECT count(*) FROM bridge_candidates").fetchone() == (0,)
    for meter, adapter in zip(lane.meters, lane.adapters, strict=True):
        for number in range(1, slots + 1, 7):
            import_wh, export_wh = adapter.registers[number]
            boundary = DAY_START + 900 * number
            sequence, signature = signatures[meter.meter_id, boundary]
            message = eip712.MeterReading(
                meter.meter_id, sequence, boundary, import_wh, export_wh, 0, 230_100
            )
            assert (
                eip712.recover(message, domain, signature) == DeviceKey(meter.private_key).address
            )
    connection.close()


def _require_every_transaction_once(chain: MeterChain, lane: Lane) -> None:
    """As many transactions of the relayer as outbox rows, all final."""
    states = _outbox_states(lane)
    relayer = json.loads((lane.config.parent / "relayer.json").read_text())["address"]
    assert set(states) == {"final"}
    assert chain.rpc.nonce("0x" + relayer.removeprefix("0x")) == states["final"]


def _require_no_conflicting_calls(chain: MeterChain) -> None:
    """In all calls ever mined, one meter and boundary has one content."""
    from eth_abi import decode

    selector = chain.smart_meter.abi.selector("submitSignedReadings")
    seen: dict[tuple[int, int], Any] = {}
    head = chain.rpc.block_number()
    blocks = chain.rpc.batch([("eth_getBlockByNumber", [hex(n), True]) for n in range(head + 1)])
    for block in blocks:
        for transaction in block["transactions"]:
            data = bytes.fromhex(transaction["input"][2:])
            if data[:4] != selector:
                continue
            kind = "((uint32,uint32,uint40,uint64,uint64,uint32,uint32),bytes)[]"
            for reading, _signature in decode([kind], data[4:])[0]:
                assert seen.setdefault((reading[0], reading[2]), reading) == reading
    assert seen

"""Readiness of a running bridge: each trouble shows within 5 s, and its end (X-01, X-10)."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.faults.bridge.feeding import Adapter
from tests.offchain.bridge.engine_bench import DAY
from tests.offchain.bridge.support import MeterChain, write_bridge_config
from tests.utils.anvil import Anvil, free_port

LIMIT_SECONDS = 5.0


@pytest.fixture
def node() -> Iterator[Anvil]:
    with Anvil(arguments=("--timestamp", str(DAY - 3_600))) as anvil:
        yield anvil


class Pages:
    """The bridge's pages for operators."""

    def __init__(self, port: int) -> None:
        self._url = f"http://127.0.0.1:{port}"
        self._session = requests.Session()
        self._session.trust_env = False

    def bad(self) -> set[str] | None:
        """Parts that are not well; None if nobody answers."""
        try:
            answer = self._session.get(f"{self._url}/readyz", timeout=2)
        except requests.RequestException:
            return None
        found: dict[str, Any] = answer.json()
        assert answer.status_code == (200 if found["ready"] else 503)
        return {part["name"] for part in found["components"] if not part["good"]}

    def metrics(self) -> str:
        return self._session.get(f"{self._url}/metrics", timeout=2).text

    def wait(self, condition: Callable[[set[str] | None], bool], seconds: float) -> float:
        start = time.monotonic()
        while not condition(found := self.bad()):
            assert time.monotonic() - start < seconds, f"after {seconds} s: {found}"
            time.sleep(0.05)
        return time.monotonic() - start


@pytest.mark.faults_long
def test_ready__source_and_node_go_and_come_back__shown_within_5_s(
    node: Anvil, tmp_path: Path
) -> None:
    chain = MeterChain.deploy(node.rpc, tmp_path)
    (meter,) = chain.register(1, DAY // 900)
    adapter = Adapter(meter.meter_id, meter.import_wh, meter.export_wh, DAY)
    port = free_port()
    config = write_bridge_config(
        tmp_path / "b", chain, [(meter, adapter.url)], extra=f"[ops]\nport = {port}"
    )
    bridge = subprocess.Popen(
        [sys.executable, "-m", "meter_bridge", "run", "--config", str(config)],
        stderr=(tmp_path / "log").open("wb"),
        stdin=subprocess.DEVNULL,
    )
    pages = Pages(port)
    try:
        pages.wait(lambda bad: bad == set(), 60)
        chain.rpc.call("evm_setNextBlockTimestamp", DAY + 902)
        chain.rpc.call("anvil_mine", "0x1")
        adapter.add_slot(5, 1)
        pages.wait(lambda _: 'eg_bridge_signed_total{form="reading"} 1.0' in pages.metrics(), 20)

        adapter.close()
        assert pages.wait(lambda bad: bad == {"sources"}, 20) < LIMIT_SECONDS
        again = Adapter(meter.meter_id, meter.import_wh, meter.export_wh, DAY, adapter.port)
        pages.wait(lambda bad: bad == set(), 40)

        node.process.send_signal(signal.SIGSTOP)
        stopped = pages.wait(lambda bad: bad is not None and "node" in bad, 20)
        node.process.send_signal(signal.SIGCONT)
        pages.wait(lambda bad: bad == set(), 60)
        again.close()
    finally:
        node.process.send_signal(signal.SIGCONT)
        bridge.kill()
        bridge.wait()
        adapter.close()

    assert stopped < LIMIT_SECONDS

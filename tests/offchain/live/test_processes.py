"""Processes by pid file.

of / read
├── a running one: itself, alive
├── ended: not alive
├── another process with the number: not alive
└── broken or missing file: none
end
└── one that will not end: killed
"""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace

import pytest

from simulation.live.processes import Process

STUBBORN = (
    "import signal, time; signal.signal(15, signal.SIG_IGN); print(flush=True); time.sleep(60)"
)


@pytest.fixture
def child():
    process = subprocess.Popen([sys.executable, "-c", STUBBORN], stdout=subprocess.PIPE)
    process.stdout.readline()
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def test_read__own_process__is_alive(tmp_path):
    itself = Process.of(os.getpid())
    itself.write(tmp_path / "own.pid")

    found = Process.read(tmp_path / "own.pid")

    assert found == itself
    assert found.is_alive
    assert found.memory_bytes > 1_000_000


def test_is_alive__number_reused__is_false():
    itself = Process.of(os.getpid())

    assert not replace(itself, started=itself.started - 1).is_alive


@pytest.mark.parametrize("content", ["", "{}", '{"pid": "x", "started": 1}', "[1]"])
def test_read__broken_file__is_none(tmp_path, content):
    (tmp_path / "broken.pid").write_text(content)

    assert Process.read(tmp_path / "broken.pid") is None
    assert Process.read(tmp_path / "missing.pid") is None


def test_end__ignores_the_request__is_killed(child):
    process = Process.of(child.pid)

    process.end(0.3)

    assert not process.is_alive

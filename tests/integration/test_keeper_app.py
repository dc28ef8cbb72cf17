"""Keepers on silverback as processes: in memory on a chain that mines, and over Redis.

In memory: blocks wake it, the outbox sends, SIGTERM ends it in order
Redis: a worker is killed in the middle of a task; another one takes over; every effect once
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests
from eth_keyfile.keyfile import create_keyfile_json

from energy_grid.ids import Side
from energy_grid.outbox import Outbox, State
from energy_grid.products import Period, Product
from tests.integration.engine_world import EAST, PASSWORD, EngineWorld, tomorrow
from tests.utils.anvil import Anvil, free_port
from tests.utils.deploying import test_account

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 240.0
"""ape takes seconds to import, and much longer on a computer with other work."""


@pytest.fixture
def world(tmp_path):
    with Anvil() as anvil:
        world = EngineWorld(anvil, tmp_path)
        world.producer("sun", EAST)
        world.trader("buyer", EAST)
        yield world


def environment(world, index=6, **changes):
    """Settings of a keeper as a process of its own."""
    keystore, password = world.folder / f"key{index}.json", world.folder / "password"
    account = test_account(index)
    world.anvil.rpc.call("anvil_setBalance", account.address, hex(10**24))
    keystore.write_text(
        json.dumps(create_keyfile_json(bytes(account.key), PASSWORD.encode(), iterations=2))
    )
    password.write_text(PASSWORD)
    given = {name: value for name, value in os.environ.items() if not name.startswith("EG_")}
    return given | {
        "EG_RPC_URL": world.anvil.url,
        "EG_CHAIN_ID": str(world.anvil.chain_id),
        "EG_DEPLOYMENTS_FOLDER": str(world.folder),
        "EG_KEEPER_KEYSTORE": str(keystore),
        "EG_KEEPER_PASSWORD_FILE": str(password),
        "EG_KEEPER_FOLDER": str(world.folder),
        "EG_KEEPER_CONFIRMATIONS": "0",
        "EG_KEEPER_POLL_SECONDS": "0.1",
        "EG_KEEPER_RETRY_SECONDS": "0.2",
        "EG_KEEPER_HEAD_SECONDS": "0",
        "EG_KEEPER_LOCK_FOLDER": str(world.folder),
        **changes,
    }


@contextmanager
def running(command, name, settings, folder, tag):
    """A process of the command line, its log in a file; killed at the end if it still runs."""
    port = free_port()
    log = (folder / f"{tag}.log").open("w+")
    process = subprocess.Popen(
        [sys.executable, "-m", "oracles", command, name],
        cwd=ROOT,
        env={**settings, "EG_OPS_PORT": str(port)},
        stderr=log,
        stdout=log,
    )
    process.ready = f"http://127.0.0.1:{port}/readyz"
    process.log = folder / f"{tag}.log"
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        log.close()


def until(condition, process, seconds=START_SECONDS):
    deadline = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None, process.log.read_text()[-3_000:]
        assert time.monotonic() < deadline, process.log.read_text()[-3_000:]
        time.sleep(0.1)


def is_ready(process):
    try:
        return requests.get(process.ready, timeout=2).json()["ready"]
    except (requests.RequestException, ValueError):
        return False


def cross(world, slot, lots=20):
    """Two orders that match."""
    product = Product.continuous(EAST, Period.QUARTER_HOUR, slot)
    world.order("buyer", product, Side.BUY, lots, 200)
    world.order("sun", product, Side.SELL, lots, 200)


def matches(world):
    """Trades so far; the chain goes on meanwhile, as chains do."""
    world.anvil.rpc.call("evm_mine")
    return len(world.events("OrdersMatched"))


def nonce(world, index=6):
    return world.anvil.rpc.nonce(test_account(index).address)


def test_app__in_memory__woken_by_blocks_and_ends_in_order(world):
    slot = tomorrow(world)
    settings = environment(world)
    cross(world, slot)
    with running("run", "matching", settings, world.folder, "first") as process:
        until(lambda: matches(world) == 1, process)
        until(lambda: is_ready(process), process)
        cross(world, slot + 1)
        until(lambda: matches(world) == 2, process)
        process.send_signal(signal.SIGTERM)
        assert process.wait(120) == 0, process.log.read_text()[-3_000:]
    lines = [json.loads(line) for line in process.log.read_text().splitlines()]
    assert any(line["event"] == "keeper left its seat" for line in lines)

    assert nonce(world) == len(Outbox(world.folder / "matching.sqlite").rows()) == 2
    assert not (ROOT / ".silverback-sessions").exists()


BLOCKS_WITHOUT_A_START_UP_TASK = """
import asyncio, json, sys
import ape
from oracles.runtime.bot import ON_BLOCK, make_bot
from oracles.runtime.config import KeeperSettings

class Seat:
    sources = []
    def look(self, source):
        self.sources.append(source)
        return {}

url, chain_id, block = sys.argv[1], int(sys.argv[2]), json.loads(sys.argv[3])
with ape.networks.parse_network_choice(f"ethereum:local:{url}"):
    bot = make_bot("matching", KeeperSettings(rpc_url=url, chain_id=chain_id), Seat())
    task = bot.broker.find_task("matching" + ON_BLOCK)
    for _ in range(5):
        asyncio.run(task.original_func(block))
print(*Seat.sources)
"""


def test_bot__worker_that_did_not_take_the_start_up_task__handles_blocks(world):
    """Silverback's state is there before the task that loads it; in a process of its own, since
    ape keeps its connection."""
    rpc = world.anvil.rpc
    block = json.dumps(rpc.call("eth_getBlockByNumber", "latest", False))
    arguments = [world.anvil.url, str(world.anvil.chain_id), block]

    done = subprocess.run(
        [sys.executable, "-c", BLOCKS_WITHOUT_A_START_UP_TASK, *arguments],
        cwd=ROOT, capture_output=True, text=True, timeout=START_SECONDS, check=False,
    )  # fmt: skip

    assert done.stdout.splitlines()[-1:] == ["block " * 4 + "block"], done.stderr[-3_000:]


@contextmanager
def redis_server(folder):
    program = shutil.which("redis-server")
    port = free_port()
    process = subprocess.Popen(
        [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no",
         "--dir", str(folder)],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        process.kill()
        process.wait()


@pytest.mark.server("redis-server")
@pytest.mark.faults_long
def test_app__redis_and_worker_killed_in_a_task__another_takes_over_and_nothing_twice(world):
    slot = tomorrow(world)
    with redis_server(world.folder) as url:
        settings = environment(world, EG_KEEPER_REDIS_URL=url)
        with (
            running("worker", "matching", settings, world.folder, "worker 1") as first,
            running("run", "matching", settings, world.folder, "runner") as runner,
            running("worker", "matching", settings, world.folder, "worker 2") as second,
        ):
            until(lambda: is_ready(first) or is_ready(second), runner)
            cross(world, slot)
            until(lambda: matches(world) == 1, runner)
            holder, other = (first, second) if is_ready(first) else (second, first)

            # The worker with the key dies while the node keeps it waiting in a look.
            world.anvil.process.send_signal(signal.SIGSTOP)
            time.sleep(1.0)
            holder.kill()
            world.anvil.process.send_signal(signal.SIGCONT)
            killed_at = time.monotonic()
            cross(world, slot + 1)
            until(lambda: matches(world) == 2, other)
            until(lambda: is_ready(other), other)
            assert time.monotonic() - killed_at < START_SECONDS / 2
            assert runner.poll() is None

            outbox = Outbox(world.folder / "matching.sqlite")
            until(lambda: outbox.count(State.FINAL) == 2, other)
            assert nonce(world) == len(outbox.rows()) == 2

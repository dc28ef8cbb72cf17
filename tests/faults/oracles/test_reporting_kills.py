"""SIGKILL at any moment: five reporters and a collector as processes, on a whole deployment.

Each step is a heartbeat of the chain. One process dies somewhere in it and is started again. In the
end every feed has one round for each heartbeat, no reporter has contradicted itself, and nobody has
sent a transaction that did nothing.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account

from energy_grid.contracts import Contracts
from energy_grid.feeds import Feed, FeedKind, FeedStatus
from energy_grid.units import Zone
from oracles.reporting.oracles import oracle_of_kind
from tests.utils.anvil import Anvil, free_port
from tests.utils.deploying import deploy_on, test_account

KILLS = int(os.environ.get("EG_FAULT_KILLS", "200")) // 20
SEED = int(os.environ.get("EG_FAULT_SEED", "20261123"))
STEP_SECONDS = 300.0
START = 1_900_000_800
REPORTER_ACCOUNTS = (5, 6, 7, 8, 9)
COLLECTOR_ACCOUNT = 4
PASSWORD = "kill-me"
STATE: dict[str, Any] = {
    "demand_w": 48_210,
    "frequency_millihz": 50_000,
    "temperature_centicelsius": -250,
    "market_price_per_kwh": -107_300,
    "expected_supply_w": {"4": 13_100},
}
FEEDS = (
    Feed(FeedKind.DEMAND, Zone(1)),
    Feed(FeedKind.FREQUENCY, Zone(1)),
    Feed(FeedKind.TEMPERATURE, Zone(1)),
    Feed(FeedKind.MARKET_PRICE, Zone(1)),
    Feed(FeedKind.EXPECTED_SUPPLY, Zone(1), 4),
)


class Town:
    """The processes, their files, and the chain between them."""

    def __init__(self, anvil: Anvil, folder: Path) -> None:
        self.anvil = anvil
        self.folder = folder
        anvil.advance_to(START - 3_600)
        deployment = deploy_on(anvil.rpc, folder / "deployments", timeout_seconds=120).deployment
        self.contracts = Contracts.load(deployment, anvil.rpc)
        self.port = free_port()
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        (folder / "password").write_text(PASSWORD)
        (folder / "sources.json").write_text(
            json.dumps(
                {
                    "sources": {"twin": {"type": "simulation", "path": "state.json"}},
                    "feeds": [
                        {
                            "kind": feed.kind.name.lower(),
                            "zone": feed.zone,
                            "horizons": [feed.horizon_slots],
                            "sources": ["twin"],
                        }
                        for feed in FEEDS
                    ],
                }
            )
        )

    def step(self, now: int) -> None:
        """Let the chain and the world be at a time."""
        part = self.folder / "state.part"
        part.write_text(
            json.dumps({"schema": "energy-grid/state/1", "time": now, "zones": {"1": STATE}})
        )
        part.replace(self.folder / "state.json")
        self.anvil.advance_to(now)

    def start(self, name: str) -> None:
        kind, _, number = name.partition("-")
        account = test_account(int(number) if number else COLLECTOR_ACCOUNT)
        home = self.folder / name
        home.mkdir(exist_ok=True)
        keystore = home / "key.json"
        if not keystore.exists():
            encrypted = Account.encrypt(account.key, PASSWORD, kdf="pbkdf2", iterations=1_000)
            keystore.write_text(json.dumps(encrypted))
        environment = {
            **os.environ,
            "EG_RPC_URL": self.anvil.url,
            "EG_DEPLOYMENTS_FOLDER": str(self.folder / "deployments"),
            "EG_KEEPER_KEYSTORE": str(keystore),
            "EG_KEEPER_PASSWORD_FILE": str(self.folder / "password"),
            "EG_KEEPER_FOLDER": str(home),
            "EG_KEEPER_LOCK_FOLDER": str(self.folder),
            "EG_KEEPER_POLL_SECONDS": "0.2",
            "EG_KEEPER_CONFIRMATIONS": "1",
            "EG_KEEPER_HEAD_SECONDS": "0",
            "EG_KEEPER_RETRY_SECONDS": "1",
            "EG_OPS_PORT": "0",
            "EG_COLLECTOR_PORT": str(self.port),
            "EG_COLLECTOR_WAIT_SECONDS": "0.2",
            "EG_REPORTER_SOURCES": str(self.folder / "sources.json"),
            "EG_REPORTER_COLLECTORS": f"http://127.0.0.1:{self.port}",
        }
        with (home / "log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                [sys.executable, "-m", "oracles", "run", kind, "--loop"],
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                env=environment,
                cwd=Path(__file__).parents[3],
            )

    def kill(self, name: str) -> None:
        process = self.processes.pop(name)
        assert process.poll() is None, (self.folder / name / "log").read_text()[-2_000:]
        process.send_signal(signal.SIGKILL)
        process.wait()

    def close(self) -> None:
        for process in self.processes.values():
            process.kill()
            process.wait()

    def rounds(self, feed: Feed) -> list[int]:
        contract = self.contracts[oracle_of_kind(feed.kind)]
        events = contract.events("RoundPublished")
        return [event.round for event in events if event.feedId == feed.id]

    def await_rounds(self, count: int) -> None:
        deadline = time.monotonic() + STEP_SECONDS
        while any(len(self.rounds(feed)) < count for feed in FEEDS):
            assert time.monotonic() < deadline, self.logs()
            for name, process in self.processes.items():
                assert process.poll() is None, (name, self.logs())
            time.sleep(0.1)

    def logs(self) -> str:
        parts = []
        for name in self.processes:
            with contextlib.suppress(OSError):
                parts.append(f"{name}: {(self.folder / name / 'log').read_text()[-600:]}")
        return "\n".join(parts)


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Town]:
    with Anvil() as anvil:
        found = Town(anvil, tmp_path)
        yield found
        found.close()


@pytest.mark.faults_long
@pytest.mark.timeout(3_600)
def test_kills__any_process_any_moment__each_round_once(town: Town) -> None:
    names = ["collector", *(f"reporter-{number}" for number in REPORTER_ACCOUNTS)]
    chance = random.Random(SEED)
    town.step(START)
    for name in names:
        town.start(name)
    town.await_rounds(1)

    for kill in range(KILLS):
        town.step(START + 900 * (kill + 1))
        time.sleep(chance.uniform(0, 0.8))
        victim = chance.choice(names)
        town.kill(victim)
        town.start(victim)
        town.await_rounds(kill + 2)

    for feed in FEEDS:
        found = town.rounds(feed)
        assert found == sorted(set(found))
        assert len(found) == KILLS + 1, (feed, Counter(found))
        value, _, status = town.contracts[oracle_of_kind(feed.kind)].call("read", feed.id)
        assert FeedStatus(status) is FeedStatus.OK
        assert value != 0
    town.close()
    with sqlite3.connect(town.folder / "collector" / "collector.sqlite") as store:
        assert store.execute("SELECT count(*) FROM evidence").fetchone()[0] == 0
        failed = store.execute(
            "SELECT business_key, failure FROM outbox_rows WHERE state = 'failed'"
        ).fetchall()
    assert not failed
    for number in REPORTER_ACCOUNTS:
        with sqlite3.connect(town.folder / f"reporter-{number}" / "reporter.sqlite") as store:
            signed, different = store.execute(
                "SELECT count(*), count(DISTINCT oracle || feed_id || ':' || round) FROM signed"
            ).fetchone()
        assert signed == different

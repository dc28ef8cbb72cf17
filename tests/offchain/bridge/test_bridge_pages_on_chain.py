"""A bridge that reports meters in pages, as a process, against the real contract."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from eth_keys.datatypes import PrivateKey

from meter_bridge.cli import cli
from meter_bridge.privacy.boxes import create_recipient
from meter_bridge.privacy.keyring import Keyring
from tests.faults.bridge.feeding import Adapter
from tests.offchain.bridge.engine_bench import DAY
from tests.offchain.bridge.support import (
    RELAYER_MNEMONIC_KEYS,
    MeterChain,
    send,
    write_bridge_config,
)
from tests.utils.anvil import Anvil

SLOTS = 4
BRIDGE = PrivateKey(bytes.fromhex(RELAYER_MNEMONIC_KEYS[0])).public_key.to_checksum_address()


@pytest.fixture
def chain(tmp_path: Path) -> Iterator[MeterChain]:
    with Anvil(arguments=("--timestamp", str(DAY - 3_600))) as anvil:
        yield MeterChain.deploy(anvil.rpc, tmp_path)


def _until(condition: Callable[[], bool], seconds: float = 180) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the bridge did not bring everything to the chain"
        time.sleep(0.05)


def _keys(folder: Path) -> str:
    """Configuration of an encrypted bridge whose pages are sealed for an operator."""
    Keyring.create(folder / "store.key")
    (folder / "operator.pub").write_text(create_recipient(folder / "operator").public_key.hex())
    return (
        f'operator_key_file = "{folder / "operator.pub"}"\n'
        f'[privacy]\nkey_file = "{folder / "store.key"}"'
    )


def _pass(chain: MeterChain, unix: int) -> None:
    chain.rpc.call("evm_setNextBlockTimestamp", unix)
    chain.rpc.call("anvil_mine", "0x1")


@pytest.mark.parametrize("is_sealed", [False, True], ids=["plain", "encrypted"])
def test_run__page_mode__joins_commits_shows_signatures_on_demand_and_reveals(
    chain: MeterChain, tmp_path: Path, is_sealed: bool
) -> None:
    meters = chain.register(3, DAY // 900)
    contract = chain.smart_meter
    send(chain.rpc, chain.deployer, contract.address, contract.encode("appointBridge", BRIDGE))
    adapters = [Adapter(m.meter_id, m.import_wh, m.export_wh, DAY) for m in meters]
    config = write_bridge_config(
        tmp_path / "b",
        chain,
        [(m, a.url) for m, a in zip(meters, adapters, strict=True)],
        mode="page",
        extra=f'[pages]\nexport_folder = "{tmp_path / "export"}"\n'
        + (_keys(tmp_path / "keys") if is_sealed else ""),
    )
    bridge = subprocess.Popen(
        [sys.executable, "-m", "meter_bridge", "run", "--config", str(config)],
        stderr=(tmp_path / "log").open("wb"),
        stdin=subprocess.DEVNULL,
    )
    try:
        _until(lambda: all(contract.call("pageMeter", m.meter_id).bridge == BRIDGE for m in meters))
        # What arrives before the bridge has seen that goes out as a signed reading.
        _until(lambda: (tmp_path / "log").read_text().count('"in_pages": true') == len(meters))
        for number in range(1, SLOTS + 1):
            _pass(chain, DAY + 900 * number + 2)
            for adapter in adapters:
                adapter.add_slot(10 * number, number)
            _until(lambda n=number: len(contract.events("PageCommitted")) == n)
        assert [chain.latest(m.meter_id).sequence for m in meters] == [0, 0, 0]
        if is_sealed:
            # The bridge runs on while its key is changed under it.
            rotated = CliRunner().invoke(cli, ["privacy", "rotate", "--config", str(config)])
            assert "data keys wrapped anew" in rotated.output
            _until(lambda: len(list((tmp_path / "export").glob("*.json"))) == SLOTS)
            first = tmp_path / "export" / f"{DAY + 900}-0.sealed.json"
            key = str(tmp_path / "keys" / "operator")
            opened = CliRunner().invoke(cli, ["privacy", "open", str(first), "--key", key])
            readings = json.loads(opened.output)["readings"]
            assert [r["signedBy"] for r in readings] == [m.key.address for m in meters]
        page = CliRunner().invoke(
            cli, ["page", f"{DAY + 900}/0", "--json", "--config", str(config)]
        )
        committed = contract.events("PageCommitted")[0]

        doubted = meters[1].meter_id
        order = contract.encode("orderSignature", doubted, DAY + 1_800)
        send(chain.rpc, chain.deployer, contract.address, order)
        _until(lambda: chain.latest(doubted).sequence == 2)
        exported = sorted(path.name for path in (tmp_path / "export").iterdir())

        _pass(chain, DAY + 900 * SLOTS + 3_700)
        _until(lambda: all(chain.latest(m.meter_id).sequence == SLOTS for m in meters))
        _until(lambda: list((tmp_path / "export").iterdir()) == [])
    finally:
        bridge.kill()
        bridge.wait()
        for adapter in adapters:
            adapter.close()

    document = json.loads(page.output)
    assert document["pageHash"] == "0x" + bytes(committed.pageHash).hex()
    assert [entry["meterId"] for entry in document["readings"]] == [m.meter_id for m in meters]
    end = "sealed.json" if is_sealed else "json"
    assert exported == [f"{DAY + 900 * n}-0.{end}" for n in range(1, SLOTS + 1)]
    for meter, adapter in zip(meters, adapters, strict=True):
        latest = chain.latest(meter.meter_id)
        assert (latest.importWh, latest.exportWh) == adapter.registers[SLOTS]
        for slot in range(SLOTS):
            before, after = adapter.registers[slot : slot + 2]
            energy = contract.call("slotEnergy", meter.meter_id, DAY // 900 + slot)
            assert tuple(energy) == (after[0] - before[0], after[1] - before[1], 1)
    assert set(chain.accepted_readings()) == {(doubted, DAY + 900), (doubted, DAY + 1_800)}
    skipped = contract.events("PageEntrySkipped")
    assert [(event.meterId, event.boundary) for event in skipped] == [
        (doubted, DAY + 900),
        (doubted, DAY + 1_800),
    ]
    assert sum(event.accepted for event in contract.events("PageRevealed")) == 3 * SLOTS - 2

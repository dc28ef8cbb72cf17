"""The bridge against the real SmartMeter: registration, lookup, checks, a whole day."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from energy_grid.day_words import LaneWidth
from meter_bridge.chain import ChainRegistry
from meter_bridge.cli import cli
from meter_bridge.errors import RegistryError
from meter_bridge.registration import MeterKind
from meter_bridge.registry import RegisteredMeter, slot_cap_wh
from tests.faults.bridge.feeding import Adapter
from tests.offchain.bridge.support import PASSWORD, MeterChain, send, write_bridge_config
from tests.utils.anvil import Anvil

DAY = 20_900 * 86_400


@pytest.fixture(scope="module")
def node() -> Iterator[Anvil]:
    with Anvil(arguments=("--timestamp", str(DAY - 3_600))) as anvil:
        yield anvil


@pytest.fixture
def chain(node: Anvil, tmp_path: Path) -> Iterator[MeterChain]:
    snapshot = node.snapshot()
    yield MeterChain.deploy(node.rpc, tmp_path)
    node.revert(snapshot)


def found_of(chain: MeterChain, meter_id: int) -> RegisteredMeter | RegistryError:
    return ChainRegistry(chain.smart_meter, chain.rpc).meters([meter_id])[meter_id]


def test_keys_register__printed_signature__taken_by_the_contract(
    chain: MeterChain, tmp_path: Path
) -> None:
    (tmp_path / "password").write_text(PASSWORD)
    runner = CliRunner()
    secret = ["--password-file", str(tmp_path / "password")]
    address = runner.invoke(cli, ["keys", "new", str(tmp_path / "m.json"), *secret]).output.strip()
    result = runner.invoke(
        cli,
        [
            *("keys", "register", str(tmp_path / "m.json"), *secret),
            *("--deployment", str(chain.deployment_path), "--owner", chain.deployer),
            *("--zone", "1", "--kind", "CONNECTION_WITH_STORAGE", "--rated-import-w", "12000"),
            *("--rated-export-w", "9000", "--first-boundary", str(DAY)),
            *("--import-wh", "5", "--export-wh", "70"),
        ],
    )
    assert result.exit_code == 0, result.output
    printed = json.loads(result.output)

    registration = printed["registration"]
    digest = chain.smart_meter.call("registrationDigest", registration)
    assert "0x" + digest.hex() == printed["digest"]
    assert registration["kind"] == MeterKind.CONNECTION_WITH_STORAGE
    data = chain.smart_meter.encode("registerMeter", registration, printed["signature"])
    send(chain.rpc, chain.deployer, chain.smart_meter.address, data)
    found = found_of(chain, chain.smart_meter.call("meterOf", address))
    assert isinstance(found, RegisteredMeter)
    assert (found.rated_import_w, found.rated_export_w) == (12_000, 9_000)


def test_keys_register__announce__is_taken_by_the_contract(
    chain: MeterChain, tmp_path: Path
) -> None:
    (old,) = chain.register(1, DAY // 900)
    (tmp_path / "password").write_text(PASSWORD)
    runner = CliRunner()
    secret = ["--password-file", str(tmp_path / "password")]
    key = str(tmp_path / "new.json")
    assert runner.invoke(cli, ["keys", "new", key, *secret]).exit_code == 0
    info = chain.smart_meter.call("meterInfo", old.meter_id)
    call = [
        *("keys", "register", key, *secret, "--deployment", str(chain.deployment_path)),
        *("--owner", info.owner, "--zone", str(info.zone)),
        *("--rated-import-w", "12000", "--rated-export-w", "9000"),
    ]

    result = runner.invoke(cli, [*call, "--announce"])
    assert result.exit_code == 0, result.output
    printed = json.loads(result.output)

    announced = (old.meter_id, printed["registration"], printed["signature"])
    data = chain.smart_meter.encode("announceSuccession", *announced)
    send(chain.rpc, chain.deployer, chain.smart_meter.address, data)
    found = chain.smart_meter.call("successionOf", old.meter_id)
    assert "0x" + found.termsHash.hex() == printed["digest"]
    for wrong in ([], ["--announce", "--import-wh", "5"], ["--first-boundary", str(DAY)]):
        refused = runner.invoke(cli, [*call, *wrong])
        assert (refused.exit_code, "expected either --announce" in refused.output) == (2, True)


def test_registry__registered_meter__caps_lanes_and_baseline(chain: MeterChain) -> None:
    (narrow,) = chain.register(1, DAY // 900, rated_w=59_578, import_wh=77, export_wh=33)
    (wide,) = chain.register(1, DAY // 900, rated_w=59_579)

    found = found_of(chain, narrow.meter_id)

    assert isinstance(found, RegisteredMeter)
    assert found.device_key == narrow.key.address
    assert found.is_active
    assert found.lane_width is LaneWidth.NARROW
    assert found.latest.sequence == 0
    assert found.latest.registers.boundary == DAY == found.baseline_at
    assert (found.latest.registers.import_wh, found.latest.registers.export_wh) == (77, 33)
    assert found.sequence_at(DAY + 1_800) == 2
    other = found_of(chain, wide.meter_id)
    assert isinstance(other, RegisteredMeter)
    assert other.lane_width is LaneWidth.WIDE


@pytest.mark.parametrize("rated_w", [1, 4, 17_250, 20_000, 59_578, 65_001])
def test_slot_cap__as_the_contract__to_the_wh(chain: MeterChain, rated_w: int) -> None:
    """The largest energy the bridge lets through is the largest the chain takes."""
    from energy_grid import eip712

    (meter,) = chain.register(1, DAY // 900, rated_w=rated_w)
    cap_wh = slot_cap_wh(rated_w)
    domain = eip712.domain(chain.chain_id, chain.smart_meter.address)
    chain.rpc.call("evm_setNextBlockTimestamp", DAY + 901)
    chain.rpc.call("anvil_mine", "0x1")

    def taken(moved_wh: int) -> bool:
        message = eip712.MeterReading(
            meter.meter_id, 1, DAY + 900, meter.import_wh + moved_wh, meter.export_wh
        )
        signature = meter.key.sign(message, domain)
        data = chain.smart_meter.encode("submitSignedReading", message.as_tuple(), signature)
        answer: list[Any] = chain.rpc.batch(
            [
                (
                    "eth_call",
                    [{"to": chain.smart_meter.address, "data": "0x" + data.hex()}, "latest"],
                )
            ],
            return_errors=True,
        )
        return isinstance(answer[0], str)

    assert taken(cap_wh)
    assert not taken(cap_wh + 1)


def test_registry__unknown_meter__names_the_remedy(chain: MeterChain) -> None:
    found = found_of(chain, 999)

    assert isinstance(found, RegistryError)
    assert "UnknownMeter" in str(found)
    assert "keys register" in str(found)


def test_check__everything_wrong__each_named_and_exit_1(chain: MeterChain, tmp_path: Path) -> None:
    (meter,) = chain.register(1, DAY // 900)
    config = write_bridge_config(tmp_path / "b", chain, [(meter, "tcp://127.0.0.1:1")])
    config.write_text(config.read_text().replace(f"id = {meter.meter_id}", "id = 4242"))

    result = CliRunner().invoke(cli, ["check", "--json", "--config", str(config)])

    document = json.loads(result.output)
    by_name = {check["name"]: check for check in document["checks"]}
    assert result.exit_code == 1
    assert not document["good"]
    assert by_name["node"]["good"] and by_name["deployment"]["good"] and by_name["store"]["good"]
    assert "UnknownMeter" in by_name["meter 4242: key"]["detail"]
    assert not by_name["meter 4242: source"]["good"]


def test_check__no_node__named(chain: MeterChain, tmp_path: Path) -> None:
    (meter,) = chain.register(1, DAY // 900)
    config = write_bridge_config(tmp_path / "b", chain, [(meter, "tcp://127.0.0.1:1")])

    result = CliRunner().invoke(
        cli,
        ["check", "--json", "--config", str(config)],
        env={"EG_BRIDGE_CHAIN__RPC_URL": "http://127.0.0.1:1"},
    )

    checks = {check["name"]: check for check in json.loads(result.output)["checks"]}
    assert not checks["node"]["good"]
    assert "anvil" in checks["node"]["detail"]


def test_check__deployment_of_another_chain__named(chain: MeterChain, tmp_path: Path) -> None:
    (meter,) = chain.register(1, DAY // 900)
    config = write_bridge_config(tmp_path / "b", chain, [(meter, "tcp://127.0.0.1:1")])

    result = CliRunner().invoke(
        cli,
        ["check", "--json", "--config", str(config)],
        env={"EG_BRIDGE_CHAIN__CHAIN_ID": "999"},
    )

    checks = {check["name"]: check for check in json.loads(result.output)["checks"]}
    assert not checks["chain id"]["good"]
    assert not checks["deployment"]["good"]


def test_run__a_day_in_both_modes__on_chain_to_the_wh(chain: MeterChain, tmp_path: Path) -> None:
    singles = chain.register(2, DAY // 900)
    days = chain.register(2, DAY // 900)
    meters = [*singles, *days]
    adapters = [Adapter(m.meter_id, m.import_wh, m.export_wh, DAY) for m in meters]
    sources = [(m, a.url) for m, a in zip(meters, adapters, strict=True)]
    config = write_bridge_config(tmp_path / "b", chain, sources)
    blocks = config.read_text().split("[[meter]]")
    for index in (3, 4):
        blocks[index] = blocks[index].replace('mode = "single"', 'mode = "day"')
    config.write_text("[[meter]]".join(blocks))
    process = subprocess.Popen(
        [sys.executable, "-m", "meter_bridge", "run", "--config", str(config)],
        stderr=(tmp_path / "log").open("wb"),
        stdin=subprocess.DEVNULL,
    )
    try:
        for number in range(1, 97):
            chain.rpc.call("evm_setNextBlockTimestamp", DAY + 900 * number + 2)
            chain.rpc.call("anvil_mine", "0x1")
            for index, adapter in enumerate(adapters):
                adapter.add_slot(7 * number % 991 + index, 3 * number % 97)
            if number % 16 == 0:
                _wait_until(
                    lambda n=number: all(chain.latest(m.meter_id).sequence == n for m in singles)
                )
        _wait_until(lambda: all(chain.latest(m.meter_id).sequence == 96 for m in meters))
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.wait()
        for adapter in adapters:
            adapter.close()
    for meter, adapter in zip(meters, adapters, strict=True):
        latest = chain.latest(meter.meter_id)
        assert (latest.importWh, latest.exportWh) == adapter.registers[96]
        for slot in (0, 40, 95):
            before, after = adapter.registers[slot : slot + 2]
            energy = chain.smart_meter.call("slotEnergy", meter.meter_id, DAY // 900 + slot)
            assert tuple(energy) == (after[0] - before[0], after[1] - before[1], 1)
    assert len(chain.smart_meter.events("MeterDayAccepted")) == len(days)
    assert len(chain.accepted_readings()) == 96 * len(singles)


def test_run__second_bridge_on_one_store__refused(chain: MeterChain, tmp_path: Path) -> None:
    (meter,) = chain.register(1, DAY // 900)
    config = write_bridge_config(tmp_path / "b", chain, [(meter, "tcp://127.0.0.1:1")])
    command = [sys.executable, "-m", "meter_bridge", "run", "--config", str(config)]
    first = subprocess.Popen(command, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL)
    try:
        assert first.stderr is not None
        while b"bridge running" not in (line := first.stderr.readline()):
            assert line, "the bridge ended"
        second = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    finally:
        first.kill()
        first.wait()
        first.stderr.close()

    assert second.returncode == 1
    assert "in use by another process" in second.stderr


def _wait_until(condition: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the bridge did not bring everything to the chain"
        time.sleep(0.05)


def test_send__support__requires_success(chain: MeterChain) -> None:
    """The support of these tests must not hide a revert."""
    with pytest.raises(AssertionError, match="reverted"):
        send(chain.rpc, chain.deployer, chain.smart_meter.address, b"\xde\xad\xbe\xef")

"""X-11: the same telegram again, another content for the same boundary, a key that signs twice."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from energy_grid import eip712
from energy_grid.eip712 import MeterReading
from meter_bridge.chain import ChainRegistry
from tests.offchain.bridge.engine_bench import DAY, EXPORT_WH, IMPORT_WH, Bench
from tests.offchain.bridge.support import MeterChain, send
from tests.utils.anvil import Anvil


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_x11__same_telegram_a_hundred_times_and_after_restarts__one_reading(bench: Bench) -> None:
    raw = bench.telegram(DAY + 901, IMPORT_WH + 5, EXPORT_WH + 1)
    for _ in range(4):
        bench.arrive(*([raw] * 25), at=DAY + 905)
        bench.restart()

    assert len(bench.readings()) == 1
    assert len(bench.outbox.rows()) == 1


def test_x11__other_content_for_a_signed_boundary__never_signed(bench: Bench) -> None:
    bench.read(1, 5, 1)
    signed = bench.store.signatures()
    for wh in range(6, 30):
        bench.arrive(bench.telegram(DAY + 900, IMPORT_WH + wh, EXPORT_WH + 1), at=DAY + 905)
    bench.restart()
    bench.arrive(bench.telegram(DAY + 900, IMPORT_WH + 99, EXPORT_WH + 1), at=DAY + 906)
    bench.read(2, 200, 2)

    assert bench.store.signatures()[:1] == signed
    assert [reading[1] for reading in bench.readings()] == [1, 2]
    assert bench.engine.counters.duplicates >= 1


@pytest.fixture
def chain(tmp_path: Path) -> Iterator[MeterChain]:
    with Anvil(arguments=("--timestamp", str(DAY - 3_600))) as anvil:
        yield MeterChain.deploy(anvil.rpc, tmp_path)


def test_x11__stolen_key_signs_the_same_sequence_otherwise__quarantined_and_bridge_stops(
    chain: MeterChain, tmp_path: Path
) -> None:
    (meter,) = chain.register(1, DAY // 900, import_wh=IMPORT_WH, export_wh=EXPORT_WH)
    domain = eip712.domain(chain.chain_id, chain.smart_meter.address)
    chain.rpc.call("evm_setNextBlockTimestamp", DAY + 910)
    chain.rpc.call("anvil_mine", "0x1")
    for moved_wh in (5, 5, 6):
        message = MeterReading(meter.meter_id, 1, DAY + 900, IMPORT_WH + moved_wh, EXPORT_WH)
        signature = meter.key.sign(message, domain)
        call = chain.smart_meter.encode("submitSignedReadings", [(message.as_tuple(), signature)])
        send(chain.rpc, chain.deployer, chain.smart_meter.address, call)

    found = ChainRegistry(chain.smart_meter, chain.rpc).meters([meter.meter_id])
    bench = Bench(tmp_path)
    (standing,) = found.values()
    bench.read(1, 5, 0)
    before = len(bench.readings())
    bench.engine.meters[1].accept_registration(_as_meter_of(bench, standing), bench.store)
    bench.read(2, 10, 0)

    assert len(chain.smart_meter.events("MeterQuarantined")) == 1
    assert len(chain.accepted_readings()) == 1
    assert "quarantined" in bench.meter.problem
    assert len(bench.readings()) == before == 1


def _as_meter_of(bench: Bench, standing: object) -> object:
    """What the chain says, for the bench's meter with its own key."""
    from dataclasses import replace

    from meter_bridge.registry import RegisteredMeter

    assert isinstance(standing, RegisteredMeter)
    return replace(standing, meter_id=1, device_key=bench.meter.key.address)

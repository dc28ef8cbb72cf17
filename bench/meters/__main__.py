"""Ten thousand meters for a day through bridges with page commitments: throughput, memory, gas.

Real telegrams, device signatures, stores and transactions; only sockets and the passing of time
are left out. `python -m bench.meters --record` writes `bench/meters/measured.json`.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import platform
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import click
from eth_keys.datatypes import PrivateKey
from eth_utils.crypto import keccak
from rich.console import Console
from rich.progress import Progress

from bench.gas.world import GAS_LIMIT
from bench.meters.bridge import Site, serve
from bench.meters.telegrams import EXPORT_WH, IMPORT_WH
from bench.throughput.memory import resident_bytes
from energy_grid import eip712
from energy_grid.artifacts import Artifacts
from energy_grid.pages import PageConsent
from energy_grid.rpc import Rpc, to_hex
from energy_grid.units import MeterId, UnixSeconds
from meter_bridge.keys import DeviceKey, Relayer
from meter_bridge.registration import MeterKind, Registration, sign_registration
from tests.offchain.bridge.support import MeterChain, send
from tests.utils.anvil import Anvil

RECORD: Final = Path(__file__).parent / "measured.json"
DAY: Final = 20_900 * 86_400
SLOTS: Final = 96
RATED_W: Final = 20_000
REGISTER_WIDTH_WH: Final = 10**9

_BLOCK_TRANSACTIONS: Final = 50
_KEEP_BLOCKS: Final = 512
_FUNDS_WEI: Final = 10**24
_MIB: Final = 1_048_576


def measure(
    meters: int,
    slots: int,
    page_size: int,
    bridges: int,
    reveals: bool,
    minutes: float | None,
    console: Console,
) -> dict[str, Any]:
    """Run the meters through the bridges."""
    asked_slots = slots
    arguments = (
        *("--hardfork", "osaka", "--gas-limit", str(1_000 * GAS_LIMIT), "--order", "fifo"),
        *("--silent", "--timestamp", str(DAY - 86_400)),
        # Some states are kept: a call that meets the next block still finds its own.
        *("--prune-history", "64"),
        *("--transaction-block-keeper", str(_KEEP_BLOCKS)),
    )
    context = multiprocessing.get_context("spawn")
    with (
        tempfile.TemporaryDirectory(prefix="bench-meters-") as name,
        Anvil(arguments=arguments) as anvil,
        Progress(console=console) as progress,
    ):
        folder = Path(name)
        chain = MeterChain.deploy(anvil.rpc, folder)
        started = time.perf_counter()
        keys = [keccak(text=f"bench/{number}") for number in range(meters)]
        relayers = [keccak(text=f"relayer/{number}") for number in range(bridges)]
        task = progress.add_task("registering", total=2 * meters)
        set_up = _SetUp(chain, lambda done: progress.update(task, advance=done))
        ids = set_up.register(keys)
        parts = [slice(n * meters // bridges, (n + 1) * meters // bridges) for n in range(bridges)]
        for relayer, part in zip(relayers, parts, strict=True):
            set_up.join(Relayer(relayer).address, ids[part], keys[part])
        registered = time.perf_counter() - started
        workers = []
        for number, (relayer, part) in enumerate(zip(relayers, parts, strict=True)):
            own = folder / f"bridge-{number}"
            own.mkdir()
            site = Site(
                own,
                anvil.url,
                chain.chain_id,
                chain.smart_meter.address,
                relayer,
                tuple(zip(ids[part], keys[part], strict=True)),
                page_size,
                reveals,
            )
            here, there = context.Pipe()
            process = context.Process(target=serve, args=(site, there), daemon=True)
            process.start()
            workers.append((process, here))
        _answers(workers)
        task = progress.add_task("day", total=slots)
        node_peak = resident_bytes(anvil.process.pid)
        started = time.perf_counter()
        for slot in range(1, slots + 1):
            boundary = DAY + 900 * slot
            _set_time(anvil.rpc, boundary + 5)
            _order(workers, "boundary", slot, boundary)
            _answers(workers)
            node_peak = max(node_peak, resident_bytes(anvil.process.pid))
            progress.update(task, advance=1)
            if minutes is not None and time.perf_counter() - started > 60 * minutes:
                slots = slot
                break
        _order(workers, "drain", False)
        _answers(workers)
        day_seconds = time.perf_counter() - started
        if reveals:
            _set_time(anvil.rpc, DAY + 900 * slots + 4_500)
            _order(workers, "drain", True)
            _answers(workers)
        all_seconds = time.perf_counter() - started
        node_peak = max(node_peak, resident_bytes(anvil.process.pid))
        _order(workers, "stop")
        results = _answers(workers)
        for process, _ in workers:
            process.join(30)
        _require_complete(chain, results, meters, slots, reveals)
        node = str(anvil.rpc.call("web3_clientVersion"))
    readings = meters * slots
    commits = _sum(results, "commits")
    found: dict[str, Any] = {
        "date": datetime.now(UTC).date().isoformat(),
        "meters": meters,
        "slots": slots,
        "is_whole": slots == asked_slots,
        "readings": readings,
        "bridges": bridges,
        "page_size": page_size,
        "setup_seconds": round(registered, 1),
        "seconds": round(day_seconds, 1),
        "seconds_with_last_reveals": round(all_seconds, 1),
        "readings_per_second": round(readings / day_seconds, 1),
        "bridge_cpu_ms_per_reading": round(
            1_000 * sum(result["cpu_seconds"] for result in results) / readings, 3
        ),
        "readings_per_cpu_second": round(
            readings / sum(result["process_cpu_seconds"] for result in results), 1
        ),
        "peak_memory_mib": [round(result["peak_memory_mib"], 1) for result in results],
        "node_peak_memory_mib": round(node_peak / _MIB, 1),
        "store_bytes_per_reading": round(
            sum(result["store_bytes"] for result in results) / readings
        ),
        "commits": commits | {"gas_per_reading": round(commits["gas"] / readings, 1)},
        "machine": {
            "cores": os.cpu_count(),
            "load_before": round(os.getloadavg()[2], 1),
            "processor": platform.machine(),
            "system": platform.system(),
            "python": platform.python_version(),
            "node": node,
            "compiler": dict(Artifacts.load().compiler),
        },
    }
    if reveals:
        shown = _sum(results, "reveals")
        found["reveals"] = shown | {"gas_per_reading": round(shown["gas"] / readings, 1)}
        found["gas_per_reading"] = round((commits["gas"] + shown["gas"]) / readings, 1)
    return found


class _SetUp:
    """Registers meters by the hundred and lets them join their bridge."""

    def __init__(self, chain: MeterChain, advance: Any) -> None:
        self._chain = chain
        self._rpc = chain.rpc
        self._advance = advance
        self._domain = eip712.domain(chain.chain_id, chain.smart_meter.address)

    def register(self, keys: list[bytes]) -> list[int]:
        """Register a meter a key; their ids."""
        most = (10_000, 10_000, 10_000)  # a day, as many as code allows
        calls = [self._chain.smart_meter.encode("setMeterLimits", most)]
        for key in keys:
            device = DeviceKey(key)
            registration = Registration(
                deviceKey=device.address,
                owner=PrivateKey(keccak(key)).public_key.to_checksum_address(),
                zone=1,
                kind=int(MeterKind.CONNECTION),
                ratedImportW=RATED_W,
                ratedExportW=RATED_W,
                registerWidthWh=REGISTER_WIDTH_WH,
                firstSlot=DAY // 900,
                importWh=IMPORT_WH,
                exportWh=EXPORT_WH,
            )
            signed = sign_registration(
                device, registration, self._chain.chain_id, self._chain.smart_meter.address
            )
            calls.append(
                self._chain.smart_meter.encode("registerMeter", registration, signed.signature)
            )
        self._send(calls)
        requests = [
            self._chain.smart_meter.request("meterOf", DeviceKey(key).address) for key in keys
        ]
        return [int(answer, 16) for answer in self._rpc.batch(requests)]

    def join(self, bridge: str, ids: list[int], keys: list[bytes]) -> None:
        """Appoint a bridge, fund it and let meters join it."""
        self._rpc.call("anvil_setBalance", bridge, hex(_FUNDS_WEI))
        appoint = self._chain.smart_meter.encode("appointBridge", bridge)
        send(self._rpc, self._chain.deployer, self._chain.smart_meter.address, appoint)
        calls = []
        for meter_id, key in zip(ids, keys, strict=True):
            consent = PageConsent(MeterId(meter_id), bridge, UnixSeconds(DAY))
            signature = DeviceKey(key).sign(consent, self._domain)
            calls.append(
                self._chain.smart_meter.encode(
                    "joinBridgeWithConsent", consent.as_tuple(), signature
                )
            )
        self._send(calls)

    def _send(self, calls: list[bytes]) -> None:
        """Send from the deployer, many in a block."""
        self._rpc.call("evm_setAutomine", False)
        try:
            for first in range(0, len(calls), _BLOCK_TRANSACTIONS):
                part = calls[first : first + _BLOCK_TRANSACTIONS]
                hashes = self._rpc.batch(
                    [
                        (
                            "eth_sendTransaction",
                            [
                                {
                                    "from": self._chain.deployer,
                                    "to": self._chain.smart_meter.address,
                                    "data": to_hex(call),
                                    "gas": hex(GAS_LIMIT // 16),
                                    "gasPrice": "0x0",
                                }
                            ],
                        )
                        for call in part
                    ]
                )
                self._rpc.call("anvil_mine", "0x1")
                receipts = self._rpc.batch([("eth_getTransactionReceipt", [h]) for h in hashes])
                if any(receipt is None or receipt["status"] != "0x1" for receipt in receipts):
                    raise RuntimeError("a transaction of the set-up failed")
                self._advance(len(part))
        finally:
            self._rpc.call("evm_setAutomine", True)


def _set_time(rpc: Rpc, unix: int) -> None:
    rpc.call("evm_setNextBlockTimestamp", unix)
    rpc.call("anvil_mine", "0x1")


def _order(workers: list[Any], *order: Any) -> None:
    for _, pipe in workers:
        pipe.send(order)


def _answers(workers: list[Any]) -> list[Any]:
    found = []
    for _, pipe in workers:
        answer = pipe.recv()
        if isinstance(answer, Exception):
            raise answer
        found.append(answer)
    return found


def _sum(results: list[dict[str, Any]], name: str) -> dict[str, int]:
    return {
        "transactions": sum(result[name]["transactions"] for result in results),
        "gas": sum(result[name]["gas"] for result in results),
        "most_gas_of_one": max(result[name]["most"] for result in results),
    }


def _require_complete(
    chain: MeterChain, results: list[dict[str, Any]], meters: int, slots: int, reveals: bool
) -> None:
    """Everything arrived, once and to the Wh."""
    signed = sum(int(result["counters"]["readings_signed"]) for result in results)
    refused = sum(result["failed"] + result["signed"]["transactions"] for result in results)
    rejected = [result["rejected"] for result in results if result["rejected"]]
    if signed != meters * slots or refused or rejected:
        raise RuntimeError(
            f"expected {meters * slots} readings in pages, found {signed}; "
            f"{refused} refused or sent singly, rejected {rejected}"
        )
    if not reveals:
        return
    for result in results:
        for meter_id, registers in result["registers"].items():
            latest = chain.latest(meter_id)
            found = (latest.sequence, latest.importWh, latest.exportWh)
            if found != (slots, *registers):
                raise RuntimeError(
                    f"meter {meter_id}: expected {(slots, *registers)}, found {found}"
                )


@click.command()
@click.option("--meters", default=10_000, show_default=True, type=click.IntRange(50))
@click.option("--slots", default=SLOTS, show_default=True, type=click.IntRange(1, SLOTS))
@click.option("--page-size", default=400, show_default=True, type=click.IntRange(1, 512))
@click.option("--bridges", default=2, show_default=True, help="Bridge processes.")
@click.option("--reveal/--no-reveal", default=True, show_default=True)
@click.option("--minutes", type=float, help="End after so long, with the slots done until then.")
@click.option("--record", is_flag=True, help="Write the result to the record.")
def main(
    meters: int,
    slots: int,
    page_size: int,
    bridges: int,
    reveal: bool,
    minutes: float | None,
    record: bool,
) -> None:
    """Measure a day of meters in pages."""
    console = Console(stderr=True)
    result = measure(meters, slots, page_size, bridges, reveal, minutes, console)
    click.echo(json.dumps(result, indent=2))
    if record:
        RECORD.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
        console.print(f"recorded in {RECORD.relative_to(Path.cwd())}")


if __name__ == "__main__":
    main()

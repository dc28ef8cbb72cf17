"""An engine on a temporary store, without network: clock and registry are set by the test."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from eth_abi import encode
from eth_utils.crypto import keccak

from energy_grid.day_words import LaneWidth
from energy_grid.eip712 import MeterDay
from energy_grid.outbox import Outbox
from energy_grid.units import UnixSeconds, Watt, Wh
from meter_bridge.config import MeterSection, SubmissionSection
from meter_bridge.engine import Engine
from meter_bridge.keys import DeviceKey
from meter_bridge.meters import Meter
from meter_bridge.readers.base import Arrival
from meter_bridge.registry import LatestReading, RegisteredMeter
from meter_bridge.snapshots import Registers
from meter_bridge.store import Store
from meter_bridge.telegrams.dialects import DIALECTS
from meter_bridge.telegrams.framing import Frame
from meter_bridge.telegrams.telegram import TelegramReader
from tests.offchain.bridge.telegrams import P1

DAY = 20_900 * 86_400
CHAIN_ID = 31337
CONTRACT = "0x5FbDB2315678afecb367f032d93F642f64180aa3"
IMPORT_WH, EXPORT_WH = 1_000_000, 500_000
RATED_W = 20_000
WIDTH_WH = 10**9


class TestClock:
    """Says what it is told."""

    __test__ = False

    def __init__(self, now: int) -> None:
        self.time = now

    def now(self, *, fresh: bool = False) -> UnixSeconds:
        return UnixSeconds(self.time)


def key_of(meter_id: int) -> DeviceKey:
    return DeviceKey(keccak(text=f"bench/{meter_id}"))


def registered(meter_id: int = 1, **changes: Any) -> RegisteredMeter:
    meter = RegisteredMeter(
        meter_id=meter_id,
        device_key=key_of(meter_id).address,
        is_active=True,
        status="active",
        rated_import_w=Watt(RATED_W),
        rated_export_w=Watt(RATED_W),
        register_width_wh=Wh(WIDTH_WH),
        lane_width=LaneWidth.NARROW,
        first_slot=DAY // 900,
        latest=LatestReading(0, Registers(UnixSeconds(DAY), Wh(IMPORT_WH), Wh(EXPORT_WH))),
    )
    return replace(meter, **changes)


@dataclass
class Bench:
    """Engine, clock and what was encoded for the chain."""

    folder: Path
    mode: str = "single"
    source: str = "tcp://127.0.0.1:9"
    meters: int = 1
    submission: SubmissionSection = field(
        default_factory=lambda: SubmissionSection(batch_window_seconds=0)
    )
    reorder_seconds: float = 0.0
    options: dict[str, Any] = field(default_factory=dict)
    registration: dict[str, Any] = field(default_factory=dict)
    key_file: Path | None = None
    calls: list[tuple[str, tuple[Any, ...]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.clock = TestClock(DAY)
        self.host_now = 1_000_000.0
        self.restart()

    def restart(self) -> None:
        """As after a kill: everything but the store is new."""
        self.outbox = Outbox(self.folder / "bridge.sqlite")
        sections = [
            MeterSection(
                id=meter_id,
                keystore=Path(f"meter-{meter_id}"),
                password_file=Path("password"),
                source=self.source.replace(":9", f":{9 + meter_id}"),
                mode=self.mode,
                **self.options,
            )
            for meter_id in range(1, self.meters + 1)
        ]
        meters = [
            Meter(
                section,
                TelegramReader(DIALECTS[section.dialect], import_only=section.import_only),
                key_of(section.id),
            )
            for section in sections
        ]
        self.engine = Engine(
            Store(self.outbox, self.key_file),
            meters,
            self.clock,
            self.submission,
            smart_meter=CONTRACT,
            chain_id=CHAIN_ID,
            encode=self._encode,
            reorder_seconds=self.reorder_seconds,
            **self.engine_options(),
        )
        meter_ids = range(1, self.meters + 1)
        self.engine.register({m: registered(m, **self.registration) for m in meter_ids})

    def engine_options(self) -> dict[str, Any]:
        """More arguments of the engine."""
        return {}

    @property
    def store(self) -> Store:
        return self.engine.store

    @property
    def meter(self) -> Meter:
        return self.engine.meters[1]

    def _encode(self, function: str, *arguments: Any) -> bytes:
        self.calls.append((function, arguments))
        return keccak(text=function)[:4] + encode(["bytes32"], [keccak(text=repr(arguments))])

    def telegram(self, unix: int, import_wh: int, export_wh: int, **changes: Any) -> bytes:
        p1 = P1(unix=unix, import_wh=(import_wh, 0), export_wh=(0, export_wh), voltage="230.1")
        return replace(p1, **changes).build()

    def arrive(self, *telegrams: bytes, meter_id: int = 1, at: int | None = None) -> None:
        """Telegrams arrive, now or at a time set first; the engine works."""
        if at is not None:
            self.clock.time = at
        self.host_now += 0.01
        self.engine.take([Arrival(meter_id, Frame(raw, raw), self.host_now) for raw in telegrams])
        self.engine.advance(self.host_now)

    def read(
        self, slot: int, import_wh: int, export_wh: int, *, offset: int = 1, **changes: Any
    ) -> None:
        """The telegram of a boundary arrives: `slot` quarter hours after the day's start."""
        unix = DAY + 900 * slot + offset
        self.arrive(
            self.telegram(unix, IMPORT_WH + import_wh, EXPORT_WH + export_wh, **changes), at=unix
        )

    def readings(self) -> list[tuple[int, ...]]:
        """Readings put into calls, as tuples in the contract's order."""
        return [
            item[0]
            for function, arguments in self.calls
            if function == "submitSignedReadings"
            for item in arguments[0]
        ]

    def days(self) -> list[tuple[Any, ...]]:
        """Days put into calls."""
        return [a[0] for function, a in self.calls if function == "submitSignedDay"]

    def rules(self, slot: int) -> list[str]:
        """Rules that found something at a boundary."""
        return [f.rule for f in self.store.findings(1, DAY + 900 * slot)]


def day_message(arguments: Sequence[Any]) -> MeterDay:
    return MeterDay(
        meter_id=arguments[0],
        first_sequence=arguments[1],
        day_start=arguments[2],
        import_wh=arguments[3],
        export_wh=arguments[4],
        words=tuple(arguments[7]),
        frequency_millihz=arguments[5],
        voltage_millivolts=arguments[6],
    )

"""X-12: damaged input of every kind: rejected and counted, never a crash, memory bounded.

10,000 mutated samples go through framer, reader, engine and store; a few hundred in `make test`.
"""

from __future__ import annotations

import random
import tracemalloc
from pathlib import Path

import pytest

from meter_bridge.errors import TelegramRejected
from meter_bridge.readers.base import Arrival
from meter_bridge.sunspec.decoding import SunSpecDecoder, frame_of
from meter_bridge.telegrams.framing import MAX_FRAME_BYTES, CipherFramer, PlainFramer
from tests.offchain.bridge.engine_bench import DAY, EXPORT_WH, IMPORT_WH, Bench
from tests.offchain.bridge.inverter import common, model_103, model_203, model_701
from tests.offchain.bridge.telegrams import encrypt

KEY, AUTHENTICATION_KEY = bytes(range(16)), bytes(range(16, 32))
MEMORY_BYTES = 8 * 1024 * 1024


def mutated(sample: bytes, rng: random.Random) -> bytes:
    """One of the damages a line does, several at once now and then."""
    data = bytearray(sample)
    for _ in range(rng.choice((1, 1, 1, 2, 5))):
        at = rng.randrange(max(len(data), 1))
        match rng.randrange(8):
            case 0 if data:
                data[at] ^= 1 << rng.randrange(8)
            case 1:
                del data[at:]
            case 2:
                del data[:at]
            case 3:
                data[at:at] = rng.randbytes(rng.randrange(1, 40))
            case 4:
                del data[at : at + rng.randrange(1, 60)]
            case 5:
                data[at:at] = bytes(data[at : at + rng.randrange(1, 200)])
            case 6:
                data[at:at] = bytes([rng.randrange(256)]) * rng.randrange(1, 3 * MAX_FRAME_BYTES)
            case _:
                data[at : at + 8] = rng.choice((b"9" * 30, b"NaN", b"1E9", b"-1", b"\xff\x00"))
    return bytes(data)


def _through_the_bridge(folder: Path, samples: int, seed: int) -> None:
    rng = random.Random(seed)
    bench = Bench(folder)
    framers = (PlainFramer(), CipherFramer(KEY, AUTHENTICATION_KEY))
    bench.clock.time = DAY + 905
    clean = [
        bench.telegram(DAY + 900 + offset, IMPORT_WH + offset, EXPORT_WH) for offset in range(5)
    ]
    true_registers = {IMPORT_WH + offset for offset in range(5)}
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for number in range(samples):
            plain = mutated(rng.choice(clean), rng)
            frames = framers[0].feed(plain)
            if number % 4 == 0:
                cipher = encrypt(rng.choice(clean), KEY, AUTHENTICATION_KEY, counter=number + 1)
                frames += framers[1].feed(mutated(cipher, rng))
            bench.engine.take([Arrival(1, frame, bench.host_now) for frame in frames])
        after = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    bench.engine.advance(bench.host_now)
    bench.read(2, 100, 1)

    assert after - before < MEMORY_BYTES
    readings = bench.readings()
    # What got through is what a meter sent: the damage was outside of a telegram.
    assert {reading[3] for reading in readings[:-1]} <= true_registers
    assert readings[-1][3] == IMPORT_WH + 100
    counted = sum(bench.engine.counters.rejected.values()) + sum(
        getattr(framer.counters, name)
        for framer in framers
        for name in ("truncated", "oversized", "malformed_end", "undecryptable")
    )
    assert counted > samples // 4


def test_x12__hundreds_of_mutated_telegrams__rejected_and_counted(tmp_path: Path) -> None:
    _through_the_bridge(tmp_path, 400, seed=12)


@pytest.mark.faults_long
def test_x12__10_000_mutated_telegrams__rejected_and_counted(tmp_path: Path) -> None:
    _through_the_bridge(tmp_path, 10_000, seed=13)


def test_x12__mutated_answers_of_inverters__a_reading_or_a_rejection() -> None:
    rng = random.Random(14)
    models = [model_103(123_456), model_203(7_000, 9_000), model_701(2**40, 5)]
    decoder = SunSpecDecoder()
    rejected = 0
    for _ in range(2_000):
        first = b"".join(word.to_bytes(2, "big") for word in common())
        second = b"".join(word.to_bytes(2, "big") for word in rng.choice(models))
        try:
            found = decoder.read(frame_of(DAY, first, mutated(second, rng)[:400]))
        except TelegramRejected:
            rejected += 1
        else:
            assert 0 <= found.export_wh < 1 << 64
    assert rejected > 500


def test_x12__endless_line_without_telegrams__framer_keeps_one_frame_at_most() -> None:
    framer = PlainFramer()
    tracemalloc.start()
    try:
        for _ in range(200):
            assert framer.feed(b"/" + b"x" * 65_536) == []
        kept = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()

    assert kept < 16 * MAX_FRAME_BYTES
    assert framer.counters.oversized + framer.counters.truncated > 100

"""What arrives on a line: garbage, truncation, bit flips, huge frames (fault X-12).

feed
├── telegrams in chunks of any size come out whole and in order
├── garbage before, between and behind; a cut telegram; a huge one -> counted, next one read
└── hostile samples: only telegrams that were sent are ever believed, memory stays bounded
"""

from __future__ import annotations

import random
import sys

from hypothesis import given, settings
from hypothesis import strategies as st

from meter_bridge.errors import TelegramRejected
from meter_bridge.telegrams.dialects import DIALECTS
from meter_bridge.telegrams.framing import MAX_FRAME_BYTES, CipherFramer, Frame, PlainFramer
from meter_bridge.telegrams.telegram import TelegramReader
from tests.offchain.bridge.telegrams import P1, encrypt

KEY = bytes(range(16))
AUTHENTICATION_KEY = bytes(range(16, 32))
UNIX = 1_700_000_100
TELEGRAMS = [
    P1(unix=UNIX + 10 * n, import_wh=(n, 2 * n), export_wh=(0, n)).build() for n in range(4)
]
ENCRYPTED = [
    encrypt(telegram, KEY, AUTHENTICATION_KEY, counter=n + 1)
    for n, telegram in enumerate(TELEGRAMS)
]
READER = TelegramReader(DIALECTS["dsmr5"])


def cipher_framer() -> CipherFramer:
    return CipherFramer(KEY, AUTHENTICATION_KEY)


def feed(framer: PlainFramer | CipherFramer, stream: bytes, sizes: list[int]) -> list[Frame]:
    frames = []
    position = turn = 0
    while position < len(stream):
        size = sizes[turn % len(sizes)] if sizes else len(stream)
        frames += framer.feed(stream[position : position + size])
        position += size
        turn += 1
    return frames


@given(st.lists(st.integers(1, 700), max_size=8))
def test_feed__any_chunks__all_telegrams_in_order(sizes: list[int]) -> None:
    for framer, stream in ((PlainFramer(), TELEGRAMS), (cipher_framer(), ENCRYPTED)):
        frames = feed(framer, b"".join(stream), sizes)

        assert [frame.raw for frame in frames] == stream
        assert [frame.plain for frame in frames] == TELEGRAMS


@given(st.binary(max_size=300), st.binary(max_size=300), st.lists(st.integers(1, 97), max_size=4))
def test_feed__garbage_around__last_telegram_always_read(
    before: bytes, between: bytes, sizes: list[int]
) -> None:
    stream = before + TELEGRAMS[0] + between + TELEGRAMS[1] + TELEGRAMS[2]

    frames = feed(PlainFramer(), stream, sizes)

    assert frames[-1].raw == TELEGRAMS[2]


@given(st.binary(max_size=300), st.binary(max_size=300), st.lists(st.integers(1, 97), max_size=4))
def test_feed__garbage_around_cipher_frames__telegrams_read(
    before: bytes, between: bytes, sizes: list[int]
) -> None:
    padding = bytes(MAX_FRAME_BYTES)  # lets a false header in the garbage run out
    stream = before + ENCRYPTED[0] + between + ENCRYPTED[1] + padding

    frames = feed(cipher_framer(), stream, sizes)

    assert [frame.plain for frame in frames] == TELEGRAMS[:2]


def test_feed__cut_telegram__counted_and_next_one_read() -> None:
    framer = PlainFramer()

    frames = framer.feed(TELEGRAMS[0][:200] + TELEGRAMS[1])

    assert [frame.raw for frame in frames] == [TELEGRAMS[1]]
    assert framer.counters.truncated == 1
    assert framer.counters.frames == 1


def test_feed__endless_frame__memory_bounded_and_next_one_read() -> None:
    framer = PlainFramer()
    flood = b"/" + b"1-0:1.8.0(000001.000*kWh)\r\n" * 400_000

    assert framer.feed(flood) == []
    held = sys.getsizeof(framer._buffer)
    frames = framer.feed(b"\r\n" + TELEGRAMS[0])

    assert held < 4 * MAX_FRAME_BYTES
    assert framer.counters.oversized >= 1
    assert [frame.raw for frame in frames] == [TELEGRAMS[0]]


def test_feed__flood_of_cipher_headers__memory_bounded_and_next_one_read() -> None:
    framer = cipher_framer()
    header = ENCRYPTED[0][:11] + (MAX_FRAME_BYTES - 13).to_bytes(2, "big") + b"\x30"

    assert framer.feed(header * 2_000) == []
    held = sys.getsizeof(framer._buffer)
    frames = framer.feed(bytes(MAX_FRAME_BYTES) + ENCRYPTED[1] + bytes(MAX_FRAME_BYTES))

    assert held < 4 * MAX_FRAME_BYTES
    assert framer.counters.undecryptable > 0
    assert [frame.plain for frame in frames] == [TELEGRAMS[1]]


def test_feed__oversized_cipher_length__skipped() -> None:
    framer = cipher_framer()
    header = ENCRYPTED[0][:11] + b"\xff\xff" + b"\x30"

    frames = framer.feed(header + ENCRYPTED[1])

    assert framer.counters.oversized == 1
    assert [frame.plain for frame in frames] == [TELEGRAMS[1]]


def test_feed__end_without_checksum_digits__malformed() -> None:
    framer = PlainFramer()

    frames = framer.feed(b"/abc\r\n!xyz\r\n" + TELEGRAMS[0])

    assert framer.counters.malformed_end == 1
    assert [frame.raw for frame in frames] == [TELEGRAMS[0]]


def mutated(stream: bytes, chance: random.Random) -> bytes:
    """A stream with a few faults of a real line, or of somebody hostile."""
    data = bytearray(stream)
    for _ in range(chance.randint(1, 4)):
        kind = chance.randrange(6)
        place = chance.randrange(len(data))
        length = chance.randint(1, 40)
        if kind == 0:
            data[place] ^= 1 << chance.randrange(8)
        elif kind == 1:
            del data[place : place + length]
        elif kind == 2:
            data[place:place] = chance.randbytes(length)
        elif kind == 3:
            data[place : place + length] = data[: chance.randint(1, length)]
        elif kind == 4:
            data[place] = chance.choice(b"/!\r\n()*0123456789")
        else:
            data[place : place + length] = b"0" * length
        if not data:
            data += b"/"
    return bytes(data)


@settings(max_examples=20, derandomize=True)
@given(st.integers(0, 2**32))
def test_feed_and_read__10_000_mutated_samples__nothing_false_is_believed(seed: int) -> None:
    """20 seeds of 500 samples: whatever is accepted has registers that were truly sent."""
    chance = random.Random(seed)
    true_registers = {(3 * n, n, UNIX + 10 * n) for n in range(len(TELEGRAMS))}
    accepted = 0
    for number in range(500):
        is_encrypted = number % 3 == 0
        framer = cipher_framer() if is_encrypted else PlainFramer()
        stream = b"".join(chance.sample(ENCRYPTED if is_encrypted else TELEGRAMS, 2))
        for frame in feed(framer, mutated(stream, chance), [chance.randint(1, 2_000)]):
            try:
                telegram = READER.read(frame)
            except TelegramRejected as error:
                assert error.cause
                continue
            accepted += 1
            found = (telegram.import_wh, telegram.export_wh, telegram.measured_at)
            assert found in true_registers
        assert len(framer._buffer) <= 2 * MAX_FRAME_BYTES
    assert accepted > 100


@given(st.binary(max_size=600))
def test_read__any_bytes_as_frame__rejected_or_read_never_another_error(body: bytes) -> None:
    for dialect in ("dsmr5", "dsmr2", "easymeter_q3d"):
        raw = b"/" + body + b"!\r\n"
        try:
            TelegramReader(DIALECTS[dialect]).read(Frame(raw, raw))
        except TelegramRejected as error:
            assert error.cause


@given(st.text("0123456789ABCSWNaInfEe+-.*kWh()\r\n:!/", max_size=200))
def test_read__telegram_like_text__rejected_or_read_never_another_error(text: str) -> None:
    raw = P1(unix=UNIX).build_without_checksum().replace(b"001000.000*kWh", text.encode())
    try:
        TelegramReader(DIALECTS["dsmr2"]).read(Frame(raw, raw))
    except TelegramRejected as error:
        assert error.cause

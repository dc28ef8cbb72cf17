"""Meter word and lanes: what is packed comes back, neighbours untouched, as the pictures say."""

from __future__ import annotations

import random

import pytest
from eth_utils.crypto import keccak

from tests.unit.smart_meter.devices import (
    ESTIMATED,
    MEASURED,
    MISSING,
    RING_SLOTS,
    day_energies,
    pack_words,
)

# Name, first bit, bits; as drawn in MeterWord.sol.
FIELDS = [
    ("importWh", 0, 40),
    ("exportWh", 40, 40),
    ("lastSlot", 80, 26),
    ("sequence", 106, 32),
    ("frequencyMilliHz", 138, 16),
    ("voltageMilliV", 154, 24),
    ("ratedImportW", 178, 26),
    ("ratedExportW", 204, 26),
    ("meterId", 230, 24),
    ("status", 254, 2),
]
WIDTHS = pytest.mark.parametrize("wide", [False, True], ids=["narrow", "wide"])


@pytest.fixture(scope="module")
def harness(project, governor):
    return governor.deploy(project.MeterLayoutHarness)


def packed(values):
    return sum(value << at for value, (_, at, _) in zip(values, FIELDS, strict=True))


def test_meter_word__fields__lie_as_drawn(harness):
    rng = random.Random(1)
    top = [(1 << bits) - 1 for _, _, bits in FIELDS]
    samples = [[0] * len(FIELDS), top]
    samples += [[rng.randint(0, t) for t in top] for _ in range(20)]
    for index in range(len(FIELDS)):  # one field full, the others empty
        samples.append([t if k == index else 0 for k, t in enumerate(top)])

    for values in samples:
        raw = harness.packWord(values)
        assert raw == packed(values)
        assert list(harness.unpackWord(raw)) == values


@pytest.mark.parametrize("rated_w", [0, 1, 3, 4, 17_250, 59_578, 59_579, 2**26 - 1])
def test_meter_word__cap__is_110_percent_of_a_quarter_hour(harness, rated_w):
    assert harness.capWh(rated_w) == rated_w * 900 * 110 // (3_600 * 100)
    assert (harness.capWh(rated_w) >= 1 << 14) == harness.isWide(rated_w, 0)
    assert harness.isWide(0, rated_w) == harness.isWide(rated_w, 0)
    assert harness.capWh(rated_w) < 1 << 28


@WIDTHS
def test_lanes__stored__lie_as_drawn(harness, wide, governor):
    bits, pitch, lanes = (28, 60, 4) if wide else (14, 30, 8)
    top = (1 << bits) - 1
    slot = 2_000_000 - 2_000_000 % lanes
    tag = slot // RING_SLOTS + 1
    index = slot % RING_SLOTS // lanes
    expected = tag << 240

    for lane in range(lanes):
        energy = (top, lane) if lane % 2 else (lane, top)
        quality = MEASURED if lane % 3 else ESTIMATED
        harness.store(wide, slot + lane, *energy, quality, sender=governor)
        expected |= (energy[0] | energy[1] << bits | quality << 2 * bits) << lane * pitch
        assert harness.ringWord(index) == expected
        assert harness.load(wide, slot + lane) == (*energy, quality)
    assert harness.load(wide, slot - 1) == (0, 0, MISSING)
    assert harness.load(wide, slot + lanes) == (0, 0, MISSING)
    assert harness.load(wide, slot + RING_SLOTS) == (0, 0, MISSING)
    assert harness.load(wide, slot - RING_SLOTS) == (0, 0, MISSING)
    assert harness.load(wide, slot + (RING_SLOTS << 16)) == (0, 0, MISSING)
    assert harness.load(wide, 2**256 - 1) == (0, 0, MISSING)


@WIDTHS
@pytest.mark.parametrize("offset", [0, 3, 4_090])
def test_lanes__interpolated__sum_is_exact(harness, wide, governor, offset):
    first = 490 * RING_SLOTS + offset
    count, import_wh, export_wh = 13, 10_007, 6

    harness.storeInterpolated(wide, first, count, import_wh, export_wh, sender=governor)

    lanes = [tuple(harness.load(wide, first + k)) for k in range(count)]
    assert [lane[0] for lane in lanes] == [
        import_wh * (k + 1) // count - import_wh * k // count for k in range(count)
    ]
    assert sum(lane[1] for lane in lanes) == export_wh
    assert {lane[2] for lane in lanes} == {ESTIMATED}
    assert harness.sum(wide, first - 5, count + 10) == (import_wh, export_wh)
    assert harness.load(wide, first + count) == (0, 0, MISSING)
    assert harness.load(wide, first - 1) == (0, 0, MISSING)


@WIDTHS
@pytest.mark.parametrize("first_lane", [0, 1, 8, 61, 96])
def test_lanes__day__keeps_what_lies_below(harness, wide, governor, first_lane):
    day_slot = 20_800 * 96
    top = (1 << (28 if wide else 14)) - 1
    energies = [(i, top - e) for i, e in day_energies(first_lane, 900)]
    for lane in range(max(0, first_lane - 2), first_lane):
        harness.store(wide, day_slot + lane, 7, 9, ESTIMATED, sender=governor)

    harness.storeDay(wide, day_slot, first_lane, pack_words(energies, wide=wide), sender=governor)

    around = {0, 1, 94, 95} | {k for k in range(first_lane - 9, first_lane + 9) if 0 <= k < 96}
    for lane, energy in enumerate(energies):
        if lane not in around:
            continue
        if lane >= first_lane:
            expected = (*energy, MEASURED)
        elif lane >= first_lane - 2:
            expected = (7, 9, ESTIMATED)
        else:
            expected = (0, 0, MISSING)
        assert tuple(harness.load(wide, day_slot + lane)) == expected


@WIDTHS
def test_lanes__sum_of_day__at_every_join(harness, wide):
    top = (1 << (28 if wide else 14)) - 1
    for energies in (day_energies(3, top), [(top, top)] * 96, [(0, 0)] * 96):
        words = pack_words(energies, wide=wide)
        for join in (0, 1, 3, 4, 7, 8, 9, 50, 95, 96):
            assert harness.sumDay(words, wide, top, top, join) == (
                sum(i for i, _ in energies[:join]),
                sum(e for _, e in energies[:join]),
                sum(i for i, _ in energies),
                sum(e for _, e in energies),
            )


@WIDTHS
def test_lanes__sum_of_day__checks_every_lane_against_the_cap(harness, chain, wide):
    cap = 1_000
    selector = keccak(text="EnergyAboveCap(uint256,uint256)")[:4]
    above = "0x" + (selector + (cap + 1).to_bytes(32, "big") + cap.to_bytes(32, "big")).hex()

    for lane in range(96):
        energies = [[cap, cap] for _ in range(96)]
        energies[lane][lane % 2] += 1
        words = pack_words(energies, wide=wide)
        data = harness.sumDay.encode_input(words, wide, cap, cap, 0)
        # Past ape, which traces every revert.
        answer = chain.provider.web3.provider.make_request(
            "eth_call", [{"to": harness.address, "data": data.to_0x_hex()}, "latest"]
        )
        assert answer["error"]["data"] == above
    assert harness.sumDay(pack_words([(cap, cap)] * 96, wide=wide), wide, cap, cap, 0) == (
        0,
        0,
        96 * cap,
        96 * cap,
    )

"""Curves and set-points: Python and Solidity agree on every integer, random inputs at the edges.

`make test` compares a few thousand of each function, `make deep` more than a hundred thousand.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from random import Random

import pytest

from energy_grid.artifacts import Artifacts
from energy_grid.errors import InvalidValueError
from energy_grid.feeds.kinds import FeedStatus
from energy_grid.grid.curves import CurveKind, PiecewiseCurve, check_curve
from energy_grid.grid.default_curves import default_curve
from energy_grid.grid.resources import MAX_RATED_VA, MAX_RATED_W, ResourceClass, ResourceRatings
from energy_grid.grid.setpoints import (
    CurveSet,
    Nominals,
    Reading,
    compute_setpoint,
    local_setpoint,
    relative_bps,
    room_down,
    share,
)
from energy_grid.units import BPS
from tests.utils.revm import Contract, Refused, Revm

ANYBODY = "0x00000000000000000000000000000000000a0001"
BATCH = 2_000
SEED = 20_261_130
WORD = 32
INT128 = 1 << 127
REFUSALS = {
    "x out of range": "PointOutOfRange",
    "y out of bounds": "ValueOutOfBounds",
    "wrong direction": "WrongDirection",
    "too steep": "CurveTooSteep",
    "acts at nominal frequency": "ActsAtNominal",
    "limits at nominal voltage": "ActsAtNominal",
}


@pytest.fixture(scope="module")
def harness() -> Contract:
    return Revm(Artifacts.load(), ANYBODY).deploy("SetPointsHarness")


def test_value_at__random_curves__equal(harness: Contract) -> None:
    compare_values(harness, Random(SEED), batches=2, size=1_000)


def test_shares_and_room__random_ratings__equal(harness: Contract) -> None:
    compare_parts(harness, Random(SEED), batches=2, size=1_000)


def test_setpoint__random_inputs__equal(harness: Contract) -> None:
    compare_setpoints(harness, Random(SEED), batches=3, size=1_000)


def test_bounds__random_curves__same_refused(harness: Contract) -> None:
    taken, refused = compare_bounds(harness, Random(SEED), 300)
    assert taken > 60
    assert refused > 60


@pytest.mark.deep
def test_value_at__two_hundred_thousand__equal(harness: Contract) -> None:
    assert compare_values(harness, Random(SEED + 1), batches=100, size=BATCH) == 200_000


@pytest.mark.deep
def test_shares_and_room__a_hundred_thousand__equal(harness: Contract) -> None:
    assert compare_parts(harness, Random(SEED + 2), batches=50, size=BATCH) == 100_000


@pytest.mark.deep
def test_setpoint__two_hundred_thousand__equal(harness: Contract) -> None:
    assert compare_setpoints(harness, Random(SEED + 3), batches=100, size=BATCH) == 200_000


@pytest.mark.deep
def test_bounds__a_hundred_thousand__same_refused(harness: Contract) -> None:
    taken, refused = compare_bounds(harness, Random(SEED + 4), 100_000)
    assert taken + refused == 100_000
    assert taken > 20_000
    assert refused > 20_000


@pytest.mark.parametrize("nominal", [49_000, 50_000, 55_000, 55_001, 60_000])
def test_defaults__every_class__equal_and_within_bounds(harness: Contract, nominal: int) -> None:
    for kind in CurveKind:
        for resource_class in ResourceClass:
            curve = default_curve(kind, resource_class, nominal)
            assert harness.ask("defaultCurve", kind, resource_class, nominal) == curve.pack()
            assert PiecewiseCurve.unpack(curve.pack()) == curve
            assert check_curve(kind, curve.points) == curve


def test_curve__every_count_and_extreme_points__comes_back(harness: Contract) -> None:
    dice = Random(SEED)
    for count in range(1, 9):
        for _ in range(10):
            xs = sorted(dice.sample(range(-(1 << 15), 1 << 15), count))
            xs[0] = dice.choice((xs[0], -(1 << 15)))
            ys = [dice.choice((-(1 << 14), (1 << 14) - 1, -1, 0, BPS)) for _ in xs]
            curve = PiecewiseCurve(tuple(zip(xs, ys, strict=True)))

            points = harness.ask("unpacked", curve.pack())

            assert [tuple(point) for point in points] == list(curve.points)
            assert PiecewiseCurve.unpack(curve.pack()) == curve


# --- comparing ------------------------------------------------------------------------------------


def compare_values(harness: Contract, dice: Random, batches: int, size: int) -> int:
    """Values of curves at, beside and far from their points. Returns how many agreed."""
    for _ in range(batches):
        curves = [random_curve(dice, dice.choice(tuple(CurveKind))) for _ in range(20)]
        inputs = [(curve := dice.choice(curves), near(dice, curve)) for _ in range(size)]
        answers = run(harness, "values", [(curve.pack(), x) for curve, x in inputs])
        for (curve, x), answer in zip(inputs, answers, strict=True):
            assert signed(answer) == curve.at(x), (curve, x)
    return batches * size


def compare_parts(harness: Contract, dice: Random, batches: int, size: int) -> int:
    """Shares of ratings, room beside reactive power, relative voltages."""
    for _ in range(batches):
        inputs = [
            (
                edge(dice, 0, MAX_RATED_VA),
                dice.choice((dice.randint(-BPS, BPS), -BPS, BPS, 0, 1, -1)),
                dice.choice((1, -1)) * edge(dice, 0, INT128 - 1),
                dice.choice((230_000, 120_000, edge(dice, 1, 2**32 - 1))),
            )
            for _ in range(size)
        ]
        words = [
            (va << 64 | bps % (1 << 64), voltage % (1 << 128) << 128 | nominal)
            for va, bps, voltage, nominal in inputs
        ]
        answers = run(harness, "parts", words)
        for index, (va, bps, voltage, nominal) in enumerate(inputs):
            part, room, relative = map(signed, answers[3 * index : 3 * index + 3])
            assert part == share(va, bps), (va, bps)
            assert room == (room_down(va, part) if va else -1), (va, part)
            assert relative == relative_bps(voltage, nominal), (voltage, nominal)
    return batches * size


def compare_setpoints(harness: Contract, dice: Random, batches: int, size: int) -> int:
    """Set-points of all kinds of resources; the device's own one too where it must be the same."""
    for _ in range(batches):
        sets = [random_set(dice) for _ in range(20)]
        inputs = [random_input(dice, dice.choice(sets)) for _ in range(size)]
        words = [pack_input(*one) for one in inputs]
        answers = run(harness, "setpoints", words)
        for index, one in enumerate(inputs):
            limits, actions, basis = answers[3 * index : 3 * index + 3]
            point = compute_setpoint(*one)
            assert (high(limits), low(limits)) == (point.lowest_w, point.highest_w), one
            assert (high(actions), low(actions)) == (point.droop_w, point.reactive_var), one
            assert basis == point.based_on << 8 | point.status, one
            check_properties(one, point.lowest_w, point.highest_w, point.reactive_var)
    return batches * size


Input = tuple[ResourceRatings, CurveSet, Nominals, Reading, Reading]


def check_properties(one: Input, lowest_w: int, highest_w: int, reactive_var: int) -> None:
    """What holds of every set-point, whatever computed it."""
    ratings, curves, nominals, voltage, frequency = one
    assert -ratings.rated_import_w <= lowest_w <= 0 <= highest_w <= ratings.rated_export_w
    if ratings.rated_va:
        largest = max(-lowest_w, highest_w)
        assert largest**2 + reactive_var**2 <= ratings.rated_va**2
    else:
        assert reactive_var == 0
    statuses = (voltage.status, frequency.status)
    if statuses == (FeedStatus.OK, FeedStatus.OK):
        time = min(voltage.updated_at, frequency.updated_at)
        own = local_setpoint(
            ratings,
            curves,
            nominals,
            millivolts=voltage.value,
            millihz=frequency.value,
            measured_at=time,
        )
        assert own == compute_setpoint(*one)


def compare_bounds(harness: Contract, dice: Random, count: int) -> tuple[int, int]:
    """Curves that are taken by both or refused by both for the same reason."""
    taken = refused = 0
    for _ in range(count):
        kind = dice.choice(tuple(CurveKind))
        points = list(random_curve(dice, kind).points)
        if dice.random() < 0.6:
            spoil(dice, points)
        try:
            expected = check_curve(kind, points).pack()
        except InvalidValueError as error:
            (name,) = [name for problem, name in REFUSALS.items() if problem in str(error)]
            with pytest.raises(Refused) as refusal:
                harness.ask("packed", kind, points)
            assert refusal.value.name == name, (kind, points)
            refused += 1
        else:
            assert harness.ask("packed", kind, points) == expected, (kind, points)
            taken += 1
    return taken, refused


def run(harness: Contract, function: str, inputs: Sequence[Sequence[int]]) -> Sequence[int]:
    """Call with an array of rows of words, encoded here: thousands of words."""
    head: bytes = harness.abi.encode(function, [])[:-WORD]
    packed = b"".join((word % (1 << 256)).to_bytes(WORD) for row in inputs for word in row)
    answer = harness.chain.call(
        ANYBODY, harness.address, head + len(inputs).to_bytes(WORD) + packed, static=True
    )
    words = [int.from_bytes(answer[at : at + WORD]) for at in range(0, len(answer), WORD)]
    assert words[:2] == [WORD, len(inputs)]
    return words[2:]


def pack_input(
    ratings: ResourceRatings,
    curves: CurveSet,
    nominals: Nominals,
    voltage: Reading,
    frequency: Reading,
) -> tuple[int, ...]:
    """Seven words, see `SetPointsHarness.setpoints`."""
    rated = ratings.rated_import_w
    for part in (ratings.rated_export_w, ratings.rated_va, nominals.millivolts, nominals.millihz):
        rated = rated << 32 | part
    feeds = voltage.updated_at << 56 | frequency.updated_at << 16
    return (
        curves.volt_var.pack(),
        curves.volt_watt.pack(),
        curves.droop.pack(),
        rated,
        voltage.value,
        frequency.value,
        feeds | voltage.status << 8 | frequency.status,
    )


def signed(word: int) -> int:
    return word - (1 << 256) if word >> 255 else word


def high(word: int) -> int:
    return low(word >> 128)


def low(word: int) -> int:
    half = word & (1 << 128) - 1
    return half - (1 << 128) if half >> 127 else half


# --- random inputs --------------------------------------------------------------------------------


def edge(dice: Random, lowest: int, highest: int) -> int:
    """A number, often at an end, of any magnitude."""
    kind = dice.random()
    if kind < 0.12:
        return lowest
    if kind < 0.2:
        return highest
    return min(max(dice.getrandbits(dice.randint(1, highest.bit_length())), lowest), highest)


def near(dice: Random, curve: PiecewiseCurve) -> int:
    """At a point of the curve, beside it, between two or far away."""
    kind = dice.random()
    if kind < 0.5:
        return dice.choice(curve.points)[0] + dice.choice((-1, 0, 0, 1))
    if kind < 0.9:
        lowest, highest = curve.points[0][0], curve.points[-1][0]
        return dice.randint(lowest - 10, highest + 10)
    return dice.choice((0, -1, BPS, (1 << 255) - 1, -(1 << 255), dice.randint(-(10**6), 10**6)))


def random_curve(dice: Random, kind: CurveKind) -> PiecewiseCurve:
    """Mostly one that governance may set: a default, or a walk within the bounds."""
    if dice.random() < 0.2:
        return default_curve(kind, dice.choice(tuple(ResourceClass)), 50_000)
    makers: dict[CurveKind, Callable[[Random], list[tuple[int, int]]]] = {
        CurveKind.VOLT_VAR: lambda dice: falling(dice, BPS, 5_000, 15_000),
        CurveKind.VOLT_WATT: limiting,
        CurveKind.DROOP: drooping,
    }
    return PiecewiseCurve(tuple(makers[kind](dice)))


def falling(dice: Random, top: int, lowest_x: int, highest_x: int) -> list[tuple[int, int]]:
    """One to eight points that never rise, of slopes up to the steepest."""
    xs = sorted(dice.sample(range(lowest_x, highest_x + 1), dice.randint(1, 8)))
    y = dice.choice((top, dice.randint(-BPS, top)))
    points = [(xs[0], y)]
    for x, next_x in pairwise(xs):
        drop = min(100 * (next_x - x), y + BPS)
        y -= dice.choice((0, drop, dice.randint(0, drop)))
        points.append((next_x, y))
    return points


def limiting(dice: Random) -> list[tuple[int, int]]:
    """Full around nominal voltage, less away from it."""
    low_x = dice.choice((BPS, dice.randint(8_000, BPS)))
    high_x = dice.choice((BPS, dice.randint(BPS, 12_000)))
    points = [(low_x, BPS)] if low_x == high_x else [(low_x, BPS), (high_x, BPS)]
    for _ in range(dice.randint(0, 3)):
        x, y = points[0]
        points.insert(0, (down := x - dice.randint(1, 900), fall(dice, y, x - down)))
    for _ in range(dice.randint(0, 3)):
        x, y = points[-1]
        points.append((up := x + dice.randint(1, 900), fall(dice, y, up - x)))
    return points


def drooping(dice: Random) -> list[tuple[int, int]]:
    """Nothing around nominal frequency, against the deviation away from it."""
    low_x, high_x = -edge(dice, 0, 500), edge(dice, 0, 500)
    points = [(low_x, 0)] if low_x == high_x else [(low_x, 0), (high_x, 0)]
    for _ in range(dice.randint(0, 3)):
        x, y = points[0]
        points.insert(0, (down := x - dice.randint(1, 1_400), -fall(dice, -y, x - down, -BPS)))
    for _ in range(dice.randint(0, 3)):
        x, y = points[-1]
        points.append((up := x + dice.randint(1, 1_400), fall(dice, y, up - x, -BPS)))
    return points


def fall(dice: Random, y: int, width: int, lowest: int = 0) -> int:
    drop = min(100 * width, y - lowest)
    return y - dice.choice((0, drop, dice.randint(0, drop)))


def spoil(dice: Random, points: list[tuple[int, int]]) -> None:
    """Move one point; x goes on rising."""
    index = dice.randrange(len(points))
    x, y = points[index]
    if dice.random() < 0.6:
        points[index] = (
            x,
            min(max(y + dice.choice((-1, 1)) * edge(dice, 1, 4_000), -BPS - 1), BPS + 1),
        )
        return
    lowest = points[index - 1][0] + 1 if index else -6_000
    highest = points[index + 1][0] - 1 if index + 1 < len(points) else 16_000
    points[index] = (dice.choice((lowest, highest, dice.randint(lowest, highest))), y)


def random_set(dice: Random) -> CurveSet:
    if dice.random() < 0.3:
        nominal = dice.choice((50_000, 60_000))
        return CurveSet.default(dice.choice(tuple(ResourceClass)), nominal)
    return CurveSet(*(random_curve(dice, kind) for kind in CurveKind))


def random_input(dice: Random, curves: CurveSet) -> Input:
    import_w, export_w = (edge(dice, 0, MAX_RATED_W) for _ in range(2))
    if not import_w + export_w:
        export_w = 1
    larger = max(import_w, export_w)
    ratings = ResourceRatings(
        import_w, export_w, dice.choice((0, larger, edge(dice, larger, MAX_RATED_VA)))
    )
    nominals = dice.choice(
        (
            Nominals(230_000, 50_000),
            Nominals(120_000, 60_000),
            Nominals(edge(dice, 1, 2**32 - 1), edge(dice, 1, 2**32 - 1)),
            Nominals(0, 50_000) if dice.random() < 0.2 else Nominals(230_000, 50_000),
        )
    )
    x = dice.choice((near(dice, curves.volt_watt), near(dice, curves.volt_var)))
    millivolts = x * nominals.millivolts // BPS + dice.choice((-1, 0, 0, 1, 2))
    millihz = nominals.millihz + near(dice, curves.droop)
    voltage, frequency = (
        Reading(
            min(max(value, -(1 << 255)), (1 << 255) - 1),
            dice.choice((0, dice.getrandbits(40), 1_796_000_000)),
            dice.choice((FeedStatus.OK,) * 8 + tuple(FeedStatus)),
        )
        for value in (millivolts, millihz)
    )
    return ratings, curves, nominals, voltage, frequency

"""What the guardian takes for an attack: each is found, and a normal day raises nothing.

meters: one | several of a zone | several, spread over zones
reporters: one equivocates | more than f | feed frozen already
feeds: UNCERTAIN twice | three times | with a fallback | STALE, fallback OK or not | never a round
orders: usual | spam
flows: within the feeder | beyond, metered or reported | no rating | line within | line beyond
quotes: usual | jump up | jump down | small prices | first quote
"""

from __future__ import annotations

import ast
import json
import math
from pathlib import Path

import pytest
from eth_account import Account

import oracles.guardian
from energy_grid import eip712
from energy_grid.feeds import (
    GRID_DOMAIN,
    Feed,
    FeedKind,
    FeedStatus,
    Observation,
    SignedObservation,
)
from energy_grid.rpc import to_hex
from energy_grid.units import UnixSeconds, Zone
from oracles.guardian import measures
from oracles.guardian.detect import Cause, Policy, detect
from oracles.guardian.evidence import EvidenceError, EvidenceFolder, equivocations_of
from oracles.guardian.measures import ALLOWED_CALLS, Measure
from oracles.guardian.scene import (
    Equivocation,
    FeedView,
    LineFlow,
    Placements,
    Quarantine,
    RoundSeen,
    Scene,
    SlotQuote,
    ZoneFlow,
)

SLOT = 2_000_000
NOW = SLOT * 900 + 300
POLICY = Policy(feeder_w={1: 250_000})
UNTIL = NOW + 6 * 3_600
DEMAND = int(Feed(FeedKind.DEMAND, Zone(1)).id)
PRICE = int(Feed(FeedKind.MARKET_PRICE, Zone(1)).id)


def scene(**changes):
    return Scene(**{"now": NOW, "slot": SLOT, **changes})


def feed(**changes):
    usual = {"oracle": "GridOracle", "feed_id": DEMAND, "status": FeedStatus.OK, "value": 90_000,
             "updated_at": NOW - 100, "heartbeat_seconds": 900}  # fmt: skip
    return FeedView(**{**usual, **changes})


def rounds(*statuses):
    return tuple(RoundSeen(100 + i, FeedStatus[status], 7) for i, status in enumerate(statuses))


def found(scene_, policy=POLICY):
    return {finding.cause: finding for finding in detect(scene_, policy)}


# --- meters ---------------------------------------------------------------------------------------


def quarantine(meter_id, zone=1):
    return Quarantine(meter_id, zone, NOW - 60, f"0x{meter_id:064x}")


def test_detect__one_meter_equivocates__told_only():
    (finding,) = detect(scene(quarantines=(quarantine(7),)), POLICY)
    assert finding.cause is Cause.METER_EQUIVOCATES
    assert finding.measure is None
    assert finding.evidence["transaction_hash"] == f"0x{7:064x}"


def test_detect__several_meters_of_a_zone__trading_stops_for_a_while():
    quarantines = (*map(quarantine, (7, 8, 9)), quarantine(10, zone=2))
    finding = found(scene(quarantines=quarantines))[Cause.METERS_EQUIVOCATE]
    assert finding.measure == Measure(
        "haltZone", (1, measures.STOP_TRADING, SLOT + 1, SLOT + 97, UNTIL)
    )


def test_detect__same_meter_thrice_or_other_zones__no_halt():
    assert Cause.METERS_EQUIVOCATE not in found(scene(quarantines=(quarantine(7),) * 3))
    spread = tuple(quarantine(n, zone=n) for n in (1, 2, 3))
    assert Cause.METERS_EQUIVOCATE not in found(scene(quarantines=spread))


# --- reporters and feeds --------------------------------------------------------------------------


def lie(reporter, feed_id=DEMAND):
    return Equivocation("GridOracle", feed_id, 100, f"0x{reporter:040x}", 5, 6)


def test_detect__reporters_within_f__told_only():
    findings = detect(scene(equivocations=(lie(1),), faulty=(("GridOracle", 1),)), POLICY)
    assert [(f.cause, f.measure) for f in findings] == [(Cause.REPORTER_EQUIVOCATES, None)]


def test_detect__more_reporters_than_f__feed_frozen():
    lies = scene(equivocations=(lie(1), lie(2)), faulty=(("GridOracle", 1),))
    assert found(lies)[Cause.REPORTERS_EQUIVOCATE].measure == measures.freeze(
        "GridOracle", DEMAND, UNTIL
    )
    held = scene(
        equivocations=(lie(1), lie(2)), faulty=(("GridOracle", 1),), feeds=(feed(is_held=True),)
    )
    assert Cause.REPORTERS_EQUIVOCATE not in found(held)


@pytest.mark.parametrize(
    ("statuses", "is_attack"),
    [
        (("UNCERTAIN", "UNCERTAIN"), False),
        (("OK", "UNCERTAIN", "UNCERTAIN", "UNCERTAIN"), True),
        (("UNCERTAIN", "UNCERTAIN", "UNCERTAIN", "OK"), False),
    ],
)
def test_detect__reporters_disagree__a_run_of_three(statuses, is_attack):
    view = feed(status=FeedStatus[statuses[-1]], rounds=rounds(*statuses))
    finding = found(scene(feeds=(view,))).get(Cause.FEED_UNCERTAIN)
    assert (finding is not None) == is_attack
    if finding is not None:
        assert finding.measure.function == "freezeFeed"
        assert finding.subject == f"GridOracle:{DEMAND}:101"


def test_detect__reporters_disagree_and_fallback_is_ok__switched():
    view = feed(status=FeedStatus.UNCERTAIN, rounds=rounds(*["UNCERTAIN"] * 3),
                fallback_feed=77, is_fallback_ok=True)  # fmt: skip
    assert found(scene(feeds=(view,)))[Cause.FEED_UNCERTAIN].measure == measures.fall_back(
        "GridOracle", DEMAND, UNTIL
    )


@pytest.mark.parametrize(("is_ok", "function"), [(True, "switchToFallback"), (False, None)])
def test_detect__feed_is_stale__switched_where_that_helps(is_ok, function):
    view = feed(status=FeedStatus.STALE, updated_at=NOW - 2_000, fallback_feed=77,
                is_fallback_ok=is_ok)  # fmt: skip
    measure = found(scene(feeds=(view,)))[Cause.FEED_STALE].measure
    assert (measure and measure.function) == function


def test_detect__feed_without_any_round_or_held__nothing():
    never = feed(status=FeedStatus.STALE, updated_at=0)
    held = feed(status=FeedStatus.FROZEN, is_held=True, rounds=rounds(*["UNCERTAIN"] * 5))
    assert detect(scene(feeds=(never, held)), POLICY) == ()


# --- orders ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("count", "is_spam"), [(200, False), (201, True)])
def test_detect__orders_of_an_account__halted_for_its_slots_only(count, is_spam):
    placed = Placements(account_id=5, zone=1, first_slot=SLOT + 40, slots=4, count=count)
    finding = found(scene(placements=(placed,))).get(Cause.ORDER_SPAM)
    assert (finding is not None) == is_spam
    if finding is not None:
        assert finding.measure == measures.halt(
            1, measures.STOP_PLACING, SLOT + 40, SLOT + 44, UNTIL
        )


# --- flows ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("import_wh", "export_wh", "is_attack"),
    [(62_500, 0, False), (62_501, 0, True), (0, 62_501, True), (100_000, 60_000, False)],
)
def test_detect__zone_beyond_its_feeder__halted(import_wh, export_wh, is_attack):
    flow = ZoneFlow(1, SLOT - 2, import_wh, export_wh)
    assert (Cause.ZONE_OVERLOAD in found(scene(zone_flows=(flow,)))) == is_attack
    assert detect(scene(zone_flows=(flow,)), Policy()) == ()


def test_detect__oracle_reports_more_than_the_feeder_carries__frozen():
    finding = found(scene(feeds=(feed(value=250_001),)))[Cause.ZONE_OVERLOAD]
    assert finding.measure == measures.freeze("GridOracle", DEMAND, UNTIL)
    assert detect(scene(feeds=(feed(value=250_000),)), POLICY) == ()


@pytest.mark.parametrize(
    ("flow_wh", "is_attack"), [(100, False), (101, True), (-50, False), (-51, True)]
)
def test_detect__line_beyond_its_capacity__halted(flow_wh, is_attack):
    flow = LineFlow(1, 0, 1, 2, SLOT + 3, flow_wh, forward_wh=100, back_wh=50)
    assert (Cause.LINE_OVERLOAD in found(scene(line_flows=(flow,)))) == is_attack


# --- quotes ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "price", "is_attack"),
    [
        (100_000, 500_000, False),
        (100_000, 501_000, True),
        (501_000, 100_000, True),
        (1_000, 90_000, False),
        (0, 900_000, False),
    ],
)
def test_detect__quote_jumps__quotes_frozen(before, price, is_attack):
    quote = SlotQuote(1, SLOT + 1, price, before)
    finding = found(scene(quotes=(quote,))).get(Cause.QUOTE_JUMP)
    assert (finding is not None) == is_attack
    if finding is not None:
        assert finding.measure == measures.freeze_quotes(1, UNTIL)


# --- a normal day ---------------------------------------------------------------------------------


def test_detect__normal_day__nothing():
    for slot in range(SLOT, SLOT + 96):
        hour = (slot - SLOT) / 4
        sun = max(0.0, math.sin((hour - 6) / 12 * math.pi))
        net = int(40_000 - 70_000 * sun)
        price = int(250_000 - 150_000 * sun)
        now = scene(
            now=slot * 900 + 60,
            slot=slot,
            zone_flows=(ZoneFlow(1, slot - 3, max(net, 0) // 4, max(-net, 0) // 4),),
            line_flows=(LineFlow(1, 0, 1, 2, slot + 2, 100, 100, 100),),
            placements=tuple(Placements(n, 1, slot + 8, 1, 6) for n in range(1, 41)),
            quotes=(SlotQuote(1, slot + 1, price, price + 9_000),),
            feeds=(
                feed(value=max(net, 0), updated_at=slot * 900, rounds=rounds("OK", "UNCERTAIN")),
                feed(oracle="PriceOracle", feed_id=PRICE, value=price, status=FeedStatus.BOUNDED),
            ),
            faulty=(("GridOracle", 1),),
        )
        assert detect(now, POLICY) == ()


# --- what it can do -------------------------------------------------------------------------------


def test_allowed_calls__fixed__freeze_and_tighten_only():
    expected = {"haltZone", "freezeFeed", "switchToFallback", "freezeQuotes"}
    assert expected == ALLOWED_CALLS
    assert measures.CONTRACT == "Guardian"


@pytest.mark.parametrize(
    ("function", "oracle"),
    [
        ("liftHalt", ""), ("unfreezeFeed", "GridOracle"), ("endFallback", "GridOracle"),
        ("setMarketTerms", ""), ("withdraw", ""), ("haltZone", "GridOracle"), ("freezeFeed", ""),
        ("freezeFeed", "EnergyTrading"), ("setReporters", "PriceOracle"),
        ("freezeQuotes", "GridOracle"), ("unfreezeQuotes", ""), ("grantRole", ""),
        ("renewBudget", ""), ("cancelOperation", ""), ("escalateZone", ""),
    ],
)  # fmt: skip
def test_measure__anything_else__cannot_be_made(function, oracle):
    with pytest.raises(ValueError, match="never calls"):
        Measure(function, (), oracle)


def test_sources__one_place_plans_calls__and_only_those_of_a_measure():
    folder = Path(oracles.guardian.__file__).parent
    planning, loosening = [], []
    for path in sorted(folder.glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute) and node.attr in ("encode", "enqueue", "send_raw"):
                planning.append((path.name, node.attr))
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr == "plan"
            ):
                planning.append((path.name, ast.unparse(node.args[2])))
            if isinstance(node, ast.Constant) and node.value in (
                "liftHalt", "unfreezeFeed", "endFallback", "activateFeed", "setReporters"
            ):  # fmt: skip
                loosening.append((path.name, node.value))
    assert planning == [("keepers.py", "measure.function")]
    assert loosening == []


def test_every_finding__measures__end_within_72_hours():
    with pytest.raises(ValueError, match="259200 s"):
        Policy(halt_seconds=72 * 3_600 + 1)


# --- evidence -------------------------------------------------------------------------------------


def test_record__once__whole_file(tmp_path):
    folder = EvidenceFolder(tmp_path / "evidence")
    (finding,) = detect(scene(quarantines=(quarantine(7),)), POLICY)

    assert folder.record(finding, scene(block=12))
    assert not folder.record(finding, scene(block=13))
    (path,) = folder.folder.iterdir()
    content = json.loads(path.read_text())
    assert (content["cause"], content["block"]) == ("meter_equivocates", 12)
    assert content["evidence"]["meter_id"] == 7
    assert content["measure"] is None


def test_record__disk_takes_nothing__retryable(tmp_path):
    (tmp_path / "evidence").write_text("in the way")
    (finding,) = detect(scene(quarantines=(quarantine(7),)), POLICY)
    with pytest.raises(EvidenceError, match="cannot be written"):
        EvidenceFolder(tmp_path / "evidence").record(finding, scene())


DOMAIN = eip712.domain(31_337, "0x00000000000000000000000000000000000000A1", GRID_DOMAIN)
KEY = bytes([9]) * 32


def entry(first, second, key=KEY, **changes):
    """A line of a collector's evidence."""
    signed = [
        SignedObservation.sign(
            Observation(Feed.of_id(DEMAND), 100, UnixSeconds(90_000), 900, 1, value), DOMAIN, key
        )
        for value in (first, second)
    ]
    return {
        "oracle": "GridOracle", "feed_id": DEMAND, "round": 100, "interval_start": 90_000,
        "interval_seconds": 900, "reporter_set": 1, "reporter": Account.from_key(KEY).address,
        "first": str(first), "first_signature": to_hex(signed[0].signature),
        "second": str(second), "second_signature": to_hex(signed[1].signature), **changes,
    }  # fmt: skip


def inbox(tmp_path, *entries, tail=""):
    path = tmp_path / "evidence.jsonl"
    path.write_text("".join(json.dumps(one) + "\n" for one in entries) + tail)
    return [*equivocations_of([path, tmp_path / "missing"], {"GridOracle": DOMAIN})]


def test_equivocations_of__proven__taken_half_a_line_and_no_file_passed_over(tmp_path):
    (one,) = inbox(tmp_path, entry(5, 6), tail=json.dumps(entry(7, 8))[:60])
    assert (one.first, one.second, one.round) == (5, 6, 100)
    assert one.reporter == Account.from_key(KEY).address


@pytest.mark.parametrize(
    "forged",
    [
        entry(5, 6, key=bytes([8]) * 32), entry(5, 5), {**entry(5, 6), "second": "7"},
        entry(5, 6, round=101), entry(5, 6, oracle="Another"), entry(5, 6, first_signature="0x00"),
        {"oracle": "GridOracle"},
    ],
)  # fmt: skip
def test_equivocations_of__not_proven__nobody_is_blamed(tmp_path, forged):
    assert inbox(tmp_path, forged) == []

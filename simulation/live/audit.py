"""Was anything lost? Asked of the chain when the day is over."""

from __future__ import annotations

from collections import Counter
from typing import Any

from energy_grid.contracts import Contract
from energy_grid.feeds import FeedStatus
from simulation.live.plan import LivePlan
from simulation.live.world import World, fleet_of, keys_of
from simulation.market_day.audit import audit
from simulation.market_day.chain import Chain
from simulation.market_day.facts import read_facts
from simulation.market_day.residuals import Kind, total
from simulation.physics.zones import ZONES


def is_settled(plan: LivePlan, chain: Chain) -> bool:
    """Whether every member is settled to the end of the day and no certificate is owed."""
    settlement = chain.contracts.settlement
    members = keys_of(plan).members
    states = chain.read([(settlement, "accountState", (one.address,)) for one in members])
    if any(state.settledUntil < plan.slots.stop for state in states):
        return False
    # Certificates are claimed once their slot's pool has closed, a little after settlement.
    return not total(audit(read_facts(chain, ZONES), plan.slots), Kind.ENERGY)


def audit_day(plan: LivePlan, world: World, chain: Chain, counts: dict[str, int]) -> dict[str, Any]:
    """Everything that must be so after a day, whoever was killed in it."""
    facts = read_facts(chain, ZONES)
    residuals = audit(facts, plan.slots)
    expected = len(fleet_of(plan, world)) * plan.count
    readings = sum(meter.readings for meter in facts.meters)
    checks = [_check(f"residuals of {kind.value}", total(residuals, kind), 0) for kind in Kind]
    checks.append(_check("readings on chain", readings, expected))
    ends = {meter.latest_at for meter in facts.meters}
    checks.append(_check("meters read to the end", ends == {plan.ends_at}, True))
    oracles = read_oracles(chain)
    checks.append(_check("feeds without a value", oracles["without_value"], 0))
    auctions = facts.auctions.auctions
    return {
        "counts": dict(sorted(counts.items())),
        "oracles": oracles,
        "auctions": len(auctions),
        "traded_in_auctions_wh": facts.bought_in_auctions_wh,
        "matches": len(facts.trades),
        "settled_wh": sum(int(event.boughtWh) for event in facts.slots),
        "residuals": [
            {"rule": one.rule, "amount": one.amount, "unit": one.unit}
            for one in residuals
            if one.amount
        ],
        "checks": checks,
        "good": all(check["good"] for check in checks),
    }


def read_oracles(chain: Chain) -> dict[str, Any]:
    """Every feed's status now, and how many rounds there were."""
    statuses: Counter[str] = Counter()
    without_value = feeds = rounds = 0
    for oracle in _oracles(chain):
        feed_ids = [int(feed_id) for feed_id in oracle.call("feedIds")]
        answers = chain.read([(oracle, "latestRound", (feed_id,)) for feed_id in feed_ids])
        reads = chain.read([(oracle, "read", (feed_id,)) for feed_id in feed_ids])
        statuses.update(FeedStatus(answer[2]).name for answer in reads)
        without_value += sum(not answer.updatedAt for answer in answers)
        feeds += len(feed_ids)
        rounds += len(oracle.events("RoundPublished"))
    return {
        "feeds": feeds,
        "without_value": without_value,
        "rounds": rounds,
        "statuses": dict(sorted(statuses.items())),
    }


def _oracles(chain: Chain) -> tuple[Contract, ...]:
    contracts = chain.contracts
    return contracts.grid_oracle, contracts.weather_oracle, contracts.price_oracle


def _check(what: str, found: int, expected: int) -> dict[str, Any]:
    return {"what": what, "found": found, "expected": expected, "good": found == expected}

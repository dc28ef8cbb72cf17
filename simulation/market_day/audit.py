"""Does everything add up? Residuals of energy and money, from chain state and events only."""

from __future__ import annotations

from collections import defaultdict

from energy_grid.units import SLOT_SECONDS, WH_PER_KWH
from simulation.market_day.audit_auctions import audit_auctions
from simulation.market_day.facts import ChainFacts, members_of
from simulation.market_day.residuals import Kind, Residual

_CONNECTION_KINDS = (0, 1)
_MEASURED_BASIS = 1


def audit(facts: ChainFacts, slots: range) -> tuple[Residual, ...]:
    """All checks of a day."""
    return (
        *_energy(facts, slots),
        *_money(facts),
        *audit_auctions(facts.auctions),
        *_slots(facts, slots),
    )


def _energy(facts: ChainFacts, slots: range) -> list[Residual]:
    bought = sum(event.boughtWh for event in facts.slots)
    sold = sum(event.soldWh for event in facts.slots)
    traded = sum(trade.energy_wh for trade in facts.trades) + facts.bought_in_auctions_wh
    certified = sum(event.mintedWh for event in facts.slots)
    given = sum(event.givenWh for event in facts.slots)
    retired = sum(event.energyWh for event in facts.retirements)
    return [
        Residual(
            Kind.ENERGY,
            "certificates: minted - retired - total supply",
            facts.minted_wh - facts.retired_wh - facts.token_supply_wh,
        ),
        Residual(
            Kind.ENERGY,
            "certificates: total supply - balances of all accounts",
            facts.token_supply_wh - sum(facts.token_balances_wh.values()),
        ),
        Residual(
            Kind.ENERGY,
            "certificates: minted by the token - minted for settled slots",
            facts.minted_wh - certified,
        ),
        Residual(
            Kind.ENERGY,
            "certificates: retired by the token - proofs of supply",
            facts.retired_wh - retired,
        ),
        Residual(
            Kind.ENERGY,
            "certificates: given to pools - taken out of pools",
            given - _taken_out_of_pools(facts),
        ),
        Residual(Kind.ENERGY, "settled: bought - sold over all accounts", bought - sold),
        Residual(
            Kind.ENERGY, "traded by matches and auctions - bought in settlement", traded - bought
        ),
        Residual(
            Kind.ENERGY,
            "metered: register movement - energy settled, summed over accounts",
            sum(abs(difference) for difference in _metering_differences(facts, slots)),
        ),
        Residual(
            Kind.ENERGY,
            "certified beyond verified export, summed over accounts",
            sum(_minted_beyond_export(facts)),
        ),
    ]


def _taken_out_of_pools(facts: ChainFacts) -> int:
    """Claims of buyers and givers; a claim retired as a whole shows as its retirement alone."""
    claimed = {(event.account, event.slot) for event in facts.claims}
    whole: int = sum(
        event.energyWh for event in facts.retirements if (event.account, event.slot) not in claimed
    )
    parts = sum(int(event.sharedWh + event.returnedWh) for event in facts.claims)
    return whole + parts


def _metering_differences(facts: ChainFacts, slots: range) -> list[int]:
    """Import and export of each account: meter registers against settlement."""
    settled: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for event in facts.slots:
        settled[event.account][0] += event.importWh
        settled[event.account][1] += event.exportWh
    differences = []
    for meter in facts.meters:
        if meter.kind not in _CONNECTION_KINDS or meter.latest_at != slots.stop * SLOT_SECONDS:
            continue
        for side in (0, 1):
            moved = meter.latest_wh[side] - meter.baseline_wh[side]
            differences.append(moved - settled[meter.owner][side])
    return differences


def _minted_beyond_export(facts: ChainFacts) -> list[int]:
    exported: dict[str, int] = defaultdict(int)
    minted: dict[str, int] = defaultdict(int)
    for event in facts.slots:
        exported[event.account] += event.exportWh
        minted[event.account] += event.mintedWh
    return [max(minted[account] - exported[account], 0) for account in minted]


def _money(facts: ChainFacts) -> list[Residual]:
    states = facts.states.values()
    ledgers = sum(state.free + state.locked + state.security for state in states)
    ledgers += facts.treasury_free + facts.zone_bonds + facts.clearing
    cost = sum(event.cost for event in facts.slots)
    proceeds = sum(event.proceeds for event in facts.slots)
    fees = sum(event.tradingFee for event in facts.slots)
    matched = sum(trade.energy_wh * trade.price_per_kwh for trade in facts.trades) // WH_PER_KWH
    rent = sum(facts.auctions.rent.values())
    return [
        Residual(
            Kind.MONEY, "ledgers of all accounts - tracked deposits", ledgers - facts.tracked_total
        ),
        Residual(
            Kind.MONEY,
            "deposits - withdrawals - tracked deposits",
            facts.deposited - facts.withdrawn - facts.tracked_total,
        ),
        Residual(
            Kind.MONEY,
            "tracked deposits - tokens held",
            facts.tracked_total - facts.token_balance,
        ),
        Residual(
            Kind.MONEY,
            "settled: cost of buyers - proceeds of sellers - congestion rent",
            cost - proceeds - rent,
        ),
        Residual(
            Kind.MONEY,
            "value of matches and auctions - cost settled",
            matched + facts.paid_in_auctions - cost,
        ),
        Residual(Kind.MONEY, "clearing account after settlement", facts.clearing),
        Residual(
            Kind.MONEY,
            "trading fees - balance and withdrawals of the treasury",
            fees - facts.treasury_free - facts.treasury_withdrawn,
        ),
        Residual(
            Kind.MONEY,
            "still locked after settlement",
            sum(facts.states[account].locked for account in members_of(facts)),
        ),
    ]


def _slots(facts: ChainFacts, slots: range) -> list[Residual]:
    missing = 0
    unmeasured = 0
    settled: dict[str, int] = defaultdict(int)
    for event in facts.slots:
        if event.slot in slots:
            settled[event.account] += 1
            unmeasured += event.basis != _MEASURED_BASIS
    for account in members_of(facts):
        missing += len(slots) - settled[account]
    return [
        Residual(Kind.SLOTS, "not settled, over all members", missing),
        Residual(Kind.SLOTS, "settled without true readings", unmeasured),
    ]

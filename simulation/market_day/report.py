"""The report of a day: one JSON document, the same for the same seed, grid, date and homes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from energy_grid.products import Period
from energy_grid.units import SLOTS_PER_HOUR, WH_PER_KWH
from simulation.market_day.facts import ChainFacts
from simulation.market_day.gas import GasUse
from simulation.market_day.market_report import (
    AuctionReport,
    LineReport,
    bought_by_hour,
    report_auctions,
    report_line,
)
from simulation.market_day.options import Options
from simulation.market_day.residuals import Kind, Residual, total
from simulation.market_day.share_report import SharesReport
from simulation.market_day.trading import Member
from simulation.market_day.treasury import Withdrawal
from simulation.physics.day import PhysicalDay

_RATIO_DIGITS: Final = 4


@dataclass(frozen=True, slots=True)
class Tariff:
    """What a zone's operator charges and pays, in settlement-token units per kWh."""

    retail: int
    feed_in: int

    def cash(self, imported_wh: int, exported_wh: int) -> int:
        """What a meter's energies bring at these tariffs alone."""
        return (exported_wh * self.feed_in - imported_wh * self.retail) // WH_PER_KWH


@dataclass(frozen=True, slots=True)
class MemberLine:
    """One member's day, from the chain. Energies in Wh, money in settlement-token units.

    `signs` tells whether its curves go out signed, for the trading engine to relay.
    `balance` is what the day brought (positive) or cost (negative), deposits apart;
    `without_market` what the same meters would have brought at retail and feed-in tariff alone.
    """

    home: int
    zone: int
    kind: str
    temper: str
    signs: bool
    imported_wh: int
    exported_wh: int
    bought_wh: int
    sold_wh: int
    certified_wh: int
    balance: int
    without_market: int


@dataclass(frozen=True, slots=True)
class HourLine:
    """One hour of delivery over all members.

    Energies in Wh: metered import and export, traded (in all, in auctions of the hour, in those of
    its quarter hours, continuously), what of the import neighbours supplied, and what flowed over
    the line (positive from the first to the second zone).
    Prices in settlement-token units per kWh, None where nothing was traded: over all trades, and
    the mean of continuous ones.
    """

    hour: int
    imported_wh: int
    exported_wh: int
    traded_wh: int
    hour_auction_wh: int
    quarter_auction_wh: int
    matched_wh: int
    local_wh: int
    line_wh: int
    price_low: int | None
    price_mean: int | None
    price_high: int | None
    matched_mean: int | None


@dataclass(frozen=True)
class DayReport:
    """Everything that is said about a day.

    A trade has one buyer: `matches` are pairs of the continuous book, in auctions each curve that
    bought something counts as one.
    """

    options: Options
    homes: int
    slots: range
    readings_accepted: int
    matches: int
    matched_wh: int
    auctions: AuctionReport
    line: LineReport
    energy_minted_wh: int
    energy_retired_wh: int
    local_wh: int
    members: tuple[MemberLine, ...]
    hours: tuple[HourLine, ...]
    cash_by_hour: tuple[tuple[str, tuple[int, ...]], ...]
    residuals: tuple[Residual, ...]
    gas: Mapping[str, GasUse]
    physics: Mapping[str, Any]
    operator_income: int
    network_fees: int
    trading_fees: int
    treasury: Withdrawal
    tariffs: Mapping[int, Tariff]
    unit_digits: int
    shares: SharesReport | None = None

    @property
    def trades(self) -> int:
        """Purchases: matches, and fills of buyers in auctions."""
        return self.matches + self.auctions.fills

    @property
    def energy_traded_wh(self) -> int:
        """Energy bought, continuously and in auctions."""
        return self.matched_wh + self.auctions.energy_wh

    @property
    def imported_wh(self) -> int:
        """Metered import of all members."""
        return sum(member.imported_wh for member in self.members)

    @property
    def local_supply_share(self) -> float:
        """Part of the members' metered import that they had bought from each other."""
        imported = self.imported_wh
        return round(self.local_wh / imported, _RATIO_DIGITS) if imported else 0.0

    @property
    def adds_up(self) -> bool:
        """Whether every residual is zero."""
        return all(residual.amount == 0 for residual in self.residuals)

    def as_json(self) -> dict[str, Any]:
        """The document."""
        return {
            "grid": self.options.grid,
            "date": self.options.day.isoformat(),
            "seed": self.options.seed,
            "homes": self.homes,
            "slots": len(self.slots),
            "readings_accepted": self.readings_accepted,
            "trades": self.trades,
            "trades_in_auctions": self.auctions.fills,
            "trades_matched": self.matches,
            "energy_imported_wh": self.imported_wh,
            "energy_exported_wh": sum(member.exported_wh for member in self.members),
            "energy_traded_wh": self.energy_traded_wh,
            "energy_matched_wh": self.matched_wh,
            "energy_minted_wh": self.energy_minted_wh,
            "energy_retired_wh": self.energy_retired_wh,
            "energy_residual_wh": total(self.residuals, Kind.ENERGY),
            "money_residual_units": total(self.residuals, Kind.MONEY),
            "slot_residual": total(self.residuals, Kind.SLOTS),
            "local_supply_share": self.local_supply_share,
            "operator_income_units": self.operator_income,
            "network_fee_units": self.network_fees,
            "trading_fee_units": self.trading_fees,
            "treasury": _fields(self.treasury),
            "auctions": self.auctions.as_json(),
            "interconnector": self.line.as_json(),
            "shared_plant": None if self.shares is None else self.shares.as_json(),
            "signed_orders": {
                "placed": self.auctions.signed_placed,
                "skipped": self.auctions.signed_skipped,
            },
            "tariffs": [
                {
                    "zone": zone,
                    "retail_units_per_kwh": tariff.retail,
                    "feed_in_units_per_kwh": tariff.feed_in,
                }
                for zone, tariff in self.tariffs.items()
            ],
            "residuals": [
                {"kind": r.kind.value, "rule": r.rule, "amount": r.amount, "unit": r.unit}
                for r in self.residuals
            ],
            "members": [_fields(member) for member in self.members],
            "hours": [_fields(hour) for hour in self.hours],
            "gas": {
                name: {"n": use.n, "median": use.median, "max": use.maximum}
                for name, use in self.gas.items()
            },
            "physics": dict(self.physics),
        }


def build_report(
    options: Options,
    day: PhysicalDay,
    members: Sequence[Member],
    facts: ChainFacts,
    residuals: Sequence[Residual],
    gas: Mapping[str, GasUse],
    treasury: Withdrawal,
    tariffs: Mapping[int, Tariff],
    unit_digits: int,
    shares: SharesReport | None = None,
) -> DayReport:
    """Put the facts into lines.

    Args:
        options: what was asked for.
        day: the physical day; only its voltages, loadings and losses are used.
        members: who traded.
        facts: what the chain says.
        residuals: the audit.
        gas: by operation.
        treasury: how the trading fees were taken out.
        tariffs: by zone, for the comparison without a market.
        unit_digits: decimals of the settlement token.
        shares: of the plant that several own, if there is one.
    """
    slots = range(day.first_slot, day.first_slot + len(day.grid.loss_wh))
    operators = [state for state in facts.states.values() if state.isOperator]
    bonds_paid_in = facts.deposited - _members_deposits(facts)
    local_wh = sum(_local_wh(event) for event in facts.slots)
    line = report_line(facts.auctions, day.zones, slots)
    return DayReport(
        options=options,
        homes=len(members),
        slots=slots,
        readings_accepted=sum(meter.readings for meter in facts.meters),
        matches=len(facts.trades),
        matched_wh=sum(trade.energy_wh for trade in facts.trades),
        auctions=report_auctions(facts.auctions, slots),
        line=line,
        energy_minted_wh=facts.minted_wh,
        energy_retired_wh=facts.retired_wh,
        local_wh=local_wh,
        members=_members(members, facts, tariffs),
        hours=_hours(facts, slots, line),
        cash_by_hour=_cash_by_hour(facts, slots),
        residuals=(*residuals, *(shares.residuals if shares else ())),
        gas=gas,
        physics=_physics(day),
        # The congestion rent is in the account of the line's owner, an operator, and stands apart.
        operator_income=(
            sum(state.free for state in operators) + facts.zone_bonds - bonds_paid_in - line.rent
        ),
        network_fees=sum(event.networkFee for event in facts.slots),
        trading_fees=sum(event.tradingFee for event in facts.slots),
        treasury=treasury,
        tariffs=tariffs,
        unit_digits=unit_digits,
        shares=shares,
    )


def _members_deposits(facts: ChainFacts) -> int:
    return sum(
        amount for account, amount in facts.deposits.items() if not facts.states[account].isOperator
    )


def _local_wh(event: Any) -> int:
    """Import of a slot that energy bought from neighbours covered."""
    return int(min(max(event.boughtWh - event.soldWh, 0), event.importWh))


def _cash(event: Any) -> int:
    """What a settled slot brought the account."""
    return int(event.proceeds - event.cost - event.networkFee - event.tradingFee - event.imbalance)


def _members(
    members: Sequence[Member], facts: ChainFacts, tariffs: Mapping[int, Tariff]
) -> tuple[MemberLine, ...]:
    sums: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for event in facts.slots:
        line = sums[event.account]
        line["imported"] += event.importWh
        line["exported"] += event.exportWh
        line["bought"] += event.boughtWh
        line["sold"] += event.soldWh
        line["cash"] += _cash(event)
    for event in facts.retirements:
        sums[event.account]["certified"] += event.energyWh
    return tuple(
        MemberLine(
            home=member.trader.home_number,
            zone=member.market.zone,
            kind=member.history.home.kind.value,
            temper=member.trader.temper.value,
            signs=member.signs,
            imported_wh=(line := sums[member.address])["imported"],
            exported_wh=line["exported"],
            bought_wh=line["bought"],
            sold_wh=line["sold"],
            certified_wh=line["certified"],
            balance=line["cash"],
            without_market=tariffs[member.market.zone].cash(line["imported"], line["exported"]),
        )
        for member in members
    )


def _hours(facts: ChainFacts, slots: range, line_report: LineReport) -> tuple[HourLine, ...]:
    count = len(slots) // SLOTS_PER_HOUR
    energy = [defaultdict[str, int](int) for _ in range(count)]
    prices: list[list[tuple[int, int]]] = [[] for _ in range(count)]
    matched: list[list[tuple[int, int]]] = [[] for _ in range(count)]
    for event in facts.slots:
        if event.slot in slots:
            line = energy[(event.slot - slots.start) // SLOTS_PER_HOUR]
            line["imported"] += event.importWh
            line["exported"] += event.exportWh
            line["traded"] += event.boughtWh
            line["local"] += _local_wh(event)
    for trade in facts.trades:
        hour = (trade.product.start_slot - slots.start) // SLOTS_PER_HOUR
        prices[hour].append((trade.price_per_kwh, trade.energy_wh))
        energy[hour]["matched"] += trade.energy_wh
        matched[hour].append((trade.price_per_kwh, trade.energy_wh))
    for auction in facts.auctions.auctions:
        price = facts.auctions.price_of(auction)
        bought = facts.auctions.bought_wh(auction)
        if price is not None and bought:
            hour = (auction.product.start_slot - slots.start) // SLOTS_PER_HOUR
            prices[hour].append((price, bought))
    in_auctions = bought_by_hour(facts.auctions, slots)
    return tuple(
        HourLine(
            hour=hour,
            imported_wh=line["imported"],
            exported_wh=line["exported"],
            traded_wh=line["traded"],
            hour_auction_wh=in_auctions[Period.HOUR][hour],
            quarter_auction_wh=in_auctions[Period.QUARTER_HOUR][hour],
            matched_wh=line["matched"],
            local_wh=line["local"],
            line_wh=line_report.flow_in_hour(hour),
            price_low=min((price for price, _ in found), default=None),
            price_mean=_mean_price(found),
            price_high=max((price for price, _ in found), default=None),
            matched_mean=_mean_price(matched[hour]),
        )
        for hour, (line, found) in enumerate(zip(energy, prices, strict=True))
    )


def _mean_price(found: Sequence[tuple[int, int]]) -> int | None:
    """Mean by energy, rounded down."""
    if not found:
        return None
    return sum(price * energy for price, energy in found) // sum(energy for _, energy in found)


def _cash_by_hour(facts: ChainFacts, slots: range) -> tuple[tuple[str, tuple[int, ...]], ...]:
    """Running totals by hour: what buyers paid sellers, the operator for imbalance, and in fees."""
    count = len(slots) // SLOTS_PER_HOUR
    names = ("paid to neighbours", "paid to the grid operator", "received from the grid operator")
    sums = np.zeros((len(names), count), dtype=np.int64)
    for event in facts.slots:
        if event.slot in slots:
            hour = (event.slot - slots.start) // SLOTS_PER_HOUR
            sums[0, hour] += event.cost
            sums[1, hour] += max(event.imbalance, 0) + event.networkFee
            sums[2, hour] += max(-event.imbalance, 0)
    running = np.cumsum(sums, axis=1)
    return tuple(
        (name, tuple(int(value) for value in row)) for name, row in zip(names, running, strict=True)
    )


def _physics(day: PhysicalDay) -> dict[str, Any]:
    """The power flow's results, in whole units; losses are the operator's and stand apart."""
    grid = day.grid
    return {
        "voltage_min_millivolts": round(float(grid.bus_voltage_v.min()) * 1_000),
        "voltage_max_millivolts": round(float(grid.bus_voltage_v.max()) * 1_000),
        "voltage_min_millivolts_by_slot": [
            round(float(value) * 1_000) for value in grid.bus_voltage_v.min(axis=1)
        ],
        "voltage_max_millivolts_by_slot": [
            round(float(value) * 1_000) for value in grid.bus_voltage_v.max(axis=1)
        ],
        "line_loading_max_percent": round(float(grid.line_loading_percent.max()), 2),
        "transformer_loading_max_percent": round(float(grid.transformer_loading_percent.max()), 2),
        "losses_wh": round(float(grid.loss_wh.sum())),
        "from_upstream_wh": round(float(grid.from_upstream_wh.sum())),
        "members_net_wh": int(grid.members_wh.sum()),
        "others_net_wh": round(float(grid.others_wh.sum())),
    }


def _fields(line: MemberLine | HourLine | Withdrawal) -> dict[str, Any]:
    return {name: getattr(line, name) for name in line.__slots__}

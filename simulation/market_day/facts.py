"""What the chain says about the day: its events and state, read once and put in order.

The report and every residual are made of this, and of nothing from the simulation's own books.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from energy_grid.abi import Event
from energy_grid.contracts import Contract
from energy_grid.ids import OrderId
from energy_grid.products import Product
from energy_grid.settled_slots import spread
from energy_grid.units import SLOTS_PER_DAY
from simulation.market_day.auctions import AuctionFacts, read_auctions
from simulation.market_day.chain import Chain


@dataclass(frozen=True, slots=True)
class Trade:
    """One match.

    Attributes:
        product: what was traded.
        energy_wh: over the whole product.
        price_per_kwh: settlement-token units per kWh.
    """

    product: Product
    energy_wh: int
    price_per_kwh: int


@dataclass(frozen=True, slots=True)
class MeterFacts:
    """One meter's registers as the chain has them.

    Attributes:
        meter_id: the meter.
        owner: account it measures for.
        kind: 0 connection, 1 connection with storage, 2 production.
        baseline_wh: import and export register when it was registered.
        latest_wh: import and export register of its newest reading.
        latest_at: time of its newest reading.
        readings: true readings on record after the baseline.
    """

    meter_id: int
    owner: str
    kind: int
    baseline_wh: tuple[int, int]
    latest_wh: tuple[int, int]
    latest_at: int
    readings: int


@dataclass(frozen=True)
class ChainFacts:
    """The whole day, from the chain.

    Attributes:
        accounts: address by short id order, operators included.
        states: `accountState` of each account.
        treasury: account that receives trading fees.
        treasury_free: its balance.
        treasury_withdrawn: what it has taken out, by events.
        zone_bonds: bonds of the zones' operators together.
        clearing: balance of the clearing account.
        tracked_total: deposits less withdrawals, by the contract.
        token_balance: settlement tokens that the contract holds.
        deposits: what was credited to each account, by events.
        withdrawn: sum of all withdrawals, by events.
        slots: one `SlotSettled` event each account and slot, what it minted included.
        trades: all matches of the continuous book.
        auctions: all call auctions.
        meters: all meters.
        claims: `CertificatesClaimed` events; none for a claim that was retired as a whole.
        retirements: `EnergyRetired` events: proofs of local green supply.
        minted_wh: by the energy token's events.
        retired_wh: by the energy token's events.
        token_supply_wh: total supply of the energy token.
        token_balances_wh: energy token balance by account; also of the settlement contract, and
            of others who may hold some.
    """

    accounts: tuple[str, ...]
    states: dict[str, Any]
    treasury: str
    treasury_free: int
    treasury_withdrawn: int
    zone_bonds: int
    clearing: int
    tracked_total: int
    token_balance: int
    deposits: dict[str, int]
    withdrawn: int
    slots: tuple[Event, ...]
    trades: tuple[Trade, ...]
    auctions: AuctionFacts
    meters: tuple[MeterFacts, ...]
    claims: tuple[Event, ...]
    retirements: tuple[Event, ...]
    minted_wh: int
    retired_wh: int
    token_supply_wh: int
    token_balances_wh: dict[str, int]

    @property
    def deposited(self) -> int:
        """Sum of all deposits."""
        return sum(self.deposits.values())

    @property
    def bought_in_auctions_wh(self) -> int:
        """Energy bought in all auctions."""
        return sum(map(self.auctions.bought_wh, self.auctions.auctions))

    @property
    def paid_in_auctions(self) -> int:
        """What the buyers of all auctions pay."""
        return sum(
            self.auctions.value(auction, auction.result.bought_lots)
            for auction in self.auctions.auctions
        )


def read_facts(chain: Chain, zones: Sequence[int], others: Sequence[str] = ()) -> ChainFacts:
    """Read state and events of all contracts.

    Args:
        chain: where they are.
        zones: zones of the region, the head first.
        others: who may hold certificates without an account.
    """
    settlement, trading = chain.contracts.settlement, chain.contracts.energy_trading
    energy_token, token = chain.contracts.energy_token, chain.contracts.settlement_token
    count = int(settlement.call("accountCount"))
    accounts = tuple(chain.read([(settlement, "accountAt", (index,)) for index in range(count)]))
    states = chain.read([(settlement, "accountState", (account,)) for account in accounts])
    treasury = str(settlement.call("treasury"))
    holders = tuple(dict.fromkeys((*accounts, settlement.address, *others)))
    balances = chain.read([(energy_token, "balanceOf", (holder,)) for holder in holders])
    deposits: dict[str, int] = dict.fromkeys(accounts, 0)
    for event in settlement.events("Deposited"):
        deposits[event.account] += event.amount
    withdrawals = settlement.events("Withdrawn")
    return ChainFacts(
        accounts=accounts,
        states=dict(zip(accounts, states, strict=True)),
        treasury=treasury,
        treasury_free=int(settlement.call("accountState", treasury).free),
        treasury_withdrawn=sum(one.amount for one in withdrawals if one.account == treasury),
        zone_bonds=sum(int(settlement.call("zoneState", zone).bond) for zone in zones),
        clearing=int(settlement.call("clearing")),
        tracked_total=int(settlement.call("trackedTotal")),
        token_balance=int(token.call("balanceOf", settlement.address)),
        deposits=deposits,
        withdrawn=sum(one.amount for one in withdrawals),
        slots=tuple(spread(settlement.events("SlotsSettled"))),
        trades=tuple(_trade(event) for event in trading.events("OrdersMatched")),
        auctions=read_auctions(trading, zones),
        meters=_meters(chain),
        claims=tuple(settlement.events("CertificatesClaimed")),
        retirements=tuple(settlement.events("EnergyRetired")),
        minted_wh=_sum(energy_token, "Minted", "energyWh"),
        retired_wh=_sum(energy_token, "Retired", "energyWh"),
        token_supply_wh=int(energy_token.call("totalSupply")),
        token_balances_wh=dict(zip(holders, balances, strict=True)),
    )


def _sum(contract: Contract, event_name: str, field_name: str) -> int:
    return sum(int(event.arguments[field_name]) for event in contract.events(event_name))


def _trade(event: Event) -> Trade:
    product = OrderId.unpack(event.buyOrderId).product
    return Trade(product, int(event.amount), int(event.pricePerKWh))


def _meters(chain: Chain) -> tuple[MeterFacts, ...]:
    contract = chain.contracts.smart_meter
    registered = contract.events("MeterRegistered")
    latest = chain.read([(contract, "latestReading", (event.meterId,)) for event in registered])
    readings: dict[int, int] = {event.meterId: 0 for event in registered}
    for event in contract.events("ReadingAccepted"):
        readings[event.meterId] += 1
    for event in contract.events("MeterDayAccepted"):
        day_end = event.dayStart // 900 + SLOTS_PER_DAY
        readings[event.meterId] += day_end - event.firstSlot
    return tuple(
        MeterFacts(
            meter_id=event.meterId,
            owner=event.owner,
            kind=event.kind,
            baseline_wh=(event.importWh, event.exportWh),
            latest_wh=(reading.importWh, reading.exportWh),
            latest_at=reading.timestamp,
            readings=readings[event.meterId],
        )
        for event, reading in zip(registered, latest, strict=True)
    )


def members_of(facts: ChainFacts) -> Sequence[str]:
    """Accounts that take part in the market: all but the operators."""
    return [account for account in facts.accounts if not facts.states[account].isOperator]

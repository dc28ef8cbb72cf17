"""Bringing a neighbourhood onto the market: meters, accounts, deposits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from eth_account.signers.local import LocalAccount

from energy_grid import eip712
from simulation.agents.terms import MarketView
from simulation.market_day.chain import Call, Chain
from simulation.market_day.fleet import FleetMeter
from simulation.market_day.plant import RESERVE_COINS, SharedPlant

_DEPOSIT_COINS: Final = RESERVE_COINS
_GAS_REGISTER: Final = 600_000


def market_view(chain: Chain, zone: int, slot: int) -> MarketView:
    """Rules of a zone for a slot, all read from the contracts."""
    trading, settlement = chain.contracts.energy_trading, chain.contracts.settlement
    tick_size, lot_wh, terms, prices = chain.read(
        [
            (trading, "TICK_SIZE", ()),
            (trading, "LOT", ()),
            (trading, "marketTerms", (zone, slot)),
            (settlement, "imbalancePrices", (zone, slot)),
        ]
    )
    return MarketView(
        zone=zone,
        tick_size=tick_size,
        lot_wh=lot_wh,
        retail_tick=prices.shortPricePerKWh // tick_size,
        feed_in_tick=prices.longPricePerKWh // tick_size,
        cap_tick=terms.shortPriceCap // tick_size,
        network_fee_per_kwh=terms.networkFeePerKWh,
        trading_fee_bps=terms.tradingFeeBps,
    )


def register_meters(chain: Chain, registrar: LocalAccount, fleet: Sequence[FleetMeter]) -> None:
    """Register every meter with the consent of its device, in the order of their ids."""
    contract = chain.contracts.smart_meter
    domain = eip712.domain(chain.chain_id, contract.address)
    chain.send(
        [
            Call(
                registrar,
                contract,
                "registerMeter",
                (
                    meter.registration.as_tuple(),
                    eip712.sign(meter.registration, domain, bytes(meter.device.key)),
                ),
                _GAS_REGISTER,
                meter.virtual.name,
            )
            for meter in fleet
        ]
    )


def enrol_members(
    chain: Chain, members: Sequence[LocalAccount], plant: SharedPlant | None = None
) -> tuple[int, ...]:
    """Enrol, deposit and post the security deposit; returns the short account ids.

    The account of a plant that several own is its vault's: who runs it pays in and posts for it.
    """
    settlement, token = chain.contracts.settlement, chain.contracts.settlement_token
    coin = 10 ** int(token.call("decimals"))
    security = int(settlement.call("securityDeposit"))
    amount = _DEPOSIT_COINS * coin + security
    shared = {} if plant is None else {plant.founder.address: plant}
    accounts = [
        shared[member.address].address if member.address in shared else member.address
        for member in members
    ]
    pairs = list(zip(members, accounts, strict=True))
    chain.send([Call(member, settlement, "enrol", (account,)) for member, account in pairs])
    chain.send([Call(member, token, "mint", (member.address, amount)) for member in members])
    chain.send([Call(member, token, "approve", (settlement.address, amount)) for member in members])
    chain.send(
        [
            Call(member, settlement, "deposit", (amount,))
            if account == member.address
            else Call(member, settlement, "depositFor", (account, amount))
            for member, account in pairs
        ]
    )
    if security:
        chain.send(
            [
                Call(member, settlement, "postSecurity", (security,))
                if member.address not in shared
                else Call(member, shared[member.address].vault, "postSecurity", ())
                for member in members
            ]
        )
    if plant is not None:
        name = (plant.founder.address,)
        chain.send([Call(plant.founder, plant.vault, "nameDelegate", name)])
    states = chain.read([(settlement, "accountState", (account,)) for account in accounts])
    return tuple(state.accountId for state in states)

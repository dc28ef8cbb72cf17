"""Bringing a neighbourhood onto the market: meters, accounts, deposits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from eth_account.signers.local import LocalAccount

from energy_grid import eip712
from simulation.agents.terms import MarketView
from simulation.market_day.chain import Call, Chain
from simulation.market_day.fleet import FleetMeter

_DEPOSIT_COINS: Final = 100
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


def enrol_members(chain: Chain, members: Sequence[LocalAccount]) -> tuple[int, ...]:
    """Enrol, deposit and post the security deposit; returns the short account ids."""
    settlement, token = chain.contracts.settlement, chain.contracts.settlement_token
    coin = 10 ** int(token.call("decimals"))
    security = int(settlement.call("securityDeposit"))
    amount = _DEPOSIT_COINS * coin + security
    chain.send([Call(member, settlement, "enrol", (member.address,)) for member in members])
    chain.send([Call(member, token, "mint", (member.address, amount)) for member in members])
    chain.send([Call(member, token, "approve", (settlement.address, amount)) for member in members])
    chain.send([Call(member, settlement, "deposit", (amount,)) for member in members])
    if security:
        chain.send([Call(member, settlement, "postSecurity", (security,)) for member in members])
    states = chain.read([(settlement, "accountState", (member.address,)) for member in members])
    return tuple(state.accountId for state in states)

"""Deploys and enrols; begun again after a kill, it goes on where it was."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import structlog
from eth_account.signers.local import LocalAccount

from energy_grid import eip712
from energy_grid.rpc import Rpc
from simulation.live.accounts import LiveKeys
from simulation.live.plan import LivePlan
from simulation.live.state import HORIZONS
from simulation.live.world import fleet_of, keys_of, load_world
from simulation.market_day.chain import Call, Chain
from simulation.market_day.deploying import deploy_market
from simulation.market_day.fleet import FleetMeter

_GAS_MONEY_WEI: Final = 1_000 * 10**18
_DEPOSIT_COINS: Final = 100
_GAS_REGISTER: Final = 600_000
_RPC_TIMEOUT_SECONDS: Final = 120.0

_log = structlog.get_logger(__name__)


def set_up(plan: LivePlan) -> None:
    """Everything that must be on chain before the day begins.

    Raises:
        EnergyGridError: a step failed; the next run goes on with it.
    """
    keys, world = keys_of(plan), load_world(plan)
    live = LiveKeys.derive(plan)
    with Rpc(plan.rpc_url, timeout_seconds=_RPC_TIMEOUT_SECONDS) as rpc:
        # A run that was killed while it mined by hand has left the chain waiting.
        rpc.call("evm_setAutomine", True)
        rpc.batch(
            [
                ("anvil_setBalance", [account.address, hex(_GAS_MONEY_WEI)])
                for account in (*keys.everybody(), *live.everybody())
            ]
        )
        plan.deployments.mkdir(parents=True, exist_ok=True)
        changes = {
            "reporters": tuple(str(account.address) for account in live.reporters),
            "forecast_horizons": HORIZONS,
            "watchers": (str(live.keepers["guardian"].address),),
        }
        contracts = deploy_market(
            rpc, keys, world.day.line_w, plan.deployment_file, resumes=True, changes=changes
        )
        chain = Chain(rpc, contracts, plan.chain_id)
        _log.info("deployed", contracts=len(contracts.deployment.contracts))
        fleet = fleet_of(plan, world)
        _register(chain, keys.governor, fleet)
        _enrol(chain, keys.members)
        _log.info("enrolled", members=len(keys.members), meters=len(fleet))


def _register(chain: Chain, registrar: LocalAccount, fleet: Sequence[FleetMeter]) -> None:
    """Meters that are not there yet; they get their ids in the order of registration."""
    contract = chain.contracts.smart_meter
    done = len(contract.events("MeterRegistered"))
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
            for meter in fleet[done:]
        ]
    )


def _enrol(chain: Chain, members: Sequence[LocalAccount]) -> None:
    """Enrol, deposit and post security, each step for those who have not taken it."""
    settlement, token = chain.contracts.settlement, chain.contracts.settlement_token
    coin = 10 ** int(token.call("decimals"))
    security = int(settlement.call("securityDeposit"))
    wanted = _DEPOSIT_COINS * coin + security

    def states() -> list[Any]:
        return chain.read([(settlement, "accountState", (one.address,)) for one in members])

    def paid_in(state: Any) -> bool:
        return bool(state.free + state.locked + state.security >= wanted)

    chain.send(
        [
            Call(member, settlement, "enrol", (member.address,))
            for member, state in zip(members, states(), strict=True)
            if not state.accountId
        ]
    )
    poor = [m for m, state in zip(members, states(), strict=True) if not paid_in(state)]
    has = chain.read([(token, "balanceOf", (member.address,)) for member in poor])
    chain.send(
        [
            Call(member, token, "mint", (member.address, wanted - balance))
            for member, balance in zip(poor, has, strict=True)
            if balance < wanted
        ]
    )
    chain.send([Call(member, token, "approve", (settlement.address, wanted)) for member in poor])
    chain.send([Call(member, settlement, "deposit", (wanted,)) for member in poor])
    chain.send(
        [
            Call(member, settlement, "postSecurity", (security,))
            for member, state in zip(members, states(), strict=True)
            if int(state.security) < security
        ]
    )

"""What must be zero when a grid day is over, and what the day cost; from chain state and events."""

from __future__ import annotations

from energy_grid.deployment import Parameters
from energy_grid.units import money_up
from simulation.grid_day.chain_flexibility import FlexibilityDesk
from simulation.grid_day.chain_meters import MeterHall
from simulation.grid_day.chain_world import PARAMETERS
from simulation.grid_day.metrics import DayMetrics
from simulation.grid_day.report import Costs
from simulation.market_day.chain import Chain
from simulation.market_day.residuals import Kind, Residual


def unserved_wh(metrics: DayMetrics) -> int:
    """Demand that was not served: consumption, cars that leave short, heat that houses lacked."""
    energy = metrics.energy
    return round(energy.unserved_wh + energy.car_short_wh + energy.heat_short_wh)


def costs_of(metrics: DayMetrics, flexibility: int, penalties: int) -> Costs:
    """What a run cost, at the prices of the zones' first terms.

    Args:
        metrics: of the run.
        flexibility: units paid to providers.
        penalties: units taken from stakes.
    """
    parameters = Parameters.load(PARAMETERS)
    return Costs(
        flexibility=flexibility,
        penalties=penalties,
        curtailed=money_up(round(metrics.energy.curtailed_wh), parameters.feed_in_tariff),
        unserved=money_up(unserved_wh(metrics), parameters.short_price_cap),
    )


def audit_day(chain: Chain, desk: FlexibilityDesk, hall: MeterHall) -> list[Residual]:
    """All residuals; each must be exactly 0."""
    return [*desk.residuals(), *_settlement(chain), *hall.residuals()]


def _settlement(chain: Chain) -> list[Residual]:
    """The zones' operators have paid in their bonds; nothing else moves in this day."""
    settlement, token = chain.contracts.settlement, chain.contracts.settlement_token
    tracked = int(settlement.call("trackedTotal"))
    deposited = sum(int(event.amount) for event in settlement.events("Deposited"))
    return [
        Residual(
            Kind.MONEY,
            "market: tracked deposits - tokens held",
            tracked - int(token.call("balanceOf", settlement.address)),
        ),
        Residual(Kind.MONEY, "market: deposits - tracked deposits", deposited - tracked),
    ]

"""What one slot comes to for one account, before any money moves. Specification, section 6."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from energy_grid.day_words import Quality
from energy_grid.model.slot_energy import SlotEnergy
from energy_grid.units import money


class Basis(IntEnum):
    """From what the energies of a settled slot are known."""

    UNMETERED = 0
    MEASURED = 1
    ESTIMATED = 2
    DEFAULTED = 3


@dataclass(frozen=True)
class SlotPosition:
    """What one account agreed for one slot over all its products, and the locks held for it."""

    bought_wh: int = 0
    sold_wh: int = 0
    cost: int = 0
    proceeds: int = 0
    network_fee: int = 0
    trading_fee: int = 0
    unlocked: int = 0

    def plus(self, other: SlotPosition) -> SlotPosition:
        """Both positions together."""
        return SlotPosition(
            self.bought_wh + other.bought_wh,
            self.sold_wh + other.sold_wh,
            self.cost + other.cost,
            self.proceeds + other.proceeds,
            self.network_fee + other.network_fee,
            self.trading_fee + other.trading_fee,
            self.unlocked + other.unlocked,
        )


@dataclass(frozen=True)
class ImbalancePrices:
    """What a missing kWh costs and what a surplus kWh earns, units per kWh."""

    short_price: int
    long_price: int

    def worst(self, other: ImbalancePrices) -> ImbalancePrices:
        """The highest short and the lowest long price of both."""
        return ImbalancePrices(
            max(self.short_price, other.short_price), min(self.long_price, other.long_price)
        )


UNMETERED_ENERGY = SlotEnergy(0, 0, 0, Quality.MISSING)


def energy_by_default(position: SlotPosition) -> SlotEnergy:
    """No reading came: nothing counts as fed in, and all that was bought counts as used."""
    return SlotEnergy(position.bought_wh, 0, 0, Quality.MISSING)


def imbalance_wh(position: SlotPosition, energy: SlotEnergy) -> int:
    """Energy taken beyond the agreement; negative if more was delivered."""
    metered_wh = energy.import_wh - energy.export_wh
    return metered_wh - (position.bought_wh - position.sold_wh)


def imbalance_due(delta_wh: int, prices: ImbalancePrices) -> int:
    """Money owed to the zone's operator; negative if the operator owes it.

    >>> imbalance_due(+100, ImbalancePrices(short_price=320_000, long_price=80_000))
    32000
    >>> imbalance_due(-100, ImbalancePrices(short_price=320_000, long_price=80_000))
    -8000
    """
    if delta_wh >= 0:
        return money(delta_wh, prices.short_price)
    return -money(-delta_wh, prices.long_price)

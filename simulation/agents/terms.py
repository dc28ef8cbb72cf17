"""The market as an agent sees it before it quotes: tariffs, fees, units of the book."""

from __future__ import annotations

from dataclasses import dataclass

from energy_grid.units import BPS, WH_PER_KWH


@dataclass(frozen=True, slots=True)
class MarketView:
    """Rules of the home zone, all read from the chain.

    Attributes:
        zone: the zone.
        tick_size: base units per kWh of one tick.
        lot_wh: energy of one lot.
        retail_tick: retail tariff in ticks: what missing energy costs.
        feed_in_tick: feed-in tariff in ticks: what surplus energy earns.
        cap_tick: highest price anybody can owe for imbalance.
        network_fee_per_kwh: what a buyer pays the operator, in base units per kWh.
        trading_fee_bps: what a buyer pays the treasury on its cost.
    """

    zone: int
    tick_size: int
    lot_wh: int
    retail_tick: int
    feed_in_tick: int
    cap_tick: int
    network_fee_per_kwh: int
    trading_fee_bps: int

    def value(self, lots: int, ticks: int) -> int:
        """Money of lots at a price, exact by the choice of units."""
        return lots * self.lot_wh * ticks * self.tick_size // WH_PER_KWH

    def network_fee(self, lots: int) -> int:
        """Network fee on lots bought, exact by the choice of units."""
        return lots * self.lot_wh * self.network_fee_per_kwh // WH_PER_KWH

    def trading_fee_up(self, cost: int) -> int:
        """Trading fee on a cost, rounded up as a lock is."""
        return -(-cost * self.trading_fee_bps // BPS)

    @property
    def dearest_bid_tick(self) -> int:
        """Highest bid that is no dearer than the retail tariff once both fees are paid."""
        left = self.retail_tick * self.tick_size - self.network_fee_per_kwh
        tick = left * BPS // (BPS + self.trading_fee_bps) // self.tick_size
        return min(tick, self.cap_tick)

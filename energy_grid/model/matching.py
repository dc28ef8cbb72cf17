"""The continuous session: matching orders. Section 4."""

from __future__ import annotations

from collections.abc import Sequence

from energy_grid.ids import OrderId, Side
from energy_grid.model.book import TICK_SIZE, Fill, Record
from energy_grid.model.order_entry import OrderEntry
from energy_grid.model.quotes import Trade, is_order_id, product_bits, side_byte
from energy_grid.model.refused import Refused
from energy_grid.model.zones import HaltScope


class Matching(OrderEntry):
    """Trades between orders that stand in the book."""

    def match(self, buy_id: int, sell_id: int, now: int) -> Trade:
        """Let the best bid and the best ask trade, at the limit of whichever was first."""
        buy, sell = self._checked_pair(buy_id, sell_id, now)
        first = buy if buy.sequence < sell.sequence else sell
        price = first.limit_per_kwh
        lots = min(buy.remaining_lots, sell.remaining_lots)
        for record in (buy, sell):
            record.remaining_lots -= lots
            record.fills.append(Fill(lots, price, abs(record.limit_per_kwh - price)))
        trade = Trade(buy_id, sell_id, buy.product, buy.account_id, sell.account_id, lots, price)
        self.trades.append(trade)
        return trade

    def match_many(self, pairs: Sequence[tuple[int, int]], now: int) -> int:
        """Match pairs in the order given; those that no longer match are skipped."""
        matched = 0
        for buy_id, sell_id in pairs:
            try:
                self.match(buy_id, sell_id, now)
            except Refused:
                continue
            matched += 1
        return matched

    def _checked_pair(self, buy_id: int, sell_id: int, now: int) -> tuple[Record, Record]:
        if side_byte(buy_id) != Side.BUY or side_byte(sell_id) != Side.SELL:
            raise Refused("NotABuyAndASell", buyOrderId=buy_id, sellOrderId=sell_id)
        if product_bits(buy_id) != product_bits(sell_id):
            raise Refused("ProductsDiffer", buyOrderId=buy_id, sellOrderId=sell_id)
        if is_order_id(buy_id):
            product = OrderId.unpack(buy_id).product
            if self.halted(product, HaltScope.MATCH, now):
                raise Refused("TradingHalted", zone=product.zone)
        buy, sell = (self._tradable_record(order_id, now) for order_id in (buy_id, sell_id))
        if buy.limit_per_kwh < sell.limit_per_kwh:
            raise Refused(
                "PricesDoNotCross",
                buyTick=buy.limit_per_kwh // TICK_SIZE,
                sellTick=sell.limit_per_kwh // TICK_SIZE,
            )
        best_bid, best_ask = self.best_bid(buy.product), self.best_ask(buy.product)
        if buy.limit_per_kwh != best_bid:
            raise Refused("NotBestBid", given=buy.limit_per_kwh, best=best_bid)
        if sell.limit_per_kwh != best_ask:
            raise Refused("NotBestAsk", given=sell.limit_per_kwh, best=best_ask)
        return buy, sell

    def _tradable_record(self, order_id: int, now: int) -> Record:
        record = self._open_record(order_id)
        if now >= record.product.gate_at:
            raise Refused("GateClosed", nowSeconds=now, gateAt=record.product.gate_at)
        if now >= record.expires_at:
            raise Refused("OrderExpired", orderId=order_id, expiredAt=record.expires_at)
        return record

"""What settlement asks of the market: positions, volumes and prices by slot. Section 6."""

from __future__ import annotations

from energy_grid.errors import InvalidValueError
from energy_grid.ids import Side, TransactionId
from energy_grid.model.auction_clearing import AuctionClearing
from energy_grid.model.auction_record import AuctionRecord, RecordState
from energy_grid.model.book import LOT_WH, Record
from energy_grid.model.ledger import Account
from energy_grid.model.quotes import TRANSACTION_BITS, check_product
from energy_grid.model.refused import Refused
from energy_grid.model.settlement import SlotPosition
from energy_grid.products import Product, Session
from energy_grid.units import BPS, money


class Positions(AuctionClearing):
    """Both sessions as settlement sees them."""

    def slot_position(self, account: Account, slot: int) -> SlotPosition:
        """What an account agreed for one slot, over all its products."""
        position = SlotPosition()
        for record in self.records.values():
            if record.account_id == account.account_id and slot in record.product.slots:
                position = position.plus(self._contribution(record, slot))
        for curve in self.curves.values():
            if curve.account_id == account.account_id and slot in curve.product.slots:
                position = position.plus(self._auction_contribution(curve, slot))
        return position

    def take_positions(self, account: Account, slots: range) -> list[SlotPosition]:
        """Positions for settlement: what orders at the clearing price got is fixed by it."""
        for curve in self.curves.values():
            delivers = curve.product.slots.start < slots.stop and (
                slots.start < curve.product.slots.stop
            )
            if curve.account_id == account.account_id and delivers:
                self._fix_share(curve)
        return [self.slot_position(account, slot) for slot in slots]

    def _fix_share(self, record: AuctionRecord) -> None:
        result = self.results.get(record.product)
        if result is None or record.state is not RecordState.OPEN:
            return
        if result.is_shared(record.steps):
            record.fix(result, RecordState.SHARED)

    def _contribution(self, record: Record, slot: int) -> SlotPosition:
        terms = self.zone(record.product.zone).terms_at(record.product.start_slot)
        energy_wh = record.filled_lots * LOT_WH
        if record.side is Side.SELL:
            return SlotPosition(
                sold_wh=energy_wh,
                proceeds=record.filled_value,
                unlocked=record.lock_per_slot(terms),
            )
        return SlotPosition(
            bought_wh=energy_wh,
            cost=record.filled_value,
            network_fee=money(energy_wh, terms.network_fee_per_kwh),
            trading_fee=record.trading_fee_of_slot(terms, slot),
            unlocked=record.lock_per_slot(terms),
        )

    def _auction_contribution(self, record: AuctionRecord, slot: int) -> SlotPosition:
        product = record.product
        terms = self.zone(product.zone).terms_at(product.start_slot)
        unlocked = record.lock_per_slot(terms)
        fill = record.fill(self.results.get(product))
        energy_wh = fill.lots * LOT_WH
        value = money(energy_wh, fill.price_per_kwh)
        if fill.side is Side.SELL:
            return SlotPosition(sold_wh=energy_wh, proceeds=value, unlocked=unlocked)
        fee = value * product.slot_count * terms.trading_fee_bps // BPS
        elapsed = slot - product.start_slot
        return SlotPosition(
            bought_wh=energy_wh,
            cost=value,
            network_fee=money(energy_wh, terms.network_fee_per_kwh),
            trading_fee=fee * (elapsed + 1) // product.slot_count
            - fee * elapsed // product.slot_count,
            unlocked=unlocked,
        )

    def traded_wh(self, region: int, slot: int) -> int:
        """Energy bought in all zones of a region for one slot, in both sessions."""
        matched = sum(
            trade.lots
            for trade in self.trades
            if self.region_of(trade.product.zone) == region and slot in trade.product.slots
        )
        cleared = sum(
            result.bought_lots
            for product, result in self.results.items()
            if self.region_of(product.zone) == region and slot in product.slots
        )
        return (matched + cleared) * LOT_WH

    def auction_prices(self, zone: int, slot: int) -> tuple[int, int] | None:
        """Highest and lowest price that auctions published for a slot; None if none did."""
        prices = [
            result.price_per_kwh
            for product, result in self.results.items()
            if product.zone == zone and slot in product.slots and result.publishes_price
        ]
        return (max(prices), min(prices)) if prices else None

    def covering_prices(self, zone: int, slot: int) -> tuple[int, int] | None:
        """The same, or else the slot's quote; None if there is neither."""
        auctioned = self.auction_prices(zone, slot)
        quote = self.zone(zone).quotes_per_kwh.get(slot)
        return auctioned or (None if quote is None else (quote, quote))

    def parties(self, transaction_id: int) -> tuple[Account, Account, Product]:
        """Buyer, seller and product of a transaction id that names a trade."""
        if transaction_id >> TRANSACTION_BITS:
            raise Refused("TransactionUnknown", transactionId=transaction_id)
        number = transaction_id >> 48
        check_product(
            number >> 36 & 0xF, number >> 32 & 0xF, number & 0xFFFFFFFF, Session.CONTINUOUS
        )
        try:
            wanted = TransactionId.unpack(transaction_id)
            product = wanted.product
        except InvalidValueError as error:
            raise Refused("TransactionUnknown", transactionId=transaction_id) from error
        for account_id, side in ((wanted.buyer_id, Side.BUY), (wanted.seller_id, Side.SELL)):
            if not any(
                record.fills and record.side is side
                for record in self.records_of(account_id, product)
            ):
                raise Refused("TransactionUnknown", transactionId=transaction_id)
        return (
            self.ledger.account_by_id(wanted.buyer_id),
            self.ledger.account_by_id(wanted.seller_id),
            product,
        )

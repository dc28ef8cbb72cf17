// SPDX-License-Identifier: MIT
pragma solidity 0.8.34;

import {ContinuousBook} from "./ContinuousBook.sol";
import {IEnergyMarket} from "../interfaces/IEnergyMarket.sol";
import {IEnergyTrading} from "../interfaces/IEnergyTrading.sol";
import {OrderIds} from "../libraries/OrderIds.sol";
import {OrderRecord, OrderRecords} from "../libraries/OrderRecords.sol";
import {Products} from "../libraries/Products.sol";
import {PackedTerms, ZoneWord} from "../libraries/ZoneWords.sol";
import {AccountWord} from "../types/AccountWord.sol";
import {ProductId} from "../types/Market.sol";
import {HaltScope} from "../types/MarketTerms.sol";
import {Quote} from "../types/Quote.sol";

/// @title Orders enter and leave the book
/// @notice Every function moves money with one call to the ledger, whatever the number of orders.
/// @dev Placing needs the account's short id before it can file a record, so there the ledger is
/// called between the checks and the effects; the sequences are reserved before. Elsewhere the call
/// comes last, and what it returns decides whether the caller may do all that: if not, it reverts.
abstract contract OrderEntry is ContinuousBook {
    using Products for ProductId;

    /// @notice What the orders of one call have in common, and what they add up to.
    /// @param accountId owner according to the ids; the ledger confirms it in the end
    /// @param earliestStart least start slot
    /// @param neededWh most energy per slot to be delivered net in one product
    struct Batch {
        uint24 accountId;
        uint16 zone;
        ZoneWord word;
        uint256 earliestStart;
        uint256 neededWh;
        int256 lockDelta;
    }

    /// @dev Rated power in W delivers a quarter of it in Wh in a slot of 900 s.
    uint256 private constant SLOTS_PER_HOUR = 1 hours / Products.SLOT_SECONDS;

    /* DELEGATES */

    /// @inheritdoc IEnergyMarket
    function nameDelegate(address delegate) external {
        if (delegate == msg.sender) revert DelegateIsAccount(delegate);
        address old = _delegates[msg.sender];
        _delegates[msg.sender] = delegate;
        emit DelegateNamed(msg.sender, old, delegate);
    }

    /// @inheritdoc IEnergyMarket
    function delegateOf(address account) external view returns (address) {
        return _delegates[account];
    }

    /* PLACING */

    /// @inheritdoc IEnergyMarket
    function placeOrder(Quote quote) external returns (uint256 orderId) {
        return _place(msg.sender, quote);
    }

    /// @inheritdoc IEnergyMarket
    function placeOrders(Quote[] calldata quotes) external returns (uint32 firstSequence) {
        return _placeMany(msg.sender, quotes);
    }

    /// @inheritdoc IEnergyMarket
    function placeOrdersFor(address account, Quote[] calldata quotes)
        external
        returns (uint32 firstSequence)
    {
        _requireActsFor(account);
        return _placeMany(account, quotes);
    }

    /* REPLACING AND CANCELLING */

    /// @inheritdoc IEnergyMarket
    function replaceOrder(uint256 orderId, Quote quote) external returns (uint256 newOrderId) {
        Batch memory batch = _openBatch(orderId);
        (ProductId product, OrderRecord record) = _requireOpenOrder(orderId);
        newOrderId = _replace(batch, orderId, product, record, quote);
        _zones[batch.zone] = batch.word;
        _closeBatch(batch, msg.sender, orderId);
    }

    /// @inheritdoc IEnergyMarket
    function replaceOrders(uint256[] calldata orderIds, Quote[] calldata quotes)
        external
        returns (uint256 replaced)
    {
        return _replaceMany(msg.sender, orderIds, quotes);
    }

    /// @inheritdoc IEnergyMarket
    function replaceOrdersFor(
        address account,
        uint256[] calldata orderIds,
        Quote[] calldata quotes
    ) external returns (uint256 replaced) {
        _requireActsFor(account);
        return _replaceMany(account, orderIds, quotes);
    }

    /// @inheritdoc IEnergyTrading
    function cancelOrder(uint256 orderId) external {
        (ProductId product, OrderRecord record) = _requireOpenOrder(orderId);
        product.requireBeforeGate();
        uint256 released = _withdraw(orderId, product, record);
        emit OrderCancelled(orderId, record.unfilled());
        unchecked {
            // A lock is below 2^190 (see OrderLocks).
            _confirm(msg.sender, orderId, -int256(released), product.startSlot());
        }
    }

    /// @inheritdoc IEnergyMarket
    function cancelOrders(uint256[] calldata orderIds) external returns (uint256 cancelled) {
        return _cancelMany(msg.sender, orderIds);
    }

    /// @inheritdoc IEnergyMarket
    function cancelOrdersFor(address account, uint256[] calldata orderIds)
        external
        returns (uint256 cancelled)
    {
        _requireActsFor(account);
        return _cancelMany(account, orderIds);
    }

    /// @inheritdoc IEnergyMarket
    function removeExpired(uint256[] calldata orderIds) external returns (uint256 removed) {
        for (uint256 i; i < orderIds.length; ++i) {
            uint256 orderId = orderIds[i];
            (bool open, ProductId product, OrderRecord record) = _openOrder(orderId);
            if (!open || block.timestamp < record.expiresAt()) continue;
            address owner = LEDGER.accountOf(OrderIds.accountId(orderId));
            // A zero change only reads; money that settlement has begun to free is not freed again.
            AccountWord account = LEDGER.adjustLock(owner, 0);
            if (account.settledUntil() > product.startSlot()) continue;
            uint256 released = _withdraw(orderId, product, record);
            emit ExpiredOrderRemoved(orderId, record.unfilled());
            LEDGER.adjustLock(owner, -int256(released));
            ++removed;
        }
    }

    /* VIEWS */

    /// @inheritdoc IEnergyMarket
    function lockFor(Quote quote) external view returns (uint256) {
        uint16 zone = quote.product().zone();
        (OrderRecord order, PackedTerms terms, uint256 length) =
            _accept(quote, zone, _zones[zone]);
        return _lockPerSlot(order, terms) * length;
    }

    /* INTERNAL: PLACING */

    function _place(address account, Quote quote) internal returns (uint256 orderId) {
        // Check: everything that needs neither the account nor the book.
        uint16 zone = quote.product().zone();
        ZoneWord word = _zones[zone];
        (OrderRecord order, PackedTerms terms, uint256 length) = _accept(quote, zone, word);
        // Effect: reserve the sequence.
        word = _nextSequence(word, zone);
        _zones[zone] = word;
        // Interaction: the trusted ledger; a lock below 2^190 fits (see OrderLocks).
        AccountWord accountWord =
            LEDGER.adjustLock(account, int256(_lockPerSlot(order, terms) * length));
        if (accountWord.zone() != zone) revert NotHomeZone(zone, accountWord.zone());
        // Effect: file the order.
        return _enter(accountWord, quote, order.numbered(word.sequence()));
    }

    function _placeMany(address account, Quote[] calldata quotes)
        private
        returns (uint32 firstSequence)
    {
        // Check.
        uint256 count = quotes.length;
        if (count == 0) revert NothingGiven();
        uint16 zone = quotes[0].product().zone();
        ZoneWord word = _zones[zone];
        OrderRecord[] memory orders = new OrderRecord[](count);
        uint256 lock;
        for (uint256 i; i < count; ++i) {
            (OrderRecord order, PackedTerms terms, uint256 length) =
                _accept(quotes[i], zone, word);
            word = _nextSequence(word, zone);
            orders[i] = order.numbered(word.sequence());
            unchecked {
                lock += _lockPerSlot(order, terms) * length; // see OrderLocks for the bounds
            }
        }
        firstSequence = uint32(orders[0].sequence()); // a 32-bit field
        // Effect: reserve the sequences.
        _zones[zone] = word;
        // Interaction.
        AccountWord accountWord = LEDGER.adjustLock(account, int256(lock));
        if (accountWord.zone() != zone) revert NotHomeZone(zone, accountWord.zone());
        // Effect.
        for (uint256 i; i < count; ++i) _enter(accountWord, quotes[i], orders[i]);
    }

    /// @dev All rules for a quote that need neither the account nor the book.
    /// @return order the record without sequence and count
    /// @return terms money rules of the product
    /// @return length slots of the product
    function _accept(Quote quote, uint16 zone, ZoneWord word)
        private
        view
        returns (OrderRecord order, PackedTerms terms, uint256 length)
    {
        if (!quote.isWellFormed()) revert QuoteMalformed(quote);
        ProductId product = quote.product();
        if (product.zone() != zone) revert NotHomeZone(product.zone(), zone);
        uint256 start;
        uint256 gate;
        (start, length, gate) = product.requireOpen();
        _requireNotHalted(word, HaltScope.PLACE, zone, start, length);
        // An open product starts later than now, so former terms do not concern it.
        terms = word.termsFrom(start);
        if (!terms.exist()) revert ZoneNotOpen(zone);

        uint256 lots = quote.lots();
        if (lots < MIN_LOTS) revert TooFewLots(lots, MIN_LOTS);
        if (lots > OrderRecords.MAX_LOTS) revert TooManyLots(lots, OrderRecords.MAX_LOTS);
        uint256 tick = quote.limitTick();
        if (tick == 0) revert PriceTooLow(tick, 1);
        if (tick > terms.capTicks()) revert PriceAboveCap(tick, terms.capTicks());

        uint256 expiresAt = quote.expiresAt();
        if (expiresAt == 0 || expiresAt > gate) expiresAt = gate;
        else if (expiresAt <= block.timestamp) revert ExpiryPassed(expiresAt, block.timestamp);
        order = OrderRecords.create(product.tag(), expiresAt, quote.side(), tick, lots);
    }

    function _enter(AccountWord accountWord, Quote quote, OrderRecord order)
        private
        returns (uint256 orderId)
    {
        ProductId product = quote.product();
        if (accountWord.settledUntil() > product.startSlot()) {
            revert SettlementReached(accountWord.settledUntil(), uint32(product.startSlot()));
        }
        uint256 index = _file(product, accountWord, order);
        _addToLevel(product, quote.side(), quote.limitTick(), quote.lots());
        orderId = OrderIds.pack(
            product, accountWord.accountId(), index, quote.side(), order.sequence()
        );
        emit OrderPlaced(orderId, quote);
    }

    /// @dev Store the order in the first record of the account and product that may be overwritten.
    function _file(ProductId product, AccountWord account, OrderRecord order)
        private
        returns (uint256 index)
    {
        uint24 accountId = account.accountId();
        uint256 key = OrderIds.recordKey(product, accountId, 0);
        OrderRecord first = _records[key];
        if (first.tag() != order.tag()) {
            _requireSettled(first, product, account);
            if (order.isSell()) _requireCapacity(order.unfilled() * LOT, account);
            _records[key] = order.withCount(1);
            return 0;
        }
        uint256 neededWh;
        (index, neededWh) = _checkAgainstOwn(
            product, accountId, first, order, MAX_RECORDS, OrderRecord.wrap(0)
        );
        if (order.isSell()) _requireCapacity(neededWh, account);
        uint256 count = first.count();
        if (index == count) {
            if (count == MAX_RECORDS) revert RecordsExhausted(count + 1, MAX_RECORDS);
            _requireSettled(_records[key + index], product, account);
            _records[key] = first.withCount(count + 1);
        }
        _records[key + index] = index == 0 ? order.withCount(count) : order;
    }

    /// @dev A record of an earlier turn may be overwritten once nothing of it is left to settle.
    function _requireSettled(OrderRecord former, ProductId product, AccountWord account)
        private
        pure
    {
        if (former.tag() == 0) return;
        uint256 end = product.startOfTurn(former.tag()) + product.lengthSlots();
        if (account.settledUntil() < end) revert SettleFirst(uint32(end)); // below 2^28
    }

    /* INTERNAL: REPLACING AND CANCELLING */

    function _replaceMany(
        address account,
        uint256[] calldata orderIds,
        Quote[] calldata quotes
    ) private returns (uint256 replaced) {
        uint256 count = orderIds.length;
        if (count == 0) revert NothingGiven();
        if (count != quotes.length) revert LengthsDiffer(count, quotes.length);
        Batch memory batch = _openBatch(orderIds[0]);
        for (uint256 i; i < count; ++i) {
            uint256 orderId = orderIds[i];
            (bool open, ProductId product, OrderRecord record) = _openOrder(orderId);
            if (!open) continue;
            _requireSameAccount(batch.accountId, orderId, account);
            _replace(batch, orderId, product, record, quotes[i]);
            ++replaced;
        }
        if (replaced == 0) return 0;
        _zones[batch.zone] = batch.word;
        _closeBatch(batch, account, orderIds[0]);
    }

    function _cancelMany(address account, uint256[] calldata orderIds)
        private
        returns (uint256 cancelled)
    {
        if (orderIds.length == 0) revert NothingGiven();
        Batch memory batch = _openBatch(orderIds[0]);
        for (uint256 i; i < orderIds.length; ++i) {
            uint256 orderId = orderIds[i];
            (bool open, ProductId product, OrderRecord record) = _openOrder(orderId);
            if (!open || product.isGateClosed()) continue;
            _requireSameAccount(batch.accountId, orderId, account);
            unchecked {
                // A lock is below 2^190 (see OrderLocks).
                batch.lockDelta -= int256(_withdraw(orderId, product, record));
                ++cancelled;
            }
            if (product.startSlot() < batch.earliestStart) {
                batch.earliestStart = product.startSlot();
            }
            emit OrderCancelled(orderId, record.unfilled());
        }
        if (cancelled != 0) {
            _confirm(account, orderIds[0], batch.lockDelta, batch.earliestStart);
        }
    }

    function _openBatch(uint256 orderId) private view returns (Batch memory batch) {
        batch.accountId = OrderIds.accountId(orderId);
        batch.zone = OrderIds.product(orderId).zone();
        batch.word = _zones[batch.zone];
        batch.earliestStart = type(uint256).max;
    }

    function _closeBatch(Batch memory batch, address account, uint256 orderId) private {
        AccountWord accountWord =
            _confirm(account, orderId, batch.lockDelta, batch.earliestStart);
        if (batch.neededWh != 0) _requireCapacity(batch.neededWh, accountWord);
    }

    /// @dev Interaction: one call for all orders; its answer confirms the owner. Asking who the owner
    /// is beforehand would cost every order a second call; asking after a refusal costs nobody who
    /// acts on orders of its own, and tells the others what is wrong.
    function _confirm(address account, uint256 orderId, int256 lockDelta, uint256 earliestStart)
        private
        returns (AccountWord accountWord)
    {
        uint24 owner = OrderIds.accountId(orderId);
        try LEDGER.adjustLock(account, lockDelta) returns (AccountWord answer) {
            accountWord = answer;
        } catch (bytes memory reason) {
            if (LEDGER.accountOf(owner) != account) revert NotOrderOwner(orderId, account);
            assembly ("memory-safe") {
                revert(add(reason, 0x20), mload(reason)) // the ledger's own error
            }
        }
        if (accountWord.accountId() != owner) revert NotOrderOwner(orderId, account);
        if (accountWord.settledUntil() > earliestStart) {
            revert SettlementReached(accountWord.settledUntil(), uint32(earliestStart)); // a slot
        }
    }

    function _replace(
        Batch memory batch,
        uint256 orderId,
        ProductId product,
        OrderRecord old,
        Quote quote
    ) private returns (uint256 newOrderId) {
        // Check.
        if (
            ProductId.unwrap(quote.product()) != ProductId.unwrap(product)
                || quote.side() != old.side()
        ) revert ReplacementDiffers(orderId, quote);
        (OrderRecord next, PackedTerms terms, uint256 length) =
            _accept(quote, batch.zone, batch.word);
        unchecked {
            // Sums of two 28-bit numbers.
            uint256 quantity = old.filled() + quote.lots();
            if (quantity > OrderRecords.MAX_LOTS) {
                revert TooManyLots(quantity, OrderRecords.MAX_LOTS);
            }
        }
        uint256 index = OrderIds.recordIndex(orderId);
        OrderRecord first =
            index == 0 ? old : _records[OrderIds.recordKey(product, batch.accountId, 0)];
        (, uint256 neededWh) =
            _checkAgainstOwn(product, batch.accountId, first, next, index, old);
        if (neededWh > batch.neededWh) batch.neededWh = neededWh;
        // Effect.
        ZoneWord word = _nextSequence(batch.word, batch.zone);
        batch.word = word;
        next = old.replacedBy(next.numbered(word.sequence()));
        unchecked {
            // Locks over a product are below 2^190 (see OrderLocks): the casts keep them.
            batch.lockDelta += int256(_lockPerSlot(next, terms) * length)
                - int256(_lockPerSlot(old, terms) * length);
        }
        if (product.startSlot() < batch.earliestStart) batch.earliestStart = product.startSlot();
        _records[OrderIds.recordKey(orderId)] = next;
        _moveLevel(
            product, quote.side(), old.limitTick(), old.unfilled(), quote.limitTick(), quote.lots()
        );
        newOrderId =
            OrderIds.pack(product, batch.accountId, index, quote.side(), word.sequence());
        emit OrderReplaced(orderId, newOrderId, quote);
    }

    /// @dev Take an open order out of the book.
    /// @return released what its lock shrinks by, over the whole product
    function _withdraw(uint256 orderId, ProductId product, OrderRecord record)
        private
        returns (uint256 released)
    {
        uint16 zone = product.zone();
        PackedTerms terms = _requireTerms(_zones[zone], zone, product.startSlot());
        OrderRecord rest = record.withCancellation();
        unchecked {
            // The lock shrinks with the open lots and the improvement; see OrderLocks for bounds.
            released = (_lockPerSlot(record, terms) - _lockPerSlot(rest, terms))
                * product.lengthSlots();
        }
        _records[OrderIds.recordKey(orderId)] = rest;
        _takeFromLevel(product, record.side(), record.limitTick(), record.unfilled());
    }

    /* INTERNAL: RULES */

    /// @dev An order against the account's other orders in the product.
    /// @param first record 0 of the account and product, of this turn
    /// @param order the order to come
    /// @param own index of the record `old` that it replaces, of which only the fills count; else
    /// MAX_RECORDS
    /// @return index first record that may be overwritten, else the number of records in use
    /// @return neededWh for a sell: sold and open to sell less bought, per slot, with `order`
    function _checkAgainstOwn(
        ProductId product,
        uint24 accountId,
        OrderRecord first,
        OrderRecord order,
        uint256 own,
        OrderRecord old
    ) private view returns (uint256 index, uint256 neededWh) {
        // 16 records of less than 2^28 lots, and lots below 2^64 Wh: no sum overflows.
        unchecked {
            uint256 count = first.count();
            uint256 sold = order.unfilled() + old.filled();
            uint256 bought;
            index = count;
            for (uint256 i; i < count; ++i) {
                if (i == own) continue;
                OrderRecord record =
                    i == 0 ? first : _records[OrderIds.recordKey(product, accountId, i)];
                uint256 open = record.open();
                if (open != 0 && _cross(record, order)) {
                    revert SelfCross(
                        OrderIds.pack(product, accountId, i, record.side(), record.sequence())
                    );
                }
                if (record.isSell()) sold += open + record.filled();
                else bought += record.filled();
                if (index == count && record.isReusable()) index = i;
            }
            if (order.isSell() && sold > bought) neededWh = (sold - bought) * LOT;
        }
    }

    function _cross(OrderRecord one, OrderRecord other) private pure returns (bool) {
        if (one.isSell() == other.isSell()) return false;
        return one.isSell()
            ? one.limitTick() <= other.limitTick()
            : one.limitTick() >= other.limitTick();
    }

    function _requireCapacity(uint256 neededWh, AccountWord account) private pure {
        uint256 allowedWh = account.capacityW() / SLOTS_PER_HOUR;
        if (neededWh > allowedWh) revert CapacityExceeded(neededWh, allowedWh);
    }

    function _nextSequence(ZoneWord word, uint16 zone) private pure returns (ZoneWord) {
        if (word.sequence() == type(uint32).max) revert SequenceExhausted(zone);
        return word.withNextSequence();
    }

    function _openOrder(uint256 orderId)
        private
        view
        returns (bool isOpen, ProductId product, OrderRecord record)
    {
        product = OrderIds.product(orderId);
        record = _records[OrderIds.recordKey(orderId)];
        isOpen = record.holds(orderId, product.tag()) && record.open() != 0;
    }

    function _requireOpenOrder(uint256 orderId)
        private
        view
        returns (ProductId product, OrderRecord record)
    {
        (product, record) = _requireOrder(orderId);
        if (record.open() == 0) revert OrderNotOpen(orderId);
    }

    function _requireSameAccount(uint24 accountId, uint256 orderId, address account) private pure {
        if (OrderIds.accountId(orderId) != accountId) revert NotOrderOwner(orderId, account);
    }

    function _requireActsFor(address account) private view {
        if (msg.sender != account && msg.sender != _delegates[account]) {
            revert NotDelegate(account, msg.sender);
        }
    }
}

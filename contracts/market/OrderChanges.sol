// SPDX-License-Identifier: MIT
pragma solidity 0.8.34;

import {OrderRules} from "./OrderRules.sol";
import {IEnergyMarket} from "../interfaces/IEnergyMarket.sol";
import {IEnergyTrading} from "../interfaces/IEnergyTrading.sol";
import {OrderIds} from "../libraries/OrderIds.sol";
import {OrderRecord, OrderRecords} from "../libraries/OrderRecords.sol";
import {Products} from "../libraries/Products.sol";
import {PackedTerms, ZoneWord} from "../libraries/ZoneWords.sol";
import {AccountWord} from "../types/AccountWord.sol";
import {ProductId} from "../types/Market.sol";
import {Quote} from "../types/Quote.sol";

/// @title Orders are replaced and leave the continuous book
/// @notice Every function moves money with one call to the ledger, whatever the number of orders.
/// @dev The call comes last, and what it returns decides whether the caller may do all that: if not,
/// it reverts.
abstract contract OrderChanges is OrderRules {
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

    /* INTERNAL */

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
        product = OrderIds.product(orderId);
        record = _records[OrderIds.recordKey(orderId)];
        if (!record.holds(orderId, product.tag())) revert OrderUnknown(orderId);
        if (record.open() == 0) revert OrderNotOpen(orderId);
    }

    function _requireSameAccount(uint24 accountId, uint256 orderId, address account) private pure {
        if (OrderIds.accountId(orderId) != accountId) revert NotOrderOwner(orderId, account);
    }
}

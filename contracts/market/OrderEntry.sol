// SPDX-License-Identifier: MIT
pragma solidity 0.8.34;

import {OrderRules} from "./OrderRules.sol";
import {IEnergyMarket} from "../interfaces/IEnergyMarket.sol";
import {OrderIds} from "../libraries/OrderIds.sol";
import {OrderRecord} from "../libraries/OrderRecords.sol";
import {Products} from "../libraries/Products.sol";
import {PackedTerms, ZoneWord} from "../libraries/ZoneWords.sol";
import {AccountWord} from "../types/AccountWord.sol";
import {ProductId} from "../types/Market.sol";
import {Quote} from "../types/Quote.sol";

/// @title Orders enter the continuous book
/// @notice Every function moves money with one call to the ledger, whatever the number of orders.
/// @dev Placing needs the account's short id before it can file a record, so the ledger is called
/// between the checks and the effects; the sequences are reserved before.
abstract contract OrderEntry is OrderRules {
    using Products for ProductId;

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

    /* VIEWS */

    /// @inheritdoc IEnergyMarket
    function lockFor(Quote quote) external view returns (uint256) {
        uint16 zone = quote.product().zone();
        (OrderRecord order, PackedTerms terms, uint256 length) =
            _accept(quote, zone, _zones[zone]);
        return _lockPerSlot(order, terms) * length;
    }

    /* INTERNAL */

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
        _requireHome(accountWord, zone);
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
        _requireHome(accountWord, zone);
        // Effect.
        for (uint256 i; i < count; ++i) _enter(accountWord, quotes[i], orders[i]);
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
            _requireSettled(first.tag(), product, account);
            if (order.isSell()) {
                uint256 lots = order.unfilled();
                _requireCapacity(_neededWithAuction(product, accountId, lots, 0), account);
            }
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
            _requireSettled(_records[key + index].tag(), product, account);
            _records[key] = first.withCount(count + 1);
        }
        _records[key + index] = index == 0 ? order.withCount(count) : order;
    }
}

// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {ProductId} from "../types/Market.sol";
import {Products} from "./Products.sol";

/// @notice Order and transaction ids.
///
/// ```
/// order        bit 127      72             48              40       32            0
///               +-----------+--------------+---------------+--------+-------------+
///               | product 56| accountId 24 | recordIndex 8 | side 8 | sequence 32 |
///               +-----------+--------------+---------------+--------+-------------+
/// transaction  bit 103      48             24              0
///               +-----------+--------------+---------------+
///               | product 56| buyerId 24   | sellerId 24   |
///               +-----------+--------------+---------------+
/// ```
library OrderIds {
    using Products for ProductId;

    uint256 internal constant TRANSACTION_BITS = 104;

    /// @dev Warning: every argument must fit its field.
    function pack(
        ProductId product_,
        uint256 accountId_,
        uint256 recordIndex_,
        uint256 side_,
        uint256 sequence_
    ) internal pure returns (uint256) {
        return (uint256(ProductId.unwrap(product_)) << 72) | (accountId_ << 48) | (recordIndex_ << 40)
            | (side_ << 32) | sequence_;
    }

    /// @dev Bits above 127 are cut off here; `OrderRecords.holds` refuses ids that have some.
    function product(uint256 orderId) internal pure returns (ProductId) {
        return ProductId.wrap(uint56(orderId >> 72));
    }

    function accountId(uint256 orderId) internal pure returns (uint24) {
        return uint24(orderId >> 48);
    }

    function recordIndex(uint256 orderId) internal pure returns (uint256) {
        return (orderId >> 40) & 0xff;
    }

    function sideByte(uint256 orderId) internal pure returns (uint256) {
        return (orderId >> 32) & 0xff;
    }

    function sequence(uint256 orderId) internal pure returns (uint256) {
        return orderId & 0xffffffff;
    }

    /// @notice Storage key of a record: `ringKey 36 | accountId 24 | recordIndex 8`, so the records
    /// of an account in a product are neighbours.
    function recordKey(ProductId product_, uint256 accountId_, uint256 recordIndex_)
        internal
        pure
        returns (uint256)
    {
        return (product_.ringKey() << 32) | (accountId_ << 8) | recordIndex_;
    }

    /// @notice What an account adds to the `recordKey` of account 0.
    function ofAccount(uint256 accountId_) internal pure returns (uint256) {
        return accountId_ << 8;
    }

    function recordKey(uint256 orderId) internal pure returns (uint256) {
        return (product(orderId).ringKey() << 32) | ((orderId >> 40) & 0xffffffff);
    }

    function packTransaction(ProductId product_, uint256 buyerId, uint256 sellerId)
        internal
        pure
        returns (uint256)
    {
        return (uint256(ProductId.unwrap(product_)) << 48) | (buyerId << 24) | sellerId;
    }

    function unpackTransaction(uint256 transactionId)
        internal
        pure
        returns (ProductId product_, uint24 buyerId, uint24 sellerId)
    {
        product_ = ProductId.wrap(uint56(transactionId >> 48));
        buyerId = uint24(transactionId >> 24);
        sellerId = uint24(transactionId);
    }
}

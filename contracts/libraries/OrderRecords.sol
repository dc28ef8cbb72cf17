// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

/// @notice One order in one storage word.
///
/// ```
/// bit 255   240     221            181           149        144         143    142
///  +--------+-------+--------------+-------------+----------+-----------+------+
///  | tag 16 | zero  | expiresAt 40 | sequence 32 | count 5  | cancelled | side |
///  +--------+-------+--------------+-------------+----------+-----------+------+
/// bit 141        132              94              56         28            0
///  +-------------+----------------+---------------+----------+-------------+
///  | limitTick 10| improvement 38 | filledTicks 38| filled 28| unfilled 28 |
///  +-------------+----------------+---------------+----------+-------------+
/// ```
/// - `tag`: turn of the ring (`Products.tag`); a record of another turn is logically empty.
/// - `count`: in record 0 only: records of the account and product in use this turn, 1 to 16.
/// - `cancelled`: the unfilled lots are no longer in the book, so `quantity = filled + unfilled` stays
///   known after a cancellation.
/// - `filledTicks`: sum of lots * trade tick; `improvement`: sum of lots * |limit - trade tick| since
///   the order entered. Both are at most `filled * 1023 < 2^38`.
type OrderRecord is uint256;

using OrderRecords for OrderRecord global;

/// @notice Named access to the fields of an `OrderRecord`.
/// @dev `unchecked` throughout is safe for the one invariant that the book keeps on entry:
/// `unfilled + filled < 2^28` and `1 <= tick <= 1023`. Fills move lots from one field to the other,
/// so no field ever carries into its neighbour.
library OrderRecords {
    uint256 internal constant MAX_LOTS = (1 << 28) - 1;

    uint256 private constant MASK_28 = (1 << 28) - 1;
    uint256 private constant MASK_38 = (1 << 38) - 1;
    uint256 private constant FILLED = 28;
    uint256 private constant FILLED_TICKS = 56;
    uint256 private constant IMPROVEMENT = 94;
    uint256 private constant LIMIT_TICK = 132;
    uint256 private constant SIDE = 142;
    uint256 private constant CANCELLED = 143;
    uint256 private constant COUNT = 144;
    uint256 private constant SEQUENCE = 149;
    uint256 private constant EXPIRES_AT = 181;
    uint256 private constant TAG = 240;

    /// @notice A new order without sequence and count.
    /// @dev Warning: every argument must fit its field.
    function create(uint256 tag_, uint256 expiresAt_, uint256 side_, uint256 limitTick_, uint256 lots)
        internal
        pure
        returns (OrderRecord)
    {
        return OrderRecord.wrap(
            (tag_ << TAG) | (expiresAt_ << EXPIRES_AT) | (side_ << SIDE)
                | (limitTick_ << LIMIT_TICK) | lots
        );
    }

    /* READING */

    function tag(OrderRecord record) internal pure returns (uint256) {
        return OrderRecord.unwrap(record) >> TAG;
    }

    function expiresAt(OrderRecord record) internal pure returns (uint256) {
        return (OrderRecord.unwrap(record) >> EXPIRES_AT) & ((1 << 40) - 1);
    }

    function sequence(OrderRecord record) internal pure returns (uint256) {
        return (OrderRecord.unwrap(record) >> SEQUENCE) & ((1 << 32) - 1);
    }

    function count(OrderRecord record) internal pure returns (uint256) {
        return (OrderRecord.unwrap(record) >> COUNT) & ((1 << 5) - 1);
    }

    function isCancelled(OrderRecord record) internal pure returns (bool) {
        return (OrderRecord.unwrap(record) >> CANCELLED) & 1 != 0;
    }

    /// @notice 0 buy, 1 sell.
    function side(OrderRecord record) internal pure returns (uint256) {
        return (OrderRecord.unwrap(record) >> SIDE) & 1;
    }

    function isSell(OrderRecord record) internal pure returns (bool) {
        return side(record) != 0;
    }

    function limitTick(OrderRecord record) internal pure returns (uint256) {
        return (OrderRecord.unwrap(record) >> LIMIT_TICK) & ((1 << 10) - 1);
    }

    function improvementTicks(OrderRecord record) internal pure returns (uint256) {
        return (OrderRecord.unwrap(record) >> IMPROVEMENT) & MASK_38;
    }

    function filledTicks(OrderRecord record) internal pure returns (uint256) {
        return (OrderRecord.unwrap(record) >> FILLED_TICKS) & MASK_38;
    }

    function filled(OrderRecord record) internal pure returns (uint256) {
        return (OrderRecord.unwrap(record) >> FILLED) & MASK_28;
    }

    /// @notice Lots neither traded nor, if the order is not cancelled, withdrawn.
    function unfilled(OrderRecord record) internal pure returns (uint256) {
        return OrderRecord.unwrap(record) & MASK_28;
    }

    /// @notice Lots in the book.
    function open(OrderRecord record) internal pure returns (uint256) {
        return isCancelled(record) ? 0 : unfilled(record);
    }

    /// @notice Neither open lots nor fills: nothing is lost by overwriting it.
    function isReusable(OrderRecord record) internal pure returns (bool) {
        return filled(record) == 0 && isCancelled(record);
    }

    /// @notice Whether the record holds exactly this order.
    /// @param tag_ `Products.tag` of the id's product
    function holds(OrderRecord record, uint256 orderId, uint256 tag_) internal pure returns (bool) {
        uint256 word = OrderRecord.unwrap(record);
        // Bits 39..0 of an id are side 8 | sequence 32; anything above bit 127 makes it no id at all.
        uint256 sideAndSequence = (((word >> SIDE) & 1) << 32) | ((word >> SEQUENCE) & 0xffffffff);
        return orderId >> 128 == 0 && word >> TAG == tag_
            && orderId & 0xffffffffff == sideAndSequence;
    }

    /* CHANGING */

    /// @notice Number a new order. @dev Warning: only one that has no sequence yet.
    function numbered(OrderRecord record, uint256 sequence_) internal pure returns (OrderRecord) {
        return OrderRecord.wrap(OrderRecord.unwrap(record) | (sequence_ << SEQUENCE));
    }

    function withCount(OrderRecord record, uint256 count_) internal pure returns (OrderRecord) {
        uint256 mask = uint256(0x1f) << COUNT;
        return OrderRecord.wrap((OrderRecord.unwrap(record) & ~mask) | (count_ << COUNT));
    }

    /// @notice Move `lots` from unfilled to filled at `tick`.
    /// @param improvementPerLot |limit - tick|
    function withFill(OrderRecord record, uint256 lots, uint256 tick, uint256 improvementPerLot)
        internal
        pure
        returns (OrderRecord)
    {
        unchecked {
            return OrderRecord.wrap(
                OrderRecord.unwrap(record) + (lots << FILLED) + ((lots * tick) << FILLED_TICKS)
                    + ((lots * improvementPerLot) << IMPROVEMENT) - lots
            );
        }
    }

    /// @notice Take the unfilled lots out of the book and give the improvement back.
    function withCancellation(OrderRecord record) internal pure returns (OrderRecord) {
        return OrderRecord.wrap(
            (OrderRecord.unwrap(record) & ~(MASK_38 << IMPROVEMENT)) | (1 << CANCELLED)
        );
    }

    /// @notice The order `next` in the place of this one: fills and count stay, the improvement is
    /// given back.
    function replacedBy(OrderRecord record, OrderRecord next) internal pure returns (OrderRecord) {
        uint256 kept = (MASK_28 << FILLED) | (MASK_38 << FILLED_TICKS) | (uint256(0x1f) << COUNT);
        return OrderRecord.wrap(
            (OrderRecord.unwrap(record) & kept) | (OrderRecord.unwrap(next) & ~kept)
        );
    }
}

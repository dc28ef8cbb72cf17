// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {ISignedOrders} from "../interfaces/ISignedOrders.sol";
import {Curve, CurveLib, CurveSteps, CurveStepsLib} from "./Auction.sol";
import {ProductId} from "./Market.sol";

/// @notice What one item of a batch for `placeSigned` says, without its signature, in one word.
///
/// ```
/// bit 255         216       212            156          0
///  +-------------+---------+--------------+------------+
///  | signedAt 40 | count 4 | productId 56 | steps 156  |
///  +-------------+---------+--------------+------------+
/// ```
/// - `signedAt`: unix second at which, the signer says, it was signed.
/// - `count`: steps that were signed, at most 4; from there on the steps are zero.
/// - `productId`, `steps`: as in a `Curve`.
type SignedOrder is uint256;

using SignedOrderLib for SignedOrder global;

/// @notice Reading items and their fields. Items come unchecked: a signer's mistakes stay in for the market to name.
library SignedOrderLib {
    /// @dev `r 32 | vs 32`.
    uint256 internal constant SIGNATURE_BYTES = 64;
    /// @dev The signature and 13 bytes: `signedAt 5 | productId 7 | stepCount 1`.
    uint256 internal constant HEAD_BYTES = 77;
    uint256 internal constant STEP_BYTES = 5;

    uint256 private constant PRODUCT = CurveStepsLib.STEPS_BITS;
    uint256 private constant COUNT = 212;
    uint256 private constant SIGNED_AT = 216;
    uint256 private constant STEPS = (1 << PRODUCT) - 1;

    /// @notice An order of a curve whose steps are all used. @dev Warning: `signedAt_` must fit its 40 bits.
    function pack(Curve curve_, uint256 signedAt_) internal pure returns (SignedOrder) {
        return SignedOrder.wrap(
            (signedAt_ << SIGNED_AT) | (curve_.steps().count() << COUNT) | Curve.unwrap(curve_)
        );
    }

    /// @notice The item at `offset` of a batch; reverts unless it is one.
    /// @return order what it says
    /// @return next offset of the next item
    function read(bytes calldata orders, uint256 offset)
        internal
        pure
        returns (SignedOrder order, uint256 next)
    {
        uint256 head;
        uint256 tail;
        // What lies behind the batch is read here but not used.
        assembly ("memory-safe") {
            let at := add(orders.offset, offset)
            head := calldataload(add(at, SIGNATURE_BYTES))
            tail := calldataload(add(at, HEAD_BYTES))
        }
        // Offsets stay below the length of the calldata plus one item.
        unchecked {
            // The head's 13 bytes stand at the top of its word.
            uint256 count_ = (head >> 152) & 0xff;
            next = offset + HEAD_BYTES + count_ * STEP_BYTES;
            bool malformed = count_ > CurveStepsLib.MAX_STEPS || next > orders.length;
            uint256 word = ((head >> 216) << SIGNED_AT) | (count_ << COUNT)
                | (((head >> 160) & type(uint56).max) << PRODUCT);
            for (uint256 i; i < count_; ++i) {
                uint256 step = tail >> 216;
                // A step has 39 bits: of two forms of one step only one is an item.
                if (step >> CurveStepsLib.STEP_BITS != 0) malformed = true;
                word |= step << (i * CurveStepsLib.STEP_BITS);
                tail <<= 8 * STEP_BYTES;
            }
            if (malformed) revert ISignedOrders.BatchMalformed(offset, orders.length);
            order = SignedOrder.wrap(word);
        }
    }

    /// @notice Signature of the item at `offset`, in the form of EIP-2098. @dev Warning: `read` must have accepted it.
    function signature(bytes calldata orders, uint256 offset)
        internal
        pure
        returns (bytes32 r, bytes32 vs)
    {
        assembly ("memory-safe") {
            let at := add(orders.offset, offset)
            r := calldataload(at)
            vs := calldataload(add(at, 0x20))
        }
    }

    /* FIELDS */

    function signedAt(SignedOrder order) internal pure returns (uint256) {
        return SignedOrder.unwrap(order) >> SIGNED_AT;
    }

    /// @notice Steps that were signed.
    function count(SignedOrder order) internal pure returns (uint256) {
        return (SignedOrder.unwrap(order) >> COUNT) & 0xf;
    }

    function product(SignedOrder order) internal pure returns (ProductId) {
        return ProductId.wrap(uint56(SignedOrder.unwrap(order) >> PRODUCT)); // a 56-bit field
    }

    function steps(SignedOrder order) internal pure returns (CurveSteps) {
        return CurveSteps.wrap(SignedOrder.unwrap(order) & STEPS);
    }

    function curve(SignedOrder order) internal pure returns (Curve) {
        return CurveLib.pack(order.product(), order.steps());
    }
}

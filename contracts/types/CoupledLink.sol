// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

/// @notice An interconnector of a coupled auction and what flows over it, in one word.
///
/// ```
/// bit 255    136              96        88      80         40            0
///  +----------+----------------+---------+-------+----------+-------------+
///  |   zero   | usedRange 40   | from 8  | to 8  | back 40  | forward 40  |
///  +----------+----------------+---------+-------+----------+-------------+
/// ```
/// - `from`, `to`: numbers of the nodes it joins. A flow is positive when energy leaves `from`.
/// - `back`, `forward`: capacities in units of energy; the flow lies in `[-back, forward]`.
/// - `usedRange`: `flow + back`, so that a flow below its lower bound cannot be written down.
///
/// Warning: `back + forward` must stay below 2^40, or the largest flows cannot be written either and
/// a market that needs them has no valid proposal.
type CoupledLink is uint256;

using CoupledLinks for CoupledLink global;

/// @notice Packing and named access.
library CoupledLinks {
    /// @dev Bytes of a link in a packed network: all fields but the flow.
    uint256 internal constant PACKED_BYTES = 12;

    uint256 private constant MASK_8 = (1 << 8) - 1;
    uint256 private constant MASK_40 = (1 << 40) - 1;

    /// @dev Warning: every argument must fit its field.
    function pack(uint256 from_, uint256 to_, uint256 back_, uint256 forward_)
        internal
        pure
        returns (CoupledLink)
    {
        return CoupledLink.wrap((from_ << 88) | (to_ << 80) | (back_ << 40) | forward_);
    }

    /// @notice From the 12 bytes that stand at the top of `word`: `from 8 | to 8 | back 40 | forward
    /// 40`.
    function unpack(uint256 word) internal pure returns (CoupledLink) {
        return CoupledLink.wrap(word >> 160);
    }

    function from(CoupledLink link) internal pure returns (uint256) {
        return (CoupledLink.unwrap(link) >> 88) & MASK_8;
    }

    function to(CoupledLink link) internal pure returns (uint256) {
        return (CoupledLink.unwrap(link) >> 80) & MASK_8;
    }

    function back(CoupledLink link) internal pure returns (uint256) {
        return (CoupledLink.unwrap(link) >> 40) & MASK_40;
    }

    function forward(CoupledLink link) internal pure returns (uint256) {
        return CoupledLink.unwrap(link) & MASK_40;
    }

    /// @notice Distance of the flow from its lower bound, `flow + back`.
    function usedRange(CoupledLink link) internal pure returns (uint256) {
        return CoupledLink.unwrap(link) >> 96;
    }

    /// @notice Distance between the two bounds, `forward + back`.
    function range(CoupledLink link) internal pure returns (uint256) {
        unchecked {
            return forward(link) + back(link); // below 2^41
        }
    }

    function flow(CoupledLink link) internal pure returns (int256) {
        unchecked {
            return int256(usedRange(link)) - int256(back(link)); // both below 2^160
        }
    }

    /// @dev Warning: for a link without a flow, and `usedRange_` below 2^40.
    function withUsedRange(CoupledLink link, uint256 usedRange_)
        internal
        pure
        returns (CoupledLink)
    {
        return CoupledLink.wrap(CoupledLink.unwrap(link) | (usedRange_ << 96));
    }
}

// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

/// @notice A line under grid management: an interconnector of the market with its ratings.
///
/// ```
/// bit 128          112            96            80             40          0
///  +--------------+--------------+-------------+--------------+-----------+
///  | pushed 16    | toZone 16    | fromZone 16 | forwardW 40  | backW 40  |
///  +--------------+--------------+-------------+--------------+-----------+
/// ```
/// `pushed`: share of the ratings that the market has, in 1/10,000, plus 1; 0 if it has none of us. Zero: no line.
type LineWord is uint256;

using LineWords for LineWord global;

/// @notice Named access to the fields of a `LineWord`.
library LineWords {
    uint256 private constant MASK_40 = (1 << 40) - 1;
    uint256 private constant PUSHED = 112;

    /// @dev Warning: powers must be at most 2^40 - 1.
    function create(uint16 from_, uint16 to_, uint256 forwardW_, uint256 backW_)
        internal
        pure
        returns (LineWord)
    {
        return LineWord.wrap(
            (uint256(to_) << 96) | (uint256(from_) << 80) | (forwardW_ << 40) | backW_
        );
    }

    function exists(LineWord word) internal pure returns (bool) {
        return LineWord.unwrap(word) != 0;
    }

    function backW(LineWord word) internal pure returns (uint256) {
        return LineWord.unwrap(word) & MASK_40;
    }

    function forwardW(LineWord word) internal pure returns (uint256) {
        return (LineWord.unwrap(word) >> 40) & MASK_40;
    }

    function fromZone(LineWord word) internal pure returns (uint16) {
        return uint16(LineWord.unwrap(word) >> 80);
    }

    function toZone(LineWord word) internal pure returns (uint16) {
        return uint16(LineWord.unwrap(word) >> 96);
    }

    /// @notice Whether the market has `shareBps`.
    function hasShare(LineWord word, uint256 shareBps_) internal pure returns (bool) {
        return LineWord.unwrap(word) >> PUSHED == shareBps_ + 1;
    }

    /// @notice Share that the market was given last; 0 if none was.
    function shareBps(LineWord word) internal pure returns (uint256) {
        uint256 pushed = LineWord.unwrap(word) >> PUSHED;
        return pushed == 0 ? 0 : pushed - 1;
    }

    /// @dev Warning: a share is at most 10,000.
    function withShare(LineWord word, uint256 shareBps_) internal pure returns (LineWord) {
        uint256 kept = LineWord.unwrap(word) & ((1 << PUSHED) - 1);
        return LineWord.wrap(kept | ((shareBps_ + 1) << PUSHED));
    }
}

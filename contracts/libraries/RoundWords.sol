// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {FeedStatus, Round} from "../types/Observation.sol";

/// @notice A published round in one storage word.
///
/// ```
/// bit 255       224       216      208         168        128                                0
///  +-----------+---------+--------+-----------+----------+----------------------------------+
///  | sequence  | answers | status | updatedAt | round    | value                            |
///  | 32        | 8       | 8      | 40        | 40       | 128, two's complement            |
///  +-----------+---------+--------+-----------+----------+----------------------------------+
/// ```
/// - `sequence`: how many rounds the feed has published with this one, so the word of no round is 0.
type RoundWord is uint256;

using RoundWords for RoundWord global;

/// @notice Named, masked access to the fields of a `RoundWord`.
library RoundWords {
    uint256 private constant ROUND_AT = 128;
    uint256 private constant UPDATED_AT = 168;
    uint256 private constant STATUS_AT = 208;
    uint256 private constant ANSWERS_AT = 216;
    uint256 private constant SEQUENCE_AT = 224;

    /// @dev `sequence_` is cut to 32 bits: a round a second lasts 136 years.
    function create(Round memory published, uint256 sequence_) internal pure returns (RoundWord) {
        return RoundWord.wrap(
            // The cast to 128 bits of the same width keeps the bits; the others only widen.
            uint256(uint128(published.value)) | (uint256(published.round) << ROUND_AT)
                | (uint256(published.updatedAt) << UPDATED_AT)
                | (uint256(published.status) << STATUS_AT)
                | (uint256(published.answers) << ANSWERS_AT) | (sequence_ << SEQUENCE_AT)
        );
    }

    function value(RoundWord word) internal pure returns (int128) {
        // Truncates to the lowest 128 bits, which are the value.
        return int128(uint128(RoundWord.unwrap(word)));
    }

    function round(RoundWord word) internal pure returns (uint40) {
        return uint40(RoundWord.unwrap(word) >> ROUND_AT);
    }

    function updatedAt(RoundWord word) internal pure returns (uint40) {
        return uint40(RoundWord.unwrap(word) >> UPDATED_AT);
    }

    function status(RoundWord word) internal pure returns (FeedStatus) {
        return FeedStatus(uint8(RoundWord.unwrap(word) >> STATUS_AT));
    }

    function answers(RoundWord word) internal pure returns (uint8) {
        return uint8(RoundWord.unwrap(word) >> ANSWERS_AT);
    }

    function sequence(RoundWord word) internal pure returns (uint32) {
        return uint32(RoundWord.unwrap(word) >> SEQUENCE_AT);
    }

    function isPublished(RoundWord word) internal pure returns (bool) {
        return RoundWord.unwrap(word) != 0;
    }

    function unpack(RoundWord word) internal pure returns (Round memory) {
        return Round({
            value: value(word),
            round: round(word),
            updatedAt: updatedAt(word),
            status: status(word),
            answers: answers(word)
        });
    }
}

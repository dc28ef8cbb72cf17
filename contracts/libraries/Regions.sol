// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

/// @notice Which zones are cleared together, in the word of the region's head zone; in the word of any
/// other zone only `head` is set. Zero: the zone is a region of its own.
///
/// ```
/// bit 135     132     128         112      96         16        0
///  +---------+-------+-----------+--------+-- ... ---+---------+
///  | links 4 | zones | zone 6: 16| zone 5 |          | zone 0  |     other zones: head 16 at bit 0
///  |         | 4     |           |        |          | = head  |
///  +---------+-------+-----------+--------+-- ... ---+---------+
/// ```
type RegionWord is uint256;

/// @notice A line between two zones of a region.
///
/// ```
/// bit 247    244      240           200            160         0
///  +--------+--------+-------------+--------------+-----------+
///  | from 4 | to 4   | forwardW 40 | backW 40     | owner 160 |
///  +--------+--------+-------------+--------------+-----------+
/// ```
/// `from` and `to` are numbers of zones in the region; powers in W, from 0.
type InterconnectorWord is uint256;

using Regions for RegionWord global;
using InterconnectorWords for InterconnectorWord global;

/// @notice Named access to the fields of a `RegionWord`.
library Regions {
    uint256 internal constant MAX_ZONES = 7;
    uint256 internal constant MAX_LINKS = 12;

    uint256 private constant COUNT = 128;
    uint256 private constant LINKS = 132;

    /// @notice Storage key of an interconnector: `region 16 | index 8`.
    function linkKey(uint16 region, uint256 index) internal pure returns (uint256) {
        return (uint256(region) << 8) | index;
    }

    /// @notice Word of a zone that belongs to the region of another.
    function member(uint16 head_) internal pure returns (RegionWord) {
        return RegionWord.wrap(head_);
    }

    /// @notice Word of a head with the region's zones. An unset word becomes a region of one zone.
    function withZone(RegionWord word, uint16 head_, uint16 zone)
        internal
        pure
        returns (RegionWord)
    {
        uint256 raw = RegionWord.unwrap(word);
        if (raw == 0) raw = (1 << COUNT) | head_;
        uint256 count = (raw >> COUNT) & 0xf;
        return RegionWord.wrap((raw + (1 << COUNT)) | (uint256(zone) << (16 * count)));
    }

    function withLink(RegionWord word) internal pure returns (RegionWord) {
        return RegionWord.wrap(RegionWord.unwrap(word) + (1 << LINKS));
    }

    /// @notice Head zone of the region that `zone`, whose word this is, belongs to.
    function head(RegionWord word, uint16 zone) internal pure returns (uint16) {
        uint256 raw = RegionWord.unwrap(word);
        return raw == 0 ? zone : uint16(raw);
    }

    /// @notice Whether the zone can be the head of a region.
    function isHead(RegionWord word) internal pure returns (bool) {
        uint256 raw = RegionWord.unwrap(word);
        return raw == 0 || raw >> COUNT != 0;
    }

    /// @notice Whether the zone never joined another nor was joined.
    function isAlone(RegionWord word) internal pure returns (bool) {
        return RegionWord.unwrap(word) == 0;
    }

    function zoneCount(RegionWord word) internal pure returns (uint256) {
        uint256 count = (RegionWord.unwrap(word) >> COUNT) & 0xf;
        return count == 0 ? 1 : count;
    }

    /// @notice Interconnectors of the region.
    function linkCount(RegionWord word) internal pure returns (uint256) {
        return RegionWord.unwrap(word) >> LINKS;
    }

    /// @notice Zone number `index` of region `head_`, whose word this is; 0 is the head itself.
    function zoneAt(RegionWord word, uint16 head_, uint256 index) internal pure returns (uint16) {
        return index == 0 ? head_ : uint16(RegionWord.unwrap(word) >> (16 * index));
    }

    /// @notice Number of `zone` in region `head_`, whose word this is. @dev Warning: it must be one of it.
    function indexOf(RegionWord word, uint16 head_, uint16 zone)
        internal
        pure
        returns (uint256 index)
    {
        while (word.zoneAt(head_, index) != zone) ++index;
    }
}

/// @notice Named access to the fields of an `InterconnectorWord`.
library InterconnectorWords {
    /// @dev Of both ways together, in lots of 1 Wh per slot, not more than `AuctionResults.MAX_FLOW_LOTS`.
    uint256 internal constant MAX_POWER_W = (1 << 39) - 1;

    uint256 private constant MASK_40 = (1 << 40) - 1;
    uint256 private constant BACK = 160;
    uint256 private constant FORWARD = 200;
    uint256 private constant TO = 240;
    uint256 private constant FROM = 244;

    /// @dev Warning: every argument must fit its field.
    function create(
        uint256 from_,
        uint256 to_,
        uint256 forwardW_,
        uint256 backW_,
        address owner_
    ) internal pure returns (InterconnectorWord) {
        return InterconnectorWord.wrap(
            (from_ << FROM) | (to_ << TO) | (forwardW_ << FORWARD) | (backW_ << BACK)
                | uint160(owner_)
        );
    }

    /// @dev Warning: powers must be at most `MAX_POWER_W`.
    function withCapacity(InterconnectorWord word, uint256 forwardW_, uint256 backW_)
        internal
        pure
        returns (InterconnectorWord)
    {
        uint256 kept = InterconnectorWord.unwrap(word) & ~((MASK_40 << FORWARD) | (MASK_40 << BACK));
        return InterconnectorWord.wrap(kept | (forwardW_ << FORWARD) | (backW_ << BACK));
    }

    function from(InterconnectorWord word) internal pure returns (uint256) {
        return InterconnectorWord.unwrap(word) >> FROM;
    }

    function to(InterconnectorWord word) internal pure returns (uint256) {
        return (InterconnectorWord.unwrap(word) >> TO) & 0xf;
    }

    function forwardW(InterconnectorWord word) internal pure returns (uint256) {
        return (InterconnectorWord.unwrap(word) >> FORWARD) & MASK_40;
    }

    function backW(InterconnectorWord word) internal pure returns (uint256) {
        return (InterconnectorWord.unwrap(word) >> BACK) & MASK_40;
    }

    function owner(InterconnectorWord word) internal pure returns (address) {
        return address(uint160(InterconnectorWord.unwrap(word)));
    }
}

// SPDX-License-Identifier: MIT
pragma solidity 0.8.34;

import {AuctionFills} from "../libraries/AuctionFills.sol";
import {AuctionResult, AuctionResults} from "../libraries/AuctionResults.sol";
import {LevelSums} from "../libraries/LevelSums.sol";
import {LevelWord} from "../libraries/LevelWords.sol";
import {InterconnectorWord, InterconnectorWords, RegionWord, Regions} from "../libraries/Regions.sol";
import {CurveSteps} from "../types/Auction.sol";

/// @notice Opens the auctions' libraries to tests of their layouts and sums.
contract AuctionLibrariesHarness {
    using LevelSums for mapping(uint256 => LevelWord);

    mapping(uint256 levelKey => LevelWord) private _levels;

    /* RESULTS */

    struct ResultFields {
        bool cleared;
        uint256 priceTick;
        uint256 clearingTick;
        uint256 boughtLots;
        uint256 soldLots;
        uint256 rationedSide;
        uint256 dueLots;
        uint256 tickLots;
        uint256 cursor;
        int256 flow0;
        int256 flow1;
        bool collected0;
        bool collected1;
    }

    function createResult(uint256 priceTick, uint256 boughtLots, uint256 soldLots)
        external
        pure
        returns (AuctionResult)
    {
        return AuctionResults.create(priceTick, boughtLots, soldLots);
    }

    function withRationing(AuctionResult result, uint256 side, uint256 dueLots, uint256 tickLots)
        external
        pure
        returns (AuctionResult)
    {
        return result.withRationing(side, dueLots, tickLots);
    }

    function withFlow(AuctionResult result, uint256 lane, int256 flowLots)
        external
        pure
        returns (AuctionResult)
    {
        return result.withFlow(lane, flowLots);
    }

    function withCursorMoved(AuctionResult result, uint256 lots)
        external
        pure
        returns (AuctionResult)
    {
        return result.withCursorMoved(lots);
    }

    function withRentCollected(AuctionResult result, uint256 lane)
        external
        pure
        returns (AuctionResult)
    {
        return result.withRentCollected(lane);
    }

    function resultFields(AuctionResult result) external pure returns (ResultFields memory) {
        return ResultFields({
            cleared: result.isCleared(),
            priceTick: result.priceTick(),
            clearingTick: result.clearingTick(),
            boughtLots: result.boughtLots(),
            soldLots: result.soldLots(),
            rationedSide: result.rationedSide(),
            dueLots: result.dueLots(),
            tickLots: result.tickLots(),
            cursor: result.cursor(),
            flow0: result.flowLots(0),
            flow1: result.flowLots(1),
            collected0: result.isRentCollected(0),
            collected1: result.isRentCollected(1)
        });
    }

    /* REGIONS */

    struct RegionFields {
        bool alone;
        bool head;
        uint256 zoneCount;
        uint256 linkCount;
        uint16[7] zones;
    }

    function memberOf(uint16 head) external pure returns (RegionWord) {
        return Regions.member(head);
    }

    function withZone(RegionWord word, uint16 head, uint16 zone) external pure returns (RegionWord) {
        return word.withZone(head, zone);
    }

    function withLink(RegionWord word) external pure returns (RegionWord) {
        return word.withLink();
    }

    function headOf(RegionWord word, uint16 zone) external pure returns (uint16) {
        return word.head(zone);
    }

    function regionFields(RegionWord word, uint16 region)
        external
        pure
        returns (RegionFields memory fields)
    {
        fields.alone = word.isAlone();
        fields.head = word.isHead();
        fields.zoneCount = word.zoneCount();
        fields.linkCount = word.linkCount();
        for (uint256 i; i < fields.zoneCount; ++i) {
            fields.zones[i] = word.zoneAt(region, i);
            assert(word.indexOf(region, fields.zones[i]) == i);
        }
    }

    function createInterconnector(
        uint256 from,
        uint256 to,
        uint256 forwardW,
        uint256 backW,
        address owner
    ) external pure returns (InterconnectorWord) {
        return InterconnectorWords.create(from, to, forwardW, backW, owner);
    }

    function withCapacity(InterconnectorWord word, uint256 forwardW, uint256 backW)
        external
        pure
        returns (InterconnectorWord)
    {
        return word.withCapacity(forwardW, backW);
    }

    function interconnectorFields(InterconnectorWord word)
        external
        pure
        returns (uint256 from, uint256 to, uint256 forwardW, uint256 backW, address owner)
    {
        return (word.from(), word.to(), word.forwardW(), word.backW(), word.owner());
    }

    /* SUMS */

    /// @notice Lots of a side at ticks 8 * word to 8 * word + 7.
    function setLevels(uint256 headKey, uint256 word, LevelWord lanes) external {
        _levels[(headKey << 7) | word] = lanes;
    }

    function sumAbove(uint256 words, uint256 headKey, uint256 tick)
        external
        view
        returns (uint256 higher, uint256 equal)
    {
        return _levels.above(words, headKey, tick);
    }

    function sumBelow(uint256 words, uint256 headKey, uint256 tick)
        external
        view
        returns (uint256 lower, uint256 equal)
    {
        return _levels.below(words, headKey, tick);
    }

    function anyWithin(uint256 words, uint256 headKey, uint256 first, uint256 last)
        external
        view
        returns (bool)
    {
        return _levels.anyWithin(words, headKey, first, last);
    }

    /* FILLS */

    function fill(CurveSteps steps, AuctionResult result)
        external
        pure
        returns (uint256 side, uint256 lots, uint256 taken)
    {
        return AuctionFills.fill(steps, result);
    }
}

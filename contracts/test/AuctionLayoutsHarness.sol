// SPDX-License-Identifier: MIT
pragma solidity 0.8.34;

import {AuctionRecord, AuctionRecords} from "../libraries/AuctionRecords.sol";
import {CurveRules} from "../libraries/CurveRules.sol";
import {BookHead, BookHeads} from "../libraries/LevelWords.sol";
import {Opening, Openings} from "../libraries/Openings.sol";
import {Products} from "../libraries/Products.sol";
import {
    Curve,
    CurveLib,
    CurveState,
    CurveStep,
    CurveSteps,
    CurveStepsLib,
    OpeningView,
    StepSums
} from "../types/Auction.sol";
import {ProductId} from "../types/Market.sol";

/// @notice Opens the libraries of the auctions to tests of their layouts.
contract AuctionLayoutsHarness {
    using Products for ProductId;

    struct RecordFields {
        uint256 tag;
        uint256 signedAt;
        CurveState state;
        uint256 fillSide;
        uint256 filledLots;
        uint256 fillTick;
        CurveSteps steps;
        uint256 soldLots;
        uint256 boughtLots;
    }

    function readCurve(Curve curve)
        external
        pure
        returns (ProductId product, CurveStep[] memory steps, bool isWellFormed)
    {
        return (curve.product(), curve.steps().unpack(), curve.isWellFormed());
    }

    function packCurve(ProductId product, CurveSteps steps) external pure returns (Curve) {
        return CurveLib.pack(product, steps);
    }

    function packStep(uint256 side, uint256 limitTick, uint256 lots)
        external
        pure
        returns (uint256)
    {
        return CurveStepsLib.packStep(side, limitTick, lots);
    }

    function sums(CurveSteps steps) external pure returns (StepSums memory) {
        return steps.sums();
    }

    function requireCanonical(CurveSteps steps, uint256 minLots, uint256 capTicks)
        external
        pure
        returns (StepSums memory)
    {
        return CurveRules.requireCanonical(steps, minLots, capTicks);
    }

    function requireAdditionsOnly(CurveSteps old, CurveSteps next) external pure {
        CurveRules.requireAdditionsOnly(old, next);
    }

    function createRecord(uint256 tag, uint256 signedAt, CurveSteps steps)
        external
        pure
        returns (AuctionRecord)
    {
        return AuctionRecords.create(tag, signedAt, steps);
    }

    function fillRecord(
        AuctionRecord record,
        CurveState state,
        uint256 fillSide,
        uint256 filledLots,
        uint256 fillTick
    ) external pure returns (AuctionRecord) {
        return record.withFill(state, fillSide, filledLots, fillTick);
    }

    function readRecord(AuctionRecord record) external pure returns (RecordFields memory) {
        return RecordFields({
            tag: record.tag(),
            signedAt: record.signedAt(),
            state: record.state(),
            fillSide: record.fillSide(),
            filledLots: record.filledLots(),
            fillTick: record.fillTick(),
            steps: record.steps(),
            soldLots: record.soldLots(),
            boughtLots: record.boughtLots()
        });
    }

    function createOpening(uint256 tag, uint256 referenceTick, bool extended)
        external
        pure
        returns (Opening opening)
    {
        opening = Openings.create(tag, referenceTick);
        if (extended) opening = opening.withExtension();
    }

    function readOpening(Opening opening, uint256 tag) external pure returns (OpeningView memory) {
        return opening.unpack(tag);
    }

    function isFarOff(Opening opening, uint256 tick) external pure returns (bool) {
        return opening.isFarOff(tick);
    }

    function createHead(uint256 tag, uint256 lowWord, uint256 highWord)
        external
        pure
        returns (BookHead)
    {
        return BookHeads.create(tag, lowWord, highWord);
    }

    function readHead(BookHead head)
        external
        pure
        returns (uint256 map, uint256 matched, uint256 lowWord, uint256 highWord)
    {
        return (head.map(), head.matchedLots(), head.lowWord(), head.highWord());
    }

    function keys(ProductId product)
        external
        pure
        returns (uint256 opening, uint256 sisterOpening, ProductId sister, uint256 gateAt)
    {
        return (
            product.openingKey(),
            product.sister().openingKey(),
            product.sister(),
            product.gateAt()
        );
    }
}

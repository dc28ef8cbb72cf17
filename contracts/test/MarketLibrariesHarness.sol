// SPDX-License-Identifier: MIT
pragma solidity 0.8.34;

import {BookHead, BookHeads, LevelWord, LevelWords} from "../libraries/LevelWords.sol";
import {OrderIds} from "../libraries/OrderIds.sol";
import {OrderRecord, OrderRecords} from "../libraries/OrderRecords.sol";
import {Products} from "../libraries/Products.sol";
import {PackedTerms, TermsLib, ZoneWord} from "../libraries/ZoneWords.sol";
import {Period, ProductId} from "../types/Market.sol";
import {Halt, MarketTerms} from "../types/MarketTerms.sol";

/// @notice Opens the market's libraries to tests of their layouts.
contract MarketLibrariesHarness {
    using Products for ProductId;

    struct RecordFields {
        uint256 tag;
        uint256 expiresAt;
        uint256 sequence;
        uint256 count;
        bool cancelled;
        uint256 side;
        uint256 limitTick;
        uint256 improvementTicks;
        uint256 filledTicks;
        uint256 filled;
        uint256 unfilled;
        uint256 open;
        bool reusable;
    }

    /* ORDER RECORDS */

    function createRecord(
        uint256 tag,
        uint256 expiresAt,
        uint256 side,
        uint256 limitTick,
        uint256 lots,
        uint256 sequence,
        uint256 count
    ) external pure returns (OrderRecord) {
        return OrderRecords.create(tag, expiresAt, side, limitTick, lots).numbered(sequence)
            .withCount(count);
    }

    function fillRecord(OrderRecord record, uint256 lots, uint256 tick, uint256 improvement)
        external
        pure
        returns (OrderRecord)
    {
        return record.withFill(lots, tick, improvement);
    }

    function cancelRecord(OrderRecord record) external pure returns (OrderRecord) {
        return record.withCancellation();
    }

    function replaceRecord(OrderRecord record, OrderRecord next)
        external
        pure
        returns (OrderRecord)
    {
        return record.replacedBy(next);
    }

    function recordHolds(OrderRecord record, uint256 orderId, uint256 tag)
        external
        pure
        returns (bool)
    {
        return record.holds(orderId, tag);
    }

    function readRecord(OrderRecord record) external pure returns (RecordFields memory) {
        return RecordFields({
            tag: record.tag(),
            expiresAt: record.expiresAt(),
            sequence: record.sequence(),
            count: record.count(),
            cancelled: record.isCancelled(),
            side: record.side(),
            limitTick: record.limitTick(),
            improvementTicks: record.improvementTicks(),
            filledTicks: record.filledTicks(),
            filled: record.filled(),
            unfilled: record.unfilled(),
            open: record.open(),
            reusable: record.isReusable()
        });
    }

    /* LEVELS */

    function levelPlus(LevelWord word, uint256 tick, uint256 lots)
        external
        pure
        returns (LevelWord)
    {
        return word.plus(tick, lots);
    }

    function levelMinus(LevelWord word, uint256 tick, uint256 lots)
        external
        pure
        returns (LevelWord)
    {
        return word.minus(tick, lots);
    }

    function readLevel(LevelWord word, uint256 tick)
        external
        pure
        returns (uint256 lots, bool hasAbove, bool hasBelow, bool isEmpty)
    {
        return (word.lots(tick), word.hasAbove(tick), word.hasBelow(tick), word.isEmpty());
    }

    function bestLane(LevelWord word, bool fromTop) external pure returns (uint256) {
        return word.bestLane(fromTop);
    }

    function headWith(BookHead head, uint256 tick) external pure returns (BookHead) {
        return head.withWord(tick);
    }

    function headWithout(BookHead head, uint256 tick) external pure returns (BookHead) {
        return head.withoutWord(tick);
    }

    function headMatched(BookHead head, uint256 lots) external pure returns (BookHead) {
        return head.withMatched(lots);
    }

    function readHead(BookHead head, uint256 tick)
        external
        pure
        returns (uint256 map, uint256 matched, bool hasAbove, bool hasBelow)
    {
        return (head.map(), head.matchedLots(), head.hasAbove(tick), head.hasBelow(tick));
    }

    function bestWord(BookHead head, bool fromTop) external pure returns (uint256) {
        return head.bestWord(fromTop);
    }

    function keys(ProductId product, uint256 side, uint256 tick, uint256 account, uint256 index)
        external
        pure
        returns (uint256 ring, uint256 head, uint256 level, uint256 record)
    {
        return (
            product.ringKey(),
            BookHeads.key(product, side),
            LevelWords.key(product, side, tick),
            OrderIds.recordKey(product, account, index)
        );
    }

    /* ZONES */

    function zoneTerms(
        ZoneWord word,
        MarketTerms calldata current,
        uint256 currentFrom,
        MarketTerms calldata next,
        uint256 nextFrom,
        uint256 tickSize
    ) external pure returns (ZoneWord) {
        return word.withTerms(
            TermsLib.pack(current, tickSize), currentFrom, TermsLib.pack(next, tickSize), nextFrom
        );
    }

    function zoneHalt(ZoneWord word, Halt calldata halt) external pure returns (ZoneWord) {
        return word.withHalt(halt);
    }

    function zoneSequence(ZoneWord word) external pure returns (ZoneWord) {
        return word.withNextSequence();
    }

    function readZone(ZoneWord word, uint256 tickSize)
        external
        pure
        returns (
            uint256 sequence,
            MarketTerms memory current,
            uint256 currentFrom,
            MarketTerms memory next,
            uint256 nextFrom,
            Halt memory halt
        )
    {
        return (
            word.sequence(),
            word.current().unpack(tickSize),
            word.currentFrom(),
            word.next().unpack(tickSize),
            word.nextFrom(),
            word.halt()
        );
    }

    /* PRODUCTS */

    function clock(ProductId product)
        external
        pure
        returns (uint256 length, uint256 opensAt, uint256 gateAt, uint256 tag)
    {
        return (product.lengthSlots(), product.opensAt(), product.gateAt(), product.tag());
    }

    function startCovering(Period period, uint256 slot) external pure returns (uint256) {
        return Products.startCovering(period, slot);
    }

    function weekStartFrom(uint256 slot) external pure returns (uint256) {
        return Products.weekStartFrom(slot);
    }

    function startOfTurn(ProductId product, uint256 tag) external pure returns (uint256) {
        return product.startOfTurn(tag);
    }
}

// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";

import {FeedReads} from "./FeedReads.sol";
import {FeedRegister} from "./FeedRegister.sol";
import {IReportAggregator} from "../interfaces/IReportAggregator.sol";
import {FeedIds} from "../libraries/FeedIds.sol";
import {Medians} from "../libraries/Medians.sol";
import {ObservationTypedData} from "../libraries/ObservationTypedData.sol";
import {RoundWord, RoundWords} from "../libraries/RoundWords.sol";
import {FeedStatus, Observation, Report, Round, SignedValue} from "../types/Observation.sol";

/// @title The report aggregator that all oracles share
/// @notice Takes reports, publishes their medians; see `IReportAggregator`. An oracle inherits it with its name and
/// kinds: `constructor(address authority) ReportAggregator(authority, "energy-grid GridOracle", KINDS)`.
abstract contract ReportAggregator is FeedReads, EIP712 {
    using FeedIds for uint32;

    uint256 internal constant MAX_CLOCK_LEAD = 30; // seconds

    /// @param authority the access manager; GOVERNOR sets reporters and feeds, GUARDIAN freezes and switches
    /// @param name of the EIP-712 domain, at most 31 bytes
    /// @param kinds kinds of feeds that the oracle takes, one bit each
    constructor(address authority, string memory name, uint256 kinds)
        AccessManaged(authority)
        EIP712(name, "1")
        FeedRegister(kinds)
    {}

    /* USER FUNCTIONS */

    /// @inheritdoc IReportAggregator
    function submitReport(Report calldata report)
        external
        returns (int128 value, FeedStatus status)
    {
        // Check.
        uint32 feedId = report.feedId;
        Feed storage feed = _requireFeed(feedId);
        RoundWord last = _latest[feedId];
        _requireRound(feed, report.round, last.round());
        int256[] memory values = _verified(feed, report);
        Medians.sort(values);
        uint256 spread;
        (value, status, spread) = _aggregate(feed, values);

        // Effect.
        // Casts: block times have 33 bits, a report has at most 31 values.
        Round memory published = Round({
            value: value,
            round: report.round,
            updatedAt: uint40(block.timestamp),
            status: status,
            answers: uint8(values.length)
        });
        RoundWord word = RoundWords.create(published, uint256(last.sequence()) + 1);
        _latest[feedId] = word;
        _history[feedId][report.round % HISTORY_ROUNDS] = word;
        // The difference of two values of 128 bits fits 128 bits without a sign.
        emit RoundPublished(
            feedId, report.round, value, status, published.answers, uint128(spread)
        );
    }

    /// @inheritdoc IReportAggregator
    function submitReports(Report[] calldata reports) external returns (uint256 published) {
        for (uint256 i; i < reports.length; ++i) {
            // Interaction: this very contract, so that a refused report leaves nothing behind.
            try this.submitReport(reports[i]) returns (int128, FeedStatus) {
                ++published;
            } catch (bytes memory reason) {
                // Every refusal has a selector; a call that ran out of gas has none.
                if (reason.length < 4) revert ReportStarved(i);
                emit ReportSkipped(reports[i].feedId, reports[i].round, bytes4(reason));
            }
        }
    }

    /* VIEWS */

    /// @inheritdoc IReportAggregator
    function observationDigest(uint32 feedId, uint40 round, int128 value)
        external
        view
        returns (bytes32)
    {
        (uint32 set,) = _currentSet();
        bytes memory encoded = _encoded(_requireFeed(feedId), feedId, round, set);
        return ObservationTypedData.digest(_domainSeparatorV4(), encoded, value);
    }

    /* INTERNAL */

    function _requireRound(Feed storage feed, uint40 round, uint40 latest) private view {
        if (round <= latest) revert RoundNotNewer(round, latest);
        uint256 roundSeconds = feed.roundSeconds;
        uint256 newest = (block.timestamp + MAX_CLOCK_LEAD) / roundSeconds;
        if (round > newest) revert RoundInFuture(round, newest);
        uint256 limit = _ageLimit(feed);
        // Only on a chain whose clock starts at 0; no round is too old there yet.
        if (block.timestamp < limit) return;
        uint256 oldest = (block.timestamp - limit) / roundSeconds + 1;
        if (round < oldest) revert RoundTooOld(round, oldest);
    }

    /// @dev Values of a report whose every signature is that of a reporter, in the order of their signers.
    function _verified(Feed storage feed, Report calldata report)
        private
        view
        returns (int256[] memory values)
    {
        (uint32 set, uint256 required) = _currentSet();
        uint256 count = report.values.length;
        if (count < required || required == 0) revert TooFewAnswers(count, required);
        values = new int256[](count);
        bytes memory encoded = _encoded(feed, report.feedId, report.round, set);
        bytes32 domain = _domainSeparatorV4();
        int128 lowest = feed.lowestObservation;
        int128 highest = feed.highestObservation;
        address previous;
        for (uint256 i; i < count; ++i) {
            SignedValue calldata signed = report.values[i];
            int128 value = signed.value;
            (address reporter, ECDSA.RecoverError fault,) = ECDSA.tryRecover(
                ObservationTypedData.digest(domain, encoded, value), signed.r, signed.vs
            );
            if (fault != ECDSA.RecoverError.NoError) revert SignatureInvalid(i);
            if (!_belongs(reporter, set)) revert NotAReporter(i, reporter);
            if (reporter <= previous) revert SignersNotAscending(previous, reporter);
            if (value < lowest || value > highest) {
                revert ObservationImplausible(reporter, value, lowest, highest);
            }
            values[i] = value;
            previous = reporter;
        }
    }

    /// @dev The struct that reporters sign for a round, as the feed has it.
    function _encoded(Feed storage feed, uint32 feedId, uint40 round, uint32 set)
        private
        view
        returns (bytes memory)
    {
        uint32 intervalSeconds = feed.intervalSeconds;
        uint256 interval = uint256(round) * feed.roundSeconds / intervalSeconds;
        uint256 start =
            interval * intervalSeconds + feedId.horizon() * FeedIds.HORIZON_SECONDS;
        return ObservationTypedData.encode(
            Observation({
                feedId: feedId,
                zone: feedId.zone(),
                unit: uint8(feed.unit),
                decimals: feed.decimals,
                round: round,
                // Rounds that are taken begin about now, so their intervals fit.
                intervalStart: uint40(start),
                intervalSeconds: intervalSeconds,
                reporterSet: set,
                value: 0
            })
        );
    }

    /// @param values ascending
    function _aggregate(Feed storage feed, int256[] memory values)
        private
        view
        returns (int128 value, FeedStatus status, uint256 spread)
    {
        int256 median = Medians.ofSorted(values);
        // Ascending, so not negative; 256 bits hold the difference of two values of 128.
        spread = uint256(values[values.length - 1] - values[0]);
        uint256 allowed = uint256(median < 0 ? -median : median) * feed.maxSpreadBps / BPS;
        if (allowed < feed.maxSpread) allowed = feed.maxSpread;
        int256 low = feed.floor;
        int256 high = feed.cap;
        if (median < low || median > high) {
            median = median < low ? low : high;
            status = FeedStatus.BOUNDED;
        }
        if (spread > allowed) status = FeedStatus.UNCERTAIN;
        // Between two values of 128 bits.
        value = int128(median);
    }
}

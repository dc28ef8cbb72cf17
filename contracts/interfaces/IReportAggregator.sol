// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {FeedStatus, Report, Round} from "../types/Observation.sol";
import {IFeedRegister} from "./IFeedRegister.sol";
import {IReporterSets} from "./IReporterSets.sol";

/// @title Reports of n reporters, of which f may be faulty
/// @notice EIP-712 domain: the oracle's name (`energy-grid PriceOracle` ...), version `1`, chain id, the contract.
/// With n reporters, `f = floor((n - 1) / 3)`; a report needs `2f + 1` values, so the median lies between two honest
/// observations whatever f reporters say. Rounds of a feed strictly rise. Anyone may bring a report.
///
/// A round has the number `unix time of its beginning / roundSeconds`. Its values are about the interval that starts at
/// `floor(round * roundSeconds / intervalSeconds) * intervalSeconds + horizon * 900`. The contract derives all of the
/// signed struct but the values from the feed, so a value signed for another unit, zone, interval, round or reporter set
/// shows as a signer it does not know.
///
/// The median of an even number of values is the mean of the two middle ones, rounded down (towards minus infinity).
/// A value's age counts from the beginning of its round (or from its block, if that is earlier). At 1.5 heartbeats,
/// rounded down, it is STALE, and a round of that age is no longer taken.
interface IReportAggregator is IReporterSets, IFeedRegister {
    /// @notice A round is published.
    /// @param value the median, bounded
    /// @param spread largest value less smallest
    event RoundPublished(
        uint32 indexed feedId,
        uint40 indexed round,
        int128 value,
        FeedStatus status,
        uint8 answers,
        uint128 spread
    );
    /// @notice A report of a batch was not taken.
    /// @param errorSelector selector of the error with which it would revert alone
    event ReportSkipped(uint32 indexed feedId, uint40 indexed round, bytes4 errorSelector);

    /// @notice Rounds strictly rise.
    error RoundNotNewer(uint40 given, uint40 latest);
    /// @notice The round begins more than 30 seconds from now. @param allowed the newest that is taken
    error RoundInFuture(uint40 given, uint256 allowed);
    /// @notice The round began 1.5 heartbeats ago or earlier. @param allowed the oldest that is taken
    error RoundTooOld(uint40 given, uint256 allowed);
    /// @notice Fewer values than `2f + 1`, or there are no reporters yet (required: 0).
    error TooFewAnswers(uint256 given, uint256 required);
    /// @notice The signature is none, or its `s` is in the upper half of the curve order. @param index of the value
    error SignatureInvalid(uint256 index);
    /// @notice No reporter of the set in force signed the value for this feed and round. @param index of the value
    error NotAReporter(uint256 index, address recovered);
    /// @notice Values come in the order of their signers' addresses, each signer once.
    error SignersNotAscending(address previous, address given);
    /// @notice A signed value is no plausible one of its feed.
    error ObservationImplausible(
        address reporter, int128 given, int128 lowestAllowed, int128 highestAllowed
    );
    /// @notice The batch got too little gas for this report; it is not skipped for that. @param index of the report
    error ReportStarved(uint256 index);

    /// @notice Bring one round of one feed.
    /// @return value the median, bounded by the feed's `floor` and `cap`
    /// @return status UNCERTAIN if the values are further apart than the feed allows, else BOUNDED if a bound was
    /// applied, else OK
    function submitReport(Report calldata report)
        external
        returns (int128 value, FeedStatus status);

    /// @notice Bring rounds of several feeds; one that would revert alone is skipped with `ReportSkipped`.
    /// @return published number of rounds taken
    function submitReports(Report[] calldata reports) external returns (uint256 published);

    /// @notice Latest value of a feed. Never reverts: an unknown feed is (0, 0, STALE).
    /// @return value in the feed's own unit and decimals
    /// @return updatedAt unix second of the block that published it
    /// @return status how far to trust it. FROZEN: in the shadow or frozen. FALLBACK: the guardian has switched to the
    /// fallback, and value and time are the fallback's
    function read(uint32 feedId)
        external
        view
        returns (int256 value, uint256 updatedAt, FeedStatus status);

    /// @notice As `read`; where that is not OK and the feed's fallback is, the fallback's value with FALLBACK. A feed in
    /// the shadow stays FROZEN.
    function readWithFallback(uint32 feedId)
        external
        view
        returns (int256 value, uint256 updatedAt, FeedStatus status);

    /// @notice A published round; all zero if it is unknown or no longer kept. Kept until the round of the same number
    /// modulo 128 is published.
    function roundOf(uint32 feedId, uint40 round) external view returns (Round memory);

    /// @notice Newest round of a feed, whatever its phase; all zero if there is none.
    function latestRound(uint32 feedId) external view returns (Round memory);

    /// @notice EIP-712 digest that a reporter of the set in force signs for a value. Reverts with `FeedUnknown`.
    function observationDigest(uint32 feedId, uint40 round, int128 value)
        external
        view
        returns (bytes32);
}

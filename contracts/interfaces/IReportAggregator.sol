// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {FeedConfig, FeedStatus, Report, Round} from "../types/Observation.sol";

/// @title Reports of n reporters, of which f may be faulty
/// @notice EIP-712 domain: the oracle's name (`energy-grid PriceOracle` ...), version `1`, chain id, the contract.
/// With n reporters, `f = floor((n - 1) / 3)`; a report needs `2f + 1` values, so the median lies between two honest
/// observations whatever f reporters say. Rounds of a feed strictly rise. Anyone may bring a report.
interface IReportAggregator {
    /// @notice A round is published.
    event RoundPublished(
        uint32 indexed feedId,
        uint40 indexed round,
        int128 value,
        FeedStatus status,
        uint8 answers,
        uint128 spread
    );
    /// @notice A report of a batch was not taken.
    event ReportSkipped(uint32 indexed feedId, uint40 indexed round, bytes4 errorSelector);

    /// @notice Bring one round of one feed.
    /// @return value the median, bounded
    /// @return status OK, UNCERTAIN or BOUNDED
    function submitReport(Report calldata report)
        external
        returns (int128 value, FeedStatus status);

    /// @notice Bring rounds of several feeds; one that would revert alone is skipped with `ReportSkipped`.
    /// @return published number of rounds taken
    function submitReports(Report[] calldata reports) external returns (uint256 published);

    /// @notice Latest value of a feed. Never reverts: an unknown feed is (0, 0, STALE).
    /// @return value in the feed's own unit and decimals
    /// @return updatedAt unix second of the block that published it
    /// @return status how far to trust it
    function read(uint32 feedId)
        external
        view
        returns (int256 value, uint256 updatedAt, FeedStatus status);

    /// @notice As `read`; where that is not OK and the feed's fallback is, the fallback's value with FALLBACK.
    function readWithFallback(uint32 feedId)
        external
        view
        returns (int256 value, uint256 updatedAt, FeedStatus status);

    /// @notice A published round; all zero if it is unknown or no longer kept.
    function roundOf(uint32 feedId, uint40 round) external view returns (Round memory);

    /// @notice Newest round of a feed; all zero if there is none.
    function latestRound(uint32 feedId) external view returns (Round memory);

    /// @notice Configuration of a feed; all zero if it is unknown.
    function feedConfig(uint32 feedId) external view returns (FeedConfig memory);

    /// @notice Reporters of the set in force, in the order of their addresses.
    function reporters() external view returns (address[] memory);

    /// @notice Number of the reporter set in force; each change counts one up and makes older signatures void.
    function reporterSet() external view returns (uint32);

    /// @notice Values that a report needs: `2 * floor((n - 1) / 3) + 1`.
    function minAnswers() external view returns (uint256);
}

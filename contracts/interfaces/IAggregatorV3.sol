// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

/// @title The reading side of Chainlink's `AggregatorV3Interface`
/// @notice Selectors and answers are those that existing tools call; written from the public description of the
/// interface, not copied.
interface IAggregatorV3 {
    /// @notice Decimals of answers.
    function decimals() external view returns (uint8);

    /// @notice What the answers are about.
    function description() external view returns (string memory);

    /// @notice Version of the facade.
    function version() external view returns (uint256);

    /// @notice A published round.
    /// @return roundId as asked for
    /// @return answer in steps of `10^-decimals`
    /// @return startedAt unix second at which the round began
    /// @return updatedAt unix second of the block that took it
    /// @return answeredInRound the same round
    function getRoundData(uint80 roundId_)
        external
        view
        returns (
            uint80 roundId,
            int256 answer,
            uint256 startedAt,
            uint256 updatedAt,
            uint80 answeredInRound
        );

    /// @notice The newest round, likewise.
    function latestRoundData()
        external
        view
        returns (
            uint80 roundId,
            int256 answer,
            uint256 startedAt,
            uint256 updatedAt,
            uint80 answeredInRound
        );
}

// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

/// @title Who may report
/// @notice One set of reporters for all feeds of an oracle. Of n, `f = floor((n - 1) / 3)` may be faulty. Each change
/// counts the set's number up; the number is part of what reporters sign, so signatures for an older set are void even
/// if their signer still belongs to the new one.
interface IReporterSets {
    /// @notice The set changed.
    event ReportersChanged(
        uint32 indexed oldSet,
        uint32 indexed newSet,
        address[] oldReporters,
        address[] newReporters
    );

    /// @notice Fewer than four reporters can bear no fault, more than 31 make reports dear.
    error ReporterCountInvalid(uint256 given, uint256 lowest, uint256 highest);
    /// @notice Reporters come in the order of their addresses, each once, none zero.
    /// @param index of `given` in the list
    error ReportersNotAscending(uint256 index, address given);

    /// @notice Put a new set in force, at once. Restricted to governance.
    /// @param newReporters 4 to 31 addresses, strictly ascending
    /// @return newSet its number
    function setReporters(address[] calldata newReporters) external returns (uint32 newSet);

    /// @notice Reporters of the set in force, in the order of their addresses.
    function reporters() external view returns (address[] memory);

    /// @notice Number of the reporter set in force, 0 before the first; each change counts one up and makes older
    /// signatures void.
    function reporterSet() external view returns (uint32);

    /// @notice Whether an account belongs to the set in force.
    function isReporter(address account) external view returns (bool);

    /// @notice Values that a report needs: `2 * floor((n - 1) / 3) + 1`; 0 before the first set (nothing is taken then).
    function minAnswers() external view returns (uint256);
}

// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";

import {IReporterSets} from "../interfaces/IReporterSets.sol";

/// @title The set of reporters
/// @notice Part of `ReportAggregator`; see `IReporterSets`.
abstract contract ReporterSets is IReporterSets, AccessManaged {
    uint256 internal constant MIN_REPORTERS = 4;
    uint256 internal constant MAX_REPORTERS = 31;

    /// @dev Number of the newest set that an account belongs to: who is in an older one only has left.
    mapping(address account => uint32) private _setOf;
    address[] private _reporters;
    uint32 private _set;
    uint8 private _count;

    /* RESTRICTED FUNCTIONS */

    /// @inheritdoc IReporterSets
    function setReporters(address[] calldata newReporters)
        external
        restricted
        returns (uint32 newSet)
    {
        // Check.
        uint256 count = newReporters.length;
        if (count < MIN_REPORTERS || count > MAX_REPORTERS) {
            revert ReporterCountInvalid(count, MIN_REPORTERS, MAX_REPORTERS);
        }
        address previous;
        for (uint256 i; i < count; ++i) {
            if (newReporters[i] <= previous) revert ReportersNotAscending(i, newReporters[i]);
            previous = newReporters[i];
        }
        // Effect.
        address[] memory oldReporters = _reporters;
        uint32 oldSet = _set;
        newSet = oldSet + 1;
        for (uint256 i; i < count; ++i) _setOf[newReporters[i]] = newSet;
        _reporters = newReporters;
        _set = newSet;
        // At most 31.
        _count = uint8(count);
        emit ReportersChanged(oldSet, newSet, oldReporters, newReporters);
    }

    /* VIEWS */

    /// @inheritdoc IReporterSets
    function reporters() external view returns (address[] memory) {
        return _reporters;
    }

    /// @inheritdoc IReporterSets
    function reporterSet() external view returns (uint32) {
        return _set;
    }

    /// @inheritdoc IReporterSets
    function isReporter(address account) external view returns (bool) {
        return _set != 0 && _belongs(account, _set);
    }

    /// @inheritdoc IReporterSets
    function minAnswers() external view returns (uint256 required) {
        (, required) = _currentSet();
    }

    /* INTERNAL */

    /// @return set number of the set in force
    /// @return required values that a report needs; 0: there is no set
    function _currentSet() internal view returns (uint32 set, uint256 required) {
        set = _set;
        uint256 count = _count;
        if (count != 0) required = 2 * ((count - 1) / 3) + 1;
    }

    /// @param set of `_currentSet`, not 0
    function _belongs(address account, uint32 set) internal view returns (bool) {
        return _setOf[account] == set;
    }
}

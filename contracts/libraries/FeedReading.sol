// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {IReportAggregator} from "../interfaces/IReportAggregator.sol";
import {FeedStatus} from "../types/Observation.sol";

/// @notice Reading another contract's oracle so that neither a broken oracle nor a caller who is mean with gas decides
/// what the reader sees.
library FeedReading {
    /// @notice The call got so little gas that the oracle may have failed for that alone.
    error OracleStarved(address oracle, uint32 feedId);

    /// @notice `read` of an oracle. One that reverts, has no code or answers something else is (0, 0, STALE).
    /// @dev Warning: an oracle that uses up whatever gas it gets cannot be told from a starved one; this reverts then.
    function tryRead(address oracle, uint32 feedId)
        internal
        view
        returns (int256 value, uint256 updatedAt, FeedStatus status)
    {
        return _try(oracle, feedId, abi.encodeCall(IReportAggregator.read, (feedId)));
    }

    /// @notice `readWithFallback` of an oracle, likewise.
    function tryReadWithFallback(address oracle, uint32 feedId)
        internal
        view
        returns (int256 value, uint256 updatedAt, FeedStatus status)
    {
        return _try(oracle, feedId, abi.encodeCall(IReportAggregator.readWithFallback, (feedId)));
    }

    function _try(address oracle, uint32 feedId, bytes memory data)
        private
        view
        returns (int256 value, uint256 updatedAt, FeedStatus)
    {
        uint256 gasBefore = gasleft();
        bool answered;
        uint256 status;
        // Three words of the answer are taken, however long it is, into memory behind the free pointer.
        assembly ("memory-safe") {
            let at := mload(0x40)
            answered := staticcall(gas(), oracle, add(data, 0x20), mload(data), at, 0x60)
            if and(answered, gt(returndatasize(), 0x5f)) {
                value := mload(at)
                updatedAt := mload(add(at, 0x20))
                status := mload(add(at, 0x40))
            }
            answered := and(answered, gt(returndatasize(), 0x5f))
        }
        if (answered && status <= uint256(type(FeedStatus).max)) {
            return (value, updatedAt, FeedStatus(status));
        }
        // A call gets 63 of 64 parts of what is left; one that ran out of gas leaves the last part.
        if (!answered && gasleft() <= gasBefore / 63) revert OracleStarved(oracle, feedId);
        return (0, 0, FeedStatus.STALE);
    }
}

// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {BucketLimits} from "../types/BucketLimits.sol";

/// @notice A rate limit: a bucket that refills linearly and holds at most its capacity.
///
/// ```
/// bit 136         40              0
///  +---------------+--------------+
///  | debt 96       | updatedAt 40 |
///  +---------------+--------------+
/// ```
/// - `debt`: what was taken and has not come back, times the period in seconds, at `updatedAt`. It falls by the
///   capacity every second, so nothing is rounded when time passes: taking often brings back exactly as much as taking
///   once, neither more nor less.
/// - `updatedAt`: unix second of the last change.
///
/// Zero is a full bucket. Callers who need the room keep it as a `uint136`.
type LinearBucket is uint256;

using LinearBuckets for LinearBucket global;

/// @notice Taking from a bucket and looking into it.
/// @dev Limits are the caller's, constant or governed, and may change at any time. They count for the whole time since the
/// last change of the bucket. A bucket in debt for more than its capacity gives nothing until that has gone down; another
/// period leaves the time until the bucket is full as it is.
/// Warning: a period is above zero.
library LinearBuckets {
    /// @param given what was to be taken
    /// @param allowed what there is
    error RateLimited(uint256 given, uint256 allowed);

    uint256 private constant DEBT = 40;
    uint256 private constant MASK_40 = (1 << 40) - 1;

    /// @notice The bucket after `amount` was taken from it.
    /// @dev Reverts `RateLimited` if it holds less.
    function take(LinearBucket bucket, BucketLimits memory limits, uint256 amount, uint256 at)
        internal
        pure
        returns (LinearBucket)
    {
        uint256 since = bucket.updatedAt();
        if (at < since) at = since;
        uint256 debt = _debtAt(bucket, limits, at);
        uint256 allowed = _available(debt, limits);
        if (amount > allowed) revert RateLimited(amount, allowed);
        // No overflow: `debt + amount * period <= capacity * period`, 96 bits.
        unchecked {
            return _create(debt + amount * limits.periodSeconds, at);
        }
    }

    /// @notice What can be taken, rounded down.
    function available(LinearBucket bucket, BucketLimits memory limits, uint256 at)
        internal
        pure
        returns (uint256)
    {
        return _available(_debtAt(bucket, limits, at), limits);
    }

    /// @notice What has been taken and is not back, rounded up.
    function used(LinearBucket bucket, BucketLimits memory limits, uint256 at)
        internal
        pure
        returns (uint256)
    {
        uint256 period = limits.periodSeconds;
        return (_debtAt(bucket, limits, at) + period - 1) / period;
    }

    /// @notice Seconds from `at` until `amount` can be taken, if nothing else is; rounded up.
    /// @return seconds_ 0 if it can be taken now, the highest uint256 if it is more than the capacity
    function timeUntil(LinearBucket bucket, BucketLimits memory limits, uint256 amount, uint256 at)
        internal
        pure
        returns (uint256 seconds_)
    {
        if (amount == 0) return 0;
        uint256 capacity = limits.capacity;
        if (amount > capacity) return type(uint256).max;
        uint256 debt = _debtAt(bucket, limits, at);
        // Both below 2^96: a capacity has 64 bits, a period 32.
        uint256 highest = (capacity - amount) * limits.periodSeconds;
        if (debt <= highest) return 0;
        return (debt - highest + capacity - 1) / capacity;
    }

    function updatedAt(LinearBucket bucket) internal pure returns (uint256) {
        return LinearBucket.unwrap(bucket) & MASK_40;
    }

    /* PRIVATE */

    /// @dev Time that goes back, as it does not on chain, brings nothing back.
    function _debtAt(LinearBucket bucket, BucketLimits memory limits, uint256 at)
        private
        pure
        returns (uint256)
    {
        uint256 debt = LinearBucket.unwrap(bucket) >> DEBT;
        uint256 since = bucket.updatedAt();
        if (at <= since) return debt;
        // No overflow: a capacity has 64 bits, a unix time 40.
        uint256 back = (at - since) * limits.capacity;
        return back < debt ? debt - back : 0;
    }

    function _available(uint256 debt, BucketLimits memory limits) private pure returns (uint256) {
        uint256 full = uint256(limits.capacity) * limits.periodSeconds;
        return debt < full ? (full - debt) / limits.periodSeconds : 0;
    }

    function _create(uint256 debt, uint256 at) private pure returns (LinearBucket) {
        assert(debt >> 96 == 0 && at <= MASK_40);
        return LinearBucket.wrap((debt << DEBT) | at);
    }
}

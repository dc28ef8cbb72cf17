// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

/// @notice What a rate limit allows: so much at once, and so much again in every period.
/// @param capacity most that may be taken at once, in the unit of what is limited
/// @param periodSeconds time in which an empty bucket is full again: refill is `capacity / periodSeconds`
struct BucketLimits {
    uint64 capacity;
    uint32 periodSeconds;
}

// SPDX-License-Identifier: MIT
pragma solidity 0.8.34;

import {LinearBucket, LinearBuckets} from "../libraries/LinearBuckets.sol";
import {BucketLimits} from "../types/BucketLimits.sol";

/// @notice A rate limit, many steps a call.
contract LinearBucketsHarness {
    /// @notice One look and one attempt.
    struct Step {
        uint256 at;
        uint256 amount;
        BucketLimits limits;
    }

    /// @notice What a step found, before it took anything.
    struct Look {
        uint256 available;
        uint256 used;
        uint256 timeUntil;
        bool isTaken;
        uint256 word;
    }

    /// @notice Take step by step what can be taken.
    function run(uint256 word, Step[] calldata steps) external view returns (Look[] memory looks) {
        looks = new Look[](steps.length);
        for (uint256 i; i < steps.length; ++i) {
            LinearBucket bucket = LinearBucket.wrap(word);
            Step calldata step = steps[i];
            looks[i].available = bucket.available(step.limits, step.at);
            looks[i].used = bucket.used(step.limits, step.at);
            looks[i].timeUntil = bucket.timeUntil(step.limits, step.amount, step.at);
            try this.take(word, step) returns (uint256 next) {
                looks[i].isTaken = true;
                word = next;
            } catch {}
            looks[i].word = word;
        }
    }

    function take(uint256 word, Step calldata step) external pure returns (uint256) {
        return LinearBucket.unwrap(LinearBucket.wrap(word).take(step.limits, step.amount, step.at));
    }
}

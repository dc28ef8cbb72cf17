// SPDX-License-Identifier: MIT
pragma solidity 0.8.34;

/// @notice Counts effects by key, so that a test can tell whether each was made exactly once.
contract MockEffects {
    /// @notice The effect of a key was made before, and this contract refuses repeats.
    error EffectRepeated(uint256 key);

    event EffectMade(uint256 indexed key, uint256 count);

    bool public immutable REFUSES_REPEATS;

    mapping(uint256 key => uint256 count) public countOf;

    /// @notice Effects of all keys.
    uint256 public total;

    constructor(bool refusesRepeats) {
        REFUSES_REPEATS = refusesRepeats;
    }

    function make(uint256 key) external {
        uint256 count = countOf[key] + 1;
        if (REFUSES_REPEATS && count > 1) revert EffectRepeated(key);
        countOf[key] = count;
        ++total;
        emit EffectMade(key, count);
    }

    /// @notice Counts of `amount` keys from `first` on.
    function countsOf(uint256 first, uint256 amount)
        external
        view
        returns (uint256[] memory counts)
    {
        counts = new uint256[](amount);
        for (uint256 i = 0; i < amount; ++i) {
            counts[i] = countOf[first + i];
        }
    }
}

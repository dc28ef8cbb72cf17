// SPDX-License-Identifier: MIT
pragma solidity 0.8.34;

/// @notice Something to call that calls back, as often as it is told.
contract MockReentrantTarget {
    uint256 public calls;
    address private _to;
    bytes private _data;
    bool private _mustSucceed;

    /// @param mustSucceed whether `poke` reverts when the call back does
    function arm(address to, bytes calldata data, bool mustSucceed) external {
        (_to, _data, _mustSucceed) = (to, data, mustSucceed);
    }

    function poke() external {
        if (++calls > 1) return;
        (bool isDone, bytes memory answer) = _to.call(_data);
        if (isDone || !_mustSucceed) return;
        assembly ("memory-safe") { revert(add(answer, 0x20), mload(answer)) }
    }
}

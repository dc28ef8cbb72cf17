// SPDX-License-Identifier: MIT
pragma solidity 0.8.34;

/// @notice A stability source that answers what a test tells it, as raw words; or fails in other ways.
contract MockStabilityScore {
    bytes private _answer;
    bool private _burns;

    function set(bytes calldata answer, bool burns) external {
        (_answer, _burns) = (answer, burns);
    }

    function stabilityScore(uint16) external view {
        if (_burns) while (true) {}
        bytes memory answer = _answer;
        if (answer.length == 0) revert();
        assembly ("memory-safe") {
            return(add(answer, 0x20), mload(answer))
        }
    }
}

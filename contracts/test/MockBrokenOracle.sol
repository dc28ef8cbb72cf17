// SPDX-License-Identifier: MIT
pragma solidity 0.8.34;

/// @notice An oracle that answers reads as it is told, wrong or right.
contract MockBrokenOracle {
    enum Manner {
        RETURN,
        REVERT,
        BURN
    }

    bytes private _answer;
    Manner private _manner;

    /// @param answer what it returns or reverts with
    /// @param manner BURN: use up all gas instead
    function answerWith(bytes calldata answer, Manner manner) external {
        _answer = answer;
        _manner = manner;
    }

    fallback() external {
        bytes memory answer = _answer;
        Manner manner = _manner;
        assembly ("memory-safe") {
            switch manner
            case 0 { return(add(answer, 0x20), mload(answer)) }
            case 1 { revert(add(answer, 0x20), mload(answer)) }
            default { invalid() }
        }
    }
}

// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

/// @notice A contract above the 24,576 bytes of EIP-170 keeps part of its code in other contracts, its rooms.
library Rooms {
    /// @dev Run the called function in a room, on this contract's storage, and end the call with the room's answer or
    /// error. Warning: safe only where the code at `room` was created by the contract's own constructor, cannot
    /// change, and shares its storage layout.
    function run(address room) internal {
        assembly ("memory-safe") {
            let data := mload(0x40)
            calldatacopy(data, 0, calldatasize())
            let success := delegatecall(gas(), room, data, calldatasize(), 0, 0)
            returndatacopy(data, 0, returndatasize())
            if success { return(data, returndatasize()) }
            revert(data, returndatasize())
        }
    }
}

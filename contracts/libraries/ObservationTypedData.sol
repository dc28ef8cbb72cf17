// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {Observation} from "../types/Observation.sol";

/// @notice EIP-712 hashes of what reporters sign.
library ObservationTypedData {
    bytes32 internal constant TYPEHASH = keccak256(
        "Observation(uint32 feedId,uint16 zone,uint8 unit,uint8 decimals,uint40 round,"
        "uint40 intervalStart,uint32 intervalSeconds,uint32 reporterSet,int128 value)"
    );

    /// @notice The struct as it is hashed. Values of a report differ in the last word only, so it is encoded once and
    /// `digest` sets that word.
    function encode(Observation memory observation) internal pure returns (bytes memory) {
        return abi.encode(TYPEHASH, observation);
    }

    /// @notice What the reporter of a value signs.
    /// @param domain separator of the oracle's domain
    /// @param encoded of `encode`; its value is overwritten
    function digest(bytes32 domain, bytes memory encoded, int128 value)
        internal
        pure
        returns (bytes32 result)
    {
        // Ten words stand behind the length: type hash, eight fields, value. The second hash is made behind the free
        // pointer, in memory that is not kept.
        assembly ("memory-safe") {
            mstore(add(encoded, 0x140), signextend(15, value))
            let at := mload(0x40)
            mstore(at, hex"1901")
            mstore(add(at, 0x02), domain)
            mstore(add(at, 0x22), keccak256(add(encoded, 0x20), 0x140))
            result := keccak256(at, 0x42)
        }
    }
}

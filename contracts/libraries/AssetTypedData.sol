// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {AssetSpec, Maintenance} from "../types/Assets.sol";

/// @notice EIP-712 hashes of what owners of meters and technicians sign.
library AssetTypedData {
    bytes32 internal constant BINDING_TYPEHASH = keccak256(
        "AssetBinding(uint256 assetId,uint8 kind,uint32 ratedW,bytes4 cell,uint40 commissionedAt,"
        "uint32 meterId,address owner,uint256 nonce,uint40 deadline)"
    );
    bytes32 internal constant MAINTENANCE_TYPEHASH = keccak256(
        "AssetMaintenance(uint256 assetId,uint256 index,uint8 kind,uint40 doneAt,uint40 nextDueAt,"
        "address technician,bytes32 contentHash,string uri)"
    );

    /// @notice Hash of the consent to a binding.
    function hashBinding(
        uint256 assetId,
        AssetSpec memory spec,
        uint32 meterId,
        address owner,
        uint256 nonce,
        uint40 deadline
    ) internal pure returns (bytes32) {
        return keccak256(
            abi.encode(BINDING_TYPEHASH, assetId, spec, meterId, owner, nonce, deadline)
        );
    }

    /// @notice Hash of an entry at a place of the log.
    function hashMaintenance(uint256 assetId, uint256 index, Maintenance calldata entry)
        internal
        pure
        returns (bytes32)
    {
        return keccak256(
            abi.encode(
                MAINTENANCE_TYPEHASH,
                assetId,
                index,
                entry.kind,
                entry.doneAt,
                entry.nextDueAt,
                entry.technician,
                entry.contentHash,
                keccak256(bytes(entry.uri))
            )
        );
    }
}

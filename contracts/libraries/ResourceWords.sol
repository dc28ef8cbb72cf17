// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {Resource, ResourceClass, ResourceRatings, ResourceState} from "../types/GridResources.sol";

/// @notice A registered resource in two storage words.
///
/// ```
/// identity: bit 255   224     222     218    202     178          160               0
///            +---------+-------+-------+------+-------+------------+-----------------+
///            | zero 31 | asset | state | kind | zone  | meterId    | zero | owner    |
///            |         | 1     | 2     | 4    | 16    | 24         | 18   | 160      |
///            +---------+-------+-------+------+-------+------------+-----------------+
///
/// ratings:  bit 255   191       151  144    137     111    79      52     26      0
///            +---------+---------+----+------+-------+------+-------+------+-------+
///            | zero 64 | changed | to | from | ramp  | Wh   | VA    | exp  | imp   |
///            |         | 40      | 7  | 7    | 26    | 32   | 27    | 26   | 26    |
///            +---------+---------+----+------+-------+------+-------+------+-------+
/// ```
/// `asset`: 1 if the resource is bound to an NFT, whose id stands in a place of its own. A word of identity is 0 for
/// an id that was never given out.
struct ResourceWords {
    uint256 identity;
    uint256 ratings;
}

using ResourceWordsLib for ResourceWords global;

/// @notice Named, masked access to `ResourceWords`.
library ResourceWordsLib {
    /// @dev Rated power as the meter register holds it, 67.1 MW; so for ramps in W/s.
    uint256 internal constant MAX_RATED_W = (1 << 26) - 1;
    /// @dev 134.2 MVA.
    uint256 internal constant MAX_RATED_VA = (1 << 27) - 1;
    uint256 internal constant MAX_METER_ID = (1 << 24) - 1;

    uint256 private constant METER_AT = 178;
    uint256 private constant ZONE_AT = 202;
    uint256 private constant KIND_AT = 218;
    uint256 private constant STATE_AT = 222;
    uint256 private constant ASSET_AT = 224;

    uint256 private constant EXPORT_AT = 26;
    uint256 private constant VA_AT = 52;
    uint256 private constant ENERGY_AT = 79;
    uint256 private constant RAMP_AT = 111;
    uint256 private constant FROM_AT = 137;
    uint256 private constant TO_AT = 144;
    uint256 private constant CHANGED_AT = 151;
    uint256 private constant QUARTER = (1 << 7) - 1;

    /* BUILDING */

    /// @dev Word of identity. Warning: the caller has checked that the id of the meter fits (`MAX_METER_ID`).
    function packIdentity(
        address owner_,
        uint256 meterId_,
        uint16 zone_,
        ResourceClass kind_,
        ResourceState state_,
        bool hasAsset_
    ) internal pure returns (uint256) {
        return uint256(uint160(owner_)) | (meterId_ << METER_AT) | (uint256(zone_) << ZONE_AT)
            | (uint256(kind_) << KIND_AT) | (uint256(state_) << STATE_AT)
            | (hasAsset_ ? 1 << ASSET_AT : 0);
    }

    /// @dev Word of ratings. Warning: the caller has checked that each fits (`MAX_...`, quarters below 96).
    function packRatings(ResourceRatings memory ratings_, uint256 changedAt_)
        internal
        pure
        returns (uint256)
    {
        return uint256(ratings_.ratedImportW) | (uint256(ratings_.ratedExportW) << EXPORT_AT)
            | (uint256(ratings_.ratedVa) << VA_AT) | (uint256(ratings_.energyWh) << ENERGY_AT)
            | (uint256(ratings_.rampWPerSecond) << RAMP_AT)
            | (uint256(ratings_.availableFrom) << FROM_AT)
            | (uint256(ratings_.availableTo) << TO_AT) | (changedAt_ << CHANGED_AT);
    }

    /// @dev The word of identity with another state.
    function identityIn(uint256 identity, ResourceState state_) internal pure returns (uint256) {
        return (identity & ~(uint256(3) << STATE_AT)) | (uint256(state_) << STATE_AT);
    }

    /* FIELDS */

    function owner(ResourceWords memory words) internal pure returns (address) {
        return address(uint160(words.identity));
    }

    function meterId(ResourceWords memory words) internal pure returns (uint32) {
        return uint32((words.identity >> METER_AT) & MAX_METER_ID);
    }

    function zone(ResourceWords memory words) internal pure returns (uint16) {
        return uint16(words.identity >> ZONE_AT);
    }

    function kind(ResourceWords memory words) internal pure returns (ResourceClass) {
        return ResourceClass((words.identity >> KIND_AT) & 15);
    }

    function state(ResourceWords memory words) internal pure returns (ResourceState) {
        return ResourceState((words.identity >> STATE_AT) & 3);
    }

    function hasAsset(ResourceWords memory words) internal pure returns (bool) {
        return (words.identity >> ASSET_AT) & 1 != 0;
    }

    function ratedImportW(ResourceWords memory words) internal pure returns (uint32) {
        return uint32(words.ratings & MAX_RATED_W);
    }

    function ratedExportW(ResourceWords memory words) internal pure returns (uint32) {
        return uint32((words.ratings >> EXPORT_AT) & MAX_RATED_W);
    }

    function changedAt(ResourceWords memory words) internal pure returns (uint40) {
        return uint40(words.ratings >> CHANGED_AT);
    }

    function unpackRatings(ResourceWords memory words)
        internal
        pure
        returns (ResourceRatings memory)
    {
        uint256 word = words.ratings;
        return ResourceRatings({
            ratedImportW: uint32(word & MAX_RATED_W),
            ratedExportW: uint32((word >> EXPORT_AT) & MAX_RATED_W),
            ratedVa: uint32((word >> VA_AT) & MAX_RATED_VA),
            energyWh: uint32(word >> ENERGY_AT),
            rampWPerSecond: uint32((word >> RAMP_AT) & MAX_RATED_W),
            availableFrom: uint8((word >> FROM_AT) & QUARTER),
            availableTo: uint8((word >> TO_AT) & QUARTER)
        });
    }

    /// @dev All of it as others see it; whether it is active is the caller's to know.
    function unpack(ResourceWords memory words, uint256 assetId, bool isActive)
        internal
        pure
        returns (Resource memory)
    {
        ResourceRatings memory rated = words.unpackRatings();
        return Resource({
            owner: words.owner(),
            zone: words.zone(),
            kind: words.kind(),
            meterId: words.meterId(),
            assetId: assetId,
            ratedImportW: rated.ratedImportW,
            ratedExportW: rated.ratedExportW,
            ratedVa: rated.ratedVa,
            energyWh: rated.energyWh,
            rampWPerSecond: rated.rampWPerSecond,
            availableFrom: rated.availableFrom,
            availableTo: rated.availableTo,
            isActive: isActive,
            state: words.state(),
            changedAt: words.changedAt()
        });
    }
}

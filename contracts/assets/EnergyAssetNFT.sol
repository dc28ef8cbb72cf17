// SPDX-License-Identifier: MIT
pragma solidity 0.8.34;

import {
    ERC721Enumerable
} from "@openzeppelin/contracts/token/ERC721/extensions/ERC721Enumerable.sol";
import {IERC165} from "@openzeppelin/contracts/utils/introspection/IERC165.sol";

import {IEnergyAssets} from "../interfaces/IEnergyAssets.sol";
import {IERC4907} from "../interfaces/IERC4907.sol";
import {Asset, AssetSpec} from "../types/Assets.sol";
import {MeterInfo} from "../types/MeterInfo.sol";
import {AssetBase} from "./AssetBase.sol";
import {AssetPictures} from "./AssetPictures.sol";
import {AssetProduction} from "./AssetProduction.sol";
import {MaintenanceLog} from "./MaintenanceLog.sol";

/// @title EnergyAssetNFT
/// @notice A token for each energy asset: what it is, which meter measures it, what it verifiably produced, who
/// maintained it. `IEnergyAssets` describes it; ERC-721 with enumeration, ERC-4906 and ERC-4907 besides.
contract EnergyAssetNFT is AssetProduction, MaintenanceLog {
    /// @dev 32 bytes, bit c set if the ASCII character c is a digit of a geohash: 0-9, b-h, j, k, m, n, p-z.
    uint256 private constant GEOHASH_DIGITS = 0x07ff6dfc0000000003ff000000000000;

    AssetPictures private immutable PICTURES;

    uint256 private _lastId;

    /// @param authority access manager whose REGISTRAR registers assets, binds and releases meters
    /// @param smartMeter `SmartMeter`, whose record is the only source of production
    constructor(address authority, address smartMeter) AssetBase(authority, smartMeter) {
        PICTURES = new AssetPictures();
    }

    /* RESTRICTED FUNCTIONS */

    /// @inheritdoc IEnergyAssets
    function registerAsset(
        AssetSpec calldata spec,
        uint32 meterId,
        uint40 deadline,
        bytes calldata consent
    ) external restricted returns (uint256 assetId) {
        // Check
        if (spec.ratedW == 0) revert ZeroAssetField("ratedW");
        if (spec.commissionedAt > block.timestamp) {
            revert TimeInFuture(spec.commissionedAt, block.timestamp);
        }
        for (uint256 i; i < 4; ++i) {
            if ((GEOHASH_DIGITS >> uint8(spec.cell[i])) & 1 == 0) revert CellInvalid(spec.cell);
        }
        MeterInfo memory meter = METERS.meterInfo(meterId);
        _useConsent(0, spec, meterId, meter.owner, deadline, consent);

        // Effect. Without a call to the receiver: he has signed.
        assetId = ++_lastId;
        _assets[assetId].spec = spec;
        _mint(meter.owner, assetId);
        emit AssetRegistered(
            assetId, spec.kind, spec.ratedW, spec.cell, spec.commissionedAt
        );
        _bind(assetId, _assets[assetId], meterId, meter);
    }

    /* OWNERS */

    /// @inheritdoc IEnergyAssets
    function retireAsset(uint256 assetId) external {
        _update(address(0), assetId, msg.sender);
    }

    /* VIEWS */

    /// @inheritdoc IEnergyAssets
    function assetOf(uint256 assetId) external view returns (Asset memory) {
        return _assets[assetId];
    }

    /// @notice Name, drawing and attributes, all from the chain: a `data:` URI with JSON.
    function tokenURI(uint256 tokenId) public view override returns (string memory) {
        _requireOwned(tokenId);
        (uint256 newestMonth, uint256[12] memory monthsWh, uint256 totalWh) =
            _lastMonths(tokenId);
        return PICTURES.uri(tokenId, _assets[tokenId], newestMonth, monthsWh, totalWh);
    }

    /// @inheritdoc IERC165
    function supportsInterface(bytes4 interfaceId)
        public
        view
        override
        returns (bool)
    {
        // ERC-4906 has no functions of its own; its id is given in the standard.
        return interfaceId == bytes4(0x49064906) || interfaceId == type(IERC4907).interfaceId
            || super.supportsInterface(interfaceId);
    }

    /* INTERNAL */

    /// @dev Every transfer ends what others may do; a new owner gets the asset without a meter that earns for another.
    function _update(address to, uint256 tokenId, address auth)
        internal
        override
        returns (address from)
    {
        from = super._update(to, tokenId, auth);
        if (from == address(0)) return from;
        _endPermissions(tokenId);
        if (from != to) _leaveMeter(tokenId);
    }
}

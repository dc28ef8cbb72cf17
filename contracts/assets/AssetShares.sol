// SPDX-License-Identifier: MIT
pragma solidity 0.8.34;

import {IERC1271} from "@openzeppelin/contracts/interfaces/IERC1271.sol";
import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";
import {IERC721} from "@openzeppelin/contracts/token/ERC721/IERC721.sol";
import {Strings} from "@openzeppelin/contracts/utils/Strings.sol";

import {IAssetShares} from "../interfaces/IAssetShares.sol";
import {IMeterRegistry} from "../interfaces/IMeterRegistry.sol";
import {AssetPermission, AssetSpec} from "../types/Assets.sol";
import {VaultStatus, VaultTerms} from "../types/AssetShares.sol";
import {ShareMotions} from "./ShareMotions.sol";
import {ShareToken} from "./ShareToken.sol";

/// @title AssetShares
/// @notice A vault that owns one energy asset, and the shares in it: see `IAssetShares`. One concept a part:
/// `ShareToken` (shares), `ShareRevenue` (what they earn), `ShareMotions` (what holders decide, and the way back); here
/// what the vault does as owner of asset, meter and account.
contract AssetShares is ShareMotions {
    address private immutable FOUNDER;

    uint256 private _assetId;
    /// @dev Who consented, as manager.
    mapping(bytes32 digest => address) private _consents;

    /// @param assets `EnergyAssetNFT`
    /// @param settlement `Settlement`, over the same `SmartMeter`
    /// @param number of the vault, for the name
    /// @param founder_ who may lock an asset
    constructor(
        address assets,
        address settlement,
        uint256 number,
        address founder_,
        VaultTerms memory terms_
    )
        ERC20(
            string.concat("Energy Asset Shares ", Strings.toString(number)),
            string.concat("SHARE", Strings.toString(number))
        )
        ERC20Permit(string.concat("Energy Asset Shares ", Strings.toString(number)))
        ShareToken(assets, settlement, terms_)
    {
        FOUNDER = founder_;
    }

    /* FOUNDER */

    /// @inheritdoc IAssetShares
    function lock(uint256 assetId_) external nonReentrant {
        // Check
        _requireCaller(FOUNDER);
        _requireStatus(VaultStatus.EMPTY);

        // Interaction: the register of assets is part of the system and calls nobody.
        IERC721 assets = IERC721(address(ASSETS));
        if (assets.ownerOf(assetId_) != address(this)) {
            assets.transferFrom(msg.sender, address(this), assetId_);
        }

        // Effect
        _assetId = assetId_;
        _status = VaultStatus.OPEN;
        _mint(msg.sender, SHARES);
        emit AssetLocked(assetId_, msg.sender, uint96(SHARES)); // as given
    }

    /* MANAGER */

    /// @inheritdoc IAssetShares
    function nameDelegate(address delegate) external {
        _requireCaller(_manager);
        if (_holdersDue != 0) revert HoldersComeFirst(_holdersDue);
        MARKET.nameDelegate(delegate);
    }

    /// @inheritdoc IAssetShares
    function postSecurity() external {
        _requireCaller(_manager);
        if (_holdersDue != 0) revert HoldersComeFirst(_holdersDue);
        uint256 posted = SETTLEMENT.securityOf(address(this));
        uint256 required = SETTLEMENT.securityDeposit();
        SETTLEMENT.postSecurity(required > posted ? required - posted : 0);
    }

    /// @inheritdoc IAssetShares
    function consentToBinding(AssetSpec calldata spec, uint32 meterId, uint40 deadline)
        external
        returns (bytes32 digest)
    {
        // Check
        _requireCaller(_manager);
        uint256 id = _assetId;
        if (_status > VaultStatus.OPEN) revert WrongStatus(_status, VaultStatus.OPEN);
        address meterOwner = IMeterRegistry(SETTLEMENT.meter()).meterInfo(meterId).owner;
        if (meterOwner != address(this)) revert MeterNotOurs(meterId, meterOwner);

        // Effect
        AssetSpec memory fixedSpec = id == 0 ? spec : ASSETS.assetOf(id).spec;
        digest = ASSETS.consentDigest(id, fixedSpec, meterId, deadline);
        _consents[digest] = msg.sender;
        emit BindingConsented(digest, id, meterId);
    }

    /// @inheritdoc IAssetShares
    function setPermission(AssetPermission permission, address account, uint40 expiresAt)
        external
    {
        _requireCaller(_manager);
        ASSETS.setPermission(_assetId, permission, account, expiresAt);
    }

    /* OWNER */

    /// @inheritdoc IAssetShares
    function takeAsset(uint256 assetId_, address to) external {
        _requireCaller(_owner);
        IERC721(address(ASSETS)).transferFrom(address(this), to, assetId_);
    }

    /* VIEWS */

    /// @inheritdoc IAssetShares
    function isValidSignature(bytes32 digest, bytes calldata) external view returns (bytes4) {
        bool valid = _status <= VaultStatus.OPEN && _consents[digest] == _manager;
        return valid ? IERC1271.isValidSignature.selector : bytes4(0xffffffff);
    }

    /// @inheritdoc IAssetShares
    function assetId() external view returns (uint256) {
        return _assetId;
    }

    /// @inheritdoc IAssetShares
    function founder() external view returns (address) {
        return FOUNDER;
    }

    /// @inheritdoc IAssetShares
    function terms() external view returns (VaultTerms memory) {
        // As given.
        return VaultTerms(uint96(SHARES), uint128(RESERVE), _manager);
    }
}

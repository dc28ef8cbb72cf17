// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";
import {ERC20Votes} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Votes.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {Nonces} from "@openzeppelin/contracts/utils/Nonces.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";

import {IAssetShares} from "../interfaces/IAssetShares.sol";
import {IEnergyAssets} from "../interfaces/IEnergyAssets.sol";
import {IEnergyMarket} from "../interfaces/IEnergyMarket.sol";
import {ISettlement} from "../interfaces/ISettlement.sol";
import {ShareLedger} from "../libraries/ShareLedgers.sol";
import {Revenue, VaultStatus, VaultTerms} from "../types/AssetShares.sol";

/// @title What the parts of `AssetShares` share: the token and the standing of the vault
/// @notice Before shares of an account change, what they have earned is settled.
abstract contract ShareToken is
    IAssetShares,
    ERC20,
    ERC20Permit,
    ERC20Votes,
    ReentrancyGuardTransient
{
    IEnergyAssets internal immutable ASSETS;
    ISettlement internal immutable SETTLEMENT;
    IEnergyMarket internal immutable MARKET;
    IERC20 internal immutable TOKEN;
    IERC20 internal immutable CERTIFICATES;
    uint256 internal immutable SHARES;
    uint256 internal immutable RESERVE;

    VaultStatus internal _status;
    address internal _owner;
    address internal _manager;
    /// @dev Units of the settlement token that belong to bidders: the offer that stands, and refunds.
    uint256 internal _escrowed;
    /// @dev See `holdersDue`.
    uint256 internal _holdersDue;
    mapping(Revenue kind => ShareLedger) internal _ledgers;

    constructor(address assets, address settlement, VaultTerms memory terms_) {
        if (terms_.shares == 0) revert ZeroVaultField("shares");
        if (terms_.manager == address(0)) revert ZeroVaultField("manager");
        ASSETS = IEnergyAssets(assets);
        SETTLEMENT = ISettlement(settlement);
        MARKET = IEnergyMarket(SETTLEMENT.market());
        TOKEN = IERC20(SETTLEMENT.settlementToken());
        CERTIFICATES = IERC20(SETTLEMENT.energyToken());
        SHARES = terms_.shares;
        RESERVE = terms_.reserve;
        _manager = terms_.manager;
    }

    /* VIEWS */

    /// @notice Shares are indivisible.
    function decimals() public pure override returns (uint8) {
        return 0;
    }

    /// @notice ERC-6372: votes are dated by unix seconds.
    function clock() public view override returns (uint48) {
        return uint48(block.timestamp);
    }

    /// @notice ERC-6372.
    // solhint-disable-next-line func-name-mixedcase
    function CLOCK_MODE() public pure override returns (string memory) {
        return "mode=timestamp";
    }

    /// @inheritdoc ERC20Permit
    function nonces(address account)
        public
        view
        override(ERC20Permit, Nonces)
        returns (uint256)
    {
        return super.nonces(account);
    }

    /// @inheritdoc IAssetShares
    function status() external view returns (VaultStatus) {
        return _status;
    }

    /// @inheritdoc IAssetShares
    function owner() external view returns (address) {
        return _owner;
    }

    /// @inheritdoc IAssetShares
    function manager() external view returns (address) {
        return _manager;
    }

    /// @inheritdoc IAssetShares
    function holdersDue() external view returns (uint256) {
        return _holdersDue;
    }

    /* INTERNAL */

    /// @dev Transfers are open while shares are; minting and burning have their own conditions.
    function _update(address from, address to, uint256 value)
        internal
        override(ERC20, ERC20Votes)
    {
        bool isTransfer = from != address(0) && to != address(0);
        if (isTransfer && (_status != VaultStatus.OPEN || to == address(this))) {
            revert NotTransferable(to);
        }
        if (from != address(0)) _accrue(from);
        if (to != address(0)) _accrue(to);
        bool isFirst = to != address(0) && value != 0 && balanceOf(to) == 0;
        super._update(from, to, value);
        if (isFirst && delegates(to) == address(0)) _delegate(to, to);
    }

    function _accrue(address holder) internal {
        uint256 shares = balanceOf(holder);
        _ledgers[Revenue.MONEY].accrue(holder, shares);
        _ledgers[Revenue.CERTIFICATES].accrue(holder, shares);
    }

    /// @dev A new manager begins without the old one's key at the market.
    function _setManager(address newManager) internal {
        emit ManagerChanged(_manager, newManager);
        _manager = newManager;
        MARKET.nameDelegate(address(0));
    }

    /// @dev All shares are redeemed or sold. Moves no tokens.
    function _end(VaultStatus status_, address owner_, uint256 due) internal {
        (_status, _owner, _holdersDue) = (status_, owner_, due);
        emit VaultEnded(status_, owner_, due);
        _setManager(owner_);
    }

    function _requireStatus(VaultStatus allowed) internal view {
        if (_status != allowed) revert WrongStatus(_status, allowed);
    }

    function _requireCaller(address allowed) internal view {
        if (msg.sender != allowed) revert NotAllowed(msg.sender, allowed);
    }
}

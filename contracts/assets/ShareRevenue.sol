// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

import {IAssetShares} from "../interfaces/IAssetShares.sol";
import {ShareLedger} from "../libraries/ShareLedgers.sol";
import {Revenue, VaultStatus} from "../types/AssetShares.sol";
import {AccountState} from "../types/Settlement.sol";
import {ShareToken} from "./ShareToken.sol";

/// @title Revenue of shares
/// @notice Part of `AssetShares`. What is here beyond what is owed is revenue, wherever it came from: so a donation can
/// neither be captured nor do harm.
abstract contract ShareRevenue is ShareToken {
    using SafeERC20 for IERC20;

    /* EVERYBODY */

    /// @inheritdoc IAssetShares
    function collect(Revenue kind) external nonReentrant returns (uint256 amount) {
        if (_status == VaultStatus.EMPTY) revert WrongStatus(_status, VaultStatus.OPEN);
        // Interaction: first, because only what arrives counts. All functions that read or move tokens are guarded.
        if (kind == Revenue.MONEY) _drawFromAccount();

        // Effect
        return _divideSurplus(kind);
    }

    /// @inheritdoc IAssetShares
    function claim(Revenue kind, address holder) external nonReentrant returns (uint256 amount) {
        return _claim(kind, holder, holder);
    }

    /// @inheritdoc IAssetShares
    function claimTo(Revenue kind, address to) external nonReentrant returns (uint256 amount) {
        return _claim(kind, msg.sender, to);
    }

    /* VIEWS */

    /// @inheritdoc IAssetShares
    function revenueOf(Revenue kind) external view returns (uint256 received, uint256 paid) {
        ShareLedger storage ledger = _ledgers[kind];
        return (ledger.received, ledger.paid);
    }

    /// @inheritdoc IAssetShares
    function claimable(Revenue kind, address holder) external view returns (uint256 amount) {
        return _ledgers[kind].claimableDown(holder, balanceOf(holder), SHARES);
    }

    /* INTERNAL */

    /// @dev Divides what is here beyond what is owed to holders, owner and bidders.
    function _divideSurplus(Revenue kind) internal returns (uint256 amount) {
        ShareLedger storage ledger = _ledgers[kind];
        uint256 owed = ledger.owed();
        if (kind == Revenue.MONEY) owed += _escrowed;
        uint256 held = _tokenOf(kind).balanceOf(address(this));
        if (held <= owed) return 0;

        uint256 surplus = held - owed;
        uint256 forShares = surplus;
        if (_status != VaultStatus.OPEN) {
            forShares = kind == Revenue.MONEY ? Math.min(surplus, _holdersDue) : 0;
        }
        if (forShares != 0) {
            amount = _creditShares(kind, forShares);
            // Credited is at most what is due.
            if (_holdersDue != 0) _holdersDue -= amount;
        }
        if (surplus != forShares) {
            uint256 assigned = ledger.creditAccount(_owner, surplus - forShares, SHARES);
            emit RevenueAssigned(kind, _owner, assigned);
            amount += assigned;
        }
    }

    function _creditShares(Revenue kind, uint256 amount) internal returns (uint256 credited) {
        credited = _ledgers[kind].creditShares(amount);
        emit RevenueDivided(kind, credited);
    }

    /// @dev What the account can spare. Settlement pays nothing out while it has arrears.
    function _drawFromAccount() private {
        AccountState memory account = SETTLEMENT.accountState(address(this));
        if (account.arrears != 0) return;
        uint256 free = account.free;
        // Nothing is left to work with for who has left, or when the market is wound down.
        if (_status == VaultStatus.OPEN && SETTLEMENT.windDownSlot() == 0) {
            if (free > RESERVE) SETTLEMENT.withdraw(free - RESERVE);
            return;
        }
        uint256 required = account.metered ? SETTLEMENT.securityDeposit() : 0;
        if (account.security > required) {
            SETTLEMENT.withdrawSecurity(account.security - required);
            free += account.security - required;
        }
        // All that Settlement lets go: in a wind-down it keeps what the account is known to owe.
        if (free != 0) SETTLEMENT.withdrawAll(address(this));
    }

    function _claim(Revenue kind, address holder, address to) private returns (uint256 amount) {
        // Check: (what is sent to the vault itself would be revenue again)
        if (to == address(this)) revert NotTransferable(to);
        ShareLedger storage ledger = _ledgers[kind];
        ledger.accrue(holder, balanceOf(holder));
        amount = ledger.takeDown(holder, SHARES);
        if (amount == 0) revert NothingToClaim(holder);
        emit RevenueClaimed(kind, holder, to, amount);

        // Interaction
        _tokenOf(kind).safeTransfer(to, amount);
    }

    function _tokenOf(Revenue kind) private view returns (IERC20) {
        return kind == Revenue.MONEY ? TOKEN : CERTIFICATES;
    }
}

// SPDX-License-Identifier: MIT
pragma solidity 0.8.34;

import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

import {ISettlementFunds} from "../interfaces/ISettlementFunds.sol";
import {ISettlementRecovery} from "../interfaces/ISettlementRecovery.sol";
import {AccountWord, AccountWordLib} from "../types/AccountWord.sol";
import {RecoveryState} from "../types/Recovery.sol";
import {SettlementLedger} from "./SettlementLedger.sol";

/// @notice What a lost key does not take away. See `ISettlementRecovery`.
abstract contract AccountRecovery is SettlementLedger, ISettlementRecovery {
    using SafeCast for uint256;
    using SafeERC20 for IERC20;

    /// @dev Time to cancel, and to notice a change of the helper.
    uint256 private constant RECOVERY_DELAY = 7 days;

    /* THE ACCOUNT */

    /// @inheritdoc ISettlementRecovery
    function nameRecoveryHelper(address helper) external {
        if (helper == msg.sender || helper == address(this)) revert InvalidHelper(helper);
        RecoveryState memory state = _current(msg.sender);
        uint40 fromTime = uint40(block.timestamp); // for 34,000 years
        if (state.helper == address(0)) {
            (state.helper, state.nextHelper, state.nextFrom) = (helper, address(0), 0);
            emit RecoveryHelperNamed(msg.sender, address(0), helper, fromTime);
        } else if (helper == state.helper) {
            (state.nextHelper, state.nextFrom) = (address(0), 0);
            emit RecoveryHelperNamed(msg.sender, helper, helper, fromTime);
        } else {
            fromTime += uint40(RECOVERY_DELAY);
            (state.nextHelper, state.nextFrom) = (helper, fromTime);
            emit RecoveryHelperNamed(msg.sender, state.helper, helper, fromTime);
        }
        _recoveries[msg.sender] = state;
    }

    /// @inheritdoc ISettlementRecovery
    function cancelRecovery() external {
        RecoveryState memory state = _current(msg.sender);
        if (state.openFrom == 0) revert NothingRequested(msg.sender);

        emit RecoveryCancelled(msg.sender, state.to);
        (state.to, state.openFrom) = (address(0), 0);
        _recoveries[msg.sender] = state;
    }

    /* ITS HELPER */

    /// @inheritdoc ISettlementRecovery
    function requestRecovery(address account, address to) external {
        RecoveryState memory state = _current(account);
        // Nobody calls from the zero address, so an account without a helper has none to ask.
        if (msg.sender != state.helper) revert NotTheHelper(account, msg.sender);
        if (to == address(0) || to == address(this) || to == account) {
            revert ISettlementFunds.InvalidRecipient(to);
        }

        (state.to, state.openFrom) = (to, uint40(block.timestamp + RECOVERY_DELAY));
        _recoveries[account] = state;
        emit RecoveryRequested(account, msg.sender, to, state.openFrom);
    }

    /* THE NEW ADDRESS */

    /// @inheritdoc ISettlementRecovery
    function takeRecovered(address account) external nonReentrant returns (uint256 amount) {
        // Check
        RecoveryState storage state = _recoveries[account];
        uint256 openFrom = state.openFrom;
        if (openFrom == 0) revert NothingRequested(account);
        if (msg.sender != state.to) revert NotTheRecipient(account, msg.sender);
        if (block.timestamp < openFrom) revert RecoveryNotOpen(block.timestamp, openFrom);
        AccountWord word = _accounts[account];
        _requireNoDebts(account, word);

        // Effect
        uint256 security = _members[account].security;
        uint256 required = word.has(AccountWordLib.FLAG_METERED) ? SECURITY_DEPOSIT : 0;
        uint256 kept = _reservedOf(account);
        if (kept > word.free()) kept = word.free();
        amount = word.free() - kept;
        if (security > required) {
            uint256 released = security - required;
            amount += released;
            _members[account].security = required.toUint80();
            word = word.withFlag(AccountWordLib.FLAG_SECURED, required >= SECURITY_DEPOSIT);
            emit ISettlementFunds.SecurityWithdrawn(account, released, required);
        }
        if (amount == 0) revert ISettlementFunds.NothingToMove();
        _accounts[account] = word.withBalances(kept, word.locked());
        _totals.tracked = (_totals.tracked - amount).toUint80();
        emit ISettlementFunds.Withdrawn(account, msg.sender, amount);

        // Interaction
        TOKEN.safeTransfer(msg.sender, amount);
    }

    /* VIEWS */

    /// @inheritdoc ISettlementRecovery
    function recoveryOf(address account) external view returns (RecoveryState memory) {
        return _current(account);
    }

    /* INTERNAL */

    /// @dev With a change that has become due.
    function _current(address account) private view returns (RecoveryState memory state) {
        state = _recoveries[account];
        if (state.nextFrom != 0 && block.timestamp >= state.nextFrom) {
            (state.helper, state.nextHelper, state.nextFrom) = (state.nextHelper, address(0), 0);
        }
    }
}

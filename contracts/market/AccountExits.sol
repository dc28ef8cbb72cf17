// SPDX-License-Identifier: MIT
pragma solidity 0.8.34;

import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

import {ISettlementAccounts} from "../interfaces/ISettlementAccounts.sol";
import {ISettlementDelivery} from "../interfaces/ISettlementDelivery.sol";
import {ISettlementExits} from "../interfaces/ISettlementExits.sol";
import {AccountWord, AccountWordLib} from "../types/AccountWord.sol";
import {ZoneExit} from "../types/SettlementExits.sol";
import {StretchCorrections} from "./StretchCorrections.sol";

/// @notice Winding the market down, closing accounts, paying what is left. See `ISettlementExits`.
abstract contract AccountExits is StretchCorrections {
    using SafeCast for uint256;
    using SafeCast for int256;

    uint256 private constant MAX_ACCOUNTS = 100;
    uint256 private constant MAX_STEPS = 500;
    /// @dev Claims gathered along with closing one account.
    uint256 private constant GATHERED_PER_ACCOUNT = 100;
    /// @dev So long a defaulted stretch may still be corrected: 7 days after the wind-down.
    uint256 private constant LAST_READING_SLOTS = 672;

    /* RESTRICTED FUNCTIONS */

    /// @dev See `ISettlementExits.windDown`.
    function windDown() external restricted returns (uint32 fromSlot) {
        if (_totals.windDownSlot != 0) {
            revert ISettlementExits.WindingDown(_totals.windDownSlot);
        }
        fromSlot = (_currentSlot() + 1).toUint32();
        _totals.windDownSlot = fromSlot;
        emit ISettlementExits.WindDownStarted(fromSlot);
    }

    /* CLOSING ACCOUNTS */

    /// @dev See `ISettlementExits.closeAccounts`.
    function closeAccounts(address[] calldata accounts) external nonReentrant {
        _requireAtMost(accounts.length, MAX_ACCOUNTS);
        uint256 fromSlot = _requireWindingDown();
        for (uint256 i = 0; i < accounts.length; ++i) {
            address account = accounts[i];
            (bool closed, uint256 openUntil) = _close(account, fromSlot);
            if (!closed) revert ISettlementExits.NotClosable(account, openUntil);
        }
    }

    /// @dev See `ISettlementExits.closeNext`.
    function closeNext(uint256 maxCount) external nonReentrant returns (uint256 passed) {
        _requireAtMost(maxCount, MAX_STEPS);
        uint256 fromSlot = _requireWindingDown();
        passed = _accountsPassed;
        uint256 end = passed + maxCount;
        if (end > _totals.accounts) end = _totals.accounts;
        for (; passed < end; ++passed) {
            (bool closed,) = _close(_accountById[passed + 1], fromSlot);
            if (!closed) break;
        }
        _accountsPassed = passed;
    }

    /// @dev See `ISettlementExits.gatherClaims`.
    function gatherClaims(uint16 zone, uint256 maxCount) external returns (uint256 gathered) {
        _requireAtMost(maxCount, MAX_STEPS);
        _requireWindingDown();
        return _gatherClaims(zone, maxCount);
    }

    /* ZONES */

    /// @dev See `ISettlementExits.finalizeZone`.
    function finalizeZone(uint16 zone) external {
        // Check.
        address operator = _zones[zone].operator;
        if (operator == address(0)) revert ISettlementAccounts.ZoneWithoutOperator(zone);
        _requireWindingDown();
        if (_accountsPassed != _totals.accounts) {
            revert ISettlementExits.AccountsOpen(_accountsPassed, _totals.accounts);
        }
        ZoneExit storage state = _zoneExits[zone];
        if (state.isFinal) revert ISettlementExits.ZoneIsFinal(zone);

        // Effect: the pot stays in the ledger as the zone's bond until it is paid out.
        AccountWord word = _accounts[operator];
        uint256 available = word.free() + _members[operator].security + _zones[zone].bond;
        uint256 claims = state.claims;
        uint256 pot = claims < available ? claims : available;
        state.isFinal = true;
        state.pot = pot.toUint80();
        state.unpaid = claims;
        _zones[zone].bond = pot.toUint80();
        _members[operator].security = 0;
        _accounts[operator] = word.withBalances(available - pot, word.locked());
        emit ISettlementExits.ZoneFinalized(zone, pot, claims, available - pot);
    }

    /// @dev See `ISettlementExits.payExits`.
    function payExits(address[] calldata accounts) external {
        _requireAtMost(accounts.length, MAX_ACCOUNTS);
        for (uint256 i = 0; i < accounts.length; ++i) {
            address account = accounts[i];
            AccountWord word = _enrolled(account);
            if (!word.has(AccountWordLib.FLAG_CLOSED)) continue;
            uint256 claim = uint256(_netBalances[account]); // closed: not negative
            if (claim != 0) _payExit(account, word, claim);
        }
    }

    /* INTERNAL */

    /// @return closed whether the account is closed now; an operator has nothing to close
    /// @return openUntil unix second up to which a late reading is waited for; 0 if that is not the reason
    function _close(address account, uint256 fromSlot)
        private
        returns (bool closed, uint256 openUntil)
    {
        // Check.
        AccountWord word = _enrolled(account);
        if (word.has(AccountWordLib.FLAG_CLOSED | AccountWordLib.FLAG_OPERATOR)) return (true, 0);
        uint16 zone = word.zone();
        if (word.settledUntil() < fromSlot && !_isVoid(word, zone, fromSlot)) return (false, 0);
        ClaimQueue storage queue = _claimQueues[zone];
        if (queue.head != queue.tail) {
            _gatherClaims(zone, GATHERED_PER_ACCOUNT);
            if (queue.head != queue.tail) return (false, 0);
        }
        Member memory member = _members[account];
        int256 net = _netBalances[account];
        if (member.defaultedFrom != 0) {
            Gap memory gap = _gapAround(account, member.defaultedFrom);
            openUntil = (fromSlot + LAST_READING_SLOTS) * SLOT_SECONDS;
            if (!gap.known && block.timestamp < openUntil) return (false, openUntil);
            net -= _correctionOf(account, _stretches[account], gap);
            delete _stretches[account];
        }

        // Effect.
        net -= uint256(member.arrears).toInt256();
        uint256 free = word.free() + word.locked() + member.security;
        uint256 paid;
        uint256 arrears;
        if (net < 0) {
            uint256 owed = uint256(-net);
            paid = owed < free ? owed : free;
            free -= paid;
            arrears = owed - paid;
            net = 0;
        }
        member.security = 0;
        // A debt beyond all money there is must not keep the market from closing.
        member.arrears = (arrears < MAX_TRACKED ? arrears : MAX_TRACKED).toUint80();
        member.defaultedFrom = 0;
        _members[account] = member;
        _accounts[account] = word.withBalances(free, 0).withFlag(
            AccountWordLib.FLAG_METERED | AccountWordLib.FLAG_SECURED, false
        ).withFlag(AccountWordLib.FLAG_ARREARS, arrears != 0).withFlag(
            AccountWordLib.FLAG_CLOSED, true
        );
        _netBalances[account] = net;
        if (net != 0) _zoneExits[zone].claims += uint256(net);
        if (paid != 0) _addFree(_zones[zone].operator, paid);
        emit ISettlementExits.AccountClosed(account, zone, free, paid, uint256(net), arrears);
        return (true, 0);
    }

    /// @dev Whether there is nothing to settle although the cursor stands before the wind-down: a trader without locks, or
    /// the zone never had market terms, so that nothing was traded and no price is known.
    /// @dev Too little gas for the question leaves a 64th of it, far too little for the answer to be written.
    function _isVoid(AccountWord word, uint16 zone, uint256 fromSlot) private view returns (bool) {
        if (_hasNothingToSettle(word)) return true;
        try MARKET.shortPriceCap(zone, uint32(fromSlot)) returns (uint256) {
            return false;
        } catch {
            return true;
        }
    }

    function _gatherClaims(uint16 zone, uint256 maxCount) private returns (uint256 gathered) {
        ClaimQueue storage queue = _claimQueues[zone];
        uint256 head = queue.head;
        uint256 waiting = queue.tail - head;
        if (waiting == 0) return 0;
        gathered = waiting < maxCount ? waiting : maxCount;
        uint256 moved;
        for (uint256 i = 0; i < gathered; ++i) {
            Claim memory claim = queue.claims[head + i];
            delete queue.claims[head + i];
            _netBalances[claim.account] += uint256(claim.amount).toInt256();
            moved += claim.amount;
            emit ISettlementExits.ClaimGathered(zone, claim.account, head + i, claim.amount);
        }
        queue.head = (head + gathered).toUint64();
        queue.total = (queue.total - moved).toUint128();
        if (gathered == waiting) _zones[zone].claimsOpen = false;
    }

    function _payExit(address account, AccountWord word, uint256 claim) private {
        uint16 zone = word.zone();
        ZoneExit storage state = _zoneExits[zone];
        if (!state.isFinal) revert ISettlementExits.ZoneNotFinal(zone);
        // Rounds down, so the shares together never exceed the pot.
        uint256 paid = claim * state.pot / state.claims;
        uint256 unpaid = state.unpaid - claim;
        uint256 left = _zones[zone].bond - paid;
        _netBalances[account] = 0;
        state.unpaid = unpaid;
        _accounts[account] = word.withBalances(word.free() + paid, word.locked());
        emit ISettlementExits.ExitPaid(zone, account, claim, paid);
        if (unpaid == 0) {
            _zones[zone].bond = 0;
            if (left != 0) _addFree(_zones[zone].operator, left);
            emit ISettlementExits.PotEmptied(zone, left);
        } else {
            _zones[zone].bond = left.toUint80();
        }
    }

    function _addFree(address account, uint256 amount) private {
        AccountWord word = _accounts[account];
        _accounts[account] = word.withBalances(word.free() + amount, word.locked());
    }

    function _requireWindingDown() private view returns (uint256 fromSlot) {
        fromSlot = _totals.windDownSlot;
        if (fromSlot == 0) revert ISettlementExits.StillOpen();
    }

    function _requireAtMost(uint256 given, uint256 allowed) private pure {
        if (given > allowed) revert ISettlementDelivery.TooManyInBatch(given, allowed);
    }
}

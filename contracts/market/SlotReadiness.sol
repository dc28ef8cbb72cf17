// SPDX-License-Identifier: MIT
pragma solidity 0.8.34;

import {AccountWord, AccountWordLib} from "../types/AccountWord.sol";
import {SettlementLedger} from "./SettlementLedger.sol";

/// @notice When a slot of an account can be settled, and the gaps between readings that decide it.
abstract contract SlotReadiness is SettlementLedger {
    /// @dev A stretch between two true readings.
    /// @param known whether both readings are there
    struct Gap {
        bool known;
        uint256 fromSlot;
        uint256 toSlot;
        uint256 importWh;
        uint256 exportWh;
    }

    /// @dev Longer stretches are not interpolated: one day.
    uint256 private constant MAX_ESTIMATED_SLOTS = 96;

    function _isMetered(AccountWord word, Member memory member, uint256 slot)
        internal
        pure
        returns (bool)
    {
        return word.has(AccountWordLib.FLAG_METERED) && slot >= member.meteredFrom
            && (member.meteredUntil == 0 || slot < member.meteredUntil);
    }

    function _gapAround(address account, uint256 slot) internal view returns (Gap memory gap) {
        (bool found, uint32 fromSlot, uint32 toSlot, uint256 importWh, uint256 exportWh) =
            METER.gapAround(account, uint32(slot));
        return Gap(found, fromSlot, toSlot, importWh, exportWh);
    }

    function _isLong(Gap memory gap) internal pure returns (bool) {
        return gap.known && gap.toSlot - gap.fromSlot > MAX_ESTIMATED_SLOTS;
    }
}

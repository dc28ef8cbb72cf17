// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

/// @notice What one kind of revenue owes to whom.
/// @param received units credited ever
/// @param paid units paid out ever
/// @param divided units divided among all shares ever
/// @param entries by holder
struct ShareLedger {
    uint128 received;
    uint128 paid;
    uint128 divided;
    mapping(address holder => ShareEntry) entries;
}

/// @notice What a holder has earned, up to a total of what was divided.
/// @param divided up to which his shares are in `accrued`
/// @param accrued not yet paid, in units times the number of all shares
struct ShareEntry {
    uint256 divided;
    uint256 accrued;
}

using ShareLedgers for ShareLedger global;

/// @title Revenue per share
/// @notice The number of all shares never changes while revenue is divided among them, so what a holder has earned is an
/// exact fraction with that number below the line: `sum(accrued) == (received - paid) * all`, always, and nothing
/// rounds when revenue comes or shares move. Payouts are whole units, rounded down; the rest stays the holder's. When
/// everybody has taken his part, less than a unit a holder is left.
/// @dev All shares together have at most 96 bits and all units 128, so every product fits.
library ShareLedgers {
    /// @notice Divide `amount` among all shares. What is beyond 2^128 - 1 units in all is left out.
    /// @return credited units divided
    function creditShares(ShareLedger storage self, uint256 amount)
        internal
        returns (uint256 credited)
    {
        credited = _receive(self, amount);
        // A part of `received`, which fits.
        self.divided += uint128(credited);
    }

    /// @notice Give `amount` to one account. Bounded as above.
    /// @param all number of all shares
    /// @return credited units given
    function creditAccount(ShareLedger storage self, address account, uint256 amount, uint256 all)
        internal
        returns (uint256 credited)
    {
        credited = _receive(self, amount);
        self.entries[account].accrued += credited * all;
    }

    /// @notice Settle a holder up to the present. To be called before his shares change.
    /// @param shares what he holds
    function accrue(ShareLedger storage self, address holder, uint256 shares) internal {
        ShareEntry storage entry = self.entries[holder];
        uint256 divided = self.divided;
        uint256 since = divided - entry.divided;
        if (since == 0) return;
        entry.divided = divided;
        if (shares != 0) entry.accrued += shares * since;
    }

    /// @notice Take the whole units out of what a settled holder has.
    function takeDown(ShareLedger storage self, address holder, uint256 all)
        internal
        returns (uint256 amount)
    {
        ShareEntry storage entry = self.entries[holder];
        uint256 accrued = entry.accrued;
        amount = accrued / all;
        entry.accrued = accrued % all;
        // Not more than was received.
        self.paid += uint128(amount);
    }

    /// @notice Whole units a holder of `shares` could take now.
    function claimableDown(
        ShareLedger storage self,
        address holder,
        uint256 shares,
        uint256 all
    ) internal view returns (uint256 amount) {
        ShareEntry storage entry = self.entries[holder];
        return (entry.accrued + shares * (self.divided - entry.divided)) / all;
    }

    /// @notice Units credited and not yet paid.
    function owed(ShareLedger storage self) internal view returns (uint256) {
        return self.received - self.paid;
    }

    function _receive(ShareLedger storage self, uint256 amount) private returns (uint256 credited) {
        credited = Math.min(amount, type(uint128).max - self.received);
        // As bounded in the line before.
        self.received += uint128(credited);
    }
}

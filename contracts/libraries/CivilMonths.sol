// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

/// @notice Calendar months (UTC, Gregorian) as indices: `year * 12 + month - 1`.
library CivilMonths {
    uint256 private constant DAYS_IN_400_YEARS = 146_097;
    /// @dev Days from 1 March of year 0 to 1 January 1970.
    uint256 private constant DAYS_BEFORE_1970 = 719_468;

    /// @notice Index of the month that contains a day.
    /// @param day unix time / 86,400
    /// @dev Years are counted from March, so that a leap day is the last of its year. Within 400 such years,
    /// `d / 1460`, `d / 36524` and `d / 146096` are the leap days that make a plain division by 365 late.
    function ofDay(uint256 day) internal pure returns (uint256 month) {
        uint256 since = day + DAYS_BEFORE_1970;
        uint256 d = since % DAYS_IN_400_YEARS;
        uint256 year = (d - d / 1_460 + d / 36_524 - d / 146_096) / 365;
        uint256 dayOfYear = d - (365 * year + year / 4 - year / 100);
        // Months from March have 31, 30, 31, 30, 31, 31, 30, 31, 30, 31, 31 days and the rest: 153 in five.
        uint256 fromMarch = (5 * dayOfYear + 2) / 153;
        // March is month 2 counted from 0.
        return (since / DAYS_IN_400_YEARS * 400 + year) * 12 + fromMarch + 2;
    }
}

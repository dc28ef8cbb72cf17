// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

/// @notice Delivery periods. Lengths in settlement slots of 900 s: 1, 4, 96 (UTC day), 672 (UTC week).
enum Period {
    QUARTER_HOUR,
    HOUR,
    DAY,
    WEEK
}

/// @notice Trading sessions of a product, each with its own book.
enum Session {
    AUCTION,
    CONTINUOUS
}

/// @notice A product packed as `zone 16 | period 4 | session 4 | startSlot 32` (most significant first).
/// Sorting ids groups a zone's products; the nominal gate follows from the id alone.
type ProductId is uint56;

/// @notice What one account agreed for one slot over all sessions and periods of its zone.
/// Energies in Wh, money in settlement-token base units, all for this slot alone.
/// @param boughtWh gross energy bought
/// @param soldWh gross energy sold
/// @param cost what the account pays for `boughtWh`
/// @param proceeds what the account receives for `soldWh`
/// @param networkFee network fee on `boughtWh`, due to the zone's operator
/// @param tradingFee this slot's share of the trading fees, due to the treasury
/// @param unlocked the part of the account's locks that was held for this slot;
/// always at least `cost + networkFee + tradingFee`
struct SlotPosition {
    uint256 boughtWh;
    uint256 soldWh;
    uint256 cost;
    uint256 proceeds;
    uint256 networkFee;
    uint256 tradingFee;
    uint256 unlocked;
}

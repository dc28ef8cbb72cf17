// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {FeedKind, Unit} from "../types/Observation.sol";

/// @notice Ids of feeds, and what follows from the kind alone.
///
/// ```
/// bit 31      24        16          0
///  +----------+----------+----------+
///  | kind 8   | horizon 8| zone 16  |
///  +----------+----------+----------+
/// ```
/// - `horizon`: quarter hours from the round's interval to the one that the value is about; 0: itself.
library FeedIds {
    uint256 internal constant HORIZON_SECONDS = 900; // a quarter hour

    function idOf(FeedKind kind_, uint16 zone_, uint8 horizon_) internal pure returns (uint32) {
        return (uint32(uint8(kind_)) << 24) | (uint32(horizon_) << 16) | zone_;
    }

    /// @dev The number of the kind; ids of other oracles may carry a number that is no `FeedKind`.
    function kindNumber(uint32 feedId) internal pure returns (uint256) {
        return feedId >> 24;
    }

    function horizon(uint32 feedId) internal pure returns (uint256) {
        return (feedId >> 16) & type(uint8).max;
    }

    function zone(uint32 feedId) internal pure returns (uint16) {
        // Truncates to the lowest 16 bits, which are the zone.
        return uint16(feedId);
    }

    /// @notice The bit of a kind in a set of kinds.
    function bit(FeedKind kind_) internal pure returns (uint256) {
        return 1 << uint256(kind_);
    }

    /// @notice Unit and decimals of a kind.
    function unitOf(FeedKind kind_) internal pure returns (Unit unit, uint8 decimals) {
        if (kind_ == FeedKind.NONE) return (Unit.NONE, 0);
        if (kind_ <= FeedKind.SUPPLY) return (Unit.WATT, 0);
        if (kind_ == FeedKind.FREQUENCY) return (Unit.MILLI_HERTZ, 0);
        if (kind_ == FeedKind.VOLTAGE) return (Unit.MILLI_VOLT, 0);
        if (kind_ == FeedKind.LINE_LOADING) return (Unit.BASIS_POINT, 0);
        if (kind_ == FeedKind.IRRADIANCE) return (Unit.WATT_PER_SQUARE_METRE, 1);
        if (kind_ == FeedKind.TEMPERATURE) return (Unit.DEGREE_CELSIUS, 2);
        if (kind_ == FeedKind.WIND_SPEED) return (Unit.METRE_PER_SECOND, 2);
        if (kind_ == FeedKind.CLOUD_COVER) return (Unit.BASIS_POINT, 0);
        if (kind_ <= FeedKind.EXPECTED_DEMAND) return (Unit.WATT, 0);
        return (Unit.UNITS_PER_KWH, 0);
    }

    /// @notice Widest bounds that governance can give the observations of a kind, in its steps.
    function limitsOf(FeedKind kind_) internal pure returns (int128 lowest, int128 highest) {
        if (kind_ == FeedKind.FREQUENCY) return (0, 100_000); // 100 Hz
        if (kind_ == FeedKind.VOLTAGE) return (0, 2_000_000_000); // 2,000 kV
        if (kind_ == FeedKind.LINE_LOADING) return (0, 50_000); // 500 % of the rating
        if (kind_ == FeedKind.IRRADIANCE) return (0, 20_000); // 2,000 W/m2
        if (kind_ == FeedKind.TEMPERATURE) return (-10_000, 7_000); // -100 to 70 degrees
        if (kind_ == FeedKind.WIND_SPEED) return (0, 15_000); // 150 m/s
        if (kind_ == FeedKind.CLOUD_COVER) return (0, 10_000); // 100 %
        if (kind_ == FeedKind.MARKET_PRICE) return (-1e24, 1e24); // tokens have up to 18 decimals
        return (0, 1e13); // powers: 10 TW, more than all mankind draws
    }
}

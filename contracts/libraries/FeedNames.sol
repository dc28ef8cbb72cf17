// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {Strings} from "@openzeppelin/contracts/utils/Strings.sol";

import {FeedKind, Unit} from "../types/Observation.sol";
import {FeedIds} from "./FeedIds.sol";

/// @notice Feeds in words.
library FeedNames {
    using FeedIds for uint32;
    using Strings for uint256;

    /// @notice For example `FREQUENCY zone 1 (mHz)`, `EXPECTED_SUPPLY zone 1 +4 (W)`: kind, zone, horizon in quarter
    /// hours if there is one, unit.
    /// @param feedId of a known kind
    function describe(uint32 feedId) internal pure returns (string memory) {
        FeedKind kind = FeedKind(feedId.kindNumber());
        (Unit unit,) = FeedIds.unitOf(kind);
        uint256 horizon = feedId.horizon();
        string memory ahead = horizon == 0 ? "" : string.concat(" +", horizon.toString());
        string memory zone = uint256(feedId.zone()).toString();
        return string.concat(nameOf(kind), " zone ", zone, ahead, " (", symbolOf(unit), ")");
    }

    function nameOf(FeedKind kind) internal pure returns (string memory) {
        if (kind == FeedKind.DEMAND) return "DEMAND";
        if (kind == FeedKind.SUPPLY) return "SUPPLY";
        if (kind == FeedKind.FREQUENCY) return "FREQUENCY";
        if (kind == FeedKind.VOLTAGE) return "VOLTAGE";
        if (kind == FeedKind.LINE_LOADING) return "LINE_LOADING";
        if (kind == FeedKind.IRRADIANCE) return "IRRADIANCE";
        if (kind == FeedKind.TEMPERATURE) return "TEMPERATURE";
        if (kind == FeedKind.WIND_SPEED) return "WIND_SPEED";
        if (kind == FeedKind.CLOUD_COVER) return "CLOUD_COVER";
        if (kind == FeedKind.EXPECTED_SUPPLY) return "EXPECTED_SUPPLY";
        if (kind == FeedKind.EXPECTED_DEMAND) return "EXPECTED_DEMAND";
        if (kind == FeedKind.MARKET_PRICE) return "MARKET_PRICE";
        return "NONE";
    }

    function symbolOf(Unit unit) internal pure returns (string memory) {
        if (unit == Unit.WATT) return "W";
        if (unit == Unit.MILLI_HERTZ) return "mHz";
        if (unit == Unit.MILLI_VOLT) return "mV";
        if (unit == Unit.BASIS_POINT) return "1/10000";
        if (unit == Unit.WATT_PER_SQUARE_METRE) return "W/m2";
        if (unit == Unit.DEGREE_CELSIUS) return "degC";
        if (unit == Unit.METRE_PER_SECOND) return "m/s";
        if (unit == Unit.UNITS_PER_KWH) return "base units/kWh";
        return "";
    }
}

// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {Metric} from "../types/FeedState.sol";
import {ZoneWeather} from "../types/GridMetrics.sol";
import {IReportAggregator} from "./IReportAggregator.sol";

/// @title Weather and what follows from it, by zone and horizon
/// @notice Feeds: IRRADIANCE, TEMPERATURE, WIND_SPEED, CLOUD_COVER, EXPECTED_SUPPLY, EXPECTED_DEMAND. EIP-712 domain name
/// `energy-grid WeatherOracle`. A horizon is a number of quarter hours; 0 is the present interval.
interface IWeatherOracle is IReportAggregator {
    /// @notice Weather of a zone, observed (horizon 0) or forecast; never reverts.
    function weather(uint16 zone, uint8 horizon) external view returns (ZoneWeather memory);

    /// @notice Mean power in W that the zone is expected to feed in during an interval; never reverts.
    function expectedSupply(uint16 zone, uint8 horizon) external view returns (Metric memory);

    /// @notice Mean power in W that the zone is expected to draw during an interval; never reverts.
    function expectedDemand(uint16 zone, uint8 horizon) external view returns (Metric memory);
}

// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {Metric} from "./FeedState.sol";

/// @notice State of a zone's grid as its reporters see it.
/// @param demandW power drawn in the zone
/// @param supplyW power fed in within the zone
/// @param frequencyMilliHz frequency of the synchronous area
/// @param voltageMilliV voltage at the zone's reference bus
/// @param lineLoadingBps highest loading of a line of the zone, in 1/10,000 of its rating
struct GridMetrics {
    Metric demandW;
    Metric supplyW;
    Metric frequencyMilliHz;
    Metric voltageMilliV;
    Metric lineLoadingBps;
}

/// @notice Weather of a zone.
/// @param irradiance global horizontal, in 0.1 W/m2
/// @param temperature of the air, in 0.01 degrees Celsius
/// @param windSpeed at 10 m, in 0.01 m/s
/// @param cloudCoverBps share of the sky that is covered, in 1/10,000
struct ZoneWeather {
    Metric irradiance;
    Metric temperature;
    Metric windSpeed;
    Metric cloudCoverBps;
}

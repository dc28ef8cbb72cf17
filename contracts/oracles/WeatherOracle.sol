// SPDX-License-Identifier: MIT
pragma solidity 0.8.34;

import {ReportAggregator} from "./ReportAggregator.sol";
import {IWeatherOracle} from "../interfaces/IWeatherOracle.sol";
import {FeedIds} from "../libraries/FeedIds.sol";
import {Metric} from "../types/FeedState.sol";
import {ZoneWeather} from "../types/GridMetrics.sol";
import {FeedKind} from "../types/Observation.sol";

/// @title WeatherOracle
/// @notice Weather of each zone, and the supply and demand expected from it by horizon.
contract WeatherOracle is ReportAggregator, IWeatherOracle {
    /// @param authority the access manager; GOVERNOR sets reporters and feeds, GUARDIAN freezes and switches
    constructor(address authority)
        ReportAggregator(
            authority,
            "energy-grid WeatherOracle",
            FeedIds.bit(FeedKind.IRRADIANCE) | FeedIds.bit(FeedKind.TEMPERATURE)
                | FeedIds.bit(FeedKind.WIND_SPEED) | FeedIds.bit(FeedKind.CLOUD_COVER)
                | FeedIds.bit(FeedKind.EXPECTED_SUPPLY) | FeedIds.bit(FeedKind.EXPECTED_DEMAND)
        )
    {}

    /// @inheritdoc IWeatherOracle
    function weather(uint16 zone, uint8 horizon) external view returns (ZoneWeather memory) {
        return ZoneWeather({
            irradiance: _metric(FeedKind.IRRADIANCE, zone, horizon),
            temperature: _metric(FeedKind.TEMPERATURE, zone, horizon),
            windSpeed: _metric(FeedKind.WIND_SPEED, zone, horizon),
            cloudCoverBps: _metric(FeedKind.CLOUD_COVER, zone, horizon)
        });
    }

    /// @inheritdoc IWeatherOracle
    function expectedSupply(uint16 zone, uint8 horizon) external view returns (Metric memory) {
        return _metric(FeedKind.EXPECTED_SUPPLY, zone, horizon);
    }

    /// @inheritdoc IWeatherOracle
    function expectedDemand(uint16 zone, uint8 horizon) external view returns (Metric memory) {
        return _metric(FeedKind.EXPECTED_DEMAND, zone, horizon);
    }
}

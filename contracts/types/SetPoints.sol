// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {FeedStatus} from "./Observation.sol";

/// @notice What a curve makes of a measurement.
/// - VOLT_VAR: x voltage in 1/10,000 of nominal; y reactive power in 1/10,000 of the apparent rating, positive feeds in
///   and lifts the voltage. Never rises with x.
/// - VOLT_WATT: x likewise; y largest active power in 1/10,000 of the rating: of feed-in above nominal voltage, of draw
///   below it. 10,000 at nominal, never rises away from it, 0 to 10,000.
/// - DROOP: x frequency minus nominal in mHz; y power to be added, in 1/10,000 of the larger rating. 0 at nominal, never
///   rises with x.
enum CurveKind {
    VOLT_VAR,
    VOLT_WATT,
    DROOP
}

/// @notice A point of a curve; its units are those of the `CurveKind`.
struct CurvePoint {
    int16 x;
    int16 y;
}

/// @notice What a resource is to keep to, until the next one. Power is positive when it is fed into the grid and
/// negative when it is drawn from it. A resource runs at `planned + droopW`, kept between `lowestW` and `highestW`.
/// @param lowestW lowest active power allowed, W, not above 0
/// @param highestW highest active power allowed, W, not below 0
/// @param droopW to be added to the planned active power, W
/// @param reactiveVar reactive power to hold, var, positive feeds in; together with any active power allowed it fits the
/// apparent rating
/// @param basedOn oldest `updatedAt` of the values used, unix second; 0 if none was
/// @param status OK, or FALLBACK, if voltage and frequency were both used; otherwise the status of the one that was not
/// (of the voltage, if neither was). FROZEN also if the resource is not active or its zone has no nominal values
struct SetPoint {
    int256 lowestW;
    int256 highestW;
    int256 droopW;
    int256 reactiveVar;
    uint40 basedOn;
    FeedStatus status;
}

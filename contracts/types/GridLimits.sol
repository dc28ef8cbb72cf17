// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

/// @notice Sets of limits after published standards; see `libraries/GridPresets.sol` for figures and sources.
enum GridPreset {
    EN_50160_50HZ,
    ANSI_C84_1_60HZ
}

/// @notice How far a quantity may be from its nominal value. A level begins at its threshold (`deviation >= threshold`)
/// and is left below `threshold - hysteresis`.
/// @param alert deviation at which ALERT begins
/// @param emergency deviation at which EMERGENCY begins
/// @param blackout deviation at which BLACKOUT begins; 0: this quantity never means a blackout
/// @param hysteresis how far below a threshold a value must be to speak for a lower state
struct Band {
    uint16 alert;
    uint16 emergency;
    uint16 blackout;
    uint16 hysteresis;
}

/// @notice Nominal values and limits of a zone. All of it is data; what it may be is bounded by
/// `libraries/GridLimitRules.sol`.
/// @param nominalVoltageMilliV nominal voltage at the zone's reference bus, in mV
/// @param nominalFrequencyMilliHz nominal frequency, 50,000 or 60,000 mHz
/// @param watched which quantities decide, one bit each: 1 frequency, 2 voltage, 4 line loading
/// @param calmRounds confirmed rounds in a row before the state is lowered by one level
/// @param haltSeconds lifetime of a halt pushed into the market, renewed while the state stands
/// @param frequency deviation to either side, in mHz
/// @param voltageLow deviation below nominal, in basis points of it
/// @param voltageHigh deviation above nominal, in basis points of it
/// @param loading highest line loading, in basis points of the line's rating (nominal is 0)
struct GridLimits {
    uint32 nominalVoltageMilliV;
    uint32 nominalFrequencyMilliHz;
    uint8 watched;
    uint8 calmRounds;
    uint16 haltSeconds;
    Band frequency;
    Band voltageLow;
    Band voltageHigh;
    Band loading;
}

// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

/// @title The meter's own door
/// @notice Four functions as printed in the platform's description. `submitReading` acts for the meter
/// whose device key is `msg.sender`: the transaction's signature is the device's. The views serve the
/// same caller, and also the owner of a connection meter, who sees that meter. Relayed readings, whole
/// days and views by meter id stand in `IMeterReadings` and `IMeterHistory`.
interface ISmartMeter {
    /// @notice A snapshot of the cumulative registers, as real meters give them.
    /// @param timestamp unix seconds UTC, a multiple of 900
    /// @param consumption import register in Wh (OBIS 1.8.0), only ever rises
    /// @param production export register in Wh (OBIS 2.8.0), only ever rises
    /// @param gridFrequency in 0.001 Hz; 0 = not measured
    /// @param voltage in 0.001 V; 0 = not measured
    struct MeterReading {
        uint256 timestamp;
        uint256 consumption;
        uint256 production;
        uint256 gridFrequency;
        uint256 voltage;
    }

    /// @notice Record a reading of the meter whose device key is the caller; its sequence is the last
    /// one plus 1. The same reading again does nothing. A different reading for a time already on record
    /// quarantines the meter (`MeterQuarantined`) and does not revert.
    /// @dev Reverts `UnknownDevice`, `MeterNotActive`, `TimestampMisaligned`, `ReadingInFuture`,
    /// `ReadingTooLate`, `TimestampNotRising`, `RegisterFell`, `EnergyAboveCap`, `ValueOutOfRange` (see
    /// `IMeterReadings`).
    /// @param reading the snapshot
    function submitReading(MeterReading calldata reading) external;

    /// @notice The latest accepted reading of the caller's meter; before the first one, the baseline it
    /// was registered with. Reverts `NoMeter` if the caller has none.
    function getLatestReading() external view returns (MeterReading memory);

    /// @notice Energy exported by the caller's meter in the current UTC day so far, in Wh: the sum over
    /// the day's slots on record. Reverts `NoMeter` if the caller has none.
    function getDailyProduction() external view returns (uint256);

    /// @notice Energy imported by the caller's meter in the current UTC day so far, in Wh: the sum over
    /// the day's slots on record. Reverts `NoMeter` if the caller has none.
    function getDailyConsumption() external view returns (uint256);
}

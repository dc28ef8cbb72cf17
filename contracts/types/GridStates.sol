// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

/// @notice State of a zone's grid.
/// - NORMAL: all values inside their normal band.
/// - ALERT: a value has left it. Flexibility and demand response are invited; trading goes on.
/// - EMERGENCY: a value is beyond its limit. No new trade for slots that start within the next hour.
/// - BLACKOUT: no new trade at all.
/// - RESTORATION: after a blackout, until the values have been sound for long enough. Halts as in EMERGENCY.
/// In every state orders can be cancelled, money withdrawn, slots settled and certificates claimed.
enum GridState {
    NORMAL,
    ALERT,
    EMERGENCY,
    BLACKOUT,
    RESTORATION
}

/// @notice What is on record of a zone's state.
/// @param state what the oracle's values have led to, without the guardian's escalation
/// @param calmRounds confirmed rounds in a row that speak for a lower state
/// @param since unix second of the last change of the state that holds
/// @param frequencyAt publication of the last frequency that was used, unix seconds; 0: none yet
/// @param voltageAt likewise of the voltage
/// @param loadingAt likewise of the line loading
/// @param escalation level to which the guardian has escalated; NORMAL if not
/// @param escalatedUntil unix second from which that is void
struct ZoneStatus {
    GridState state;
    uint8 calmRounds;
    uint40 since;
    uint40 frequencyAt;
    uint40 voltageAt;
    uint40 loadingAt;
    GridState escalation;
    uint40 escalatedUntil;
}

/// @notice What is stored of a zone: one word.
/// @param state that the oracle's values have led to
/// @param announced state in force that the last event told
/// @param escalation the guardian's level
/// @param calmRounds see `ZoneStatus`
/// @param escalatedUntil end of the escalation
/// @param since when `announced` began
/// @param frequencyAt publication of the last frequency used
/// @param voltageAt likewise of the voltage
/// @param loadingAt likewise of the line loading
/// @param lineCutBps what the zone takes off the ratings of its lines, in 1/10,000
/// @param linesDue whether the market may lack the capacity of one of its lines
struct ZoneRecord {
    GridState state;
    GridState announced;
    GridState escalation;
    uint8 calmRounds;
    uint40 escalatedUntil;
    uint40 since;
    uint40 frequencyAt;
    uint40 voltageAt;
    uint40 loadingAt;
    uint16 lineCutBps;
    bool linesDue;
}

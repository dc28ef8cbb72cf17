// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {GridState, ZoneStatus} from "../types/GridStates.sol";

/// @title States of the zones
/// @notice The state of a zone follows from what the grid oracle says, by `libraries/GridTransitions.sol`: up at once, down
/// one level after `calmRounds` confirmed rounds below threshold less hysteresis, out of BLACKOUT through RESTORATION only.
///
/// Only values with status OK count, each once: a value is new if it was published after the last one used. What is stale,
/// uncertain, bounded, frozen or a fallback's neither raises a state nor lowers one; `zoneStatus` shows how old the values
/// are on which a state rests. A round speaks for a lower state only if every watched quantity has a new value in it.
///
/// The guardian may hold a zone at a level for a while; the higher of that and the oracle's state is in force (RESTORATION
/// stands between EMERGENCY and BLACKOUT). Nobody can lower a state by decision, but for one case: governance may release a
/// zone whose oracle has been silent for a day.
interface IGridStates {
    /// @notice The state in force has changed. After an escalation has run out this comes with the next update.
    /// @param basedOn publication of the newest value that was used, unix seconds; 0: none yet
    event GridStateChanged(uint16 indexed zone, GridState from, GridState to, uint40 basedOn);
    /// @notice The guardian holds a zone at a level at least. All that is in force: escalations are joined.
    event ZoneEscalated(uint16 indexed zone, GridState level, uint40 until);
    /// @notice Governance ended an escalation.
    event EscalationLifted(uint16 indexed zone);
    /// @notice Governance released a zone whose oracle is silent. @param from the oracle's state until then
    event ZoneReleased(uint16 indexed zone, GridState from, uint40 basedOn);

    /// @notice A zone can be escalated to ALERT, EMERGENCY and BLACKOUT.
    error EscalationInvalid(GridState given);
    /// @notice An escalation ends in the future and at most 72 h ahead.
    error EscalationExpiryInvalid(uint256 given, uint256 earliest, uint256 latest);
    /// @notice Nothing to lift.
    error NotEscalated(uint16 zone);
    /// @notice The oracle's state is NORMAL: nothing to release.
    error NothingToRelease(uint16 zone);
    /// @notice The oracle has not been silent for long enough. @param earliest unix second from which it has
    error OracleNotSilent(uint256 earliest);

    /// @notice Look at the oracle and change the state of a zone if that follows, then bring the market in line. Anyone may
    /// call. A market that refuses does not stop it.
    /// @return state in force from now on
    function updateGridState(uint16 zone) external returns (GridState state);

    /// @notice Hold a zone at `level` at least. Restricted to the guardian. Joined with what is in force: the higher level,
    /// the later end.
    /// @param until unix second, later than now and at most 72 h ahead
    function escalateZone(uint16 zone, GridState level, uint40 until) external;

    /// @notice End an escalation before its time. Restricted to governance.
    function liftEscalation(uint16 zone) external;

    /// @notice Set the oracle's state of a zone to NORMAL if no value has been used for 24 h. Restricted to governance; not
    /// a way around the oracle but around its absence.
    function releaseZone(uint16 zone) external;

    /// @notice State in force. A zone without limits is (NORMAL, 0, 0).
    /// @return state in force now
    /// @return since unix second of its last change
    /// @return updatedAt publication of the newest value on which it rests, unix seconds; 0: none yet
    function gridState(uint16 zone)
        external
        view
        returns (GridState state, uint40 since, uint40 updatedAt);

    /// @notice All that is on record of a zone's state.
    function zoneStatus(uint16 zone) external view returns (ZoneStatus memory);
}

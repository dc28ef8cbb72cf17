// SPDX-License-Identifier: MIT
pragma solidity 0.8.34;

import {GridZones} from "./GridZones.sol";
import {IGridStates} from "../interfaces/IGridStates.sol";
import {GridTransitions, GridWatch} from "../libraries/GridTransitions.sol";
import {Metric} from "../types/FeedState.sol";
import {Band, GridLimits} from "../types/GridLimits.sol";
import {GridMetrics} from "../types/GridMetrics.sol";
import {GridState, ZoneRecord, ZoneStatus} from "../types/GridStates.sol";
import {FeedStatus} from "../types/Observation.sol";

/// @title States of the zones
abstract contract GridStates is GridZones, IGridStates {
    /* CONSTANTS */

    uint256 private constant MAX_ESCALATION = 72 hours;
    uint256 private constant SILENCE = 24 hours;

    /// @notice What new values of a zone say together.
    struct Look {
        uint256 enters;
        uint256 holds;
        uint256 fresh;
    }

    /* USER FUNCTIONS */

    /// @inheritdoc IGridStates
    function updateGridState(uint16 zone) external returns (GridState state) {
        GridLimits memory limits = _requireLimits(zone);
        ZoneRecord memory record = _records[zone];
        GridMetrics memory metrics = _metricsOf(zone);
        _take(limits, metrics, record);
        return _conclude(zone, limits, metrics.lineLoadingBps, record);
    }

    /* RESTRICTED */

    /// @inheritdoc IGridStates
    function escalateZone(uint16 zone, GridState level, uint40 until) external restricted {
        // Check.
        GridLimits memory limits = _requireLimits(zone);
        if (level == GridState.NORMAL || level == GridState.RESTORATION) {
            revert EscalationInvalid(level);
        }
        uint256 latest = block.timestamp + MAX_ESCALATION;
        if (until <= block.timestamp || until > latest) {
            revert EscalationExpiryInvalid(until, block.timestamp + 1, latest);
        }
        // Effect: joined with what is in force, so that a call can only raise.
        ZoneRecord memory record = _records[zone];
        if (block.timestamp < record.escalatedUntil) {
            if (record.escalation > level) level = record.escalation;
            if (record.escalatedUntil > until) until = record.escalatedUntil;
        }
        record.escalation = level;
        record.escalatedUntil = until;
        emit ZoneEscalated(zone, level, until);
        _conclude(zone, limits, _metricsOf(zone).lineLoadingBps, record);
    }

    /// @inheritdoc IGridStates
    function liftEscalation(uint16 zone) external restricted {
        // Check.
        GridLimits memory limits = _requireLimits(zone);
        ZoneRecord memory record = _records[zone];
        if (block.timestamp >= record.escalatedUntil) revert NotEscalated(zone);
        // Effect.
        record.escalation = GridState.NORMAL;
        record.escalatedUntil = 0;
        emit EscalationLifted(zone);
        _conclude(zone, limits, _metricsOf(zone).lineLoadingBps, record);
    }

    /// @inheritdoc IGridStates
    function releaseZone(uint16 zone) external restricted {
        // Check.
        GridLimits memory limits = _requireLimits(zone);
        ZoneRecord memory record = _records[zone];
        if (record.state == GridState.NORMAL) revert NothingToRelease(zone);
        uint40 basedOn = _basedOn(record);
        if (block.timestamp < basedOn + SILENCE) revert OracleNotSilent(basedOn + SILENCE);
        // Effect.
        emit ZoneReleased(zone, record.state, basedOn);
        record.state = GridState.NORMAL;
        record.calmRounds = 0;
        _conclude(zone, limits, _metricsOf(zone).lineLoadingBps, record);
    }

    /* VIEWS */

    /// @inheritdoc IGridStates
    function gridState(uint16 zone)
        external
        view
        returns (GridState state, uint40 since, uint40 updatedAt)
    {
        ZoneRecord memory record = _records[zone];
        state = _inForce(record);
        return (state, _since(record, state), _basedOn(record));
    }

    /// @inheritdoc IGridStates
    function zoneStatus(uint16 zone) external view returns (ZoneStatus memory status) {
        ZoneRecord memory record = _records[zone];
        status.state = record.state;
        status.calmRounds = record.calmRounds;
        status.since = _since(record, _inForce(record));
        status.frequencyAt = record.frequencyAt;
        status.voltageAt = record.voltageAt;
        status.loadingAt = record.loadingAt;
        if (block.timestamp < record.escalatedUntil) {
            status.escalation = record.escalation;
            status.escalatedUntil = record.escalatedUntil;
        }
    }

    /* INTERNAL */

    /// @dev What the state of a zone means for its lines; see `GridBreakers`.
    /// @param hasChanged whether the state in force is another one than before
    /// @return cutBps what it takes off their ratings, in 1/10,000
    function _lineCut(
        GridLimits memory limits,
        GridState state,
        Metric memory loading,
        uint256 oldCutBps,
        bool hasChanged
    ) internal view virtual returns (uint16 cutBps);

    /// @dev Interaction: bring the market in line with a zone's record, which is stored already.
    /// @return isInLine whether it is
    function _push(uint16 zone, GridLimits memory limits, ZoneRecord memory record)
        internal
        virtual
        returns (bool isInLine);

    /// @dev State in force: the oracle's or the guardian's.
    function _inForce(ZoneRecord memory record) internal view returns (GridState) {
        if (block.timestamp >= record.escalatedUntil) return record.state;
        return GridTransitions.higher(record.state, record.escalation);
    }

    /// @dev Effect on `record` alone: what new values make of the state.
    function _take(GridLimits memory limits, GridMetrics memory metrics, ZoneRecord memory record)
        private
        pure
    {
        Look memory look;
        uint256 watched = limits.watched;
        if (_isNew(metrics.frequencyMilliHz, record.frequencyAt, watched & GridWatch.FREQUENCY)) {
            uint256 deviation =
                GridTransitions.frequencyDeviation(limits, metrics.frequencyMilliHz.value);
            (look.enters, look.holds) = GridTransitions.levels(limits.frequency, deviation);
            look.fresh = GridWatch.FREQUENCY;
        }
        if (_isNew(metrics.voltageMilliV, record.voltageAt, watched & GridWatch.VOLTAGE)) {
            (uint256 deviation, Band memory band) =
                GridTransitions.voltageDeviation(limits, metrics.voltageMilliV.value);
            (uint256 enters, uint256 holds) = GridTransitions.levels(band, deviation);
            _join(look, enters, holds, GridWatch.VOLTAGE);
        }
        if (_isNew(metrics.lineLoadingBps, record.loadingAt, watched & GridWatch.LOADING)) {
            uint256 deviation = GridTransitions.loadingDeviation(metrics.lineLoadingBps.value);
            (uint256 enters, uint256 holds) = GridTransitions.levels(limits.loading, deviation);
            _join(look, enters, holds, GridWatch.LOADING);
        }
        if (look.fresh == 0) return;

        (GridState next, uint256 calmRounds, bool isUsed) = GridTransitions.step(
            record.state,
            record.calmRounds,
            look.enters,
            look.holds,
            look.fresh == watched,
            limits.calmRounds
        );
        if (!isUsed) return;
        record.state = next;
        record.calmRounds = uint8(calmRounds); // below `limits.calmRounds`, which has 8 bits
        // Unix seconds fit 40 bits.
        if (look.fresh & GridWatch.FREQUENCY != 0) {
            record.frequencyAt = uint40(metrics.frequencyMilliHz.updatedAt);
        }
        if (look.fresh & GridWatch.VOLTAGE != 0) {
            record.voltageAt = uint40(metrics.voltageMilliV.updatedAt);
        }
        if (look.fresh & GridWatch.LOADING != 0) {
            record.loadingAt = uint40(metrics.lineLoadingBps.updatedAt);
        }
    }

    /// @dev Effect: announce and store what `record` says now, then interaction: the market.
    function _conclude(
        uint16 zone,
        GridLimits memory limits,
        Metric memory loading,
        ZoneRecord memory record
    ) private returns (GridState state) {
        state = _inForce(record);
        GridState before = record.announced;
        uint16 cutBps = _lineCut(limits, state, loading, record.lineCutBps, state != before);
        if (cutBps != record.lineCutBps) {
            record.lineCutBps = cutBps;
            record.linesDue = true;
        }
        if (state != before) {
            record.announced = state;
            record.since = uint40(block.timestamp);
            emit GridStateChanged(zone, before, state, _basedOn(record));
        }
        _records[zone] = record;
        _push(zone, limits, record);
    }

    /// @dev A value counts once, and only if the zone watches its quantity and the oracle vouches for it.
    function _isNew(Metric memory metric, uint256 usedAt, uint256 watched)
        private
        pure
        returns (bool)
    {
        return watched != 0 && metric.status == FeedStatus.OK && metric.updatedAt > usedAt;
    }

    function _join(Look memory look, uint256 enters, uint256 holds, uint256 quantity) private pure {
        if (enters > look.enters) look.enters = enters;
        if (holds > look.holds) look.holds = holds;
        look.fresh |= quantity;
    }

    /// @dev Publication of the newest value used.
    function _basedOn(ZoneRecord memory record) private pure returns (uint40 newest) {
        newest = record.frequencyAt;
        if (record.voltageAt > newest) newest = record.voltageAt;
        if (record.loadingAt > newest) newest = record.loadingAt;
    }

    /// @dev An escalation that has run out since the last event ended at its own time.
    function _since(ZoneRecord memory record, GridState state) private pure returns (uint40) {
        return state == record.announced ? record.since : record.escalatedUntil;
    }
}

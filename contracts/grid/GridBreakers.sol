// SPDX-License-Identifier: MIT
pragma solidity 0.8.34;

import {GridStates} from "./GridStates.sol";
import {IGridBreakers} from "../interfaces/IGridBreakers.sol";
import {BreakerRules} from "../libraries/BreakerRules.sol";
import {GridTransitions, GridWatch} from "../libraries/GridTransitions.sol";
import {LineWord, LineWords} from "../libraries/LineWords.sol";
import {InterconnectorWords} from "../libraries/Regions.sol";
import {Metric} from "../types/FeedState.sol";
import {GridLimits} from "../types/GridLimits.sol";
import {GridState, ZoneRecord} from "../types/GridStates.sol";
import {Halt, HaltScope} from "../types/MarketTerms.sol";
import {FeedStatus} from "../types/Observation.sol";
import {Interconnector} from "../types/Region.sol";

/// @title Circuit breakers: what the state of the grid does to the market
/// @dev Assumes of the market: `haltZone` joins, `setCapacity` replaces, neither calls back. A market that refuses leaves
/// an event and a debt that anyone can settle with `pushBreakers`.
abstract contract GridBreakers is GridStates, IGridBreakers {
    /* CONSTANTS */

    /// @dev What one call of the market may use; `haltZone` and `setCapacity` need less than 60,000.
    uint256 private constant MARKET_GAS = 200_000;
    /// @dev 64/63 of that, for what a call keeps back, and what follows a call.
    uint256 private constant MARKET_GAS_REQUIRED = MARKET_GAS * 64 / 63 + 30_000;

    /* USER FUNCTIONS */

    /// @inheritdoc IGridBreakers
    function pushBreakers(uint16 zone) external returns (bool isInLine) {
        return _push(zone, _requireLimits(zone), _records[zone]);
    }

    /* RESTRICTED */

    /// @inheritdoc IGridBreakers
    function rateLine(uint16 region, uint256 index, uint256 forwardW, uint256 backW)
        external
        restricted
    {
        // Check.
        uint256 highest = InterconnectorWords.MAX_POWER_W;
        if (forwardW > highest || backW > highest) revert RatingInvalid(forwardW, backW, highest);
        Interconnector[] memory known = MARKET.interconnectorsOf(region);
        if (index >= known.length) revert LineUnknown(region, index, known.length);
        // Effect.
        uint256 lineId = _lineId(region, index);
        uint16 from = known[index].fromZone;
        uint16 to = known[index].toZone;
        bool isManaged = _lines[lineId].exists();
        if (forwardW == 0 && backW == 0) {
            if (!isManaged) revert LineNotManaged(region, index);
            _lines[lineId] = LineWord.wrap(0);
            _forget(from, lineId);
            _forget(to, lineId);
        } else {
            if (!isManaged) {
                _lineIds[from].push(lineId);
                _lineIds[to].push(lineId);
            }
            _lines[lineId] = LineWords.create(from, to, forwardW, backW);
        }
        emit LineRated(region, index, forwardW, backW);
        // Interaction.
        if (!_pushLine(lineId)) {
            _records[from].linesDue = true;
            _records[to].linesDue = true;
        }
    }

    /* VIEWS */

    /// @inheritdoc IGridBreakers
    function breakerOf(uint16 zone) external view returns (Halt memory wanted, bool isDue) {
        GridLimits memory limits = _limitsOf(zone);
        wanted = BreakerRules.wantedHalt(
            _inForce(_records[zone]), block.timestamp, limits.haltSeconds
        );
        isDue = BreakerRules.isDue(
            wanted, MARKET.haltOf(zone), block.timestamp, limits.haltSeconds
        );
    }

    /// @inheritdoc IGridBreakers
    function linesOf(uint16 zone) external view returns (uint256[] memory) {
        return _lineIds[zone];
    }

    /// @inheritdoc IGridBreakers
    function lineOf(uint16 region, uint256 index)
        external
        view
        returns (uint256 forwardW, uint256 backW, uint256 shareBps)
    {
        LineWord line = _lines[_lineId(region, index)];
        return (line.forwardW(), line.backW(), line.shareBps());
    }

    /* INTERNAL */

    /// @inheritdoc GridStates
    function _lineCut(
        GridLimits memory limits,
        GridState state,
        Metric memory loading,
        uint256 oldCutBps,
        bool hasChanged
    ) internal pure override returns (uint16) {
        bool isKnown = loading.status == FeedStatus.OK && limits.watched & GridWatch.LOADING != 0;
        uint256 cutBps = BreakerRules.lineCut(
            state,
            limits.loading.alert,
            isKnown,
            GridTransitions.loadingDeviation(loading.value),
            oldCutBps,
            hasChanged
        );
        return uint16(cutBps); // at most 10,000
    }

    /// @inheritdoc GridStates
    function _push(uint16 zone, GridLimits memory limits, ZoneRecord memory record)
        internal
        override
        returns (bool isInLine)
    {
        isInLine = _pushHalt(zone, _inForce(record), limits.haltSeconds);
        if (!record.linesDue) return isInLine;
        uint256[] memory lineIds = _lineIds[zone];
        bool areDone = true;
        for (uint256 i; i < lineIds.length; ++i) {
            if (!_pushLine(lineIds[i])) areDone = false;
        }
        if (areDone) _records[zone].linesDue = false;
        return isInLine && areDone;
    }

    /// @dev Interaction: the halt that the state asks for, if it is due.
    function _pushHalt(uint16 zone, GridState state, uint256 haltSeconds) private returns (bool) {
        Halt memory wanted = BreakerRules.wantedHalt(state, block.timestamp, haltSeconds);
        if (wanted.scope == HaltScope.NONE) return true;
        _requireGas();
        try MARKET.haltOf{gas: MARKET_GAS}(zone) returns (Halt memory inForce) {
            if (!BreakerRules.isDue(wanted, inForce, block.timestamp, haltSeconds)) return true;
        } catch {
            // A market that does not tell its halt is given ours.
        }
        _requireGas();
        try MARKET.haltZone{gas: MARKET_GAS}(
            zone, wanted.scope, wanted.fromSlot, wanted.toSlot, wanted.expiresAt
        ) {
            emit HaltPushed(zone, state, wanted.fromSlot, wanted.toSlot, wanted.expiresAt);
            return true;
        } catch (bytes memory reason) {
            emit HaltRefused(zone, state, bytes4(reason));
            return false;
        }
    }

    /// @dev Interaction: the capacity that the zones at its ends leave to a line, if the market has another one.
    function _pushLine(uint256 lineId) private returns (bool) {
        LineWord line = _lines[lineId];
        if (!line.exists()) return true;
        uint256 cutBps = _records[line.fromZone()].lineCutBps;
        uint256 other = _records[line.toZone()].lineCutBps;
        if (other > cutBps) cutBps = other;
        uint256 share = BreakerRules.BPS - cutBps;
        if (line.hasShare(share)) return true;
        // The upper bits are the region, the lowest 8 the index.
        uint16 region = uint16(lineId >> 8);
        uint256 index = lineId & 0xff;
        _requireGas();
        // Rounded down: never above the rating's share.
        try MARKET.setCapacity{gas: MARKET_GAS}(
            region,
            index,
            line.forwardW() * share / BreakerRules.BPS,
            line.backW() * share / BreakerRules.BPS
        ) {
            _lines[lineId] = line.withShare(share);
            emit LineLimited(region, index, share);
            return true;
        } catch (bytes memory reason) {
            emit LineRefused(region, index, bytes4(reason));
            return false;
        }
    }

    /// @dev Effect: take a line out of a zone's list, which is short.
    function _forget(uint16 zone, uint256 lineId) private {
        uint256[] storage lineIds = _lineIds[zone];
        uint256 last = lineIds.length - 1;
        for (uint256 i; i < last; ++i) {
            if (lineIds[i] == lineId) lineIds[i] = lineIds[last];
        }
        lineIds.pop();
    }

    /// @dev Check: enough gas that a failing call of the market is the market's failure.
    function _requireGas() private view {
        if (gasleft() < MARKET_GAS_REQUIRED) revert GasTooLow(gasleft(), MARKET_GAS_REQUIRED);
    }

    /// @dev `region 16 | index 8`; regions have at most 12 lines.
    function _lineId(uint16 region, uint256 index) private pure returns (uint256) {
        return (uint256(region) << 8) | index;
    }
}

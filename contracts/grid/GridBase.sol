// SPDX-License-Identifier: MIT
pragma solidity 0.8.34;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";

import {IGridOracle} from "../interfaces/IGridOracle.sol";
import {IMarket} from "../interfaces/IMarket.sol";
import {ISmartMeter} from "../interfaces/ISmartMeter.sol";
import {GridLimitWords} from "../libraries/GridLimitWords.sol";
import {LineWord} from "../libraries/LineWords.sol";
import {GridLimits} from "../types/GridLimits.sol";
import {GridMetrics} from "../types/GridMetrics.sol";
import {ZoneRecord} from "../types/GridStates.sol";

/// @title What the parts of grid management share
/// @notice The trusted contracts, fixed for ever, and the state of zones and lines, declared in this one place.
/// @dev Warning: `GridManagement` runs the code of `ResourceRoom` on its own storage. Both inherit exactly this contract
/// first. The room declares its state behind it and `GridManagement` declares none, so no place is used by both for
/// different things.
abstract contract GridBase is AccessManaged {
    /* IMMUTABLES */

    IGridOracle internal immutable GRID_ORACLE;
    ISmartMeter internal immutable SMART_METER;
    IMarket internal immutable MARKET;
    /// @dev Register of asset NFTs; zero while there is none.
    address internal immutable ASSET_REGISTER;

    /* STORAGE */

    mapping(uint16 zone => GridLimitWords) internal _limits;
    mapping(uint16 zone => ZoneRecord) internal _records;
    /// @dev By `region * 256 + index`.
    mapping(uint256 lineId => LineWord) internal _lines;
    /// @dev Lines that end in a zone; a region has at most 12.
    mapping(uint16 zone => uint256[]) internal _lineIds;

    /// @notice A trusted contract has no code.
    error GridAddressInvalid(address given);

    /// @param authority the AccessManager
    /// @param gridOracle_ demand, supply, frequency, voltage and line loading of the zones
    /// @param smartMeter_ meters and their owners
    /// @param market_ the market that halts and capacities go to
    /// @param assetRegister_ register of asset NFTs, or zero
    constructor(
        address authority,
        address gridOracle_,
        address smartMeter_,
        address market_,
        address assetRegister_
    ) AccessManaged(authority) {
        _requireCode(gridOracle_);
        _requireCode(smartMeter_);
        _requireCode(market_);
        if (assetRegister_ != address(0)) _requireCode(assetRegister_);
        GRID_ORACLE = IGridOracle(gridOracle_);
        SMART_METER = ISmartMeter(smartMeter_);
        MARKET = IMarket(market_);
        ASSET_REGISTER = assetRegister_;
    }

    /* INTERNAL */

    /// @dev What the oracle says of a zone now; never reverts.
    function _metricsOf(uint16 zone) internal view returns (GridMetrics memory) {
        return GRID_ORACLE.gridMetrics(zone);
    }

    /// @dev Limits of a zone; all 0 if it is not under grid management.
    function _limitsOf(uint16 zone) internal view returns (GridLimits memory) {
        GridLimitWords memory words = _limits[zone];
        return words.unpack();
    }

    function _requireCode(address given) private view {
        if (given.code.length == 0) revert GridAddressInvalid(given);
    }
}

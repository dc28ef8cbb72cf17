// SPDX-License-Identifier: MIT
pragma solidity 0.8.34;

import {IMeterSuccession} from "../interfaces/IMeterSuccession.sol";
import {HIGHEST_METER_LIMIT, LOWEST_METER_LIMIT} from "../libraries/MeterConstants.sol";
import {MeterLimits} from "../types/MeterSuccession.sol";
import {MeterStorage} from "./MeterStorage.sol";
import {MeterSuccession} from "./MeterSuccession.sol";

/// @notice The room of `SmartMeter` in which meters come, go and follow one another: see `IMeterRegistry` and
/// `IMeterSuccession`.
/// @dev Created and run by `SmartMeter` as `MeterPages` is. Called directly, it works on its own, empty storage.
contract MeterRegistrar is MeterSuccession {
    /// @dev Where this code is, whoever runs it.
    address private immutable SELF;

    constructor(address authority) MeterStorage(authority) {
        SELF = address(this);
    }

    /* RESTRICTED FUNCTIONS */

    /// @inheritdoc IMeterSuccession
    function setMeterLimits(MeterLimits calldata limits) external restricted {
        _requireLimit(limits.globalPerDay, HIGHEST_METER_LIMIT);
        _requireLimit(limits.registrarPerDay, limits.globalPerDay);
        _requireLimit(limits.removalsPerDay, HIGHEST_METER_LIMIT);

        emit MeterLimitsChanged(_limits, limits);
        _limits = limits;
    }

    /* VIEWS, see also `MeterSuccession` */

    /// @inheritdoc IMeterSuccession
    function meterLimits() external view returns (MeterLimits memory) {
        return _limits;
    }

    /// @inheritdoc IMeterSuccession
    function meterAllowances(address registrar)
        external
        view
        returns (uint256 registrations, uint256 ofRegistrar, uint256 removals)
    {
        MeterLimits memory limits = _limits;
        registrations = _registrations.available(_perDay(limits.globalPerDay), block.timestamp);
        ofRegistrar = _registrationsOf[registrar].available(
            _perDay(limits.registrarPerDay), block.timestamp
        );
        removals = _removals.available(_perDay(limits.removalsPerDay), block.timestamp);
    }

    /// @inheritdoc IMeterSuccession
    function registrarRoom() external view returns (address) {
        return SELF;
    }

    /* INTERNAL */

    function _requireLimit(uint256 given, uint256 highest) private pure {
        if (given < LOWEST_METER_LIMIT || given > highest) {
            revert MeterLimitOutOfRange(given, LOWEST_METER_LIMIT, highest);
        }
    }
}

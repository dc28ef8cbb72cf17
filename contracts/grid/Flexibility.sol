// SPDX-License-Identifier: MIT
pragma solidity 0.8.34;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";

import {FlexSetup} from "../types/Flexibility.sol";
import {FlexBase} from "./FlexBase.sol";
import {FlexDispatch} from "./FlexDispatch.sol";
import {FlexFunds} from "./FlexFunds.sol";
import {FlexOffers} from "./FlexOffers.sol";

/// @title Flexibility
/// @notice Offers to change the power of connections, called when the grid needs it, measured by signed readings. Money,
/// calendar and offers stand here (`IFlexFunds`, `IEventCalendar`, `IFlexOffers`); `IFlexibility` is answered at the same
/// address, by the room `FlexDispatch`.
contract Flexibility is FlexFunds, FlexOffers {
    /// @dev Created here, fixed for ever; see its warning on storage.
    address private immutable DISPATCH;

    /// @notice A trusted contract has no code.
    error FlexAddressInvalid(address given);

    /// @param setup trusted contracts and figures, fixed for ever
    constructor(FlexSetup memory setup) AccessManaged(setup.authority) FlexBase(setup) {
        _requireCode(setup.settlementToken);
        _requireCode(setup.smartMeter);
        _requireCode(setup.settlement);
        _requireCode(setup.gridOracle);
        _requireCode(setup.gridManagement);
        DISPATCH = address(new FlexDispatch(setup));
    }

    /// @dev Run what is not in this contract in the room, on this contract's storage, and end the call with the room's answer
    /// or error. Safe because the code at `DISPATCH` is created by our constructor, cannot change, and shares the state of
    /// `FlexBase`.
    fallback() external {
        address room = DISPATCH;
        assembly ("memory-safe") {
            let data := mload(0x40)
            calldatacopy(data, 0, calldatasize())
            let success := delegatecall(gas(), room, data, calldatasize(), 0, 0)
            returndatacopy(data, 0, returndatasize())
            if success { return(data, returndatasize()) }
            revert(data, returndatasize())
        }
    }

    function _requireCode(address given) private view {
        if (given.code.length == 0) revert FlexAddressInvalid(given);
    }
}

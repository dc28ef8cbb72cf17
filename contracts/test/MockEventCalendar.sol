// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {IEventCalendar} from "../interfaces/IEventCalendar.sol";

/// @notice A calendar that trusts everybody: slot by slot, slow and obvious.
contract MockEventCalendar is IEventCalendar {
    error SlotTaken(uint32 meterId, uint32 slot);
    error SlotNotReserved(uint32 meterId, uint32 slot);

    mapping(uint32 meterId => mapping(uint32 slot => address)) public holderOf;

    function reserve(uint32 meterId, uint32 fromSlot, uint32 toSlot) external {
        for (uint32 slot = fromSlot; slot < toSlot; ++slot) {
            if (holderOf[meterId][slot] != address(0)) revert SlotTaken(meterId, slot);
            holderOf[meterId][slot] = msg.sender;
        }
    }

    function release(uint32 meterId, uint32 fromSlot, uint32 toSlot) external {
        for (uint32 slot = fromSlot; slot < toSlot; ++slot) {
            if (holderOf[meterId][slot] != msg.sender) revert SlotNotReserved(meterId, slot);
            holderOf[meterId][slot] = address(0);
        }
    }

    function isFree(uint32 meterId, uint32 fromSlot, uint32 toSlot) external view returns (bool) {
        for (uint32 slot = fromSlot; slot < toSlot; ++slot) {
            if (holderOf[meterId][slot] != address(0)) return false;
        }
        return true;
    }
}

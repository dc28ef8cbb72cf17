// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

/// @title Calendar of meters
/// @notice Which slots of a meter are taken by an event, of flexibility or of demand response: a meter is in one event a
/// slot. Only contracts that the calendar trusts change it.
interface IEventCalendar {
    /// @notice Take slots of a meter for the caller. Reverts if one of them is taken, by whomever.
    /// @param fromSlot first slot @param toSlot slot after the last
    function reserve(uint32 meterId, uint32 fromSlot, uint32 toSlot) external;

    /// @notice Give slots back that the caller has reserved. Reverts if one of them is not.
    function release(uint32 meterId, uint32 fromSlot, uint32 toSlot) external;

    /// @notice Whether no slot of [fromSlot, toSlot) is taken.
    function isFree(uint32 meterId, uint32 fromSlot, uint32 toSlot) external view returns (bool);
}

// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

/// @title Which slots of a meter are taken
/// @notice A meter takes part in one event a slot, whoever calls it. An offer takes the slots of its window in its direction;
/// an event of another contract takes them in both. So the resources of one meter cannot sell the same change twice.
interface IEventCalendar {
    /// @notice An event outside the flexibility market took slots of a meter.
    event SlotsReserved(uint32 indexed meterId, address indexed by, uint32 fromSlot, uint32 toSlot);
    /// @notice Slots of a meter are free again.
    event SlotsReleased(uint32 indexed meterId, address indexed by, uint32 fromSlot, uint32 toSlot);

    /// @notice Slots of the meter are taken. @param day unix time / 86,400 @param slots of that day, one bit each
    error MeterTaken(uint32 meterId, uint32 day, uint256 slots);
    /// @notice Slots to be given back are not reserved.
    error SlotsNotReserved(uint32 meterId, uint32 day, uint256 slots);
    /// @notice A run of slots must not be empty, longer than 192, or begin before the next slot.
    error CalendarRunInvalid(uint32 fromSlot, uint32 toSlot, uint32 earliest);

    /// @notice Take slots of a meter for an event elsewhere. Restricted to contracts that run events. The days count as
    /// event days: they are left out of later baselines.
    /// @param fromSlot first slot, after the current one
    /// @param toSlot exclusive end, at most 192 slots later
    function reserve(uint32 meterId, uint32 fromSlot, uint32 toSlot) external;

    /// @notice Give slots back that `reserve` took. Restricted likewise. Reverts if one of them is not reserved.
    function release(uint32 meterId, uint32 fromSlot, uint32 toSlot) external;

    /// @notice Whether an event elsewhere could take these slots now.
    function isFree(uint32 meterId, uint32 fromSlot, uint32 toSlot) external view returns (bool);
}

// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {EnergyWord} from "../types/EnergyWord.sol";
import {Connection, SlotEnergy} from "../types/Metering.sol";

/// @title What settlement asks of metering
/// @notice A slot once reported MEASURED or ESTIMATED never changes.
interface IMeterEnergy {
    /// @notice The settled connection of an account; `meterId` 0 if it has none (any more).
    function connectionOf(address account) external view returns (Connection memory);

    /// @notice Verified energy of an account over a run of slots.
    /// @param account owner of the connection
    /// @param firstSlot first slot of the run
    /// @param count number of slots, at most 672
    /// @return energies one entry a slot; quality MISSING (all zero) where no reading covers it yet
    function slotEnergies(address account, uint32 firstSlot, uint32 count)
        external
        view
        returns (SlotEnergy[] memory energies);

    /// @notice `slotEnergies`, one word a slot: what settlement reads.
    function slotEnergyWords(address account, uint32 firstSlot, uint32 count)
        external
        view
        returns (EnergyWord[] memory words);

    /// @notice The stretch between two true readings that contains `slot`.
    /// @return found false while no true reading after `slot` exists, or if both boundaries of
    /// `slot` are true readings
    /// @return fromSlot slot index of the last true reading before
    /// @return toSlot slot index of the first true reading after (exclusive end of the stretch)
    /// @return importWh register difference of the stretch, import
    /// @return exportWh register difference of the stretch, export
    function gapAround(address account, uint32 slot)
        external
        view
        returns (bool found, uint32 fromSlot, uint32 toSlot, uint256 importWh, uint256 exportWh);

    /// @notice 24 h after the end of the slot's UTC day. Before this second a reading for `slot`
    /// counts, from it on none does; after it settlement no longer waits for one.
    function readingDeadline(uint32 slot) external pure returns (uint256 unixSeconds);
}

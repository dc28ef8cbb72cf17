// SPDX-License-Identifier: MIT
pragma solidity 0.8.34;

import {ISmartMeter} from "../interfaces/ISmartMeter.sol";
import {DAY_SECONDS, SLOT_SECONDS} from "../libraries/MeterConstants.sol";
import {MeterWord} from "../libraries/MeterWord.sol";
import {MeterDays} from "./MeterDays.sol";
import {MeterPages} from "./MeterPages.sol";
import {MeterRegistry} from "./MeterRegistry.sol";

/// @title SmartMeter
/// @notice Registers meters, verifies what their devices sign, and keeps the energy of every quarter
/// hour. The printed functions stand here; `IMeterRegistry`, `IMeterReadings`, `IMeterHistory` and
/// `IMeterEnergy` describe the rest. `IMeterPages` is answered at the same address, by the room
/// `MeterPages`.
contract SmartMeter is ISmartMeter, MeterDays {
    /// @dev Created here, fixed for ever; see its warning on storage.
    address private immutable PAGES;

    /// @param authority the access manager whose REGISTRAR registers, deactivates and releases meters and
    /// appoints bridges
    constructor(address authority) MeterRegistry(authority) {
        PAGES = address(new MeterPages(authority));
    }

    /// @dev Run what is not in this contract in the room, on this contract's storage, and end the call with the
    /// room's answer or error. Safe because the code at `PAGES` is created by our constructor, cannot change, and
    /// shares the state of `MeterPageRecords`. A fallback instead of named functions: names would make every
    /// reading look through 21 more selectors (300 gas).
    fallback() external {
        address room = PAGES;
        assembly ("memory-safe") {
            let data := mload(0x40)
            calldatacopy(data, 0, calldatasize())
            let success := delegatecall(gas(), room, data, calldatasize(), 0, 0)
            returndatacopy(data, 0, returndatasize())
            if success { return(data, returndatasize()) }
            revert(data, returndatasize())
        }
    }

    /* USER FUNCTIONS */

    /// @inheritdoc ISmartMeter
    function submitReading(MeterReading calldata reading) external {
        MeterWord word = _words[msg.sender];
        if (!word.isKnown()) revert UnknownDevice(msg.sender);
        _submit(
            msg.sender,
            word,
            Snapshot({
                sequence: NEXT_SEQUENCE,
                timestamp: reading.timestamp,
                importWh: reading.consumption,
                exportWh: reading.production,
                frequencyMilliHz: reading.gridFrequency,
                voltageMilliV: reading.voltage
            })
        );
    }

    /* VIEWS */

    /// @inheritdoc ISmartMeter
    function getLatestReading() external view returns (MeterReading memory) {
        MeterWord word = _wordOfCaller();
        return MeterReading({
            timestamp: word.lastSlot() * SLOT_SECONDS,
            consumption: word.importWh(),
            production: word.exportWh(),
            gridFrequency: word.frequencyMilliHz(),
            voltage: word.voltageMilliV()
        });
    }

    /// @inheritdoc ISmartMeter
    function getDailyProduction() external view returns (uint256 energyWh) {
        (, energyWh) = _dailyEnergy(_wordOfCaller().meterId(), block.timestamp / DAY_SECONDS);
    }

    /// @inheritdoc ISmartMeter
    function getDailyConsumption() external view returns (uint256 energyWh) {
        (energyWh,) = _dailyEnergy(_wordOfCaller().meterId(), block.timestamp / DAY_SECONDS);
    }

    /* INTERNAL */

    /// @dev The meter whose device calls, or else the connection meter the caller owns.
    function _wordOfCaller() private view returns (MeterWord word) {
        word = _words[msg.sender];
        if (word.isKnown()) return word;
        uint256 meterId = _ownerMeters[msg.sender].connectionId;
        if (meterId == 0) revert NoMeter(msg.sender);
        (, word) = _wordOf(meterId);
    }
}

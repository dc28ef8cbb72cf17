// SPDX-License-Identifier: MIT
pragma solidity 0.8.34;

import {IMeterRegistry} from "../interfaces/IMeterRegistry.sol";
import {ISmartMeter} from "../interfaces/ISmartMeter.sol";
import {DAY_SECONDS, SLOT_SECONDS} from "../libraries/MeterConstants.sol";
import {MeterWord} from "../libraries/MeterWord.sol";
import {Rooms} from "../libraries/Rooms.sol";
import {EnergyMeterRegistration} from "../types/MeterMessages.sol";
import {MeterDays} from "./MeterDays.sol";
import {MeterPages} from "./MeterPages.sol";
import {MeterRegistrar} from "./MeterRegistrar.sol";
import {MeterRegistry} from "./MeterRegistry.sol";
import {MeterStorage} from "./MeterStorage.sol";

/// @title SmartMeter
/// @notice Registers meters, verifies what their devices sign, and keeps the energy of every quarter
/// hour. The printed functions stand here; `IMeterRegistry`, `IMeterReadings`, `IMeterHistory` and
/// `IMeterEnergy` describe the rest. `IMeterPages` and `IMeterSuccession` are answered at the same address, by
/// the rooms `MeterPages` and `MeterRegistrar`.
contract SmartMeter is ISmartMeter, MeterRegistry, MeterDays {
    /// @dev Created here, fixed for ever; see the warning of `MeterStorage`.
    address private immutable REGISTRAR;
    /// @dev What it does not know it hands on to `REGISTRAR`.
    address private immutable PAGES;

    /// @param authority the access manager whose REGISTRAR registers, deactivates and releases meters and
    /// appoints bridges
    constructor(address authority) MeterStorage(authority) {
        address registrar = address(new MeterRegistrar(authority));
        REGISTRAR = registrar;
        PAGES = address(new MeterPages(authority, registrar));
    }

    /// @dev Run what is not in this contract in the rooms. A fallback instead of named functions: names would make
    /// every reading look through 35 more selectors (300 gas for 21).
    fallback() external {
        Rooms.run(PAGES);
    }

    /* RUN BY THE REGISTRAR'S ROOM (delegatecall, same calldata, same answer) */

    /// @inheritdoc IMeterRegistry
    function registerMeter(EnergyMeterRegistration calldata, bytes calldata)
        external
        returns (uint32)
    {
        Rooms.run(REGISTRAR);
    }

    /// @inheritdoc IMeterRegistry
    function deactivateMeter(uint32) external {
        Rooms.run(REGISTRAR);
    }

    /// @inheritdoc IMeterRegistry
    function releaseQuarantine(uint32) external {
        Rooms.run(REGISTRAR);
    }

    /* USER FUNCTIONS */

    /// @inheritdoc ISmartMeter
    function submitReading(MeterReading calldata reading) external {
        MeterWord word = _words[msg.sender];
        if (!word.isKnown()) revert IMeterRegistry.UnknownDevice(msg.sender);
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
        if (meterId == 0) revert IMeterRegistry.NoMeter(msg.sender);
        (, word) = _wordOf(meterId);
    }
}

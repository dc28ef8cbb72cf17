// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {MeterKind} from "./Metering.sol";

/// @notice What a device signs (EIP-712) to be registered: it holds the key, and its registers stood
/// at `importWh` and `exportWh` when slot `firstSlot` began. This baseline counts as its reading
/// number 0. The EIP-712 type has the same name and the same fields in the same order.
/// @param deviceKey address of the device's secp256k1 key, unique for ever
/// @param owner account whose energy the meter measures
/// @param zone grid zone, from 1
/// @param kind see `MeterKind` (EIP-712: uint8)
/// @param ratedImportW rated power of import in W; bounds every reading (V14)
/// @param ratedExportW rated power of export in W; bounds every reading (V14)
/// @param registerWidthWh value at which both registers roll over to 0, in Wh
/// @param firstSlot first slot the meter measures
/// @param importWh import register at the start of `firstSlot`, in Wh
/// @param exportWh export register at the start of `firstSlot`, in Wh
struct EnergyMeterRegistration {
    address deviceKey;
    address owner;
    uint16 zone;
    MeterKind kind;
    uint32 ratedImportW;
    uint32 ratedExportW;
    uint64 registerWidthWh;
    uint32 firstSlot;
    uint64 importWh;
    uint64 exportWh;
}

/// @notice Register snapshot signed by a device (EIP-712, same name, same fields, same order).
/// @param meterId id of the meter, from 1
/// @param sequence number of the reading; rises with every reading of the meter
/// @param timestamp unix seconds UTC, a multiple of 900
/// @param importWh cumulative import register in Wh
/// @param exportWh cumulative export register in Wh
/// @param frequencyMilliHz grid frequency in 0.001 Hz; 0 = not measured
/// @param voltageMilliV voltage in 0.001 V; 0 = not measured
struct EnergyMeterReading {
    uint32 meterId;
    uint32 sequence;
    uint40 timestamp;
    uint64 importWh;
    uint64 exportWh;
    uint32 frequencyMilliHz;
    uint32 voltageMilliV;
}

/// @notice One UTC day of a meter under one signature (EIP-712, same name, same fields, same order):
/// the registers at midnight and 96 quarter-hour differences, that is the snapshots at
/// `dayStart + 900 ... dayStart + 86400` with the sequences `firstSequence ... firstSequence + 95`.
/// @param meterId id of the meter, from 1
/// @param firstSequence sequence of the snapshot at `dayStart + 900`, from 1
/// @param dayStart unix seconds, a UTC midnight
/// @param importWh import register at `dayStart` in Wh
/// @param exportWh export register at `dayStart` in Wh
/// @param frequencyMilliHz frequency of the last snapshot in 0.001 Hz; 0 = not measured
/// @param voltageMilliV voltage of the last snapshot in 0.001 V; 0 = not measured
/// @param words the differences in the lanes drawn in `ReadingLanes`, quality MEASURED, tag 0:
/// 12 words of 8 narrow lanes or 24 words of 4 wide lanes, as the meter's rating asks
struct EnergyMeterDay {
    uint32 meterId;
    uint32 firstSequence;
    uint40 dayStart;
    uint64 importWh;
    uint64 exportWh;
    uint32 frequencyMilliHz;
    uint32 voltageMilliV;
    bytes32[] words;
}

/// @notice A reading with its device's signature, 65 bytes (r, s, v) or 64 bytes (r, vs; ERC-2098).
struct SignedMeterReading {
    EnergyMeterReading reading;
    bytes signature;
}

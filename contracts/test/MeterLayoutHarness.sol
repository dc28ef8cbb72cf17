// SPDX-License-Identifier: MIT
pragma solidity 0.8.34;

import {MeterWord, MeterWordLib} from "../libraries/MeterWord.sol";
import {ReadingLanes, ReadingRing} from "../libraries/ReadingLanes.sol";
import {MeterStatus} from "../types/MeterInfo.sol";
import {Quality} from "../types/Metering.sol";

/// @notice Opens the layout libraries of metering to tests.
contract MeterLayoutHarness {
    using ReadingLanes for ReadingRing;

    /// @notice Fields of a meter's word, in the order of the picture from the lowest bit.
    struct Fields {
        uint256 importWh;
        uint256 exportWh;
        uint256 lastSlot;
        uint256 sequence;
        uint256 frequencyMilliHz;
        uint256 voltageMilliV;
        uint256 ratedImportW;
        uint256 ratedExportW;
        uint256 meterId;
        MeterStatus status;
    }

    ReadingRing private _ring;

    /* METER WORD */

    function packWord(Fields calldata fields) external pure returns (uint256) {
        MeterWord word =
            MeterWordLib.create(fields.meterId, fields.ratedImportW, fields.ratedExportW);
        word = word.withStatus(fields.status);
        word = word.withReading(
            fields.sequence,
            fields.lastSlot,
            fields.importWh,
            fields.exportWh,
            fields.frequencyMilliHz,
            fields.voltageMilliV
        );
        return MeterWord.unwrap(word);
    }

    function unpackWord(uint256 raw) external pure returns (Fields memory) {
        MeterWord word = MeterWord.wrap(raw);
        return Fields({
            importWh: word.importWh(),
            exportWh: word.exportWh(),
            lastSlot: word.lastSlot(),
            sequence: word.sequence(),
            frequencyMilliHz: word.frequencyMilliHz(),
            voltageMilliV: word.voltageMilliV(),
            ratedImportW: word.ratedImportW(),
            ratedExportW: word.ratedExportW(),
            meterId: word.meterId(),
            status: word.status()
        });
    }

    function capWh(uint256 ratedW) external pure returns (uint256) {
        return MeterWordLib.capWh(ratedW);
    }

    function isWide(uint256 ratedImportW, uint256 ratedExportW) external pure returns (bool) {
        return MeterWordLib.isWide(ratedImportW, ratedExportW);
    }

    /* LANES */

    function ringWord(uint256 index) external view returns (uint256) {
        return _ring.words[index];
    }

    function load(bool wide, uint256 slot) external view returns (uint256, uint256, Quality) {
        return _ring.load(wide, slot);
    }

    function sum(bool wide, uint256 fromSlot, uint256 count)
        external
        view
        returns (uint256, uint256)
    {
        return _ring.sum(wide, fromSlot, count);
    }

    function store(
        bool wide,
        uint256 slot,
        uint256 importWh,
        uint256 exportWh,
        Quality quality
    ) external {
        _ring.store(wide, slot, importWh, exportWh, quality);
    }

    function storeInterpolated(
        bool wide,
        uint256 fromSlot,
        uint256 count,
        uint256 importWh,
        uint256 exportWh
    ) external {
        _ring.storeInterpolated(wide, fromSlot, count, importWh, exportWh);
    }

    function storeDay(bool wide, uint256 daySlot, uint256 firstLane, bytes32[] calldata words)
        external
    {
        _ring.storeDay(wide, daySlot, firstLane, words);
    }

    function sumDay(
        bytes32[] calldata words,
        bool wide,
        uint256 importCapWh,
        uint256 exportCapWh,
        uint256 join
    ) external pure returns (uint256, uint256, uint256, uint256) {
        return ReadingLanes.sumDay(words, wide, importCapWh, exportCapWh, join);
    }
}

// SPDX-License-Identifier: MIT
pragma solidity 0.8.34;

import {FeedIds} from "../libraries/FeedIds.sol";
import {FeedReading} from "../libraries/FeedReading.sol";
import {RoundWord, RoundWords} from "../libraries/RoundWords.sol";
import {FeedKind, FeedStatus, Round, Unit} from "../types/Observation.sol";

/// @notice Opens the libraries of oracles to tests, and reads an oracle as a consumer does.
contract OracleHarness {
    using FeedIds for uint32;

    /* LIBRARIES */

    function packRound(Round calldata published, uint256 sequence)
        external
        pure
        returns (uint256)
    {
        return RoundWord.unwrap(RoundWords.create(published, sequence));
    }

    function unpackRound(uint256 raw) external pure returns (Round memory, uint32 sequence) {
        RoundWord word = RoundWord.wrap(raw);
        return (word.unpack(), word.sequence());
    }

    function feedId(FeedKind kind, uint16 zone, uint8 horizon) external pure returns (uint32) {
        return FeedIds.idOf(kind, zone, horizon);
    }

    function partsOf(uint32 id) external pure returns (uint256, uint256, uint16) {
        return (id.kindNumber(), id.horizon(), id.zone());
    }

    function unitOf(FeedKind kind) external pure returns (Unit, uint8) {
        return FeedIds.unitOf(kind);
    }

    function limitsOf(FeedKind kind) external pure returns (int128, int128) {
        return FeedIds.limitsOf(kind);
    }

    /* READING */

    function tryRead(address oracle, uint32 id)
        external
        view
        returns (int256, uint256, FeedStatus)
    {
        return FeedReading.tryRead(oracle, id);
    }

    function tryReadWithFallback(address oracle, uint32 id)
        external
        view
        returns (int256, uint256, FeedStatus)
    {
        return FeedReading.tryReadWithFallback(oracle, id);
    }
}

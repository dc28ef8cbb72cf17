// SPDX-License-Identifier: MIT
pragma solidity 0.8.34;

import {PriceFormula} from "../libraries/PriceFormula.sol";
import {WeekTables} from "../libraries/WeekTables.sol";
import {Formula, PriceInputs, PriceQuote} from "../types/Pricing.sol";

/// @notice The price formula over thousands of inputs a call.
contract PriceFormulaHarness {
    /// @param packed four words an input: `demand 128 | supply 128`, `expected 128 | normalDemand 48 | normalSupply 48 |
    /// time 16 | score 16`, `base 96 | previous 96 | tick 64`, `highest 96 | missing 16 | zero 144`
    /// @return answers one word an input: `price 96 | demand 16 | supply 16 | time 16 | stability 16 | flags 16`, low
    function quotes(Formula calldata formula, bytes32[4][] calldata packed)
        external
        pure
        returns (uint256[] memory answers)
    {
        Formula memory copy = formula;
        PriceInputs memory inputs;
        answers = new uint256[](packed.length);
        for (uint256 i; i < packed.length; ++i) {
            uint256 word = uint256(packed[i][0]);
            inputs.demandW = int128(uint128(word >> 128));
            inputs.supplyW = int128(uint128(word));
            word = uint256(packed[i][1]);
            inputs.expectedW = int128(uint128(word >> 128));
            inputs.normalDemandW = uint48(word >> 80);
            inputs.normalSupplyW = uint48(word >> 32);
            inputs.timeFactorBps = uint16(word >> 16);
            inputs.stabilityScore = uint16(word);
            word = uint256(packed[i][2]);
            inputs.base = uint96(word >> 160);
            inputs.previous = uint96(word >> 64);
            inputs.tick = uint64(word);
            word = uint256(packed[i][3]);
            inputs.highest = uint96(word >> 160);
            inputs.missing = uint16(word >> 144);
            PriceQuote memory quote = PriceFormula.quote(copy, inputs);
            answers[i] = (uint256(quote.pricePerKWh) << 80)
                | (uint256(quote.demandFactorBps) << 64) | (uint256(quote.supplyFactorBps) << 48)
                | (uint256(quote.timeFactorBps) << 32) | (uint256(quote.stabilityFactorBps) << 16)
                | quote.flags;
        }
    }

    /// @param packed two words a move: `accumulator 96 | price 96 | tick 64`, `volume 128 | zero 128`
    /// @return answers one word a move: `accumulator 128 | base 128`
    function moves(Formula calldata formula, bytes32[2][] calldata packed)
        external
        pure
        returns (uint256[] memory answers)
    {
        Formula memory copy = formula;
        answers = new uint256[](packed.length);
        for (uint256 i; i < packed.length; ++i) {
            uint256 word = uint256(packed[i][0]);
            uint256 tick = uint64(word);
            uint256 accumulator = PriceFormula.moved(
                copy, word >> 160, uint96(word >> 64), uint256(packed[i][1]) >> 128, tick
            );
            answers[i] = (accumulator << 128) | PriceFormula.baseOf(accumulator, tick);
        }
    }

    function normals(uint256 word, uint256 slot, int8 utcOffsetSlots)
        external
        pure
        returns (
            uint256 index,
            uint48 normalDemandW,
            uint48 normalSupplyW,
            uint16 timeFactorBps
        )
    {
        index = WeekTables.indexOf(slot, utcOffsetSlots);
        (normalDemandW, normalSupplyW, timeFactorBps) = WeekTables.read(word, index);
    }
}

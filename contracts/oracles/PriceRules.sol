// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {IPriceOracle} from "../interfaces/IPriceOracle.sol";
import {PriceFormula} from "../libraries/PriceFormula.sol";
import {WeekTables} from "../libraries/WeekTables.sol";
import {Formula, ShadowPricing, ZonePricing} from "../types/Pricing.sol";
import {PriceStorage} from "./PriceStorage.sol";

/// @title Formulas, tables and the powers over them
/// @notice Part of `PricingRoom`; see `IPriceOracle`.
abstract contract PriceRules is PriceStorage {
    uint256 private constant MAX_QUOTE_FREEZE = 72 hours;
    /// @dev A day.
    uint256 private constant MIN_COMPARED_SLOTS = 96;
    /// @dev 20 %.
    uint256 private constant MAX_DEVIATION_BPS = 2_000;
    uint256 private constant LEAST_FACTOR_BPS = 1_000; // 10 %
    uint256 private constant MOST_FACTOR_BPS = 50_000; // 500 %
    uint256 private constant MAX_ALPHA_BPS = 5_000; // 50 %
    uint256 private constant LEAST_FULL_VOLUME_WH = 1_000; // 1 kWh
    uint256 private constant MOST_FULL_VOLUME_WH = 1e12; // 1 TWh
    int256 private constant MAX_OFFSET_SLOTS = 56; // 14 hours

    /* RESTRICTED FUNCTIONS: GOVERNANCE */

    /// @dev See `IPriceOracle.openZone`.
    function openZone(uint16 zone, Formula calldata formula, uint256 basePricePerKWh)
        external
        restricted
    {
        // Check.
        if (zone == 0 || _pricings[zone].nextSlot != 0) revert IPriceOracle.PricingNotOpenable(zone);
        _requireFormula(formula);
        uint256 highest = MAX_TICK * TICK_SIZE;
        if (basePricePerKWh == 0 || basePricePerKWh > highest || basePricePerKWh % TICK_SIZE != 0) {
            revert IPriceOracle.BaseInvalid(basePricePerKWh, TICK_SIZE, highest);
        }
        // Effect. Casts: an accumulator of at most 1,023 ticks, and a slot of a unix time, fit.
        uint32 nextSlot = uint32(block.timestamp / SLOT_SECONDS + 1);
        _formulas[zone] = formula;
        _pricings[zone].accumulator = uint88(basePricePerKWh * PriceFormula.SCALE);
        _pricings[zone].nextSlot = nextSlot;
        emit IPriceOracle.ZoneOpened(zone, formula, basePricePerKWh, nextSlot);
    }

    /// @dev See `IPriceOracle.appendTable`.
    function appendTable(uint32 tableId, uint256[] calldata words) external restricted {
        // Check.
        if (tableId == 0) revert IPriceOracle.TableZero();
        uint256[] storage table = _tables[tableId];
        uint256 count = table.length;
        uint256 room = WeekTables.WORDS - count;
        if (words.length > room) revert IPriceOracle.TableFull(tableId, words.length, room);
        // Effect.
        for (uint256 i; i < words.length; ++i) {
            _requireTableWord(count + i, words[i]);
            table.push(words[i]);
        }
        emit IPriceOracle.TableAppended(tableId, count + words.length);
    }

    /// @dev See `IPriceOracle.proposeFormula`.
    function proposeFormula(uint16 zone, Formula calldata formula) external restricted {
        // Check.
        ZonePricing memory pricing = _requireOpen(zone);
        _requireFormula(formula);
        // Effect: the shadow starts where the price stands.
        _proposals[zone] = formula;
        _shadows[zone] = ShadowPricing({
            accumulator: pricing.accumulator,
            previousTicks: pricing.previousTicks,
            slots: 0,
            maxDeviationBps: 0,
            proposed: true
        });
        emit IPriceOracle.FormulaProposed(zone, formula);
    }

    /// @dev See `IPriceOracle.withdrawProposal`.
    function withdrawProposal(uint16 zone) external restricted {
        if (!_shadows[zone].proposed) revert IPriceOracle.NothingProposed(zone);
        _forgetProposal(zone);
        emit IPriceOracle.ProposalWithdrawn(zone);
    }

    /// @dev See `IPriceOracle.activateFormula`.
    function activateFormula(uint16 zone) external restricted {
        // Check.
        ShadowPricing memory shadow = _shadows[zone];
        if (!shadow.proposed) revert IPriceOracle.NothingProposed(zone);
        if (shadow.slots < MIN_COMPARED_SLOTS) {
            revert IPriceOracle.ComparedTooShort(shadow.slots, MIN_COMPARED_SLOTS);
        }
        if (shadow.maxDeviationBps > MAX_DEVIATION_BPS) {
            revert IPriceOracle.ComparedTooFar(shadow.maxDeviationBps, MAX_DEVIATION_BPS);
        }
        // Effect: formula and base take over together; the last quote stays what the next step is from.
        Formula memory oldFormula = _formulas[zone];
        Formula memory newFormula = _proposals[zone];
        _formulas[zone] = newFormula;
        _pricings[zone].accumulator = shadow.accumulator;
        _forgetProposal(zone);
        emit IPriceOracle.FormulaActivated(zone, oldFormula, newFormula);
    }

    /// @dev See `IPriceOracle.setStabilitySource`.
    function setStabilitySource(address source) external restricted {
        if (source != address(0)) _requireCode(source);
        address oldSource = _stabilitySource;
        _stabilitySource = source;
        emit IPriceOracle.StabilitySourceChanged(oldSource, source);
    }

    /// @dev See `IPriceOracle.unfreezeQuotes`.
    function unfreezeQuotes(uint16 zone) external restricted {
        _requireOpen(zone);
        uint40 oldUntil = _pricings[zone].frozenUntil;
        _pricings[zone].frozenUntil = 0;
        emit IPriceOracle.QuotesUnfrozen(zone, oldUntil);
    }

    /* RESTRICTED FUNCTIONS: GUARDIAN */

    /// @dev See `IPriceOracle.freezeQuotes`.
    function freezeQuotes(uint16 zone, uint40 until) external restricted {
        // Check.
        ZonePricing memory pricing = _requireOpen(zone);
        uint256 latest = block.timestamp + MAX_QUOTE_FREEZE;
        if (until <= block.timestamp || until > latest) {
            revert IPriceOracle.FreezeInvalid(until, block.timestamp + 1, latest);
        }
        // Effect: join with the freeze in force.
        if (until < pricing.frozenUntil) until = pricing.frozenUntil;
        _pricings[zone].frozenUntil = until;
        emit IPriceOracle.QuotesFrozen(zone, pricing.frozenUntil, until);
    }

    /* INTERNAL */

    function _forgetProposal(uint16 zone) private {
        delete _proposals[zone];
        delete _shadows[zone];
    }

    function _requireFormula(Formula calldata formula) private view {
        uint256 weights = uint256(formula.demandWeightBps) + formula.supplyWeightBps
            + formula.timeWeightBps + formula.stabilityWeightBps;
        if (weights != PriceFormula.BPS) revert IPriceOracle.WeightsInvalid(weights, PriceFormula.BPS);
        uint256 lowest = formula.lowestFactorBps;
        uint256 highest = formula.highestFactorBps;
        if (
            lowest < LEAST_FACTOR_BPS || lowest > PriceFormula.BPS || highest < PriceFormula.BPS || highest > MOST_FACTOR_BPS
        ) revert IPriceOracle.FactorBoundsInvalid(lowest, highest);
        if (formula.stepBps == 0 || formula.stepBps > PriceFormula.BPS) {
            revert IPriceOracle.StepInvalid(formula.stepBps, PriceFormula.BPS);
        }
        if (formula.floorBps == 0 || formula.floorBps > PriceFormula.BPS || formula.capBps < PriceFormula.BPS) {
            revert IPriceOracle.PriceBoundsInvalid(formula.floorBps, formula.capBps);
        }
        if (formula.alphaBps == 0 || formula.alphaBps > MAX_ALPHA_BPS) {
            revert IPriceOracle.AlphaInvalid(formula.alphaBps, MAX_ALPHA_BPS);
        }
        if (formula.fullVolumeWh < LEAST_FULL_VOLUME_WH || formula.fullVolumeWh > MOST_FULL_VOLUME_WH) {
            revert IPriceOracle.FullVolumeInvalid(
                formula.fullVolumeWh, LEAST_FULL_VOLUME_WH, MOST_FULL_VOLUME_WH
            );
        }
        int256 offset = formula.utcOffsetSlots;
        if (offset < -MAX_OFFSET_SLOTS || offset > MAX_OFFSET_SLOTS) {
            revert IPriceOracle.OffsetInvalid(offset, MAX_OFFSET_SLOTS);
        }
        if (formula.tableId == 0) return;
        uint256 words = _tables[formula.tableId].length;
        if (words != WeekTables.WORDS) {
            revert IPriceOracle.TableIncomplete(formula.tableId, words, WeekTables.WORDS);
        }
    }

    function _requireTableWord(uint256 index, uint256 word) private pure {
        bool isValid = word & WeekTables.UNUSED == 0;
        for (uint256 half; half < 2; ++half) {
            (,, uint16 factor) = WeekTables.read(word, half);
            if (factor != 0 && (factor < LEAST_FACTOR_BPS || factor > MOST_FACTOR_BPS)) {
                isValid = false;
            }
        }
        if (!isValid) revert IPriceOracle.TableWordInvalid(index, word);
    }
}

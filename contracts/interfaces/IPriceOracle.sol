// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {ProductId} from "../types/Market.sol";
import {FeedStatus} from "../types/Observation.sol";
import {
    Formula,
    PriceInputs,
    PriceQuote,
    RecordedQuote,
    ShadowPricing,
    ZonePricing
} from "../types/Pricing.sol";

/// @title The reference price of each zone
/// @notice `price = base * (0.3 demand + 0.3 supply + 0.2 time + 0.2 stability)`, in integers, by the formula of the zone
/// (`libraries/PriceFormula.sol`). Beside it the oracle publishes feeds of external market prices (`IReportAggregator`).
///
/// **Quotes.** In every slot anybody may quote each zone once, for the slot that begins next. A quote reads demand and
/// supply from the grid oracle, the expected supply of the quoted slot from the weather oracle, the stability score, the
/// zone's normals of the week, and the base. What is not OK or FALLBACK there counts as 1 and leaves a flag. The market
/// gets the price as its reference at once (collars), and if the quote is OK as the slot's quote, which settlement uses
/// where no auction published a price. A quote never changes.
///
/// **Base.** Only auctions move it: each auction that published a price, once, in the order of their delivery start and
/// then by period (quarter hour, hour, day, week), as soon as delivery has started. Nobody chooses which or when: `quote` and
/// `noteAuctions` go on where the last call stopped. A quote made while auctions wait is flagged BASE_BEHIND.
///
/// **Trust.** A quote is OK unless demand or supply is missing or the base is behind (UNCERTAIN), or it stands at a bound
/// (BOUNDED); a missing forecast or stability score is told by the flags only, since the formula has a rule for it. It is STALE
/// from 1.5 slots on. FROZEN while the guardian says so: then nothing is quoted, and settlement has the tariffs.
///
/// **Changes.** Governance proposes a whole formula; it is computed beside the one in force for at least 96 slots with
/// trustworthy demand and supply, and takes over only if it never was further than 20 % from the quotes. The guardian can only freeze, for at most 72 hours.
/// @dev Assumptions: market, grid oracle and weather oracle are fixed at deployment and their reads do not revert. The
/// stability source is replaceable; one that reverts, lies about its type or uses up its gas counts as missing.
interface IPriceOracle {
    /* EVENTS */

    /// @notice A zone has a reference price from now on.
    event ZoneOpened(uint16 indexed zone, Formula formula, uint256 basePricePerKWh, uint32 nextSlot);
    /// @notice A quote, with all it follows from.
    event ZoneQuoted(
        uint16 indexed zone,
        uint32 indexed slot,
        FeedStatus status,
        PriceQuote quote,
        PriceInputs inputs
    );
    /// @notice An auction moved the base. @param accumulator base price times 10,000 afterwards
    event BaseMoved(
        uint16 indexed zone,
        ProductId indexed product,
        uint256 pricePerKWh,
        uint256 volumeWh,
        uint256 accumulator
    );
    /// @notice Auctions of all slots before `nextSlot` have moved the base.
    event AuctionsNoted(uint16 indexed zone, uint32 nextSlot);
    /// @notice A formula goes into the shadow; one proposed before is forgotten.
    event FormulaProposed(uint16 indexed zone, Formula formula);
    /// @notice What the proposed formula would have quoted.
    event ShadowQuoted(
        uint16 indexed zone, uint32 indexed slot, uint256 pricePerKWh, uint256 deviationBps
    );
    /// @notice A proposal is forgotten.
    event ProposalWithdrawn(uint16 indexed zone);
    /// @notice The proposed formula is in force.
    event FormulaActivated(uint16 indexed zone, Formula oldFormula, Formula newFormula);
    /// @notice Words were added to a table of the week. @param words it has now
    event TableAppended(uint32 indexed tableId, uint256 words);
    event StabilitySourceChanged(address oldSource, address newSource);
    /// @notice Nothing is quoted in the zone until then.
    event QuotesFrozen(uint16 indexed zone, uint40 oldUntil, uint40 newUntil);
    /// @notice Governance ended a freeze before its time.
    event QuotesUnfrozen(uint16 indexed zone, uint40 oldUntil);

    /* ERRORS */

    /// @notice The zone has no reference price.
    error PricingNotOpen(uint16 zone);
    /// @notice The zone has a reference price already, or is zone 0.
    error PricingNotOpenable(uint16 zone);
    /// @notice A base is 1 to the market's highest price, on ticks.
    error BaseInvalid(uint256 given, uint256 tickSize, uint256 highest);
    /// @notice The next slot has its quote.
    error AlreadyQuoted(uint16 zone, uint32 slot);
    /// @notice The guardian has frozen the zone's quotes.
    error QuotingFrozen(uint16 zone, uint40 until);
    /// @notice A freeze ends between the next second and 72 hours from now.
    error FreezeInvalid(uint40 given, uint256 earliest, uint256 latest);
    /// @notice The four weights do not add up to 10,000.
    error WeightsInvalid(uint256 given, uint256 allowed);
    /// @notice Factors lie within [1,000, 10,000] and [10,000, 50,000].
    error FactorBoundsInvalid(uint256 lowestBps, uint256 highestBps);
    /// @notice A step is 1 to 10,000 bps of the base.
    error StepInvalid(uint256 given, uint256 allowed);
    /// @notice Floor and cap lie within [1, 10,000] and [10,000, 65,535] bps of the base.
    error PriceBoundsInvalid(uint256 floorBps, uint256 capBps);
    /// @notice An auction moves the base by 1 to 5,000 bps.
    error AlphaInvalid(uint256 given, uint256 allowed);
    /// @notice Full volume is 1 kWh to 1 TWh: less would let crumbs of trade move the base.
    error FullVolumeInvalid(uint256 given, uint256 lowest, uint256 highest);
    /// @notice A clock is at most 56 quarter hours from UTC.
    error OffsetInvalid(int256 given, int256 allowed);
    /// @notice A table is used once it has all 336 words.
    error TableIncomplete(uint32 tableId, uint256 words, uint256 required);
    /// @notice More words than the table has room for.
    error TableFull(uint32 tableId, uint256 given, uint256 room);
    /// @notice Tables count from 1.
    error TableZero();
    /// @notice Bits that no field has, or a time factor that is not 0 and outside [1,000, 50,000].
    error TableWordInvalid(uint256 index, uint256 word);
    /// @notice Nothing is proposed.
    error NothingProposed(uint16 zone);
    /// @notice The proposal has not been compared long enough.
    error ComparedTooShort(uint256 slots, uint256 required);
    /// @notice The proposal was too far from the quotes: a jump is a mistake until it is proposed in steps.
    error ComparedTooFar(uint256 deviationBps, uint256 allowed);
    /// @notice An address without code cannot be asked.
    error NotAContract(address given);
    /// @notice The call must leave enough gas to ask the stability source, so that nobody can make it look broken.
    error TooLittleGas(uint256 given, uint256 required);

    /* ANYBODY */

    /// @notice Quote a zone for the slot that begins next. Once a slot. Notes the auctions of up to 8 slots first.
    /// @return pricePerKWh settlement-token base units per kWh, a multiple of the market's tick
    /// @return flags `PriceFlags`
    function quote(uint16 zone) external returns (uint256 pricePerKWh, uint16 flags);

    /// @notice Let auctions whose delivery has started move the base.
    /// @param maxSlots most slots to go on by
    /// @return nextSlot first slot that waits
    function noteAuctions(uint16 zone, uint256 maxSlots) external returns (uint32 nextSlot);

    /* GOVERNANCE */

    /// @notice Give a zone a reference price. Once; nobody has relied on one before.
    /// @param basePricePerKWh where the base starts, on ticks
    function openZone(uint16 zone, Formula calldata formula, uint256 basePricePerKWh) external;

    /// @notice Add words to a table of the week; with 336 it is complete and never changes again.
    /// @param words as in `libraries/WeekTables.sol`, from where the table ends
    function appendTable(uint32 tableId, uint256[] calldata words) external;

    /// @notice Put a whole formula into the shadow. Replaces an earlier proposal.
    function proposeFormula(uint16 zone, Formula calldata formula) external;

    /// @notice Forget the proposal.
    function withdrawProposal(uint16 zone) external;

    /// @notice Let the proposal take over, base included, from the next quote on.
    function activateFormula(uint16 zone) external;

    /// @notice Name the contract that knows how stable the grid is; 0: nobody does.
    function setStabilitySource(address source) external;

    /// @notice End a freeze before its time.
    function unfreezeQuotes(uint16 zone) external;

    /* GUARDIAN */

    /// @notice Stop quoting a zone. Joined with a freeze in force, so never shortened; ends by itself.
    /// @param until at most 72 hours from now
    function freezeQuotes(uint16 zone, uint40 until) external;

    /* VIEWS: none of them reverts */

    /// @notice Last quote of a zone.
    /// @return pricePerKWh 0 before the first
    /// @return quotedAt unix second
    /// @return status how far to trust it
    function price(uint16 zone)
        external
        view
        returns (uint256 pricePerKWh, uint256 quotedAt, FeedStatus status);

    /// @notice Quote of a slot with its factors; all zero if there is none, or it is older than a week. The market keeps
    /// prices that settlement uses for ever (`IReferencePrices.slotQuote`).
    function quoteOf(uint16 zone, uint32 slot) external view returns (RecordedQuote memory);

    /// @notice Base price of a zone, on ticks; 0 if it is not open.
    function basePrice(uint16 zone) external view returns (uint256 pricePerKWh);

    /// @notice Formula in force; all zero if the zone is not open.
    function formulaOf(uint16 zone) external view returns (Formula memory);

    /// @notice Proposed formula and how it has done; all zero if there is none.
    function proposalOf(uint16 zone)
        external
        view
        returns (Formula memory formula, ShadowPricing memory shadow);

    /// @notice Where the price of a zone stands.
    function pricingOf(uint16 zone) external view returns (ZonePricing memory);

    /// @notice What the formula in force holds for normal in a slot.
    function normalsOf(uint16 zone, uint32 slot)
        external
        view
        returns (uint256 normalDemandW, uint256 normalSupplyW, uint256 timeFactorBps);

    /// @notice Words that a table has.
    function tableWords(uint32 tableId) external view returns (uint256);

    /// @notice Who knows how stable the grid is; 0 for nobody.
    function stabilitySource() external view returns (address);

    /// @notice The market that is quoted to.
    function market() external view returns (address);

    /// @notice Where demand and supply are read.
    function gridOracle() external view returns (address);

    /// @notice Where the expected supply is read.
    function weatherOracle() external view returns (address);

    /// @notice The contract whose code quotes.
    function pricingRoom() external view returns (address);
}

// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

/// @title Reference prices of the zones
/// @notice A reference sets the collars of products that open from then on, and what counts as a far-off auction price.
/// It never overrides a cleared price. A slot's quote, made before the slot begins and never changed, is what settlement
/// uses where no auction published a price for the slot; the market keeps it, so that settlement asks no oracle.
interface IReferencePrices {
    /// @notice In settlement-token base units per kWh; 0 means none.
    event ReferencePriceSet(uint16 indexed zone, uint256 oldPricePerKWh, uint256 newPricePerKWh);

    /// @notice The quote of a slot is on record, for ever.
    event SlotQuoted(uint16 indexed zone, uint32 indexed slot, uint256 pricePerKWh);

    /// @notice Only the slot that begins next is quoted: earlier ones have begun, later ones are not known.
    error NotTheNextSlot(uint32 given, uint32 allowed);
    /// @notice The slot has its quote.
    error SlotQuotedAlready(uint16 zone, uint32 slot);
    /// @notice A slot's quote is at least one tick.
    error QuoteZero();
    /// @notice The reference must be at most the highest price of a book. In ticks.
    error ReferenceTooHigh(uint256 givenTicks, uint256 allowedTicks);

    /// @notice Set the reference of a zone. Restricted to the price feed.
    /// @param pricePerKWh settlement-token base units per kWh, a multiple of the tick size; 0 takes the reference away
    function setReferencePrice(uint16 zone, uint256 pricePerKWh) external;

    /// @notice Set the reference of a zone and put it on record as the quote of the slot that begins next. Restricted to
    /// the price feed.
    /// @param slot the slot after the one running now, not quoted yet
    /// @param pricePerKWh settlement-token base units per kWh, a multiple of the tick size, not 0
    function quoteSlot(uint16 zone, uint32 slot, uint256 pricePerKWh) external;

    /// @notice Quote of a slot in settlement-token base units per kWh; 0 if it has none.
    function slotQuote(uint16 zone, uint32 slot) external view returns (uint256 pricePerKWh);

    /// @notice Reference of a zone. @return pricePerKWh 0 if there is none @return setAt unix second
    function referencePrice(uint16 zone)
        external
        view
        returns (uint256 pricePerKWh, uint256 setAt);
}

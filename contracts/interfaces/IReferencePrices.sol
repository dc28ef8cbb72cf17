// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

/// @title Reference prices of the zones
/// @notice A reference sets the collars of products that open from then on, and what counts as a far-off auction price.
/// It never overrides a cleared price.
interface IReferencePrices {
    /// @notice In settlement-token base units per kWh; 0 means none.
    event ReferencePriceSet(uint16 indexed zone, uint256 oldPricePerKWh, uint256 newPricePerKWh);

    /// @notice The reference must be at most the highest price of a book. In ticks.
    error ReferenceTooHigh(uint256 givenTicks, uint256 allowedTicks);

    /// @notice Set the reference of a zone. Restricted to the price feed.
    /// @param pricePerKWh settlement-token base units per kWh, a multiple of the tick size; 0 takes the reference away
    function setReferencePrice(uint16 zone, uint256 pricePerKWh) external;

    /// @notice Reference of a zone. @return pricePerKWh 0 if there is none @return setAt unix second
    function referencePrice(uint16 zone)
        external
        view
        returns (uint256 pricePerKWh, uint256 setAt);
}

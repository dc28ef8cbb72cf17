// SPDX-License-Identifier: MIT
pragma solidity 0.8.34;

import {MarketStorage} from "./MarketStorage.sol";
import {IEnergyMarket} from "../interfaces/IEnergyMarket.sol";
import {IMarketZones} from "../interfaces/IMarketZones.sol";
import {IReferencePrices} from "../interfaces/IReferencePrices.sol";

/// @title Reference prices of the zones
abstract contract ReferencePrices is MarketStorage, IReferencePrices {
    /// @inheritdoc IReferencePrices
    function setReferencePrice(uint16 zone, uint256 pricePerKWh) external restricted {
        // Check.
        if (zone == 0) revert IMarketZones.ZoneZero();
        uint256 tick = pricePerKWh / TICK_SIZE;
        if (pricePerKWh % TICK_SIZE != 0) revert IEnergyMarket.PriceOffTick(pricePerKWh, TICK_SIZE);
        if (tick > MAX_TICK) revert ReferenceTooHigh(tick, MAX_TICK);
        // Effect.
        uint256 old = _references[zone].tick * TICK_SIZE;
        _references[zone] = Reference(uint16(tick), uint40(block.timestamp)); // 10 bits, unix time
        emit ReferencePriceSet(zone, old, pricePerKWh);
    }

    /// @inheritdoc IReferencePrices
    function referencePrice(uint16 zone)
        external
        view
        returns (uint256 pricePerKWh, uint256 setAt)
    {
        Reference memory current = _references[zone];
        return (current.tick * TICK_SIZE, current.setAt);
    }
}

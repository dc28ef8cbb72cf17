// SPDX-License-Identifier: MIT
pragma solidity 0.8.34;

import {MarketStorage} from "./MarketStorage.sol";
import {IEnergyMarket} from "../interfaces/IEnergyMarket.sol";
import {IMarketZones} from "../interfaces/IMarketZones.sol";
import {IReferencePrices} from "../interfaces/IReferencePrices.sol";
import {Products} from "../libraries/Products.sol";

/// @title Reference prices of the zones
abstract contract ReferencePrices is MarketStorage, IReferencePrices {
    uint256 private constant QUOTES_PER_WORD = 16;
    uint256 private constant QUOTE_BITS = 16;
    uint256 private constant QUOTE_MASK = (1 << QUOTE_BITS) - 1;

    /// @inheritdoc IReferencePrices
    function setReferencePrice(uint16 zone, uint256 pricePerKWh) external restricted {
        _setReference(zone, pricePerKWh);
    }

    /// @inheritdoc IReferencePrices
    function quoteSlot(uint16 zone, uint32 slot, uint256 pricePerKWh) external restricted {
        // Check.
        uint256 next = block.timestamp / Products.SLOT_SECONDS + 1;
        if (slot != next) revert NotTheNextSlot(slot, uint32(next)); // slots of unix times
        if (pricePerKWh == 0) revert QuoteZero();
        uint256 shift = _quoteShift(slot);
        uint256 word = _slotQuotes[zone][slot / QUOTES_PER_WORD];
        if ((word >> shift) & QUOTE_MASK != 0) revert SlotQuotedAlready(zone, slot);
        // Effect.
        uint256 tick = _setReference(zone, pricePerKWh);
        _slotQuotes[zone][slot / QUOTES_PER_WORD] = word | (tick << shift);
        emit SlotQuoted(zone, slot, pricePerKWh);
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

    /// @inheritdoc IReferencePrices
    function slotQuote(uint16 zone, uint32 slot) external view returns (uint256 pricePerKWh) {
        uint256 word = _slotQuotes[zone][slot / QUOTES_PER_WORD];
        return ((word >> _quoteShift(slot)) & QUOTE_MASK) * TICK_SIZE;
    }

    /// @dev Quotes of `prices.length` slots from `firstSlot` on as `highest << 128 | lowest`, entered where `prices` has
    /// none.
    function _fillWithQuotes(uint16 zone, uint256 firstSlot, uint256[] memory prices)
        internal
        view
    {
        // Most markets and tests have no price feed: then one look is all it costs.
        if (_references[zone].setAt == 0) return;
        uint256 group = type(uint256).max;
        uint256 word;
        for (uint256 i; i < prices.length; ++i) {
            if (prices[i] != 0) continue;
            uint256 slot = firstSlot + i;
            if (slot / QUOTES_PER_WORD != group) {
                group = slot / QUOTES_PER_WORD;
                word = _slotQuotes[zone][group];
            }
            uint256 price = ((word >> _quoteShift(slot)) & QUOTE_MASK) * TICK_SIZE;
            prices[i] = (price << 128) | price; // a tick of 10 bits times a size below 2^64
        }
    }

    function _setReference(uint16 zone, uint256 pricePerKWh) private returns (uint256 tick) {
        // Check.
        if (zone == 0) revert IMarketZones.ZoneZero();
        tick = pricePerKWh / TICK_SIZE;
        if (pricePerKWh % TICK_SIZE != 0) revert IEnergyMarket.PriceOffTick(pricePerKWh, TICK_SIZE);
        if (tick > MAX_TICK) revert ReferenceTooHigh(tick, MAX_TICK);
        // Effect.
        uint256 old = _references[zone].tick * TICK_SIZE;
        _references[zone] = Reference(uint16(tick), uint40(block.timestamp)); // 10 bits, unix time
        emit ReferencePriceSet(zone, old, pricePerKWh);
    }

    function _quoteShift(uint256 slot) private pure returns (uint256) {
        return slot % QUOTES_PER_WORD * QUOTE_BITS;
    }
}

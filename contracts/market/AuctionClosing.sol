// SPDX-License-Identifier: MIT
pragma solidity 0.8.34;

import {MarketOpenings} from "./MarketOpenings.sol";
import {IAuctionClearing} from "../interfaces/IAuctionClearing.sol";
import {IAuctionEntry} from "../interfaces/IAuctionEntry.sol";
import {Products} from "../libraries/Products.sol";
import {ProductId} from "../types/Market.sol";
import {HaltScope} from "../types/MarketTerms.sol";

/// @title When an auction may be cleared
/// @notice From its gate until delivery starts: zones with interconnectors first together, for
/// `COUPLED_WINDOW`, then each on its own. The gate moves once, by `Products.GATE_EXTENSION`, if a
/// clearing comes early and its price is far from the reference.
abstract contract AuctionClosing is MarketOpenings, IAuctionClearing {
    using Products for ProductId;

    /// @dev Longer products close so much earlier that their windows are over when that of a product
    /// within them begins.
    uint256 internal constant COUPLED_WINDOW = 10 minutes;

    /// @dev Check: past the gate, before delivery, not cleared, not halted.
    function _requireClearable(ProductId product) internal view {
        uint256 length = product.requireAuction();
        uint256 nowSeconds = block.timestamp;
        uint256 gate = _auctionGate(product);
        if (nowSeconds < gate) revert GateStillOpen(nowSeconds, gate);
        uint256 delivery = product.deliveryAt();
        if (nowSeconds >= delivery) revert DeliveryStarted(nowSeconds, delivery);
        if (_results[product].isCleared()) revert IAuctionEntry.AlreadyCleared(product);
        uint16 zone = product.zone();
        _requireNotHalted(_zones[zone], HaltScope.MATCH, zone, product.startSlot(), length);
    }

    /// @dev Second at which the time for clearing zones together ends.
    function _coupledUntil(ProductId product) internal view returns (uint256) {
        return _auctionGate(product) + COUPLED_WINDOW;
    }

    /// @dev The gate with its extension. The opening is read only when it can make a difference: from
    /// the nominal gate until an extended window is over.
    function _auctionGate(ProductId product) internal view returns (uint256 gate) {
        gate = product.gateAt();
        // Unix times and spans of minutes do not overflow.
        unchecked {
            if (
                block.timestamp >= gate
                    && block.timestamp < gate + Products.GATE_EXTENSION + COUPLED_WINDOW
                    && _openingOf(product).isExtended()
            ) gate += Products.GATE_EXTENSION;
        }
    }

    /// @dev Whether clearing at this price extends the gate instead.
    function _isExtensionDue(ProductId product, uint256 priceTick) internal view returns (bool) {
        if (priceTick == 0) return false;
        unchecked {
            if (block.timestamp >= product.gateAt() + Products.GATE_EXTENSION) return false;
        }
        // An extended gate has not been reached yet, so the opening is not extended.
        return _openingOf(product).isFarOff(priceTick);
    }

    /// @dev Effect: move the gate. A zone in which nobody has ordered yet opens with it.
    function _extend(ProductId product) internal {
        uint256 key = product.openingKey();
        _openings[key] = _ensureOpening(product).withExtension();
        emit GateExtended(product, product.gateAt() + Products.GATE_EXTENSION);
    }
}

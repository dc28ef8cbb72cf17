// SPDX-License-Identifier: MIT
pragma solidity 0.8.34;

import {MarketRules} from "./MarketRules.sol";
import {IAuctionEntry} from "../interfaces/IAuctionEntry.sol";
import {Opening, Openings} from "../libraries/Openings.sol";
import {Products} from "../libraries/Products.sol";
import {ProductId} from "../types/Market.sol";

/// @title The first order of a product freezes its collar
/// @notice One opening for both sessions, from the zone's reference price at that moment.
abstract contract MarketOpenings is MarketRules {
    using Products for ProductId;

    /// @dev The opening of the product; zero if it has had no order.
    function _openingOf(ProductId product) internal view returns (Opening opening) {
        opening = _openings[product.openingKey()];
        if (!opening.isOfTurn(product.tag())) opening = Opening.wrap(0);
    }

    /// @dev The opening of the product, written if this is its first order.
    function _ensureOpening(ProductId product) internal returns (Opening opening) {
        uint256 key = product.openingKey();
        uint256 tag = product.tag();
        opening = _openings[key];
        if (opening.isOfTurn(tag)) return opening;
        opening = Openings.create(tag, _references[product.zone()].tick);
        _openings[key] = opening;
        if (opening.referenceTick() != 0) {
            emit IAuctionEntry.CollarFrozen(
                product, opening.referenceTick(), opening.lowestTick(), opening.highestTick()
            );
        }
    }
}

// SPDX-License-Identifier: MIT
pragma solidity 0.8.34;

import {CallAuction} from "./CallAuction.sol";
import {CoupledVerification} from "./CoupledVerification.sol";
import {ICoupledClearing} from "../interfaces/ICoupledClearing.sol";
import {AuctionResult, AuctionResults} from "../libraries/AuctionResults.sol";
import {LevelSums} from "../libraries/LevelSums.sol";
import {LevelWord} from "../libraries/LevelWords.sol";
import {Products} from "../libraries/Products.sol";
import {InterconnectorWord, RegionWord, Regions} from "../libraries/Regions.sol";
import {ZoneWord} from "../libraries/ZoneWords.sol";
import {CoupledLink, CoupledLinks} from "../types/CoupledLink.sol";
import {CoupledMarket, CoupledNode, Sums} from "../types/CoupledMarket.sol";
import {Period, ProductId, Session} from "../types/Market.sol";

/// @title Zones cleared together, from the books on chain
/// @notice `CoupledVerification` proves prices, flows and tie shares; this part gives it books and
/// capacities and keeps what came out. Prices are ticks, energies lots per slot.
abstract contract CoupledClearing is CallAuction, CoupledVerification, ICoupledClearing {
    using LevelSums for mapping(uint256 => LevelWord);
    using Products for ProductId;

    uint256 private constant SLOTS_PER_HOUR = 1 hours / Products.SLOT_SECONDS;
    uint256 private constant LANES = AuctionResults.LANES_PER_WORD;

    /// @inheritdoc ICoupledClearing
    function clearCoupled(ProductId regionProduct, bytes calldata proposal) external {
        // Check: region and time, for all zones.
        uint16 region = regionProduct.zone();
        RegionWord word = _regions[region];
        if (word.linkCount() == 0) revert NotCoupled(region);
        ProductId[] memory products = _productsOf(word, regionProduct);
        for (uint256 zone; zone < products.length; ++zone) _requireClearable(products[zone]);
        uint256 until = _coupledUntil(regionProduct);
        if (block.timestamp >= until) revert CoupledTooLate(block.timestamp, until);
        // Check: the proposal.
        CoupledMarket memory market =
            _newMarket(products.length, 0, word.linkCount(), 1, int256(MAX_TICK));
        _loadBooks(market, products);
        _loadLinks(market, products);
        _verify(market, proposal);
        // Effect.
        uint256[] memory results = new uint256[](products.length);
        bool extends;
        for (uint256 zone; zone < products.length; ++zone) {
            AuctionResult result = _resultOf(market, zone);
            results[zone] = AuctionResult.unwrap(result);
            if (_isExtensionDue(products[zone], result.priceTick())) extends = true;
        }
        if (extends) {
            for (uint256 zone; zone < products.length; ++zone) _extend(products[zone]);
            return;
        }
        for (uint256 zone; zone < products.length; ++zone) {
            _results[products[zone]] = AuctionResult.wrap(results[zone]);
        }
        emit RegionCleared(regionProduct, results);
    }

    /// @inheritdoc ICoupledClearing
    function collectRent(ProductId regionProduct, uint256 index)
        external
        returns (uint256 amount)
    {
        // Check.
        uint16 region = regionProduct.zone();
        uint256 length = _deliveredSlots(
            _zones[region], regionProduct.startSlot(), regionProduct.requireAuction()
        );
        uint256 end = regionProduct.deliveryAt() + length * Products.SLOT_SECONDS;
        if (block.timestamp < end) revert DeliveryNotOver(block.timestamp, end);
        RegionWord word = _regions[region];
        if (index >= word.linkCount()) revert NoRent(regionProduct, index);
        ProductId keeper = regionProduct.inZone(word.zoneAt(region, index / LANES));
        AuctionResult result = _results[keeper];
        uint256 lane = index % LANES;
        InterconnectorWord link = _interconnectors[Regions.linkKey(region, index)];
        uint256 from =
            _results[regionProduct.inZone(word.zoneAt(region, link.from()))].clearingTick();
        uint256 to =
            _results[regionProduct.inZone(word.zoneAt(region, link.to()))].clearingTick();
        // A flow is below 2^38 lots, prices are below 2^10 ticks, units below 2^64; rent is not negative
        // because a flow goes towards the higher price, or not at all.
        unchecked {
            amount = uint256(result.flowLots(lane) * (int256(to) - int256(from))) * length
                * LOT_TICK_VALUE;
        }
        if (amount == 0 || result.isRentCollected(lane)) revert NoRent(regionProduct, index);
        // Effect.
        _results[keeper] = result.withRentCollected(lane);
        emit RentCollected(regionProduct, index, link.owner(), amount);
        // Interaction: the trusted ledger.
        LEDGER.creditRent(link.owner(), amount);
    }

    /* INTERNAL: WHAT THE VERIFIER ASKS FOR */

    /// @inheritdoc CoupledVerification
    function _sums(uint256 curve, int256 price)
        internal
        view
        override
        returns (Sums memory sums)
    {
        Book memory book;
        assembly ("memory-safe") {
            book := curve // as `_loadBooks` left it
        }
        // The verifier asks for prices from 1 to MAX_TICK only; sums of lots stay below 2^39.
        unchecked {
            uint256 tick = uint256(price);
            (uint256 buysAbove, uint256 buysAt) = _levels.above(book.buyWords, book.buyKey, tick);
            (uint256 sellsBelow, uint256 sellsAt) =
                _levels.below(book.sellWords, book.sellKey, tick);
            sums.buysAbove = buysAbove;
            sums.buysFrom = buysAbove + buysAt;
            sums.sellsBelow = sellsBelow;
            sums.sellsUpTo = sellsBelow + sellsAt;
        }
    }

    /// @dev The zone's book, in memory, is what the verifier finds its curve by.
    function _loadBooks(CoupledMarket memory market, ProductId[] memory products) private view {
        for (uint256 zone; zone < products.length; ++zone) {
            Book memory book = _bookOf(products[zone]);
            uint256 pointer;
            assembly ("memory-safe") {
                pointer := book
            }
            market.nodes[zone].curve = pointer;
        }
    }

    /// @dev Interconnectors with what the longer products that cover this one leave of them.
    function _loadLinks(CoupledMarket memory market, ProductId[] memory products) private view {
        uint16 region = products[0].zone();
        int256[] memory taken = _takenFlows(products, market.links.length);
        for (uint256 i; i < taken.length; ++i) {
            InterconnectorWord link = _interconnectors[Regions.linkKey(region, i)];
            market.links[i] = CoupledLinks.pack(
                link.from(),
                link.to(),
                _left(link.backW(), -taken[i]),
                _left(link.forwardW(), taken[i])
            );
        }
    }

    /// @dev Sum of the flows over each interconnector in the longer products that cover this one.
    function _takenFlows(ProductId[] memory products, uint256 links)
        private
        view
        returns (int256[] memory taken)
    {
        taken = new int256[](links);
        // Sums of three numbers of 39 bits.
        unchecked {
            uint256 start = products[0].startSlot();
            for (
                uint256 period = products[0].periodIndex() + 1;
                period <= Products.LAST_PERIOD;
                ++period
            ) {
                uint256 covering = Products.startCovering(Period(period), start);
                for (uint256 i; i < links; i += LANES) {
                    AuctionResult result = _results[Products.pack(
                        products[i / LANES].zone(), Period(period), Session.AUCTION, covering
                    )];
                    for (uint256 lane; lane < LANES && i + lane < links; ++lane) {
                        taken[i + lane] += result.flowLots(lane);
                    }
                }
            }
        }
    }

    /// @dev Lots per slot that one way still carries; nothing if the capacity was lowered below what
    /// flows already.
    function _left(uint256 powerW, int256 takenLots) private view returns (uint256) {
        // Powers are below 2^40, flows below 2^41.
        unchecked {
            int256 left = int256(powerW / SLOTS_PER_HOUR / LOT) - takenLots;
            return left > 0 ? uint256(left) : 0;
        }
    }

    /// @dev Slots of a product that are delivered: not those that are void because the zone's market is closed.
    function _deliveredSlots(ZoneWord word, uint256 start, uint256 length)
        private
        pure
        returns (uint256)
    {
        uint256 closedFrom = word.closedFrom();
        if (closedFrom == 0 || start + length <= closedFrom) return length;
        return closedFrom > start ? closedFrom - start : 0;
    }

    /* INTERNAL: WHAT THE VERIFIER LEFT */

    /// @dev Word of one zone, with the flows that it keeps.
    function _resultOf(CoupledMarket memory market, uint256 zone)
        private
        pure
        returns (AuctionResult result)
    {
        CoupledNode memory node = market.nodes[zone];
        // A price from 1 to MAX_TICK.
        result = AuctionResults.create(uint256(node.price), node.bought, node.sold);
        if (node.rationedTotal != 0) {
            result = result.withRationing(
                node.rationsBuys ? BUY : SELL, node.rationedFill, node.rationedTotal
            );
        }
        uint256 links = market.links.length;
        uint256 first = zone * LANES;
        for (uint256 lane; lane < LANES && first + lane < links; ++lane) {
            result = result.withFlow(lane, market.links[first + lane].flow());
        }
    }

    /// @dev The product in each zone of the region.
    function _productsOf(RegionWord word, ProductId regionProduct)
        private
        pure
        returns (ProductId[] memory products)
    {
        products = new ProductId[](word.zoneCount());
        for (uint256 zone; zone < products.length; ++zone) {
            products[zone] = regionProduct.inZone(word.zoneAt(regionProduct.zone(), zone));
        }
    }
}

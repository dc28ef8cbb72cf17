// SPDX-License-Identifier: MIT
pragma solidity 0.8.34;

import {MarketStorage} from "./MarketStorage.sol";
import {IInterconnectors} from "../interfaces/IInterconnectors.sol";
import {IMarketZones} from "../interfaces/IMarketZones.sol";
import {AuctionResults} from "../libraries/AuctionResults.sol";
import {Products} from "../libraries/Products.sol";
import {
    InterconnectorWord,
    InterconnectorWords,
    RegionWord,
    Regions
} from "../libraries/Regions.sol";
import {ProductId} from "../types/Market.sol";
import {Interconnector} from "../types/Region.sol";

/// @title Regions of zones and the interconnectors within them
/// @notice Governance decides which zones are cleared together and what the lines between them carry.
abstract contract Interconnectors is MarketStorage, IInterconnectors {
    using Products for ProductId;

    /* RESTRICTED */

    /// @inheritdoc IInterconnectors
    function joinRegion(uint16 zone, uint16 region) external restricted {
        // Check.
        if (zone == 0 || region == 0) revert IMarketZones.ZoneZero();
        RegionWord own = _regions[zone];
        if (zone == region || !own.isAlone()) revert ZoneInRegion(zone, own.head(zone));
        if (_zones[zone].current().exist()) revert ZoneHasTerms(zone);
        RegionWord word = _requireRegion(region);
        uint256 zones = word.zoneCount();
        if (zones == Regions.MAX_ZONES) revert TooManyZones(zones + 1, Regions.MAX_ZONES);
        // Effect.
        _regions[region] = word.withZone(region, zone);
        _regions[zone] = Regions.member(region);
        emit RegionJoined(zone, region);
    }

    /// @inheritdoc IInterconnectors
    function addInterconnector(
        uint16 fromZone,
        uint16 toZone,
        uint256 forwardW,
        uint256 backW,
        address owner
    ) external restricted returns (uint256 index) {
        // Check.
        uint16 region = _regionOf(fromZone);
        if (fromZone == toZone || _regionOf(toZone) != region) {
            revert NotOneRegion(fromZone, toZone);
        }
        if (owner == address(0)) revert OwnerZero();
        _requireCapacity(forwardW);
        _requireCapacity(backW);
        RegionWord word = _regions[region];
        index = word.linkCount();
        uint256 allowed = word.zoneCount() * AuctionResults.LANES_PER_WORD;
        if (allowed > Regions.MAX_LINKS) allowed = Regions.MAX_LINKS;
        if (index >= allowed) revert TooManyInterconnectors(index + 1, allowed);
        // Effect.
        _regions[region] = word.withLink();
        _interconnectors[Regions.linkKey(region, index)] = InterconnectorWords.create(
            word.indexOf(region, fromZone), word.indexOf(region, toZone), forwardW, backW, owner
        );
        emit InterconnectorAdded(region, index, fromZone, toZone, forwardW, backW, owner);
    }

    /// @inheritdoc IInterconnectors
    function setCapacity(uint16 region, uint256 index, uint256 forwardW, uint256 backW)
        external
        restricted
    {
        // Check.
        _requireCapacity(forwardW);
        _requireCapacity(backW);
        _requireLink(_requireRegion(region), region, index);
        // Effect.
        uint256 key = Regions.linkKey(region, index);
        InterconnectorWord link = _interconnectors[key];
        _interconnectors[key] = link.withCapacity(forwardW, backW);
        emit CapacitySet(region, index, link.forwardW(), link.backW(), forwardW, backW);
    }

    /* VIEWS */

    /// @inheritdoc IInterconnectors
    function zonesOf(uint16 region) external view returns (uint16[] memory zones) {
        RegionWord word = _requireRegion(region);
        zones = new uint16[](word.zoneCount());
        for (uint256 i; i < zones.length; ++i) zones[i] = word.zoneAt(region, i);
    }

    /// @inheritdoc IInterconnectors
    function interconnectorsOf(uint16 region) external view returns (Interconnector[] memory list) {
        RegionWord word = _requireRegion(region);
        list = new Interconnector[](word.linkCount());
        for (uint256 i; i < list.length; ++i) {
            InterconnectorWord link = _interconnectors[Regions.linkKey(region, i)];
            list[i] = Interconnector({
                owner: link.owner(),
                fromZone: word.zoneAt(region, link.from()),
                toZone: word.zoneAt(region, link.to()),
                forwardW: link.forwardW(),
                backW: link.backW()
            });
        }
    }

    /// @inheritdoc IInterconnectors
    function flowOf(ProductId regionProduct, uint256 index) external view returns (int256 lots) {
        regionProduct.requireAuction();
        uint16 region = regionProduct.zone();
        RegionWord word = _requireRegion(region);
        _requireLink(word, region, index);
        uint16 keeper = word.zoneAt(region, index / AuctionResults.LANES_PER_WORD);
        return _results[regionProduct.inZone(keeper)].flowLots(
            index % AuctionResults.LANES_PER_WORD
        );
    }

    /* INTERNAL */

    /// @dev Word of a region; reverts for a zone that belongs to the region of another.
    function _requireRegion(uint16 region) internal view returns (RegionWord word) {
        word = _regions[region];
        if (!word.isHead()) revert NotAHeadZone(region, word.head(region));
    }

    function _requireLink(RegionWord word, uint16 region, uint256 index) private pure {
        uint256 count = word.linkCount();
        if (index >= count) revert InterconnectorUnknown(region, index, count);
    }

    function _requireCapacity(uint256 powerW) private pure {
        if (powerW > InterconnectorWords.MAX_POWER_W) {
            revert CapacityTooLarge(powerW, InterconnectorWords.MAX_POWER_W);
        }
    }
}

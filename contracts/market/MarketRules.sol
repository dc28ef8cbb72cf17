// SPDX-License-Identifier: MIT
pragma solidity 0.8.34;

import {MarketStorage} from "./MarketStorage.sol";
import {IEnergyMarket} from "../interfaces/IEnergyMarket.sol";
import {IMarketZones} from "../interfaces/IMarketZones.sol";
import {PackedTerms, ZoneWord} from "../libraries/ZoneWords.sol";
import {HaltScope} from "../types/MarketTerms.sol";

/// @title What a zone allows now: its money rules and halts, as all rooms read them
abstract contract MarketRules is MarketStorage {
    /// @dev An entry of `_formerTerms` is `fromSlot << 33 | terms`.
    uint256 internal constant FORMER_FROM = 33;

    /// @dev Terms of products that start at `slot`, also for slots long past; reverts if the zone
    /// never had any.
    function _requireTerms(ZoneWord word, uint16 zone, uint256 slot)
        internal
        view
        returns (PackedTerms terms)
    {
        terms = slot >= word.currentFrom() ? word.termsFrom(slot) : _formerTermsAt(zone, slot);
        if (!terms.exist()) revert IMarketZones.ZoneNotOpen(zone);
    }

    function _requireNotHalted(
        ZoneWord word,
        HaltScope what,
        uint16 zone,
        uint256 startSlot,
        uint256 length
    ) internal view {
        if (_isHalted(word, what, startSlot, length)) {
            revert IEnergyMarket.TradingHalted(zone, uint40(word.haltExpiresAt())); // a 40-bit field
        }
    }

    function _isHalted(ZoneWord word, HaltScope what, uint256 startSlot, uint256 length)
        internal
        view
        returns (bool)
    {
        return block.timestamp < word.haltExpiresAt() && word.haltCovers(what, startSlot, length);
    }

    /// @dev Newest first: settlement asks for slots of the last days. The first entry is from slot 0.
    function _formerTermsAt(uint16 zone, uint256 slot) private view returns (PackedTerms) {
        uint256[] storage former = _formerTerms[zone];
        for (uint256 i = former.length; i != 0; --i) {
            uint256 entry = former[i - 1];
            if (entry >> FORMER_FROM <= slot) {
                return PackedTerms.wrap(entry & ((1 << FORMER_FROM) - 1));
            }
        }
        return PackedTerms.wrap(0);
    }
}

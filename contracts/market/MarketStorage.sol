// SPDX-License-Identifier: MIT
pragma solidity 0.8.34;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";

import {IMarketGrid} from "../interfaces/IMarketGrid.sol";
import {IMarketLedger} from "../interfaces/IMarketLedger.sol";
import {AuctionRecord} from "../libraries/AuctionRecords.sol";
import {AuctionResult} from "../libraries/AuctionResults.sol";
import {BookHead, LevelWord} from "../libraries/LevelWords.sol";
import {Opening} from "../libraries/Openings.sol";
import {OrderRecord} from "../libraries/OrderRecords.sol";
import {InterconnectorWord, RegionWord} from "../libraries/Regions.sol";
import {ZoneWord} from "../libraries/ZoneWords.sol";
import {ProductId} from "../types/Market.sol";

/// @notice Everything the market stores and all that is fixed when it is deployed, declared in this one place.
/// @dev Warning: `EnergyTrading` runs the code of its rooms on its own storage. All inherit exactly this contract
/// first and declare no state of their own, so their layouts are the same by construction. Never declare state in
/// another part.
///
/// Words of the ring (`Products.ringKey`: zone, period, session, start slot mod 4,096) carry the turn in a tag and are
/// never zeroed, so that in the steady state no order creates a storage slot. What an account may need however late it
/// is settled (results, flows) is kept by product id.
///
/// Assumptions about `LEDGER`, fixed at deployment: it is `Settlement`, it calls nobody while it adjusts locks, and it
/// credits or debits exactly the lock it is told.
abstract contract MarketStorage is IMarketGrid, AccessManaged {
    /// @notice Reference price of a zone. One storage slot.
    /// @param tick in ticks; 0 for none
    /// @param setAt unix second
    struct Reference {
        uint16 tick;
        uint40 setAt;
    }

    /* CONSTANTS */

    uint256 internal constant BUY = 0;
    uint256 internal constant SELL = 1;
    uint256 internal constant MIN_LOTS = 10;
    uint256 internal constant MAX_TICK = 1023;
    uint256 internal constant WH_PER_KWH = 1000;

    /* IMMUTABLES */

    /// @inheritdoc IMarketGrid
    uint256 public immutable TICK_SIZE;
    /// @inheritdoc IMarketGrid
    uint256 public immutable LOT;

    IMarketLedger internal immutable LEDGER;
    /// @dev Money of one lot at one tick.
    uint256 internal immutable LOT_TICK_VALUE;

    /* STORAGE: zones */

    mapping(uint16 zone => ZoneWord) internal _zones;
    /// @dev Terms that no open product needs any more, oldest first: `fromSlot << 33 | terms`.
    mapping(uint16 zone => uint256[]) internal _formerTerms;
    mapping(uint16 zone => Reference) internal _references;
    mapping(address account => address) internal _delegates;

    /* STORAGE: both sessions */

    mapping(uint256 levelKey => LevelWord) internal _levels;
    mapping(uint256 headKey => BookHead) internal _heads;
    /// @dev Key `Products.openingKey`, the same for both sessions of a product.
    mapping(uint256 openingKey => Opening) internal _openings;

    /* STORAGE: continuous session */

    /// @dev Key `OrderIds.recordKey`.
    mapping(uint256 recordKey => OrderRecord) internal _records;

    /* STORAGE: auctions */

    /// @dev Key `OrderIds.recordKey` with record index 0.
    mapping(uint256 recordKey => AuctionRecord) internal _curves;
    mapping(ProductId product => AuctionResult) internal _results;
    /// @dev Unix second up to which everything the account signed is void.
    mapping(address account => uint256) internal _voidedAt;

    /* STORAGE: regions */

    mapping(uint16 zone => RegionWord) internal _regions;
    /// @dev Key `region << 8 | index`.
    mapping(uint256 linkKey => InterconnectorWord) internal _interconnectors;

    /* STORAGE: quotes, kept for ever as auction results are */

    /// @dev Quotes of 16 slots, slot `16 * group + i` at bit `16 i`: ticks, 0 for none.
    mapping(uint16 zone => mapping(uint256 group => uint256)) internal _slotQuotes;

    /// @param authority the AccessManager
    /// @param ledger_ holds all money; fixed for ever
    /// @param tickSize settlement-token base units per kWh of one tick, a multiple of 1,000
    /// @param lotWh Wh of one lot
    constructor(address authority, IMarketLedger ledger_, uint256 tickSize, uint256 lotWh)
        AccessManaged(authority)
    {
        // A tick of whole 1,000 units makes `lots * LOT * ticks * TICK_SIZE / 1000` exact for any lot.
        if (
            tickSize == 0 || tickSize % WH_PER_KWH != 0 || tickSize > type(uint64).max
                || lotWh == 0 || lotWh > type(uint64).max
        ) revert GridInvalid(tickSize, lotWh);
        if (address(ledger_).code.length == 0) revert LedgerInvalid(address(ledger_));
        TICK_SIZE = tickSize;
        LOT = lotWh;
        LEDGER = ledger_;
        LOT_TICK_VALUE = lotWh * tickSize / WH_PER_KWH;
    }

    /// @inheritdoc IMarketGrid
    function ledger() external view returns (address) {
        return address(LEDGER);
    }

    /// @dev Region of a zone: the id of its head zone, which is the zone itself if it never joined another.
    function _regionOf(uint16 zone) internal view returns (uint16) {
        return _regions[zone].head(zone);
    }
}

// SPDX-License-Identifier: MIT
pragma solidity 0.8.34;

import {IAccessManaged} from "@openzeppelin/contracts/access/manager/IAccessManaged.sol";

import {AuctionEntry} from "./AuctionEntry.sol";
import {MarketStorage} from "./MarketStorage.sol";
import {OrderChanges} from "./OrderChanges.sol";
import {OrderEntry} from "./OrderEntry.sol";
import {OrderMatching} from "./OrderMatching.sol";
import {IAuctionClearing} from "../interfaces/IAuctionClearing.sol";
import {ICoupledClearing} from "../interfaces/ICoupledClearing.sol";
import {IEnergyMarket} from "../interfaces/IEnergyMarket.sol";
import {IEnergyTrading} from "../interfaces/IEnergyTrading.sol";
import {IMarketGrid} from "../interfaces/IMarketGrid.sol";
import {IMarketLedger} from "../interfaces/IMarketLedger.sol";
import {IMarketRooms} from "../interfaces/IMarketRooms.sol";
import {ISignedOrders} from "../interfaces/ISignedOrders.sol";
import {OrderIds} from "../libraries/OrderIds.sol";
import {OrderRecord} from "../libraries/OrderRecords.sol";
import {Products} from "../libraries/Products.sol";
import {Period, ProductId, Session} from "../types/Market.sol";
import {Quote, QuoteLib} from "../types/Quote.sol";

/// @title The energy market
/// @notice The one address of the market: everything of `IMarket` is called here, and all its state is here. This contract
/// itself has the hot path, what traders and matching engines call all day: `OrderEntry` and `OrderChanges` (orders come
/// and go), `OrderMatching` (two orders trade), `AuctionEntry` (curves come and go). The rest it runs from two rooms by
/// `delegatecall`: `MarketRegister` (terms, halts, references, positions, views) and `AuctionRoom` (clearing, claims, signed
/// orders). Money never is in this contract.
/// @dev The addresses of the rooms are immutable and so is their code: nothing can be exchanged later. All of them inherit
/// `MarketStorage` first and declare no state of their own.
contract EnergyTrading is OrderEntry, OrderChanges, OrderMatching, AuctionEntry, IMarketRooms {
    using Products for ProductId;

    /// @inheritdoc IMarketRooms
    address public immutable REGISTER;
    /// @inheritdoc IMarketRooms
    address public immutable AUCTION_ROOM;

    /// @param authority the AccessManager
    /// @param ledger_ `Settlement`, which holds all money; fixed for ever
    /// @param tickSize settlement-token base units per kWh of one tick, a multiple of 1,000
    /// @param lotWh Wh of one lot
    /// @param register a `MarketRegister` deployed with the same four values
    /// @param auctionRoom an `AuctionRoom` deployed with the same four values
    constructor(
        address authority,
        IMarketLedger ledger_,
        uint256 tickSize,
        uint256 lotWh,
        address register,
        address auctionRoom
    ) MarketStorage(authority, ledger_, tickSize, lotWh) {
        _requireSame(register, authority);
        _requireSame(auctionRoom, authority);
        REGISTER = register;
        AUCTION_ROOM = auctionRoom;
    }

    /// @dev Run what is not in this contract in its room, on this contract's storage, and end the call with the room's
    /// answer or error. A function that no room has ends without data.
    fallback() external {
        address room = _isOfAuctionRoom(msg.sig) ? AUCTION_ROOM : REGISTER;
        assembly ("memory-safe") {
            let data := mload(0x40)
            calldatacopy(data, 0, calldatasize())
            let success := delegatecall(gas(), room, data, calldatasize(), 0, 0)
            returndatacopy(data, 0, returndatasize())
            if success { return(data, returndatasize()) }
            revert(data, returndatasize())
        }
    }

    /// @inheritdoc IEnergyTrading
    function createOrder(uint256 amount, uint256 price, uint256 expiry, OrderType orderType)
        external
        returns (uint256 orderId)
    {
        if (expiry > type(uint40).max) revert ExpiryTooFar(expiry, type(uint40).max);
        if (expiry <= block.timestamp) revert ExpiryPassed(expiry, block.timestamp);
        // A zero change only reads: the home zone names the product.
        uint16 zone = LEDGER.adjustLock(msg.sender, 0).zone();
        if (zone == 0) revert IMarketLedger.NotEnrolled(msg.sender);
        uint256 startSlot = (expiry + 1 hours - 1) / 1 hours * SLOTS_PER_HOUR;
        ProductId product = Products.pack(zone, Period.HOUR, Session.CONTINUOUS, startSlot);
        return _place(msg.sender, packQuote(product, orderType, amount, price, expiry));
    }

    /// @inheritdoc IEnergyTrading
    function settleTransaction(uint256 transactionId) external {
        // Check: the id names a trade.
        (ProductId product, uint24 buyerId, uint24 sellerId) =
            OrderIds.unpackTransaction(transactionId);
        if (transactionId >> OrderIds.TRANSACTION_BITS != 0) revert TransactionUnknown(transactionId);
        uint256 end = product.startSlot() + product.requireContinuous();
        if (!_traded(product, buyerId, false) || !_traded(product, sellerId, true)) {
            revert TransactionUnknown(transactionId);
        }
        // Interaction: the trusted ledger, which refuses nothing that is settled already.
        LEDGER.settleUpTo(LEDGER.accountOf(buyerId), uint32(end)); // records exist: below 2^28
        LEDGER.settleUpTo(LEDGER.accountOf(sellerId), uint32(end));
    }

    /// @inheritdoc IEnergyMarket
    function packQuote(
        ProductId product,
        OrderType side,
        uint256 amount,
        uint256 pricePerKWh,
        uint256 expiresAt
    ) public view returns (Quote) {
        uint256 unit = product.requireContinuous() * LOT;
        uint256 lots = amount / unit;
        if (amount % unit != 0) revert AmountNotInLots(amount, unit);
        if (lots > type(uint32).max) revert TooManyLots(lots, type(uint32).max);
        uint256 tick = pricePerKWh / TICK_SIZE;
        if (pricePerKWh % TICK_SIZE != 0) revert PriceOffTick(pricePerKWh, TICK_SIZE);
        if (tick > MAX_TICK) revert PriceAboveCap(tick, MAX_TICK);
        if (expiresAt > type(uint40).max) revert ExpiryTooFar(expiresAt, type(uint40).max);
        return QuoteLib.pack(product, uint256(side), lots, tick, expiresAt);
    }

    /// @dev Whether the account has fills of the side in the product. Once a later product has taken
    /// the place, the account was settled past this one: then there is nothing to refuse.
    function _traded(ProductId product, uint24 accountId, bool isSell) private view returns (bool) {
        uint256 key = OrderIds.recordKey(product, accountId, 0);
        OrderRecord record = _records[key];
        if (record.tag() != product.tag()) return record.tag() > product.tag();
        uint256 count = record.count();
        for (uint256 i; i < count; ++i) {
            if (i != 0) record = _records[key + i];
            if (record.isSell() == isSell && record.filled() != 0) return true;
        }
        return false;
    }

    function _isOfAuctionRoom(bytes4 selector) private pure returns (bool) {
        return selector == IAuctionClearing.clear.selector
            || selector == IAuctionClearing.claim.selector
            || selector == IAuctionClearing.claimProducts.selector
            || selector == ICoupledClearing.clearCoupled.selector
            || selector == ICoupledClearing.collectRent.selector
            || selector == ISignedOrders.placeSigned.selector
            || selector == ISignedOrders.signedOrderDigest.selector
            || selector == ISignedOrders.voidedAt.selector
            || selector == ISignedOrders.eip712Domain.selector;
    }

    /// @dev Check: a room computes with its own immutables, so they must be the market's.
    function _requireSame(address room, address authority) private view {
        if (
            room.code.length == 0 || IAccessManaged(room).authority() != authority
                || IMarketGrid(room).ledger() != address(LEDGER)
                || IMarketGrid(room).TICK_SIZE() != TICK_SIZE || IMarketGrid(room).LOT() != LOT
        ) revert RoomDiffers(room);
    }
}

// SPDX-License-Identifier: MIT
pragma solidity 0.8.34;

import {TradingAccounts} from "./TradingAccounts.sol";
import {IAuctionEntry} from "../interfaces/IAuctionEntry.sol";
import {IEnergyMarket} from "../interfaces/IEnergyMarket.sol";
import {IMarketZones} from "../interfaces/IMarketZones.sol";
import {AuctionRecord, AuctionRecords} from "../libraries/AuctionRecords.sol";
import {CurveRules} from "../libraries/CurveRules.sol";
import {OrderIds} from "../libraries/OrderIds.sol";
import {OrderLocks} from "../libraries/OrderLocks.sol";
import {Products} from "../libraries/Products.sol";
import {PackedTerms, ZoneWord} from "../libraries/ZoneWords.sol";
import {AccountWord} from "../types/AccountWord.sol";
import {Curve, CurveLib, CurveSteps, StepSums} from "../types/Auction.sol";
import {ProductId, Session} from "../types/Market.sol";
import {HaltScope} from "../types/MarketTerms.sol";

/// @title Curves enter and leave a call auction
/// @notice One record an account and product, whole curves only: placing, replacing and cancelling are the same step.
/// @dev The ledger is called twice: first by a zero change, which only reads, for the account's short id and home; last
/// to move the lock by the difference. The second call finds everything warm.
abstract contract AuctionEntry is TradingAccounts, IAuctionEntry {
    using Products for ProductId;

    /* PLACING */

    /// @inheritdoc IAuctionEntry
    function placeCurve(Curve curve) external {
        // Check.
        uint16 zone = curve.product().zone();
        AccountWord account = _memberOf(msg.sender, zone);
        // Check and effect.
        int256 lockDelta = _setCurve(account, curve, zone, _zones[zone]);
        emit CurvePlaced(account.accountId(), curve);
        // Interaction.
        _moveLock(msg.sender, lockDelta);
    }

    /// @inheritdoc IAuctionEntry
    function placeCurves(Curve[] calldata curves) external {
        _placeCurves(msg.sender, curves);
    }

    /// @inheritdoc IAuctionEntry
    function placeCurvesFor(address account, Curve[] calldata curves) external {
        _requireActsFor(account);
        _placeCurves(account, curves);
    }

    /* CANCELLING */

    /// @inheritdoc IAuctionEntry
    function cancelCurves(ProductId[] calldata products) external returns (uint256 cancelled) {
        return _cancelCurves(msg.sender, products);
    }

    /// @inheritdoc IAuctionEntry
    function cancelCurvesFor(address account, ProductId[] calldata products)
        external
        returns (uint256 cancelled)
    {
        _requireActsFor(account);
        return _cancelCurves(account, products);
    }

    /// @inheritdoc IAuctionEntry
    function voidSignedOrders() external {
        uint256 old = _voidedAt[msg.sender];
        _voidedAt[msg.sender] = block.timestamp;
        emit SignedOrdersVoided(msg.sender, uint40(old), uint40(block.timestamp)); // unix seconds
    }

    /* INTERNAL */

    function _placeCurves(address owner, Curve[] calldata curves) private {
        // Check.
        uint256 count = curves.length;
        if (count == 0) revert IEnergyMarket.NothingGiven();
        uint16 zone = curves[0].product().zone();
        AccountWord account = _memberOf(owner, zone);
        ZoneWord word = _zones[zone];
        // Check and effect, curve by curve.
        int256 lockDelta;
        unchecked {
            // Locks over a product are below 2^190 (see OrderLocks).
            for (uint256 i; i < count; ++i) lockDelta += _setCurve(account, curves[i], zone, word);
        }
        emit CurvesPlaced(account.accountId(), curves);
        // Interaction.
        _moveLock(owner, lockDelta);
    }

    function _cancelCurves(address owner, ProductId[] calldata products)
        private
        returns (uint256 cancelled)
    {
        if (products.length == 0) revert IEnergyMarket.NothingGiven();
        // Check.
        AccountWord account = LEDGER.adjustLock(owner, 0);
        uint16 zone = account.zone();
        ZoneWord word = _zones[zone];
        Curve[] memory emptied = new Curve[](products.length);
        int256 lockDelta;
        for (uint256 i; i < products.length; ++i) {
            ProductId product = products[i];
            uint256 key = OrderIds.recordKey(product, account.accountId(), 0);
            AuctionRecord old = _curves[key];
            // Records exist for auctions of the home zone only: whatever else an id names is skipped here.
            if (
                old.tag() != product.tag() || product.zone() != zone || old.steps().isEmpty()
                    || product.isGateClosed()
            ) continue;
            // Effect.
            emptied[cancelled++] = CurveLib.pack(product, CurveSteps.wrap(0));
            // Terms exist: there was an order.
            PackedTerms terms = word.termsFrom(product.startSlot());
            unchecked {
                lockDelta -= int256(_stepsLock(old.steps(), terms) * product.lengthSlots());
            }
            _moveSteps(product, old.steps(), CurveSteps.wrap(0));
            _curves[key] =
                AuctionRecords.create(product.tag(), block.timestamp, CurveSteps.wrap(0));
        }
        if (cancelled == 0) return 0;
        assembly ("memory-safe") {
            mstore(emptied, cancelled) // shorten to what was cancelled
        }
        emit CurvesPlaced(account.accountId(), emptied);
        // Interaction.
        _moveLock(owner, lockDelta);
    }

    /// @dev Make the curve the account's whole order in its product.
    /// @return lockDelta by which the account's lock changes over the whole product
    function _setCurve(AccountWord account, Curve curve, uint16 zone, ZoneWord word)
        private
        returns (int256 lockDelta)
    {
        // Check: product and time.
        ProductId product = curve.product();
        if (!curve.isWellFormed()) revert CurveMalformed(curve);
        if (product.zone() != zone) revert IEnergyMarket.NotHomeZone(product.zone(), zone);
        (uint256 start, uint256 length, uint256 gate) = product.requireOpened(Session.AUCTION);
        // A member whose first metered slot lies ahead is settled past products before it.
        if (account.settledUntil() > start) {
            revert IEnergyMarket.SettlementReached(account.settledUntil(), uint32(start)); // a slot
        }
        bool isExtended = block.timestamp >= gate;
        if (isExtended) _requireExtended(product, gate);
        // Check: the curve. An open product starts later than now, so former terms do not concern it. Cancelling is
        // never halted.
        CurveSteps steps = curve.steps();
        PackedTerms terms = word.termsFrom(start);
        uint256 lock;
        if (!steps.isEmpty()) {
            _requireNotHalted(word, HaltScope.PLACE, zone, start, length);
            if (!terms.exist()) revert IMarketZones.ZoneNotOpen(zone);
            StepSums memory sums = CurveRules.requireCanonical(steps, MIN_LOTS, terms.capTicks());
            if (sums.sellLots != 0) _requireFeedIn(product, sums.sellLots, account);
            lock = OrderLocks.sumsLock(sums, terms, LOT, LOT_TICK_VALUE);
        }
        // Check: the curve it replaces.
        uint256 tag = product.tag();
        uint256 key = OrderIds.recordKey(product, account.accountId(), 0);
        AuctionRecord old = _curves[key];
        CurveSteps oldSteps;
        if (old.tag() == tag) {
            oldSteps = old.steps();
            if (isExtended) CurveRules.requireAdditionsOnly(oldSteps, steps);
        } else {
            _requireSettled(old.tag(), product, account);
        }
        // Effect.
        _curves[key] = AuctionRecords.create(tag, block.timestamp, steps);
        _moveSteps(product, oldSteps, steps);
        unchecked {
            // Locks over a product are below 2^190 (see OrderLocks): the casts keep them.
            lockDelta = int256(lock * length);
            if (!oldSteps.isEmpty()) lockDelta -= int256(_stepsLock(oldSteps, terms) * length);
        }
    }

    /// @dev The account, which must be at home in `zone`. Interaction: the trusted ledger only reads for a zero change.
    function _memberOf(address owner, uint16 zone) private returns (AccountWord account) {
        account = LEDGER.adjustLock(owner, 0);
        _requireHome(account, zone);
    }

    function _moveLock(address owner, int256 lockDelta) private {
        if (lockDelta != 0) LEDGER.adjustLock(owner, lockDelta);
    }

    /// @dev Check: past its nominal gate an auction takes orders only while extended.
    function _requireExtended(ProductId product, uint256 gate) private view {
        if (_openingOf(product).isExtended()) gate += Products.GATE_EXTENSION;
        if (block.timestamp >= gate) revert IEnergyMarket.GateClosed(block.timestamp, gate);
    }

    /// @dev Check: the sells, with those of the continuous session, are within the rated feed-in.
    function _requireFeedIn(ProductId product, uint256 sellLots, AccountWord account) private view {
        (uint256 soldLots, uint256 boughtLots) =
            _continuousLots(product.sister(), account.accountId());
        unchecked {
            _requireCapacity(_neededWh(sellLots + soldLots, boughtLots), account); // see there
        }
    }

    function _stepsLock(CurveSteps steps, PackedTerms terms) private view returns (uint256) {
        return OrderLocks.stepsLock(steps, terms, LOT, LOT_TICK_VALUE);
    }
}

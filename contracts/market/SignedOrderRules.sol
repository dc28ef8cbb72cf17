// SPDX-License-Identifier: MIT
pragma solidity 0.8.34;

import {TradingAccounts} from "./TradingAccounts.sol";
import {ISignedOrders} from "../interfaces/ISignedOrders.sol";
import {AuctionRecord, AuctionRecords} from "../libraries/AuctionRecords.sol";
import {CurveRules} from "../libraries/CurveRules.sol";
import {LevelWords} from "../libraries/LevelWords.sol";
import {Opening, Openings} from "../libraries/Openings.sol";
import {OrderIds} from "../libraries/OrderIds.sol";
import {OrderLocks} from "../libraries/OrderLocks.sol";
import {Products} from "../libraries/Products.sol";
import {PackedTerms, ZoneWord} from "../libraries/ZoneWords.sol";
import {AccountWord, AccountWordLib} from "../types/AccountWord.sol";
import {CurveSteps, CurveStepsLib, StepSums} from "../types/Auction.sol";
import {ProductId, Session} from "../types/Market.sol";
import {HaltScope} from "../types/MarketTerms.sol";
import {SignedOrder} from "../types/SignedOrder.sol";

/// @title What a signed order must be to enter the book
/// @notice An order is held to the rules of one that its account places itself (`AuctionEntry`), but where that reverts
/// this names the reason. All checks of an order come before its first effect, so a refused one leaves nothing behind.
abstract contract SignedOrderRules is TradingAccounts, ISignedOrders {
    using Products for ProductId;

    /// @notice A product as orders see it now; kept from order to order as long as it is the same.
    /// @param closed whether no order can be placed in it, for `reason`
    /// @param halted whether only orders without steps can
    /// @param extended whether its gate is extended, so that orders may only add
    /// @param tag turn of the ring
    /// @param length in slots
    /// @param recordKeys `OrderIds.recordKey` of account 0
    /// @param opening as it stands, or as its first order will make it
    struct Frame {
        ProductId product;
        bool closed;
        SkipReason reason;
        bool halted;
        bool extended;
        uint256 tag;
        uint256 startSlot;
        uint256 length;
        uint256 recordKeys;
        PackedTerms terms;
        Opening opening;
    }

    /// @notice An account as its next order sees it.
    /// @param lockDelta what its orders of this batch have added to its locks so far
    struct Signer {
        AccountWord account;
        uint256 voidedAt;
        int256 lockDelta;
    }

    /// @dev Make an order its account's curve in the product, or say why not.
    /// @param frame any product; brought to that of the order
    /// @param sums memory to use again
    function _tryPlace(
        Frame memory frame,
        StepSums memory sums,
        Signer memory signer,
        SignedOrder order
    ) internal returns (bool accepted, SkipReason reason) {
        // Check: the signature still counts.
        AccountWord account = signer.account;
        uint256 zone = account.zone();
        if (zone == 0) return (false, SkipReason.UNKNOWN_SIGNER);
        uint256 signedAt = order.signedAt();
        if (signedAt > block.timestamp) return (false, SkipReason.FROM_THE_FUTURE);
        ProductId product = order.product();
        if (ProductId.unwrap(product) != ProductId.unwrap(frame.product)) _turnTo(frame, product);
        uint256 key = frame.recordKeys + OrderIds.ofAccount(account.accountId());
        AuctionRecord old = _curves[key];
        bool isReplacement = old.tag() == frame.tag;
        if (isReplacement && signedAt <= old.signedAt()) return (false, SkipReason.SUPERSEDED);
        if (signedAt <= signer.voidedAt) return (false, SkipReason.VOIDED);

        // Check: the product takes such an order now.
        if (product.zone() != zone) return (false, SkipReason.ZONE);
        if (frame.closed) return (false, frame.reason);
        CurveSteps steps = order.steps();
        uint256 count = order.count();
        if (frame.halted && count != 0) return (false, SkipReason.HALTED);
        if (!_addUp(sums, steps, count, frame.terms.capTicks())) return (false, SkipReason.STEPS);

        // Check: the account can pay for it.
        CurveSteps oldSteps = isReplacement ? old.steps() : CurveSteps.wrap(0);
        unchecked {
            // Locks over a product are below 2^190 (see OrderLocks), a batch has less than 2^20 orders.
            int256 lockDelta = _lockOf(frame, sums);
            if (!oldSteps.isEmpty()) lockDelta -= _lockOf(frame, oldSteps.sums());
            if (lockDelta > 0 && !_mayLock(account)) return (false, SkipReason.ACCOUNT);
            int256 before = signer.lockDelta;
            if (lockDelta > 0 && before + lockDelta > int256(account.free())) {
                return (false, SkipReason.FUNDS);
            }

            // Check: the account's place in the ring is free, and what the book allows.
            if (account.settledUntil() > frame.startSlot) return (false, SkipReason.UNSETTLED);
            if (!isReplacement && !_isSettled(frame, old.tag(), account)) {
                return (false, SkipReason.UNSETTLED);
            }
            if (frame.extended && !_onlyAdds(oldSteps, steps)) {
                return (false, SkipReason.ADDITIONS);
            }
            if (count != 0) {
                if (sums.sellLots != 0 && !_hasFeedIn(product, sums.sellLots, account)) {
                    return (false, SkipReason.CAPACITY);
                }
                if (!_isWithinCollar(frame.opening, steps, count)) {
                    return (false, SkipReason.COLLAR);
                }
                if (!_hasRoom(frame, oldSteps, steps)) return (false, SkipReason.LEVEL_FULL);
            }

            // Effect.
            signer.lockDelta = before + lockDelta;
        }
        _curves[key] = AuctionRecords.create(frame.tag, signedAt, steps);
        _moveSteps(product, oldSteps, steps);
        return (true, reason);
    }

    /// @dev Bring the frame to another product.
    function _turnTo(Frame memory frame, ProductId product) private view {
        frame.product = product;
        frame.tag = product.tag();
        frame.startSlot = product.startSlot();
        frame.length = product.lengthSlots();
        frame.recordKeys = OrderIds.recordKey(product, 0, 0);
        frame.closed = true;
        frame.reason = SkipReason.PRODUCT;
        if (!product.isOf(Session.AUCTION) || block.timestamp < product.opensAt()) return;
        Opening opening = _openingOf(product);
        frame.extended = product.isGateClosed();
        if (frame.extended) {
            uint256 gate = product.gateAt() + Products.GATE_EXTENSION;
            if (block.timestamp >= gate || !opening.isExtended()) return;
        }
        frame.reason = SkipReason.ZONE;
        uint16 zone = product.zone();
        ZoneWord word = _zones[zone];
        // An open product starts later than now, so former terms do not concern it.
        frame.terms = word.termsFrom(frame.startSlot);
        if (!frame.terms.exist()) return;
        frame.halted = _isHalted(word, HaltScope.PLACE, frame.startSlot, frame.length);
        frame.opening = opening.isOfTurn(frame.tag)
            ? opening
            : Openings.create(frame.tag, _references[zone].tick);
        frame.closed = false;
    }

    /// @dev Add up the steps that were signed. In one walk, because every order goes through it.
    /// @return canonical whether they are canonical (see `CurveRules`) and all in use; if not, the sums say nothing
    function _addUp(StepSums memory sums, CurveSteps steps, uint256 count, uint256 capTicks)
        private
        pure
        returns (bool canonical)
    {
        uint256 buyLots;
        uint256 buyTicks;
        uint256 sellLots;
        uint256 sellTicks;
        uint256 previousTick;
        uint256 rest = CurveSteps.unwrap(steps);
        unchecked {
            // Four steps of 28-bit lots and 10-bit ticks.
            for (; count != 0; --count) {
                uint256 lots = CurveStepsLib.lots(rest);
                uint256 tick = CurveStepsLib.limitTick(rest);
                if (lots < MIN_LOTS || tick <= previousTick || tick > capTicks) return false;
                if (CurveStepsLib.isSell(rest)) {
                    sellLots += lots;
                    sellTicks += lots * tick;
                } else {
                    if (sellLots != 0) return false;
                    buyLots += lots;
                    buyTicks += lots * tick;
                }
                previousTick = tick;
                rest >>= CurveStepsLib.STEP_BITS;
            }
        }
        sums.buyLots = buyLots;
        sums.buyTicks = buyTicks;
        sums.sellLots = sellLots;
        sums.sellTicks = sellTicks;
        return true;
    }

    /// @dev Money that steps lock over the whole product: below 2^190 (see OrderLocks).
    function _lockOf(Frame memory frame, StepSums memory sums) private view returns (int256) {
        unchecked {
            return int256(
                OrderLocks.sumsLock(sums, frame.terms, LOT, LOT_TICK_VALUE) * frame.length
            );
        }
    }

    /// @dev Prices rise, so the first and the last step tell. Warning: there must be a step.
    function _isWithinCollar(Opening opening, CurveSteps steps, uint256 count)
        private
        pure
        returns (bool)
    {
        uint256 first = CurveSteps.unwrap(steps);
        unchecked {
            uint256 last = first >> ((count - 1) * CurveStepsLib.STEP_BITS);
            return CurveStepsLib.limitTick(first) >= opening.lowestTick()
                && CurveStepsLib.limitTick(last) <= opening.highestTick();
        }
    }

    /// @dev What the ledger asks of an account before it locks more.
    function _mayLock(AccountWord account) private pure returns (bool) {
        uint256 flags = account.flags();
        if (flags & (AccountWordLib.FLAG_OPERATOR | AccountWordLib.FLAG_ARREARS) != 0) return false;
        return flags & (AccountWordLib.FLAG_METERED | AccountWordLib.FLAG_SECURED)
            != AccountWordLib.FLAG_METERED;
    }

    /// @dev See `_requireSettled`.
    function _isSettled(Frame memory frame, uint256 formerTag, AccountWord account)
        private
        pure
        returns (bool)
    {
        if (formerTag == 0) return true;
        uint256 turns = frame.tag - formerTag; // records of later turns do not exist yet
        uint256 end = frame.startSlot + frame.length - turns * Products.RING_SLOTS;
        return account.settledUntil() >= end;
    }

    /// @dev Whether the sells, with those of the continuous session, are within the rated feed-in.
    function _hasFeedIn(ProductId product, uint256 sold, AccountWord account)
        private
        view
        returns (bool)
    {
        (uint256 soldLots, uint256 boughtLots) =
            _continuousLots(product.sister(), account.accountId());
        return _neededWh(sold + soldLots, boughtLots) <= account.capacityW() / SLOTS_PER_HOUR;
    }

    /// @dev Whether every level takes its step once the old steps are out of it.
    function _hasRoom(Frame memory frame, CurveSteps oldSteps, CurveSteps steps)
        private
        view
        returns (bool)
    {
        unchecked {
            for (; !steps.isEmpty(); steps = steps.rest()) {
                uint256 step = steps.first();
                uint256 order = CurveStepsLib.order(step);
                uint256 levelKey = LevelWords.keyOf(frame.product, order / LevelWords.TICKS_PER_WORD);
                uint256 lots = _levels[levelKey].ofTurn(frame.tag).lots(order);
                // 28-bit numbers; the old lots are part of those of the level.
                lots += CurveStepsLib.lots(step);
                if (!oldSteps.isEmpty()) lots -= CurveRules.lotsAt(oldSteps, order);
                if (lots > LevelWords.MAX_LOTS) return false;
            }
            return true;
        }
    }

    /// @dev See `CurveRules.requireAdditionsOnly`.
    function _onlyAdds(CurveSteps old, CurveSteps next) private pure returns (bool) {
        for (; !old.isEmpty(); old = old.rest()) {
            uint256 step = old.first();
            uint256 lots = CurveRules.lotsAt(next, CurveStepsLib.order(step));
            if (lots < CurveStepsLib.lots(step)) return false;
        }
        return true;
    }
}

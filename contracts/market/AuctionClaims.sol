// SPDX-License-Identifier: MIT
pragma solidity 0.8.34;

import {AuctionClosing} from "./AuctionClosing.sol";
import {IAuctionClearing} from "../interfaces/IAuctionClearing.sol";
import {IMarketLedger} from "../interfaces/IMarketLedger.sol";
import {AuctionFills} from "../libraries/AuctionFills.sol";
import {AuctionRecord} from "../libraries/AuctionRecords.sol";
import {AuctionResult} from "../libraries/AuctionResults.sol";
import {LedgerBatch} from "../libraries/LedgerBatch.sol";
import {OrderIds} from "../libraries/OrderIds.sol";
import {OrderLocks} from "../libraries/OrderLocks.sol";
import {Products} from "../libraries/Products.sol";
import {PackedTerms} from "../libraries/ZoneWords.sol";
import {AccountWord} from "../types/AccountWord.sol";
import {CurveState, CurveSteps} from "../types/Auction.sol";
import {ProductId} from "../types/Market.sol";

/// @title Claims after the auction
/// @notice A claim fixes what a curve traded and releases what it locks beyond that. Nobody has to
/// claim: settlement reads the fill itself and releases the lock slot by slot.
abstract contract AuctionClaims is AuctionClosing {
    using LedgerBatch for IMarketLedger;
    using Products for ProductId;

    /// @dev What a claim asks of its product.
    struct Claim {
        uint256 tag;
        uint256 startSlot;
        uint256 length;
        uint256 recordKey; // of account 0
        uint256 priceTick;
        PackedTerms money;
        AuctionResult result;
    }

    /// @dev `accountId 24 | side 1 | zero 1 | lots 30`.
    uint256 private constant ACCOUNT_CLAIM_BYTES = 7;
    /// @dev `productId 56 | side 1 | zero 1 | lots 30`.
    uint256 private constant PRODUCT_CLAIM_BYTES = 11;
    /// @dev Entries are written as whole words, which reach beyond their end.
    uint256 private constant SLACK = 32;
    uint256 private constant FILL_BITS = 32;
    uint256 private constant SIDE_SHIFT = 31;

    /// @inheritdoc IAuctionClearing
    function claim(ProductId product, address[] calldata accounts)
        external
        returns (uint256 claimed)
    {
        // Check.
        (bool isOver, Claim memory terms) = _claimOf(product);
        if (!isOver) revert NotCleared(product);
        // Interaction that changes nothing: the trusted ledger.
        AccountWord[] memory words = LEDGER.wordsOf(accounts);
        // Effect.
        uint256 cursor = terms.result.cursor();
        int256[] memory deltas = new int256[](accounts.length);
        bytes memory claims = new bytes(accounts.length * ACCOUNT_CLAIM_BYTES + SLACK);
        // Counters and byte positions of arrays in memory do not overflow.
        unchecked {
            for (uint256 i; i < accounts.length; ++i) {
                AccountWord word = words[i];
                (bool done, uint256 fill, int256 delta) = _claim(terms, word);
                if (!done) continue;
                deltas[i] = delta; // the others stay 0, which changes nothing
                uint256 entry = (uint256(word.accountId()) << FILL_BITS) | fill;
                _write(claims, claimed * ACCOUNT_CLAIM_BYTES, entry, ACCOUNT_CLAIM_BYTES);
                ++claimed;
            }
        }
        if (claimed == 0) return 0;
        if (terms.result.cursor() != cursor) _results[product] = terms.result;
        assembly ("memory-safe") {
            mstore(claims, mul(claimed, ACCOUNT_CLAIM_BYTES)) // shorten to what was claimed
        }
        emit CurvesClaimed(product, claims);
        // Interaction: the trusted ledger, which never refuses to release.
        LEDGER.adjust(accounts, deltas);
    }

    /// @inheritdoc IAuctionClearing
    function claimProducts(address account, ProductId[] calldata products)
        external
        returns (uint256 claimed)
    {
        // Interaction that changes nothing: the trusted ledger.
        address[] memory accounts = new address[](1);
        accounts[0] = account;
        AccountWord word = LEDGER.accountWords(accounts)[0];
        // Effect.
        int256 delta;
        bytes memory claims = new bytes(products.length * PRODUCT_CLAIM_BYTES + SLACK);
        for (uint256 i; i < products.length; ++i) {
            (bool isOver, Claim memory terms) = _claimOf(products[i]);
            if (!isOver) continue;
            uint256 cursor = terms.result.cursor();
            (bool done, uint256 fill, int256 released) = _claim(terms, word);
            if (!done) continue;
            if (terms.result.cursor() != cursor) _results[products[i]] = terms.result;
            delta += released;
            uint256 entry = (uint256(ProductId.unwrap(products[i])) << FILL_BITS) | fill;
            _write(claims, claimed * PRODUCT_CLAIM_BYTES, entry, PRODUCT_CLAIM_BYTES);
            ++claimed;
        }
        if (claimed == 0) return 0;
        assembly ("memory-safe") {
            mstore(claims, mul(claimed, PRODUCT_CLAIM_BYTES)) // shorten to what was claimed
        }
        emit ProductsClaimed(word.accountId(), claims);
        // Interaction: the trusted ledger, which never refuses to release.
        LEDGER.adjustLock(account, delta);
    }

    /// @dev What claiming asks of the product.
    /// @return isOver whether it is cleared, or void because nobody did before delivery started
    function _claimOf(ProductId product) private view returns (bool isOver, Claim memory terms) {
        terms.length = product.requireAuction();
        terms.result = _results[product];
        isOver = terms.result.isCleared() || block.timestamp >= product.deliveryAt();
        if (!isOver) return (false, terms);
        uint16 zone = product.zone();
        terms.tag = product.tag();
        terms.startSlot = product.startSlot();
        terms.recordKey = OrderIds.recordKey(product, 0, 0);
        terms.priceTick = terms.result.priceTick();
        terms.money = _requireTerms(_zones[zone], zone, terms.startSlot);
    }

    /// @dev Effect: fix the fill of one account and move the cursor in `terms.result`, if there is
    /// something to claim.
    /// @return done false if there is nothing: no curve, claimed before, or settlement has begun to
    /// release the lock slot by slot
    /// @return fill `side 1 | zero 1 | lots 30`
    /// @return delta of the lock, never positive: no fill locks more than the steps it comes from
    function _claim(Claim memory terms, AccountWord account)
        private
        returns (bool done, uint256 fill, int256 delta)
    {
        if (account.settledUntil() > terms.startSlot) return (false, 0, 0);
        // Locks over a product are below 2^190 (see OrderLocks).
        unchecked {
            uint256 key = terms.recordKey + (uint256(account.accountId()) << 8);
            AuctionRecord record = _curves[key];
            CurveSteps steps = record.steps();
            if (record.tag() != terms.tag || steps.isEmpty() || record.isClaimed()) {
                return (false, 0, 0);
            }
            uint256 side;
            uint256 lots;
            uint256 tick;
            if (record.isOpen()) {
                uint256 taken;
                (side, lots, taken) = AuctionFills.fill(steps, terms.result);
                if (lots != 0) tick = terms.priceTick;
                if (taken != 0) terms.result = terms.result.withCursorMoved(taken);
            } else {
                (side, lots, tick) = (record.fillSide(), record.filledLots(), record.fillTick());
            }
            _curves[key] = record.withFill(CurveState.CLAIMED, side, lots, tick);
            fill = (side << SIDE_SHIFT) | lots;
            uint256 stays =
                OrderLocks.fillLock(side, lots, tick, terms.money, LOT, LOT_TICK_VALUE);
            uint256 was = OrderLocks.stepsLock(steps, terms.money, LOT, LOT_TICK_VALUE);
            delta = (int256(stays) - int256(was)) * int256(terms.length);
        }
        done = true;
    }

    /// @dev Write the lowest `count` bytes of `value` at `position`.
    /// @dev Warning: in rising order, because what lies behind is cleared, and with `SLACK` at the end.
    function _write(bytes memory data, uint256 position, uint256 value, uint256 count) private pure {
        assembly ("memory-safe") {
            mstore(add(add(data, 0x20), position), shl(sub(256, mul(8, count)), value))
        }
    }
}

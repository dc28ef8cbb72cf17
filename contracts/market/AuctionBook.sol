// SPDX-License-Identifier: MIT
pragma solidity 0.8.34;

import {MarketOpenings} from "./MarketOpenings.sol";
import {IAuctionBook} from "../interfaces/IAuctionBook.sol";
import {IEnergyMarket} from "../interfaces/IEnergyMarket.sol";
import {AuctionFills} from "../libraries/AuctionFills.sol";
import {AuctionRecord} from "../libraries/AuctionRecords.sol";
import {AuctionResult} from "../libraries/AuctionResults.sol";
import {CurveRules} from "../libraries/CurveRules.sol";
import {OrderIds} from "../libraries/OrderIds.sol";
import {OrderLocks} from "../libraries/OrderLocks.sol";
import {Products} from "../libraries/Products.sol";
import {PackedTerms} from "../libraries/ZoneWords.sol";
import {
    AuctionView,
    Curve,
    CurveLib,
    CurveStep,
    CurveSteps,
    CurveStepsLib,
    CurveView,
    OpeningView
} from "../types/Auction.sol";
import {ProductId} from "../types/Market.sol";

/// @title Views of the auctions
abstract contract AuctionBook is MarketOpenings, IAuctionBook {
    using Products for ProductId;

    /// @inheritdoc IAuctionBook
    function packCurve(ProductId product, CurveStep[] calldata steps)
        external
        pure
        returns (Curve)
    {
        product.requireAuction();
        if (steps.length > CurveStepsLib.MAX_STEPS) {
            revert TooManySteps(steps.length, CurveStepsLib.MAX_STEPS);
        }
        CurveSteps packed;
        for (uint256 i; i < steps.length; ++i) {
            CurveStep calldata step = steps[i];
            if (step.lots > CurveStepsLib.MAX_LOTS) {
                revert IEnergyMarket.TooManyLots(step.lots, CurveStepsLib.MAX_LOTS);
            }
            if (step.limitTick > MAX_TICK) {
                revert IEnergyMarket.PriceAboveCap(step.limitTick, MAX_TICK);
            }
            packed = packed.withStep(
                i, CurveStepsLib.packStep(step.sell ? SELL : BUY, step.limitTick, step.lots)
            );
        }
        CurveRules.requireCanonical(packed, MIN_LOTS, MAX_TICK);
        return CurveLib.pack(product, packed);
    }

    /// @inheritdoc IAuctionBook
    function curveLock(Curve curve) external view returns (uint256) {
        ProductId product = curve.product();
        uint256 length = product.requireAuction();
        uint16 zone = product.zone();
        PackedTerms terms = _requireTerms(_zones[zone], zone, product.startSlot());
        return OrderLocks.stepsLock(curve.steps(), terms, LOT, LOT_TICK_VALUE) * length;
    }

    /// @inheritdoc IAuctionBook
    function curveOf(uint24 accountId, ProductId product)
        external
        view
        returns (CurveView memory answer)
    {
        product.requireAuction();
        AuctionRecord record = _curves[OrderIds.recordKey(product, accountId, 0)];
        answer.trader = LEDGER.accountOf(accountId);
        if (record.tag() != product.tag()) return answer;
        answer.steps = record.steps().unpack();
        answer.signedAt = record.signedAt();
        answer.state = record.state();
        uint256 side;
        if (record.isOpen()) {
            AuctionResult result = _results[product];
            (side, answer.filledLots,) = AuctionFills.fill(record.steps(), result);
            if (answer.filledLots != 0) answer.filledTick = result.priceTick();
        } else {
            side = record.fillSide();
            answer.filledLots = record.filledLots();
            answer.filledTick = record.fillTick();
        }
        answer.filledSell = side == SELL;
        uint16 zone = product.zone();
        PackedTerms terms = _requireTerms(_zones[zone], zone, product.startSlot());
        answer.lockedPerSlot = record.lockPerSlot(terms, LOT, LOT_TICK_VALUE);
    }

    /// @inheritdoc IAuctionBook
    function auctionResult(ProductId product) external view returns (AuctionView memory) {
        product.requireAuction();
        AuctionResult result = _results[product];
        return AuctionView({
            cleared: result.isCleared(),
            priceTick: result.priceTick(),
            boughtLots: result.boughtLots(),
            soldLots: result.soldLots(),
            rationedSell: result.tickLots() != 0 && result.rationedSide() == SELL,
            dueLots: result.dueLots(),
            tickLots: result.tickLots()
        });
    }

    /// @inheritdoc IAuctionBook
    function openingOf(ProductId product) external view returns (OpeningView memory) {
        product.requireEither();
        return _openings[product.openingKey()].unpack(product.tag());
    }

    /// @inheritdoc IAuctionBook
    function gateOf(ProductId product) external view returns (uint256 gateAt) {
        product.requireEither();
        gateAt = product.gateAt();
        if (product.isAuction() && _openingOf(product).isExtended()) {
            gateAt += Products.GATE_EXTENSION;
        }
    }
}

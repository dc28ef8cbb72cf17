// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {CurveSteps, StepSums} from "../types/Auction.sol";
import {SlotPosition} from "../types/Market.sol";
import {OrderRecord} from "./OrderRecords.sol";
import {PackedTerms} from "./ZoneWords.sol";

/// @notice Money of one order record: what it locks, costs and earns, per slot. `lotWh` is the energy
/// of a lot, `lotTickValue` the money of one lot at one tick, `LOT * TICK_SIZE / 1000`.
/// @dev `unchecked` is safe throughout: lots stay below 2^28 and ticks below 2^10, so sums of
/// lots * ticks stay below 2^40; the units are below 2^64 each (checked at deployment), rates below
/// 2^17 and products at most 672 slots long. No expression comes near 2^256.
library OrderLocks {
    uint256 internal constant BPS = 10_000;

    /// @notice What the record locks in each slot of its product. Fees round up, for the payer.
    /// @dev A match leaves it as it is: it moves `lots * limit` from the open part to the sum of
    /// fills and improvement.
    function lockPerSlot(
        OrderRecord record,
        PackedTerms terms,
        uint256 lotWh,
        uint256 lotTickValue
    ) internal pure returns (uint256) {
        unchecked {
            uint256 lots = record.open();
            uint256 ticks = lots * record.limitTick();
            uint256 improvement;
            uint256 filled = record.filled();
            if (filled == 0) {
                if (lots == 0) return 0;
            } else {
                lots += filled;
                ticks += record.filledTicks();
                improvement = record.improvementTicks();
            }
            if (record.isSell()) return sellLock(lots, ticks, improvement, terms, lotTickValue);
            return buyLock(lots, ticks + improvement, terms, lotWh, lotTickValue);
        }
    }

    /// @notice Lock of `lots`, open and bought, that cost `ticks` (lots * price) at worst.
    function buyLock(
        uint256 lots,
        uint256 ticks,
        PackedTerms terms,
        uint256 lotWh,
        uint256 lotTickValue
    ) internal pure returns (uint256) {
        unchecked {
            uint256 cost = ticks * lotTickValue;
            return cost + networkFee(lots, terms, lotWh)
                + (cost * terms.tradingFeeBps() + (BPS - 1)) / BPS;
        }
    }

    /// @notice Lock of `lots`, open and sold, that earn `ticks` (lots * price) if they are delivered.
    function sellLock(
        uint256 lots,
        uint256 ticks,
        uint256 improvement,
        PackedTerms terms,
        uint256 lotTickValue
    ) internal pure returns (uint256) {
        unchecked {
            // Never negative: no order stands above the cap, so no fill does.
            return (lots * terms.capTicks() - ticks + improvement) * lotTickValue;
        }
    }

    /// @notice Lock of the steps of a curve: all buys filled at their limits and all sells not delivered. Fees round
    /// up once over the sum of the buys. At most one side of a curve can be filled, but which one is open.
    function stepsLock(
        CurveSteps steps,
        PackedTerms terms,
        uint256 lotWh,
        uint256 lotTickValue
    ) internal pure returns (uint256) {
        return sumsLock(steps.sums(), terms, lotWh, lotTickValue);
    }

    /// @notice The same from the sums of the steps.
    function sumsLock(
        StepSums memory sums,
        PackedTerms terms,
        uint256 lotWh,
        uint256 lotTickValue
    ) internal pure returns (uint256 lock) {
        unchecked {
            if (sums.buyLots != 0) {
                lock = buyLock(sums.buyLots, sums.buyTicks, terms, lotWh, lotTickValue);
            }
            if (sums.sellLots != 0) {
                lock += sellLock(sums.sellLots, sums.sellTicks, 0, terms, lotTickValue);
            }
        }
    }

    /// @notice Lock of `lots` filled at `tick`: exactly what settling them can cost. Never more than the lock of the
    /// steps that were filled, for no buy fills above and no sell below its limit.
    /// @param side 0 bought, 1 sold
    function fillLock(
        uint256 side,
        uint256 lots,
        uint256 tick,
        PackedTerms terms,
        uint256 lotWh,
        uint256 lotTickValue
    ) internal pure returns (uint256) {
        unchecked {
            if (lots == 0) return 0;
            return side == 0
                ? buyLock(lots, lots * tick, terms, lotWh, lotTickValue)
                : sellLock(lots, lots * tick, 0, terms, lotTickValue);
        }
    }

    /// @notice Add what a fill in an auction means in one slot to that slot's position.
    /// @param index number of the slot within the product
    /// @param length slots of the product
    function addFillTo(
        SlotPosition memory position,
        uint256 side,
        uint256 lots,
        uint256 tick,
        PackedTerms terms,
        uint256 lotWh,
        uint256 lotTickValue,
        uint256 index,
        uint256 length
    ) internal pure {
        _addFill(
            position, side, lots, lots * tick * lotTickValue, terms, lotWh, index, length
        );
    }

    /// @notice Network fee on `lots` for one slot, exact: the rate counts base units per Wh.
    function networkFee(uint256 lots, PackedTerms terms, uint256 lotWh)
        internal
        pure
        returns (uint256)
    {
        unchecked {
            return lots * lotWh * terms.networkFeeUnits();
        }
    }

    /// @notice Add what the record means in one slot to that slot's position.
    /// @param index number of the slot within the product
    /// @param length slots of the product
    function addTo(
        SlotPosition memory position,
        OrderRecord record,
        PackedTerms terms,
        uint256 lotWh,
        uint256 lotTickValue,
        uint256 index,
        uint256 length
    ) internal pure {
        unchecked {
            position.unlocked += lockPerSlot(record, terms, lotWh, lotTickValue);
            _addFill(
                position,
                record.side(),
                record.filled(),
                record.filledTicks() * lotTickValue,
                terms,
                lotWh,
                index,
                length
            );
        }
    }

    /// @param side 0 bought, 1 sold
    /// @param value money of the fill in one slot
    function _addFill(
        SlotPosition memory position,
        uint256 side,
        uint256 lots,
        uint256 value,
        PackedTerms terms,
        uint256 lotWh,
        uint256 index,
        uint256 length
    ) private pure {
        unchecked {
            if (lots == 0) return;
            if (side != 0) {
                position.soldWh += lots * lotWh;
                position.proceeds += value;
                return;
            }
            position.boughtWh += lots * lotWh;
            position.cost += value;
            position.networkFee += networkFee(lots, terms, lotWh);
            // The fee on all fills of the order, rounded down once, shared out by a cursor: the parts
            // add up to it exactly and none exceeds the fee locked for its slot.
            uint256 fee = value * length * terms.tradingFeeBps() / BPS;
            position.tradingFee += fee * (index + 1) / length - fee * index / length;
        }
    }
}

// SPDX-License-Identifier: MIT
pragma solidity 0.8.34;

import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

import {ISettlementDelivery} from "../interfaces/ISettlementDelivery.sol";
import {DefaultedStretch} from "../types/Settlement.sol";
import {SlotReadiness} from "./SlotReadiness.sol";

/// @notice The one correction of defaulted slots, once the true reading after them is known.
abstract contract StretchCorrections is SlotReadiness {
    using SafeCast for uint256;

    /// @dev A true reading corrects defaulted slots within 30 days.
    uint256 private constant CORRECTION_SLOTS = 2880;

    /// @return imbalance > 0: owed to the operator; < 0: owed by the operator; 0 if the reading came too late, or never
    function _correctionOf(address account, DefaultedStretch memory stretch, Gap memory gap)
        internal
        returns (int256 imbalance)
    {
        if (!gap.known || gap.toSlot > stretch.fromSlot + CORRECTION_SLOTS) {
            emit ISettlementDelivery.CorrectionLapsed(account, stretch.fromSlot, stretch.untilSlot);
            return 0;
        }
        int256 deltaWh = _share(gap, gap.importWh, stretch).toInt256()
            - _share(gap, gap.exportWh, stretch).toInt256()
            - uint256(stretch.assumedImportWh).toInt256();
        imbalance = deltaWh >= 0
            ? _money(uint256(deltaWh), stretch.highestShortPrice).toInt256()
            : -_money(uint256(-deltaWh), stretch.lowestLongPrice).toInt256();
        emit ISettlementDelivery.DefaultCorrected(
            account, stretch.fromSlot, stretch.untilSlot, deltaWh, imbalance
        );
    }

    /// @dev Part of a gap's register difference that falls on the stretch, interpolated as metering does.
    function _share(Gap memory gap, uint256 energyWh, DefaultedStretch memory stretch)
        private
        pure
        returns (uint256)
    {
        uint256 length = gap.toSlot - gap.fromSlot;
        uint256 untilSlot = stretch.untilSlot < gap.toSlot ? stretch.untilSlot : gap.toSlot;
        return energyWh * (untilSlot - gap.fromSlot) / length
            - energyWh * (stretch.fromSlot - gap.fromSlot) / length;
    }
}

// SPDX-License-Identifier: MIT
pragma solidity 0.8.34;

import {ISealedAuction} from "../interfaces/ISealedAuction.sol";
import {CursorRule} from "../libraries/CursorRule.sol";
import {CoupledMarket, CoupledNode} from "../types/CoupledMarket.sol";
import {SealedSession, SealedZoneResult} from "../types/SealedSession.sol";

/// @title Results of sealed sessions
/// @notice Kept in a ring of sessions, tagged by turn and never zeroed. At the ring key of a session:
///
/// ```
/// word 0      tag 25 | traded 7 | price of zone 6, int32 | ... | price of zone 0, int32
/// word 1      zones 4 | net export of zone 6, int36 | ... | net export of zone 0, int36
/// word 8 + z  tag 32 | zero 143 | rationsBuys 1 | fill 40 | total 40
/// ```
/// `traded` has a bit for each zone. The last kind is written only for zones whose orders at the
/// price are filled in part.
abstract contract SealedResults is ISealedAuction {
    /* CONSTANTS */

    uint256 private constant NET_EXPORTS = 1;
    uint256 private constant RATIONING = 8;

    uint256 private constant PRICE_BITS = 32;
    uint256 private constant TRADED = 224;
    uint256 private constant PRICES_TAG = 231;
    uint256 private constant NET_BITS = 36;
    uint256 private constant ZONES = 252;
    uint256 private constant FILL = 40;
    uint256 private constant RATIONS_BUYS = 80;
    uint256 private constant RATIONING_TAG = 224;

    uint256 private constant MASK_36 = (1 << NET_BITS) - 1;
    int256 private constant MAX_NET_EXPORT = int256((1 << (NET_BITS - 1)) - 1);

    /* STORAGE */

    mapping(uint256 key => uint256) private _results;

    /* VIEWS */

    /// @inheritdoc ISealedAuction
    function resultsOf(SealedSession session)
        external
        view
        returns (SealedZoneResult[] memory results)
    {
        (uint256 prices, uint256 netExports) = _resultWords(session);
        results = new SealedZoneResult[](netExports >> ZONES);
        for (uint256 zone; zone < results.length; ++zone) {
            results[zone] = _zoneResult(session, zone, prices, netExports);
        }
    }

    /// @inheritdoc ISealedAuction
    function resultOf(SealedSession session, uint256 zone)
        public
        view
        returns (SealedZoneResult memory)
    {
        (uint256 prices, uint256 netExports) = _resultWords(session);
        uint256 zones = netExports >> ZONES;
        if (zone >= zones) revert UnknownZone(zone, zones - 1);
        return _zoneResult(session, zone, prices, netExports);
    }

    /// @inheritdoc ISealedAuction
    function filledEnergy(
        SealedSession session,
        uint256 zone,
        bool isSell,
        int256 limit,
        uint256 before,
        uint256 energy
    ) external view returns (uint256) {
        SealedZoneResult memory result = resultOf(session, zone);
        if (!result.traded) return 0;
        if (limit != result.price) return (limit < result.price) == isSell ? energy : 0;
        if (result.rationedTotal == 0 || result.rationsBuys == isSell) return energy;
        if (energy > result.rationedTotal || before > result.rationedTotal - energy) {
            revert OutsideRationedOrders(before + energy, result.rationedTotal);
        }
        return CursorRule.share(before, energy, result.rationedFill, result.rationedTotal);
    }

    /* INTERNAL */

    function _isCleared(SealedSession session) internal view returns (bool) {
        return _results[session.ringKey()] >> PRICES_TAG == session.tag();
    }

    /// @dev Store a verified market. Prices are int32 and fills below 2^40 by what they are decoded
    /// from (`PackedCurves`: sums below 2^31 + 100 * 2^31), so nothing is cut off; net exports are
    /// checked.
    function _storeResults(SealedSession session, CoupledMarket memory market) internal {
        uint256 key = session.ringKey();
        uint256 tag = session.tag();
        uint256 prices = tag << PRICES_TAG;
        uint256 netExports = market.zones << ZONES;
        for (uint256 zone; zone < market.zones; ++zone) {
            CoupledNode memory node = market.nodes[zone];
            int256 netExport = node.netExport;
            if (netExport > MAX_NET_EXPORT || netExport < -MAX_NET_EXPORT) {
                revert NetExportTooLarge(zone, netExport, MAX_NET_EXPORT);
            }
            // The casts keep the low bits of a two's complement, which the views sign-extend.
            prices |= uint256(uint32(int32(node.price))) << (PRICE_BITS * zone);
            netExports |= (uint256(netExport) & MASK_36) << (NET_BITS * zone);
            if (node.sold | node.bought != 0) prices |= 1 << (TRADED + zone);
            if (node.rationedTotal != 0) {
                _results[key | (RATIONING + zone)] = (tag << RATIONING_TAG)
                    | (node.rationsBuys ? 1 << RATIONS_BUYS : 0) | (node.rationedFill << FILL)
                    | node.rationedTotal;
            }
        }
        _results[key] = prices;
        _results[key | NET_EXPORTS] = netExports;
    }

    /* PRIVATE */

    function _resultWords(SealedSession session)
        private
        view
        returns (uint256 prices, uint256 netExports)
    {
        uint256 key = session.ringKey();
        prices = _results[key];
        if (prices >> PRICES_TAG != session.tag()) revert NotCleared(session);
        netExports = _results[key | NET_EXPORTS];
    }

    function _zoneResult(
        SealedSession session,
        uint256 zone,
        uint256 prices,
        uint256 netExports
    ) private view returns (SealedZoneResult memory result) {
        result.traded = (prices >> (TRADED + zone)) & 1 != 0;
        result.price = int32(uint32(prices >> (PRICE_BITS * zone)));
        // Shift the field to the top and back down: the second shift is signed.
        result.netExport =
            int256(netExports << (256 - NET_BITS * (zone + 1))) >> (256 - NET_BITS);
        uint256 rationing = _results[session.ringKey() | (RATIONING + zone)];
        if (rationing >> RATIONING_TAG == session.tag()) {
            result.rationsBuys = (rationing >> RATIONS_BUYS) & 1 != 0;
            result.rationedFill = uint40(rationing >> FILL);
            result.rationedTotal = uint40(rationing);
        }
    }
}

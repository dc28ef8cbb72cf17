// SPDX-License-Identifier: MIT
pragma solidity 0.8.34;

import {CurveBounds} from "../libraries/CurveBounds.sol";
import {DefaultCurves} from "../libraries/DefaultCurves.sol";
import {IdList} from "../libraries/IdLists.sol";
import {PiecewiseCurve} from "../libraries/PiecewiseCurves.sol";
import {ResourceWords, ResourceWordsLib} from "../libraries/ResourceWords.sol";
import {
    Nominals,
    SetPointCurveSet,
    SetPointRatings,
    SetPointRules
} from "../libraries/SetPointRules.sol";
import {Metric} from "../types/FeedState.sol";
import {Resource, ResourceClass, ResourceRatings, ResourceState} from "../types/GridResources.sol";
import {FeedStatus} from "../types/Observation.sol";
import {CurveKind, CurvePoint, SetPoint} from "../types/SetPoints.sol";

/// @notice Curves and set-points over thousands of inputs a call, and the layouts of the register.
contract SetPointsHarness {
    /* THOUSANDS A CALL */

    /// @param inputs two words an input: `curve 256`, `x 256`
    function values(uint256[2][] calldata inputs) external pure returns (int256[] memory answers) {
        answers = new int256[](inputs.length);
        for (uint256 i; i < inputs.length; ++i) {
            answers[i] = PiecewiseCurve.wrap(inputs[i][0]).valueAt(int256(inputs[i][1]));
        }
    }

    /// @param inputs two words an input: `apparent 32 | y or Q 64, signed`, `voltage 128, signed | nominal 128`
    /// @return answers three an input: share of the rating, room beside that share, relative voltage
    function parts(uint256[2][] calldata inputs)
        external
        pure
        returns (int256[3][] memory answers)
    {
        answers = new int256[3][](inputs.length);
        for (uint256 i; i < inputs.length; ++i) {
            uint256 apparent = uint32(inputs[i][0] >> 64);
            int256 share = SetPointRules.share(apparent, int64(uint64(inputs[i][0])));
            uint256 room = SetPointRules.roomDown(apparent, share);
            answers[i][0] = share;
            answers[i][1] = apparent == 0 ? -1 : int256(room);
            answers[i][2] = SetPointRules.relative(
                int128(uint128(inputs[i][1] >> 128)), uint128(inputs[i][1])
            );
        }
    }

    /// @param inputs seven words an input: `voltVar`, `voltWatt`, `droop`, `import 32 | export 32 | apparent 32 |
    /// nominal mV 32 | nominal mHz 32`, `voltage`, `frequency`, `voltage at 40 | frequency at 40 | voltage status 8 |
    /// frequency status 8`, all low
    /// @return answers three words a set-point: `lowest 128 | highest 128`, `droop 128 | reactive 128`,
    /// `basedOn 40 | status 8`, low
    function setpoints(uint256[7][] calldata inputs)
        external
        pure
        returns (uint256[3][] memory answers)
    {
        answers = new uint256[3][](inputs.length);
        for (uint256 i; i < inputs.length; ++i) {
            SetPoint memory answer = _setpoint(inputs[i]);
            answers[i][0] = _pair(answer.lowestW, answer.highestW);
            answers[i][1] = _pair(answer.droopW, answer.reactiveVar);
            answers[i][2] = (uint256(answer.basedOn) << 8) | uint256(answer.status);
        }
    }

    /* ONE A CALL */

    function packed(CurveKind kind, CurvePoint[] calldata points) external pure returns (uint256) {
        return PiecewiseCurve.unwrap(CurveBounds.packed(kind, points));
    }

    function unpacked(uint256 curve) external pure returns (CurvePoint[] memory) {
        return PiecewiseCurve.wrap(curve).unpack();
    }

    function defaultCurve(CurveKind kind, ResourceClass resourceClass, uint256 nominalMilliHz)
        external
        pure
        returns (uint256)
    {
        return PiecewiseCurve.unwrap(DefaultCurves.forClass(kind, resourceClass, nominalMilliHz));
    }

    function packResource(
        address owner,
        uint256 meterId,
        uint16 zone,
        ResourceClass kind,
        ResourceState state,
        bool hasAsset,
        ResourceRatings calldata ratings,
        uint40 changedAt
    ) external pure returns (uint256 identity, uint256 rated) {
        identity = ResourceWordsLib.packIdentity(
            owner, meterId, zone, kind, ResourceState.UNKNOWN, hasAsset
        );
        identity = ResourceWordsLib.identityIn(identity, state);
        rated = ResourceWordsLib.packRatings(ratings, changedAt);
    }

    function unpackResource(uint256 identity, uint256 rated)
        external
        pure
        returns (Resource memory, bool hasAsset)
    {
        ResourceWords memory words = ResourceWords(identity, rated);
        return (words.unpack(0, false), words.hasAsset());
    }

    function listAdd(uint256 list, uint32 id) external pure returns (uint256) {
        IdList ids = IdList.wrap(list);
        return IdList.unwrap(ids.withAdded(id, ids.length()));
    }

    function listRemove(uint256 list, uint32 id) external pure returns (uint256) {
        return IdList.unwrap(IdList.wrap(list).without(id));
    }

    function _setpoint(uint256[7] calldata input) private pure returns (SetPoint memory) {
        uint256 rated = input[3];
        uint256 feeds = input[6];
        return SetPointRules.setpoint(
            SetPointRatings(uint32(rated >> 128), uint32(rated >> 96), uint32(rated >> 64)),
            SetPointCurveSet(
                PiecewiseCurve.wrap(input[0]),
                PiecewiseCurve.wrap(input[1]),
                PiecewiseCurve.wrap(input[2])
            ),
            Nominals(uint32(rated >> 32), uint32(rated)),
            Metric(int256(input[4]), uint40(feeds >> 56), FeedStatus(uint8(feeds >> 8))),
            Metric(int256(input[5]), uint40(feeds >> 16), FeedStatus(uint8(feeds)))
        );
    }

    function _pair(int256 high, int256 low) private pure returns (uint256) {
        return (uint256(high) << 128) | uint128(uint256(low));
    }
}
